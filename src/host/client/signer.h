/* Whoever holds a key: one question, wherever the key is.
 *
 *   keys in memory (keys.h, from a mnemonic or a keystore) ─┐
 *   an external signer's URL (eth_signTransaction)         ─┴─> struct signer */
#ifndef CLIENT_SIGNER_H
#define CLIENT_SIGNER_H

#include "client/keys.h"

#include <stdatomic.h>

struct signer {
    void *self; /* outlives the signer */
    address who;
    /* Fills y_parity, r, s and hash of a transaction whose other fields are final and whose `from`
     * is `who`. ST_MISSING: no such key.  ST_INVALID: refused.  ST_AGAIN, ST_IO: not reached. */
    enum status (*sign_tx)(void *self, struct tx *tx, struct arena tmp, struct err *err);
    /* Signs 32 bytes as they are with the key of `who`, from any thread. NULL: whoever has the key
     * signs nothing but transactions. ST_MISSING as above. */
    enum status (*sign_hash)(void *self, address who, hash32 hash, struct signature *out,
                             struct err *err);
};

struct signer signer_of_keys(const struct keys *keys, address who);

/* An external signer: web3signer, clef, or any node with unlocked accounts. It is not believed:
 * what comes back must be the same transaction, signed by `who`. It signs no bare hashes: nobody
 * can see what they stand for. */
struct remote_signer;
enum status remote_signer_new(const char *url, address who, u64 timeout_ms,
                              const atomic_bool *cancel, struct remote_signer **out,
                              struct err *err);
/* NULL is fine. */
void remote_signer_free(struct remote_signer *remote);
struct signer signer_of_remote(struct remote_signer *remote);

#endif

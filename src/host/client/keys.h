/* Keys: made from a mnemonic, kept, used to sign, wiped.
 *
 * Source: BIP-39 (mnemonic to seed), BIP-32 (derivation), BIP-44 (m/44'/60'/0'/0/i), EIP-191
 * (messages), EIP-155 (legacy signatures). */
#ifndef CLIENT_KEYS_H
#define CLIENT_KEYS_H

#include "types/tx.h"

/* The mnemonic that every Ethereum test tool knows. Its keys are public: they guard nothing. */
extern const char KEYS_TEST_MNEMONIC[];

typedef struct {
    u8 b[32];
} secret32;

/* A fixed set of keys with an address each. Safe to use from any thread. */
struct keys;

/* The first `count` accounts of the mnemonic, in the order of their index. The words are taken as
 * they are: whether their checksum holds is for whoever let them be typed.
 * ST_IO: the cryptographic library refused. */
enum status keys_from_mnemonic(const char *mnemonic, u32 count, struct keys **out, struct err *err);

/* The keys themselves; the caller wipes its own copy. ST_INVALID: one of them is no key (zero, or
 * not below the group's order). */
enum status keys_from_secrets(const secret32 *secrets, usize count, struct keys **out,
                              struct err *err);

/* Wipes and frees. NULL is fine. */
void keys_free(struct keys *keys);

usize keys_count(const struct keys *keys);
address keys_address(const struct keys *keys, usize index);
/* To be shown to a developer, and wiped by the caller. */
secret32 keys_secret(const struct keys *keys, usize index);

struct signature {
    u256 r, s; /* s in the lower half of the order (EIP-2) */
    u8 y_parity;
};

/* ST_MISSING: no key for this address. */
enum status keys_sign_hash(const struct keys *keys, address who, hash32 hash,
                           struct signature *out);

/* Signs for tx->from: fills y_parity, r, s and the hash. ST_MISSING: no key for this address. */
enum status keys_sign_tx(const struct keys *keys, struct tx *tx, struct arena tmp);

/* What personal_sign signs: keccak("\x19Ethereum Signed Message:\n" size message). EIP-191. */
hash32 keys_message_hash(bytes message);

#endif

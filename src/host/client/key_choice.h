/* The key that a person names in one word:
 *
 *   0x and 64 digits   the secret itself; other programs of this machine may see it in the command
 *   test:N             key N of the test mnemonic, which everybody has
 *   http://…           an external signer, of whose accounts `from` names one
 *   anything else      a keystore file; its password is in VARVE_PASSWORD, or asked for on the
 *                      terminal, which does not show it */
#ifndef CLIENT_KEY_CHOICE_H
#define CLIENT_KEY_CHOICE_H

#include "client/signer.h"
#include "sys/files.h"

struct key_choice {
    struct signer signer;
    struct keys *keys;            /* NULL: the key is elsewhere */
    struct remote_signer *remote; /* NULL: it is here */
};

/* `from`: an address that the key must have; "": whichever it has, which a signer elsewhere cannot
 * be without. ST_INVALID: no such form, a wrong password, another address.  ST_MISSING: no key, no
 * such file. */
enum status key_choose(const char *key, const char *from, const struct files *files,
                       struct key_choice *out, struct err *err);
/* Wipes what is here. Fine on zeros. */
void key_choice_end(struct key_choice *choice);

#endif

/* The keys of a channel daemon, all from one secret: the key of the account that pays for gas and
 * is paid at a channel's end. Whoever restores the account has all of them again.
 *
 *     node key     "node"           the daemon's name among its peers
 *     channel key  "channel" ‖ i    signs for channel i; its address is one of the channel's owners
 *     note key     "note"           seals what a watchtower keeps for us alone (tower_note.h)
 *     salt         "salt" ‖ i       hides channel i's terms until a dispute
 *     offer key    "offer"          of it come the secrets of offers (offers.c)
 *
 * Each is HMAC-SHA-256 of the words before it under HMAC-SHA-256("varve channels") of the account's
 * secret. Keys are wiped when the ring is freed. */
#ifndef CHANNEL_KEYRING_H
#define CHANNEL_KEYRING_H

#include "channel/channel.h"

struct keyring;

struct keyring *keyring_new(const secret32 *account);
/* NULL is fine. */
void keyring_free(struct keyring *ring);

const secret32 *keyring_node_secret(const struct keyring *ring);
point33 keyring_node(const struct keyring *ring);
address keyring_account(const struct keyring *ring);

/* Indexes are below KEYRING_LIMIT. */
enum { KEYRING_LIMIT = 1 << 20 };
/* For the signer, which alone asks for it and wipes it (signer.h). */
secret32 keyring_channel_secret(const struct keyring *ring, u32 index);
/* To be wiped. */
secret32 keyring_note_key(const struct keyring *ring);
hash32 keyring_salt(const struct keyring *ring, u32 index);
/* HMAC of `use` and what it is of, under the offer key. To be wiped. */
secret32 keyring_offer_secret(const struct keyring *ring, const char *use, bytes of);

#endif

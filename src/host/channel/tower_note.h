/* What a watchtower keeps of a channel for its owner alone: all that cannot be made from the
 * account's key and that a channel is restored with. It stands after the blob, is sealed with a key
 * that only the owner has, and is as long for all.
 *
 *     note  = nonce (24) ‖ XChaCha20-Poly1305(key, nonce, data: hint, plain) ‖ tag (16)
 *     plain = version (u8) ‖ salt ‖ key's index (u32) ‖ side (u8) ‖ peer's node ‖ port (u16) ‖
 *             host, 64 bytes with zeros after it ‖ 0…
 */
#ifndef CHANNEL_TOWER_NOTE_H
#define CHANNEL_TOWER_NOTE_H

#include "channel/tower_blob.h"

struct tower_note {
    hash32 salt;
    u32 key; /* of the keyring */
    u32 side;
    point33 node; /* the peer's */
    u16 port;
    char host[64]; /* "": it calls us */
};

/* `owner`: its node's key, by which the tower knows it. */
void tower_note_seal(const secret32 *key, const point33 *owner, const struct tower_note *note,
                     u8 out[static TOWER_NOTE_SIZE]);

/* ST_INVALID: not sealed with this key for this hint, or not as tower_note_seal writes it. */
enum status tower_note_open(const secret32 *key, const point33 *owner, hint16 hint, bytes sealed,
                            struct tower_note *out, struct err *err);

#endif

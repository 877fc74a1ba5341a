/* What a watchtower keeps of a channel: enough to answer a dispute, and nothing that it can read.
 *
 *     hint = first 16 bytes of sha256("hint" ‖ salt ‖ client)     key = sha256("key" ‖ salt)
 *     blob = nonce (24) ‖ XChaCha20-Poly1305(key, nonce, data: hint, plain) ‖ tag (16)
 *     plain = version (u8) ‖ terms but their salt ‖ side (u8), claim ‖ base, two signatures ‖
 *             a's half ‖ b's half ‖ count of stakes (u8) ‖ stakes ‖ 0…
 *     claim = the side's owner's signature under keccak256("varve tower claim" ‖ channel's id ‖
 *             client)
 *     stake = side, kind (u8 each) ‖ slot (u16) ‖ expiry (u64) ‖ amount (u128) ‖ id of its app
 *
 * The salt becomes public when a dispute is opened, and is the same whatever state it is opened
 * with: then the tower finds the blob by its hint and reads it. Until then it sees a name and 2,048
 * bytes that change. Each blob takes the place of the one before. With the ids of apps that locks
 * in the channel depend on it opens their blobs too (tower_app.h).
 *
 * The peer has the salt too, and may be as many clients as it likes. So the client, which is its
 * node's key, is in the hint: what others put stands elsewhere. And it is in the claim, so the
 * tower looks at one blob for each side, which nobody but the side's owner can have made. (Two
 * clients with one channel have hints that have nothing in common.)
 *
 * Integers are big-endian, each of its type's size; the epoch and side of a half are the base's
 * and its place's. Zeros fill the plain text up, so that all blobs are alike; nothing else may
 * stand there. */
#ifndef CHANNEL_TOWER_BLOB_H
#define CHANNEL_TOWER_BLOB_H

#include "channel/adjudicator.h"
#include "channel/wire.h"

enum {
    TOWER_BLOB_SIZE = 2048,
    TOWER_NOTE_SIZE = 256, /* stands after the blob (tower_note.h) */
    TOWER_PUT_SIZE = TOWER_BLOB_SIZE + TOWER_NOTE_SIZE,
    /* Apps' states may be larger: */
    TOWER_PUT_LARGER = 8192,
    TOWER_PUT_MOST = 32768,
    TOWER_STAKES = 16,
};

/* A lock in the channel that an app decides. */
struct tower_stake {
    u8 side, kind; /* an enum lock_kind */
    u16 slot;
    u64 expiry_s;
    u128 amount;
    hash32 app;
};

/* As many as there is room for. */
struct tower_stakes {
    u8 count;
    struct tower_stake of[TOWER_STAKES];
};

struct tower_blob {
    struct channel_terms terms;
    u8 side; /* the client's */
    signature64 claim;
    struct adjudicator_states states;
    struct tower_stakes stakes;
};

hint16 tower_hint(hash32 salt, const point33 *client);
/* The name of anything that is found by a word and a hash alone. */
hint16 tower_hint_of(bytes word, hash32 hash, const point33 *client);

/* What a channel's owner signs for the client that may keep its states. */
hash32 tower_claim_digest(hash32 channel_id, const point33 *client);

void tower_blob_seal(const point33 *client, const struct tower_blob *blob,
                     u8 out[static TOWER_BLOB_SIZE]);

/* ST_INVALID: not sealed for this salt and client, or not as tower_blob_seal writes it. Whose
 * signatures they are is for the contract to judge, but for the claim. */
enum status tower_blob_open(hash32 salt, const point33 *client, bytes sealed,
                            struct tower_blob *out, struct err *err);
/* Whether an owner of the channel of this id has made it for this client. */
bool tower_blob_is_owned(hash32 channel_id, const point33 *client, const struct tower_blob *blob);

/* The least of the three sizes that has room for so much; 0: none has. */
usize tower_put_size(usize least);

/* What a tower signs for a blob that it keeps: keccak256("varve tower receipt" ‖ hint ‖ sequence
 * ‖ keccak256(blob)). */
hash32 tower_receipt_digest(hint16 hint, u64 sequence, bytes blob);

#endif

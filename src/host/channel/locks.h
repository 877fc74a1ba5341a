/* The locks of one side of a channel: payments of its that a secret or an app decides, in numbered
 * slots.
 *
 *   lock   = amount << 128 | kind (8 bits) << 40 | expiry (40 bits), key      two words
 *   chunk  = the locks of slots 32 i … 32 i + 31, free ones zero
 *   root   = H(number of chunks ‖ top of the binary tree over keccak(chunk))
 *
 * The last chunk ends with the last slot in use, and there are no chunks after it: the same locks
 * in the same slots have one root. Nothing locked has root zero. The adjudicator checks a chunk and
 * its path against the root (contracts/channel/Tree.sol), so a slot's number is part of what is
 * signed.
 *
 * A payer takes the lowest free slot, so that few chunks change between two roots; what is hashed
 * for a root is the chunks that changed and their paths. */
#ifndef CHANNEL_LOCKS_H
#define CHANNEL_LOCKS_H

#include "base/arena.h"
#include "base/bytes.h"

enum {
    LOCK_SIZE = 64,
    LOCKS_PER_CHUNK = 32,
    LOCKS_MOST_CHUNKS = 256,
    LOCKS_MOST = LOCKS_PER_CHUNK * LOCKS_MOST_CHUNKS,
};

/* What decides. Those of an app are what its first or its second has at stake (app.h). */
enum lock_kind { LOCK_OF_SECRET, LOCK_OF_FIRST, LOCK_OF_SECOND, LOCK_KINDS };

struct lock {
    u128 amount; /* 0: the slot is free */
    u64 expiry_s;
    hash32 key; /* sha256 of the preimage; of an app its id */
    enum lock_kind kind;
};

struct locks; /* memory grows with the highest slot ever used */

struct locks *locks_new(void);
/* NULL is fine. */
void locks_free(struct locks *locks);

/* A free slot reads as zeros. `slot` is below LOCKS_MOST, here and below. */
struct lock locks_get(const struct locks *locks, u32 slot);
/* Puts a lock into a slot, or with amount zero frees it. The sum of all must fit u128: the caller
 * has checked that there is so much money. */
void locks_set(struct locks *locks, u32 slot, const struct lock *lock);

/* The lowest free slot; LOCKS_MOST where there is none. */
u32 locks_free_slot(const struct locks *locks);

/* Whether a lock has the key, which is not zero. It looks at all. */
bool locks_have(const struct locks *locks, hash32 key);

u128 locks_total(const struct locks *locks);
usize locks_count(const struct locks *locks); /* slots in use */
u32 locks_end(const struct locks *locks);     /* above the last slot in use; 0: none is */
hash32 locks_root(struct locks *locks);

/* What the adjudicator wants to see of a chunk. */
struct lock_chunk {
    u32 index, count;   /* this one, of so many */
    bytes locks;        /* as they are hashed */
    const hash32 *path; /* siblings, from the leaf up */
    usize path_size;
};
/* In `arena`. `index` is below the number of chunks. */
struct lock_chunk locks_chunk(struct locks *locks, u32 index, struct arena *arena);

#endif

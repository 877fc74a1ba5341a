/* Secrets that registries are asked for: those that were shown before we followed them.
 *
 * A registry is followed from a daemon's first channel on its chain, or from where it was restored.
 * What it was shown before may be of locks that are there now: of a restore, or made by who knows
 * that nobody here has seen the secret. So a margin before the time of a lock of ours is over, and
 * when a lock of before a restore is found, the registry is asked. What it has is
 * told as if it were new (forward_reveal); what it is shown later, is new.
 *
 * Of batches those count that are not older than a lock can be. An answer holds until the end of
 * the run, or until there are too many. */
#include "channel/daemon_chains.h"
#include "channel/daemon_locks.h"

#include <assert.h>
#include <stdlib.h>

enum { SOUGHT_MOST = 1 << 16 };

struct sought {
    hash32 key;
    u64 until_s; /* of the earliest of its locks */
    u32 waits;   /* answers that are to come */
};

void sought_free(struct chain_of *chain)
{
    for (usize i = 0; i < chain->sought.room; i++)
        free(chain->sought.places[i].thing);
    by_hash_free(&chain->sought);
}

/* Keeps those that wait for an answer: of these there are no more than locks. */
static void forget_answered(struct chain_of *chain)
{
    struct by_hash old = chain->sought;
    chain->sought = (struct by_hash){0};
    for (usize i = 0; i < old.room; i++) {
        struct sought *sought = old.places[i].thing;
        if (sought == NULL)
            continue;
        if (sought->waits != 0)
            by_hash_put(&chain->sought, sought->key, sought);
        else
            free(sought);
    }
    by_hash_free(&old);
}

static struct sought *add(struct chain_of *chain, hash32 key)
{
    if (chain->sought.count >= SOUGHT_MOST)
        forget_answered(chain);
    struct sought *sought = calloc(1, sizeof(*sought));
    assert(sought != NULL);
    *sought = (struct sought){.key = key, .until_s = UINT64_MAX};
    by_hash_put(&chain->sought, key, sought);
    return sought;
}

/* One that counted for a lock which ends later may be too late for this one, for which an earlier
 * batch counts. */
bool sought_all(struct chain_of *chain, const struct lock *lock)
{
    struct sought *sought = by_hash_get(&chain->sought, lock->key);
    if (sought == NULL)
        sought = add(chain, lock->key);
    if (lock->expiry_s >= sought->until_s)
        return sought->waits == 0;
    u64 since_s = lock->expiry_s - min_u64(lock->expiry_s, LONGEST_LOCK_S);
    sought->until_s = lock->expiry_s;
    sought->waits++;
    onchain_ask_secret(chain->chain, lock->key, since_s, lock->expiry_s);
    return false;
}

void sought_answered(struct chain_of *chain, hash32 key)
{
    struct sought *sought = by_hash_get(&chain->sought, key);
    if (sought != NULL && sought->waits != 0)
        sought->waits--;
}

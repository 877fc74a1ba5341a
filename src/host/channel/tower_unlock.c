/* What a watchtower pays out after a dispute: locks that apps decide, as the court said.
 *
 * A chunk of locks is paid out at once, and has to be shown whole. A blob has the locks of apps
 * alone, so the tower knows a side's locks where there are no others and all of them fit; its root
 * says whether that is so. Else, and where a secret decides, they wait for the client: what the
 * court has decided stands. */
#include "channel/tower_internal.h"

/* NULL: these are not all that won. */
static struct locks *locks_of(const struct dispute *dispute, const struct tower_stakes *stakes,
                              u32 side)
{
    struct locks *locks = locks_new();
    for (usize i = 0; i < stakes->count; i++) {
        const struct tower_stake *stake = &stakes->of[i];
        struct lock lock = {.amount = stake->amount,
                            .expiry_s = stake->expiry_s,
                            .key = stake->app,
                            .kind = (enum lock_kind)stake->kind};
        if (stake->side == side)
            locks_set(locks, stake->slot, &lock);
    }
    if (hash32_equal(locks_root(locks), dispute->view.pots.root[side]))
        return locks;
    locks_free(locks);
    return NULL;
}

/* By whichever of the clients' blobs has them; NULL: there are none, or none has. */
static struct locks *find_locks(const struct dispute *dispute, u32 side)
{
    struct tower_blob blob;
    struct locks *locks = NULL;
    if (hash32_is_zero(dispute->view.pots.root[side]))
        return NULL;
    for (u32 client = 0; client < 2 && locks == NULL; client++)
        if (tower_open_blob(dispute, client, &blob))
            locks = locks_of(dispute, &blob.stakes, side);
    return locks;
}

/* By the court, or back to the payer since nobody can decide it any more. */
static bool is_decided(const struct dispute *dispute, const struct lock *lock)
{
    u64 over_s = max_u64(lock->expiry_s, dispute->view.phase_time_s) + dispute->terms.challenge_s;
    return lock->amount == 0 || dispute->chain->time_s > over_s ||
           tower_court_decided(dispute->chain, lock->key, lock->expiry_s);
}

static bool all_decided(const struct dispute *dispute, const struct locks *locks, u32 chunk)
{
    u32 first = chunk * LOCKS_PER_CHUNK;
    for (u32 i = 0; i < LOCKS_PER_CHUNK && first + i < locks_end(locks); i++) {
        struct lock lock = locks_get(locks, first + i);
        if (!is_decided(dispute, &lock))
            return false;
    }
    return true;
}

static bytes unlock_next(const struct dispute *dispute, u32 side, struct locks *locks,
                         struct arena *arena)
{
    const struct adjudicator_pots *pots = &dispute->view.pots;
    u32 chunks = (locks_end(locks) + LOCKS_PER_CHUNK - 1) / LOCKS_PER_CHUNK;
    for (u32 i = 0; i < chunks; i++) {
        bool is_done = (pots->done[side].w[i / 64] >> i % 64 & 1) != 0;
        if (is_done || !all_decided(dispute, locks, i))
            continue;
        struct lock_chunk chunk = locks_chunk(locks, i, arena);
        return adjudicator_unlock(&dispute->terms, pots, side, &chunk, NULL, 0, arena);
    }
    return BYTES_EMPTY;
}

bool tower_may_unlock(const struct dispute *dispute)
{
    bool may = false;
    for (u32 side = 0; side < 2 && !may; side++) {
        struct locks *locks = find_locks(dispute, side);
        may = locks != NULL;
        locks_free(locks);
    }
    return may;
}

bytes tower_unlock(const struct dispute *dispute, struct arena *arena)
{
    bytes call = BYTES_EMPTY;
    for (u32 side = 0; side < 2 && call.size == 0; side++) {
        struct locks *locks = find_locks(dispute, side);
        if (locks != NULL)
            call = unlock_next(dispute, side, locks, arena);
        locks_free(locks);
    }
    return call;
}

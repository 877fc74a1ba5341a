/* After a dispute that left locks: a chunk of them is paid out when all of its locks are decided.
 *
 *     registry ─> reveals of keys that matter ─> shown, in the journal
 *     pots     ─> two roots ─> the locks under them: the channel's, or an older half's out of the
 *                              journal
 *     all of a chunk's locks shown in time, or their time over ─> unlock
 *
 * One after the other, since each unlock changes the pots that the next one names. */
#include "channel/bygone.h"
#include "channel/daemon_chains.h"
#include "channel/daemon_locks.h"
#include "channel/daemon_records.h"

#include "sys/log.h"

#include <assert.h>
#include <stdlib.h>

/* --- What the registry has. */

static struct shown **bucket_of(struct chain_of *chain, hash32 key)
{
    return &chain->shown[key.b[0] % SHOWN_BUCKETS];
}

static bool same_place(const struct shown_terms *a, const struct shown_terms *b)
{
    return hash32_equal(a->secret, b->secret) && a->count == b->count && a->index == b->index &&
           memcmp(a->path, b->path, sizeof(a->path)) == 0;
}

/* Told again, with another time after a reorg, it replaces what was there. */
void shown_add(struct chain_of *chain, const struct shown_terms *terms)
{
    hash32 key = registry_key(terms->secret);
    struct shown *at = *bucket_of(chain, key);
    while (at != NULL && !same_place(&at->terms, terms))
        at = at->next;
    if (at == NULL) {
        at = calloc(1, sizeof(*at));
        assert(at != NULL);
        at->key = key;
        at->next = *bucket_of(chain, key);
        *bucket_of(chain, key) = at;
    }
    at->terms = *terms;
}

void shown_note(struct chain_of *chain, const struct onchain_reveal *reveal)
{
    u8 room[1024];
    struct arena arena = arena_over(room, sizeof(room));
    struct shown_terms terms = {.secret = reveal->secret, .time_s = reveal->time_s};
    if (!hash32_equal(registry_key(reveal->secret), reveal->key))
        return; /* a scalar: no lock of ours has such a key */
    if (reveal->batch != NULL) {
        const hash32 *path;
        terms.count = reveal->batch_count;
        terms.index = reveal->batch_index;
        terms.path_size = registry_batch_path(reveal->batch, reveal->batch_count,
                                              reveal->batch_index, &path, &arena);
        assert(terms.path_size <= countof(terms.path));
        bytes_copy(terms.path, (bytes){(const u8 *)path, terms.path_size * sizeof(hash32)});
    }
    for (const struct shown *at = *bucket_of(chain, reveal->key); at != NULL; at = at->next)
        if (same_place(&at->terms, &terms) && at->terms.time_s == terms.time_s)
            return; /* told again */
    shown_add(chain, &terms);
    record_shown(chain, &terms);
    daemon_touch(chain->daemon);
}

const struct shown *shown_find(const struct chain_of *chain, hash32 key, u64 expiry_s)
{
    const struct shown *found = NULL;
    for (const struct shown *at = chain->shown[key.b[0] % SHOWN_BUCKETS]; at != NULL; at = at->next)
        if (hash32_equal(at->key, key) && at->terms.time_s <= expiry_s &&
            (found == NULL || at->terms.count == 0))
            found = at;
    return found;
}

void shown_free(struct chain_of *chain)
{
    for (usize i = 0; i < SHOWN_BUCKETS; i++)
        while (chain->shown[i] != NULL) {
            struct shown *next = chain->shown[i]->next;
            free(chain->shown[i]);
            chain->shown[i] = next;
        }
}

/* --- The locks that won. */

static struct locks *copy_of(const struct locks *from)
{
    struct locks *locks = locks_new();
    for (u32 slot = 0; slot < locks_end(from); slot++) {
        struct lock lock = locks_get(from, slot);
        if (lock.amount != 0)
            locks_set(locks, slot, &lock);
    }
    return locks;
}

/* One side's locks, from update to update. */
struct rebuilding {
    u32 index;
    enum record kind;
    hash32 root;
    struct locks *locks;
};

static bool apply(struct locks *locks, bytes items)
{
    bool changed = false;
    for (struct item item; items.size != 0 && item_read(&items, &item) == ST_OK;) {
        struct lock lock = locks_get(locks, item.slot);
        if (!item_change(&item, &lock))
            continue;
        locks_set(locks, item.slot, &lock);
        changed = true;
    }
    return changed;
}

/* ST_FULL: the locks have the root, so that is enough. */
static enum status rebuild(void *self, u8 kind, bytes payload, struct err *err)
{
    struct rebuilding *at = self;
    struct wire_message message;
    u32 index;
    if (kind != at->kind || payload.size < sizeof(index))
        return ST_OK;
    bytes_copy(&index, bytes_slice(payload, 0, sizeof(index)));
    if (index != at->index ||
        wire_decode(bytes_slice(payload, sizeof(index), payload.size), &message, err) != ST_OK ||
        message.type != WIRE_UPDATE)
        return ST_OK;
    bool changed = apply(at->locks, message.update.items);
    return changed && hash32_equal(locks_root(at->locks), at->root) ? ST_FULL : ST_OK;
}

/* Any half that was ever signed is on the shelf, or in the journal since that was written anew.
 * Both are read only where the newest did not win. */
static struct locks *find_locks(struct entry *entry, u32 side, hash32 root)
{
    struct err err;
    struct locks *locks = copy_of(channel_locks(entry->channel, side));
    if (hash32_equal(locks_root(locks), root))
        return locks;
    locks_free(locks);
    struct rebuilding at = {
        .index = entry->index,
        .kind = side == channel_side(entry->channel) ? RECORD_SENT : RECORD_RECEIVED,
        .root = root,
        .locks = locks_new(),
    };
    enum status st = bygone_find(entry->daemon->shelf, entry->index, side, root, at.locks, &err);
    if (st == ST_OK)
        return at.locks;
    if (st == ST_MISSING)
        st = wal_walk(entry->daemon->wal, &at, rebuild, &err);
    if (st == ST_FULL)
        return at.locks;
    locks_free(at.locks);
    if (st == ST_AGAIN)
        entry->sought[side] = (hash32){{0}};
    else
        log_error("channel", "locks that a dispute has left are not known",
                  LOG_HEX("channel", channel_name(entry->channel)->id),
                  LOG_TEXT("why", st == ST_OK ? "they are in no half that is kept" : err.text));
    return NULL;
}

/* NULL: there are none, or they are not known. A reorg may have changed which ones won. */
static struct locks *won_locks(struct entry *entry, u32 side)
{
    hash32 root = entry->view.pots.root[side];
    if (!hash32_equal(entry->sought[side], root)) {
        locks_free(entry->won[side]);
        entry->sought[side] = root;
        entry->won[side] = hash32_is_zero(root) ? NULL : find_locks(entry, side, root);
        holders_add_all(entry);
    }
    return entry->won[side];
}

void unlock_free(struct entry *entry)
{
    for (u32 side = 0; side < 2; side++)
        locks_free(entry->won[side]);
}

/* --- Chunks. */

static bool is_done(const struct adjudicator_pots *pots, u32 side, u32 index)
{
    return (pots->done[side].w[index / 64] >> index % 64 & 1) != 0;
}

/* Back to the payer: nobody can show a secret any more. */
static bool is_over(const struct entry *entry, const struct lock *lock)
{
    u64 from_s = max_u64(lock->expiry_s, entry->view.phase_time_s);
    return entry->chain->time_s > from_s + channel_terms(entry->channel)->challenge_s;
}

/* Free slots are decided when locks without a secret are, by the settlement's time. Proofs are of
 * those that are in batches only; `proofs` has room for each lock of a chunk. False: not
 * all are decided. */
static bool decide(const struct entry *entry, const struct locks *locks, u32 index,
                   struct adjudicator_proof *proofs, usize *count)
{
    *count = 0;
    u32 first = index * LOCKS_PER_CHUNK;
    for (u32 i = 0; i < LOCKS_PER_CHUNK && first + i < locks_end(locks); i++) {
        struct lock lock = locks_get(locks, first + i);
        if (lock.kind != LOCK_OF_SECRET) {
            if (!apps_is_decided(entry->daemon, &lock) && !is_over(entry, &lock))
                return false;
            continue;
        }
        const struct shown *shown = shown_find(entry->chain, lock.key, lock.expiry_s);
        if (shown == NULL && !is_over(entry, &lock))
            return false;
        if (shown == NULL || shown->terms.count == 0)
            continue;
        proofs[(*count)++] = (struct adjudicator_proof){
            .lock = i,
            .preimage = shown->terms.secret,
            .index = (u32)shown->terms.index,
            .count = (u32)shown->terms.count,
            .path = shown->terms.path,
            .path_size = (usize)shown->terms.path_size,
        };
    }
    return true;
}

static bool unlock_next(struct entry *entry, u32 side, struct locks *locks)
{
    u8 room[1 << 17]; /* a chunk and its proofs, several times over */
    struct adjudicator_proof proofs[LOCKS_PER_CHUNK];
    usize count;
    u32 chunks = (locks_end(locks) + LOCKS_PER_CHUNK - 1) / LOCKS_PER_CHUNK;
    for (u32 i = 0; i < chunks; i++) {
        if (is_done(&entry->view.pots, side, i) || !decide(entry, locks, i, proofs, &count))
            continue;
        struct arena arena = arena_over(room, sizeof(room));
        struct lock_chunk chunk = locks_chunk(locks, i, &arena);
        errand_call(entry, ERRAND_UNLOCK,
                    adjudicator_unlock(channel_terms(entry->channel), &entry->view.pots, side,
                                       &chunk, proofs, count, &arena));
        return true;
    }
    return false;
}

/* R16: a secret that is in a batch alone has to be shown with the chunk, whose other locks may keep
 * that waiting until they are over; then the payer may come first, and show nothing. So in the
 * second half of that time it is recorded, which names no pots and cannot be outrun. */
static void record_late(struct entry *entry, const struct locks *locks)
{
    u32 side = 1 - channel_side(entry->channel);
    u64 patience_s = channel_terms(entry->channel)->challenge_s / 2;
    for (u32 slot = 0; slot < locks_end(locks); slot++) {
        struct lock lock = locks_get(locks, slot);
        u64 from_s = max_u64(lock.expiry_s, entry->view.phase_time_s);
        if (lock.amount == 0 || is_over(entry, &lock) ||
            entry->chain->time_s <= from_s + patience_s ||
            is_done(&entry->view.pots, side, slot / LOCKS_PER_CHUNK))
            continue;
        const struct shown *shown = shown_find(entry->chain, lock.key, lock.expiry_s);
        struct sender_stake stake =
            errand_stake_of_lock(entry, &lock, from_s + patience_s, from_s + 2 * patience_s);
        if (shown != NULL && shown->terms.count != 0)
            errand_record(entry, &shown->terms, &stake);
    }
}

void unlock_step(struct entry *entry)
{
    struct locks *theirs = won_locks(entry, 1 - channel_side(entry->channel));
    if (theirs != NULL)
        record_late(entry, theirs);
    for (u32 side = 0; side < 2; side++) {
        struct locks *locks = won_locks(entry, side);
        if (locks != NULL && unlock_next(entry, side, locks))
            return;
    }
}

/* Locks of before a restore: what pays for what, when the journal that knew it is gone.
 *
 *     RECOVER ──> locks that the copy does not know ──> joined to each other, where one fits one
 *     a secret, from a peer or a registry ──> all locks of peers' with its key are claimed
 *
 * A lock of a peer's of before a restore is held: it ends by its secret or by its time (R13), as it
 * may have been passed on. So what it is joined to matters less than that no secret is missed: each
 * that comes out claims whatever is held under its key, in whichever channel. A channel may recover
 * days after the others; while there is any, secrets are kept for it, in the journal too, and all
 * that a registry is shown counts, back to where the copy ends.
 *
 * Who recovers has heard secrets, and told some, of which neither knows whether the other still
 * does: both tell them again.
 *
 * Joined are a lock of ours and a held one of a peer's that nothing else is joined to, with one
 * key, expiry and asset, the latter not smaller; or over two chains as forward.c passes them on. Of
 * several that fit nobody knows which belong together: they stay alone, and lose nothing by it.
 *
 * Invariant: a mediator that pays a lock of before the restore claims with the same secret what it
 * is held for, as soon as that is known. */
#include "channel/daemon_chains.h"
#include "channel/daemon_locks.h"
#include "channel/daemon_records.h"

#include <assert.h>
#include <stdlib.h>

enum { KEPT_MOST = 1 << 16 /* secrets of a registry that are kept in a run for what may come */ };

/* --- Secrets that are kept for channels that have not recovered. */

static bool has_lost(const struct daemon *daemon)
{
    for (u32 i = 0; i < daemon->entry_count; i++)
        if (daemon->entries[i]->stage == STAGE_OPEN && channel_is_lost(daemon->entries[i]->channel))
            return true;
    return false;
}

static bool is_restoring(struct daemon *daemon)
{
    daemon->is_restoring = daemon->is_restoring && has_lost(daemon);
    return daemon->is_restoring;
}

void rejoin_free(struct daemon *daemon)
{
    for (usize i = 0; i < daemon->found.room; i++)
        free(daemon->found.places[i].thing);
    by_hash_free(&daemon->found);
}

bool rejoin_found(struct daemon *daemon, hash32 preimage)
{
    hash32 key = registry_key(preimage);
    if (by_hash_get(&daemon->found, key) != NULL)
        return false;
    hash32 *kept = malloc(sizeof(*kept));
    assert(kept != NULL);
    *kept = preimage;
    by_hash_put(&daemon->found, key, kept);
    return true;
}

/* --- Locks. */

static struct lock lock_in(const struct entry *entry, u32 side, u32 slot)
{
    return locks_get(channel_locks(entry->channel, side), slot);
}

static bool has_key(const struct lock *lock, hash32 key)
{
    return lock->amount != 0 && lock->kind == LOCK_OF_SECRET && hash32_equal(lock->key, key);
}

static struct loose_lock loose_in(const struct entry *entry, bool ours, u32 slot, hash32 preimage)
{
    u32 side = channel_side(entry->channel);
    struct lock lock = lock_in(entry, ours ? side : 1 - side, slot);
    return (struct loose_lock){
        .amount = lock.amount, .key = lock.key, .preimage = preimage, .ours = ours, .slot = slot};
}

static void tell_loose(const struct entry *entry, const struct loose_lock *loose)
{
    record_loose(entry, loose);
    chronicle_loose(entry, loose);
}

/* Once it is answered, the lock is gone. */
void rejoin_pay(struct entry *entry, u32 slot, hash32 preimage)
{
    struct loose_lock loose = loose_in(entry, true, slot, preimage);
    if (lock_pay(entry, slot) && entry->daemon->is_restored)
        tell_loose(entry, &loose);
}

/* What else was joined to it learns nothing more of it. The history has one that was told before,
 * and invoices. */
static void claim_slot(struct entry *entry, u32 slot, hash32 preimage)
{
    struct loose_lock loose = loose_in(entry, false, slot, preimage);
    const struct passage *passage = passage_in(entry, slot);
    u128 received = 0;
    bool is_told = passage != NULL && passage->state == PASSAGE_SETTLED;
    is_told |= bill_state(entry->daemon, loose.key, &received) && received != 0;
    if (passage != NULL)
        passage_leave_in(passage_in(entry, slot));
    if (lock_settle(entry, slot, preimage) && !is_told)
        tell_loose(entry, &loose);
}

static void claim(struct entry *entry, hash32 key, hash32 preimage)
{
    u32 peer = 1 - channel_side(entry->channel);
    u32 end = locks_end(channel_locks(entry->channel, peer));
    for (u32 slot = 0; slot < end; slot++) {
        struct lock lock = lock_in(entry, peer, slot);
        if (has_key(&lock, key) && channel_lock_is_held(entry->channel, slot))
            claim_slot(entry, slot, preimage);
    }
}

static void claim_all(struct daemon *daemon, hash32 key, hash32 preimage)
{
    const struct keyed *at = NULL;
    for (struct entry *entry; (entry = holders_next(daemon, key, &at)) != NULL;)
        if (!channel_is_lost(entry->channel))
            claim(entry, key, preimage);
}

void rejoin_secret(struct daemon *daemon, hash32 key, hash32 preimage)
{
    if (!daemon->is_restored)
        return;
    if (is_restoring(daemon) && rejoin_found(daemon, preimage))
        record_found(daemon, &preimage);
    claim_all(daemon, key, preimage);
}

static bool is_held(const struct daemon *daemon, hash32 key)
{
    const struct keyed *at = NULL;
    for (struct entry *entry; (entry = holders_next(daemon, key, &at)) != NULL;) {
        u32 peer = 1 - channel_side(entry->channel);
        for (u32 slot = 0; slot < locks_end(channel_locks(entry->channel, peer)); slot++) {
            struct lock lock = lock_in(entry, peer, slot);
            if (has_key(&lock, key) && channel_lock_is_held(entry->channel, slot))
                return true;
        }
    }
    return false;
}

/* As long as there is something that they may open. */
void rejoin_record(struct daemon *daemon)
{
    bool may_come = has_lost(daemon);
    for (usize i = 0; i < daemon->found.room; i++) {
        const struct by_hash_place *place = &daemon->found.places[i];
        if (place->thing != NULL && (may_come || is_held(daemon, place->key)))
            record_found(daemon, place->thing);
    }
}

/* What nothing is joined to: it was made since the copy, for a lock that is held, or for ourselves.
 */
static void pay_alone(struct entry *entry, hash32 key, hash32 secret, u64 time_s)
{
    u32 side = channel_side(entry->channel);
    u32 end = locks_end(channel_locks(entry->channel, side));
    for (u32 slot = 0; slot < end; slot++) {
        struct lock lock = lock_in(entry, side, slot);
        if (has_key(&lock, key) && passage_out(entry, slot) == NULL && time_s <= lock.expiry_s)
            rejoin_pay(entry, slot, secret);
    }
}

/* All that the registry is shown while a channel has not recovered, as it may have a lock for it.
 * To show so many secrets that one of these is not kept costs more gas than most locks are worth.
 */
bool rejoin_shown(struct chain_of *chain, hash32 key, hash32 secret, u64 time_s)
{
    struct daemon *daemon = chain->daemon;
    const struct keyed *at = NULL;
    if (!daemon->is_restored || !hash32_equal(registry_key(secret), key))
        return false;
    for (struct entry *entry; (entry = holders_next(daemon, key, &at)) != NULL;)
        if (entry->chain == chain && !channel_is_lost(entry->channel))
            pay_alone(entry, key, secret, time_s);
    claim_all(daemon, key, secret);
    return is_restoring(daemon) && chain->kept++ < KEPT_MOST;
}

/* --- What is known of a held lock. */

static bool shown_anywhere(const struct daemon *daemon, hash32 key, hash32 *out)
{
    for (usize i = 0; i < daemon->chain_count; i++) {
        const struct shown *shown = shown_find(&daemon->chains[i], key, UINT64_MAX);
        if (shown != NULL) {
            *out = shown->terms.secret;
            return true;
        }
    }
    return false;
}

/* What is held under a key in channels of the same money, and lasts long enough to be claimed. */
static u128 sum_held(const struct entry *of, hash32 key)
{
    const struct keyed *at = NULL;
    u128 sum = 0;
    for (struct entry *entry; (entry = holders_next(of->daemon, key, &at)) != NULL;) {
        u32 peer = 1 - channel_side(entry->channel);
        if (entry->chain != of->chain || channel_is_lost(entry->channel) ||
            !address_equal(channel_terms(entry->channel)->asset, channel_terms(of->channel)->asset))
            continue;
        for (u32 slot = 0; slot < locks_end(channel_locks(entry->channel, peer)); slot++) {
            struct lock lock = lock_in(entry, peer, slot);
            if (has_key(&lock, key) && channel_lock_is_held(entry->channel, slot) &&
                lock.expiry_s >= of->chain->time_s + of->daemon->options.margin_s)
                sum += lock.amount;
        }
    }
    return sum;
}

static bool knows_secret(struct entry *entry, u32 slot, hash32 key, hash32 *out)
{
    const struct passage *passage = passage_in(entry, slot);
    const hash32 *found = by_hash_get(&entry->daemon->found, key);
    if (passage != NULL && passage->state == PASSAGE_SETTLED)
        *out = passage->preimage;
    else if (found != NULL)
        *out = *found;
    else if (!shown_anywhere(entry->daemon, key, out))
        return entry->chain->time_s != 0 &&
               by_hash_get(&entry->daemon->bills_by_hash, key) != NULL &&
               bill_take_held(entry, key, sum_held(entry, key), out);
    return true;
}

/* Of a lock whose secret is not known: a registry may have been shown it before we followed it,
 * or before the watchtower's copy, which has none. */
static void ask_registries(struct daemon *daemon, const struct lock *lock)
{
    for (usize i = 0; i < daemon->chain_count; i++)
        (void)sought_all(&daemon->chains[i], lock);
}

static void claim_known(struct entry *entry)
{
    u32 peer = 1 - channel_side(entry->channel);
    u32 end = locks_end(channel_locks(entry->channel, peer));
    hash32 preimage;
    for (u32 slot = 0; slot < end; slot++) {
        struct lock lock = lock_in(entry, peer, slot);
        if (lock.amount == 0 || lock.kind != LOCK_OF_SECRET ||
            !channel_lock_is_held(entry->channel, slot))
            continue;
        if (!knows_secret(entry, slot, lock.key, &preimage)) {
            ask_registries(entry->daemon, &lock);
            continue;
        }
        claim_slot(entry, slot, preimage);
        rejoin_secret(entry->daemon, lock.key, preimage);
    }
}

/* Who has heard it is not harmed. */
void rejoin_tell_again(struct entry *entry)
{
    const struct locks *locks = channel_locks(entry->channel, 1 - channel_side(entry->channel));
    hash32 preimage;
    for (u32 slot = 0; slot < locks_end(locks); slot++)
        if (locks_get(locks, slot).kind == LOCK_OF_SECRET &&
            channel_untell(entry->channel, slot, &preimage))
            lock_settle(entry, slot, preimage);
}

void rejoin_recovered(struct entry *entry)
{
    rejoin_tell_again(entry);
    claim_known(entry);
    if (!is_restoring(entry->daemon))
        rejoin_free(entry->daemon);
}

/* --- Joining. */

struct loose {
    struct entry *entry;
    u32 slot;
    bool is_ours;
    struct lock lock;
};

struct looses {
    struct loose *list;
    usize count, room;
};

static void add(struct looses *all, const struct loose *loose)
{
    if (all->count == all->room) {
        all->room = all->room == 0 ? 64 : 2 * all->room;
        all->list = realloc(all->list, all->room * sizeof(all->list[0]));
        assert(all->list != NULL);
    }
    all->list[all->count++] = *loose;
}

/* Those of a channel that nothing is joined to: ours, and of the peer's those that are held. */
static void add_all(struct entry *entry, struct looses *all)
{
    for (u32 side = 0; side < 2; side++) {
        bool is_ours = side == channel_side(entry->channel);
        for (u32 slot = 0; slot < locks_end(channel_locks(entry->channel, side)); slot++) {
            struct loose loose = {entry, slot, is_ours, lock_in(entry, side, slot)};
            bool is_loose = is_ours ? passage_out(entry, slot) == NULL
                                    : passage_in(entry, slot) == NULL &&
                                          channel_lock_is_held(entry->channel, slot);
            if (is_loose && loose.lock.amount != 0 && loose.lock.kind == LOCK_OF_SECRET)
                add(all, &loose);
        }
    }
}

static int by_key(const void *a, const void *b)
{
    const struct loose *left = a, *right = b;
    return memcmp(left->lock.key.b, right->lock.key.b, sizeof(left->lock.key.b));
}

/* Whether we may have made the one for the other's sake (forward.c). */
static bool fits(const struct loose *in, const struct loose *out)
{
    const struct channel_terms *from = channel_terms(in->entry->channel);
    const struct channel_terms *to = channel_terms(out->entry->channel);
    const struct daemon_options *options = &in->entry->daemon->options;
    if (in->is_ours || !out->is_ours || in->entry == out->entry ||
        in->lock.amount < out->lock.amount)
        return false;
    if (in->entry->chain == out->entry->chain)
        return in->lock.expiry_s == out->lock.expiry_s && address_equal(from->asset, to->asset);
    return options->swaps && address_is_zero(from->asset) && address_is_zero(to->asset) &&
           out->lock.expiry_s + forward_swap_s(options) <= in->lock.expiry_s;
}

/* The only one that fits to it; NULL: none, or several. */
static const struct loose *only_fit(const struct loose *of, const struct loose *list, usize count)
{
    const struct loose *only = NULL;
    for (usize i = 0; i < count; i++) {
        if (!(of->is_ours ? fits(&list[i], of) : fits(of, &list[i])))
            continue;
        if (only != NULL)
            return NULL;
        only = &list[i];
    }
    return only;
}

/* Of more with one key than a payment has parts, none is looked at. */
static void join_group(const struct loose *list, usize count)
{
    enum { MOST = 64 };
    for (usize i = 0; i < count && count <= MOST; i++) {
        const struct loose *out = &list[i];
        const struct loose *in = out->is_ours ? only_fit(out, list, count) : NULL;
        if (in == NULL || only_fit(in, list, count) != out)
            continue;
        record_passage(passage_new(in->entry, in->slot, out->entry, out->slot, &out->lock, NULL));
    }
}

void rejoin_join(struct daemon *daemon)
{
    struct looses all = {0};
    for (u32 i = 0; i < daemon->entry_count; i++)
        if (daemon->entries[i]->is_restored && daemon->entries[i]->stage < STAGE_FORCED)
            add_all(daemon->entries[i], &all);
    if (all.count > 1)
        qsort(all.list, all.count, sizeof(all.list[0]), by_key);
    for (usize i = 0, end; i < all.count; i = end) {
        for (end = i + 1; end < all.count && by_key(&all.list[i], &all.list[end]) == 0;)
            end++;
        join_group(&all.list[i], end - i);
    }
    free(all.list);
}

/* --- Beginnings. */

void rejoin_begin(struct daemon *daemon)
{
    daemon->is_restoring = true;
    if (daemon->is_restored)
        return;
    daemon->is_restored = true;
    for (usize i = 0; i < daemon->chain_count; i++)
        onchain_tell_since(daemon->chains[i].chain, daemon->chains[i].opened);
}

/* Whether it has locks of which the journal does not say all. Else each lock of ours is joined to
 * something, until one side closes the channel. */
static bool is_restored(struct entry *entry)
{
    struct looses all = {0};
    bool is = channel_is_lost(entry->channel);
    if (entry->stage < STAGE_FORCED)
        add_all(entry, &all);
    is |= all.count != 0;
    free(all.list);
    u32 end = locks_end(channel_locks(entry->channel, 1 - channel_side(entry->channel)));
    for (u32 slot = 0; !is && slot < end; slot++)
        is = channel_lock_is_held(entry->channel, slot);
    return is;
}

void rejoin_resume(struct daemon *daemon)
{
    for (u32 i = 0; i < daemon->entry_count; i++) {
        struct entry *entry = daemon->entries[i];
        entry->is_restored = entry->stage < STAGE_CLOSED && is_restored(entry);
        if (entry->is_restored)
            rejoin_begin(daemon);
    }
    if (daemon->is_restored)
        rejoin_join(daemon);
}

void rejoin_first_block(struct chain_of *chain)
{
    struct daemon *daemon = chain->daemon;
    for (u32 i = 0; daemon->is_restored && i < daemon->entry_count; i++) {
        struct entry *entry = daemon->entries[i];
        if (entry->chain == chain && entry->is_restored && !channel_is_lost(entry->channel))
            claim_known(entry);
    }
}

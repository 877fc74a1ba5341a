/* The peer's updates: judged whole against the state before them, then taken whole. */
#include "channel/internal.h"

#include <assert.h>
#include <stdlib.h>

/* What an update of the peer's comes to. */
struct verdict {
    u128 sent;          /* the peer's, after it */
    u128 added;         /* to its locks */
    usize lock_changes; /* items that change the peer's locks */
};

/* A slot that an update may touch once, so that each item can be judged by itself. */
struct touched {
    u64 theirs[LOCKS_MOST / 64], ours[LOCKS_MOST / 64];
};

static bool touch(u64 *set, u32 slot)
{
    u64 bit = (u64)1 << slot % 64;
    bool again = (set[slot / 64] & bit) != 0;
    set[slot / 64] |= bit;
    return !again;
}

/* A lock may go when we gave it back, or when its time is over and its secret was not shown. */
static bool may_drop(const struct channel *channel, u32 slot, const struct lock *lock, u64 now_s)
{
    if (slot >= channel->in_room)
        return false;
    switch (channel->in[slot].state) {
    case IN_FAILED:
        return true;
    case IN_NEW:
    case IN_KNOWN:
    case IN_HELD:
        return now_s > lock->expiry_s;
    case IN_NONE:
    case IN_SETTLED:
    case IN_CLAIMED:
        break;
    }
    return false;
}

static bool opens(const hash32 *preimage, struct lock lock)
{
    hash32 hash;
    sha256_joined(BYTES_OF(*preimage), BYTES_EMPTY, hash.b);
    return lock.kind == LOCK_OF_SECRET && hash32_equal(hash, lock.key);
}

/* The payee speaks about a lock of ours. One that has ended meanwhile is none of its business any
 * more, and no harm. An app's has no preimage. */
static bool may_answer(const struct channel *channel, const struct item *item)
{
    if (item->slot >= channel->out_room)
        return false;
    switch (channel->out[item->slot].state) {
    case OUT_ENDED:
        return true;
    case OUT_ADDED:
        return item->kind == ITEM_FAIL ||
               opens(&item->reference, locks_get(channel->locks[channel->side], item->slot));
    case OUT_SETTLED: /* who was restored does not know that it has said so */
    case OUT_FAILED:
        return item->kind == ITEM_SETTLE &&
               opens(&item->reference, locks_get(channel->locks[channel->side], item->slot));
    case OUT_NONE:
    case OUT_QUEUED:
        break;
    }
    return false;
}

static bool judge_item(const struct channel *channel, const struct item *item, u64 now_s,
                       struct touched *touched, struct verdict *verdict)
{
    const struct locks *locks = channel->locks[peer_side(channel)];
    struct lock lock = locks_get(locks, item->slot);
    switch (item->kind) {
    case ITEM_PAY:
        verdict->sent += item->lock.amount;
        return true;
    case ITEM_ADD:
    case ITEM_STAKE:
        verdict->lock_changes++;
        verdict->added += item->lock.amount;
        return touch(touched->theirs, item->slot) && lock.amount == 0;
    case ITEM_PAID:
        verdict->lock_changes++;
        verdict->sent += lock.amount;
        return touch(touched->theirs, item->slot) && lock.amount != 0;
    case ITEM_PART: /* of all that is left: PAID */
        verdict->lock_changes++;
        verdict->sent += item->lock.amount;
        return touch(touched->theirs, item->slot) && lock.kind != LOCK_OF_SECRET &&
               item->lock.amount < lock.amount;
    case ITEM_DROP:
        verdict->lock_changes++;
        return touch(touched->theirs, item->slot) && lock.amount != 0 &&
               may_drop(channel, item->slot, &lock, now_s);
    case ITEM_SETTLE:
    case ITEM_FAIL:
        return touch(touched->ours, item->slot) && may_answer(channel, item);
    }
    return false;
}

static const char *item_name(enum item_kind kind)
{
    static const char *const names[] = {"?",    "PAY",  "ADD",   "SETTLE", "FAIL",
                                        "PAID", "DROP", "STAKE", "PART"};
    return (usize)kind < countof(names) ? names[kind] : names[0];
}

/* What is trusted was judged when it came, in view of what was queued then. Sums are judged with
 * each item: one that wrapped would be as small as the peer likes, and cover nothing. */
static enum status judge_items(const struct channel *channel, bytes items, u64 now_s, bool trusted,
                               struct verdict *out, struct err *err)
{
    struct touched touched = {0};
    *out = (struct verdict){.sent = channel->theirs.sent};
    while (items.size != 0) {
        struct item item;
        if (item_read(&items, &item) != ST_OK)
            return fail(err, ST_INVALID, "an item of the update does not read");
        if (!judge_item(channel, &item, now_s, &touched, out) && !trusted)
            return fail(err, ST_INVALID, "%s in slot %u is not allowed now", item_name(item.kind),
                        item.slot);
        if (out->sent >= CHANNEL_SUM_LIMIT || out->added >= CHANNEL_SUM_LIMIT)
            return fail(err, ST_INVALID, "the peer has sent or locks more than can be counted");
    }
    return ST_OK;
}

/* --- The locks before an update, to go back to. */

struct change {
    u32 slot;
    struct lock before;
    enum item_kind kind;
};

static void change_locks(struct locks *locks, bytes items, struct change *changes)
{
    for (struct item item; items.size != 0 && item_read(&items, &item) == ST_OK;) {
        struct lock before = locks_get(locks, item.slot), after = before;
        if (!item_change(&item, &after))
            continue;
        *changes++ = (struct change){item.slot, before, item.kind};
        locks_set(locks, item.slot, &after);
    }
}

static void change_back(struct locks *locks, const struct change *changes, usize count)
{
    for (usize i = 0; i < count; i++)
        locks_set(locks, changes[i].slot, &changes[i].before);
}

/* --- What becomes so. */

void add_fresh(struct channel *channel, u32 slot)
{
    if (channel->fresh_count == channel->fresh_room) {
        channel->fresh_room = channel->fresh_room == 0 ? 16 : 2 * channel->fresh_room;
        channel->fresh = realloc(channel->fresh, channel->fresh_room * sizeof(channel->fresh[0]));
        assert(channel->fresh != NULL);
    }
    channel->fresh[channel->fresh_count++] = slot;
}

static void take_add(struct channel *channel, const struct item *item)
{
    struct in_lock *in = in_lock(channel, item->slot);
    assert(in->onion == NULL);
    in->state = IN_NEW;
    if (item->kind == ITEM_ADD) {
        in->onion_size = item->text.size;
        in->onion = malloc(in->onion_size);
        assert(in->onion != NULL);
        bytes_copy(in->onion, item->text);
    }
    add_fresh(channel, item->slot);
}

/* A lock may be dropped before we have acknowledged it, if its time was over at once. */
static void take_end(struct channel *channel, u32 slot)
{
    forget_in(channel, slot);
    unqueue_answer(channel, slot);
    for (usize i = 0; i < channel->fresh_count; i++)
        if (channel->fresh[i] == slot)
            channel->fresh[i--] = channel->fresh[--channel->fresh_count];
}

static void take_answer(struct channel *channel, const struct item *item,
                        struct channel_events *events)
{
    struct out_lock *out = out_lock(channel, item->slot);
    struct lock lock = locks_get(channel->locks[channel->side], item->slot);
    if (out->state != OUT_ADDED || (item->kind == ITEM_SETTLE && !opens(&item->reference, lock)))
        return;
    out->state = item->kind == ITEM_SETTLE ? OUT_SETTLED : OUT_FAILED;
    out->preimage = item->reference;
    if (item->text.size != 0) {
        u8 *reason = malloc(item->text.size);
        assert(reason != NULL);
        bytes_copy(reason, item->text);
        out->reason = (bytes){reason, item->text.size};
    }
    add_lock_event(events, item->kind == ITEM_SETTLE ? EVENT_SETTLED : EVENT_FAILED, channel,
                   channel->side, item->slot);
}

static void take_items(struct channel *channel, bytes items, struct channel_events *events)
{
    for (struct item item; items.size != 0 && item_read(&items, &item) == ST_OK;) {
        switch (item.kind) {
        case ITEM_PAY:
            add_event(events, (struct channel_event){
                                  .kind = EVENT_PAID_IN,
                                  .channel = channel,
                                  .amount = item.lock.amount,
                                  .reference = item.reference,
                              });
            break;
        case ITEM_ADD:
        case ITEM_STAKE:
            take_add(channel, &item);
            break;
        case ITEM_PART:
            break;
        case ITEM_PAID:
        case ITEM_DROP:
            take_end(channel, item.slot);
            break;
        case ITEM_SETTLE:
        case ITEM_FAIL:
            take_answer(channel, &item, events);
            break;
        }
    }
}

/* An app's lock that was paid whole looks like one that was dropped afterwards, and one that comes
 * to its slot next like itself. */
static void tell_ended(struct channel *channel, const struct change *changes, usize count,
                       struct channel_events *events)
{
    for (usize i = 0; i < count; i++)
        if ((changes[i].kind == ITEM_PAID || changes[i].kind == ITEM_DROP) &&
            changes[i].before.kind != LOCK_OF_SECRET)
            add_event(events, (struct channel_event){
                                  .kind = changes[i].kind == ITEM_PAID ? EVENT_STAKE_PAID
                                                                       : EVENT_STAKE_GONE,
                                  .channel = channel,
                                  .slot = changes[i].slot,
                                  .amount = changes[i].before.amount,
                                  .reference = changes[i].before.key,
                                  .lock_kind = changes[i].before.kind,
                              });
}

/* --- An update. */

/* R8: covered by the peer's funds and by what the halves that it acknowledges itself have sent it.
 */
static enum status check_covered(const struct channel *channel, const struct half *half,
                                 const struct sent *acked, struct err *err)
{
    i128 funds = channel_carried(channel, half->side, channel->deposited[half->side],
                                 channel_theirs_reserved(channel));
    if ((i128)(half->sent + half->locked) > funds + (i128)acked->half.sent)
        return fail(err, ST_INVALID, "the peer spends more than it has");
    return ST_OK;
}

static enum status check_half(const struct channel *channel, const struct half *half, hash32 hash,
                              const struct sent *acked, const signature64 *signature,
                              struct err *err)
{
    TRY(check_covered(channel, half, acked, err));
    hash32 digest = signed_digest(channel->name.domain, hash);
    if (!signature_is_of(signature, digest, channel->terms.owner[half->side]))
        return fail(err, ST_INVALID, "the signature is not the peer's under this half");
    return ST_OK;
}

static enum status check_place(const struct channel *channel, const struct wire_update *update,
                               const struct sent **acked, struct err *err)
{
    u64 next = channel->theirs.seq + 1;
    if (update->epoch != channel->base.epoch)
        return fail(err, ST_INVALID, "the update is of epoch %lu, the channel in %lu",
                    update->epoch, channel->base.epoch);
    if (update->seq < next && update->seq != 0)
        return fail(err, ST_AGAIN, "update %lu was taken", update->seq);
    if (update->seq != next)
        return fail(err, ST_INVALID, "update %lu comes after %lu", update->seq, next - 1);
    if (update->items.size > CHANNEL_ITEMS_LIMIT)
        return fail(err, ST_INVALID, "the update is too large");
    if (channel->rebase.has_next)
        return fail(err, ST_INVALID, "an update between a base's signatures");
    *acked = find_sent(channel, update->ack_seq);
    if (*acked == NULL)
        return fail(err, ST_INVALID, "the update acknowledges %lu, which does not wait for it",
                    update->ack_seq);
    return ST_OK;
}

/* The signature is checked last of all: it covers what the items lead to. */
static enum status take(struct channel *channel, const struct wire_update *update, u64 now_s,
                        bool trusted, struct channel_events *events, struct err *err)
{
    const struct sent *acked;
    struct verdict verdict;
    TRY(check_place(channel, update, &acked, err));
    TRY(judge_items(channel, update->items, now_s, trusted, &verdict, err));
    struct locks *locks = channel->locks[peer_side(channel)];
    struct change *changes = calloc(verdict.lock_changes + 1, sizeof(*changes));
    assert(changes != NULL);
    change_locks(locks, update->items, changes);
    struct half half =
        half_after(&channel->theirs, verdict.sent, locks, update->ack_seq, acked->hash);
    hash32 hash = half_hash(channel->name.id, &half);
    enum status st =
        trusted ? ST_OK : check_half(channel, &half, hash, acked, &update->signature, err);
    if (st == ST_OK) {
        channel->relied += half.sent - channel->theirs.sent + verdict.added;
        channel->theirs = half;
        channel->their_hash = hash;
        channel->their_signature = update->signature;
        channel->owes_ack |= update->items.size != 0;
        channel->hurries |= !update_only_pays_locks(update->items);
        take_ack(channel, update->ack_seq, events);
        take_items(channel, update->items, events);
        tell_ended(channel, changes, verdict.lock_changes, events);
    } else {
        change_back(locks, changes, verdict.lock_changes);
    }
    free(changes);
    return st;
}

enum status channel_take_update(struct channel *channel, const struct wire_update *update,
                                u64 now_s, struct channel_events *events, struct err *err)
{
    return take(channel, update, now_s, false, events, err);
}

enum status replay_theirs(struct channel *channel, const struct wire_update *update,
                          struct channel_events *events, struct err *err)
{
    return take(channel, update, 0, true, events, err) == ST_OK ? ST_OK : ST_CORRUPT;
}

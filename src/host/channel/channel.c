#include "channel/internal.h"

#include <assert.h>
#include <stdlib.h>

/* --- Life. */

struct sent *sent_new(const struct half *half, hash32 hash, const signature64 *signature,
                      bytes items)
{
    struct sent *sent = malloc(sizeof(*sent) + items.size);
    assert(sent != NULL);
    *sent = (struct sent){*half, hash, *signature, items.size};
    bytes_copy(sent->items, items);
    return sent;
}

struct channel *channel_new(const struct channel_terms *terms, u32 side, u32 key)
{
    assert(side < 2);
    struct channel *channel = calloc(1, sizeof(*channel));
    assert(channel != NULL);
    channel->terms = *terms;
    channel->name = channel_name_of(terms);
    channel->side = side;
    channel->key = key;
    for (u32 i = 0; i < 2; i++)
        channel->locks[i] = locks_new();
    channel->theirs.side = 1 - side;
    struct half none = {.side = side};
    channel->sent[channel->sent_count++] =
        sent_new(&none, (hash32){{0}}, &(signature64){{0}}, BYTES_EMPTY);
    return channel;
}

void channel_free(struct channel *channel)
{
    if (channel == NULL)
        return;
    for (u32 i = 0; i < channel->out_room; i++)
        free((void *)(uintptr_t)channel->out[i].reason.data);
    for (u32 i = 0; i < channel->in_room; i++)
        free(channel->in[i].onion);
    for (usize i = 0; i < channel->sent_count; i++)
        free(channel->sent[i]);
    for (u32 i = 0; i < 2; i++)
        locks_free(channel->locks[i]);
    free(channel->out);
    free(channel->in);
    free(channel->fresh);
    free(channel->queue);
    free(channel);
}

const struct channel_terms *channel_terms(const struct channel *channel)
{
    return &channel->terms;
}

const struct channel_name *channel_name(const struct channel *channel)
{
    return &channel->name;
}

u32 channel_side(const struct channel *channel)
{
    return channel->side;
}

void channel_set_user(struct channel *channel, void *user)
{
    channel->user = user;
}

void *channel_user(const struct channel *channel)
{
    return channel->user;
}

void channel_events_free(struct channel_events *events)
{
    free(events->list);
    *events = (struct channel_events){0};
}

void add_event(struct channel_events *events, struct channel_event event)
{
    if (events->count == events->room) {
        events->room = events->room == 0 ? 64 : 2 * events->room;
        events->list = realloc(events->list, events->room * sizeof(events->list[0]));
        assert(events->list != NULL);
    }
    events->list[events->count++] = event;
}

void add_lock_event(struct channel_events *events, enum channel_event_kind kind,
                    struct channel *channel, u32 side, u32 slot)
{
    add_event(events, (struct channel_event){
                          .kind = kind,
                          .channel = channel,
                          .slot = slot,
                          .amount = locks_get(channel->locks[side], slot).amount,
                          .lock_kind = locks_get(channel->locks[side], slot).kind,
                          .reference = side == channel->side ? out_lock(channel, slot)->preimage
                                                             : (hash32){{0}},
                      });
}

/* --- What is known of locks, beside the locks. */

/* Room for `slot` in an array of such entries, new ones zero. */
static void *need_slot(void *list, u32 *room, u32 slot, usize size)
{
    if (slot < *room)
        return list;
    u32 larger = slot + 1 > 2 * *room ? slot + 1 : 2 * *room;
    list = realloc(list, larger * size);
    assert(list != NULL);
    memset((u8 *)list + *room * size, 0, (larger - *room) * size);
    *room = larger;
    return list;
}

struct out_lock *out_lock(struct channel *channel, u32 slot)
{
    channel->out = need_slot(channel->out, &channel->out_room, slot, sizeof(channel->out[0]));
    return &channel->out[slot];
}

struct in_lock *in_lock(struct channel *channel, u32 slot)
{
    channel->in = need_slot(channel->in, &channel->in_room, slot, sizeof(channel->in[0]));
    return &channel->in[slot];
}

void forget_out(struct channel *channel, u32 slot)
{
    struct out_lock *out = out_lock(channel, slot);
    free((void *)(uintptr_t)out->reason.data);
    *out = (struct out_lock){0};
}

void forget_in(struct channel *channel, u32 slot)
{
    struct in_lock *in = in_lock(channel, slot);
    free(in->onion);
    *in = (struct in_lock){0};
}

const struct locks *channel_locks(const struct channel *channel, u32 side)
{
    return channel->locks[side];
}

bytes channel_lock_onion(const struct channel *channel, u32 slot)
{
    if (slot >= channel->in_room || channel->in[slot].onion == NULL)
        return BYTES_EMPTY;
    return (bytes){channel->in[slot].onion, channel->in[slot].onion_size};
}

bool channel_lock_lives(const struct channel *channel, u32 slot)
{
    return slot < channel->out_room && channel->out[slot].state != OUT_NONE;
}

bool channel_stake_lives(const struct channel *channel, hash32 app, enum lock_kind kind)
{
    for (u32 slot = 0; slot < channel->out_room; slot++) {
        const struct out_lock *out = &channel->out[slot];
        struct lock lock =
            out->state == OUT_ENDED ? out->was : locks_get(channel->locks[channel->side], slot);
        if (out->state != OUT_NONE && lock.kind == kind && hash32_equal(lock.key, app))
            return true;
    }
    return false;
}

bool channel_has_fresh_locks(const struct channel *channel)
{
    return channel->fresh_count != 0;
}

bool channel_lock_waits(const struct channel *channel, u32 slot)
{
    return slot < channel->in_room && channel->in[slot].state == IN_KNOWN;
}

bool channel_lock_is_held(const struct channel *channel, u32 slot)
{
    return slot < channel->in_room && channel->in[slot].state == IN_HELD;
}

bool channel_lock_stands(const struct channel *channel, u32 slot)
{
    return channel_lock_waits(channel, slot) ||
           (slot < channel->in_room && channel->in[slot].state == IN_CLAIMED);
}

bool channel_lock_is_given_back(const struct channel *channel, u32 slot)
{
    return slot < channel->out_room && channel->out[slot].state == OUT_FAILED;
}

void channel_claim(struct channel *channel, u32 slot)
{
    if (!channel_lock_waits(channel, slot) && !channel_lock_is_held(channel, slot))
        return;
    channel->in[slot].was_held = channel_lock_is_held(channel, slot);
    channel->in[slot].state = IN_CLAIMED;
}

void channel_disclaim(struct channel *channel, u32 slot)
{
    if (slot < channel->in_room && channel->in[slot].state == IN_CLAIMED)
        channel->in[slot].state = channel->in[slot].was_held ? IN_HELD : IN_KNOWN;
}

bool channel_lock_preimage(const struct channel *channel, u32 slot, hash32 *out)
{
    if (slot >= channel->in_room || channel->in[slot].state != IN_SETTLED)
        return false;
    *out = channel->in[slot].preimage;
    return true;
}

bool channel_untell(struct channel *channel, u32 slot, hash32 *preimage)
{
    if (!channel_lock_preimage(channel, slot, preimage))
        return false;
    channel->in[slot].state = IN_KNOWN;
    channel->in[slot].is_unsaid = false;
    return true;
}

void channel_learn(struct channel *channel, u32 slot, hash32 preimage)
{
    if (!channel_lock_waits(channel, slot) && !channel_lock_is_held(channel, slot))
        return;
    channel->in[slot].state = IN_SETTLED;
    channel->in[slot].preimage = preimage;
}

bytes channel_lock_reason(const struct channel *channel, u32 slot)
{
    return slot < channel->out_room ? channel->out[slot].reason : BYTES_EMPTY;
}

/* --- The queue: items are applied to the next half when they are queued. */

static void append_item(struct channel *channel, const struct item *item)
{
    if (channel->queue_room - channel->queue_size < ITEM_LIMIT) {
        channel->queue_room = 2 * channel->queue_room + 2 * ITEM_LIMIT;
        channel->queue = realloc(channel->queue, channel->queue_room);
        assert(channel->queue != NULL);
    }
    channel->queue_size += item_write(item, channel->queue + channel->queue_size);
}

/* The lowest slot that neither holds a lock nor waits for the peer to know that it is free. */
static u32 open_slot(const struct channel *channel)
{
    const struct locks *locks = channel->locks[channel->side];
    u32 slot = locks_free_slot(locks);
    while (slot < LOCKS_MOST &&
           ((slot < channel->out_room && channel->out[slot].state != OUT_NONE) ||
            locks_get(locks, slot).amount != 0))
        slot++;
    return slot;
}

/* Of a lock of ours that has not ended. An update has one item about it. */
static enum status judge_change(const struct channel *channel, const struct item *item,
                                struct err *err)
{
    u32 slot = item->slot;
    struct lock lock = locks_get(channel->locks[channel->side], slot);
    const struct out_lock *out = slot < channel->out_room ? &channel->out[slot] : NULL;
    if (out == NULL ||
        (out->state != OUT_ADDED && out->state != OUT_SETTLED && out->state != OUT_FAILED))
        return fail(err, ST_MISSING, "no lock of ours is in slot %u", slot);
    if (out->changes)
        return fail(err, ST_AGAIN, "the lock in slot %u changes already", slot);
    if (item->kind == ITEM_PART &&
        (lock.kind == LOCK_OF_SECRET || item->lock.amount >= lock.amount))
        return fail(err, ST_MISSING, "no app's lock of so much is in slot %u", slot);
    return ST_OK;
}

bool channel_owes(const struct channel *channel, const struct item *item)
{
    const struct in_lock *in = item->slot < channel->in_room ? &channel->in[item->slot] : NULL;
    if (in == NULL || !in->is_unsaid)
        return false;
    return item->kind == ITEM_FAIL
               ? in->state == IN_FAILED
               : in->state == IN_SETTLED && hash32_equal(in->preimage, item->reference);
}

static enum status judge_answer(const struct channel *channel, const struct item *item,
                                struct err *err)
{
    u32 slot = item->slot;
    if (channel_owes(channel, item))
        return ST_OK;
    bool is_settle = item->kind == ITEM_SETTLE;
    bool is_ofapp = locks_get(channel->locks[peer_side(channel)], slot).kind != LOCK_OF_SECRET;
    if (channel_lock_waits(channel, slot) ? !is_settle || !is_ofapp
        : is_settle                       ? channel_lock_is_held(channel, slot)
                                          : channel_lock_stands(channel, slot))
        return ST_OK;
    return fail(err, ST_MISSING, "no lock of the peer's waits in slot %u", slot);
}

/* Whether an item of ours may follow what is signed and queued. */
static enum status judge_own(const struct channel *channel, const struct item *item,
                             struct err *err)
{
    u32 slot = item->slot;
    switch (item->kind) {
    case ITEM_PAY:
    case ITEM_ADD:
    case ITEM_STAKE:
        if (channel->stopped)
            return fail(err, ST_AGAIN, "the channel is closing");
        if (channel->next_sent >> CHANNEL_SENT_BITS != 0)
            return fail(err, ST_AGAIN, "the channel needs a new base first");
        if (item->lock.amount > channel_spendable(channel))
            return fail(err, ST_FULL, "the channel has not so much to spend");
        if (item->kind != ITEM_PAY && slot >= LOCKS_MOST)
            return fail(err, ST_FULL, "the channel has no room for another lock");
        return ST_OK;
    case ITEM_SETTLE:
    case ITEM_FAIL:
        return judge_answer(channel, item, err);
    case ITEM_PAID:
    case ITEM_DROP:
    case ITEM_PART:
        return judge_change(channel, item, err);
    }
    bug("unknown item");
}

static void end_out(struct channel *channel, u32 slot)
{
    static const struct lock none;
    struct out_lock *out = out_lock(channel, slot);
    out->state = OUT_ENDED;
    out->was = locks_get(channel->locks[channel->side], slot);
    locks_set(channel->locks[channel->side], slot, &none);
}

static void change_out(struct channel *channel, const struct item *item)
{
    struct lock lock = locks_get(channel->locks[channel->side], item->slot);
    (void)item_change(item, &lock);
    locks_set(channel->locks[channel->side], item->slot, &lock);
    out_lock(channel, item->slot)->changes = true;
}

static void answer_in(struct in_lock *in, const struct item *item)
{
    in->state = item->kind == ITEM_SETTLE ? IN_SETTLED : IN_FAILED;
    in->preimage = item->reference;
    in->is_unsaid = false;
}

void channel_decide(struct channel *channel, const struct item *item)
{
    assert(item->kind == ITEM_SETTLE || item->kind == ITEM_FAIL);
    if (channel->lost || judge_answer(channel, item, NULL) != ST_OK)
        return;
    answer_in(&channel->in[item->slot], item);
    channel->in[item->slot].is_unsaid = true;
}

static void apply_own(struct channel *channel, const struct item *item)
{
    struct locks *locks = channel->locks[channel->side];
    switch (item->kind) {
    case ITEM_PAY:
        channel->next_sent += item->lock.amount;
        break;
    case ITEM_ADD:
    case ITEM_STAKE:
        locks_set(locks, item->slot, &item->lock);
        out_lock(channel, item->slot)->state = OUT_QUEUED;
        break;
    case ITEM_PART:
        channel->next_sent += item->lock.amount;
        change_out(channel, item);
        break;
    case ITEM_SETTLE:
    case ITEM_FAIL: /* from the journal, it may come after the lock's end */
        if (locks_get(channel->locks[peer_side(channel)], item->slot).amount != 0)
            answer_in(in_lock(channel, item->slot), item);
        break;
    case ITEM_PAID:
        channel->next_sent += locks_get(locks, item->slot).amount;
        end_out(channel, item->slot);
        break;
    case ITEM_DROP:
        end_out(channel, item->slot);
        break;
    }
}

bool channel_has_room(const struct channel *channel)
{
    return channel->queue_size + ITEM_LIMIT <= CHANNEL_ITEMS_LIMIT;
}

enum status channel_queue(struct channel *channel, const struct item *item, u32 *slot,
                          struct err *err)
{
    struct item own = *item;
    if (own.kind == ITEM_ADD || own.kind == ITEM_STAKE)
        own.slot = open_slot(channel);
    if (channel->lost)
        return fail(err, ST_AGAIN, "the channel is being restored");
    if (!channel_has_room(channel))
        return fail(err, ST_AGAIN, "the channel has too much to say at once");
    TRY(judge_own(channel, &own, err));
    apply_own(channel, &own);
    append_item(channel, &own);
    if (slot != NULL)
        *slot = own.slot;
    return ST_OK;
}

/* The peer's lock is gone; what we have not said about it yet is of no use any more, and must not
 * be taken to be about the next lock in its slot. */
void unqueue_answer(struct channel *channel, u32 slot)
{
    bytes left = {channel->queue, channel->queue_size};
    channel->queue_size = 0;
    while (left.size != 0) {
        bytes from = left;
        struct item item;
        enum status st = item_read(&left, &item);
        assert(st == ST_OK);
        usize size = from.size - left.size;
        if ((item.kind == ITEM_SETTLE || item.kind == ITEM_FAIL) && item.slot == slot)
            continue;
        memmove(channel->queue + channel->queue_size, from.data, size);
        channel->queue_size += size;
    }
}

/* Takes an item out, of which only locks of ours know. */
static void undo_add(struct channel *channel, const struct item *item,
                     struct channel_events *events)
{
    static const struct lock none;
    add_lock_event(events, EVENT_DROPPED, channel, channel->side, item->slot);
    locks_set(channel->locks[channel->side], item->slot, &none);
    forget_out(channel, item->slot);
}

bool channel_unqueue_locks(struct channel *channel, struct channel_events *events)
{
    bytes left = {channel->queue, channel->queue_size};
    usize size = 0;
    while (left.size != 0) {
        bytes from = left;
        struct item item;
        enum status st = item_read(&left, &item);
        assert(st == ST_OK);
        usize item_size = from.size - left.size;
        if (item.kind == ITEM_ADD || item.kind == ITEM_STAKE) {
            undo_add(channel, &item, events);
            continue;
        }
        memmove(channel->queue + size, from.data, item_size);
        size += item_size;
    }
    bool any = size != channel->queue_size;
    channel->queue_size = size;
    return any;
}

/* --- Our updates. */

struct half half_after(const struct half *before, u128 sent, struct locks *locks, u64 ack_seq,
                       hash32 ack_hash)
{
    return (struct half){
        .side = before->side,
        .epoch = before->epoch,
        .seq = before->seq + 1,
        .sent = sent,
        .locked = locks_total(locks),
        .root = locks_root(locks),
        .ack_seq = ack_seq,
        .ack_hash = ack_hash,
    };
}

/* What is queued waits while the window is full, and before a new base. Acknowledgements do not: of
 * two whose windows are full, each would wait for the other's for ever. */
static bool holds_queue(const struct channel *channel)
{
    return channel->sent_count > CHANNEL_WINDOW || channel->rebase.quiet[channel->side];
}

bool channel_wants_update(const struct channel *channel)
{
    bool has_items = channel->queue_size != 0 && !holds_queue(channel);
    return (has_items || channel->owes_ack) && !channel->lost && !channel->peer_lost &&
           channel->sent_count < countof(channel->sent);
}

/* A peer that has paid for locks waits for nothing: what it may spend does not depend on whether we
 * have acknowledged that (sent + locked is the same, R3), and of its slots it has thousands. So the
 * acknowledgement may go with the next update that says more. That is no rule's matter: when a half
 * acknowledges was never promised, and a slow disk has always made it late. But it is not to fill
 * the peer's window, nor to hold up what needs all of it: a new base, a close. */
bool channel_ack_may_wait(const struct channel *channel)
{
    const struct rebase *rebase = &channel->rebase;
    bool has_items = channel->queue_size != 0 && !holds_queue(channel);
    u64 unsaid = channel->theirs.seq - newest_sent(channel)->half.ack_seq;
    return !has_items && !channel->hurries && channel->fresh_count == 0 && !channel->stopped &&
           !rebase->asked && !rebase->quiet[0] && !rebase->quiet[1] && unsaid < CHANNEL_WINDOW / 4;
}

struct wire_update update_of(const struct channel *channel, const struct sent *sent)
{
    return (struct wire_update){
        .id = channel->name.id,
        .epoch = sent->half.epoch,
        .seq = sent->half.seq,
        .ack_seq = sent->half.ack_seq,
        .signature = sent->signature,
        .items = {sent->items, sent->items_size},
    };
}

static void send_locks(struct channel *channel, bytes items)
{
    for (struct item item; items.size != 0 && item_read(&items, &item) == ST_OK;) {
        if (item.kind == ITEM_ADD || item.kind == ITEM_STAKE)
            out_lock(channel, item.slot)->state = OUT_ADDED;
        if (item.kind == ITEM_PART)
            out_lock(channel, item.slot)->changes = false;
    }
}

/* What our newest half says becomes so. */
static void commit_own(struct channel *channel, const struct half *half,
                       const signature64 *signature, bytes items, struct channel_events *events)
{
    channel->sent[channel->sent_count++] =
        sent_new(half, half_hash(channel->name.id, half), signature, items);
    channel->owes_ack = channel->hurries = false;
    send_locks(channel, items);
    for (usize i = 0; i < channel->fresh_count; i++) {
        u32 slot = channel->fresh[i];
        in_lock(channel, slot)->state = IN_KNOWN;
        add_lock_event(events, EVENT_LOCK_IN, channel, peer_side(channel), slot);
    }
    channel->fresh_count = 0;
}

static struct half next_half(const struct channel *channel)
{
    return half_after(&newest_sent(channel)->half, channel->next_sent,
                      channel->locks[channel->side], channel->theirs.seq, channel->their_hash);
}

/* Nothing but an acknowledgement. */
static struct half bare_half(const struct channel *channel)
{
    struct half half = newest_sent(channel)->half;
    half.seq++;
    half.ack_seq = channel->theirs.seq;
    half.ack_hash = channel->their_hash;
    return half;
}

enum status channel_make_update(struct channel *channel, const struct channel_signer *signer,
                                struct wire_update *out, struct channel_events *events,
                                struct err *err)
{
    assert(channel_wants_update(channel));
    bool whole = !holds_queue(channel);
    struct half half = whole ? next_half(channel) : bare_half(channel);
    struct sign_request request = {
        .terms = &channel->terms,
        .name = &channel->name,
        .side = channel->side,
        .key = channel->key,
        .kind = SIGN_HALF,
        .half = &half,
        .items = {channel->queue, whole ? channel->queue_size : 0},
    };
    signature64 signature;
    TRY(signer->sign(signer->self, &request, &signature, err));
    bytes items = request.items;
    commit_own(channel, &half, &signature, items, events);
    channel->queue_size = whole ? 0 : channel->queue_size;
    *out = update_of(channel, newest_sent(channel));
    return ST_OK;
}

/* --- Acknowledgements of ours. */

static void tell_acked(struct channel *channel, const struct half *before, const struct sent *sent,
                       struct channel_events *events)
{
    bytes items = {sent->items, sent->items_size};
    struct item item;
    u128 let_go = 0; /* at most: which locks they were is forgotten by now */
    while (items.size != 0 && item_read(&items, &item) == ST_OK) {
        struct channel_event event = {
            .channel = channel,
            .slot = item.slot,
            .amount = item.lock.amount,
            .reference = item.reference,
        };
        if (item.kind == ITEM_DROP)
            event.lock_kind = out_lock(channel, item.slot)->was.kind;
        if (item.kind == ITEM_PAID || item.kind == ITEM_DROP)
            forget_out(channel, item.slot);
        if (item.kind == ITEM_DROP)
            let_go = before->locked;
        if (item.kind != ITEM_PAY && item.kind != ITEM_DROP)
            continue;
        event.kind = item.kind == ITEM_PAY ? EVENT_PAID_OUT : EVENT_DROPPED;
        add_event(events, event);
    }
    channel->relied += let_go;
}

void take_ack(struct channel *channel, u64 seq, struct channel_events *events)
{
    usize gone = 0;
    for (; channel->sent[gone]->half.seq < seq; gone++) {
        tell_acked(channel, &channel->sent[gone]->half, channel->sent[gone + 1], events);
        free(channel->sent[gone]);
    }
    channel->sent_count -= gone;
    memmove(channel->sent, channel->sent + gone, channel->sent_count * sizeof(channel->sent[0]));
}

/* --- From the journal. */

static enum status replay_own(struct channel *channel, const struct wire_update *update,
                              struct channel_events *events, struct err *err)
{
    bytes items = update->items;
    struct item item;
    if (update->seq != newest_sent(channel)->half.seq + 1 ||
        update->ack_seq != channel->theirs.seq || channel->sent_count == countof(channel->sent) ||
        update->epoch != channel->base.epoch)
        return fail(err, ST_CORRUPT, "our update %lu follows %lu", update->seq,
                    newest_sent(channel)->half.seq);
    while (items.size != 0) {
        if (item_read(&items, &item) != ST_OK)
            return fail(err, ST_CORRUPT, "our update %lu does not read", update->seq);
        apply_own(channel, &item);
    }
    struct half half = next_half(channel);
    commit_own(channel, &half, &update->signature, update->items, events);
    return ST_OK;
}

enum status channel_replay(struct channel *channel, bool ours, const struct wire_update *update,
                           struct channel_events *events, struct err *err)
{
    return ours ? replay_own(channel, update, events, err)
                : replay_theirs(channel, update, events, err);
}

void channel_resume(struct channel *channel, struct channel_events *events)
{
    u32 peer = peer_side(channel);
    for (u32 slot = 0; slot < channel->in_room; slot++)
        if (channel->in[slot].state == IN_KNOWN)
            add_lock_event(events, EVENT_LOCK_WAITS, channel, peer, slot);
    for (u32 slot = 0; slot < channel->out_room; slot++) {
        if (channel->out[slot].state == OUT_SETTLED)
            add_lock_event(events, EVENT_SETTLED, channel, channel->side, slot);
        if (channel->out[slot].state == OUT_FAILED)
            add_lock_event(events, EVENT_FAILED, channel, channel->side, slot);
    }
}

/* --- The end. */

void channel_stop(struct channel *channel)
{
    channel->stopped = true;
}

bool channel_has_queue(const struct channel *channel)
{
    return channel->queue_size != 0;
}

/* An update that only acknowledges is acknowledged by the next one that does more, if ever. */
bool channel_is_acknowledged(const struct channel *channel)
{
    for (usize i = 1; i < channel->sent_count; i++)
        if (channel->sent[i]->items_size != 0)
            return false;
    return !channel->owes_ack;
}

bool channel_is_quiet(const struct channel *channel)
{
    return channel_is_acknowledged(channel) && channel->queue_size == 0 &&
           !channel->rebase.quiet[0] && !channel->rebase.quiet[1] &&
           locks_count(channel->locks[0]) == 0 && locks_count(channel->locks[1]) == 0;
}

struct channel_proof channel_proof(const struct channel *channel)
{
    u32 side = channel->side;
    struct channel_proof proof = {.base = channel->base};
    memcpy(proof.base_signature, channel->base_signature, sizeof(proof.base_signature));
    proof.half[side] = channel->sent[0]->half;
    proof.half_signature[side] = channel->sent[0]->signature;
    proof.half[1 - side] = channel->theirs;
    proof.half_signature[1 - side] = channel->their_signature;
    return proof;
}

struct channel_newest channel_newest(const struct channel *channel)
{
    u32 side = channel->side;
    struct channel_newest newest = {.base = channel->base, .signed_epoch = channel->base.epoch};
    newest.half[side] = newest_sent(channel)->half;
    newest.half[1 - side] = channel->theirs;
    if (channel_is_frozen(channel))
        newest.signed_epoch = channel->rebase.next.epoch;
    return newest;
}

/* After a restore from an old copy of the journal (R12, R13). What a restored side knows is true,
 * and perhaps not the newest: it may have signed anything since.
 *
 *     restored side                      peer
 *     LOST           ──────────>         signs nothing more on this connection
 *                    <──────────         RECOVER: the newest base and halves that it has, the
 * locks; first RECOVER_LOCKS, as many as these need judges them, takes them REBASE ──────────>
 * computes the same <──────────         REBASE; both go on in the new epoch
 *
 * The epoch is the time on the chain, in seconds. A base is signed in an epoch above the clock by
 * nobody (the daemons see to that), so no earlier one of ours can have that epoch: it wins over all
 * that was signed before, also over what the peer does not show.
 *
 * Invariant: a peer that lies gains nothing beyond what the restored side has no trace of. Each
 * half is signed by its payer; ours is not older than the newest that the peer has acknowledged to
 * our knowledge, the peer's not older than the newest that we know, nor than what our half that it
 * shows acknowledges. So what it can hide is what came in since the copy and since our half that it
 * chooses to show; a watchtower's blob is that much newer than the copy.
 *
 * RECOVER's locks: side | kind << 1 (u8) ‖ slot (u16) ‖ amount (u128) ‖ expiry (u40) ‖ key,
 * big-endian, side and slot ascending, in all messages together: they are judged as one list, when
 * it is whole. Locks that come back are held: those of the peer's may have
 * been passed on, or their preimages told, so they are paid or expire. */
#include "channel/internal.h"

#include <assert.h>
#include <stdlib.h>

enum {
    LOCK_BYTES = 1 + 2 + 16 + 5 + 32,
    PART_BYTES = 1100 * LOCK_BYTES, /* of locks, in one message; what precedes them fits, too */
};
static_assert(CHANNEL_SHOWN_LIMIT == 2 * LOCKS_MOST * LOCK_BYTES, "all locks of both sides");
static_assert(PART_BYTES + 1024 <= WIRE_LIMIT, "a part fits into a message");

/* --- Having lost. */

void channel_lose(struct channel *channel)
{
    channel->lost = true;
}

bool channel_is_lost(const struct channel *channel)
{
    return channel->lost;
}

bool channel_is_behind(const struct channel *channel, const struct wire_reestablish *said)
{
    struct channel_progress progress = channel_progress(channel);
    u64 epoch = channel_is_frozen(channel) ? channel->rebase.next.epoch : progress.epoch;
    return said->epoch > epoch ||
           (said->epoch == progress.epoch && said->received_seq > progress.sent_seq);
}

void channel_take_lost(struct channel *channel)
{
    channel->peer_lost = true;
}

bool channel_peer_is_lost(const struct channel *channel)
{
    return channel->peer_lost;
}

/* --- Showing. */

/* Our locks as our newest half has them: without what is queued. */
static struct locks *signed_locks(const struct channel *channel)
{
    static const struct lock none;
    const struct locks *from = channel->locks[channel->side];
    bytes queue = {channel->queue, channel->queue_size};
    struct locks *out = locks_new();
    for (u32 slot = 0; slot < locks_end(from); slot++) {
        struct lock lock = locks_get(from, slot);
        if (lock.amount != 0)
            locks_set(out, slot, &lock);
    }
    for (struct item item; queue.size != 0 && item_read(&queue, &item) == ST_OK;) {
        struct lock lock = locks_get(out, item.slot);
        lock.amount += item.lock.amount;
        if (item.kind == ITEM_ADD || item.kind == ITEM_STAKE)
            locks_set(out, item.slot, &none);
        if (item.kind == ITEM_PART)
            locks_set(out, item.slot, &lock);
        if (item.kind == ITEM_PAID || item.kind == ITEM_DROP)
            locks_set(out, item.slot, &channel->out[item.slot].was);
    }
    return out;
}

static void put_number(u8 **at, u128 value, usize size)
{
    for (usize i = size; i-- > 0; value >>= 8)
        (*at)[i] = (u8)value;
    *at += size;
}

static void put_locks(const struct locks *locks, u32 side, u8 **at)
{
    for (u32 slot = 0; slot < locks_end(locks); slot++) {
        struct lock lock = locks_get(locks, slot);
        if (lock.amount == 0)
            continue;
        put_number(at, side | (u32)lock.kind << 1, 1);
        put_number(at, slot, 2);
        put_number(at, lock.amount, 16);
        put_number(at, lock.expiry_s, 5);
        memcpy(*at, lock.key.b, sizeof(lock.key));
        *at += sizeof(lock.key);
    }
}

static bytes put_all_locks(const struct channel *channel, u8 *room)
{
    u8 *at = room;
    struct locks *ours = signed_locks(channel);
    for (u32 side = 0; side < 2; side++)
        put_locks(side == channel->side ? ours : channel->locks[side], side, &at);
    locks_free(ours);
    return (bytes){room, (usize)(at - room)};
}

struct wire_recover channel_show(const struct channel *channel, u8 room[static CHANNEL_SHOWN_LIMIT])
{
    const struct base *base = &channel->base;
    const struct sent *sent = newest_sent(channel);
    bool is_a = channel->side == 0;
    const struct half *a = is_a ? &sent->half : &channel->theirs;
    const struct half *b = is_a ? &channel->theirs : &sent->half;
    return (struct wire_recover){
        .id = channel->name.id,
        .epoch = base->epoch,
        .balance_a = base->balance[0],
        .balance_b = base->balance[1],
        .deposited_a = base->deposited[0],
        .deposited_b = base->deposited[1],
        .withdrawn_a = base->withdrawn[0],
        .withdrawn_b = base->withdrawn[1],
        .locked_a = base->locked[0],
        .root_a = base->root[0],
        .locked_b = base->locked[1],
        .root_b = base->root[1],
        .base_signature_a = channel->base_signature[0],
        .base_signature_b = channel->base_signature[1],
        .seq_a = a->seq,
        .sent_a = a->sent,
        .ack_seq_a = a->ack_seq,
        .ack_hash_a = a->ack_hash,
        .signature_a = is_a ? sent->signature : channel->their_signature,
        .seq_b = b->seq,
        .sent_b = b->sent,
        .ack_seq_b = b->ack_seq,
        .ack_hash_b = b->ack_hash,
        .signature_b = is_a ? channel->their_signature : sent->signature,
        .locks = put_all_locks(channel, room),
    };
}

bool channel_show_part(struct wire_recover *shown, struct wire_recover_locks *out)
{
    bytes all = shown->locks;
    if (all.size <= PART_BYTES)
        return false;
    *out = (struct wire_recover_locks){shown->id, bytes_slice(all, 0, PART_BYTES)};
    shown->locks = bytes_slice(all, PART_BYTES, all.size);
    return true;
}

/* --- What is shown. */

struct shown_state {
    struct base base;
    signature64 base_signature[2];
    struct half half[2];
    signature64 signature[2];
    struct locks *locks[2]; /* owned */
};

static u128 read_number(const u8 **at, usize size)
{
    u128 value = 0;
    for (usize i = 0; i < size; i++)
        value = value << 8 | *(*at)++;
    return value;
}

static void free_locks(struct shown_state *state)
{
    for (u32 side = 0; side < 2; side++)
        locks_free(state->locks[side]);
}

static bool read_locks(bytes in, struct locks *locks[2])
{
    u32 least = 0; /* side and slot of the next one, at least */
    if (in.size % LOCK_BYTES != 0)
        return false;
    for (usize i = 0; i < in.size; i += LOCK_BYTES) {
        const u8 *at = in.data + i;
        u32 head = (u32)read_number(&at, 1), slot = (u32)read_number(&at, 2), side = head & 1;
        struct lock lock = {.amount = read_number(&at, 16), .expiry_s = (u64)read_number(&at, 5)};
        memcpy(lock.key.b, at, sizeof(lock.key));
        lock.kind = (enum lock_kind)(head >> 1);
        if (head >> 1 >= LOCK_KINDS || slot >= LOCKS_MOST || side * LOCKS_MOST + slot < least ||
            lock.amount == 0 || lock.amount >= CHANNEL_AMOUNT_LIMIT ||
            locks_total(locks[side]) + lock.amount >= CHANNEL_SUM_LIMIT)
            return false;
        least = side * LOCKS_MOST + slot + 1;
        locks_set(locks[side], slot, &lock);
    }
    return true;
}

/* Free its locks. */
static enum status read_shown(const struct wire_recover *said, struct shown_state *out,
                              struct err *err)
{
    *out = (struct shown_state){
        .base = {.epoch = said->epoch,
                 .balance = {said->balance_a, said->balance_b},
                 .deposited = {said->deposited_a, said->deposited_b},
                 .withdrawn = {said->withdrawn_a, said->withdrawn_b},
                 .locked = {said->locked_a, said->locked_b},
                 .root = {said->root_a, said->root_b}},
        .base_signature = {said->base_signature_a, said->base_signature_b},
        .half = {{.side = 0,
                  .epoch = said->epoch,
                  .seq = said->seq_a,
                  .sent = said->sent_a,
                  .ack_seq = said->ack_seq_a,
                  .ack_hash = said->ack_hash_a},
                 {.side = 1,
                  .epoch = said->epoch,
                  .seq = said->seq_b,
                  .sent = said->sent_b,
                  .ack_seq = said->ack_seq_b,
                  .ack_hash = said->ack_hash_b}},
        .signature = {said->signature_a, said->signature_b},
        .locks = {locks_new(), locks_new()},
    };
    if (!read_locks(said->locks, out->locks))
        return fail(err, ST_INVALID, "the locks that the peer shows do not read");
    for (u32 side = 0; side < 2; side++) {
        out->half[side].locked = locks_total(out->locks[side]);
        out->half[side].root = locks_root(out->locks[side]);
    }
    return ST_OK;
}

/* --- Judging. */

static bool is_signed(const struct channel *channel, hash32 hash, const signature64 *signature,
                      u32 side)
{
    return signature_is_of(signature, signed_digest(channel->name.domain, hash),
                           channel->terms.owner[side]);
}

/* i128 holds what is computed of it. */
static bool is_small(const struct base *base)
{
    u128 all = 0;
    for (u32 side = 0; side < 2; side++)
        all |= base->balance[side] | base->deposited[side] | base->withdrawn[side];
    return all >> 125 == 0;
}

static enum status check_base(const struct channel *channel, const struct shown_state *state,
                              struct err *err)
{
    static const struct base implied; /* of epoch 0 */
    hash32 id = channel->name.id, hash = base_hash(id, &state->base);
    u64 known = channel->base.epoch;
    if (!is_small(&state->base))
        return fail(err, ST_INVALID, "the peer shows more money than there is");
    if (state->base.epoch < known ||
        (state->base.epoch == known && !hash32_equal(hash, base_hash(id, &channel->base))))
        return fail(err, ST_INVALID, "the peer shows epoch %lu, we know %lu", state->base.epoch,
                    known);
    if (state->base.epoch == 0)
        return hash32_equal(hash, base_hash(id, &implied))
                   ? ST_OK
                   : fail(err, ST_INVALID, "the peer shows another beginning");
    for (u32 side = 0; side < 2; side++)
        if (!is_signed(channel, hash, &state->base_signature[side], side))
            return fail(err, ST_INVALID, "the peer shows a base that was not signed by both");
    return ST_OK;
}

static enum status check_half(const struct channel *channel, const struct shown_state *state,
                              u32 side, struct err *err)
{
    const struct half *half = &state->half[side];
    struct half zero = half_zero(&state->base, side);
    hash32 id = channel->name.id, hash = half_hash(id, half);
    if (half->sent >> 125 != 0)
        return fail(err, ST_INVALID, "the peer shows more payments than can be counted");
    if (half->seq == 0)
        return hash32_equal(hash, half_hash(id, &zero))
                   ? ST_OK
                   : fail(err, ST_INVALID, "the peer shows a half that was never made");
    if (!is_signed(channel, hash, &state->signature[side], side))
        return fail(err, ST_INVALID, "the peer shows a half that its payer did not sign");
    return ST_OK;
}

/* A half is not older than what the other one acknowledges. */
static bool acknowledges(const struct channel *channel, const struct half *half,
                         const struct half *of)
{
    return half->ack_seq < of->seq ||
           (half->ack_seq == of->seq &&
            (of->seq == 0 || hash32_equal(half->ack_hash, half_hash(channel->name.id, of))));
}

/* Nor than what we know in its epoch. */
static enum status check_newer(const struct channel *channel, const struct shown_state *state,
                               struct err *err)
{
    const struct half *own = &state->half[channel->side], *their = &state->half[1 - channel->side];
    hash32 id = channel->name.id;
    if (!acknowledges(channel, own, their) || !acknowledges(channel, their, own))
        return fail(err, ST_INVALID, "the peer hides a half that was acknowledged");
    if (state->base.epoch != channel->base.epoch)
        return ST_OK;
    const struct sent *known = find_sent(channel, own->seq);
    bool same = known == NULL || own->seq == 0 || hash32_equal(known->hash, half_hash(id, own));
    if (own->seq < channel->sent[0]->half.seq || !same)
        return fail(err, ST_INVALID, "the peer shows a half of ours that is older than we know");
    if (their->seq < channel->theirs.seq ||
        (their->seq == channel->theirs.seq && their->seq != 0 &&
         !hash32_equal(half_hash(id, their), channel->their_hash)))
        return fail(err, ST_INVALID, "the peer shows a half of its own that is older than we know");
    return ST_OK;
}

static enum status judge(const struct channel *channel, const struct shown_state *state,
                         struct err *err)
{
    TRY(check_base(channel, state, err));
    TRY(check_half(channel, state, 0, err));
    TRY(check_half(channel, state, 1, err));
    return check_newer(channel, state, err);
}

/* --- Taking. */

static bool same_lock(const struct lock *a, const struct lock *b)
{
    return a->amount == b->amount && a->expiry_s == b->expiry_s && a->kind == b->kind &&
           hash32_equal(a->key, b->key);
}

/* Of a lock of ours that is still there: its end, which the peer does not know, is said again. */
static int state_again(const struct out_lock *out)
{
    switch (out->state) {
    case OUT_NONE:
    case OUT_QUEUED:
    case OUT_ADDED:
        break;
    case OUT_SETTLED:
    case OUT_FAILED:
        return (int)out->state;
    case OUT_ENDED:
        return hash32_is_zero(out->preimage) ? OUT_FAILED : OUT_SETTLED;
    }
    return OUT_ADDED;
}

static void take_out_locks(struct channel *channel, const struct locks *now)
{
    u32 end = channel->out_room > locks_end(now) ? channel->out_room : locks_end(now);
    for (u32 slot = 0; slot < end; slot++) {
        struct lock lock = locks_get(now, slot);
        struct out_lock *out = out_lock(channel, slot);
        struct lock before =
            out->state == OUT_ENDED ? out->was : locks_get(channel->locks[channel->side], slot);
        if (lock.amount == 0 || !same_lock(&lock, &before))
            forget_out(channel, slot);
        out->changes = false;
        if (lock.amount != 0)
            out->state = state_again(out);
    }
}

static void take_in_locks(struct channel *channel, const struct locks *now)
{
    u32 end = channel->in_room > locks_end(now) ? channel->in_room : locks_end(now);
    for (u32 slot = 0; slot < end; slot++) {
        struct lock lock = locks_get(now, slot);
        struct lock before = locks_get(channel->locks[1 - channel->side], slot);
        if (lock.amount == 0 || !same_lock(&lock, &before))
            forget_in(channel, slot);
        if (lock.amount == 0)
            continue;
        struct in_lock *in = in_lock(channel, slot);
        in->is_unsaid = false;
        if (in->state != IN_SETTLED)
            in->state = IN_HELD;
    }
}

/* `state` gives its locks away. What was queued is forgotten, and what we signed that the peer does
 * not show: the recovery base is without it. */
static void take(struct channel *channel, struct shown_state *state)
{
    u32 side = channel->side, peer = peer_side(channel);
    take_out_locks(channel, state->locks[side]);
    take_in_locks(channel, state->locks[peer]);
    for (u32 of = 0; of < 2; of++) {
        locks_free(channel->locks[of]);
        channel->locks[of] = state->locks[of];
        state->locks[of] = NULL;
    }
    channel->base = state->base;
    memcpy(channel->base_signature, state->base_signature, sizeof(channel->base_signature));
    channel->theirs = state->half[peer];
    channel->their_hash =
        channel->theirs.seq == 0 ? (hash32){{0}} : half_hash(channel->name.id, &channel->theirs);
    channel->their_signature = state->signature[peer];
    channel->relied += channel->theirs.sent + channel->theirs.locked;
    for (usize i = 0; i < channel->sent_count; i++)
        free(channel->sent[i]);
    const struct half *own = &state->half[side];
    hash32 hash = own->seq == 0 ? (hash32){{0}} : half_hash(channel->name.id, own);
    channel->sent[0] = sent_new(own, hash, &state->signature[side], BYTES_EMPTY);
    channel->sent_count = 1;
    channel->next_sent = own->sent;
    channel->queue_size = 0;
    channel->fresh_count = 0;
    channel->owes_ack = channel->hurries = false;
}

void channel_know(struct channel *channel, const struct channel_proof *proof)
{
    struct shown_state state = {
        .base = proof->base,
        .base_signature = {proof->base_signature[0], proof->base_signature[1]},
        .half = {proof->half[0], proof->half[1]},
        .signature = {proof->half_signature[0], proof->half_signature[1]},
        .locks = {locks_new(), locks_new()},
    };
    for (u32 side = 0; side < 2; side++)
        if (state.half[side].seq == 0)
            state.half[side] = half_zero(&state.base, side);
    take(channel, &state);
    channel->lost = true;
}

/* Our recovery base, which the peer had signed before a connection was gone. */
static bool is_done(const struct channel *channel, const struct shown_state *state)
{
    hash32 id = channel->name.id;
    return channel->rebase.recovers &&
           hash32_equal(base_hash(id, &state->base), base_hash(id, &channel->rebase.next));
}

enum status channel_replay_recover(struct channel *channel, const struct wire_recover *said,
                                   struct err *err)
{
    struct shown_state state;
    enum status st = read_shown(said, &state, err);
    if (st == ST_OK) {
        bool done = is_done(channel, &state);
        take(channel, &state);
        channel->lost = !done;
        channel->shown = !done;
        if (done)
            channel->rebase = (struct rebase){.asked = false};
    }
    free_locks(&state);
    return st;
}

/* That we signed what we do not know. */
static bool is_proof(const struct channel *channel, const struct shown_state *state)
{
    const struct rebase *rebase = &channel->rebase;
    hash32 id = channel->name.id;
    if (state->base.epoch > channel->base.epoch)
        return !channel_is_frozen(channel) ||
               !hash32_equal(base_hash(id, &state->base), base_hash(id, &rebase->next));
    return state->half[channel->side].seq > newest_sent(channel)->half.seq;
}

enum status channel_take_recover(struct channel *channel, const struct wire_recover *said,
                                 struct err *err)
{
    struct shown_state state;
    enum status st = read_shown(said, &state, err);
    if (st == ST_OK)
        st = judge(channel, &state, err);
    if (st == ST_OK && !channel->lost && !is_proof(channel, &state))
        st = fail(err, ST_INVALID, "the peer proves nothing that we do not know");
    free_locks(&state);
    return st == ST_OK ? channel_replay_recover(channel, said, err) : st;
}

/* --- The base. */

bool channel_may_recover(const struct channel *channel, u64 epoch)
{
    return channel->lost && channel->shown && epoch > channel->base.epoch &&
           (!channel_is_frozen(channel) || epoch > channel->rebase.next.epoch);
}

/* One for each time that the peer shows its states. */
enum status channel_recover(struct channel *channel, u64 epoch, const struct channel_signer *signer,
                            struct wire_rebase *out, struct err *err)
{
    assert(channel_may_recover(channel, epoch));
    TRY(sign_base(channel, epoch, signer, out, NULL, err));
    channel->shown = false;
    return ST_OK;
}

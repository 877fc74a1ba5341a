/* Two machines, two journals, a chain, and a schedule in bytes that says what happens next: to
 * payments, locks, bases, withdrawals, connections, restarts, and to what is lied about. Each side
 * is honest; whatever the schedule, these hold:
 *
 *   no side refuses what the other has said          no number is signed twice differently
 *   money is conserved                               a lie changes nothing
 *   a journal brings back what it was written of     whatever is shown on chain is covered (R3)
 *   two who are left alone agree                     and then can spend what the other would take
 *
 * Nothing leaves a side before its journal is durable; a restart loses what is not. */
#ifndef CHANNEL_CHANNEL_WORLD_H
#define CHANNEL_CHANNEL_WORLD_H

#include "channel/channel.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { WORLD_RECORDS = 6000, WORLD_MEMORY = 24 << 20, WORLD_SLOTS = 64, WORLD_SIGNED = 4096 };

enum { WORLD_START = 1000, WORLD_LOCK_LIFE = 60, WORLD_WITHDRAW_LIFE = 40 };

struct world_record {
    enum { WORLD_SENT, WORLD_RECEIVED, WORLD_SEEN } kind;
    bytes message;
    u128 deposited[2], withdrawn[2];
    u64 final_s;
};

struct world_side {
    struct channel *channel;
    struct channel_events events;
    struct world_record journal[WORLD_RECORDS];
    usize count, durable;
    bytes line[WORLD_RECORDS]; /* to the peer */
    usize read, ready, said;   /* ready: may leave */
    bool here, there;
    enum { WORLD_NOTHING, WORLD_PAY, WORLD_DROP } to_end[WORLD_SLOTS];
};

/* A number that was signed, and for what. */
struct world_signed {
    u32 side, kind;
    u64 epoch, seq;
    hash32 digest;
};

struct world {
    struct world_side side[2];
    u128 deposited[2], withdrawn[2];
    u64 now_s;
    u64 locks_made;
    bytes script;
    u8 *memory;
    usize used;
    struct world_signed list[WORLD_SIGNED];
    usize list_count;
    struct err err; /* why something was refused */
};

/* --- Bytes. */

static inline u8 world_byte(struct world *w)
{
    if (w->script.size == 0)
        return 0;
    u8 byte = w->script.data[0];
    w->script = bytes_slice(w->script, 1, w->script.size);
    return byte;
}

static inline u64 world_number(struct world *w, u64 limit)
{
    u64 number = (u64)world_byte(w) << 8;
    number |= world_byte(w);
    return limit == 0 ? 0 : number % limit;
}

static inline bytes world_encode(struct world *w, const struct wire_message *message)
{
    static u8 room[WIRE_LIMIT];
    usize size = wire_encode(message, room);
    assert(w->used + size <= WORLD_MEMORY);
    bytes out = {w->memory + w->used, size};
    memcpy(w->memory + w->used, room, size);
    w->used += size;
    return out;
}

static inline bool world_is_full(const struct world *w)
{
    usize most = 0;
    for (u32 i = 0; i < 2; i++) {
        most = w->side[i].count > most ? w->side[i].count : most;
        most = w->side[i].said > most ? w->side[i].said : most;
    }
    return most + 400 > WORLD_RECORDS || w->used + (4 << 20) > WORLD_MEMORY ||
           w->list_count + 400 > WORLD_SIGNED;
}

/* --- Keys. */

static secret32 world_keys[2] = {{{[31] = 1}}, {{[31] = 2}}};

static inline enum status world_sign(void *self, const struct sign_request *request,
                                     signature64 *out, struct err *err)
{
    hash32 id = request->name->id, hash = {{0}};
    (void)self, (void)err;
    switch (request->kind) {
    case SIGN_HALF:
        assert(request->half->side == request->side);
        hash = half_hash(id, request->half);
        break;
    case SIGN_BASE:
        hash = base_hash(id, request->base);
        break;
    case SIGN_WITHDRAW:
        hash = withdraw_hash(id, request->withdraw);
        break;
    case SIGN_CLOSE:
        hash = close_hash(id, request->close);
        break;
    }
    return secret_sign(&world_keys[request->key], signed_digest(request->name->domain, hash), out);
}

static const struct channel_signer world_signer = {NULL, world_sign};

/* R2: what has left under a number is all that ever leaves under it. */
static inline void world_note_signed(struct world *w, u32 side, const struct wire_message *message)
{
    struct world_signed entry = {.side = side, .kind = message->type};
    if (message->type == WIRE_UPDATE) {
        entry.epoch = message->update.epoch;
        entry.seq = message->update.seq;
        sha256_joined(BYTES_OF(message->update.signature), BYTES_EMPTY, entry.digest.b);
    } else if (message->type == WIRE_REBASE) {
        entry.epoch = message->rebase.epoch;
        sha256_joined(BYTES_OF(message->rebase.signature), BYTES_EMPTY, entry.digest.b);
    } else {
        return;
    }
    for (usize i = 0; i < w->list_count; i++)
        if (w->list[i].side == side && w->list[i].kind == entry.kind &&
            w->list[i].epoch == entry.epoch && w->list[i].seq == entry.seq) {
            assert(hash32_equal(w->list[i].digest, entry.digest));
            return;
        }
    w->list[w->list_count++] = entry;
}

/* --- Saying and writing. */

static inline void world_say(struct world *w, u32 side, const struct wire_message *message)
{
    struct world_side *at = &w->side[side];
    if (at->here)
        at->line[at->said++] = world_encode(w, message);
}

static inline void world_record(struct world *w, u32 side, bool ours,
                                const struct wire_message *message)
{
    struct world_side *at = &w->side[side];
    at->journal[at->count++] = (struct world_record){.kind = ours ? WORLD_SENT : WORLD_RECEIVED,
                                                     .message = world_encode(w, message)};
}

static inline void world_flush(struct world *w, u32 side)
{
    struct world_side *at = &w->side[side];
    at->durable = at->count;
    for (; at->ready < at->said; at->ready++) {
        struct wire_message message;
        enum status st = wire_decode(at->line[at->ready], &message, NULL);
        assert(st == ST_OK);
        world_note_signed(w, side, &message);
    }
}

static inline void world_say_funds(struct world *w, u32 side)
{
    u128 in[2], out[2];
    struct channel *channel = w->side[side].channel;
    channel_seen(channel, in, out);
    struct wire_message message = {.type = WIRE_FUNDED};
    message.funded = (struct wire_funded){channel_name(channel)->id, in[0], in[1], out[0], out[1],
                                          channel_seen_time(channel)};
    world_say(w, side, &message);
}

/* A side learns what is final. */
static inline void world_see(struct world *w, u32 side)
{
    struct world_side *at = &w->side[side];
    struct world_record record = {.kind = WORLD_SEEN, .final_s = w->now_s};
    memcpy(record.deposited, w->deposited, sizeof(record.deposited));
    memcpy(record.withdrawn, w->withdrawn, sizeof(record.withdrawn));
    channel_see(at->channel, record.deposited, record.withdrawn);
    channel_see_time(at->channel, record.final_s);
    at->journal[at->count++] = record;
    world_say_funds(w, side);
}

/* --- Events. */

static inline void world_take_events(struct world_side *at)
{
    for (usize i = 0; i < at->events.count; i++) {
        const struct channel_event *event = &at->events.list[i];
        if (event->slot >= WORLD_SLOTS)
            continue;
        if (event->kind == EVENT_SETTLED)
            at->to_end[event->slot] = WORLD_PAY;
        if (event->kind == EVENT_FAILED)
            at->to_end[event->slot] = WORLD_DROP;
    }
    at->events.count = 0;
}

/* --- Life. */

static inline struct channel *world_channel(u32 side)
{
    struct channel_terms terms = {.chain_id = 900, .challenge_s = 3600, .salt = {{7}}};
    for (u32 i = 0; i < 2; i++) {
        enum status st = secret_address(&world_keys[i], &terms.owner[i]);
        assert(st == ST_OK);
    }
    return channel_new(&terms, side, side);
}

static inline struct channel *world_replayed(const struct world_side *at, u32 side, usize count,
                                             struct channel_events *events)
{
    struct channel *channel = world_channel(side);
    for (usize i = 0; i < count; i++) {
        const struct world_record *record = &at->journal[i];
        bool ours = record->kind == WORLD_SENT;
        struct wire_message message;
        enum status st = ST_OK;
        if (record->kind == WORLD_SEEN) {
            channel_see(channel, record->deposited, record->withdrawn);
            channel_see_time(channel, record->final_s);
            continue;
        }
        st = wire_decode(record->message, &message, NULL);
        assert(st == ST_OK);
        if (message.type == WIRE_UPDATE)
            st = channel_replay(channel, ours, &message.update, events, NULL);
        else if (message.type == WIRE_REBASE)
            st = channel_replay_rebase(channel, ours, &message.rebase, NULL);
        else
            st = channel_replay_withdraw(channel, ours, &message.withdraw, NULL);
        assert(st == ST_OK);
    }
    return channel;
}

/* What a side says of itself, in one hash. */
static inline hash32 world_digest(const struct channel *channel)
{
    hash32 id = channel_name(channel)->id, out;
    struct channel_proof proof = channel_proof(channel);
    struct channel_progress progress = channel_progress(channel);
    struct wire_reestablish hello = channel_hello(channel);
    struct {
        hash32 base, half[2], received;
        signature64 signature[4];
        u64 numbers[6];
        u128 money[3];
    } all = {
        .base = base_hash(id, &proof.base),
        .half = {half_hash(id, &proof.half[0]), half_hash(id, &proof.half[1])},
        .received = progress.received_hash,
        .signature = {proof.base_signature[0], proof.base_signature[1], proof.half_signature[0],
                      proof.half_signature[1]},
        .numbers = {progress.epoch, progress.sent_seq, progress.acked_seq, progress.received_seq,
                    hello.epoch, hello.sent_seq},
        .money = {channel_receivable(channel), locks_total(channel_locks(channel, 0)),
                  locks_total(channel_locks(channel, 1))},
    };
    sha256_joined(BYTES_OF(all), BYTES_EMPTY, out.b);
    return out;
}

static inline void world_part(struct world *w)
{
    for (u32 side = 0; side < 2; side++) {
        struct world_side *at = &w->side[side];
        at->read = at->said = at->ready; /* what has not left, will not */
        at->here = at->there = false;
        channel_part(at->channel);
    }
}

static inline void world_meet(struct world *w)
{
    world_part(w);
    for (u32 side = 0; side < 2; side++) {
        struct wire_message hello = {.type = WIRE_REESTABLISH};
        hello.reestablish = channel_hello(w->side[side].channel);
        w->side[side].here = true;
        world_say(w, side, &hello);
        world_say_funds(w, side);
    }
}

static inline void world_restart(struct world *w, u32 side)
{
    struct world_side *at = &w->side[side];
    world_part(w);
    at->count = at->durable;
    channel_free(at->channel);
    at->events.count = 0;
    memset(at->to_end, 0, sizeof(at->to_end));
    at->channel = world_replayed(at, side, at->count, &at->events);
    at->events.count = 0; /* history */
    channel_resume(at->channel, &at->events);
    world_take_events(at);
}

/* --- What a side does. */

static inline hash32 world_preimage(u64 number)
{
    hash32 out = {{3}};
    store_be64(out.b + 24, number);
    return out;
}

static inline void world_pay(struct world *w, u32 side)
{
    u128 room = channel_spendable(w->side[side].channel);
    struct item item = {.kind = ITEM_PAY, .reference = {{9}}};
    item.lock.amount = world_byte(w) % 4 == 0 ? room : world_number(w, (u64)room + 1);
    if (item.lock.amount == 0)
        return;
    enum status st = channel_queue(w->side[side].channel, &item, NULL, NULL);
    assert(st == ST_OK || st == ST_AGAIN);
}

/* The preimage is the amount's, which keeps secrets and locks together. */
static inline void world_lock(struct world *w, u32 side)
{
    static const u8 onion[ONION_SIZE];
    struct channel *channel = w->side[side].channel;
    u128 room = channel_spendable(channel);
    struct item item = {.kind = ITEM_ADD, .text = BYTES_OF(onion)};
    item.lock.amount = world_number(w, (u64)room + 1);
    item.lock.expiry_s = w->now_s + WORLD_LOCK_LIFE;
    hash32 preimage = world_preimage((u64)item.lock.amount);
    sha256_joined(BYTES_OF(preimage), BYTES_EMPTY, item.lock.key.b);
    if (item.lock.amount == 0 || locks_count(channel_locks(channel, side)) == WORLD_SLOTS / 2)
        return;
    enum status st = channel_queue(channel, &item, NULL, NULL);
    assert(st != ST_MISSING && st != ST_INVALID);
}

static inline void world_answer(struct world *w, u32 side)
{
    struct channel *channel = w->side[side].channel;
    const struct locks *locks = channel_locks(channel, 1 - side);
    u32 slot = world_byte(w) % 8;
    while (slot < WORLD_SLOTS && !channel_lock_waits(channel, slot))
        slot++;
    if (slot == WORLD_SLOTS)
        return;
    struct item item = {.kind = world_byte(w) % 2 == 0 ? ITEM_SETTLE : ITEM_FAIL, .slot = slot};
    struct lock lock = locks_get(locks, slot);
    if (w->now_s + WORLD_LOCK_LIFE / 2 > lock.expiry_s) /* R6: too late for the secret */
        item.kind = ITEM_FAIL;
    item.reference = item.kind == ITEM_SETTLE ? world_preimage((u64)lock.amount) : (hash32){{0}};
    item.text = item.kind == ITEM_FAIL ? BYTES_LIT("no") : BYTES_EMPTY;
    enum status st = channel_queue(channel, &item, NULL, NULL);
    assert(st == ST_OK || st == ST_AGAIN);
}

/* Whether the peer has told the secret: then it has time to arrive before the lock expires, which
 * the schedule would not give it. */
static inline bool world_is_told(const struct world *w, u32 side, u32 slot)
{
    hash32 preimage;
    return channel_lock_preimage(w->side[1 - side].channel, slot, &preimage);
}

static inline bool world_may_end(const struct world *w, u32 side, u32 slot)
{
    const struct world_side *at = &w->side[side];
    struct lock lock = locks_get(channel_locks(at->channel, side), slot);
    return at->to_end[slot] != WORLD_NOTHING ||
           (lock.amount != 0 && w->now_s > lock.expiry_s && !world_is_told(w, side, slot));
}

static inline void world_end_lock(struct world *w, u32 side)
{
    struct world_side *at = &w->side[side];
    u32 slot = world_byte(w) % 8;
    while (slot < WORLD_SLOTS && !world_may_end(w, side, slot))
        slot++;
    if (slot == WORLD_SLOTS)
        return;
    struct item item = {.kind = at->to_end[slot] == WORLD_PAY ? ITEM_PAID : ITEM_DROP,
                        .slot = slot};
    if (channel_queue(at->channel, &item, NULL, NULL) == ST_OK)
        at->to_end[slot] = WORLD_NOTHING;
}

static inline void world_update(struct world *w, u32 side)
{
    struct world_side *at = &w->side[side];
    struct wire_message message = {.type = WIRE_UPDATE};
    if (!at->here || !at->there || !channel_wants_update(at->channel))
        return;
    enum status st =
        channel_make_update(at->channel, &world_signer, &message.update, &at->events, NULL);
    assert(st == ST_OK);
    world_record(w, side, true, &message);
    world_say(w, side, &message);
    world_take_events(at);
}

static inline void world_splice(struct world *w, u32 side)
{
    struct world_side *at = &w->side[side];
    struct wire_message message = {.type = WIRE_STFU};
    message.stfu = (struct wire_stfu){channel_name(at->channel)->id, 2};
    enum status st = ST_OK;
    if (!at->here || !at->there)
        return;
    if (channel_wants_silence(at->channel)) {
        channel_say_silence(at->channel);
        world_say(w, side, &message);
    }
    if (channel_wants_rebase(at->channel)) {
        message.type = WIRE_REBASE;
        st = channel_make_rebase(at->channel, &world_signer, &message.rebase, NULL);
        assert(st == ST_OK);
        world_record(w, side, true, &message);
        world_say(w, side, &message);
    }
    if (channel_owes_withdraw(at->channel, w->now_s)) {
        message.type = WIRE_WITHDRAW;
        st = channel_answer_withdraw(at->channel, &world_signer, &message.withdraw, NULL);
        assert(st == ST_OK);
        world_record(w, side, true, &message);
        world_say(w, side, &message);
    }
}

static inline void world_withdraw(struct world *w, u32 side)
{
    struct world_side *at = &w->side[side];
    struct wire_message message = {.type = WIRE_WITHDRAW};
    u128 amount = world_number(w, (u64)channel_spendable(at->channel) + 1);
    if (!at->here || !at->there || amount == 0)
        return;
    enum status st = channel_begin_withdraw(at->channel, amount, w->now_s + WORLD_WITHDRAW_LIFE,
                                            &world_signer, &message.withdraw, NULL);
    assert(st == ST_OK || st == ST_AGAIN);
    if (st != ST_OK)
        return;
    world_record(w, side, true, &message);
    world_say(w, side, &message);
}

/* Anybody may send what both have signed; who has both, has it durable. */
static inline void world_execute(struct world *w, u32 side)
{
    for (u32 of = 0; of < 2; of++) {
        struct channel_withdraw withdraw;
        signature64 signature[2];
        if (w->side[side].durable == w->side[side].count &&
            channel_withdrawal(w->side[side].channel, of, &withdraw, signature) &&
            w->now_s <= withdraw.until_s && withdraw.total > w->withdrawn[of])
            w->withdrawn[of] = withdraw.total;
    }
}

/* --- What a side hears. */

static inline void world_take_funds(struct channel *channel, const struct wire_funded *said)
{
    channel_peer_sees(channel, (u128[2]){said->deposited_a, said->deposited_b},
                      (u128[2]){said->withdrawn_a, said->withdrawn_b});
    channel_peer_sees_time(channel, said->final_s);
}

static inline enum status world_take_withdraw(struct world *w, u32 side,
                                              const struct wire_withdraw *said)
{
    struct channel *channel = w->side[side].channel;
    struct wire_message again = {.type = WIRE_WITHDRAW};
    enum status st = channel_take_withdraw(channel, said, &w->err);
    if (st == ST_AGAIN && said->side != side &&
        channel_sent_withdraw(channel, said->side, &again.withdraw))
        world_say(w, side, &again);
    return st;
}

static inline enum status world_take_hello(struct world *w, u32 side,
                                           const struct wire_reestablish *said)
{
    struct world_side *at = &w->side[side];
    struct channel_missed missed;
    struct wire_message again;
    enum status st = channel_meet(at->channel, said, &missed, &w->err);
    at->there = st == ST_OK;
    while (st == ST_OK && channel_say_again(at->channel, &missed, &again))
        world_say(w, side, &again);
    return st;
}

/* ST_OK: to be written; ST_AGAIN: nothing of it is. */
static inline enum status world_take(struct world *w, u32 side, const struct wire_message *message)
{
    struct world_side *at = &w->side[side];
    enum status st = ST_OK;
    if (message->type == WIRE_UPDATE)
        return channel_take_update(at->channel, &message->update, w->now_s, &at->events, &w->err);
    if (message->type == WIRE_REBASE)
        return channel_take_rebase(at->channel, &message->rebase, &w->err);
    if (message->type == WIRE_WITHDRAW)
        return world_take_withdraw(w, side, &message->withdraw);
    if (message->type == WIRE_STFU)
        channel_take_silence(at->channel);
    if (message->type == WIRE_FUNDED)
        world_take_funds(at->channel, &message->funded);
    if (message->type == WIRE_REESTABLISH)
        st = world_take_hello(w, side, &message->reestablish);
    return st == ST_OK ? ST_AGAIN : st;
}

static inline void world_deliver(struct world *w, u32 side)
{
    struct world_side *at = &w->side[side], *from = &w->side[1 - side];
    struct wire_message message;
    if (!at->here || from->read == from->ready)
        return;
    enum status st = wire_decode(from->line[from->read++], &message, NULL);
    assert(st == ST_OK);
    st = world_take(w, side, &message);
    if (st == ST_INVALID)
        fprintf(stderr, "side %u refuses %s: %s\n", side, wire_name((u16)message.type),
                w->err.text);
    assert(st == ST_OK || st == ST_AGAIN);
    if (st == ST_OK)
        world_record(w, side, false, &message);
    world_take_events(at);
}

/* A message with one wrong byte, or one that was said before. */
static inline void world_lie(struct world *w, u32 side)
{
    struct world_side *at = &w->side[side], *from = &w->side[1 - side];
    struct wire_message message;
    static u8 room[WIRE_LIMIT];
    if (from->ready == 0 || !at->here || !at->there)
        return;
    bytes lie = from->line[world_number(w, from->ready)];
    bytes_copy(room, lie);
    lie.data = room;
    usize place = 34 + world_number(w, lie.size - 34); /* type and id say whom it is for */
    room[place] ^= world_byte(w);
    if (wire_decode(lie, &message, NULL) != ST_OK ||
        (message.type != WIRE_UPDATE && message.type != WIRE_REBASE &&
         message.type != WIRE_WITHDRAW))
        return;
    for (usize i = from->read; i < from->said; i++) /* the truth, only early */
        if (bytes_equal(from->line[i], lie))
            return;
    hash32 before = world_digest(at->channel);
    enum status st = world_take(w, side, &message);
    if (st == ST_OK) { /* the truth of an earlier connection */
        world_record(w, side, false, &message);
        world_take_events(at);
        return;
    }
    assert(at->events.count == 0 && hash32_equal(before, world_digest(at->channel)));
}

/* --- Laws. */

static inline u128 world_more(u128 a, u128 b)
{
    return a > b ? a : b;
}

/* R3: what a side can show covers the locks of both sides, after all withdrawals that are signed.
 */
static inline void world_check_covered(const struct world *w, u32 side)
{
    const struct channel *channel = w->side[side].channel;
    struct channel_proof proof = channel_proof(channel);
    u128 in[2], out[2];
    channel_seen(channel, in, out);
    for (u32 of = 0; of < 2; of++) {
        struct channel_withdraw withdraw;
        signature64 signature[2];
        (void)channel_withdrawal(channel, of, &withdraw, signature);
        u128 gone =
            channel_withdrawal_is_open(channel, of) ? world_more(out[of], withdraw.total) : out[of];
        i128 share = (i128)proof.base.balance[of] + (i128)in[of] - (i128)proof.base.deposited[of] -
                     (i128)gone + (i128)proof.base.withdrawn[of] + (i128)proof.half[1 - of].sent -
                     (i128)proof.half[of].sent;
        assert(share >= (i128)proof.half[of].locked);
    }
}

static inline void world_check(struct world *w)
{
    for (u32 side = 0; side < 2; side++) {
        const struct channel *channel = w->side[side].channel;
        u128 in[2], out[2];
        channel_seen(channel, in, out);
        assert(channel_funds(channel, 0) + channel_funds(channel, 1) + out[0] + out[1] ==
               in[0] + in[1]);
        world_check_covered(w, side);
    }
}

static inline void world_check_journal(struct world *w, u32 side)
{
    struct world_side *at = &w->side[side];
    struct channel_events events = {0};
    struct channel *again = world_replayed(at, side, at->count, &events);
    struct channel_proof one = channel_proof(again), two = channel_proof(at->channel);
    hash32 id = channel_name(again)->id;
    assert(hash32_equal(base_hash(id, &one.base), base_hash(id, &two.base)));
    for (u32 of = 0; of < 2; of++)
        assert(hash32_equal(half_hash(id, &one.half[of]), half_hash(id, &two.half[of])));
    struct wire_reestablish a = channel_hello(again), b = channel_hello(at->channel);
    assert(a.epoch == b.epoch && a.sent_seq == b.sent_seq && a.received_seq == b.received_seq &&
           hash32_equal(a.received_hash, b.received_hash));
    assert(channel_receivable(again) == channel_receivable(at->channel));
    channel_events_free(&events);
    channel_free(again);
}

/* The schedule is over: all that was begun is ended. */
static inline void world_settle_down(struct world *w)
{
    world_meet(w);
    for (int i = 0; i < 200; i++)
        for (u32 side = 0; side < 2; side++) {
            world_update(w, side);
            world_splice(w, side);
            world_flush(w, side);
            for (int j = 0; j < 80; j++)
                world_deliver(w, side);
        }
    for (u32 side = 0; side < 2; side++)
        world_see(w, side), world_flush(w, side);
    for (u32 side = 0; side < 2; side++)
        while (w->side[1 - side].read < w->side[1 - side].ready)
            world_deliver(w, side);
    const struct channel *a = w->side[0].channel, *b = w->side[1].channel;
    assert(channel_progress(a).epoch == channel_progress(b).epoch);
    assert(channel_net(a) == channel_net(b));
    assert(!channel_wants_update(a) && !channel_wants_update(b));
    for (u32 side = 0; side < 2; side++) {
        assert(channel_funds(a, side) == channel_funds(b, side));
        assert(channel_spendable(w->side[side].channel) ==
               channel_receivable(w->side[1 - side].channel));
        world_check_journal(w, side);
    }
}

/* --- The schedule. */

static inline void world_reconnect(struct world *w, u32 side)
{
    (void)side;
    world_meet(w);
}

static inline void world_crash(struct world *w, u32 side)
{
    world_restart(w, side);
    world_meet(w);
}

static inline void world_ask(struct world *w, u32 side)
{
    channel_ask_rebase(w->side[side].channel);
}

static inline void world_pass_time(struct world *w, u32 side)
{
    w->now_s += 1 + world_byte(w) % 16;
    w->deposited[side] += world_byte(w) % 64;
}

/* What can happen, and how often of 128. */
static const struct {
    u8 often;
    void (*act)(struct world *w, u32 side);
} world_acts[] = {
    {12, world_pay},    {8, world_lock},   {8, world_answer},    {8, world_end_lock},
    {18, world_update}, {16, world_flush}, {28, world_deliver},  {1, world_reconnect},
    {1, world_crash},   {2, world_ask},    {8, world_splice},    {4, world_withdraw},
    {3, world_execute}, {3, world_see},    {2, world_pass_time}, {6, world_lie},
};

static inline void world_step(struct world *w)
{
    u8 op = world_byte(w);
    usize i = 0;
    for (u32 left = op >> 1; left >= world_acts[i].often; i++)
        left -= world_acts[i].often;
    world_acts[i].act(w, op & 1);
}

static inline struct world *world_begin(bytes script)
{
    static struct world *w;
    static u8 *memory;
    if (w == NULL) {
        w = malloc(sizeof(*w));
        memory = malloc(WORLD_MEMORY);
    }
    assert(w != NULL && memory != NULL);
    memset(w, 0, sizeof(*w));
    w->script = script;
    w->memory = memory;
    w->now_s = WORLD_START;
    w->deposited[0] = 40000;
    w->deposited[1] = 10000;
    for (u32 side = 0; side < 2; side++) {
        w->side[side].channel = world_channel(side);
        world_see(w, side);
        world_flush(w, side);
    }
    world_meet(w);
    return w;
}

static inline void world_end(struct world *w)
{
    for (u32 side = 0; side < 2; side++) {
        channel_free(w->side[side].channel);
        channel_events_free(&w->side[side].events);
    }
}

static inline void world_run(bytes script)
{
    struct world *w = world_begin(script);
    while (w->script.size != 0 && !world_is_full(w)) {
        world_step(w);
        world_check(w);
    }
    for (u32 side = 0; side < 2; side++)
        world_check_journal(w, side);
    world_settle_down(w);
    world_end(w);
}

#endif

/* The world: what leaves a side, what reaches it, and what it has after a restart. */
#include "channel/channel_world.h"
#include "channel/image.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* --- Bytes. */

u8 world_byte(struct world *w)
{
    if (w->script.size == 0)
        return 0;
    u8 byte = w->script.data[0];
    w->script = bytes_slice(w->script, 1, w->script.size);
    return byte;
}

u64 world_number(struct world *w, u64 limit)
{
    u64 number = (u64)world_byte(w) << 8;
    number |= world_byte(w);
    return limit == 0 ? 0 : number % limit;
}

static bytes world_encode(struct world *w, const struct wire_message *message)
{
    static u8 room[WIRE_LIMIT];
    usize size = wire_encode(message, room);
    assert(w->used + size <= WORLD_MEMORY);
    bytes out = {w->memory + w->used, size};
    memcpy(w->memory + w->used, room, size);
    w->used += size;
    return out;
}

bool world_is_full(const struct world *w)
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

/* Each side's signer is the daemon's own: an honest machine is never refused. */
static struct {
    struct keyring *ring;
    struct limited_signer *signer;
} world_keys[2];

static void drop_signer(u32 side)
{
    signer_free(world_keys[side].signer);
    keyring_free(world_keys[side].ring);
    world_keys[side].signer = NULL;
    world_keys[side].ring = NULL;
}

static void make_signer(u32 side)
{
    secret32 account = {{[31] = (u8)(side + 1)}};
    drop_signer(side);
    world_keys[side].ring = keyring_new(&account);
    struct signer_options options = {.ring = world_keys[side].ring};
    world_keys[side].signer = signer_new(&options);
}

static void know(const struct channel *channel)
{
    u32 side = channel_side(channel);
    enum status st = signer_know(world_keys[side].signer, side, side, channel_terms(channel), NULL);
    assert(st == ST_OK);
}

void world_adopt(const struct channel *channel)
{
    u32 side = channel_side(channel);
    struct channel_newest newest = channel_newest(channel);
    signer_adopt(world_keys[side].signer, side, &newest, channel_locks(channel, 1 - side));
    signer_adopt_locks(world_keys[side].signer, side, channel_locks(channel, side));
}

/* From the journal, as after a restart. */
static void restart_signer(const struct world_side *at, u32 side)
{
    make_signer(side);
    know(at->channel);
    for (usize i = 0; i < at->count; i++) {
        struct wire_message message;
        if (at->journal[i].kind != WORLD_SENT ||
            wire_decode(at->journal[i].message, &message, NULL) != ST_OK)
            continue;
        if (message.type == WIRE_UPDATE)
            signer_note(world_keys[side].signer, side, message.update.epoch, message.update.seq);
        if (message.type == WIRE_REBASE)
            signer_note(world_keys[side].signer, side, message.rebase.epoch, 0);
    }
    world_adopt(at->channel);
}

void world_signers_begin(const struct world *w)
{
    for (u32 side = 0; side < 2; side++)
        know(w->side[side].channel);
}

void world_signers_end(void)
{
    for (u32 side = 0; side < 2; side++)
        drop_signer(side);
}

/* Whatever the schedule pays is allowed. */
static void allow(u32 side, const struct sign_request *request)
{
    bytes items = request->items;
    for (struct item item; items.size != 0 && item_read(&items, &item) == ST_OK;) {
        struct sign_payment payment = {.chain_id = request->terms->chain_id,
                                       .hash = item.lock.key,
                                       .kind = item.lock.kind,
                                       .is_direct = item.kind == ITEM_PAY,
                                       .key = side,
                                       .amount = item.lock.amount,
                                       .count = 1};
        struct sign_request wish = {.kind = SIGN_PAYMENT, .payment = &payment};
        if (item.kind != ITEM_PAY && item.kind != ITEM_ADD && item.kind != ITEM_STAKE)
            continue;
        enum status st = signer_sign(world_keys[side].signer, &wish, NULL, NULL);
        assert(st == ST_OK);
    }
}

static enum status world_sign(void *self, const struct sign_request *request, signature64 *out,
                              struct err *err)
{
    struct err why;
    (void)self, (void)err;
    if (request->kind == SIGN_HALF)
        allow(request->side, request);
    enum status st = signer_sign(world_keys[request->side].signer, request, out, &why);
    if (st != ST_OK)
        fprintf(stderr, "the signer of side %u refuses: %s\n", request->side, why.text);
    return st;
}

const struct channel_signer world_signer = {NULL, world_sign};

/* R2: what has left under a number is all that ever leaves under it. */
static void world_note_signed(struct world *w, u32 side, const struct wire_message *message)
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

void world_say(struct world *w, u32 side, const struct wire_message *message)
{
    struct world_side *at = &w->side[side];
    if (at->here)
        at->line[at->said++] = world_encode(w, message);
}

void world_record(struct world *w, u32 side, bool ours, const struct wire_message *message)
{
    struct world_side *at = &w->side[side];
    at->journal[at->count++] = (struct world_record){.kind = ours ? WORLD_SENT : WORLD_RECEIVED,
                                                     .message = world_encode(w, message)};
}

void world_flush(struct world *w, u32 side)
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

static void world_say_funds(struct world *w, u32 side)
{
    u128 in[2], out[2];
    struct channel *channel = w->side[side].channel;
    channel_seen(channel, in, out);
    struct wire_message message = {.type = WIRE_FUNDED};
    message.funded = (struct wire_funded){channel_name(channel)->id, in[0], in[1], out[0], out[1],
                                          channel_seen_time(channel)};
    world_say(w, side, &message);
}

void world_see(struct world *w, u32 side)
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

void world_take_events(struct world_side *at)
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

struct channel *world_channel(u32 side)
{
    struct channel_terms terms = {.chain_id = 900, .challenge_s = 3600, .salt = {{7}}};
    for (u32 i = 0; i < 2; i++) {
        if (world_keys[i].signer == NULL)
            make_signer(i);
        terms.owner[i] = signer_owner(world_keys[i].signer, i);
        terms.payout[i] = keyring_account(world_keys[i].ring);
    }
    return channel_new(&terms, side, side);
}

static void replay(struct channel *channel, const struct world_record *record,
                   struct channel_events *events)
{
    bool ours = record->kind == WORLD_SENT;
    struct wire_message message;
    if (record->kind == WORLD_SEEN) {
        channel_see(channel, record->deposited, record->withdrawn);
        channel_see_time(channel, record->final_s);
        return;
    }
    enum status st = wire_decode(record->message, &message, NULL);
    assert(st == ST_OK);
    if (message.type == WIRE_UPDATE)
        st = channel_replay(channel, ours, &message.update, events, NULL);
    else if (message.type == WIRE_REBASE)
        st = channel_replay_rebase(channel, ours, &message.rebase, events, NULL);
    else
        st = channel_replay_withdraw(channel, ours, &message.withdraw, NULL);
    assert(st == ST_OK);
}

/* As a journal that is written anew has it. */
static struct channel *through_image(struct channel *channel, u32 side)
{
    struct image image = {0}, again = {0};
    struct channel *out = world_channel(side);
    image_of(channel, &image);
    struct image_reader in = {.left = {image.data, image.size}};
    enum status st = image_take(out, &in, NULL);
    assert(st == ST_OK && in.left.size == 0);
    image_of(out, &again);
    assert(bytes_equal((bytes){image.data, image.size}, (bytes){again.data, again.size}));
    assert(hash32_equal(world_digest(channel), world_digest(out)));
    free(image.data);
    free(again.data);
    channel_free(channel);
    return out;
}

/* The journal is written anew once on the way, and at its end. */
struct channel *world_replayed(const struct world_side *at, u32 side, usize count,
                               struct channel_events *events)
{
    struct channel *channel = world_channel(side);
    usize anew = count == 0 ? 0 : (count * 7919 + at->said) % count;
    for (usize i = 0; i < count; i++) {
        if (i == anew)
            channel = through_image(channel, side);
        replay(channel, &at->journal[i], events);
    }
    return through_image(channel, side);
}

hash32 world_digest(const struct channel *channel)
{
    hash32 id = channel_name(channel)->id, out;
    struct channel_proof proof = channel_proof(channel);
    struct channel_progress progress = channel_progress(channel);
    struct wire_reestablish hello = channel_hello(channel);
    struct {
        hash32 base, half[2], received, onions;
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
    for (u32 slot = 0; slot < WORLD_SLOTS; slot++)
        sha256_joined(BYTES_OF(all.onions), channel_lock_onion(channel, slot), all.onions.b);
    sha256_joined(BYTES_OF(all), BYTES_EMPTY, out.b);
    return out;
}

static void world_part(struct world *w)
{
    for (u32 side = 0; side < 2; side++) {
        struct world_side *at = &w->side[side];
        at->read = at->said = at->ready; /* what has not left, will not */
        at->here = at->there = false;
        channel_part(at->channel);
    }
}

void world_meet(struct world *w)
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

void world_restart(struct world *w, u32 side)
{
    struct world_side *at = &w->side[side];
    world_part(w);
    at->count = at->durable;
    channel_free(at->channel);
    at->events.count = 0;
    memset(at->to_end, 0, sizeof(at->to_end));
    at->channel = world_replayed(at, side, at->count, &at->events);
    restart_signer(at, side);
    at->events.count = 0; /* history */
    channel_resume(at->channel, &at->events);
    world_take_events(at);
}

/* --- What a side hears. */

static void world_take_funds(struct channel *channel, const struct wire_funded *said)
{
    channel_peer_sees(channel, (u128[2]){said->deposited_a, said->deposited_b},
                      (u128[2]){said->withdrawn_a, said->withdrawn_b});
    channel_peer_sees_time(channel, said->final_s);
}

static enum status world_take_withdraw(struct world *w, u32 side, const struct wire_withdraw *said)
{
    struct channel *channel = w->side[side].channel;
    struct wire_message again = {.type = WIRE_WITHDRAW};
    enum status st = channel_take_withdraw(channel, said, &w->err);
    if (st == ST_AGAIN && said->side != side &&
        channel_sent_withdraw(channel, said->side, &again.withdraw))
        world_say(w, side, &again);
    return st;
}

static enum status world_take_hello(struct world *w, u32 side, const struct wire_reestablish *said)
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

enum status world_take(struct world *w, u32 side, const struct wire_message *message)
{
    struct world_side *at = &w->side[side];
    enum status st = ST_OK;
    if (message->type == WIRE_UPDATE) {
        st = channel_take_update(at->channel, &message->update, w->now_s, &at->events, &w->err);
        struct half half = channel_newest(at->channel).half[1 - side];
        if (st == ST_OK)
            signer_hear(world_keys[side].signer, side, &half, message->update.items);
        return st;
    }
    if (message->type == WIRE_REBASE)
        return channel_take_rebase(at->channel, &message->rebase, &at->events, &w->err);
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

bool world_is_decided(const struct lock *lock)
{
    return lock->kind != LOCK_OF_SECRET && lock->key.b[1] % 2 == 1;
}

u128 world_kept(const struct lock *lock)
{
    return world_is_decided(lock) ? (u128)WORLD_KEPT * (lock->key.b[1] - 1u) : lock->amount;
}

/* No stake goes back to its payer with something in it that a court gave its payee. */
static void world_check_stakes(const struct channel *channel, bytes items)
{
    const struct locks *locks = channel_locks(channel, 1 - channel_side(channel));
    for (struct item item; items.size != 0 && item_read(&items, &item) == ST_OK;) {
        struct lock lock = locks_get(locks, item.slot);
        assert(item.kind != ITEM_DROP || lock.amount <= world_kept(&lock));
    }
}

void world_deliver(struct world *w, u32 side)
{
    struct world_side *at = &w->side[side], *from = &w->side[1 - side];
    struct wire_message message;
    if (!at->here || from->read == from->ready)
        return;
    enum status st = wire_decode(from->line[from->read++], &message, NULL);
    assert(st == ST_OK);
    if (message.type == WIRE_UPDATE)
        world_check_stakes(at->channel, message.update.items);
    st = world_take(w, side, &message);
    if (st == ST_INVALID)
        fprintf(stderr, "side %u refuses %s: %s\n", side, wire_name((u16)message.type),
                w->err.text);
    assert(st == ST_OK || st == ST_AGAIN);
    if (st == ST_OK)
        world_record(w, side, false, &message);
    world_take_events(at);
}

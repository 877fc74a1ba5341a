/* What happens in the world, and what must hold. */
#include "channel/channel_world.h"

#include <assert.h>
#include <stdlib.h>

/* --- What a side does. */

static hash32 world_preimage(u64 number)
{
    hash32 out = {{3}};
    store_be64(out.b + 24, number);
    return out;
}

static void world_pay(struct world *w, u32 side)
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
static void world_lock(struct world *w, u32 side)
{
    static const u8 onion[ITEM_ONION_LIMIT];
    struct channel *channel = w->side[side].channel;
    u128 room = channel_spendable(channel);
    struct item item = {.kind = ITEM_ADD};
    item.lock.amount = world_number(w, (u64)room + 1);
    item.text = (bytes){onion, item.lock.amount % 2 == 0 ? ONION_SIZE : sizeof(onion)};
    item.lock.expiry_s = w->now_s + WORLD_LOCK_LIFE;
    hash32 preimage = world_preimage((u64)item.lock.amount);
    sha256_joined(BYTES_OF(preimage), BYTES_EMPTY, item.lock.key.b);
    if (item.lock.amount == 0 || locks_count(channel_locks(channel, side)) == WORLD_SLOTS / 2)
        return;
    enum status st = channel_queue(channel, &item, NULL, NULL);
    assert(st != ST_MISSING && st != ST_INVALID);
}

static void world_stake(struct world *w, u32 side)
{
    struct channel *channel = w->side[side].channel;
    struct item item = {.kind = ITEM_STAKE};
    item.lock.amount = world_number(w, (u64)channel_spendable(channel) + 1);
    item.lock.expiry_s = w->now_s + WORLD_LOCK_LIFE;
    item.lock.kind = world_byte(w) % 2 == 0 ? LOCK_OF_FIRST : LOCK_OF_SECOND;
    item.lock.key = (hash32){{5, world_byte(w) % WORLD_APPS}};
    if (item.lock.amount == 0 || locks_count(channel_locks(channel, side)) == WORLD_SLOTS / 2)
        return;
    enum status st = channel_queue(channel, &item, NULL, NULL);
    assert(st != ST_MISSING && st != ST_INVALID);
}

/* Some of an app's lock is paid, maybe after the payee let it go. */
static void world_part(struct world *w, u32 side)
{
    struct channel *channel = w->side[side].channel;
    const struct locks *locks = channel_locks(channel, side);
    struct item item = {.kind = ITEM_PART, .slot = world_byte(w) % 8};
    while (item.slot < WORLD_SLOTS && locks_get(locks, item.slot).kind == LOCK_OF_SECRET)
        item.slot++;
    if (item.slot == WORLD_SLOTS)
        return;
    item.lock.amount = world_number(w, (u64)locks_get(locks, item.slot).amount);
    if (item.lock.amount != 0)
        (void)channel_queue(channel, &item, NULL, NULL); /* it may not be sent yet, or change */
}

/* A stake of the side, from a slot of the schedule's on. False: there is none. */
static bool world_find_stake(struct world *w, const struct channel *channel, u32 side, u32 *slot)
{
    const struct locks *locks = channel_locks(channel, side);
    *slot = world_byte(w) % 8;
    while (*slot < WORLD_SLOTS && locks_get(locks, *slot).kind == LOCK_OF_SECRET)
        ++*slot;
    return *slot < WORLD_SLOTS;
}

/* What a court gives is paid; of a lock that it has not decided, all is, now and then. */
static void world_pay_stake(struct world *w, u32 side)
{
    struct channel *channel = w->side[side].channel;
    struct item item = {.kind = ITEM_PAID};
    if (!world_find_stake(w, channel, side, &item.slot))
        return;
    struct lock lock = locks_get(channel_locks(channel, side), item.slot);
    u128 kept = world_kept(&lock);
    if (kept != 0 && kept < lock.amount)
        item =
            (struct item){.kind = ITEM_PART, .slot = item.slot, .lock.amount = lock.amount - kept};
    bool wants = kept < lock.amount || world_byte(w) % 4 == 0;
    if (wants && channel_queue(channel, &item, NULL, NULL) == ST_OK && item.kind == ITEM_PAID)
        w->side[side].to_end[item.slot] = WORLD_NOTHING;
}

/* The payee hears what the court has decided; or that a reorg has taken that back. */
static void world_hear_court(struct world *w, u32 side)
{
    struct channel *channel = w->side[side].channel;
    u32 slot;
    if (!world_find_stake(w, channel, 1 - side, &slot))
        return;
    struct lock lock = locks_get(channel_locks(channel, 1 - side), slot);
    if (lock.amount > world_kept(&lock) && world_byte(w) % 4 != 0)
        channel_claim(channel, slot);
    else
        channel_disclaim(channel, slot);
}

static void world_answer(struct world *w, u32 side)
{
    struct channel *channel = w->side[side].channel;
    const struct locks *locks = channel_locks(channel, 1 - side);
    u32 slot = world_byte(w) % 8;
    while (slot < WORLD_SLOTS && !channel_lock_stands(channel, slot))
        slot++;
    if (slot == WORLD_SLOTS)
        return;
    struct item item = {.kind = world_byte(w) % 2 == 0 ? ITEM_SETTLE : ITEM_FAIL, .slot = slot};
    struct lock lock = locks_get(locks, slot);
    if (w->now_s + WORLD_LOCK_LIFE / 2 > lock.expiry_s || /* R6: too late for the secret */
        lock.kind != LOCK_OF_SECRET)
        item.kind = ITEM_FAIL;
    if (lock.amount > world_kept(&lock)) /* the rest is owed */
        return;
    item.reference = item.kind == ITEM_SETTLE ? world_preimage((u64)lock.amount) : (hash32){{0}};
    item.text = item.kind == ITEM_FAIL ? BYTES_LIT("no") : BYTES_EMPTY;
    enum status st = channel_queue(channel, &item, NULL, NULL);
    assert(st == ST_OK || st == ST_AGAIN);
}

/* Whether the peer has told the secret: then it has time to arrive before the lock expires, which
 * the schedule would not give it. */
static bool world_is_told(const struct world *w, u32 side, u32 slot)
{
    hash32 preimage;
    return channel_lock_preimage(w->side[1 - side].channel, slot, &preimage);
}

static bool world_may_end(const struct world *w, u32 side, u32 slot)
{
    const struct world_side *at = &w->side[side];
    struct lock lock = locks_get(channel_locks(at->channel, side), slot);
    return at->to_end[slot] != WORLD_NOTHING ||
           (lock.amount != 0 && w->now_s > lock.expiry_s && !world_is_told(w, side, slot) &&
            !world_is_decided(&lock)); /* else the payee lets it go */
}

static void world_end_lock(struct world *w, u32 side)
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

void world_update(struct world *w, u32 side)
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

void world_splice(struct world *w, u32 side)
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
        st = channel_make_rebase(at->channel, &world_signer, &message.rebase, &at->events, NULL);
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

static void world_withdraw(struct world *w, u32 side)
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
void world_execute(struct world *w, u32 side)
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

/* A message with one wrong byte, or one that was said before. */
static void world_lie(struct world *w, u32 side)
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

static u128 world_more(u128 a, u128 b)
{
    return a > b ? a : b;
}

/* R3: what a side can show covers the locks of both sides, after all withdrawals that are signed.
 */
static void world_check_covered(const struct world *w, u32 side)
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

static void world_check(struct world *w)
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

void world_check_journal(struct world *w, u32 side)
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
void world_settle_down(struct world *w)
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

static void world_reconnect(struct world *w, u32 side)
{
    (void)side;
    world_meet(w);
}

static void world_crash(struct world *w, u32 side)
{
    world_restart(w, side);
    world_meet(w);
}

static void world_ask(struct world *w, u32 side)
{
    channel_ask_rebase(w->side[side].channel);
}

static void world_pass_time(struct world *w, u32 side)
{
    w->now_s += 1 + world_byte(w) % 16;
    w->deposited[side] += world_byte(w) % 64;
}

/* What can happen, and how often of 128. */
static const struct {
    u8 often;
    void (*act)(struct world *w, u32 side);
} world_acts[] = {
    {6, world_pay},     {6, world_lock},   {8, world_answer},    {8, world_end_lock},
    {5, world_stake},   {4, world_part},   {3, world_pay_stake}, {2, world_hear_court},
    {16, world_update}, {14, world_flush}, {26, world_deliver},  {1, world_reconnect},
    {1, world_crash},   {2, world_ask},    {8, world_splice},    {4, world_withdraw},
    {3, world_execute}, {3, world_see},    {2, world_pass_time}, {6, world_lie},
};

static void world_step(struct world *w)
{
    u8 op = world_byte(w);
    usize i = 0;
    for (u32 left = op >> 1; left >= world_acts[i].often; i++)
        left -= world_acts[i].often;
    world_acts[i].act(w, op & 1);
}

struct world *world_begin(bytes script)
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
    world_signers_end();
    for (u32 side = 0; side < 2; side++) {
        w->side[side].channel = world_channel(side);
        world_see(w, side);
        world_flush(w, side);
    }
    world_signers_begin(w);
    world_meet(w);
    return w;
}

void world_end(struct world *w)
{
    for (u32 side = 0; side < 2; side++) {
        channel_free(w->side[side].channel);
        channel_events_free(&w->side[side].events);
    }
    world_signers_end();
}

void world_run(bytes script)
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

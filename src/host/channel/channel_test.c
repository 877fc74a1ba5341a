/* Two machines that talk to each other, with delays, restarts and lies between them. */
#include "channel/channel.h"
#include "channel/image.h"

#include "harness/test.h"

#include <stdlib.h>

enum { NOW = 1700000000 };

static enum status sign(void *self, const struct sign_request *request, signature64 *out,
                        struct err *err)
{
    const secret32 *keys = self;
    (void)err;
    CHECK(request->kind == SIGN_HALF && request->half->side == request->side);
    hash32 digest =
        signed_digest(request->name->domain, half_hash(request->name->id, request->half));
    return secret_sign(&keys[request->key], digest, out);
}

static secret32 keys[2] = {{{[31] = 1}}, {{[31] = 2}}};
static const struct channel_signer signer = {keys, sign};

/* An update in flight, or in a journal. */
struct letter {
    bool ours;
    struct wire_update update;
};

struct letters {
    struct letter list[20000];
    usize count, read;
};

/* A side, its journal, and what it has sent that the other has not read. */
struct end {
    struct channel *channel;
    struct letters journal, line;
    struct channel_events events;
    u128 paid_in, paid_out;
};

static struct wire_update keep(const struct wire_update *update)
{
    struct wire_update copy = *update;
    u8 *items = arena_take(test_arena(), update->items.size + 1, 1);
    bytes_copy(items, update->items);
    copy.items.data = items;
    return copy;
}

static void put(struct letters *letters, bool ours, const struct wire_update *update)
{
    CHECK(letters->count < countof(letters->list));
    letters->list[letters->count++] = (struct letter){ours, *update};
}

static struct channel_terms test_terms(void)
{
    struct channel_terms terms = {.chain_id = 900, .challenge_s = 3600, .salt = {{7}}};
    for (u32 side = 0; side < 2; side++)
        CHECK(secret_address(&keys[side], &terms.owner[side]) == ST_OK);
    return terms;
}

static struct channel *test_channel(u32 side)
{
    struct channel_terms terms = test_terms();
    struct channel *channel = channel_new(&terms, side, side);
    const u128 deposited[2] = {1000000, 500000}, withdrawn[2] = {0, 0};
    channel_see(channel, deposited, withdrawn);
    channel_peer_sees(channel, deposited, withdrawn);
    return channel;
}

static void begin(struct end ends[2])
{
    for (u32 side = 0; side < 2; side++) {
        memset(&ends[side], 0, sizeof(ends[side]));
        ends[side].channel = test_channel(side);
    }
}

static void end(struct end ends[2])
{
    for (u32 side = 0; side < 2; side++) {
        channel_free(ends[side].channel);
        channel_events_free(&ends[side].events);
    }
}

static enum status pay(struct end *from, u128 amount)
{
    struct item item = {.kind = ITEM_PAY, .lock.amount = amount, .reference = {{9}}};
    return channel_queue(from->channel, &item, NULL, NULL);
}

static bool send(struct end *from)
{
    if (!channel_wants_update(from->channel))
        return false;
    struct wire_update update;
    CHECK(channel_make_update(from->channel, &signer, &update, &from->events, NULL) == ST_OK);
    update = keep(&update);
    put(&from->journal, true, &update);
    put(&from->line, true, &update);
    return true;
}

static bool receive(struct end *to, struct end *from)
{
    if (from->line.read == from->line.count)
        return false;
    const struct wire_update *update = &from->line.list[from->line.read++].update;
    struct err err;
    enum status st = channel_take_update(to->channel, update, NOW, &to->events, &err);
    if (st != ST_OK && st != ST_AGAIN)
        test_fail(__FILE__, __LINE__, "update %lu refused: %s", update->seq, err.text);
    if (st == ST_OK)
        put(&to->journal, false, update);
    return true;
}

static void count_events(struct end *at)
{
    for (usize i = 0; i < at->events.count; i++) {
        const struct channel_event *event = &at->events.list[i];
        if (event->kind == EVENT_PAID_IN)
            at->paid_in += event->amount;
        if (event->kind == EVENT_PAID_OUT)
            at->paid_out += event->amount;
    }
    at->events.count = 0;
}

static void settle_down(struct end ends[2])
{
    for (bool busy = true; busy;) {
        busy = false;
        for (u32 side = 0; side < 2; side++) {
            busy |= send(&ends[side]);
            busy |= receive(&ends[1 - side], &ends[side]);
        }
    }
    for (u32 side = 0; side < 2; side++)
        count_events(&ends[side]);
}

static struct end ends[2];

TEST(a_payment_arrives_and_is_acknowledged)
{
    begin(ends);
    CHECK(channel_spendable(ends[0].channel) == 1000000);
    CHECK(pay(&ends[0], 1000001) == ST_FULL);
    CHECK(pay(&ends[0], 400) == ST_OK);
    CHECK(channel_spendable(ends[0].channel) == 999600);
    CHECK(channel_spendable(ends[1].channel) == 500000);
    settle_down(ends);
    CHECK(ends[1].paid_in == 400 && ends[0].paid_out == 400);
    CHECK(channel_spendable(ends[1].channel) == 500400);
    CHECK(channel_funds(ends[0].channel, 0) == 999600 &&
          channel_funds(ends[0].channel, 1) == 500400);
    CHECK(channel_net(ends[0].channel) == 400 && channel_net(ends[1].channel) == 400);
    CHECK(channel_is_quiet(ends[0].channel) && channel_is_quiet(ends[1].channel));
    end(ends);
}

static bool same_proof(const struct channel *one, const struct channel *two)
{
    hash32 id = channel_name(one)->id;
    struct channel_proof a = channel_proof(one), b = channel_proof(two);
    bool same = hash32_equal(base_hash(id, &a.base), base_hash(id, &b.base));
    for (u32 side = 0; side < 2; side++)
        same = same && hash32_equal(half_hash(id, &a.half[side]), half_hash(id, &b.half[side])) &&
               memcmp(&a.half_signature[side], &b.half_signature[side], sizeof(signature64)) == 0;
    return same;
}

/* After a restart, what the machine says must be what it said before. */
static void check_replayed(const struct end *at, u32 side)
{
    struct channel *again = test_channel(side);
    struct channel_events events = {0};
    u128 in = 0;
    for (usize i = 0; i < at->journal.count; i++)
        CHECK(channel_replay(again, at->journal.list[i].ours, &at->journal.list[i].update, &events,
                             NULL) == ST_OK);
    for (usize i = 0; i < events.count; i++)
        in += events.list[i].kind == EVENT_PAID_IN ? events.list[i].amount : 0;
    CHECK(in == at->paid_in);
    CHECK(same_proof(at->channel, again));
    struct channel_progress a = channel_progress(at->channel), b = channel_progress(again);
    CHECK(a.sent_seq == b.sent_seq && a.acked_seq == b.acked_seq &&
          a.received_seq == b.received_seq && hash32_equal(a.received_hash, b.received_hash));
    CHECK(channel_spendable(again) == channel_spendable(at->channel));
    CHECK(channel_funds(again, 0) == channel_funds(at->channel, 0));
    channel_events_free(&events);
    channel_free(again);
}

static u64 seed;

static u64 dice(u64 sides)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % sides;
}

static hash32 preimage_of(u64 number)
{
    hash32 out = {{1}};
    store_be64(out.b + 24, number);
    return out;
}

static struct item new_lock(u128 amount, u64 number, u64 expiry_s)
{
    static const u8 onion[ONION_SIZE];
    struct item item = {.kind = ITEM_ADD,
                        .lock = {.amount = amount, .expiry_s = expiry_s},
                        .text = BYTES_OF(onion)};
    hash32 preimage = preimage_of(number);
    sha256_joined(BYTES_OF(preimage), BYTES_EMPTY, item.lock.key.b);
    return item;
}

static void queue(struct end *at, enum item_kind kind, u32 slot, u64 number)
{
    struct item item = {.kind = kind, .slot = slot, .reference = preimage_of(number)};
    CHECK(channel_queue(at->channel, &item, NULL, NULL) == ST_OK);
}

TEST(what_rests_on_the_peers_word_is_payments_locks_and_what_it_lets_go)
{
    struct item first = new_lock(1000, 1, NOW + 60), second = new_lock(200, 2, NOW + 60);
    u32 slots[2];
    begin(ends);
    CHECK(pay(&ends[0], 400) == ST_OK);
    settle_down(ends);
    CHECK(channel_relied(ends[0].channel) == 0 && channel_relied(ends[1].channel) == 400);
    CHECK(channel_queue(ends[0].channel, &first, &slots[0], NULL) == ST_OK);
    CHECK(channel_queue(ends[0].channel, &second, &slots[1], NULL) == ST_OK);
    settle_down(ends);
    CHECK(channel_relied(ends[1].channel) == 1600);
    queue(&ends[1], ITEM_SETTLE, slots[0], 1);
    queue(&ends[1], ITEM_FAIL, slots[1], 2);
    settle_down(ends);
    CHECK(channel_relied(ends[0].channel) == 0 && channel_relied(ends[1].channel) == 1600);
    queue(&ends[0], ITEM_PAID, slots[0], 1); /* what was a lock is money now: again at risk */
    settle_down(ends);
    CHECK(channel_relied(ends[0].channel) == 0 && channel_relied(ends[1].channel) == 2600);
    queue(&ends[0], ITEM_DROP, slots[1], 2); /* 200 are the payer's again, if that is remembered */
    CHECK(pay(&ends[1], 1) == ST_OK);
    settle_down(ends);
    CHECK(channel_relied(ends[0].channel) == 201 && channel_relied(ends[1].channel) == 2600);
    end(ends);
}

/* Does with locks what a daemon would, at random. */
static void act(struct end *at, u64 *numbers)
{
    struct channel_events events = at->events;
    at->events = (struct channel_events){0};
    for (usize i = 0; i < events.count; i++) {
        const struct channel_event *event = &events.list[i];
        struct item item = {.slot = event->slot};
        switch (event->kind) {
        case EVENT_LOCK_WAITS:
        case EVENT_STAKE_PAID:
        case EVENT_STAKE_GONE:
            break;
        case EVENT_LOCK_IN:
            CHECK(channel_lock_onion(at->channel, event->slot).size == ONION_SIZE);
            item.kind = dice(3) == 0 ? ITEM_FAIL : ITEM_SETTLE;
            /* The test gives a lock of n + 1 units the preimage number n. */
            item.reference = preimage_of((u64)event->amount - 1);
            item.text = item.kind == ITEM_FAIL ? BYTES_LIT("no") : BYTES_EMPTY;
            CHECK(channel_queue(at->channel, &item, NULL, NULL) != ST_MISSING);
            break;
        case EVENT_SETTLED:
            item.kind = ITEM_PAID;
            CHECK(hash32_equal(event->reference, preimage_of((u64)event->amount - 1)));
            CHECK(channel_queue(at->channel, &item, NULL, NULL) == ST_OK);
            at->paid_out += event->amount;
            break;
        case EVENT_FAILED:
            CHECK(bytes_equal(channel_lock_reason(at->channel, event->slot), BYTES_LIT("no")));
            item.kind = ITEM_DROP;
            CHECK(channel_queue(at->channel, &item, NULL, NULL) == ST_OK);
            break;
        case EVENT_DROPPED:
            (*numbers)--;
            break;
        case EVENT_PAID_IN:
            at->paid_in += event->amount;
            break;
        case EVENT_PAID_OUT:
            at->paid_out += event->amount;
            break;
        }
    }
    channel_events_free(&events);
}

TEST(money_is_conserved_whatever_the_order_and_a_journal_brings_all_back)
{
    for (seed = 1; seed < 30; seed++) {
        u64 numbers = 0, start = seed;
        begin(ends);
        for (int i = 0; i < 600; i++) {
            struct end *at = &ends[dice(2)], *other = at == ends ? ends + 1 : ends;
            switch (dice(6)) {
            case 0:
                (void)pay(at, 1 + dice(2000));
                break;
            case 1: {
                struct item item = new_lock(numbers + 1, numbers, NOW + 1000);
                numbers += channel_queue(at->channel, &item, NULL, NULL) == ST_OK;
                break;
            }
            case 2:
            case 3:
                send(at);
                break;
            default:
                receive(at, other);
                act(at, &numbers);
                break;
            }
            u128 sum = channel_funds(at->channel, 0) + channel_funds(at->channel, 1);
            CHECK(sum == 1500000);
        }
        for (bool busy = true; busy;) {
            busy = false;
            for (u32 side = 0; side < 2; side++) {
                busy |= send(&ends[side]);
                busy |= receive(&ends[1 - side], &ends[side]);
                act(&ends[side], &numbers);
            }
        }
        CHECK_ROW(start, channel_is_quiet(ends[0].channel) && channel_is_quiet(ends[1].channel));
        for (u32 side = 0; side < 2; side++) {
            CHECK_ROW(start,
                      channel_funds(ends[0].channel, side) == channel_funds(ends[1].channel, side));
            check_replayed(&ends[side], side);
        }
        CHECK(channel_net(ends[0].channel) == channel_net(ends[1].channel));
        end(ends);
        seed = start;
    }
}

TEST(an_update_that_breaks_a_rule_changes_nothing)
{
    begin(ends);
    CHECK(pay(&ends[0], 1000) == ST_OK);
    settle_down(ends);
    struct item lock = new_lock(6, 5, NOW + 10);
    u32 slot;
    CHECK(channel_queue(ends[0].channel, &lock, &slot, NULL) == ST_OK && slot == 0);
    send(&ends[0]);
    struct wire_update good = ends[0].line.list[ends[0].line.read].update;
    struct channel *to = ends[1].channel;
    u128 funds = channel_funds(to, 1);
    struct channel_events events = {0};

    struct wire_update bad = keep(&good);
    bad.signature.b[5] ^= 1;
    CHECK(channel_take_update(to, &bad, NOW, &events, NULL) == ST_INVALID);
    bad = keep(&good);
    bad.seq++;
    CHECK(channel_take_update(to, &bad, NOW, &events, NULL) == ST_INVALID);
    bad = keep(&good);
    bad.epoch++;
    CHECK(channel_take_update(to, &bad, NOW, &events, NULL) == ST_INVALID);
    bad = keep(&good);
    bad.ack_seq = 40;
    CHECK(channel_take_update(to, &bad, NOW, &events, NULL) == ST_INVALID);
    static const struct item wrong[] = {
        {.kind = ITEM_DROP, .slot = 3},
        {.kind = ITEM_PAID, .slot = 3},
        {.kind = ITEM_SETTLE, .slot = 0},
        {.kind = ITEM_FAIL, .slot = 0},
        {.kind = ITEM_PAY, .lock.amount = (u128)1 << 100},
    };
    for (usize i = 0; i < countof(wrong); i++) {
        u8 item[ITEM_LIMIT];
        bad = good;
        bad.items = (bytes){item, item_write(&wrong[i], item)};
        CHECK_ROW(i, channel_take_update(to, &bad, NOW, &events, NULL) == ST_INVALID);
    }
    CHECK(channel_funds(to, 1) == funds && events.count == 0);
    CHECK(locks_count(channel_locks(to, 0)) == 0);
    CHECK(channel_take_update(to, &good, NOW, &events, NULL) == ST_OK);
    CHECK(channel_take_update(to, &good, NOW, &events, NULL) == ST_AGAIN);
    channel_events_free(&events);
    end(ends);
}

/* Of two sides' deposits, which each fit: a token's supply is whatever its maker says. */
TEST(a_journal_that_is_written_anew_holds_the_largest_locks_that_there_can_be)
{
    const u128 most = CHANNEL_AMOUNT_LIMIT - 1, deposited[2] = {most, most}, withdrawn[2] = {0, 0};
    struct item lock = new_lock(most, 1, NOW + 10);
    struct image image = {0};
    begin(ends);
    for (u32 side = 0; side < 2; side++) {
        channel_see(ends[side].channel, deposited, withdrawn);
        channel_peer_sees(ends[side].channel, deposited, withdrawn);
    }
    CHECK(pay(&ends[1], most) == ST_OK);
    settle_down(ends);
    CHECK(channel_queue(ends[0].channel, &lock, NULL, NULL) == ST_OK);
    CHECK(channel_queue(ends[0].channel, &lock, NULL, NULL) == ST_OK);
    settle_down(ends);
    image_of(ends[1].channel, &image);
    struct image_reader in = {.left = {image.data, image.size}};
    struct channel *again = test_channel(1);
    CHECK(image_take(again, &in, NULL) == ST_OK && same_proof(ends[1].channel, again));
    channel_free(again);
    free(image.data);
    end(ends);
}

TEST(a_lock_is_dropped_when_it_was_given_back_or_its_time_is_over)
{
    begin(ends);
    struct item lock = new_lock(6, 5, NOW + 10), drop = {.kind = ITEM_DROP};
    CHECK(channel_queue(ends[0].channel, &lock, NULL, NULL) == ST_OK);
    send(&ends[0]);
    receive(&ends[1], &ends[0]);
    CHECK(channel_queue(ends[0].channel, &drop, NULL, NULL) == ST_OK);
    send(&ends[0]);
    const struct wire_update *update = &ends[0].line.list[1].update;
    struct channel_events events = {0};
    struct channel *to = ends[1].channel;
    CHECK(channel_take_update(to, update, NOW + 10, &events, NULL) == ST_INVALID);
    CHECK(channel_take_update(to, update, NOW + 11, &events, NULL) == ST_OK);
    CHECK(locks_count(channel_locks(to, 0)) == 0);
    channel_events_free(&events);
    end(ends);
}

/* Two locks of the first side's that the second answers when its next update is full. */
static void begin_full(struct item *settle, struct item *let_go)
{
    struct item first = new_lock(6, 1, NOW + 10), second = new_lock(7, 2, NOW + 10);
    *settle = (struct item){.kind = ITEM_SETTLE, .reference = preimage_of(1)};
    *let_go = (struct item){.kind = ITEM_FAIL};
    begin(ends);
    CHECK(channel_queue(ends[0].channel, &first, &settle->slot, NULL) == ST_OK);
    CHECK(channel_queue(ends[0].channel, &second, &let_go->slot, NULL) == ST_OK);
    settle_down(ends);
    while (channel_has_room(ends[1].channel))
        CHECK(pay(&ends[1], 1) == ST_OK);
    CHECK(channel_queue(ends[1].channel, settle, NULL, NULL) == ST_AGAIN);
    CHECK(channel_queue(ends[1].channel, let_go, NULL, NULL) == ST_AGAIN);
    channel_decide(ends[1].channel, settle);
    channel_decide(ends[1].channel, let_go);
}

TEST(a_lock_whose_secret_waits_for_room_in_an_update_does_not_expire)
{
    struct item settle, let_go, drop = {.kind = ITEM_DROP};
    hash32 preimage;
    begin_full(&settle, &let_go);
    struct channel *payee = ends[1].channel;
    drop.slot = settle.slot;
    CHECK(channel_lock_preimage(payee, settle.slot, &preimage)); /* R5: it can be shown */
    CHECK(channel_queue(ends[0].channel, &drop, NULL, NULL) == ST_OK);
    send(&ends[0]);
    const struct wire_update *update = &ends[0].line.list[ends[0].line.count - 1].update;
    CHECK(channel_take_update(payee, update, NOW + 11, &ends[1].events, NULL) == ST_INVALID);
    CHECK(channel_owes(payee, &settle) && send(&ends[1]));
    CHECK(channel_queue(payee, &settle, NULL, NULL) == ST_OK && !channel_owes(payee, &settle));
    CHECK(channel_queue(payee, &settle, NULL, NULL) == ST_MISSING);
    end(ends);
}

TEST(an_answer_that_waits_for_room_is_none_to_the_next_lock_in_its_slot)
{
    struct item settle, let_go, drop = {.kind = ITEM_DROP}, other = new_lock(9, 3, NOW + 90);
    u32 slot = LOCKS_MOST;
    begin_full(&settle, &let_go);
    struct channel *payer = ends[0].channel, *payee = ends[1].channel;
    CHECK(channel_owes(payee, &let_go));
    drop.slot = let_go.slot;
    CHECK(channel_queue(payer, &drop, NULL, NULL) == ST_OK);
    settle_down(ends);
    CHECK(!channel_owes(payee, &let_go));
    CHECK(channel_queue(payer, &other, &slot, NULL) == ST_OK && slot == let_go.slot);
    settle_down(ends);
    CHECK(channel_lock_waits(payee, slot) && !channel_owes(payee, &let_go));
    end(ends);
}

TEST(a_side_cannot_be_more_than_a_window_ahead)
{
    begin(ends);
    for (int i = 0; i < CHANNEL_WINDOW; i++) {
        CHECK(pay(&ends[0], 1) == ST_OK);
        CHECK(send(&ends[0]));
    }
    CHECK(pay(&ends[0], 1) == ST_OK);
    CHECK(!send(&ends[0]));
    settle_down(ends);
    CHECK(ends[1].paid_in == CHANNEL_WINDOW + 1);
    end(ends);
}

/* A lock of the first side's from its beginning until it is paid for, and that heard. */
static void pay_by_lock(u64 number)
{
    struct item lock = new_lock(1, number, NOW + 1000);
    u32 slot;
    CHECK(channel_queue(ends[0].channel, &lock, &slot, NULL) == ST_OK);
    CHECK(send(&ends[0]) && receive(&ends[1], &ends[0]));
    CHECK(!channel_ack_may_wait(ends[1].channel)); /* R15: it cannot go on before that */
    CHECK(send(&ends[1]) && receive(&ends[0], &ends[1]));
    queue(&ends[1], ITEM_SETTLE, slot, number);
    CHECK(send(&ends[1]) && receive(&ends[0], &ends[1]));
    queue(&ends[0], ITEM_PAID, slot, number);
    CHECK(send(&ends[0]) && receive(&ends[1], &ends[0]));
}

TEST(that_locks_are_paid_for_is_acknowledged_with_what_comes_next)
{
    begin(ends);
    struct channel *payer = ends[0].channel, *payee = ends[1].channel;
    pay_by_lock(0);
    u128 spendable = channel_spendable(payer);
    CHECK(spendable == 999999 && channel_spendable(payee) == 500001);
    CHECK(channel_wants_update(payee) && channel_ack_may_wait(payee));
    pay_by_lock(1);
    CHECK(channel_ack_may_wait(payee) && channel_spendable(payer) == spendable - 1);
    CHECK(pay(&ends[1], 3) == ST_OK && !channel_ack_may_wait(payee));
    settle_down(ends);
    CHECK(!channel_wants_update(payee) && channel_is_quiet(payer) && channel_is_quiet(payee));

    pay_by_lock(2);
    CHECK(channel_ack_may_wait(payee));
    channel_ask_rebase(payee);
    CHECK(!channel_ack_may_wait(payee));
    end(ends);
    begin(ends);
    pay_by_lock(3);
    channel_stop(ends[1].channel);
    CHECK(!channel_ack_may_wait(ends[1].channel));
    end(ends);
}

TEST(of_a_drop_the_peer_hears_at_once)
{
    begin(ends);
    struct item lock = new_lock(5, 0, NOW + 1000);
    u32 slot;
    CHECK(channel_queue(ends[0].channel, &lock, &slot, NULL) == ST_OK);
    settle_down(ends);
    queue(&ends[1], ITEM_FAIL, slot, 0);
    settle_down(ends);
    queue(&ends[0], ITEM_DROP, slot, 0);
    CHECK(send(&ends[0]) && receive(&ends[1], &ends[0]));
    CHECK(!channel_ack_may_wait(ends[1].channel)); /* R4: the peer fails the one before only then */
    end(ends);
}

TEST(acknowledgements_that_wait_do_not_fill_the_peers_window)
{
    enum { LOCKS = CHANNEL_WINDOW / 2 };
    begin(ends);
    for (u64 number = 0; number < LOCKS; number++) {
        struct item lock = new_lock(1, number, NOW + 1000);
        CHECK(channel_queue(ends[0].channel, &lock, NULL, NULL) == ST_OK);
    }
    settle_down(ends);
    for (u32 slot = 0; slot < LOCKS; slot++)
        queue(&ends[1], ITEM_SETTLE, slot, slot);
    settle_down(ends);
    u32 waited = 0;
    for (u32 slot = 0; slot < LOCKS; slot++) {
        queue(&ends[0], ITEM_PAID, slot, slot);
        CHECK(send(&ends[0]) && receive(&ends[1], &ends[0]));
        waited += channel_ack_may_wait(ends[1].channel);
    }
    CHECK(waited != 0 && waited < CHANNEL_WINDOW / 4);
    end(ends);
}

/* --- Locks of apps. */

static u32 stake(struct end *at, u128 amount, u64 expiry_s)
{
    struct item item = {
        .kind = ITEM_STAKE,
        .lock = {.amount = amount, .expiry_s = expiry_s, .key = {{5}}, .kind = LOCK_OF_FIRST}};
    u32 slot;
    CHECK(channel_queue(at->channel, &item, &slot, NULL) == ST_OK);
    return slot;
}

static enum status pay_part(struct end *at, u32 slot, u128 amount)
{
    struct item item = {.kind = ITEM_PART, .slot = slot, .lock.amount = amount};
    return channel_queue(at->channel, &item, NULL, NULL);
}

TEST(a_lock_of_an_app_is_paid_in_parts_and_let_go)
{
    begin(ends);
    struct channel *payer = ends[0].channel, *payee = ends[1].channel;
    u32 slot = stake(&ends[0], 1000, NOW + 60);
    CHECK(pay_part(&ends[0], slot, 1) == ST_MISSING); /* the peer does not know it yet */
    settle_down(ends);
    CHECK(channel_lock_stands(payee, slot) && locks_get(channel_locks(payee, 0), slot).kind == 1);
    CHECK(pay_part(&ends[0], slot, 1000) == ST_MISSING);
    CHECK(pay_part(&ends[0], slot, 300) == ST_OK);
    CHECK(pay_part(&ends[0], slot, 300) == ST_AGAIN); /* one change in an update */
    CHECK(channel_spendable(payer) == 999000);
    settle_down(ends);
    CHECK(pay_part(&ends[0], slot, 200) == ST_OK);
    settle_down(ends);
    CHECK(locks_get(channel_locks(payee, 0), slot).amount == 500);
    for (u32 side = 0; side < 2; side++)
        CHECK(channel_funds(ends[side].channel, 0) == 999500);
    struct item item = {.kind = ITEM_SETTLE, .slot = slot};
    CHECK(channel_queue(payee, &item, NULL, NULL) == ST_MISSING); /* it has no secret */
    item.kind = ITEM_FAIL;
    CHECK(channel_queue(payee, &item, NULL, NULL) == ST_OK);
    settle_down(ends);
    CHECK(channel_lock_is_given_back(payer, slot));
    queue(&ends[0], ITEM_DROP, slot, 0);
    CHECK(send(&ends[0]) && receive(&ends[1], &ends[0]));
    hash32 app = {{5}};
    CHECK(locks_get(channel_locks(payer, 0), slot).amount == 0);
    CHECK(channel_stake_lives(payer, app, LOCK_OF_FIRST)); /* R4: for the peer may show it yet */
    settle_down(ends);
    CHECK(!channel_stake_lives(payer, app, LOCK_OF_FIRST));
    CHECK(channel_is_quiet(payer) && channel_is_quiet(payee));
    CHECK(channel_spendable(payer) == 999500 && channel_spendable(payee) == 500500);
    for (u32 side = 0; side < 2; side++)
        check_replayed(&ends[side], side);
    end(ends);
}

TEST(all_of_an_apps_lock_is_paid_and_the_payee_is_told)
{
    begin(ends);
    u32 slot = stake(&ends[0], 1000, NOW + 60);
    settle_down(ends);
    queue(&ends[0], ITEM_PAID, slot, 0);
    send(&ends[0]);
    ends[1].events.count = 0;
    receive(&ends[1], &ends[0]);
    const struct channel_event *event = &ends[1].events.list[0];
    CHECK(ends[1].events.count == 1 && event->kind == EVENT_STAKE_PAID && event->slot == slot);
    CHECK(event->amount == 1000 && event->reference.b[0] == 5 && event->lock_kind == LOCK_OF_FIRST);
    settle_down(ends);
    CHECK(channel_is_quiet(ends[0].channel) && channel_funds(ends[0].channel, 0) == 999000);
    end(ends);
}

TEST(a_lock_that_the_court_has_given_us_some_of_does_not_expire)
{
    struct item drop = {.kind = ITEM_DROP};
    struct channel_events events = {0};
    begin(ends);
    (void)stake(&ends[0], 6, NOW + 10);
    settle_down(ends);
    channel_claim(ends[1].channel, 0);
    CHECK(channel_queue(ends[0].channel, &drop, NULL, NULL) == ST_OK);
    send(&ends[0]);
    const struct wire_update *update = &ends[0].line.list[ends[0].line.count - 1].update;
    CHECK(channel_take_update(ends[1].channel, update, NOW + 11, &events, NULL) == ST_INVALID);
    struct item let_go = {.kind = ITEM_FAIL};
    CHECK(channel_queue(ends[1].channel, &let_go, NULL, NULL) == ST_OK);
    CHECK(channel_take_update(ends[1].channel, update, NOW, &events, NULL) == ST_OK);
    const struct channel_event *gone = &events.list[events.count - 1];
    CHECK(gone->kind == EVENT_STAKE_GONE && gone->slot == 0 && gone->reference.b[0] == 5);
    channel_events_free(&events);
    end(ends);
}

TEST(items_of_apps_are_refused_where_they_do_not_belong)
{
    begin(ends);
    struct item lock = new_lock(6, 5, NOW + 10);
    u32 slot;
    CHECK(channel_queue(ends[0].channel, &lock, &slot, NULL) == ST_OK);
    u32 app = stake(&ends[0], 100, NOW + 10);
    settle_down(ends);
    CHECK(pay(&ends[0], 1) == ST_OK);
    send(&ends[0]);
    struct wire_update good = ends[0].line.list[ends[0].line.read].update;
    struct channel_events events = {0};
    const struct item wrong[] = {
        {.kind = ITEM_PART, .slot = slot, .lock.amount = 1}, /* a secret decides that one */
        {.kind = ITEM_PART, .slot = app, .lock.amount = 100},
        {.kind = ITEM_PART, .slot = app, .lock.amount = (u128)1 << 119},
        {.kind = ITEM_PART, .slot = 9, .lock.amount = 1},
        {.kind = ITEM_STAKE, .slot = app, .lock = {.amount = 1, .kind = LOCK_OF_FIRST}},
        {.kind = ITEM_DROP, .slot = app},
    };
    for (usize i = 0; i < countof(wrong); i++) {
        u8 item[ITEM_LIMIT];
        struct wire_update bad = good;
        bad.items = (bytes){item, item_write(&wrong[i], item)};
        CHECK_ROW(i, channel_take_update(ends[1].channel, &bad, NOW, &events, NULL) == ST_INVALID);
    }
    CHECK(channel_take_update(ends[1].channel, &good, NOW, &events, NULL) == ST_OK);
    channel_events_free(&events);
    end(ends);
}

/* An update of the first's with `count` stakes of `each`, signed as it should be. */
static struct wire_update many_stakes(usize count, u128 each)
{
    struct locks *locks = locks_new();
    u8 *items = arena_take(test_arena(), count * ITEM_LIMIT, 1);
    usize size = 0;
    for (usize i = 0; i < count; i++) {
        struct item item = {.kind = ITEM_STAKE, .slot = (u32)i, .lock = {.key = {{6}}}};
        item.lock.amount = each;
        item.lock.expiry_s = NOW + 60;
        item.lock.kind = LOCK_OF_FIRST;
        size += item_write(&item, items + size);
        locks_set(locks, item.slot, &item.lock);
    }
    struct half half = {
        .epoch = 0, .seq = 1, .locked = locks_total(locks), .root = locks_root(locks)};
    const struct channel_name *name = channel_name(ends[1].channel);
    struct wire_update update = {.id = name->id, .seq = 1, .items = {items, size}};
    CHECK(secret_sign(&keys[0], signed_digest(name->domain, half_hash(name->id, &half)),
                      &update.signature) == ST_OK);
    locks_free(locks);
    return update;
}

/* Locks whose sum is beyond what 128 bits hold would look like ones that the peer's money covers: a
 * mediator would pass one on, and be paid nothing for it. */
TEST(locks_that_come_to_more_than_can_be_counted_are_refused)
{
    static const struct {
        usize count;
        u128 each;
        enum status st;
    } rows[] = {
        {2, 1000, ST_OK},
        {2, 1000000, ST_INVALID},
        {32, CHANNEL_AMOUNT_LIMIT - 1, ST_INVALID},
        {128, CHANNEL_AMOUNT_LIMIT - 1, ST_INVALID},  /* just below 2^127 */
        {129, CHANNEL_AMOUNT_LIMIT - 1, ST_INVALID},  /* below zero, as a signed number */
        {256, CHANNEL_AMOUNT_LIMIT - 1, ST_INVALID},  /* 256 below zero */
        {512, CHANNEL_AMOUNT_LIMIT / 2, ST_INVALID},  /* 2^128: nothing */
        {1024, CHANNEL_AMOUNT_LIMIT / 4, ST_INVALID}, /* so here */
    };
    for (usize i = 0; i < countof(rows); i++) {
        struct channel_events events = {0};
        struct err err;
        begin(ends);
        struct wire_update update = many_stakes(rows[i].count, rows[i].each);
        CHECK_ROW(i,
                  channel_take_update(ends[1].channel, &update, NOW, &events, &err) == rows[i].st);
        channel_events_free(&events);
        end(ends);
    }
}

/* A side that goes back to an old copy of its journal, and its peer, honest and not. */
#include "channel/channel_world.h"

#include "harness/test.h"

#include <stdlib.h>

static struct world *w;
static u8 room[2][CHANNEL_SHOWN_LIMIT];

static struct channel *of(u32 side)
{
    return w->side[side].channel;
}

static void talk(int rounds)
{
    for (; rounds > 0; rounds--)
        for (u32 side = 0; side < 2; side++) {
            world_update(w, side);
            world_splice(w, side);
            world_flush(w, side);
            while (w->side[side].read < w->side[side].ready ||
                   w->side[1 - side].read < w->side[1 - side].ready) {
                world_deliver(w, 1 - side);
                world_deliver(w, side);
            }
        }
}

static void pay(u32 side, u128 amount)
{
    struct item item = {.kind = ITEM_PAY, .lock.amount = amount, .reference = {{9}}};
    CHECK(channel_queue(of(side), &item, NULL, NULL) == ST_OK);
}

static hash32 preimage = {{5}};

static void lock(u32 side, u128 amount)
{
    static const u8 onion[ONION_SIZE];
    struct item item = {.kind = ITEM_ADD, .text = BYTES_OF(onion)};
    item.lock = (struct lock){.amount = amount, .expiry_s = w->now_s + 1000};
    sha256_joined(BYTES_OF(preimage), BYTES_EMPTY, item.lock.key.b);
    CHECK(channel_queue(of(side), &item, NULL, NULL) == ST_OK);
}

/* A side forgets all but the first records of its journal. */
static void go_back(u32 side, usize count)
{
    struct world_side *at = &w->side[side];
    channel_free(at->channel);
    at->count = at->durable = count;
    at->events.count = 0;
    at->channel = world_replayed(at, side, count, &at->events);
    at->events.count = 0;
    u128 in[2] = {w->deposited[0], w->deposited[1]}, out[2] = {0, 0};
    for (u32 i = 0; i < 2; i++) {
        channel_part(of(i));
        channel_peer_sees(of(i), in, out);
    }
}

static struct wire_recover shown_by(u32 side)
{
    channel_take_lost(of(side));
    return channel_show(of(side), room[side]);
}

/* Both sign the base; what each then has is the other's view of it. */
static void recover(u32 side, const struct wire_recover *shown, u64 epoch)
{
    struct wire_rebase said, answer;
    struct channel_events *events[2] = {&w->side[0].events, &w->side[1].events};
    channel_lose(of(side));
    CHECK(channel_take_recover(of(side), shown, NULL) == ST_OK);
    world_adopt(of(side));
    CHECK(channel_may_recover(of(side), epoch));
    CHECK(channel_recover(of(side), epoch, &world_signer, &said, NULL) == ST_OK);
    CHECK(!channel_may_recover(of(side), epoch + 1)); /* one for each RECOVER */
    CHECK(channel_take_rebase(of(1 - side), &said, events[1 - side], NULL) == ST_OK);
    CHECK(channel_wants_rebase(of(1 - side)));
    CHECK(channel_make_rebase(of(1 - side), &world_signer, &answer, events[1 - side], NULL) ==
          ST_OK);
    CHECK(channel_take_rebase(of(side), &answer, events[side], NULL) == ST_OK);
    CHECK(!channel_is_lost(of(side)) && !channel_peer_is_lost(of(1 - side)));
    for (u32 i = 0; i < 2; i++) {
        CHECK(channel_progress(of(i)).epoch == epoch);
        CHECK(channel_funds(of(0), i) == channel_funds(of(1), i));
        w->side[i].here = w->side[i].there = true;
        w->side[i].read = w->side[i].said = w->side[i].ready;
    }
}

TEST(a_restored_side_takes_the_newest_states_and_pays_on)
{
    for (u32 side = 0; side < 2; side++) {
        w = world_begin(BYTES_EMPTY);
        talk(4);
        pay(0, 1000);
        talk(4);
        usize old = w->side[side].count;
        pay(0, 300);
        pay(1, 40);
        lock(0, 500);
        lock(1, 70);
        talk(4);
        u128 funds = channel_funds(of(side), side);
        go_back(side, old);
        CHECK(channel_funds(of(side), side) != funds);
        struct wire_reestablish hello = channel_hello(of(1 - side));
        struct channel_missed missed;
        CHECK(channel_meet(of(side), &hello, &missed, NULL) == ST_MISSING);
        CHECK(channel_is_behind(of(side), &hello));
        hello = channel_hello(of(side));
        CHECK(channel_meet(of(1 - side), &hello, &missed, NULL) == ST_MISSING);
        CHECK(!channel_is_behind(of(1 - side), &hello));
        struct wire_recover shown = shown_by(1 - side);
        recover(side, &shown, 100000);
        CHECK(channel_funds(of(side), side) == funds);
        CHECK(channel_lock_is_held(of(side), 0) && !channel_lock_waits(of(side), 0));
        struct item item = {.kind = ITEM_FAIL, .slot = 0, .text = BYTES_LIT("no")};
        CHECK(channel_queue(of(side), &item, NULL, NULL) == ST_MISSING); /* R13 */
        item = (struct item){.kind = ITEM_SETTLE, .slot = 0, .reference = preimage};
        CHECK(channel_queue(of(side), &item, NULL, NULL) == ST_OK);
        pay(side, 7);
        talk(4);
        pay(1 - side, 8);
        talk(4);
        CHECK(channel_funds(of(0), 0) == channel_funds(of(1), 0));
        CHECK(channel_funds(of(0), 0) + channel_funds(of(0), 1) == 50000);
        world_end(w);
    }
}

TEST(a_lost_channel_signs_nothing_but_its_recovery)
{
    w = world_begin(BYTES_EMPTY);
    talk(4);
    pay(0, 1000);
    talk(4);
    go_back(0, w->side[0].count);
    channel_lose(of(0));
    struct item item = {.kind = ITEM_PAY, .lock.amount = 1, .reference = {{9}}};
    CHECK(channel_queue(of(0), &item, NULL, NULL) == ST_AGAIN);
    channel_ask_rebase(of(0));
    channel_take_silence(of(0));
    CHECK(!channel_wants_update(of(0)) && !channel_wants_silence(of(0)) &&
          !channel_wants_rebase(of(0)) && !channel_may_recover(of(0), 100000));
    struct wire_withdraw withdraw;
    CHECK(channel_begin_withdraw(of(0), 1, w->now_s + 10, &world_signer, &withdraw, NULL) ==
          ST_AGAIN);
    world_end(w);
}

/* The peer has signed while the answer got lost: it shows that. Or it has not: it is signed anew,
 * in a later epoch. */
TEST(a_recovery_survives_a_connection_that_ends)
{
    w = world_begin(BYTES_EMPTY);
    talk(4);
    usize old = w->side[1].count;
    pay(0, 300);
    talk(4);
    go_back(1, old);
    struct wire_recover shown = shown_by(0);
    struct wire_rebase said, answer;
    channel_lose(of(1));
    CHECK(channel_take_recover(of(1), &shown, NULL) == ST_OK);
    CHECK(channel_recover(of(1), 5000, &world_signer, &said, NULL) == ST_OK);
    channel_part(of(0)), channel_part(of(1));
    shown = shown_by(0);
    CHECK(channel_take_recover(of(1), &shown, NULL) == ST_OK && channel_is_lost(of(1)));
    CHECK(!channel_may_recover(of(1), 5000));
    CHECK(channel_recover(of(1), 5001, &world_signer, &said, NULL) == ST_OK);
    CHECK(channel_take_rebase(of(0), &said, &w->side[0].events, NULL) == ST_OK);
    CHECK(channel_make_rebase(of(0), &world_signer, &answer, &w->side[0].events, NULL) == ST_OK);
    channel_part(of(0)), channel_part(of(1));
    shown = shown_by(0);
    CHECK(channel_take_recover(of(1), &shown, NULL) == ST_OK);
    CHECK(!channel_is_lost(of(1)) && channel_progress(of(1)).epoch == 5001);
    CHECK(channel_funds(of(1), 1) == 10300);
    world_end(w);
}

TEST(a_peer_that_lies_in_recover_is_refused)
{
    w = world_begin(BYTES_EMPTY);
    talk(4);
    lock(0, 500);
    pay(0, 1000);
    talk(4);
    struct wire_recover stale = shown_by(0);
    static u8 stale_locks[WIRE_LIMIT];
    bytes_copy(stale_locks, stale.locks);
    stale.locks.data = stale_locks;
    channel_part(of(0));
    w->side[0].there = w->side[1].there = true;
    pay(0, 10);
    pay(1, 20);
    talk(4);
    usize old = w->side[1].count;
    pay(0, 300);
    talk(4);
    go_back(1, old);
    struct wire_recover good = shown_by(0);
    channel_lose(of(1));
    hash32 before = world_digest(of(1));
    CHECK(channel_take_recover(of(1), &stale, NULL) == ST_INVALID); /* older than the copy */
    for (int i = 0; i < 9; i++) {
        struct wire_recover bad = good;
        static u8 locks[WIRE_LIMIT];
        bytes_copy(locks, good.locks);
        bad.locks.data = locks;
        switch (i) {
        case 0:
            bad.sent_a--;
            break;
        case 1:
            bad.sent_b++;
            break;
        case 2:
            bad.seq_b++;
            break;
        case 3:
            bad.epoch++;
            break;
        case 4:
            bad.balance_b = 1;
            break;
        case 5:
            locks[10]--;
            break; /* an amount */
        case 6:
            bad.locks = BYTES_EMPTY;
            break;
        case 7:
            bad.locks.size--;
            break;
        case 8:
            bad.seq_a = 0, bad.sent_a = 0, bad.ack_seq_a = 0, bad.ack_hash_a = (hash32){{0}};
            break;
        }
        CHECK_ROW(i, channel_take_recover(of(1), &bad, NULL) == ST_INVALID);
    }
    CHECK(hash32_equal(before, world_digest(of(1))));
    CHECK(channel_take_recover(of(1), &good, NULL) == ST_OK);
    world_end(w);
}

/* What is shown, message by message; the last of them has the rest. */
struct shown {
    struct wire_recover_locks part[16];
    usize count;
    struct wire_recover last;
};

static struct shown in_messages(const struct wire_recover *recover)
{
    struct shown out = {.last = *recover};
    u8 message[WIRE_LIMIT];
    while (channel_show_part(&out.last, &out.part[out.count])) {
        struct wire_message said = {.type = WIRE_RECOVER_LOCKS};
        said.recover_locks = out.part[out.count];
        CHECK(wire_encode(&said, message) <= WIRE_LIMIT);
        CHECK(++out.count < countof(out.part));
    }
    struct wire_message said = {.type = WIRE_RECOVER, .recover = out.last};
    CHECK(wire_encode(&said, message) <= WIRE_LIMIT);
    return out;
}

/* The locks of these messages, 0 to `count`, the last of which is RECOVER's. */
static struct wire_recover joined(const struct shown *shown, const usize *which, usize count)
{
    static u8 locks[2 * CHANNEL_SHOWN_LIMIT];
    struct wire_recover out = shown->last;
    usize size = 0;
    for (usize i = 0; i < count; i++) {
        bytes part = which[i] < shown->count ? shown->part[which[i]].locks : shown->last.locks;
        bytes_copy(locks + size, part);
        size += part.size;
    }
    out.locks = (bytes){locks, size};
    return out;
}

TEST(more_locks_than_a_message_has_room_for_are_shown_in_several)
{
    enum { EACH = 1200 };
    w = world_begin(BYTES_EMPTY);
    talk(4);
    usize old = w->side[1].count;
    for (u32 i = 0; i < EACH; i++)
        for (u32 side = 0; side < 2; side++) {
            if (!channel_has_room(of(side)))
                talk(2);
            lock(side, 1 + i % 5);
        }
    pay(0, 77);
    talk(8);
    u128 funds = channel_funds(of(1), 1);
    CHECK(locks_count(channel_locks(of(0), 1)) == EACH);
    go_back(1, old);
    struct wire_recover recover_of = shown_by(0);
    struct shown shown = in_messages(&recover_of);
    CHECK(shown.count == 2 && recover_of.locks.size == (usize)2 * EACH * 56);
    channel_lose(of(1));
    hash32 before = world_digest(of(1));
    static const struct {
        usize which[5], count;
    } lies[] = {{{0, 1}, 2},       {{0, 2}, 2},       {{1, 2}, 2},
                {{2}, 1},          {{1, 0, 2}, 3},    {{0, 0, 1, 2}, 4},
                {{0, 1, 1, 2}, 4}, {{0, 1, 2, 2}, 4}, {{0, 1, 2, 0}, 4}};
    for (usize i = 0; i < countof(lies); i++) {
        struct wire_recover lie = joined(&shown, lies[i].which, lies[i].count);
        CHECK_ROW(i, channel_take_recover(of(1), &lie, NULL) == ST_INVALID);
    }
    CHECK(hash32_equal(before, world_digest(of(1))));
    static const usize all[] = {0, 1, 2};
    struct wire_recover truth = joined(&shown, all, countof(all));
    recover(1, &truth, 100000);
    CHECK(channel_funds(of(1), 1) == funds);
    for (u32 side = 0; side < 2; side++)
        CHECK(locks_count(channel_locks(of(1), side)) == EACH);
    CHECK(channel_lock_is_held(of(1), EACH - 1));
    world_end(w);
}

/* A secret that was told before the copy was put back is told again: the side that was restored
 * does not know. The peer has it already, and has not paid. */
TEST(a_secret_that_is_told_again_after_a_restore_is_no_harm)
{
    w = world_begin(BYTES_EMPTY);
    talk(4);
    usize old = w->side[1].count;
    lock(0, 500);
    talk(4);
    struct item settle = {.kind = ITEM_SETTLE, .slot = 0, .reference = preimage};
    CHECK(channel_queue(of(1), &settle, NULL, NULL) == ST_OK);
    talk(4);
    go_back(1, old);
    struct wire_recover shown = shown_by(0);
    recover(1, &shown, 100000);
    CHECK(channel_queue(of(1), &settle, NULL, NULL) == ST_OK);
    talk(4);
    struct item paid = {.kind = ITEM_PAID, .slot = 0};
    CHECK(channel_queue(of(0), &paid, NULL, NULL) == ST_OK);
    talk(4);
    CHECK(channel_funds(of(1), 1) == channel_funds(of(0), 1));
    CHECK(locks_count(channel_locks(of(1), 0)) == 0);
    world_end(w);
}

/* The other way round: the payer was restored, and has lost what it was told. */
TEST(a_side_that_was_restored_is_told_again_what_it_has_lost)
{
    hash32 secret;
    w = world_begin(BYTES_EMPTY);
    talk(4);
    lock(0, 500);
    talk(4);
    usize old = w->side[0].count;
    struct item settle = {.kind = ITEM_SETTLE, .slot = 0, .reference = preimage};
    CHECK(!channel_untell(of(1), 0, &secret));
    CHECK(channel_queue(of(1), &settle, NULL, NULL) == ST_OK);
    talk(4);
    go_back(0, old);
    struct wire_recover shown = shown_by(1);
    recover(0, &shown, 100000);
    CHECK(channel_queue(of(1), &settle, NULL, NULL) == ST_MISSING);
    CHECK(channel_untell(of(1), 0, &secret) && hash32_equal(secret, preimage));
    CHECK(channel_queue(of(1), &settle, NULL, NULL) == ST_OK);
    w->side[0].to_end[0] = WORLD_NOTHING;
    talk(4);
    CHECK(w->side[0].to_end[0] == WORLD_PAY);
    struct item paid = {.kind = ITEM_PAID, .slot = 0};
    CHECK(channel_queue(of(0), &paid, NULL, NULL) == ST_OK);
    talk(4);
    CHECK(channel_funds(of(1), 1) == 10500);
    world_end(w);
}

/* Nobody is made to stand still by a peer that only says so. */
/* Whoever says that it is lost need not be: it has our signature under the base of that epoch. */
TEST(a_recovery_base_of_an_epoch_in_which_one_is_signed_is_refused)
{
    struct wire_rebase said, answer;
    w = world_begin(BYTES_EMPTY);
    talk(4);
    pay(0, 1000);
    talk(4);
    for (u32 side = 0; side < 2; side++) {
        channel_say_silence(of(side));
        channel_take_silence(of(side));
    }
    CHECK(channel_wants_rebase(of(0)));
    CHECK(channel_make_rebase(of(0), &world_signer, &said, &w->side[0].events, NULL) == ST_OK);
    CHECK(channel_take_rebase(of(1), &said, &w->side[1].events, NULL) == ST_OK);
    CHECK(channel_make_rebase(of(1), &world_signer, &answer, &w->side[1].events, NULL) == ST_OK);
    channel_take_lost(of(0));
    CHECK(channel_take_rebase(of(0), &answer, &w->side[0].events, NULL) == ST_INVALID);
    CHECK(channel_progress(of(0)).epoch == 0);
    channel_part(of(0));
    CHECK(channel_take_rebase(of(0), &answer, &w->side[0].events, NULL) == ST_OK);
    CHECK(channel_progress(of(0)).epoch == 1);
    world_end(w);
}

TEST(a_side_that_has_lost_nothing_believes_no_proof_of_the_opposite)
{
    w = world_begin(BYTES_EMPTY);
    talk(4);
    pay(0, 1000);
    talk(4);
    struct wire_recover shown = shown_by(0);
    CHECK(channel_take_recover(of(1), &shown, NULL) == ST_INVALID);
    CHECK(!channel_is_lost(of(1)));
    world_end(w);
}

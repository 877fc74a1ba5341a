/* New bases, withdrawals, and full windows, step by step. */
#include "channel/channel_world.h"

#include "harness/test.h"

static struct world *w;

static struct channel *of(u32 side)
{
    return w->side[side].channel;
}

static enum status pay(u32 side, u128 amount)
{
    struct item item = {.kind = ITEM_PAY, .lock.amount = amount, .reference = {{9}}};
    return channel_queue(of(side), &item, NULL, NULL);
}

/* What a side has to say leaves it. */
static void speak(u32 side)
{
    world_update(w, side);
    world_splice(w, side);
    world_flush(w, side);
}

static void hear(u32 side)
{
    while (w->side[1 - side].read < w->side[1 - side].ready)
        world_deliver(w, side);
}

static void talk(int rounds)
{
    for (; rounds > 0; rounds--)
        for (u32 side = 0; side < 2; side++) {
            speak(side);
            hear(1 - side);
        }
}

static void begin(void)
{
    w = world_begin(BYTES_EMPTY);
    talk(3);
}

TEST(two_whose_windows_are_full_do_not_wait_for_each_other)
{
    begin();
    for (int i = 0; i <= CHANNEL_WINDOW; i++)
        for (u32 side = 0; side < 2; side++) {
            CHECK(pay(side, 1) == ST_OK);
            speak(side);
        }
    CHECK(!channel_wants_update(of(0)) && !channel_wants_update(of(1)));
    hear(0);
    hear(1);
    CHECK(channel_wants_update(of(0)) && channel_wants_update(of(1)));
    talk(10);
    CHECK(channel_is_quiet(of(0)) && channel_is_quiet(of(1)));
    world_end(w);
}

TEST(a_lock_that_has_not_left_is_not_dropped)
{
    static const u8 onion[ONION_SIZE];
    struct item lock = {.kind = ITEM_ADD,
                        .lock = {.amount = 5, .expiry_s = WORLD_START + 10, .key = {{1}}},
                        .text = BYTES_OF(onion)};
    struct item drop = {.kind = ITEM_DROP};
    begin();
    CHECK(channel_queue(of(0), &lock, &drop.slot, NULL) == ST_OK);
    CHECK(channel_queue(of(0), &drop, NULL, NULL) == ST_MISSING);
    speak(0);
    CHECK(channel_queue(of(0), &drop, NULL, NULL) == ST_OK);
    world_end(w);
}

TEST(a_new_base_takes_the_place_of_what_was_signed)
{
    static const u8 onion[ONION_SIZE];
    struct item lock = {.kind = ITEM_ADD,
                        .lock = {.amount = 5, .expiry_s = WORLD_START + 10, .key = {{1}}},
                        .text = BYTES_OF(onion)};
    begin();
    CHECK(pay(0, 700) == ST_OK && pay(1, 100) == ST_OK);
    CHECK(channel_queue(of(0), &lock, NULL, NULL) == ST_OK);
    talk(3);
    channel_ask_rebase(of(1));
    speak(1);
    CHECK(pay(1, 30) == ST_OK); /* goes out in the new epoch */
    talk(6);
    for (u32 side = 0; side < 2; side++) {
        struct channel_proof proof = channel_proof(of(side));
        CHECK(proof.base.epoch == 1);
        CHECK(proof.base.balance[0] == 39400 && proof.base.balance[1] == 10600);
        CHECK(proof.base.locked[0] == 5 && proof.base.locked[1] == 0);
        CHECK(channel_progress(of(side)).epoch == 1);
        CHECK(channel_funds(of(side), 0) == 39430 && channel_funds(of(side), 1) == 10570);
        CHECK(channel_spendable(of(side)) == channel_receivable(of(1 - side)));
        hash32 digest = signed_digest(channel_name(of(side))->domain,
                                      base_hash(channel_name(of(side))->id, &proof.base));
        for (u32 signer = 0; signer < 2; signer++)
            CHECK(signature_is_of(&proof.base_signature[signer], digest,
                                  channel_terms(of(side))->owner[signer]));
        world_check_journal(w, side);
    }
    CHECK(channel_spendable(of(0)) == 39425 && channel_net(of(0)) == 570);
    world_end(w);
}

/* Every moment of a rebase: so many turns, then a restart of one side, or of both. */
TEST(a_restart_at_any_moment_of_a_rebase_converges)
{
    for (u32 who = 1; who <= 3; who++)
        for (u32 turns = 0; turns < 12; turns++) {
            begin();
            CHECK(pay(0, 700) == ST_OK);
            talk(3);
            channel_ask_rebase(of(turns % 2));
            for (u32 i = 0; i < turns; i++) {
                if (i % 2 == 0)
                    speak(i / 2 % 2);
                else
                    hear(1 - i / 2 % 2);
            }
            for (u32 side = 0; side < 2; side++)
                if ((who >> side & 1) != 0)
                    world_restart(w, side);
            world_meet(w);
            talk(6);
            CHECK_ROW(turns, channel_progress(of(0)).epoch == channel_progress(of(1)).epoch);
            channel_ask_rebase(of(0));
            CHECK(pay(1, 1) == ST_OK);
            talk(6);
            CHECK_ROW(turns, channel_progress(of(0)).epoch == channel_progress(of(1)).epoch);
            CHECK_ROW(turns, channel_progress(of(0)).epoch >= 1);
            CHECK_ROW(turns, channel_funds(of(0), 1) == 10699 && channel_funds(of(1), 1) == 10699);
            world_settle_down(w);
            world_end(w);
        }
}

TEST(an_epoch_ends_by_itself_before_its_sums_are_too_large)
{
    begin();
    u128 large = ((u128)1 << 119);
    w->deposited[0] = large;
    for (u32 side = 0; side < 2; side++)
        world_see(w, side);
    talk(3);
    for (int i = 0; i < 80 && channel_progress(of(0)).epoch == 0; i++) {
        CHECK(pay(0, large - 1) == ST_OK);
        talk(4);
        CHECK(pay(1, large - 1) == ST_OK);
        talk(4);
    }
    CHECK(channel_progress(of(0)).epoch == 1 && channel_progress(of(1)).epoch == 1);
    CHECK(channel_funds(of(0), 0) == large && channel_funds(of(1), 1) == 10000);
    world_end(w);
}

TEST(a_base_that_is_not_what_was_paid_is_refused)
{
    u128 huge = ~(u128)0;
    begin();
    channel_ask_rebase(of(0));
    speak(0);
    hear(1);
    speak(1);
    hear(0);
    struct wire_message message = {.type = WIRE_REBASE};
    CHECK(channel_make_rebase(of(0), &world_signer, &message.rebase, &w->side[0].events, NULL) ==
          ST_OK);
    const struct wire_rebase good = message.rebase;
    for (int row = 0; row < 7; row++) {
        struct wire_rebase bad = good;
        bad.epoch += row == 0;
        bad.deposited_a = row == 1 ? huge : row == 2 ? good.deposited_a + 1 : good.deposited_a;
        bad.deposited_b = row == 3 ? 0 : good.deposited_b;
        bad.withdrawn_a = row == 4 ? huge : row == 5 ? 1 : 0;
        bad.signature.b[9] ^= row == 6;
        CHECK_ROW(row, channel_take_rebase(of(1), &bad, &w->side[1].events, NULL) == ST_INVALID);
    }
    CHECK(channel_take_rebase(of(0), &good, &w->side[0].events, NULL) == ST_INVALID);
    CHECK(channel_take_rebase(of(1), &good, &w->side[1].events, NULL) == ST_OK);
    CHECK(channel_take_rebase(of(1), &good, &w->side[1].events, NULL) == ST_AGAIN);
    world_end(w);
}

TEST(a_base_while_something_is_under_way_is_refused)
{
    begin();
    struct wire_rebase said = {.id = channel_name(of(0))->id, .epoch = 1};
    CHECK(channel_take_rebase(of(1), &said, &w->side[1].events, NULL) == ST_INVALID);
    channel_take_silence(of(1));
    CHECK(channel_take_rebase(of(1), &said, &w->side[1].events, NULL) == ST_INVALID);
    world_end(w);
}

/* --- Withdrawals. */

static struct wire_withdraw wish(u128 amount)
{
    struct wire_message message = {.type = WIRE_WITHDRAW};
    CHECK(channel_begin_withdraw(of(0), amount, w->now_s + WORLD_WITHDRAW_LIFE, &world_signer,
                                 &message.withdraw, NULL) == ST_OK);
    world_record(w, 0, true, &message);
    world_say(w, 0, &message);
    world_flush(w, 0);
    return message.withdraw;
}

TEST(a_withdrawal_is_reserved_from_its_signature_on)
{
    begin();
    (void)wish(39000);
    CHECK(channel_spendable(of(0)) == 1000 && pay(0, 1001) == ST_FULL);
    talk(3);
    CHECK(channel_receivable(of(1)) == 1000);
    CHECK(pay(0, 1000) == ST_OK && pay(1, 500) == ST_OK);
    talk(3);
    struct channel_withdraw form;
    signature64 signature[2];
    for (u32 side = 0; side < 2; side++) {
        CHECK(channel_withdrawal(of(side), 0, &form, signature));
        CHECK(form.total == 39000 && channel_withdrawal_is_open(of(side), 0));
        world_check_journal(w, side);
    }
    struct wire_withdraw second;
    CHECK(channel_begin_withdraw(of(0), 1, w->now_s, &world_signer, &second, NULL) == ST_AGAIN);
    world_execute(w, 0);
    CHECK(w->withdrawn[0] == 39000);
    for (u32 side = 0; side < 2; side++)
        world_see(w, side);
    talk(3);
    CHECK(channel_spendable(of(0)) == 500 && channel_receivable(of(1)) == 500);
    CHECK(!channel_withdrawal_is_open(of(0), 0));
    (void)wish(500);
    CHECK(channel_spendable(of(0)) == 0);
    world_end(w);
}

TEST(a_withdrawal_that_is_too_late_gives_its_money_back_once_both_know)
{
    begin();
    (void)wish(39000);
    talk(3);
    w->now_s += WORLD_WITHDRAW_LIFE + 1;
    world_see(w, 0);
    CHECK(channel_spendable(of(0)) == 1000);
    world_see(w, 1);
    CHECK(channel_receivable(of(1)) == 40000);
    talk(3);
    CHECK(channel_spendable(of(0)) == 40000);
    CHECK(pay(0, 40000) == ST_OK);
    talk(3);
    CHECK(channel_funds(of(1), 1) == 50000);
    world_end(w);
}

TEST(a_withdrawal_that_is_dead_when_it_comes_is_passed_over)
{
    begin();
    struct wire_withdraw said = wish(39000);
    w->now_s += WORLD_WITHDRAW_LIFE + 1;
    world_see(w, 1);
    CHECK(channel_take_withdraw(of(1), &said, NULL) == ST_AGAIN);
    CHECK(channel_receivable(of(1)) == 40000);
    world_end(w);
}

TEST(a_withdrawal_of_what_is_not_there_is_refused)
{
    begin();
    struct wire_withdraw said = wish(39000), bad = said;
    bad.total = 40001;
    CHECK(channel_take_withdraw(of(1), &bad, NULL) == ST_INVALID);
    bad.total = ~(u128)0;
    CHECK(channel_take_withdraw(of(1), &bad, NULL) == ST_INVALID);
    bad = said;
    bad.side = 2;
    CHECK(channel_take_withdraw(of(1), &bad, NULL) == ST_INVALID);
    bad = said;
    bad.until_s++;
    CHECK(channel_take_withdraw(of(1), &bad, NULL) == ST_INVALID);
    CHECK(channel_take_withdraw(of(1), &said, NULL) == ST_OK);
    CHECK(channel_take_withdraw(of(1), &said, NULL) == ST_AGAIN);
    bad = said;
    bad.total++;
    CHECK(channel_take_withdraw(of(1), &bad, NULL) == ST_INVALID);
    world_end(w);
}

TEST(a_withdrawal_far_ahead_is_not_countersigned_yet)
{
    begin();
    struct wire_withdraw said;
    u64 until_s = w->now_s + 3 * CHANNEL_WITHDRAW_LIFE_S;
    CHECK(channel_begin_withdraw(of(0), 5, until_s, &world_signer, &said, NULL) == ST_OK);
    CHECK(channel_take_withdraw(of(1), &said, NULL) == ST_OK);
    CHECK(!channel_owes_withdraw(of(1), w->now_s));
    CHECK(channel_owes_withdraw(of(1), w->now_s + CHANNEL_WITHDRAW_LIFE_S));
    CHECK(!channel_owes_withdraw(of(1), until_s + 1));
    world_end(w);
}

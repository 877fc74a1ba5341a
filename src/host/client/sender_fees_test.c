#include "client/sender_rig.h"
#include "harness/test.h"

TEST(sender_pays_more_step_by_step_up_to_its_limit)
{
    struct sender_rig *at = rig_begin();
    at->options.fee_limit_percent = 200;
    rig_restart(at);
    rig_submit(at, 1);
    CHECK(rig_poll(at, 0) == ST_OK);
    at->fake->base_fee_wei = u256_from_u64(1000000);
    for (int i = 0; i < 12; i++) {
        fake_mine(at->fake, 2);
        CHECK(rig_poll(at, 110) == ST_OK && rig_in_pool(at) == 1);
    }
    u256 max = rig_newest_tx(at)->tx.max_fee_wei;
    CHECK(u256_equal(max, u256_from_u64(4200)) && at->fake->tx_count < 9);
    CHECK(strstr(rig_look(at, 1).reason, "highest fee") != NULL);
    for (usize i = 1; i < at->fake->tx_count; i++)
        CHECK_ROW(i, at->fake->txs[i]->tx.nonce == 0);
    at->fake->base_fee_wei = u256_from_u64(3000);
    fake_mine(at->fake, 1);
    CHECK(rig_poll(at, 10) == ST_OK && rig_look(at, 1).state == SENDER_INCLUDED &&
          rig_executed(at, 1) == 1);
    rig_end(at);
}

TEST(sender_does_not_pay_more_where_the_parent_makes_no_blocks)
{
    struct sender_rig *at = rig_begin();
    rig_submit(at, 1);
    for (int i = 0; i < 10; i++)
        CHECK(rig_poll(at, 500) == ST_OK);
    CHECK(at->fake->tx_count == 1);
    rig_end(at);
}

TEST(sender_never_pays_above_its_ceiling)
{
    struct sender_rig *at = rig_begin();
    at->options.max_fee_wei = u256_from_u64(5000);
    rig_restart(at);
    at->fake->base_fee_wei = u256_from_u64(5001);
    rig_submit(at, 1);
    CHECK(rig_poll(at, 0) == ST_OK && at->fake->tx_count == 0);
    CHECK(strstr(rig_look(at, 1).reason, "may be paid") != NULL);
    at->fake->base_fee_wei = u256_from_u64(4000);
    CHECK(rig_poll(at, 20) == ST_OK &&
          u256_equal(rig_newest_tx(at)->tx.max_fee_wei, u256_from_u64(5000)));
    rig_end(at);
}

/* --- Stakes. */

enum { STAKE_GAS = 100000, STAKE_FROM_S = 1000, STAKE_UNTIL_S = 1000 + 2400 };

/* Worth 1,000,000 wei per gas, for 200 blocks of the fake's. */
static void submit_staked(struct sender_rig *at, u8 id)
{
    struct sender_intent intent = rig_intent(id);
    intent.gas_limit = STAKE_GAS;
    intent.stake =
        (struct sender_stake){u256_from_u64((u64)STAKE_GAS * 1000000), STAKE_FROM_S, STAKE_UNTIL_S};
    if (sender_submit(at->sender, &intent, &at->err) != ST_OK)
        test_fail(__FILE__, __LINE__, "intent %u: %s", id, at->err.text);
}

static struct sender_rig *begin_rich(void)
{
    struct sender_rig *at = rig_begin();
    at->fake->balance_wei = u256_from_u64((u64)1 << 60);
    return at;
}

static u64 newest_fee(const struct sender_rig *at)
{
    return rig_newest_tx(at)->tx.max_fee_wei.w[0];
}

/* Blocks come, and none of them takes the transaction, because it pays less than that. */
static void pass_by(struct sender_rig *at, u64 base_fee_wei, usize rounds)
{
    at->fake->base_fee_wei = u256_from_u64(base_fee_wei);
    for (usize i = 0; i < rounds; i++) {
        fake_mine(at->fake, 2);
        if (rig_poll(at, 150) != ST_OK)
            test_fail(__FILE__, __LINE__, "%s", at->err.text);
    }
}

TEST(sender_pays_for_a_deadline_what_its_stake_and_the_time_that_is_left_allow)
{
    struct sender_rig *at = begin_rich();
    submit_staked(at, 1);
    CHECK(rig_poll(at, 0) == ST_OK && newest_fee(at) == 2100);
    pass_by(at, 20000, 1); /* twice that is 19 times the first offer, less than a twentieth */
    CHECK(newest_fee(at) == 40100);
    pass_by(at, 1000000, 3); /* a peak, perhaps: a twentieth, and by each block a little more */
    CHECK(newest_fee(at) >= 50000 && newest_fee(at) < 120000);
    for (usize i = 0; i < 60; i++)
        pass_by(at, 1000000, 1);
    CHECK(newest_fee(at) > 400000 && newest_fee(at) <= 500000);
    at->fake->base_fee_wei = u256_from_u64(400000);
    fake_mine(at->fake, 1);
    CHECK(rig_poll(at, 10) == ST_OK && rig_executed(at, 1) == 1);
    rig_end(at);
}

TEST(sender_remembers_a_stake_after_a_restart)
{
    struct sender_rig *at = begin_rich();
    submit_staked(at, 1);
    CHECK(rig_poll(at, 0) == ST_OK);
    rig_restart(at);
    CHECK(rig_poll(at, 10) == ST_OK);
    pass_by(at, 20000, 1);
    CHECK(newest_fee(at) == 40100 && rig_look(at, 1).nonce == 0);
    rig_end(at);
}

/* What has no deadline holds up what has one, by its nonce. */
TEST(sender_pays_for_what_has_to_come_before_a_deadline)
{
    struct sender_rig *at = begin_rich();
    struct sender_intent idle = rig_intent(1);
    idle.gas_limit = STAKE_GAS;
    CHECK(sender_submit(at->sender, &idle, &at->err) == ST_OK);
    CHECK(rig_poll(at, 0) == ST_OK);
    submit_staked(at, 2);
    CHECK(rig_poll(at, 10) == ST_OK && rig_in_pool(at) == 2);
    pass_by(at, 40000, 3);
    for (u64 nonce = 0; nonce < 2; nonce++) {
        u64 most = 0;
        for (usize i = 0; i < at->fake->tx_count; i++)
            if (at->fake->txs[i]->tx.nonce == nonce)
                most = max_u64(most, at->fake->txs[i]->tx.max_fee_wei.w[0]);
        /* The twentieth is for both: 25,000 each at first. */
        CHECK_ROW(nonce, nonce == 0 ? most > 21000 && most < 40000 : most == 2100);
    }
    at->fake->base_fee_wei = u256_from_u64(20000);
    fake_mine(at->fake, 1);
    CHECK(rig_poll(at, 10) == ST_OK && rig_executed(at, 1) == 1);
    rig_end(at);
}

TEST(sender_offers_no_more_for_a_deadline_than_the_account_has)
{
    struct sender_rig *at = rig_begin();
    at->fake->balance_wei = u256_from_u64((u64)STAKE_GAS * 30000);
    submit_staked(at, 1);
    CHECK(rig_poll(at, 0) == ST_OK);
    pass_by(at, 1000000, 5);
    CHECK(newest_fee(at) == 30000);
    rig_end(at);
}

TEST(sender_goes_above_its_ceiling_for_a_stake_alone)
{
    struct sender_rig *at = begin_rich();
    at->options.max_fee_wei = u256_from_u64(5000);
    rig_restart(at);
    at->fake->base_fee_wei = u256_from_u64(20000);
    rig_submit(at, 1);
    CHECK(rig_poll(at, 0) == ST_OK && at->fake->tx_count == 0);
    submit_staked(at, 2); /* and what has to come before it goes, too */
    CHECK(rig_poll(at, 20) == ST_OK && at->fake->tx_count == 2);
    fake_mine(at->fake, 1);
    CHECK(rig_poll(at, 20) == ST_OK && rig_executed(at, 1) == 1 && rig_executed(at, 2) == 1);
    rig_end(at);
}

#include "client/sender.h"

#include "base/fmt.h"
#include "base/hex.h"
#include "base/rlp.h"
#include "client/fake.h"
#include "client/sidecar.h"
#include "harness/test.h"
#include "sys/log.h"
#include "sys/power.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- The bench. */

struct bench {
    struct fake *fake;
    struct eth *eth;
    struct keys *keys;
    struct power power;
    char path[300];
    u64 now_ms;
    struct sender_options options;
    struct sender *sender;
    struct err err;
};

static enum status open_sender(struct bench *at)
{
    return sender_open(&at->options, &at->sender, &at->err);
}

static struct bench *begin_in(const char *folder, unsigned number)
{
    struct bench *at = ARENA_NEW(test_arena(), struct bench, 1);
    log_setup((struct log_options){.level = LEVEL_ERROR, .fd = STDERR_FILENO});
    at->fake = fake_start();
    at->eth = fake_client(at->fake);
    at->now_ms = 1000;
    power_init(&at->power);
    CHECK(keys_from_mnemonic(KEYS_TEST_MNEMONIC, 2, &at->keys, NULL) == ST_OK);
    fmt(at->path, sizeof(at->path), "%s/sender-%u", folder, number);
    at->options =
        (struct sender_options){.eth = at->eth,
                                .signer = signer_of_keys(at->keys, keys_address(at->keys, 0)),
                                .files = &at->power.files,
                                .path = at->path,
                                .chain_id = 900,
                                .confirmations = 3,
                                .retry_ms = 10,
                                .resend_ms = 1000,
                                .bump_ms = 100,
                                .gap_ms = 500};
    if (open_sender(at) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", at->err.text);
    return at;
}

static struct bench *begin(void)
{
    return begin_in(test_folder(), 0);
}

static void end(struct bench *at)
{
    sender_close(at->sender);
    eth_free(at->eth);
    fake_stop(at->fake);
    keys_free(at->keys);
}

static void restart(struct bench *at)
{
    sender_close(at->sender);
    if (open_sender(at) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", at->err.text);
}

static enum status poll(struct bench *at, u64 pass_ms)
{
    at->now_ms += pass_ms;
    return sender_poll(at->sender, at->now_ms, &at->err);
}

/* Intent `id` carries its id as data. */
static struct sender_intent intent_of(u8 id)
{
    u8 *data = ARENA_NEW(test_arena(), u8, 1);
    *data = id;
    return (struct sender_intent){.key = {{id, 1}}, .to = {{0x10, id}}, .data = {data, 1}};
}

static void submit(struct bench *at, u8 id)
{
    struct sender_intent intent = intent_of(id);
    if (sender_submit(at->sender, &intent, &at->err) != ST_OK)
        test_fail(__FILE__, __LINE__, "intent %u: %s", id, at->err.text);
}

static struct sender_outcome look(struct bench *at, u8 id)
{
    struct sender_outcome outcome = {0};
    CHECK(sender_look(at->sender, (hash32){{id, 1}}, &outcome) == ST_OK);
    return outcome;
}

/* How often an intent has happened on the chain as it is now. */
static usize executed(const struct bench *at, u8 id)
{
    usize count = 0;
    for (usize i = 0; i < at->fake->tx_count; i++) {
        const struct fake_tx *tx = at->fake->txs[i];
        count += tx->mined && tx->tx.data.size == 1 && tx->tx.data.data[0] == id;
    }
    return count;
}

static usize in_pool(const struct bench *at)
{
    usize count = 0;
    for (usize i = 0; i < at->fake->tx_count; i++)
        count += at->fake->txs[i]->in_pool;
    return count;
}

static const struct fake_tx *newest_tx(const struct bench *at)
{
    return at->fake->txs[at->fake->tx_count - 1];
}

/* --- The ordinary course. */

TEST(sender_sends_an_intent_once_and_settles_it_when_it_is_deep_enough)
{
    struct bench *at = begin();
    submit(at, 1);
    CHECK(look(at, 1).state == SENDER_PENDING && !look(at, 1).has_nonce);
    CHECK(poll(at, 0) == ST_OK && in_pool(at) == 1 && look(at, 1).has_nonce);
    CHECK(newest_tx(at)->tx.type == TX_DYNAMIC_FEE && newest_tx(at)->tx.gas_limit == 60000);
    CHECK(u256_equal(newest_tx(at)->tx.max_fee_wei, u256_from_u64(2100)));
    for (int i = 0; i < 5; i++)
        CHECK(poll(at, 10) == ST_OK);
    CHECK(newest_tx(at)->sent == 1);
    fake_mine(at->fake, 1);
    CHECK(poll(at, 10) == ST_OK);
    struct sender_outcome outcome = look(at, 1);
    CHECK(outcome.state == SENDER_INCLUDED && outcome.succeeded && !outcome.settled);
    CHECK(outcome.block_number == 1 && outcome.gas_used == 21000);
    CHECK(hash32_equal(outcome.block_hash, fake_head(at->fake)->at.hash));
    CHECK(hash32_equal(outcome.tx_hash, newest_tx(at)->tx.hash));
    fake_mine(at->fake, 2);
    CHECK(poll(at, 10) == ST_OK && look(at, 1).settled && sender_unfinished(at->sender) == 0);
    u64 requests = at->fake->requests;
    CHECK(poll(at, 10) == ST_OK && at->fake->requests == requests);
    restart(at);
    outcome = look(at, 1);
    CHECK(outcome.state == SENDER_INCLUDED && outcome.settled && outcome.block_number == 1);
    submit(at, 1);
    CHECK(sender_unfinished(at->sender) == 0 && executed(at, 1) == 1);
    CHECK(sender_look(at->sender, (hash32){{7}}, &outcome) == ST_MISSING);
    end(at);
}

TEST(sender_tells_after_a_restart_what_is_still_under_way)
{
    struct bench *at = begin();
    submit(at, 1);
    CHECK(poll(at, 0) == ST_OK);
    restart(at);
    CHECK(poll(at, 10) == ST_OK && sender_afloat(at->sender).waiting == 1);
    fake_mine(at->fake, 1);
    restart(at);
    CHECK(sender_afloat(at->sender).waiting == 1); /* no poll has shown yet that it came */
    CHECK(poll(at, 10) == ST_OK && sender_afloat(at->sender).waiting == 0);
    CHECK(sender_afloat(at->sender).newest_block == 1);
    fake_mine(at->fake, 2);
    CHECK(poll(at, 10) == ST_OK && sender_afloat(at->sender).newest_block == 0);
    at->fake->is_poor = true;
    submit(at, 2);
    CHECK(poll(at, 10) == ST_OK);
    restart(at);
    CHECK(poll(at, 20) == ST_OK && sender_afloat(at->sender).waiting == 1);
    CHECK(strstr(sender_afloat(at->sender).why, "insufficient funds") != NULL);
    end(at);
}

TEST(sender_keeps_the_order_of_intents_and_its_limit_of_flights)
{
    struct bench *at = begin();
    at->options.flight_limit = 3;
    restart(at);
    for (u8 id = 1; id <= 8; id++)
        submit(at, id);
    for (int i = 0; i < 4; i++) {
        CHECK(poll(at, 10) == ST_OK && in_pool(at) <= 3);
        fake_mine(at->fake, 1);
    }
    CHECK(poll(at, 10) == ST_OK);
    for (u8 id = 1; id <= 8; id++)
        CHECK_ROW(id, executed(at, id) == 1 && look(at, id).nonce == id - 1u);
    end(at);
}

TEST(sender_reports_a_transaction_that_reverts_in_its_block)
{
    struct bench *at = begin();
    struct sender_intent intent = {.key = {{1, 1}}, .to = FAKE_REVERTER, .gas_limit = 100000};
    CHECK(sender_submit(at->sender, &intent, &at->err) == ST_OK);
    CHECK(poll(at, 0) == ST_OK);
    fake_mine(at->fake, 1);
    CHECK(poll(at, 10) == ST_OK);
    CHECK(look(at, 1).state == SENDER_INCLUDED && !look(at, 1).succeeded);
    end(at);
}

TEST(sender_does_not_send_what_reverts_when_it_is_estimated)
{
    struct bench *at = begin();
    struct sender_intent intent = {.key = {{1, 1}}, .to = FAKE_REVERTER};
    CHECK(sender_submit(at->sender, &intent, &at->err) == ST_OK);
    submit(at, 2);
    CHECK(poll(at, 0) == ST_OK);
    for (int i = 0; i < 2; i++) {
        struct sender_outcome outcome = look(at, 1);
        CHECK(outcome.state == SENDER_FAILED && outcome.settled && !outcome.has_nonce);
        CHECK(strstr(outcome.reason, "arithmetic overflow") != NULL);
        CHECK(outcome.revert_data.size == 36);
        restart(at);
    }
    CHECK(poll(at, 10) == ST_OK && in_pool(at) == 1 && look(at, 2).nonce == 0);
    end(at);
}

/* What is on its way may be what makes it succeed: only alone does a revert count. */
TEST(sender_waits_with_judging_a_revert_until_nothing_is_on_its_way)
{
    struct bench *at = begin();
    struct sender_intent intent = {.key = {{2, 1}}, .to = FAKE_REVERTER};
    submit(at, 1);
    CHECK(sender_submit(at->sender, &intent, &at->err) == ST_OK);
    submit(at, 3);
    CHECK(poll(at, 0) == ST_OK && look(at, 2).state == SENDER_PENDING && in_pool(at) == 1);
    fake_mine(at->fake, 1);
    CHECK(poll(at, 10) == ST_OK && look(at, 2).state == SENDER_FAILED && in_pool(at) == 1);
    end(at);
}

/* --- Trouble. */

TEST(sender_sends_again_what_a_reorg_took_out_of_its_block)
{
    struct bench *at = begin();
    at->fake->drops_pool = true;
    submit(at, 1);
    submit(at, 2);
    CHECK(poll(at, 0) == ST_OK);
    fake_mine(at->fake, 2);
    CHECK(poll(at, 10) == ST_OK && look(at, 1).state == SENDER_INCLUDED);
    fake_drop(at->fake, 2);
    fake_mine(at->fake, 1);
    CHECK(poll(at, 10) == ST_OK && look(at, 1).state == SENDER_PENDING && in_pool(at) == 2);
    fake_mine(at->fake, 3);
    CHECK(poll(at, 10) == ST_OK && look(at, 1).settled && look(at, 2).settled);
    CHECK(executed(at, 1) == 1 && executed(at, 2) == 1 && look(at, 1).block_number == 2);
    end(at);
}

TEST(sender_sends_again_what_the_pool_has_dropped)
{
    struct bench *at = begin();
    submit(at, 1);
    CHECK(poll(at, 0) == ST_OK && in_pool(at) == 1);
    at->fake->txs[0]->in_pool = false;
    CHECK(poll(at, 500) == ST_OK && in_pool(at) == 0);
    CHECK(poll(at, 600) == ST_OK && in_pool(at) == 1 && at->fake->tx_count == 1);
    end(at);
}

TEST(sender_pays_more_step_by_step_up_to_its_limit)
{
    struct bench *at = begin();
    at->options.fee_limit_percent = 200;
    restart(at);
    submit(at, 1);
    CHECK(poll(at, 0) == ST_OK);
    at->fake->base_fee_wei = u256_from_u64(1000000);
    for (int i = 0; i < 12; i++) {
        fake_mine(at->fake, 2);
        CHECK(poll(at, 110) == ST_OK && in_pool(at) == 1);
    }
    u256 max = newest_tx(at)->tx.max_fee_wei;
    CHECK(u256_equal(max, u256_from_u64(4200)) && at->fake->tx_count < 9);
    CHECK(strstr(look(at, 1).reason, "highest fee") != NULL);
    for (usize i = 1; i < at->fake->tx_count; i++)
        CHECK_ROW(i, at->fake->txs[i]->tx.nonce == 0);
    at->fake->base_fee_wei = u256_from_u64(3000);
    fake_mine(at->fake, 1);
    CHECK(poll(at, 10) == ST_OK && look(at, 1).state == SENDER_INCLUDED && executed(at, 1) == 1);
    end(at);
}

TEST(sender_does_not_pay_more_where_the_parent_makes_no_blocks)
{
    struct bench *at = begin();
    submit(at, 1);
    for (int i = 0; i < 10; i++)
        CHECK(poll(at, 500) == ST_OK);
    CHECK(at->fake->tx_count == 1);
    end(at);
}

TEST(sender_never_pays_above_its_ceiling)
{
    struct bench *at = begin();
    at->options.max_fee_wei = u256_from_u64(5000);
    restart(at);
    at->fake->base_fee_wei = u256_from_u64(5001);
    submit(at, 1);
    CHECK(poll(at, 0) == ST_OK && at->fake->tx_count == 0);
    CHECK(strstr(look(at, 1).reason, "may be paid") != NULL);
    at->fake->base_fee_wei = u256_from_u64(4000);
    CHECK(poll(at, 20) == ST_OK && u256_equal(newest_tx(at)->tx.max_fee_wei, u256_from_u64(5000)));
    end(at);
}

/* --- Stakes. */

enum { STAKE_GAS = 100000, STAKE_FROM_S = 1000, STAKE_UNTIL_S = 1000 + 2400 };

/* Worth 1,000,000 wei per gas, for 200 blocks of the fake's. */
static void submit_staked(struct bench *at, u8 id)
{
    struct sender_intent intent = intent_of(id);
    intent.gas_limit = STAKE_GAS;
    intent.stake =
        (struct sender_stake){u256_from_u64((u64)STAKE_GAS * 1000000), STAKE_FROM_S, STAKE_UNTIL_S};
    if (sender_submit(at->sender, &intent, &at->err) != ST_OK)
        test_fail(__FILE__, __LINE__, "intent %u: %s", id, at->err.text);
}

static struct bench *begin_rich(void)
{
    struct bench *at = begin();
    at->fake->balance_wei = u256_from_u64((u64)1 << 60);
    return at;
}

static u64 newest_fee(const struct bench *at)
{
    return newest_tx(at)->tx.max_fee_wei.w[0];
}

/* Blocks come, and none of them takes the transaction, because it pays less than that. */
static void pass_by(struct bench *at, u64 base_fee_wei, usize rounds)
{
    at->fake->base_fee_wei = u256_from_u64(base_fee_wei);
    for (usize i = 0; i < rounds; i++) {
        fake_mine(at->fake, 2);
        if (poll(at, 150) != ST_OK)
            test_fail(__FILE__, __LINE__, "%s", at->err.text);
    }
}

TEST(sender_pays_for_a_deadline_what_its_stake_and_the_time_that_is_left_allow)
{
    struct bench *at = begin_rich();
    submit_staked(at, 1);
    CHECK(poll(at, 0) == ST_OK && newest_fee(at) == 2100);
    pass_by(at, 20000, 1); /* twice that is 19 times the first offer, less than a twentieth */
    CHECK(newest_fee(at) == 40100);
    pass_by(at, 1000000, 3); /* a peak, perhaps: a twentieth, and by each block a little more */
    CHECK(newest_fee(at) >= 50000 && newest_fee(at) < 120000);
    for (usize i = 0; i < 60; i++)
        pass_by(at, 1000000, 1);
    CHECK(newest_fee(at) > 400000 && newest_fee(at) <= 500000);
    at->fake->base_fee_wei = u256_from_u64(400000);
    fake_mine(at->fake, 1);
    CHECK(poll(at, 10) == ST_OK && executed(at, 1) == 1);
    end(at);
}

TEST(sender_remembers_a_stake_after_a_restart)
{
    struct bench *at = begin_rich();
    submit_staked(at, 1);
    CHECK(poll(at, 0) == ST_OK);
    restart(at);
    CHECK(poll(at, 10) == ST_OK);
    pass_by(at, 20000, 1);
    CHECK(newest_fee(at) == 40100 && look(at, 1).nonce == 0);
    end(at);
}

/* What has no deadline holds up what has one, by its nonce. */
TEST(sender_pays_for_what_has_to_come_before_a_deadline)
{
    struct bench *at = begin_rich();
    struct sender_intent idle = intent_of(1);
    idle.gas_limit = STAKE_GAS;
    CHECK(sender_submit(at->sender, &idle, &at->err) == ST_OK);
    CHECK(poll(at, 0) == ST_OK);
    submit_staked(at, 2);
    CHECK(poll(at, 10) == ST_OK && in_pool(at) == 2);
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
    CHECK(poll(at, 10) == ST_OK && executed(at, 1) == 1);
    end(at);
}

TEST(sender_offers_no_more_for_a_deadline_than_the_account_has)
{
    struct bench *at = begin();
    at->fake->balance_wei = u256_from_u64((u64)STAKE_GAS * 30000);
    submit_staked(at, 1);
    CHECK(poll(at, 0) == ST_OK);
    pass_by(at, 1000000, 5);
    CHECK(newest_fee(at) == 30000);
    end(at);
}

TEST(sender_goes_above_its_ceiling_for_a_stake_alone)
{
    struct bench *at = begin_rich();
    at->options.max_fee_wei = u256_from_u64(5000);
    restart(at);
    at->fake->base_fee_wei = u256_from_u64(20000);
    submit(at, 1);
    CHECK(poll(at, 0) == ST_OK && at->fake->tx_count == 0);
    submit_staked(at, 2); /* and what has to come before it goes, too */
    CHECK(poll(at, 20) == ST_OK && at->fake->tx_count == 2);
    fake_mine(at->fake, 1);
    CHECK(poll(at, 20) == ST_OK && executed(at, 1) == 1 && executed(at, 2) == 1);
    end(at);
}

TEST(sender_says_what_it_waits_for_and_goes_on_when_that_comes)
{
    struct bench *at = begin();
    at->fake->is_poor = true;
    submit(at, 1);
    CHECK(poll(at, 0) == ST_OK && in_pool(at) == 0);
    CHECK(strstr(look(at, 1).reason, "insufficient funds") != NULL);
    at->fake->is_poor = false;
    CHECK(poll(at, 20) == ST_OK && in_pool(at) == 1 && look(at, 1).reason[0] == 0);
    end(at);
}

TEST(sender_is_not_harmed_by_answers_that_get_lost)
{
    struct bench *at = begin();
    submit(at, 1);
    for (int i = 0; i < 40; i++) {
        at->fake->cut = i % 3 == 0;
        at->fake->garbage = i % 5 == 0;
        at->fake->overloaded = i % 7 == 0;
        enum status st = poll(at, 20);
        CHECK(st == ST_OK || st == ST_IO || st == ST_AGAIN);
        if (i % 10 == 9) {
            fake_mine(at->fake, 1);
            submit(at, (u8)(2 + i / 10));
        }
    }
    at->fake->cut = at->fake->garbage = at->fake->overloaded = 0;
    CHECK(poll(at, 20) == ST_OK);
    fake_mine(at->fake, 4);
    CHECK(poll(at, 20) == ST_OK);
    for (u8 id = 1; id <= 5; id++)
        CHECK_ROW(id, executed(at, id) == 1 && look(at, id).settled);
    end(at);
}

TEST(sender_names_the_misuse_when_another_program_uses_its_key)
{
    struct bench *at = begin();
    submit(at, 1);
    at->fake->holds_pool = true;
    CHECK(poll(at, 0) == ST_OK);
    at->fake->foreign_nonces = 1;
    at->fake->txs[0]->in_pool = false;
    fake_mine(at->fake, 1);
    CHECK(poll(at, 10) == ST_OK && look(at, 1).state == SENDER_PENDING);
    CHECK(strstr(look(at, 1).reason, "nonce 0 of 0xf39f") != NULL);
    fake_mine(at->fake, 3);
    CHECK(poll(at, 10) == ST_OK && look(at, 1).state == SENDER_FAILED && look(at, 1).settled);
    CHECK(strstr(look(at, 1).reason, "another program") != NULL);
    at->fake->holds_pool = false;
    submit(at, 2);
    CHECK(poll(at, 10) == ST_OK && look(at, 2).nonce == 1);
    end(at);
}

static bool claim_pending(struct fake *fake, bytes method, json params, struct json_out *out)
{
    (void)fake;
    if (!bytes_equal(method, BYTES_LIT("eth_getTransactionCount")) ||
        !json_says(json_at(params, 1), "pending"))
        return false;
    json_key(out, "result");
    json_put_cstr(out, "0x2");
    return true;
}

TEST(sender_fills_a_gap_that_a_vanished_transaction_left_below_its_own)
{
    struct bench *at = begin();
    at->fake->override = claim_pending; /* two of another program are waiting */
    submit(at, 1);
    CHECK(poll(at, 0) == ST_OK && look(at, 1).nonce == 2);
    at->fake->override = NULL;
    fake_mine(at->fake, 1);
    CHECK(poll(at, 10) == ST_OK && poll(at, 400) == ST_OK && at->fake->tx_count == 1);
    CHECK(poll(at, 200) == ST_OK && at->fake->tx_count == 3);
    fake_mine(at->fake, 3);
    CHECK(poll(at, 10) == ST_OK && executed(at, 1) == 1 && look(at, 1).settled);
    CHECK(sender_unfinished(at->sender) == 0);
    end(at);
}

TEST(sender_refuses_a_parent_that_is_another_chain)
{
    struct bench *at = begin();
    char path[320];
    fmt(path, sizeof(path), "%s.other", at->path);
    at->options.chain_id = 901;
    at->options.path = path;
    restart(at);
    submit(at, 1);
    CHECK(poll(at, 0) == ST_INVALID && strstr(at->err.text, "is chain 900, not 901") != NULL);
    end(at);
}

/* --- Withdrawing. */

TEST(sender_cancels_what_is_withdrawn)
{
    struct bench *at = begin();
    submit(at, 1);
    CHECK(sender_withdraw(at->sender, (hash32){{1, 1}}, &at->err) == ST_OK);
    CHECK(poll(at, 0) == ST_OK && at->fake->tx_count == 0);
    CHECK(look(at, 1).state == SENDER_CANCELLED && look(at, 1).settled);
    submit(at, 2);
    submit(at, 3);
    CHECK(poll(at, 10) == ST_OK && in_pool(at) == 2);
    CHECK(sender_withdraw(at->sender, (hash32){{2, 1}}, &at->err) == ST_OK);
    restart(at);
    CHECK(poll(at, 10) == ST_OK && in_pool(at) == 2);
    fake_mine(at->fake, 1);
    CHECK(poll(at, 10) == ST_OK);
    CHECK(look(at, 2).state == SENDER_PENDING && strstr(look(at, 2).reason, "block 1") != NULL);
    fake_mine(at->fake, 2);
    CHECK(poll(at, 10) == ST_OK && look(at, 2).state == SENDER_CANCELLED);
    CHECK(executed(at, 2) == 0 && executed(at, 3) == 1 && look(at, 3).settled);
    submit(at, 4);
    CHECK(poll(at, 10) == ST_OK);
    fake_mine(at->fake, 1); /* too late to withdraw it */
    CHECK(sender_withdraw(at->sender, (hash32){{4, 1}}, &at->err) == ST_OK);
    fake_mine(at->fake, 2);
    CHECK(poll(at, 10) == ST_OK && look(at, 4).state == SENDER_INCLUDED && look(at, 4).settled);
    CHECK(sender_withdraw(at->sender, (hash32){{9, 1}}, &at->err) == ST_MISSING);
    end(at);
}

/* --- Blobs. */

static struct blob *blob_of(u8 fill)
{
    struct blob *blob = ARENA_NEW(test_arena(), struct blob, 1);
    for (usize i = 0; i < sizeof(blob->b); i++)
        blob->b[i] = i % 32 == 0 ? 0 : fill;
    return blob;
}

/* Whether the newest transaction came with its blobs and a proof, or 128, for each. */
static bool is_whole(const struct bench *at, usize blobs, bool cells)
{
    bytes in = bytes_slice(newest_tx(at)->raw, 1, newest_tx(at)->raw.size), fields, item, list;
    usize counts[3];
    u64 version = 0;
    if (rlp_read_list(&in, &fields) != ST_OK || rlp_read_item(&fields, &item) != ST_OK)
        return false;
    if (cells && (rlp_read_u64(&fields, &version) != ST_OK || version != 1))
        return false;
    for (usize i = 0; i < 3; i++)
        if (rlp_read_list(&fields, &list) != ST_OK || rlp_count(list, &counts[i]) != ST_OK)
            return false;
    return counts[0] == blobs && counts[1] == blobs && counts[2] == (cells ? 128 * blobs : blobs) &&
           fields.size == 0 && rlp_check(bytes_slice(newest_tx(at)->raw, 1, SIZE_MAX)) == ST_OK;
}

static bool refuse_proofs(struct fake *fake, bytes method, json params, struct json_out *out)
{
    (void)params;
    if (!bytes_equal(method, BYTES_LIT("eth_sendRawTransaction")))
        return false;
    fake->override = NULL;
    json_key(out, "error");
    json_put_raw(out, BYTES_LIT("{\"code\":-32000,\"message\":\"unknown sidecar version\"}"));
    return true;
}

TEST(sender_sends_blobs_and_doubles_what_they_pay)
{
    struct bench *at = begin();
    struct sender_intent intent = intent_of(1);
    struct blob *blobs = ARENA_NEW(test_arena(), struct blob, 2);
    blobs[0] = *blob_of(1);
    blobs[1] = *blob_of(2);
    intent.blobs = blobs;
    intent.blob_count = 2;
    CHECK(sender_submit(at->sender, &intent, &at->err) == ST_OK);
    CHECK(poll(at, 0) == ST_OK && in_pool(at) == 1);
    const struct tx *tx = &newest_tx(at)->tx;
    CHECK(tx->type == TX_BLOB && tx->blob_hash_count == 2 && is_whole(at, 2, false));
    CHECK(u256_equal(tx->max_blob_fee_wei, u256_from_u64(20)));
    kzg_point commitment;
    CHECK(blob_commit(&blobs[1], &commitment) == ST_OK);
    CHECK(hash32_equal(tx->blob_hashes[1], kzg_versioned_hash(commitment)));
    at->fake->blob_fee_wei = u256_from_u64(30);
    restart(at); /* the blobs are in the journal */
    CHECK(poll(at, 0) == ST_OK && newest_tx(at)->sent == 2 && is_whole(at, 2, false));
    fake_mine(at->fake, 2);
    CHECK(poll(at, 110) == ST_OK && at->fake->tx_count == 2);
    CHECK(u256_equal(newest_tx(at)->tx.max_blob_fee_wei, u256_from_u64(60)));
    fake_mine(at->fake, 3);
    CHECK(poll(at, 10) == ST_OK && look(at, 1).settled && executed(at, 1) == 1);
    blobs[0].b[0] = 0xff; /* above the group's order */
    intent.key = (hash32){{2, 1}};
    CHECK(sender_submit(at->sender, &intent, &at->err) == ST_INVALID);
    end(at);
}

TEST(sender_tries_the_other_form_of_proofs_and_cancels_with_one_blob)
{
    struct bench *at = begin();
    struct sender_intent intent = intent_of(1);
    struct blob *blobs = ARENA_NEW(test_arena(), struct blob, 2);
    blobs[0] = *blob_of(3);
    intent.blobs = blobs;
    intent.blob_count = 2;
    at->fake->override = refuse_proofs;
    CHECK(sender_submit(at->sender, &intent, &at->err) == ST_OK);
    CHECK(poll(at, 0) == ST_OK && in_pool(at) == 0);
    CHECK(strstr(look(at, 1).reason, "sidecar version") != NULL);
    CHECK(poll(at, 20) == ST_OK && in_pool(at) == 1 && is_whole(at, 2, true));
    CHECK(sender_withdraw(at->sender, intent.key, &at->err) == ST_OK);
    CHECK(poll(at, 20) == ST_OK && in_pool(at) == 1 && is_whole(at, 1, true));
    CHECK(newest_tx(at)->tx.blob_hash_count == 1 && newest_tx(at)->tx.data.size == 0);
    fake_mine(at->fake, 3);
    CHECK(poll(at, 10) == ST_OK && look(at, 1).state == SENDER_CANCELLED && executed(at, 1) == 0);
    end(at);
}

/* --- The journal. */

TEST(sender_opens_only_its_own_journal_and_alone)
{
    struct bench *at = begin();
    struct sender *second = NULL;
    CHECK(sender_open(&at->options, &second, &at->err) == ST_AGAIN);
    sender_close(at->sender);
    at->sender = NULL;
    at->options.signer.who = keys_address(at->keys, 1);
    CHECK(open_sender(at) == ST_INVALID &&
          strstr(at->err.text, "is the journal of 0xf39f") != NULL);
    at->options.signer.who = keys_address(at->keys, 0);
    at->options.chain_id = 1;
    CHECK(open_sender(at) == ST_INVALID && strstr(at->err.text, "not of 0xf39f") != NULL);
    end(at);
}

TEST(sender_writes_a_large_journal_anew)
{
    struct bench *at = begin();
    struct stat info = {0};
    u8 *data = ARENA_NEW(test_arena(), u8, 1 << 20);
    for (u8 id = 1; id <= 40; id++) {
        struct sender_intent intent = {
            .key = {{id, 1}}, .gas_limit = 1000000, .data = {data, (1 << 20) - id}};
        CHECK(sender_submit(at->sender, &intent, &at->err) == ST_OK);
        CHECK_ROW(id, poll(at, 10) == ST_OK);
        fake_mine(at->fake, 1);
        if (id == 40)
            submit(at, 50);
    }
    CHECK(stat(at->path, &info) == 0 && info.st_size < 40 << 20);
    restart(at);
    CHECK(look(at, 1).state == SENDER_INCLUDED && look(at, 50).state == SENDER_PENDING);
    CHECK(poll(at, 10) == ST_OK);
    fake_mine(at->fake, 3);
    CHECK(poll(at, 10) == ST_OK && sender_unfinished(at->sender) == 0 && executed(at, 50) == 1);
    end(at);
}

/* A day in the life: several intents, a withdrawal, a dearer one, a reorg that drops the pool.
 * Every step may fail; the caller then opens the sender again and repeats what it wants. False: the
 * power went. */
static bool day(struct bench *at)
{
    struct sender_intent intent;
    at->now_ms += 20;
    for (u8 id = 1; id <= 3; id++) {
        intent = intent_of(id);
        if (sender_submit(at->sender, &intent, &at->err) != ST_OK)
            return false;
    }
    if (poll(at, 10) != ST_OK)
        return false;
    if (look(at, 3).state != SENDER_INCLUDED &&
        sender_withdraw(at->sender, (hash32){{3, 1}}, &at->err) != ST_OK)
        return false;
    fake_mine(at->fake, 1);
    if (poll(at, 10) != ST_OK)
        return false;
    fake_drop(at->fake, 1);
    at->fake->base_fee_wei = u256_from_u64(3000);
    fake_mine(at->fake, 2);
    for (int i = 0; i < 4; i++) {
        if (poll(at, 120) != ST_OK)
            return false;
        fake_mine(at->fake, 2);
    }
    intent = intent_of(4);
    if (sender_submit(at->sender, &intent, &at->err) != ST_OK || poll(at, 10) != ST_OK)
        return false;
    fake_mine(at->fake, 4);
    return poll(at, 10) == ST_OK;
}

static void power_returns(struct bench *at, enum power_fate fate)
{
    sender_close(at->sender);
    at->sender = NULL;
    power_return(&at->power, fate, (unsigned)at->now_ms);
    if (open_sender(at) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", at->err.text);
}

/* The power goes at write `n`. True: the day was over before. */
static bool day_with_a_cut(const char *folder, unsigned n, enum power_fate fate)
{
    struct bench *at = begin_in(folder, POWER_FATES * n + fate);
    at->fake->drops_pool = true;
    at->power.left = n;
    bool whole = day(at);
    if (!whole) {
        power_returns(at, fate);
        CHECK_ROW(n, day(at));
    }
    at->power.left = UINT32_MAX;
    restart(at);
    CHECK_ROW(n, day(at));
    CHECK_ROW(n, sender_unfinished(at->sender) == 0);
    for (u8 id = 1; id <= 4; id++) {
        bool once = executed(at, id) == 1;
        CHECK_ROW(n, once || (id == 3 && executed(at, id) == 0));
        CHECK_ROW(n, look(at, id).state == (once ? SENDER_INCLUDED : SENDER_CANCELLED));
    }
    end(at);
    return whole;
}

TEST(sender_killed_at_any_write_of_its_journal_loses_nothing_and_sends_nothing_twice)
{
    const char *folder = test_folder();
    bool whole = false;
    unsigned n = 1;
    for (; !whole && n < 200; n++) {
        struct arena saved = *test_arena();
        whole = day_with_a_cut(folder, n, POWER_KEPT);
        *test_arena() = saved;
        for (enum power_fate fate = POWER_LOST; fate < POWER_FATES; fate++) {
            CHECK_ROW(n, day_with_a_cut(folder, n, fate) == whole);
            *test_arena() = saved;
        }
    }
    CHECK(whole && n > 20);
}

/* A megabyte as an intent, and another once it is signed. */
static void submit_large(struct bench *at, u8 id)
{
    u8 *data = ARENA_NEW(test_arena(), u8, 1 << 20);
    struct sender_intent intent = {
        .key = {{id, 1}}, .gas_limit = 1000000, .data = {data, (1 << 20) - id}};
    CHECK(sender_submit(at->sender, &intent, &at->err) == ST_OK);
}

/* Three quarters of what makes a journal large, all settled, and one intent that is not. */
static void fill_journal(struct bench *at, u8 count)
{
    for (u8 id = 1; id <= count; id++) {
        submit_large(at, id);
        CHECK_ROW(id, poll(at, 10) == ST_OK);
        fake_mine(at->fake, 4);
        CHECK_ROW(id, poll(at, 10) == ST_OK);
    }
}

TEST(sender_cut_off_while_it_writes_its_journal_anew_has_the_old_one_or_the_new_one)
{
    enum { BEFORE = 15, LARGE = 30 << 20, SMALL = 3 << 20 };
    struct stat info = {.st_size = LARGE};
    struct bench *at = begin();
    unsigned cuts = 0;
    fill_journal(at, BEFORE);
    submit_large(at, BEFORE + 1); /* once it is sent, the journal is large enough */
    for (unsigned n = 1; n < 100 && info.st_size >= LARGE; n++) {
        at->power.left = n;
        if (poll(at, 10) != ST_OK) {
            CHECK_ROW(n, sender_withdraw(at->sender, (hash32){{BEFORE + 1, 1}}, &at->err) == ST_IO);
            power_returns(at, (enum power_fate)(n % POWER_FATES));
            cuts++;
        }
        CHECK_ROW(n, look(at, BEFORE).state == SENDER_INCLUDED &&
                         look(at, BEFORE + 1).state == SENDER_PENDING &&
                         sender_unfinished(at->sender) == 1);
        CHECK(stat(at->path, &info) == 0);
    }
    CHECK(cuts > 5 && info.st_size < SMALL);
    at->power.left = UINT32_MAX;
    fake_mine(at->fake, 4);
    CHECK(poll(at, 10) == ST_OK && look(at, BEFORE + 1).settled);
    CHECK(at->fake->tx_count == BEFORE + 1); /* each was sent as one transaction */
    end(at);
}

/* --- Signers elsewhere. */

struct signing {
    const struct keys *keys;
    usize key;
    bool changes, wraps;
};

static u64 field(json tx, const char *key)
{
    u256 value = U256_ZERO;
    (void)!hex_read_quantity(json_text(json_get(tx, key), test_arena()), &value);
    return u256_to_u64_sat(value);
}

static bool sign_here(struct fake *fake, bytes method, json params, struct json_out *out)
{
    const struct signing *signing = fake->self;
    json call = json_at(params, 0);
    struct arena tmp = fake->arena;
    if (!bytes_equal(method, BYTES_LIT("eth_signTransaction")))
        return false;
    struct tx tx = {.type = (enum tx_type)field(call, "type"),
                    .protected = true,
                    .chain_id = field(call, "chainId"),
                    .nonce = field(call, "nonce") + signing->changes,
                    .gas_limit = field(call, "gas"),
                    .max_fee_wei = u256_from_u64(field(call, "maxFeePerGas")),
                    .max_priority_wei = u256_from_u64(field(call, "maxPriorityFeePerGas")),
                    .from = keys_address(signing->keys, signing->key)};
    (void)!hex_read_fixed(json_text(json_get(call, "to"), &tmp), tx.to.b, sizeof(tx.to.b));
    (void)!hex_read(json_text(json_get(call, "data"), &tmp), &tx.data, &tmp);
    (void)!keys_sign_tx(signing->keys, &tx, tmp);
    bytes raw = tx_encode(&tx, &tmp);
    json_key(out, "result");
    if (signing->wraps) {
        json_open_object(out);
        json_key(out, "raw");
    }
    json_put_hex(out, raw);
    if (signing->wraps)
        json_close_object(out);
    return true;
}

TEST(sender_takes_signatures_from_an_external_signer_and_checks_them)
{
    struct bench *at = begin();
    struct signing signing = {at->keys, 0, false, true};
    struct remote_signer *remote = NULL;
    CHECK(remote_signer_new(at->fake->url, keys_address(at->keys, 0), 2000, NULL, &remote,
                            &at->err) == ST_OK);
    at->options.signer = signer_of_remote(remote);
    at->fake->override = sign_here;
    at->fake->self = &signing;
    restart(at);
    submit(at, 1);
    CHECK(poll(at, 0) == ST_OK && in_pool(at) == 1);
    signing.wraps = false;
    submit(at, 2);
    CHECK(poll(at, 10) == ST_OK && in_pool(at) == 2);
    submit(at, 3);
    signing.changes = true;
    CHECK(poll(at, 20) == ST_OK && strstr(look(at, 3).reason, "another transaction") != NULL);
    signing.changes = false;
    signing.key = 1;
    CHECK(poll(at, 20) == ST_OK && strstr(look(at, 3).reason, "another key") != NULL);
    signing.key = 0;
    CHECK(poll(at, 20) == ST_OK && in_pool(at) == 3);
    end(at);
    remote_signer_free(remote);
}

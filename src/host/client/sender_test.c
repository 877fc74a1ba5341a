#include "client/sender_rig.h"

#include "base/fmt.h"
#include "base/hex.h"
#include "base/rlp.h"
#include "client/sidecar.h"
#include "harness/test.h"

/* --- The ordinary course. */

TEST(sender_sends_an_intent_once_and_settles_it_when_it_is_deep_enough)
{
    struct sender_rig *at = rig_begin();
    rig_submit(at, 1);
    CHECK(rig_look(at, 1).state == SENDER_PENDING && !rig_look(at, 1).has_nonce);
    CHECK(rig_poll(at, 0) == ST_OK && rig_in_pool(at) == 1 && rig_look(at, 1).has_nonce);
    CHECK(rig_newest_tx(at)->tx.type == TX_DYNAMIC_FEE && rig_newest_tx(at)->tx.gas_limit == 60000);
    CHECK(u256_equal(rig_newest_tx(at)->tx.max_fee_wei, u256_from_u64(2100)));
    for (int i = 0; i < 5; i++)
        CHECK(rig_poll(at, 10) == ST_OK);
    CHECK(rig_newest_tx(at)->sent == 1);
    fake_mine(at->fake, 1);
    CHECK(rig_poll(at, 10) == ST_OK);
    struct sender_outcome outcome = rig_look(at, 1);
    CHECK(outcome.state == SENDER_INCLUDED && outcome.succeeded && !outcome.settled);
    CHECK(outcome.block_number == 1 && outcome.gas_used == 21000);
    CHECK(hash32_equal(outcome.block_hash, fake_head(at->fake)->at.hash));
    CHECK(hash32_equal(outcome.tx_hash, rig_newest_tx(at)->tx.hash));
    fake_mine(at->fake, 2);
    CHECK(rig_poll(at, 10) == ST_OK && rig_look(at, 1).settled &&
          sender_unfinished(at->sender) == 0);
    u64 requests = at->fake->requests;
    CHECK(rig_poll(at, 10) == ST_OK && at->fake->requests == requests);
    rig_restart(at);
    outcome = rig_look(at, 1);
    CHECK(outcome.state == SENDER_INCLUDED && outcome.settled && outcome.block_number == 1);
    rig_submit(at, 1);
    CHECK(sender_unfinished(at->sender) == 0 && rig_executed(at, 1) == 1);
    CHECK(sender_look(at->sender, (hash32){{7}}, &outcome) == ST_MISSING);
    rig_end(at);
}

TEST(sender_tells_after_a_restart_what_is_still_under_way)
{
    struct sender_rig *at = rig_begin();
    rig_submit(at, 1);
    CHECK(rig_poll(at, 0) == ST_OK);
    rig_restart(at);
    CHECK(rig_poll(at, 10) == ST_OK && sender_afloat(at->sender).waiting == 1);
    fake_mine(at->fake, 1);
    rig_restart(at);
    CHECK(sender_afloat(at->sender).waiting == 1); /* no poll has shown yet that it came */
    CHECK(rig_poll(at, 10) == ST_OK && sender_afloat(at->sender).waiting == 0);
    CHECK(sender_afloat(at->sender).newest_block == 1);
    fake_mine(at->fake, 2);
    CHECK(rig_poll(at, 10) == ST_OK && sender_afloat(at->sender).newest_block == 0);
    at->fake->is_poor = true;
    rig_submit(at, 2);
    CHECK(rig_poll(at, 10) == ST_OK);
    rig_restart(at);
    CHECK(rig_poll(at, 20) == ST_OK && sender_afloat(at->sender).waiting == 1);
    CHECK(strstr(sender_afloat(at->sender).why, "insufficient funds") != NULL);
    rig_end(at);
}

TEST(sender_keeps_the_order_of_intents_and_its_limit_of_flights)
{
    struct sender_rig *at = rig_begin();
    at->options.flight_limit = 3;
    rig_restart(at);
    for (u8 id = 1; id <= 8; id++)
        rig_submit(at, id);
    for (int i = 0; i < 4; i++) {
        CHECK(rig_poll(at, 10) == ST_OK && rig_in_pool(at) <= 3);
        fake_mine(at->fake, 1);
    }
    CHECK(rig_poll(at, 10) == ST_OK);
    for (u8 id = 1; id <= 8; id++)
        CHECK_ROW(id, rig_executed(at, id) == 1 && rig_look(at, id).nonce == id - 1u);
    rig_end(at);
}

/* Calls that a poll makes. */
static u64 calls_of_poll(struct sender_rig *at)
{
    u64 before = at->fake->calls;
    CHECK(rig_poll(at, 10) == ST_OK);
    return at->fake->calls - before;
}

TEST(sender_asks_once_a_block_what_has_become_of_what_is_in_blocks)
{
    struct sender_rig *at = rig_begin();
    for (u8 id = 1; id <= 3; id++)
        rig_submit(at, id);
    CHECK(rig_poll(at, 0) == ST_OK);
    fake_mine(at->fake, 1);
    CHECK(rig_poll(at, 10) == ST_OK && rig_look(at, 3).state == SENDER_INCLUDED);
    u64 idle = calls_of_poll(at);
    CHECK(calls_of_poll(at) == idle);
    fake_mine(at->fake, 1);
    CHECK(calls_of_poll(at) == idle + 3 && calls_of_poll(at) == idle);
    fake_mine(at->fake, 1);
    CHECK(rig_poll(at, 10) == ST_OK && sender_unfinished(at->sender) == 0);
    rig_end(at);
}

TEST(sender_reports_a_transaction_that_reverts_in_its_block)
{
    struct sender_rig *at = rig_begin();
    struct sender_intent intent = {.key = {{1, 1}}, .to = FAKE_REVERTER, .gas_limit = 100000};
    CHECK(sender_submit(at->sender, &intent, &at->err) == ST_OK);
    CHECK(rig_poll(at, 0) == ST_OK);
    fake_mine(at->fake, 1);
    CHECK(rig_poll(at, 10) == ST_OK);
    CHECK(rig_look(at, 1).state == SENDER_INCLUDED && !rig_look(at, 1).succeeded);
    rig_end(at);
}

TEST(sender_does_not_send_what_reverts_when_it_is_estimated)
{
    struct sender_rig *at = rig_begin();
    struct sender_intent intent = {.key = {{1, 1}}, .to = FAKE_REVERTER};
    CHECK(sender_submit(at->sender, &intent, &at->err) == ST_OK);
    rig_submit(at, 2);
    CHECK(rig_poll(at, 0) == ST_OK);
    for (int i = 0; i < 2; i++) {
        struct sender_outcome outcome = rig_look(at, 1);
        CHECK(outcome.state == SENDER_FAILED && outcome.settled && !outcome.has_nonce);
        CHECK(strstr(outcome.reason, "arithmetic overflow") != NULL);
        CHECK(outcome.revert_data.size == 36);
        rig_restart(at);
    }
    CHECK(rig_poll(at, 10) == ST_OK && rig_in_pool(at) == 1 && rig_look(at, 2).nonce == 0);
    rig_end(at);
}

/* What is on its way may be what makes it succeed: only alone does a revert count. */
TEST(sender_waits_with_judging_a_revert_until_nothing_is_on_its_way)
{
    struct sender_rig *at = rig_begin();
    struct sender_intent intent = {.key = {{2, 1}}, .to = FAKE_REVERTER};
    rig_submit(at, 1);
    CHECK(sender_submit(at->sender, &intent, &at->err) == ST_OK);
    rig_submit(at, 3);
    CHECK(rig_poll(at, 0) == ST_OK && rig_look(at, 2).state == SENDER_PENDING &&
          rig_in_pool(at) == 1);
    fake_mine(at->fake, 1);
    CHECK(rig_poll(at, 10) == ST_OK && rig_look(at, 2).state == SENDER_FAILED &&
          rig_in_pool(at) == 1);
    rig_end(at);
}

/* --- Trouble. */

TEST(sender_sends_again_what_a_reorg_took_out_of_its_block)
{
    struct sender_rig *at = rig_begin();
    at->fake->drops_pool = true;
    rig_submit(at, 1);
    rig_submit(at, 2);
    CHECK(rig_poll(at, 0) == ST_OK);
    fake_mine(at->fake, 2);
    CHECK(rig_poll(at, 10) == ST_OK && rig_look(at, 1).state == SENDER_INCLUDED);
    fake_drop(at->fake, 2);
    fake_mine(at->fake, 1);
    CHECK(rig_poll(at, 10) == ST_OK && rig_look(at, 1).state == SENDER_PENDING &&
          rig_in_pool(at) == 2);
    fake_mine(at->fake, 3);
    CHECK(rig_poll(at, 10) == ST_OK && rig_look(at, 1).settled && rig_look(at, 2).settled);
    CHECK(rig_executed(at, 1) == 1 && rig_executed(at, 2) == 1 &&
          rig_look(at, 1).block_number == 2);
    rig_end(at);
}

TEST(sender_sends_again_what_the_pool_has_dropped)
{
    struct sender_rig *at = rig_begin();
    rig_submit(at, 1);
    CHECK(rig_poll(at, 0) == ST_OK && rig_in_pool(at) == 1);
    at->fake->txs[0]->in_pool = false;
    CHECK(rig_poll(at, 500) == ST_OK && rig_in_pool(at) == 0);
    CHECK(rig_poll(at, 600) == ST_OK && rig_in_pool(at) == 1 && at->fake->tx_count == 1);
    rig_end(at);
}

TEST(sender_says_what_it_waits_for_and_goes_on_when_that_comes)
{
    struct sender_rig *at = rig_begin();
    at->fake->is_poor = true;
    rig_submit(at, 1);
    CHECK(rig_poll(at, 0) == ST_OK && rig_in_pool(at) == 0);
    CHECK(strstr(rig_look(at, 1).reason, "insufficient funds") != NULL);
    at->fake->is_poor = false;
    CHECK(rig_poll(at, 20) == ST_OK && rig_in_pool(at) == 1 && rig_look(at, 1).reason[0] == 0);
    rig_end(at);
}

TEST(sender_is_not_harmed_by_answers_that_get_lost)
{
    struct sender_rig *at = rig_begin();
    rig_submit(at, 1);
    for (int i = 0; i < 40; i++) {
        at->fake->cut = i % 3 == 0;
        at->fake->garbage = i % 5 == 0;
        at->fake->overloaded = i % 7 == 0;
        enum status st = rig_poll(at, 20);
        CHECK(st == ST_OK || st == ST_IO || st == ST_AGAIN);
        if (i % 10 == 9) {
            fake_mine(at->fake, 1);
            rig_submit(at, (u8)(2 + i / 10));
        }
    }
    at->fake->cut = at->fake->garbage = at->fake->overloaded = 0;
    CHECK(rig_poll(at, 20) == ST_OK);
    fake_mine(at->fake, 4);
    CHECK(rig_poll(at, 20) == ST_OK);
    for (u8 id = 1; id <= 5; id++)
        CHECK_ROW(id, rig_executed(at, id) == 1 && rig_look(at, id).settled);
    rig_end(at);
}

TEST(sender_names_the_misuse_when_another_program_uses_its_key)
{
    struct sender_rig *at = rig_begin();
    rig_submit(at, 1);
    at->fake->holds_pool = true;
    CHECK(rig_poll(at, 0) == ST_OK);
    at->fake->foreign_nonces = 1;
    at->fake->txs[0]->in_pool = false;
    fake_mine(at->fake, 1);
    CHECK(rig_poll(at, 10) == ST_OK && rig_look(at, 1).state == SENDER_PENDING);
    CHECK(strstr(rig_look(at, 1).reason, "nonce 0 of 0xf39f") != NULL);
    fake_mine(at->fake, 3);
    CHECK(rig_poll(at, 10) == ST_OK && rig_look(at, 1).state == SENDER_FAILED &&
          rig_look(at, 1).settled);
    CHECK(strstr(rig_look(at, 1).reason, "another program") != NULL);
    at->fake->holds_pool = false;
    rig_submit(at, 2);
    CHECK(rig_poll(at, 10) == ST_OK && rig_look(at, 2).nonce == 1);
    rig_end(at);
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
    struct sender_rig *at = rig_begin();
    at->fake->override = claim_pending; /* two of another program are waiting */
    rig_submit(at, 1);
    CHECK(rig_poll(at, 0) == ST_OK && rig_look(at, 1).nonce == 2);
    at->fake->override = NULL;
    fake_mine(at->fake, 1);
    CHECK(rig_poll(at, 10) == ST_OK && rig_poll(at, 400) == ST_OK && at->fake->tx_count == 1);
    CHECK(rig_poll(at, 200) == ST_OK && at->fake->tx_count == 3);
    fake_mine(at->fake, 3);
    CHECK(rig_poll(at, 10) == ST_OK && rig_executed(at, 1) == 1 && rig_look(at, 1).settled);
    CHECK(sender_unfinished(at->sender) == 0);
    rig_end(at);
}

TEST(sender_refuses_a_parent_that_is_another_chain)
{
    struct sender_rig *at = rig_begin();
    char path[320];
    fmt(path, sizeof(path), "%s.other", at->path);
    at->options.chain_id = 901;
    at->options.path = path;
    rig_restart(at);
    rig_submit(at, 1);
    CHECK(rig_poll(at, 0) == ST_INVALID && strstr(at->err.text, "is chain 900, not 901") != NULL);
    rig_end(at);
}

/* --- Withdrawing. */

TEST(sender_cancels_what_is_withdrawn)
{
    struct sender_rig *at = rig_begin();
    rig_submit(at, 1);
    CHECK(sender_withdraw(at->sender, (hash32){{1, 1}}, &at->err) == ST_OK);
    CHECK(rig_poll(at, 0) == ST_OK && at->fake->tx_count == 0);
    CHECK(rig_look(at, 1).state == SENDER_CANCELLED && rig_look(at, 1).settled);
    rig_submit(at, 2);
    rig_submit(at, 3);
    CHECK(rig_poll(at, 10) == ST_OK && rig_in_pool(at) == 2);
    CHECK(sender_withdraw(at->sender, (hash32){{2, 1}}, &at->err) == ST_OK);
    rig_restart(at);
    CHECK(rig_poll(at, 10) == ST_OK && rig_in_pool(at) == 2);
    fake_mine(at->fake, 1);
    CHECK(rig_poll(at, 10) == ST_OK);
    CHECK(rig_look(at, 2).state == SENDER_PENDING &&
          strstr(rig_look(at, 2).reason, "block 1") != NULL);
    fake_mine(at->fake, 2);
    CHECK(rig_poll(at, 10) == ST_OK && rig_look(at, 2).state == SENDER_CANCELLED);
    CHECK(rig_executed(at, 2) == 0 && rig_executed(at, 3) == 1 && rig_look(at, 3).settled);
    rig_submit(at, 4);
    CHECK(rig_poll(at, 10) == ST_OK);
    fake_mine(at->fake, 1); /* too late to withdraw it */
    CHECK(sender_withdraw(at->sender, (hash32){{4, 1}}, &at->err) == ST_OK);
    fake_mine(at->fake, 2);
    CHECK(rig_poll(at, 10) == ST_OK && rig_look(at, 4).state == SENDER_INCLUDED &&
          rig_look(at, 4).settled);
    CHECK(sender_withdraw(at->sender, (hash32){{9, 1}}, &at->err) == ST_MISSING);
    rig_end(at);
}

/* A block of the fake's is twelve seconds, and its first one at 1000. */
TEST(sender_does_not_sign_for_the_first_time_what_is_too_late)
{
    struct sender_rig *at = rig_begin();
    for (u8 id = 1; id <= 3; id++) {
        struct sender_intent intent = rig_intent(id);
        intent.sign_by_s = id < 3 ? 1000 + 2 * 12 : 1000 + 4 * 12;
        CHECK(sender_submit(at->sender, &intent, &at->err) == ST_OK);
        if (id == 1)
            CHECK(rig_poll(at, 0) == ST_OK && rig_in_pool(at) == 1);
    }
    rig_restart(at);
    at->fake->base_fee_wei = u256_from_u64(1000000);
    fake_mine(at->fake, 3); /* which none of them is dear enough for */
    CHECK(rig_poll(at, 10) == ST_OK && rig_in_pool(at) == 2);
    CHECK(rig_look(at, 2).state == SENDER_CANCELLED && rig_look(at, 2).settled);
    CHECK(strstr(rig_look(at, 2).reason, "in time") != NULL && !rig_look(at, 2).has_nonce);
    rig_restart(at);
    CHECK(rig_look(at, 2).state == SENDER_CANCELLED && rig_look(at, 3).has_nonce);
    at->fake->base_fee_wei = u256_from_u64(1000);
    fake_mine(at->fake, 1);
    CHECK(rig_poll(at, 10) == ST_OK);
    CHECK(rig_executed(at, 1) == 1 && rig_executed(at, 2) == 0 && rig_executed(at, 3) == 1);
    rig_end(at);
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
static bool is_whole(const struct sender_rig *at, usize blobs, bool cells)
{
    bytes in = bytes_slice(rig_newest_tx(at)->raw, 1, rig_newest_tx(at)->raw.size), fields, item,
          list;
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
           fields.size == 0 && rlp_check(bytes_slice(rig_newest_tx(at)->raw, 1, SIZE_MAX)) == ST_OK;
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
    struct sender_rig *at = rig_begin();
    struct sender_intent intent = rig_intent(1);
    struct blob *blobs = ARENA_NEW(test_arena(), struct blob, 2);
    blobs[0] = *blob_of(1);
    blobs[1] = *blob_of(2);
    intent.blobs = blobs;
    intent.blob_count = 2;
    CHECK(sender_submit(at->sender, &intent, &at->err) == ST_OK);
    CHECK(rig_poll(at, 0) == ST_OK && rig_in_pool(at) == 1);
    const struct tx *tx = &rig_newest_tx(at)->tx;
    CHECK(tx->type == TX_BLOB && tx->blob_hash_count == 2 && is_whole(at, 2, false));
    CHECK(u256_equal(tx->max_blob_fee_wei, u256_from_u64(20)));
    kzg_point commitment;
    CHECK(blob_commit(&blobs[1], &commitment) == ST_OK);
    CHECK(hash32_equal(tx->blob_hashes[1], kzg_versioned_hash(commitment)));
    at->fake->blob_fee_wei = u256_from_u64(30);
    rig_restart(at); /* the blobs are in the journal */
    CHECK(rig_poll(at, 0) == ST_OK && rig_newest_tx(at)->sent == 2 && is_whole(at, 2, false));
    fake_mine(at->fake, 2);
    CHECK(rig_poll(at, 110) == ST_OK && at->fake->tx_count == 2);
    CHECK(u256_equal(rig_newest_tx(at)->tx.max_blob_fee_wei, u256_from_u64(60)));
    fake_mine(at->fake, 3);
    CHECK(rig_poll(at, 10) == ST_OK && rig_look(at, 1).settled && rig_executed(at, 1) == 1);
    blobs[0].b[0] = 0xff; /* above the group's order */
    intent.key = (hash32){{2, 1}};
    CHECK(sender_submit(at->sender, &intent, &at->err) == ST_INVALID);
    rig_end(at);
}

TEST(sender_tries_the_other_form_of_proofs_and_cancels_with_one_blob)
{
    struct sender_rig *at = rig_begin();
    struct sender_intent intent = rig_intent(1);
    struct blob *blobs = ARENA_NEW(test_arena(), struct blob, 2);
    blobs[0] = *blob_of(3);
    intent.blobs = blobs;
    intent.blob_count = 2;
    at->fake->override = refuse_proofs;
    CHECK(sender_submit(at->sender, &intent, &at->err) == ST_OK);
    CHECK(rig_poll(at, 0) == ST_OK && rig_in_pool(at) == 0);
    CHECK(strstr(rig_look(at, 1).reason, "sidecar version") != NULL);
    CHECK(rig_poll(at, 20) == ST_OK && rig_in_pool(at) == 1 && is_whole(at, 2, true));
    CHECK(sender_withdraw(at->sender, intent.key, &at->err) == ST_OK);
    CHECK(rig_poll(at, 20) == ST_OK && rig_in_pool(at) == 1 && is_whole(at, 1, true));
    CHECK(rig_newest_tx(at)->tx.blob_hash_count == 1 && rig_newest_tx(at)->tx.data.size == 0);
    fake_mine(at->fake, 3);
    CHECK(rig_poll(at, 10) == ST_OK && rig_look(at, 1).state == SENDER_CANCELLED &&
          rig_executed(at, 1) == 0);
    rig_end(at);
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
    struct sender_rig *at = rig_begin();
    struct signing signing = {at->keys, 0, false, true};
    struct remote_signer *remote = NULL;
    CHECK(remote_signer_new(at->fake->url, keys_address(at->keys, 0), 2000, NULL, &remote,
                            &at->err) == ST_OK);
    at->options.signer = signer_of_remote(remote);
    at->fake->override = sign_here;
    at->fake->self = &signing;
    rig_restart(at);
    rig_submit(at, 1);
    CHECK(rig_poll(at, 0) == ST_OK && rig_in_pool(at) == 1);
    signing.wraps = false;
    rig_submit(at, 2);
    CHECK(rig_poll(at, 10) == ST_OK && rig_in_pool(at) == 2);
    rig_submit(at, 3);
    signing.changes = true;
    CHECK(rig_poll(at, 20) == ST_OK &&
          strstr(rig_look(at, 3).reason, "another transaction") != NULL);
    signing.changes = false;
    signing.key = 1;
    CHECK(rig_poll(at, 20) == ST_OK && strstr(rig_look(at, 3).reason, "another key") != NULL);
    signing.key = 0;
    CHECK(rig_poll(at, 20) == ST_OK && rig_in_pool(at) == 3);
    rig_end(at);
    remote_signer_free(remote);
}

/* A channel daemon's view of a dev chain, and what it does there: deposits, disputes, reorgs. */
#include "node/onchain_rig.h"

#include "base/fmt.h"
#include "channel/answer.h"
#include "channel/deployed.h"
#include "channel/tower_blob.h"
#include "client/erc20.h"
#include "harness/test.h"
#include "sys/clock.h"

static struct dev_channel *channel; /* that is waited for */

/* --- Facts that are waited for. */

static bool both_have_deposited(struct dev *at)
{
    (void)at;
    return channel->seen->newest.deposited[0] == 60000 &&
           channel->seen->newest.deposited[1] == 40000;
}

static bool deposits_are_final(struct dev *at)
{
    (void)at;
    return channel->seen->final.deposited[0] == 60000 && channel->seen->final.deposited[1] == 40000;
}

static bool is_in_dispute(struct dev *at)
{
    (void)at;
    return channel->seen->newest.phase == PHASE_DISPUTE;
}

static bool has_second_half(struct dev *at)
{
    (void)at;
    return channel->seen->newest.seq[1] == 1;
}

static bool is_unlocking(struct dev *at)
{
    (void)at;
    return channel->seen->newest.phase == PHASE_UNLOCKING;
}

static bool is_closed(struct dev *at)
{
    (void)at;
    return channel->seen->newest.phase == PHASE_CLOSED;
}

static bool is_closed_for_good(struct dev *at)
{
    (void)at;
    return channel->seen->final.phase == PHASE_CLOSED;
}

static bool has_block(struct dev *at)
{
    return at->block > 0;
}

static bool has_a_dispute(struct dev *at)
{
    return at->dispute_count > 0;
}

static bool has_three_reveals(struct dev *at)
{
    return at->reveal_count >= 3;
}

static bool has_four_reveals(struct dev *at)
{
    return at->reveal_count >= 4;
}

static bool has_no_deposits(struct dev *at)
{
    (void)at;
    return channel->seen->newest_count > 1 && channel->seen->newest.deposited[0] == 0;
}

static bool has_a_deposit(struct dev *at)
{
    (void)at;
    return channel->seen->newest.deposited[0] > 0;
}

static u64 balance_of(struct dev *at, address who)
{
    u256 balance;
    CHECK(eth_ask_balance(at->eth, who, eth_at_tag(ETH_LATEST), &balance, &at->err) == ST_OK);
    return u256_to_u64_sat(balance);
}

TEST(funded_channel_is_seen_when_it_is_in_a_block_and_again_when_that_is_final)
{
    struct dev *at = dev_begin();
    struct dev_channel *of = dev_example(at, 1, (address){{0}});
    channel = of;
    dev_open_chain(at, test_folder());
    onchain_watch(at->chain, &of->terms, 1);
    dev_deposit(at, of, 0, 60000);
    dev_deposit(at, of, 1, 40000);
    WAIT_FOR(at, both_have_deposited);
    CHECK(of->seen->final.deposited[1] == 0);
    dev_mine(at, 2);
    WAIT_FOR(at, deposits_are_final);
    dev_deposit(at, of, 0, 50000); /* is there already: no transaction */

    struct channel_close close = {-2500, dev_now_s(at) + 1000};
    hash32 hash = close_hash(of->name.id, &close);
    signature64 signatures[2] = {dev_sign(of, 0, hash), dev_sign(of, 1, hash)};
    SUBMIT(at, adjudicator_coop_close(&of->terms, &close, signatures, test_arena()));
    WAIT_FOR(at, is_closed);
    dev_mine(at, 2);
    WAIT_FOR(at, is_closed_for_good);
    CHECK(balance_of(at, of->terms.payout[0]) == 62500);
    CHECK(balance_of(at, of->terms.payout[1]) == 37500);
    SUBMIT_REFUSED(at, adjudicator_coop_close(&of->terms, &close, signatures, test_arena()),
                   "AlreadySettled");
    dev_end(at);
}

/* A lock of a's, of 5000, on a preimage. */
static struct locks *one_lock(u8 preimage, u64 expiry_s)
{
    struct locks *locks = locks_new();
    struct lock lock = {
        .amount = 5000, .expiry_s = expiry_s, .key = registry_key((hash32){{[31] = preimage}})};
    locks_set(locks, 0, &lock);
    return locks;
}

static bool has_word_on_three(struct dev *at)
{
    return at->funds_count >= 3;
}

TEST(channels_of_others_are_asked_about_together_and_their_events_are_told)
{
    struct dev *at = dev_begin();
    dev_open_chain(at, test_folder());
    struct dev_channel *of = dev_example(at, 1, (address){{0}});
    dev_deposit(at, of, 0, 60000);
    dev_deposit(at, of, 1, 40000);
    const hash32 ids[] = {of->name.id, {{1}}, of->name.pair};
    for (usize i = 0; i < countof(ids); i++)
        onchain_ask_funds(at->chain, ids[i]);
    WAIT_FOR(at, has_word_on_three);
    for (usize i = 0; i < countof(ids); i++) {
        CHECK_ROW(i, hash32_equal(at->funds[i].id, ids[i]));
        CHECK_ROW(i, at->funds[i].of[0] == (i == 0 ? 60000 : 0));
        CHECK_ROW(i, at->funds[i].of[1] == (i == 0 ? 40000 : 0));
    }
    CHECK(at->stirred_count == 2 && hash32_equal(at->stirred, of->name.id));
    CHECK(at->seen_count == 0 || of->seen->newest_count == 0);
    dev_end(at);
}

TEST(dispute_is_followed_from_forced_close_to_the_last_lock)
{
    struct dev *at = dev_begin();
    struct dev_channel *of = dev_example(at, 2, (address){{0}});
    channel = of;
    dev_open_chain(at, test_folder());
    onchain_watch(at->chain, &of->terms, 1);
    dev_deposit(at, of, 0, 60000);
    dev_deposit(at, of, 1, 40000);
    WAIT_FOR(at, both_have_deposited);

    struct locks *locks = one_lock(42, dev_now_s(at) + (u64)10 * DEV_CHALLENGE_S);
    struct adjudicator_base base = {0};
    struct adjudicator_half halves[2] = {dev_half(of, 0, 1, 1000, locks)};
    u64 until_s = dev_now_s(at) + 100;
    SUBMIT(at, adjudicator_force_close(&of->terms, until_s, &base, halves, test_arena()));
    WAIT_FOR(at, is_in_dispute);
    CHECK(of->seen->newest.seq[0] == 1 && of->seen->newest.epoch == 0);
    CHECK(of->seen->newest.phase_time_s > dev_now_s(at));
    CHECK(of->seen->newest.state.sent[0] == 1000 && of->seen->newest.state.locked[0] == 5000);

    struct adjudicator_half answer[2] = {{.half = {.seq = 0}}, dev_half(of, 1, 1, 200, NULL)};
    struct adjudicator_state state = of->seen->newest.state;
    SUBMIT(at, adjudicator_challenge(&of->terms, &state, answer, test_arena()));
    WAIT_FOR(at, has_second_half);
    CHECK(of->seen->newest.state.sent[1] == 200);
    SUBMIT_REFUSED(at, adjudicator_challenge(&of->terms, &state, answer, test_arena()),
                   "WrongState");

    state = of->seen->newest.state;
    SUBMIT_REFUSED(at, adjudicator_settle(&of->terms, &state, test_arena()), "Early");
    dev_pass(at, 2 * DEV_CHALLENGE_S); /* since there is no bond */
    SUBMIT(at, adjudicator_settle(&of->terms, &state, test_arena()));
    WAIT_FOR(at, is_unlocking);
    CHECK(balance_of(at, of->terms.payout[0]) == 60000 - 1000 + 200 - 5000);

    struct onchain_intent reveal = {.key = dev_next_key(at),
                                    .to = ONCHAIN_REGISTRY,
                                    .data = registry_reveal((hash32){{[31] = 42}}, test_arena())};
    onchain_submit(at->chain, &reveal);
    dev_conclude(at, reveal.key, NULL, __LINE__);
    struct lock_chunk chunk = locks_chunk(locks, 0, test_arena());
    SUBMIT(at, adjudicator_unlock(&of->terms, &of->seen->newest.pots, 0, &chunk, NULL, 0,
                                  test_arena()));
    WAIT_FOR(at, is_closed);
    CHECK(balance_of(at, of->terms.payout[1]) == 40000 + 1000 - 200 + 5000);
    locks_free(locks);
    dev_end(at);
}

TEST(state_of_a_dispute_that_began_before_it_was_watched_is_found)
{
    struct dev *at = dev_begin();
    struct dev_channel *of = dev_example(at, 3, (address){{0}});
    channel = of;
    dev_open_chain(at, test_folder());
    struct adjudicator_base base = {0};
    struct adjudicator_half halves[2] = {dev_half(of, 0, 7, 1000, NULL)};
    u64 until_s = dev_now_s(at) + 100;
    SUBMIT(at, adjudicator_force_close(&of->terms, until_s, &base, halves, test_arena()));
    dev_mine(at, 3);
    onchain_watch(at->chain, &of->terms, dev_newest_header(at).number);
    dev_deposit(at, of, 0, 60000);
    WAIT_FOR(at, is_in_dispute);
    CHECK(of->seen->newest.seq[0] == 7 && of->seen->newest.state.sent[0] == 1000);
    dev_end(at);
}

TEST(disputes_of_strangers_are_told_and_again_to_who_was_away)
{
    struct dev *at = dev_begin();
    struct dev_channel *of = dev_example(at, 4, (address){{0}});
    channel = of;
    const char *folder = test_folder();
    dev_open_chain(at, folder);
    struct adjudicator_base base = {0};
    struct adjudicator_half halves[2] = {dev_half(of, 0, 7, 1000, NULL)};
    u64 until_s = dev_now_s(at) + 100;
    SUBMIT(at, adjudicator_force_close(&of->terms, until_s, &base, halves, test_arena()));
    u64 block = dev_newest_header(at).number;
    WAIT_FOR(at, has_a_dispute);
    CHECK(hash32_equal(at->disputed, of->name.id) && at->disputed_block == block);
    CHECK(hash32_equal(at->disputed_salt, of->terms.salt));
    CHECK(of->seen->newest_count == 0); /* nobody watches the channel */
    dev_close_chain(at);
    dev_mine(at, 3);
    at->dispute_count = 0;
    dev_open_chain(at, folder);
    onchain_tell_since(at->chain, block);
    WAIT_FOR(at, has_a_dispute);
    CHECK(hash32_equal(at->disputed, of->name.id) && at->disputed_block == block);
    dev_close_chain(at);
    at->dispute_count = 0;
    at->block = 0;
    dev_open_chain(at, folder);
    onchain_tell_since(at->chain, block + 1);
    WAIT_FOR(at, has_block);
    CHECK(at->dispute_count == 0);
    dev_end(at);
}

static bool has_second_step(struct dev *at)
{
    (void)at;
    return channel->seen->newest.seq[1] == 2;
}

static bool has_third_half(struct dev *at)
{
    (void)at;
    return channel->seen->newest.seq[1] == 3;
}

/* What a tower would answer with, from a blob that it cannot read before the dispute. */
static bytes answer_to(const struct dev_channel *of, const struct adjudicator_half halves[2],
                       struct answering *answering)
{
    static const point33 client = {{2}};
    struct tower_blob blob = {.terms = of->terms, .states.half = {halves[0], halves[1]}}, opened;
    u8 sealed[TOWER_BLOB_SIZE];
    tower_blob_seal(&client, &blob, sealed);
    CHECK(tower_blob_open(of->terms.salt, &client, BYTES_OF(sealed), &opened, NULL) == ST_OK);
    CHECK(answer_is_signed(&opened.terms, &opened.states));
    return answer_call(&opened.terms, &opened.states, &of->seen->newest, answering, test_arena());
}

TEST(answers_of_a_third_party_land_whatever_halves_the_cheat_has_shown)
{
    struct dev *at = dev_begin();
    struct dev_channel *of = dev_example(at, 5, (address){{0}});
    channel = of;
    dev_open_chain(at, test_folder());
    onchain_watch(at->chain, &of->terms, 1);
    struct adjudicator_base base = {0};
    struct adjudicator_half old[2] = {dev_half(of, 0, 5, 1000, NULL), dev_half(of, 1, 1, 10, NULL)};
    struct adjudicator_half newer[2] = {dev_half(of, 0, 5, 1000, NULL),
                                        dev_half(of, 1, 2, 20, NULL)};
    struct adjudicator_half mixed[2] = {dev_half(of, 0, 4, 900, NULL),
                                        dev_half(of, 1, 3, 30, NULL)};
    u64 until_s = dev_now_s(at) + 100;
    SUBMIT(at, adjudicator_force_close(&of->terms, until_s, &base, old, test_arena()));
    WAIT_FOR(at, is_in_dispute);
    struct answering first = {0}, then = {0};
    SUBMIT(at, answer_to(of, newer, &first));
    WAIT_FOR(at, has_second_step);
    SUBMIT(at, answer_to(of, mixed, &then)); /* of its a's half is older than what is there */
    WAIT_FOR(at, has_third_half);
    CHECK(of->seen->newest.seq[0] == 5 && of->seen->newest.state.sent[0] == 1000);
    CHECK(of->seen->newest.state.sent[1] == 30);
    CHECK(answer_to(of, newer, &then).size == 0);
    dev_end(at);
}

static const struct adjudicator_half none;

static bool has_a_note(struct dev *at)
{
    (void)at;
    return channel->seen->newest.note[1].seq == 4;
}

static bool has_merged(struct dev *at)
{
    (void)at;
    return channel->seen->newest.seq[1] == 4;
}

/* The tower's challenge has named the state before the cheat's: what then goes by a note cannot be
 * outrun, is found by who begins to watch later, and holds up the settlement until it is merged. */
TEST(what_a_cheat_outruns_is_noted_and_merged_before_the_settlement)
{
    struct dev *at = dev_begin();
    struct dev_channel *of = dev_example(at, 6, (address){{0}});
    channel = of;
    dev_open_chain(at, test_folder());
    onchain_watch(at->chain, &of->terms, 1);
    dev_deposit(at, of, 0, 60000);
    dev_deposit(at, of, 1, 40000);
    struct adjudicator_base base = {0};
    struct adjudicator_half old[2] = {none, dev_half(of, 1, 2, 20, NULL)};
    struct adjudicator_half less_old[2] = {none, dev_half(of, 1, 3, 30, NULL)};
    struct adjudicator_half newest[2] = {none, dev_half(of, 1, 4, 40, NULL)};
    struct answering answering = {0};
    u64 until_s = dev_now_s(at) + 100;
    SUBMIT(at, adjudicator_force_close(&of->terms, until_s, &base, old, test_arena()));
    WAIT_FOR(at, has_second_step);
    CHECK(of->seen->newest.bond.amount_wei == 0);
    bytes outrun = answer_to(of, newest, &answering);
    SUBMIT(at, adjudicator_challenge(&of->terms, &of->seen->newest.state, less_old, test_arena()));
    WAIT_FOR(at, has_third_half);
    SUBMIT_REFUSED(at, outrun, "WrongState");
    SUBMIT(at, answer_to(of, newest, &answering));
    WAIT_FOR(at, has_a_note);
    CHECK(answer_to(of, newest, &answering).size == 0);
    onchain_forget(at->chain, of->name.id);
    of->seen->newest = (struct onchain_view){0};
    dev_mine(at, 1);
    onchain_watch(at->chain, &of->terms, dev_newest_header(at).number + 1);
    dev_deposit(at, of, 0, 70000);
    WAIT_FOR(at, has_a_note);
    CHECK(of->seen->newest.note[1].sent == 40 && of->seen->newest.note[0].seq == 0);
    dev_pass(at, 2 * DEV_CHALLENGE_S);
    SUBMIT_REFUSED(at, adjudicator_settle(&of->terms, &of->seen->newest.state, test_arena()),
                   "NotMerged");
    SUBMIT(at, answer_end(&of->terms, &of->seen->newest, test_arena()));
    WAIT_FOR(at, has_merged);
    SUBMIT(at, answer_end(&of->terms, &of->seen->newest, test_arena()));
    WAIT_FOR(at, is_closed);
    CHECK(balance_of(at, of->terms.payout[0]) == 70000 + 40);
    CHECK(balance_of(at, of->terms.payout[1]) == 40000 - 40);
    dev_end(at);
}

static bool has_no_bond(struct dev *at)
{
    (void)at;
    return channel->seen->newest.phase == PHASE_DISPUTE &&
           channel->seen->newest.bond.amount_wei == 0;
}

/* b's account, which is paid in the channel, closes with half 2 of a's, and has acknowledged 3. */
TEST(bond_on_an_old_state_goes_to_the_peer)
{
    struct dev *at = dev_begin();
    struct dev_channel *of = dev_example(at, 7, (address){{0}});
    channel = of;
    dev_open_chain(at, test_folder());
    of->terms.payout[1] = keys_address(at->keys, 0);
    of->name = channel_name_of(&of->terms);
    of->seen->id = of->name.id;
    onchain_watch(at->chain, &of->terms, 1);
    struct adjudicator_base base = {0};
    struct adjudicator_states known = {
        .half = {dev_half(of, 0, 3, 30, NULL), {.half = {.side = 1, .seq = 1, .ack_seq = 3}}}};
    struct adjudicator_half old[2] = {dev_half(of, 0, 2, 20, NULL), none};
    hash32 hash = half_hash(of->name.id, &known.half[1].half);
    known.half[1].payer = dev_sign(of, 1, hash);
    known.half[1].payee = dev_sign(of, 0, hash);
    struct onchain_intent close = {
        .key = dev_next_key(at),
        .to = ONCHAIN_ADJUDICATOR,
        .data = adjudicator_force_close(&of->terms, dev_now_s(at) + 100, &base, old, test_arena()),
        .stakes = true,
    };
    onchain_submit(at->chain, &close);
    dev_conclude(at, close.key, NULL, __LINE__);
    WAIT_FOR(at, is_in_dispute);
    const struct adjudicator_bond *bond = &of->seen->newest.bond;
    CHECK(bond->side == 1 && bond->seq[0] == 2 && bond->seq[1] == 0 && bond->epoch == 0);
    CHECK(bond->amount_wei >= 200000 * (u128)u256_to_u64_sat(dev_newest_header(at).base_fee_wei));
    CHECK(of->seen->newest.phase_time_s <= dev_now_s(at) + DEV_CHALLENGE_S); /* not twice as long */
    u64 bond_wei = (u64)bond->amount_wei;
    SUBMIT(at, answer_to_lie(&of->terms, &known, &of->seen->newest, test_arena()));
    WAIT_FOR(at, has_no_bond);
    CHECK(balance_of(at, of->terms.payout[0]) == bond_wei);
    CHECK(answer_to_lie(&of->terms, &known, &of->seen->newest, test_arena()).size == 0);
    dev_end(at);
}

TEST(secrets_are_told_alone_and_in_batches)
{
    struct dev *at = dev_begin();
    dev_open_chain(at, test_folder());
    hash32 batch[2] = {{{[31] = 43}}, {{[31] = 44}}};
    hash32 alone = {{[31] = 45}};
    struct onchain_intent intents[2] = {
        {.to = ONCHAIN_REGISTRY, .data = registry_reveal(alone, test_arena())},
        {.to = ONCHAIN_REGISTRY, .data = registry_reveal_batch(batch, 2, test_arena())}};
    for (usize i = 0; i < 2; i++) {
        intents[i].key = dev_next_key(at);
        onchain_submit(at->chain, &intents[i]);
        dev_conclude(at, intents[i].key, NULL, __LINE__);
    }
    WAIT_FOR(at, has_three_reveals);
    const hash32 wanted[3] = {alone, batch[0], batch[1]};
    for (usize i = 0; i < 3; i++) {
        const struct onchain_reveal *reveal = &at->reveals[i];
        CHECK_ROW(i, hash32_equal(reveal->secret, wanted[i]));
        CHECK_ROW(i, hash32_equal(reveal->key, registry_key(wanted[i])));
        CHECK_ROW(i, reveal->time_s > 0 && reveal->time_s <= dev_now_s(at));
        CHECK_ROW(i, reveal->batch_count == (i == 0 ? 0 : 2));
    }
    const hash32 *path;
    usize size = registry_batch_path(batch, 2, 1, &path, test_arena());
    struct onchain_intent record = {.key = dev_next_key(at),
                                    .to = ONCHAIN_REGISTRY,
                                    .data =
                                        registry_record(batch[1], 1, 2, path, size, test_arena())};
    onchain_submit(at->chain, &record);
    dev_conclude(at, record.key, NULL, __LINE__);
    WAIT_FOR(at, has_four_reveals);
    CHECK(hash32_equal(at->reveals[3].secret, batch[1]) && at->reveals[3].batch_count == 0);
    dev_end(at);
}

static bool has_searched_one(struct dev *at)
{
    return at->searched_count >= 1;
}

static bool has_searched_four(struct dev *at)
{
    return at->searched_count >= 4;
}

static void show(struct dev *at, bytes call)
{
    struct onchain_intent intent = {.key = dev_next_key(at), .to = ONCHAIN_REGISTRY, .data = call};
    onchain_submit(at->chain, &intent);
    dev_conclude(at, intent.key, NULL, __LINE__);
}

/* One that follows a chain from now on is told of what was before only what it asks for. */
TEST(secrets_of_before_are_told_to_who_asks_for_them)
{
    struct dev *at = dev_begin();
    hash32 batch[2] = {{{[31] = 53}}, {{[31] = 54}}};
    hash32 alone = {{[31] = 55}}, unknown = {{[31] = 56}};
    dev_open_chain(at, test_folder());
    show(at, registry_reveal(alone, test_arena()));
    u64 alone_s = dev_now_s(at);
    dev_pass(at, 100);
    show(at, registry_reveal_batch(batch, 2, test_arena()));
    u64 batch_s = dev_now_s(at);
    dev_pass(at, 100);
    dev_close_chain(at);
    at->reveal_count = 0;
    at->block = 0;
    dev_open_chain(at, test_folder());
    WAIT_FOR(at, has_block);
    CHECK(at->reveal_count == 0);

    onchain_ask_secret(at->chain, registry_key(batch[1]), batch_s + 1, UINT64_MAX);
    WAIT_FOR(at, has_searched_one);
    CHECK(at->reveal_count == 0 && hash32_equal(at->searched, registry_key(batch[1])));

    /* Late for who wants it, the one alone is told nevertheless. */
    onchain_ask_secret(at->chain, registry_key(unknown), 0, UINT64_MAX);
    onchain_ask_secret(at->chain, registry_key(alone), batch_s, alone_s - 1);
    onchain_ask_secret(at->chain, registry_key(batch[1]), batch_s, UINT64_MAX);
    WAIT_FOR(at, has_searched_four);
    const hash32 wanted[3] = {alone, batch[0], batch[1]};
    CHECK(at->reveal_count == 3);
    for (usize i = 0; i < 3; i++) {
        CHECK_ROW(i, hash32_equal(at->reveals[i].secret, wanted[i]));
        CHECK_ROW(i, at->reveals[i].time_s == (i == 0 ? alone_s : batch_s));
        CHECK_ROW(i, at->reveals[i].batch_count == (i == 0 ? 0 : 2));
    }
    dev_end(at);
}

/* By an account that does not send it again. */
static void deposit_from_elsewhere(struct dev *at, const struct dev_channel *of, u64 amount)
{
    bytes call = adjudicator_deposit(&of->name, of->terms.asset, 0, amount, test_arena());
    char *params = ARENA_TAKE(test_arena(), char, 1000);
    address from = keys_address(at->keys, 5);
    fmt(params, 1000, "[{\"from\":\"%s\",\"to\":\"%s\",\"value\":\"0x%lx\",\"data\":\"%s\"}]",
        hex_text(BYTES_OF(from), test_arena()),
        hex_text(BYTES_OF(of->terms.adjudicator), test_arena()), amount,
        hex_text(call, test_arena()));
    (void)dev_tell(at, "eth_sendTransaction", params);
}

TEST(deposit_that_a_reorg_takes_out_is_untold)
{
    struct dev *at = dev_begin();
    struct dev_channel *of = dev_example(at, 4, (address){{0}});
    channel = of;
    dev_open_chain(at, test_folder());
    onchain_watch(at->chain, &of->terms, 1);
    dev_mine(at, 5);
    json mark = dev_tell(at, "evm_snapshot", "[]");
    deposit_from_elsewhere(at, of, 60000);
    WAIT_FOR(at, has_a_deposit);
    char params[100];
    fmt(params, sizeof(params), "[%.*s]", (int)mark.text.size, (const char *)mark.text.data);
    (void)dev_tell(at, "evm_revert", params);
    dev_mine(at, 2);
    WAIT_FOR(at, has_no_deposits);
    CHECK(of->seen->final_count == 0);
    deposit_from_elsewhere(at, of, 50000);
    WAIT_FOR(at, has_a_deposit);
    CHECK(of->seen->newest.deposited[0] == 50000);
    dev_end(at);
}

static bool has_passed_the_deposit(struct dev *at)
{
    return channel->seen->final_count > 0 && at->final_number >= channel->seen->newest.block;
}

TEST(after_a_restart_only_channels_with_new_logs_are_told)
{
    struct dev *at = dev_begin();
    const char *folder = test_folder();
    struct dev_channel *list[4];
    for (u8 i = 0; i < 4; i++)
        list[i] = dev_example(at, 10 + i, (address){{0}});
    dev_open_chain(at, folder);
    for (usize i = 0; i < 4; i++) {
        onchain_watch(at->chain, &list[i]->terms, 1);
        dev_deposit(at, list[i], 0, 1000);
    }
    dev_mine(at, 3);
    channel = list[3];
    WAIT_FOR(at, has_passed_the_deposit);
    u64 since = at->final_number + 1;
    dev_close_chain(at);
    for (usize i = 0; i < 4; i++)
        *list[i]->seen = (struct dev_seen){.id = list[i]->name.id};

    dev_open_chain(at, folder);
    for (usize i = 0; i < 4; i++)
        onchain_watch(at->chain, &list[i]->terms, since);
    channel = list[1];
    dev_deposit(at, list[1], 0, 60000);
    WAIT_FOR(at, has_a_deposit);
    CHECK(list[1]->seen->newest.deposited[0] == 60000);
    CHECK(list[0]->seen->newest_count + list[2]->seen->newest_count + list[3]->seen->newest_count ==
          0);
    dev_end(at);
}

static bool is_in_final_dispute(struct dev *at)
{
    return channel->seen->final.phase == PHASE_DISPUTE && is_in_dispute(at);
}

TEST(dispute_that_was_final_before_a_restart_is_told_to_who_asks)
{
    struct dev *at = dev_begin();
    const char *folder = test_folder();
    struct dev_channel *of = dev_example(at, 21, (address){{0}});
    channel = of;
    struct adjudicator_base base = {0};
    struct adjudicator_half halves[2] = {dev_half(of, 0, 7, 1000, NULL)};
    dev_open_chain(at, folder);
    u64 until_s = dev_now_s(at) + 100;
    SUBMIT(at, adjudicator_force_close(&of->terms, until_s, &base, halves, test_arena()));
    dev_mine(at, 10);
    dev_close_chain(at);
    dev_open_chain(at, folder);
    onchain_watch(at->chain, &of->terms, onchain_first_block(at->chain));
    onchain_look(at->chain, of->name.id);
    dev_mine(at, 3);
    WAIT_FOR(at, is_in_final_dispute);
    CHECK(of->seen->newest.state.sent[0] == 1000 && of->seen->final.state.sent[0] == 1000);
    CHECK(of->seen->newest_count == 1 && of->seen->final_count == 1);
    dev_end(at);
}

TEST(ten_thousand_channels_that_are_quiet_cost_no_questions)
{
    enum { CHANNELS = 10000, MOST_REQUESTS = 20 };
    struct dev *at = dev_begin();
    struct dev_channel *of = dev_example(at, 20, (address){{0}});
    struct channel_terms terms = of->terms;
    dev_open_chain(at, test_folder());
    dev_mine(at, 5);
    u64 before = at->elsewhere ? 0 : net_count(at->node.net).requests;
    for (u32 i = 0; i < CHANNELS; i++) {
        store_be32(terms.salt.b, i);
        onchain_watch(at->chain, &terms, 1);
    }
    at->block = 0;
    dev_mine(at, 1);
    WAIT_FOR(at, has_block);
    CHECK(of->seen->newest_count == 0);
    CHECK(at->elsewhere || net_count(at->node.net).requests < before + MOST_REQUESTS);
    dev_end(at);
}

/* The sample token; all of it is the first account's. */
static address put_token(struct dev *at)
{
    static const char path[] = SOURCE_ROOT "/contracts/artifacts/Token.json";
    bytes text;
    json artifact = {BYTES_EMPTY};
    CHECK(files_read_whole(files_of_system(), path, 1 << 20, &text, test_arena(), &at->err) ==
          ST_OK);
    CHECK(json_check(text, 32, &artifact, NULL) == ST_OK);
    bytes code = json_text(json_get(artifact, "bytecode"), test_arena());
    address from = keys_address(at->keys, 0);
    char *params = ARENA_TAKE(test_arena(), char, code.size + 300);
    fmt(params, code.size + 300, "[{\"from\":\"%s\",\"data\":\"%.*s%064lx\"}]",
        hex_text(BYTES_OF(from), test_arena()), (int)code.size, (const char *)code.data,
        (u64)1000000);
    json hash = dev_tell(at, "eth_sendTransaction", params);
    hash32 tx;
    CHECK(hex_read_fixed(json_text(hash, test_arena()), tx.b, sizeof(tx.b)) == ST_OK);
    struct eth_receipt receipt = {0};
    for (u64 from_ms = clock_now_ms(); !receipt.found && clock_now_ms() < from_ms + DEV_WAIT_MS;)
        CHECK(eth_ask_receipts(at->eth, &tx, 1, &receipt, test_arena(), &at->err) == ST_OK);
    CHECK(receipt.created);
    return receipt.contract;
}

TEST(tokens_are_approved_as_far_as_they_are_deposited)
{
    struct dev *at = dev_begin();
    address token = put_token(at);
    struct dev_channel *of = dev_example(at, 5, token);
    channel = of;
    u256 allowed, balance;
    dev_open_chain(at, test_folder());
    onchain_watch(at->chain, &of->terms, 1);
    hash32 keys[2] = {dev_next_key(at), dev_next_key(at)};
    onchain_deposit(at->chain, keys[0], &of->terms, 0, 60000); /* both at once */
    onchain_deposit(at->chain, keys[1], &of->terms, 1, 40000);
    dev_conclude(at, keys[0], NULL, __LINE__);
    dev_conclude(at, keys[1], NULL, __LINE__);
    WAIT_FOR(at, both_have_deposited);
    CHECK(erc20_allowance(at->eth, token, keys_address(at->keys, 0), ADJUDICATOR_ADDRESS, &allowed,
                          *test_arena(), &at->err) == ST_OK &&
          u256_is_zero(allowed));
    CHECK(erc20_balance(at->eth, token, ADJUDICATOR_ADDRESS, &balance, *test_arena(), &at->err) ==
              ST_OK &&
          u256_equal(balance, u256_from_u64(100000)));

    hash32 key = dev_next_key(at);
    onchain_deposit(at->chain, key, &of->terms, 0, 2000000); /* more than there is */
    WAIT_FOR(at, dev_has_outcome);
    CHECK(!at->outcomes[0].succeeded && hash32_equal(at->outcomes[0].key, key));
    dev_end(at);
}

/* As if the genesis had it not. */
static void take_away(struct dev *at, address who)
{
    char params[100];
    const char *text = hex_text(BYTES_OF(who), test_arena());
    fmt(params, sizeof(params), "[\"%s\",\"0x\"]", text);
    (void)dev_tell(at, "anvil_setCode", params);
    fmt(params, sizeof(params), "[\"%s\",\"0x0\"]", text);
    (void)dev_tell(at, "anvil_setNonce", params);
}

TEST(contracts_are_deployed_where_the_genesis_of_dev_chains_has_them)
{
    struct dev *at = dev_begin();
    struct signer signer = signer_of_keys(at->keys, keys_address(at->keys, 0));
    struct onchain_options options = {
        .url = at->url, .folder = test_folder(), .signer = signer, .loop = at->loop};
    u64 before, after;
    for (int i = 0; i < DEPLOYED_CONTRACTS; i++)
        take_away(at, deployed_address((enum deployed_contract)i));
    CHECK(eth_ask_nonce(at->eth, signer.who, eth_at_tag(ETH_LATEST), &before, &at->err) == ST_OK);
    CHECK(onchain_open(&options, &at->chain, &at->err) == ST_MISSING);
    at->chain = NULL;
    for (int twice = 0; twice < 2; twice++)
        if (onchain_deploy(at->url, &signer, &at->err) != ST_OK)
            test_fail(__FILE__, __LINE__, "%s", at->err.text);
    CHECK(eth_ask_nonce(at->eth, signer.who, eth_at_tag(ETH_LATEST), &after, &at->err) == ST_OK);
    CHECK(after == before + DEPLOYED_CONTRACTS);
    for (int i = 0; i < DEPLOYED_CONTRACTS; i++) {
        enum deployed_contract which = (enum deployed_contract)i;
        bytes code;
        CHECK(eth_ask_code(at->eth, deployed_address(which), eth_at_tag(ETH_LATEST), &code,
                           test_arena(), &at->err) == ST_OK);
        CHECK_ROW(i, bytes_equal(code, deployed_code(which, 900, test_arena())));
    }
    dev_open_chain(at, options.folder);
    CHECK(address_equal(onchain_registry(at->chain), REGISTRY_ADDRESS));
    CHECK(onchain_chain_id(at->chain) == 900);
    dev_end(at);
}

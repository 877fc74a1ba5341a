/* A channel daemon's view of a dev chain, and what it does there: deposits, disputes, reorgs.
 * VARVE_TEST_PARENT names another node to hold it against, a fresh anvil with chain id 900. */
#include "channel/deployed.h"
#include "channel/onchain.h"
#include "node/internal.h"

#include "base/fmt.h"
#include "client/erc20.h"
#include "harness/test.h"
#include "net/client.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <stdlib.h>
#include <unistd.h>

enum { MOST = 32, CHALLENGE_S = 3600, WAIT_MS = 20000, POLL_MS = 20 };

/* What was told of one channel. */
struct seen {
    hash32 id;
    struct onchain_view newest, final;
    usize newest_count, final_count;
};

struct told_outcome {
    hash32 key;
    bool succeeded;
    char reason[100];
};

struct rig {
    struct config config;
    struct node node;
    bool elsewhere;
    char url[200];
    struct eth *eth;
    struct net_client *net; /* for test methods */
    struct keys *keys;
    struct loop *loop;
    struct onchain *chain;
    struct err err;

    struct seen seen[MOST];
    struct told_outcome outcomes[MOST];
    struct onchain_reveal reveals[MOST];
    usize seen_count, outcome_count, reveal_count;
    u64 block, final_number;

    bool (*done)(struct rig *at);
    struct timer check;
    u64 give_up_ms;
    u8 next_key;
};

/* --- The listener. */

static struct seen *seen_of(struct rig *at, hash32 id)
{
    for (usize i = 0; i < at->seen_count; i++)
        if (hash32_equal(at->seen[i].id, id))
            return &at->seen[i];
    assert(at->seen_count < MOST);
    at->seen[at->seen_count].id = id;
    return &at->seen[at->seen_count++];
}

static void saw_view(void *self, hash32 id, const struct onchain_view *view, bool final)
{
    struct seen *seen = seen_of(self, id);
    *(final ? &seen->final : &seen->newest) = *view;
    ++*(final ? &seen->final_count : &seen->newest_count);
}

static void saw_block(void *self, u64 number, u64 time_s, u64 final_number)
{
    struct rig *at = self;
    (void)time_s;
    at->block = number;
    at->final_number = final_number;
}

static void saw_reveal(void *self, const struct onchain_reveal *reveal)
{
    struct rig *at = self;
    assert(at->reveal_count < MOST);
    at->reveals[at->reveal_count] = *reveal;
    at->reveals[at->reveal_count++].batch = NULL; /* borrowed */
}

static void saw_outcome(void *self, hash32 key, bool succeeded, const char *reason)
{
    struct rig *at = self;
    assert(at->outcome_count < MOST);
    struct told_outcome *outcome = &at->outcomes[at->outcome_count++];
    *outcome = (struct told_outcome){.key = key, .succeeded = succeeded};
    fmt(outcome->reason, sizeof(outcome->reason), "%s", reason);
}

/* --- Waiting. */

static void check_done(struct timer *timer)
{
    struct rig *at = (struct rig *)((u8 *)timer - offsetof(struct rig, check));
    if (at->done(at) || clock_now_ms() > at->give_up_ms)
        loop_stop(at->loop);
    else
        loop_set_timer(at->loop, timer, clock_now_ms() + 5);
}

static void wait_for(struct rig *at, bool (*done)(struct rig *at), int line)
{
    at->done = done;
    at->check.due = check_done;
    at->give_up_ms = clock_now_ms() + WAIT_MS;
    loop_set_timer(at->loop, &at->check, clock_now_ms());
    loop_run(at->loop);
    if (!done(at))
        test_fail(__FILE__, line, "what is awaited does not come");
}

#define WAIT_FOR(at, done) wait_for(at, done, __LINE__)

static bool has_outcome(struct rig *at)
{
    return at->outcome_count > 0;
}

/* --- The chain. */

static json tell(struct rig *at, const char *method, const char *params)
{
    json result = {BYTES_EMPTY};
    struct net_client_error error;
    if (net_client_call(at->net, method, (bytes){(const u8 *)params, strlen(params)}, &result,
                        &error, test_arena(), &at->err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s: %s", method, at->err.text);
    return result;
}

static void mine(struct rig *at, unsigned count)
{
    while (count-- > 0)
        (void)tell(at, "evm_mine", "[]");
}

static void pass(struct rig *at, u64 seconds)
{
    char params[40];
    fmt(params, sizeof(params), "[%lu]", seconds);
    (void)tell(at, "evm_increaseTime", params);
    mine(at, 1);
}

static void open_chain(struct rig *at, const char *folder)
{
    struct onchain_options options = {
        .url = at->url,
        .folder = folder,
        .signer = signer_of_keys(at->keys, keys_address(at->keys, 0)),
        .confirmations = 3,
        .poll_ms = POLL_MS,
        .loop = at->loop,
        .listener = {at, saw_view, saw_block, saw_reveal, saw_outcome}};
    if (onchain_open(&options, &at->chain, &at->err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", at->err.text);
}

static void begin_node(struct rig *at)
{
    static const char *const words[] = {"up", "--http.port", "0"};
    char *argv[countof(words)];
    for (usize i = 0; i < countof(words); i++)
        argv[i] = strcpy(ARENA_NEW(test_arena(), char, 32), words[i]);
    CHECK(config_read(UP, countof(words), argv, &at->config, &at->err) == ST_OK);
    at->node.config = &at->config;
    if (node_begin(&at->node, &at->err) != ST_OK || node_serve(&at->node, &at->err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", at->err.text);
    fmt(at->url, sizeof(at->url), "http://127.0.0.1:%u", net_port(at->node.net));
}

/* One that has no channels' contracts from its beginning. */
static void begin_elsewhere(struct rig *at, const char *url)
{
    struct signer signer = signer_of_keys(at->keys, keys_address(at->keys, 0));
    at->elsewhere = true;
    fmt(at->url, sizeof(at->url), "%s", url);
    if (onchain_deploy(at->url, &signer, &at->err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", at->err.text);
}

static struct rig *begin(void)
{
    struct rig *at = ARENA_NEW(test_arena(), struct rig, 1);
    const char *other = getenv("VARVE_TEST_PARENT");
    log_setup((struct log_options){.level = LEVEL_ERROR, .fd = STDERR_FILENO});
    CHECK(keys_from_mnemonic(KEYS_TEST_MNEMONIC, 10, &at->keys, &at->err) == ST_OK);
    if (other != NULL)
        begin_elsewhere(at, other);
    else
        begin_node(at);
    struct eth_options eth = {.url = at->url, .patience_ms = 5000};
    struct net_client_options net = {.url = at->url, .timeout_ms = 5000, .answer_limit = 1 << 20};
    CHECK(eth_new(&eth, &at->eth, &at->err) == ST_OK);
    CHECK(net_client_new(&net, &at->net, &at->err) == ST_OK);
    CHECK(loop_new(&at->loop, &at->err) == ST_OK);
    return at;
}

static void stop_loop(struct task *task)
{
    (void)task;
}

static bool at_once(struct rig *at)
{
    (void)at;
    return true;
}

/* What was posted to the loop runs, too. */
static void close_chain(struct rig *at)
{
    struct task last = {.run = stop_loop};
    onchain_close(at->chain);
    at->chain = NULL;
    loop_post(at->loop, &last);
    WAIT_FOR(at, at_once);
}

static void end(struct rig *at)
{
    if (at->chain != NULL)
        close_chain(at);
    loop_free(at->loop);
    eth_free(at->eth);
    net_client_free(at->net);
    keys_free(at->keys);
    if (!at->elsewhere)
        CHECK(node_end(&at->node, &at->err) == ST_OK);
}

/* --- A channel. */

struct example {
    struct channel_terms terms;
    struct channel_name name;
    struct seen *seen;
};

static struct example *channel; /* that is waited for */

static const secret32 SECRETS[2] = {{{[31] = 1}}, {{[31] = 2}}};

static struct example *example(struct rig *at, u8 salt, address asset)
{
    struct example *out = ARENA_NEW(test_arena(), struct example, 1);
    out->terms =
        (struct channel_terms){.chain_id = 900,
                               .adjudicator = ADJUDICATOR_ADDRESS,
                               .asset = asset,
                               .challenge_s = CHALLENGE_S,
                               .payout = {{{[0] = 0xa0, [19] = salt}}, {{[0] = 0xb0, [19] = salt}}},
                               .salt = {{[31] = salt}}};
    for (u32 side = 0; side < 2; side++)
        CHECK(secret_address(&SECRETS[side], &out->terms.owner[side]) == ST_OK);
    out->name = channel_name_of(&out->terms);
    out->seen = seen_of(at, out->name.id);
    channel = out;
    return out;
}

static signature64 sign(const struct example *of, u32 side, hash32 struct_hash)
{
    signature64 out;
    CHECK(secret_sign(&SECRETS[side], signed_digest(of->name.domain, struct_hash), &out) == ST_OK);
    return out;
}

static hash32 next_key(struct rig *at)
{
    return (hash32){{[0] = 0x77, [31] = ++at->next_key}};
}

/* Waits for an outcome, which must be this. */
static void conclude(struct rig *at, hash32 key, const char *reason, int line)
{
    WAIT_FOR(at, has_outcome);
    const struct told_outcome *outcome = &at->outcomes[0];
    if (!hash32_equal(outcome->key, key) || outcome->succeeded != (reason == NULL) ||
        (reason != NULL && strcmp(reason, outcome->reason) != 0))
        test_fail(__FILE__, line, "outcome: %s", outcome->reason);
    memmove(at->outcomes, at->outcomes + 1, --at->outcome_count * sizeof(at->outcomes[0]));
}

static void submit(struct rig *at, bytes data, const char *reason, int line)
{
    struct onchain_intent intent = {next_key(at), ONCHAIN_ADJUDICATOR, data};
    onchain_submit(at->chain, &intent);
    conclude(at, intent.key, reason, line);
}

#define SUBMIT(at, data) submit(at, data, NULL, __LINE__)
#define SUBMIT_REFUSED(at, data, reason) submit(at, data, reason, __LINE__)

static void deposit(struct rig *at, const struct example *of, u32 side, u128 total)
{
    hash32 key = next_key(at);
    onchain_deposit(at->chain, key, &of->terms, side, total);
    conclude(at, key, NULL, __LINE__);
}

static struct adjudicator_half half(const struct example *of, u32 side, u64 seq, u128 sent,
                                    struct locks *locks)
{
    struct adjudicator_half out = {.half = {.side = side, .seq = seq, .sent = sent}};
    if (locks != NULL) {
        out.half.locked = locks_total(locks);
        out.half.root = locks_root(locks);
    }
    out.payer = sign(of, side, half_hash(of->name.id, &out.half));
    out.payee = sign(of, 1 - side, half_hash(of->name.id, &out.half));
    return out;
}

static struct header newest_header(struct rig *at)
{
    struct eth_header header;
    CHECK(eth_ask_header(at->eth, eth_at_tag(ETH_LATEST), &header, test_arena(), &at->err) ==
          ST_OK);
    return header.header;
}

static u64 now_s(struct rig *at)
{
    return newest_header(at).timestamp;
}

/* --- Facts that are waited for. */

static bool both_have_deposited(struct rig *at)
{
    (void)at;
    return channel->seen->newest.deposited[0] == 60000 &&
           channel->seen->newest.deposited[1] == 40000;
}

static bool deposits_are_final(struct rig *at)
{
    (void)at;
    return channel->seen->final.deposited[0] == 60000 && channel->seen->final.deposited[1] == 40000;
}

static bool is_in_dispute(struct rig *at)
{
    (void)at;
    return channel->seen->newest.phase == PHASE_DISPUTE;
}

static bool has_second_half(struct rig *at)
{
    (void)at;
    return channel->seen->newest.seq[1] == 1;
}

static bool is_unlocking(struct rig *at)
{
    (void)at;
    return channel->seen->newest.phase == PHASE_UNLOCKING;
}

static bool is_closed(struct rig *at)
{
    (void)at;
    return channel->seen->newest.phase == PHASE_CLOSED;
}

static bool is_closed_for_good(struct rig *at)
{
    (void)at;
    return channel->seen->final.phase == PHASE_CLOSED;
}

static bool has_three_reveals(struct rig *at)
{
    return at->reveal_count >= 3;
}

static bool has_no_deposits(struct rig *at)
{
    (void)at;
    return channel->seen->newest_count > 1 && channel->seen->newest.deposited[0] == 0;
}

static bool has_a_deposit(struct rig *at)
{
    (void)at;
    return channel->seen->newest.deposited[0] > 0;
}

static u64 balance_of(struct rig *at, address who)
{
    u256 balance;
    CHECK(eth_ask_balance(at->eth, who, eth_at_tag(ETH_LATEST), &balance, &at->err) == ST_OK);
    return u256_to_u64_sat(balance);
}

TEST(funded_channel_is_seen_when_it_is_in_a_block_and_again_when_that_is_final)
{
    struct rig *at = begin();
    struct example *of = example(at, 1, (address){{0}});
    open_chain(at, test_folder());
    onchain_watch(at->chain, &of->terms, 1);
    deposit(at, of, 0, 60000);
    deposit(at, of, 1, 40000);
    WAIT_FOR(at, both_have_deposited);
    CHECK(of->seen->final.deposited[1] == 0);
    mine(at, 2);
    WAIT_FOR(at, deposits_are_final);
    deposit(at, of, 0, 50000); /* is there already: no transaction */

    struct channel_close close = {-2500, now_s(at) + 1000};
    hash32 hash = close_hash(of->name.id, &close);
    signature64 signatures[2] = {sign(of, 0, hash), sign(of, 1, hash)};
    SUBMIT(at, adjudicator_coop_close(&of->terms, &close, signatures, test_arena()));
    WAIT_FOR(at, is_closed);
    mine(at, 2);
    WAIT_FOR(at, is_closed_for_good);
    CHECK(balance_of(at, of->terms.payout[0]) == 62500);
    CHECK(balance_of(at, of->terms.payout[1]) == 37500);
    SUBMIT_REFUSED(at, adjudicator_coop_close(&of->terms, &close, signatures, test_arena()),
                   "AlreadySettled");
    end(at);
}

/* A lock of a's, of 5000, on a preimage. */
static struct locks *one_lock(u8 preimage, u64 expiry_s)
{
    struct locks *locks = locks_new();
    struct lock lock = {5000, expiry_s, registry_key((hash32){{[31] = preimage}})};
    locks_set(locks, 0, &lock);
    return locks;
}

TEST(dispute_is_followed_from_forced_close_to_the_last_lock)
{
    struct rig *at = begin();
    struct example *of = example(at, 2, (address){{0}});
    open_chain(at, test_folder());
    onchain_watch(at->chain, &of->terms, 1);
    deposit(at, of, 0, 60000);
    deposit(at, of, 1, 40000);
    WAIT_FOR(at, both_have_deposited);

    struct locks *locks = one_lock(42, now_s(at) + (u64)10 * CHALLENGE_S);
    struct adjudicator_base base = {0};
    struct adjudicator_half halves[2] = {half(of, 0, 1, 1000, locks)};
    u64 until_s = now_s(at) + 100;
    SUBMIT(at, adjudicator_force_close(&of->terms, until_s, &base, halves, test_arena()));
    WAIT_FOR(at, is_in_dispute);
    CHECK(of->seen->newest.seq[0] == 1 && of->seen->newest.epoch == 0);
    CHECK(of->seen->newest.phase_time_s > now_s(at));
    CHECK(of->seen->newest.state.sent[0] == 1000 && of->seen->newest.state.locked[0] == 5000);

    struct adjudicator_half answer[2] = {{.half = {.seq = 0}}, half(of, 1, 1, 200, NULL)};
    struct adjudicator_state state = of->seen->newest.state;
    SUBMIT(at, adjudicator_challenge(&of->terms, &state, answer, test_arena()));
    WAIT_FOR(at, has_second_half);
    CHECK(of->seen->newest.state.sent[1] == 200);
    SUBMIT_REFUSED(at, adjudicator_challenge(&of->terms, &state, answer, test_arena()),
                   "WrongState");

    state = of->seen->newest.state;
    SUBMIT_REFUSED(at, adjudicator_settle(&of->terms, &state, test_arena()), "Early");
    pass(at, CHALLENGE_S);
    SUBMIT(at, adjudicator_settle(&of->terms, &state, test_arena()));
    WAIT_FOR(at, is_unlocking);
    CHECK(balance_of(at, of->terms.payout[0]) == 60000 - 1000 + 200 - 5000);

    struct onchain_intent reveal = {next_key(at), ONCHAIN_REGISTRY,
                                    registry_reveal((hash32){{[31] = 42}}, test_arena())};
    onchain_submit(at->chain, &reveal);
    conclude(at, reveal.key, NULL, __LINE__);
    struct lock_chunk chunk = locks_chunk(locks, 0, test_arena());
    SUBMIT(at, adjudicator_unlock(&of->terms, &of->seen->newest.pots, 0, &chunk, NULL, 0,
                                  test_arena()));
    WAIT_FOR(at, is_closed);
    CHECK(balance_of(at, of->terms.payout[1]) == 40000 + 1000 - 200 + 5000);
    locks_free(locks);
    end(at);
}

TEST(state_of_a_dispute_that_began_before_it_was_watched_is_found)
{
    struct rig *at = begin();
    struct example *of = example(at, 3, (address){{0}});
    open_chain(at, test_folder());
    struct adjudicator_base base = {0};
    struct adjudicator_half halves[2] = {half(of, 0, 7, 1000, NULL)};
    u64 until_s = now_s(at) + 100;
    SUBMIT(at, adjudicator_force_close(&of->terms, until_s, &base, halves, test_arena()));
    mine(at, 3);
    onchain_watch(at->chain, &of->terms, newest_header(at).number);
    deposit(at, of, 0, 60000);
    WAIT_FOR(at, is_in_dispute);
    CHECK(of->seen->newest.seq[0] == 7 && of->seen->newest.state.sent[0] == 1000);
    end(at);
}

TEST(secrets_are_told_alone_and_in_batches)
{
    struct rig *at = begin();
    open_chain(at, test_folder());
    hash32 batch[2] = {{{[31] = 43}}, {{[31] = 44}}};
    hash32 alone = {{[31] = 45}};
    struct onchain_intent intents[2] = {
        {next_key(at), ONCHAIN_REGISTRY, registry_reveal(alone, test_arena())},
        {next_key(at), ONCHAIN_REGISTRY, registry_reveal_batch(batch, 2, test_arena())}};
    WAIT_FOR(at, at_once);
    for (usize i = 0; i < 2; i++) {
        onchain_submit(at->chain, &intents[i]);
        conclude(at, intents[i].key, NULL, __LINE__);
    }
    WAIT_FOR(at, has_three_reveals);
    const hash32 wanted[3] = {alone, batch[0], batch[1]};
    for (usize i = 0; i < 3; i++) {
        const struct onchain_reveal *reveal = &at->reveals[i];
        CHECK_ROW(i, hash32_equal(reveal->secret, wanted[i]));
        CHECK_ROW(i, hash32_equal(reveal->key, registry_key(wanted[i])));
        CHECK_ROW(i, reveal->time_s > 0 && reveal->time_s <= now_s(at));
        CHECK_ROW(i, reveal->batch_count == (i == 0 ? 0 : 2));
    }
    end(at);
}

/* By an account that does not send it again. */
static void deposit_from_elsewhere(struct rig *at, const struct example *of, u64 amount)
{
    bytes call = adjudicator_deposit(&of->name, of->terms.asset, 0, amount, test_arena());
    char *params = ARENA_TAKE(test_arena(), char, 1000);
    address from = keys_address(at->keys, 5);
    fmt(params, 1000, "[{\"from\":\"%s\",\"to\":\"%s\",\"value\":\"0x%lx\",\"data\":\"%s\"}]",
        hex_text(BYTES_OF(from), test_arena()),
        hex_text(BYTES_OF(of->terms.adjudicator), test_arena()), amount,
        hex_text(call, test_arena()));
    (void)tell(at, "eth_sendTransaction", params);
}

TEST(deposit_that_a_reorg_takes_out_is_untold)
{
    struct rig *at = begin();
    struct example *of = example(at, 4, (address){{0}});
    open_chain(at, test_folder());
    onchain_watch(at->chain, &of->terms, 1);
    mine(at, 5);
    json mark = tell(at, "evm_snapshot", "[]");
    deposit_from_elsewhere(at, of, 60000);
    WAIT_FOR(at, has_a_deposit);
    char params[100];
    fmt(params, sizeof(params), "[%.*s]", (int)mark.text.size, (const char *)mark.text.data);
    (void)tell(at, "evm_revert", params);
    mine(at, 2);
    WAIT_FOR(at, has_no_deposits);
    CHECK(of->seen->final_count == 0);
    deposit_from_elsewhere(at, of, 50000);
    WAIT_FOR(at, has_a_deposit);
    CHECK(of->seen->newest.deposited[0] == 50000);
    end(at);
}

static bool has_passed_the_deposit(struct rig *at)
{
    return channel->seen->final_count > 0 && at->final_number >= channel->seen->newest.block;
}

TEST(after_a_restart_only_channels_with_new_logs_are_told)
{
    struct rig *at = begin();
    const char *folder = test_folder();
    struct example *list[4];
    for (u8 i = 0; i < 4; i++)
        list[i] = example(at, 10 + i, (address){{0}});
    open_chain(at, folder);
    for (usize i = 0; i < 4; i++) {
        onchain_watch(at->chain, &list[i]->terms, 1);
        deposit(at, list[i], 0, 1000);
    }
    mine(at, 3);
    channel = list[3];
    WAIT_FOR(at, has_passed_the_deposit);
    u64 since = at->final_number + 1;
    close_chain(at);
    for (usize i = 0; i < 4; i++)
        *list[i]->seen = (struct seen){.id = list[i]->name.id};

    open_chain(at, folder);
    for (usize i = 0; i < 4; i++)
        onchain_watch(at->chain, &list[i]->terms, since);
    channel = list[1];
    deposit(at, list[1], 0, 60000);
    WAIT_FOR(at, has_a_deposit);
    CHECK(list[1]->seen->newest.deposited[0] == 60000);
    CHECK(list[0]->seen->newest_count + list[2]->seen->newest_count + list[3]->seen->newest_count ==
          0);
    end(at);
}

static bool is_in_final_dispute(struct rig *at)
{
    return channel->seen->final.phase == PHASE_DISPUTE && is_in_dispute(at);
}

TEST(dispute_that_was_final_before_a_restart_is_told_to_who_asks)
{
    struct rig *at = begin();
    const char *folder = test_folder();
    struct example *of = example(at, 21, (address){{0}});
    struct adjudicator_base base = {0};
    struct adjudicator_half halves[2] = {half(of, 0, 7, 1000, NULL)};
    open_chain(at, folder);
    u64 until_s = now_s(at) + 100;
    SUBMIT(at, adjudicator_force_close(&of->terms, until_s, &base, halves, test_arena()));
    mine(at, 10);
    close_chain(at);
    open_chain(at, folder);
    onchain_watch(at->chain, &of->terms, onchain_first_block(at->chain));
    onchain_look(at->chain, of->name.id);
    mine(at, 3);
    WAIT_FOR(at, is_in_final_dispute);
    CHECK(of->seen->newest.state.sent[0] == 1000 && of->seen->final.state.sent[0] == 1000);
    CHECK(of->seen->newest_count == 1 && of->seen->final_count == 1);
    end(at);
}

static bool has_block(struct rig *at)
{
    return at->block > 0;
}

TEST(ten_thousand_channels_that_are_quiet_cost_no_questions)
{
    enum { CHANNELS = 10000, MOST_REQUESTS = 20 };
    struct rig *at = begin();
    struct channel_terms terms = example(at, 20, (address){{0}})->terms;
    open_chain(at, test_folder());
    mine(at, 5);
    u64 before = at->elsewhere ? 0 : net_count(at->node.net).requests;
    for (u32 i = 0; i < CHANNELS; i++) {
        store_be32(terms.salt.b, i);
        onchain_watch(at->chain, &terms, 1);
    }
    at->block = 0;
    mine(at, 1);
    WAIT_FOR(at, has_block);
    CHECK(channel->seen->newest_count == 0);
    CHECK(at->elsewhere || net_count(at->node.net).requests < before + MOST_REQUESTS);
    end(at);
}

/* The sample token; all of it is the first account's. */
static address put_token(struct rig *at)
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
    json hash = tell(at, "eth_sendTransaction", params);
    hash32 tx;
    CHECK(hex_read_fixed(json_text(hash, test_arena()), tx.b, sizeof(tx.b)) == ST_OK);
    struct eth_receipt receipt = {0};
    for (u64 from_ms = clock_now_ms(); !receipt.found && clock_now_ms() < from_ms + WAIT_MS;)
        CHECK(eth_ask_receipts(at->eth, &tx, 1, &receipt, test_arena(), &at->err) == ST_OK);
    CHECK(receipt.created);
    return receipt.contract;
}

TEST(tokens_are_approved_as_far_as_they_are_deposited)
{
    struct rig *at = begin();
    address token = put_token(at);
    struct example *of = example(at, 5, token);
    u256 allowed, balance;
    open_chain(at, test_folder());
    onchain_watch(at->chain, &of->terms, 1);
    hash32 keys[2] = {next_key(at), next_key(at)};
    onchain_deposit(at->chain, keys[0], &of->terms, 0, 60000); /* both at once */
    onchain_deposit(at->chain, keys[1], &of->terms, 1, 40000);
    conclude(at, keys[0], NULL, __LINE__);
    conclude(at, keys[1], NULL, __LINE__);
    WAIT_FOR(at, both_have_deposited);
    CHECK(erc20_allowance(at->eth, token, keys_address(at->keys, 0), ADJUDICATOR_ADDRESS, &allowed,
                          *test_arena(), &at->err) == ST_OK &&
          u256_is_zero(allowed));
    CHECK(erc20_balance(at->eth, token, ADJUDICATOR_ADDRESS, &balance, *test_arena(), &at->err) ==
              ST_OK &&
          u256_equal(balance, u256_from_u64(100000)));

    hash32 key = next_key(at);
    onchain_deposit(at->chain, key, &of->terms, 0, 2000000); /* more than there is */
    WAIT_FOR(at, has_outcome);
    CHECK(!at->outcomes[0].succeeded && hash32_equal(at->outcomes[0].key, key));
    end(at);
}

/* As if the genesis had it not. */
static void take_away(struct rig *at, address who)
{
    char params[100];
    const char *text = hex_text(BYTES_OF(who), test_arena());
    fmt(params, sizeof(params), "[\"%s\",\"0x\"]", text);
    (void)tell(at, "anvil_setCode", params);
    fmt(params, sizeof(params), "[\"%s\",\"0x0\"]", text);
    (void)tell(at, "anvil_setNonce", params);
}

TEST(contracts_are_deployed_where_the_genesis_of_dev_chains_has_them)
{
    struct rig *at = begin();
    struct signer signer = signer_of_keys(at->keys, keys_address(at->keys, 0));
    struct onchain_options options = {
        .url = at->url,
        .folder = test_folder(),
        .signer = signer,
        .loop = at->loop,
        .listener = {at, saw_view, saw_block, saw_reveal, saw_outcome}};
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
    CHECK(after == before + 2);
    for (int i = 0; i < DEPLOYED_CONTRACTS; i++) {
        enum deployed_contract which = (enum deployed_contract)i;
        bytes code;
        CHECK(eth_ask_code(at->eth, deployed_address(which), eth_at_tag(ETH_LATEST), &code,
                           test_arena(), &at->err) == ST_OK);
        CHECK_ROW(i, bytes_equal(code, deployed_code(which, 900, test_arena())));
    }
    open_chain(at, options.folder);
    CHECK(address_equal(onchain_registry(at->chain), REGISTRY_ADDRESS));
    CHECK(onchain_chain_id(at->chain) == 900);
    end(at);
}

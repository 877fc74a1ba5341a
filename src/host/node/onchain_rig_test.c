#include "node/onchain_rig.h"

#include "base/fmt.h"
#include "channel/deployed.h"
#include "harness/test.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <stdlib.h>
#include <unistd.h>

enum { POLL_MS = 20 };

/* --- The listener. */

static struct dev_seen *seen_of(struct dev *at, hash32 id)
{
    for (usize i = 0; i < at->seen_count; i++)
        if (hash32_equal(at->seen[i].id, id))
            return &at->seen[i];
    assert(at->seen_count < DEV_MOST);
    at->seen[at->seen_count].id = id;
    return &at->seen[at->seen_count++];
}

static void saw_view(void *self, hash32 id, const struct onchain_view *view, bool final)
{
    struct dev_seen *seen = seen_of(self, id);
    *(final ? &seen->final : &seen->newest) = *view;
    ++*(final ? &seen->final_count : &seen->newest_count);
}

static void saw_block(void *self, u64 number, u64 time_s, u64 final_number, u64 final_time_s)
{
    struct dev *at = self;
    (void)time_s, (void)final_time_s;
    at->block = number;
    at->final_number = final_number;
}

static void saw_reveal(void *self, const struct onchain_reveal *reveal)
{
    struct dev *at = self;
    assert(at->reveal_count < DEV_MOST);
    at->reveals[at->reveal_count] = *reveal;
    at->reveals[at->reveal_count++].batch = NULL; /* borrowed */
}

static void saw_outcome(void *self, hash32 key, bool succeeded, const char *reason)
{
    struct dev *at = self;
    assert(at->outcome_count < DEV_MOST);
    struct dev_outcome *outcome = &at->outcomes[at->outcome_count++];
    *outcome = (struct dev_outcome){.key = key, .succeeded = succeeded};
    fmt(outcome->reason, sizeof(outcome->reason), "%s", reason);
}

static void saw_stir(void *self, hash32 id)
{
    struct dev *at = self;
    at->stirred = id;
    at->stirred_count++;
}

static void saw_funds(void *self, hash32 id, const u128 funds[2])
{
    struct dev *at = self;
    assert(at->funds_count < DEV_MOST);
    at->funds[at->funds_count++] = (struct dev_funds){id, {funds[0], funds[1]}};
}

static void saw_dispute(void *self, hash32 id, hash32 salt, u64 block)
{
    struct dev *at = self;
    at->dispute_count++;
    at->disputed = id;
    at->disputed_salt = salt;
    at->disputed_block = block;
}

static void saw_searched(void *self, hash32 key)
{
    struct dev *at = self;
    at->searched = key;
    at->searched_count++;
}

/* --- Waiting. */

static void check_done(struct timer *timer)
{
    struct dev *at = (struct dev *)((u8 *)timer - offsetof(struct dev, check));
    if (at->done(at) || clock_now_ms() > at->give_up_ms)
        loop_stop(at->loop);
    else
        loop_set_timer(at->loop, timer, clock_now_ms() + 5);
}

void dev_wait_for(struct dev *at, bool (*done)(struct dev *at), int line)
{
    at->done = done;
    at->check.due = check_done;
    at->give_up_ms = clock_now_ms() + DEV_WAIT_MS;
    loop_set_timer(at->loop, &at->check, clock_now_ms());
    loop_run(at->loop);
    if (!done(at))
        test_fail(__FILE__, line, "what is awaited does not come");
}

bool dev_has_outcome(struct dev *at)
{
    return at->outcome_count > 0;
}

/* --- The chain. */

json dev_tell(struct dev *at, const char *method, const char *params)
{
    json result = {BYTES_EMPTY};
    struct net_client_error error;
    if (net_client_call(at->net, method, (bytes){(const u8 *)params, strlen(params)}, &result,
                        &error, test_arena(), &at->err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s: %s", method, at->err.text);
    return result;
}

void dev_mine(struct dev *at, unsigned count)
{
    while (count-- > 0)
        (void)dev_tell(at, "evm_mine", "[]");
}

void dev_pass(struct dev *at, u64 seconds)
{
    char params[40];
    fmt(params, sizeof(params), "[%lu]", seconds);
    (void)dev_tell(at, "evm_increaseTime", params);
    dev_mine(at, 1);
}

void dev_open_chain(struct dev *at, const char *folder)
{
    struct onchain_options options = {
        .url = at->url,
        .folder = folder,
        .signer = signer_of_keys(at->keys, keys_address(at->keys, 0)),
        .confirmations = 3,
        .poll_ms = POLL_MS,
        .loop = at->loop,
        .listener = {at, saw_view, NULL, saw_block, saw_reveal, saw_outcome, saw_stir, saw_funds,
                     saw_dispute, NULL, saw_searched},
    };
    if (onchain_open(&options, &at->chain, &at->err) != ST_OK ||
        onchain_begin(at->chain, &at->err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", at->err.text);
}

static void begin_node(struct dev *at)
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
static void begin_elsewhere(struct dev *at, const char *url)
{
    struct signer signer = signer_of_keys(at->keys, keys_address(at->keys, 0));
    at->elsewhere = true;
    fmt(at->url, sizeof(at->url), "%s", url);
    if (onchain_deploy(at->url, &signer, &at->err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", at->err.text);
}

struct dev *dev_begin(void)
{
    struct dev *at = ARENA_NEW(test_arena(), struct dev, 1);
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

struct last {
    struct task task;
    struct loop *loop;
};

static void stop_loop(struct task *task)
{
    loop_stop(((struct last *)task)->loop);
}

/* What was posted to the loop before runs, too. */
void dev_close_chain(struct dev *at)
{
    struct last last = {.task.run = stop_loop, .loop = at->loop};
    onchain_close(at->chain);
    at->chain = NULL;
    loop_post(at->loop, &last.task);
    loop_run(at->loop);
}

void dev_end(struct dev *at)
{
    if (at->chain != NULL)
        dev_close_chain(at);
    loop_free(at->loop);
    eth_free(at->eth);
    net_client_free(at->net);
    keys_free(at->keys);
    if (!at->elsewhere)
        CHECK(node_end(&at->node, &at->err) == ST_OK);
}

/* --- A channel. */

static const secret32 SECRETS[2] = {{{[31] = 1}}, {{[31] = 2}}};

struct dev_channel *dev_example(struct dev *at, u8 salt, address asset)
{
    struct dev_channel *out = ARENA_NEW(test_arena(), struct dev_channel, 1);
    out->terms =
        (struct channel_terms){.chain_id = 900,
                               .adjudicator = ADJUDICATOR_ADDRESS,
                               .asset = asset,
                               .challenge_s = DEV_CHALLENGE_S,
                               .payout = {{{[0] = 0xa0, [19] = salt}}, {{[0] = 0xb0, [19] = salt}}},
                               .salt = {{[31] = salt}}};
    for (u32 side = 0; side < 2; side++)
        CHECK(secret_address(&SECRETS[side], &out->terms.owner[side]) == ST_OK);
    out->name = channel_name_of(&out->terms);
    out->seen = seen_of(at, out->name.id);
    return out;
}

signature64 dev_sign(const struct dev_channel *of, u32 side, hash32 struct_hash)
{
    signature64 out;
    CHECK(secret_sign(&SECRETS[side], signed_digest(of->name.domain, struct_hash), &out) == ST_OK);
    return out;
}

hash32 dev_next_key(struct dev *at)
{
    return (hash32){{[0] = 0x77, [31] = ++at->next_key}};
}

void dev_conclude(struct dev *at, hash32 key, const char *reason, int line)
{
    WAIT_FOR(at, dev_has_outcome);
    const struct dev_outcome *outcome = &at->outcomes[0];
    if (!hash32_equal(outcome->key, key) || outcome->succeeded != (reason == NULL) ||
        (reason != NULL && strcmp(reason, outcome->reason) != 0))
        test_fail(__FILE__, line, "outcome: %s", outcome->reason);
    memmove(at->outcomes, at->outcomes + 1, --at->outcome_count * sizeof(at->outcomes[0]));
}

void dev_submit(struct dev *at, bytes data, const char *reason, int line)
{
    struct onchain_intent intent = {
        .key = dev_next_key(at), .to = ONCHAIN_ADJUDICATOR, .data = data};
    onchain_submit(at->chain, &intent);
    dev_conclude(at, intent.key, reason, line);
}

void dev_deposit(struct dev *at, const struct dev_channel *of, u32 side, u128 total)
{
    hash32 key = dev_next_key(at);
    onchain_deposit(at->chain, key, &of->terms, side, total);
    dev_conclude(at, key, NULL, __LINE__);
}

struct adjudicator_half dev_half(const struct dev_channel *of, u32 side, u64 seq, u128 sent,
                                 struct locks *locks)
{
    struct adjudicator_half out = {.half = {.side = side, .seq = seq, .sent = sent}};
    if (locks != NULL) {
        out.half.locked = locks_total(locks);
        out.half.root = locks_root(locks);
    }
    out.payer = dev_sign(of, side, half_hash(of->name.id, &out.half));
    out.payee = dev_sign(of, 1 - side, half_hash(of->name.id, &out.half));
    return out;
}

struct header dev_newest_header(struct dev *at)
{
    struct eth_header header;
    CHECK(eth_ask_header(at->eth, eth_at_tag(ETH_LATEST), &header, test_arena(), &at->err) ==
          ST_OK);
    return header.header;
}

u64 dev_now_s(struct dev *at)
{
    return dev_newest_header(at).timestamp;
}

/* A dev node as a parent: what host/client promises, held against real blocks, reorgs (evm_revert)
 * and pools. VARVE_TEST_PARENT names another node to hold it against, anvil with chain id 900. */
#include "node/internal.h"

#include "base/fmt.h"
#include "client/follow.h"
#include "client/probe.h"
#include "client/sender.h"
#include "harness/test.h"
#include "net/client.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

struct parent {
    struct config config;
    struct node node;
    bool elsewhere;
    char url[200];
    struct eth *eth;
    struct net_client *net; /* for test methods */
    struct keys *keys;
    struct err err;
};

static void begin_node(struct parent *at)
{
    const char *const words[] = {"up", "--http.port", "0"};
    char *argv[countof(words)];
    for (usize i = 0; i < countof(words); i++)
        argv[i] = strcpy(ARENA_NEW(test_arena(), char, 32), words[i]);
    CHECK(config_read(UP, 3, argv, &at->config, &at->err) == ST_OK);
    at->node.config = &at->config;
    if (node_begin(&at->node, &at->err) != ST_OK || node_serve(&at->node, &at->err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", at->err.text);
    fmt(at->url, sizeof(at->url), "http://127.0.0.1:%u", net_port(at->node.net));
}

static struct parent *begin(void)
{
    struct parent *at = ARENA_NEW(test_arena(), struct parent, 1);
    const char *other = getenv("VARVE_TEST_PARENT");
    log_setup((struct log_options){.level = LEVEL_ERROR, .fd = STDERR_FILENO});
    at->elsewhere = other != NULL;
    if (at->elsewhere)
        fmt(at->url, sizeof(at->url), "%s", other);
    else
        begin_node(at);
    struct eth_options options = {.url = at->url, .patience_ms = 5000};
    struct net_client_options net = {.url = at->url, .timeout_ms = 5000, .answer_limit = 1 << 20};
    CHECK(eth_new(&options, &at->eth, &at->err) == ST_OK);
    CHECK(net_client_new(&net, &at->net, &at->err) == ST_OK);
    CHECK(keys_from_mnemonic(KEYS_TEST_MNEMONIC, 10, &at->keys, &at->err) == ST_OK);
    return at;
}

static void end(struct parent *at)
{
    eth_free(at->eth);
    net_client_free(at->net);
    keys_free(at->keys);
    if (!at->elsewhere)
        CHECK(node_end(&at->node, &at->err) == ST_OK);
}

static json tell(struct parent *at, const char *method, const char *params)
{
    json result = {BYTES_EMPTY};
    struct net_client_error error;
    if (net_client_call(at->net, method, (bytes){(const u8 *)params, strlen(params)}, &result,
                        &error, test_arena(), &at->err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s: %s", method, at->err.text);
    return result;
}

static void go_back(struct parent *at, json mark)
{
    char params[100];
    fmt(params, sizeof(params), "[%.*s]", (int)mark.text.size, (const char *)mark.text.data);
    (void)tell(at, "evm_revert", params);
}

static void mine(struct parent *at, unsigned count)
{
    while (count-- > 0)
        (void)tell(at, "evm_mine", "[]");
}

/* The code logs its call's first word: calldatacopy(0, 0, 32), log1(0, 32, 7). */
static const address LOGGER = {{0x57, 0x57, 0xaa}};
static const hash32 TOPIC = {{[31] = 7}};

static void put_logger(struct parent *at)
{
    (void)tell(
        at, "anvil_setCode",
        "[\"0x5757aa0000000000000000000000000000000000\",\"0x60206000600037600760206000a100\"]");
}

static struct sender *sender_on(struct parent *at, usize key, const char *path)
{
    struct sender *sender = NULL;
    struct sender_options options = {.eth = at->eth,
                                     .signer =
                                         signer_of_keys(at->keys, keys_address(at->keys, key)),
                                     .files = files_of_system(),
                                     .path = path,
                                     .chain_id = 900,
                                     .confirmations = 12,
                                     .retry_ms = 20,
                                     .resend_ms = 200};
    if (sender_open(&options, &sender, &at->err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", at->err.text);
    return sender;
}

static const char *path_in(const char *folder)
{
    char *path = ARENA_TAKE(test_arena(), char, 300);
    fmt(path, 300, "%s/sender", folder);
    return path;
}

TEST(parent_is_read_header_by_header_with_fees_and_state)
{
    struct parent *at = begin();
    struct eth_heads heads;
    struct eth_header header;
    struct eth_fees fees;
    struct eth_message message = {.to = LOGGER};
    struct eth_refusal refusal;
    address alice = keys_address(at->keys, 0);
    u256 balance;
    u64 id, gas, nonce, pending;
    bytes code, result;
    mine(at, 3);
    put_logger(at);
    CHECK(eth_ask_chain_id(at->eth, &id, &at->err) == ST_OK && id == 900);
    CHECK(eth_ask_heads(at->eth, &heads, test_arena(), &at->err) == ST_OK);
    CHECK(eth_ask_header(at->eth, eth_at_hash(heads.latest.hash), &header, test_arena(),
                         &at->err) == ST_OK);
    CHECK(eth_ask_header(at->eth, eth_at_number(1u << 30), &header, test_arena(), &at->err) ==
          ST_MISSING);
    CHECK(eth_ask_fees(at->eth, &fees, &at->err) == ST_OK && fees.has_base_fee);
    CHECK(eth_ask_balance(at->eth, alice, eth_at_hash(heads.latest.hash), &balance, &at->err) ==
              ST_OK &&
          !u256_is_zero(balance));
    CHECK(eth_ask_nonces(at->eth, alice, &nonce, &pending, &at->err) == ST_OK && nonce == pending);
    CHECK(eth_ask_code(at->eth, LOGGER, eth_at_tag(ETH_LATEST), &code, test_arena(), &at->err) ==
              ST_OK &&
          code.size == 15);
    CHECK(eth_ask_gas(at->eth, &message, eth_at_tag(ETH_PENDING), &gas, &refusal, test_arena(),
                      &at->err) == ST_OK &&
          gas > 21000);
    CHECK(eth_ask_call(at->eth, &message, eth_at_tag(ETH_LATEST), &result, &refusal, test_arena(),
                       &at->err) == ST_OK);
    message = (struct eth_message){.creates = true, .data = BYTES_LIT("\x60\x00\x60\x00\xfd")};
    CHECK(eth_ask_gas(at->eth, &message, eth_at_tag(ETH_LATEST), &gas, &refusal, test_arena(),
                      &at->err) == ST_INVALID &&
          refusal.reverted);
    end(at);
}

TEST(probe_of_a_dev_chain_finds_all_that_a_child_can_use)
{
    struct parent *at = begin();
    struct probe probe;
    if (probe_parent(at->eth, &probe, &at->err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", at->err.text);
    CHECK(probe.chain_id == 900 && probe.has_push0 && probe.has_base_fee && probe.has_bls);
    CHECK(probe.has_blobs && !probe.is_child && probe.has_finalized);
    CHECK(at->elsewhere || (probe.has_history && probe.tx_gas_cap == 1 << 24));
    CHECK(at->elsewhere || strncmp(probe.version, "varve/", 6) == 0);
    end(at);
}

TEST(sender_on_a_real_pool_survives_reorgs_and_restarts)
{
    struct parent *at = begin();
    const char *path = path_in(test_folder());
    struct sender *sender = sender_on(at, 1, path);
    struct sender_outcome outcome;
    hash32 word = {{0xab}};
    struct sender_intent intent = {.key = {{1}}, .to = LOGGER, .data = BYTES_OF(word)};
    struct sender_intent revert = {
        .key = {{2}}, .creates = true, .data = BYTES_LIT("\x60\x00\x60\x00\xfd")};
    put_logger(at);
    json mark = tell(at, "evm_snapshot", "[]");
    CHECK(sender_submit(sender, &intent, &at->err) == ST_OK);
    CHECK(sender_submit(sender, &revert, &at->err) == ST_OK);
    CHECK(sender_wait(sender, intent.key, false, 10000, &outcome, &at->err) == ST_OK);
    CHECK(outcome.state == SENDER_INCLUDED && outcome.succeeded && outcome.gas_used > 21000);
    CHECK(sender_wait(sender, revert.key, false, 10000, &outcome, &at->err) == ST_OK);
    CHECK(outcome.state == SENDER_FAILED && strstr(outcome.reason, "revert") != NULL);
    go_back(at, mark); /* the block is gone, and the pool does not have it */
    mine(at, 1);
    sender_close(sender);
    sender = sender_on(at, 1, path);
    CHECK(sender_submit(sender, &intent, &at->err) == ST_OK);
    CHECK(sender_poll(sender, clock_now_ms(), &at->err) == ST_OK);
    CHECK(sender_wait(sender, intent.key, false, 10000, &outcome, &at->err) == ST_OK);
    mine(at, 12);
    CHECK(sender_wait(sender, intent.key, true, 10000, &outcome, &at->err) == ST_OK);
    CHECK(outcome.state == SENDER_INCLUDED && outcome.settled);
    struct eth_receipt receipt;
    CHECK(eth_ask_receipts(at->eth, &outcome.tx_hash, 1, &receipt, test_arena(), &at->err) ==
          ST_OK);
    CHECK(receipt.found && receipt.logs.count == 1 &&
          bytes_equal(receipt.logs.list[0].log.data, BYTES_OF(word)));
    struct eth_tx tx;
    CHECK(eth_ask_txs(at->eth, &outcome.tx_hash, 1, &tx, test_arena(), &at->err) == ST_OK);
    CHECK(tx.mined && bytes_equal(tx.input, BYTES_OF(word)) && tx.nonce == outcome.nonce);
    sender_close(sender);
    end(at);
}

TEST(sender_cancels_and_outbids_on_a_real_pool)
{
    struct parent *at = begin();
    struct sender *sender = sender_on(at, 2, path_in(test_folder()));
    struct sender_outcome outcome;
    struct sender_intent intent = {.key = {{1}}, .to = LOGGER, .value_wei = U256_ONE};
    (void)tell(at, "evm_setAutomine", "[false]");
    CHECK(sender_submit(sender, &intent, &at->err) == ST_OK);
    CHECK(sender_poll(sender, 1, &at->err) == ST_OK);
    CHECK(sender_look(sender, intent.key, &outcome) == ST_OK && outcome.has_nonce);
    hash32 first = outcome.tx_hash;
    CHECK(sender_withdraw(sender, intent.key, &at->err) == ST_OK);
    CHECK(sender_poll(sender, 2, &at->err) == ST_OK);
    CHECK(sender_look(sender, intent.key, &outcome) == ST_OK && outcome.reason[0] == 0);
    CHECK(!hash32_equal(outcome.tx_hash, first));
    mine(at, 12);
    CHECK(sender_poll(sender, 3, &at->err) == ST_OK);
    CHECK(sender_look(sender, intent.key, &outcome) == ST_OK && outcome.state == SENDER_CANCELLED);
    (void)tell(at, "evm_setAutomine", "[true]");
    sender_close(sender);
    end(at);
}

TEST(sender_on_a_real_pool_sends_blobs)
{
    struct parent *at = begin();
    struct sender *sender = sender_on(at, 3, path_in(test_folder()));
    struct sender_outcome outcome = {0};
    struct blob *blob = ARENA_NEW(test_arena(), struct blob, 1);
    struct sender_intent intent = {.key = {{1}}, .to = LOGGER, .blobs = blob, .blob_count = 1};
    memset(blob->b + 1, 7, 31);
    CHECK(sender_submit(sender, &intent, &at->err) == ST_OK);
    if (sender_wait(sender, intent.key, false, 20000, &outcome, &at->err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", at->err.text);
    CHECK(outcome.state == SENDER_INCLUDED && outcome.succeeded);
    struct eth_tx tx;
    CHECK(eth_ask_txs(at->eth, &outcome.tx_hash, 1, &tx, test_arena(), &at->err) == ST_OK);
    CHECK(tx.type == 3 && tx.blob_hash_count == 1 && tx.blob_hashes[0].b[0] == 1);
    sender_close(sender);
    end(at);
}

/* --- Following. */

struct heard {
    u64 blocks, logs, removals;
    struct follow_point tip;
};

static enum status on_removed(void *self, struct follow_point to, struct err *err)
{
    struct heard *heard = self;
    (void)err;
    heard->removals++;
    heard->tip = to;
    return ST_OK;
}

static enum status on_block(void *self, const struct eth_header *header, const struct eth_log *logs,
                            usize count, struct err *err)
{
    struct heard *heard = self;
    (void)err;
    (void)logs;
    CHECK(heard->blocks == 0 || hash32_equal(header->header.parent_hash, heard->tip.hash));
    heard->blocks++;
    heard->logs += count;
    heard->tip = (struct follow_point){header->header.number, header->hash};
    return ST_OK;
}

static void follow_all(struct parent *at, struct follow *follow)
{
    for (bool more = true; more;)
        if (follow_poll(follow, &more, &at->err) != ST_OK) {
            test_fail(__FILE__, __LINE__, "%s", at->err.text);
            return;
        }
}

TEST(follower_of_a_real_chain_sees_its_logs_and_its_reorgs)
{
    struct parent *at = begin();
    struct sender *sender = sender_on(at, 4, path_in(test_folder()));
    struct heard heard = {0};
    struct sender_outcome outcome;
    struct follow *follow = NULL;
    struct eth_heads heads;
    hash32 word = {{0xab}};
    put_logger(at);
    mine(at, 1);
    CHECK(eth_ask_heads(at->eth, &heads, test_arena(), &at->err) == ST_OK);
    struct follow_options options = {.eth = at->eth,
                                     .filter = {.who = LOGGER, .topics = &TOPIC, .topic_count = 1},
                                     .start = heads.latest.header.number,
                                     .final_depth = 20,
                                     .listener = {&heard, on_removed, on_block}};
    CHECK(follow_new(&options, &follow, &at->err) == ST_OK);
    json mark = tell(at, "evm_snapshot", "[]");
    for (u8 i = 1; i <= 3; i++) {
        struct sender_intent intent = {.key = {{i}}, .to = LOGGER, .data = BYTES_OF(word)};
        CHECK(sender_submit(sender, &intent, &at->err) == ST_OK);
        CHECK(sender_wait(sender, intent.key, false, 10000, &outcome, &at->err) == ST_OK);
        mine(at, 2);
    }
    follow_all(at, follow);
    CHECK(heard.blocks == 10 && heard.logs == 3 && heard.removals == 0);
    go_back(at, mark);
    (void)tell(at, "evm_increaseTime", "[100]");
    mine(at, 2);
    follow_all(at, follow);
    CHECK(heard.removals == 1 && heard.tip.number == heads.latest.header.number + 2);
    CHECK(sender_poll(sender, clock_now_ms(), &at->err) == ST_OK); /* sends them all again */
    CHECK(sender_wait(sender, (hash32){{3}}, false, 10000, &outcome, &at->err) == ST_OK);
    follow_all(at, follow);
    CHECK(heard.logs == 6);
    follow_free(follow);
    sender_close(sender);
    end(at);
}

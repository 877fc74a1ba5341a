/* A developer's node without its server: calls go straight to the RPC. */
#include "node/internal.h"

#include "base/fmt.h"
#include "crypto/keccak.h"
#include "harness/test.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <time.h>
#include <unistd.h>

enum { ANSWER_ROOM = 32 << 20 };

struct bench_node {
    struct config config;
    struct node node;
    struct pages scratch;
};

static struct bench_node *begin(bool mining)
{
    struct bench_node *at = ARENA_NEW(test_arena(), struct bench_node, 1);
    struct err err = {{0}};
    char *argv[] = {strcpy(ARENA_NEW(test_arena(), char, 8), "up"),
                    strcpy(ARENA_NEW(test_arena(), char, 16), "--no-mining")};
    log_setup((struct log_options){.level = LEVEL_ERROR, .fd = STDERR_FILENO});
    CHECK(config_read(UP, mining ? 1 : 2, argv, &at->config, &err) == ST_OK);
    at->node.config = &at->config;
    if (node_begin(&at->node, &err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", err.text);
    CHECK(pages_reserve(rpc_scratch_size(), &at->scratch, &err) == ST_OK);
    return at;
}

static void end(struct bench_node *at)
{
    struct err err;
    CHECK(node_end(&at->node, &err) == ST_OK);
    CHECK(access(at->node.folder, F_OK) != 0); /* the temporary folder went with it */
    pages_release(&at->scratch);
}

/* {"result": …} or {"error": …} */
static json ask_as(struct bench_node *at, const struct net_peer *peer, const char *method,
                   const char *params)
{
    json arguments = {BYTES_EMPTY}, answer = {BYTES_EMPTY};
    CHECK(json_check((bytes){(const u8 *)params, strlen(params)}, 32, &arguments, NULL) == ST_OK);
    struct arena tmp = *test_arena();
    struct json_out out = json_out_over(ARENA_TAKE(&tmp, u8, ANSWER_ROOM), ANSWER_ROOM);
    json_open_object(&out);
    rpc_answer(at->node.rpc, (bytes){(const u8 *)method, strlen(method)}, arguments, peer, &out,
               pages_arena(&at->scratch));
    json_close_object(&out);
    bytes text = arena_copy(test_arena(), (bytes){out.data, out.size});
    CHECK(json_check(text, 64, &answer, NULL) == ST_OK);
    return answer;
}

static json ask(struct bench_node *at, const char *method, const char *params)
{
    return ask_as(at, NULL, method, params);
}

static json result(struct bench_node *at, const char *method, const char *params)
{
    json answer = ask(at, method, params);
    json error = json_get(answer, "error");
    if (!json_is(error, JSON_ABSENT))
        test_fail(__FILE__, __LINE__, "%s: %.*s", method, (int)error.text.size,
                  (const char *)error.text.data);
    return json_get(answer, "result");
}

static u64 number(json quantity)
{
    u256 value = U256_ZERO;
    CHECK(hex_read_quantity(json_text(quantity, test_arena()), &value) == ST_OK);
    return u256_to_u64_sat(value);
}

static bool error_is(json answer, int code, const char *words)
{
    char text[16];
    fmt(text, sizeof(text), "%d", code);
    json error = json_get(answer, "error");
    bytes message = json_text(json_get(error, "message"), test_arena());
    bytes got = json_get(error, "code").text;
    return bytes_equal(got, (bytes){(const u8 *)text, strlen(text)}) &&
           memmem(message.data, message.size, words, strlen(words)) != NULL;
}

/* Until the pool is empty: everything that can be is in a block. */
static void settle(struct bench_node *at)
{
    for (u64 from = clock_now_ms(); clock_now_ms() - from < 10000;) {
        if (txpool_counts(at->node.pool).executable == 0)
            return;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    test_fail(__FILE__, __LINE__, "the pool does not empty");
}

#define ALICE "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
#define BOB "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
#define STRANGER "0x00000000000000000000000000000000005757aa"

TEST(dev_chain_has_its_accounts_and_contracts_from_the_first_block)
{
    struct bench_node *at = begin(true);
    CHECK(number(result(at, "eth_chainId", "[]")) == 900);
    CHECK(json_says(result(at, "eth_getBalance", "[\"" ALICE "\"]"), "0x21e19e0c9bab2400000"));
    static const char *const predeployed[] = {
        "0xca11bde05977b3631167028862be2a173976ca11", "0x4e59b44847b379578588920ca78fbf26c0b4956c",
        "0x000f3df6d732807ef1319fb7b8bb8522d0beac02", "0x0000f90827f1c53a10cb7a02335b175320002935",
        "0x00000961ef480eb55e80d19ad83579a64c007002", "0x0000bbddc7ce488642fb579f8b00f3a590007251"};
    for (usize i = 0; i < countof(predeployed); i++) {
        char params[64];
        fmt(params, sizeof(params), "[\"%s\",\"latest\"]", predeployed[i]);
        CHECK_ROW(i, result(at, "eth_getCode", params).text.size > 100);
    }
    CHECK(json_count(result(at, "eth_accounts", "[]")) == 10);
    end(at);
}

TEST(transfer_gets_a_receipt_and_is_found_by_hash_sender_and_index)
{
    struct bench_node *at = begin(true);
    json hash = result(at, "eth_sendTransaction",
                       "[{\"from\":\"" ALICE "\",\"to\":\"" BOB "\",\"value\":\"0x7\"}]");
    settle(at);
    char params[160];
    fmt(params, sizeof(params), "[%.*s]", (int)hash.text.size, (const char *)hash.text.data);
    json receipt = result(at, "eth_getTransactionReceipt", params);
    CHECK(number(json_get(receipt, "status")) == 1);
    CHECK(number(json_get(receipt, "gasUsed")) == 21000);
    CHECK(number(json_get(receipt, "blockNumber")) == 1);
    static const char *const ways[][2] = {
        {"eth_getTransactionBySenderAndNonce", "[\"" ALICE "\",\"0x0\"]"},
        {"eth_getTransactionByBlockNumberAndIndex", "[\"latest\",\"0x0\"]"},
    };
    for (usize i = 0; i < countof(ways); i++)
        CHECK_ROW(
            i, bytes_equal(json_get(result(at, ways[i][0], ways[i][1]), "hash").text, hash.text));
    CHECK(number(result(at, "eth_getTransactionCount", "[\"" ALICE "\",\"pending\"]")) == 1);
    end(at);
}

TEST(burst_lands_whole_in_few_blocks)
{
    enum { COUNT = 300 };
    struct bench_node *at = begin(false);
    for (usize i = 0; i < COUNT; i++)
        (void)result(at, "eth_sendTransaction",
                     i % 2 == 0 ? "[{\"from\":\"" ALICE "\",\"to\":\"" BOB "\",\"gas\":\"0x5208\"}]"
                                : "[{\"from\":\"" BOB "\",\"to\":\"" ALICE
                                  "\",\"gas\":\"0x5208\"}]");
    CHECK(number(json_get(result(at, "txpool_status", "[]"), "pending")) == COUNT);
    CHECK(json_count(json_get(json_get(result(at, "txpool_content", "[]"), "pending"),
                              "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")) == COUNT / 2);
    (void)result(at, "evm_setAutomine", "[true]");
    (void)result(at, "eth_sendTransaction", "[{\"from\":\"" ALICE "\",\"to\":\"" BOB "\"}]");
    settle(at);
    CHECK(number(result(at, "eth_blockNumber", "[]")) <= 2);
    CHECK(number(result(at, "eth_getTransactionCount", "[\"" ALICE "\",\"latest\"]")) ==
          COUNT / 2 + 1);
    end(at);
}

TEST(snapshot_takes_back_blocks_patches_and_the_pool)
{
    struct bench_node *at = begin(false);
    json mark = result(at, "evm_snapshot", "[]");
    (void)result(at, "anvil_setBalance", "[\"" STRANGER "\",\"0x64\"]");
    (void)result(at, "anvil_setNonce", "[\"" STRANGER "\",\"0x5\"]");
    (void)result(at, "anvil_setCode", "[\"" STRANGER "\",\"0x60005400\"]");
    (void)result(at, "anvil_setStorageAt", "[\"" STRANGER "\",\"0x1\",\"0x2a\"]");
    (void)result(at, "evm_mine", "[]");
    (void)result(at, "eth_sendTransaction", "[{\"from\":\"" ALICE "\",\"to\":\"" BOB "\"}]");
    CHECK(number(result(at, "eth_getBalance", "[\"" STRANGER "\"]")) == 100);
    CHECK(number(result(at, "eth_getTransactionCount", "[\"" STRANGER "\"]")) == 5);
    CHECK(json_says(result(at, "eth_getCode", "[\"" STRANGER "\"]"), "0x60005400"));
    json slot = result(at, "eth_getStorageAt", "[\"" STRANGER "\",\"0x1\",\"latest\"]");
    CHECK(json_text(slot, test_arena()).size == 66 && slot.text.data[slot.text.size - 3] == '2');
    char params[64];
    fmt(params, sizeof(params), "[%.*s]", (int)mark.text.size, (const char *)mark.text.data);
    bool reverted = false;
    CHECK(json_read_bool(result(at, "evm_revert", params), &reverted) == ST_OK && reverted);
    CHECK(number(result(at, "eth_blockNumber", "[]")) == 0);
    CHECK(number(result(at, "eth_getBalance", "[\"" STRANGER "\"]")) == 0);
    CHECK(number(json_get(result(at, "txpool_status", "[]"), "pending")) == 0);
    CHECK(json_read_bool(result(at, "evm_revert", "[\"0xffff\"]"), &reverted) == ST_OK &&
          !reverted);
    end(at);
}

TEST(impersonated_account_sends_without_a_key)
{
    struct bench_node *at = begin(true);
    static const char send[] = "[{\"from\":\"" STRANGER "\",\"to\":\"" BOB "\",\"value\":\"0x1\"}]";
    (void)result(at, "anvil_setBalance", "[\"" STRANGER "\",\"0xde0b6b3a7640000\"]");
    CHECK(error_is(ask(at, "eth_sendTransaction", send), -32000, "unknown account"));
    (void)result(at, "anvil_impersonateAccount", "[\"" STRANGER "\"]");
    (void)result(at, "eth_sendTransaction", send);
    settle(at);
    CHECK(number(result(at, "eth_getTransactionCount", "[\"" STRANGER "\",\"latest\"]")) == 1);
    (void)result(at, "anvil_stopImpersonatingAccount", "[\"" STRANGER "\"]");
    CHECK(error_is(ask(at, "eth_sendTransaction", send), -32000, "unknown account"));
    end(at);
}

TEST(time_moves_as_it_is_told)
{
    struct bench_node *at = begin(false);
    (void)result(at, "evm_setNextBlockTimestamp", "[4000000000]");
    (void)result(at, "evm_mine", "[]");
    json block = result(at, "eth_getBlockByNumber", "[\"latest\",false]");
    CHECK(number(json_get(block, "timestamp")) == 4000000000);
    (void)result(at, "evm_increaseTime", "[1000]");
    (void)result(at, "anvil_mine", "[\"0x3\",\"0xa\"]");
    block = result(at, "eth_getBlockByNumber", "[\"latest\",false]");
    CHECK(number(json_get(block, "number")) == 4);
    u64 time = number(json_get(block, "timestamp"));
    CHECK(time >= 4000001020 && time < 4000001060);
    CHECK(error_is(ask(at, "evm_setNextBlockTimestamp", "[5]"), -32000, "Timestamp error"));
    end(at);
}

/* The code logs its call's first word: calldatacopy(0, 0, 32), log1(0, 32, 7). */
#define LOGGER_CODE "0x60206000600037600760206000a100"

TEST(filters_and_subscriptions_deliver_each_thing_once)
{
    struct bench_node *at = begin(true);
    (void)result(at, "anvil_setCode", "[\"" STRANGER "\",\"" LOGGER_CODE "\"]");
    json blocks = result(at, "eth_newBlockFilter", "[]");
    json logs = result(at, "eth_newFilter", "[{\"address\":\"" STRANGER "\"}]");
    json pending = result(at, "eth_newPendingTransactionFilter", "[]");
    (void)result(at, "eth_sendTransaction",
                 "[{\"from\":\"" ALICE "\",\"to\":\"" STRANGER "\",\"gas\":\"0xffff\"}]");
    settle(at);
    json filters[] = {blocks, logs, pending};
    for (usize i = 0; i < countof(filters); i++) {
        char params[64];
        fmt(params, sizeof(params), "[%.*s]", (int)filters[i].text.size,
            (const char *)filters[i].text.data);
        CHECK_ROW(i, json_count(result(at, "eth_getFilterChanges", params)) == 1);
        CHECK_ROW(i, json_count(result(at, "eth_getFilterChanges", params)) == 0);
        bool removed = false;
        CHECK_ROW(i, json_read_bool(result(at, "eth_uninstallFilter", params), &removed) == ST_OK);
        CHECK_ROW(i, removed);
        CHECK_ROW(i, error_is(ask(at, "eth_getFilterChanges", params), -32000, "filter not found"));
    }
    CHECK(json_count(result(at, "eth_getLogs",
                            "[{\"fromBlock\":\"0x0\",\"topics\":[[\"0x0000000000"
                            "00000000000000000000000000000000000000000000000000"
                            "0007\"]]}]")) == 1);
    end(at);
}

/* Counts messages by what they hold. */
static bool count_message(void *self, bytes message)
{
    usize *counts = self;
    counts[0] += memmem(message.data, message.size, "parentHash", 10) != NULL;
    counts[1] += memmem(message.data, message.size, "logIndex", 8) != NULL;
    return true;
}

TEST(subscriptions_push_heads_and_logs_until_they_end)
{
    struct bench_node *at = begin(true);
    usize counts[2] = {0, 0};
    struct net_peer peer = {counts, count_message};
    (void)result(at, "anvil_setCode", "[\"" STRANGER "\",\"" LOGGER_CODE "\"]");
    json heads = json_get(ask_as(at, &peer, "eth_subscribe", "[\"newHeads\"]"), "result");
    (void)ask_as(at, &peer, "eth_subscribe", "[\"logs\",{\"address\":\"" STRANGER "\"}]");
    CHECK(error_is(ask(at, "eth_subscribe", "[\"newHeads\"]"), -32601, "WebSocket"));
    CHECK(error_is(ask_as(at, &peer, "eth_subscribe", "[\"moons\"]"), -32601, "no such"));
    (void)result(at, "eth_sendTransaction",
                 "[{\"from\":\"" ALICE "\",\"to\":\"" STRANGER "\",\"gas\":\"0xffff\"}]");
    settle(at);
    (void)result(at, "evm_mine", "[]"); /* after it, all of the block before has been told */
    CHECK(counts[0] == 2 && counts[1] == 1);
    char params[64];
    fmt(params, sizeof(params), "[%.*s]", (int)heads.text.size, (const char *)heads.text.data);
    (void)ask_as(at, &peer, "eth_unsubscribe", params);
    (void)result(at, "evm_mine", "[]");
    CHECK(counts[0] == 2);
    rpc_peer_gone(at->node.rpc, &peer);
    end(at);
}

TEST(calls_see_overrides_and_reverts_carry_their_data)
{
    struct bench_node *at = begin(false);
    /* sload(0) returned; then: a revert with Error("no") */
    CHECK(json_says(result(at, "eth_call",
                           "[{\"to\":\"" STRANGER "\"},\"latest\",{\"" STRANGER "\":{\"code\":"
                           "\"0x60005460005260206000f3\",\"stateDiff\":{\"0x0\":\"0x2b\"}}}]"),
                    "0x000000000000000000000000000000000000000000000000000000000000002b"));
    json answer = ask(at, "eth_call",
                      "[{\"to\":\"" STRANGER "\"},\"latest\",{\"" STRANGER
                      "\":{\"code\":\"0x6001600052602060006000fd\"}}]");
    CHECK(error_is(answer, 3, "execution reverted"));
    CHECK(json_says(json_get(json_get(answer, "error"), "data"), "0x"));
    CHECK(error_is(ask(at, "eth_call",
                       "[{\"to\":\"" STRANGER "\"},\"latest\",{\"" STRANGER
                       "\":{\"code\":\"0xfe\"}}]"),
                   -32000, "invalid opcode"));
    end(at);
}

TEST(wrong_arguments_are_named)
{
    static const struct {
        const char *method, *params;
        int code;
        const char *words;
    } rows[] = {
        {"eth_getBalance", "[]", -32602, "argument 0"},
        {"eth_getBalance", "[\"0x12\"]", -32602, "argument 0: want 20 bytes"},
        {"eth_getBalance", "[7]", -32602, "not a string"},
        {"eth_getBalance", "[\"" ALICE "\",\"newest\"]", -32602, "0x prefix"},
        {"eth_getBalance", "[\"" ALICE "\",\"0x99\"]", -32000, "header not found"},
        {"eth_getBalance", "[\"" ALICE "\",{\"blockNumber\":{}}]", -32602, "blockNumber"},
        {"eth_getBalance", "[\"" ALICE "\",{}]", -32602, "either blockNumber or blockHash"},
        {"eth_getBalance", "{\"who\":\"" ALICE "\"}", -32602, "by position"},
        {"eth_getStorageAt", "[\"" ALICE "\",\"0xzz\"]", -32602, "storage key"},
        {"eth_call", "[3]", -32602, "transaction object"},
        {"eth_call", "[{\"data\":\"0x123\"}]", -32602, "even number"},
        {"eth_call", "[{\"gasPrice\":\"0x1\",\"maxFeePerGas\":\"0x1\"}]", -32000, "both gasPrice"},
        {"eth_sendRawTransaction", "[\"0x03c0\"]", -32000, "transaction"},
        {"eth_sendRawTransaction", "[\"0x\"]", -32000, "transaction"},
        {"eth_getLogs", "[{\"topics\":[[],[],[],[],[]]}]", -32602, "exceed max topics"},
        {"eth_getLogs", "[{\"fromBlock\":\"0x0\",\"toBlock\":\"0x9\"}]", -32602, "beyond"},
        {"eth_feeHistory", "[\"0x1\",\"latest\",[50,20]]", -32602, "ascending"},
        {"eth_feeHistory", "[\"0x0\",\"latest\",[]]", -32602, "at least 1"},
        {"anvil_mine", "[\"0xffffffff\"]", -32000, "at most"},
        {"eth_moon", "[]", -32601, "eth_moon does not exist"},
    };
    struct bench_node *at = begin(false);
    for (usize i = 0; i < countof(rows); i++)
        CHECK_ROW(i,
                  error_is(ask(at, rows[i].method, rows[i].params), rows[i].code, rows[i].words));
    end(at);
}

TEST(transactions_of_a_block_that_a_reorg_drops_come_again)
{
    struct bench_node *at = begin(false);
    (void)result(at, "eth_sendTransaction", "[{\"from\":\"" ALICE "\",\"to\":\"" BOB "\"}]");
    (void)result(at, "evm_mine", "[]");
    CHECK(txpool_counts(at->node.pool).executable == 0);
    orderer_stop(at->node.orderer); /* the chain has no other owner now than this thread */
    at->node.orderer = NULL;
    struct err err;
    CHECK(chain_set_head(at->node.chain, chain_genesis_hash(at->node.chain), &err) == ST_OK);
    CHECK(txpool_counts(at->node.pool).executable == 1);
    end(at);
}

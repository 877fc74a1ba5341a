/* What a child chain answers: deposits, receipts, prices. The members are those that viem 2.40.0's
 * op-stack/formatters.ts reads. */
#include "rpc/rpc.h"

#include "base/fmt.h"
#include "chain/testing.h"
#include "harness/test.h"
#include "sys/clock.h"
#include "sys/pages.h"

static struct child_rpc {
    struct chain *chain;
    struct txpool *pool;
    struct rpc *rpc;
    struct pages pages;
    struct built_block built; /* attributes, a gift, a transfer */
    hash32 hashes[3];
} at;

static enum status account_at_head(void *self, address who, struct account *out)
{
    struct arena arena = *test_arena();
    struct snapshot snapshot;
    (void)self;
    TRY(snapshot_open(at.chain, &arena, &snapshot, NULL));
    struct state_view view = snapshot_view(&snapshot);
    enum status st = view.account(view.self, who, out);
    snapshot_close(&snapshot);
    return st;
}

static void ignore_growth(void *node)
{
    (void)node;
}

/* One block on the genesis. */
static void begin(void)
{
    struct err err = {""};
    at = (struct child_rpc){.chain =
                                testing_open(test_folder(), testing_child_genesis(test_arena()))};
    struct tx user = testing_user_tx(1, *test_arena());
    struct testing_block *block = testing_block(at.chain, TESTING_TIME, &user, 1, test_arena());
    if (chain_build(at.chain, &block->params, &at.built, &err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", err.text);
    for (usize i = 0; i < at.built.block.tx_count; i++)
        at.hashes[i] = at.built.block.txs[i].hash;
    struct txpool_head head = {.rules = chain_rules(chain_config(at.chain), 2, 1000, true),
                               .gas_limit = TESTING_GAS_LIMIT};
    at.pool = txpool_new(&TXPOOL_LIMITS, &head, (struct txpool_state){NULL, account_at_head},
                         (struct txpool_listener){NULL, NULL});
    struct rpc_services services = {.chain = at.chain,
                                    .pool = at.pool,
                                    .version = "varve/test",
                                    .namespaces = UINT32_MAX & ~(unsigned)RPC_EVM,
                                    .now_ms = clock_now_ms,
                                    .pool_grew = ignore_growth};
    at.rpc = rpc_new(&services);
    CHECK(pages_reserve(rpc_scratch_size(), &at.pages, NULL) == ST_OK);
}

static void end(void)
{
    rpc_free(at.rpc);
    txpool_free(at.pool);
    chain_close(at.chain);
    pages_release(&at.pages);
}

static json ask(const char *method, const char *params)
{
    enum { ROOM = 1 << 20 };
    json arguments = {BYTES_EMPTY}, answer = {BYTES_EMPTY};
    CHECK(json_check((bytes){(const u8 *)params, strlen(params)}, 16, &arguments, NULL) == ST_OK);
    struct json_out out = json_out_over(ARENA_TAKE(test_arena(), u8, ROOM), ROOM);
    json_open_object(&out);
    rpc_answer(at.rpc, (bytes){(const u8 *)method, strlen(method)}, arguments, NULL, &out,
               pages_arena(&at.pages));
    json_close_object(&out);
    CHECK(json_check((bytes){out.data, out.size}, 32, &answer, NULL) == ST_OK);
    return answer;
}

/* For the transaction of this index. */
static json ask_by_hash(const char *method, usize index)
{
    char params[80];
    fmt(params, sizeof(params), "[\"%s\"]", hex_text(BYTES_OF(at.hashes[index]), test_arena()));
    return json_get(ask(method, params), "result");
}

#define CHECK_SAYS(object, key, want) check_says(__LINE__, object, key, want)

/* `want` NULL: the member is not there. */
static void check_says(int line, json object, const char *key, const char *want)
{
    json value = json_get(object, key);
    bool same = json_is(value, JSON_STRING) ? want != NULL && json_says(value, want)
                : want == NULL              ? json_is(value, JSON_ABSENT)
                               : bytes_equal(value.text, (bytes){(const u8 *)want, strlen(want)});
    if (!same)
        test_fail(__FILE__, line, "%s: %.*s", key, (int)value.text.size,
                  (const char *)value.text.data);
}

static void check_deposit(json tx)
{
    CHECK_SAYS(tx, "type", "0x7e");
    CHECK_SAYS(tx, "from", "0x00000000000000000000000000000000000000dd");
    CHECK_SAYS(tx, "mint", "0xde0b6b3a7640000");
    CHECK_SAYS(tx, "value", "0xde0b6b3a7640000");
    CHECK_SAYS(tx, "sourceHash",
               "0x0000000000000000000000000000000000000000000000000000000000000001");
    CHECK_SAYS(tx, "isSystemTx", "false");
    CHECK_SAYS(tx, "depositReceiptVersion", "0x1");
    CHECK_SAYS(tx, "nonce", "0x0");
    CHECK_SAYS(tx, "gasPrice", "0x0");
    static const char *const zeros[] = {"v", "r", "s", "yParity"};
    for (usize i = 0; i < countof(zeros); i++)
        CHECK_SAYS(tx, zeros[i], "0x0");
    static const char *const absent[] = {"chainId", "accessList", "maxFeePerGas"};
    for (usize i = 0; i < countof(absent); i++)
        CHECK_SAYS(tx, absent[i], NULL);
}

TEST(child_shows_deposits_as_op_geth_does)
{
    begin();
    check_deposit(ask_by_hash("eth_getTransactionByHash", 1));
    json block = json_get(ask("eth_getBlockByNumber", "[\"0x1\",true]"), "result");
    json txs = json_get(block, "transactions");
    CHECK(json_count(txs) == 3);
    check_deposit(json_at(txs, 1));
    json attributes = json_at(txs, 0);
    CHECK_SAYS(attributes, "from", "0xdeaddeaddeaddeaddeaddeaddeaddeaddead0001");
    CHECK_SAYS(attributes, "to", "0x4200000000000000000000000000000000000015");
    CHECK_SAYS(attributes, "mint", NULL);
    CHECK_SAYS(json_at(txs, 2), "type", "0x2");
    CHECK_SAYS(json_at(txs, 2), "sourceHash", NULL);
    CHECK_SAYS(block, "excessBlobGas", "0x0");
    CHECK_SAYS(block, "miner", "0x4200000000000000000000000000000000000011");
    end();
}

TEST(child_receipts_name_the_parents_prices_and_no_fee_for_them)
{
    begin();
    json receipt = ask_by_hash("eth_getTransactionReceipt", 2);
    json all = json_get(ask("eth_getBlockReceipts", "[\"0x1\"]"), "result");
    CHECK(bytes_equal(json_at(all, 2).text, receipt.text));
    CHECK_SAYS(receipt, "l1GasPrice", "0x3d0900"); /* TESTING_PARENT_FEE */
    CHECK_SAYS(receipt, "l1BaseFeeScalar", "0x2625a00");
    CHECK_SAYS(receipt, "l1BlobBaseFee", "0x0");
    CHECK_SAYS(receipt, "l1BlobBaseFeeScalar", "0x0");
    CHECK_SAYS(receipt, "l1GasUsed", "0x0");
    CHECK_SAYS(receipt, "l1Fee", "0x0");
    CHECK_SAYS(receipt, "effectiveGasPrice", "0xf4245");
    CHECK_SAYS(receipt, "depositNonce", NULL);
    json deposit = ask_by_hash("eth_getTransactionReceipt", 1);
    CHECK(bytes_equal(json_at(all, 1).text, deposit.text));
    CHECK_SAYS(deposit, "type", "0x7e");
    CHECK_SAYS(deposit, "depositNonce", "0x0");
    CHECK_SAYS(deposit, "depositReceiptVersion", "0x1");
    CHECK_SAYS(deposit, "effectiveGasPrice", "0x0");
    CHECK_SAYS(deposit, "gasUsed", "0x5208");
    CHECK_SAYS(deposit, "l1Fee", NULL);
    end();
}

TEST(child_prices_are_held_up_by_the_floor)
{
    begin();
    CHECK_SAYS(ask("eth_baseFee", "[]"), "result", "0xf4240");
    CHECK_SAYS(ask("eth_maxPriorityFeePerGas", "[]"), "result", "0x5"); /* the transfer's */
    json history = json_get(ask("eth_feeHistory", "[\"0x2\",\"latest\",[50]]"), "result");
    json fees = json_get(history, "baseFeePerGas");
    CHECK(json_says(json_at(fees, 1), "0xf4240") && json_says(json_at(fees, 2), "0xf4240"));
    CHECK(json_says(json_at(json_at(json_get(history, "reward"), 1), 0), "0x5"));
    history = json_get(ask("eth_feeHistory", "[\"0x1\",\"0x0\",[]]"), "result");
    CHECK(json_says(json_at(json_get(history, "baseFeePerGas"), 1), "0xf4240"));
    end();
}

TEST(child_estimates_pay_for_bytes)
{
    begin();
    CHECK_SAYS(ask("eth_estimateGas", "[{\"to\":\"0x0000000000000000000000000000000000000077\"}]"),
               "result", "0x5208");
    json answer = ask("eth_estimateGas", "[{\"to\":\"0x0000000000000000000000000000000000000077\","
                                         "\"input\":\"0x0001020304\"}]");
    u256 gas = U256_ZERO;
    bytes text = json_text(json_get(answer, "result"), test_arena());
    CHECK(hex_read_quantity(text, &gas) == ST_OK);
    u64 least = 21000 + 40 + 4 * 160; /* estimates are within 1.5 % */
    CHECK(gas.w[0] >= least && gas.w[0] < least + least / 64);
    end();
}

TEST(child_refuses_deposits_of_users)
{
    begin();
    struct tx gift = testing_gift((address){{1}}, 9, *test_arena());
    char params[1024];
    fmt(params, sizeof(params), "[\"%s\"]", hex_text(tx_encode(&gift, test_arena()), test_arena()));
    json answer = ask("eth_sendRawTransaction", params);
    json message = json_get(json_get(answer, "error"), "message");
    CHECK(json_says(message,
                    "transaction type not supported: a deposit comes from the parent chain "
                    "alone"));
    CHECK(txpool_counts(at.pool).bytes == 0);
    end();
}

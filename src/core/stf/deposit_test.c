/* Deposits executed, and what a child chain's block does with fees and bytes. */
#include "crypto/sha256.h"
#include "harness/test.h"
#include "stf/check.h"
#include "stf/child.h"
#include "stf/stf.h"

enum { BLOCK_GAS = 1000000, BASE_FEE = 10, ETHER_GWEI = 1000000000 };

static const address ALICE = {{[0] = 0xa1, [19] = 1}};
static const address BOB = {{[0] = 0xb0, [19] = 2}};
static const address CONTRACT = {{[0] = 0xc0, [19] = 3}};

/* One contract at CONTRACT; ALICE has an ether and nonce 7. */
static bytes contract_code;

static enum status view_account(void *self, address who, struct account *out)
{
    (void)self;
    *out = account_new();
    if (address_equal(who, ALICE)) {
        out->nonce = 7;
        out->balance_wei = u256_mul(u256_from_u64(ETHER_GWEI), u256_from_u64(1000000000));
        return ST_OK;
    }
    out->code_hash.b[0] = 1;
    return address_equal(who, CONTRACT) ? ST_OK : ST_MISSING;
}

static enum status view_storage(void *self, address who, hash32 slot, u256 *out)
{
    (void)self, (void)who, (void)slot;
    *out = U256_ZERO;
    return ST_OK;
}

static enum status view_code(void *self, hash32 hash, bytes *out)
{
    (void)self;
    *out = contract_code;
    return hash.b[0] == 1 ? ST_OK : ST_MISSING;
}

static enum status view_block_hash(void *self, u64 number, hash32 *out)
{
    (void)self, (void)number, (void)out;
    return ST_MISSING;
}

static const struct state_view view = {NULL, view_account, view_storage, view_code,
                                       view_block_hash};
static const struct rules child = {
    .fork = OSAKA, .chain_id = 901, .child = {.on = true, .footprint_gas = CHILD_FOOTPRINT_GAS}};
static const struct header header = {.number = 5,
                                     .gas_limit = BLOCK_GAS,
                                     .beneficiary = {{0x42, [19] = 0x11}},
                                     .base_fee_wei = {{BASE_FEE}},
                                     .fields = HEADER_PRAGUE};

/* A block with one transaction, and what became of it. */
struct run {
    enum status status;
    struct err err;
    struct receipt receipt;
    struct stf_result result;
};

static struct run run(const struct tx *tx, const char *code)
{
    struct run out = {.status = ST_OK};
    struct block block = {.header = header, .has_withdrawals = true};
    struct stf_options options = {.tracer = NULL};
    contract_code = hex(code);
    struct stf *stf = stf_begin(&child, &block.header, &view, options, test_arena());
    out.status = stf_apply_tx(stf, tx, &out.receipt, &out.err);
    usize count = out.status == ST_OK;
    CHECK(stf_end(stf, &block, &out.receipt, count, &out.result, NULL) == ST_OK);
    return out;
}

static struct account after(const struct run *run, address who)
{
    struct account account;
    for (usize i = 0; i < run->result.diff.account_count; i++)
        if (address_equal(run->result.diff.accounts[i].who, who))
            return run->result.diff.accounts[i].after;
    if (view_account(NULL, who, &account) != ST_OK)
        account = account_new();
    return account;
}

static u64 wei_of(const struct run *run, address who)
{
    return u256_to_u64_sat(after(run, who).balance_wei);
}

static struct tx deposit(address to, u64 mint, u64 value, u64 gas)
{
    return (struct tx){.type = TX_DEPOSIT,
                       .protected = true,
                       .from_known = true,
                       .from = BOB,
                       .to = to,
                       .mint_wei = u256_from_u64(mint),
                       .value_wei = u256_from_u64(value),
                       .gas_limit = gas};
}

TEST(deposit_mints_moves_its_value_and_pays_nothing)
{
    struct tx tx = deposit(ALICE, 500, 300, 100000);
    struct run out = run(&tx, "");
    CHECK(out.status == ST_OK && out.receipt.succeeded && out.receipt.type == TX_DEPOSIT);
    CHECK(out.receipt.gas_used == 21000 && out.result.gas_used == 21000);
    CHECK(wei_of(&out, BOB) == 200 && after(&out, BOB).nonce == 1);
    CHECK(wei_of(&out, ALICE) == 1000000000000000300);
    CHECK(out.receipt.deposit_nonce == 0);
    CHECK(wei_of(&out, CHILD_FEE_VAULT) == 0 && wei_of(&out, CHILD_BASE_FEE_VAULT) == 0);
    CHECK(out.result.diff.account_count == 2 && out.result.blob_gas_used == 0);
}

/* Each fails another way; in all of them the mint stays and the nonce rises. */
TEST(deposit_that_fails_keeps_its_mint_and_raises_the_nonce)
{
    static const struct {
        const char *code;
        u64 value, gas, gas_used;
        bool is_system;
    } rows[] = {
        {"5f5ffd", 0, 50000, 21004, false},         /* it reverts */
        {"fe", 0, 50000, 50000, false},             /* it faults */
        {"60015f555f5ffd", 0, 90000, 43109, false}, /* its writes are undone */
        {"", 501, 50000, 50000, false},             /* it cannot pay its value */
        {"", 0, 20999, 21000, false},               /* less than its intrinsic gas */
        {"", 0, 0, 21000, false},                   /* none at all */
        {"", 0, 50000, 50000, true},                /* what Regolith disabled */
    };
    for (usize i = 0; i < countof(rows); i++) {
        struct tx tx = deposit(CONTRACT, 500, rows[i].value, rows[i].gas);
        tx.is_system = rows[i].is_system;
        struct run out = run(&tx, rows[i].code);
        CHECK_ROW(i, out.status == ST_OK && !out.receipt.succeeded);
        CHECK_ROW(i, wei_of(&out, BOB) == 500 && after(&out, BOB).nonce == 1);
        CHECK_ROW(i, out.receipt.gas_used == rows[i].gas_used);
        CHECK_ROW(i, out.result.gas_used == rows[i].gas_used);
        CHECK_ROW(i, out.receipt.log_count == 0 && out.result.diff.account_count == 1);
    }
}

TEST(deposit_may_come_from_a_contract_and_counts_its_nonce)
{
    struct tx tx = deposit(ALICE, 0, 0, 30000);
    tx.from = CONTRACT;
    struct run out = run(&tx, "5f5ffd");
    CHECK(out.status == ST_OK && out.receipt.succeeded && after(&out, CONTRACT).nonce == 1);
    tx.from = ALICE;
    out = run(&tx, "");
    CHECK(out.receipt.deposit_nonce == 7 && after(&out, ALICE).nonce == 8);
}

TEST(deposit_creates_where_its_nonce_says)
{
    struct tx tx = deposit((address){{0}}, 0, 0, 200000);
    tx.creates = true;
    tx.from = ALICE;
    tx.data = hex("60015ff3"); /* a contract of one zero byte: STOP */
    struct run out = run(&tx, "");
    address where = evm_create_address(ALICE, 7);
    CHECK(out.status == ST_OK && out.receipt.succeeded && out.receipt.created);
    CHECK(address_equal(out.receipt.contract, where) && out.receipt.deposit_nonce == 7);
    CHECK(after(&out, where).nonce == 1);
    CHECK(!hash32_equal(after(&out, where).code_hash, EMPTY_CODE_HASH));
    tx.data = (bytes){ARENA_NEW(test_arena(), u8, 49153), 49153}; /* EIP-3860 */
    tx.gas_limit = BLOCK_GAS;
    out = run(&tx, "");
    CHECK(out.status == ST_OK && !out.receipt.succeeded && out.receipt.gas_used == BLOCK_GAS);
}

TEST(deposit_with_the_least_gas_that_the_inbox_takes_is_executed)
{
    u8 data[100];
    memset(data, 1, sizeof(data));
    struct tx tx = deposit(ALICE, 0, 0, 21000 + 100 * 16); /* Inbox.minimumGasLimit */
    tx.data = BYTES_OF(data);
    struct run out = run(&tx, "");
    CHECK(out.receipt.succeeded && out.receipt.gas_used == 22600); /* no EIP-7623 */
    tx.gas_limit--;
    out = run(&tx, "");
    CHECK(!out.receipt.succeeded && out.receipt.gas_used == 22600);
}

TEST(deposit_needs_its_gas_in_the_block_and_nothing_else)
{
    struct tx tx = deposit(ALICE, 500, 0, BLOCK_GAS + 1);
    struct run out = run(&tx, "");
    CHECK(out.status == ST_INVALID && out.result.diff.account_count == 0);
    CHECK(strcmp(out.err.text, "gas limit reached: 1000000 is left in the block, the deposit may "
                               "take 1000001") == 0);
    tx.gas_limit = BLOCK_GAS;
    out = run(&tx, "");
    CHECK(out.status == ST_OK && out.result.gas_used == 21000);
}

TEST(deposit_is_refused_where_there_is_no_parent)
{
    struct rules layer1 = child;
    struct err err = {""};
    struct tx tx = deposit(ALICE, 500, 0, 30000);
    layer1.child.on = false;
    CHECK(check_tx(&layer1, &tx, &err) == ST_INVALID);
    CHECK(strcmp(err.text, "transaction type not supported: only child chains have deposits") == 0);
    CHECK(check_tx(&child, &tx, &err) == ST_OK);
}

/* --- Users' transactions on a child chain. */

static struct tx transfer(u64 tip)
{
    return (struct tx){.type = TX_DYNAMIC_FEE,
                       .protected = true,
                       .from_known = true,
                       .from = ALICE,
                       .to = BOB,
                       .chain_id = 901,
                       .nonce = 7,
                       .gas_limit = 21000,
                       .max_fee_wei = u256_from_u64(BASE_FEE + tip),
                       .max_priority_wei = u256_from_u64(tip),
                       .value_wei = U256_ONE,
                       .r = U256_MAX,
                       .s = U256_MAX};
}

TEST(child_keeps_base_fee_and_tips_in_vaults)
{
    struct tx tx = transfer(3);
    struct run out = run(&tx, "");
    CHECK(out.status == ST_OK && out.receipt.succeeded && out.receipt.gas_used == 21000);
    CHECK(wei_of(&out, CHILD_BASE_FEE_VAULT) == 21000 * BASE_FEE);
    CHECK(wei_of(&out, CHILD_FEE_VAULT) == 21000 * 3);
    CHECK(wei_of(&out, ALICE) == 1000000000000000000 - 21000 * 13 - 1);
}

TEST(child_block_weighs_its_users_bytes)
{
    struct tx tx = transfer(0);
    struct run out = run(&tx, "");
    usize size = tx_encode(&tx, test_arena()).size;
    CHECK(out.result.blob_gas_used == size * CHILD_FOOTPRINT_GAS);
    /* 1,000,000 / 457 bytes fit; their gas alone would let 2,200 zeros in. */
    u8 zeros[2200] = {0};
    tx.data = BYTES_OF(zeros);
    tx.gas_limit = 21000 + 40 * sizeof(zeros);
    out = run(&tx, "");
    CHECK(out.status == ST_INVALID);
    CHECK(strncmp(out.err.text, "no room for 23", 14) == 0);
    tx.data.size = 2000;
    out = run(&tx, "");
    CHECK(out.status == ST_OK && out.result.blob_gas_used <= BLOCK_GAS);
}

TEST(child_block_needs_no_system_contracts_and_makes_no_requests)
{
    struct tx tx = transfer(0);
    struct run out = run(&tx, "");
    CHECK(out.result.request_count == 0);
    CHECK(hash32_equal(out.result.requests_hash, sha256(BYTES_EMPTY)));
}

TEST(child_call_needs_160_gas_for_a_byte)
{
    struct tx tx = transfer(0);
    struct stf_call_result result;
    struct err err = {""};
    tx.data = BYTES_LIT("\x01\x02");
    tx.gas_limit = 21319;
    CHECK(stf_call(&child, &header, &view, &tx, NULL, &result, test_arena(), &err) == ST_INVALID);
    CHECK(strcmp(err.text, "intrinsic gas too low: have 21319, want 21320") == 0);
    tx.gas_limit++;
    CHECK(stf_call(&child, &header, &view, &tx, NULL, &result, test_arena(), &err) == ST_OK);
    CHECK(result.gas_used == 21320);
}

/* Money conserves: a block neither makes nor loses wei but by withdrawals and the burnt base fee;
 * on a child chain by deposits' mints alone. */
#include "harness/test.h"
#include "stf/check.h"
#include "stf/child.h"
#include "stf/stf.h"

enum { ACCOUNTS = 12, CONTRACTS = 4, TXS = 60, ROUNDS = 40, CODE_ROOM = 64 };

struct world {
    address who[ACCOUNTS];
    struct account account[ACCOUNTS];
    bytes code[CONTRACTS]; /* of the last accounts */
    hash32 code_hash[CONTRACTS];
};

static enum status world_account(void *self, address who, struct account *out)
{
    const struct world *world = self;
    for (usize i = 0; i < ACCOUNTS; i++)
        if (address_equal(world->who[i], who)) {
            *out = world->account[i];
            return ST_OK;
        }
    return ST_MISSING;
}

static enum status world_storage(void *self, address who, hash32 slot, u256 *out)
{
    (void)self, (void)who, (void)slot;
    *out = U256_ZERO;
    return ST_OK;
}

static enum status world_code(void *self, hash32 hash, bytes *out)
{
    const struct world *world = self;
    for (usize i = 0; i < CONTRACTS; i++)
        if (hash32_equal(world->code_hash[i], hash)) {
            *out = world->code[i];
            return ST_OK;
        }
    return ST_MISSING;
}

static enum status world_block_hash(void *self, u64 number, hash32 *out)
{
    (void)self, (void)number, (void)out;
    return ST_MISSING;
}

static u64 random_state = 0x853c49e6748fea9b;

static u64 random_below(u64 limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * 0x2545f4914f6cdd1d % limit;
}

/* A program that moves money about: CALL with value to a random account, CREATE with value,
 * SELFDESTRUCT to one, REVERT, or a fault; a few of them in a row. */
static bytes random_code(struct arena *arena)
{
    u8 *code = ARENA_NEW(arena, u8, CODE_ROOM), *at = code;
    for (u64 left = 1 + random_below(3); left > 0; left--) {
        u8 to = (u8)(1 + random_below(ACCOUNTS + 2)), value = (u8)random_below(200);
        const u8 call[] = {0x5f, 0x5f, 0x5f, 0x5f, 0x60, value, 0x60, to, 0x5a, 0xf1, 0x50};
        const u8 create[] = {0x5f, 0x5f, 0x60, value, 0xf0, 0x50};
        if (random_below(3) > 0) {
            memcpy(at, call, sizeof(call));
            at += sizeof(call);
        } else {
            memcpy(at, create, sizeof(create));
            at += sizeof(create);
        }
    }
    const u8 ends[][3] = {
        {0x00}, {0x60, (u8)(1 + random_below(ACCOUNTS)), 0xff}, {0x5f, 0x5f, 0xfd}, {0xfe}};
    memcpy(at, ends[random_below(countof(ends))], 3);
    return (bytes){code, (usize)(at - code) + 3};
}

/* Addresses 0x64…: above every precompile, and one byte to push. */
static address small_address(u64 n)
{
    return (address){.b = {[19] = (u8)n}};
}

static void random_world(struct world *world, struct arena *arena)
{
    for (usize i = 0; i < ACCOUNTS; i++) {
        world->who[i] = small_address(0x20 + i);
        world->account[i] = account_new();
        world->account[i].balance_wei =
            u256_mul(u256_from_u64(random_below(1000)), u256_from_u64(1000000000000));
    }
    for (usize i = 0; i < CONTRACTS; i++) {
        world->code[i] = random_code(arena);
        world->code_hash[i] = (hash32){{1, (u8)i}};
        world->account[ACCOUNTS - 1 - i].code_hash = world->code_hash[i];
    }
}

static u256 sum_before(const struct world *world)
{
    u256 sum = U256_ZERO;
    for (usize i = 0; i < ACCOUNTS; i++)
        sum = u256_add(sum, world->account[i].balance_wei);
    return sum;
}

/* What the diff makes of the sum. */
static u256 sum_after(const struct world *world, const struct diff *diff)
{
    u256 sum = sum_before(world);
    for (usize i = 0; i < diff->account_count; i++) {
        const struct account_change *change = &diff->accounts[i];
        sum = u256_sub(sum, change->before.balance_wei);
        if (change->exists)
            sum = u256_add(sum, change->after.balance_wei);
    }
    return sum;
}

/* Some of them with too little gas, or with more value than there is. */
static struct tx random_deposit(const struct world *world)
{
    return (struct tx){
        .type = TX_DEPOSIT,
        .from_known = true,
        .from = world->who[random_below(ACCOUNTS)],
        .to = world->who[random_below(ACCOUNTS)],
        .creates = random_below(8) == 0,
        .mint_wei = u256_from_u64(random_below(3) * 1000000),
        .value_wei = u256_from_u64(random_below(4) * 1000000000000000),
        .gas_limit = random_below(10) == 0 ? random_below(21000) : 21000 + random_below(200000),
        .is_system = random_below(20) == 0,
    };
}

static struct tx random_tx(const struct world *world)
{
    u64 price = 7 + random_below(100);
    return (struct tx){
        .type = TX_LEGACY,
        .from_known = true,
        .from = world->who[random_below(ACCOUNTS)],
        .to = world->who[random_below(ACCOUNTS)],
        .gas_limit = 21000 + random_below(200000),
        .max_fee_wei = u256_from_u64(price),
        .max_priority_wei = u256_from_u64(price),
        .value_wei = u256_from_u64(random_below(1000000)),
    };
}

/* A contract that sends its money to itself as it is deleted burns it; nothing else may. */
static bool may_burn(const struct world *world)
{
    bool burns = false;
    for (usize i = 0; i < CONTRACTS; i++)
        burns |= world->code[i].data[world->code[i].size - 1] == 0xff;
    return burns;
}

static void check_money(enum fork fork, bool is_child)
{
    struct arena tmp = *test_arena();
    struct world world;
    random_world(&world, &tmp);
    struct state_view view = {&world, world_account, world_storage, world_code, world_block_hash};
    struct rules rules = {.fork = fork, .chain_id = 1, .child = {is_child, CHILD_FOOTPRINT_GAS}};
    struct header header = {
        .number = 5,
        .gas_limit = 30000000,
        .beneficiary = small_address(0x20 + random_below(ACCOUNTS)),
        .base_fee_wei = u256_from_u64(7),
    };
    struct withdrawal withdrawal = {.who = world.who[0], .amount_gwei = 3};
    struct block block = {
        .header = header,
        .withdrawals = &withdrawal,
        .withdrawal_count = fork >= SHANGHAI,
    };
    struct stf_options options = {0};
    struct stf *stf = stf_begin(&rules, &block.header, &view, options, &tmp);
    struct receipt *receipts = ARENA_NEW(&tmp, struct receipt, TXS);
    struct stf_result result;
    usize applied = 0;
    u64 nonces[ACCOUNTS] = {0};
    u256 minted = U256_ZERO;
    for (usize i = 0; i < TXS; i++) {
        struct tx tx =
            is_child && random_below(2) == 0 ? random_deposit(&world) : random_tx(&world);
        usize from = (usize)(tx.from.b[19] - 0x20);
        tx.nonce = nonces[from];
        if (stf_apply_tx(stf, &tx, &receipts[applied], NULL) != ST_OK)
            continue;
        nonces[from]++;
        applied++;
        minted = u256_add(minted, tx.mint_wei);
    }
    CHECK(applied > 0 && u256_is_zero(minted) == !is_child);
    CHECK(stf_end(stf, &block, receipts, applied, &result, NULL) == ST_OK);
    u256 burnt =
        is_child ? U256_ZERO : u256_mul(u256_from_u64(result.gas_used), header.base_fee_wei);
    u256 want = u256_add(u256_sub(sum_before(&world), burnt), minted);
    want = u256_add(want, u256_from_u64(block.withdrawal_count * 3000000000));
    u256 got = sum_after(&world, &result.diff);
    CHECK(!u256_less(want, got));
    CHECK(may_burn(&world) || u256_equal(want, got));
}

TEST(stf_makes_and_loses_no_money)
{
    for (usize i = 0; i < ROUNDS; i++) {
        check_money(PARIS, false);
        check_money(CANCUN, false);
    }
}

TEST(stf_of_a_child_makes_what_deposits_mint_and_loses_nothing)
{
    for (usize i = 0; i < ROUNDS; i++)
        check_money(OSAKA, true);
}

/* Which transactions the account signs for channels. */
#include "channel/signer_account.h"

#include "channel/adjudicator.h"
#include "channel/court.h"
#include "client/erc20.h"
#include "harness/test.h"

enum { CHAIN = 900 };
static const address adjudicator = {{1}}, registry = {{2}}, token = {{3}}, stranger = {{4}},
                     court = {{5}};
static const u64 GWEI = 1000000000;
static struct keys *keys;
static struct account_signer *account;
static struct err why;

static void begin(struct signer_limits limits)
{
    secret32 secret = {{[31] = 7}};
    CHECK(keys_from_secrets(&secret, 1, &keys, &why) == ST_OK);
    struct signer inner = signer_of_keys(keys, keys_address(keys, 0));
    account = account_signer_new(&inner, limits);
    account_signer_bind(account, CHAIN, adjudicator, registry, court);
}

static void end(void)
{
    account_signer_free(account);
    keys_free(keys);
}

static struct tx tx_to(address to, bytes data)
{
    return (struct tx){.type = TX_DYNAMIC_FEE,
                       .protected = true,
                       .from_known = true,
                       .from = keys_address(keys, 0),
                       .to = to,
                       .chain_id = CHAIN,
                       .gas_limit = 100000,
                       .max_fee_wei = u256_from_u64(10 * GWEI),
                       .data = data};
}

static enum status sign(struct tx tx)
{
    struct signer signer = signer_of_account(account);
    enum status st = signer.sign_tx(signer.self, &tx, *test_arena(), &why);
    CHECK(st != ST_OK || !u256_is_zero(tx.r));
    return st;
}

static bytes deposit(address asset, u128 total)
{
    static const struct channel_name name;
    return adjudicator_deposit(&name, asset, 0, total, test_arena());
}

/* 0: appDispute, 1: appMove, 2: appSettle. */
static bytes of_court(int which)
{
    static const struct app app;
    static const struct app_state state;
    static const signature64 none[2];
    return which == 0   ? court_dispute(&app, &state, none, test_arena())
           : which == 1 ? court_move(&app, &state, &state, none, test_arena())
                        : court_settle(&app, &state, test_arena());
}

static struct tx with_value(struct tx tx, u64 value_wei)
{
    tx.value_wei = u256_from_u64(value_wei);
    return tx;
}

TEST(the_account_signs_what_channels_need_and_nothing_else)
{
    struct signer_limits limits = {.own.channel = 500, .token_count = 1};
    limits.tokens[0].asset = token;
    limits.tokens[0].most.channel = 1000;
    begin(limits);
    address self = keys_address(keys, 0);
    bytes approve = erc20_approve(adjudicator, u256_from_u64(5), test_arena());
    bytes approve_other = erc20_approve(stranger, u256_from_u64(5), test_arena());
    static const hash32 preimage = {{9}};
    bytes reveal = registry_reveal(preimage, test_arena());
    bytes settle = hex("01020304"), ether = deposit((address){{0}}, 500);
    struct tx creates = tx_to(adjudicator, settle);
    creates.creates = true;
    const struct {
        struct tx tx;
        enum status status;
    } rows[] = {
        {tx_to(adjudicator, settle), ST_OK},
        {with_value(tx_to(adjudicator, settle), 1), ST_INVALID},
        {with_value(tx_to(adjudicator, ether), 500), ST_OK},
        {with_value(tx_to(adjudicator, ether), 501), ST_INVALID}, /* more than it says */
        {with_value(tx_to(adjudicator, deposit((address){{0}}, 501)), 1), ST_INVALID},
        {tx_to(adjudicator, deposit(token, 1000)), ST_OK},
        {tx_to(adjudicator, deposit(token, 1001)), ST_INVALID},
        {tx_to(adjudicator, deposit(stranger, 1001)), ST_OK}, /* a token without a limit */
        {with_value(tx_to(adjudicator, deposit(token, 1000)), 1), ST_INVALID},
        {tx_to(adjudicator, bytes_slice(ether, 0, 40)), ST_INVALID},
        {tx_to(registry, reveal), ST_OK},
        {with_value(tx_to(registry, reveal), 1), ST_INVALID},
        {tx_to(court, of_court(0)), ST_OK},
        {tx_to(court, of_court(1)), ST_OK},
        {tx_to(court, of_court(2)), ST_OK},
        {with_value(tx_to(court, of_court(0)), 1), ST_INVALID},
        {tx_to(court, settle), ST_INVALID},
        {tx_to(court, deposit((address){{0}}, 1)), ST_INVALID},
        {tx_to(stranger, of_court(0)), ST_INVALID},
        {tx_to(token, approve), ST_OK},
        {tx_to(token, approve_other), ST_INVALID},
        {with_value(tx_to(token, approve), 1), ST_INVALID},
        {tx_to(self, BYTES_EMPTY), ST_OK},
        {with_value(tx_to(self, BYTES_EMPTY), 1), ST_INVALID},
        {tx_to(stranger, BYTES_EMPTY), ST_INVALID},
        {tx_to(stranger, settle), ST_INVALID},
        {creates, ST_INVALID},
    };
    for (usize i = 0; i < countof(rows); i++)
        CHECK_ROW(i, sign(rows[i].tx) == rows[i].status);
    end();
}

/* 100,000 gas at 10 gwei are 1,000,000 gwei. */
static const u128 COST = (u128)1000000 * 1000000000;

static struct tx asked(u64 nonce, u64 price_gwei)
{
    struct tx tx = tx_to(adjudicator, deposit(token, 5));
    tx.nonce = nonce;
    tx.max_fee_wei = u256_from_u64(price_gwei * GWEI);
    return tx;
}

static struct tx answer(u64 nonce, u64 price_gwei)
{
    struct tx tx = asked(nonce, price_gwei);
    tx.data = hex("01020304");
    return tx;
}

TEST(what_was_asked_for_has_a_highest_price_of_gas)
{
    begin((struct signer_limits){.gas_price = 20 * GWEI});
    CHECK(sign(asked(0, 20)) == ST_OK);
    CHECK(sign(asked(1, 21)) == ST_INVALID);
    CHECK(sign(answer(1, 5000)) == ST_OK);
    for (int i = 0; i < 3; i++) { /* the court has deadlines too */
        struct tx tx = answer(2 + (u64)i, 5000);
        tx.to = court;
        tx.data = of_court(i);
        CHECK_ROW(i, sign(tx) == ST_OK);
    }
    struct tx beyond = answer(5, 1);
    beyond.max_fee_wei = (u256){{0, 1, 0, 0}};
    CHECK(sign(beyond) == ST_INVALID);
    end();
}

TEST(fees_of_a_day_have_a_limit_but_for_answers)
{
    struct signer_fees fees;
    begin((struct signer_limits){.gas_day = 3 * COST});
    CHECK(!account_signer_changed(account, &fees));
    for (u64 nonce = 0; nonce < 3; nonce++)
        CHECK(sign(asked(nonce, 10)) == ST_OK);
    CHECK(sign(asked(3, 10)) == ST_INVALID);
    CHECK(sign(answer(3, 10)) == ST_OK);
    CHECK(account_signer_day(account) == 4 * COST);
    CHECK(account_signer_changed(account, &fees) && fees.spent.amount == 4 * COST);
    CHECK(!account_signer_changed(account, &fees));
    end();
    begin((struct signer_limits){.gas_day = 3 * COST}); /* after a restart */
    account_signer_spent(account, &fees);
    CHECK(sign(asked(4, 10)) == ST_INVALID && sign(answer(4, 10)) == ST_OK);
    end();
}

/* An answer may wait for its nonce. */
TEST(a_dearer_replacement_costs_what_it_is_dearer_and_is_always_signed)
{
    struct signer_fees fees;
    begin((struct signer_limits){.gas_price = 20 * GWEI, .gas_day = 3 * COST});
    CHECK(sign(asked(7, 10)) == ST_OK && sign(asked(7, 10)) == ST_OK);
    CHECK(account_signer_day(account) == COST);
    CHECK(sign(asked(7, 30)) == ST_OK);
    CHECK(account_signer_day(account) == 3 * COST);
    CHECK(sign(asked(8, 10)) == ST_INVALID);
    CHECK(sign(asked(7, 40)) == ST_OK);
    CHECK(account_signer_changed(account, &fees));
    end();
    begin((struct signer_limits){.gas_price = 20 * GWEI, .gas_day = 3 * COST});
    account_signer_spent(account, &fees);
    CHECK(sign(asked(7, 50)) == ST_OK && sign(asked(8, 10)) == ST_INVALID);
    end();
}

/* The signer's limits of tokens: each token by itself, on each chain by itself. */
#include "channel/signer.h"

#include "harness/test.h"

enum { NOW = 1700000000 };

static const address own, token = {{[19] = 1}}, other_token = {{[19] = 2}};

static struct keyring *ring;
static struct limited_signer *keys;
static struct {
    address asset;
    struct signer_spent spent;
} kept[64];
static usize kept_count;

static void keep(void *self, address asset, const struct signer_spent *spent)
{
    (void)self;
    CHECK(kept_count < countof(kept));
    kept[kept_count].asset = asset;
    kept[kept_count++].spent = *spent;
}

static void begin(struct money_limits of_token)
{
    secret32 account = {{[31] = 1}};
    ring = keyring_new(&account);
    struct signer_options options = {.ring = ring, .keep = keep};
    options.limits.own.day = 10;
    options.limits.token_count = 1;
    options.limits.tokens[0].asset = token;
    options.limits.tokens[0].most = of_token;
    keys = signer_new(&options);
    kept_count = 0;
}

static void end(void)
{
    signer_free(keys);
    keyring_free(ring);
}

static enum status ask(const struct sign_request *request)
{
    struct err why;
    return signer_sign(keys, request, NULL, &why);
}

static struct sign_payment payment_of(u64 chain_id, address asset, u128 amount, u64 now_s)
{
    return (struct sign_payment){.chain_id = chain_id,
                                 .asset = asset,
                                 .hash = {{7}},
                                 .amount = amount,
                                 .count = 1,
                                 .now_s = now_s};
}

static enum status pay(u64 chain_id, address asset, u128 amount, u64 now_s)
{
    struct sign_payment payment = payment_of(chain_id, asset, amount, now_s);
    return ask(&(struct sign_request){.kind = SIGN_PAYMENT, .payment = &payment});
}

static enum status deposit(address asset, u128 total)
{
    struct sign_deposit wish = {900, asset, total};
    return ask(&(struct sign_request){.kind = SIGN_DEPOSIT, .deposit = &wish});
}

static bool is_above(enum status st, enum signer_limit limit, address asset)
{
    const struct signer_refusal *why = signer_why(keys);
    return st == ST_FULL && why->limit == limit && address_equal(why->asset, asset);
}

TEST(tokens_and_chains_are_counted_apart)
{
    u128 hour, day;
    begin((struct money_limits){.day = 500});
    CHECK(pay(900, own, 10, NOW) == ST_OK);
    CHECK(is_above(pay(900, own, 1, NOW), LIMIT_DAY, own));
    CHECK(pay(900, token, 500, NOW) == ST_OK);
    CHECK(is_above(pay(900, token, 2, NOW), LIMIT_DAY, token));
    CHECK(signer_why(keys)->most == 500 && signer_why(keys)->spent == 500 &&
          signer_why(keys)->wanted == 2);
    CHECK(pay(901, token, 500, NOW) == ST_OK);
    CHECK(pay(900, other_token, 100000, NOW) == ST_OK); /* of which nothing was said */
    signer_sums(keys, 900, other_token, NOW, &hour, &day);
    CHECK(hour == 100000 && day == 100000);
    signer_sums(keys, 901, other_token, NOW, &hour, &day);
    CHECK(hour == 0 && day == 0);
    end();
}

TEST(each_limit_of_a_token_is_kept_and_says_which_it_is)
{
    begin((struct money_limits){.payment = 100, .hour = 150, .day = 200, .channel = 50});
    CHECK(is_above(pay(900, token, 101, NOW), LIMIT_PAYMENT, token));
    CHECK(pay(900, token, 100, NOW) == ST_OK);
    CHECK(is_above(pay(900, token, 51, NOW), LIMIT_HOUR, token));
    CHECK(pay(900, token, 100, NOW + 2 * 3600) == ST_OK);
    CHECK(is_above(pay(900, token, 1, NOW + 4 * 3600), LIMIT_DAY, token));
    CHECK(is_above(deposit(token, 51), LIMIT_CHANNEL, token));
    CHECK(deposit(token, 50) == ST_OK);
    CHECK(deposit(own, 51) == ST_OK && deposit(other_token, 51) == ST_OK);
    end();
}

TEST(what_a_token_s_payment_has_not_used_is_not_spent_and_a_restart_forgets_nothing)
{
    u128 hour, day;
    begin((struct money_limits){.day = 20});
    CHECK(pay(900, token, 15, NOW) == ST_OK);
    CHECK(pay(900, own, 3, NOW) == ST_OK);
    struct sign_payment payment = payment_of(900, token, 0, NOW);
    signer_release(keys, &payment, 0);
    CHECK(pay(900, token, 12, NOW) == ST_OK);
    struct signer_options options = {.ring = ring};
    struct limited_signer *again = signer_new(&options);
    for (usize i = 0; i < kept_count; i++)
        signer_spent(again, kept[i].asset, &kept[i].spent);
    signer_sums(again, 900, token, NOW, &hour, &day);
    CHECK(hour == 12 && day == 12);
    signer_sums(again, 900, own, NOW, &hour, &day);
    CHECK(hour == 3 && day == 3);
    signer_free(again);
    end();
}

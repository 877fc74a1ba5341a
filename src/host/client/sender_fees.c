/* What is paid. EIP-1559: the most that a block may take is twice its base fee now (six full blocks
 * in a row double it), and the tip; what is not needed is not paid. */
#include "client/sender_parts.h"

static u256 larger(u256 a, u256 b)
{
    return u256_less(a, b) ? b : a;
}

/* value * percent / 100, rounded up; saturates. */
static u256 percent_of(u256 value, u64 percent)
{
    u256 product;
    if (u256_mul_overflow(value, u256_from_u64(percent), &product) ||
        u256_add_overflow(product, u256_from_u64(99), &product))
        return U256_MAX;
    return u256_div(product, u256_from_u64(100));
}

static struct sender_fees market_fees(const struct eth_fees *market, bool blobs)
{
    u256 tip = larger(market->priority_wei, U256_ONE);
    u256 base = market->has_base_fee ? percent_of(market->base_fee_wei, 200) : U256_ZERO, sum;
    if (u256_add_overflow(base, tip, &sum))
        sum = U256_MAX;
    u256 blob = blobs ? larger(percent_of(market->blob_fee_wei, 200), U256_ONE) : U256_ZERO;
    return (struct sender_fees){sum, tip, blob};
}

static struct sender_fees at_most(struct sender_fees fees, struct sender_fees limit)
{
    fees.max_wei = u256_min(fees.max_wei, limit.max_wei);
    fees.blob_wei = u256_min(fees.blob_wei, limit.blob_wei);
    fees.tip_wei = u256_min(u256_min(fees.tip_wei, limit.tip_wei), fees.max_wei);
    return fees;
}

static struct sender_fees ceiling(const struct sender_options *options)
{
    return (struct sender_fees){options->max_fee_wei, options->max_fee_wei, options->max_fee_wei};
}

static u64 gwei(u256 wei)
{
    return u256_to_u64_sat(u256_div(wei, u256_from_u64(1000000000)));
}

enum status fees_begin(const struct sender_options *options, const struct eth_fees *market,
                       bool blobs, struct sender_fees *out, struct err *err)
{
    u256 base = market->has_base_fee ? market->base_fee_wei : market->priority_wei;
    if (blobs)
        base = larger(base, market->blob_fee_wei);
    if (u256_less(options->max_fee_wei, base))
        return fail(err, ST_AGAIN, "%s asks for %lu gwei per gas, and at most %lu may be paid",
                    eth_name(options->eth), gwei(base), gwei(options->max_fee_wei));
    *out = at_most(market_fees(market, blobs), ceiling(options));
    return ST_OK;
}

/* geth's rule: more by the percentage, and more at all. */
static u256 raised(u256 old, u64 percent)
{
    return larger(percent_of(old, 100 + percent), u256_add(old, U256_ONE));
}

bool fees_raise(const struct sender_options *options, const struct sender_fees *begun,
                const struct sender_fees *old, const struct eth_fees *market, bool blobs,
                struct sender_fees *out)
{
    enum { BLOB_BUMP = 100 };
    u64 percent = blobs ? max_u64(options->bump_percent, BLOB_BUMP) : options->bump_percent;
    u64 factor = options->fee_limit_percent;
    struct sender_fees limit = ceiling(options), now = market_fees(market, blobs);
    struct sender_fees least = {raised(old->max_wei, percent), raised(old->tip_wei, percent),
                                blobs ? raised(old->blob_wei, percent) : U256_ZERO};
    if (begun != NULL)
        limit = at_most((struct sender_fees){percent_of(begun->max_wei, factor),
                                             percent_of(begun->tip_wei, factor),
                                             percent_of(begun->blob_wei, factor)},
                        limit);
    *out = at_most((struct sender_fees){larger(least.max_wei, now.max_wei),
                                        larger(least.tip_wei, now.tip_wei),
                                        larger(least.blob_wei, now.blob_wei)},
                   limit);
    return !u256_less(out->max_wei, least.max_wei) && !u256_less(out->tip_wei, least.tip_wei) &&
           !u256_less(out->blob_wei, least.blob_wei);
}

/* What is paid. EIP-1559: the most that a block may take is twice its base fee now (six full blocks
 * in a row double it), and the tip; what is not needed is not paid.
 *
 * A stake allows, per gas, its share now by the gas of all that has to be in blocks for it: what
 * waits before it is paid for out of the same. */
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

static struct sender_fees ceiling(const struct sender_options *options,
                                  const struct urgency *urgency)
{
    u256 most = larger(options->max_fee_wei, urgency->fee_wei);
    return (struct sender_fees){most, most, options->max_fee_wei};
}

/* --- Stakes. */

static u256 share_now(const struct sender_stake *stake, u64 now_s)
{
    enum { FIRST_PERCENT = 5, LAST_PERCENT = 50 };
    u64 half_s = stake->until_s > stake->from_s ? (stake->until_s - stake->from_s) / 2 : 0;
    u64 passed_s = now_s > stake->from_s ? now_s - stake->from_s : 0;
    u64 more = LAST_PERCENT - FIRST_PERCENT;
    if (passed_s < half_s)
        more = mul_sat_u64(more, passed_s) / half_s;
    u256 share;
    if (u256_mul_overflow(stake->worth_wei, u256_from_u64(FIRST_PERCENT + more), &share))
        return stake->worth_wei;
    return u256_div(share, u256_from_u64(100));
}

static bool is_waiting(const struct entry *entry)
{
    return !entry->missing && !entry->cancel_mined && entry->outcome.state == SENDER_PENDING;
}

struct urgency urgency_of(const struct sender *sender, const struct entry *entry, u256 has_wei)
{
    struct urgency out = {.until_s = UINT64_MAX};
    u64 gas = 0;
    bool behind = false; /* it, or what waits behind it: entries are in the order of their nonces */
    for (const struct entry *at = sender->unfinished.first; at != NULL; at = at->next) {
        const struct sender_stake *stake = &at->intent.stake;
        u64 own = max_u64(at->gas_limit, at->intent.gas_limit);
        behind |= at == entry;
        if (!is_waiting(at))
            continue;
        gas += min_u64(own, UINT64_MAX - gas);
        if (!behind || u256_is_zero(stake->worth_wei) || own == 0)
            continue;
        u256 all = u256_min(share_now(stake, sender->time_s), has_wei);
        out.fee_wei = larger(out.fee_wei, u256_div(all, u256_from_u64(gas)));
        out.until_s = min_u64(out.until_s, stake->until_s);
    }
    return out;
}

u64 patience_ms(const struct sender *sender, const struct entry *entry, u64 usual_ms)
{
    u64 until_s = urgency_of(sender, entry, U256_MAX).until_s;
    u64 left_s = until_s > sender->time_s ? until_s - sender->time_s : 0;
    return max_u64(min_u64(usual_ms, mul_sat_u64(left_s, 1000) / 16),
                   min_u64(usual_ms, sender->options.retry_ms));
}

/* --- Fees. */

static u64 gwei(u256 wei)
{
    return u256_to_u64_sat(u256_div(wei, u256_from_u64(1000000000)));
}

enum status fees_begin(const struct sender_options *options, const struct urgency *urgency,
                       const struct eth_fees *market, bool blobs, struct sender_fees *out,
                       struct err *err)
{
    struct sender_fees most = ceiling(options, urgency);
    u256 base = market->has_base_fee ? market->base_fee_wei : market->priority_wei;
    if (blobs)
        base = larger(base, market->blob_fee_wei);
    if (u256_less(most.max_wei, base))
        return fail(err, ST_AGAIN, "%s asks for %lu gwei per gas, and at most %lu may be paid",
                    eth_name(options->eth), gwei(base), gwei(most.max_wei));
    *out = at_most(market_fees(market, blobs), most);
    return ST_OK;
}

/* geth's rule: more by the percentage, and more at all. */
static u256 raised(u256 old, u64 percent)
{
    return larger(percent_of(old, 100 + percent), u256_add(old, U256_ONE));
}

/* Steps of a quarter where there is a stake: as many as there may be reach any fee. */
bool fees_raise(const struct sender_options *options, const struct urgency *urgency,
                const struct sender_fees *begun, const struct sender_fees *old,
                const struct eth_fees *market, bool blobs, struct sender_fees *out)
{
    enum { BLOB_BUMP = 100, URGENT_BUMP = 25 };
    bool urgent = !blobs && !u256_is_zero(urgency->fee_wei);
    u64 percent = blobs    ? max_u64(options->bump_percent, BLOB_BUMP)
                  : urgent ? max_u64(options->bump_percent, URGENT_BUMP)
                           : options->bump_percent;
    u64 factor = options->fee_limit_percent;
    struct sender_fees limit = ceiling(options, urgency), now = market_fees(market, blobs);
    struct sender_fees least = {raised(old->max_wei, percent), raised(old->tip_wei, percent),
                                blobs ? raised(old->blob_wei, percent) : U256_ZERO};
    if (begun != NULL)
        limit = at_most(
            (struct sender_fees){larger(percent_of(begun->max_wei, factor), urgency->fee_wei),
                                 larger(percent_of(begun->tip_wei, factor), urgency->fee_wei),
                                 percent_of(begun->blob_wei, factor)},
            limit);
    *out = at_most((struct sender_fees){larger(least.max_wei, now.max_wei),
                                        larger(least.tip_wei, now.tip_wei),
                                        larger(least.blob_wei, now.blob_wei)},
                   limit);
    return !u256_less(out->max_wei, least.max_wei) && !u256_less(out->tip_wei, least.tip_wei) &&
           !u256_less(out->blob_wei, least.blob_wei);
}

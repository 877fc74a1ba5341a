#include "stf/check.h"

enum {
    INITIAL_BASE_FEE = 1000000000,
    BASE_FEE_DENOMINATOR = 8,
    ELASTICITY = 2,
    BLOB_BASE_COST = 1 << 13, /* EIP-7918 */
};

static u256 step_base_fee(const struct header *parent, u64 used)
{
    u64 target = parent->gas_limit / ELASTICITY;
    u256 base = parent->base_fee_wei;
    if (target == 0 || used == target)
        return base;
    bool rises = used > target;
    u64 distance = rises ? used - target : target - used;
    u256 change = u256_div(u256_mul(base, u256_from_u64(distance)), u256_from_u64(target));
    change = u256_div(change, u256_from_u64(BASE_FEE_DENOMINATOR));
    if (!rises)
        return u256_sub(base, change);
    if (u256_is_zero(change))
        change = U256_ONE;
    return u256_add(base, change);
}

u256 next_base_fee(const struct rules *rules, const struct header *parent, bool first)
{
    if (first)
        return u256_from_u64(INITIAL_BASE_FEE);
    if (!rules->child.on)
        return step_base_fee(parent, parent->gas_used);
    u256 fee = step_base_fee(parent, max_u64(parent->gas_used, parent->blob_gas_used));
    return u256_less(fee, rules->child.base_fee_floor_wei) ? rules->child.base_fee_floor_wei : fee;
}

/* EIP-4844's fake_exponential: factor * e^(numerator / denominator), by its Taylor series. */
static u256 fake_exponential(u64 factor, u64 numerator, u64 denominator)
{
    u256 output = U256_ZERO;
    u256 term = u256_mul(u256_from_u64(factor), u256_from_u64(denominator));
    for (u64 i = 1; !u256_is_zero(term); i++) {
        u256 next;
        if (u256_add_overflow(output, term, &output) ||
            u256_mul_overflow(term, u256_from_u64(numerator), &next))
            return U256_MAX; /* far beyond all ether */
        term = u256_div(next, u256_mul(u256_from_u64(denominator), u256_from_u64(i)));
    }
    return u256_div(output, u256_from_u64(denominator));
}

u256 blob_base_fee(const struct rules *rules, u64 excess_blob_gas)
{
    if (rules->blobs.update_fraction == 0)
        return U256_ONE;
    return fake_exponential(1, excess_blob_gas, rules->blobs.update_fraction);
}

u64 next_excess_blob_gas(const struct rules *rules, const struct header *parent)
{
    if (parent->fields < HEADER_CANCUN || rules->child.on)
        return 0;
    u64 target = rules->blobs.target * GAS_BLOB;
    u64 sum = add_sat_u64(parent->excess_blob_gas, parent->blob_gas_used);
    if (sum < target)
        return 0;
    if (rules->fork >= OSAKA) { /* EIP-7918: blobs must not become cheaper than execution */
        u256 execution = u256_mul(u256_from_u64(BLOB_BASE_COST), parent->base_fee_wei);
        u256 blobs =
            u256_mul(u256_from_u64(GAS_BLOB), blob_base_fee(rules, parent->excess_blob_gas));
        if (u256_less(blobs, execution))
            return parent->excess_blob_gas + parent->blob_gas_used *
                                                 (rules->blobs.max - rules->blobs.target) /
                                                 rules->blobs.max;
    }
    return sum - target;
}

/* Operations on accounts, storage and logs. Source: Yellow Paper, appendix H; EIPs as cited. */
#include "evm/internal.h"

/* --- Accounts. */

i64 account_access_cost(struct frame *f, struct state_account *account)
{
    if (!evm_has(f, BERLIN))
        return 0;
    bool warm = evm_is_precompile(f->evm->rules, account->who) ||
                state_warm_account(f->evm->state, account);
    return warm ? GAS_WARM : GAS_COLD_ACCOUNT;
}

/* What looking at an account cost before EIP-2929: repriced by EIP-150 and EIP-1884. */
struct look_prices {
    i64 frontier, tangerine, istanbul;
};

static struct state_account *look_at(struct frame *f, u256 who, struct look_prices prices)
{
    struct state_account *account = state_account(f->evm->state, u256_to_address(who));
    i64 price = evm_has(f, BERLIN)      ? account_access_cost(f, account)
                : evm_has(f, ISTANBUL)  ? prices.istanbul
                : evm_has(f, TANGERINE) ? prices.tangerine
                                        : prices.frontier;
    return charge(f, price) ? account : NULL;
}

SLOW_BODY(BALANCE)
{
    struct state_account *account = look_at(f, f->top[0], (struct look_prices){20, 400, 700});
    if (account == NULL)
        return EVM_OUT_OF_GAS;
    f->top[0] = account->now.balance_wei;
    return EVM_RUNNING;
}

SLOW_BODY(EXTCODESIZE)
{
    struct state_account *account = look_at(f, f->top[0], (struct look_prices){20, 700, 700});
    if (account == NULL)
        return EVM_OUT_OF_GAS;
    f->top[0] = u256_from_u64(state_code_bytes(f->evm->state, account).size);
    return EVM_RUNNING;
}

SLOW_BODY(EXTCODECOPY)
{
    const u256 *top = f->top;
    struct state_account *account = look_at(f, top[0], (struct look_prices){20, 700, 700});
    if (account == NULL || !charge(f, copy_cost(top[-3])))
        return EVM_OUT_OF_GAS;
    f->gas = memory_range(f, top[-1], top[-3], f->gas);
    if (f->gas < 0)
        return EVM_OUT_OF_GAS;
    memory_copy(f, top[-1], state_code_bytes(f->evm->state, account), top[-2], top[-3].w[0]);
    return EVM_RUNNING;
}

SLOW_BODY(EXTCODEHASH)
{
    struct state_account *account = look_at(f, f->top[0], (struct look_prices){400, 400, 700});
    if (account == NULL)
        return EVM_OUT_OF_GAS;
    f->top[0] = state_is_dead(account) ? U256_ZERO : u256_from_hash(account->now.code_hash);
    return EVM_RUNNING;
}

SLOW_BODY(BLOCKHASH)
{
    u64 current = f->evm->env.number, asked = u256_to_u64_sat(f->top[0]);
    bool recent = asked < current && current - asked <= 256;
    f->top[0] = recent ? u256_from_hash(state_block_hash(f->evm->state, asked)) : U256_ZERO;
    return EVM_RUNNING;
}

SLOW_BODY(RETURNDATACOPY)
{
    const u256 *top = f->top;
    bytes data = f->evm->return_data;
    u256 end;
    if (!charge(f, copy_cost(top[-2])))
        return EVM_OUT_OF_GAS;
    if (u256_add_overflow(top[-1], top[-2], &end) || u256_to_u64_sat(end) > data.size)
        return EVM_RETURN_DATA_BOUNDS; /* unlike other copies, nothing is padded (EIP-211) */
    f->gas = memory_range(f, top[0], top[-2], f->gas);
    if (f->gas < 0)
        return EVM_OUT_OF_GAS;
    memory_copy(f, top[0], data, top[-1], top[-2].w[0]);
    return EVM_RUNNING;
}

/* --- Storage. */

SLOW_BODY(SLOAD)
{
    struct state *state = f->evm->state;
    struct state_slot *slot = state_slot(state, f->self, f->top[0]);
    i64 price = 50;
    if (evm_has(f, BERLIN))
        price = state_warm_slot(state, slot) ? GAS_WARM : GAS_COLD_SLOT;
    else if (evm_has(f, ISTANBUL))
        price = 800; /* EIP-1884 */
    else if (evm_has(f, TANGERINE))
        price = 200; /* EIP-150 */
    if (!charge(f, price))
        return EVM_OUT_OF_GAS;
    f->top[0] = slot->current;
    return EVM_RUNNING;
}

struct store_price {
    i64 gas, refund;
};

/* Until Byzantium, and again in Petersburg. */
static struct store_price store_price_simple(u256 current, u256 new)
{
    if (u256_is_zero(current) && !u256_is_zero(new))
        return (struct store_price){GAS_SSTORE_SET, 0};
    bool clears = !u256_is_zero(current) && u256_is_zero(new);
    return (struct store_price){GAS_SSTORE_RESET, clears ? REFUND_SSTORE_CLEAR : 0};
}

/* EIP-1283 and its successors: writes are priced against the value at the transaction's start. */
static struct store_price store_price_net(u256 original, u256 current, u256 new, i64 dirty,
                                          i64 reset, i64 clear)
{
    if (u256_equal(current, new))
        return (struct store_price){dirty, 0};
    if (u256_equal(current, original)) {
        if (u256_is_zero(original))
            return (struct store_price){GAS_SSTORE_SET, 0};
        return (struct store_price){reset, u256_is_zero(new) ? clear : 0};
    }
    struct store_price price = {dirty, 0};
    if (!u256_is_zero(original)) {
        if (u256_is_zero(current))
            price.refund -= clear;
        else if (u256_is_zero(new))
            price.refund += clear;
    }
    if (u256_equal(new, original))
        price.refund += (u256_is_zero(original) ? GAS_SSTORE_SET : reset) - dirty;
    return price;
}

static struct store_price store_price(struct frame *f, struct state_slot *slot, u256 new)
{
    u256 original = slot->original, current = slot->current;
    if (evm_has(f, BERLIN)) { /* EIP-2929 */
        i64 clear = evm_has(f, LONDON) ? REFUND_SSTORE_CLEAR_LONDON : REFUND_SSTORE_CLEAR;
        bool warm = state_warm_slot(f->evm->state, slot);
        struct store_price price = store_price_net(original, current, new, GAS_WARM,
                                                   GAS_SSTORE_RESET - GAS_COLD_SLOT, clear);
        price.gas += warm ? 0 : GAS_COLD_SLOT;
        return price;
    }
    if (evm_has(f, ISTANBUL)) /* EIP-2200 */
        return store_price_net(original, current, new, 800, GAS_SSTORE_RESET, REFUND_SSTORE_CLEAR);
    if (f->evm->fork == CONSTANTINOPLE) /* EIP-1283 */
        return store_price_net(original, current, new, 200, GAS_SSTORE_RESET, REFUND_SSTORE_CLEAR);
    return store_price_simple(current, new);
}

SLOW_BODY(SSTORE)
{
    struct state *state = f->evm->state;
    u256 new = f->top[-1];
    if (f->is_static)
        return EVM_STATIC_WRITE;
    if (evm_has(f, ISTANBUL) && f->gas <= GAS_SSTORE_SENTRY)
        return EVM_OUT_OF_GAS;
    struct state_slot *slot = state_slot(state, f->self, f->top[0]);
    struct store_price price = store_price(f, slot, new);
    if (!charge(f, price.gas))
        return EVM_OUT_OF_GAS;
    state_add_refund(state, price.refund);
    if (!u256_equal(slot->current, new))
        state_set_slot(state, slot, new);
    return EVM_RUNNING;
}

SLOW_BODY(TLOAD)
{
    f->top[0] = state_transient(f->evm->state, f->self, f->top[0])->current;
    return EVM_RUNNING;
}

SLOW_BODY(TSTORE)
{
    if (f->is_static)
        return EVM_STATIC_WRITE;
    struct state *state = f->evm->state;
    state_set_slot(state, state_transient(state, f->self, f->top[0]), f->top[-1]);
    return EVM_RUNNING;
}

/* --- Logs. */

static enum evm_halt write_log(struct frame *f, usize topic_count)
{
    const u256 *top = f->top;
    u256 size = top[-1];
    if (f->is_static)
        return EVM_STATIC_WRITE;
    f->gas = memory_range(f, top[0], size, f->gas);
    if (f->gas < 0 || !charge(f, GAS_LOG_TOPIC * (i64)topic_count) ||
        !charge(f, GAS_LOG_BYTE * (i64)size.w[0]))
        return EVM_OUT_OF_GAS;
    struct log log = {
        .who = f->self->who,
        .topic_count = topic_count,
        .data = memory_bytes(f, top[0], size),
    };
    for (usize i = 0; i < topic_count; i++)
        log.topics[i] = u256_to_hash(top[-2 - (i64)i]);
    state_log(f->evm->state, &log);
    return EVM_RUNNING;
}

SLOW_BODY(LOG0)
{
    return write_log(f, 0);
}

SLOW_BODY(LOG1)
{
    return write_log(f, 1);
}

SLOW_BODY(LOG2)
{
    return write_log(f, 2);
}

SLOW_BODY(LOG3)
{
    return write_log(f, 3);
}

SLOW_BODY(LOG4)
{
    return write_log(f, 4);
}

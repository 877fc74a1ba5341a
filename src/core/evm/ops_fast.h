/* Operations that read the frame or its memory, inlined into the interpreter. Each gets the gas
 * that is left after its base cost and returns what remains; negative means that it ran out. */
#ifndef EVM_OPS_FAST_H
#define EVM_OPS_FAST_H

#include "crypto/keccak.h"
#include "evm/internal.h"

#define FAST_BODY(name) static inline i64 op_##name(struct frame *f, u256 *top, i64 gas)

/* Most push one word of the environment. */
#define FAST_PUSH(name, word)                                                                      \
    FAST_BODY(name)                                                                                \
    {                                                                                              \
        (void)f;                                                                                   \
        top[1] = (word);                                                                           \
        return gas;                                                                                \
    }

FAST_PUSH(ADDRESS, u256_from_address(f->self->who))
FAST_PUSH(ORIGIN, u256_from_address(f->evm->tx.origin))
FAST_PUSH(CALLER, u256_from_address(f->caller))
FAST_PUSH(CALLVALUE, f->value_wei)
FAST_PUSH(CALLDATASIZE, u256_from_u64(f->input.size))
FAST_PUSH(CODESIZE, u256_from_u64(f->code->size))
FAST_PUSH(GASPRICE, f->evm->tx.gas_price_wei)
FAST_PUSH(RETURNDATASIZE, u256_from_u64(f->evm->return_data.size))
FAST_PUSH(COINBASE, u256_from_address(f->evm->env.beneficiary))
FAST_PUSH(TIMESTAMP, u256_from_u64(f->evm->env.timestamp))
FAST_PUSH(NUMBER, u256_from_u64(f->evm->env.number))
FAST_PUSH(PREVRANDAO, f->evm->env.prev_randao)
FAST_PUSH(GASLIMIT, u256_from_u64(f->evm->env.gas_limit))
FAST_PUSH(CHAINID, u256_from_u64(f->evm->rules->chain_id))
FAST_PUSH(SELFBALANCE, f->self->now.balance_wei)
FAST_PUSH(BASEFEE, f->evm->env.base_fee_wei)
FAST_PUSH(BLOBBASEFEE, f->evm->env.blob_base_fee_wei)
FAST_PUSH(MSIZE, u256_from_u64(f->memory_size))
FAST_PUSH(GAS, u256_from_u64((u64)gas))

FAST_BODY(EXP)
{
    bool cheap = !evm_has(f, SPURIOUS);
    gas -= (cheap ? GAS_EXP_BYTE_FRONTIER : GAS_EXP_BYTE) * (i64)u256_byte_length(top[-1]);
    if (gas >= 0)
        top[-1] = u256_exp(top[0], top[-1]);
    return gas;
}

FAST_BODY(KECCAK256)
{
    u256 size = top[-1];
    gas = memory_range(f, top[0], size, gas);
    if (gas < 0)
        return gas;
    gas -= GAS_KECCAK_WORD * words(size.w[0]);
    if (gas >= 0)
        top[-1] = u256_from_hash(keccak256(memory_bytes(f, top[0], size)));
    return gas;
}

FAST_BODY(CALLDATALOAD)
{
    u256 offset = top[0];
    if (u256_fits_u64(offset) && offset.w[0] < f->input.size && f->input.size - offset.w[0] >= 32) {
        top[0] = u256_load_be(f->input.data + offset.w[0]);
        return gas;
    }
    u8 padded[32] = {0};
    if (u256_fits_u64(offset))
        bytes_copy(padded, bytes_slice(f->input, offset.w[0], 32));
    top[0] = u256_load_be(padded);
    return gas;
}

/* Copies from `source` into memory: destination, offset and size are the operands. */
static inline i64 copy_from(struct frame *f, const u256 *top, i64 gas, bytes source)
{
    gas -= copy_cost(top[-2]);
    if (gas < 0)
        return gas;
    gas = memory_range(f, top[0], top[-2], gas);
    if (gas >= 0)
        memory_copy(f, top[0], source, top[-1], top[-2].w[0]);
    return gas;
}

FAST_BODY(CALLDATACOPY)
{
    return copy_from(f, top, gas, f->input);
}

FAST_BODY(CODECOPY)
{
    return copy_from(f, top, gas, (bytes){f->code->bytes, f->code->size});
}

FAST_BODY(BLOBHASH)
{
    const struct evm_tx_env *tx = &f->evm->tx;
    bool there = u256_fits_u64(top[0]) && top[0].w[0] < tx->blob_hash_count;
    top[0] = there ? u256_from_hash(tx->blob_hashes[top[0].w[0]]) : U256_ZERO;
    return gas;
}

FAST_BODY(MLOAD)
{
    gas = memory_reach(f, top[0], 32, gas);
    if (gas >= 0)
        top[0] = u256_load_be(f->memory + top[0].w[0]);
    return gas;
}

FAST_BODY(MSTORE)
{
    gas = memory_reach(f, top[0], 32, gas);
    if (gas >= 0)
        u256_store_be(f->memory + top[0].w[0], top[-1]);
    return gas;
}

FAST_BODY(MSTORE8)
{
    gas = memory_reach(f, top[0], 1, gas);
    if (gas >= 0)
        f->memory[top[0].w[0]] = (u8)top[-1].w[0];
    return gas;
}

FAST_BODY(MCOPY)
{
    u256 farther = u256_less(top[0], top[-1]) ? top[-1] : top[0];
    gas -= copy_cost(top[-2]);
    if (gas < 0)
        return gas;
    gas = memory_range(f, farther, top[-2], gas);
    if (gas >= 0 && top[-2].w[0] != 0)
        memmove(f->memory + top[0].w[0], f->memory + top[-1].w[0], top[-2].w[0]);
    return gas;
}

#endif

/* Operations on the stack's words alone. `top` points at the topmost operand; the result goes where
 * the deepest operand was. Inlined into the interpreter.
 * Source: Yellow Paper, appendix H. */
#ifndef EVM_OPS_WORD_H
#define EVM_OPS_WORD_H

#include "base/u256.h"

static inline void op_ADD(u256 *top)
{
    top[-1] = u256_add(top[0], top[-1]);
}

static inline void op_MUL(u256 *top)
{
    top[-1] = u256_mul(top[0], top[-1]);
}

static inline void op_SUB(u256 *top)
{
    top[-1] = u256_sub(top[0], top[-1]);
}

static inline void op_DIV(u256 *top)
{
    top[-1] = u256_div(top[0], top[-1]);
}

static inline void op_SDIV(u256 *top)
{
    top[-1] = u256_sdiv(top[0], top[-1]);
}

static inline void op_MOD(u256 *top)
{
    top[-1] = u256_mod(top[0], top[-1]);
}

static inline void op_SMOD(u256 *top)
{
    top[-1] = u256_smod(top[0], top[-1]);
}

static inline void op_ADDMOD(u256 *top)
{
    top[-2] = u256_addmod(top[0], top[-1], top[-2]);
}

static inline void op_MULMOD(u256 *top)
{
    top[-2] = u256_mulmod(top[0], top[-1], top[-2]);
}

/* Extends the sign of the value's byte number top[0], counted from the lowest. */
static inline void op_SIGNEXTEND(u256 *top)
{
    if (!u256_fits_u64(top[0]) || top[0].w[0] >= 31)
        return; /* nothing is above that byte: the value stays as it is */
    unsigned word = (unsigned)top[0].w[0] / 8, shift = 56 - 8 * ((unsigned)top[0].w[0] % 8);
    u256 *value = &top[-1];
    i64 extended = (i64)(value->w[word] << shift) >> shift;
    u64 fill = (u64)(extended >> 63);
    value->w[word] = (u64)extended;
    for (unsigned i = word + 1; i < 4; i++)
        value->w[i] = fill;
}

static inline void op_LT(u256 *top)
{
    top[-1] = u256_from_u64(u256_less(top[0], top[-1]));
}

static inline void op_GT(u256 *top)
{
    top[-1] = u256_from_u64(u256_less(top[-1], top[0]));
}

static inline void op_SLT(u256 *top)
{
    top[-1] = u256_from_u64(u256_signed_less(top[0], top[-1]));
}

static inline void op_SGT(u256 *top)
{
    top[-1] = u256_from_u64(u256_signed_less(top[-1], top[0]));
}

static inline void op_EQ(u256 *top)
{
    top[-1] = u256_from_u64(u256_equal(top[0], top[-1]));
}

static inline void op_ISZERO(u256 *top)
{
    top[0] = u256_from_u64(u256_is_zero(top[0]));
}

static inline void op_AND(u256 *top)
{
    top[-1] = u256_and(top[0], top[-1]);
}

static inline void op_OR(u256 *top)
{
    top[-1] = u256_or(top[0], top[-1]);
}

static inline void op_XOR(u256 *top)
{
    top[-1] = u256_xor(top[0], top[-1]);
}

static inline void op_NOT(u256 *top)
{
    top[0] = u256_not(top[0]);
}

/* Byte number top[0], counted from the highest. */
static inline void op_BYTE(u256 *top)
{
    u64 value = 0;
    if (u256_fits_u64(top[0]) && top[0].w[0] < 32) {
        unsigned from_low = 31 - (unsigned)top[0].w[0];
        value = top[-1].w[from_low / 8] >> (8 * (from_low % 8)) & 0xff;
    }
    top[-1] = u256_from_u64(value);
}

static inline unsigned shift_amount(u256 by)
{
    return u256_fits_u64(by) && by.w[0] < 256 ? (unsigned)by.w[0] : 256;
}

static inline void op_SHL(u256 *top)
{
    top[-1] = u256_shl(top[-1], shift_amount(top[0]));
}

static inline void op_SHR(u256 *top)
{
    top[-1] = u256_shr(top[-1], shift_amount(top[0]));
}

static inline void op_SAR(u256 *top)
{
    top[-1] = u256_sar(top[-1], shift_amount(top[0]));
}

static inline void op_CLZ(u256 *top)
{
    top[0] = u256_from_u64(u256_leading_zeros(top[0]));
}

static inline void op_POP(u256 *top)
{
    (void)top;
}

static inline void op_PUSH0(u256 *top)
{
    top[1] = U256_ZERO;
}

#endif

/* 256-bit unsigned integers: the EVM's word, and every amount of wei.
 *
 * Arithmetic wraps modulo 2^256 unless a function says otherwise. Signed operations read the value
 * as two's complement (Yellow Paper, appendix H). Small operations are inline because the
 * interpreter lives on them; division is in u256.c. */
#ifndef BASE_U256_H
#define BASE_U256_H

#include "base/bytes.h"

typedef struct {
    u64 w[4]; /* w[0] least significant; big-endian only on the wire */
} u256;

static_assert(sizeof(u256) == 32, "no padding");

#define U256_ZERO ((u256){{0, 0, 0, 0}})
#define U256_ONE ((u256){{1, 0, 0, 0}})
#define U256_MAX ((u256){{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}})

static inline u256 u256_from_u64(u64 value)
{
    return (u256){{value, 0, 0, 0}};
}

static inline bool u256_is_zero(u256 a)
{
    return (a.w[0] | a.w[1] | a.w[2] | a.w[3]) == 0;
}

static inline bool u256_fits_u64(u256 a)
{
    return (a.w[1] | a.w[2] | a.w[3]) == 0;
}

/* The value, or UINT64_MAX where it does not fit. */
static inline u64 u256_to_u64_sat(u256 a)
{
    return u256_fits_u64(a) ? a.w[0] : UINT64_MAX;
}

static inline bool u256_is_negative(u256 a)
{
    return (a.w[3] >> 63) != 0;
}

static inline bool u256_equal(u256 a, u256 b)
{
    return ((a.w[0] ^ b.w[0]) | (a.w[1] ^ b.w[1]) | (a.w[2] ^ b.w[2]) | (a.w[3] ^ b.w[3])) == 0;
}

/* *out = a + b; true if the sum did not fit. */
static inline bool u256_add_overflow(u256 a, u256 b, u256 *out)
{
#if defined(__x86_64__)
    bool carry; /* one add and three adc: gcc 12 does not find them in the portable form */
    __asm__("addq %[b0], %[a0]\n\tadcq %[b1], %[a1]\n\tadcq %[b2], %[a2]\n\tadcq %[b3], %[a3]"
            : [a0] "+&r"(a.w[0]), [a1] "+&r"(a.w[1]), [a2] "+&r"(a.w[2]), [a3] "+&r"(a.w[3]),
              "=@ccc"(carry)
            : [b0] "rm"(b.w[0]), [b1] "rm"(b.w[1]), [b2] "rm"(b.w[2]), [b3] "rm"(b.w[3]));
    *out = a;
    return carry;
#else
    u128 sum = 0;
    for (int i = 0; i < 4; i++) {
        sum += (u128)a.w[i] + b.w[i];
        out->w[i] = (u64)sum;
        sum >>= 64;
    }
    return sum != 0;
#endif
}

/* *out = a - b; true if b > a. */
static inline bool u256_sub_overflow(u256 a, u256 b, u256 *out)
{
#if defined(__x86_64__)
    bool borrow;
    __asm__("subq %[b0], %[a0]\n\tsbbq %[b1], %[a1]\n\tsbbq %[b2], %[a2]\n\tsbbq %[b3], %[a3]"
            : [a0] "+&r"(a.w[0]), [a1] "+&r"(a.w[1]), [a2] "+&r"(a.w[2]), [a3] "+&r"(a.w[3]),
              "=@ccc"(borrow)
            : [b0] "rm"(b.w[0]), [b1] "rm"(b.w[1]), [b2] "rm"(b.w[2]), [b3] "rm"(b.w[3]));
    *out = a;
    return borrow;
#else
    u128 difference = 0;
    for (int i = 0; i < 4; i++) {
        difference = (u128)a.w[i] - b.w[i] - (u64)(difference >> 127);
        out->w[i] = (u64)difference;
    }
    return (difference >> 127) != 0;
#endif
}

static inline u256 u256_add(u256 a, u256 b)
{
    u256 sum;
    (void)u256_add_overflow(a, b, &sum);
    return sum;
}

static inline u256 u256_sub(u256 a, u256 b)
{
    u256 difference;
    (void)u256_sub_overflow(a, b, &difference);
    return difference;
}

static inline bool u256_less(u256 a, u256 b)
{
    u256 ignored;
    return u256_sub_overflow(a, b, &ignored);
}

static inline int u256_compare(u256 a, u256 b)
{
    return u256_less(a, b) ? -1 : u256_less(b, a) ? 1 : 0;
}

static inline u256 u256_min(u256 a, u256 b)
{
    return u256_less(b, a) ? b : a;
}

static inline u256 u256_negate(u256 a)
{
    return u256_sub(U256_ZERO, a);
}

static inline bool u256_signed_less(u256 a, u256 b)
{
    a.w[3] ^= (u64)1 << 63; /* shifts both ranges so that unsigned order is signed order */
    b.w[3] ^= (u64)1 << 63;
    return u256_less(a, b);
}

static inline u256 u256_and(u256 a, u256 b)
{
    return (u256){{a.w[0] & b.w[0], a.w[1] & b.w[1], a.w[2] & b.w[2], a.w[3] & b.w[3]}};
}

static inline u256 u256_or(u256 a, u256 b)
{
    return (u256){{a.w[0] | b.w[0], a.w[1] | b.w[1], a.w[2] | b.w[2], a.w[3] | b.w[3]}};
}

static inline u256 u256_xor(u256 a, u256 b)
{
    return (u256){{a.w[0] ^ b.w[0], a.w[1] ^ b.w[1], a.w[2] ^ b.w[2], a.w[3] ^ b.w[3]}};
}

static inline u256 u256_not(u256 a)
{
    return (u256){{~a.w[0], ~a.w[1], ~a.w[2], ~a.w[3]}};
}

static inline u256 u256_mul(u256 a, u256 b)
{
    u128 p00 = (u128)a.w[0] * b.w[0];
    u128 p01 = (u128)a.w[0] * b.w[1];
    u128 p10 = (u128)a.w[1] * b.w[0];
    u128 p11 = (u128)a.w[1] * b.w[1];
    u128 p02 = (u128)a.w[0] * b.w[2];
    u128 p20 = (u128)a.w[2] * b.w[0];
    u128 low = (p00 >> 64) + (u64)p01;
    low += (u64)p10;
    u128 high = p11 + (p01 >> 64) + (p10 >> 64) + (low >> 64); /* carries past w[3] wrap away */
    high += p02;
    high += p20;
    u64 top = a.w[0] * b.w[3] + a.w[1] * b.w[2] + a.w[2] * b.w[1] + a.w[3] * b.w[0];
    return (u256){{(u64)p00, (u64)low, (u64)high, (u64)(high >> 64) + top}};
}

/* The value fits if neither factor is large: true if a * b did not fit in 256 bits. */
bool u256_mul_overflow(u256 a, u256 b, u256 *out);

/* a / b and a % b; both are 0 where b is 0, as DIV and MOD want. */
u256 u256_div(u256 a, u256 b);
u256 u256_mod(u256 a, u256 b);
u256 u256_sdiv(u256 a, u256 b);
u256 u256_smod(u256 a, u256 b);

/* (a + b) % m and (a * b) % m without wrapping in between; 0 where m is 0. */
u256 u256_addmod(u256 a, u256 b, u256 m);
u256 u256_mulmod(u256 a, u256 b, u256 m);

u256 u256_exp(u256 base, u256 exponent);

/* `high` shifted left with the top bits of `low` coming in, and its mirror; by < 64. */
static inline u64 shift_in_low(u64 high, u64 low, unsigned by)
{
#if defined(__x86_64__)
    __asm__("shldq %b[by], %[low], %[high]"
            : [high] "+r"(high)
            : [low] "r"(low), [by] "c"(by)
            : "cc");
    return high;
#else
    return high << by | low >> 1 >> (63 - by);
#endif
}

static inline u64 shift_in_high(u64 low, u64 high, unsigned by)
{
#if defined(__x86_64__)
    __asm__("shrdq %b[by], %[high], %[low]"
            : [low] "+r"(low)
            : [high] "r"(high), [by] "c"(by)
            : "cc");
    return low;
#else
    return low >> by | high << 1 << (63 - by);
#endif
}

/* Shifts by whole words are a matter of where to read from, with zeros on the open side. */
static inline u256 u256_shl(u256 a, unsigned by)
{
    if (by >= 256)
        return U256_ZERO;
    u64 wide[8] = {0, 0, 0, 0, a.w[0], a.w[1], a.w[2], a.w[3]};
    const u64 *from = wide + 4 - by / 64;
    by %= 64;
    return (u256){{shift_in_low(from[0], from[-1], by), shift_in_low(from[1], from[0], by),
                   shift_in_low(from[2], from[1], by), shift_in_low(from[3], from[2], by)}};
}

static inline u256 u256_shr(u256 a, unsigned by)
{
    if (by >= 256)
        return U256_ZERO;
    u64 wide[8] = {a.w[0], a.w[1], a.w[2], a.w[3], 0, 0, 0, 0};
    const u64 *from = wide + by / 64;
    by %= 64;
    return (u256){{shift_in_high(from[0], from[1], by), shift_in_high(from[1], from[2], by),
                   shift_in_high(from[2], from[3], by), shift_in_high(from[3], from[4], by)}};
}

static inline u256 u256_sar(u256 a, unsigned by)
{
    if (!u256_is_negative(a))
        return u256_shr(a, by);
    return u256_not(u256_shr(u256_not(a), by)); /* ones shift in where zeros would */
}

/* 256 for zero. */
static inline unsigned u256_leading_zeros(u256 a)
{
    for (int i = 3; i >= 0; i--)
        if (a.w[i] != 0)
            return (unsigned)(3 - i) * 64 + (unsigned)__builtin_clzl(a.w[i]);
    return 256;
}

static inline unsigned u256_bit_length(u256 a)
{
    return 256 - u256_leading_zeros(a);
}

/* The bytes that hold the value without leading zeros; 0 for zero. */
static inline unsigned u256_byte_length(u256 a)
{
    return (u256_bit_length(a) + 7) / 8;
}

static inline u256 u256_load_be(const u8 *from)
{
    return (u256){
        {load_be64(from + 24), load_be64(from + 16), load_be64(from + 8), load_be64(from)}};
}

static inline void u256_store_be(u8 *to, u256 a)
{
    store_be64(to, a.w[3]);
    store_be64(to + 8, a.w[2]);
    store_be64(to + 16, a.w[1]);
    store_be64(to + 24, a.w[0]);
}

/* Big-endian bytes of any length up to 32; missing leading bytes are zero. */
u256 u256_from_be(bytes in);

static inline u256 u256_from_hash(hash32 hash)
{
    return u256_load_be(hash.b);
}

static inline hash32 u256_to_hash(u256 a)
{
    hash32 out;
    u256_store_be(out.b, a);
    return out;
}

/* The low 160 bits as an address, and an address as a word. */
static inline address u256_to_address(u256 a)
{
    address out;
    store_be32(out.b, (u32)a.w[2]);
    store_be64(out.b + 4, a.w[1]);
    store_be64(out.b + 12, a.w[0]);
    return out;
}

static inline u256 u256_from_address(address who)
{
    return (u256){{load_be64(who.b + 12), load_be64(who.b + 4), load_be32(who.b), 0}};
}

/* Decimal digits with a final zero; `to` holds 79 bytes. Returns the length. */
usize u256_write_decimal(char *to, u256 a);

#endif

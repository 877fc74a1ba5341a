/* Arithmetic modulo an odd prime of at most 256 bits: the fields of secp256k1, P-256 and BN254 and
 * their scalars, all with one body.
 *
 * Elements are kept as a * R mod m. R is 2^256, Montgomery's form, which turns reduction into
 * additions of multiples of m; but 1 where m = 2^256 - c with c below 2^64 (secp256k1's field):
 * there 2^256 is c modulo m, so that the upper half of a product times c joins the lower, for half
 * the multiplications. A field is a constant struct; where it is `static const` in the calling
 * file, the compiler folds its words into the code, so define it there and wrap what is called
 * often. Wrap by pointer: elements passed by value through a real call cost more than an addition
 * does.
 *
 *     static const struct field256 FIELD = {...};
 *     static void mul(fe256 *out, const fe256 *a, const fe256 *b)
 *     {
 *         *out = field256_mul(&FIELD, *a, *b);
 *     }
 *
 * Everything here handles public data (signatures and proofs to be checked), so running time may
 * depend on values. Never use it with secrets.
 * Source: Koc, Acar, Kaliski, "Analyzing and Comparing Montgomery Multiplication Algorithms". */
#ifndef CRYPTO_FIELD256_H
#define CRYPTO_FIELD256_H

#include "base/u256.h"

/* a * R mod m, always below m. */
typedef struct {
    u64 w[4];
} fe256;

struct field256 {
    u256 modulus;        /* odd, above 2^192 */
    u256 one;            /* R mod m */
    u256 r_squared;      /* R^2 mod m: takes a value into the form a * R */
    u64 negated_inverse; /* -1/m mod 2^64 */
};

/* True if R is 1. */
static inline bool field256_is_plain(const struct field256 *field)
{
    return (field->modulus.w[1] & field->modulus.w[2] & field->modulus.w[3]) == UINT64_MAX;
}

/* True if the last three members follow from the modulus; for a test beside every definition. */
bool field256_is_consistent(const struct field256 *field);

/* Zero where a is zero. */
fe256 field256_inverse(const struct field256 *field, fe256 a);

/* Inverts `count` elements at the price of one inversion; `products` is scratch of the same count.
 * Zeros stay zero. */
void field256_inverse_many(const struct field256 *field, fe256 *elements, usize count,
                           fe256 *products);

fe256 field256_pow(const struct field256 *field, fe256 a, u256 exponent);

/* A root of a, for a modulus that is 3 modulo 4. False where a is no square. */
bool field256_sqrt(const struct field256 *field, fe256 a, fe256 *root);

#define FE256_ZERO ((fe256){{0, 0, 0, 0}})

/* The same words under the other type. */
static inline u256 fe256_words(fe256 a)
{
    return (u256){{a.w[0], a.w[1], a.w[2], a.w[3]}};
}

static inline fe256 fe256_from_words(u256 a)
{
    return (fe256){{a.w[0], a.w[1], a.w[2], a.w[3]}};
}

/* Elements have one form only, so equal elements have equal words. */
static inline bool fe256_equal(fe256 a, fe256 b)
{
    return ((a.w[0] ^ b.w[0]) | (a.w[1] ^ b.w[1]) | (a.w[2] ^ b.w[2]) | (a.w[3] ^ b.w[3])) == 0;
}

static inline bool fe256_is_zero(fe256 a)
{
    return (a.w[0] | a.w[1] | a.w[2] | a.w[3]) == 0;
}

static inline fe256 field256_one(const struct field256 *field)
{
    return fe256_from_words(field->one);
}

/* `value` with its bit 256 in `carry`, and below 2m: less m unless it is below m already.
 * Without a branch, which would be mispredicted every other time. */
static inline fe256 field256_below(const struct field256 *field, u256 value, bool carry)
{
    u256 m = field->modulus;
#if defined(__x86_64__)
    u256 less = value;
    u64 top = carry;
    __asm__(
        "subq %[m0], %[a0]\n\tsbbq %[m1], %[a1]\n\tsbbq %[m2], %[a2]\n\tsbbq %[m3], %[a3]\n\t"
        "sbbq $0, %[top]\n\t"
        "cmovc %[v0], %[a0]\n\tcmovc %[v1], %[a1]\n\tcmovc %[v2], %[a2]\n\tcmovc %[v3], %[a3]"
        : [a0] "+&r"(less.w[0]), [a1] "+&r"(less.w[1]), [a2] "+&r"(less.w[2]),
          [a3] "+&r"(less.w[3]), [top] "+&r"(top)
        : [m0] "rm"(m.w[0]), [m1] "rm"(m.w[1]), [m2] "rm"(m.w[2]), [m3] "rm"(m.w[3]),
          [v0] "rm"(value.w[0]), [v1] "rm"(value.w[1]), [v2] "rm"(value.w[2]), [v3] "rm"(value.w[3])
        : "cc");
    return fe256_from_words(less);
#else
    u256 less;
    u64 keep = -(u64)(u256_sub_overflow(value, m, &less) & !carry);
    fe256 out;
    for (int i = 0; i < 4; i++)
        out.w[i] = less.w[i] ^ ((less.w[i] ^ value.w[i]) & keep);
    return out;
#endif
}

static inline fe256 field256_add(const struct field256 *field, fe256 a, fe256 b)
{
    u256 sum;
    bool carry = u256_add_overflow(fe256_words(a), fe256_words(b), &sum);
    return field256_below(field, sum, carry);
}

static inline fe256 field256_sub(const struct field256 *field, fe256 a, fe256 b)
{
    u256 difference, back;
    u64 mask = -(u64)u256_sub_overflow(fe256_words(a), fe256_words(b), &difference);
    for (int i = 0; i < 4; i++)
        back.w[i] = field->modulus.w[i] & mask;
    difference = u256_add(difference, back);
    return fe256_from_words(difference);
}

static inline fe256 field256_neg(const struct field256 *field, fe256 a)
{
    return field256_sub(field, FE256_ZERO, a);
}

static inline fe256 field256_double(const struct field256 *field, fe256 a)
{
    return field256_add(field, a, a);
}

/* a / 2: an odd a becomes even by adding the modulus. */
static inline fe256 field256_half(const struct field256 *field, fe256 a)
{
    u256 add, sum;
    u64 mask = -(a.w[0] & 1);
    for (int i = 0; i < 4; i++)
        add.w[i] = field->modulus.w[i] & mask;
    u64 carry = u256_add_overflow(fe256_words(a), add, &sum);
    return (fe256){{sum.w[0] >> 1 | sum.w[1] << 63, sum.w[1] >> 1 | sum.w[2] << 63,
                    sum.w[2] >> 1 | sum.w[3] << 63, sum.w[3] >> 1 | carry << 63}};
}

/* a * b + add + *carry; the high word becomes the new carry. It cannot overflow. */
static inline u64 field256_mul_add(u64 a, u64 b, u64 add, u64 *carry)
{
    u128 sum = (u128)a * b + add + *carry;
    *carry = (u64)(sum >> 64);
    return (u64)sum;
}

/* A product before reduction. */
struct field256_wide {
    u64 w[8];
};

[[gnu::always_inline]] static inline struct field256_wide field256_wide_mul(fe256 a, fe256 b)
{
    struct field256_wide t = {{0}};
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        u64 carry = 0;
        t.w[i] = field256_mul_add(a.w[0], b.w[i], t.w[i], &carry);
        t.w[i + 1] = field256_mul_add(a.w[1], b.w[i], t.w[i + 1], &carry);
        t.w[i + 2] = field256_mul_add(a.w[2], b.w[i], t.w[i + 2], &carry);
        t.w[i + 3] = field256_mul_add(a.w[3], b.w[i], t.w[i + 3], &carry);
        t.w[i + 4] = carry;
    }
    return t;
}

/* The six mixed products are computed once and doubled. */
[[gnu::always_inline]] static inline struct field256_wide field256_wide_sqr(fe256 a)
{
    struct field256_wide t;
    u64 carry = 0;
    t.w[1] = field256_mul_add(a.w[0], a.w[1], 0, &carry);
    t.w[2] = field256_mul_add(a.w[0], a.w[2], 0, &carry);
    t.w[3] = field256_mul_add(a.w[0], a.w[3], 0, &carry);
    t.w[4] = carry;
    carry = 0;
    t.w[3] = field256_mul_add(a.w[1], a.w[2], t.w[3], &carry);
    t.w[4] = field256_mul_add(a.w[1], a.w[3], t.w[4], &carry);
    t.w[5] = carry;
    carry = 0;
    t.w[5] = field256_mul_add(a.w[2], a.w[3], t.w[5], &carry);
    t.w[6] = carry;
    t.w[7] = t.w[6] >> 63;
#pragma GCC unroll 5
    for (int i = 6; i > 1; i--)
        t.w[i] = t.w[i] << 1 | t.w[i - 1] >> 63;
    t.w[1] <<= 1;
    t.w[0] = 0;
    carry = 0;
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        t.w[2 * i] = field256_mul_add(a.w[i], a.w[i], t.w[2 * i], &carry);
        u128 sum = (u128)t.w[2 * i + 1] + carry;
        t.w[2 * i + 1] = (u64)sum;
        carry = (u64)(sum >> 64);
    }
    return t;
}

/* *a -= *b; true if that went below zero: then it is off by 2^512. */
[[gnu::always_inline]] static inline bool field256_wide_sub(struct field256_wide *a,
                                                            const struct field256_wide *b)
{
    u256 low = {{a->w[0], a->w[1], a->w[2], a->w[3]}},
         high = {{a->w[4], a->w[5], a->w[6], a->w[7]}};
    u256 low_b = {{b->w[0], b->w[1], b->w[2], b->w[3]}};
    u256 high_b = {{b->w[4], b->w[5], b->w[6], b->w[7]}};
    u64 borrow = u256_sub_overflow(low, low_b, &low);
    bool below = u256_sub_overflow(high, high_b, &high);
    below |= u256_sub_overflow(high, u256_from_u64(borrow), &high);
    *a = (struct field256_wide){
        {low.w[0], low.w[1], low.w[2], low.w[3], high.w[0], high.w[1], high.w[2], high.w[3]}};
    return below;
}

/* value mod m, where R is 1. */
[[gnu::always_inline]] static inline fe256 field256_fold(const struct field256 *field,
                                                         struct field256_wide value)
{
    u256 low;
    u64 c = -field->modulus.w[0], carry = 0;
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        low.w[i] = field256_mul_add(value.w[4 + i], c, value.w[i], &carry);
    u128 rest = (u128)carry * c;
    bool over = u256_add_overflow(low, (u256){{(u64)rest, (u64)(rest >> 64), 0, 0}}, &low);
    return field256_below(field, low, over);
}

/* value / R mod m, for a value below m * 2^256. */
[[gnu::always_inline]] static inline fe256 field256_reduce(const struct field256 *field,
                                                           struct field256_wide value)
{
    if (field256_is_plain(field)) /* known when compiling */
        return field256_fold(field, value);
    const u64 *m = field->modulus.w;
    u64 *t = value.w, over = 0;
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        u64 q = t[i] * field->negated_inverse; /* makes the lowest word of t + q * m zero */
        u64 carry = 0;
        (void)field256_mul_add(q, m[0], t[i], &carry);
        t[i + 1] = field256_mul_add(q, m[1], t[i + 1], &carry);
        t[i + 2] = field256_mul_add(q, m[2], t[i + 2], &carry);
        t[i + 3] = field256_mul_add(q, m[3], t[i + 3], &carry);
        u128 top = (u128)t[i + 4] + carry + over;
        t[i + 4] = (u64)top;
        over = (u64)(top >> 64);
    }
    return field256_below(field, (u256){{t[4], t[5], t[6], t[7]}}, over != 0);
}

[[gnu::always_inline]] static inline fe256 field256_mul(const struct field256 *field, fe256 a,
                                                        fe256 b)
{
    return field256_reduce(field, field256_wide_mul(a, b));
}

[[gnu::always_inline]] static inline fe256 field256_sqr(const struct field256 *field, fe256 a)
{
    return field256_reduce(field, field256_wide_sqr(a));
}

/* Any 256 bits; values from the modulus on are reduced. */
static inline fe256 field256_from_u256(const struct field256 *field, u256 value)
{
    return field256_mul(field, fe256_from_words(value), fe256_from_words(field->r_squared));
}

static inline u256 field256_to_u256(const struct field256 *field, fe256 a)
{
    struct field256_wide value = {{a.w[0], a.w[1], a.w[2], a.w[3], 0, 0, 0, 0}};
    return fe256_words(field256_reduce(field, value));
}

/* 32 big-endian bytes. False where the value is not below the modulus. */
static inline bool field256_read(const struct field256 *field, const u8 *from, fe256 *out)
{
    u256 value = u256_load_be(from);
    *out = field256_from_u256(field, value);
    return u256_less(value, field->modulus);
}

static inline void field256_write(const struct field256 *field, u8 *to, fe256 a)
{
    u256_store_be(to, field256_to_u256(field, a));
}

#endif

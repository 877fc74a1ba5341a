/* The fields under the pairing on BN254; for crypto's own files.
 *
 *   Fp2  = Fp[i]  / (i^2 + 1)
 *   Fp6  = Fp2[v] / (v^3 - xi), xi = 9 + i
 *   Fp12 = Fp6[w] / (w^2 - v)
 *
 * Outputs may be inputs in every function. Source: EIP-197; Devegili, O hEigeartaigh, Scott, Dahab,
 * "Multiplication and Squaring on Pairing-Friendly Fields" (2006). */
#ifndef CRYPTO_BN254_TOWER_H
#define CRYPTO_BN254_TOWER_H

#include "base/status.h"
#include "crypto/field256.h"

static const struct field256 BN254_FP = {
    .modulus = {{0x3c208c16d87cfd47, 0x97816a916871ca8d, 0xb85045b68181585d, 0x30644e72e131a029}},
    .one = {{0xd35d438dc58f0d9d, 0x0a78eb28f5c70b3d, 0x666ea36f7879462c, 0x0e0a77c19a07df2f}},
    .r_squared = {{0xf32cfc5b538afa89, 0xb5e71911d44501fb, 0x47ab1eff0a417ff6, 0x06d89f71cab8351f}},
    .negated_inverse = 0x87d20782e4866389,
};

/* A point of the curve y^2 = x^3 + 3 in 64 bytes; infinity is (0, 0). bn254.c has it.
 * ST_INVALID: a coordinate out of range, or off the curve. */
enum status bn254_read_g1(const u8 *in, fe256 *x, fe256 *y);

/* c0 + c1*i */
struct fp2 {
    fe256 c0, c1;
};

/* c0 + c1*v + c2*v^2 */
struct fp6 {
    struct fp2 c0, c1, c2;
};

/* c0 + c1*w */
struct fp12 {
    struct fp6 c0, c1;
};

static inline bool fp2_is_zero(const struct fp2 *a)
{
    return fe256_is_zero(a->c0) && fe256_is_zero(a->c1);
}

static inline bool fp2_equal(const struct fp2 *a, const struct fp2 *b)
{
    return fe256_equal(a->c0, b->c0) && fe256_equal(a->c1, b->c1);
}

static inline void fp2_add(struct fp2 *out, const struct fp2 *a, const struct fp2 *b)
{
    out->c0 = field256_add(&BN254_FP, a->c0, b->c0);
    out->c1 = field256_add(&BN254_FP, a->c1, b->c1);
}

static inline void fp2_sub(struct fp2 *out, const struct fp2 *a, const struct fp2 *b)
{
    out->c0 = field256_sub(&BN254_FP, a->c0, b->c0);
    out->c1 = field256_sub(&BN254_FP, a->c1, b->c1);
}

static inline void fp2_double(struct fp2 *out, const struct fp2 *a)
{
    fp2_add(out, a, a);
}

static inline void fp2_neg(struct fp2 *out, const struct fp2 *a)
{
    out->c0 = field256_neg(&BN254_FP, a->c0);
    out->c1 = field256_neg(&BN254_FP, a->c1);
}

static inline void fp2_conjugate(struct fp2 *out, const struct fp2 *a)
{
    out->c0 = a->c0;
    out->c1 = field256_neg(&BN254_FP, a->c1);
}

void fp2_mul(struct fp2 *out, const struct fp2 *a, const struct fp2 *b);
void fp2_sqr(struct fp2 *out, const struct fp2 *a);
void fp2_mul_fp(struct fp2 *out, const struct fp2 *a, const fe256 *by);
void fp2_inverse(struct fp2 *out, const struct fp2 *a);

void fp12_one(struct fp12 *out);
bool fp12_is_one(const struct fp12 *a);
void fp12_mul(struct fp12 *out, const struct fp12 *a, const struct fp12 *b);
void fp12_sqr(struct fp12 *out, const struct fp12 *a);
void fp12_inverse(struct fp12 *out, const struct fp12 *a);
/* a^(p^6): the sign of w changes. The inverse, where a^(p^6 + 1) = 1. */
void fp12_conjugate(struct fp12 *out, const struct fp12 *a);
/* a^p */
void fp12_frobenius(struct fp12 *out, const struct fp12 *a);
/* a^2, for an a with a^(p^4 - p^2 + 1) = 1. */
void fp12_cyclotomic_sqr(struct fp12 *out, const struct fp12 *a);
/* out *= l0 + l1*w + l3*w^3: what the value of a line looks like. */
void fp12_mul_line(struct fp12 *out, const struct fp2 *l0, const struct fp2 *l1,
                   const struct fp2 *l3);

/* xi^(k (p - 1) / 6) for k from 1 to 5, at [k - 1]: w^k to the power p is w^k times this. */
extern const struct fp2 BN254_FROBENIUS[5];

#endif

#include "crypto/bn254_tower.h"

const struct fp2 BN254_FROBENIUS[5] = {
    {{{0xaf9ba69633144907, 0xca6b1d7387afb78a, 0x11bded5ef08a2087, 0x02f34d751a1f3a7c}},
     {{0xa222ae234c492d72, 0xd00f02a4565de15b, 0xdc2ff3a253dfc926, 0x10a75716b3899551}}},
    {{{0xb5773b104563ab30, 0x347f91c8a9aa6454, 0x7a007127242e0991, 0x1956bcd8118214ec}},
     {{0x6e849f1ea0aa4757, 0xaa1c7b6d89f89141, 0xb6e713cdfae0ca3a, 0x26694fbb4e82ebc3}}},
    {{{0xe4bbdd0c2936b629, 0xbb30f162e133bacb, 0x31a9d1b6f9645366, 0x253570bea500f8dd}},
     {{0xa1d77ce45ffe77c7, 0x07affd117826d1db, 0x6d16bd27bb7edc6b, 0x2c87200285defecc}}},
    {{{0x7361d77f843abe92, 0xa5bb2bd3273411fb, 0x9c941f314b3e2399, 0x15df9cddbb9fd3ec}},
     {{0x5dddfd154bd8c949, 0x62cb29a5a4445b60, 0x37bc870a0c7dd2b9, 0x24830a9d3171f0fd}}},
    {{{0xc970692f41690fe7, 0xe240342127694b0b, 0x32bee66b83c459e8, 0x12aabced0ab08841}},
     {{0x0d485d2340aebfa9, 0x05193418ab2fcc57, 0xd3b0a40b8a4910f5, 0x2f21ebb535d2925a}}},
};

/* --- Fp2
 *
 * The modulus p leaves two of 256 bits free: a sum of two elements fits without reduction, and so
 * does a product of such sums, which is below 4 * p^2 < p * 2^256, before it. */

static fe256 sum_of(fe256 a, fe256 b)
{
    return fe256_from_words(u256_add(fe256_words(a), fe256_words(b)));
}

/* a - b, or p * 2^256 more where that is negative. */
static struct field256_wide wide_difference(struct field256_wide a, const struct field256_wide *b)
{
    u64 mask = -(u64)field256_wide_sub(&a, b);
    u256 high = {{a.w[4], a.w[5], a.w[6], a.w[7]}}, p = BN254_FP.modulus;
    for (int i = 0; i < 4; i++)
        p.w[i] &= mask;
    high = u256_add(high, p);
    return (struct field256_wide){
        {a.w[0], a.w[1], a.w[2], a.w[3], high.w[0], high.w[1], high.w[2], high.w[3]}};
}

/* Karatsuba: three products instead of four, reduced after they have been put together. */
void fp2_mul(struct fp2 *out, const struct fp2 *a, const struct fp2 *b)
{
    struct field256_wide low = field256_wide_mul(a->c0, b->c0);
    struct field256_wide high = field256_wide_mul(a->c1, b->c1);
    struct field256_wide mixed = field256_wide_mul(sum_of(a->c0, a->c1), sum_of(b->c0, b->c1));
    (void)field256_wide_sub(&mixed, &low);
    (void)field256_wide_sub(&mixed, &high); /* never negative: it is a0 * b1 + a1 * b0 */
    out->c0 = field256_reduce(&BN254_FP, wide_difference(low, &high));
    out->c1 = field256_reduce(&BN254_FP, mixed);
}

/* (c0 + c1)(c0 - c1) + 2 c0 c1 i */
void fp2_sqr(struct fp2 *out, const struct fp2 *a)
{
    fe256 difference = field256_sub(&BN254_FP, a->c0, a->c1);
    fe256 product = field256_mul(&BN254_FP, sum_of(a->c0, a->c0), a->c1);
    out->c0 = field256_mul(&BN254_FP, sum_of(a->c0, a->c1), difference);
    out->c1 = product;
}

void fp2_mul_fp(struct fp2 *out, const struct fp2 *a, const fe256 *by)
{
    out->c0 = field256_mul(&BN254_FP, a->c0, *by);
    out->c1 = field256_mul(&BN254_FP, a->c1, *by);
}

void fp2_inverse(struct fp2 *out, const struct fp2 *a)
{
    fe256 norm =
        field256_add(&BN254_FP, field256_sqr(&BN254_FP, a->c0), field256_sqr(&BN254_FP, a->c1));
    fe256 inverse = field256_inverse(&BN254_FP, norm);
    fp2_conjugate(out, a);
    fp2_mul_fp(out, out, &inverse);
}

/* (9 + i)(c0 + c1 i) = 9 c0 - c1 + (9 c1 + c0) i */
static void fp2_mul_xi(struct fp2 *out, const struct fp2 *a)
{
    struct fp2 nine;
    fp2_double(&nine, a);
    fp2_double(&nine, &nine);
    fp2_double(&nine, &nine);
    fp2_add(&nine, &nine, a);
    fe256 c0 = field256_sub(&BN254_FP, nine.c0, a->c1);
    out->c1 = field256_add(&BN254_FP, nine.c1, a->c0);
    out->c0 = c0;
}

/* --- Fp6 */

static void fp6_add(struct fp6 *out, const struct fp6 *a, const struct fp6 *b)
{
    fp2_add(&out->c0, &a->c0, &b->c0);
    fp2_add(&out->c1, &a->c1, &b->c1);
    fp2_add(&out->c2, &a->c2, &b->c2);
}

static void fp6_sub(struct fp6 *out, const struct fp6 *a, const struct fp6 *b)
{
    fp2_sub(&out->c0, &a->c0, &b->c0);
    fp2_sub(&out->c1, &a->c1, &b->c1);
    fp2_sub(&out->c2, &a->c2, &b->c2);
}

static void fp6_neg(struct fp6 *out, const struct fp6 *a)
{
    fp2_neg(&out->c0, &a->c0);
    fp2_neg(&out->c1, &a->c1);
    fp2_neg(&out->c2, &a->c2);
}

static void fp6_mul_v(struct fp6 *out, const struct fp6 *a)
{
    struct fp2 c0;
    fp2_mul_xi(&c0, &a->c2);
    out->c2 = a->c1;
    out->c1 = a->c0;
    out->c0 = c0;
}

/* (a + b)(c + d) - ac - bd, that is ad + bc, where both products are known. */
static void fp2_mul_cross(struct fp2 *out, const struct fp2 *a, const struct fp2 *b,
                          const struct fp2 *c, const struct fp2 *d, const struct fp2 *ac,
                          const struct fp2 *bd)
{
    struct fp2 left, right;
    fp2_add(&left, a, b);
    fp2_add(&right, c, d);
    fp2_mul(out, &left, &right);
    fp2_sub(out, out, ac);
    fp2_sub(out, out, bd);
}

static void fp6_mul(struct fp6 *out, const struct fp6 *a, const struct fp6 *b)
{
    struct fp2 t0, t1, t2, cross;
    struct fp6 product;
    fp2_mul(&t0, &a->c0, &b->c0);
    fp2_mul(&t1, &a->c1, &b->c1);
    fp2_mul(&t2, &a->c2, &b->c2);
    fp2_mul_cross(&cross, &a->c1, &a->c2, &b->c1, &b->c2, &t1, &t2);
    fp2_mul_xi(&cross, &cross);
    fp2_add(&product.c0, &t0, &cross);
    fp2_mul_cross(&cross, &a->c0, &a->c1, &b->c0, &b->c1, &t0, &t1);
    fp2_mul_xi(&product.c1, &t2);
    fp2_add(&product.c1, &product.c1, &cross);
    fp2_mul_cross(&cross, &a->c0, &a->c2, &b->c0, &b->c2, &t0, &t2);
    fp2_add(&product.c2, &cross, &t1);
    *out = product;
}

/* a * (b0 + b1*v) */
static void fp6_mul_two(struct fp6 *out, const struct fp6 *a, const struct fp2 *b0,
                        const struct fp2 *b1)
{
    struct fp2 t0, t1, cross;
    struct fp6 product;
    fp2_mul(&t0, &a->c0, b0);
    fp2_mul(&t1, &a->c1, b1);
    fp2_mul(&cross, &a->c2, b1);
    fp2_mul_xi(&cross, &cross);
    fp2_add(&product.c0, &t0, &cross);
    fp2_mul_cross(&product.c1, &a->c0, &a->c1, b0, b1, &t0, &t1);
    fp2_mul(&cross, &a->c2, b0);
    fp2_add(&product.c2, &cross, &t1);
    *out = product;
}

static void fp6_mul_one(struct fp6 *out, const struct fp6 *a, const struct fp2 *b0)
{
    fp2_mul(&out->c0, &a->c0, b0);
    fp2_mul(&out->c1, &a->c1, b0);
    fp2_mul(&out->c2, &a->c2, b0);
}

static void fp6_inverse(struct fp6 *out, const struct fp6 *a)
{
    struct fp2 t0, t1, t2, cross, norm;
    fp2_sqr(&t0, &a->c0);
    fp2_mul(&cross, &a->c1, &a->c2);
    fp2_mul_xi(&cross, &cross);
    fp2_sub(&t0, &t0, &cross); /* c0^2 - xi c1 c2 */
    fp2_sqr(&t1, &a->c2);
    fp2_mul_xi(&t1, &t1);
    fp2_mul(&cross, &a->c0, &a->c1);
    fp2_sub(&t1, &t1, &cross); /* xi c2^2 - c0 c1 */
    fp2_sqr(&t2, &a->c1);
    fp2_mul(&cross, &a->c0, &a->c2);
    fp2_sub(&t2, &t2, &cross); /* c1^2 - c0 c2 */
    fp2_mul(&norm, &a->c2, &t1);
    fp2_mul(&cross, &a->c1, &t2);
    fp2_add(&norm, &norm, &cross);
    fp2_mul_xi(&norm, &norm);
    fp2_mul(&cross, &a->c0, &t0);
    fp2_add(&norm, &norm, &cross);
    fp2_inverse(&norm, &norm);
    fp2_mul(&out->c0, &t0, &norm);
    fp2_mul(&out->c1, &t1, &norm);
    fp2_mul(&out->c2, &t2, &norm);
}

/* --- Fp12 */

void fp12_one(struct fp12 *out)
{
    *out = (struct fp12){0};
    out->c0.c0.c0 = field256_one(&BN254_FP);
}

bool fp12_is_one(const struct fp12 *a)
{
    struct fp12 one;
    fp12_one(&one);
    return memcmp(a, &one, sizeof(one)) == 0; /* elements have one form only */
}

void fp12_mul(struct fp12 *out, const struct fp12 *a, const struct fp12 *b)
{
    struct fp6 low, high, left, right;
    fp6_add(&left, &a->c0, &a->c1);
    fp6_add(&right, &b->c0, &b->c1);
    fp6_mul(&low, &a->c0, &b->c0);
    fp6_mul(&high, &a->c1, &b->c1);
    fp6_mul(&out->c1, &left, &right);
    fp6_sub(&out->c1, &out->c1, &low);
    fp6_sub(&out->c1, &out->c1, &high);
    fp6_mul_v(&high, &high);
    fp6_add(&out->c0, &low, &high);
}

/* c0^2 + v c1^2 = (c0 + c1)(c0 + v c1) - c0 c1 - v c0 c1 */
void fp12_sqr(struct fp12 *out, const struct fp12 *a)
{
    struct fp6 product, left, right;
    fp6_mul(&product, &a->c0, &a->c1);
    fp6_add(&left, &a->c0, &a->c1);
    fp6_mul_v(&right, &a->c1);
    fp6_add(&right, &right, &a->c0);
    fp6_mul(&left, &left, &right);
    fp6_sub(&left, &left, &product);
    fp6_add(&out->c1, &product, &product);
    fp6_mul_v(&product, &product);
    fp6_sub(&out->c0, &left, &product);
}

void fp12_inverse(struct fp12 *out, const struct fp12 *a)
{
    struct fp6 norm, square;
    fp6_mul(&norm, &a->c0, &a->c0);
    fp6_mul(&square, &a->c1, &a->c1);
    fp6_mul_v(&square, &square);
    fp6_sub(&norm, &norm, &square);
    fp6_inverse(&norm, &norm);
    fp6_mul(&out->c0, &a->c0, &norm);
    fp6_mul(&out->c1, &a->c1, &norm);
    fp6_neg(&out->c1, &out->c1);
}

void fp12_conjugate(struct fp12 *out, const struct fp12 *a)
{
    out->c0 = a->c0;
    fp6_neg(&out->c1, &a->c1);
}

void fp12_frobenius(struct fp12 *out, const struct fp12 *a)
{
    /* In powers of w: 1, v = w^2, v^2 = w^4; then w, w v = w^3, w v^2 = w^5. */
    fp2_conjugate(&out->c0.c0, &a->c0.c0);
    fp2_conjugate(&out->c0.c1, &a->c0.c1);
    fp2_conjugate(&out->c0.c2, &a->c0.c2);
    fp2_conjugate(&out->c1.c0, &a->c1.c0);
    fp2_conjugate(&out->c1.c1, &a->c1.c1);
    fp2_conjugate(&out->c1.c2, &a->c1.c2);
    fp2_mul(&out->c1.c0, &out->c1.c0, &BN254_FROBENIUS[0]);
    fp2_mul(&out->c0.c1, &out->c0.c1, &BN254_FROBENIUS[1]);
    fp2_mul(&out->c1.c1, &out->c1.c1, &BN254_FROBENIUS[2]);
    fp2_mul(&out->c0.c2, &out->c0.c2, &BN254_FROBENIUS[3]);
    fp2_mul(&out->c1.c2, &out->c1.c2, &BN254_FROBENIUS[4]);
}

/* (a + b s)^2 = a^2 + xi b^2 + 2 a b s in Fp4 = Fp2[s] / (s^2 - xi). */
static void fp4_sqr(struct fp2 *low, struct fp2 *high, const struct fp2 *a, const struct fp2 *b)
{
    struct fp2 a_squared, b_squared, sum;
    fp2_sqr(&a_squared, a);
    fp2_sqr(&b_squared, b);
    fp2_add(&sum, a, b);
    fp2_sqr(&sum, &sum);
    fp2_sub(&sum, &sum, &a_squared);
    fp2_sub(high, &sum, &b_squared);
    fp2_mul_xi(&b_squared, &b_squared);
    fp2_add(low, &a_squared, &b_squared);
}

/* 3 t - 2 a, or 3 t + 2 a */
static void triple_less(struct fp2 *a, const struct fp2 *t)
{
    struct fp2 d;
    fp2_sub(&d, t, a);
    fp2_double(&d, &d);
    fp2_add(a, &d, t);
}

static void triple_plus(struct fp2 *a, const struct fp2 *t)
{
    struct fp2 d;
    fp2_add(&d, t, a);
    fp2_double(&d, &d);
    fp2_add(a, &d, t);
}

/* Granger and Scott, "Faster Squaring in the Cyclotomic Subgroup of Sixth Degree Extensions"
 * (2010), section 3.2: three squarings in Fp4. */
void fp12_cyclotomic_sqr(struct fp12 *out, const struct fp12 *a)
{
    struct fp2 low, high;
    struct fp12 r = *a;
    fp4_sqr(&low, &high, &a->c0.c0, &a->c1.c1);
    triple_less(&r.c0.c0, &low);
    triple_plus(&r.c1.c1, &high);
    fp4_sqr(&low, &high, &a->c1.c0, &a->c0.c2);
    triple_less(&r.c0.c1, &low);
    triple_plus(&r.c1.c2, &high);
    fp4_sqr(&low, &high, &a->c0.c1, &a->c1.c2);
    triple_less(&r.c0.c2, &low);
    fp2_mul_xi(&high, &high);
    triple_plus(&r.c1.c0, &high);
    *out = r;
}

void fp12_mul_line(struct fp12 *out, const struct fp2 *l0, const struct fp2 *l1,
                   const struct fp2 *l3)
{
    struct fp6 low, high, sum;
    struct fp2 l01;
    fp6_mul_one(&low, &out->c0, l0);
    fp6_mul_two(&high, &out->c1, l1, l3);
    fp2_add(&l01, l0, l1);
    fp6_add(&sum, &out->c0, &out->c1);
    fp6_mul_two(&sum, &sum, &l01, l3);
    fp6_sub(&sum, &sum, &low);
    fp6_sub(&out->c1, &sum, &high);
    fp6_mul_v(&high, &high);
    fp6_add(&out->c0, &low, &high);
}

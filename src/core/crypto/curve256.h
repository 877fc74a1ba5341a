/* Points of y^2 = x^3 + a * x + b over a 256-bit field, written once for every such curve.
 *
 * This file is a template. The curve's .c file defines, before it includes it,
 *
 *     static const struct field256 FIELD = {...};
 *     #define CURVE_A 0                               0 or -3
 *
 * and gets static functions for that curve, with the field's words folded into them. The group must
 * have prime order. Nothing runs in constant time: signatures are public.
 *
 * A point is Jacobian, (X / Z^2, Y / Z^3), so that adding needs no inversion; Z = 0 is infinity.
 * Scalars are cut into signed digits, odd or zero, most of them zero (wNAF: Handbook of Elliptic
 * and Hyperelliptic Curve Cryptography, 9.1.4), which pick odd multiples from small tables; the
 * digits of several scalars share one run of doublings. */
#ifndef CRYPTO_CURVE256_H
#define CRYPTO_CURVE256_H

#include "crypto/field256.h"

struct affine {
    fe256 x, y; /* never infinity */
};

struct point {
    fe256 x, y, z;
};

#define WNAF_MAX_DIGITS 257 /* a carry may leave one more digit than the scalar has bits */

/* One scalar of a sum: its digits over a table of 1, 3, 5, … times its point. */
struct curve_term {
    const struct affine *odd;
    bool negative;
    unsigned count;
    i8 digits[WNAF_MAX_DIGITS]; /* lowest first */
};

[[gnu::noinline]] static void mul(fe256 *out, const fe256 *a, const fe256 *b)
{
    *out = field256_mul(&FIELD, *a, *b);
}

[[gnu::noinline]] static void sqr(fe256 *out, const fe256 *a)
{
    *out = field256_sqr(&FIELD, *a);
}

static inline void add(fe256 *out, const fe256 *a, const fe256 *b)
{
    *out = field256_add(&FIELD, *a, *b);
}

static inline void sub(fe256 *out, const fe256 *a, const fe256 *b)
{
    *out = field256_sub(&FIELD, *a, *b);
}

/* The tangent's slope is L / (Y * Z) with L = (3 * X^2 + a * Z^4) / 2. */
static void point_double(struct point *p)
{
    fe256 l, s, t, tangent;
#if CURVE_A == 0
    sqr(&tangent, &p->x);
#elif CURVE_A == -3
    fe256 zz, low, high; /* X^2 - Z^4 in two factors */
    sqr(&zz, &p->z);
    sub(&low, &p->x, &zz);
    add(&high, &p->x, &zz);
    mul(&tangent, &low, &high);
#else
#error "a curve's a is 0 or -3"
#endif
    add(&l, &tangent, &tangent);
    add(&l, &l, &tangent);
    l = field256_half(&FIELD, l);
    sqr(&s, &p->y);
    mul(&t, &p->x, &s);
    mul(&p->z, &p->y, &p->z);
    sqr(&p->x, &l); /* X' = L^2 - 2 * X * Y^2 */
    sub(&p->x, &p->x, &t);
    sub(&p->x, &p->x, &t);
    sub(&t, &t, &p->x); /* Y' = L * (X * Y^2 - X') - Y^4 */
    mul(&t, &l, &t);
    sqr(&s, &s);
    sub(&p->y, &t, &s);
}

/* p += q; every case, also p at infinity, p = q and p = -q. */
static void point_add_affine(struct point *p, const struct affine *q)
{
    fe256 zz, h, r, hh, hhh, v;
    if (fe256_is_zero(p->z)) {
        *p = (struct point){q->x, q->y, field256_one(&FIELD)};
        return;
    }
    sqr(&zz, &p->z);
    mul(&h, &q->x, &zz);
    sub(&h, &h, &p->x);
    mul(&r, &p->z, &zz);
    mul(&r, &q->y, &r);
    sub(&r, &r, &p->y);
    if (fe256_is_zero(h)) {
        if (fe256_is_zero(r))
            point_double(p);
        else
            p->z = FE256_ZERO;
        return;
    }
    sqr(&hh, &h);
    mul(&hhh, &h, &hh);
    mul(&v, &p->x, &hh);
    mul(&p->z, &p->z, &h);
    sqr(&p->x, &r); /* X' = R^2 - H^3 - 2 * V */
    sub(&p->x, &p->x, &hhh);
    sub(&p->x, &p->x, &v);
    sub(&p->x, &p->x, &v);
    sub(&v, &v, &p->x); /* Y' = R * (V - X') - Y * H^3 */
    mul(&v, &r, &v);
    mul(&hhh, &p->y, &hhh);
    sub(&p->y, &v, &hhh);
}

static inline struct affine point_to_affine(const struct point *p)
{
    struct affine out;
    fe256 inverse = field256_inverse(&FIELD, p->z), power;
    sqr(&power, &inverse);
    mul(&out.x, &p->x, &power);
    mul(&power, &power, &inverse);
    mul(&out.y, &p->y, &power);
    return out;
}

/* 1, 3, 5, … 2 * count - 1 times p; count is at most 16.
 * With 2p = (X, Y, Z), the map (x * Z^2, y * Z^3) leads to a curve where 2p is the affine (X, Y),
 * so that adding it is cheap; multiplying every z by Z at the end leads back. */
static inline void curve_odd_multiples(const struct affine *p, struct affine *out, unsigned count)
{
    struct point twice = {p->x, p->y, field256_one(&FIELD)}, sum[16];
    fe256 inverses[16], scratch[16], power;
    point_double(&twice);
    struct affine step = {twice.x, twice.y};
    sqr(&power, &twice.z);
    mul(&sum[0].x, &p->x, &power);
    mul(&power, &power, &twice.z);
    mul(&sum[0].y, &p->y, &power);
    sum[0].z = field256_one(&FIELD);
    for (unsigned i = 1; i < count; i++) {
        sum[i] = sum[i - 1];
        point_add_affine(&sum[i], &step);
    }
    for (unsigned i = 0; i < count; i++)
        mul(&inverses[i], &sum[i].z, &twice.z);
    field256_inverse_many(&FIELD, inverses, count, scratch);
    out[0] = *p;
    for (unsigned i = 1; i < count; i++) {
        sqr(&power, &inverses[i]);
        mul(&out[i].x, &sum[i].x, &power);
        mul(&power, &power, &inverses[i]);
        mul(&out[i].y, &sum[i].y, &power);
    }
}

/* Digits of `width` bits: odd and below 2^(width - 1) either way, or zero. At most 8 bits. */
static inline void curve_set_digits(struct curve_term *term, u256 scalar, unsigned width)
{
    unsigned at = 0;
    u64 size = (u64)1 << width;
    memset(term->digits, 0, sizeof(term->digits));
    term->count = 0;
    while (!u256_is_zero(scalar)) {
        unsigned zeros = 0;
        while (scalar.w[0] == 0) {
            scalar = (u256){{scalar.w[1], scalar.w[2], scalar.w[3], 0}};
            zeros += 64;
        }
        unsigned low = (unsigned)__builtin_ctzl(scalar.w[0]);
        scalar = u256_shr(scalar, low);
        at += zeros + low;
        i64 digit = (i64)(scalar.w[0] & (size - 1));
        /* Rather the next digit one more and this one negative than a digit of the upper half. A
         * scalar within a digit of 2^256 would lose its carry: scalars are below a group order. */
        if (digit >= (i64)(size / 2)) {
            digit -= (i64)size;
            scalar = u256_add(scalar, u256_from_u64((u64)-digit));
        } else {
            scalar = u256_sub(scalar, u256_from_u64((u64)digit));
        }
        term->digits[at] = (i8)digit;
        term->count = at + 1;
    }
}

static inline struct point curve_sum(const struct curve_term *terms, usize count)
{
    struct point sum = {FE256_ZERO, field256_one(&FIELD), FE256_ZERO};
    unsigned digits = 0;
    for (usize i = 0; i < count; i++)
        if (terms[i].count > digits)
            digits = terms[i].count;
    for (unsigned at = digits; at-- > 0;) {
        point_double(&sum);
        for (usize i = 0; i < count; i++) {
            int digit = terms[i].digits[at];
            if (digit == 0)
                continue;
            struct affine pick = terms[i].odd[(digit < 0 ? -digit : digit) / 2];
            if ((digit < 0) != terms[i].negative)
                pick.y = field256_neg(&FIELD, pick.y);
            point_add_affine(&sum, &pick);
        }
    }
    return sum;
}

/* True if the abscissa of p, reduced modulo the group order, is r (below the order): then it is r,
 * or r + order where the field has that value. Compares x * Z^2, which saves an inversion. */
static inline bool curve_abscissa_is(const struct point *p, u256 r, u256 order)
{
    fe256 zz, x;
    if (fe256_is_zero(p->z))
        return false;
    sqr(&zz, &p->z);
    x = field256_from_u256(&FIELD, r);
    mul(&x, &x, &zz);
    if (fe256_equal(x, p->x))
        return true;
    u256 other;
    if (u256_add_overflow(r, order, &other) || !u256_less(other, FIELD.modulus))
        return false;
    x = field256_from_u256(&FIELD, other);
    mul(&x, &x, &zz);
    return fe256_equal(x, p->x);
}

#endif

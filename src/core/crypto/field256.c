#include "crypto/field256.h"

#include "base/bug.h"

bool field256_is_consistent(const struct field256 *field)
{
    u256 m = field->modulus;
    u256 one = U256_ONE;
    if (!field256_is_plain(field))
        one = u256_mod(u256_negate(m), m); /* 2^256 - m, which is 2^256 modulo m */
    return (m.w[0] & 1) != 0 && m.w[3] != 0 && u256_equal(field->one, one) &&
           u256_equal(field->r_squared, u256_mulmod(one, one, m)) &&
           field->negated_inverse * m.w[0] == UINT64_MAX;
}

fe256 field256_pow(const struct field256 *field, fe256 a, u256 exponent)
{
    fe256 powers[16];
    powers[0] = field256_one(field);
    for (int i = 1; i < 16; i++)
        powers[i] = field256_mul(field, powers[i - 1], a);
    fe256 out = powers[0];
    for (int digit = 63; digit >= 0; digit--) {
        for (int i = 0; i < 4; i++)
            out = field256_sqr(field, out);
        u64 bits = exponent.w[digit / 16] >> (digit % 16 * 4) & 15;
        if (bits != 0)
            out = field256_mul(field, out, powers[bits]);
    }
    return out;
}

bool field256_sqrt(const struct field256 *field, fe256 a, fe256 *root)
{
    assert((field->modulus.w[0] & 3) == 3);
    u256 exponent = u256_add(u256_shr(field->modulus, 2), U256_ONE); /* (m + 1) / 4 */
    *root = field256_pow(field, a, exponent);
    return fe256_equal(field256_sqr(field, *root), a);
}

/* Inversion: Bernstein and Yang, "Fast constant-time gcd computation and modular inversion" (2019),
 * in variable time. With f = m and g = a to begin with, steps make g zero and f the gcd, 1 or -1:
 *
 *     delta > 0 and g odd:  delta, f, g = 1 - delta, g, (g - f) / 2
 *     g odd:                delta, f, g = 1 + delta, f, (g + f) / 2
 *     g even:               delta, f, g = 1 + delta, f, g / 2
 *
 * Which way a step goes depends on the lowest bits only, so 62 steps are taken on one word each,
 * gathered in a 2x2 matrix, and applied to the long numbers at once (section 10 there). d and e
 * follow with the invariants d * a = f and e * a = g modulo m, so that in the end 1/a is d or -d.
 */
#define LIMBS 5
#define LIMB_BITS 62
#define LIMB_MASK ((u64)-1 >> (64 - LIMB_BITS))

/* Signed: limbs of 62 bits, all but the highest between 0 and 2^62. */
struct signed310 {
    i64 limb[LIMBS];
};

/* 62 steps at once: 2^62 * f' = u * f + v * g, 2^62 * g' = q * f + r * g. */
struct steps {
    i64 u, v, q, r;
};

static struct signed310 signed_from_words(const u64 w[4])
{
    struct signed310 out;
    out.limb[0] = (i64)(w[0] & LIMB_MASK);
    out.limb[1] = (i64)((w[0] >> 62 | w[1] << 2) & LIMB_MASK);
    out.limb[2] = (i64)((w[1] >> 60 | w[2] << 4) & LIMB_MASK);
    out.limb[3] = (i64)((w[2] >> 58 | w[3] << 6) & LIMB_MASK);
    out.limb[4] = (i64)(w[3] >> 56);
    return out;
}

/* The value modulo 2^256. */
static u256 signed_to_words(const struct signed310 *a)
{
    u64 l[LIMBS];
    for (int i = 0; i < LIMBS; i++)
        l[i] = (u64)a->limb[i];
    return (u256){{l[0] | l[1] << 62, l[1] >> 2 | l[2] << 60, l[2] >> 4 | l[3] << 58,
                   l[3] >> 6 | l[4] << 56}};
}

static bool signed_is_zero(const struct signed310 *a)
{
    i64 any = 0;
    for (int i = 0; i < LIMBS; i++)
        any |= a->limb[i];
    return any == 0;
}

/* Takes 62 steps from delta and the lowest words of f and g; returns the new delta. */
static i64 take_steps(i64 delta, u64 f, u64 g, struct steps *out)
{
    u64 u = 1, v = 0, q = 0, r = 1; /* as u64: shifts of negative numbers are undefined */
    int left = LIMB_BITS;
    for (;;) {
        /* Steps over even g halve it; f's row doubles instead, to keep one denominator. */
        int zeros = __builtin_ctzl(g | (u64)-1 << left);
        g >>= zeros;
        u <<= zeros;
        v <<= zeros;
        delta += zeros;
        left -= zeros;
        if (left == 0)
            break;
        if (delta > 0) {
            u64 old_f = f, old_u = u, old_v = v;
            delta = -delta;
            f = g, u = q, v = r;
            g = -old_f, q = -old_u, r = -old_v;
        }
        /* Until delta is positive again, steps only add f where g is odd: so add at once the
         * multiple of f that clears several low bits. 1/f = f * (2 - f^2) modulo 64. */
        int limit = (int)(1 - delta) < left ? (int)(1 - delta) : left;
        if (limit > 6)
            limit = 6;
        u64 multiple = g * f * (f * f - 2) & (((u64)1 << limit) - 1);
        g += f * multiple;
        q += u * multiple;
        r += v * multiple;
    }
    *out = (struct steps){(i64)u, (i64)v, (i64)q, (i64)r};
    return delta;
}

/* f and g after the steps. */
static void move_pair(const struct steps *by, struct signed310 *f, struct signed310 *g)
{
    i128 sum_f = 0, sum_g = 0;
    for (int i = 0; i < LIMBS; i++) {
        sum_f += (i128)by->u * f->limb[i] + (i128)by->v * g->limb[i];
        sum_g += (i128)by->q * f->limb[i] + (i128)by->r * g->limb[i];
        if (i > 0) { /* the lowest limbs are zero: that is what the steps made sure of */
            f->limb[i - 1] = (i64)((u64)sum_f & LIMB_MASK);
            g->limb[i - 1] = (i64)((u64)sum_g & LIMB_MASK);
        }
        sum_f >>= LIMB_BITS;
        sum_g >>= LIMB_BITS;
    }
    f->limb[LIMBS - 1] = (i64)sum_f;
    g->limb[LIMBS - 1] = (i64)sum_g;
}

/* (a * d + b * e) / 2^62 modulo m, between -2m and m as d and e are: m is added where they are
 * negative, and its multiple below 2^62 * m is taken away that clears the lowest limb. */
static struct signed310 move_cofactor(i64 a, const struct signed310 *d, i64 b,
                                      const struct signed310 *e, const struct signed310 *m,
                                      u64 inverse)
{
    struct signed310 out;
    i64 multiple = (d->limb[LIMBS - 1] < 0 ? a : 0) + (e->limb[LIMBS - 1] < 0 ? b : 0);
    u64 low = (u64)a * (u64)d->limb[0] + (u64)b * (u64)e->limb[0];
    multiple -= (i64)((inverse * low + (u64)multiple) & LIMB_MASK);
    i128 sum = 0;
    for (int i = 0; i < LIMBS; i++) {
        sum += (i128)a * d->limb[i] + (i128)b * e->limb[i] + (i128)multiple * m->limb[i];
        if (i > 0)
            out.limb[i - 1] = (i64)((u64)sum & LIMB_MASK);
        sum >>= LIMB_BITS;
    }
    out.limb[LIMBS - 1] = (i64)sum;
    return out;
}

/* a or -a, plus m where the result is negative. */
static void fold(struct signed310 *a, bool negate, const struct signed310 *m)
{
    bool add = (a->limb[LIMBS - 1] < 0) != negate && !signed_is_zero(a);
    i64 carry = 0;
    for (int i = 0; i < LIMBS; i++) {
        carry += (negate ? -a->limb[i] : a->limb[i]) + (add ? m->limb[i] : 0);
        a->limb[i] = i < LIMBS - 1 ? (i64)((u64)carry & LIMB_MASK) : carry;
        carry >>= LIMB_BITS;
    }
}

fe256 field256_inverse(const struct field256 *field, fe256 a)
{
    struct signed310 m = signed_from_words(field->modulus.w);
    struct signed310 f = m, g = signed_from_words(a.w), d = {{0}}, e = {{1}};
    u64 inverse = -field->negated_inverse; /* of m */
    i64 delta = 1;
    while (!signed_is_zero(&g)) {
        struct steps by;
        delta = take_steps(delta, (u64)f.limb[0] | (u64)f.limb[1] << LIMB_BITS,
                           (u64)g.limb[0] | (u64)g.limb[1] << LIMB_BITS, &by);
        move_pair(&by, &f, &g);
        struct signed310 new_d = move_cofactor(by.u, &d, by.v, &e, &m, inverse);
        e = move_cofactor(by.q, &d, by.r, &e, &m, inverse);
        d = new_d;
    }
    fold(&d, false, &m); /* between -m and m */
    fold(&d, f.limb[LIMBS - 1] < 0, &m);
    /* d is the inverse of a * R; twice R is what its form wants on top. */
    return field256_from_u256(field, fe256_words(field256_from_u256(field, signed_to_words(&d))));
}

void field256_inverse_many(const struct field256 *field, fe256 *elements, usize count,
                           fe256 *products)
{
    fe256 product = field256_one(field);
    for (usize i = 0; i < count; i++) {
        products[i] = product; /* of all before i */
        if (!fe256_is_zero(elements[i]))
            product = field256_mul(field, product, elements[i]);
    }
    fe256 inverse = field256_inverse(field, product);
    for (usize i = count; i-- > 0;) {
        if (fe256_is_zero(elements[i]))
            continue;
        fe256 before = field256_mul(field, inverse, products[i]);
        inverse = field256_mul(field, inverse, elements[i]);
        elements[i] = before;
    }
}

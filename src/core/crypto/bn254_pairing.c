/* The optimal ate pairing on BN254, as a check that a product of pairings is one.
 *
 * f = product over the pairs of the Miller functions for 6u + 2 and two more lines (Vercauteren,
 * "Optimal Pairings", 2008); pairs share the squarings. The result is one exactly if f raised to
 * (p^12 - 1) / r is; any multiple of that exponent that is prime to r serves. */
#include "crypto/bn254.h"
#include "crypto/bn254_tower.h"

enum {
    PAIRS_AT_ONCE = 8, /* share their squarings; more gain little */
    U_TOP_BIT = 62,
};

#define U 0x44e992b44a6909f1ul /* the curve's parameter: p and r are polynomials in it */

/* u in non-adjacent form: bits that count as 1 and as -1. */
#define U_PLUS 0x450a14044a890a01ul
#define U_MINUS 0x0020815000200010ul
static_assert(U_PLUS - U_MINUS == U, "the same number");

/* 6u + 2 in non-adjacent form, lowest digit first. */
static const signed char LOOP[] = {
    0,  0, 0, 1,  0, 1, 0, -1, 0,  0, -1, 0,  0, 0,  1, 0, 0, -1, 0, -1, 0, 0,
    0,  1, 0, -1, 0, 0, 0, 0,  -1, 0, 0,  1,  0, -1, 0, 0, 1, 0,  0, 0,  0, 0,
    -1, 0, 0, -1, 0, 1, 0, -1, 0,  0, 0,  -1, 0, -1, 0, 0, 0, 1,  0, -1, 0, 1,
};

/* A point of the twist y^2 = x^3 + 3/xi, where G2 lies. */
struct g2_affine {
    struct fp2 x, y;
};

/* Homogeneous: x/z, y/z; infinity has z = 0. */
struct g2_point {
    struct fp2 x, y, z;
};

/* l0*y + l1*x*w + l3*w^3 is a line's value at a point (x, y) of G1. */
struct line {
    struct fp2 l0, l1, l3;
};

static const struct fp2 TWIST_B = {
    {{0x3bf938e377b802a8, 0x020b1b273633535d, 0x26b7edf049755260, 0x2514c6324384a86d}},
    {{0x38e7ecccd1dcff67, 0x65f0b37d93ce0d3e, 0xd749d0dd22ac00aa, 0x0141b9ce4a688d4d}},
};

static void fp2_triple(struct fp2 *out, const struct fp2 *a)
{
    struct fp2 twice;
    fp2_double(&twice, a);
    fp2_add(out, &twice, a);
}

static void fp2_half(struct fp2 *out, const struct fp2 *a)
{
    out->c0 = field256_half(&BN254_FP, a->c0);
    out->c1 = field256_half(&BN254_FP, a->c1);
}

/* --- Steps of the loop. Costello, Lange, Naehrig, "Faster Pairing Computations on Curves with
 * High-Degree Twists" (2010), section 5. */

/* t = 2t, and the tangent at the old t. */
static void step_double(struct g2_point *t, struct line *line)
{
    struct fp2 a, b, c, e, f, g, h;
    fp2_mul(&a, &t->x, &t->y);
    fp2_half(&a, &a);
    fp2_sqr(&b, &t->y);
    fp2_sqr(&c, &t->z);
    fp2_triple(&e, &c);
    fp2_mul(&e, &e, &TWIST_B);
    fp2_triple(&f, &e);
    fp2_add(&g, &b, &f);
    fp2_half(&g, &g);
    fp2_add(&h, &t->y, &t->z);
    fp2_sqr(&h, &h);
    fp2_sub(&h, &h, &b);
    fp2_sub(&h, &h, &c); /* 2yz */
    fp2_neg(&line->l0, &h);
    fp2_sqr(&c, &t->x);
    fp2_triple(&line->l1, &c);
    fp2_sub(&line->l3, &e, &b);
    fp2_sub(&f, &b, &f);
    fp2_mul(&t->x, &a, &f);
    fp2_sqr(&e, &e);
    fp2_triple(&e, &e);
    fp2_sqr(&g, &g);
    fp2_sub(&t->y, &g, &e);
    fp2_mul(&t->z, &b, &h);
}

/* t = t + q, and the line through both. Where they are equal or opposite, all comes out as zero;
 * points of the subgroup never meet so in the loop. */
static void step_add(struct g2_point *t, const struct g2_affine *q, struct line *line)
{
    struct fp2 theta, lambda, c, d, e, f, g, h;
    fp2_mul(&theta, &q->y, &t->z);
    fp2_sub(&theta, &t->y, &theta);
    fp2_mul(&lambda, &q->x, &t->z);
    fp2_sub(&lambda, &t->x, &lambda);
    fp2_sqr(&c, &theta);
    fp2_sqr(&d, &lambda);
    fp2_mul(&e, &lambda, &d);
    fp2_mul(&f, &t->z, &c);
    fp2_mul(&g, &t->x, &d);
    fp2_add(&h, &e, &f);
    fp2_sub(&h, &h, &g);
    fp2_sub(&h, &h, &g);
    fp2_mul(&t->x, &lambda, &h);
    fp2_sub(&g, &g, &h);
    fp2_mul(&g, &theta, &g);
    fp2_mul(&h, &e, &t->y);
    fp2_sub(&t->y, &g, &h);
    fp2_mul(&t->z, &t->z, &e);
    line->l0 = lambda;
    fp2_neg(&line->l1, &theta);
    fp2_mul(&c, &theta, &q->x);
    fp2_mul(&d, &lambda, &q->y);
    fp2_sub(&line->l3, &c, &d);
}

/* The p-power map carried over to the twist; on the subgroup it multiplies by p. */
static void g2_frobenius(struct g2_affine *out, const struct g2_affine *a)
{
    fp2_conjugate(&out->x, &a->x);
    fp2_conjugate(&out->y, &a->y);
    fp2_mul(&out->x, &out->x, &BN254_FROBENIUS[1]);
    fp2_mul(&out->y, &out->y, &BN254_FROBENIUS[2]);
}

static bool g2_is_infinity(const struct g2_affine *a)
{
    return fp2_is_zero(&a->x) && fp2_is_zero(&a->y); /* (0, 0) is not on the twist */
}

static bool g2_on_curve(const struct g2_affine *a)
{
    struct fp2 left, right;
    fp2_sqr(&left, &a->y);
    fp2_sqr(&right, &a->x);
    fp2_mul(&right, &right, &a->x);
    fp2_add(&right, &right, &TWIST_B);
    return fp2_equal(&left, &right);
}

/* --- The loop. */

struct pair {
    fe256 x, y; /* in G1 */
    struct g2_affine q, minus_q;
    struct g2_point t;
    bool counts; /* false: the point of G1 is infinity, so that the pairing is one */
};

static void pair_multiply(const struct pair *pair, struct line *line, struct fp12 *f)
{
    if (!pair->counts)
        return;
    fp2_mul_fp(&line->l0, &line->l0, &pair->y);
    fp2_mul_fp(&line->l1, &line->l1, &pair->x);
    fp12_mul_line(f, &line->l0, &line->l1, &line->l3);
}

static void pair_add(struct pair *pair, const struct g2_affine *q, struct fp12 *f)
{
    struct line line;
    step_add(&pair->t, q, &line);
    pair_multiply(pair, &line, f);
}

/* The two lines after the loop, through F(q) and -F(F(q)) for the Frobenius map F; then whether q
 * is in the subgroup, which costs but a comparison here.
 *
 * t has become [6u + 2]q + F(q) - F^2(q). In the subgroup that is -F^3(q), as r divides
 * 6u + 2 + p - p^2 + p^3. Outside it is not: the norm of 6u + 2 + F - F^2 + F^3, which kills every
 * point that satisfies the equation (F^2 - (6u^2 + 1)F + p = 0 on the twist), is prime to the
 * cofactor 2p - r. And where an addition met equal or opposite points, z is zero. The method is
 * that of El Housni, Guillevic, Piellard, "Co-factor clearing and subgroup membership testing on
 * pairing-friendly curves" (2022). */
static enum status pair_finish(struct pair *pair, struct fp12 *f)
{
    struct g2_affine first, second, third;
    g2_frobenius(&first, &pair->q);
    g2_frobenius(&second, &first);
    g2_frobenius(&third, &second);
    fp2_neg(&second.y, &second.y);
    pair_add(pair, &first, f);
    pair_add(pair, &second, f);
    fp2_neg(&third.y, &third.y);
    fp2_mul(&third.x, &third.x, &pair->t.z);
    fp2_mul(&third.y, &third.y, &pair->t.z);
    bool inside = !fp2_is_zero(&pair->t.z) && fp2_equal(&third.x, &pair->t.x) &&
                  fp2_equal(&third.y, &pair->t.y);
    return inside ? ST_OK : ST_INVALID;
}

/* *f = the product of the pairs' Miller functions. ST_INVALID: a point of G2 is outside the
 * subgroup. */
static enum status miller_loop(struct pair *pairs, usize count, struct fp12 *f)
{
    fp12_one(f);
    for (usize digit = countof(LOOP) - 1; digit-- > 0;) {
        fp12_sqr(f, f);
        for (struct pair *pair = pairs; pair != pairs + count; pair++) {
            struct line line;
            step_double(&pair->t, &line);
            pair_multiply(pair, &line, f);
            if (LOOP[digit] != 0)
                pair_add(pair, LOOP[digit] > 0 ? &pair->q : &pair->minus_q, f);
        }
    }
    for (struct pair *pair = pairs; pair != pairs + count; pair++)
        TRY(pair_finish(pair, f));
    return ST_OK;
}

/* --- Final exponentiation. */

/* a^-u; inverting is conjugating there. */
static void pow_minus_u(struct fp12 *out, const struct fp12 *a)
{
    struct fp12 r = *a, minus;
    fp12_conjugate(&minus, a);
    for (int bit = U_TOP_BIT; bit-- > 0;) {
        fp12_cyclotomic_sqr(&r, &r);
        if ((U_PLUS >> bit & 1) != 0)
            fp12_mul(&r, &r, a);
        else if ((U_MINUS >> bit & 1) != 0)
            fp12_mul(&r, &r, &minus);
    }
    fp12_conjugate(out, &r);
}

/* a to a multiple of (p^12 - 1) / r: (p^6 - 1)(p^2 + 1), then by the addition chain of Fuentes-
 * Castaneda, Knapp, Rodriguez-Henriquez, "Faster Hashing to G2" (2011), section 5. */
static void final_exponentiation(struct fp12 *f)
{
    struct fp12 a, y1, y3, y4, y6, y8, y9, t;
    fp12_inverse(&t, f);
    fp12_conjugate(&a, f);
    fp12_mul(&a, &a, &t);
    fp12_frobenius(&t, &a);
    fp12_frobenius(&t, &t);
    fp12_mul(&a, &t, &a);

    pow_minus_u(&t, &a);
    fp12_cyclotomic_sqr(&y1, &t); /* a^-2u */
    fp12_cyclotomic_sqr(&t, &y1);
    fp12_mul(&y3, &t, &y1); /* a^-6u */
    pow_minus_u(&y4, &y3);  /* a^6u^2 */
    fp12_cyclotomic_sqr(&t, &y4);
    pow_minus_u(&y6, &t); /* a^-12u^3 */
    fp12_conjugate(&y3, &y3);
    fp12_conjugate(&y6, &y6);
    fp12_mul(&y8, &y6, &y4);
    fp12_mul(&y8, &y8, &y3); /* a^(12u^3 + 6u^2 + 6u) */
    fp12_mul(&y9, &y8, &y1); /* a^(12u^3 + 6u^2 + 4u) */

    fp12_mul(f, &y8, &y4);
    fp12_mul(f, f, &a); /* a^(12u^3 + 12u^2 + 6u + 1) */
    fp12_frobenius(&t, &y9);
    fp12_mul(f, f, &t);
    fp12_frobenius(&t, &y8);
    fp12_frobenius(&t, &t);
    fp12_mul(f, f, &t);
    fp12_conjugate(&a, &a);
    fp12_mul(&t, &a, &y9);
    for (int i = 0; i < 3; i++)
        fp12_frobenius(&t, &t);
    fp12_mul(f, f, &t);
}

/* --- The check. */

static enum status read_g2(const u8 *in, struct g2_affine *out)
{
    bool ok = field256_read(&BN254_FP, in, &out->x.c1);
    ok &= field256_read(&BN254_FP, in + 32, &out->x.c0);
    ok &= field256_read(&BN254_FP, in + 64, &out->y.c1);
    ok &= field256_read(&BN254_FP, in + 96, &out->y.c0);
    return ok && (g2_is_infinity(out) || g2_on_curve(out)) ? ST_OK : ST_INVALID;
}

static void pair_init(struct pair *pair)
{
    pair->minus_q = pair->q;
    fp2_neg(&pair->minus_q.y, &pair->q.y);
    pair->t = (struct g2_point){.x = pair->q.x, .y = pair->q.y};
    pair->t.z.c0 = field256_one(&BN254_FP);
}

enum status bn254_pairing_check(bytes in, bool *is_one)
{
    struct pair pairs[PAIRS_AT_ONCE];
    struct fp12 product, f;
    usize waiting = 0;
    if (in.size % BN254_PAIR_SIZE != 0)
        return ST_INVALID;
    fp12_one(&product);
    for (usize at = 0; at < in.size; at += BN254_PAIR_SIZE) {
        struct pair *pair = &pairs[waiting];
        TRY(bn254_read_g1(in.data + at, &pair->x, &pair->y));
        TRY(read_g2(in.data + at + BN254_G1_SIZE, &pair->q));
        pair->counts = !fe256_is_zero(pair->x) || !fe256_is_zero(pair->y);
        if (g2_is_infinity(&pair->q))
            continue; /* pairs to one */
        pair_init(pair);
        if (++waiting == PAIRS_AT_ONCE) {
            TRY(miller_loop(pairs, waiting, &f));
            fp12_mul(&product, &product, &f);
            waiting = 0;
        }
    }
    if (waiting != 0) {
        TRY(miller_loop(pairs, waiting, &f));
        fp12_mul(&product, &product, &f);
    }
    final_exponentiation(&product);
    *is_one = fp12_is_one(&product);
    return ST_OK;
}

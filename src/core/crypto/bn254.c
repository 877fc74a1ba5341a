#include "crypto/bn254.h"

#include "crypto/bn254_tower.h"

/* --- The curve y^2 = x^3 + 3. Its order is prime, so that every point on it is in the group, and
 * none has y = 0. */

struct g1_affine {
    fe256 x, y; /* (0, 0) is infinity */
};

/* Jacobian: x/z^2, y/z^3; infinity has z = 0. */
struct g1_point {
    fe256 x, y, z;
};

static const fe256 CURVE_B = {
    {0x7a17caa950ad28d7, 0x1f6ac17ae15521b9, 0x334bea4e696bd284, 0x2a1f6744ce179d8e}};

static fe256 mul(fe256 a, fe256 b)
{
    return field256_mul(&BN254_FP, a, b);
}

static fe256 sqr(fe256 a)
{
    return field256_sqr(&BN254_FP, a);
}

static fe256 sub(fe256 a, fe256 b)
{
    return field256_sub(&BN254_FP, a, b);
}

static fe256 twice(fe256 a)
{
    return field256_double(&BN254_FP, a);
}

static bool affine_is_infinity(const struct g1_affine *a)
{
    return fe256_is_zero(a->x) && fe256_is_zero(a->y);
}

static void affine_negate_if(struct g1_affine *a, bool negate)
{
    if (negate)
        a->y = field256_neg(&BN254_FP, a->y);
}

/* Explicit-Formulas Database, short Weierstrass with a = 0, Jacobian: dbl-2009-l. */
static void point_double(struct g1_point *p)
{
    fe256 a = sqr(p->x), b = sqr(p->y), c = sqr(b);
    fe256 d = twice(sub(sub(sqr(field256_add(&BN254_FP, p->x, b)), a), c));
    fe256 e = field256_add(&BN254_FP, twice(a), a);
    p->z = twice(mul(p->y, p->z));
    p->x = sub(sqr(e), twice(d));
    p->y = sub(mul(e, sub(d, p->x)), twice(twice(twice(c))));
}

/* Complete: infinities, equal and opposite points included. */
static void point_add(struct g1_point *p, const struct g1_affine *q)
{
    if (affine_is_infinity(q))
        return;
    if (fe256_is_zero(p->z)) {
        *p = (struct g1_point){q->x, q->y, field256_one(&BN254_FP)};
        return;
    }
    fe256 z_squared = sqr(p->z);
    fe256 h = sub(mul(q->x, z_squared), p->x);
    fe256 r = sub(mul(mul(q->y, z_squared), p->z), p->y);
    if (fe256_is_zero(h)) {
        if (fe256_is_zero(r))
            point_double(p);
        else
            *p = (struct g1_point){0};
        return;
    }
    fe256 h_squared = sqr(h), h_cubed = mul(h, h_squared);
    fe256 v = mul(p->x, h_squared);
    fe256 x = sub(sub(sqr(r), h_cubed), twice(v));
    p->y = sub(mul(r, sub(v, x)), mul(p->y, h_cubed));
    p->x = x;
    p->z = mul(p->z, h);
}

/* With 1/z; infinity gives (0, 0), since zero inverts to zero. */
static void point_to_affine(const struct g1_point *p, fe256 z_inverse, struct g1_affine *out)
{
    fe256 squared = sqr(z_inverse);
    out->x = mul(p->x, squared);
    out->y = mul(mul(p->y, squared), z_inverse);
}

static void point_normalise(const struct g1_point *p, struct g1_affine *out)
{
    point_to_affine(p, field256_inverse(&BN254_FP, p->z), out);
}

/* --- The wire format. */

enum status bn254_read_g1(const u8 *in, fe256 *x, fe256 *y)
{
    if (!field256_read(&BN254_FP, in, x) || !field256_read(&BN254_FP, in + 32, y))
        return ST_INVALID;
    if (fe256_is_zero(*x) && fe256_is_zero(*y))
        return ST_OK;
    fe256 right = field256_add(&BN254_FP, mul(sqr(*x), *x), CURVE_B);
    return fe256_equal(sqr(*y), right) ? ST_OK : ST_INVALID;
}

static void write_g1(u8 *out, const struct g1_affine *a)
{
    field256_write(&BN254_FP, out, a->x);
    field256_write(&BN254_FP, out + 32, a->y);
}

/* The first `size` bytes of the input, followed by zeros if need be. */
static void read_padded(bytes in, u8 *to, usize size)
{
    memset(to, 0, size);
    bytes_copy(to, bytes_slice(in, 0, size));
}

enum status bn254_add(bytes in, u8 out[BN254_G1_SIZE])
{
    u8 input[2 * BN254_G1_SIZE];
    struct g1_affine a, b;
    struct g1_point sum = {0};
    read_padded(in, input, sizeof(input));
    TRY(bn254_read_g1(input, &a.x, &a.y));
    TRY(bn254_read_g1(input + BN254_G1_SIZE, &b.x, &b.y));
    point_add(&sum, &a);
    point_add(&sum, &b);
    point_normalise(&sum, &a);
    write_g1(out, &a);
    return ST_OK;
}

/* --- Multiplication: Gallant, Lambert, Vanstone, "Faster Point Multiplication on Elliptic Curves
 * with Efficient Endomorphisms" (2001). (x, y) -> (BETA x, y) multiplies by a LAMBDA with
 * LAMBDA^2 + LAMBDA + 1 = 0 modulo the order, so a scalar is written as k1 + k2 LAMBDA with halves
 * of at most 127 bits, and both go through one ladder. */

enum {
    WINDOW = 5,
    SPAN = 1 << WINDOW,
    ODD_MULTIPLES = 1 << (WINDOW - 2), /* 1, 3, 5 … 15 */
    HALF_BITS = 128,
};

static const u256 ORDER = {
    {0x43e1f593f0000001, 0x2833e84879b97091, 0xb85045b68181585d, 0x30644e72e131a029}};

static const fe256 BETA = {
    {0x71930c11d782e155, 0xa6bb947cffbe3323, 0xaa303344d4741444, 0x2c3b3f0d26594943}};

/* (A1, -B1) and (A2, B2) are short vectors (a, b) with a + b LAMBDA = 0 modulo the order; ROUND1
 * and ROUND2 are 2^256 B2 / order and 2^256 B1 / order. */
static const u256 A1 = {{0x89d3256894d213e3}};
static const u256 B1 = {{0x8211bbeb7d4f1128, 0x6f4d8248eeb859fc}};
static const u256 A2 = {{0x0be4e1541221250b, 0x6f4d8248eeb859fd}};
static const u256 B2 = {{0x89d3256894d213e3}};
static const fe256 ROUND1 = {{0xd91d232ec7e0b3d7, 0x2}};
static const fe256 ROUND2 = {{0x7a7bd9d4391eb18d, 0x4ccef014a773d2cf, 0x2}};

struct half {
    u128 magnitude;
    bool negative;
};

static struct half half_from(u256 value)
{
    struct half half = {.negative = u256_is_negative(value)};
    if (half.negative)
        value = u256_negate(value);
    half.magnitude = (u128)value.w[1] << 64 | value.w[0];
    return half;
}

/* k = halves[0] + halves[1] LAMBDA modulo the order, for k below it. */
static void split(u256 k, struct half halves[2])
{
    struct field256_wide product1 = field256_wide_mul(fe256_from_words(k), ROUND1);
    struct field256_wide product2 = field256_wide_mul(fe256_from_words(k), ROUND2);
    u256 c1 = {{product1.w[4], product1.w[5], product1.w[6], product1.w[7]}};
    u256 c2 = {{product2.w[4], product2.w[5], product2.w[6], product2.w[7]}};
    halves[0] = half_from(u256_sub(u256_sub(k, u256_mul(c1, A1)), u256_mul(c2, A2)));
    halves[1] = half_from(u256_sub(u256_mul(c1, B1), u256_mul(c2, B2)));
}

/* Odd digits between -15 and 15, at least four zeros after each; lowest first. */
static void recode(u128 k, signed char digits[HALF_BITS + 1])
{
    for (usize i = 0; i <= HALF_BITS; i++, k >>= 1) {
        digits[i] = 0;
        if ((k & 1) == 0)
            continue;
        u64 low = (u64)k & (SPAN - 1);
        bool negative = low >= SPAN / 2;
        digits[i] = (signed char)(negative ? (int)low - SPAN : (int)low);
        k = negative ? k + (SPAN - low) : k - low; /* leaves WINDOW zeros */
    }
}

/* a times 1, 3, 5 …; a is not infinity, and no sum meets an exception, as the order is large. */
static void odd_multiples(const struct g1_affine *a, struct g1_affine out[ODD_MULTIPLES])
{
    struct g1_point multiples[ODD_MULTIPLES], p = {a->x, a->y, field256_one(&BN254_FP)};
    struct g1_affine two;
    fe256 inverses[ODD_MULTIPLES], scratch[ODD_MULTIPLES];
    multiples[0] = p;
    point_double(&p);
    point_normalise(&p, &two);
    for (usize i = 1; i < ODD_MULTIPLES; i++) {
        multiples[i] = multiples[i - 1];
        point_add(&multiples[i], &two);
    }
    for (usize i = 0; i < ODD_MULTIPLES; i++)
        inverses[i] = multiples[i].z;
    field256_inverse_many(&BN254_FP, inverses, ODD_MULTIPLES, scratch);
    for (usize i = 0; i < ODD_MULTIPLES; i++)
        point_to_affine(&multiples[i], inverses[i], &out[i]);
}

static void multiply(const struct g1_affine *a, u256 k, struct g1_point *out)
{
    struct g1_affine tables[2][ODD_MULTIPLES];
    struct half halves[2];
    signed char digits[2][HALF_BITS + 1];
    split(k, halves);
    odd_multiples(a, tables[0]);
    for (usize i = 0; i < ODD_MULTIPLES; i++) {
        tables[1][i] = (struct g1_affine){mul(tables[0][i].x, BETA), tables[0][i].y};
        affine_negate_if(&tables[0][i], halves[0].negative);
        affine_negate_if(&tables[1][i], halves[1].negative);
    }
    recode(halves[0].magnitude, digits[0]);
    recode(halves[1].magnitude, digits[1]);
    *out = (struct g1_point){0};
    for (usize bit = HALF_BITS + 1; bit-- > 0;) {
        point_double(out);
        for (int half = 0; half < 2; half++) {
            int digit = digits[half][bit];
            if (digit == 0)
                continue;
            struct g1_affine term = tables[half][(digit < 0 ? -digit : digit) / 2];
            affine_negate_if(&term, digit < 0);
            point_add(out, &term);
        }
    }
}

enum status bn254_mul(bytes in, u8 out[BN254_G1_SIZE])
{
    u8 input[BN254_G1_SIZE + 32];
    struct g1_affine a;
    struct g1_point product = {0};
    read_padded(in, input, sizeof(input));
    TRY(bn254_read_g1(input, &a.x, &a.y));
    if (!affine_is_infinity(&a))
        multiply(&a, u256_mod(u256_load_be(input + BN254_G1_SIZE), ORDER), &product);
    point_normalise(&product, &a);
    write_g1(out, &a);
    return ST_OK;
}

#include "crypto/secp256k1.h"

#include "crypto/field256.h"
#include "crypto/keccak.h"

/* SEC 2, section 2.4.1: p = 2^256 - 2^32 - 977. */
static const struct field256 FIELD = {
    {{0xfffffffefffffc2f, 0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff}},
    {{1, 0, 0, 0}},
    {{1, 0, 0, 0}},
    0xd838091dd2253531};

static const struct field256 SCALARS = {
    {{0xbfd25e8cd0364141, 0xbaaedce6af48a03b, 0xfffffffffffffffe, 0xffffffffffffffff}},
    {{0x402da1732fc9bebf, 0x4551231950b75fc4, 0x0000000000000001, 0}},
    {{0x896cf21467d7d140, 0x741496c20e7cf878, 0xe697f5e45bcd07c6, 0x9d671cd581c69bc5}},
    0x4b0dff665588b13f};

#define CURVE_A 0
#include "crypto/curve256.h"

const u256 SECP256K1_ORDER = {
    {0xbfd25e8cd0364141, 0xbaaedce6af48a03b, 0xfffffffffffffffe, 0xffffffffffffffff}};
const u256 SECP256K1_HALF_ORDER = {
    {0xdfe92f46681b20a0, 0x5d576e7357a4501d, 0xffffffffffffffff, 0x7fffffffffffffff}};

static const fe256 SEVEN = {{7, 0, 0, 0}}; /* y^2 = x^3 + 7 */

/* 1, 3, 5, … 63 times G, and the same times 2^128 * G. */
#define BASE_WIDTH 7
static const struct affine BASE[2][1 << (BASE_WIDTH - 2)] = {
#include "crypto/secp256k1_base.def"
};

/* The curve's endomorphism: beta * x is the abscissa of lambda * (x, y), as beta^3 = 1 modulo p and
 * lambda^3 = 1 modulo the order. So k * P = k1 * P + k2 * (lambda * P) with k1 and k2 half as long.
 * Source: Gallant, Lambert, Vanstone, "Faster Point Multiplication on Elliptic Curves with
 * Efficient Endomorphisms"; Guide to Elliptic Curve Cryptography, algorithm 3.74. */
static const fe256 BETA = {
    {0xc1396c28719501ee, 0x9cf0497512f58995, 0x6e64479eac3434e9, 0x7ae96a2b657c0710}};

/* A short basis of the pairs (a, b) with a + b * lambda = 0 modulo the order: (A1, -B1), (A2, A1).
 */
static const u256 A1 = {{0xe86c90e49284eb15, 0x3086d221a7d46bcd, 0, 0}};
static const u256 B1 = {{0x6f547fa90abfe4c3, 0xe4437ed6010e8828, 0, 0}};
static const u256 A2 = {{0x57c1108d9d44cfd8, 0x14ca50f7a8e2f3f6, 1, 0}};

/* 2^384 * A1 / order and 2^384 * B1 / order, rounded. */
static const fe256 G1 = {
    {0xe893209a45dbb031, 0x3daa8a1471e8ca7f, 0xe86c90e49284eb15, 0x3086d221a7d46bcd}};
static const fe256 G2 = {
    {0x1571b4ae8ac47f71, 0x221208ac9df506c6, 0x6f547fa90abfe4c4, 0xe4437ed6010e8828}};

/* k * g / 2^384, rounded. */
static u256 scaled(u256 k, fe256 g)
{
    struct field256_wide product = field256_wide_mul(fe256_from_words(k), g);
    u256 high = {{product.w[6], product.w[7], 0, 0}};
    return u256_add(high, u256_from_u64(product.w[5] >> 63));
}

#define POINT_WIDTH 5

/* Digits of a scalar between -2^255 and 2^255 over a table. */
static void set_signed(struct curve_term *term, const struct affine *odd, u256 scalar)
{
    term->odd = odd;
    term->negative = u256_is_negative(scalar);
    curve_set_digits(term, term->negative ? u256_negate(scalar) : scalar, POINT_WIDTH);
}

/* g * G + k * point. */
static struct point multiply_both(u256 g, const struct affine *point, u256 k)
{
    struct affine odd[2][1 << (POINT_WIDTH - 2)];
    struct curve_term terms[4];
    curve_odd_multiples(point, odd[0], countof(odd[0]));
    for (usize i = 0; i < countof(odd[0]); i++) {
        mul(&odd[1][i].x, &odd[0][i].x, &BETA);
        odd[1][i].y = odd[0][i].y;
    }
    /* The lattice point nearest to (k, 0) is c1 * (A1, -B1) + c2 * (A2, A1); what is left of (k, 0)
     * fits in 128 bits and a sign, so arithmetic modulo 2^256 is exact. */
    u256 c1 = scaled(k, G1), c2 = scaled(k, G2);
    u256 k1 = u256_sub(u256_sub(k, u256_mul(c1, A1)), u256_mul(c2, A2));
    u256 k2 = u256_sub(u256_mul(c1, B1), u256_mul(c2, A1));
    set_signed(&terms[0], odd[0], k1);
    set_signed(&terms[1], odd[1], k2);
    for (int half = 0; half < 2; half++) {
        struct curve_term *term = &terms[2 + half];
        term->odd = BASE[half];
        term->negative = false;
        curve_set_digits(term, (u256){{g.w[2 * half], g.w[2 * half + 1], 0, 0}}, BASE_WIDTH);
    }
    return curve_sum(terms, countof(terms));
}

static void sqr_times(fe256 *out, const fe256 *a, int times)
{
    *out = *a;
    for (int i = 0; i < times; i++)
        sqr(out, out);
}

/* out = a^(2^n) * b: where a and b are powers of x with exponents of ones only, appends b's ones.
 */
static void append(fe256 *out, const fe256 *a, int n, const fe256 *b)
{
    fe256 power;
    sqr_times(&power, a, n);
    mul(out, &power, b);
}

/* a^((p + 1) / 4); its exponent in binary: 223 ones, 0, 22 ones, 0000, 11, 00. */
static bool square_root(const fe256 *a, fe256 *root)
{
    fe256 x2, x3, x6, x11, x22, x44, x88, x, check;
    append(&x2, a, 1, a);
    append(&x3, &x2, 1, a);
    append(&x6, &x3, 3, &x3);
    append(&x, &x6, 3, &x3); /* 9 ones */
    append(&x11, &x, 2, &x2);
    append(&x22, &x11, 11, &x11);
    append(&x44, &x22, 22, &x22);
    append(&x88, &x44, 44, &x44);
    append(&x, &x88, 88, &x88); /* 176 ones */
    append(&x, &x, 44, &x44);
    append(&x, &x, 3, &x3);
    append(&x, &x, 23, &x22);
    append(&x, &x, 6, &x2);
    sqr_times(root, &x, 2);
    sqr(&check, root);
    return fe256_equal(check, *a);
}

/* y^2 for an abscissa. */
static fe256 curve_equation(const fe256 *x)
{
    fe256 out;
    sqr(&out, x);
    mul(&out, &out, x);
    add(&out, &out, &SEVEN);
    return out;
}

static bool scalar_in_range(u256 a)
{
    return !u256_is_zero(a) && u256_less(a, SECP256K1_ORDER);
}

/* False: no point of the curve. */
static bool read_point(const pubkey64 *key, struct affine *out)
{
    fe256 left;
    if (!field256_read(&FIELD, key->b, &out->x) || !field256_read(&FIELD, key->b + 32, &out->y))
        return false;
    sqr(&left, &out->y);
    return fe256_equal(left, curve_equation(&out->x));
}

static void write_point(const struct point *point, pubkey64 *out)
{
    struct affine found = point_to_affine(point);
    field256_write(&FIELD, out->b, found.x);
    field256_write(&FIELD, out->b + 32, found.y);
}

/* SEC 1, section 4.1.6. Ethereum's signatures have no bit for an abscissa of the order or more, so
 * r is the abscissa itself. */
enum status secp256k1_recover(hash32 hash, u256 r, u256 s, bool y_odd, pubkey64 *out)
{
    struct affine nonce;
    if (!scalar_in_range(r) || !scalar_in_range(s))
        return ST_INVALID;
    nonce.x = field256_from_u256(&FIELD, r);
    fe256 square = curve_equation(&nonce.x);
    if (!square_root(&square, &nonce.y))
        return ST_INVALID;
    if ((field256_to_u256(&FIELD, nonce.y).w[0] & 1) != y_odd)
        nonce.y = field256_neg(&FIELD, nonce.y); /* no point has y = 0, as the order is odd */
    fe256 inverse = field256_inverse(&SCALARS, field256_from_u256(&SCALARS, r));
    fe256 e = field256_from_u256(&SCALARS, u256_from_hash(hash));
    fe256 u1 = field256_neg(&SCALARS, field256_mul(&SCALARS, e, inverse));
    fe256 u2 = field256_mul(&SCALARS, field256_from_u256(&SCALARS, s), inverse);
    struct point key =
        multiply_both(field256_to_u256(&SCALARS, u1), &nonce, field256_to_u256(&SCALARS, u2));
    if (fe256_is_zero(key.z))
        return ST_INVALID;
    write_point(&key, out);
    return ST_OK;
}

/* SEC 1, section 4.1.4. */
bool secp256k1_verify(hash32 hash, u256 r, u256 s, const pubkey64 *key)
{
    struct affine point;
    if (!scalar_in_range(r) || !scalar_in_range(s) || !read_point(key, &point))
        return false;
    fe256 inverse = field256_inverse(&SCALARS, field256_from_u256(&SCALARS, s));
    fe256 e = field256_from_u256(&SCALARS, u256_from_hash(hash));
    fe256 u1 = field256_mul(&SCALARS, e, inverse);
    fe256 u2 = field256_mul(&SCALARS, field256_from_u256(&SCALARS, r), inverse);
    struct point sum =
        multiply_both(field256_to_u256(&SCALARS, u1), &point, field256_to_u256(&SCALARS, u2));
    return curve_abscissa_is(&sum, r, SECP256K1_ORDER);
}

enum status secp256k1_multiply(const pubkey64 *point, u256 factor, pubkey64 *out)
{
    struct affine from;
    if (!scalar_in_range(factor) || !read_point(point, &from))
        return ST_INVALID;
    struct point product = multiply_both(U256_ZERO, &from, factor); /* not infinity */
    write_point(&product, out);
    return ST_OK;
}

address pubkey_address(const pubkey64 *key)
{
    address out;
    hash32 hash = keccak256(BYTES_OF(*key));
    memcpy(out.b, hash.b + sizeof(hash.b) - sizeof(out.b), sizeof(out.b));
    return out;
}

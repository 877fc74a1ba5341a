#include "crypto/p256.h"

#include "crypto/field256.h"

/* SEC 2, section 2.4.2: p = 2^256 - 2^224 + 2^192 + 2^96 - 1. */
static const struct field256 FIELD = {
    {{0xffffffffffffffff, 0x00000000ffffffff, 0x0000000000000000, 0xffffffff00000001}},
    {{0x0000000000000001, 0xffffffff00000000, 0xffffffffffffffff, 0x00000000fffffffe}},
    {{0x0000000000000003, 0xfffffffbffffffff, 0xfffffffffffffffe, 0x00000004fffffffd}},
    0x0000000000000001};

static const struct field256 SCALARS = {
    {{0xf3b9cac2fc632551, 0xbce6faada7179e84, 0xffffffffffffffff, 0xffffffff00000000}},
    {{0x0c46353d039cdaaf, 0x4319055258e8617b, 0x0000000000000000, 0x00000000ffffffff}},
    {{0x83244c95be79eea2, 0x4699799c49bd6fa6, 0x2845b2392b6bec59, 0x66e12d94f3d95620}},
    0xccd1c8aaee00bc4f};

#define CURVE_A -3
#include "crypto/curve256.h"

static const fe256 B = {
    {0xd89cdf6229c4bddf, 0xacf005cd78843090, 0xe5a220abf7212ed6, 0xdc30061d04874834}};

/* 1, 3, 5, … 63 times the generator. */
#define BASE_WIDTH 7
#define POINT_WIDTH 5
static const struct affine BASE[1][1 << (BASE_WIDTH - 2)] = {
#include "crypto/p256_base.def"
};

/* y^2 = x^3 - 3 * x + b. */
static bool on_curve(const struct affine *point)
{
    fe256 left, right;
    sqr(&left, &point->y);
    sqr(&right, &point->x);
    mul(&right, &right, &point->x);
    for (int i = 0; i < 3; i++)
        sub(&right, &right, &point->x);
    add(&right, &right, &B);
    return fe256_equal(left, right);
}

static bool scalar_in_range(u256 a)
{
    return !u256_is_zero(a) && u256_less(a, SCALARS.modulus);
}

bool p256_verify(hash32 hash, u256 r, u256 s, u256 x, u256 y)
{
    if (!scalar_in_range(r) || !scalar_in_range(s) || !u256_less(x, FIELD.modulus) ||
        !u256_less(y, FIELD.modulus))
        return false;
    struct affine key = {field256_from_u256(&FIELD, x), field256_from_u256(&FIELD, y)};
    if (!on_curve(&key))
        return false;
    fe256 inverse = field256_inverse(&SCALARS, field256_from_u256(&SCALARS, s));
    fe256 e = field256_from_u256(&SCALARS, u256_from_hash(hash));
    fe256 u1 = field256_mul(&SCALARS, e, inverse);
    fe256 u2 = field256_mul(&SCALARS, field256_from_u256(&SCALARS, r), inverse);
    struct affine odd[1 << (POINT_WIDTH - 2)];
    curve_odd_multiples(&key, odd, countof(odd));
    struct curve_term terms[2] = {{.odd = BASE[0]}, {.odd = odd}};
    curve_set_digits(&terms[0], field256_to_u256(&SCALARS, u1), BASE_WIDTH);
    curve_set_digits(&terms[1], field256_to_u256(&SCALARS, u2), POINT_WIDTH);
    struct point sum = curve_sum(terms, countof(terms));
    return curve_abscissa_is(&sum, r, SCALARS.modulus);
}

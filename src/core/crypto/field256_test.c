#include "crypto/field256.h"

#include "harness/test.h"

/* One field whose modulus fills 256 bits, one sparse, one of 254 bits, and two of scalars. */
static const struct field256 FIELDS[] = {
    /* secp256k1 */ {
        {{0xfffffffefffffc2f, 0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff}},
        {{1, 0, 0, 0}},
        {{1, 0, 0, 0}},
        0xd838091dd2253531},
    /* its order */
    {{{0xbfd25e8cd0364141, 0xbaaedce6af48a03b, 0xfffffffffffffffe, 0xffffffffffffffff}},
     {{0x402da1732fc9bebf, 0x4551231950b75fc4, 0x0000000000000001, 0x0000000000000000}},
     {{0x896cf21467d7d140, 0x741496c20e7cf878, 0xe697f5e45bcd07c6, 0x9d671cd581c69bc5}},
     0x4b0dff665588b13f},
    /* P-256 */
    {{{0xffffffffffffffff, 0x00000000ffffffff, 0x0000000000000000, 0xffffffff00000001}},
     {{0x0000000000000001, 0xffffffff00000000, 0xffffffffffffffff, 0x00000000fffffffe}},
     {{0x0000000000000003, 0xfffffffbffffffff, 0xfffffffffffffffe, 0x00000004fffffffd}},
     0x0000000000000001},
    /* its order */
    {{{0xf3b9cac2fc632551, 0xbce6faada7179e84, 0xffffffffffffffff, 0xffffffff00000000}},
     {{0x0c46353d039cdaaf, 0x4319055258e8617b, 0x0000000000000000, 0x00000000ffffffff}},
     {{0x83244c95be79eea2, 0x4699799c49bd6fa6, 0x2845b2392b6bec59, 0x66e12d94f3d95620}},
     0xccd1c8aaee00bc4f},
    /* BN254 */
    {{{0x3c208c16d87cfd47, 0x97816a916871ca8d, 0xb85045b68181585d, 0x30644e72e131a029}},
     {{0xd35d438dc58f0d9d, 0x0a78eb28f5c70b3d, 0x666ea36f7879462c, 0x0e0a77c19a07df2f}},
     {{0xf32cfc5b538afa89, 0xb5e71911d44501fb, 0x47ab1eff0a417ff6, 0x06d89f71cab8351f}},
     0x87d20782e4866389},
    /* its order */
    {{{0x43e1f593f0000001, 0x2833e84879b97091, 0xb85045b68181585d, 0x30644e72e131a029}},
     {{0xac96341c4ffffffb, 0x36fc76959f60cd29, 0x666ea36f7879462e, 0x0e0a77c19a07df2f}},
     {{0x1bb8e645ae216da7, 0x53fe3ab1e35c59e3, 0x8c49833d53bb8085, 0x0216d0b17f4e44a5}},
     0xc2e1f593efffffff}};

static u256 next_random(u64 *seed)
{
    u256 out;
    for (int i = 0; i < 4; i++) {
        *seed = *seed * 6364136223846793005 + 1442695040888963407;
        out.w[i] = *seed ^ *seed >> 29;
    }
    if ((*seed >> 60) == 0) /* runs of ones and zeros find carries that random words do not */
        out.w[1] = out.w[2] = UINT64_MAX;
    if ((*seed >> 60) == 1)
        out.w[0] = out.w[3] = 0;
    return out;
}

TEST(field256_constants_follow_from_the_modulus)
{
    for (usize i = 0; i < countof(FIELDS); i++)
        CHECK_ROW(i, field256_is_consistent(&FIELDS[i]));
}

TEST(field256_agrees_with_plain_arithmetic_modulo_m)
{
    u64 seed = 1;
    for (usize i = 0; i < countof(FIELDS); i++) {
        const struct field256 *f = &FIELDS[i];
        u256 m = f->modulus, minus_1 = u256_sub(m, U256_ONE);
        for (int round = 0; round < 300; round++) {
            u256 a = u256_mod(next_random(&seed), m), b = u256_mod(next_random(&seed), m);
            if (round < 9) { /* every pair of 0, 1 and m - 1 */
                a = round / 3 == 0 ? U256_ZERO : round / 3 == 1 ? U256_ONE : minus_1;
                b = round % 3 == 0 ? U256_ZERO : round % 3 == 1 ? U256_ONE : minus_1;
            }
            fe256 x = field256_from_u256(f, a), y = field256_from_u256(f, b);
            CHECK_ROW(i, u256_equal(field256_to_u256(f, x), a));
            CHECK_ROW(i,
                      u256_equal(field256_to_u256(f, field256_mul(f, x, y)), u256_mulmod(a, b, m)));
            CHECK_ROW(i, u256_equal(field256_to_u256(f, field256_sqr(f, x)), u256_mulmod(a, a, m)));
            CHECK_ROW(i,
                      u256_equal(field256_to_u256(f, field256_add(f, x, y)), u256_addmod(a, b, m)));
            CHECK_ROW(i, u256_equal(field256_to_u256(f, field256_sub(f, x, y)),
                                    u256_addmod(a, u256_sub(m, b), m)));
            CHECK_ROW(i, fe256_is_zero(field256_add(f, x, field256_neg(f, x))));
        }
    }
}

TEST(field256_reduces_values_from_the_modulus_on)
{
    for (usize i = 0; i < countof(FIELDS); i++) {
        const struct field256 *f = &FIELDS[i];
        u256 got = field256_to_u256(f, field256_from_u256(f, U256_MAX));
        CHECK_ROW(i, u256_equal(got, u256_mod(U256_MAX, f->modulus)));
        CHECK_ROW(i, fe256_is_zero(field256_from_u256(f, f->modulus)));
    }
}

TEST(field256_reads_only_values_below_the_modulus)
{
    for (usize i = 0; i < countof(FIELDS); i++) {
        u8 text[32], back[32];
        fe256 a;
        u256_store_be(text, FIELDS[i].modulus);
        CHECK_ROW(i, !field256_read(&FIELDS[i], text, &a));
        u256_store_be(text, u256_sub(FIELDS[i].modulus, U256_ONE));
        CHECK_ROW(i, field256_read(&FIELDS[i], text, &a));
        field256_write(&FIELDS[i], back, a);
        CHECK_ROW(i, bytes_equal(BYTES_OF(text), BYTES_OF(back)));
    }
}

TEST(field256_inverse_times_element_is_one)
{
    u64 seed = 2;
    for (usize i = 0; i < countof(FIELDS); i++) {
        const struct field256 *f = &FIELDS[i];
        fe256 one = field256_one(f);
        CHECK_ROW(i, fe256_is_zero(field256_inverse(f, FE256_ZERO)));
        CHECK_ROW(i, fe256_equal(field256_inverse(f, one), one));
        CHECK_ROW(i, fe256_equal(field256_inverse(f, field256_neg(f, one)), field256_neg(f, one)));
        for (int round = 0; round < 2000; round++) {
            u256 value = next_random(&seed);
            if (round < 256)
                value = u256_shl(U256_ONE, (unsigned)round);
            fe256 a = field256_from_u256(f, value);
            CHECK_ROW(i, fe256_equal(field256_mul(f, a, field256_inverse(f, a)), one));
        }
    }
}

TEST(field256_inverts_many_as_one_by_one)
{
    const struct field256 *f = &FIELDS[0];
    fe256 list[9], scratch[9];
    for (usize i = 0; i < countof(list); i++)
        list[i] = field256_from_u256(f, u256_from_u64(i % 4 * 77)); /* zeros among them */
    field256_inverse_many(f, list, countof(list), scratch);
    for (usize i = 0; i < countof(list); i++) {
        fe256 a = field256_from_u256(f, u256_from_u64(i % 4 * 77));
        CHECK_ROW(i, fe256_equal(list[i], field256_inverse(f, a)));
    }
}

TEST(field256_pow_and_sqrt_hold_their_laws)
{
    u64 seed = 3;
    for (usize i = 0; i < countof(FIELDS); i++) {
        const struct field256 *f = &FIELDS[i];
        fe256 one = field256_one(f), a = field256_from_u256(f, next_random(&seed)), root;
        /* Fermat: the moduli are primes. */
        CHECK_ROW(i, fe256_equal(field256_pow(f, a, u256_sub(f->modulus, U256_ONE)), one));
        CHECK_ROW(i, fe256_equal(field256_pow(f, a, U256_ZERO), one));
        CHECK_ROW(i, fe256_equal(field256_pow(f, a, u256_from_u64(2)), field256_sqr(f, a)));
        if ((f->modulus.w[0] & 3) != 3)
            continue;
        fe256 square = field256_sqr(f, a);
        CHECK_ROW(i, field256_sqrt(f, square, &root));
        CHECK_ROW(i, fe256_equal(root, a) || fe256_equal(root, field256_neg(f, a)));
        CHECK_ROW(i, !field256_sqrt(f, field256_neg(f, square), &root)); /* -1 is no square */
    }
}

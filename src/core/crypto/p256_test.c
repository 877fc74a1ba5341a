#include "crypto/p256.h"

#include "crypto/field256.h"
#include "harness/vectors.h"

static const struct field256 FIELD = {
    {{0xffffffffffffffff, 0x00000000ffffffff, 0x0000000000000000, 0xffffffff00000001}},
    {{0x0000000000000001, 0xffffffff00000000, 0xffffffffffffffff, 0x00000000fffffffe}},
    {{0x0000000000000003, 0xfffffffbffffffff, 0xfffffffffffffffe, 0x00000004fffffffd}},
    0x0000000000000001};

static const struct {
    fe256 x, y;
} BASE[1][32] = {
#include "crypto/p256_base.def"
};

static fe256 slope_line(fe256 rise, fe256 run)
{
    return field256_mul(&FIELD, rise, field256_inverse(&FIELD, run));
}

static fe256 small(u64 value)
{
    return field256_from_u256(&FIELD, u256_from_u64(value));
}

/* Row by row by the schoolbook's addition: each is the one before plus twice the generator. */
TEST(p256_table_holds_the_odd_multiples)
{
    u8 text[32];
    fe256 x = BASE[0][0].x, y = BASE[0][0].y;
    field256_write(&FIELD, text, x);
    CHECK(bytes_equal(BYTES_OF(text),
                      hex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296")));
    field256_write(&FIELD, text, y);
    CHECK(bytes_equal(BYTES_OF(text),
                      hex("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")));
    fe256 rise =
        field256_sub(&FIELD, field256_mul(&FIELD, small(3), field256_sqr(&FIELD, x)), small(3));
    fe256 slope = slope_line(rise, field256_double(&FIELD, y));
    fe256 twice_x = field256_sub(&FIELD, field256_sqr(&FIELD, slope), field256_double(&FIELD, x));
    fe256 twice_y =
        field256_sub(&FIELD, field256_mul(&FIELD, slope, field256_sub(&FIELD, x, twice_x)), y);
    for (usize i = 1; i < countof(BASE[0]); i++) {
        slope = slope_line(field256_sub(&FIELD, twice_y, y), field256_sub(&FIELD, twice_x, x));
        fe256 next =
            field256_sub(&FIELD, field256_sqr(&FIELD, slope), field256_add(&FIELD, x, twice_x));
        y = field256_sub(&FIELD, field256_mul(&FIELD, slope, field256_sub(&FIELD, x, next)), y);
        x = next;
        CHECK_ROW(i, fe256_equal(x, BASE[0][i].x) && fe256_equal(y, BASE[0][i].y));
    }
}

/* EIP-7951: anything but 160 bytes and a good signature gives an empty answer. */
static usize run_verify(bytes in, u8 *out)
{
    hash32 hash;
    if (in.size != 160)
        return 0;
    memcpy(hash.b, in.data, sizeof(hash.b));
    if (!p256_verify(hash, u256_load_be(in.data + 32), u256_load_be(in.data + 64),
                     u256_load_be(in.data + 96), u256_load_be(in.data + 128)))
        return 0;
    u256_store_be(out, U256_ONE);
    return 32;
}

TEST(p256_verifies_what_geth_verifies)
{
    const char *folder = test_fixture_folder("precompiles");
    if (folder != NULL)
        CHECK(vectors_run(folder, "geth/p256Verify.json", run_verify) == 782);
}

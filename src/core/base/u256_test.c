#include "base/u256.h"
#include "harness/test.h"

static u256 word(const char *digits)
{
    u256 out = U256_ZERO;
    CHECK(hex_read_number((bytes){(const u8 *)digits, strlen(digits)}, &out) == ST_OK);
    return out;
}

/* xorshift: the same sequence on every run. Words are often all zeros or all ones, where carries
 * and quotient digits go wrong. */
static u64 random_state = 0x9e3779b97f4a7c15;

static u64 random_word(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    switch (random_state % 5) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX;
    case 2:
        return (u64)1 << 63;
    default:
        return random_state * 0x2545f4914f6cdd1d;
    }
}

static u256 random_u256(void)
{
    return (u256){{random_word(), random_word(), random_word(), random_word()}};
}

TEST(u256_quotient_times_divisor_plus_remainder_is_the_dividend)
{
    for (int i = 0; i < 200000; i++) {
        u256 a = random_u256(), b = random_u256();
        if (u256_is_zero(b))
            continue;
        u256 q = u256_div(a, b), r = u256_mod(a, b);
        CHECK(u256_less(r, b));
        CHECK(u256_equal(u256_add(u256_mul(q, b), r), a));
    }
}

/* By doubling and adding: slow, and nothing like the code under test. */
static u256 slow_mulmod(u256 a, u256 b, u256 m)
{
    u256 result = U256_ZERO;
    a = u256_mod(a, m);
    for (int i = 255; i >= 0; i--) {
        u256 twice;
        bool carry = u256_add_overflow(result, result, &twice);
        result = carry || !u256_less(twice, m) ? u256_sub(twice, m) : twice;
        if ((b.w[i / 64] >> (i % 64)) & 1) {
            carry = u256_add_overflow(result, a, &twice);
            result = carry || !u256_less(twice, m) ? u256_sub(twice, m) : twice;
        }
    }
    return result;
}

TEST(u256_mulmod_and_addmod_do_not_wrap)
{
    for (int i = 0; i < 5000; i++) {
        u256 a = random_u256(), b = random_u256(), m = random_u256();
        if (u256_is_zero(m))
            continue;
        CHECK(u256_equal(u256_mulmod(a, b, m), slow_mulmod(a, b, m)));
        u256 sum = u256_addmod(a, b, m);
        u256 am = u256_mod(a, m), bm = u256_mod(b, m), want;
        bool carry = u256_add_overflow(am, bm, &want);
        if (carry || !u256_less(want, m))
            want = u256_sub(want, m);
        CHECK(u256_equal(sum, want));
    }
}

TEST(u256_shifts_agree_with_multiplication_and_division)
{
    for (unsigned by = 0; by <= 256; by++) {
        u256 a = random_u256();
        u256 power = u256_exp(u256_from_u64(2), u256_from_u64(by));
        CHECK(u256_equal(u256_shl(a, by), u256_mul(a, power)));
        CHECK(by == 256 || u256_equal(u256_shr(a, by), u256_div(a, power)));
        CHECK(by != 256 || u256_is_zero(u256_shr(a, by)));
    }
    CHECK(u256_equal(u256_sar(U256_MAX, 255), U256_MAX));
    CHECK(u256_equal(u256_sar(U256_MAX, 300), U256_MAX));
}

TEST(u256_signed_division_truncates_toward_zero)
{
    u256 minus7 = u256_negate(u256_from_u64(7)), two = u256_from_u64(2);
    CHECK(u256_equal(u256_sdiv(minus7, two), u256_negate(u256_from_u64(3))));
    CHECK(u256_equal(u256_smod(minus7, two), u256_negate(U256_ONE)));
    CHECK(u256_signed_less(minus7, two) && !u256_signed_less(two, minus7));
    u256 lowest = word("0x8000000000000000000000000000000000000000000000000000000000000000");
    CHECK(u256_equal(u256_sdiv(lowest, U256_MAX), lowest)); /* -2^255 / -1 wraps */
}

TEST(u256_decimal_text)
{
    char to[80];
    CHECK(u256_write_decimal(to, U256_ZERO) == 1 && strcmp(to, "0") == 0);
    CHECK(u256_write_decimal(to, U256_MAX) == 78);
    CHECK(strcmp(to, "115792089237316195423570985008687907853269984665640564039457584007913129639"
                     "935") == 0);
}

#include "base/hex.h"
#include "harness/test.h"

static bytes text(const char *t)
{
    return (bytes){(const u8 *)t, strlen(t)};
}

TEST(hex_quantity_has_one_spelling)
{
    static const char *const bad[] = {"", "0x", "1", "0x01", "0xg", "0X1", "0x00"};
    u256 value;
    for (usize i = 0; i < countof(bad); i++)
        CHECK_ROW(i, hex_read_quantity(text(bad[i]), &value) == ST_INVALID);
    CHECK(hex_read_quantity(text("0x0"), &value) == ST_OK && u256_is_zero(value));
    CHECK(hex_read_quantity(text("0xfF"), &value) == ST_OK && value.w[0] == 255);
}

TEST(hex_numbers_of_files_may_be_padded_or_decimal)
{
    u256 value;
    CHECK(hex_read_number(text("0x00ff"), &value) == ST_OK && value.w[0] == 255);
    CHECK(hex_read_number(text("1000"), &value) == ST_OK && value.w[0] == 1000);
    CHECK(hex_read_number(text("10a"), &value) == ST_INVALID);
    char digits[70] = "0x1";
    memset(digits + 3, '0', 64); /* 2^256 */
    CHECK(hex_read_number(text(digits), &value) == ST_INVALID);
}

TEST(hex_quantity_writes_no_leading_zero)
{
    char out[66];
    CHECK(hex_write_quantity(out, U256_ZERO) == 3 && memcmp(out, "0x0", 3) == 0);
    CHECK(hex_write_quantity(out, u256_from_u64(0xabc)) == 5 && memcmp(out, "0xabc", 5) == 0);
    CHECK(hex_write_quantity(out, U256_MAX) == 66);
}

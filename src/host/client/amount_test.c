#include "client/amount.h"

#include "harness/test.h"

TEST(amount_is_read_and_written_to_the_last_digit)
{
    static const struct {
        const char *text;
        u8 decimals;
        const char *wei, *written;
    } rows[] = {
        {"1.5", 18, "1500000000000000000", "1.5"},
        {"1", 18, "1000000000000000000", "1"},
        {"0", 18, "0", "0"},
        {"0.000000000000000001", 18, "1", "0.000000000000000001"},
        {".5", 1, "5", "0.5"},
        {"7.", 0, "7", "7"},
        {"100", 0, "100", "100"},
        {"1200.340", 6, "1200340000", "1200.34"},
    };
    for (usize i = 0; i < countof(rows); i++) {
        u256 got, want;
        bytes wei = {(const u8 *)rows[i].wei, strlen(rows[i].wei)};
        CHECK_ROW(i, hex_read_number(wei, &want) == ST_OK);
        CHECK_ROW(i, amount_read(rows[i].text, rows[i].decimals, &got, NULL) == ST_OK);
        CHECK_ROW(i, u256_equal(got, want));
        CHECK_ROW(i, strcmp(amount_write(got, rows[i].decimals).text, rows[i].written) == 0);
    }
}

TEST(amount_that_is_none_is_refused)
{
    static const char *const bad[] = {"",
                                      ".",
                                      "-1",
                                      "1e18",
                                      "0x10",
                                      "1.2.3",
                                      "1,5",
                                      "1.0000001",
                                      "999999999999999999999999999999999999999999999999999999999999"
                                      "999999999999999999999999999999"};
    for (usize i = 0; i < countof(bad); i++) {
        u256 ignored;
        CHECK_ROW(i, amount_read(bad[i], 6, &ignored, NULL) == ST_INVALID);
    }
}

TEST(amount_of_the_largest_number_fits_its_text)
{
    CHECK(strlen(amount_write(U256_MAX, 18).text) == 79);
    CHECK(strlen(amount_write(U256_MAX, AMOUNT_MAX_DECIMALS).text) == 79);
}

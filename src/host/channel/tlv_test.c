/* BOLT 1's appendixes A and B, of what every stream has in common. */
#include "channel/tlv.h"

#include "harness/test.h"

TEST(tlv_spells_a_bigsize_in_one_way)
{
    static const struct {
        const char *digits;
        u64 value;
    } rows[] = {
        {"00", 0},
        {"fc", 252},
        {"fd00fd", 253},
        {"fdffff", 65535},
        {"fe00010000", 65536},
        {"feffffffff", 4294967295},
        {"ff0000000100000000", 4294967296},
        {"ffffffffffffffffff", UINT64_MAX},
    };
    for (usize i = 0; i < countof(rows); i++) {
        u8 out[9];
        struct writer writer = {.out = out, .limit = sizeof(out)};
        struct reader reader = {.in = hex(rows[i].digits)};
        CHECK_ROW(i, wire_take_bigsize(&reader) == rows[i].value);
        CHECK_ROW(i, !reader.failed && reader.in.size == 0);
        wire_put_bigsize(&writer, rows[i].value);
        CHECK_ROW(i, bytes_equal((bytes){out, writer.size}, hex(rows[i].digits)));
    }
}

TEST(tlv_refuses_other_bigsizes)
{
    static const char *const rows[] = {
        "fd00fc", "fe0000ffff", "ff00000000ffffffff", "fd00", "feffff", "ffffffffff", "", "fd",
        "fe",     "ff"};
    for (usize i = 0; i < countof(rows); i++) {
        struct reader reader = {.in = hex(rows[i])};
        (void)wire_take_bigsize(&reader);
        CHECK_ROW(i, reader.failed);
    }
}

/* All of a stream, for a reader that knows no type. */
static enum status read_all(bytes in)
{
    struct tlv_reader tlvs = {.in = in};
    struct tlv tlv;
    while (tlvs.in.size > 0) {
        TRY(tlv_next(&tlvs, &tlv, "it", NULL));
        TRY(tlv_unknown(tlv.type, "it", NULL));
    }
    return ST_OK;
}

TEST(tlv_passes_over_odd_types)
{
    static const char *const rows[] = {
        "",         "2100",         "fd020100", "fd00fd00",
        "fd00ff00", "fe0200000100", "01000300", "ff020000000000000100"};
    for (usize i = 0; i < countof(rows); i++)
        CHECK_ROW(i, read_all(hex(rows[i])) == ST_OK);
}

TEST(tlv_refuses_streams_that_are_cut_or_spelt_otherwise_or_even)
{
    static const char *const rows[] = {
        "fd",       "fd01",           "fd000100",     "fd0101",
        "0ffd",     "0ffd26",         "0ffd2602",     "0ffd000100",
        "0f0300",   "1200",           "fd010200",     "fe0100000200",
        "01000100", "fd0201001f0100", "1f000f012a00", "ff010000000000000200",
    };
    for (usize i = 0; i < countof(rows); i++)
        CHECK_ROW(i, read_all(hex(rows[i])) == ST_INVALID);
}

TEST(tlv_truncates_integers)
{
    static const struct {
        const char *digits;
        u64 value;
    } rows[] = {
        {"", 0},
        {"01", 1},
        {"0100", 256},
        {"010000", 65536},
        {"01000000", 16777216},
        {"0100000000", 4294967296},
        {"010000000000", 1099511627776},
        {"01000000000000", 281474976710656},
        {"0100000000000000", 72057594037927936},
    };
    u128 value;
    for (usize i = 0; i < countof(rows); i++) {
        u8 digits[16];
        CHECK_ROW(i, tlv_number(hex(rows[i].digits), 8, &value) && value == rows[i].value);
        CHECK_ROW(i, bytes_equal(tlv_truncate(value, digits), hex(rows[i].digits)));
    }
    CHECK(tlv_number(hex("ffffffffffffffffffffffffffffffff"), 16, &value) && value == ~(u128)0);
}

TEST(tlv_refuses_other_truncated_integers)
{
    static const char *const rows[] = {
        "ffffffffffffffffff", "00",           "0001",           "000100",           "00010000",
        "0001000000",         "000100000000", "00010000000000", "0001000000000000",
    };
    u128 value;
    for (usize i = 0; i < countof(rows); i++)
        CHECK_ROW(i, !tlv_number(hex(rows[i]), 8, &value));
}

TEST(tlv_takes_text_without_control_characters)
{
    static const struct {
        const char *digits;
        bool want;
    } rows[] = {
        {"", true},        {"20", true},      {"7e", true},      {"c2a0", true},
        {"e282ac", true},  {"0a", false},     {"00", false},     {"1b", false},
        {"7f", false},     {"c280", false},   {"c29f", false},   {"41c2", false},
        {"ff", false},     {"c080", false},   {"eda080", false}, {"e280a9", true},
        {"e280aa", false}, {"e280ae", false}, {"e280af", true},  {"e281a5", true},
        {"e281a6", false}, {"e281a9", false}, {"e281aa", true},

    };
    for (usize i = 0; i < countof(rows); i++)
        CHECK_ROW(i, tlv_text(hex(rows[i].digits)) == rows[i].want);
}

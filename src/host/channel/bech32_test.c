/* BIP-350's vectors for Bech32m, and the regrouping of bits (BIP-173). */
#include "channel/bech32.h"

#include "harness/test.h"

static bytes text_of(const char *text)
{
    return (bytes){(const u8 *)text, strlen(text)};
}

TEST(bech32_takes_valid_text_and_writes_it_again)
{
    static const struct {
        const char *text, *again;
        usize prefix, groups;
    } rows[] = {
        {"A1LQFN3A", "a1lqfn3a", 1, 0},
        {"a1lqfn3a", "a1lqfn3a", 1, 0},
        {"an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg"
         "6",
         "an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg"
         "6",
         83, 0},
        {"abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx",
         "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx", 6, 32},
        {"11llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllludsr"
         "8",
         "11llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllludsr"
         "8",
         1, 82},
        {"split1checkupstagehandshakeupstreamerranterredcaperredlc445v",
         "split1checkupstagehandshakeupstreamerranterredcaperredlc445v", 5, 48},
        {"?1v759aa", "?1v759aa", 1, 0},
    };
    for (usize i = 0; i < countof(rows); i++) {
        bytes prefix, groups;
        CHECK_ROW(i, bech32_decode(text_of(rows[i].text), &prefix, &groups, test_arena(), NULL) ==
                         ST_OK);
        CHECK_ROW(i, prefix.size == rows[i].prefix && groups.size == rows[i].groups);
        CHECK_ROW(i,
                  bytes_equal(bech32_encode(prefix, groups, test_arena()), text_of(rows[i].again)));
    }
}

TEST(bech32_numbers_its_characters)
{
    bytes prefix, groups;
    bytes text = BYTES_LIT("abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx");
    CHECK(bech32_decode(text, &prefix, &groups, test_arena(), NULL) == ST_OK);
    for (usize i = 0; i < groups.size; i++)
        CHECK_ROW(i, groups.data[i] == 31 - i);
}

TEST(bech32_refuses_invalid_text)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"\x20"
         "1xj0phk",
         "character 1 cannot be in bech32 text"},
        {"\x7f"
         "1g6xzxy",
         "character 1 cannot be in bech32 text"},
        {"\x80"
         "1vctc34",
         "character 1 cannot be in bech32 text"},
        {"an84characterslonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11d6pt"
         "s4",
         "bech32 text needs a prefix and a \"1\" after it"},
        {"qyrz8wqd2c9m", "bech32 text needs a prefix and a \"1\" after it"},
        {"1qyrz8wqd2c9m", "bech32 text needs a prefix and a \"1\" after it"},
        {"y1b0jsk6g", "character 3 cannot be in bech32 data"},
        {"lt1igcx5c0", "character 4 cannot be in bech32 data"},
        {"in1muywd", "bech32 text is cut short"},
        {"mm1crxm3i", "character 9 cannot be in bech32 data"},
        {"au1s5cgom", "character 8 cannot be in bech32 data"},
        {"M1VUXWEZ", "the checksum is wrong: a typing error, or a part is missing"},
        {"16plkw9", "bech32 text needs a prefix and a \"1\" after it"},
        {"1p2gdwpf", "bech32 text needs a prefix and a \"1\" after it"},
        /* Not of BIP-350. */
        {"A12UEL5L", "the checksum is wrong: a typing error, or a part is missing"}, /* Bech32 */
        {"A1lqfn3a", "capital and small letters are mixed"},
        {"a1lqfn3q", "the checksum is wrong: a typing error, or a part is missing"},
        {"", "bech32 text needs a prefix and a \"1\" after it"},
        {"a1", "bech32 text is cut short"},
    };
    for (usize i = 0; i < countof(rows); i++) {
        bytes prefix, groups;
        struct err err;
        CHECK_ROW(i, bech32_decode(text_of(rows[i].text), &prefix, &groups, test_arena(), &err) ==
                         ST_INVALID);
        CHECK_ROW(i, strcmp(err.text, rows[i].says) == 0);
    }
}

TEST(bech32_finds_any_wrong_character)
{
    static const char charset[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    static const char right[] = "split1checkupstagehandshakeupstreamerranterredcaperredlc445v";
    bytes prefix, groups;
    for (usize at = 6; at < sizeof(right) - 1; at++)
        for (usize i = 0; i < 32; i++) {
            char wrong[sizeof(right)];
            memcpy(wrong, right, sizeof(right));
            wrong[at] = charset[i];
            bool same = wrong[at] == right[at];
            CHECK_ROW(at, (bech32_decode(text_of(wrong), &prefix, &groups, test_arena(), NULL) ==
                           ST_OK) == same);
        }
}

TEST(bech32_regroups_bits_in_one_way)
{
    static const struct {
        const char *in, *groups;
    } rows[] = {
        {"", ""},
        {"ff", "1f1c"},
        {"0001", "00000010"},
        {"0001ff", "0000001f1e"},
        {"f83e0f83", "1f001f001f0018"},
        {"ffffffffff", "1f1f1f1f1f1f1f1f"},
        {"00443214c7", "0001020304050607"},
        {"0102030405060708090a", "0004010006010005001803101002080a"},
    };
    static const char *const bad[] = {"00", "1f", "1f1d", "1f1c00", "000001", "1f1f1f1f1f1f1f1f00"};
    bytes out;
    for (usize i = 0; i < countof(rows); i++) {
        bytes in = hex(rows[i].in), groups = hex(rows[i].groups);
        CHECK_ROW(i, bytes_equal(bech32_groups(in, test_arena()), groups));
        CHECK_ROW(i, bech32_bytes(groups, &out, test_arena()) == ST_OK && bytes_equal(out, in));
    }
    for (usize i = 0; i < countof(bad); i++)
        CHECK_ROW(i, bech32_bytes(hex(bad[i]), &out, test_arena()) == ST_INVALID);
}

#include "client/abi.h"

#include "harness/test.h"

#include <stdlib.h>

#define WORD(digits) "000000000000000000000000000000000000000000000000" digits

TEST(abi_selectors_and_topics_are_those_of_well_known_signatures)
{
    CHECK(abi_selector("transfer(address,uint256)") == 0xa9059cbb);
    hash32 topic = abi_topic("Transfer(address,address,uint256)");
    CHECK(bytes_equal(BYTES_OF(topic),
                      hex("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef")));
}

/* Words of 32 bytes in a row: a number in hexadecimal digits, or text where it is in quotes. */
static bytes words(usize count, const char *const *list)
{
    u8 *out = ARENA_NEW(test_arena(), u8, count * ABI_WORD);
    for (usize i = 0; i < count; i++) {
        u8 *to = out + i * ABI_WORD;
        if (list[i][0] == '\'')
            memcpy(to, list[i] + 1, strlen(list[i]) - 2);
        else
            store_be64(to + 24, strtoul(list[i], NULL, 16));
    }
    return (bytes){out, count * ABI_WORD};
}

/* sam(bytes,bool,uint256[]) of the specification, "Examples". */
TEST(abi_writes_dynamic_arguments_as_the_specification_shows)
{
    static const char *const want[] = {"60", "1", "a0", "4", "'dave'", "3", "1", "2", "3"};
    struct abi_out out = abi_begin_call(0xa5643bf2, 3, test_arena());
    abi_put_bytes(&out, BYTES_LIT("dave"));
    abi_put_bool(&out, true);
    abi_open_array(&out, 3, 1);
    for (u64 i = 1; i <= 3; i++)
        abi_put_u64(&out, i);
    abi_close(&out);
    bytes got = abi_end(&out);
    CHECK(bytes_equal(bytes_slice(got, 0, 4), hex("a5643bf2")));
    CHECK(bytes_equal(bytes_slice(got, 4, got.size), words(countof(want), want)));
}

/* (uint256,bytes),bytes[]: (7, "ab"), ["c", ""], as cast abi-encode prints it. */
TEST(abi_writes_dynamic_tuples_and_arrays_with_offsets_of_their_own)
{
    static const char *const want[] = {"40", "c0", "7",  "40", "2",   "'ab'",
                                       "2",  "40", "80", "1",  "'c'", "0"};
    struct abi_out out = abi_begin(2, test_arena());
    abi_open_tuple(&out, 2);
    abi_put_u64(&out, 7);
    abi_put_bytes(&out, BYTES_LIT("ab"));
    abi_close(&out);
    abi_open_array(&out, 2, 1);
    abi_put_bytes(&out, BYTES_LIT("c"));
    abi_put_bytes(&out, BYTES_EMPTY);
    abi_close(&out);
    bytes got = abi_end(&out);
    CHECK(bytes_equal(got, words(countof(want), want)));
}

TEST(abi_reads_what_it_has_written)
{
    address who = {{1, 2, 3}};
    hash32 hash = {{9}};
    struct abi_out out = abi_begin(6, test_arena());
    abi_put_address(&out, who);
    abi_put_hash(&out, hash);
    abi_put_u64(&out, UINT64_MAX);
    abi_put_bytes(&out, BYTES_LIT("some bytes that are longer than one word of the ABI"));
    abi_put_bool(&out, true);
    abi_put_u256(&out, U256_MAX);
    struct abi_in in = abi_over(abi_end(&out));
    CHECK(address_equal(abi_get_address(&in), who));
    CHECK(hash32_equal(abi_get_hash(&in), hash));
    CHECK(abi_get_u64(&in) == UINT64_MAX);
    CHECK(bytes_equal(abi_get_bytes(&in),
                      BYTES_LIT("some bytes that are longer than one word of the ABI")));
    CHECK(abi_get_bool(&in) && u256_equal(abi_get_u256(&in), U256_MAX));
    CHECK(!in.failed);
    (void)abi_get_u256(&in); /* the bytes' length: reading may go on into the tail */
    for (int i = 0; i < 3; i++)
        (void)abi_get_u256(&in);
    CHECK(in.failed);
}

TEST(abi_refuses_values_that_do_not_fit_their_type)
{
    static const struct {
        char type;
        const char *data;
    } rows[] = {
        {'a', "0000000000000000000000010000000000000000000000000000000000000000"},
        {'b', WORD("0000000000000002")},
        {'8', WORD("0000000000000100")},
        {'6', "0000000000000000000000000000000000000000000000010000000000000000"},
        {'6', "00000000"},
        {'d', WORD("0000000000000020")},                          /* no length */
        {'d', WORD("0000000000000020") WORD("0000000000000001")}, /* no content */
        {'d', WORD("0000000000000021") WORD("0000000000000000")}, /* half a length */
        {'d', WORD("ffffffffffffffe0") WORD("0000000000000000")}, /* beyond the end */
        {'d', WORD("0000000000000020") WORD("ffffffffffffffff")}, /* longer than all there is */
        {'d', "8000000000000000000000000000000000000000000000000000000000000020"},
    };
    for (usize i = 0; i < countof(rows); i++) {
        struct abi_in in = abi_over(hex(rows[i].data));
        switch (rows[i].type) {
        case 'a':
            CHECK_ROW(i, address_is_zero(abi_get_address(&in)));
            break;
        case 'b':
            CHECK_ROW(i, !abi_get_bool(&in));
            break;
        case '8':
            CHECK_ROW(i, abi_get_u8(&in) == 0);
            break;
        case '6':
            CHECK_ROW(i, abi_get_u64(&in) == 0);
            break;
        default:
            CHECK_ROW(i, abi_get_bytes(&in).size == 0);
        }
        CHECK_ROW(i, in.failed);
    }
}

TEST(abi_says_why_a_call_was_reverted)
{
    static const struct {
        const char *data, *text;
    } rows[] = {
        {"", "no reason given"},
        {"08c379a0" WORD("0000000000000020") WORD("0000000000000003") "6e6f0a", "no?"},
        {"08c379a0" WORD("0000000000000020"), "error 0x08c379a0"},
        {"4e487b71" WORD("0000000000000011"), "arithmetic overflow"},
        {"4e487b71" WORD("00000000000000ff"), "panic"},
        {"12345678", "error 0x12345678"},
    };
    for (usize i = 0; i < countof(rows); i++) {
        char text[64];
        abi_revert_text(hex(rows[i].data), text, sizeof(text));
        CHECK_ROW(i, strcmp(text, rows[i].text) == 0);
    }
}

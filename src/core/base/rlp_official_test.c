/* ethereum/tests, RLPTests. */
#include "base/fmt.h"
#include "base/json_read.h"
#include "base/rlp.h"
#include "harness/test.h"

/* Writes what a test's "in" says: a string, a number, "#" and decimal digits, or a list. As deep as
 * the tests are. */
static bytes encode(json value)
{
    u256 number;
    json key, item;
    u8 *to = ARENA_TAKE(test_arena(), u8, 8192);
    bytes text = json_text(value, test_arena());
    if (json_is(value, JSON_ARRAY)) {
        u8 *payload = ARENA_TAKE(test_arena(), u8, 8192), *end = payload;
        for (struct json_walk at = json_begin(value); json_next(&at, &key, &item);) {
            bytes inner = encode(item);
            bytes_copy(end, inner);
            end += inner.size;
        }
        bytes whole = {payload, (usize)(end - payload)};
        end = rlp_put_list(to, whole.size);
        bytes_copy(end, whole);
        return (bytes){to, (usize)(end - to) + whole.size};
    }
    u8 *end = to;
    if (json_is(value, JSON_NUMBER) && json_read_number(value, &number) == ST_OK)
        end = rlp_put_u256(to, number);
    else if (text.size > 0 && text.data[0] == '#' &&
             hex_read_number(bytes_slice(text, 1, text.size), &number) == ST_OK)
        end = rlp_put_u256(to, number);
    else
        end = rlp_put_bytes(to, text);
    return (bytes){to, (usize)(end - to)};
}

static json read_tests(const char *name)
{
    json all = {BYTES_EMPTY};
    struct err err;
    char path[4096];
    const char *folder = test_fixture_folder("small");
    if (folder == NULL)
        return all;
    fmt(path, sizeof(path), "%s/RLPTests/%s", folder, name);
    if (json_check(test_read_file(path), 16, &all, &err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s: %s", path, err.text);
    return all;
}

static bytes output_of(json test)
{
    bytes out = BYTES_EMPTY;
    if (json_read_hex(json_get(test, "out"), &out, test_arena()) != ST_OK)
        test_fail(__FILE__, __LINE__, "no \"out\"");
    return out;
}

TEST(rlp_official_values_encode_as_published)
{
    json name, test, all = read_tests("rlptest.json");
    for (struct json_walk at = json_begin(all); json_next(&at, &name, &test);) {
        bytes out = output_of(test);
        json in = json_get(test, "in");
        u256 number;
        bytes big = json_text(in, test_arena());
        /* One number is 2^256: more than any integer of Ethereum, and read as one it is refused. */
        bool too_big = big.size > 1 && big.data[0] == '#' &&
                       hex_read_number(bytes_slice(big, 1, big.size), &number) != ST_OK;
        bytes rest = out;
        if (too_big)
            CHECK(rlp_read_u256(&rest, &number) == ST_INVALID);
        else if (!bytes_equal(encode(in), out))
            test_fail(__FILE__, __LINE__, "%.*s", (int)name.text.size,
                      (const char *)name.text.data);
        CHECK(rlp_check(out) == ST_OK);
    }
}

TEST(rlp_official_malformed_encodings_are_refused)
{
    json name, test, all = read_tests("invalidRLPTest.json");
    for (struct json_walk at = json_begin(all); json_next(&at, &name, &test);)
        if (rlp_check(output_of(test)) != ST_INVALID)
            test_fail(__FILE__, __LINE__, "%.*s", (int)name.text.size,
                      (const char *)name.text.data);
}

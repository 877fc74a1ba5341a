#include "base/json.h"

#include "base/json_out.h"
#include "harness/test.h"

static bytes text_of(const char *text)
{
    return (bytes){(const u8 *)text, strlen(text)};
}

static enum status check(const char *text)
{
    json out;
    return json_check(text_of(text), 8, &out, NULL);
}

static json parse(const char *text)
{
    json out = {BYTES_EMPTY};
    struct err err;
    if (json_check(text_of(text), JSON_MAX_DEPTH, &out, &err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s: %s", text, err.text);
    return out;
}

TEST(json_accepts_what_rfc_8259_allows)
{
    static const char *const good[] = {
        "0",
        "-0",
        "1.5e+10",
        "0E-1",
        "\"\"",
        "null",
        " true ",
        "[]",
        "{}",
        "[ ]",
        "{ }",
        "[1,2]",
        "{\"a\":1,\"a\":2}",
        "\"\\u0000\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\\ud83d\\ude00\"",
        "\"\xf0\x9f\x98\x80 \xed\x9f\xbf \xee\x80\x80 \xf4\x8f\xbf\xbf \x7f\"",
        "\t[\r\n0 , 1 ]",
        "[[[[[[[[]]]]]]]]",
        "{\"\":{\"\":[{}]}}",
    };
    for (usize i = 0; i < countof(good); i++)
        CHECK_ROW(i, check(good[i]) == ST_OK);
}

TEST(json_refuses_what_rfc_8259_does_not_allow)
{
    static const char *const bad[] = {
        "",
        " ",
        "01",
        "-",
        "+1",
        ".5",
        "1.",
        "1e",
        "1e+",
        "0x1",
        "tru",
        "True",
        "nan",
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "{\"a\" 1}",
        "{1:1}",
        "[}",
        "{]",
        "\"",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\ud800\"",
        "\"\\ud800\\n\"",
        "\"\\ud800\\ud800\"",
        "\"\\udc00\"",
        "\"\n\"",
        "\"\x01\"",
        "\"\x80\"",
        "\"\xc0\x80\"",
        "\"\xc1\xbf\"",
        "\"\xe0\x80\x80\"",
        "\"\xed\xa0\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\xf5\x80\x80\x80\"",
        "\"\xe2\x82\"",
        "1 1",
        "null,",
        "[[[[[[[[[]]]]]]]]]",
        "\xef\xbb\xbf{}",
        "/**/1",
        "\v1",
    };
    for (usize i = 0; i < countof(bad); i++)
        CHECK_ROW(i, check(bad[i]) == ST_INVALID);
    json out;
    CHECK(json_check((bytes){(const u8 *)"1\0", 2}, 8, &out, NULL) == ST_INVALID);
    CHECK(json_check((bytes){(const u8 *)"\"\0\"", 3}, 8, &out, NULL) == ST_INVALID);
}

TEST(json_says_where_it_went_wrong)
{
    json out;
    struct err err;
    CHECK(json_check(text_of("[1, x]"), 8, &out, &err) == ST_INVALID);
    CHECK(strcmp(err.text, "JSON: expected a value at byte 4") == 0);
}

TEST(json_walks_members_in_order)
{
    json all =
        parse(" { \"a\" : [ 1 , [2,\"]\\\"\" ] ,{} ] , \"b\\u0063\":{\"x\":null} ,\"d\":\"\" }");
    CHECK(json_count(all) == 3);
    CHECK(json_is(all, JSON_OBJECT) && json_is(json_get(all, "a"), JSON_ARRAY));
    CHECK(json_count(json_get(all, "a")) == 3);
    CHECK(json_is(json_at(json_get(all, "a"), 2), JSON_OBJECT));
    CHECK(json_says(json_at(json_at(json_get(all, "a"), 1), 1), "]\""));
    CHECK(json_is(json_get(json_get(all, "bc"), "x"), JSON_NULL));
    CHECK(json_is(json_get(all, "d"), JSON_STRING));
    CHECK(json_is(json_get(json_get(all, "none"), "x"), JSON_ABSENT));
    CHECK(json_is(json_at(json_get(all, "a"), 3), JSON_ABSENT));
    CHECK(json_is(json_get(json_get(all, "a"), "a"), JSON_ABSENT));
    CHECK(json_count(parse("[]")) == 0 && json_count(parse("{ }")) == 0 &&
          json_count(parse("1")) == 0);
}

TEST(json_text_resolves_escapes)
{
    bytes got = json_text(parse("\"a\\u00e9\\ud83d\\ude00\\n\\/\\u20ac\""), test_arena());
    CHECK(bytes_equal(got, BYTES_LIT("a\xc3\xa9\xf0\x9f\x98\x80\n/\xe2\x82\xac")));
    CHECK(json_says(parse("\"\\ud83d\\ude00\""), "\xf0\x9f\x98\x80"));
    CHECK(!json_says(parse("\"ab\""), "a") && !json_says(parse("\"a\""), "ab"));
    CHECK(json_text(parse("12"), test_arena()).size == 0);
}

TEST(json_numbers_read_where_they_fit)
{
    u64 value;
    CHECK(json_read_u64(parse("18446744073709551615"), &value) == ST_OK && value == UINT64_MAX);
    CHECK(json_read_u64(parse("18446744073709551616"), &value) == ST_INVALID);
    CHECK(json_read_u64(parse("-1"), &value) == ST_INVALID);
    CHECK(json_read_u64(parse("1.0"), &value) == ST_INVALID);
    CHECK(json_read_u64(parse("\"1\""), &value) == ST_INVALID);
}

static void write_sample(struct json_out *out)
{
    json_open_object(out);
    json_key(out, "a");
    json_open_array(out);
    json_put_u64(out, 7);
    json_put_null(out);
    json_open_array(out);
    json_close_array(out);
    json_put_bool(out, true);
    json_close_array(out);
    json_key(out, "b");
    json_put_hex(out, BYTES_LIT("\x01\xff"));
    json_key(out, "c");
    json_put_quantity_u64(out, 256);
    json_key(out, "d");
    json_put_text(out, BYTES_LIT("\"\\\n\xff\xe2\x82\xac\xed\xa0\x80"));
    json_close_object(out);
}

static const char sample[] =
    "{\"a\":[7,null,[],true],\"b\":\"0x01ff\",\"c\":\"0x100\","
    "\"d\":\"\\\"\\\\\\u000a\xef\xbf\xbd\xe2\x82\xac\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"}";

TEST(json_out_takes_care_of_commas_and_escapes)
{
    u8 memory[512];
    struct json_out out = json_out_over(memory, sizeof(memory));
    write_sample(&out);
    CHECK(!out.failed && bytes_equal((bytes){out.data, out.size}, text_of(sample)));
}

struct pipe {
    u8 got[512];
    usize size;
};

static bool move_on(struct json_out *out)
{
    struct pipe *pipe = out->self;
    memcpy(pipe->got + pipe->size, out->data, out->size);
    pipe->size += out->size;
    out->size = 0;
    return true;
}

TEST(json_out_streams_through_a_buffer_of_any_size)
{
    for (usize room = 1; room < 20; room++) {
        u8 memory[20];
        struct pipe pipe = {.size = 0};
        struct json_out out = json_out_over(memory, room);
        out.make_room = move_on;
        out.self = &pipe;
        write_sample(&out);
        move_on(&out);
        CHECK_ROW(room, !out.failed && bytes_equal((bytes){pipe.got, pipe.size}, text_of(sample)));
    }
}

TEST(json_out_without_room_fails_once_and_for_all)
{
    u8 memory[10];
    struct json_out out = json_out_over(memory, sizeof(memory));
    write_sample(&out);
    CHECK(out.failed && out.size == 10);
}

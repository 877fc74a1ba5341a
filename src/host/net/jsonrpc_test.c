#include "net/jsonrpc.h"

#include "harness/test.h"

#include <stdio.h>

/* Answers with its own name and parameters; "grow" with as much as there is room for. */
static void answer(void *self, bytes method, json params, const struct net_peer *peer,
                   struct json_out *out, struct arena arena)
{
    (void)peer, (void)arena;
    ++*(usize *)self;
    json_key(out, "result");
    if (bytes_equal(method, BYTES_LIT("grow"))) {
        json_open_array(out);
        for (int i = 0; i < 1000; i++)
            json_put_u64(out, 1234567890);
        json_close_array(out);
        return;
    }
    json_open_array(out);
    json_put_text(out, method);
    if (!json_is(params, JSON_ABSENT))
        json_put_raw(out, params.text);
    json_close_array(out);
}

static bool is_heavy(void *self, bytes method)
{
    (void)self;
    return bytes_equal(method, BYTES_LIT("heavy"));
}

enum { ANSWER_LIMIT = 2000, BATCH_LIMIT = 5 };

struct outcome {
    const char *text;
    usize calls;
};

static struct outcome run(const char *body)
{
    struct outcome outcome = {0};
    usize room = jsonrpc_room(ANSWER_LIMIT, BATCH_LIMIT);
    struct net_handler handler = {.self = &outcome.calls, .answer = answer, .is_heavy = is_heavy};
    struct json_out out = json_out_over(ARENA_NEW(test_arena(), u8, room + 1), room);
    struct jsonrpc request;
    jsonrpc_read((bytes){(const u8 *)body, strlen(body)}, BATCH_LIMIT, &request);
    jsonrpc_answer(&request, &handler, NULL, ANSWER_LIMIT, &out, *test_arena());
    CHECK(!out.failed);
    out.data[out.size] = 0; /* what was taken back still stands there */
    outcome.text = (const char *)out.data;
    return outcome;
}

#define OK(id, result) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":" result "}"
#define CALL(id, rest) "{\"jsonrpc\":\"2.0\",\"id\":" id "," rest "}"

TEST(jsonrpc_repeats_every_id_byte_for_byte)
{
    static const char *const ids[] = {
        "1",
        "-0",
        "1e400",
        "1.50",
        "340282366920938463463374607431768211456",
        "\"\"",
        "\"a\\u0062\\\"\"",
        "\"\xc3\xa9\"",
        "null",
    };
    for (usize i = 0; i < countof(ids); i++) {
        char body[200], want[200];
        snprintf(body, sizeof(body), CALL("%s", "\"method\":\"m\""), ids[i]);
        snprintf(want, sizeof(want), OK("%s", "[\"m\"]"), ids[i]);
        CHECK_ROW(i, strcmp(run(body).text, want) == 0);
    }
}

TEST(jsonrpc_answers_calls_and_batches)
{
    static const struct {
        const char *body, *want;
        usize calls;
    } rows[] = {
        {" {\"id\":7,\"params\":[1, 2],\"method\":\"\\u006d\",\"jsonrpc\":\"2.0\"} ",
         OK("7", "[\"m\",[1, 2]]"), 1},
        {"[" CALL("1", "\"method\":\"a\"") "," CALL("2", "\"method\":\"b\",\"params\":{}") "]",
         "[" OK("1", "[\"a\"]") "," OK("2", "[\"b\",{}]") "]", 2},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"m\"}", "", 1},
        {"[{\"jsonrpc\":\"2.0\",\"method\":\"m\"},{\"jsonrpc\":\"2.0\",\"method\":\"m\"}]", "", 2},
        {"[{\"jsonrpc\":\"2.0\",\"method\":\"m\"}," CALL("1", "\"method\":\"a\"") "]",
         "[" OK("1", "[\"a\"]") "]", 2},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"grow\"}", "", 1},
    };
    for (usize i = 0; i < countof(rows); i++) {
        struct outcome got = run(rows[i].body);
        CHECK_ROW(i, strcmp(got.text, rows[i].want) == 0);
        CHECK_ROW(i, got.calls == rows[i].calls);
    }
}

TEST(jsonrpc_says_what_is_wrong_with_a_body)
{
    static const struct {
        const char *body, *id;
        int code;
    } rows[] = {
        {"", "null", -32700},
        {"{", "null", -32700},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", "null", -32700},
        {"[1,]", "null", -32700},
        {"{}{}", "null", -32700},
        {"[]", "null", -32600},
        {"1", "null", -32600},
        {"\"x\"", "null", -32600},
        {"null", "null", -32600},
        {"{}", "null", -32600},
        {"{\"id\":5,\"method\":\"m\"}", "5", -32600},
        {"{\"jsonrpc\":2.0,\"id\":5,\"method\":\"m\"}", "5", -32600},
        {"{\"jsonrpc\":\"1.0\",\"id\":5,\"method\":\"m\"}", "5", -32600},
        {CALL("5", "\"method\":5"), "5", -32600},
        {"{\"jsonrpc\":\"2.0\",\"id\":5}", "5", -32600},
        {CALL("[1]", "\"method\":\"m\""), "null", -32600},
        {CALL("{}", "\"method\":\"m\""), "null", -32600},
        {CALL("true", "\"method\":\"m\""), "null", -32600},
        {"[1,2,3,4,5,6]", "null", -32600},
    };
    for (usize i = 0; i < countof(rows); i++) {
        struct outcome got = run(rows[i].body);
        char start[100];
        snprintf(start, sizeof(start), "{\"jsonrpc\":\"2.0\",\"id\":%s,\"error\":{\"code\":%d,",
                 rows[i].id, rows[i].code);
        CHECK_ROW(i, strncmp(got.text, start, strlen(start)) == 0);
        CHECK_ROW(i, got.calls == 0);
    }
}

TEST(jsonrpc_goes_on_after_a_wrong_item_of_a_batch)
{
    struct outcome got = run("[1," CALL("2", "\"method\":\"b\"") ",{}]");
    json all;
    struct err err;
    CHECK(json_check((bytes){(const u8 *)got.text, strlen(got.text)}, 8, &all, &err) == ST_OK);
    CHECK(json_count(all) == 3 && got.calls == 1);
    CHECK(json_is(json_get(json_at(all, 0), "error"), JSON_OBJECT));
    CHECK(json_is(json_get(json_at(all, 1), "result"), JSON_ARRAY));
    CHECK(json_is(json_get(json_at(all, 2), "error"), JSON_OBJECT));
}

TEST(jsonrpc_answers_by_an_error_what_would_pass_the_limit)
{
    struct outcome got = run("[" CALL("1", "\"method\":\"a\"") "," CALL(
        "2", "\"method\":\"grow\"") "," CALL("3", "\"method\":\"c\"") "]");
    CHECK(got.calls == 2); /* the third does not even run */
    CHECK(strcmp(got.text,
                 "[" OK("1", "[\"a\"]") ",{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":-32003,"
                                        "\"message\":\"response too large\"}}"
                                        ",{\"jsonrpc\":\"2.0\",\"id\":3,\"error\":{\"code\":-32003,"
                                        "\"message\":\"response too large\"}}]") == 0);
}

TEST(jsonrpc_bounds_depth_ids_and_names)
{
    char body[2000];
    char *at = body + snprintf(body, sizeof(body),
                               "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\","
                               "\"params\":");
    memset(at, '[', 300);
    memset(at + 300, ']', 300);
    memcpy(at + 600, "}", 2);
    CHECK(strstr(run(body).text, "-32700") != NULL);

    char long_text[700];
    memset(long_text, 'x', sizeof(long_text));
    long_text[sizeof(long_text) - 1] = 0;
    snprintf(body, sizeof(body), CALL("\"%s\"", "\"method\":\"m\""), long_text);
    CHECK(strstr(run(body).text, "\"id\":null,\"error\":{\"code\":-32600") != NULL);
    snprintf(body, sizeof(body), CALL("1", "\"method\":\"%s\""), long_text);
    struct outcome got = run(body);
    CHECK(strstr(got.text, "-32601") != NULL && got.calls == 0);
}

TEST(jsonrpc_batch_is_heavy_when_one_call_is)
{
    static const struct {
        const char *body;
        bool heavy;
    } rows[] = {
        {CALL("1", "\"method\":\"light\""), false},
        {CALL("1", "\"method\":\"h\\u0065avy\""), true},
        {"[" CALL("1", "\"method\":\"light\"") "," CALL("2", "\"method\":\"heavy\"") "]", true},
        {"[" CALL("1", "\"method\":\"light\"") ",3]", false},
        {"{\"id\":1,\"method\":\"heavy\"}", false}, /* no call at all */
        {"[", false},
    };
    struct net_handler handler = {.is_heavy = is_heavy};
    struct jsonrpc request;
    for (usize i = 0; i < countof(rows); i++) {
        jsonrpc_read((bytes){(const u8 *)rows[i].body, strlen(rows[i].body)}, 5, &request);
        CHECK_ROW(i, jsonrpc_is_heavy(&request, &handler, *test_arena()) == rows[i].heavy);
    }
}

TEST(jsonrpc_refuses_all_calls_with_their_ids)
{
    u8 text[1000] = {0};
    struct json_out out = json_out_over(text, sizeof(text) - 1);
    struct jsonrpc request;
    jsonrpc_read(
        BYTES_LIT("[" CALL("1", "\"method\":\"a\"") "," CALL("\"x\"", "\"method\":\"b\"") "]"), 5,
        &request);
    jsonrpc_refuse(&request, JSONRPC_BUSY, "busy", &out);
    CHECK(strcmp((const char *)text, "[{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32005,"
                                     "\"message\":\"busy\"}},{\"jsonrpc\":\"2.0\",\"id\":\"x\","
                                     "\"error\":{\"code\":-32005,\"message\":\"busy\"}}]") == 0);
}

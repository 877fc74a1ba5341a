/* Any body: the answer is nothing or JSON, with one answer for each call in order, each with its
 * call's id byte for byte and either a result or an error; no more runs than may. */
#include "net/jsonrpc.h"

#include "harness/fuzz.h"

enum { BATCH_LIMIT = 6, ANSWER_LIMIT = 600, METHOD_LIMIT = 256 };

static void answer(void *self, bytes method, json params, const struct net_peer *peer,
                   struct json_out *out, struct arena arena)
{
    (void)peer;
    ++*(usize *)self;
    assert(method.size <= METHOD_LIMIT);
    bytes text = json_text(params, &arena);
    json_key(out, "result");
    json_open_array(out);
    json_put_text(out, method);
    json_put_text(out, text);
    if (!json_is(params, JSON_ABSENT))
        json_put_raw(out, params.text);
    json_close_array(out);
}

static bool is_heavy(void *self, bytes method)
{
    (void)self;
    return method.size % 2 == 1;
}

/* Whether something is answered, and with the id that follows from the call. */
static void check_answer(json call, json given)
{
    json id = json_get(call, "id"), result = json_get(given, "result");
    json error = json_get(given, "error"), given_id = json_get(given, "id");
    assert(json_says(json_get(given, "jsonrpc"), "2.0"));
    assert(json_is(result, JSON_ABSENT) != json_is(error, JSON_ABSENT));
    assert(bytes_equal(given_id.text, id.text) ||
           (json_is(given_id, JSON_NULL) && json_is(error, JSON_OBJECT)));
}

static bool is_notification(json call)
{
    return json_is(call, JSON_OBJECT) && json_is(json_get(call, "id"), JSON_ABSENT) &&
           json_says(json_get(call, "jsonrpc"), "2.0") &&
           json_is(json_get(call, "method"), JSON_STRING);
}

static void check_batch(json calls, json answers)
{
    json key, call, given;
    struct json_walk at = json_begin(calls), to = json_begin(answers);
    while (json_next(&at, &key, &call)) {
        if (is_notification(call))
            continue;
        assert(json_next(&to, &key, &given));
        check_answer(call, given);
    }
    assert(!json_next(&to, &key, &given));
}

static struct arena scratch; /* of what is begun */

static bool begin(void *self, bytes method, json params, const struct net_peer *peer,
                  struct json_out *out, struct net_later *later)
{
    answer(self, method, params, peer, out, scratch);
    net_answered(later);
    return true;
}

static void nothing(struct net_later *later)
{
    (void)later;
}

/* What is begun comes to the same answer. */
static void check_begun(const struct jsonrpc *body, bytes want, struct arena arena)
{
    usize runs = 0, room = jsonrpc_room(ANSWER_LIMIT, BATCH_LIMIT);
    struct net_handler handler = {.self = &runs, .begin = begin, .is_heavy = is_heavy};
    struct net_later later = {nothing};
    struct json_out out = json_out_over(ARENA_TAKE(&arena, u8, room), room);
    scratch = arena;
    if (!jsonrpc_begin(body, &handler, NULL, &out, &later, arena)) {
        assert(out.size == 0 && runs == 0);
        return;
    }
    jsonrpc_end(body, ANSWER_LIMIT, &out);
    assert(runs == 1 && !out.failed && bytes_equal((bytes){out.data, out.size}, want));
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    struct arena arena = fuzz_arena();
    usize runs = 0, room = jsonrpc_room(ANSWER_LIMIT, BATCH_LIMIT);
    struct net_handler handler = {.self = &runs, .answer = answer, .is_heavy = is_heavy};
    struct json_out out = json_out_over(ARENA_TAKE(&arena, u8, room), room);
    struct jsonrpc body;
    jsonrpc_read((bytes){data, size}, BATCH_LIMIT, &body);
    (void)jsonrpc_is_heavy(&body, &handler, arena);
    assert(runs == 0);
    jsonrpc_answer(&body, &handler, NULL, ANSWER_LIMIT, &out, arena);
    assert(!out.failed && runs <= BATCH_LIMIT);
    check_begun(&body, (bytes){out.data, out.size}, arena);
    if (out.size == 0)
        return 0;
    json given;
    assert(json_check((bytes){out.data, out.size}, JSON_MAX_DEPTH, &given, NULL) == ST_OK);
    if (json_is(body.all, JSON_ABSENT))
        assert(json_is(json_get(given, "error"), JSON_OBJECT) && runs == 0);
    else if (json_is(body.all, JSON_ARRAY))
        check_batch(body.all, given);
    else
        check_answer(body.all, given);
    return 0;
}

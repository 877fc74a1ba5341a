#include "net/jsonrpc.h"

#include "base/fmt.h"

#include <pthread.h>

enum {
    DEPTH_LIMIT = 128,  /* of arrays and objects in a body */
    ID_LIMIT = 512,     /* bytes: it comes back in every answer */
    METHOD_LIMIT = 256, /* bytes, escapes not resolved */
    MANY_CALLS = 100,   /* too many for the thread that owns the sockets, cheap as they may be */
    ERROR_SIZE = ID_LIMIT + 256, /* an answer that says only that there is none */
};

struct call {
    json version, id, method, params;
};

static struct call read_call(json item)
{
    struct call call = {0};
    struct {
        const char *name;
        json *to;
    } const members[] = {{"jsonrpc", &call.version},
                         {"id", &call.id},
                         {"method", &call.method},
                         {"params", &call.params}};
    json key, value;
    for (struct json_walk at = json_begin(item); at.object && json_next(&at, &key, &value);)
        for (usize i = 0; i < countof(members); i++)
            if (json_is(*members[i].to, JSON_ABSENT) && json_says(key, members[i].name))
                *members[i].to = value;
    return call;
}

static bool is_id(json id)
{
    enum json_kind kind = json_kind(id);
    return (kind == JSON_STRING || kind == JSON_NUMBER || kind == JSON_NULL) &&
           id.text.size <= ID_LIMIT;
}

/* NULL: it is a call. */
static const char *fault(json item, const struct call *call)
{
    if (!json_is(item, JSON_OBJECT))
        return "invalid request: a call is an object";
    if (!json_is(call->id, JSON_ABSENT) && !is_id(call->id))
        return "invalid request: an id is a short string or a number";
    if (!json_says(call->version, "2.0"))
        return "invalid request: jsonrpc is not \"2.0\"";
    if (!json_is(call->method, JSON_STRING))
        return "invalid request: method is no string";
    return NULL;
}

void jsonrpc_read(bytes body, usize batch_limit, struct jsonrpc *out)
{
    *out = (struct jsonrpc){0};
    if (json_check(body, DEPTH_LIMIT, &out->all, &out->why) != ST_OK) {
        out->all = (json){BYTES_EMPTY};
        out->code = JSONRPC_PARSE_ERROR;
        return;
    }
    if (!json_is(out->all, JSON_ARRAY))
        return;
    usize count = 0;
    json key, item;
    for (struct json_walk at = json_begin(out->all); json_next(&at, &key, &item);)
        if (++count > batch_limit)
            break;
    if (count > 0 && count <= batch_limit)
        return;
    out->all = (json){BYTES_EMPTY};
    out->code = JSONRPC_INVALID_REQUEST;
    if (count == 0)
        (void)fail(&out->why, ST_INVALID, "invalid request: empty batch");
    else
        (void)fail(&out->why, ST_FULL, "batch too large: more than %zu calls", batch_limit);
}

static bool call_is_heavy(json item, const struct net_handler *handler, struct arena scratch)
{
    struct call call = read_call(item);
    if (fault(item, &call) != NULL || call.method.text.size > METHOD_LIMIT)
        return false;
    return handler->is_heavy(handler->self, json_text(call.method, &scratch));
}

bool jsonrpc_is_heavy(const struct jsonrpc *body, const struct net_handler *handler,
                      struct arena scratch)
{
    if (!json_is(body->all, JSON_ARRAY))
        return call_is_heavy(body->all, handler, scratch);
    usize count = 0;
    json key, item;
    for (struct json_walk at = json_begin(body->all); json_next(&at, &key, &item);)
        if (++count > MANY_CALLS || call_is_heavy(item, handler, scratch))
            return true;
    return false;
}

/* --- Answers. */

struct answering {
    const struct net_handler *handler;
    const struct net_peer *peer;
    usize limit;
    struct json_out *out;
    bool full; /* the limit was passed: no further call runs */
};

static void open_answer(struct json_out *out, json id)
{
    json_open_object(out);
    json_key(out, "jsonrpc");
    json_put_cstr(out, "2.0");
    json_key(out, "id");
    if (json_is(id, JSON_ABSENT))
        json_put_null(out);
    else
        json_put_raw(out, id.text);
}

static void put_error(struct json_out *out, int code, const char *why)
{
    char digits[16];
    usize size = fmt(digits, sizeof(digits), "%d", code);
    json_key(out, "error");
    json_open_object(out);
    json_key(out, "code");
    json_put_raw(out, (bytes){(const u8 *)digits, size});
    json_key(out, "message");
    json_put_cstr(out, why);
    json_close_object(out);
}

static void answer_error(struct json_out *out, json id, int code, const char *why)
{
    open_answer(out, id);
    put_error(out, code, why);
    json_close_object(out);
}

/* Somebody waits on this thread for a call that was begun. */
struct wait {
    struct net_later later;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool done;
};

static void wake(struct net_later *later)
{
    struct wait *wait = (struct wait *)later;
    pthread_mutex_lock(&wait->lock);
    wait->done = true;
    pthread_cond_signal(&wait->wake);
    pthread_mutex_unlock(&wait->lock);
}

/* False: the handler does not begin such calls. */
static bool begin_and_wait(const struct net_handler *handler, bytes method, json params,
                           const struct net_peer *peer, struct json_out *out)
{
    struct wait wait = {.later.answered = wake};
    if (handler->begin == NULL)
        return false;
    pthread_mutex_init(&wait.lock, NULL);
    pthread_cond_init(&wait.wake, NULL);
    bool begun = handler->begin(handler->self, method, params, peer, out, &wait.later);
    pthread_mutex_lock(&wait.lock);
    while (begun && !wait.done)
        pthread_cond_wait(&wait.wake, &wait.lock);
    pthread_mutex_unlock(&wait.lock);
    pthread_cond_destroy(&wait.wake);
    pthread_mutex_destroy(&wait.lock);
    return begun;
}

void jsonrpc_run(const struct net_handler *handler, bytes method, json params,
                 const struct net_peer *peer, struct json_out *out, struct arena scratch)
{
    if (!begin_and_wait(handler, method, params, peer, out))
        handler->answer(handler->self, method, params, peer, out, scratch);
}

static void run(const struct answering *all, const struct call *call, struct arena scratch)
{
    if (call->method.text.size > METHOD_LIMIT) {
        put_error(all->out, JSONRPC_METHOD_NOT_FOUND, "the method does not exist/is not available");
        return;
    }
    bytes method = json_text(call->method, &scratch);
    jsonrpc_run(all->handler, method, call->params, all->peer, all->out, scratch);
}

static void answer_item(struct answering *all, json item, struct arena scratch)
{
    struct json_out *out = all->out, before = *out;
    struct call call = read_call(item);
    const char *why = fault(item, &call);
    if (why != NULL) {
        json id = is_id(call.id) ? call.id : (json){BYTES_EMPTY};
        answer_error(out, id, JSONRPC_INVALID_REQUEST, why);
        return;
    }
    bool silent = json_is(call.id, JSON_ABSENT);
    if (!all->full) {
        open_answer(out, call.id);
        run(all, &call, scratch);
        json_close_object(out);
        all->full = !silent && (out->failed || out->size > all->limit);
    }
    if (silent || all->full) {
        out->size = before.size;
        out->comma = before.comma;
        out->failed = before.failed;
    }
    if (!silent && all->full)
        answer_error(out, call.id, JSONRPC_TOO_LARGE, "response too large");
}

void jsonrpc_answer(const struct jsonrpc *body, const struct net_handler *handler,
                    const struct net_peer *peer, usize answer_limit, struct json_out *out,
                    struct arena scratch)
{
    struct answering all = {handler, peer, answer_limit, out, false};
    if (json_is(body->all, JSON_ABSENT)) {
        answer_error(out, body->all, body->code, body->why.text);
        return;
    }
    if (!json_is(body->all, JSON_ARRAY)) {
        answer_item(&all, body->all, scratch);
        return;
    }
    usize start = out->size;
    json_open_array(out);
    usize empty = out->size;
    json key, item;
    for (struct json_walk at = json_begin(body->all); json_next(&at, &key, &item);)
        answer_item(&all, item, scratch);
    if (out->size == empty) /* notifications only */
        out->size = start;
    else
        json_close_array(out);
}

bool jsonrpc_begin(const struct jsonrpc *body, const struct net_handler *handler,
                   const struct net_peer *peer, struct json_out *out, struct net_later *later,
                   struct arena scratch)
{
    struct json_out before = *out;
    if (handler->begin == NULL)
        return false;
    struct call call = read_call(body->all);
    if (fault(body->all, &call) != NULL || json_is(call.id, JSON_ABSENT) ||
        call.method.text.size > METHOD_LIMIT)
        return false;
    open_answer(out, call.id);
    if (handler->begin(handler->self, json_text(call.method, &scratch), call.params, peer, out,
                       later))
        return true;
    out->size = before.size;
    out->comma = before.comma;
    out->failed = before.failed;
    return false;
}

void jsonrpc_end(const struct jsonrpc *body, usize answer_limit, struct json_out *out)
{
    json_close_object(out);
    if (!out->failed && out->size <= answer_limit)
        return;
    out->size = 0;
    out->comma = out->failed = false;
    answer_error(out, read_call(body->all).id, JSONRPC_TOO_LARGE, "response too large");
}

struct refusal {
    int code;
    const char *why;
};

static void answer_refusal(void *self, bytes method, json params, const struct net_peer *peer,
                           struct json_out *out, struct arena arena)
{
    (void)method, (void)params, (void)peer, (void)arena;
    const struct refusal *refusal = self;
    put_error(out, refusal->code, refusal->why);
}

void jsonrpc_refuse(const struct jsonrpc *body, int code, const char *why, struct json_out *out)
{
    u8 names[METHOD_LIMIT];
    struct refusal refusal = {code, why};
    struct net_handler handler = {.self = &refusal, .answer = answer_refusal};
    jsonrpc_answer(body, &handler, NULL, SIZE_MAX, out, arena_over(names, sizeof(names)));
}

usize jsonrpc_room(usize answer_limit, usize batch_limit)
{
    return answer_limit + (batch_limit + 1) * ERROR_SIZE;
}

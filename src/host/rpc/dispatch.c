/* From a method's name to its handler, and from a handler's status to JSON-RPC's error. */
#include "rpc/internal.h"

#include "base/fmt.h"
#include "rpc/filters.h"

#include <stdlib.h>

struct method {
    const char *name;
    enum status (*run)(struct rpc_call *call);
    unsigned space;
    bool heavy;
};

static const struct method methods[] = {
#define RPC(name, handler, space, heavy) {#name, handler, space, heavy},
#include "rpc/methods.def"
#undef RPC
};

static const struct {
    const char *name;
    unsigned bit;
} spaces[] = {
    {"eth", RPC_ETH},      {"net", RPC_NET}, {"web3", RPC_WEB3}, {"txpool", RPC_TXPOOL},
    {"debug", RPC_DEBUG},  {"evm", RPC_EVM}, {"anvil", RPC_EVM}, {"hardhat", RPC_EVM},
    {"personal", RPC_ETH}, {"rpc", RPC_RPC}, {"optimism", RPC_LAYER}, {"varve", RPC_LAYER},
};

static_assert(countof(methods) * 4 <= METHOD_SLOTS, "the table of methods wants more slots");
static_assert(countof(methods) < 255, "indexes fit in a byte");

static usize name_slot(bytes name)
{
    u64 hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (usize i = 0; i < name.size; i++)
        hash = (hash ^ name.data[i]) * 0x100000001b3u;
    return (usize)(hash ^ hash >> 32) % METHOD_SLOTS;
}

static bytes name_of(const struct method *method)
{
    return (bytes){(const u8 *)method->name, strlen(method->name)};
}

static void fill_slots(u8 slots[METHOD_SLOTS])
{
    for (usize i = 0; i < countof(methods); i++) {
        usize at = name_slot(name_of(&methods[i]));
        while (slots[at] != 0)
            at = (at + 1) % METHOD_SLOTS;
        slots[at] = (u8)(i + 1);
    }
}

/* NULL: there is no such method. */
static const struct method *find_method(const struct rpc *rpc, bytes name)
{
    for (usize at = name_slot(name); rpc->method_slots[at] != 0; at = (at + 1) % METHOD_SLOTS) {
        const struct method *method = &methods[rpc->method_slots[at] - 1];
        if (bytes_equal(name_of(method), name))
            return method;
    }
    return NULL;
}

bool rpc_is_heavy(const struct rpc *rpc, bytes method)
{
    const struct method *found = find_method(rpc, method);
    return found != NULL && found->heavy;
}

enum status rpc_namespaces(const char *list, unsigned *out, struct err *err)
{
    *out = RPC_RPC;
    while (*list != 0) {
        usize size = strcspn(list, ",");
        bytes name = {(const u8 *)list, size};
        unsigned bit = 0;
        for (usize i = 0; i < countof(spaces); i++)
            if (bytes_equal(name, (bytes){(const u8 *)spaces[i].name, strlen(spaces[i].name)}))
                bit = spaces[i].bit;
        if (bit == 0)
            return fail(err, ST_INVALID, "\"%.*s\" is no namespace of the RPC", (int)size, list);
        *out |= bit;
        list += size + (list[size] == ',');
    }
    return ST_OK;
}

enum status rpc_modules(struct rpc_call *call)
{
    json_open_object(call->out);
    for (usize i = 0; i < countof(spaces); i++) {
        if ((call->serve->namespaces & spaces[i].bit) == 0)
            continue;
        json_key(call->out, spaces[i].name);
        json_put_cstr(call->out, "1.0");
    }
    json_close_object(call->out);
    return ST_OK;
}

/* --- One call. */

static int code_of(enum status st)
{
    return st == ST_CORRUPT || st == ST_IO ? RPC_INTERNAL : RPC_SERVER;
}

static void put_error(struct json_out *out, int code, const char *text, bytes data, bool has_data)
{
    json_key(out, "error");
    json_open_object(out);
    json_key(out, "code");
    char digits[16];
    json_put_raw(out, (bytes){(const u8 *)digits, fmt(digits, sizeof(digits), "%d", code)});
    json_key(out, "message");
    json_put_cstr(out, text);
    if (has_data) {
        json_key(out, "data");
        json_put_hex(out, data);
    }
    json_close_object(out);
}

usize rpc_scratch_size(void)
{
    enum { ANSWERS = 256 << 20 }; /* blocks, receipts and arguments beside it */
    return stf_arena_bound(RPC_CALL_GAS) + ANSWERS;
}

static void run_method(struct rpc_call *call, const struct method *method)
{
    struct json_out *out = call->out;
    struct json_out before = *out; /* a handler that fails half-way is forgotten */
    json_key(out, "result");
    enum status st = method->run(call);
    if (call->at_open)
        snapshot_close(&call->at);
    if (st == ST_OK)
        return;
    out->size = before.size;
    out->comma = before.comma;
    const char *text = call->err.text[0] != 0 ? call->err.text : status_name(st);
    put_error(out, call->code != 0 ? call->code : code_of(st), text, call->data, call->has_data);
}

void rpc_answer(struct rpc *rpc, bytes name, json params, const struct net_peer *peer,
                struct json_out *out, struct arena arena)
{
    const struct method *method = find_method(rpc, name);
    if (method == NULL || (rpc->serve.namespaces & method->space) == 0) {
        char text[160];
        fmt(text, sizeof(text), "the method %.*s does not exist/is not available",
            (int)min_u64(name.size, 100), (const char *)name.data);
        put_error(out, RPC_METHOD_NOT_FOUND, text, BYTES_EMPTY, false);
        return;
    }
    if (!json_is(params, JSON_ABSENT) && !json_is(params, JSON_ARRAY) &&
        !json_is(params, JSON_NULL)) {
        put_error(out, RPC_BAD_PARAMS, "params are by position: want an array", BYTES_EMPTY, false);
        return;
    }
    struct rpc_call call = {.rpc = rpc,
                            .serve = &rpc->serve,
                            .params = params,
                            .peer = peer,
                            .out = out,
                            .arena = arena};
    run_method(&call, method);
}

/* --- Answers of one value. */

enum status rpc_reply_null(struct rpc_call *call)
{
    json_put_null(call->out);
    return ST_OK;
}

enum status rpc_reply_bool(struct rpc_call *call, bool value)
{
    json_put_bool(call->out, value);
    return ST_OK;
}

enum status rpc_reply_u64(struct rpc_call *call, u64 value)
{
    json_put_quantity_u64(call->out, value);
    return ST_OK;
}

enum status rpc_reply_u256(struct rpc_call *call, u256 value)
{
    json_put_quantity(call->out, value);
    return ST_OK;
}

enum status rpc_reply_bytes(struct rpc_call *call, bytes value)
{
    json_put_hex(call->out, value);
    return ST_OK;
}

enum status rpc_reply_text(struct rpc_call *call, const char *text)
{
    json_put_cstr(call->out, text);
    return ST_OK;
}

/* --- Life. */

struct rpc *rpc_new(const struct rpc_services *services)
{
    struct rpc *rpc = calloc(1, sizeof(*rpc));
    assert(rpc != NULL);
    rpc->serve = *services;
    pthread_mutex_init(&rpc->tip.lock, NULL);
    rpc->filters = filters_new(&rpc->serve);
    fill_slots(rpc->method_slots);
    return rpc;
}

u64 rpc_recover_ns(const struct rpc *rpc)
{
    return atomic_load_explicit(&rpc->recover_ns, memory_order_relaxed);
}

void rpc_free(struct rpc *rpc)
{
    if (rpc == NULL)
        return;
    filters_free(rpc->filters);
    pthread_mutex_destroy(&rpc->tip.lock);
    free(rpc);
}

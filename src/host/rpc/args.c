/* Arguments of a call: hostile JSON in, values out. */
#include "rpc/internal.h"

#include "base/fmt.h"

#include <stdarg.h>

enum status rpc_refuse(struct rpc_call *call, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fmt_va(call->err.text, sizeof(call->err.text), format, args);
    va_end(args);
    call->code = code;
    return ST_INVALID;
}

json rpc_arg(const struct rpc_call *call, usize index)
{
    json value = json_at(call->params, index);
    return json_is(value, JSON_NULL) ? (json){BYTES_EMPTY} : value;
}

bool rpc_has_arg(const struct rpc_call *call, usize index)
{
    return !json_is(rpc_arg(call, index), JSON_ABSENT);
}

/* --- Values, wherever they stand. */

static enum status read_text(struct rpc_call *call, json value, const char *what, bytes *out)
{
    if (json_is(value, JSON_ABSENT))
        return rpc_refuse(call, RPC_BAD_PARAMS, "missing value for %s", what);
    if (!json_is(value, JSON_STRING))
        return rpc_refuse(call, RPC_BAD_PARAMS, "invalid %s: not a string", what);
    *out = json_text(value, &call->arena);
    return ST_OK;
}

static bool has_prefix(bytes text)
{
    return text.size >= 2 && text.data[0] == '0' && (text.data[1] == 'x' || text.data[1] == 'X');
}

static enum status read_hex_text(struct rpc_call *call, json value, const char *what, bytes *out)
{
    TRY(read_text(call, value, what, out));
    if (!has_prefix(*out))
        return rpc_refuse(call, RPC_BAD_PARAMS, "invalid %s: hex string without 0x prefix", what);
    return ST_OK;
}

static enum status read_fixed(struct rpc_call *call, json value, const char *what, u8 *to,
                              usize size)
{
    bytes text;
    TRY(read_hex_text(call, value, what, &text));
    if (hex_read_fixed(text, to, size) != ST_OK)
        return rpc_refuse(call, RPC_BAD_PARAMS, "invalid %s: want %zu bytes of hexadecimal", what,
                          size);
    return ST_OK;
}

enum status rpc_read_address(struct rpc_call *call, json value, const char *what, address *out)
{
    return read_fixed(call, value, what, out->b, sizeof(out->b));
}

enum status rpc_read_hash(struct rpc_call *call, json value, const char *what, hash32 *out)
{
    return read_fixed(call, value, what, out->b, sizeof(out->b));
}

enum status rpc_read_u256(struct rpc_call *call, json value, const char *what, u256 *out)
{
    bytes text;
    u64 number;
    if (json_is(value, JSON_NUMBER)) {
        if (json_read_u64(value, &number) != ST_OK)
            return rpc_refuse(call, RPC_BAD_PARAMS, "invalid %s: not a whole number", what);
        *out = u256_from_u64(number);
        return ST_OK;
    }
    TRY(read_hex_text(call, value, what, &text));
    if (text.size == 2)
        return rpc_refuse(call, RPC_BAD_PARAMS, "invalid %s: hex string \"0x\"", what);
    if (hex_read_number(text, out) != ST_OK) /* leading zeros: cast and hardhat send them */
        return rpc_refuse(call, RPC_BAD_PARAMS,
                          "invalid %s: not a hexadecimal number of at most "
                          "256 bits",
                          what);
    return ST_OK;
}

enum status rpc_read_u64(struct rpc_call *call, json value, const char *what, u64 *out)
{
    u256 wide;
    TRY(rpc_read_u256(call, value, what, &wide));
    if (!u256_fits_u64(wide))
        return rpc_refuse(call, RPC_BAD_PARAMS, "invalid %s: does not fit in 64 bits", what);
    *out = wide.w[0];
    return ST_OK;
}

enum status rpc_read_bytes(struct rpc_call *call, json value, const char *what, bytes *out)
{
    bytes text;
    TRY(read_hex_text(call, value, what, &text));
    if (hex_read(text, out, &call->arena) != ST_OK)
        return rpc_refuse(call, RPC_BAD_PARAMS,
                          "invalid %s: not an even number of hexadecimal "
                          "digits",
                          what);
    return ST_OK;
}

enum status rpc_read_slot(struct rpc_call *call, json value, hash32 *out)
{
    bytes text;
    TRY(read_text(call, value, "storage key", &text));
    if (has_prefix(text))
        text = bytes_slice(text, 2, text.size);
    if (text.size > 64)
        return rpc_refuse(call, RPC_BAD_PARAMS, "storage key too long (want at most 32 bytes)");
    u8 digits[64];
    memset(digits, '0', sizeof(digits));
    bytes_copy(digits + 64 - text.size, text);
    if (hex_read_fixed(BYTES_OF(digits), out->b, sizeof(out->b)) != ST_OK)
        return rpc_refuse(call, RPC_BAD_PARAMS, "invalid hex in storage key");
    return ST_OK;
}

/* --- Values by their place among the arguments. */

static const char *argument_name(struct rpc_call *call, usize index)
{
    char *name = ARENA_TAKE(&call->arena, char, 24);
    fmt(name, 24, "argument %zu", index);
    return name;
}

enum status rpc_arg_address(struct rpc_call *call, usize index, address *out)
{
    return rpc_read_address(call, rpc_arg(call, index), argument_name(call, index), out);
}

enum status rpc_arg_hash(struct rpc_call *call, usize index, hash32 *out)
{
    return rpc_read_hash(call, rpc_arg(call, index), argument_name(call, index), out);
}

enum status rpc_arg_u64(struct rpc_call *call, usize index, u64 *out)
{
    return rpc_read_u64(call, rpc_arg(call, index), argument_name(call, index), out);
}

enum status rpc_arg_u256(struct rpc_call *call, usize index, u256 *out)
{
    return rpc_read_u256(call, rpc_arg(call, index), argument_name(call, index), out);
}

enum status rpc_arg_bytes(struct rpc_call *call, usize index, bytes *out)
{
    return rpc_read_bytes(call, rpc_arg(call, index), argument_name(call, index), out);
}

enum status rpc_arg_bool(struct rpc_call *call, usize index, bool *out)
{
    json value = rpc_arg(call, index);
    if (json_is(value, JSON_ABSENT))
        return ST_OK;
    if (json_read_bool(value, out) != ST_OK)
        return rpc_refuse(call, RPC_BAD_PARAMS, "invalid argument %zu: want true or false", index);
    return ST_OK;
}

/* --- Blocks. */

enum status rpc_open(struct rpc_call *call)
{
    if (call->at_open)
        return ST_OK;
    enum status st = snapshot_open(call->serve->chain, &call->arena, &call->at, &call->err);
    call->at_open = st == ST_OK;
    return st;
}

static enum status no_such_block(struct rpc_call *call)
{
    (void)rpc_refuse(call, RPC_SERVER, "header not found");
    return ST_MISSING;
}

static enum status block_by_number(struct rpc_call *call, u64 number, struct block_ref *out)
{
    enum status st = snapshot_ref_by_number(&call->at, number, out);
    return st == ST_MISSING ? no_such_block(call) : st;
}

static enum status block_by_hash(struct rpc_call *call, hash32 hash, bool must_be_canonical,
                                 struct block_ref *out)
{
    bool canonical;
    enum status st = snapshot_ref_by_hash(&call->at, hash, out, &canonical);
    if (st == ST_MISSING)
        return no_such_block(call);
    if (st == ST_OK && must_be_canonical && !canonical)
        return rpc_refuse(call, RPC_SERVER, "hash is not currently canonical");
    return st;
}

enum status rpc_arg_block_hash(struct rpc_call *call, usize index, struct block_ref *out)
{
    hash32 hash;
    TRY(rpc_arg_hash(call, index, &hash));
    TRY(rpc_open(call));
    return block_by_hash(call, hash, false, out);
}

/* A tag as a number of a block; false: not a tag. */
static bool read_tag(const struct rpc_call *call, json value, u64 *out)
{
    const struct head *head = call->at.head;
    const struct {
        const char *tag;
        u64 number;
    } tags[] = {
        {"latest", head->header.number},
        {"pending", head->header.number},
        {"safe", head->safe},
        {"finalized", head->finalized},
        {"earliest", 0},
    };
    for (usize i = 0; i < countof(tags); i++) {
        if (json_says(value, tags[i].tag)) {
            *out = tags[i].number;
            return true;
        }
    }
    return false;
}

/* EIP-1898: {"blockNumber": …} or {"blockHash": …, "requireCanonical": …}. */
static enum status read_block_object(struct rpc_call *call, json value, struct block_ref *out)
{
    json by_hash = json_get(value, "blockHash"), by_number = json_get(value, "blockNumber");
    if (json_is(by_hash, JSON_ABSENT) == json_is(by_number, JSON_ABSENT))
        return rpc_refuse(call, RPC_BAD_PARAMS,
                          "invalid block: want either blockNumber or "
                          "blockHash");
    if (!json_is(by_number, JSON_ABSENT)) {
        if (json_is(by_number, JSON_OBJECT))
            return rpc_refuse(call, RPC_BAD_PARAMS, "invalid blockNumber");
        return rpc_read_block(call, by_number, out);
    }
    hash32 hash;
    bool canonical = false;
    json flag = json_get(value, "requireCanonical");
    TRY(rpc_read_hash(call, by_hash, "blockHash", &hash));
    if (!json_is(flag, JSON_ABSENT) && json_read_bool(flag, &canonical) != ST_OK)
        return rpc_refuse(call, RPC_BAD_PARAMS, "invalid requireCanonical: want true or false");
    return block_by_hash(call, hash, canonical, out);
}

enum status rpc_read_block(struct rpc_call *call, json value, struct block_ref *out)
{
    enum { HASH_TEXT = 2 + 64 };
    TRY(rpc_open(call));
    u64 number = call->at.head->header.number;
    if (json_is(value, JSON_ABSENT) || read_tag(call, value, &number))
        return block_by_number(call, number, out);
    if (json_is(value, JSON_OBJECT))
        return read_block_object(call, value, out);
    if (json_is(value, JSON_STRING) && json_text(value, &call->arena).size == HASH_TEXT) {
        hash32 hash;
        TRY(rpc_read_hash(call, value, "block hash", &hash));
        return block_by_hash(call, hash, false, out);
    }
    TRY(rpc_read_u64(call, value, "argument: block number", &number));
    return block_by_number(call, number, out);
}

enum status rpc_arg_block(struct rpc_call *call, usize index, struct block_ref *out)
{
    return rpc_read_block(call, rpc_arg(call, index), out);
}

enum status rpc_arg_block_number(struct rpc_call *call, usize index, struct block_ref *out)
{
    TRY(rpc_open(call));
    u64 number;
    json value = rpc_arg(call, index);
    if (!read_tag(call, value, &number))
        TRY(rpc_read_u64(call, value, argument_name(call, index), &number));
    return block_by_number(call, number, out);
}

bool rpc_arg_is_pending(const struct rpc_call *call, usize index)
{
    return json_says(rpc_arg(call, index), "pending");
}

enum status rpc_seek_state(struct rpc_call *call, const struct block_ref *ref)
{
    struct block_ref canonical;
    if (snapshot_ref_by_number(&call->at, ref->number, &canonical) != ST_OK ||
        !hash32_equal(canonical.hash, ref->hash))
        return rpc_refuse(call, RPC_SERVER, "hash is not currently canonical");
    enum status st = snapshot_seek(&call->at, ref->number, &call->err);
    if (st == ST_MISSING)
        return rpc_refuse(call, RPC_SERVER, "state of block %lu is not kept", ref->number);
    return st;
}

enum status rpc_arg_state(struct rpc_call *call, usize index)
{
    struct block_ref ref;
    TRY(rpc_arg_block(call, index, &ref));
    return rpc_seek_state(call, &ref);
}

enum status rpc_account(struct rpc_call *call, address who, struct account *out)
{
    struct state_view view = snapshot_view(&call->at);
    enum status st = view.account(view.self, who, out);
    if (st != ST_MISSING)
        return st;
    *out = account_new();
    return ST_OK;
}

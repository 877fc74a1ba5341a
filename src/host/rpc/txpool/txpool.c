/* What waits in the pool, as geth shows it. */
#include "rpc/internal.h"

#include "base/fmt.h"
#include "crypto/keccak.h"

enum status txpool_rpc_status(struct rpc_call *call)
{
    struct txpool_counts counts = txpool_counts(call->serve->pool);
    json_open_object(call->out);
    put_member_u64(call->out, "pending", counts.executable);
    put_member_u64(call->out, "queued", counts.queued);
    json_close_object(call->out);
    return ST_OK;
}

/* {"pending": {sender: {nonce: transaction}}, "queued": …}: the pool is walked once for each. */
struct listing {
    struct json_out *out;
    bool want_executable;
    bool as_text;
    bool sender_open;
    address sender;
};

/* EIP-55: an upper-case digit where the hash of the lower-case text has a high nibble. */
static void checksum_address(char to[43], address who)
{
    memcpy(to, "0x", 2);
    hex_write(to + 2, BYTES_OF(who));
    to[42] = 0;
    hash32 hash = keccak256((bytes){(const u8 *)to + 2, 40});
    for (usize i = 0; i < 40; i++) {
        u8 nibble = i % 2 == 0 ? hash.b[i / 2] >> 4 : hash.b[i / 2] & 15;
        if (to[2 + i] >= 'a' && nibble >= 8)
            to[2 + i] = (char)(to[2 + i] - 'a' + 'A');
    }
}

static void put_summary(struct json_out *out, const struct tx *tx)
{
    char text[320], value[79], price[79], to[43] = "contract creation";
    u256_write_decimal(value, tx->value_wei);
    u256_write_decimal(price, tx->max_fee_wei);
    if (!tx->creates)
        checksum_address(to, tx->to);
    fmt(text, sizeof(text), "%s: %s wei + %lu gas × %s wei", to, value, tx->gas_limit, price);
    json_put_cstr(out, text);
}

static bool list_one(void *self, const struct tx *tx, bool executable)
{
    struct listing *list = self;
    char text[43];
    if (executable != list->want_executable)
        return true;
    if (!list->sender_open || !address_equal(list->sender, tx->from)) {
        if (list->sender_open)
            json_close_object(list->out);
        checksum_address(text, tx->from);
        json_key(list->out, text);
        json_open_object(list->out);
        list->sender_open = true;
        list->sender = tx->from;
    }
    fmt(text, sizeof(text), "%lu", tx->nonce);
    json_key(list->out, text);
    if (list->as_text)
        put_summary(list->out, tx);
    else
        put_tx(list->out, tx, NULL);
    return true;
}

static void put_listing(struct rpc_call *call, bool executable, bool as_text)
{
    struct listing list = {.out = call->out, .want_executable = executable, .as_text = as_text};
    json_key(call->out, executable ? "pending" : "queued");
    json_open_object(call->out);
    txpool_visit(call->serve->pool, &list, list_one);
    if (list.sender_open)
        json_close_object(call->out);
    json_close_object(call->out);
}

static enum status reply_listing(struct rpc_call *call, bool as_text)
{
    json_open_object(call->out);
    put_listing(call, true, as_text);
    put_listing(call, false, as_text);
    json_close_object(call->out);
    return ST_OK;
}

enum status txpool_rpc_content(struct rpc_call *call)
{
    return reply_listing(call, false);
}

enum status txpool_rpc_inspect(struct rpc_call *call)
{
    return reply_listing(call, true);
}

static bool list_own(void *self, const struct tx *tx, bool executable)
{
    struct listing *list = self;
    char text[24];
    if (executable != list->want_executable)
        return true;
    fmt(text, sizeof(text), "%lu", tx->nonce);
    json_key(list->out, text);
    put_tx(list->out, tx, NULL);
    return true;
}

enum status txpool_rpc_content_from(struct rpc_call *call)
{
    address who;
    TRY(rpc_arg_address(call, 0, &who));
    json_open_object(call->out);
    for (int queued = 0; queued <= 1; queued++) {
        struct listing list = {.out = call->out, .want_executable = !queued};
        json_key(call->out, queued ? "queued" : "pending");
        json_open_object(call->out);
        txpool_visit_sender(call->serve->pool, who, &list, list_own);
        json_close_object(call->out);
    }
    json_close_object(call->out);
    return ST_OK;
}

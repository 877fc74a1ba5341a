/* State, calls, gas and fees. */
#include "client/internal.h"

#include "client/abi.h"

#include <strings.h>

/* --- Accounts. */

static bytes account_params(address who, struct eth_at at, struct arena *tmp)
{
    struct json_out params = eth_params(200, tmp);
    json_put_hex(&params, BYTES_OF(who));
    eth_put_at(&params, at);
    return eth_params_end(&params);
}

enum status eth_ask_balance(struct eth *eth, address who, struct eth_at at, u256 *out,
                            struct err *err)
{
    static const char method[] = "eth_getBalance";
    struct arena tmp = eth_scratch(eth);
    json result;
    TRY(eth_one_call(eth, method, account_params(who, at, &tmp), &result, &tmp, err));
    return eth_json_u256(result, out) == ST_OK ? ST_OK
                                               : eth_nonsense(eth, method, "no balance", err);
}

enum status eth_ask_nonce(struct eth *eth, address who, struct eth_at at, u64 *out, struct err *err)
{
    static const char method[] = "eth_getTransactionCount";
    struct arena tmp = eth_scratch(eth);
    json result;
    TRY(eth_one_call(eth, method, account_params(who, at, &tmp), &result, &tmp, err));
    return eth_json_u64(result, out) == ST_OK ? ST_OK : eth_nonsense(eth, method, "no nonce", err);
}

enum status eth_ask_nonces(struct eth *eth, address who, u64 *latest, u64 *pending, struct err *err)
{
    static const char method[] = "eth_getTransactionCount";
    struct arena tmp = eth_scratch(eth);
    struct net_client_item items[] = {
        {.method = method, .params = account_params(who, eth_at_tag(ETH_LATEST), &tmp)},
        {.method = method, .params = account_params(who, eth_at_tag(ETH_PENDING), &tmp)},
    };
    TRY(eth_calls(eth, items, countof(items), &tmp, err));
    if (items[0].status != ST_OK)
        return eth_refused(eth, &items[0], err);
    if (eth_json_u64(items[0].result, latest) != ST_OK)
        return eth_nonsense(eth, method, "no nonce", err);
    if (items[1].status != ST_OK || eth_json_u64(items[1].result, pending) != ST_OK)
        *pending = *latest; /* not every chain has a pool to look into */
    *pending = max_u64(*pending, *latest);
    return ST_OK;
}

enum status eth_ask_code(struct eth *eth, address who, struct eth_at at, bytes *out,
                         struct arena *arena, struct err *err)
{
    static const char method[] = "eth_getCode";
    struct arena tmp = eth_scratch(eth);
    json result;
    TRY(eth_one_call(eth, method, account_params(who, at, &tmp), &result, &tmp, err));
    return eth_json_bytes(result, out, arena) == ST_OK ? ST_OK
                                                       : eth_nonsense(eth, method, "no code", err);
}

/* --- Calls. */

static void put_blobs(struct json_out *out, const struct eth_message *message)
{
    json_key(out, "blobVersionedHashes");
    json_open_array(out);
    for (usize i = 0; i < message->blob_hash_count; i++)
        json_put_hex(out, BYTES_OF(message->blob_hashes[i]));
    json_close_array(out);
    json_key(out, "maxFeePerBlobGas");
    json_put_quantity(out, message->max_blob_fee_wei);
}

static void put_message(struct json_out *out, const struct eth_message *message)
{
    json_open_object(out);
    if (message->has_from) {
        json_key(out, "from");
        json_put_hex(out, BYTES_OF(message->from));
    }
    if (!message->creates) {
        json_key(out, "to");
        json_put_hex(out, BYTES_OF(message->to));
    }
    if (message->gas_limit != 0) {
        json_key(out, "gas");
        json_put_quantity_u64(out, message->gas_limit);
    }
    if (!u256_is_zero(message->value_wei)) {
        json_key(out, "value");
        json_put_quantity(out, message->value_wei);
    }
    if (message->blob_hash_count > 0)
        put_blobs(out, message);
    json_key(out, "data"); /* older servers know this name alone, newer ones both */
    json_put_hex(out, message->data);
    json_close_object(out);
}

static bytes message_params(const struct eth_message *message, struct eth_at at, struct arena *tmp)
{
    struct json_out params =
        eth_params(1000 + 2 * message->data.size + 70 * message->blob_hash_count, tmp);
    put_message(&params, message);
    eth_put_at(&params, at);
    return eth_params_end(&params);
}

/* Data of a revert: a string, or an object that holds one, as older servers send it. */
static bytes revert_data(json data, struct arena *arena)
{
    bytes out;
    if (json_is(data, JSON_OBJECT))
        data = json_get(data, "data");
    return eth_json_bytes(data, &out, arena) == ST_OK ? out : BYTES_EMPTY;
}

static enum status explain(const struct eth *eth, const struct net_client_item *item,
                           struct eth_refusal *out, struct arena *arena, struct err *err)
{
    char text[120];
    bytes words = bytes_slice(item->error.message, 0, sizeof(text) - 1);
    bytes_copy(text, words);
    text[words.size] = 0;
    bool reverted = item->error.code == 3 || strcasestr(text, "revert") != NULL;
    *out = (struct eth_refusal){.code = item->error.code, .reverted = reverted};
    if (!reverted)
        return eth_refused(eth, item, err);
    out->data = revert_data(item->error.data, arena);
    if (out->data.size < 4)
        return eth_refused(eth, item, err);
    abi_revert_text(out->data, text, sizeof(text));
    return fail(err, ST_INVALID, "%s: %s: reverted: %s", item->method, eth_name(eth), text);
}

static enum status ask_message(struct eth *eth, const char *method,
                               const struct eth_message *message, struct eth_at at, json *result,
                               struct eth_refusal *refusal, struct arena *arena, struct arena *tmp,
                               struct err *err)
{
    *refusal = (struct eth_refusal){0};
    if (message->data.size > (16 << 20))
        return fail(err, ST_INVALID, "%s: %zu bytes are too much to send", method,
                    message->data.size);
    struct net_client_item item = {.method = method, .params = message_params(message, at, tmp)};
    TRY(eth_calls(eth, &item, 1, tmp, err));
    if (item.status != ST_OK)
        return explain(eth, &item, refusal, arena, err);
    *result = item.result;
    return ST_OK;
}

enum status eth_ask_call(struct eth *eth, const struct eth_message *message, struct eth_at at,
                         bytes *result, struct eth_refusal *refusal, struct arena *arena,
                         struct err *err)
{
    struct arena tmp = eth_scratch(eth);
    json got;
    TRY(ask_message(eth, "eth_call", message, at, &got, refusal, arena, &tmp, err));
    return eth_json_bytes(got, result, arena) == ST_OK
               ? ST_OK
               : eth_nonsense(eth, "eth_call", "no bytes", err);
}

enum status eth_ask_calls(struct eth *eth, const struct eth_message *messages, usize count,
                          struct eth_at at, bytes *results, struct arena *arena, struct err *err)
{
    struct arena tmp = eth_scratch(eth);
    struct net_client_item *items = ARENA_NEW(&tmp, struct net_client_item, count);
    for (usize i = 0; i < count; i++)
        items[i] = (struct net_client_item){.method = "eth_call",
                                            .params = message_params(&messages[i], at, &tmp)};
    TRY(eth_calls(eth, items, count, &tmp, err));
    for (usize i = 0; i < count; i++) {
        if (items[i].status != ST_OK)
            return eth_refused(eth, &items[i], err);
        if (eth_json_bytes(items[i].result, &results[i], arena) != ST_OK)
            return eth_nonsense(eth, "eth_call", "no bytes", err);
    }
    return ST_OK;
}

enum status eth_ask_gas(struct eth *eth, const struct eth_message *message, struct eth_at at,
                        u64 *gas, struct eth_refusal *refusal, struct arena *arena, struct err *err)
{
    struct arena tmp = eth_scratch(eth);
    json got;
    TRY(ask_message(eth, "eth_estimateGas", message, at, &got, refusal, arena, &tmp, err));
    return eth_json_u64(got, gas) == ST_OK ? ST_OK
                                           : eth_nonsense(eth, "eth_estimateGas", "no gas", err);
}

/* --- Fees. */

/* The last element of a member: of the block after the newest. */
static bool last_fee(json history, const char *key, u256 *out)
{
    json list = json_get(history, key);
    usize count = json_count(list);
    return json_is(list, JSON_ARRAY) && count > 0 &&
           eth_json_u256(json_at(list, count - 1), out) == ST_OK;
}

/* The largest of the blocks' median tips: cheap blocks among them must not make us wait. */
static bool history_tip(json history, u256 *out)
{
    json rewards = json_get(history, "reward"), key, row;
    bool any = false;
    for (struct json_walk at = json_begin(rewards); json_next(&at, &key, &row);) {
        u256 tip;
        if (eth_json_u256(json_at(row, 0), &tip) != ST_OK)
            continue;
        if (!any || u256_less(*out, tip))
            *out = tip;
        any = true;
    }
    return any;
}

static bool fee_of(const struct net_client_item *item, u256 *out)
{
    return item->status == ST_OK && eth_json_u256(item->result, out) == ST_OK;
}

enum status eth_ask_fees(struct eth *eth, struct eth_fees *out, struct err *err)
{
    enum { HISTORY, PRIORITY, PRICE, BLOB, COUNT };
    struct net_client_item items[COUNT] = {
        [HISTORY] = {.method = "eth_feeHistory", .params = BYTES_LIT("[\"0x5\",\"latest\",[50]]")},
        [PRIORITY] = {.method = "eth_maxPriorityFeePerGas", .params = BYTES_LIT("[]")},
        [PRICE] = {.method = "eth_gasPrice", .params = BYTES_LIT("[]")},
        [BLOB] = {.method = "eth_blobBaseFee", .params = BYTES_LIT("[]")},
    };
    struct arena tmp = eth_scratch(eth);
    *out = (struct eth_fees){0};
    TRY(eth_calls(eth, items, COUNT, &tmp, err));
    json history = items[HISTORY].status == ST_OK ? items[HISTORY].result : (json){BYTES_EMPTY};
    u256 price = U256_ZERO;
    bool has_price = fee_of(&items[PRICE], &price);
    out->has_base_fee = last_fee(history, "baseFeePerGas", &out->base_fee_wei);
    bool said = last_fee(history, "baseFeePerBlobGas", &out->blob_fee_wei) ||
                fee_of(&items[BLOB], &out->blob_fee_wei);
    out->has_blob_fee = said && !u256_is_zero(out->blob_fee_wei); /* EIP-4844: never below 1 */
    if (!out->has_base_fee && !has_price)
        return eth_nonsense(eth, "eth_gasPrice", "no price", err);
    if (!out->has_base_fee)
        out->priority_wei = price;
    else if (!fee_of(&items[PRIORITY], &out->priority_wei) &&
             !history_tip(history, &out->priority_wei) && u256_less(out->base_fee_wei, price))
        out->priority_wei = u256_sub(price, out->base_fee_wei);
    return ST_OK;
}

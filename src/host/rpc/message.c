/* Transaction objects: what eth_call, eth_estimateGas, eth_sendTransaction and others take. */
#include "rpc/internal.h"

/* More than fits into any transaction (128 KiB), so that a request cannot ask for much memory. */
enum { MAX_ITEMS = 8192 };

static enum status count_items(struct rpc_call *call, json list, const char *what, usize *count)
{
    *count = json_count(list);
    if (*count > MAX_ITEMS)
        return rpc_refuse(call, RPC_BAD_PARAMS, "%s has more than %d items", what, MAX_ITEMS);
    return ST_OK;
}

/* Members of the object one after another; each stays out where it is absent or null. */
struct reader {
    struct rpc_call *call;
    json object;
};

static bool has(const struct reader *in, const char *key, json *value)
{
    *value = json_get(in->object, key);
    return !json_is(*value, JSON_ABSENT) && !json_is(*value, JSON_NULL);
}

static enum status read_member_u64(const struct reader *in, const char *key, u64 *out, bool *there)
{
    json value;
    *there = has(in, key, &value);
    return *there ? rpc_read_u64(in->call, value, key, out) : ST_OK;
}

static enum status read_member_u256(const struct reader *in, const char *key, u256 *out,
                                    bool *there)
{
    json value;
    *there = has(in, key, &value);
    return *there ? rpc_read_u256(in->call, value, key, out) : ST_OK;
}

/* "input" is the name, "data" the older one; both may be there if they say the same. */
static enum status read_data(const struct reader *in, struct tx *tx)
{
    json input, data;
    bytes other;
    bool has_input = has(in, "input", &input), has_data = has(in, "data", &data);
    if (has_input)
        TRY(rpc_read_bytes(in->call, input, "input", &tx->data));
    if (!has_data)
        return ST_OK;
    TRY(rpc_read_bytes(in->call, data, "data", &other));
    if (has_input && !bytes_equal(tx->data, other))
        return rpc_refuse(in->call, RPC_BAD_PARAMS,
                          "both \"data\" and \"input\" are set and not equal");
    tx->data = other;
    return ST_OK;
}

static enum status read_slots(struct rpc_call *call, json list, const hash32 **out, usize *count)
{
    TRY(count_items(call, list, "storageKeys", count));
    hash32 *slots = ARENA_TAKE(&call->arena, hash32, *count), *at = slots;
    json ignored, item;
    for (struct json_walk walk = json_begin(list); json_next(&walk, &ignored, &item);)
        TRY(rpc_read_slot(call, item, at++));
    *out = slots;
    return ST_OK;
}

static enum status read_access_list(const struct reader *in, struct tx *tx, bool *there)
{
    json list, ignored, item;
    *there = has(in, "accessList", &list);
    if (!*there)
        return ST_OK;
    TRY(count_items(in->call, list, "accessList", &tx->access_count));
    struct access_entry *entries =
        ARENA_TAKE(&in->call->arena, struct access_entry, tx->access_count);
    struct access_entry *at = entries;
    usize slots = 0;
    for (struct json_walk walk = json_begin(list); json_next(&walk, &ignored, &item); at++) {
        TRY(rpc_read_address(in->call, json_get(item, "address"), "accessList address", &at->who));
        TRY(read_slots(in->call, json_get(item, "storageKeys"), &at->slots, &at->slot_count));
        slots += at->slot_count;
        if (slots > MAX_ITEMS)
            return rpc_refuse(in->call, RPC_BAD_PARAMS, "accessList has more than %d keys",
                              MAX_ITEMS);
    }
    tx->access = entries;
    return ST_OK;
}

static enum status read_blobs(const struct reader *in, struct tx *tx, bool *there)
{
    json list, ignored, item;
    *there = has(in, "blobVersionedHashes", &list);
    if (!*there)
        return ST_OK;
    TRY(count_items(in->call, list, "blobVersionedHashes", &tx->blob_hash_count));
    hash32 *hashes = ARENA_TAKE(&in->call->arena, hash32, tx->blob_hash_count), *at = hashes;
    for (struct json_walk walk = json_begin(list); json_next(&walk, &ignored, &item);)
        TRY(rpc_read_hash(in->call, item, "blobVersionedHashes", at++));
    tx->blob_hashes = hashes;
    return ST_OK;
}

static enum status read_authorization(struct rpc_call *call, json from, struct authorization *out)
{
    json parity = json_get(from, "yParity");
    if (json_is(parity, JSON_ABSENT))
        parity = json_get(from, "v");
    TRY(rpc_read_u256(call, json_get(from, "chainId"), "authorization chainId", &out->chain_id));
    TRY(rpc_read_address(call, json_get(from, "address"), "authorization address", &out->who));
    TRY(rpc_read_u64(call, json_get(from, "nonce"), "authorization nonce", &out->nonce));
    TRY(rpc_read_u64(call, parity, "authorization yParity", &out->y_parity));
    TRY(rpc_read_u256(call, json_get(from, "r"), "authorization r", &out->r));
    return rpc_read_u256(call, json_get(from, "s"), "authorization s", &out->s);
}

static enum status read_authorizations(const struct reader *in, struct tx *tx, bool *there)
{
    json list, ignored, item;
    *there = has(in, "authorizationList", &list);
    if (!*there)
        return ST_OK;
    TRY(count_items(in->call, list, "authorizationList", &tx->authorization_count));
    struct authorization *to =
        ARENA_TAKE(&in->call->arena, struct authorization, tx->authorization_count);
    tx->authorizations = to;
    for (struct json_walk walk = json_begin(list); json_next(&walk, &ignored, &item);)
        TRY(read_authorization(in->call, item, to++));
    return ST_OK;
}

static enum status read_fees(const struct reader *in, struct message *out)
{
    u256 price = U256_ZERO;
    TRY(read_member_u256(in, "gasPrice", &price, &out->has_price));
    TRY(read_member_u256(in, "maxFeePerGas", &out->tx.max_fee_wei, &out->has_max_fee));
    TRY(read_member_u256(in, "maxPriorityFeePerGas", &out->tx.max_priority_wei, &out->has_tip));
    if (out->has_price && (out->has_max_fee || out->has_tip))
        return rpc_refuse(in->call, RPC_SERVER,
                          "both gasPrice and (maxFeePerGas or "
                          "maxPriorityFeePerGas) specified");
    if (out->has_price) {
        out->tx.max_fee_wei = price;
        out->tx.max_priority_wei = price;
    }
    out->has_fees = out->has_price || out->has_max_fee || out->has_tip;
    return ST_OK;
}

/* A type that is named wins; else the fields tell. */
static enum status choose_type(const struct reader *in, struct message *out, bool access,
                               bool blobs, bool authorizations)
{
    u64 type;
    bool named;
    TRY(read_member_u64(in, "type", &type, &named));
    if (named && type > TX_SET_CODE)
        return rpc_refuse(in->call, RPC_BAD_PARAMS, "transaction type %lu is not known", type);
    if (authorizations)
        out->tx.type = TX_SET_CODE;
    else if (blobs)
        out->tx.type = TX_BLOB;
    else if (named)
        out->tx.type = (enum tx_type)type;
    else if (!out->has_price)
        out->tx.type = TX_DYNAMIC_FEE;
    else
        out->tx.type = access ? TX_ACCESS_LIST : TX_LEGACY;
    return ST_OK;
}

static enum status read_to(const struct reader *in, struct tx *tx)
{
    json to;
    tx->creates = !has(in, "to", &to);
    return tx->creates ? ST_OK : rpc_read_address(in->call, to, "to", &tx->to);
}

enum status rpc_arg_message(struct rpc_call *call, usize index, struct message *out)
{
    struct reader in = {call, rpc_arg(call, index)};
    if (!json_is(in.object, JSON_OBJECT))
        return rpc_refuse(call, RPC_BAD_PARAMS, "invalid argument %zu: want a transaction object",
                          index);
    *out = (struct message){.tx = {.protected = true, .from_known = true}};
    bool access, blobs, authorizations, ignored;
    json from;
    out->has_from = has(&in, "from", &from);
    if (out->has_from)
        TRY(rpc_read_address(call, from, "from", &out->tx.from));
    TRY(read_to(&in, &out->tx));
    TRY(read_data(&in, &out->tx));
    TRY(read_member_u64(&in, "gas", &out->tx.gas_limit, &out->has_gas));
    TRY(read_member_u64(&in, "nonce", &out->tx.nonce, &out->has_nonce));
    TRY(read_member_u256(&in, "value", &out->tx.value_wei, &ignored));
    out->tx.chain_id = chain_config(call->serve->chain)->chain_id;
    u64 chain_id = out->tx.chain_id;
    TRY(read_member_u64(&in, "chainId", &chain_id, &out->has_chain_id));
    if (chain_id != out->tx.chain_id)
        return rpc_refuse(call, RPC_SERVER, "chainId does not match node's (have=%lu, want=%lu)",
                          chain_id, out->tx.chain_id);
    TRY(read_fees(&in, out));
    TRY(read_member_u256(&in, "maxFeePerBlobGas", &out->tx.max_blob_fee_wei, &ignored));
    TRY(read_access_list(&in, &out->tx, &access));
    TRY(read_blobs(&in, &out->tx, &blobs));
    TRY(read_authorizations(&in, &out->tx, &authorizations));
    return choose_type(&in, out, access, blobs, authorizations);
}

#include "cli/statetest_tx.h"

#include "base/json_read.h"

#define READ(name, expression)                                                                     \
    do {                                                                                           \
        if ((expression) != ST_OK)                                                                 \
            return fail(err, ST_INVALID, "transaction: bad %s", name);                             \
    } while (0)

static enum status picked(json transaction, json indexes, const char *list, const char *index,
                          json *out)
{
    u64 at;
    TRY(json_read_number_u64(json_get(indexes, index), &at));
    *out = json_at(json_get(transaction, list), at);
    return json_is(*out, JSON_ABSENT) ? ST_INVALID : ST_OK;
}

static enum status read_to(json to, struct tx *out)
{
    out->creates = json_says(to, "") || json_is(to, JSON_ABSENT) || json_is(to, JSON_NULL);
    return out->creates ? ST_OK : json_read_fixed(to, out->to.b, sizeof(out->to.b));
}

static enum status read_hashes(json list, const hash32 **out, usize *count, struct arena *arena)
{
    json key, item;
    hash32 *hashes = ARENA_TAKE(arena, hash32, json_count(list));
    *count = 0;
    for (struct json_walk at = json_begin(list); json_next(&at, &key, &item);)
        TRY(json_read_word(item, &hashes[(*count)++]));
    *out = hashes;
    return ST_OK;
}

static enum status read_access_list(json list, struct tx *out, struct arena *arena)
{
    json key, item;
    struct access_entry *entries = ARENA_TAKE(arena, struct access_entry, json_count(list));
    for (struct json_walk at = json_begin(list); json_next(&at, &key, &item);) {
        struct access_entry *entry = &entries[out->access_count++];
        TRY(json_read_fixed(json_get(item, "address"), entry->who.b, sizeof(entry->who.b)));
        TRY(read_hashes(json_get(item, "storageKeys"), &entry->slots, &entry->slot_count, arena));
    }
    out->access = entries;
    return ST_OK;
}

static enum status read_authorizations(json list, struct tx *out, struct arena *arena)
{
    json key, item;
    struct authorization *all = ARENA_TAKE(arena, struct authorization, json_count(list));
    for (struct json_walk at = json_begin(list); json_next(&at, &key, &item);) {
        struct authorization *auth = &all[out->authorization_count++];
        TRY(json_read_number(json_get(item, "chainId"), &auth->chain_id));
        TRY(json_read_fixed(json_get(item, "address"), auth->who.b, sizeof(auth->who.b)));
        TRY(json_read_number_u64(json_get(item, "nonce"), &auth->nonce));
        TRY(json_read_number_u64(json_get(item, "v"), &auth->y_parity));
        TRY(json_read_number(json_get(item, "r"), &auth->r));
        TRY(json_read_number(json_get(item, "s"), &auth->s));
    }
    out->authorizations = all;
    return ST_OK;
}

static bool has(json transaction, const char *key)
{
    json value = json_get(transaction, key);
    return !json_is(value, JSON_ABSENT) && !json_is(value, JSON_NULL);
}

static enum tx_type type_of(json transaction, json access_list)
{
    if (has(transaction, "authorizationList"))
        return TX_SET_CODE;
    if (has(transaction, "blobVersionedHashes") || has(transaction, "maxFeePerBlobGas"))
        return TX_BLOB;
    if (has(transaction, "maxFeePerGas"))
        return TX_DYNAMIC_FEE;
    return json_is(access_list, JSON_ARRAY) ? TX_ACCESS_LIST : TX_LEGACY;
}

static enum status read_prices(json transaction, struct tx *out)
{
    if (out->type < TX_DYNAMIC_FEE) {
        TRY(json_read_number(json_get(transaction, "gasPrice"), &out->max_fee_wei));
        out->max_priority_wei = out->max_fee_wei;
        return ST_OK;
    }
    TRY(json_read_number(json_get(transaction, "maxFeePerGas"), &out->max_fee_wei));
    return json_read_number(json_get(transaction, "maxPriorityFeePerGas"), &out->max_priority_wei);
}

enum status statetest_tx(json transaction, json indexes, u64 chain_id, struct tx *out,
                         struct arena *arena, struct err *err)
{
    json data, gas, value, access;
    READ("data index", picked(transaction, indexes, "data", "data", &data));
    READ("gas index", picked(transaction, indexes, "gasLimit", "gas", &gas));
    READ("value index", picked(transaction, indexes, "value", "value", &value));
    if (picked(transaction, indexes, "accessLists", "data", &access) != ST_OK)
        access = (json){BYTES_EMPTY};
    *out = (struct tx){.protected = true, .from_known = true, .chain_id = chain_id};
    out->type = type_of(transaction, access);
    READ("nonce", json_read_number_u64(json_get(transaction, "nonce"), &out->nonce));
    READ("gas limit", json_read_number_u64(gas, &out->gas_limit));
    READ("recipient", read_to(json_get(transaction, "to"), out));
    READ("value", json_read_number(value, &out->value_wei));
    READ("data", json_read_hex(data, &out->data, arena));
    READ("price", read_prices(transaction, out));
    READ("access list", read_access_list(access, out, arena));
    if (out->type == TX_LEGACY) {
        out->protected = false;
        out->chain_id = 0;
    }
    if (out->type == TX_BLOB) {
        READ("max blob fee",
             json_read_number(json_get(transaction, "maxFeePerBlobGas"), &out->max_blob_fee_wei));
        READ("blob hashes", read_hashes(json_get(transaction, "blobVersionedHashes"),
                                        &out->blob_hashes, &out->blob_hash_count, arena));
    }
    if (out->type == TX_SET_CODE)
        READ("authorizations",
             read_authorizations(json_get(transaction, "authorizationList"), out, arena));
    READ("sender",
         json_read_fixed(json_get(transaction, "sender"), out->from.b, sizeof(out->from.b)));
    return ST_OK;
}

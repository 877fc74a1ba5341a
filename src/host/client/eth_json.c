/* Reading what a server says. Source: ethereum/execution-apis, schemas. */
#include "client/internal.h"

#include "base/fmt.h"

enum {
    EXTRA_DATA_LIMIT = 16 << 10, /* proof-of-authority chains keep their signers there */
    LEAST_LOG = 200,             /* bytes of a log's JSON: field names and hashes alone are more */
    LEAST_HASH = 66,
};

/* --- Values. */

enum status eth_json_u256(json value, u256 *out)
{
    if (!json_is(value, JSON_STRING))
        return ST_INVALID;
    bytes text = bytes_slice(value.text, 1, value.text.size - 2); /* a number needs no escapes */
    if (text.size < 3 || text.size > 66 || text.data[0] != '0' || text.data[1] != 'x')
        return ST_INVALID;
    return hex_read_number(text, out);
}

enum status eth_json_u64(json value, u64 *out)
{
    u256 wide;
    TRY(eth_json_u256(value, &wide));
    *out = wide.w[0];
    return u256_fits_u64(wide) ? ST_OK : ST_INVALID;
}

static bool is_data(json value)
{
    return json_is(value, JSON_STRING) && value.text.size >= 4 &&
           memcmp(value.text.data, "\"0x", 3) == 0;
}

enum status eth_json_fixed(json value, u8 *to, usize size)
{
    if (!is_data(value))
        return ST_INVALID;
    return hex_read_fixed(bytes_slice(value.text, 1, value.text.size - 2), to, size);
}

enum status eth_json_bytes(json value, bytes *out, struct arena *arena)
{
    if (!is_data(value))
        return ST_INVALID;
    return hex_read(bytes_slice(value.text, 1, value.text.size - 2), out, arena);
}

static bool is_there(json value)
{
    return !json_is(value, JSON_ABSENT) && !json_is(value, JSON_NULL);
}

/* --- Members. */

bool eth_has(const struct eth_shape *in, const char *key)
{
    return is_there(json_get(in->object, key));
}

static void judge(struct eth_shape *in, const char *key, enum status st)
{
    if (st != ST_OK && in->bad == NULL)
        in->bad = key;
}

u64 eth_read_u64(struct eth_shape *in, const char *key)
{
    u64 value = 0;
    judge(in, key, eth_json_u64(json_get(in->object, key), &value));
    return in->bad == NULL ? value : 0;
}

u256 eth_read_u256(struct eth_shape *in, const char *key)
{
    u256 value = U256_ZERO;
    judge(in, key, eth_json_u256(json_get(in->object, key), &value));
    return in->bad == NULL ? value : U256_ZERO;
}

static void read_fixed(struct eth_shape *in, const char *key, u8 *to, usize size)
{
    judge(in, key, eth_json_fixed(json_get(in->object, key), to, size));
    if (in->bad != NULL)
        memset(to, 0, size);
}

hash32 eth_read_hash(struct eth_shape *in, const char *key)
{
    hash32 value;
    read_fixed(in, key, value.b, sizeof(value.b));
    return value;
}

address eth_read_address(struct eth_shape *in, const char *key)
{
    address value;
    read_fixed(in, key, value.b, sizeof(value.b));
    return value;
}

bytes eth_read_bytes(struct eth_shape *in, const char *key)
{
    bytes value = BYTES_EMPTY;
    judge(in, key, eth_json_bytes(json_get(in->object, key), &value, in->arena));
    return in->bad == NULL ? value : BYTES_EMPTY;
}

static enum status check_shape(const struct eth_shape *in, const char *what, struct err *err)
{
    if (!json_is(in->object, JSON_OBJECT))
        return fail(err, ST_INVALID, "no %s", what);
    if (in->bad != NULL)
        return fail(err, ST_INVALID, "a %s without a usable \"%s\"", what, in->bad);
    return ST_OK;
}

/* --- Headers. */

static enum header_fields header_fields_of(const struct eth_shape *in)
{
    if (eth_has(in, "requestsHash"))
        return HEADER_PRAGUE;
    if (eth_has(in, "parentBeaconBlockRoot"))
        return HEADER_CANCUN;
    if (eth_has(in, "withdrawalsRoot"))
        return HEADER_SHANGHAI;
    return eth_has(in, "baseFeePerGas") ? HEADER_LONDON : HEADER_FRONTIER;
}

static void read_later_fields(struct eth_shape *in, struct header *out)
{
    if (out->fields >= HEADER_LONDON)
        out->base_fee_wei = eth_read_u256(in, "baseFeePerGas");
    if (out->fields >= HEADER_SHANGHAI)
        out->withdrawals_root = eth_read_hash(in, "withdrawalsRoot");
    if (out->fields >= HEADER_CANCUN) {
        out->blob_gas_used = eth_read_u64(in, "blobGasUsed");
        out->excess_blob_gas = eth_read_u64(in, "excessBlobGas");
        out->parent_beacon_root = eth_read_hash(in, "parentBeaconBlockRoot");
    }
    if (out->fields >= HEADER_PRAGUE)
        out->requests_hash = eth_read_hash(in, "requestsHash");
}

static void read_header(struct eth_shape *in, struct header *out)
{
    *out = (struct header){
        .parent_hash = eth_read_hash(in, "parentHash"),
        .ommers_hash = eth_read_hash(in, "sha3Uncles"),
        .beneficiary = eth_read_address(in, "miner"),
        .state_root = eth_read_hash(in, "stateRoot"),
        .transactions_root = eth_read_hash(in, "transactionsRoot"),
        .receipts_root = eth_read_hash(in, "receiptsRoot"),
        .difficulty = eth_read_u256(in, "difficulty"),
        .number = eth_read_u64(in, "number"),
        .gas_limit = eth_read_u64(in, "gasLimit"),
        .gas_used = eth_read_u64(in, "gasUsed"),
        .timestamp = eth_read_u64(in, "timestamp"),
        .extra_data = eth_read_bytes(in, "extraData"),
        .mix_hash = eth_read_hash(in, "mixHash"),
        .fields = header_fields_of(in),
    };
    read_fixed(in, "logsBloom", out->logs_bloom.b, sizeof(out->logs_bloom.b));
    read_fixed(in, "nonce", out->nonce, sizeof(out->nonce));
    if (out->extra_data.size > EXTRA_DATA_LIMIT)
        judge(in, "extraData", ST_INVALID);
    read_later_fields(in, out);
}

/* A member that no header known here has: the likely cause of a hash that does not fit. */
static bytes unknown_member(json block)
{
    static const char *const known[] = {
        "parentHash",    "sha3Uncles",
        "miner",         "stateRoot",
        "receiptsRoot",  "transactionsRoot",
        "logsBloom",     "difficulty",
        "number",        "gasLimit",
        "gasUsed",       "timestamp",
        "extraData",     "mixHash",
        "nonce",         "baseFeePerGas",
        "blobGasUsed",   "withdrawalsRoot",
        "excessBlobGas", "parentBeaconBlockRoot",
        "requestsHash",  "hash",
        "size",          "totalDifficulty",
        "transactions",  "uncles",
        "withdrawals",   "author",
    };
    json key, item;
    for (struct json_walk at = json_begin(block); json_next(&at, &key, &item);) {
        bool found = !is_there(item);
        for (usize i = 0; !found && i < countof(known); i++)
            found = json_says(key, known[i]);
        if (!found)
            return bytes_slice(key.text, 1, key.text.size - 2);
    }
    return BYTES_EMPTY;
}

enum status eth_json_header(json value, struct eth_header *out, struct arena *arena,
                            struct err *err)
{
    struct eth_shape in = {.object = value, .arena = arena};
    read_header(&in, &out->header);
    hash32 said = eth_read_hash(&in, "hash");
    TRY(check_shape(&in, "block", err));
    out->hash = header_hash(&out->header, *arena);
    if (hash32_equal(out->hash, said))
        return ST_OK;
    bytes strange = unknown_member(value);
    if (strange.size > 0 && strange.size <= 40)
        return fail(err, ST_INVALID,
                    "block %lu, whose header does not hash to its name: its field \"%.*s\" is of a "
                    "fork that this program does not know; use a newer one",
                    out->header.number, (int)strange.size, (const char *)strange.data);
    return fail(err, ST_INVALID, "block %lu, whose header does not hash to its name",
                out->header.number);
}

/* --- Logs. */

static void read_topics(struct eth_shape *in, struct log *out)
{
    json topics = json_get(in->object, "topics"), key, item;
    if (!json_is(topics, JSON_ARRAY) || json_count(topics) > countof(out->topics)) {
        judge(in, "topics", ST_INVALID);
        return;
    }
    for (struct json_walk at = json_begin(topics); json_next(&at, &key, &item);) {
        hash32 *topic = &out->topics[out->topic_count++];
        judge(in, "topics", eth_json_fixed(item, topic->b, sizeof(topic->b)));
    }
}

enum status eth_json_log(json value, struct eth_log *out, struct arena *arena, struct err *err)
{
    struct eth_shape in = {.object = value, .arena = arena};
    *out = (struct eth_log){.block_number = eth_read_u64(&in, "blockNumber"),
                            .block_hash = eth_read_hash(&in, "blockHash"),
                            .tx_hash = eth_read_hash(&in, "transactionHash"),
                            .tx_index = eth_read_u64(&in, "transactionIndex"),
                            .index = eth_read_u64(&in, "logIndex"),
                            .log.who = eth_read_address(&in, "address"),
                            .log.data = eth_read_bytes(&in, "data")};
    read_topics(&in, &out->log);
    bool removed = false;
    if (eth_has(&in, "removed"))
        judge(&in, "removed", json_read_bool(json_get(value, "removed"), &removed));
    TRY(check_shape(&in, "log", err));
    if (removed) /* subscriptions tell of such; a list of what is there has none */
        return fail(err, ST_INVALID, "a removed log");
    return ST_OK;
}

static bool log_follows(const struct eth_log *before, const struct eth_log *log)
{
    if (log->block_number != before->block_number)
        return log->block_number > before->block_number;
    return log->index > before->index;
}

enum status eth_json_logs(json value, struct eth_logs *out, struct arena *arena, struct err *err)
{
    json key, item;
    usize count = json_count(value);
    if (!json_is(value, JSON_ARRAY) || count > value.text.size / LEAST_LOG)
        return fail(err, ST_INVALID, "no list of logs");
    *out = (struct eth_logs){ARENA_TAKE(arena, struct eth_log, count), 0};
    for (struct json_walk at = json_begin(value); json_next(&at, &key, &item); out->count++) {
        struct eth_log *log = &out->list[out->count];
        TRY(eth_json_log(item, log, arena, err));
        if (out->count > 0 && !log_follows(log - 1, log))
            return fail(err, ST_INVALID, "logs that are out of order or doubled");
    }
    return ST_OK;
}

/* --- Transactions. */

static void read_blob_hashes(struct eth_shape *in, struct eth_tx *out)
{
    json list = json_get(in->object, "blobVersionedHashes"), key, item;
    usize count = json_count(list);
    if (!is_there(list))
        return;
    if (!json_is(list, JSON_ARRAY) || count > list.text.size / LEAST_HASH) {
        judge(in, "blobVersionedHashes", ST_INVALID);
        return;
    }
    hash32 *hashes = ARENA_TAKE(in->arena, hash32, count);
    out->blob_hashes = hashes;
    for (struct json_walk at = json_begin(list); json_next(&at, &key, &item);) {
        hash32 *hash = &hashes[out->blob_hash_count++];
        judge(in, "blobVersionedHashes", eth_json_fixed(item, hash->b, sizeof(hash->b)));
    }
}

enum status eth_json_tx(json value, struct eth_tx *out, hash32 *hash, struct arena *arena,
                        struct err *err)
{
    struct eth_shape in = {.object = value, .arena = arena};
    *out = (struct eth_tx){.found = true,
                           .creates = !eth_has(&in, "to"),
                           .mined = eth_has(&in, "blockHash"),
                           .from = eth_read_address(&in, "from"),
                           .nonce = eth_read_u64(&in, "nonce"),
                           .value_wei = eth_read_u256(&in, "value"),
                           .input = eth_read_bytes(&in, "input")};
    *hash = eth_read_hash(&in, "hash");
    if (eth_has(&in, "type"))
        out->type = eth_read_u64(&in, "type");
    if (!out->creates)
        out->to = eth_read_address(&in, "to");
    if (out->mined) {
        out->block_hash = eth_read_hash(&in, "blockHash");
        out->block_number = eth_read_u64(&in, "blockNumber");
    }
    read_blob_hashes(&in, out);
    return check_shape(&in, "transaction", err);
}

enum status eth_json_receipt(json value, struct eth_receipt *out, hash32 *tx_hash,
                             struct arena *arena, struct err *err)
{
    struct eth_shape in = {.object = value, .arena = arena};
    *out = (struct eth_receipt){.found = true,
                                .block_number = eth_read_u64(&in, "blockNumber"),
                                .block_hash = eth_read_hash(&in, "blockHash"),
                                .gas_used = eth_read_u64(&in, "gasUsed"),
                                .succeeded = eth_read_u64(&in, "status") == 1,
                                .created = eth_has(&in, "contractAddress")};
    *tx_hash = eth_read_hash(&in, "transactionHash");
    if (out->created)
        out->contract = eth_read_address(&in, "contractAddress");
    if (eth_has(&in, "effectiveGasPrice"))
        out->price_wei = eth_read_u256(&in, "effectiveGasPrice");
    TRY(check_shape(&in, "receipt", err));
    return eth_json_logs(json_get(value, "logs"), &out->logs, arena, err);
}

#include "chain/genesis.h"

#include "base/json_read.h"

#include <stddef.h>

/* --- config. A row a key: where its number goes. FORK_NEVER where the key is absent or null. */

enum { ORDERED_KEYS = 9 }; /* the first ones: forks by block, each of which needs the one before */

static const struct config_key {
    const char *name;
    usize offset;
} config_keys[] = {
#define BLOCK(name, fork)                                                                          \
    {                                                                                              \
        name, offsetof(struct chain_config, fork_block[fork])                                      \
    }
    BLOCK("homesteadBlock", HOMESTEAD),
    BLOCK("eip150Block", TANGERINE),
    BLOCK("eip158Block", SPURIOUS),
    BLOCK("byzantiumBlock", BYZANTIUM),
    BLOCK("constantinopleBlock", CONSTANTINOPLE),
    BLOCK("petersburgBlock", PETERSBURG),
    BLOCK("istanbulBlock", ISTANBUL),
    BLOCK("berlinBlock", BERLIN),
    BLOCK("londonBlock", LONDON),
#undef BLOCK
    {"daoForkBlock", offsetof(struct chain_config, dao_block)},
    {"muirGlacierBlock", offsetof(struct chain_config, muir_glacier_block)},
    {"arrowGlacierBlock", offsetof(struct chain_config, arrow_glacier_block)},
    {"grayGlacierBlock", offsetof(struct chain_config, gray_glacier_block)},
    {"shanghaiTime", offsetof(struct chain_config, shanghai_time)},
    {"cancunTime", offsetof(struct chain_config, cancun_time)},
    {"pragueTime", offsetof(struct chain_config, prague_time)},
    {"osakaTime", offsetof(struct chain_config, osaka_time)},
};

/* Keys that look like forks and change nothing here. EIP-155 came with EIP-158 on every chain. */
static const char *const ignored_forks[] = {"eip155Block", "mergeNetsplitBlock"};

/* Forks with blob parameters, in order, and the keys of their time and of their parameters. */
static const struct blob_key {
    const char *time, *params;
} blob_keys[MAX_BLOB_SCHEDULE] = {
    {"cancunTime", "cancun"}, {"pragueTime", "prague"}, {"osakaTime", "osaka"},
    {"bpo1Time", "bpo1"},     {"bpo2Time", "bpo2"},     {"bpo3Time", "bpo3"},
    {"bpo4Time", "bpo4"},     {"bpo5Time", "bpo5"},
};

static bool is_fork_key(json key)
{
    bytes text = key.text;
    return (text.size > 6 && memcmp(text.data + text.size - 6, "Block\"", 6) == 0) ||
           (text.size > 5 && memcmp(text.data + text.size - 5, "Time\"", 5) == 0);
}

static bool is_known_fork(json key)
{
    for (usize i = 0; i < countof(config_keys); i++)
        if (json_says(key, config_keys[i].name))
            return true;
    for (usize i = 0; i < countof(ignored_forks); i++)
        if (json_says(key, ignored_forks[i]))
            return true;
    for (usize i = 0; i < countof(blob_keys); i++)
        if (json_says(key, blob_keys[i].time))
            return true;
    return false;
}

/* A fork that is scheduled but not known would make this program follow another chain. */
static enum status refuse_unknown_forks(json config, struct err *err)
{
    json key, value;
    for (struct json_walk at = json_begin(config); json_next(&at, &key, &value);)
        if (is_fork_key(key) && !json_is(value, JSON_NULL) && !is_known_fork(key))
            return fail(err, ST_INVALID, "genesis: this program does not know the fork %.*s",
                        (int)key.text.size, (const char *)key.text.data);
    return ST_OK;
}

static bool is_there(json value)
{
    return !json_is(value, JSON_ABSENT) && !json_is(value, JSON_NULL);
}

/* *out stays as it is where `key` is absent or null. */
static enum status read_u64(json object, const char *key, u64 *out, struct err *err)
{
    json value = json_get(object, key);
    if (is_there(value) && json_read_number_u64(value, out) != ST_OK)
        return fail(err, ST_INVALID, "genesis: bad number \"%s\"", key);
    return ST_OK;
}

static enum status read_u256(json object, const char *key, u256 *out, struct err *err)
{
    json value = json_get(object, key);
    if (is_there(value) && json_read_number(value, out) != ST_OK)
        return fail(err, ST_INVALID, "genesis: bad number \"%s\"", key);
    return ST_OK;
}

static enum status read_fixed(json object, const char *key, u8 *to, usize size, struct err *err)
{
    json value = json_get(object, key);
    if (is_there(value) && json_read_fixed(value, to, size) != ST_OK)
        return fail(err, ST_INVALID, "genesis: \"%s\" is not %zu bytes in hexadecimal", key, size);
    return ST_OK;
}

static enum status read_blob_params(json params, const char *fork, struct blob_params *out,
                                    struct err *err)
{
    *out = (struct blob_params){0};
    TRY(read_u64(params, "target", &out->target, err));
    TRY(read_u64(params, "max", &out->max, err));
    TRY(read_u64(params, "baseFeeUpdateFraction", &out->update_fraction, err));
    if (out->max == 0 || out->target > out->max || out->update_fraction == 0)
        return fail(err, ST_INVALID, "genesis: blobSchedule lacks sound parameters for %s", fork);
    return ST_OK;
}

static enum status read_blob_schedule(json config, struct chain_config *out, struct err *err)
{
    u64 last = 0;
    for (usize i = 0; i < countof(blob_keys); i++) {
        struct blob_schedule_entry entry = {.time = FORK_NEVER};
        TRY(read_u64(config, blob_keys[i].time, &entry.time, err));
        if (entry.time == FORK_NEVER)
            continue;
        if (entry.time < last)
            return fail(err, ST_INVALID, "genesis: %s is before the fork that it follows",
                        blob_keys[i].time);
        last = entry.time;
        json params = json_get(json_get(config, "blobSchedule"), blob_keys[i].params);
        TRY(read_blob_params(params, blob_keys[i].params, &entry.params, err));
        out->blobs[out->blob_count++] = entry;
    }
    return ST_OK;
}

/* EIP-3675. A total difficulty of zero puts the whole chain under proof of stake. */
static enum status read_merge(json config, struct chain_config *out, struct err *err)
{
    json total = json_get(config, "terminalTotalDifficulty");
    out->has_terminal_difficulty = is_there(total);
    TRY(read_u256(config, "terminalTotalDifficulty", &out->terminal_total_difficulty, err));
    bool from_start = out->has_terminal_difficulty && u256_is_zero(out->terminal_total_difficulty);
    out->merge_block = from_start ? 0 : FORK_NEVER;
    return ST_OK;
}

/* A key here that is not known may be a rule that would not be followed. */
static enum status refuse_unknown_keys(json own, struct err *err)
{
    json key, value;
    for (struct json_walk at = json_begin(own); json_next(&at, &key, &value);)
        if (!json_says(key, "child") && !json_says(key, "footprintGas"))
            return fail(err, ST_INVALID, "genesis: this program does not know %.*s of \"varve\"",
                        (int)key.text.size, (const char *)key.text.data);
    return ST_OK;
}

static enum status read_child(json config, struct chain_config *out, struct err *err)
{
    json own = json_get(config, "varve"), child = json_get(own, "child");
    TRY(refuse_unknown_keys(own, err));
    if (!is_there(child))
        return ST_OK;
    if (json_read_bool(child, &out->child.on) != ST_OK)
        return fail(err, ST_INVALID, "genesis: child is neither true nor false");
    if (!out->child.on)
        return ST_OK;
    out->child.footprint_gas = CHILD_FOOTPRINT_GAS;
    return read_u64(own, "footprintGas", &out->child.footprint_gas, err);
}

static enum status check_order(const struct chain_config *config, struct err *err)
{
    u64 last = 0;
    for (usize i = 0; i < ORDERED_KEYS; i++) {
        u64 when;
        memcpy(&when, (const u8 *)config + config_keys[i].offset, sizeof(when));
        if (when < last)
            return fail(err, ST_INVALID, "genesis: %s is before the fork that it follows",
                        config_keys[i].name);
        last = when;
    }
    if (config->cancun_time < config->shanghai_time)
        return fail(err, ST_INVALID, "genesis: cancunTime is before shanghaiTime");
    return ST_OK;
}

static enum status read_config(json config, struct chain_config *out, struct err *err)
{
    if (!json_is(config, JSON_OBJECT))
        return fail(err, ST_INVALID, "genesis: no object \"config\"");
    *out = (struct chain_config){.chain_id = 0};
    if (!is_there(json_get(config, "chainId")))
        return fail(err, ST_INVALID, "genesis: config has no \"chainId\"");
    TRY(read_u64(config, "chainId", &out->chain_id, err));
    TRY(refuse_unknown_forks(config, err));
    for (usize i = 0; i < countof(config_keys); i++) {
        u64 when = FORK_NEVER;
        TRY(read_u64(config, config_keys[i].name, &when, err));
        memcpy((u8 *)out + config_keys[i].offset, &when, sizeof(when));
    }
    /* Constantinople without a key of its own for Petersburg means both at once, as geth reads it.
     */
    if (!is_there(json_get(config, "petersburgBlock")))
        out->fork_block[PETERSBURG] = out->fork_block[CONSTANTINOPLE];
    json dao = json_get(config, "daoForkSupport");
    if (is_there(dao) && json_read_bool(dao, &out->dao_support) != ST_OK)
        return fail(err, ST_INVALID, "genesis: daoForkSupport is neither true nor false");
    TRY(read_fixed(config, "depositContractAddress", out->deposit_contract.b,
                   sizeof(out->deposit_contract.b), err));
    TRY(check_order(out, err));
    TRY(read_merge(config, out, err));
    TRY(read_child(config, out, err));
    return read_blob_schedule(config, out, err);
}

/* --- The header. */

/* How many fields the forks that are active at the genesis give it. */
static enum header_fields fields_at_genesis(const struct chain_config *config, u64 timestamp)
{
    if (config->fork_block[LONDON] > 0)
        return HEADER_FRONTIER;
    if (timestamp >= config->prague_time)
        return HEADER_PRAGUE;
    if (timestamp >= config->cancun_time)
        return HEADER_CANCUN;
    return timestamp >= config->shanghai_time ? HEADER_SHANGHAI : HEADER_LONDON;
}

/* sha256 of nothing: the requests hash of a block without requests (EIP-7685). */
static const hash32 EMPTY_REQUESTS_HASH = {{0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14,
                                            0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
                                            0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
                                            0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55}};

static enum status read_later_fields(json all, struct header *out, struct err *err)
{
    enum { INITIAL_BASE_FEE_WEI = 1000000000 }; /* EIP-1559 */
    out->base_fee_wei = u256_from_u64(INITIAL_BASE_FEE_WEI);
    TRY(read_u256(all, "baseFeePerGas", &out->base_fee_wei, err));
    out->withdrawals_root = EMPTY_TRIE_ROOT;
    TRY(read_u64(all, "blobGasUsed", &out->blob_gas_used, err));
    TRY(read_u64(all, "excessBlobGas", &out->excess_blob_gas, err));
    TRY(read_fixed(all, "parentBeaconBlockRoot", out->parent_beacon_root.b,
                   sizeof(out->parent_beacon_root.b), err));
    out->requests_hash = EMPTY_REQUESTS_HASH;
    return ST_OK;
}

static enum status read_header(json all, struct header *out, struct arena *arena, struct err *err)
{
    static const char *const required[] = {"gasLimit", "difficulty"};
    for (usize i = 0; i < countof(required); i++)
        if (!is_there(json_get(all, required[i])))
            return fail(err, ST_INVALID, "genesis: no \"%s\"", required[i]);
    u64 nonce = 0;
    *out = (struct header){.ommers_hash = EMPTY_OMMERS_HASH,
                           .transactions_root = EMPTY_TRIE_ROOT,
                           .receipts_root = EMPTY_TRIE_ROOT};
    TRY(read_fixed(all, "parentHash", out->parent_hash.b, sizeof(out->parent_hash.b), err));
    TRY(read_fixed(all, "coinbase", out->beneficiary.b, sizeof(out->beneficiary.b), err));
    TRY(read_fixed(all, "mixHash", out->mix_hash.b, sizeof(out->mix_hash.b), err));
    TRY(read_u256(all, "difficulty", &out->difficulty, err));
    TRY(read_u64(all, "number", &out->number, err));
    TRY(read_u64(all, "gasLimit", &out->gas_limit, err));
    TRY(read_u64(all, "gasUsed", &out->gas_used, err));
    TRY(read_u64(all, "timestamp", &out->timestamp, err));
    TRY(read_u64(all, "nonce", &nonce, err));
    store_be64(out->nonce, nonce);
    json extra = json_get(all, "extraData");
    if (is_there(extra) && json_read_hex(extra, &out->extra_data, arena) != ST_OK)
        return fail(err, ST_INVALID, "genesis: \"extraData\" is not hexadecimal");
    return read_later_fields(all, out, err);
}

enum status genesis_parse(bytes text, struct genesis *out, struct arena *arena, struct err *err)
{
    enum { MAX_DEPTH = 16 };
    json all;
    TRY(json_check(text, MAX_DEPTH, &all, err));
    if (!json_is(all, JSON_OBJECT))
        return fail(err, ST_INVALID, "genesis: not a JSON object");
    TRY(read_config(json_get(all, "config"), &out->config, err));
    TRY(read_header(all, &out->header, arena, err));
    TRY(genesis_alloc_parse(json_get(all, "alloc"), &out->alloc, &out->header.state_root,
                            &out->nodes, arena, err));
    out->header.fields = fields_at_genesis(&out->config, out->header.timestamp);
    if (out->config.child.on && (out->header.fields < HEADER_PRAGUE || out->config.merge_block > 0))
        return fail(err, ST_INVALID,
                    "genesis: a child chain begins with Prague, under proof of stake");
    return ST_OK;
}

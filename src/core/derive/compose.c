/* A block from its parts. */
#include "base/rlp.h"
#include "crypto/keccak.h"
#include "derive/internal.h"
#include "stf/check.h"
#include "stf/child.h"

const address DERIVE_CONFIG_ACCOUNT = {{0xde, 0xad, 0xde, 0xad, 0xde, 0xad, 0xde,
                                        0xad, 0xde, 0xad, 0xde, 0xad, 0xde, 0xad,
                                        0xde, 0xad, 0xde, 0xad, 0x00, 0x02}};

/* --- Origins. */

/* The fields of a header by their places (types/header.h). */
enum {
    FIELD_PARENT_HASH = 0,
    FIELD_NUMBER = 8,
    FIELD_TIMESTAMP = 11,
    FIELD_MIX_HASH = 13,
    FIELD_BASE_FEE = 15,
    FIELD_EXCESS_BLOB_GAS = 18,
    FIELD_BEACON_ROOT = 19,
};

static u256 parent_blob_fee(const struct derive_config *config, u64 timestamp, u64 excess_blob_gas)
{
    struct rules rules = {.fork = FRONTIER};
    for (usize i = 0; i < config->parent_blob_count && config->parent_blobs[i].time <= timestamp;
         i++)
        rules.blobs = config->parent_blobs[i].params;
    return blob_base_fee(&rules, excess_blob_gas);
}

static enum status read_field(bytes *in, unsigned place, struct derive_origin *out,
                              u64 *excess_blob_gas)
{
    bytes skipped;
    switch (place) {
    case FIELD_PARENT_HASH:
        return rlp_read_hash(in, &out->parent_hash);
    case FIELD_NUMBER:
        return rlp_read_u64(in, &out->number);
    case FIELD_TIMESTAMP:
        return rlp_read_u64(in, &out->timestamp);
    case FIELD_MIX_HASH:
        return rlp_read_hash(in, &out->mix_hash);
    case FIELD_BASE_FEE:
        return rlp_read_u256(in, &out->base_fee_wei);
    case FIELD_EXCESS_BLOB_GAS:
        return rlp_read_u64(in, excess_blob_gas);
    case FIELD_BEACON_ROOT:
        return rlp_read_hash(in, &out->parent_beacon_root);
    default:
        return rlp_read_item(in, &skipped);
    }
}

enum status derive_origin_read(const struct derive_config *config, bytes header,
                               struct derive_origin *out, struct err *err)
{
    bytes in = header, fields;
    u64 excess_blob_gas = 0;
    unsigned place = 0;
    *out = (struct derive_origin){.hash = keccak256(header)};
    if (rlp_read_list(&in, &fields) != ST_OK || rlp_read_end(in) != ST_OK)
        return fail(err, ST_INVALID, "origin: not one RLP list");
    for (; fields.size > 0; place++)
        if (read_field(&fields, place, out, &excess_blob_gas) != ST_OK)
            return fail(err, ST_INVALID, "origin: field %u of its header is bad", place);
    if (place < HEADER_FRONTIER)
        return fail(err, ST_INVALID, "origin: a header of %u fields", place);
    if (place > FIELD_EXCESS_BLOB_GAS)
        out->blob_base_fee_wei = parent_blob_fee(config, out->timestamp, excess_blob_gas);
    return ST_OK;
}

/* --- Items. */

static bool gas_limit_allowed(u64 gas_limit)
{
    return gas_limit >= DERIVE_LEAST_GAS_LIMIT && gas_limit <= DERIVE_MOST_GAS_LIMIT;
}

enum status derive_params_check(const struct derive_params *params, struct err *err)
{
    if (!gas_limit_allowed(params->gas_limit))
        return fail(err, ST_INVALID, "a gas limit of %lu, %d to %lu are allowed", params->gas_limit,
                    DERIVE_LEAST_GAS_LIMIT, DERIVE_MOST_GAS_LIMIT);
    if (params->version != DERIVE_VERSION)
        return fail(err, ST_INVALID, "version %lu of the protocol, this program knows %d",
                    params->version, DERIVE_VERSION);
    return ST_OK;
}

/* Values that SystemConfig would not send change nothing, whatever the parent says. */
static void set_param(struct derive_params *params, u256 id, u256 value)
{
    u64 number = u256_to_u64_sat(value);
    switch (u256_to_u64_sat(id)) {
    case DERIVE_GAS_LIMIT:
        if (gas_limit_allowed(number))
            params->gas_limit = number;
        break;
    case DERIVE_BASE_FEE_SCALAR:
        if (number <= UINT32_MAX)
            params->base_fee_scalar = (u32)number;
        break;
    case DERIVE_BLOB_BASE_FEE_SCALAR:
        if (number <= UINT32_MAX)
            params->blob_base_fee_scalar = (u32)number;
        break;
    case DERIVE_SEQUENCER:
        if (u256_bit_length(value) <= 160)
            params->sequencer = u256_to_address(value);
        break;
    case DERIVE_PROTOCOL_VERSION:
        if (u256_fits_u64(value))
            params->version = number;
        break;
    default: /* of a later version, which its item would have to say first */
        break;
    }
}

static void apply_config(struct derive_params *params, const struct inbox_item *item)
{
    if (item->kind == INBOX_CONFIG && item->data.size == 2 * sizeof(u256))
        set_param(params, u256_load_be(item->data.data), u256_load_be(item->data.data + 32));
}

void derive_skip_items(struct derive_state *state, const struct inbox_item *items, usize count)
{
    for (usize i = 0; i < count; i++)
        apply_config(&state->params, &items[i]);
    state->inbox_pos += count;
}

/* The deposit but for its source; a change of configuration is not yet a call. */
static struct tx deposit_of(const struct inbox_item *item)
{
    struct tx tx = {.type = TX_DEPOSIT, .protected = true, .from_known = true, .data = item->data};
    if (item->kind == INBOX_CONFIG) {
        tx.from = DERIVE_CONFIG_ACCOUNT;
        tx.to = CHILD_L1_BLOCK;
        tx.gas_limit = DERIVE_CONFIG_GAS;
        return tx;
    }
    tx.from = item->from;
    tx.to = item->creates ? (address){0} : item->to;
    tx.creates = item->creates;
    tx.mint_wei = item->mint_wei;
    tx.value_wei = item->value_wei;
    tx.gas_limit = min_u64(item->gas_limit, DERIVE_ITEM_GAS);
    return tx;
}

/* setConfig(uint256 id, uint256 value) of L1Block, whose arguments the item's data are. */
static bytes config_call(bytes arguments, struct arena *arena)
{
    hash32 name = keccak256(BYTES_LIT("setConfig(uint256,uint256)"));
    u8 *call = ARENA_TAKE(arena, u8, 4 + arguments.size);
    memcpy(call, name.b, 4);
    bytes_copy(call + 4, arguments);
    return (bytes){call, 4 + arguments.size};
}

usize derive_items_fit(const struct derive_config *config, const struct derive_state *state,
                       u64 timestamp, const struct inbox_item *items, usize count)
{
    struct rules rules = chain_rules(config->chain, state->head.number + 1, timestamp, true);
    struct derive_params params = state->params;
    u64 gas = CHILD_ATTRIBUTES_GAS;
    for (usize i = 0; i < count; i++) {
        struct tx tx = deposit_of(&items[i]);
        gas = add_sat_u64(gas, child_deposit_gas(&rules, &tx));
        apply_config(&params, &items[i]);
        if (gas > params.gas_limit && i > 0)
            return i;
    }
    return count;
}

/* --- The block. */

static void put_items(const struct derive_plan *plan, struct derive_block *out, struct tx *txs,
                      struct arena *arena)
{
    for (usize i = 0; i < plan->item_count; i++) {
        const struct inbox_item *item = &plan->items[i];
        assert(item->position == out->inbox_pos);
        out->inbox_pos++;
        out->inbox_acc = inbox_acc_next(out->inbox_acc, inbox_item_leaf(item));
        apply_config(&out->params, item);
        txs[i] = deposit_of(item);
        txs[i].source_hash = source_hash_item(out->inbox_acc);
        if (item->kind == INBOX_CONFIG)
            txs[i].data = config_call(item->data, arena);
    }
}

static void put_attributes(const struct derive_block *block, struct tx *out, struct arena *arena)
{
    const struct derive_origin *origin = &block->origin;
    struct child_attributes attributes = {
        .base_fee_scalar = block->params.base_fee_scalar,
        .blob_base_fee_scalar = block->params.blob_base_fee_scalar,
        .sequence_number = block->sequence_number,
        .origin_time = origin->timestamp,
        .origin_number = origin->number,
        .origin_base_fee_wei = origin->base_fee_wei,
        .origin_blob_base_fee_wei = origin->blob_base_fee_wei,
        .origin_hash = origin->hash,
        .batcher_hash = u256_to_hash(u256_from_address(block->params.sequencer)),
        .inbox_pos = block->inbox_pos,
    };
    child_attributes_write(&attributes, block->number, out, arena);
}

usize derive_compose_bound(const struct derive_plan *plan)
{
    enum { CALL = 4 + 2 * sizeof(u256), ENVELOPE = 256, ATTRIBUTES = 2 * CHILD_ATTRIBUTES_SIZE };
    usize each = sizeof(struct tx) + sizeof(bytes) + CALL + ENVELOPE;
    usize total = 64 + ATTRIBUTES + (1 + plan->item_count + plan->tx_count) * each;
    for (usize i = 0; i < plan->item_count; i++)
        total += 2 * plan->items[i].data.size;
    for (usize i = 0; i < plan->tx_count; i++)
        total += tx_encoded_size(&plan->txs[i]);
    return total;
}

enum status derive_compose(const struct derive_state *state, const struct derive_plan *plan,
                           struct derive_block *out, struct arena *arena, struct err *err)
{
    bool same_origin = plan->origin->number == state->head.origin.number;
    *out = (struct derive_block){
        .number = state->head.number + 1,
        .parent_hash = state->head.hash,
        .timestamp = plan->timestamp,
        .sequence_number = same_origin ? state->head.sequence_number + 1 : 0,
        .origin = *plan->origin,
        .params = state->params,
        .inbox_pos = state->inbox_pos,
        .inbox_acc = state->inbox_acc,
        .deposit_count = 1 + plan->item_count,
        .tx_count = 1 + plan->item_count + plan->tx_count,
    };
    struct tx *txs = ARENA_TAKE(arena, struct tx, out->tx_count);
    bytes *envelopes = ARENA_TAKE(arena, bytes, out->tx_count);
    put_items(plan, out, txs + 1, arena);
    if (out->params.version != DERIVE_VERSION)
        return fail(err, ST_MISSING,
                    "block %lu runs under version %lu of the protocol, this program knows %d",
                    out->number, out->params.version, DERIVE_VERSION);
    put_attributes(out, txs, arena);
    if (plan->tx_count > 0)
        memcpy(txs + out->deposit_count, plan->txs, plan->tx_count * sizeof(struct tx));
    for (usize i = 0; i < out->tx_count; i++) {
        envelopes[i] = tx_encode(&txs[i], arena);
        txs[i].hash = keccak256(envelopes[i]);
    }
    out->txs = txs;
    out->envelopes = envelopes;
    return ST_OK;
}

void derive_advance(struct derive_state *state, const struct derive_block *block, hash32 hash)
{
    assert(block->number == state->head.number + 1);
    assert(hash32_equal(block->parent_hash, state->head.hash));
    state->params = block->params;
    state->head.number = block->number;
    state->head.hash = hash;
    state->head.timestamp = block->timestamp;
    state->head.sequence_number = block->sequence_number;
    state->head.origin = block->origin;
    state->inbox_pos = block->inbox_pos;
    state->inbox_acc = block->inbox_acc;
}

struct derive_state derive_genesis(const struct derive_config *config,
                                   const struct derive_params *params, hash32 hash, u64 timestamp,
                                   const struct derive_origin *origin)
{
    assert(derive_params_check(params, NULL) == ST_OK);
    struct derive_state state = {.params = *params};
    state.head.hash = hash;
    state.head.timestamp = timestamp;
    state.head.origin = *origin;
    state.inbox_acc = inbox_acc_first(&config->id);
    state.batch_acc = batch_acc_first(&config->id);
    return state;
}

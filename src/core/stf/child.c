/* Child chains. L1 attributes as calldata of L1Block.setL1BlockValuesEcotone, packed big-endian,
 * and one field more at its end (OP specs, protocol/ecotone/l1-attributes.md):
 *
 *    0  selector                4    36  origin base fee       32
 *    4  base fee scalar         4    68  origin blob base fee  32
 *    8  blob base fee scalar    4   100  origin hash           32
 *   12  sequence number         8   132  batcher hash          32
 *   20  origin time             8   164  inbox position         8
 *   28  origin number           8 */
#include "stf/child.h"

#include "crypto/keccak.h"
#include "stf/check.h"

const address CHILD_FEE_VAULT = {{0x42, [19] = 0x11}};
const address CHILD_L1_BLOCK = {{0x42, [19] = 0x15}};
const address CHILD_BASE_FEE_VAULT = {{0x42, [19] = 0x19}};
const address CHILD_DEPOSITOR = {{0xde, 0xad, 0xde, 0xad, 0xde, 0xad, 0xde, 0xad, 0xde, 0xad,
                                  0xde, 0xad, 0xde, 0xad, 0xde, 0xad, 0xde, 0xad, 0x00, 0x01}};

static const u8 SET_L1_BLOCK_VALUES[4] = {0x44, 0x0a, 0x5e, 0x20};

enum status child_attributes_read(const struct tx *tx, struct child_attributes *out)
{
    if (tx->type != TX_DEPOSIT || tx->creates || tx->is_system ||
        !address_equal(tx->from, CHILD_DEPOSITOR) || !address_equal(tx->to, CHILD_L1_BLOCK) ||
        !u256_is_zero(tx->mint_wei) || !u256_is_zero(tx->value_wei) ||
        tx->gas_limit != CHILD_ATTRIBUTES_GAS || tx->data.size != CHILD_ATTRIBUTES_SIZE ||
        memcmp(tx->data.data, SET_L1_BLOCK_VALUES, sizeof(SET_L1_BLOCK_VALUES)) != 0)
        return ST_INVALID;
    const u8 *at = tx->data.data;
    out->base_fee_scalar = load_be32(at + 4);
    out->blob_base_fee_scalar = load_be32(at + 8);
    out->sequence_number = load_be64(at + 12);
    out->origin_time = load_be64(at + 20);
    out->origin_number = load_be64(at + 28);
    out->origin_base_fee_wei = u256_load_be(at + 36);
    out->origin_blob_base_fee_wei = u256_load_be(at + 68);
    memcpy(out->origin_hash.b, at + 100, sizeof(hash32));
    memcpy(out->batcher_hash.b, at + 132, sizeof(hash32));
    out->inbox_pos = load_be64(at + 164);
    return ST_OK;
}

/* OP specs, protocol/deposits.md, "Source hash computation": domain 1. The block's number takes the
 * place of the sequence number, so that no two blocks have the same, whatever a sequencer claims.
 */
static hash32 attributes_source(hash32 origin_hash, u64 number)
{
    u8 inner[64] = {0}, outer[64] = {[31] = 1};
    memcpy(inner, origin_hash.b, sizeof(hash32));
    store_be64(inner + 56, number);
    hash32 hash = keccak256(BYTES_OF(inner));
    memcpy(outer + 32, hash.b, sizeof(hash32));
    return keccak256(BYTES_OF(outer));
}

void child_attributes_write(const struct child_attributes *attributes, u64 number, struct tx *out,
                            struct arena *arena)
{
    u8 *at = ARENA_TAKE(arena, u8, CHILD_ATTRIBUTES_SIZE);
    memcpy(at, SET_L1_BLOCK_VALUES, sizeof(SET_L1_BLOCK_VALUES));
    store_be32(at + 4, attributes->base_fee_scalar);
    store_be32(at + 8, attributes->blob_base_fee_scalar);
    store_be64(at + 12, attributes->sequence_number);
    store_be64(at + 20, attributes->origin_time);
    store_be64(at + 28, attributes->origin_number);
    u256_store_be(at + 36, attributes->origin_base_fee_wei);
    u256_store_be(at + 68, attributes->origin_blob_base_fee_wei);
    memcpy(at + 100, attributes->origin_hash.b, sizeof(hash32));
    memcpy(at + 132, attributes->batcher_hash.b, sizeof(hash32));
    store_be64(at + 164, attributes->inbox_pos);
    *out = (struct tx){
        .type = TX_DEPOSIT,
        .protected = true,
        .from_known = true,
        .from = CHILD_DEPOSITOR,
        .to = CHILD_L1_BLOCK,
        .gas_limit = CHILD_ATTRIBUTES_GAS,
        .data = {at, CHILD_ATTRIBUTES_SIZE},
        .source_hash = attributes_source(attributes->origin_hash, number),
    };
    tx_set_hash(out, *arena);
}

/* --- Fees. */

/* Too large for a word becomes the largest: a parent that asks so much can be told nothing. */
u256 child_byte_price(const struct child_attributes *attributes)
{
    enum { MILLION = 1000000 };
    u256 calldata, blobs, sum;
    if (u256_mul_overflow(attributes->origin_base_fee_wei,
                          u256_from_u64(attributes->base_fee_scalar), &calldata) ||
        u256_mul_overflow(attributes->origin_blob_base_fee_wei,
                          u256_from_u64(attributes->blob_base_fee_scalar), &blobs) ||
        u256_add_overflow(calldata, blobs, &sum))
        sum = U256_MAX;
    return u256_div(sum, u256_from_u64(MILLION));
}

u256 child_base_fee_floor(const struct child_attributes *attributes)
{
    return u256_div(child_byte_price(attributes), u256_from_u64(CHILD_GAS_PER_BYTE));
}

u64 child_footprint(const struct rules *rules, usize size)
{
    return rules->child.on ? mul_sat_u64(rules->child.footprint_gas, size) : 0;
}

u64 child_deposit_gas(const struct rules *rules, const struct tx *tx)
{
    return max_u64(tx->gas_limit, tx_gas(rules, tx).intrinsic);
}

/* --- Blocks. */

enum status child_rules_read(struct rules *rules, const struct tx *first, struct err *err)
{
    struct child_attributes attributes;
    if (!rules->child.on)
        return ST_OK;
    if (first == NULL || child_attributes_read(first, &attributes) != ST_OK)
        return fail(err, ST_INVALID, "a child chain's block begins with L1 attributes");
    rules->child.base_fee_floor_wei = child_base_fee_floor(&attributes);
    return ST_OK;
}

enum status child_check_body(const struct block *block, struct err *err)
{
    struct child_attributes attributes;
    if (block->tx_count == 0 || child_attributes_read(&block->txs[0], &attributes) != ST_OK)
        return fail(err, ST_INVALID, "a child chain's block begins with L1 attributes");
    hash32 source = attributes_source(attributes.origin_hash, block->header.number);
    if (!hash32_equal(block->txs[0].source_hash, source))
        return fail(err, ST_INVALID, "the L1 attributes are not this block's");
    for (usize i = 1; i < block->tx_count; i++)
        if (block->txs[i].type == TX_DEPOSIT && block->txs[i - 1].type != TX_DEPOSIT)
            return fail(err, ST_INVALID, "transaction %zu: deposits come before others", i);
    if (block->withdrawal_count > 0)
        return fail(err, ST_INVALID, "a child chain has no withdrawals of its consensus");
    return ST_OK;
}

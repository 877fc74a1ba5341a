/* Prices: of the head, of the next block, of the past. */
#include "rpc/internal.h"

#include <stdio.h>
#include <stdlib.h>

static bool is_merged(const struct header *header)
{
    return u256_is_zero(header->difficulty);
}

struct rules rpc_rules(const struct rpc_call *call, const struct header *header)
{
    return chain_rules(chain_config(call->serve->chain), header->number, header->timestamp,
                       is_merged(header));
}

struct rules rpc_next_rules(const struct rpc_call *call, const struct header *header)
{
    struct rules rules = chain_rules(chain_config(call->serve->chain), header->number + 1,
                                     header->timestamp + 1, is_merged(header));
    rules.child.base_fee_floor_wei = call->at.head->base_fee_floor_wei;
    return rules;
}

u256 rpc_blob_fee(const struct rpc_call *call, const struct header *header)
{
    if (header->fields < HEADER_CANCUN)
        return U256_ZERO;
    struct rules rules = rpc_rules(call, header);
    return blob_base_fee(&rules, header->excess_blob_gas);
}

u256 rpc_next_base_fee(const struct rpc_call *call, const struct header *header)
{
    struct rules next = rpc_next_rules(call, header);
    if (next.fork < LONDON)
        return U256_ZERO;
    return next_base_fee(&next, header, header->fields < HEADER_LONDON);
}

static u256 next_blob_fee(const struct rpc_call *call, const struct header *header)
{
    struct rules next = rpc_next_rules(call, header);
    if (next.fork < CANCUN)
        return U256_ZERO;
    return blob_base_fee(&next, next_excess_blob_gas(&next, header));
}

/* --- What tip to suggest. */

static u256 effective_tip(const struct tx *tx, u256 base_fee)
{
    u256 left;
    if (u256_sub_overflow(tx->max_fee_wei, base_fee, &left))
        return U256_ZERO;
    return u256_min(left, tx->max_priority_wei);
}

static int compare_tips(const void *a, const void *b)
{
    return u256_compare(*(const u256 *)a, *(const u256 *)b);
}

enum { TIP_BLOCKS = 20, TIPS_EACH = 3, TIP_PERCENTILE = 60 };

/* What is suggested where nobody pays a tip. Child chains have room, and a gwei would be many times
 * their base fee: op-geth's least suggestion. */
enum { DEFAULT_TIP_WEI = 1000000000, DEFAULT_CHILD_TIP_WEI = 1000000 };

/* Tips of the users' transactions in the block, lowest first; deposits pay none. */
static usize tips_of(const struct block *block, u256 *out)
{
    usize count = 0;
    for (usize i = 0; i < block->tx_count; i++)
        if (block->txs[i].type != TX_DEPOSIT)
            out[count++] = effective_tip(&block->txs[i], block->header.base_fee_wei);
    qsort(out, count, sizeof(*out), compare_tips);
    return count;
}

static enum status collect_tips(struct rpc_call *call, u256 *tips, usize *count)
{
    u64 head = call->at.head->header.number;
    struct arena mark = call->arena;
    for (u64 back = 0; back < TIP_BLOCKS && back < head; back++) {
        struct block_ref ref;
        struct stored_block stored;
        TRY(snapshot_ref_by_number(&call->at, head - back, &ref));
        TRY(block_ref_read(&call->at, &ref, &stored, &call->err));
        u256 *own = ARENA_TAKE(&call->arena, u256, stored.block.tx_count);
        usize own_count = tips_of(&stored.block, own);
        for (usize i = 0; i < own_count && i < TIPS_EACH; i++)
            tips[(*count)++] = own[i];
        call->arena = mark;
    }
    return ST_OK;
}

/* The 60th percentile of the three lowest tips of each of the newest 20 blocks, as geth has it;
 * where they are empty, 1 gwei, which every wallet takes for granted, or a child chain's default.
 * Remembered for each head. */
enum status rpc_suggest_tip(struct rpc_call *call, u256 *out)
{
    TRY(rpc_open(call));
    struct tip_memory *memory = &call->rpc->tip;
    pthread_mutex_lock(&memory->lock);
    bool known = hash32_equal(memory->head, call->at.head->hash);
    *out = memory->tip_wei;
    pthread_mutex_unlock(&memory->lock);
    if (known)
        return ST_OK;
    u256 tips[TIP_BLOCKS * TIPS_EACH];
    usize count = 0;
    TRY(collect_tips(call, tips, &count));
    qsort(tips, count, sizeof(tips[0]), compare_tips);
    bool is_child = chain_config(call->serve->chain)->child.on;
    *out = count > 0 ? tips[(count - 1) * TIP_PERCENTILE / 100]
                     : u256_from_u64(is_child ? DEFAULT_CHILD_TIP_WEI : DEFAULT_TIP_WEI);
    pthread_mutex_lock(&memory->lock);
    memory->head = call->at.head->hash;
    memory->tip_wei = *out;
    pthread_mutex_unlock(&memory->lock);
    return ST_OK;
}

enum status eth_max_priority_fee(struct rpc_call *call)
{
    u256 tip;
    TRY(rpc_suggest_tip(call, &tip));
    return rpc_reply_u256(call, tip);
}

/* Enough for the head's own block as well, in whose environment estimates run. */
enum status eth_gas_price(struct rpc_call *call)
{
    u256 tip;
    TRY(rpc_suggest_tip(call, &tip));
    const struct header *head = &call->at.head->header;
    u256 next = rpc_next_base_fee(call, head), now = head->base_fee_wei;
    return rpc_reply_u256(call, u256_add(tip, u256_less(next, now) ? now : next));
}

enum status eth_base_fee(struct rpc_call *call)
{
    TRY(rpc_open(call));
    return rpc_reply_u256(call, rpc_next_base_fee(call, &call->at.head->header));
}

enum status eth_blob_base_fee(struct rpc_call *call)
{
    TRY(rpc_open(call));
    return rpc_reply_u256(call, next_blob_fee(call, &call->at.head->header));
}

/* --- eth_feeHistory. */

enum { MAX_BLOCKS = 1024, MAX_PERCENTILES = 100 };

struct fee_block {
    struct header header;
    u256 *rewards; /* one for each percentile; NULL: none asked for */
};

struct paid {
    u256 tip_wei;
    u64 gas_used;
};

static int compare_paid(const void *a, const void *b)
{
    return u256_compare(((const struct paid *)a)->tip_wei, ((const struct paid *)b)->tip_wei);
}

/* The tip at each percentile of the gas that users' transactions took. */
static enum status read_rewards(struct rpc_call *call, const struct block_ref *ref,
                                const double *percentiles, usize count, u256 *rewards)
{
    struct stored_block stored;
    struct receipt *receipts;
    usize tx_count;
    TRY(block_ref_read(&call->at, ref, &stored, &call->err));
    TRY(block_ref_receipts(&call->at, ref, &receipts, &tx_count, &call->err));
    const struct block *block = &stored.block;
    struct paid *paid = ARENA_TAKE(&call->arena, struct paid, tx_count);
    usize payers = 0, at = 0;
    u64 all_gas = 0;
    for (usize i = 0; i < tx_count; i++) {
        if (block->txs[i].type == TX_DEPOSIT)
            continue;
        u256 tip = effective_tip(&block->txs[i], block->header.base_fee_wei);
        paid[payers++] = (struct paid){tip, receipts[i].gas_used};
        all_gas += receipts[i].gas_used;
    }
    qsort(paid, payers, sizeof(*paid), compare_paid);
    u64 gas = payers > 0 ? paid[0].gas_used : 0;
    for (usize i = 0; i < count; i++) {
        u64 threshold = (u64)((double)all_gas * percentiles[i] / 100);
        while (gas < threshold && at + 1 < payers)
            gas += paid[++at].gas_used;
        rewards[i] = payers > 0 ? paid[at].tip_wei : U256_ZERO;
    }
    return ST_OK;
}

static enum status read_percentiles(struct rpc_call *call, double **out, usize *count)
{
    json list = rpc_arg(call, 2), ignored, item;
    *count = json_count(list);
    if (*count > MAX_PERCENTILES)
        return rpc_refuse(call, RPC_BAD_PARAMS, "over the query limit %d: number of percentiles",
                          MAX_PERCENTILES);
    *out = ARENA_TAKE(&call->arena, double, *count);
    usize i = 0;
    for (struct json_walk at = json_begin(list); json_next(&at, &ignored, &item); i++) {
        char text[32];
        if (!json_is(item, JSON_NUMBER) || item.text.size >= sizeof(text))
            return rpc_refuse(call, RPC_BAD_PARAMS, "invalid reward percentile: not a number");
        bytes_copy(text, item.text);
        text[item.text.size] = 0;
        (*out)[i] = strtod(text, NULL);
        if ((*out)[i] < 0 || (*out)[i] > 100 || (i > 0 && (*out)[i] < (*out)[i - 1]))
            return rpc_refuse(call, RPC_BAD_PARAMS,
                              "invalid reward percentile: want ascending "
                              "numbers from 0 to 100");
    }
    return ST_OK;
}

/* The shortest digits that read back as the same double. */
static void put_ratio(struct json_out *out, u64 part, u64 whole)
{
    char text[32];
    double ratio = whole == 0 ? 0 : (double)part / (double)whole;
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, ratio);
        if (strtod(text, NULL) == ratio)
            break;
    }
    json_put_raw(out, (bytes){(const u8 *)text, strlen(text)});
}

/* How full the block is of what blob_gas_used counts: blobs, or on a child chain bytes. */
static void put_blob_ratio(struct rpc_call *call, const struct header *header)
{
    struct rules rules = rpc_rules(call, header);
    put_ratio(call->out, header->blob_gas_used,
              rules.child.on ? header->gas_limit : rules.blobs.max * GAS_BLOB);
}

/* `next_fee` is the base fee of the block after the newest of them. */
static void put_fee_history(struct rpc_call *call, const struct fee_block *blocks, usize count,
                            usize percentile_count, u256 next_fee)
{
    struct json_out *out = call->out;
    const struct header *newest = &blocks[count - 1].header;
    json_open_object(out);
    put_member_u64(out, "oldestBlock", blocks[0].header.number);
    json_key(out, "baseFeePerGas");
    json_open_array(out);
    for (usize i = 0; i < count; i++)
        json_put_quantity(out, blocks[i].header.base_fee_wei);
    json_put_quantity(out, next_fee);
    json_close_array(out);
    json_key(out, "gasUsedRatio");
    json_open_array(out);
    for (usize i = 0; i < count; i++)
        put_ratio(out, blocks[i].header.gas_used, blocks[i].header.gas_limit);
    json_close_array(out);
    json_key(out, "baseFeePerBlobGas");
    json_open_array(out);
    for (usize i = 0; i < count; i++)
        json_put_quantity(out, rpc_blob_fee(call, &blocks[i].header));
    json_put_quantity(out, next_blob_fee(call, newest));
    json_close_array(out);
    json_key(out, "blobGasUsedRatio");
    json_open_array(out);
    for (usize i = 0; i < count; i++)
        put_blob_ratio(call, &blocks[i].header);
    json_close_array(out);
    if (percentile_count > 0) {
        json_key(out, "reward");
        json_open_array(out);
        for (usize i = 0; i < count; i++) {
            json_open_array(out);
            for (usize k = 0; k < percentile_count; k++)
                json_put_quantity(out, blocks[i].rewards[k]);
            json_close_array(out);
        }
        json_close_array(out);
    }
    json_close_object(out);
}

/* Of a block that is there, or of the one to come. */
static enum status fee_after(struct rpc_call *call, const struct header *header, u256 *out)
{
    struct block_ref ref;
    struct header next;
    *out = rpc_next_base_fee(call, header);
    if (snapshot_ref_by_number(&call->at, header->number + 1, &ref) != ST_OK)
        return ST_OK;
    TRY(block_ref_header(&call->at, &ref, &next, &call->err));
    *out = next.base_fee_wei;
    return ST_OK;
}

enum status eth_fee_history(struct rpc_call *call)
{
    u64 count;
    struct block_ref newest;
    double *percentiles = NULL;
    usize percentile_count = 0;
    TRY(rpc_arg_u64(call, 0, &count));
    TRY(rpc_arg_block_number(call, 1, &newest));
    TRY(read_percentiles(call, &percentiles, &percentile_count));
    count = min_u64(min_u64(count, MAX_BLOCKS), newest.number + 1);
    if (count == 0)
        return rpc_refuse(call, RPC_BAD_PARAMS, "blockCount must be at least 1");
    struct fee_block *blocks = ARENA_TAKE(&call->arena, struct fee_block, count);
    for (u64 i = 0; i < count; i++) {
        struct block_ref ref;
        TRY(snapshot_ref_by_number(&call->at, newest.number + 1 - count + i, &ref));
        TRY(block_ref_header(&call->at, &ref, &blocks[i].header, &call->err));
        blocks[i].rewards = ARENA_TAKE(&call->arena, u256, percentile_count);
        struct arena mark = call->arena;
        if (percentile_count > 0)
            TRY(read_rewards(call, &ref, percentiles, percentile_count, blocks[i].rewards));
        call->arena = mark;
    }
    u256 next_fee;
    TRY(fee_after(call, &blocks[count - 1].header, &next_fee));
    put_fee_history(call, blocks, count, percentile_count, next_fee);
    return ST_OK;
}

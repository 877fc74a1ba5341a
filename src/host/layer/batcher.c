/* The batcher: puts the sequencer's blocks on the parent, from the newest batch on, in calldata or
 * in blobs, whichever costs less now. What it appends names the accumulator that it builds on, so
 * that of two that were sent only one can be taken. */
#include "client/abi.h"
#include "layer/agents.h"
#include "layer/batch_zip.h"
#include "stf/check.h"
#include "sys/clock.h"
#include "sys/log.h"

enum { MOST_BLOCKS = 4096 };
/* What an append takes at most: EIP-7623's floor, or what the contract does. It cannot be
 * estimated: nodes estimate as if they were in the newest block, where that block's hash, which the
 * origin is, is not known yet. */
enum { GAS_BASE = 400000, GAS_PER_BYTE = 40 };
/* What an append uses besides its data, as far as prices are compared. */
enum { GAS_AROUND = 120000 };
/* What a transaction can shrink to: its signature does not. */
enum { LEAST_TX_DATA = 64 };

struct gathered {
    struct batch batch;
    struct batch_block *blocks;
    struct child_head last;
    usize limit;      /* of its data */
    usize least_data; /* that the batch comes to */
    bool full;
};

/* Reads the blocks after the safe head. False: there are none, or the chain has gone another way
 * since. */
static bool gather(struct layer *layer, const struct derive_state *safe, usize limit,
                   struct gathered *out, struct snapshot *at, struct err *err)
{
    struct block_ref ref;
    const struct rollup *rollup = layer->options.rollup;
    u64 number = safe->head.number, items = safe->inbox_pos;
    if (snapshot_ref_by_number(at, number, &ref) != ST_OK ||
        !hash32_equal(ref.hash, safe->head.hash))
        return false;
    *out = (struct gathered){.batch = {.first_number = number + 1}, .limit = limit};
    memcpy(out->batch.parent_prefix, safe->head.hash.b, sizeof(out->batch.parent_prefix));
    out->blocks = ARENA_TAKE(at->arena, struct batch_block, MOST_BLOCKS);
    out->batch.blocks = out->blocks;
    while (snapshot_ref_by_number(at, ++number, &ref) == ST_OK) {
        struct stored_block stored;
        struct child_head head;
        if (block_ref_read(at, &ref, &stored, err) != ST_OK ||
            child_head_read(rollup, at, &ref, &head, err) != ST_OK)
            return false;
        const struct block *block = &stored.block;
        usize deposits = 1 + (usize)(head.attributes.inbox_pos - items);
        usize least = (block->tx_count - deposits) * LEAST_TX_DATA;
        out->full = out->batch.block_count == MOST_BLOCKS || out->least_data + least > limit;
        if (out->full)
            break;
        out->least_data += least;
        out->blocks[out->batch.block_count++] =
            (struct batch_block){.timestamp = block->header.timestamp,
                                 .origin_number = head.attributes.origin_number,
                                 .item_count = head.attributes.inbox_pos - items,
                                 .txs = block->txs + deposits,
                                 .tx_count = block->tx_count - deposits};
        items = head.attributes.inbox_pos;
        out->last = head;
    }
    return out->batch.block_count > 0;
}

/* The largest number of these blocks whose data fit. */
static enum status encode(struct layer *layer, struct gathered *blocks, bytes *data,
                          struct arena *arena, struct err *err)
{
    for (;;) {
        struct arena tmp = *arena;
        struct batch_body body;
        TRY(batch_body_encode(&blocks->batch, layer->options.rollup->chain_id, &body, &tmp, err));
        TRY(batch_zip(&body, data, &tmp, err));
        if (data->size <= blocks->limit) {
            *data = arena_copy(&tmp, *data);
            *arena = tmp;
            return ST_OK;
        }
        if (blocks->batch.block_count == 1)
            return fail(err, ST_FULL, "block %lu alone comes to %lu bytes of data",
                        blocks->batch.first_number, data->size);
        /* In proportion, and a little less. */
        usize fewer = blocks->batch.block_count * blocks->limit / data->size;
        blocks->batch.block_count = fewer == 0 ? 1 : min_u64(fewer, blocks->batch.block_count - 1);
        blocks->full = true;
    }
}

/* The last of the blocks that are left, after some were left out. */
static enum status find_last(struct layer *layer, struct gathered *blocks, struct snapshot *at,
                             struct err *err)
{
    struct block_ref ref;
    u64 number = blocks->batch.first_number + blocks->batch.block_count - 1;
    TRY(snapshot_ref_by_number(at, number, &ref));
    return child_head_read(layer->options.rollup, at, &ref, &blocks->last, err);
}

/* --- Calldata or blobs. */

static bool may_use_blobs(const struct layer *layer)
{
    return layer->options.rollup->blob_update_fraction != 0 && blob_store_has_source(layer->blobs);
}

static usize most_data(const struct layer *layer)
{
    return may_use_blobs(layer) ? BATCH_MOST_IN_BLOBS : BATCH_MOST_DATA;
}

/* Whether what waits can fill an append: if not, its blocks need not be read at every look. */
static bool may_be_full(const struct layer *layer, const struct layer_status *status)
{
    return status->backlog_bytes > most_data(layer) || status->backlog_blocks >= MOST_BLOCKS;
}

/* By the parent's prices. Data that one append cannot have as calldata would take several. */
static bool blobs_are_cheaper(const struct eth_fees *fees, usize size)
{
    u256 gas_wei = u256_add(fees->base_fee_wei, fees->priority_wei);
    u64 appends = size / BATCH_MOST_DATA + 1;
    u64 gas = appends * GAS_AROUND + size * GAS_PER_BYTE;
    u64 blob_gas = blob_count_for(size) * GAS_BLOB;
    u256 calldata_wei = u256_mul(gas_wei, u256_from_u64(gas));
    u256 blobs_wei = u256_add(u256_mul(fees->blob_fee_wei, u256_from_u64(blob_gas)),
                              u256_mul(gas_wei, u256_from_u64(GAS_AROUND)));
    return fees->has_blob_fee && u256_less(blobs_wei, calldata_wei);
}

/* Puts the data into blobs, which are kept here before anybody else has them. */
static enum status fill_blobs(struct layer *layer, bytes data, struct agent_call *out,
                              struct arena *arena, struct err *err)
{
    usize count = blob_count_for(data.size);
    struct blob *blobs = ARENA_TAKE(arena, struct blob, count);
    hash32 *hashes = ARENA_TAKE(arena, hash32, count);
    blob_data_encode(data, blobs->b);
    for (usize i = 0; i < count; i++) {
        kzg_point commitment;
        TRY(blob_commit(&blobs[i], &commitment));
        hashes[i] = kzg_versioned_hash(commitment);
        TRY(blob_store_keep(layer->blobs, hashes[i], &blobs[i], err));
    }
    out->blobs = blobs;
    out->blob_hashes = hashes;
    out->blob_count = count;
    return ST_OK;
}

/* Until when an append can be sent that leaves `waits` unread: then the item is nearly overdue, and
 * the Inbox takes no batch without it. NULL: none is known, and none is older than the origin. */
static u64 latest_time(const struct layer *layer, const struct parent_item *waits,
                       const struct parent_block *origin)
{
    u64 window_s = layer->options.rollup->forced_read_s;
    u64 since_s = waits != NULL ? waits->item.time : origin->origin.timestamp;
    return since_s + window_s - window_s / 8;
}

/* append(...) or appendBlobs(...), with the newest parent block that is known as the batch's
 * origin. */
static bool make_call(struct layer *layer, const struct derive_state *safe,
                      const struct gathered *blocks, bytes data, struct agent_call *out,
                      struct arena *arena)
{
    static const char *const functions[] = {
        "append(bytes32,uint64,bytes32,uint64,bytes32,bytes)",
        "appendBlobs(bytes32,uint64,bytes32,uint64,bytes32,uint256)"};
    u64 inbox_pos = blocks->last.attributes.inbox_pos;
    hash32 inbox_acc;
    parent_lock(layer->parent);
    u64 head = parent_state(layer->parent).head;
    const struct parent_block *origin = parent_block(layer->parent, head);
    bool known = origin != NULL && head >= blocks->last.attributes.origin_number &&
                 parent_inbox_acc(layer->parent, inbox_pos, &inbox_acc);
    hash32 origin_hash = known ? origin->origin.hash : (hash32){0};
    if (known)
        out->sign_by_s = latest_time(layer, parent_item(layer->parent, inbox_pos), origin);
    parent_unlock(layer->parent);
    if (!known)
        return false;
    struct abi_out call = abi_begin_call(abi_selector(functions[out->blob_count > 0]), 6, arena);
    abi_put_hash(&call, safe->batch_acc);
    abi_put_u64(&call, inbox_pos);
    abi_put_hash(&call, inbox_acc);
    abi_put_u64(&call, head);
    abi_put_hash(&call, origin_hash);
    if (out->blob_count > 0)
        abi_put_u64(&call, out->blob_count);
    else
        abi_put_bytes(&call, data);
    out->to = layer->options.rollup->inbox;
    out->data = abi_end(&call);
    out->gas_limit = GAS_BASE + out->data.size * GAS_PER_BYTE;
    return true;
}

static void say_made(const struct gathered *blocks, bytes data, usize blob_count)
{
    usize txs = 0;
    for (usize i = 0; i < blocks->batch.block_count; i++)
        txs += blocks->batch.blocks[i].tx_count;
    log_info("batcher", "batch made", LOG_U64("first", blocks->batch.first_number),
             LOG_U64("blocks", blocks->batch.block_count), LOG_U64("transactions", txs),
             LOG_U64("bytes", data.size), LOG_U64("blobs", blob_count));
}

/* The data as they go: in blobs where that is cheaper, else as many blocks as calldata take. */
static enum status pack(struct layer *layer, const struct eth_fees *fees, struct gathered *blocks,
                        bytes *data, struct agent_call *out, struct arena *arena, struct err *err)
{
    TRY(encode(layer, blocks, data, arena, err));
    if (blocks->limit > BATCH_MOST_DATA && blobs_are_cheaper(fees, data->size))
        return fill_blobs(layer, *data, out, arena, err);
    blocks->limit = BATCH_MOST_DATA;
    return data->size <= blocks->limit ? ST_OK : encode(layer, blocks, data, arena, err);
}

static bool make_batch(struct layer *layer, const struct eth_fees *fees,
                       const struct derive_state *safe, bool must_be_full, struct agent_call *out,
                       struct snapshot *at)
{
    struct gathered blocks;
    struct err err = {""};
    bytes data;
    *out = (struct agent_call){0};
    if (!gather(layer, safe, most_data(layer), &blocks, at, &err) || (must_be_full && !blocks.full))
        return false;
    enum status st = pack(layer, fees, &blocks, &data, out, at->arena, &err);
    if (st == ST_OK)
        st = find_last(layer, &blocks, at, &err);
    if (st != ST_OK) {
        log_error("batcher", "no batch can be made", LOG_TEXT("why", err.text));
        return false;
    }
    if (!make_call(layer, safe, &blocks, data, out, at->arena))
        return false;
    layer->append_room = out->blob_count > 0 ? BATCH_MOST_IN_BLOBS : BATCH_MOST_DATA;
    say_made(&blocks, data, out->blob_count);
    return true;
}

/* A batch has been derived, or come to nothing: the next can be made. */
static void note_append(struct layer *layer, struct agent_memory *memory, u64 now_ms)
{
    if (memory->made_ms == 0)
        return;
    u64 before = layer->append_ms, took = now_ms - memory->made_ms;
    layer->append_ms = before == 0 ? took : (3 * before + took) / 4;
    memory->made_ms = 0;
}

/* The parent's prices, not older than a few blocks. */
static bool know_prices(struct eth *parent, struct agent_memory *memory, u64 now_ms)
{
    enum { FRESH_MS = 5000 };
    struct err why;
    if (memory->priced_ms != 0 && now_ms - memory->priced_ms < FRESH_MS)
        return true;
    enum status st = eth_ask_fees(parent, &memory->fees, &why);
    if (st == ST_OK)
        memory->priced_ms = now_ms;
    else
        log_debug("batcher", "waits for the parent's prices", LOG_TEXT("why", why.text));
    return st == ST_OK;
}

bool batcher_look(struct layer *layer, struct eth *parent, struct agent_memory *memory,
                  struct agent_call *out, struct arena *arena)
{
    struct derive_state safe;
    struct layer_status status;
    u64 now_ms = clock_now_ms();
    if (!layer_safe_state(layer, &safe))
        return false;
    layer_status(layer, &status);
    if (status.head_l1.number < memory->included_block) /* the last one is not seen yet */
        return false;
    if (status.batches == safe.batch_count)
        note_append(layer, memory, now_ms);
    if (status.batches != safe.batch_count || status.unsafe_l2.number <= safe.head.number) {
        memory->waiting_since_ms = 0;
        return false;
    }
    if (memory->waiting_since_ms == 0)
        memory->waiting_since_ms = now_ms;
    bool ripe = now_ms - memory->waiting_since_ms >= layer->options.batch_ms;
    if (!ripe && !may_be_full(layer, &status))
        return false;
    if (may_use_blobs(layer) && !know_prices(parent, memory, now_ms))
        return false;
    struct snapshot at;
    struct err err;
    if (snapshot_open(layer->options.chain, arena, &at, &err) != ST_OK)
        return false;
    bool found = make_batch(layer, &memory->fees, &safe, !ripe, out, &at);
    snapshot_close(&at);
    if (found) {
        memory->waiting_since_ms = 0;
        memory->made_ms = now_ms;
    }
    return found;
}

/* The batcher: puts the sequencer's blocks on the parent, from the newest batch on. What it appends
 * names the accumulator that it builds on, so that of two that were sent only one can be taken. */
#include "client/abi.h"
#include "layer/agents.h"
#include "layer/batch_zip.h"
#include "sys/clock.h"
#include "sys/log.h"

enum { MOST_DATA = BATCH_MOST_DATA, MOST_BLOCKS = 4096 };
/* What an append takes at most: EIP-7623's floor, or what the contract does. It cannot be
 * estimated: nodes estimate as if they were in the newest block, where that block's hash, which the
 * origin is, is not known yet. */
enum { GAS_BASE = 400000, GAS_PER_BYTE = 40 };
/* What a transaction can shrink to: its signature does not. */
enum { LEAST_TX_DATA = 64 };

struct gathered {
    struct batch batch;
    struct batch_block *blocks;
    struct child_head last;
    usize least_data; /* that the batch comes to */
    bool full;
};

/* Reads the blocks after the safe head. False: there are none, or the chain has gone another way
 * since. */
static bool gather(struct layer *layer, const struct derive_state *safe, struct gathered *out,
                   struct snapshot *at, struct err *err)
{
    struct block_ref ref;
    const struct rollup *rollup = layer->options.rollup;
    u64 number = safe->head.number, items = safe->inbox_pos;
    if (snapshot_ref_by_number(at, number, &ref) != ST_OK ||
        !hash32_equal(ref.hash, safe->head.hash))
        return false;
    *out = (struct gathered){.batch = {.first_number = number + 1}};
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
        out->full = out->batch.block_count == MOST_BLOCKS || out->least_data + least > MOST_DATA;
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
        if (data->size <= MOST_DATA) {
            *data = arena_copy(&tmp, *data);
            *arena = tmp;
            return ST_OK;
        }
        if (blocks->batch.block_count == 1)
            return fail(err, ST_FULL, "block %lu alone comes to %lu bytes of data",
                        blocks->batch.first_number, data->size);
        /* In proportion, and a little less. */
        usize fewer = blocks->batch.block_count * MOST_DATA / data->size;
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

/* append(...), with the newest parent block that is known as the batch's origin. */
static bool make_call(struct layer *layer, const struct derive_state *safe,
                      const struct gathered *blocks, bytes data, struct agent_call *out,
                      struct arena *arena)
{
    u64 inbox_pos = blocks->last.attributes.inbox_pos;
    hash32 inbox_acc;
    parent_lock(layer->parent);
    u64 head = parent_state(layer->parent).head;
    const struct parent_block *origin = parent_block(layer->parent, head);
    bool known = origin != NULL && head >= blocks->last.attributes.origin_number &&
                 parent_inbox_acc(layer->parent, inbox_pos, &inbox_acc);
    hash32 origin_hash = known ? origin->origin.hash : (hash32){0};
    parent_unlock(layer->parent);
    if (!known)
        return false;
    struct abi_out call = abi_begin_call(
        abi_selector("append(bytes32,uint64,bytes32,uint64,bytes32,bytes)"), 6, arena);
    abi_put_hash(&call, safe->batch_acc);
    abi_put_u64(&call, inbox_pos);
    abi_put_hash(&call, inbox_acc);
    abi_put_u64(&call, head);
    abi_put_hash(&call, origin_hash);
    abi_put_bytes(&call, data);
    *out = (struct agent_call){.to = layer->options.rollup->inbox, .data = abi_end(&call)};
    out->gas_limit = GAS_BASE + out->data.size * GAS_PER_BYTE;
    return true;
}

static void say_made(const struct gathered *blocks, bytes data)
{
    usize txs = 0;
    for (usize i = 0; i < blocks->batch.block_count; i++)
        txs += blocks->batch.blocks[i].tx_count;
    log_info("batcher", "batch made", LOG_U64("first", blocks->batch.first_number),
             LOG_U64("blocks", blocks->batch.block_count), LOG_U64("transactions", txs),
             LOG_U64("bytes", data.size));
}

static bool make_batch(struct layer *layer, const struct derive_state *safe, bool must_be_full,
                       struct agent_call *out, struct snapshot *at)
{
    struct gathered blocks;
    struct err err = {""};
    bytes data;
    if (!gather(layer, safe, &blocks, at, &err) || (must_be_full && !blocks.full))
        return false;
    enum status st = encode(layer, &blocks, &data, at->arena, &err);
    if (st == ST_OK)
        st = find_last(layer, &blocks, at, &err);
    if (st != ST_OK) {
        log_error("batcher", "no batch can be made", LOG_TEXT("why", err.text));
        return false;
    }
    if (!make_call(layer, safe, &blocks, data, out, at->arena))
        return false;
    say_made(&blocks, data);
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

bool batcher_look(struct layer *layer, struct eth *parent, struct agent_memory *memory,
                  struct agent_call *out, struct arena *arena)
{
    (void)parent;
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
    struct snapshot at;
    struct err err;
    if (snapshot_open(layer->options.chain, arena, &at, &err) != ST_OK)
        return false;
    bool found = make_batch(layer, &safe, !ripe, out, &at);
    snapshot_close(&at);
    if (found) {
        memory->waiting_since_ms = 0;
        memory->made_ms = now_ms;
    }
    return found;
}

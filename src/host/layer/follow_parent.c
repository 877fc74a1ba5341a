/* From the parent to blocks: what it has taken back is taken back here, each new batch is derived,
 * and what comes of it is the safe chain. Blocks that are here already, as the sequencer's are, are
 * recognised and not executed again. */
#include "chain/pool_source.h"
#include "layer/internal.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/recover.h"

#include <stdlib.h>

/* --- Taking back. */

static const struct derived_batch *newest(const struct layer *layer)
{
    return shelf_at(&layer->derived, shelf_end(&layer->derived) - 1);
}

u64 layer_safe_number(const struct layer *layer)
{
    return newest(layer)->after.head.number;
}

/* Forgets batches that the parent has no longer. Under the parent's lock. */
static void drop_batches(struct layer *layer)
{
    hash32 acc;
    while (layer->derived.count > 1) {
        const struct derive_state *after = &newest(layer)->after;
        if (parent_batch_acc(layer->parent, after->batch_count, &acc) &&
            hash32_equal(acc, after->batch_acc))
            return;
        shelf_cut(&layer->derived, after->batch_count);
    }
}

/* The newest block of the child whose origin is still on the parent's chain; never below the safe
 * head, whose batches are. */
static enum status last_good_block(struct layer *layer, struct child_head *out, struct err *err)
{
    u64 safe = newest(layer)->after.head.number;
    *out = layer->head;
    for (;;) {
        struct derive_state ignored;
        parent_lock(layer->parent);
        bool good = child_head_state(layer, out, &ignored);
        parent_unlock(layer->parent);
        if (good || out->header.number <= safe)
            return ST_OK;
        TRY(child_head_at(layer, out->header.number - 1, out, err));
    }
}

enum status layer_set_head(struct layer *layer, const struct child_head *to, struct err *err)
{
    promises_note(layer, to->header.number + 1, layer->head.header.number);
    TRY(chain_set_head(layer->options.chain, to->hash, err));
    backlog_forget(layer);
    layer->own_after = min_u64(layer->own_after, to->header.number);
    layer->head = *to;
    return ST_OK;
}

/* A node that was not running when the parent's chain changed was told of no change. Under the
 * parent's lock. */
static bool head_is_orphaned(const struct layer *layer)
{
    const struct child_attributes *attributes = &layer->head.attributes;
    const struct parent_block *origin = parent_block(layer->parent, attributes->origin_number);
    return origin != NULL && !hash32_equal(origin->origin.hash, attributes->origin_hash);
}

/* After a reorg of the parent: blocks that tell of parent blocks that are gone go, too. Their
 * transactions return to the pool. */
static enum status take_back(struct layer *layer, struct err *err)
{
    struct child_head good;
    TRY(last_good_block(layer, &good, err));
    if (good.header.number == layer->head.header.number)
        return ST_OK;
    log_warn("layer", "blocks rest on parent blocks that are gone, and are made again",
             LOG_U64("from", good.header.number + 1), LOG_U64("to", layer->head.header.number));
    unsafe_forget(layer, good.header.number + 1);
    return layer_set_head(layer, &good, err);
}

/* --- The next batch, copied, so that the parent may go on. */

static bytes copy(bytes from, struct arena *arena)
{
    return arena_copy(arena, from);
}

static void copy_items(struct layer *layer, u64 from, u64 to, struct derive_input *out,
                       struct arena *arena)
{
    struct inbox_item *items = ARENA_TAKE(arena, struct inbox_item, to - from);
    for (u64 i = from; i < to; i++) {
        items[i - from] = parent_item(layer->parent, i)->item;
        items[i - from].data = copy(items[i - from].data, arena);
    }
    out->items = items;
    out->item_count = to - from;
}

static void copy_headers(struct layer *layer, u64 from, u64 to, struct derive_input *out,
                         struct arena *arena)
{
    usize count = to < from ? 0 : to - from + 1;
    bytes *headers = ARENA_TAKE(arena, bytes, count);
    for (usize i = 0; i < count; i++)
        headers[i] = copy(parent_block(layer->parent, from + i)->header, arena);
    out->headers = headers;
    out->header_count = count;
}

/* Blobs are on the disk since their batch was read. */
static enum status read_blobs(struct layer *layer, struct derive_input *input, struct arena *arena,
                              struct err *err)
{
    if (input->kind != BATCH_BLOBS)
        return ST_OK;
    usize count = input->data.size / sizeof(hash32);
    bytes *parts = ARENA_TAKE(arena, bytes, count);
    input->blob_hashes = (const hash32 *)(const void *)input->data.data;
    input->blobs = parts;
    input->blob_count = count;
    for (usize i = 0; i < count; i++) {
        struct blob *blob = ARENA_TAKE(arena, struct blob, 1);
        TRY(blob_store_get(layer->blobs, input->blob_hashes[i], blob, err));
        parts[i] = BYTES_OF(blob->b);
    }
    return ST_OK;
}

/* False: there is no further batch. Under the parent's lock. */
static bool next_batch(struct layer *layer, struct derive_input *out, u64 *parent_block_number,
                       struct arena *arena)
{
    const struct derive_state *state = &newest(layer)->after;
    const struct parent_batch *batch = parent_batch(layer->parent, state->batch_count);
    if (batch == NULL || parent_block(layer->parent, batch->block_number) == NULL)
        return false;
    *out = (struct derive_input){
        .record = batch->record, .kind = batch->kind, .data = copy(batch->data, arena)};
    copy_items(layer, state->inbox_pos, batch->record.inbox_pos, out, arena);
    copy_headers(layer, state->head.origin.number + 1, batch->record.origin_number, out, arena);
    *parent_block_number = batch->block_number;
    return true;
}

/* --- Blocks. */

/* Whether the chain has this very block: then nothing needs to be executed. */
static bool is_here(struct layer *layer, const struct derive_block *block, hash32 *hash,
                    struct arena tmp)
{
    struct snapshot at;
    struct block_ref ref;
    struct stored_block stored;
    struct err err;
    bool same = false;
    if (snapshot_open(layer->options.chain, &tmp, &at, &err) != ST_OK)
        return false;
    if (snapshot_ref_by_number(&at, block->number, &ref) == ST_OK &&
        block_ref_read(&at, &ref, &stored, &err) == ST_OK) {
        const struct block *have = &stored.block;
        same = have->tx_count == block->tx_count && have->header.timestamp == block->timestamp &&
               have->header.gas_limit == block->params.gas_limit &&
               hash32_equal(have->header.parent_hash, block->parent_hash);
        for (usize i = 0; same && i < block->tx_count; i++)
            same = bytes_equal(have->tx_envelopes[i], block->envelopes[i]);
        *hash = ref.hash;
    }
    snapshot_close(&at);
    return same;
}

/* A block's users' transactions, one after the other. */
struct listed {
    const struct derive_block *block;
    usize next;
};

static const struct tx *next_listed(void *self, u64 gas_left, u64 blob_gas_left, bytes *envelope)
{
    struct listed *list = self;
    (void)gas_left;
    (void)blob_gas_left;
    if (list->next == list->block->tx_count)
        return NULL;
    *envelope = list->block->envelopes[list->next];
    return &list->block->txs[list->next++];
}

/* Senders of the users' transactions; false: a signature is nobody's. */
static bool recover(struct layer *layer, const struct derive_block *block, struct arena tmp)
{
    usize users = block->tx_count - block->deposit_count;
    struct tx **list = ARENA_TAKE(&tmp, struct tx *, users);
    for (usize i = 0; i < users; i++)
        list[i] = (struct tx *)(uintptr_t)&block->txs[block->deposit_count + i];
    recover_senders(layer->options.workers, list, users, true);
    for (usize i = 0; i < users; i++)
        if (!list[i]->from_known)
            return false;
    return true;
}

/* ST_INVALID: a user's transaction cannot be executed, and nothing has changed. */
static enum status execute(struct layer *layer, const struct derive_block *block, hash32 *hash,
                           struct arena tmp, struct err *err)
{
    struct built_block built;
    struct listed list = {block, block->deposit_count};
    struct tx_source source = {&list, next_listed, NULL};
    struct build_params params = {.timestamp = block->timestamp,
                                  .prev_randao = block->origin.mix_hash,
                                  .gas_limit = block->params.gas_limit,
                                  .parent_beacon_root = block->origin.parent_beacon_root,
                                  .deposits = block->txs,
                                  .deposit_count = block->deposit_count,
                                  .txs = &source,
                                  .all_txs = true};
    if (!recover(layer, block, tmp))
        return fail(err, ST_INVALID, "a signature is nobody's");
    TRY(chain_build(layer->options.chain, &params, &built, err));
    *hash = built.block.hash;
    return ST_OK;
}

/* Goes back to the block's parent, if the chain has gone on in another way. */
static enum status go_to_parent(struct layer *layer, const struct derive_block *block,
                                struct err *err)
{
    struct child_head parent;
    if (hash32_equal(layer->head.hash, block->parent_hash))
        return ST_OK;
    TRY(child_head_at(layer, block->number - 1, &parent, err));
    assert(hash32_equal(parent.hash, block->parent_hash)); /* derived from it */
    log_warn("layer", "the parent has other blocks than the sequencer made",
             LOG_U64("from", block->number), LOG_U64("to", layer->head.header.number));
    return layer_set_head(layer, &parent, err);
}

static enum status take_block(struct layer *layer, struct derive_run *run,
                              const struct derive_block *block, struct arena tmp, struct err *err)
{
    hash32 hash;
    struct err why;
    if (is_here(layer, block, &hash, tmp)) {
        derive_done(run, hash);
        return ST_OK;
    }
    TRY(go_to_parent(layer, block, err));
    enum status st = execute(layer, block, &hash, tmp, &why);
    if (st == ST_INVALID && block->tx_count > block->deposit_count) {
        derive_reject(run, &why);
        return ST_OK;
    }
    if (st != ST_OK)
        return fail(err, st, "block %lu: %s", block->number, why.text);
    derive_done(run, hash);
    layer->own_after = block->number;
    unsafe_hold_against(layer, block, hash);
    return child_head_newest(layer, &layer->head, err);
}

static enum status derive_batch(struct layer *layer, const struct derive_input *input,
                                struct derive_state *after, struct arena arena, struct err *err)
{
    struct derive_run run;
    TRY(derive_open(&run, &layer->config, &newest(layer)->after, input, &arena, err));
    while (derive_more(&run)) {
        struct arena scratch = arena;
        const struct derive_block *block;
        TRY(derive_next(&run, &block, &scratch, err));
        TRY(take_block(layer, &run, block, scratch, err));
    }
    *after = derive_close(&run);
    if (run.reason.text[0] != 0)
        log_warn("layer", "a batch is not taken whole", LOG_U64("batch", input->record.index),
                 LOG_TEXT("why", run.reason.text));
    return ST_OK;
}

/* --- Heads. */

/* The newest batch whose parent block is at most `number`. */
static const struct derived_batch *derived_by(const struct layer *layer, u64 number)
{
    u64 at = shelf_end(&layer->derived) - 1;
    const struct derived_batch *each = shelf_at(&layer->derived, at);
    while (at > layer->derived.first && each->parent_block > number)
        each = shelf_at(&layer->derived, --at);
    return each;
}

/* A restart goes on from here, and nobody needs what came before. */
static enum status keep_final(struct layer *layer, const struct derived_batch *final,
                              struct err *err)
{
    const struct derive_state *state = &final->after;
    struct checkpoint checkpoint = {.genesis_hash = layer->options.rollup->genesis_hash,
                                    .state = *state,
                                    .parent_block = final->parent_block};
    parent_lock(layer->parent);
    const struct parent_block *block = parent_block(layer->parent, final->parent_block);
    if (block != NULL)
        checkpoint.parent_hash = block->origin.hash;
    parent_unlock(layer->parent);
    if (block == NULL) /* it is the one that this run began with */
        return ST_OK;
    /* What comes before a checkpoint comes no more. */
    TRY(hash_index_write(layer->deposits, err));
    TRY(hash_index_write(layer->outputs, err));
    TRY(checkpoint_write(layer->options.files, layer->checkpoint_path, &checkpoint, err));
    layer->kept_batches = state->batch_count;
    parent_lock(layer->parent);
    parent_forget(layer->parent, state->head.origin.number, state->inbox_pos, state->batch_count);
    parent_unlock(layer->parent);
    shelf_forget(&layer->derived, state->batch_count);
    return ST_OK;
}

static enum status declare_finality(struct layer *layer, struct err *err)
{
    parent_lock(layer->parent);
    u64 number = parent_state(layer->parent).finalized;
    parent_unlock(layer->parent);
    const struct derived_batch *final = derived_by(layer, number);
    TRY(chain_set_finality(layer->options.chain, newest(layer)->after.head.hash,
                           final->after.head.hash, err));
    if (final->parent_block <= number && final->after.batch_count > layer->kept_batches)
        return keep_final(layer, final, err);
    return ST_OK;
}

/* The state at the child's genesis, once the parent's block that it was made at is known. */
static bool begin_at_genesis(struct layer *layer)
{
    const struct rollup *rollup = layer->options.rollup;
    const struct parent_block *origin = parent_block(layer->parent, rollup->parent_block);
    if (origin == NULL)
        return false;
    struct derive_params params = {.gas_limit = rollup->gas_limit,
                                   .base_fee_scalar = (u32)rollup->base_fee_scalar,
                                   .blob_base_fee_scalar = (u32)rollup->blob_base_fee_scalar,
                                   .sequencer = rollup->sequencer,
                                   .version = DERIVE_VERSION};
    struct derived_batch *row = shelf_push(&layer->derived);
    row->after = derive_genesis(&layer->config, &params, rollup->genesis_hash, rollup->genesis_time,
                                &origin->origin);
    row->parent_block = rollup->parent_block;
    return true;
}

/* Claims are about the blocks that batches end with. Those that come so late that they are beyond
 * the window already cannot be kept. */
static void keep_output(struct layer *layer, const struct derive_state *after, struct arena tmp)
{
    struct err why = {""};
    if (after->head.number == newest(layer)->after.head.number)
        return;
    enum status st = kept_put(layer->outputs, layer->options.chain, after->head.number,
                              after->head.hash, tmp, &why);
    if (st != ST_OK && st != ST_MISSING)
        log_error("layer", "an output cannot be kept", LOG_U64("block", after->head.number),
                  LOG_TEXT("why", why.text));
}

enum status layer_follow(struct layer *layer, bool *more, struct err *err)
{
    struct arena arena = pages_arena(&layer->pages);
    struct derive_input input;
    u64 block_number = 0;
    *more = false;
    parent_lock(layer->parent);
    if (layer->derived.count == 0 && !begin_at_genesis(layer)) {
        parent_unlock(layer->parent);
        return ST_OK;
    }
    struct parent_state parent = parent_state(layer->parent);
    drop_batches(layer);
    bool found = next_batch(layer, &input, &block_number, &arena);
    bool orphaned = head_is_orphaned(layer);
    parent_unlock(layer->parent);
    if (parent.epoch != layer->epoch || orphaned) {
        TRY(take_back(layer, err));
        layer->epoch = parent.epoch;
    }
    if (found) {
        struct derived_batch row = {.parent_block = block_number};
        TRY(read_blobs(layer, &input, &arena, err));
        TRY(derive_batch(layer, &input, &row.after, arena, err));
        keep_output(layer, &row.after, arena);
        *(struct derived_batch *)shelf_push(&layer->derived) = row;
        *more = true;
    } else if (parent.caught_up && !layer->caught_up) {
        layer->caught_up = true;
        layer->own_after = newest(layer)->after.head.number;
    }
    return declare_finality(layer, err);
}

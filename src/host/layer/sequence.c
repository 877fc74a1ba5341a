/* The sequencer: blocks out of the pool and of the parent's items, each durable before anybody is
 * told of it. That is the soft confirmation: a block is made a few milliseconds after the first
 * transaction for it came, so there is no open block whose content could be lost in a crash. */
#include "chain/pool_source.h"
#include "layer/internal.h"
#include "stf/check.h"
#include "sys/clock.h"
#include "sys/log.h"

/* Of users' transactions in a block: whatever they are, they fit into one append (batcher.c). */
enum { MOST_BYTES = 120 * 1024 };

/* Items of the Inbox that wait: on the parent by the origin that the next block will have. */
static bool items_wait(struct layer *layer)
{
    parent_lock(layer->parent);
    const struct parent_item *item = parent_item(layer->parent, layer->head.attributes.inbox_pos);
    bool wait = item != NULL && item->block_number <= parent_state(layer->parent).head;
    parent_unlock(layer->parent);
    return wait;
}

/* A withdrawal can be proved by a claim of a later block alone (clients ask for that), so an idle
 * chain makes one more block. */
static bool withdrawal_waits(const struct layer *layer)
{
    static const address passer = {{0x42, [19] = 0x16}};
    return bloom_may_contain(&layer->head.header.logs_bloom, BYTES_OF(passer));
}

/* Whether a block is due even without users' transactions. */
static bool is_owed(struct layer *layer, u64 now_ms)
{
    u64 heartbeat_ms = layer->options.heartbeat_ms;
    bool silent = heartbeat_ms != 0 &&
                  now_ms >= layer->next_block_ms - layer->options.block_ms + heartbeat_ms;
    return silent || items_wait(layer) || withdrawal_waits(layer);
}

bool sequence_is_due(struct layer *layer, u64 now_ms)
{
    if ((layer->options.roles & ROLE_SEQUENCER) == 0 || now_ms < layer->next_block_ms ||
        layer->derived.count == 0)
        return false;
    return is_owed(layer, now_ms) ||
           (!layer->backlog.is_full && txpool_counts(layer->options.pool).executable > 0);
}

/* Our clock's time, within what the parent's clock allows: whenever the batch is appended, a block
 * is good that is at most so much later than its origin. Where this clock is ahead, or the parent
 * makes no blocks, time stands still until the next origin. */
static u64 time_of_next(const struct derive_state *state, const struct derive_origin *origin)
{
    u64 now = clock_wall_ms() / 1000;
    u64 latest = origin->timestamp + DERIVE_TIME_AHEAD;
    return max_u64(max_u64(min_u64(now, latest), state->head.timestamp), origin->timestamp);
}

/* What the next block goes by, copied from the parent. False: the parent's head is not one that a
 * child's block can follow now. */
static bool make_plan(struct layer *layer, struct derive_state *state, struct derive_plan *plan,
                      struct derive_origin *origin, struct arena *arena)
{
    enum { MOST_ITEMS = 256 };
    struct parent_state parent = parent_state(layer->parent);
    if (!child_head_state(layer, &layer->head, state) || parent.head < state->head.origin.number)
        return false;
    *origin = parent_block(layer->parent, parent.head)->origin;
    *plan = (struct derive_plan){.timestamp = time_of_next(state, origin), .origin = origin};
    struct inbox_item *items = ARENA_TAKE(arena, struct inbox_item, MOST_ITEMS);
    const struct parent_item *next;
    while (plan->item_count < MOST_ITEMS &&
           (next = parent_item(layer->parent, state->inbox_pos + plan->item_count)) != NULL &&
           next->block_number <= origin->number) {
        items[plan->item_count] = next->item;
        items[plan->item_count++].data = arena_copy(arena, next->item.data);
    }
    plan->items = items;
    return true;
}

/* The base fee of the block with these attributes, for the pool's order, and whether that is as low
 * as empty blocks can bring it. */
static enum status base_fee_of(struct layer *layer, const struct derive_block *block, u256 *out,
                               bool *is_lowest, struct err *err)
{
    static const u256 smallest = {
        {8}}; /* an eighth less, rounded down, is nothing less: EIP-1559 */
    struct rules rules = chain_rules(layer->config.chain, block->number, block->timestamp, true);
    TRY(child_rules_read(&rules, &block->txs[0], err));
    *out = next_base_fee(&rules, &layer->head.header, false);
    *is_lowest = !u256_less(smallest, *out) || u256_equal(*out, rules.child.base_fee_floor_wei);
    return ST_OK;
}

static enum status build(struct layer *layer, const struct derive_block *block, struct err *err)
{
    u256 base_fee;
    bool is_lowest;
    struct built_block built;
    struct pool_source from;
    TRY(base_fee_of(layer, block, &base_fee, &is_lowest, err));
    pool_source_begin(&from, layer->options.pool, base_fee, U256_ZERO);
    from.bytes_left = MOST_BYTES;
    /* Whoever cannot pay the price is helped by an empty block only where that lowers it. */
    if (!from.peeked && is_lowest && !is_owed(layer, clock_now_ms())) {
        pool_source_end(&from);
        return ST_OK;
    }
    struct build_params params = {.timestamp = block->timestamp,
                                  .prev_randao = block->origin.mix_hash,
                                  .gas_limit = block->params.gas_limit,
                                  .parent_beacon_root = block->origin.parent_beacon_root,
                                  .deposits = block->txs,
                                  .deposit_count = block->deposit_count,
                                  .txs = layer->backlog.is_full ? NULL : &from.source};
    enum status st = chain_build(layer->options.chain, &params, &built, err);
    usize included = from.included;
    pool_source_end(&from);
    if (st != ST_OK)
        return st;
    log_debug("sequencer", "block made", LOG_U64("number", block->number),
              LOG_U64("items", block->deposit_count - 1), LOG_U64("transactions", included),
              LOG_HEX("hash", built.block.hash));
    layer->next_block_ms = clock_now_ms() + layer->options.block_ms;
    return child_head_newest(layer, &layer->head, err);
}

enum status sequence_block(struct layer *layer, struct err *err)
{
    struct arena arena = pages_arena(&layer->pages);
    struct derive_state state;
    struct derive_plan plan;
    struct derive_origin origin;
    struct derive_block block;
    parent_lock(layer->parent);
    bool ready = make_plan(layer, &state, &plan, &origin, &arena);
    parent_unlock(layer->parent);
    if (!ready)
        return fail(err, ST_AGAIN, "the parent's chain is being followed");
    plan.item_count =
        derive_items_fit(&layer->config, &state, plan.timestamp, plan.items, plan.item_count);
    TRY(derive_compose(&state, &plan, &block, &arena, err));
    return build(layer, &block, err);
}

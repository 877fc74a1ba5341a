#include "derive/blob_data.h"
#include "derive/internal.h"

/* --- The input is what the accumulators commit to. */

static enum status check_items(const struct derive_run *run, struct err *err)
{
    const struct derive_input *in = run->input;
    const struct batch_record *record = &in->record;
    hash32 acc = run->state.inbox_acc;
    if (record->inbox_pos < run->state.inbox_pos ||
        record->inbox_pos - run->state.inbox_pos != in->item_count)
        return fail(err, ST_INVALID, "batch %lu reads items %lu to %lu, %zu are given",
                    record->index, run->state.inbox_pos, record->inbox_pos, in->item_count);
    for (usize i = 0; i < in->item_count; i++) {
        if (in->items[i].position != run->state.inbox_pos + i)
            return fail(err, ST_INVALID, "item %lu is given in the place of %lu",
                        in->items[i].position, run->state.inbox_pos + i);
        acc = inbox_acc_next(acc, inbox_item_leaf(&in->items[i]));
    }
    if (!hash32_equal(acc, record->inbox_acc))
        return fail(err, ST_INVALID, "items up to %lu do not hash to batch %lu's accumulator",
                    record->inbox_pos, record->index);
    return ST_OK;
}

static hash32 data_hash(const struct derive_input *in)
{
    switch (in->kind) {
    case BATCH_CALLDATA:
        return batch_hash_calldata(in->data);
    case BATCH_BLOBS:
        return batch_hash_blobs(in->blob_hashes, in->blob_count);
    case BATCH_FORCED:
        break;
    }
    return (hash32){0};
}

static enum status check_record(const struct derive_run *run, struct err *err)
{
    const struct batch_record *record = &run->input->record;
    if (record->index != run->state.batch_count)
        return fail(err, ST_INVALID, "batch %lu is given in the place of %lu", record->index,
                    run->state.batch_count);
    if (!hash32_equal(data_hash(run->input), record->data_hash))
        return fail(err, ST_INVALID, "batch %lu's data do not hash to what it says", record->index);
    if (!hash32_equal(batch_acc_next(run->state.batch_acc, record), record->batch_acc))
        return fail(err, ST_INVALID, "batch %lu does not hash to its accumulator", record->index);
    return ST_OK;
}

/* Reads the headers and sets the origin of blocks that no batch gives one: the batch's, unless the
 * head's is later. */
static enum status read_origins(struct derive_run *run, struct arena *arena, struct err *err)
{
    const struct derive_input *in = run->input;
    const struct derive_origin *head = &run->state.head.origin;
    u64 last = in->record.origin_number;
    run->last_origin = *head;
    run->origins = NULL;
    if (last <= head->number) {
        if (last == head->number && !hash32_equal(in->record.origin_hash, head->hash))
            return fail(err, ST_INVALID, "the parent has two blocks %lu", last);
        return in->header_count == 0 ? ST_OK : fail(err, ST_INVALID, "headers of old origins");
    }
    if (in->header_count > last - head->number)
        return fail(err, ST_INVALID, "headers from before the head's origin");
    run->origins_needed = last;
    if (in->header_count == 0)
        return fail(err, ST_MISSING, "the header of origin %lu is needed", last);
    struct derive_origin *origins = ARENA_TAKE(arena, struct derive_origin, in->header_count);
    hash32 expected = in->record.origin_hash;
    for (usize i = in->header_count; i-- > 0;) {
        u64 number = last - (in->header_count - 1 - i);
        TRY(derive_origin_read(run->config, in->headers[i], &origins[i], err));
        if (!hash32_equal(origins[i].hash, expected) || origins[i].number != number)
            return fail(err, ST_INVALID, "the header of origin %lu is another block's", number);
        expected = origins[i].parent_hash;
    }
    if (origins[0].number == head->number + 1 && !hash32_equal(expected, head->hash))
        return fail(err, ST_INVALID, "origin %lu does not follow the head's", origins[0].number);
    run->origins = origins;
    run->last_origin = origins[in->header_count - 1];
    return ST_OK;
}

/* --- The rules. What breaks one is ST_INVALID, with the reason. */

static enum status decode(struct derive_run *run, struct arena *arena, struct err *err)
{
    const struct derive_input *in = run->input;
    bytes data = in->data;
    if (in->kind == BATCH_BLOBS)
        TRY(blob_data_decode(in->blobs, in->blob_count, &data, arena, err));
    u64 chain_id = run->config->id.child_chain_id;
    enum status st = batch_data_decode(data, chain_id, &run->batch, arena, err);
    return st == ST_OK ? ST_OK : ST_INVALID; /* ST_FULL: it inflates to too much */
}

static enum status rule_parent(const struct derive_run *run, struct err *err)
{
    static const u8 any[sizeof(run->batch.parent_prefix)];
    const u8 *prefix = run->batch.parent_prefix;
    if (run->batch.first_number != run->state.head.number + 1)
        return fail(err, ST_INVALID, "it begins with block %lu after block %lu",
                    run->batch.first_number, run->state.head.number);
    if (memcmp(prefix, any, sizeof(any)) != 0 &&
        memcmp(prefix, run->state.head.hash.b, sizeof(any)) != 0)
        return fail(err, ST_INVALID, "it builds on another block %lu", run->state.head.number);
    return ST_OK;
}

/* NULL: the header was not given. */
static const struct derive_origin *origin_at(const struct derive_run *run, u64 number)
{
    const struct derive_input *in = run->input;
    const struct derive_origin *head = &run->state.head.origin;
    if (number == head->number)
        return head;
    u64 first = in->record.origin_number + 1 - in->header_count;
    return number >= first ? &run->origins[number - first] : NULL;
}

static enum status rule_origin(const struct derive_run *run, const struct derive_state *at,
                               const struct batch_block *block, struct err *err)
{
    if (block->origin_number < at->head.origin.number)
        return fail(err, ST_INVALID, "block %lu has origin %lu after %lu", at->head.number + 1,
                    block->origin_number, at->head.origin.number);
    if (block->origin_number > run->input->record.origin_number)
        return fail(err, ST_INVALID, "block %lu has origin %lu, the batch %lu", at->head.number + 1,
                    block->origin_number, run->input->record.origin_number);
    return ST_OK;
}

static enum status rule_time(const struct derive_run *run, const struct derive_state *at,
                             const struct batch_block *block, const struct derive_origin *origin,
                             struct err *err)
{
    u64 latest =
        add_sat_u64(max_u64(origin->timestamp, run->input->record.time), DERIVE_TIME_AHEAD);
    if (block->timestamp < at->head.timestamp)
        return fail(err, ST_INVALID, "block %lu has time %lu after %lu", at->head.number + 1,
                    block->timestamp, at->head.timestamp);
    if (block->timestamp < origin->timestamp)
        return fail(err, ST_INVALID, "block %lu has time %lu, before its origin's %lu",
                    at->head.number + 1, block->timestamp, origin->timestamp);
    if (block->timestamp > latest)
        return fail(err, ST_INVALID, "block %lu has time %lu, the latest is %lu",
                    at->head.number + 1, block->timestamp, latest);
    return ST_OK;
}

static enum status rule_items(const struct derive_run *run, const struct derive_state *at,
                              const struct batch_block *block, struct err *err)
{
    const struct derive_input *in = run->input;
    if (block->item_count > in->record.inbox_pos - at->inbox_pos)
        return fail(err, ST_INVALID, "block %lu reads %lu items, the batch has %lu left",
                    at->head.number + 1, block->item_count, in->record.inbox_pos - at->inbox_pos);
    const struct inbox_item *items = in->items + (at->inbox_pos - run->state.inbox_pos);
    usize fit = derive_items_fit(run->config, at, block->timestamp, items, block->item_count);
    if (fit < block->item_count)
        return fail(err, ST_INVALID, "block %lu reads %lu items, its gas is enough for %zu",
                    at->head.number + 1, block->item_count, fit);
    return ST_OK;
}

/* All rules on a batch but the last, that its transactions can be executed. ST_MISSING: headers. */
static enum status judge(struct derive_run *run, struct arena *arena, struct err *err)
{
    TRY(decode(run, arena, err));
    if (run->batch.block_count > 0)
        TRY(rule_parent(run, err));
    struct derive_state at = run->state;
    for (usize i = 0; i < run->batch.block_count; i++) {
        const struct batch_block *block = &run->batch.blocks[i];
        TRY(rule_origin(run, &at, block, err));
        const struct derive_origin *origin = origin_at(run, block->origin_number);
        if (origin == NULL) {
            run->origins_needed = block->origin_number;
            return fail(err, ST_MISSING, "the header of origin %lu is needed",
                        block->origin_number);
        }
        TRY(rule_time(run, &at, block, origin, err));
        TRY(rule_items(run, &at, block, err));
        at.head.number++;
        at.head.timestamp = block->timestamp;
        at.head.origin = *origin;
        derive_skip_items(&at, run->input->items + (at.inbox_pos - run->state.inbox_pos),
                          block->item_count);
    }
    return ST_OK;
}

/* --- The run. */

usize derive_open_bound(const struct derive_input *input)
{
    return BATCH_DATA_BOUND + input->header_count * sizeof(struct derive_origin) +
           input->blob_count * BLOB_CAPACITY + 64;
}

enum status derive_open(struct derive_run *run, const struct derive_config *config,
                        const struct derive_state *state, const struct derive_input *input,
                        struct arena *arena, struct err *err)
{
    *run = (struct derive_run){.config = config, .input = input, .state = *state};
    TRY(check_items(run, err));
    TRY(check_record(run, err));
    TRY(read_origins(run, arena, err));
    if (input->kind == BATCH_FORCED) {
        (void)fail(&run->reason, ST_INVALID, "a forced read");
        return ST_OK;
    }
    enum status st = judge(run, arena, &run->reason);
    if (st == ST_INVALID) {
        run->batch.block_count = 0;
        return ST_OK;
    }
    if (st != ST_OK && err != NULL)
        *err = run->reason;
    return st;
}

/* Of the items, those that no block has read so far. */
static usize items_left(const struct derive_run *run)
{
    return run->input->record.inbox_pos - run->state.inbox_pos;
}

bool derive_more(const struct derive_run *run)
{
    return run->waiting || run->next < run->batch.block_count || items_left(run) > 0;
}

/* A block that the batch describes. */
static struct derive_plan planned(const struct derive_run *run)
{
    const struct batch_block *block = &run->batch.blocks[run->next];
    return (struct derive_plan){
        .timestamp = block->timestamp,
        .origin = origin_at(run, block->origin_number),
        .item_count = block->item_count,
        .txs = block->txs,
        .tx_count = run->without_users ? 0 : block->tx_count,
    };
}

/* A block for items that are left. */
static struct derive_plan leftover(const struct derive_run *run)
{
    return (struct derive_plan){
        .timestamp = max_u64(run->state.head.timestamp, run->last_origin.timestamp),
        .origin = &run->last_origin,
        .item_count = items_left(run),
    };
}

static struct derive_plan next_plan(const struct derive_run *run)
{
    const struct derive_input *in = run->input;
    bool by_batch = run->next < run->batch.block_count;
    struct derive_plan plan = by_batch ? planned(run) : leftover(run);
    plan.items = in->items + (in->item_count - items_left(run));
    plan.item_count =
        derive_items_fit(run->config, &run->state, plan.timestamp, plan.items, plan.item_count);
    return plan;
}

usize derive_next_bound(const struct derive_run *run)
{
    struct derive_plan plan = next_plan(run);
    return derive_compose_bound(&plan);
}

enum status derive_next(struct derive_run *run, const struct derive_block **out,
                        struct arena *arena, struct err *err)
{
    assert(derive_more(run) && !run->waiting);
    struct derive_plan plan = next_plan(run);
    TRY(derive_compose(&run->state, &plan, &run->block, arena, err));
    run->waiting = true;
    *out = &run->block;
    return ST_OK;
}

void derive_done(struct derive_run *run, hash32 hash)
{
    assert(run->waiting);
    derive_advance(&run->state, &run->block, hash);
    run->waiting = false;
    if (run->next < run->batch.block_count)
        run->next++;
    if (run->without_users) /* the rest of the batch is dropped */
        run->batch.block_count = run->next;
    run->without_users = false;
}

void derive_reject(struct derive_run *run, const struct err *why)
{
    assert(run->waiting && run->block.tx_count > run->block.deposit_count);
    run->waiting = false;
    run->without_users = true;
    (void)fail(&run->reason, ST_INVALID, "block %lu: %s", run->block.number,
               why != NULL ? why->text : "a transaction that cannot be executed");
}

struct derive_state derive_close(const struct derive_run *run)
{
    assert(!derive_more(run));
    struct derive_state state = run->state;
    state.batch_count++;
    state.batch_acc = run->input->record.batch_acc;
    return state;
}

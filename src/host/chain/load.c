/* From records back to points: at opening, and when a branch below the base is wanted again. */
#include "base/rlp.h"
#include "chain/internal.h"
#include "chain/receipts.h"

#include <stdlib.h>

/* Positions of records between a state that is there and the one that is wanted, newest first. */
struct plan {
    u64 *positions;
    usize count, room;
    struct point *from; /* held */
};

static void plan_add(struct plan *plan, u64 position)
{
    if (plan->count == plan->room) {
        plan->room = (plan->room + 64) * 2;
        plan->positions = realloc(plan->positions, plan->room * sizeof(*plan->positions));
        assert(plan->positions != NULL);
    }
    plan->positions[plan->count++] = position;
}

/* The body of a block that is on disk, receipts and all. */
static enum status load_body(struct chain *chain, struct store_read *read,
                             const struct canon_row *row, u64 number, struct body **out,
                             struct arena *arena, struct err *err)
{
    struct record record;
    struct block block;
    struct receipt *receipts = NULL;
    usize count = 0;
    bytes packed;
    TRY(record_read(chain->log, row->block_position, &record, arena, err));
    TRY(block_decode(record.body, &block, arena, err));
    if (store_receipts(read, number, &packed) != ST_OK ||
        receipts_unpack(packed, &receipts, &count, arena) != ST_OK)
        return fail(err, ST_CORRUPT, "the receipts of block %lu are damaged", number);
    *out = body_new(row->block_position, &block.header, row->hash, record.head.total_difficulty,
                    record.body, record.senders, receipts, count);
    return ST_OK;
}

/* A point without layers for a state that the disk has. */
static enum status load_root(struct chain *chain, struct store_read *read,
                             const struct canon_row *row, u64 number, struct point **out,
                             struct arena *arena, struct err *err)
{
    const struct store_meta *meta = store_read_meta(read);
    if (number < meta->history_from || number < meta->proofs_from)
        return fail(err, ST_MISSING, "the state of block %lu is no longer kept", number);
    struct body *body = NULL;
    TRY(load_body(chain, read, row, number, &body, arena, err));
    struct snapshot at = {.chain = chain,
                          .number = number,
                          .arena = arena,
                          .read = read,
                          .past = true,
                          .past_number = number};
    hash32 state_root;
    enum status st = snapshot_state_root(&at, &state_root, err);
    if (st == ST_OK)
        *out = point_new(NULL, body, row->state_position, row->state_position != body->position,
                         state_root, NULL);
    body_release(body);
    return st;
}

/* Walks from `position` towards older records until a state is there. */
static enum status make_plan(struct chain *chain, struct store_read *read, u64 position,
                             struct plan *plan, struct arena *arena, struct err *err)
{
    for (;;) {
        struct point *point = tree_find_position(chain, position);
        if (point != NULL) {
            plan->from = point_hold(point);
            return ST_OK;
        }
        struct record_head head;
        struct canon_row row;
        if (position == 0)
            return fail(err, ST_CORRUPT, "the block log does not lead to a state");
        TRY(record_read_head(chain->log, position, &head, err));
        if (head.number <= store_read_meta(read)->number &&
            store_canon(read, head.number, &row) == ST_OK && row.state_position == position) {
            TRY(load_root(chain, read, &row, head.number, &plan->from, arena, err));
            tree_put(chain, plan->from);
            return ST_OK;
        }
        plan_add(plan, position);
        position = head.parent_position;
    }
}

static enum status replay_block(struct chain *chain, struct point *parent,
                                const struct record *record, struct point **out, struct err *err)
{
    bytes rlp = record->body, list, item;
    struct header header;
    struct arena arena;
    struct block block;
    struct stf_result result;
    u64 ns;
    if (rlp_read_list(&rlp, &list) != ST_OK || rlp_read_item(&list, &item) != ST_OK)
        return fail(err, ST_CORRUPT, "the block log is damaged at %lu", record->position);
    TRY(header_decode(item, &header, err));
    TRY(chain_block_arena(chain, header.gas_limit, record->body.size, &arena, err));
    TRY(block_decode(record->body, &block, &arena, err));
    block_set_senders(&block, record->senders);
    TRY(chain_execute(chain, parent, &block, true, &arena, &result, &ns, err));
    *out = chain_make_point(chain, parent, &block, record->body, record->senders, &result,
                            record->position, ns);
    return ST_OK;
}

static enum status replay_patch(struct chain *chain, struct point *parent,
                                const struct record *record, struct point **out, struct err *err)
{
    struct arena arena;
    struct diff diff;
    TRY(chain_block_arena(chain, 0, record->body.size, &arena, err));
    if (diff_unpack(record->body, &diff, &arena) != ST_OK)
        return fail(err, ST_CORRUPT, "the block log is damaged at %lu", record->position);
    return chain_make_patch(chain, parent, &diff, record->position, &arena, out, err);
}

/* Makes the point of the record at `position` on `parent`. */
static enum status replay(struct chain *chain, struct point *parent, u64 position,
                          struct point **out, struct err *err)
{
    struct record_head head;
    struct record record;
    struct pages pages;
    TRY(record_read_head(chain->log, position, &head, err));
    if (head.size > LOG_MAX_RECORD)
        return fail(err, ST_CORRUPT, "the block log is damaged at %lu", position);
    TRY(pages_reserve(head.size + head.tx_count * sizeof(address) + 4096, &pages, err));
    struct arena arena = pages_arena(&pages);
    enum status st = record_read(chain->log, position, &record, &arena, err);
    if (st == ST_OK)
        st = record.kind == RECORD_BLOCK ? replay_block(chain, parent, &record, out, err)
             : record.kind == RECORD_PATCH
                 ? replay_patch(chain, parent, &record, out, err)
                 : fail(err, ST_CORRUPT, "the block log is damaged at %lu", position);
    pages_release(&pages);
    if (st == ST_OK)
        chain_count(chain, &chain->stats.replayed_blocks, 1);
    return st;
}

/* *at is held, before and after. */
static enum status run_plan(struct chain *chain, struct plan *plan, bool publish, struct point **at,
                            struct err *err)
{
    for (;;) {
        if (publish) {
            chain_set_best(chain, *at);
            TRY(chain_commit(chain, err));
        }
        if (plan->count == 0)
            return ST_OK;
        struct point *next;
        TRY(replay(chain, *at, plan->positions[--plan->count], &next, err));
        point_release(*at);
        *at = next;
        tree_put(chain, next);
    }
}

enum status chain_load_point(struct chain *chain, u64 position, bool publish, struct point **out,
                             struct err *err)
{
    /* Address space for one block with its receipts, decoded; LOG_MAX_RECORD bounds both. */
    static const usize MEMORY = (usize)1 << 36;
    struct plan plan = {.count = 0};
    struct store_read *read;
    struct pages pages;
    TRY(pages_reserve(MEMORY, &pages, err));
    struct arena arena = pages_arena(&pages);
    enum status st = store_read_begin(chain->store, &read, err);
    if (st == ST_OK) {
        st = make_plan(chain, read, position, &plan, &arena, err);
        store_read_end(read);
    }
    pages_release(&pages);
    if (st == ST_OK)
        st = run_plan(chain, &plan, publish, &plan.from, err);
    free(plan.positions);
    if (st == ST_OK)
        *out = plan.from;
    else
        point_release(plan.from);
    return st;
}

enum status chain_load_block(struct chain *chain, hash32 hash, struct point **out, struct err *err)
{
    struct point *point = tree_find(chain, hash);
    if (point != NULL) {
        *out = point_hold(point);
        return ST_OK;
    }
    u64 position, number;
    if (chain_find_block(chain, hash, &position, &number) != ST_OK)
        return fail(err, ST_MISSING, "the block is unknown");
    struct store_read *read;
    struct canon_row row;
    TRY(store_read_begin(chain->store, &read, err));
    if (store_canon(read, number, &row) == ST_OK && row.block_position == position)
        position = row.state_position;
    store_read_end(read);
    return chain_load_point(chain, position, false, out, err);
}

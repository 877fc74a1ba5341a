/* Test methods: changes of a state that no transaction made, and going back to an earlier one. */
#include "base/sort.h"
#include "chain/internal.h"

static int by_address(const void *a, const void *b)
{
    const struct account_change *x = a, *y = b;
    return memcmp(x->who.b, y->who.b, sizeof(address));
}

static int by_slot(const void *a, const void *b)
{
    const struct slot_change *x = a, *y = b;
    return memcmp(x->slot.b, y->slot.b, sizeof(hash32));
}

/* Fills in what was there before and leaves out slots that stay as they are. */
static enum status complete_account(struct account_change *change, const struct state_view *view,
                                    struct arena *arena)
{
    enum status st = view->account(view->self, change->who, &change->before);
    change->existed = st == ST_OK;
    if (st == ST_MISSING)
        change->before = account_new();
    else
        TRY(st);
    change->storage_wiped = change->existed && !change->exists;
    change->after.storage_root =
        change->storage_wiped ? EMPTY_TRIE_ROOT : change->before.storage_root;
    void **order = ARENA_TAKE(arena, void *, change->slot_count);
    usize kept = 0;
    for (usize i = 0; i < change->slot_count; i++) {
        struct slot_change *slot = &change->slots[i];
        TRY(view->storage(view->self, change->who, slot->slot, &slot->before));
        if (!u256_equal(slot->before, slot->after))
            order[kept++] = slot;
    }
    sort_pointers(order, kept, by_slot, *arena);
    struct slot_change *slots = ARENA_TAKE(arena, struct slot_change, kept);
    for (usize i = 0; i < kept; i++)
        slots[i] = *(struct slot_change *)order[i];
    change->slots = slots;
    change->slot_count = kept;
    return ST_OK;
}

/* A sorted, completed copy of `diff`. */
static enum status complete(const struct diff *diff, const struct state_view *view,
                            struct diff *out, struct arena *arena)
{
    void **order = ARENA_TAKE(arena, void *, diff->account_count);
    for (usize i = 0; i < diff->account_count; i++)
        order[i] = &diff->accounts[i];
    sort_pointers(order, diff->account_count, by_address, *arena);
    *out = *diff;
    out->accounts = ARENA_TAKE(arena, struct account_change, diff->account_count);
    for (usize i = 0; i < diff->account_count; i++) {
        out->accounts[i] = *(struct account_change *)order[i];
        TRY(complete_account(&out->accounts[i], view, arena));
    }
    return ST_OK;
}

enum status chain_make_patch(struct chain *chain, struct point *parent, const struct diff *diff,
                             u64 position, struct arena *arena, struct point **out, struct err *err)
{
    struct snapshot at;
    struct diff whole;
    hash32 state_root;
    struct trie_changes changes;
    TRY(state_open_owner(chain, parent, arena, &at, err));
    struct state_view view = snapshot_view(&at);
    struct node_source nodes = snapshot_nodes(&at);
    enum status st = complete(diff, &view, &whole, arena);
    if (st == ST_OK)
        st = trie_apply(&nodes, parent->state_root, &whole, &state_root, &changes, arena, err);
    else
        st = fail(err, st, "the state cannot be read");
    snapshot_close(&at);
    TRY(st);
    struct layer *layer = layer_new(chain->seed, parent->depth + 1);
    layer_put_diff(layer, &whole);
    layer_put_nodes(layer, &changes);
    layer_seal(layer);
    *out = point_new(parent, parent->body, position, true, state_root, layer);
    point_weigh(*out, sizeof(struct record_head), 0);
    return ST_OK;
}

static enum status append_patch(struct chain *chain, const struct point *point,
                                const struct diff *diff, u64 parent_position, struct arena tmp,
                                struct err *err)
{
    struct record_head record = {
        .parent_position = parent_position,
        .number = point_number(point),
        .hash = point->body->hash,
        .total_difficulty = point->body->total_difficulty,
        .becomes_head = 1,
    };
    u64 position;
    TRY(record_append_patch(chain->log, &record, diff, tmp, &position, err));
    assert(position == point->position);
    return ST_OK;
}

/* Memory for the tries of a patch, which is small. */
enum { PATCH_GAS = 30000000 };

enum status chain_patch(struct chain *chain, const struct diff *diff, struct err *err)
{
    struct arena arena;
    struct point *parent = owner_head(chain)->tip, *point;
    TRY(chain_check_usable(chain, err));
    TRY(chain_block_arena(chain, PATCH_GAS, 0, &arena, err));
    TRY(chain_make_patch(chain, parent, diff, log_end(chain->log), &arena, &point, err));
    enum status st = append_patch(chain, point, diff, parent->position, arena, err);
    if (st == ST_OK) {
        tree_put(chain, point);
        chain_set_best(chain, point);
        st = chain_commit(chain, err);
    }
    point_release(point);
    return st;
}

/* --- Choosing an earlier state. */

static enum status move_head(struct chain *chain, struct point *point, struct err *err)
{
    u64 position;
    if (point == chain->best)
        return ST_OK;
    TRY(record_append_head(chain->log, point->position, &position, err));
    chain_set_best(chain, point);
    return chain_commit(chain, err);
}

enum status chain_set_head(struct chain *chain, hash32 hash, struct err *err)
{
    struct point *point;
    TRY(chain_check_usable(chain, err));
    TRY(chain_load_block(chain, hash, &point, err));
    enum status st = move_head(chain, point, err);
    point_release(point);
    return st;
}

u64 chain_mark(struct chain *chain)
{
    return owner_head(chain)->tip->position;
}

enum status chain_return_to(struct chain *chain, u64 mark, struct err *err)
{
    struct point *point;
    TRY(chain_check_usable(chain, err));
    if (mark < log_start(chain->log) || mark >= log_end(chain->log))
        return fail(err, ST_MISSING, "there is no such point to return to");
    TRY(chain_load_point(chain, mark, false, &point, err));
    /* From now on the block stands for this state of it. */
    tree_put(chain, point);
    enum status st = move_head(chain, point, err);
    point_release(point);
    return st;
}

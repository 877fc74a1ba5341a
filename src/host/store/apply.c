/* Taking blocks over into the state on disk, and back out of it: one transaction a batch. */
#include "store/writer.h"

#include <stdlib.h>

static bool list_take(bytes *list, enum table *table, bytes *key)
{
    if (list->size < 2 || (usize)list->data[1] + 2 > list->size || list->data[0] >= TABLE_WIPED)
        return false;
    *table = list->data[0];
    *key = (bytes){list->data + 2, list->data[1]};
    *list = bytes_slice(*list, 2 + key->size, list->size);
    return true;
}

enum status writer_put(struct writer *w, enum dbi dbi, bytes key, bytes value)
{
    MDB_val k = val_of(key), v = val_of(value);
    int code = mdb_put(w->txn, w->store->dbi[dbi], &k, &v, 0);
    return code == 0 ? ST_OK : store_failed(code, "writing the state", w->err);
}

enum status writer_delete(struct writer *w, enum dbi dbi, bytes key)
{
    MDB_val k = val_of(key);
    int code = mdb_del(w->txn, w->store->dbi[dbi], &k, NULL);
    return code == 0 || code == MDB_NOTFOUND ? ST_OK
                                             : store_failed(code, "writing the state", w->err);
}

enum status writer_get(struct writer *w, enum dbi dbi, bytes key, bytes *out)
{
    *out = BYTES_EMPTY;
    enum status st = dbi_get(w->store, w->txn, dbi, key, out);
    return st == ST_MISSING ? ST_OK : st == ST_OK ? ST_OK : fail(w->err, st, "reading the state");
}

static enum status put_or_delete(struct writer *w, enum table table, bytes key, bytes value)
{
    return value.size == 0 ? writer_delete(w, (enum dbi)table, key)
                           : writer_put(w, (enum dbi)table, key, value);
}

static void changes_key(enum past_kind kind, u64 number, u8 *to)
{
    to[0] = (u8)kind;
    store_be64(to + 1, number);
}

/* Writes the list of changed keys; a patch adds to the list that is there. */
static enum status put_changes(struct writer *w, u64 number, struct changed_keys *changed_keys)
{
    for (enum past_kind kind = 0; kind < PAST_KINDS; kind++) {
        struct key_list *list = &changed_keys->kind[kind];
        if (!w->keeps[kind])
            continue;
        u8 key[9];
        bytes before;
        changes_key(kind, number, key);
        TRY(writer_get(w, DBI_CHANGES, BYTES_OF(key), &before));
        for (enum table table; before.size != 0;) {
            bytes changed;
            if (!list_take(&before, &table, &changed))
                return fail(w->err, ST_CORRUPT, "the list of changes of block %lu is damaged",
                            number);
            list_add(list, table, changed);
        }
        TRY(writer_put(w, DBI_CHANGES, BYTES_OF(key), (bytes){list->data, list->size}));
    }
    return ST_OK;
}

/* All of a step but the rows of its layer. */
static enum status finish_step(struct writer *w, const struct store_step *step,
                               struct changed_keys *changed)
{
    TRY(put_changes(w, step->number, changed));
    u8 key[8];
    store_be64(key, step->number);
    TRY(writer_put(w, DBI_CANON, BYTES_OF(key), BYTES_OF(step->canon)));
    if (!step->patch)
        TRY(writer_put(w, DBI_RECEIPTS, BYTES_OF(key), step->receipts));
    /* What was not kept cannot be read: the oldest readable state is then this one. */
    if (!w->keeps[PAST_VALUES])
        w->meta.history_from = step->number;
    if (!w->keeps[PAST_NODES])
        w->meta.proofs_from = step->number;
    return ST_OK;
}

static enum status apply_steps(struct writer *w, const struct store_step *steps, usize count)
{
    struct changed_keys *changed = calloc(count, sizeof(*changed));
    assert(changed != NULL);
    enum status st = write_rows(w, steps, count, changed);
    for (usize i = 0; st == ST_OK && i < count; i++)
        st = finish_step(w, &steps[i], &changed[i]);
    for (usize i = 0; i < count; i++)
        for (enum past_kind kind = 0; kind < PAST_KINDS; kind++)
            free(changed[i].kind[kind].data);
    free(changed);
    return st;
}

/* How many of the steps, at least one, can be written together: where an owner is wiped, what came
 * before and what comes after must not mix. */
static usize steps_together(const struct store_step *steps, usize count)
{
    usize together = 1;
    while (together < count && !layer_wipes(steps[0].layer) && !layer_wipes(steps[together].layer))
        together++;
    return together;
}

/* --- Going back. */

static enum status undo_key(struct writer *w, u64 number, enum table table, bytes key)
{
    struct past_key row_key = past_key_of(table, key, number);
    bytes row, now, old;
    TRY(writer_get(w, (enum dbi)table, key, &now));
    if (dbi_get(w->store, w->txn, DBI_PAST, past_key_bytes(&row_key), &row) != ST_OK)
        return fail(w->err, ST_CORRUPT, "the history of block %lu is damaged", number);
    usize room = 3 * (row.size + now.size) + 128;
    struct arena arena = arena_over(buffer_need(&w->draft, room), room);
    TRY(past_value(row, past_form(table, now), &old, &arena));
    /* Copied: LMDB may move the page that `old` borrows from while it writes. */
    old = arena_copy(&arena, past_form_undo(table, old, &arena));
    TRY(put_or_delete(w, table, key, old));
    return writer_delete(w, DBI_PAST, past_key_bytes(&row_key));
}

static enum status undo_kind(struct writer *w, enum past_kind kind, u64 number)
{
    u8 key[9];
    bytes list;
    changes_key(kind, number, key);
    if (dbi_get(w->store, w->txn, DBI_CHANGES, BYTES_OF(key), &list) != ST_OK)
        return fail(w->err, ST_MISSING, "what block %lu changed is no longer kept", number);
    struct key_list copy = {.size = list.size, .data = malloc(list.size + 1)};
    assert(copy.data != NULL);
    bytes_copy(copy.data, list);
    list.data = copy.data;
    enum status st = ST_OK;
    while (st == ST_OK && list.size != 0) {
        enum table table;
        bytes changed;
        st = list_take(&list, &table, &changed)
                 ? undo_key(w, number, table, changed)
                 : fail(w->err, ST_CORRUPT, "the list of changes of block %lu is damaged", number);
    }
    free(copy.data);
    TRY(st);
    return writer_delete(w, DBI_CHANGES, BYTES_OF(key));
}

static enum status undo_block(struct writer *w, u64 number)
{
    for (enum past_kind kind = 0; kind < PAST_KINDS; kind++)
        TRY(undo_kind(w, kind, number));
    u8 key[8];
    store_be64(key, number);
    TRY(writer_delete(w, DBI_CANON, BYTES_OF(key)));
    return writer_delete(w, DBI_RECEIPTS, BYTES_OF(key));
}

/* --- Forgetting. */

static bool is_kept(const struct writer *w, enum table table, bytes key)
{
    hash32 owner = w->batch->kept_owner;
    return table == TABLE_SLOT_NODE && !hash32_is_zero(owner) && key.size >= sizeof(owner) &&
           memcmp(key.data, owner.b, sizeof(owner)) == 0;
}

static enum status prune_block(struct writer *w, enum past_kind kind, u64 number)
{
    u8 key[9];
    bytes list;
    changes_key(kind, number, key);
    TRY(writer_get(w, DBI_CHANGES, BYTES_OF(key), &list));
    struct key_list copy = {.size = list.size, .data = malloc(list.size + 1)};
    assert(copy.data != NULL);
    bytes_copy(copy.data, list);
    list.data = copy.data;
    enum status st = ST_OK;
    enum table table;
    bytes changed;
    while (st == ST_OK && list_take(&list, &table, &changed)) {
        struct past_key row_key = past_key_of(table, changed, number);
        if (!is_kept(w, table, changed))
            st = writer_delete(w, DBI_PAST, past_key_bytes(&row_key));
    }
    free(copy.data);
    TRY(st);
    return writer_delete(w, DBI_CHANGES, BYTES_OF(key));
}

/* States from `*from` on are readable; drops the oldest ones beyond `keep`, a bounded number. */
static enum status prune(struct writer *w, enum past_kind kind, u64 keep, u64 *from)
{
    u64 budget = 2 * w->batch->count + 16;
    for (; w->meta.number > keep && *from < w->meta.number - keep && budget > 0; budget--) {
        TRY(prune_block(w, kind, *from + 1));
        (*from)++;
    }
    return ST_OK;
}

static enum status write_batch(struct writer *w)
{
    const struct store_batch *batch = w->batch;
    for (; batch->undo_to < w->meta.number; w->meta.number--)
        TRY(undo_block(w, w->meta.number));
    for (usize i = 0, count; i < batch->count; i += count) {
        count = steps_together(&batch->steps[i], batch->count - i);
        TRY(apply_steps(w, &batch->steps[i], count));
    }
    struct store_step index = {.layer = batch->index};
    if (batch->index != NULL)
        TRY(write_rows(w, &index, 1, NULL));
    struct store_meta meta = batch->meta;
    meta.history_from = w->meta.history_from;
    meta.proofs_from = w->meta.proofs_from;
    w->meta = meta;
    TRY(prune(w, PAST_VALUES, batch->history_blocks, &w->meta.history_from));
    TRY(prune(w, PAST_NODES, batch->proof_blocks, &w->meta.proofs_from));
    return writer_put(w, DBI_META, BYTES_LIT("meta"), BYTES_OF(w->meta));
}

static enum status write_in(struct writer *w)
{
    TRY(read_meta(w->store, w->txn, &w->meta, w->err));
    /* Nothing precedes the first state, so nothing of it is kept. */
    w->keeps[PAST_VALUES] = w->batch->history_blocks != 0 && w->meta.fresh == 0;
    w->keeps[PAST_NODES] = w->batch->proof_blocks != 0 && w->meta.fresh == 0;
    int code = mdb_cursor_open(w->txn, w->store->dbi[DBI_PAST], &w->past);
    if (code != 0)
        return store_failed(code, "writing older state", w->err);
    enum status st = write_batch(w);
    mdb_cursor_close(w->past);
    return st;
}

enum status store_apply(struct store *store, const struct store_batch *batch, struct err *err)
{
    struct writer w = {.store = store, .err = err, .batch = batch};
    int code = mdb_txn_begin(store->env, NULL, 0, &w.txn);
    if (code != 0)
        return store_failed(code, "writing the state", err);
    enum status st = write_in(&w);
    free(w.draft.data);
    free(w.old.data);
    if (st != ST_OK) {
        mdb_txn_abort(w.txn);
        return st;
    }
    code = mdb_txn_commit(w.txn);
    return code == 0 ? ST_OK : store_failed(code, "writing the state", err);
}

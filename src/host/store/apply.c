/* Taking blocks over into the state on disk, and back out of it: one transaction a batch. */
#include "store/internal.h"

#include <stdlib.h>

/* Keys that a block changed, as a row of `changes` holds them: table, key size, key. */
struct key_list {
    u8 *data;
    usize size, room;
};

struct writer {
    struct store *store;
    MDB_txn *txn;
    struct err *err;
    const struct store_batch *batch;
    struct store_meta meta;
    struct key_list changed[PAST_KINDS];
    bool keeps[PAST_KINDS]; /* whether older versions are kept */
    u8 *draft;              /* a row of `past` being put together */
    usize draft_room;
};

static void list_add(struct key_list *list, enum table table, bytes key)
{
    if (list->size + 2 + key.size > list->room) {
        list->room = (list->room + 128) * 2;
        list->data = realloc(list->data, list->room);
        assert(list->data != NULL);
    }
    u8 *at = list->data + list->size;
    at[0] = (u8)table;
    at[1] = (u8)key.size;
    bytes_copy(at + 2, key);
    list->size += 2 + key.size;
}

static bool list_take(bytes *list, enum table *table, bytes *key)
{
    if (list->size < 2 || (usize)list->data[1] + 2 > list->size || list->data[0] >= TABLE_WIPED)
        return false;
    *table = list->data[0];
    *key = (bytes){list->data + 2, list->data[1]};
    *list = bytes_slice(*list, 2 + key->size, list->size);
    return true;
}

static enum status put(struct writer *w, enum dbi dbi, bytes key, bytes value)
{
    MDB_val k = val_of(key), v = val_of(value);
    int code = mdb_put(w->txn, w->store->dbi[dbi], &k, &v, 0);
    return code == 0 ? ST_OK : store_failed(code, "writing the state", w->err);
}

/* Fine if there is nothing to delete. */
static enum status delete_row(struct writer *w, enum dbi dbi, bytes key)
{
    MDB_val k = val_of(key);
    int code = mdb_del(w->txn, w->store->dbi[dbi], &k, NULL);
    return code == 0 || code == MDB_NOTFOUND ? ST_OK
                                             : store_failed(code, "writing the state", w->err);
}

/* Empty where there is no row. */
static enum status get_or_empty(struct writer *w, enum dbi dbi, bytes key, bytes *out)
{
    *out = BYTES_EMPTY;
    enum status st = dbi_get(w->store, w->txn, dbi, key, out);
    return st == ST_MISSING ? ST_OK : st == ST_OK ? ST_OK : fail(w->err, st, "reading the state");
}

static enum status put_or_delete(struct writer *w, enum table table, bytes key, bytes value)
{
    return value.size == 0 ? delete_row(w, (enum dbi)table, key)
                           : put(w, (enum dbi)table, key, value);
}

static void need_draft(struct writer *w, usize size)
{
    if (size <= w->draft_room)
        return;
    free(w->draft);
    w->draft_room = size * 2;
    w->draft = malloc(w->draft_room);
    assert(w->draft != NULL);
}

/* How many differences in a row end at the key's newest row of `past`: the one before `row`. */
static enum status chain_before(struct writer *w, const struct past_key *row, u8 *length)
{
    MDB_cursor *cursor;
    int code = mdb_cursor_open(w->txn, w->store->dbi[DBI_PAST], &cursor);
    if (code != 0)
        return store_failed(code, "writing older state", w->err);
    MDB_val k = val_of(past_key_bytes(row)), v;
    code = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    code = mdb_cursor_get(cursor, &k, &v, code == 0 ? MDB_PREV : MDB_LAST);
    *length = 0;
    if (code == 0 && k.mv_size == row->size && memcmp(k.mv_data, row->data, row->size - 8) == 0 &&
        v.mv_size != 0)
        *length = *(const u8 *)v.mv_data;
    mdb_cursor_close(cursor);
    return code == 0 || code == MDB_NOTFOUND ? ST_OK
                                             : store_failed(code, "writing older state", w->err);
}

/* Puts the row together in w->draft: what the key holds now (`old`), given what it will hold. */
static enum status draft_past(struct writer *w, enum table table, const struct past_key *row,
                              bytes old, bytes newer, bytes *out)
{
    old = past_form(table, old);
    newer = past_form(table, newer);
    need_draft(w, old.size + 1);
    usize size;
    if (past_kind_of(table) == PAST_NODES && node_delta(old, newer, w->draft + 1, &size)) {
        u8 length;
        TRY(chain_before(w, row, &length));
        if (length < PAST_CHAIN_MAX) {
            w->draft[0] = length + 1;
            *out = (bytes){w->draft, size + 1};
            return ST_OK;
        }
    }
    w->draft[0] = 0;
    bytes_copy(w->draft + 1, old);
    *out = (bytes){w->draft, old.size + 1};
    return ST_OK;
}

/* A second change under the same number (a patch): the row stays, but what it is a difference from
 * is about to go, so it is made whole. */
static enum status make_whole(struct writer *w, enum table table, const struct past_key *key,
                              bytes row, bytes now)
{
    if (row.size == 0 || row.data[0] == 0)
        return ST_OK;
    need_draft(w, row.size + now.size + 64);
    struct arena arena = arena_over(w->draft, w->draft_room);
    u8 *whole = arena_take(&arena, 1, 1);
    bytes old;
    TRY(past_value(row, past_form(table, now), &old, &arena));
    whole[0] = 0;
    assert(old.data == whole + 1);
    return put(w, DBI_PAST, past_key_bytes(key), (bytes){whole, old.size + 1});
}

/* Keeps what the key holds now, before block `number` makes it `newer`. */
static enum status keep_past(struct writer *w, u64 number, enum table table, bytes key, bytes newer)
{
    enum past_kind kind = past_kind_of(table);
    if (!w->keeps[kind])
        return ST_OK;
    struct past_key row_key = past_key_of(table, key, number);
    bytes old, row;
    TRY(get_or_empty(w, (enum dbi)table, key, &old));
    enum status st = dbi_get(w->store, w->txn, DBI_PAST, past_key_bytes(&row_key), &row);
    if (st == ST_OK)
        return make_whole(w, table, &row_key, row, old);
    if (st != ST_MISSING)
        return fail(w->err, st, "reading older state");
    TRY(draft_past(w, table, &row_key, old, newer, &row));
    list_add(&w->changed[kind], table, key);
    return put(w, DBI_PAST, past_key_bytes(&row_key), row);
}

/* Deletes every row of `table` whose key begins with `prefix`. */
static enum status wipe(struct writer *w, u64 number, enum table table, bytes prefix)
{
    MDB_cursor *cursor;
    int code = mdb_cursor_open(w->txn, w->store->dbi[table], &cursor);
    if (code != 0)
        return store_failed(code, "writing the state", w->err);
    enum status st = ST_OK;
    for (;;) {
        MDB_val k = val_of(prefix), v;
        code = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
        if (code != 0 || k.mv_size < prefix.size ||
            memcmp(k.mv_data, prefix.data, prefix.size) != 0)
            break;
        struct table_key key = {.size = (u8)k.mv_size};
        if (k.mv_size > sizeof(key.data)) {
            code = MDB_CORRUPTED;
            break;
        }
        memcpy(key.data, k.mv_data, k.mv_size);
        st = keep_past(w, number, table, table_key_bytes(&key), BYTES_EMPTY);
        if (st == ST_OK)
            st = delete_row(w, (enum dbi)table, table_key_bytes(&key));
        if (st != ST_OK)
            break;
    }
    mdb_cursor_close(cursor);
    if (st != ST_OK)
        return st;
    return code == 0 || code == MDB_NOTFOUND ? ST_OK
                                             : store_failed(code, "writing the state", w->err);
}

static enum status apply_row(struct writer *w, u64 number, const struct layer_row *row)
{
    switch (row->table) {
    case TABLE_ACCOUNT:
    case TABLE_SLOT:
    case TABLE_NODE:
    case TABLE_SLOT_NODE:
        TRY(keep_past(w, number, row->table, row->key, row->value));
        return put_or_delete(w, row->table, row->key, row->value);
    case TABLE_CODE:
    case TABLE_TX:
    case TABLE_BLOCK:
        return put(w, (enum dbi)row->table, row->key, row->value);
    case TABLE_WIPED:
        return wipe(w, number, row->key.size == sizeof(address) ? TABLE_SLOT : TABLE_SLOT_NODE,
                    row->key);
    case TABLE_COUNT:
        break;
    }
    bug("a layer holds a row of an unknown table");
}

static void changes_key(enum past_kind kind, u64 number, u8 *to)
{
    to[0] = (u8)kind;
    store_be64(to + 1, number);
}

/* Writes the list of changed keys; a patch adds to the list that is there. */
static enum status put_changes(struct writer *w, u64 number)
{
    for (enum past_kind kind = 0; kind < PAST_KINDS; kind++) {
        struct key_list *list = &w->changed[kind];
        if (!w->keeps[kind])
            continue;
        u8 key[9];
        bytes before;
        changes_key(kind, number, key);
        TRY(get_or_empty(w, DBI_CHANGES, BYTES_OF(key), &before));
        for (enum table table; before.size != 0;) {
            bytes changed;
            if (!list_take(&before, &table, &changed))
                return fail(w->err, ST_CORRUPT, "the list of changes of block %lu is damaged",
                            number);
            list_add(list, table, changed);
        }
        TRY(put(w, DBI_CHANGES, BYTES_OF(key), (bytes){list->data, list->size}));
        list->size = 0;
    }
    return ST_OK;
}

static enum status apply_step(struct writer *w, const struct store_step *step)
{
    struct layer_row row;
    for (usize at = 0; layer_next(step->layer, &at, &row);)
        TRY(apply_row(w, step->number, &row));
    TRY(put_changes(w, step->number));
    u8 key[8];
    store_be64(key, step->number);
    TRY(put(w, DBI_CANON, BYTES_OF(key), BYTES_OF(step->canon)));
    if (!step->patch)
        TRY(put(w, DBI_RECEIPTS, BYTES_OF(key), step->receipts));
    /* What was not kept cannot be read: the oldest readable state is then this one. */
    if (!w->keeps[PAST_VALUES])
        w->meta.history_from = step->number;
    if (!w->keeps[PAST_NODES])
        w->meta.proofs_from = step->number;
    return ST_OK;
}

/* --- Going back. */

static enum status undo_key(struct writer *w, u64 number, enum table table, bytes key)
{
    struct past_key row_key = past_key_of(table, key, number);
    bytes row, now, old;
    TRY(get_or_empty(w, (enum dbi)table, key, &now));
    if (dbi_get(w->store, w->txn, DBI_PAST, past_key_bytes(&row_key), &row) != ST_OK)
        return fail(w->err, ST_CORRUPT, "the history of block %lu is damaged", number);
    need_draft(w, 3 * (row.size + now.size) + 128);
    struct arena arena = arena_over(w->draft, w->draft_room);
    TRY(past_value(row, past_form(table, now), &old, &arena));
    /* Copied: LMDB may move the page that `old` borrows from while it writes. */
    old = arena_copy(&arena, past_form_undo(table, old, &arena));
    TRY(put_or_delete(w, table, key, old));
    return delete_row(w, DBI_PAST, past_key_bytes(&row_key));
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
    return delete_row(w, DBI_CHANGES, BYTES_OF(key));
}

static enum status undo_block(struct writer *w, u64 number)
{
    for (enum past_kind kind = 0; kind < PAST_KINDS; kind++)
        TRY(undo_kind(w, kind, number));
    u8 key[8];
    store_be64(key, number);
    TRY(delete_row(w, DBI_CANON, BYTES_OF(key)));
    return delete_row(w, DBI_RECEIPTS, BYTES_OF(key));
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
    TRY(get_or_empty(w, DBI_CHANGES, BYTES_OF(key), &list));
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
            st = delete_row(w, DBI_PAST, past_key_bytes(&row_key));
    }
    free(copy.data);
    TRY(st);
    return delete_row(w, DBI_CHANGES, BYTES_OF(key));
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
    for (usize i = 0; i < batch->count; i++)
        TRY(apply_step(w, &batch->steps[i]));
    struct layer_row row;
    for (usize at = 0; batch->index != NULL && layer_next(batch->index, &at, &row);)
        TRY(apply_row(w, 0, &row));
    struct store_meta meta = batch->meta;
    meta.history_from = w->meta.history_from;
    meta.proofs_from = w->meta.proofs_from;
    w->meta = meta;
    TRY(prune(w, PAST_VALUES, batch->history_blocks, &w->meta.history_from));
    TRY(prune(w, PAST_NODES, batch->proof_blocks, &w->meta.proofs_from));
    return put(w, DBI_META, BYTES_LIT("meta"), BYTES_OF(w->meta));
}

enum status store_apply(struct store *store, const struct store_batch *batch, struct err *err)
{
    struct writer w = {.store = store, .err = err, .batch = batch};
    int code = mdb_txn_begin(store->env, NULL, 0, &w.txn);
    if (code != 0)
        return store_failed(code, "writing the state", err);
    enum status st = read_meta(store, w.txn, &w.meta, err);
    /* Nothing precedes the first state, so nothing of it is kept. */
    w.keeps[PAST_VALUES] = batch->history_blocks != 0 && w.meta.fresh == 0;
    w.keeps[PAST_NODES] = batch->proof_blocks != 0 && w.meta.fresh == 0;
    if (st == ST_OK)
        st = write_batch(&w);
    for (enum past_kind kind = 0; kind < PAST_KINDS; kind++)
        free(w.changed[kind].data);
    free(w.draft);
    if (st != ST_OK) {
        mdb_txn_abort(w.txn);
        return st;
    }
    code = mdb_txn_commit(w.txn);
    return code == 0 ? ST_OK : store_failed(code, "writing the state", err);
}

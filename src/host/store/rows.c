/* Rows of several blocks, written in the order of their keys.
 *
 * Blocks change the same accounts and the same upper nodes again and again. In the order of keys,
 * each key is looked up once for all blocks of a batch, only its last value is written (older ones
 * go to `past`, where they lie side by side), and pages are passed from left to right. */
#include "store/writer.h"

#include <stdlib.h>

/* A row, and enough of it to order most: table, size of the key, its first 14 bytes. */
struct item {
    u64 prefix[2];
    u64 place; /* step, then where the row is in its layer, as layer_next counts */
};

enum { PREFIX_KEY = 14, STEP_SHIFT = 40 };

struct rows {
    struct writer *w;
    const struct store_step *steps;
    struct changed_keys *changed;
    struct item *items;
    usize count;
    MDB_cursor *cursor; /* in `table` */
    enum table table;
};

static usize step_of(const struct item *item)
{
    return item->place >> STEP_SHIFT;
}

static struct layer_row row_of(const struct store_step *steps, const struct item *item)
{
    struct layer_row row;
    usize at = item->place & (((u64)1 << STEP_SHIFT) - 1);
    bool there = layer_next(steps[step_of(item)].layer, &at, &row);
    assert(there);
    return row;
}

/* --- Order: tables, wipes first; keys of one size together, as in `past`; then as they were put.
 */

static struct item item_of(const struct layer_row *row, usize step, usize at)
{
    u8 prefix[16] = {row->table == TABLE_WIPED ? 0 : (u8)(row->table + 1), (u8)row->key.size};
    bytes_copy(prefix + 2, bytes_slice(row->key, 0, PREFIX_KEY));
    return (struct item){{load_be64(prefix), load_be64(prefix + 8)}, step << STEP_SHIFT | at};
}

static int compare_keys(const struct store_step *steps, const struct item *a, const struct item *b)
{
    for (usize i = 0; i < countof(a->prefix); i++)
        if (a->prefix[i] != b->prefix[i])
            return a->prefix[i] < b->prefix[i] ? -1 : 1;
    usize size = a->prefix[0] >> 48 & 0xff; /* both have it */
    if (size <= PREFIX_KEY)
        return 0;
    bytes left = row_of(steps, a).key, right = row_of(steps, b).key;
    return memcmp(left.data + PREFIX_KEY, right.data + PREFIX_KEY, size - PREFIX_KEY);
}

static int compare_items(const void *a, const void *b, void *steps)
{
    const struct item *left = a, *right = b;
    int order = compare_keys(steps, left, right);
    return order != 0 ? order : (left->place > right->place) - (left->place < right->place);
}

static void sort_rows(struct rows *rows, usize step_count)
{
    usize room = 1;
    for (usize i = 0; i < step_count; i++)
        room += layer_puts(rows->steps[i].layer);
    rows->items = malloc(room * sizeof(*rows->items));
    assert(rows->items != NULL && step_count < (usize)1 << (64 - STEP_SHIFT));
    for (usize i = 0; i < step_count; i++) {
        struct layer_row row;
        for (usize at = 0, next = 0; layer_next(rows->steps[i].layer, &next, &row); at = next) {
            assert(at >> STEP_SHIFT == 0);
            rows->items[rows->count++] = item_of(&row, i, at);
        }
    }
    qsort_r(rows->items, rows->count, sizeof(*rows->items), compare_items,
            (void *)(uintptr_t)rows->steps);
}

/* --- Writing. */

static enum status failed(struct rows *rows, int code)
{
    return code == 0 ? ST_OK : store_failed(code, "writing the state", rows->w->err);
}

static enum status move_to(struct rows *rows, enum table table)
{
    struct writer *w = rows->w;
    if (rows->cursor != NULL && rows->table == table)
        return ST_OK;
    if (rows->cursor != NULL)
        mdb_cursor_close(rows->cursor);
    rows->cursor = NULL;
    rows->table = table;
    return failed(rows, mdb_cursor_open(w->txn, w->store->dbi[table], &rows->cursor));
}

/* *out lives until the next call: LMDB may move what it gives while other rows are written. */
static enum status get_old(struct rows *rows, bytes key, bytes *out)
{
    MDB_val k = val_of(key), v = {0, NULL};
    int code = mdb_cursor_get(rows->cursor, &k, &v, MDB_SET);
    if (code != 0 && code != MDB_NOTFOUND)
        return failed(rows, code);
    bytes found = code == 0 ? bytes_of_val(v) : BYTES_EMPTY;
    u8 *copy = buffer_need(&rows->w->old, found.size + 1);
    bytes_copy(copy, found);
    *out = (bytes){copy, found.size};
    return ST_OK;
}

static enum status put_or_delete(struct rows *rows, bytes key, bytes value)
{
    MDB_val k = val_of(key), v = val_of(value);
    if (value.size != 0)
        return failed(rows, mdb_cursor_put(rows->cursor, &k, &v, 0));
    int code = mdb_cursor_get(rows->cursor, &k, &v, MDB_SET);
    if (code == 0)
        code = mdb_cursor_del(rows->cursor, 0);
    return failed(rows, code == MDB_NOTFOUND ? 0 : code);
}

/* All versions of one key of the state, oldest first. */
static enum status write_versions(struct rows *rows, const struct item *items, usize count)
{
    struct writer *w = rows->w;
    struct layer_row row = row_of(rows->steps, items);
    if (w->keeps[past_kind_of(row.table)]) {
        struct history history;
        bytes old;
        TRY(get_old(rows, row.key, &old));
        TRY(history_find(w, row.table, row.key, &history));
        for (usize i = 0; i < count; i++) {
            row = row_of(rows->steps, &items[i]);
            usize step = step_of(&items[i]);
            TRY(history_keep(w, &history, rows->steps[step].number, old, row.value,
                             &rows->changed[step]));
            old = row.value;
        }
    }
    row = row_of(rows->steps, &items[count - 1]);
    return put_or_delete(rows, row.key, row.value);
}

/* Deletes every row of `table` whose key begins with `prefix`. */
static enum status wipe(struct rows *rows, u64 number, enum table table, bytes prefix)
{
    struct writer *w = rows->w;
    TRY(move_to(rows, table));
    for (;;) {
        MDB_val k = val_of(prefix), v;
        int code = mdb_cursor_get(rows->cursor, &k, &v, MDB_SET_RANGE);
        if (code == MDB_NOTFOUND ||
            (code == 0 && (k.mv_size < prefix.size || memcmp(k.mv_data, prefix.data, prefix.size))))
            return ST_OK;
        struct table_key key = {.size = (u8)k.mv_size};
        if (code == 0 && k.mv_size > sizeof(key.data))
            code = MDB_CORRUPTED;
        TRY(failed(rows, code));
        memcpy(key.data, k.mv_data, k.mv_size);
        struct history history;
        bytes old;
        TRY(get_old(rows, table_key_bytes(&key), &old));
        TRY(history_find(w, table, table_key_bytes(&key), &history));
        TRY(history_keep(w, &history, number, old, BYTES_EMPTY, rows->changed));
        TRY(put_or_delete(rows, table_key_bytes(&key), BYTES_EMPTY));
    }
}

static enum status write_key(struct rows *rows, const struct item *items, usize count)
{
    struct layer_row row = row_of(rows->steps, &items[count - 1]);
    switch (row.table) {
    case TABLE_ACCOUNT:
    case TABLE_SLOT:
    case TABLE_NODE:
    case TABLE_SLOT_NODE:
        TRY(move_to(rows, row.table));
        return write_versions(rows, items, count);
    case TABLE_CODE:
    case TABLE_TX:
    case TABLE_BLOCK:
        TRY(move_to(rows, row.table));
        return put_or_delete(rows, row.key, row.value);
    case TABLE_WIPED:
        return wipe(rows, rows->steps[step_of(items)].number,
                    row.key.size == sizeof(address) ? TABLE_SLOT : TABLE_SLOT_NODE, row.key);
    case TABLE_COUNT:
        break;
    }
    bug("a layer holds a row of an unknown table");
}

enum status write_rows(struct writer *w, const struct store_step *steps, usize count,
                       struct changed_keys *changed)
{
    struct rows rows = {.w = w, .steps = steps, .changed = changed};
    sort_rows(&rows, count);
    enum status st = ST_OK;
    for (usize from = 0, end; st == ST_OK && from < rows.count; from = end) {
        const struct item *first = &rows.items[from];
        end = from + 1;
        while (end < rows.count && compare_keys(steps, first, &rows.items[end]) == 0)
            end++;
        st = write_key(&rows, first, end - from);
    }
    if (rows.cursor != NULL)
        mdb_cursor_close(rows.cursor);
    free(rows.items);
    return st;
}

/* Keeping what keys held before a block: rows of `past`. */
#include "store/writer.h"

#include <stdlib.h>

void list_add(struct key_list *list, enum table table, bytes key)
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

u8 *buffer_need(struct buffer *buffer, usize size)
{
    if (size > buffer->room) {
        free(buffer->data);
        buffer->room = size * 2;
        buffer->data = malloc(buffer->room);
        assert(buffer->data != NULL);
    }
    return buffer->data;
}

enum status history_find(struct writer *w, enum table table, bytes key, struct history *out)
{
    *out = (struct history){.table = table, .key = key};
    if (!w->keeps[past_kind_of(table)])
        return ST_OK;
    /* No row has this number, so the newest one of the key stands before it. */
    struct past_key end = past_key_of(table, key, UINT64_MAX);
    MDB_val k = val_of(past_key_bytes(&end)), v;
    int code = mdb_cursor_get(w->past, &k, &v, MDB_SET_RANGE);
    code = mdb_cursor_get(w->past, &k, &v, code == 0 ? MDB_PREV : MDB_LAST);
    if (code != 0 && code != MDB_NOTFOUND)
        return store_failed(code, "writing older state", w->err);
    out->any = code == 0 && k.mv_size == end.size &&
               memcmp(k.mv_data, end.data, end.size - 8) == 0 && v.mv_size != 0;
    if (out->any) {
        out->newest = load_be64((const u8 *)k.mv_data + end.size - 8);
        out->chain = *(const u8 *)v.mv_data;
    }
    return ST_OK;
}

/* The first `size` bytes of the draft become the row. */
static enum status put_past(struct writer *w, struct history *history, u64 number, usize size)
{
    struct past_key key = past_key_of(history->table, history->key, number);
    MDB_val k = val_of(past_key_bytes(&key)), v = {size, w->draft.data};
    int code = mdb_cursor_put(w->past, &k, &v, 0);
    if (code != 0)
        return store_failed(code, "writing older state", w->err);
    history->any = true;
    history->newest = number;
    history->chain = w->draft.data[0];
    return ST_OK;
}

/* A second change under the same number (a patch): the row stays, but what it is a difference from
 * is about to go, so it is made whole. */
static enum status make_whole(struct writer *w, struct history *history, bytes now)
{
    struct past_key key = past_key_of(history->table, history->key, history->newest);
    bytes row, old;
    if (dbi_get(w->store, w->txn, DBI_PAST, past_key_bytes(&key), &row) != ST_OK)
        return fail(w->err, ST_CORRUPT, "reading older state");
    if (row.size == 0 || row.data[0] == 0)
        return ST_OK;
    usize room = row.size + now.size + 64;
    struct arena arena = arena_over(buffer_need(&w->draft, room), room);
    u8 *whole = arena_take(&arena, 1, 1);
    TRY(past_value(row, past_form(history->table, now), &old, &arena));
    whole[0] = 0;
    assert(old.data == whole + 1);
    return put_past(w, history, history->newest, old.size + 1);
}

/* Puts the row together in w->draft and returns its size. */
static usize draft_past(struct writer *w, const struct history *history, bytes old, bytes newer)
{
    old = past_form(history->table, old);
    u8 *draft = buffer_need(&w->draft, old.size + 1);
    usize size;
    if (history->chain < PAST_CHAIN_MAX && past_kind_of(history->table) == PAST_NODES &&
        node_delta(old, past_form(history->table, newer), draft + 1, &size)) {
        draft[0] = history->chain + 1;
        return size + 1;
    }
    draft[0] = 0;
    bytes_copy(draft + 1, old);
    return old.size + 1;
}

enum status history_keep(struct writer *w, struct history *history, u64 number, bytes old,
                         bytes newer, struct changed_keys *changed)
{
    enum past_kind kind = past_kind_of(history->table);
    if (!w->keeps[kind])
        return ST_OK;
    if (history->any && history->newest == number)
        return make_whole(w, history, old);
    list_add(&changed->kind[kind], history->table, history->key);
    return put_past(w, history, number, draft_past(w, history, old, newer));
}

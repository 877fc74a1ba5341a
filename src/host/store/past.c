/* Older states: rows of `past`, and the differences in which branch nodes are kept there. */
#include "base/rlp.h"
#include "crypto/keccak.h"
#include "store/internal.h"

struct past_key past_key_of(enum table table, bytes key, u64 number)
{
    struct past_key out;
    assert(key.size <= PAST_KEY_MAX - 10);
    out.data[0] = (u8)table;
    out.data[1] = (u8)key.size; /* keys of one length are compared with each other only */
    bytes_copy(out.data + 2, key);
    store_be64(out.data + 2 + key.size, number);
    out.size = 2 + key.size + 8;
    return out;
}

bytes past_form(enum table table, bytes value)
{
    return past_kind_of(table) == PAST_NODES ? bytes_slice(value, sizeof(hash32), value.size)
                                             : value;
}

bytes past_form_undo(enum table table, bytes value, struct arena *arena)
{
    if (past_kind_of(table) != PAST_NODES || value.size == 0)
        return value;
    hash32 hash = keccak256(value);
    u8 *out = arena_take(arena, sizeof(hash) + value.size, 1);
    memcpy(out, hash.b, sizeof(hash));
    memcpy(out + sizeof(hash), value.data, value.size);
    return (bytes){out, sizeof(hash) + value.size};
}

/* --- Differences: a mask of the items that differ (3 bytes, item 0 lowest), and the old items. */

enum { BRANCH_ITEMS = 17, MASK_SIZE = 3 };

struct branch {
    bytes items[BRANCH_ITEMS];
};

static bool read_branch(bytes node, struct branch *out)
{
    bytes list;
    if (rlp_read_list(&node, &list) != ST_OK || node.size != 0)
        return false;
    for (usize i = 0; i < BRANCH_ITEMS; i++)
        if (rlp_read_item(&list, &out->items[i]) != ST_OK)
            return false;
    return list.size == 0;
}

bool node_delta(bytes old, bytes newer, u8 *to, usize *size)
{
    struct branch before, after;
    if (old.size <= MASK_SIZE || !read_branch(old, &before) || !read_branch(newer, &after))
        return false;
    u32 mask = 0;
    usize at = MASK_SIZE;
    for (usize i = 0; i < BRANCH_ITEMS; i++) {
        if (bytes_equal(before.items[i], after.items[i]))
            continue;
        if (at + before.items[i].size > old.size)
            return false;
        mask |= 1u << i;
        bytes_copy(to + at, before.items[i]);
        at += before.items[i].size;
    }
    memcpy(to, &mask, MASK_SIZE);
    *size = at;
    return at < old.size;
}

enum status node_undelta(bytes newer, bytes delta, bytes *old, struct arena *arena)
{
    struct branch node;
    if (delta.size < MASK_SIZE || !read_branch(newer, &node))
        return ST_CORRUPT;
    u32 mask = 0;
    memcpy(&mask, delta.data, MASK_SIZE);
    bytes items = bytes_slice(delta, MASK_SIZE, delta.size);
    usize payload = 0;
    for (usize i = 0; i < BRANCH_ITEMS; i++) {
        if ((mask >> i & 1) != 0 && rlp_read_item(&items, &node.items[i]) != ST_OK)
            return ST_CORRUPT;
        payload += node.items[i].size;
    }
    usize size = rlp_size_list(payload);
    u8 *out = arena_take(arena, size, 1), *at = rlp_put_list(out, payload);
    for (usize i = 0; i < BRANCH_ITEMS; i++) {
        bytes_copy(at, node.items[i]);
        at += node.items[i].size;
    }
    *old = (bytes){out, size};
    return items.size == 0 ? ST_OK : ST_CORRUPT;
}

enum status past_value(bytes row, bytes newer, bytes *old, struct arena *arena)
{
    if (row.size == 0)
        return ST_CORRUPT;
    bytes rest = bytes_slice(row, 1, row.size);
    if (row.data[0] != 0)
        return node_undelta(newer, rest, old, arena);
    *old = rest;
    return ST_OK;
}

/* The rows about a key after block `number`, oldest first, up to the first whole one. */
struct past_rows {
    bytes rows[PAST_CHAIN_MAX + 1];
    usize count;
    bool whole; /* the last row is */
};

static enum status collect(struct store_read *read, enum table table, bytes key, u64 number,
                           struct past_rows *out)
{
    MDB_cursor *cursor;
    *out = (struct past_rows){.count = 0};
    int code = mdb_cursor_open(read->txn, read->store->dbi[DBI_PAST], &cursor);
    if (code != 0)
        return store_failed(code, "reading older state", NULL);
    struct past_key from = past_key_of(table, key, number + 1);
    MDB_val k = val_of(past_key_bytes(&from)), v;
    code = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    enum status st = ST_OK;
    while (code == 0 && k.mv_size == from.size &&
           memcmp(k.mv_data, from.data, from.size - 8) == 0) {
        if (v.mv_size == 0 || out->count == countof(out->rows)) {
            st = ST_CORRUPT;
            break;
        }
        out->rows[out->count++] = bytes_of_val(v);
        out->whole = *(const u8 *)v.mv_data == 0;
        if (out->whole)
            break;
        code = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return code == 0 || code == MDB_NOTFOUND ? st : store_failed(code, "reading older state", NULL);
}

enum status store_get_past(struct store_read *read, enum table table, bytes key, u64 number,
                           bytes *value, struct arena *arena)
{
    if (number >= read->meta.number)
        return store_get(read, table, key, value);
    struct past_rows past;
    TRY(collect(read, table, key, number, &past));
    if (past.count == 0)
        return store_get(read, table, key, value);
    bytes newer = BYTES_EMPTY;
    if (!past.whole) {
        enum status st = store_get(read, table, key, &newer);
        if (st != ST_OK && st != ST_MISSING)
            return st;
        newer = past_form(table, newer);
    }
    for (usize i = past.count; i-- > 0;)
        TRY(past_value(past.rows[i], newer, &newer, arena));
    *value = past_form_undo(table, newer, arena);
    return value->size == 0 ? ST_MISSING : ST_OK;
}

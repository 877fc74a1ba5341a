#include "store/hash_index.h"

#include "store/internal.h"

#include <stdlib.h>

/* Rows that are gathered before they are written, and at most; they are searched one by one. */
enum { WRITE_AT = 256, MOST_GATHERED = 1024 };
enum { ROWS, ORDER, TABLES };
static const usize MAP_SIZE = (usize)64 << 30; /* address space; each chain has a few of these */

struct gathered {
    hash32 key;
    bytes value; /* ours */
};

struct hash_index {
    MDB_env *env;
    MDB_dbi tables[TABLES];
    u64 most;
    pthread_mutex_t writing; /* one at a time puts or writes; taken before `lock` */
    pthread_mutex_t lock;    /* guards what follows */
    struct gathered gathered[MOST_GATHERED];
    usize count;
};

static const char what[] = "writing an index";

/* --- Opening and closing. */

static enum status open_tables(struct hash_index *index, struct err *err)
{
    MDB_txn *txn;
    int code = mdb_txn_begin(index->env, NULL, 0, &txn);
    if (code != 0)
        return store_failed(code, what, err);
    code = mdb_dbi_open(txn, "rows", MDB_CREATE, &index->tables[ROWS]);
    if (code == 0)
        code = mdb_dbi_open(txn, "order", MDB_CREATE, &index->tables[ORDER]);
    if (code != 0)
        mdb_txn_abort(txn);
    else
        code = mdb_txn_commit(txn);
    return code == 0 ? ST_OK : store_failed(code, what, err);
}

enum status hash_index_open(const char *path, u64 most, struct hash_index **out, struct err *err)
{
    struct hash_index *index = calloc(1, sizeof(*index));
    assert(index != NULL && most > 0);
    index->most = most;
    pthread_mutex_init(&index->writing, NULL);
    pthread_mutex_init(&index->lock, NULL);
    enum status st = env_open(path, TABLES, MAP_SIZE, "opening an index", &index->env, err);
    if (st == ST_OK)
        st = open_tables(index, err);
    if (st != ST_OK) {
        hash_index_close(index);
        return st;
    }
    *out = index;
    return ST_OK;
}

static void forget_gathered(struct hash_index *index)
{
    for (usize i = 0; i < index->count; i++)
        free((void *)(uintptr_t)index->gathered[i].value.data);
    index->count = 0;
}

void hash_index_close(struct hash_index *index)
{
    if (index == NULL)
        return;
    if (index->env != NULL)
        mdb_env_close(index->env);
    forget_gathered(index);
    pthread_mutex_destroy(&index->lock);
    pthread_mutex_destroy(&index->writing);
    free(index);
}

/* --- Writing. */

static int next_order(struct hash_index *index, MDB_txn *txn, u64 *out)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    *out = 0;
    int code = mdb_cursor_open(txn, index->tables[ORDER], &cursor);
    if (code != 0)
        return code;
    code = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
    if (code == 0 && key.mv_size == sizeof(u64))
        *out = load_be64(key.mv_data) + 1;
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code;
}

/* A key that is there already keeps its place. */
static int write_row(struct hash_index *index, MDB_txn *txn, const struct gathered *row, u64 *order)
{
    u8 place[8];
    MDB_val key = val_of(BYTES_OF(row->key)), old, room = {8 + row->value.size, NULL};
    int code = mdb_get(txn, index->tables[ROWS], &key, &old);
    bool is_new = code == MDB_NOTFOUND;
    if (code == 0 && old.mv_size < sizeof(place))
        return MDB_CORRUPTED;
    if (code != 0 && !is_new)
        return code;
    if (is_new)
        store_be64(place, (*order)++);
    else
        memcpy(place, old.mv_data, sizeof(place));
    code = mdb_put(txn, index->tables[ROWS], &key, &room, MDB_RESERVE);
    if (code != 0)
        return code;
    memcpy(room.mv_data, place, sizeof(place));
    bytes_copy((u8 *)room.mv_data + sizeof(place), row->value);
    MDB_val at = val_of(BYTES_OF(place));
    return is_new ? mdb_put(txn, index->tables[ORDER], &at, &key, 0) : 0;
}

static int forget_oldest(struct hash_index *index, MDB_txn *txn)
{
    MDB_stat stat;
    MDB_cursor *cursor;
    int code = mdb_stat(txn, index->tables[ORDER], &stat);
    if (code != 0 || stat.ms_entries <= index->most)
        return code;
    code = mdb_cursor_open(txn, index->tables[ORDER], &cursor);
    if (code != 0)
        return code;
    for (u64 left = stat.ms_entries - index->most; code == 0 && left > 0; left--) {
        MDB_val place, key;
        code = mdb_cursor_get(cursor, &place, &key, MDB_FIRST);
        if (code == 0)
            code = mdb_del(txn, index->tables[ROWS], &key, NULL);
        if (code == 0)
            code = mdb_cursor_del(cursor, 0);
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? MDB_CORRUPTED : code;
}

/* `writing` is held, so the rows that are gathered stay. */
static enum status write_all(struct hash_index *index, struct err *err)
{
    MDB_txn *txn;
    u64 order;
    if (index->count == 0)
        return ST_OK;
    int code = mdb_txn_begin(index->env, NULL, 0, &txn);
    if (code != 0)
        return store_failed(code, what, err);
    code = next_order(index, txn, &order);
    for (usize i = 0; code == 0 && i < index->count; i++)
        code = write_row(index, txn, &index->gathered[i], &order);
    if (code == 0)
        code = forget_oldest(index, txn);
    if (code != 0)
        mdb_txn_abort(txn);
    else
        code = mdb_txn_commit(txn);
    if (code != 0)
        return store_failed(code, what, err);
    pthread_mutex_lock(&index->lock);
    forget_gathered(index);
    pthread_mutex_unlock(&index->lock);
    return ST_OK;
}

enum status hash_index_write(struct hash_index *index, struct err *err)
{
    pthread_mutex_lock(&index->writing);
    enum status st = write_all(index, err);
    pthread_mutex_unlock(&index->writing);
    return st;
}

enum status hash_index_put(struct hash_index *index, hash32 key, bytes value, struct err *err)
{
    assert(value.size > 0 && value.size <= HASH_INDEX_MAX_VALUE);
    u8 *copy = malloc(value.size);
    assert(copy != NULL);
    memcpy(copy, value.data, value.size);
    pthread_mutex_lock(&index->writing);
    enum status st = index->count < WRITE_AT ? ST_OK : write_all(index, err);
    pthread_mutex_lock(&index->lock);
    if (index->count < MOST_GATHERED)
        index->gathered[index->count++] = (struct gathered){key, {copy, value.size}};
    else
        free(copy);
    pthread_mutex_unlock(&index->lock);
    pthread_mutex_unlock(&index->writing);
    return st;
}

/* --- Reading. */

static bool find_gathered(struct hash_index *index, hash32 key, bytes *value, struct arena *arena)
{
    bool found = false;
    pthread_mutex_lock(&index->lock);
    for (usize i = index->count; !found && i-- > 0;) { /* the newest of a key counts */
        found = hash32_equal(index->gathered[i].key, key);
        if (found)
            *value = arena_copy(arena, index->gathered[i].value);
    }
    pthread_mutex_unlock(&index->lock);
    return found;
}

enum status hash_index_get(struct hash_index *index, hash32 key, bytes *value, struct arena *arena)
{
    MDB_txn *txn;
    MDB_val k = val_of(BYTES_OF(key)), v;
    if (find_gathered(index, key, value, arena))
        return ST_OK;
    int code = mdb_txn_begin(index->env, NULL, MDB_RDONLY, &txn);
    if (code != 0)
        return store_failed(code, "reading an index", NULL);
    code = mdb_get(txn, index->tables[ROWS], &k, &v);
    if (code == 0 && v.mv_size <= 8)
        code = MDB_CORRUPTED;
    if (code == 0)
        *value = arena_copy(arena, (bytes){(const u8 *)v.mv_data + 8, v.mv_size - 8});
    mdb_txn_abort(txn);
    return code == 0 ? ST_OK : store_failed(code, "reading an index", NULL);
}

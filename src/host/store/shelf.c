#include "store/shelf.h"

#include "store/internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const usize SHELF_SIZE = (usize)1 << 40; /* address space */

struct shelf {
    MDB_env *env;
    MDB_dbi rows;
};

struct shelf_change {
    struct shelf *shelf;
    MDB_txn *txn;
    MDB_cursor *cursor;
};

struct shelf_read {
    struct shelf *shelf;
    MDB_txn *txn;
    MDB_cursor *cursor;
};

/* --- Life. */

static enum status open_rows(struct shelf *shelf, struct err *err)
{
    static const char what[] = "opening a shelf";
    MDB_txn *txn;
    int code = mdb_txn_begin(shelf->env, NULL, 0, &txn);
    if (code != 0)
        return store_failed(code, what, err);
    code = mdb_dbi_open(txn, "rows", MDB_CREATE, &shelf->rows);
    if (code != 0)
        mdb_txn_abort(txn);
    else
        code = mdb_txn_commit(txn);
    return code == 0 ? ST_OK : store_failed(code, what, err);
}

/* One that was cut off while it was made: so short a file never had a row. */
static bool is_stillborn(const char *path)
{
    enum { PAGES = 3 }; /* two that describe the file, and the table's own description */
    struct stat info;
    return stat(path, &info) == 0 && info.st_size <= PAGES * sysconf(_SC_PAGESIZE);
}

static enum status try_open(const char *path, struct shelf **out, struct err *err)
{
    struct shelf *shelf = calloc(1, sizeof(*shelf));
    assert(shelf != NULL);
    enum status st = env_open(path, 1, SHELF_SIZE, "opening a shelf", &shelf->env, err);
    if (st == ST_OK)
        st = open_rows(shelf, err);
    if (st != ST_OK) {
        shelf_close(shelf);
        return st;
    }
    *out = shelf;
    return ST_OK;
}

enum status shelf_open(const char *path, struct shelf **out, struct err *err)
{
    enum status st = try_open(path, out, err);
    if (st == ST_CORRUPT && is_stillborn(path) && unlink(path) == 0)
        st = try_open(path, out, err);
    return st;
}

void shelf_close(struct shelf *shelf)
{
    if (shelf == NULL)
        return;
    if (shelf->env != NULL)
        mdb_env_close(shelf->env);
    free(shelf);
}

/* --- Writing. */

static enum status written(int code, struct err *err)
{
    return code == 0 ? ST_OK : store_failed(code, "writing to a shelf", err);
}

enum status shelf_begin(struct shelf *shelf, struct shelf_change **out, struct err *err)
{
    struct shelf_change *change = calloc(1, sizeof(*change));
    assert(change != NULL);
    change->shelf = shelf;
    int code = mdb_txn_begin(shelf->env, NULL, 0, &change->txn);
    if (code == 0)
        code = mdb_cursor_open(change->txn, shelf->rows, &change->cursor);
    if (code != 0) {
        if (change->txn != NULL)
            mdb_txn_abort(change->txn);
        free(change);
        return written(code, err);
    }
    *out = change;
    return ST_OK;
}

enum status shelf_put(struct shelf_change *change, bytes key, bytes value, struct err *err)
{
    assert(key.size > 0 && key.size <= SHELF_MAX_KEY);
    MDB_val k = val_of(key), v = val_of(value);
    return written(mdb_cursor_put(change->cursor, &k, &v, 0), err);
}

enum status shelf_find(struct shelf_change *change, bytes key, bytes *value)
{
    MDB_val k = val_of(key), v;
    if (mdb_cursor_get(change->cursor, &k, &v, MDB_SET) != 0)
        return ST_MISSING;
    *value = bytes_of_val(v);
    return ST_OK;
}

/* The cursor goes to the last row below `key`. */
static int go_before(MDB_cursor *cursor, bytes key, MDB_val *k, MDB_val *v)
{
    *k = val_of(key);
    int code = mdb_cursor_get(cursor, k, v, MDB_SET_RANGE);
    if (code != 0 && code != MDB_NOTFOUND)
        return code;
    return mdb_cursor_get(cursor, k, v, code == 0 ? MDB_PREV : MDB_LAST);
}

enum status shelf_before(struct shelf_change *change, bytes key, bytes *found)
{
    MDB_val k, v;
    if (go_before(change->cursor, key, &k, &v) != 0)
        return ST_MISSING;
    *found = bytes_of_val(k);
    return ST_OK;
}

static bool begins_so(MDB_val key, bytes prefix)
{
    return key.mv_size >= prefix.size && memcmp(key.mv_data, prefix.data, prefix.size) == 0;
}

enum status shelf_drop(struct shelf_change *change, bytes prefix, struct err *err)
{
    MDB_val k = val_of(prefix), v;
    int code = mdb_cursor_get(change->cursor, &k, &v, MDB_SET_RANGE);
    while (code == 0 && begins_so(k, prefix)) {
        code = mdb_cursor_del(change->cursor, 0);
        if (code == 0)
            code = mdb_cursor_get(change->cursor, &k, &v, MDB_GET_CURRENT);
        if (code == EINVAL) /* behind the last row there is no current one */
            code = MDB_NOTFOUND;
    }
    return written(code == MDB_NOTFOUND ? 0 : code, err);
}

enum status shelf_end(struct shelf_change *change, enum status st, struct err *err)
{
    mdb_cursor_close(change->cursor);
    if (st == ST_OK)
        st = written(mdb_txn_commit(change->txn), err);
    else
        mdb_txn_abort(change->txn);
    free(change);
    return st;
}

/* --- Reading. */

enum status shelf_read_begin(struct shelf *shelf, struct shelf_read **out, struct err *err)
{
    struct shelf_read *read = calloc(1, sizeof(*read));
    assert(read != NULL);
    int code = mdb_txn_begin(shelf->env, NULL, MDB_RDONLY, &read->txn);
    if (code == 0)
        code = mdb_cursor_open(read->txn, shelf->rows, &read->cursor);
    if (code != 0) {
        if (read->txn != NULL)
            mdb_txn_abort(read->txn);
        free(read);
        return store_failed(code, "reading from a shelf", err);
    }
    read->shelf = shelf;
    *out = read;
    return ST_OK;
}

void shelf_read_end(struct shelf_read *read)
{
    if (read == NULL)
        return;
    mdb_cursor_close(read->cursor);
    mdb_txn_abort(read->txn);
    free(read);
}

enum status shelf_get(struct shelf_read *read, bytes key, bytes *value)
{
    MDB_val k = val_of(key), v;
    if (mdb_get(read->txn, read->shelf->rows, &k, &v) != 0)
        return ST_MISSING;
    *value = bytes_of_val(v);
    return ST_OK;
}

static enum status row_of(int code, MDB_val key, MDB_val value, struct shelf_row *out)
{
    if (code != 0)
        return ST_MISSING;
    *out = (struct shelf_row){bytes_of_val(key), bytes_of_val(value)};
    return ST_OK;
}

enum status shelf_seek(struct shelf_read *read, bytes key, bool back, struct shelf_row *out)
{
    MDB_val k = val_of(key), v;
    int code = back ? go_before(read->cursor, key, &k, &v)
                    : mdb_cursor_get(read->cursor, &k, &v, MDB_SET_RANGE);
    return row_of(code, k, v, out);
}

enum status shelf_step(struct shelf_read *read, bool back, struct shelf_row *out)
{
    MDB_val k, v;
    int code = mdb_cursor_get(read->cursor, &k, &v, back ? MDB_PREV : MDB_NEXT);
    return row_of(code, k, v, out);
}

#include "store/store.h"

#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_READERS = 1024 };

/* Address space, not disk: LMDB's file grows as it is used. Halved where the machine gives less. */
static const usize MAP_SIZE_MAX = (usize)1 << 42, MAP_SIZE_MIN = (usize)1 << 32;

static const char *const dbi_names[DBI_COUNT] = {
    [TABLE_ACCOUNT] = "account",     [TABLE_SLOT] = "slot", [TABLE_NODE] = "node",
    [TABLE_SLOT_NODE] = "slot_node", [TABLE_CODE] = "code", [TABLE_TX] = "tx",
    [TABLE_BLOCK] = "block",         [DBI_META] = "meta",   [DBI_CANON] = "canon",
    [DBI_RECEIPTS] = "receipts",     [DBI_PAST] = "past",   [DBI_CHANGES] = "changes",
};

enum status store_failed(int code, const char *what, struct err *err)
{
    switch (code) {
    case MDB_NOTFOUND:
        return fail(err, ST_MISSING, "%s: not found", what);
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
        return fail(err, ST_FULL, "%s: the disk is full", what);
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_PANIC:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
        return fail(err, ST_CORRUPT,
                    "%s: the database is damaged (%s); remove it to have it rebuilt", what,
                    mdb_strerror(code));
    default:
        return fail(err, ST_IO, "%s: %s", what, mdb_strerror(code));
    }
}

enum status dbi_get(struct store *store, MDB_txn *txn, enum dbi dbi, bytes key, bytes *out)
{
    MDB_val k = val_of(key), v;
    int code = mdb_get(txn, store->dbi[dbi], &k, &v);
    if (code == MDB_NOTFOUND)
        return ST_MISSING;
    if (code != 0)
        return store_failed(code, "reading the state", NULL);
    *out = bytes_of_val(v);
    return ST_OK;
}

enum status read_meta(struct store *store, MDB_txn *txn, struct store_meta *out, struct err *err)
{
    bytes value = BYTES_EMPTY;
    *out = (struct store_meta){.version = STORE_VERSION, .fresh = 1};
    enum status st = dbi_get(store, txn, DBI_META, BYTES_LIT("meta"), &value);
    if (st == ST_MISSING)
        return ST_OK;
    if (st != ST_OK)
        return fail(err, st, "cannot read the state database");
    u32 version = 0;
    if (value.size >= sizeof(version))
        memcpy(&version, value.data, sizeof(version));
    if (version > STORE_VERSION)
        return fail(err, ST_INVALID,
                    "the state database has version %u, this program knows up to %u; use a newer "
                    "one",
                    version, (u32)STORE_VERSION);
    if (value.size != sizeof(*out) || version == 0)
        return fail(err, ST_CORRUPT, "the state database is damaged: no version in it");
    memcpy(out, value.data, sizeof(*out));
    return ST_OK;
}

/* Whether LMDB lists all pages from `first` to `last` as free. */
static bool are_free(MDB_env *env, u64 first, u64 last)
{
    enum { FREE_PAGES = 0, MOST = 4096 }; /* the table of LMDB's own: ids of pages by transaction */
    bool seen[MOST] = {false};
    u64 missing = last - first + 1;
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val key, value;
    if (missing > MOST || mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) != 0)
        return false;
    int code = mdb_cursor_open(txn, FREE_PAGES, &cursor);
    if (code != 0) {
        mdb_txn_abort(txn);
        return false;
    }
    while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        const u64 *list = value.mv_data; /* how many, and the ids */
        for (u64 i = 1; i <= list[0] && i < value.mv_size / sizeof(*list); i++)
            if (list[i] >= first && list[i] <= last && !seen[list[i] - first]) {
                seen[list[i] - first] = true;
                missing--;
            }
    }
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    return code == MDB_NOTFOUND && missing == 0;
}

/* LMDB believes its file; one that was cut short would end the process by a signal later. A sound
 * one may be short as well, by pages that were taken and given back in one transaction: they are
 * free, and were never written. */
static enum status check_size(MDB_env *env, const char *path, struct err *err)
{
    MDB_envinfo info;
    MDB_stat stat_db;
    struct stat stat_file;
    mdb_env_info(env, &info);
    mdb_env_stat(env, &stat_db);
    if (stat(path, &stat_file) != 0)
        return fail(err, ST_IO, "cannot measure %s", path);
    u64 need = (u64)(info.me_last_pgno + 1) * stat_db.ms_psize, has = (u64)stat_file.st_size;
    if (has >= need)
        return ST_OK;
    if (truncate(path, (off_t)need) != 0) /* so that nothing that is read meanwhile is beyond it */
        return fail(err, errno == ENOSPC ? ST_FULL : ST_IO, "cannot make room in %s", path);
    if (are_free(env, has / stat_db.ms_psize, info.me_last_pgno))
        return ST_OK;
    (void)!truncate(path, (off_t)has);
    return fail(err, ST_CORRUPT, "%s is cut short (%lu of %lu bytes); remove it to have it rebuilt",
                path, has, need);
}

/* LMDB writes its readers' table through a sparse mapping, where a full disk is a SIGBUS: so the
 * table gets its blocks first. ST_FULL: there are none. */
static enum status reserve_lock_file(const char *path, struct err *err)
{
    enum { READER_SIZE = 64, HEADER_SIZE = 128 }; /* lmdb 0.9: MDB_reader and the fixed part */
    char name[4096];
    if ((usize)snprintf(name, sizeof(name), "%s-lock", path) >= sizeof(name))
        return fail(err, ST_INVALID, "the path %s is too long", path);
    int file = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0)
        return fail(err, ST_IO, "cannot open %s: %s", name, strerrordesc_np(errno));
    int code = posix_fallocate(file, 0, HEADER_SIZE + MAX_READERS * READER_SIZE);
    close(file);
    if (code == 0)
        return ST_OK;
    return fail(err, code == ENOSPC ? ST_FULL : ST_IO, "cannot make room for %s: %s", name,
                strerrordesc_np(code));
}

static int open_env(const char *path, u32 tables, usize size, MDB_env **out)
{
    for (;; size /= 2) {
        int code = mdb_env_create(out);
        if (code != 0)
            return code;
        mdb_env_set_maxdbs(*out, tables);
        mdb_env_set_maxreaders(*out, MAX_READERS);
        mdb_env_set_mapsize(*out, size);
        code = mdb_env_open(*out, path, MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD, 0600);
        if (code == 0)
            return 0;
        mdb_env_close(*out);
        *out = NULL;
        if (code != ENOMEM || size <= MAP_SIZE_MIN)
            return code;
    }
}

enum status env_open(const char *path, u32 tables, usize most, const char *what, MDB_env **out,
                     struct err *err)
{
    int dead;
    TRY(reserve_lock_file(path, err));
    int code = open_env(path, tables, most, out);
    if (code != 0)
        return store_failed(code, what, err);
    mdb_reader_check(*out, &dead); /* slots of readers that were killed */
    return check_size(*out, path, err);
}

static enum status open_tables(struct store *store, struct err *err)
{
    MDB_txn *txn;
    int code = mdb_txn_begin(store->env, NULL, 0, &txn);
    if (code != 0)
        return store_failed(code, "opening the state database", err);
    for (usize i = 0; code == 0 && i < DBI_COUNT; i++)
        code = mdb_dbi_open(txn, dbi_names[i], MDB_CREATE, &store->dbi[i]);
    if (code != 0) {
        mdb_txn_abort(txn);
        return store_failed(code, "opening the state database", err);
    }
    struct store_meta meta;
    enum status st = read_meta(store, txn, &meta, err);
    if (st != ST_OK) {
        mdb_txn_abort(txn);
        return st;
    }
    code = mdb_txn_commit(txn);
    return code == 0 ? ST_OK : store_failed(code, "opening the state database", err);
}

enum status store_open(const char *path, struct store **out, struct err *err)
{
    struct store *store = calloc(1, sizeof(*store));
    assert(store != NULL);
    pthread_mutex_init(&store->lock, NULL);
    enum status st =
        env_open(path, DBI_COUNT, MAP_SIZE_MAX, "opening the state database", &store->env, err);
    if (st == ST_OK)
        st = open_tables(store, err);
    if (st != ST_OK) {
        store_close(store);
        return st;
    }
    *out = store;
    return ST_OK;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    while (store->idle != NULL) {
        struct store_read *read = store->idle;
        store->idle = read->next;
        mdb_txn_abort(read->txn);
        free(read);
    }
    if (store->env != NULL)
        mdb_env_close(store->env);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

static enum status renew(struct store_read *read, struct err *err)
{
    int code = mdb_txn_renew(read->txn);
    if (code != 0)
        return store_failed(code, "reading the state database", err);
    return read_meta(read->store, read->txn, &read->meta, err);
}

enum status store_read_begin(struct store *store, struct store_read **out, struct err *err)
{
    pthread_mutex_lock(&store->lock);
    struct store_read *read = store->idle;
    if (read != NULL)
        store->idle = read->next;
    pthread_mutex_unlock(&store->lock);
    if (read == NULL) {
        read = calloc(1, sizeof(*read));
        assert(read != NULL);
        read->store = store;
        int code = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &read->txn);
        if (code != 0) {
            free(read);
            return store_failed(code, "reading the state database", err);
        }
        mdb_txn_reset(read->txn);
    }
    enum status st = renew(read, err);
    if (st != ST_OK) {
        store_read_end(read);
        return st;
    }
    *out = read;
    return ST_OK;
}

void store_read_end(struct store_read *read)
{
    if (read == NULL)
        return;
    mdb_txn_reset(read->txn);
    pthread_mutex_lock(&read->store->lock);
    read->next = read->store->idle;
    read->store->idle = read;
    pthread_mutex_unlock(&read->store->lock);
}

enum status store_read_renew(struct store_read *read, struct err *err)
{
    mdb_txn_reset(read->txn);
    return renew(read, err);
}

const struct store_meta *store_read_meta(const struct store_read *read)
{
    return &read->meta;
}

enum status store_get(struct store_read *read, enum table table, bytes key, bytes *value)
{
    assert(table < TABLE_WIPED);
    return dbi_get(read->store, read->txn, (enum dbi)table, key, value);
}

enum status store_canon(struct store_read *read, u64 number, struct canon_row *out)
{
    u8 key[8];
    bytes value = BYTES_EMPTY;
    store_be64(key, number);
    TRY(dbi_get(read->store, read->txn, DBI_CANON, BYTES_OF(key), &value));
    if (value.size != sizeof(*out))
        return ST_CORRUPT;
    memcpy(out, value.data, sizeof(*out));
    return ST_OK;
}

enum status store_receipts(struct store_read *read, u64 number, bytes *out)
{
    u8 key[8];
    store_be64(key, number);
    return dbi_get(read->store, read->txn, DBI_RECEIPTS, BYTES_OF(key), out);
}

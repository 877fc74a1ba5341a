/* Shared by the files of host/store. */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include "store/store.h"

#include <lmdb.h>
#include <pthread.h>

enum dbi {
    DBI_META = TABLE_WIPED, /* the tables before it are those of enum table */
    DBI_CANON,
    DBI_RECEIPTS,
    DBI_PAST,
    DBI_CHANGES,
    DBI_COUNT,
};

struct store {
    MDB_env *env;
    MDB_dbi dbi[DBI_COUNT];
    pthread_mutex_t lock; /* guards the list below */
    struct store_read *idle;
};

struct store_read {
    struct store *store;
    MDB_txn *txn;
    struct store_meta meta;
    struct store_read *next;
};

static inline MDB_val val_of(bytes in)
{
    return (MDB_val){in.size, (void *)(uintptr_t)in.data};
}

static inline bytes bytes_of_val(MDB_val in)
{
    return (bytes){in.mv_data, in.mv_size};
}

/* The one place where LMDB's codes become a status. MDB_NOTFOUND becomes ST_MISSING. */
enum status store_failed(int code, const char *what, struct err *err);

/* Opens an environment in one file, which will not grow beyond `most` bytes, checked. *out may be
 * set on failure as well: it is to be closed. Statuses as store_open. */
enum status env_open(const char *path, u32 tables, usize most, const char *what, MDB_env **out,
                     struct err *err);

/* ST_MISSING without a sentence where the key is not there: that is no failure. */
enum status dbi_get(struct store *store, MDB_txn *txn, enum dbi dbi, bytes key, bytes *out);

enum status read_meta(struct store *store, MDB_txn *txn, struct store_meta *out, struct err *err);

/* --- past.c */

enum past_kind {
    PAST_VALUES,
    PAST_NODES,
    PAST_KINDS,
};

static inline enum past_kind past_kind_of(enum table table)
{
    return table == TABLE_NODE || table == TABLE_SLOT_NODE ? PAST_NODES : PAST_VALUES;
}

enum { PAST_KEY_MAX = 2 + 72 + 8, PAST_CHAIN_MAX = 15 };

struct past_key {
    u8 data[PAST_KEY_MAX];
    usize size;
};

struct past_key past_key_of(enum table table, bytes key, u64 number);

static inline bytes past_key_bytes(const struct past_key *key)
{
    return (bytes){key->data, key->size};
}

/* A row of `past` is its chain length (0: whole), then the value or the difference. Nodes are there
 * without the hash that stands before them elsewhere; these two take it off and put it back. */
bytes past_form(enum table table, bytes value);
bytes past_form_undo(enum table table, bytes value, struct arena *arena);

/* Tries to write
 * the difference of branch `old` from `newer`; false: not worth it, keep it whole. `to` has room
 * for old.size. */
bool node_delta(bytes old, bytes newer, u8 *to, usize *size);
/* Undoes it. ST_CORRUPT: not what node_delta wrote. */
enum status node_undelta(bytes newer, bytes delta, bytes *old, struct arena *arena);

/* What the key held before the change that `row` is about, given what it held after; both in the
 * form of `past`. */
enum status past_value(bytes row, bytes newer, bytes *old, struct arena *arena);

#endif

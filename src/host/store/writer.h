/* What the files share that write a batch: apply.c, rows.c, history.c. */
#ifndef STORE_WRITER_H
#define STORE_WRITER_H

#include "store/internal.h"

/* Keys that a block changed, as a row of `changes` holds them: table, key size, key. */
struct key_list {
    u8 *data;
    usize size, room;
};

void list_add(struct key_list *list, enum table table, bytes key);

/* What a block changed, by kind of history. */
struct changed_keys {
    struct key_list kind[PAST_KINDS];
};

struct buffer {
    u8 *data;
    usize room;
};

/* At least `size` bytes, whose content is lost. */
u8 *buffer_need(struct buffer *buffer, usize size);

struct writer {
    struct store *store;
    MDB_txn *txn;
    struct err *err;
    const struct store_batch *batch;
    struct store_meta meta;
    bool keeps[PAST_KINDS]; /* whether older versions are kept */
    MDB_cursor *past;       /* what is near to where it stands is found soon */
    struct buffer draft;    /* a row of `past` being put together */
    struct buffer old;      /* what a key held before the batch */
};

enum status writer_put(struct writer *w, enum dbi dbi, bytes key, bytes value);
/* Fine if there is nothing to delete. */
enum status writer_delete(struct writer *w, enum dbi dbi, bytes key);
/* Empty where there is no row. */
enum status writer_get(struct writer *w, enum dbi dbi, bytes key, bytes *out);

/* --- history.c: older versions of a key. */

/* What `past` has of a key by now. `key` borrows. */
struct history {
    enum table table;
    bytes key;
    bool any;
    u64 newest; /* the block before which the newest row's version was the newest */
    u8 chain;   /* how many differences in a row end at it */
};

enum status history_find(struct writer *w, enum table table, bytes key, struct history *out);
/* Keeps `old`, what the key holds before block `number` makes it `newer`. Numbers never fall. Adds
 * the key to what the block changed, unless it is there. */
enum status history_keep(struct writer *w, struct history *history, u64 number, bytes old,
                         bytes newer, struct changed_keys *changed);

/* --- rows.c */

/* Writes the rows of all steps. changed[i] receives the keys of steps[i]; either none of the steps
 * wipes owners (see layer_wipes), or there is one step only. */
enum status write_rows(struct writer *w, const struct store_step *steps, usize count,
                       struct changed_keys *changed);

#endif

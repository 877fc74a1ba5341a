/* The state of a chain on disk: LMDB tables with the rows of store/table.h, and what is needed to
 * read and restore older states.
 *
 *   table     key                            value
 *   meta      "meta"                         struct store_meta
 *   (those of table.h)
 *   canon     number                         positions in the log, hash, logs bloom
 *   receipts  number                         as chain/receipts.h encodes them
 *   past      table, key size, key, number   what the key held before that block: a row for each
 *                                            change, so the first row after block n tells what
 *                                            the key held at n
 *   changes   kind, number                   the keys that the block changed: to undo, to prune
 *
 * What is here is a cache: everything can be rebuilt from the block log. One transaction takes over
 * many blocks; a reader sees the state before or after it, never between. The newest block whose
 * state is here is the base.
 *
 * Branch nodes in `past` are kept as their difference from the next newer version, every sixteenth
 * whole. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "store/layer.h"
#include "types/header.h"

struct store;

enum { STORE_VERSION = 1 };

struct store_meta {
    u32 version;
    u32 fresh; /* 1: nothing has been stored yet */
    hash32 genesis_hash;
    /* The base. */
    hash32 hash;
    hash32 state_root;
    u64 number;
    u64 state_position; /* of the record after which the state is this: a block's or a patch's */
    /* The log: records before this are known to be whole, and the last head that they name. */
    u64 log_checked;
    u64 head_position;
    /* States (and trie nodes) of blocks from these numbers on can be read. */
    u64 history_from;
    u64 proofs_from;
};

/* Opens the database `path`, made where absent; its folder must be there.
 * ST_INVALID: written by a newer version.  ST_CORRUPT: not a database, or cut short.
 * ST_FULL: disk full. */
enum status store_open(const char *path, struct store **out, struct err *err);
/* All reads must have ended. NULL is fine. */
void store_close(struct store *store);

/* --- Reading: any thread, many at once; one `store_read` belongs to one thread at a time. */

struct store_read;

enum status store_read_begin(struct store *store, struct store_read **out, struct err *err);
void store_read_end(struct store_read *read);
/* Moves on to the newest state; all that was borrowed is gone. */
enum status store_read_renew(struct store_read *read, struct err *err);

const struct store_meta *store_read_meta(const struct store_read *read);

/* The row in the base's state. *value borrows until the read ends or is renewed.
 * ST_MISSING: no row. */
enum status store_get(struct store_read *read, enum table table, bytes key, bytes *value);

/* The same as of the end of block `number`, from meta's history_from (proofs_from for nodes, but
 * for those of store_batch.kept_owner) up to the base. *value may live in `arena`. For ACCOUNT,
 * SLOT, NODE and SLOT_NODE. */
enum status store_get_past(struct store_read *read, enum table table, bytes key, u64 number,
                           bytes *value, struct arena *arena);

struct canon_row {
    u64 block_position;
    u64 state_position; /* differs where the block's state was patched */
    hash32 hash;
    bloom256 bloom;
};

/* ST_MISSING: above the base. */
enum status store_canon(struct store_read *read, u64 number, struct canon_row *out);
enum status store_receipts(struct store_read *read, u64 number, bytes *out);

/* --- Writing: one thread. */

/* What one block or patch changed. */
struct store_step {
    u64 number;
    bool patch; /* changes the state after the block `number`, which was stored before */
    struct canon_row canon;
    bytes receipts;
    const struct layer *layer;
};

struct store_batch {
    /* First go back to the state after this block; UINT64_MAX: not at all. */
    u64 undo_to;
    const struct store_step *steps;
    usize count;
    const struct layer *index; /* rows of BLOCK for blocks off the chain; may be NULL */
    /* How many blocks back states and nodes are to be kept. */
    u64 history_blocks, proof_blocks;
    /* keccak of an account whose storage trie is kept in all its versions; zero: of none. */
    hash32 kept_owner;
    /* As it will be; history_from and proofs_from are filled in. */
    struct store_meta meta;
};

/* All or nothing, durable when it returns.
 * ST_MISSING: undo_to is beyond the history kept.  ST_FULL: the disk is full. */
enum status store_apply(struct store *store, const struct store_batch *batch, struct err *err);

#endif

/* Shared by the files of host/chain.
 *
 * A point is what a record of the log made: a block, or a patch of its state. Points form a tree;
 * the owner alone walks it. Each holds the layers that lie above its root, a state that the disk
 * has: the base, or an older state where a branch leaves the chain below the base.
 *
 *      disk: … -- 8 -- 9 -- base (10)
 *                  \          \-- 11 -- 12 -- 13      points; root 10
 *                   \-- 9' -- 10'                     points; root 8, read from the history
 *
 * A head is a point and the points between it and its root, for readers; immutable. The flusher
 * writes points to disk, the owner then moves the base up (flush.c). A head stays readable while
 * the base moves along its own points: its layers say everything that changed since its root. */
#ifndef CHAIN_INTERNAL_H
#define CHAIN_INTERNAL_H

#include "chain/chain.h"
#include "chain/record.h"
#include "store/store.h"
#include "sys/pages.h"
#include "sys/thread.h"

#include <pthread.h>
#include <stdatomic.h>

/* What a block is, whatever its state. Shared by the points that patch it. Immutable. */
struct body {
    _Atomic u32 refs;
    u64 position;
    hash32 hash;
    struct header header;
    u256 total_difficulty;
    bytes rlp, senders, receipts; /* receipts as chain/receipts.h packs them */
    usize tx_count;
    u8 memory[];
};

/* A state that the disk has. */
struct root {
    u64 number;
    u64 position; /* of the record that made it */
    u64 depth;
};

/* What there is of something above a state: bounds how long a restart takes, and memory. */
struct weight {
    u64 points, layer_bytes, record_bytes, execute_ns;
};

struct point {
    _Atomic u32 refs;
    u64 position;
    u64 depth; /* grows along every branch: see depth_of */
    bool patch;
    struct body *body;
    hash32 state_root;
    struct layer *own;
    struct layer_stack stack; /* everything between root and here */
    /* Of all points that led to its parent since opening, and with itself. */
    struct weight parent_weight, weight;
    /* The owner's alone. */
    struct root root;
    struct point *parent; /* held; NULL: the root itself */
};

/* Points one after the other, held. Heads that follow each other share one: the owner appends while
 * readers look at what was there before. */
struct path;

/* Points from above a root up to a tip, oldest first. */
struct lineage {
    struct point *const *at;
    usize count;
    struct path *path; /* held; `at` points into it */
};

struct chain_head {
    struct head pub; /* first, so that the two convert */
    _Atomic u32 refs;
    struct point *tip;
    struct root root;
    struct lineage lineage; /* held; without the tip where that is the root */
};

enum { MAX_LISTENERS = 8 };

struct tree_entry {
    u64 key; /* of the block's hash */
    struct point *point;
};

/* What the flusher is doing. Written by the owner before it starts and after it is done. */
struct flush_job {
    struct store_batch batch;
    struct store_step *steps;
    struct lineage points; /* held */
    struct layer *index;   /* rows for blocks that are not canonical; may be NULL */
    enum status status;
    struct err err;
    u64 ns;
};

struct chain {
    const struct files *files;
    struct file *lock_file;
    struct pool *pool;
    struct log_file *log;
    struct store *store;
    struct chain_config config;
    hash32 genesis_hash;
    u64 history_blocks, proof_blocks;
    hash32 kept_owner;
    u64 seed; /* of all layers */
    struct chain_listener listeners[MAX_LISTENERS];
    usize listener_count;

    /* The owner's. */
    struct tree_entry *tree; /* held; of points of one block, the newest */
    usize tree_count, tree_room;
    struct point *best;  /* held; what the log's last record makes the head */
    struct layer *index; /* being filled: blocks off the chain that the store has to know */
    u64 safe, finalized;
    u64 head_serial;
    struct pages pages; /* for executing a block */
    u64 blocks_since_trim;
    enum status failed; /* no change is taken any more, and why */
    struct err failure;

    pthread_mutex_t lock; /* guards the two below */
    struct chain_head *head;
    struct chain_stats stats;

    /* The flusher. `flush_lock` guards the state; the job belongs to the flusher while BUSY. */
    pthread_t flusher;
    bool flusher_runs;
    pthread_mutex_t flush_lock;
    pthread_cond_t flush_changed;
    enum { FLUSH_IDLE, FLUSH_BUSY, FLUSH_DONE, FLUSH_STOP } flush_state;
    struct flush_job job;
};

/* --- Points (point.c). */

/* A block's state comes after its parent's, a patch's after the one that it patches. */
static inline u64 depth_of(u64 number, u64 patches)
{
    return number << 24 | patches;
}

struct body *body_new(u64 position, const struct header *header, hash32 hash, u256 total_difficulty,
                      bytes rlp, bytes senders, const struct receipt *receipts,
                      usize receipt_count);
struct body *body_hold(struct body *body);
void body_release(struct body *body);

/* On `parent`, whose layers and root it takes over, with `own` on top (taken over, not held).
 * NULL parent: the point is its own root, and `own` is NULL. */
struct point *point_new(struct point *parent, struct body *body, u64 position, bool patch,
                        hash32 state_root, struct layer *own);
/* What it took to make and takes to keep: once, after point_new. */
void point_weigh(struct point *point, u64 record_bytes, u64 execute_ns);
struct point *point_hold(struct point *point);
void point_release(struct point *point);

static inline u64 point_number(const struct point *point)
{
    return point->body->header.number;
}

/* From above the point's root up to the point. `before`: that of a head which it may follow, whose
 * path it then shares; NULL: none. */
struct lineage lineage_of(struct point *tip, const struct lineage *before);
/* A part of it, from the point at index `from` on. */
struct lineage lineage_slice(const struct lineage *lineage, usize from, usize count);
void lineage_release(struct lineage *lineage);
/* The last point of block `number`; NULL: not among them. */
struct point *lineage_find(const struct lineage *lineage, u64 number);

/* Rows for everything that executing a block (or a patch) changed; sealed by the caller. */
void layer_put_diff(struct layer *layer, const struct diff *diff);
void layer_put_nodes(struct layer *layer, const struct trie_changes *changes);
void layer_put_block(struct layer *layer, hash32 hash, u64 number, u64 position);

/* --- The tree (tree.c). */

struct point *tree_find(struct chain *chain, hash32 hash);
struct point *tree_find_position(struct chain *chain, u64 position);
bool tree_has_room(const struct chain *chain);
/* Replaces what was there for the same block. */
void tree_put(struct chain *chain, struct point *point);
/* Drops every point that neither descends from the base nor leads to `head`; those that descend
 * from it get it as their root. */
void tree_rebase(struct chain *chain, struct point *base, struct point *head);
void tree_clear(struct chain *chain);

/* Position of a known block's record: in the tree, not yet flushed, or on disk. */
enum status chain_find_block(struct chain *chain, hash32 hash, u64 *position, u64 *number);

/* --- Loading (load.c). */

/* The point that a record made, with its state: from the tree, or executed again above a state that
 * the disk has. *out is held. `publish`: make each a head on the way, so that they are flushed as
 * they come. ST_MISSING: its state is beyond the history. */
enum status chain_load_point(struct chain *chain, u64 position, bool publish, struct point **out,
                             struct err *err);
/* The same for the newest state of a block. ST_MISSING also: the block is unknown. */
enum status chain_load_block(struct chain *chain, hash32 hash, struct point **out, struct err *err);

/* --- Heads (head.c). */

/* The head that has this tip; not published. */
struct chain_head *head_new(struct chain *chain, struct point *tip);
struct chain_head *head_hold(struct chain_head *head);
void head_drop(struct chain_head *head);

static inline struct chain_head *head_of(const struct head *head)
{
    return (void *)(uintptr_t)head;
}

/* The owner's own look at the published head: no hold is needed. */
static inline struct chain_head *owner_head(struct chain *chain)
{
    return chain->head;
}

/* Chooses what the next chain_commit makes the head. */
void chain_set_best(struct chain *chain, struct point *point);
/* Syncs the log, then publishes the best point where it is not the head yet; flushes as needed. */
enum status chain_commit(struct chain *chain, struct err *err);
/* Makes `tip` what readers see and tells the listeners. Its record is synced. */
enum status chain_publish(struct chain *chain, struct point *tip, struct err *err);
/* The same head again, after the base has moved: lets go of what the disk has now. */
void head_refresh(struct chain *chain);

/* --- States (state.c). */

/* Opens the state of `point`, which is the head's tip or in its lineage; takes the caller's hold of
 * the head over, where it succeeds. ST_AGAIN: the disk has
 * moved on to where it cannot be read through this head any more. */
enum status state_open(struct chain *chain, struct chain_head *head, struct point *point,
                       struct arena *arena, struct snapshot *out, struct err *err);
/* For the owner: the state of any point of the tree. Closed by snapshot_close. */
enum status state_open_owner(struct chain *chain, struct point *point, struct arena *arena,
                             struct snapshot *out, struct err *err);

/* --- Changes (execute.c, patch.c, flush.c). */

/* Whether a child of this block is under proof of stake. */
bool chain_is_merged(const struct chain_config *config, const struct header *parent,
                     u256 parent_total_difficulty);

/* Memory to execute one block and decode `rlp_size` bytes of it: valid until the next call. */
enum status chain_block_arena(struct chain *chain, u64 gas_limit, usize rlp_size, struct arena *out,
                              struct err *err);

/* Judges and executes a block on `parent`. `known_good`: it comes from our own log, so its header
 * need not be judged again (test methods make headers that others would refuse). Results live in
 * `arena`. */
enum status chain_execute(struct chain *chain, struct point *parent, const struct block *block,
                          bool known_good, struct arena *arena, struct stf_result *out, u64 *ns,
                          struct err *err);

/* The point for an executed block whose record is at `position`; held by the caller. */
struct point *chain_make_point(struct chain *chain, struct point *parent, const struct block *block,
                               bytes rlp, bytes senders, const struct stf_result *result,
                               u64 position, u64 ns);

/* Senders of a block's transactions, as records hold them. */
bytes block_senders(const struct block *block, struct arena *arena);
void block_set_senders(struct block *block, bytes senders);

/* Refuses when an earlier failure left the disk unknown. */
enum status chain_check_usable(struct chain *chain, struct err *err);

/* Applies a patch to `parent`; its record is at `position`. *out is held. */
enum status chain_make_patch(struct chain *chain, struct point *parent, const struct diff *diff,
                             u64 position, struct arena *arena, struct point **out,
                             struct err *err);
/* After each change of head: takes over what the flusher has done, and starts it when enough has
 * come together; waits for it where too much has. */
enum status flush_step(struct chain *chain, struct err *err);
/* Writes everything up to the head and waits. */
enum status flush_all(struct chain *chain, struct err *err);
void flush_stop(struct chain *chain);
/* Stores the genesis state, the first of all; its block's record is at `position`. */
enum status flush_genesis(struct chain *chain, const struct genesis *genesis, hash32 hash,
                          u64 position, struct err *err);

/* Adds nanoseconds or counts to the figures. */
void chain_count(struct chain *chain, u64 *figure, u64 amount);

#endif

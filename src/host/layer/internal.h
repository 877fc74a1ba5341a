/* Shared by the files of a running child chain. */
#ifndef LAYER_INTERNAL_H
#define LAYER_INTERNAL_H

#include "derive/blob_data.h"
#include "derive/derive.h"
#include "layer/layer.h"
#include "layer/parent.h"
#include "layer/shelf.h"
#include "layer/unsafe_block.h"
#include "stf/child.h"
#include "sys/pages.h"
#include "sys/thread.h"

#include <stdatomic.h>

/* A block of the child, and what its first transaction says. */
struct child_head {
    struct header header; /* extra data left out: a child has none */
    hash32 hash;
    struct child_attributes attributes;
};

/* What came of a batch of the parent; the first one, of the genesis block, of none. */
struct derived_batch {
    struct derive_state after;
    u64 parent_block; /* that has it */
};

/* A transaction that was confirmed in a block that has left the chain. */
struct promise {
    hash32 hash;
    bool waits; /* in the pool, for a nonce of its sender's that is gone: a deposit took it */
};

struct promises {
    struct promise *list; /* not in a block again */
    usize count, room;
    u64 broken;  /* since the start */
    u64 waiting; /* of the list */
};

/* The sequencer's blocks that are not on the parent: after `from`, up to `to`. */
struct backlog {
    u64 from, to;
    u64 bytes;    /* of users' transactions in them */
    u64 moved_ms; /* when the parent last took some, or there were none */
    bool is_full;
};

/* Data of one append: geth's pool takes transactions of 128 KiB, and what is around the data and
 * the signature takes less than 1 KiB. The sequencer's blocks are smaller (sequence.c). */
enum { BATCH_MOST_DATA = 127 * 1024 };
/* And of one in blobs: a transaction takes six at most (EIP-7594). */
enum { BATCH_MOST_BLOBS = 6, BATCH_MOST_IN_BLOBS = BATCH_MOST_BLOBS * BLOB_CAPACITY - 4 };

struct unsafe;
struct forwards;

struct layer {
    struct layer_options options;
    char checkpoint_path[4200];
    struct derive_config config;
    struct blob_store *blobs;
    struct parent *parent;
    struct hash_index *deposits;    /* hashes by the hashes that OP's clients have (parent.h) */
    struct hash_index *outputs;     /* that the node proves for ever (kept.h) */
    struct pages pages, head_pages; /* the owner's: for a step, and for looking at blocks in it */
    pthread_t owner, agents_thread;
    bool owner_runs, agents_run;
    struct agents *agents;     /* NULL: this node has no such role */
    struct relayer *relayer;   /* likewise */
    struct unsafe *unsafe;     /* NULL: no sequencer is asked */
    struct forwards *forwards; /* likewise */
    atomic_bool stopping;
    atomic_bool hanging_up;    /* calls of RPC that wait are to end */
    atomic_ullong append_ms;   /* of late, from making a batch to the next that can be made */
    atomic_ullong append_room; /* bytes of data that one takes, as the last one went */

    pthread_mutex_t lock; /* guards what follows, up to the owner's */
    pthread_cond_t woken;
    bool pool_grew, parent_changed, blocks_came;
    bool waits_for_pool; /* it may make a block at once: between two it need not be woken */
    struct layer_status status;
    struct derive_state safe; /* after the newest batch; what the agents build on */
    bool safe_is_known;
    pthread_cond_t published;        /* the status, and this: */
    struct layer_unsafe unsafe_span; /* what may be signed; none until all of the parent is known */
    usize unsafe_waiters;

    /* The owner's. */
    struct child_head head;
    /* struct derived_batch by how many batches there were; the first one is final, or the genesis.
     */
    struct shelf derived;
    u64 epoch;         /* of the parent, as far as it has been looked at */
    u64 next_block_ms; /* when the sequencer may make a block */
    struct promises promises;
    struct backlog backlog;
    u64 kept_batches; /* as many as the checkpoint knows */
    /* Blocks above `own_after` were made by the sequencer, and none of them came of derivation
     * alone; known once the node has derived all that the parent had. */
    bool caught_up;
    u64 own_after;
};

/* --- The child's own blocks (child_head.c). */

/* The block that an open snapshot names. */
enum status child_head_read(const struct rollup *rollup, struct snapshot *at,
                            const struct block_ref *ref, struct child_head *out, struct err *err);
struct layer_l2 child_head_l2(const struct child_head *head);
/* For the owner. The canonical block of that number, or the head where it is beyond. */
enum status child_head_at(struct layer *layer, u64 number, struct child_head *out, struct err *err);
enum status child_head_newest(struct layer *layer, struct child_head *out, struct err *err);
/* The state of derivation after it, but for batches. Under the parent's lock. False: its origin is
 * not on the parent's chain (any more, or as far as it is known). */
bool child_head_state(const struct layer *layer, const struct child_head *head,
                      struct derive_state *out);

/* --- From the parent (follow_parent.c). */

/* Takes back what the parent took back, then derives the next batch. *more: there may be another.
 * Changes layer->head with the chain's. */
enum status layer_follow(struct layer *layer, bool *more, struct err *err);
/* Of the newest batch; there is one, if layer->derived has any. */
u64 layer_safe_number(const struct layer *layer);
/* To a block of the chain, for whose sake those above it leave. */
enum status layer_set_head(struct layer *layer, const struct child_head *to, struct err *err);

/* --- From the sequencer (follow_sequencer.c). All of it does nothing on a node that asks none. */

enum status unsafe_start(struct layer *layer, struct err *err);
void unsafe_stop(struct layer *layer);
/* Takes in what has come, as far as it can be believed. */
enum status unsafe_take(struct layer *layer, struct err *err);
void unsafe_describe(struct layer *layer, struct layer_status *out);
/* The parent's chain has changed: promises from this number on are not expected to be kept. */
void unsafe_forget(struct layer *layer, u64 from);
/* Derivation came to this block: was another one promised in its place? */
void unsafe_hold_against(struct layer *layer, const struct derive_block *block, hash32 hash);

/* --- To the sequencer (forward.c). */

void forwards_start(struct layer *layer);
void forwards_stop(struct layer *layer);

/* --- For those who follow this node (serve_unsafe.c). Under layer->lock, from publish. */

void unsafe_publish(struct layer *layer);

/* --- Promises (promises.c). */

/* Blocks `from` to `to` are about to leave the chain. */
void promises_note(struct layer *layer, u64 from, u64 to);
/* Forgets what is in a block again, and says what cannot be, or not for now. */
void promises_look(struct layer *layer);

/* --- Backlog (backlog.c). */

/* The chain has gone back. */
void backlog_forget(struct layer *layer);
/* Whether the sequencer may take more transactions, into backlog.is_full and the status. */
enum status backlog_look(struct layer *layer, struct layer_status *status, struct err *err);

/* --- The sequencer (sequence.c). */

/* Whether a block should be made now. */
bool sequence_is_due(struct layer *layer, u64 now_ms);
enum status sequence_block(struct layer *layer, struct err *err);

/* --- Agents (agents.c). */

enum status agents_start(struct layer *layer, struct err *err);
void agents_stop(struct layer *layer);
/* For them: the state after the newest batch. False: it is not known yet, because the parent has
 * not been read up to its head since the start. */
bool layer_safe_state(struct layer *layer, struct derive_state *out);

#endif

/* The parent as its child sees it: headers, and the Inbox's items and batches with their data, as
 * the newest chain of the parent has them.
 *
 *   a thread follows the parent (client/follow.h) -> struct parent <- the child's own threads read
 *
 * Everything that arrives is held against the accumulators, so that nothing can be missing, doubled
 * or altered in between. Everybody reads under the lock, and shortly. `epoch` grows with every
 * change that took something back. What lies below what the child has finished with is let go. */
#ifndef LAYER_PARENT_H
#define LAYER_PARENT_H

#include "layer/blob_store.h"
#include "layer/checkpoint.h"
#include "layer/rollup.h"
#include "store/hash_index.h"

struct parent;

struct parent_options {
    const char *url;
    const struct rollup *rollup;        /* outlives the parent */
    const struct derive_config *config; /* likewise */
    struct blob_store *blobs;           /* likewise; blobs of batches are brought there */
    u64 poll_ms;
    /* Where to begin, instead of at the deployment: after a batch that is final. NULL: there. */
    const struct checkpoint *checkpoint;
    /* By the hash that OP's clients expect of a deposit, that of its transaction: each is there
     * before its block can be read here. */
    struct hash_index *deposits;
    /* Called on the parent's thread after each change, without the lock. */
    void (*changed)(void *self);
    void *self;
};

/* Checks that the parent is the one of rollup.json, and starts to follow it.
 * ST_INVALID: another chain, or the contracts are not there. ST_IO, ST_AGAIN: not reached. */
enum status parent_start(const struct parent_options *options, struct parent **out,
                         struct err *err);
/* NULL is fine. */
void parent_stop(struct parent *parent);

/* --- Reading: between these two. */

void parent_lock(struct parent *parent);
void parent_unlock(struct parent *parent);

struct parent_block {
    struct derive_origin origin;
    bytes header; /* RLP */
};

struct parent_item {
    struct inbox_item item;
    hash32 acc;       /* inboxAcc(position + 1) */
    u64 block_number; /* of the parent's block that has it */
};

struct parent_batch {
    struct batch_record record;
    enum batch_data_kind kind;
    u64 block_number;
    bytes data; /* BATCH_CALLDATA: the data; BATCH_BLOBS: the blobs' hashes, one after the other */
};

struct parent_state {
    u64 epoch;
    bool reached;   /* it answers */
    bool caught_up; /* all that it had has been read, once at least */
    /* Numbers of blocks that are here: 0 until there are any. The last two as the parent says. */
    u64 head, safe, finalized;
    u64 item_count, batch_count;
};

struct parent_state parent_state(const struct parent *parent);
/* NULL: not there (yet), or forgotten. Valid under the lock. */
const struct parent_block *parent_block(const struct parent *parent, u64 number);
const struct parent_item *parent_item(const struct parent *parent, u64 position);
const struct parent_batch *parent_batch(const struct parent *parent, u64 index);
/* inboxAcc(count), batchAcc(count). False: not known. */
bool parent_inbox_acc(const struct parent *parent, u64 count, hash32 *out);
bool parent_batch_acc(const struct parent *parent, u64 count, hash32 *out);

/* Something was heard of that the parent should have by now: it is looked at soon, and not in its
 * turn. From any thread, without the lock. */
void parent_hurry(struct parent *parent);

/* Nobody needs anything below these any more. */
void parent_forget(struct parent *parent, u64 block, u64 item, u64 batch);

#endif

/* A running child chain: its blocks come from the parent, and before they are there, from the
 * sequencer.
 *
 *   parent -> derive -> chain          every node: the safe head, and what it rests on
 *   pool   -> sequence -> chain        the sequencer: the unsafe head, ahead of it
 *   sequencer's node -> chain          a follower of it: the same, signed (follow_sequencer.c)
 *   chain  -> batcher, proposer, relayer -> parent
 *
 * One thread owns the chain and makes all its changes. Agents (batcher, proposer, relayer) have a
 * thread of their own; the parent is what they remember by, so killed anywhere they go on without
 * doing anything twice: an append names the accumulator that it builds on, and claims are looked
 * up. */
#ifndef LAYER_LAYER_H
#define LAYER_LAYER_H

#include "blob/blob.h"
#include "chain/chain.h"
#include "client/sequencer.h"
#include "client/signer.h"
#include "layer/kept.h"
#include "layer/rollup.h"
#include "txpool/txpool.h"

struct layer;

enum layer_role {
    ROLE_SEQUENCER = 1 << 0, /* makes blocks */
    ROLE_BATCHER = 1 << 1,   /* puts them on the parent */
    ROLE_PROPOSER = 1 << 2,  /* claims what they come to */
    ROLE_RELAYER = 1 << 3,   /* brings users' withdrawals home */
    ROLES_THAT_SIGN = ROLE_BATCHER | ROLE_PROPOSER | ROLE_RELAYER,
};

/* "sequencer,batcher" as bits. ST_INVALID: names the one that is not known. */
enum status layer_roles(const char *list, unsigned *out, struct err *err);

struct layer_options {
    const struct rollup *rollup; /* outlives the layer, as everything here */
    const char *parent_url;
    const char *beacon_url, *archive_url; /* who has the parent's blobs; "": nobody */
    const char *sequencer_url;            /* whose unsafe blocks are taken; NULL: nobody's */
    const char *folder; /* of the child's data: the agents' journals and blobs go there */
    const struct files *files;
    struct chain *chain;
    struct txpool *pool;
    struct pool *workers; /* recover senders */
    unsigned roles;
    /* Of the agents, and of the sequencer's unsafe blocks. NULL: there is no such role, or only
     * that of a sequencer that signs none. */
    const struct signer *signer;
    u64 block_ms;           /* least time between two blocks of the sequencer */
    u64 heartbeat_ms;       /* an empty one where there was none for so long; 0: none */
    u64 poll_ms;            /* how often the parent is looked at */
    u64 batch_ms, claim_ms; /* how long the agents let things gather */
    u64 relay_gas;          /* what the relayer spends on one step of a withdrawal; 0: any */
};

/* Starts the threads; from here on only they change the chain.
 * ST_INVALID: the parent is not the one of rollup.json. ST_IO: it cannot be reached. */
enum status layer_start(const struct layer_options *options, struct layer **out, struct err *err);
/* Finishes the block in the making and ends the threads. NULL is fine. */
void layer_stop(struct layer *layer);

/* Calls that wait in the layer for others end now: before the server that makes them is stopped.
 * NULL is fine. */
void layer_hang_up(struct layer *layer);

/* From any thread: the pool has something new. */
void layer_pool_grew(struct layer *layer);

/* --- What RPC asks, from any thread. */

struct layer_l1 {
    u64 number, timestamp;
    hash32 hash, parent_hash;
};

struct layer_l2 {
    u64 number, timestamp;
    hash32 hash, parent_hash;
    u64 origin_number, sequence_number;
    hash32 origin_hash;
};

enum { LAYER_WHY = 160 };

/* A follower's sequencer. */
struct layer_sequencer {
    bool asked;         /* there is one */
    bool reached;       /* it answers */
    u64 silent_since_s; /* since 1970, where it does not */
    bool distrusted;    /* it has signed two blocks in one place */
    u64 taken;          /* number of the newest block taken from it; 0: none */
    u64 broken;         /* blocks that it signed and the parent has otherwise */
    char at[100];       /* host:port */
};

struct layer_status {
    struct layer_l1 head_l1, safe_l1, finalized_l1;
    struct layer_l1 current_l1; /* up to here the child has been derived */
    struct layer_l2 unsafe_l2, safe_l2, finalized_l2;
    bool parent_reached;
    u64 items, items_read;    /* of the Inbox: there, and in the unsafe chain */
    u64 batches, claims;      /* on the parent; claims as this node's proposer knows them */
    u64 backlog_blocks;       /* unsafe and not yet on the parent */
    u64 backlog_bytes;        /* of users' transactions in them, where this is the sequencer */
    u64 lost_txs;             /* soft confirmations that could not be kept, or not yet */
    bool accepting;           /* the sequencer takes transactions */
    char refusing[LAYER_WHY]; /* why not */
    struct layer_sequencer sequencer;
};

void layer_status(struct layer *layer, struct layer_status *out);
/* Whether a sequencer takes no transactions for now, and why. */
bool layer_is_behind(struct layer *layer, char why[static LAYER_WHY]);

/* Where a transaction goes that this node is sent. */
enum layer_intake {
    INTAKE_OWN,     /* into the pool, for the sequencer here */
    INTAKE_FORWARD, /* to the sequencer elsewhere: layer_forward */
    INTAKE_NONE,    /* nowhere */
};
enum layer_intake layer_intake(const struct layer *layer);
/* `raw` as it came. Statuses as sequencer_send; ST_AGAIN also: too many are on their way. */
enum status layer_forward(struct layer *layer, bytes raw, hash32 hash,
                          struct sequencer_refusal *refusal, struct err *err);

/* Blocks that this sequencer may sign for its followers: those that it made, as far as the head was
 * when this was asked. */
struct layer_unsafe {
    u64 first, last; /* none where last < first */
    hash32 last_hash;
};
/* Waits at most `wait_ms` until there is one of number `from` or above, if a thread can be spared
 * for that. ST_INVALID: this node signs none, and why. */
enum status layer_unsafe_blocks(struct layer *layer, u64 from, u64 wait_ms,
                                struct layer_unsafe *out, struct err *err);
/* One of them. */
enum status layer_sign_block(struct layer *layer, hash32 hash, signature65 *out, struct err *err);

/* A block of the child with what its first transaction says of its origin. */
enum status layer_read_l2(struct layer *layer, struct snapshot *at, const struct block_ref *ref,
                          struct layer_l2 *out, struct err *err);

/* A blob of a batch of this child's. ST_MISSING: not here. */
enum status layer_read_blob(const struct layer *layer, hash32 versioned_hash, struct blob *out,
                            struct err *err);

const struct rollup *layer_rollup(const struct layer *layer);

/* The deposit that OP's clients know by `op_hash` (they hash the parent's block and log index,
 * which an accumulator cannot know): the hash of our transaction. False: there is none. */
bool layer_find_deposit(struct layer *layer, hash32 op_hash, hash32 *ours);

/* The message passer's account after the last block of a batch, with its proof, however old that
 * is; snapshot_seek_kept has its storage. ST_MISSING: not kept. */
enum status layer_find_kept(struct layer *layer, hash32 block_hash, struct kept_account *out,
                            struct arena *arena);

#endif

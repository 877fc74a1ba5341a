/* A chain: its blocks, its state, its head.
 *
 * One thread, the owner, changes a chain: it imports, builds, reorganises, patches. Any number of
 * threads read it through snapshots, which never wait for the owner.
 *
 *   owner    chain_import  chain_build  chain_set_head  chain_patch  chain_flush  chain_close
 *   readers  snapshot_open .. snapshot_close, and what is between
 *
 * Durable before promised: when a call of the owner returns ST_OK, the block or head that it
 * reports is in the log and synced. A process hosts as many chains as memory allows; nothing here
 * is global. */
#ifndef CHAIN_CHAIN_H
#define CHAIN_CHAIN_H

#include "chain/genesis.h"
#include "evm/state_view.h"
#include "stf/stf.h"
#include "sys/files.h"
#include "sys/thread.h"

struct chain;

/* --- Opening and closing. */

struct chain_options {
    const struct files *files; /* outlives the chain */
    const char *folder;        /* made where it is absent; one process holds it at a time */
    const struct genesis
        *genesis;       /* NULL: take the one that the folder holds. Borrowed for the call */
    u64 history_blocks; /* how far back state can be read; UINT64_MAX: archive */
    u64 proof_blocks;   /* how far back proofs can be made; at most history_blocks */
    /* keccak of an account whose storage trie is kept in all its versions (snapshot_seek_kept).
     * Rows that it has let go of do not come again where this is set later. Zero: none. */
    hash32 kept_owner;
    struct pool *pool; /* recovers senders of imported blocks; NULL: the owner does it alone */
};

/* Opens the folder, cuts a torn tail off the log and replays what the state on disk lacks.
 * ST_INVALID: the folder belongs to another genesis, or was written by a newer version.
 * ST_CORRUPT: the data there is not what this program wrote.  ST_FULL: the disk is full.
 * ST_AGAIN: another process holds the folder. */
enum status chain_open(const struct chain_options *options, struct chain **out, struct err *err);

/* Flushes and closes; every snapshot must be closed. NULL is fine. */
void chain_close(struct chain *chain);

/* Writes the state of the newest block to disk now, instead of some time later. */
enum status chain_flush(struct chain *chain, struct err *err);

const struct chain_config *chain_config(const struct chain *chain);
hash32 chain_genesis_hash(const struct chain *chain);

/* --- Heads. */

/* What readers may know about a head without opening a snapshot. Immutable. */
struct head {
    struct header header; /* extra_data lives as long as the head */
    hash32 hash;
    u256 total_difficulty; /* including this block's */
    /* A child chain's: what held this block's base fee up. Until the parent's prices change, it
     * holds the next one's. Zero for its genesis, and on other chains. */
    u256 base_fee_floor_wei;
    u64 finalized, safe; /* block numbers; 0 until told */
    u64 id;              /* grows with every change of head or state: equal ids, equal answers */
};

/* The current head, held: from any thread. */
const struct head *chain_head(struct chain *chain);
void head_release(const struct head *head);

/* Told on the owner's thread after each change of head, before the call that caused it returns.
 * `removed` are the blocks that left the canonical chain, newest first; `added` those that
 * joined it, oldest first. A patch changes the state alone: both counts are then 0. */
struct chain_event {
    const struct head *head;
    const struct block_ref *removed;
    usize removed_count;
    const struct block_ref *added;
    usize added_count;
};

/* Names a block. Its content: block_ref_read. */
struct block_ref {
    u64 number;
    hash32 hash;
    u64 position; /* in the log */
};

struct chain_listener {
    void *self;
    void (*head_changed)(void *self, const struct chain_event *event);
};

/* Before the first change; at most 8. The listener outlives the chain. */
void chain_listen(struct chain *chain, struct chain_listener listener);

/* --- The owner: changes. */

enum import_outcome {
    IMPORT_HEAD,   /* the block is the new head */
    IMPORT_SIDE,   /* valid and kept, but not the head */
    IMPORT_KNOWN,  /* was there already */
    IMPORT_ORPHAN, /* its parent is unknown; not kept */
};

/* How the head is chosen: by total difficulty before the merge and, where `follow` is set, by
 * being the child of the head after it; else only chain_set_head moves a merged chain's head.
 * ST_INVALID: the block breaks a rule.  ST_FULL, ST_IO: could not be stored; nothing changed. */
enum status chain_import(struct chain *chain, bytes block_rlp, bool follow,
                         enum import_outcome *outcome, struct err *err);

/* The same for blocks that follow each other, as in an export file: one sync at the end, senders
 * recovered ahead in parallel. *imported counts the blocks that are now kept, also on failure. */
enum status chain_import_all(struct chain *chain, bytes blocks_rlp, usize *imported,
                             struct err *err);

/* Makes a known block the head (forkchoice, reorg, evm_revert to a block).
 * ST_MISSING: unknown block, or its state is beyond the history kept. */
enum status chain_set_head(struct chain *chain, hash32 hash, struct err *err);

/* What a consensus client declares; must be ancestors of the head. */
enum status chain_set_finality(struct chain *chain, hash32 safe, hash32 finalized, struct err *err);

/* Where transactions of a block come from: the pool, a list, nothing. */
struct tx_source {
    void *self;
    /* The next candidate, or NULL when there are none; lives until `done` is called for it.
     * `gas_left` and `blob_gas_left` are what the block still takes (the latter is for the
     * footprint on a child chain). *envelope may be left empty: then the chain encodes it itself.
     * tx->from must be known. */
    const struct tx *(*next)(void *self, u64 gas_left, u64 blob_gas_left, bytes *envelope);
    /* Says what became of the candidate: ST_OK it is in the block; ST_INVALID it can not be
     * included, and why; ST_FULL it did not fit into what is left of this block. */
    void (*done)(void *self, const struct tx *tx, enum status verdict, const struct err *why);
};

struct build_params {
    u64 timestamp;
    address beneficiary;
    hash32 prev_randao;
    u64 gas_limit;
    bytes extra_data;                     /* at most 32 bytes */
    const struct withdrawal *withdrawals; /* from Shanghai on; may be none */
    usize withdrawal_count;
    hash32 parent_beacon_root; /* from Cancun on */
    bool has_base_fee;         /* else as EIP-1559 says; test methods choose it */
    u256 base_fee_wei;
    /* A child chain's block begins with them, hashes filled in: L1 attributes, then what the parent
     * asks for. Other chains have none. */
    const struct tx *deposits;
    usize deposit_count;
    const struct tx_source *txs; /* NULL: none but the deposits */
    /* All of them or no block: a candidate that cannot be included makes it ST_INVALID. */
    bool all_txs;
};

/* A block made on the head. It lives until the owner's next call. */
struct built_block {
    struct block block;
    struct receipt *receipts;
    bytes *requests; /* EIP-7685, with their type bytes */
    usize request_count;
    u256 fees_wei; /* priority fees to the beneficiary */
};

/* Builds on the head, writes the block to the log, syncs, and makes it the head. On a child chain
 * the beneficiary is what it must be, whatever the parameters say.
 * ST_INVALID: the parameters break a rule (a timestamp not after the parent's, or on a child chain
 * before it; a deposit that cannot be in this block). */
enum status chain_build(struct chain *chain, const struct build_params *params,
                        struct built_block *out, struct err *err);

/* Builds and forgets: for getPayload, `pending`, simulations. The head stays. */
enum status chain_build_preview(struct chain *chain, const struct build_params *params,
                                struct built_block *out, struct err *err);

/* --- The owner: test methods. Only for orderer `dev`. */

/* Sets accounts, code and slots of the head's state as `anvil_setBalance` and its sisters do, and
 * makes it durable. Of `diff`, only `after`, `exists`, `slots` and `codes` are read. */
enum status chain_patch(struct chain *chain, const struct diff *diff, struct err *err);

/* Names the head with its state (patches included) and returns to it: evm_snapshot, evm_revert.
 * Valid across restarts. ST_MISSING: no such point. */
u64 chain_mark(struct chain *chain);
enum status chain_return_to(struct chain *chain, u64 mark, struct err *err);

/* --- Readers. */

/* A consistent view of a chain as of one head, and of the state after one of its blocks. Held by
 * the caller, on one thread, under 100 ms and never across a socket write (snapshot_renew). What
 * it hands out borrows from it or lives in its arena. */
struct snapshot {
    struct chain *chain;
    const struct head *head;
    u64 number;          /* of the block whose state is read */
    struct arena *arena; /* the caller's, for what must be decoded */
    struct store_read *read;
    const struct layer_stack *layers; /* above what `read` shows; NULL: none */
    bool past;                        /* below the layers: the state after block `past_number`, */
    u64 past_number;                  /* else the newest on disk */
};

/* Opens at the head. ST_IO: the store can not be read. */
enum status snapshot_open(struct chain *chain, struct arena *arena, struct snapshot *out,
                          struct err *err);
/* The same at a head that the caller holds, so that several snapshots agree.
 * ST_AGAIN: that head is too old by now; take the current one. */
enum status snapshot_open_at(struct chain *chain, const struct head *head, struct arena *arena,
                             struct snapshot *out, struct err *err);
void snapshot_close(struct snapshot *snapshot);

/* Lets go of the disk's snapshot and takes it again, at the same head; for cursors that last.
 * ST_AGAIN as above. */
enum status snapshot_renew(struct snapshot *snapshot, struct err *err);

/* Chooses the canonical block whose state is read.
 * ST_MISSING: there is none yet, or its state is beyond the history kept. */
enum status snapshot_seek(struct snapshot *snapshot, u64 number, struct err *err);

/* The same for nodes of chain_options.kept_owner alone, however old the block is. */
enum status snapshot_seek_kept(struct snapshot *snapshot, u64 number, struct err *err);

/* The chosen state, for execution and for proofs; alive as long as the snapshot. */
struct state_view snapshot_view(struct snapshot *snapshot);
struct node_source snapshot_nodes(struct snapshot *snapshot);
/* Whether the trie nodes of the chosen state are there: chain_options.proof_blocks. */
bool snapshot_has_nodes(const struct snapshot *snapshot);
/* Root of the chosen state: the header's, unless a patch changed it. */
enum status snapshot_state_root(struct snapshot *snapshot, hash32 *out, struct err *err);

/* --- Readers: blocks. Whatever snapshot_seek chose, all blocks of the head's chain are there. */

/* ST_MISSING: beyond the head; not canonical and not kept. */
enum status snapshot_ref_by_number(struct snapshot *snapshot, u64 number, struct block_ref *out);
/* *canonical may be NULL. */
enum status snapshot_ref_by_hash(struct snapshot *snapshot, hash32 hash, struct block_ref *out,
                                 bool *canonical);

/* A block as it was stored. Everything lives in the snapshot's arena or as long as the snapshot. */
struct stored_block {
    struct block block; /* senders known, hashes filled in, deposits' nonces where kept */
    bytes rlp;
    u256 total_difficulty; /* including this block's */
};

enum status block_ref_header(struct snapshot *snapshot, const struct block_ref *ref,
                             struct header *out, struct err *err);
enum status block_ref_read(struct snapshot *snapshot, const struct block_ref *ref,
                           struct stored_block *out, struct err *err);
/* The block's RLP alone. */
enum status block_ref_rlp(struct snapshot *snapshot, const struct block_ref *ref, bytes *out,
                          struct err *err);
/* Receipts of a canonical block, in order. ST_MISSING: not kept. */
enum status block_ref_receipts(struct snapshot *snapshot, const struct block_ref *ref,
                               struct receipt **out, usize *count, struct err *err);

/* One transaction of a block with its receipt, the others left alone: for large blocks. */
struct stored_tx {
    struct header header; /* of the block */
    struct tx tx;         /* sender known, hash filled in */
    bytes envelope;
    bool has_receipt; /* canonical, and kept */
    struct receipt receipt;
    u64 first_log; /* logs before its own in the block */
};

/* ST_MISSING: the block has no more than `index`. */
enum status block_ref_tx(struct snapshot *snapshot, const struct block_ref *ref, usize index,
                         struct stored_tx *out, struct err *err);

struct tx_location {
    struct block_ref block;
    usize index;
};

/* ST_MISSING: no canonical block holds it. */
enum status snapshot_tx_location(struct snapshot *snapshot, hash32 hash, struct tx_location *out);

/* The first block in [from, to] whose logs bloom `may_match` accepts. ST_MISSING: none. Looks at
 * most at `budget` blocks, then ST_AGAIN with *found where to go on: renew in between. */
enum status snapshot_next_bloom(struct snapshot *snapshot, u64 from, u64 to, u64 budget,
                                bool (*may_match)(void *self, const bloom256 *bloom), void *self,
                                u64 *found);

/* --- Figures, since the chain was opened. Times in nanoseconds. */

struct chain_stats {
    u64 blocks, txs, gas;
    u64 recover_ns, execute_ns, trie_ns, commit_ns; /* commit: log append and sync */
    u64 flushes, flush_ns;
    u64 log_bytes, layer_bytes;
    u64 replayed_blocks, open_ns;
    u64 cut_bytes; /* that a torn end of the log had at opening; kept in blocks.cut */
};

/* From any thread. */
struct chain_stats chain_stats(struct chain *chain);

#endif

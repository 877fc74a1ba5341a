/* Derivation: what the parent's Inbox holds in, the child's blocks out. A pure fold, one step for
 * each batch, so that every follower, and the program that a dispute is about, makes the same chain
 * of the same accumulators.
 *
 *      state ──┐
 *      batch ──┴─> derive_open ─> derive_more? ──no──> derive_close ─> state
 *                                   │ yes     ▲
 *                                   ▼         │
 *                              derive_next    │
 *                                   │         │
 *                              (execute it) ──┴── derive_done(its hash), or
 *                                                 derive_reject: the same block comes once more,
 *                                                 without its users' transactions
 *
 * Rules. What breaks one makes no error, but other blocks: every item runs exactly once, in order,
 * whatever the batches are.
 *
 *   the data decode (derive/batch.h)            else the batch is skipped:
 *   the first block is the head's next            its items run in blocks of their own
 *   its parent's hash begins with the prefix
 *     given, unless that is zero
 *   for each block:
 *     its origin is not before the one before,
 *       nor after the batch's
 *     its time is not before the one before,
 *       nor before its origin's, nor more than
 *       600 s after the later of its origin's
 *       and the append's
 *     its items are within the batch's, and
 *       their gas and the attributes' within
 *       the block's gas limit
 *   its users' transactions can be executed     else it has none, the blocks after it are dropped,
 *                                                 and the items that are left run in blocks of
 *                                                 their own
 *
 * So do items that no block of a good batch reads. A block of their own takes as many as its gas
 * limit allows; its origin is the batch's, its time the later of the one before and its origin's.
 *
 * Source: docs/layer2-formats.md; the names of attributes and deposits are the OP Stack's. */
#ifndef DERIVE_DERIVE_H
#define DERIVE_DERIVE_H

#include "derive/batch.h"
#include "derive/inbox.h"
#include "stf/stf.h"

/* The rules above. A chain whose configuration says another version needs another program. */
enum { DERIVE_VERSION = 1 };

enum { DERIVE_TIME_AHEAD = 600 }; /* seconds */

/* What the Inbox takes, so that an item fits into any block: its gas is cut down to this, and gas
 * limits outside of these bounds are not taken over. */
enum { DERIVE_ITEM_GAS = 15000000, DERIVE_LEAST_GAS_LIMIT = 21000000 };
#define DERIVE_MOST_GAS_LIMIT STF_MAX_GAS_LIMIT

/* What a change of configuration may use. */
enum { DERIVE_CONFIG_GAS = 1000000 };

/* Whom changes of configuration come from: 0xdead…0002. */
extern const address DERIVE_CONFIG_ACCOUNT;

/* Of a chain, for ever. */
struct derive_config {
    struct inbox_id id;
    const struct chain_config *chain; /* the child's */
    /* The parent's prices of blobs, for what headers do not say. */
    struct blob_schedule_entry parent_blobs[MAX_BLOB_SCHEDULE]; /* ascending in time */
    usize parent_blob_count;
};

/* What SystemConfig on the parent sets, by items. */
struct derive_params {
    u64 gas_limit;
    u32 base_fee_scalar, blob_base_fee_scalar;
    address sequencer;
    u64 version;
};

enum derive_param {
    DERIVE_GAS_LIMIT,
    DERIVE_BASE_FEE_SCALAR,
    DERIVE_BLOB_BASE_FEE_SCALAR,
    DERIVE_SEQUENCER,
    DERIVE_PROTOCOL_VERSION,
};

/* A block of the parent, as far as a child's block tells of it. */
struct derive_origin {
    u64 number;
    hash32 hash;
    hash32 parent_hash;
    u64 timestamp;
    u256 base_fee_wei;      /* zero where the header has none */
    u256 blob_base_fee_wei; /* zero where the parent has no blobs */
    hash32 mix_hash;
    hash32 parent_beacon_root; /* zero where the header has none */
};

/* Reads the keccak preimage of a block's hash. Fields that newer forks have added at its end are
 * passed over. ST_INVALID: no header. */
enum status derive_origin_read(const struct derive_config *config, bytes header,
                               struct derive_origin *out, struct err *err);

/* Between two batches, and the blocks of one. */
struct derive_state {
    struct derive_params params;
    struct {
        u64 number;
        hash32 hash;
        u64 timestamp;
        u64 sequence_number; /* blocks since the origin changed */
        struct derive_origin origin;
    } head;
    u64 inbox_pos; /* items read */
    hash32 inbox_acc;
    u64 batch_count;
    hash32 batch_acc;
};

/* As a store keeps it: big-endian, one field after the other. ST_CORRUPT: another size. */
enum { DERIVE_STATE_SIZE = 388 };
void derive_state_encode(const struct derive_state *state, u8 *to);
enum status derive_state_decode(bytes in, struct derive_state *out);

/* What a chain may begin with, or change to. ST_INVALID: a gas limit out of bounds; a version that
 * this program does not know. */
enum status derive_params_check(const struct derive_params *params, struct err *err);

/* Before the first batch: the child's genesis block, made at this block of the parent, with
 * parameters that derive_params_check allows. */
struct derive_state derive_genesis(const struct derive_config *config,
                                   const struct derive_params *params, hash32 hash, u64 timestamp,
                                   const struct derive_origin *origin);

/* --- One block. */

/* All that execution needs besides its parent: the block's number, time, limits and transactions.
 */
struct derive_block {
    u64 number;
    hash32 parent_hash;
    u64 timestamp;
    u64 sequence_number;
    struct derive_origin origin; /* its mix_hash and parent_beacon_root are the block's, too */
    struct derive_params params; /* in force in it, its own items included */
    u64 inbox_pos;               /* after it */
    hash32 inbox_acc;
    /* The attributes, a deposit for each item, then the users'. Hashes are set, users' senders are
     * not. */
    const struct tx *txs;
    const bytes *envelopes;
    usize tx_count;
    usize deposit_count;
};

/* What a block is made of. */
struct derive_plan {
    u64 timestamp;
    const struct derive_origin *origin;
    const struct inbox_item *items; /* from the state's inbox_pos on */
    usize item_count;
    const struct tx *txs; /* users' */
    usize tx_count;
};

/* The next block after the state's head; the sequencer makes its own with it, too. Lives in
 * `arena`, of which it takes at most derive_compose_bound, and borrows from the plan. ST_MISSING:
 * its items switch the chain to a version that this program does not know. */
enum status derive_compose(const struct derive_state *state, const struct derive_plan *plan,
                           struct derive_block *out, struct arena *arena, struct err *err);
usize derive_compose_bound(const struct derive_plan *plan);

/* How many of these items the next block takes, by their gas: at least one, if there is one. */
usize derive_items_fit(const struct derive_config *config, const struct derive_state *state,
                       u64 timestamp, const struct inbox_item *items, usize count);

/* Moves the state on by a block that has been executed. */
void derive_advance(struct derive_state *state, const struct derive_block *block, hash32 hash);

/* --- One batch. */

/* What the parent has of it. The caller vouches that blobs are what their hashes say (by KZG); all
 * else is checked. Must outlive the run. */
struct derive_input {
    struct batch_record record;
    enum batch_data_kind kind;
    bytes data; /* BATCH_CALLDATA */
    const hash32 *blob_hashes;
    const bytes *blobs; /* BATCH_BLOBS: blob_count each */
    usize blob_count;
    const struct inbox_item *items; /* all from the state's inbox_pos to the record's */
    usize item_count;
    /* Headers of the parent as in derive_origin_read, oldest first, the last one the batch's
     * origin: as many as the blocks of the batch refer to. None where the head's origin is that
     * one. */
    const bytes *headers;
    usize header_count;
};

struct derive_run {
    const struct derive_config *config;
    const struct derive_input *input;
    struct derive_state state; /* moves on with every block */
    struct batch batch;        /* blocks still to come: from `next` on */
    usize next;
    const struct derive_origin *origins; /* of the headers */
    struct derive_origin last_origin;    /* of blocks without a batch's */
    struct derive_block block;           /* handed out, and not yet reported on */
    bool waiting;
    bool without_users; /* the block comes again */
    /* Why not all blocks of the batch are run, for logs; empty where they are. */
    struct err reason;
    u64 origins_needed; /* where derive_open says ST_MISSING: headers from this number on */
};

/* Starts on the next batch. Lives in `arena`, of which it takes at most derive_open_bound.
 * ST_INVALID: the input is not what the accumulators commit to; the state stays as it is.
 * ST_MISSING: some of the batch's blocks refer to earlier headers than were given. */
enum status derive_open(struct derive_run *run, const struct derive_config *config,
                        const struct derive_state *state, const struct derive_input *input,
                        struct arena *arena, struct err *err);
usize derive_open_bound(const struct derive_input *input);

bool derive_more(const struct derive_run *run);

/* The next block, when the one before has been reported on. It and what it points to live in
 * `arena` (of which it takes at most derive_next_bound) and the run.
 * ST_MISSING: as derive_compose; nothing has changed. */
enum status derive_next(struct derive_run *run, const struct derive_block **out,
                        struct arena *arena, struct err *err);
usize derive_next_bound(const struct derive_run *run);

/* It was executed, and this is its hash. */
void derive_done(struct derive_run *run, hash32 hash);

/* A user's transaction in it could not be executed, for this reason (may be NULL). */
void derive_reject(struct derive_run *run, const struct err *why);

/* The state after the batch, when there are no more blocks. */
struct derive_state derive_close(const struct derive_run *run);

#endif

/* The state transition function: one block in, its outcome out. Pure: no clock, I/O, malloc or
 * mutable globals, so that the node, eth_call, tracers, the guest and the tests run the same code.
 *
 *   stf_begin, stf_apply_tx…, stf_end    a block in the making, transaction by transaction
 *   stf_execute(block, view)             -> diff, receipts: the three above over a whole body
 *   stf_block(block, view, node source)  -> the same and the state root, all commitments judged
 *   stf_call(message, view)              -> one message outside any block (eth_call)
 *
 * Source: execution-specs, FORK/fork.py, apply_body and state_transition. */
#ifndef STF_STF_H
#define STF_STF_H

#include "evm/evm.h"
#include "trie/trie.h"
#include "types/block.h"
#include "types/receipt.h"

struct stf_result {
    struct diff diff;
    struct receipt *receipts;
    usize receipt_count;
    u64 gas_used;
    u64 blob_gas_used; /* a child chain's: the footprint of its users' transactions */
    bloom256 logs_bloom;
    /* EIP-7685: each request is its type byte and data; empty ones left out. Since Prague. */
    bytes *requests;
    usize request_count;
    hash32 requests_hash;
    hash32 state_root;           /* stf_block only */
    struct trie_changes changes; /* stf_block only */
};

/* Bytes of address space that executing a block of this gas limit can take from an arena, for gas
 * limits up to STF_MAX_GAS_LIMIT; above, it stays what it is there. */
#define STF_MAX_GAS_LIMIT ((u64)1 << 33)
usize stf_arena_bound(u64 gas_limit);

/* --- A block in the making. */

struct stf;

struct stf_options {
    /* Only transactions: no system calls, withdrawals, rewards or requests. The official state
     * tests are such blocks. */
    bool transactions_only;
    /* Watches execution; may be NULL. */
    const struct evm_tracer *tracer;
};

/* Starts a block on the state that `view` shows. `header` gives the environment: number, time,
 * limits, fees, parent_hash and parent_beacon_root; its commitments are not looked at. What it
 * points to, and rules and view, must outlive the block. */
struct stf *stf_begin(const struct rules *rules, const struct header *header,
                      const struct state_view *view, struct stf_options options,
                      struct arena *arena);

/* Runs one transaction. ST_INVALID: it may not be here, and the state is as before; the block can
 * go on with another. Senders are recovered where from_known is false.
 * *receipt lives in the arena of stf_begin. */
enum status stf_apply_tx(struct stf *stf, const struct tx *tx, struct receipt *receipt,
                         struct err *err);

u64 stf_gas_left(const struct stf *stf);
/* On a child chain, what is left for the footprint (child_footprint). */
u64 stf_blob_gas_left(const struct stf *stf);

/* Withdrawals, rewards and requests; then the outcome. `receipts` are those of the applied
 * transactions in order (the result borrows them). ST_INVALID: a system contract that the fork
 * needs is missing or failed. Other statuses: the view's first failure. */
enum status stf_end(struct stf *stf, const struct block *block, struct receipt *receipts,
                    usize receipt_count, struct stf_result *out, struct err *err);

/* The outcome so far, for the roots that receipts held before Byzantium. */
void stf_diff(struct stf *stf, struct diff *out, struct arena *arena);

/* --- Whole blocks. */

/* Executes the body under the header's environment. Headers' own rules (parent, times, base fee)
 * are check_header's. ST_INVALID: a transaction may not be in this block. Results live in
 * `arena`. */
enum status stf_execute(const struct rules *rules, const struct block *block,
                        const struct state_view *view, struct stf_result *out, struct arena *arena,
                        struct err *err);

/* stf_execute, the state root on top of the parent's, and all commitments of the header compared
 * with the outcome. Before Byzantium receipts hold the root after each transaction. */
enum status stf_block(const struct rules *rules, const struct header *parent,
                      const struct block *block, const struct state_view *view,
                      const struct node_source *nodes, struct stf_result *out, struct arena *arena,
                      struct err *err);

/* The same without judging the header: for whoever builds the block, to fill in its fields. */
enum status stf_state_root(const struct node_source *nodes, hash32 parent_root,
                           struct stf_result *result, struct arena *arena, struct err *err);

/* --- A message outside any block. */

struct stf_call_result {
    enum evm_halt halt;
    u64 gas_used;          /* intrinsic gas included, refunds taken off, floor applied (EIP-7623) */
    u64 gas_spent_at_most; /* before refunds: what the gas limit had to cover */
    bytes output; /* of a creation: the contract's code */
    address created;
    const struct log *logs;
    usize log_count;
};

/* Runs `tx` from tx->from as if it opened the block of `header`, without asking for a nonce or a
 * signature; fees are neither charged nor needed where its max_fee is zero, and the value must be
 * there. ST_INVALID: it could not be in any block (below its intrinsic gas, say). Takes at most
 * stf_arena_bound(tx->gas_limit) from the arena, whatever the block's limit. */
enum status stf_call(const struct rules *rules, const struct header *header,
                     const struct state_view *view, const struct tx *tx,
                     const struct evm_tracer *tracer, struct stf_call_result *out,
                     struct arena *arena, struct err *err);

#endif

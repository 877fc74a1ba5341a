/* The state transition function: one block in, its outcome out. Pure: no clock, I/O, malloc or
 * mutable globals, so that the node, eth_call, tracers, the guest and the tests run the same code.
 *
 *   stf_execute(block, view)             -> diff, receipts
 *   stf_block(block, view, node source)  -> the same and the state root, everything judged
 *
 * Source: execution-specs, FORK/fork.py, apply_body and state_transition. */
#ifndef STF_STF_H
#define STF_STF_H

#include "evm/fork.h"
#include "evm/state_view.h"
#include "trie/trie.h"
#include "types/block.h"
#include "types/receipt.h"

struct stf_result {
    struct diff diff;
    struct receipt *receipts;
    usize receipt_count;
    u64 gas_used;
    u64 blob_gas_used;
    bloom256 logs_bloom;
    /* EIP-7685: each request is its type byte and data; empty ones left out. */
    bytes *requests;
    usize request_count;
    hash32 requests_hash;
    hash32 state_root;            /* stf_block only */
    struct trie_changes changes;  /* stf_block only */
};

/* Bytes that executing a block of this gas limit can take from an arena. */
usize stf_arena_bound(u64 gas_limit);

/* Executes the body under the header's environment. Headers' own rules (parent, times, base fee)
 * are check_header's; senders are recovered here where tx->from_known is false.
 * ST_INVALID: a transaction may not be in this block. Results live in `arena`. */
enum status stf_execute(const struct rules *rules, const struct block *block,
                        const struct state_view *view, struct stf_result *out,
                        struct arena *arena, struct err *err);

/* stf_execute, the state root on top of the parent's, and all commitments of the header compared
 * with the outcome. Before Byzantium receipts hold the root after each transaction. */
enum status stf_block(const struct rules *rules, const struct header *parent,
                      const struct block *block, const struct state_view *view,
                      const struct node_source *nodes, struct stf_result *out,
                      struct arena *arena, struct err *err);

/* The header's rules against its parent, and the body's commitments; no state needed. */
enum status check_header(const struct chain_config *config, const struct rules *rules,
                         const struct header *header, const struct header *parent,
                         bool parent_has_ommers, struct err *err);

#endif

/* Proofs that outlive the window in which a node makes proofs (--proofs): of the message passer's
 * account after each batch, which is what claims are about. All versions of its storage trie stay
 * in the chain's state (chain_options.kept_owner), so that withdrawals can be proven against any of
 * these.
 *
 *   "outputs" in the child's folder: block hash -> (size:2 node)*, for the newest 65,536 batches */
#ifndef LAYER_KEPT_H
#define LAYER_KEPT_H

#include "chain/chain.h"
#include "store/hash_index.h"

enum { KEPT_OUTPUTS = 1 << 16 };

/* For chain_options.kept_owner. */
hash32 kept_owner(void);

/* Keeps the proof for a canonical block. ST_MISSING: its state is beyond the window already. */
enum status kept_put(struct hash_index *index, struct chain *chain, u64 number, hash32 hash,
                     struct arena tmp, struct err *err);

/* The message passer in the state after a block. */
struct kept_account {
    struct account account;
    bytes *nodes; /* of the state trie, from the root on */
    usize count;
};
/* ST_MISSING: not kept. Everything lives in `arena`. */
enum status kept_find(struct hash_index *index, hash32 block_hash, struct kept_account *out,
                      struct arena *arena);

#endif

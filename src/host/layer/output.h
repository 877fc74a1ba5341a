/* What an output of the child is made of: asked of a node, or read from the chain itself. */
#ifndef LAYER_OUTPUT_H
#define LAYER_OUTPUT_H

#include "chain/chain.h"
#include "client/contract.h"
#include "store/hash_index.h"

/* OP's version-0 output of a block, with the proof of a slot of the message passer. */
struct child_output {
    hash32 state_root, block_hash, root;
    struct slot_proof proof;
};

/* `kept`: outputs from before the chain's window (layer/kept.h); NULL: there are none.
 * ST_MISSING: no such block (yet).  ST_INVALID: no proof of it is kept (any more). Others as
 * client/eth.h and chain/chain.h. Everything lives in `arena`. */
enum status output_ask(struct eth *child, u64 number, hash32 slot, struct child_output *out,
                       struct arena *arena, struct err *err);
enum status output_read(struct chain *child, struct hash_index *kept, u64 number, hash32 slot,
                        struct child_output *out, struct arena *arena, struct err *err);

#endif

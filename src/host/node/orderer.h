/* The dev orderer: the thread that owns the chain and makes its blocks.
 *
 *   pool grew, orders of test methods, the clock -> orderer -> chain_build -> listeners
 *
 * Blocks come when transactions do (all that are executable at that moment go into one block, so a
 * burst costs time in proportion to its size), every N milliseconds, or on demand. */
#ifndef NODE_ORDERER_H
#define NODE_ORDERER_H

#include "rpc/rpc.h"

struct orderer;

struct orderer_options {
    struct chain *chain;
    struct txpool *pool;
    bool automine;
    u64 interval_ms;  /* 0: none */
    u64 heartbeat_ms; /* an empty block where there was none for so long; 0: none */
    u64 gas_limit;
};

/* Starts its thread; from here on only it changes the chain. */
enum status orderer_start(const struct orderer_options *options, struct orderer **out,
                          struct err *err);

/* Finishes the block in the making and ends the thread. NULL is fine. */
void orderer_stop(struct orderer *orderer);

/* From any thread. */
void orderer_pool_grew(struct orderer *orderer);
enum status orderer_run(struct orderer *orderer, struct dev_order *order, struct err *err);
bool orderer_impersonates(struct orderer *orderer, address who);

/* Whether a change of head is the orderer's own step back (evm_revert), after which transactions
 * of the blocks that left must not come again. On its thread. */
bool orderer_is_returning(const struct orderer *orderer);

#endif

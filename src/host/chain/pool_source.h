/* The pool as a chain's source of transactions: in the pool's order, each account's in the order of
 * its nonces; what the chain refuses leaves the pool. */
#ifndef CHAIN_POOL_SOURCE_H
#define CHAIN_POOL_SOURCE_H

#include "chain/chain.h"
#include "txpool/txpool.h"

struct pool_source {
    struct txpool *pool;
    struct txpool_order *order;
    bool peeked; /* `pick` has not been offered yet */
    struct txpool_pick pick;
    usize included;
    usize bytes_left; /* that envelopes may still take; the caller may lower it at the beginning */
    struct tx_source source; /* for build_params */
};

/* Opens the pool's order at these prices. Whether there is a transaction at all is then in
 * `peeked`. Stays where it is until pool_source_end: `source` points into it. */
void pool_source_begin(struct pool_source *from, struct txpool *pool, u256 base_fee_wei,
                       u256 blob_fee_wei);
void pool_source_end(struct pool_source *from);

#endif

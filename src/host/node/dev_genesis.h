/* The first block of a developer's chain: every fork active, system contracts, Multicall3, the
 * deterministic deployment proxy and channels' contracts at their known addresses, and funded
 * accounts. */
#ifndef NODE_DEV_GENESIS_H
#define NODE_DEV_GENESIS_H

#include "chain/genesis.h"
#include "client/keys.h"

struct dev_genesis {
    u64 chain_id;
    u64 timestamp;
    u64 gas_limit;
    u64 balance_ether; /* of each account of `keys` */
    const struct keys *keys;
};

/* Writes it as a genesis file and reads that, so that it is one like any other. */
enum status dev_genesis_make(const struct dev_genesis *from, struct genesis *out,
                             struct arena *arena, struct err *err);

#endif

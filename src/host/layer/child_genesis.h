/* The first block of a child chain: predeploys at OP's addresses with the settings that rollup.json
 * gives, and nobody's money: all ether comes over the bridge. */
#ifndef LAYER_CHILD_GENESIS_H
#define LAYER_CHILD_GENESIS_H

#include "chain/genesis.h"
#include "layer/rollup.h"

/* `rollup` without its genesis_hash. Everything lives in `arena`. */
enum status child_genesis_make(const struct rollup *rollup, struct genesis *out,
                               struct arena *arena, struct err *err);

/* OP's version-0 output of that block. */
hash32 child_genesis_output(const struct genesis *genesis, struct arena tmp);

#endif

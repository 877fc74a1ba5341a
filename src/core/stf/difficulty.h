/* The difficulty that a proof-of-work block must state.
 * Source: Yellow Paper, section 4.3.4 (Frontier, EIP-2), EIP-100, and the delays of the
 * difficulty bomb: EIP-649, 1234, 2384, 3554, 4345, 5133. */
#ifndef STF_DIFFICULTY_H
#define STF_DIFFICULTY_H

#include "evm/fork.h"
#include "types/header.h"

/* Of the block `number` at `timestamp`, which must be after its parent's. */
u256 ethash_difficulty(const struct chain_config *config, u64 number, u64 timestamp,
                       const struct header *parent, bool parent_has_ommers);

#endif

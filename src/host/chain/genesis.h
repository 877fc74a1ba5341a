/* The first block of a chain: what a genesis file in geth's format says. */
#ifndef CHAIN_GENESIS_H
#define CHAIN_GENESIS_H

#include "evm/fork.h"
#include "types/account.h"
#include "types/header.h"

struct genesis {
    struct chain_config config;
    struct header header; /* state_root filled in from `alloc` */
    struct diff alloc; /* the allocation, as a change of the empty state; storage roots filled in */
};

/* Reads a genesis file. Unknown keys are ignored, as geth does; a fork that this program does not
 * know is refused. Everything lives in `arena`.
 * ST_INVALID: malformed, with where and why. */
enum status genesis_parse(bytes json, struct genesis *out, struct arena *arena, struct err *err);

#endif

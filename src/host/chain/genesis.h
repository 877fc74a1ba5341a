/* The first block of a chain: what a genesis file in geth's format says. */
#ifndef CHAIN_GENESIS_H
#define CHAIN_GENESIS_H

#include "base/json.h"
#include "evm/fork.h"
#include "trie/trie.h"
#include "types/header.h"

struct genesis {
    struct chain_config config;
    struct header header; /* state_root filled in from `alloc` */
    struct diff alloc; /* the allocation, as a change of the empty state; storage roots filled in */
    struct trie_changes nodes; /* all nodes of its tries */
};

/* Reads a genesis file in geth's format. Its config may say besides that this is a child chain, and
 * what a byte of a user's transaction weighs there (CHILD_FOOTPRINT_GAS unless given):
 *
 *     "varve": {"child": true, "footprintGas": 457}
 *
 * The OP Stack's own keys are not read: they promise rules that are not ours. Unknown keys are
 * ignored, as geth does; a fork that this program does not know is refused. Everything lives in
 * `arena`; what the header's extra data and the code take is copied, so `text` may go. ST_INVALID:
 * malformed, with where and why. */
enum status genesis_parse(bytes text, struct genesis *out, struct arena *arena, struct err *err);

/* A part of it that official tests have alone: the object of accounts ("alloc" here, "pre" there),
 * and the state root that it makes. */
enum status genesis_alloc_parse(json accounts, struct diff *alloc, hash32 *root,
                                struct trie_changes *nodes, struct arena *arena, struct err *err);

#endif

/* What tests of child chains share: a first block, users who can sign, blocks to build. */
#ifndef CHAIN_TESTING_H
#define CHAIN_TESTING_H

#include "chain/chain.h"

/* The floor is what the parent's fee makes it: 40 gas of the parent for a byte, 160 here. */
enum {
    TESTING_GAS_LIMIT = 3000000,
    TESTING_TIME = 1000, /* of the genesis */
    TESTING_PARENT_FEE = 4000000,
    TESTING_FLOOR = TESTING_PARENT_FEE * 40 / 160,
    TESTING_FOOTPRINT_GAS = 1000,
};

struct genesis *testing_child_genesis(struct arena *arena);
/* `genesis` NULL: the folder has one. */
struct chain *testing_open(const char *folder, const struct genesis *genesis);

/* A transfer by whoever it is that this signature belongs to: each value has its own sender. */
struct tx testing_user_tx(u64 value, struct arena tmp);

/* The account 0x…dd gives an ether, minted for it, to someone; `item` tells gifts apart. */
struct tx testing_gift(address to, u64 item, struct arena tmp);

/* Candidates in a row, and what became of them. */
struct testing_list {
    struct tx *txs;
    usize count, at;
    enum status verdicts[8];
    struct err reasons[8];
};

/* A block to build: attributes, a gift to the first sender of a list, the list. */
struct testing_block {
    struct testing_list list;
    struct tx deposits[2];
    struct tx_source source;
    struct build_params params;
};

/* The chain's next block. */
struct testing_block *testing_block(struct chain *chain, u64 timestamp, struct tx *txs, usize count,
                                    struct arena *arena);

#endif

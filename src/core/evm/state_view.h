/* What execution asks of the world. Store, witness, eth_call overlay and test fixture each answer.
 * Every status but ST_OK and ST_MISSING stops the block and is returned to whoever started it. */
#ifndef EVM_STATE_VIEW_H
#define EVM_STATE_VIEW_H

#include "types/account.h"

struct state_view {
    void *self;
    /* ST_MISSING: no such account. */
    enum status (*account)(void *self, address who, struct account *out);
    /* Zero where nothing is stored. Never ST_MISSING. */
    enum status (*storage)(void *self, address who, hash32 slot, u256 *out);
    /* Borrows from the view for the life of the block. */
    enum status (*code)(void *self, hash32 code_hash, bytes *out);
    /* Of an ancestor at most 256 blocks back. ST_MISSING: not known; reads as zero. */
    enum status (*block_hash)(void *self, u64 number, hash32 *out);
};

/* A world with nothing in it: for code run by itself. */
extern const struct state_view EMPTY_WORLD;

#endif

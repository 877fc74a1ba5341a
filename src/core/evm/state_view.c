#include "evm/state_view.h"

static enum status no_account(void *self, address who, struct account *out)
{
    (void)self, (void)who, (void)out;
    return ST_MISSING;
}

static enum status no_storage(void *self, address who, hash32 slot, u256 *out)
{
    (void)self, (void)who, (void)slot;
    *out = U256_ZERO;
    return ST_OK;
}

static enum status no_code(void *self, hash32 code_hash, bytes *out)
{
    (void)self, (void)code_hash, (void)out;
    return ST_MISSING;
}

static enum status no_block_hash(void *self, u64 number, hash32 *out)
{
    (void)self, (void)number, (void)out;
    return ST_MISSING;
}

const struct state_view EMPTY_WORLD = {NULL, no_account, no_storage, no_code, no_block_hash};

/* Soft confirmations that a reorg has put in question. Transactions of blocks that leave the chain
 * return to the pool; those that are then neither in a block nor in the pool could not be kept, and
 * that is said. */
#include "layer/internal.h"
#include "sys/log.h"

#include <stdlib.h>

enum { MOST_PROMISES = 1 << 20 };

static void note(struct layer *layer, hash32 hash)
{
    struct promises *promises = &layer->promises;
    if (promises->count == MOST_PROMISES)
        return;
    if (promises->count == promises->room) {
        promises->room = promises->room == 0 ? 64 : 2 * promises->room;
        promises->list = reallocarray(promises->list, promises->room, sizeof(hash32));
        assert(promises->list != NULL);
    }
    promises->list[promises->count++] = hash;
}

void promises_note(struct layer *layer, u64 from, u64 to)
{
    struct err err;
    for (u64 number = from; number <= to; number++) {
        struct arena arena = pages_arena(&layer->head_pages);
        struct snapshot at;
        struct block_ref ref;
        struct stored_block stored;
        if (snapshot_open(layer->options.chain, &arena, &at, &err) != ST_OK)
            return;
        if (snapshot_ref_by_number(&at, number, &ref) == ST_OK &&
            block_ref_read(&at, &ref, &stored, &err) == ST_OK)
            for (usize i = 0; i < stored.block.tx_count; i++)
                if (stored.block.txs[i].type != TX_DEPOSIT)
                    note(layer, stored.block.txs[i].hash);
        snapshot_close(&at);
    }
}

/* Whether it is in a block or may still come into one. */
static bool may_be_kept(struct layer *layer, struct snapshot *at, hash32 hash, bool *in_block)
{
    struct tx_location location;
    struct tx pending;
    *in_block = snapshot_tx_location(at, hash, &location) == ST_OK;
    struct arena tmp = *at->arena;
    return *in_block || txpool_get(layer->options.pool, hash, &pending, NULL, NULL, &tmp) == ST_OK;
}

void promises_look(struct layer *layer)
{
    struct promises *promises = &layer->promises;
    struct arena arena = pages_arena(&layer->head_pages);
    struct snapshot at;
    struct err err;
    usize left = 0;
    if (promises->count == 0 || snapshot_open(layer->options.chain, &arena, &at, &err) != ST_OK)
        return;
    for (usize i = 0; i < promises->count; i++) {
        bool in_block;
        hash32 hash = promises->list[i];
        if (!may_be_kept(layer, &at, hash, &in_block)) {
            promises->broken++;
            log_warn("layer", "a soft confirmation could not be kept",
                     LOG_HEX("transaction", hash));
        } else if (!in_block) {
            promises->list[left++] = hash;
        }
    }
    promises->count = left;
    snapshot_close(&at);
}

/* Soft confirmations that a reorg has put in question. Transactions of blocks that leave the chain
 * return to the pool; those that are then neither in a block nor in the pool could not be kept, and
 * those that cannot be executed there wait for a nonce that a deposit had, which the parent has
 * taken back: both are said. */
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
        promises->list = reallocarray(promises->list, promises->room, sizeof(struct promise));
        assert(promises->list != NULL);
    }
    promises->list[promises->count++] = (struct promise){.hash = hash};
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

/* Whether it is still in question. */
static bool look(struct layer *layer, struct snapshot *at, struct promise *promise)
{
    struct tx_location location;
    if (snapshot_tx_location(at, promise->hash, &location) == ST_OK)
        return false;
    enum txpool_place place = txpool_place(layer->options.pool, promise->hash);
    if (place == TXPOOL_ABSENT) {
        layer->promises.broken++;
        log_warn("layer", "a soft confirmation could not be kept",
                 LOG_HEX("transaction", promise->hash));
        return false;
    }
    if (place == TXPOOL_QUEUED && !promise->waits)
        log_warn("layer", "a soft confirmation cannot be kept until its sender fills a nonce",
                 LOG_HEX("transaction", promise->hash));
    promise->waits = place == TXPOOL_QUEUED;
    return true;
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
    promises->waiting = 0;
    for (usize i = 0; i < promises->count; i++) {
        struct promise promise = promises->list[i];
        if (!look(layer, &at, &promise))
            continue;
        promises->list[left++] = promise;
        promises->waiting += promise.waits;
    }
    promises->count = left;
    snapshot_close(&at);
}

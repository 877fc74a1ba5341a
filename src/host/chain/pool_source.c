#include "chain/pool_source.h"

#include "stf/check.h"
#include "sys/log.h"

static const struct tx *next_candidate(void *self, u64 gas_left, u64 blob_gas_left, bytes *envelope)
{
    struct pool_source *from = self;
    struct txpool_pick *pick = &from->pick;
    while (from->peeked || (gas_left >= GAS_TX && txpool_order_next(from->order, pick))) {
        from->peeked = false;
        if (pick->tx->gas_limit <= gas_left && tx_blob_gas(pick->tx) <= blob_gas_left &&
            pick->envelope.size <= from->bytes_left) {
            *envelope = pick->envelope;
            return pick->tx;
        }
        txpool_order_skip_sender(from->order); /* until the next block */
    }
    return NULL;
}

static void candidate_done(void *self, const struct tx *tx, enum status verdict,
                           const struct err *why)
{
    struct pool_source *from = self;
    if (verdict == ST_OK) {
        from->included++;
        from->bytes_left -= from->pick.envelope.size;
        return;
    }
    hash32 hash = tx->hash;
    txpool_order_skip_sender(from->order);
    if (verdict == ST_INVALID) {
        log_info("pool", "transaction dropped", LOG_HEX("hash", hash),
                 LOG_TEXT("why", why == NULL ? "" : why->text));
        txpool_drop(from->pool, hash);
    }
}

void pool_source_begin(struct pool_source *from, struct txpool *pool, u256 base_fee_wei,
                       u256 blob_fee_wei)
{
    *from = (struct pool_source){.pool = pool,
                                 .order = txpool_order_begin(pool, base_fee_wei, blob_fee_wei),
                                 .bytes_left = SIZE_MAX,
                                 .source = {from, next_candidate, candidate_done}};
    from->peeked = txpool_order_next(from->order, &from->pick);
}

void pool_source_end(struct pool_source *from)
{
    txpool_order_end(from->order);
}

/* What the registry of preimages has been shown. */
#include "channel/onchain_internal.h"

#include "sys/log.h"

static struct telling *begin_reveal(u64 time_s, const hash32 *batch, usize batch_count)
{
    struct telling *telling = telling_new(batch_count);
    telling->kind = TELL_REVEALED;
    telling->time_s = time_s;
    bytes_copy(telling->batch, (bytes){(const u8 *)batch, batch_count * sizeof(hash32)});
    return telling;
}

static enum status tell_batch(struct onchain *chain, const struct eth_log *log, hash32 root,
                              u64 time_s, struct arena tmp, struct err *err)
{
    struct eth_tx tx;
    struct err why;
    const hash32 *preimages;
    usize count;
    TRY(eth_ask_txs(chain->eth, &log->tx_hash, 1, &tx, &tmp, err));
    if (!tx.found)
        return fail(err, ST_AGAIN, "%s does not have a transaction that it has a log of",
                    eth_name(chain->eth));
    if (registry_read_batch(tx.input, root, &preimages, &count, &tmp, &why) == ST_OK)
        tell(chain, begin_reveal(time_s, preimages, count));
    else
        log_warn("channel", why.text, LOG_HEX("transaction", log->tx_hash));
    return ST_OK;
}

enum status registry_take_logs(struct onchain *chain, const struct eth_logs *logs, struct arena tmp,
                               struct err *err)
{
    struct eth_header header = {0};
    for (usize i = 0; i < logs->count; i++) {
        const struct eth_log *log = &logs->list[i];
        struct registry_event event;
        struct arena part = tmp;
        if (log->block_number <= chain->scanned)
            continue;
        TRY(registry_read_event(&log->log, &event, err));
        if (!hash32_equal(header.hash, log->block_hash))
            TRY(eth_ask_header(chain->eth, eth_at_hash(log->block_hash), &header, &part, err));
        u64 time_s = header.header.timestamp;
        if (event.kind == REGISTRY_BATCH_REVEALED) {
            TRY(tell_batch(chain, log, event.key, time_s, part, err));
            continue;
        }
        struct telling *telling = begin_reveal(time_s, NULL, 0);
        telling->key = event.key;
        telling->secret = event.secret;
        tell(chain, telling);
    }
    return ST_OK;
}

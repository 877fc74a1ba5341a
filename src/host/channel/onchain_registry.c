/* What the registry of preimages has been shown: in its logs, as they come, and before.
 *
 * A secret that was revealed by itself is found by its time, which the contract keeps: its log is
 * in a block of that time, or, where it was recorded out of a batch, that batch's is. One that is
 * in a batch alone is named nowhere: all batches are read in which it may be, a few ranges of
 * blocks at a time, as nobody's disputes should wait for it. */
#include "channel/onchain_internal.h"

#include "sys/log.h"

#include <stdlib.h>

enum {
    ROUND = 5000,   /* blocks whose logs are asked for at once */
    ROUNDS = 8,     /* so many times, then the chain is looked at */
    TOGETHER = 100, /* secrets that are looked for at once */
};

static struct telling *begin_reveal(u64 time_s, const hash32 *batch, usize batch_count)
{
    struct telling *telling = telling_new(batch_count);
    telling->kind = TELL_REVEALED;
    telling->time_s = time_s;
    bytes_copy(telling->batch, (bytes){(const u8 *)batch, batch_count * sizeof(hash32)});
    return telling;
}

static enum status read_batch(struct onchain *chain, const struct eth_log *log, hash32 root,
                              u64 time_s, struct telling **out, struct arena tmp, struct err *err)
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
        *out = begin_reveal(time_s, preimages, count);
    else
        log_warn("channel", why.text, LOG_HEX("transaction", log->tx_hash));
    return ST_OK;
}

/* What a log says, to be told or freed; NULL: nothing. `block` is the one that was asked for last,
 * whose time is its logs'. */
static enum status read_log(struct onchain *chain, const struct eth_log *log,
                            struct eth_header *block, struct telling **out, struct arena tmp,
                            struct err *err)
{
    struct registry_event event;
    *out = NULL;
    TRY(registry_read_event(&log->log, &event, err));
    if (!hash32_equal(block->hash, log->block_hash))
        TRY(eth_ask_header(chain->eth, eth_at_hash(log->block_hash), block, &tmp, err));
    u64 time_s = block->header.timestamp;
    if (event.kind == REGISTRY_BATCH_REVEALED)
        return read_batch(chain, log, event.key, time_s, out, tmp, err);
    *out = begin_reveal(time_s, NULL, 0);
    (*out)->key = event.key;
    (*out)->secret = event.secret;
    return ST_OK;
}

enum status registry_take_logs(struct onchain *chain, const struct eth_logs *logs, struct arena tmp,
                               struct err *err)
{
    struct eth_header block = {0};
    for (usize i = 0; i < logs->count; i++) {
        struct telling *telling;
        if (logs->list[i].block_number <= chain->scanned)
            continue;
        TRY(read_log(chain, &logs->list[i], &block, &telling, tmp, err));
        if (telling != NULL)
            tell(chain, telling);
    }
    return ST_OK;
}

/* --- Searches. */

static bool is_wanted(const struct search *list, hash32 key)
{
    while (list != NULL && !hash32_equal(list->key, key))
        list = list->next;
    return list != NULL;
}

static bool has_wanted(const struct search *list, const struct telling *telling)
{
    bool has = telling->batch_count == 0 && is_wanted(list, telling->key);
    for (usize i = 0; !has && i < telling->batch_count; i++)
        has = is_wanted(list, registry_key(telling->batch[i]));
    return has;
}

/* Tells what logs of these blocks have of the list. */
static enum status tell_found(struct onchain *chain, const struct search *list, u64 first, u64 last,
                              const struct eth_filter *filter, bool *found, struct arena tmp,
                              struct err *err)
{
    struct eth_logs logs;
    struct eth_header block = {0};
    TRY(eth_ask_logs(chain->eth, first, last, filter, &logs, &tmp, err));
    for (usize i = 0; i < logs.count && !chain->stopping; i++) {
        struct telling *telling;
        TRY(read_log(chain, &logs.list[i], &block, &telling, tmp, err));
        if (telling != NULL && has_wanted(list, telling)) {
            *found = true;
            tell(chain, telling);
        } else {
            free(telling);
        }
    }
    return ST_OK;
}

/* The first block of that time or a later one; the one after the newest where there is none.
 * Servers may have forgotten what is old, so it is looked for from the newest on. */
static enum status block_of_time(struct onchain *chain, u64 time_s, u64 *out, struct arena tmp,
                                 struct err *err)
{
    u64 earlier = chain->tip.number, later = chain->tip.number + 1, step = ROUND;
    struct head head;
    for (;; step *= 2) {
        TRY(onchain_head_at(chain, earlier, &head, tmp, err));
        if (head.time_s < time_s)
            break;
        later = earlier;
        if (earlier == 0)
            break;
        earlier -= min_u64(earlier, step);
    }
    while (earlier + 1 < later) {
        u64 middle = earlier + (later - earlier) / 2;
        TRY(onchain_head_at(chain, middle, &head, tmp, err));
        if (head.time_s < time_s)
            earlier = middle;
        else
            later = middle;
    }
    *out = later;
    return ST_OK;
}

/* One that the contract has, of that time. */
static enum status tell_revealed(struct onchain *chain, const struct search *search, u64 time_s,
                                 struct arena tmp, struct err *err)
{
    struct eth_filter filter = {chain->registry, registry_topics(), REGISTRY_EVENTS};
    struct search alone = *search;
    bool found = false;
    u64 first, end;
    alone.next = NULL;
    TRY(block_of_time(chain, time_s, &first, tmp, err));
    TRY(block_of_time(chain, time_s + 1, &end, tmp, err));
    if (first < end)
        TRY(tell_found(chain, &alone, first, end - 1, &filter, &found, tmp, err));
    return found ? ST_OK
                 : fail(err, ST_CORRUPT, "%s has no log of a secret that the registry has",
                        eth_name(chain->eth));
}

static void tell_searched(struct onchain *chain, struct search *search)
{
    struct telling *telling = telling_new(0);
    telling->kind = TELL_SEARCHED;
    telling->key = search->key;
    tell(chain, telling);
    free(search);
}

static struct search *take_first(struct onchain *chain)
{
    struct search *search = chain->searches;
    chain->searches = search->next;
    if (chain->searches == NULL)
        chain->searches_end = &chain->searches;
    return search;
}

static void put_last(struct onchain *chain, struct search *search)
{
    search->next = NULL;
    *chain->searches_end = search;
    chain->searches_end = &search->next;
}

/* One that is not told yet, or too late to count, may be in a batch. Where something is missing,
 * others are not kept waiting. */
static enum status look_up(struct onchain *chain, u64 time_s, struct arena tmp, struct err *err)
{
    struct search *search = take_first(chain);
    enum status st = time_s == 0 ? ST_OK : tell_revealed(chain, search, time_s, tmp, err);
    if (st != ST_OK) {
        put_last(chain, search);
    } else if (time_s != 0 && time_s <= search->until_s) {
        tell_searched(chain, search);
    } else {
        search->next = chain->in_batches;
        chain->in_batches = search;
    }
    return st;
}

static enum status look_up_some(struct onchain *chain, struct err *err)
{
    struct arena tmp = pages_arena(&chain->pages);
    hash32 keys[TOGETHER];
    u64 times[TOGETHER];
    usize count = 0;
    for (const struct search *at = chain->searches; at != NULL && count < TOGETHER; at = at->next)
        keys[count++] = at->key;
    if (count == 0)
        return ST_OK;
    TRY(registry_ask_times(chain->eth, chain->registry, keys, count, eth_at_hash(chain->tip.hash),
                           times, tmp, err));
    for (usize i = 0; i < count && !chain->stopping; i++)
        TRY(look_up(chain, times[i], tmp, err));
    return ST_OK;
}

/* The earliest of the batches that may have one. */
static enum status begin_in_blocks(struct onchain *chain, struct arena tmp, struct err *err)
{
    u64 since_s = UINT64_MAX;
    for (const struct search *at = chain->in_batches; at != NULL; at = at->next)
        since_s = min_u64(since_s, at->since_s);
    TRY(block_of_time(chain, since_s, &chain->search_at, tmp, err));
    chain->is_in_blocks = true;
    return ST_OK;
}

static enum status search_round(struct onchain *chain, struct arena tmp, struct err *err)
{
    struct eth_filter filter = {chain->registry, &registry_topics()[REGISTRY_BATCH_REVEALED], 1};
    u64 first = chain->search_at, round = ROUND, last;
    bool found = false;
    enum status st;
    do {
        last = min_u64(chain->tip.number, first + round - 1);
        st = tell_found(chain, chain->in_batches, first, last, &filter, &found, tmp, err);
        round = (last - first + 1) / 2;
    } while (st == ST_FULL && round > 0);
    TRY(st);
    chain->search_at = last + 1;
    return ST_OK;
}

static void end_in_batches(struct onchain *chain)
{
    while (chain->in_batches != NULL) {
        struct search *search = chain->in_batches;
        chain->in_batches = search->next;
        tell_searched(chain, search);
    }
    chain->is_in_blocks = false;
}

enum status registry_search(struct onchain *chain, struct err *err)
{
    struct arena tmp = pages_arena(&chain->pages);
    enum status st = chain->is_in_blocks ? ST_OK : look_up_some(chain, err);
    if (chain->in_batches == NULL)
        return st;
    if (!chain->is_in_blocks)
        TRY(begin_in_blocks(chain, tmp, err));
    for (u32 i = 0; i < ROUNDS && chain->search_at <= chain->tip.number && !chain->stopping; i++)
        TRY(search_round(chain, tmp, err));
    if (chain->search_at > chain->tip.number && !chain->stopping)
        end_in_batches(chain);
    return st;
}

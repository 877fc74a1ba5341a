/* Logs, by block and by range. */
#include "client/internal.h"

enum {
    FILTER_ROOM = 400,
    TOPIC_ROOM = 70,
    MAX_SPAN = 1 << 20, /* blocks */
    METHOD_NOT_FOUND = -32601,
};

bool eth_bloom_may_match(const bloom256 *bloom, const struct eth_filter *filter)
{
    if (!bloom_may_contain(bloom, BYTES_OF(filter->who)))
        return false;
    bool may = filter->topic_count == 0;
    for (usize i = 0; !may && i < filter->topic_count; i++)
        may = bloom_may_contain(bloom, BYTES_OF(filter->topics[i]));
    return may;
}

static void put_criteria(struct json_out *out, const struct eth_filter *filter)
{
    json_key(out, "address");
    json_put_hex(out, BYTES_OF(filter->who));
    if (filter->topic_count > 0) {
        json_key(out, "topics");
        json_open_array(out);
        json_open_array(out);
        for (usize i = 0; i < filter->topic_count; i++)
            json_put_hex(out, BYTES_OF(filter->topics[i]));
        json_close_array(out);
        json_close_array(out);
    }
    json_close_object(out);
}

static struct json_out begin_filter(const struct eth_filter *filter, struct arena *tmp)
{
    struct json_out out = eth_params(FILTER_ROOM + filter->topic_count * TOPIC_ROOM, tmp);
    json_open_object(&out);
    return out;
}

static struct net_client_item block_item(hash32 block_hash, const struct eth_filter *filter,
                                         struct arena *tmp)
{
    struct json_out params = begin_filter(filter, tmp);
    json_key(&params, "blockHash"); /* EIP-234 */
    json_put_hex(&params, BYTES_OF(block_hash));
    put_criteria(&params, filter);
    return (struct net_client_item){.method = "eth_getLogs", .params = eth_params_end(&params)};
}

static struct net_client_item range_item(u64 first, u64 last, const struct eth_filter *filter,
                                         struct arena *tmp)
{
    struct json_out params = begin_filter(filter, tmp);
    json_key(&params, "fromBlock");
    json_put_quantity_u64(&params, first);
    json_key(&params, "toBlock");
    json_put_quantity_u64(&params, last);
    put_criteria(&params, filter);
    return (struct net_client_item){.method = "eth_getLogs", .params = eth_params_end(&params)};
}

static bool log_matches(const struct log *log, const struct eth_filter *filter)
{
    bool found = filter->topic_count == 0;
    for (usize i = 0; !found && log->topic_count > 0 && i < filter->topic_count; i++)
        found = hash32_equal(log->topics[0], filter->topics[i]);
    return found && address_equal(log->who, filter->who);
}

static enum status read_logs(const struct eth *eth, json result, const struct eth_filter *filter,
                             struct eth_logs *out, struct arena *arena, struct err *err)
{
    struct err what;
    if (eth_json_logs(result, out, arena, &what) != ST_OK)
        return eth_nonsense(eth, "eth_getLogs", what.text, err);
    for (usize i = 0; i < out->count; i++)
        if (!log_matches(&out->list[i].log, filter))
            return eth_nonsense(eth, "eth_getLogs", "logs that were not asked for", err);
    return ST_OK;
}

/* --- By block. */

enum status eth_ask_blocks_logs(struct eth *eth, const hash32 *block_hashes, usize count,
                                const struct eth_filter *filter, struct eth_logs *out,
                                struct arena *arena, struct err *err)
{
    struct arena tmp = eth_scratch(eth);
    struct net_client_item *items = ARENA_NEW(&tmp, struct net_client_item, count);
    for (usize i = 0; i < count; i++)
        items[i] = block_item(block_hashes[i], filter, &tmp);
    TRY(eth_calls(eth, items, count, &tmp, err));
    for (usize i = 0; i < count; i++) {
        if (items[i].status != ST_OK) { /* "unknown block": most likely a reorg has dropped it */
            enum status st = eth_refused(eth, &items[i], err);
            return items[i].error.code == METHOD_NOT_FOUND ? st : ST_MISSING;
        }
        TRY(read_logs(eth, items[i].result, filter, &out[i], arena, err));
        for (usize k = 0; k < out[i].count; k++)
            if (!hash32_equal(out[i].list[k].block_hash, block_hashes[i]))
                return eth_nonsense(eth, "eth_getLogs", "logs of another block", err);
    }
    return ST_OK;
}

enum status eth_ask_block_logs(struct eth *eth, hash32 block_hash, const struct eth_filter *filter,
                               struct eth_logs *out, struct arena *arena, struct err *err)
{
    return eth_ask_blocks_logs(eth, &block_hash, 1, filter, out, arena, err);
}

/* --- By range: in spans as wide as the server has been content with. */

struct part {
    struct eth_logs logs;
    struct part *next;
};

static enum status ask_span(struct eth *eth, u64 first, u64 last, const struct eth_filter *filter,
                            struct eth_logs *out, struct arena *arena, struct err *err)
{
    struct arena tmp = eth_scratch(eth);
    struct net_client_item item = range_item(first, last, filter, &tmp);
    TRY(eth_calls(eth, &item, 1, &tmp, err));
    if (item.status != ST_OK)
        return eth_refused(eth, &item, err);
    TRY(read_logs(eth, item.result, filter, out, arena, err));
    if (out->count > 0 &&
        (out->list[0].block_number < first || out->list[out->count - 1].block_number > last))
        return eth_nonsense(eth, "eth_getLogs", "logs of other blocks than were asked for", err);
    return ST_OK;
}

static struct eth_logs join_parts(const struct part *parts, usize count, struct arena *arena)
{
    if (parts != NULL && parts->next == NULL)
        return parts->logs;
    struct eth_logs out = {ARENA_TAKE(arena, struct eth_log, count), 0};
    for (; parts != NULL; parts = parts->next) {
        bytes_copy(out.list + out.count, (bytes){(const u8 *)parts->logs.list,
                                                 parts->logs.count * sizeof(struct eth_log)});
        out.count += parts->logs.count;
    }
    return out;
}

/* The widest span from `at` on that the server answers; *stop is its last block. */
static enum status ask_widest(struct eth *eth, u64 at, u64 last, const struct eth_filter *filter,
                              u64 *stop, struct eth_logs *out, struct arena *arena, struct err *err)
{
    for (;;) {
        struct arena mark = *arena;
        *stop = min_u64(last, add_sat_u64(at, eth->log_span - 1));
        enum status st = ask_span(eth, at, *stop, filter, out, arena, err);
        if (st == ST_OK)
            eth->log_span = min_u64(eth->log_span + eth->log_span / 4, MAX_SPAN);
        if (st == ST_OK || st == ST_CORRUPT || *stop == at)
            return st;
        eth->log_span = (*stop - at + 1) / 2; /* whatever it says: too much at a time, perhaps */
        if (st != ST_INVALID && st != ST_FULL)
            return st;
        *arena = mark;
    }
}

enum status eth_ask_logs(struct eth *eth, u64 first, u64 last, const struct eth_filter *filter,
                         struct eth_logs *out, struct arena *arena, struct err *err)
{
    struct part *parts = NULL, **end = &parts;
    usize count = 0;
    const u8 *start = arena->at;
    if (eth->log_span == 0)
        eth->log_span = MAX_SPAN;
    for (u64 at = first, stop; at <= last; at = stop + 1) {
        struct part *part = ARENA_NEW(arena, struct part, 1);
        TRY(ask_widest(eth, at, last, filter, &stop, &part->logs, arena, err));
        *end = part;
        end = &part->next;
        count += part->logs.count;
        usize taken = (usize)(arena->at - start) + count * sizeof(struct eth_log);
        if (stop == last)
            break;
        if (taken > eth->answer_limit)
            return fail(err, ST_FULL, "eth_getLogs: more than %zu bytes of logs from block %lu on",
                        eth->answer_limit, first);
    }
    *out = join_parts(parts, count, arena);
    return ST_OK;
}

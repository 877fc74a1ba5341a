/* eth_getLogs: blooms first, then the blocks that may hold a match. */
#include "rpc/internal.h"

enum {
    BLOOM_BUDGET = 20000,
    RPC_TOO_MANY = -32005, /* "limit exceeded", EIP-1474 */
};

/* --- Criteria. */

/* One value or a list of them; absent and null: any. */
static enum status read_topic(struct rpc_call *call, json value, const hash32 **out, usize *count)
{
    json ignored, item;
    *count = 0;
    if (json_is(value, JSON_NULL) || json_is(value, JSON_ABSENT))
        return ST_OK;
    usize room = json_is(value, JSON_ARRAY) ? json_count(value) : 1;
    if (room > MAX_CRITERIA)
        return rpc_refuse(call, RPC_BAD_PARAMS, "exceed max topics");
    hash32 *list = ARENA_TAKE(&call->arena, hash32, room);
    *out = list;
    if (!json_is(value, JSON_ARRAY)) {
        *count = 1;
        return rpc_read_hash(call, value, "topic", list);
    }
    for (struct json_walk at = json_begin(value); json_next(&at, &ignored, &item);) {
        if (json_is(item, JSON_NULL)) { /* null among others: any */
            *count = 0;
            return ST_OK;
        }
        TRY(rpc_read_hash(call, item, "topic", &list[(*count)++]));
    }
    return ST_OK;
}

static enum status read_addresses(struct rpc_call *call, json value, struct log_criteria *out)
{
    json ignored, item;
    if (json_is(value, JSON_NULL) || json_is(value, JSON_ABSENT))
        return ST_OK;
    usize room = json_is(value, JSON_ARRAY) ? json_count(value) : 1;
    if (room > MAX_CRITERIA)
        return rpc_refuse(call, RPC_BAD_PARAMS, "exceed max addresses");
    address *list = ARENA_TAKE(&call->arena, address, room);
    out->who = list;
    out->who_count = room;
    if (!json_is(value, JSON_ARRAY))
        return rpc_read_address(call, value, "address", list);
    for (struct json_walk at = json_begin(value); json_next(&at, &ignored, &item);)
        TRY(rpc_read_address(call, item, "address", list++));
    return ST_OK;
}

enum status rpc_read_criteria(struct rpc_call *call, json filter, struct log_criteria *out)
{
    *out = (struct log_criteria){0};
    TRY(read_addresses(call, json_get(filter, "address"), out));
    json topics = json_get(filter, "topics"), ignored, item;
    if (json_count(topics) > countof(out->topics))
        return rpc_refuse(call, RPC_BAD_PARAMS, "exceed max topics");
    for (struct json_walk at = json_begin(topics); json_next(&at, &ignored, &item);) {
        usize i = out->position_count++;
        TRY(read_topic(call, item, &out->topics[i], &out->topic_counts[i]));
    }
    return ST_OK;
}

bool log_matches(const struct log_criteria *criteria, const struct log *log)
{
    if (log->topic_count < criteria->position_count)
        return false;
    bool found = criteria->who_count == 0;
    for (usize i = 0; !found && i < criteria->who_count; i++)
        found = address_equal(criteria->who[i], log->who);
    for (usize i = 0; found && i < criteria->position_count; i++) {
        found = criteria->topic_counts[i] == 0;
        for (usize k = 0; !found && k < criteria->topic_counts[i]; k++)
            found = hash32_equal(criteria->topics[i][k], log->topics[i]);
    }
    return found;
}

bool bloom_may_match(void *self, const bloom256 *bloom)
{
    const struct log_criteria *criteria = self;
    bool may = criteria->who_count == 0;
    for (usize i = 0; !may && i < criteria->who_count; i++)
        may = bloom_may_contain(bloom, BYTES_OF(criteria->who[i]));
    for (usize i = 0; may && i < criteria->position_count; i++) {
        may = criteria->topic_counts[i] == 0;
        for (usize k = 0; !may && k < criteria->topic_counts[i]; k++)
            may = bloom_may_contain(bloom, BYTES_OF(criteria->topics[i][k]));
    }
    return may;
}

/* --- Searching. */

enum status rpc_each_block_log(struct rpc_call *call, const struct block_ref *ref, bool removed,
                               const struct log_criteria *criteria, struct log_visitor visitor)
{
    struct stored_block stored;
    struct receipt *receipts;
    usize count;
    TRY(block_ref_receipts(&call->at, ref, &receipts, &count, &call->err));
    TRY(block_ref_read(&call->at, ref, &stored, &call->err));
    u64 log_index = 0;
    for (usize i = 0; i < count; i++) {
        struct tx_place place = {&stored.block.header, ref->hash, i, NULL};
        for (usize k = 0; k < receipts[i].log_count; k++, log_index++) {
            if (!log_matches(criteria, &receipts[i].logs[k]))
                continue;
            struct log_place at = {&place, stored.block.txs[i].hash, log_index, removed};
            TRY(visitor.log(visitor.self, &receipts[i].logs[k], &at));
        }
    }
    return ST_OK;
}

/* Writes logs into an answer, up to RPC_MAX_LOGS. */
struct log_answer {
    struct json_out *out;
    usize left;
};

static enum status answer_log(void *self, const struct log *log, const struct log_place *place)
{
    struct log_answer *answer = self;
    if (answer->left-- == 0)
        return ST_FULL;
    put_log(answer->out, log, place);
    return ST_OK;
}

enum status rpc_put_block_logs(struct rpc_call *call, const struct block_ref *ref, bool removed,
                               const struct log_criteria *criteria, usize *left)
{
    struct log_answer answer = {call->out, *left};
    enum status st =
        rpc_each_block_log(call, ref, removed, criteria, (struct log_visitor){&answer, answer_log});
    *left = answer.left;
    return st;
}

static enum status put_range(struct rpc_call *call, u64 from, u64 to,
                             const struct log_criteria *criteria)
{
    struct log_criteria wanted = *criteria;
    struct block_ref ref;
    usize left = RPC_MAX_LOGS;
    struct arena mark = call->arena;
    while (from <= to) {
        u64 found;
        enum status st = snapshot_next_bloom(&call->at, from, to, BLOOM_BUDGET, bloom_may_match,
                                             &wanted, &found);
        if (st == ST_MISSING)
            return ST_OK;
        if (st == ST_AGAIN) {
            from = found;
            TRY(snapshot_renew(&call->at, &call->err));
            continue;
        }
        TRY(st);
        TRY(snapshot_ref_by_number(&call->at, found, &ref));
        TRY(rpc_put_block_logs(call, &ref, false, criteria, &left));
        call->arena = mark;
        from = found + 1;
    }
    return ST_OK;
}

static enum status read_bound(struct rpc_call *call, json value, u64 *out)
{
    struct block_ref ref;
    *out = call->at.head->header.number;
    if (json_is(value, JSON_ABSENT) || json_is(value, JSON_NULL))
        return ST_OK;
    if (bytes_equal(bytes_slice(json_text(value, &call->arena), 0, 2), BYTES_LIT("0x")))
        return rpc_read_u64(call, value, "block range", out); /* it may lie beyond the head */
    TRY(rpc_read_block(call, value, &ref));
    *out = ref.number;
    return ST_OK;
}

static enum status put_by_hash(struct rpc_call *call, json value,
                               const struct log_criteria *criteria)
{
    hash32 hash;
    struct block_ref ref;
    bool canonical;
    usize left = RPC_MAX_LOGS;
    TRY(rpc_read_hash(call, value, "blockHash", &hash));
    if (snapshot_ref_by_hash(&call->at, hash, &ref, &canonical) != ST_OK)
        return rpc_refuse(call, RPC_SERVER, "unknown block");
    return rpc_put_block_logs(call, &ref, !canonical, criteria, &left);
}

enum status rpc_put_logs(struct rpc_call *call, json filter, const struct log_criteria *criteria)
{
    TRY(rpc_open(call));
    json hash = json_get(filter, "blockHash");
    json from_text = json_get(filter, "fromBlock"), to_text = json_get(filter, "toBlock");
    u64 from, to;
    bool by_hash = !json_is(hash, JSON_ABSENT) && !json_is(hash, JSON_NULL);
    if (by_hash && (!json_is(from_text, JSON_ABSENT) || !json_is(to_text, JSON_ABSENT)))
        return rpc_refuse(call, RPC_BAD_PARAMS,
                          "cannot specify both BlockHash and "
                          "FromBlock/ToBlock, choose one or the other");
    if (!by_hash) {
        TRY(read_bound(call, from_text, &from));
        TRY(read_bound(call, to_text, &to));
        if (from > to)
            return rpc_refuse(call, RPC_BAD_PARAMS, "invalid block range params");
        if (to > call->at.head->header.number)
            return rpc_refuse(call, RPC_BAD_PARAMS,
                              "block range extends beyond current head block");
    }
    json_open_array(call->out);
    enum status st =
        by_hash ? put_by_hash(call, hash, criteria) : put_range(call, from, to, criteria);
    json_close_array(call->out);
    if (st == ST_FULL)
        return rpc_refuse(call, RPC_TOO_MANY, "query returned more than %d results", RPC_MAX_LOGS);
    return st;
}

enum status eth_get_logs(struct rpc_call *call)
{
    struct log_criteria criteria;
    json filter = rpc_arg(call, 0);
    if (!json_is(filter, JSON_OBJECT))
        return rpc_refuse(call, RPC_BAD_PARAMS, "invalid argument 0: want a filter object");
    TRY(rpc_read_criteria(call, filter, &criteria));
    return rpc_put_logs(call, filter, &criteria);
}

/* Test methods that tell the orderer what to do: time, mining, points to return to. Values and
 * answers are those of anvil and hardhat. */
#include "rpc/internal.h"

#include "base/fmt.h"

static enum status order(struct rpc_call *call, struct dev_order *order)
{
    return call->serve->dev(call->serve->node, order, &call->err);
}

/* --- Mining. */

/* Nothing, a time, or {"timestamp": …, "blocks": …}. */
enum status evm_mine(struct rpc_call *call)
{
    struct dev_order mine = {.kind = DEV_MINE, .count = 1};
    struct dev_order time = {.kind = DEV_NEXT_TIMESTAMP};
    json options = rpc_arg(call, 0), timestamp = options;
    if (json_is(options, JSON_OBJECT)) {
        json blocks = json_get(options, "blocks");
        timestamp = json_get(options, "timestamp");
        if (!json_is(blocks, JSON_ABSENT) && !json_is(blocks, JSON_NULL))
            TRY(rpc_read_u64(call, blocks, "blocks", &mine.count));
    }
    if (!json_is(timestamp, JSON_ABSENT) && !json_is(timestamp, JSON_NULL)) {
        TRY(rpc_read_u64(call, timestamp, "timestamp", &time.seconds));
        TRY(order(call, &time));
    }
    TRY(order(call, &mine));
    return rpc_reply_u64(call, 0);
}

/* Blocks, and the seconds from one to the next. */
enum status anvil_mine(struct rpc_call *call)
{
    struct dev_order mine = {.kind = DEV_MINE, .count = 1};
    if (rpc_has_arg(call, 0))
        TRY(rpc_arg_u64(call, 0, &mine.count));
    if (rpc_has_arg(call, 1))
        TRY(rpc_arg_u64(call, 1, &mine.seconds));
    TRY(order(call, &mine));
    return rpc_reply_null(call);
}

enum status evm_set_automine(struct rpc_call *call)
{
    struct dev_order set = {.kind = DEV_AUTOMINE};
    TRY(rpc_arg_bool(call, 0, &set.flag));
    TRY(order(call, &set));
    return rpc_reply_bool(call, true);
}

/* In seconds, as anvil and hardhat do not agree: hardhat counts in milliseconds, but its tools
 * send thousands; anvil's send a few. What anvil does is what is done. */
enum status evm_set_interval_mining(struct rpc_call *call)
{
    enum { MS = 1000 };
    struct dev_order set = {.kind = DEV_INTERVAL};
    TRY(rpc_arg_u64(call, 0, &set.count));
    set.count = mul_sat_u64(set.count, MS);
    TRY(order(call, &set));
    return rpc_reply_null(call);
}

/* --- Time. */

/* Answers with the whole shift, in seconds, as a number. */
enum status evm_increase_time(struct rpc_call *call)
{
    struct dev_order shift = {.kind = DEV_ADD_TIME};
    TRY(rpc_arg_u64(call, 0, &shift.seconds));
    TRY(order(call, &shift));
    json_put_u64(call->out, shift.result);
    return ST_OK;
}

enum status evm_set_time(struct rpc_call *call)
{
    struct dev_order set = {.kind = DEV_SET_TIME};
    TRY(rpc_arg_u64(call, 0, &set.seconds));
    TRY(order(call, &set));
    json_put_u64(call->out, set.result);
    return ST_OK;
}

enum status evm_set_next_block_timestamp(struct rpc_call *call)
{
    struct dev_order set = {.kind = DEV_NEXT_TIMESTAMP};
    TRY(rpc_arg_u64(call, 0, &set.seconds));
    TRY(order(call, &set));
    return rpc_reply_null(call);
}

/* --- Points to return to. */

enum status evm_snapshot(struct rpc_call *call)
{
    struct dev_order mark = {.kind = DEV_MARK};
    TRY(order(call, &mark));
    return rpc_reply_u64(call, mark.result);
}

enum status evm_revert(struct rpc_call *call)
{
    struct dev_order back = {.kind = DEV_RETURN};
    TRY(rpc_arg_u64(call, 0, &back.count));
    enum status st = order(call, &back);
    if (st == ST_MISSING)
        return rpc_reply_bool(call, false);
    TRY(st);
    return rpc_reply_bool(call, true);
}

/* --- The next blocks. */

enum status evm_set_block_gas_limit(struct rpc_call *call)
{
    struct dev_order set = {.kind = DEV_GAS_LIMIT};
    TRY(rpc_arg_u64(call, 0, &set.count));
    TRY(order(call, &set));
    return rpc_reply_bool(call, true);
}

enum status anvil_set_coinbase(struct rpc_call *call)
{
    struct dev_order set = {.kind = DEV_COINBASE};
    TRY(rpc_arg_address(call, 0, &set.who));
    TRY(order(call, &set));
    return rpc_reply_null(call);
}

enum status anvil_set_next_base_fee(struct rpc_call *call)
{
    struct dev_order set = {.kind = DEV_BASE_FEE};
    TRY(rpc_arg_u256(call, 0, &set.wei));
    TRY(order(call, &set));
    return rpc_reply_null(call);
}

enum status hardhat_set_prev_randao(struct rpc_call *call)
{
    struct dev_order set = {.kind = DEV_RANDAO};
    TRY(rpc_arg_hash(call, 0, &set.hash));
    TRY(order(call, &set));
    return rpc_reply_bool(call, true);
}

/* --- Senders and the pool. */

static enum status impersonate(struct rpc_call *call, bool on)
{
    struct dev_order set = {.kind = DEV_IMPERSONATE, .flag = on};
    TRY(rpc_arg_address(call, 0, &set.who));
    TRY(order(call, &set));
    return rpc_reply_null(call);
}

enum status anvil_impersonate(struct rpc_call *call)
{
    return impersonate(call, true);
}

enum status anvil_stop_impersonating(struct rpc_call *call)
{
    return impersonate(call, false);
}

enum status anvil_drop_transaction(struct rpc_call *call)
{
    hash32 hash;
    TRY(rpc_arg_hash(call, 0, &hash));
    if (!txpool_drop(call->serve->pool, hash))
        return rpc_reply_null(call);
    return rpc_reply_bytes(call, BYTES_OF(hash));
}

enum status anvil_drop_all_transactions(struct rpc_call *call)
{
    txpool_clear(call->serve->pool);
    return rpc_reply_null(call);
}

enum status anvil_remove_pool_transactions(struct rpc_call *call)
{
    address who;
    TRY(rpc_arg_address(call, 0, &who));
    txpool_drop_sender(call->serve->pool, who);
    return rpc_reply_null(call);
}

/* --- What it is. */

static const char *lower_fork_name(struct rpc_call *call, enum fork fork)
{
    char *text = ARENA_TAKE(&call->arena, char, 32);
    fmt(text, 32, "%s", fork_name(fork));
    for (char *at = text; *at != 0; at++)
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
    return text;
}

enum status anvil_node_info(struct rpc_call *call)
{
    TRY(rpc_open(call));
    struct json_out *out = call->out;
    const struct head *head = call->at.head;
    json_open_object(out);
    put_member_u64(out, "currentBlockNumber", head->header.number);
    json_key(out, "currentBlockTimestamp");
    json_put_u64(out, head->header.timestamp);
    put_member_hash(out, "currentBlockHash", head->hash);
    json_key(out, "hardFork");
    json_put_cstr(out, lower_fork_name(call, rpc_next_rules(call, &head->header).fork));
    json_key(out, "transactionOrder");
    json_put_cstr(out, "fees");
    json_key(out, "environment");
    json_open_object(out);
    put_member_u256(out, "baseFee", rpc_next_base_fee(call, &head->header));
    json_key(out, "chainId");
    json_put_u64(out, chain_config(call->serve->chain)->chain_id);
    put_member_u64(out, "gasLimit", head->header.gas_limit);
    put_member_u256(out, "gasPrice", rpc_next_base_fee(call, &head->header));
    json_close_object(out);
    json_key(out, "forkConfig");
    json_open_object(out);
    put_member_null(out, "forkUrl");
    put_member_null(out, "forkBlockNumber");
    put_member_null(out, "forkRetryBackoff");
    json_close_object(out);
    json_close_object(out);
    return ST_OK;
}

enum status anvil_metadata(struct rpc_call *call)
{
    TRY(rpc_open(call));
    struct json_out *out = call->out;
    const struct head *head = call->at.head;
    json_open_object(out);
    json_key(out, "clientVersion");
    json_put_cstr(out, call->serve->version);
    json_key(out, "chainId");
    json_put_u64(out, chain_config(call->serve->chain)->chain_id);
    put_member_hash(out, "instanceId", chain_genesis_hash(call->serve->chain));
    json_key(out, "latestBlockNumber");
    json_put_u64(out, head->header.number);
    put_member_hash(out, "latestBlockHash", head->hash);
    json_close_object(out);
    return ST_OK;
}

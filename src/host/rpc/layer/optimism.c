/* What op-node answers, for clients of the OP Stack; and all of a child chain at a glance.
 * Source: ethereum-optimism/specs, protocol/rollup-node.md, "L2 Output RPC method". */
#include "derive/inbox.h"
#include "layer/layer.h"
#include "rpc/internal.h"

static void put_place(struct json_out *out, hash32 hash, u64 number)
{
    put_member_hash(out, "hash", hash);
    json_key(out, "number");
    json_put_u64(out, number);
}

static void put_descent(struct json_out *out, hash32 parent_hash, u64 timestamp)
{
    put_member_hash(out, "parentHash", parent_hash);
    json_key(out, "timestamp");
    json_put_u64(out, timestamp);
}

static void put_l1(struct json_out *out, const char *key, const struct layer_l1 *block)
{
    json_key(out, key);
    json_open_object(out);
    put_place(out, block->hash, block->number);
    put_descent(out, block->parent_hash, block->timestamp);
    json_close_object(out);
}

static void put_l2(struct json_out *out, const char *key, const struct layer_l2 *block)
{
    json_key(out, key);
    json_open_object(out);
    put_place(out, block->hash, block->number);
    put_descent(out, block->parent_hash, block->timestamp);
    json_key(out, "l1origin");
    json_open_object(out);
    put_place(out, block->origin_hash, block->origin_number);
    json_close_object(out);
    json_key(out, "sequenceNumber");
    json_put_u64(out, block->sequence_number);
    json_close_object(out);
}

static void put_sync_status(struct json_out *out, const struct layer_status *status)
{
    json_open_object(out);
    put_l1(out, "current_l1", &status->current_l1);
    put_l1(out, "current_l1_finalized", &status->finalized_l1);
    put_l1(out, "head_l1", &status->head_l1);
    put_l1(out, "safe_l1", &status->safe_l1);
    put_l1(out, "finalized_l1", &status->finalized_l1);
    put_l2(out, "unsafe_l2", &status->unsafe_l2);
    put_l2(out, "safe_l2", &status->safe_l2);
    put_l2(out, "finalized_l2", &status->finalized_l2);
    put_l2(out, "pending_safe_l2", &status->safe_l2);
    json_close_object(out);
}

enum status optimism_sync_status(struct rpc_call *call)
{
    struct layer_status status;
    layer_status(call->serve->layer, &status);
    put_sync_status(call->out, &status);
    return ST_OK;
}

enum status optimism_output_at_block(struct rpc_call *call)
{
    static const address passer = {{0x42, [19] = 0x16}}; /* L2ToL1MessagePasser */
    struct block_ref ref;
    struct header header;
    struct account account;
    struct layer_status status;
    TRY(rpc_arg_block_number(call, 0, &ref));
    TRY(block_ref_header(&call->at, &ref, &header, &call->err));
    TRY(rpc_seek_state(call, &ref));
    TRY(rpc_account(call, passer, &account));
    layer_status(call->serve->layer, &status);
    struct layer_l2 block;
    TRY(layer_read_l2(call->serve->layer, &call->at, &ref, &block, &call->err));
    hash32 version = {{0}};
    json_open_object(call->out);
    put_member_hash(call->out, "version", version);
    put_member_hash(call->out, "outputRoot",
                    output_root(header.state_root, account.storage_root, ref.hash));
    put_l2(call->out, "blockRef", &block);
    put_member_hash(call->out, "withdrawalStorageRoot", account.storage_root);
    put_member_hash(call->out, "stateRoot", header.state_root);
    json_key(call->out, "syncStatus");
    put_sync_status(call->out, &status);
    json_close_object(call->out);
    return ST_OK;
}

/* op-node's shape; what OP's clients do not know of is in varve_status. */
enum status optimism_rollup_config(struct rpc_call *call)
{
    const struct rollup *rollup = layer_rollup(call->serve->layer);
    struct json_out *out = call->out;
    json_open_object(out);
    json_key(out, "genesis");
    json_open_object(out);
    json_key(out, "l1");
    json_open_object(out);
    put_place(out, rollup->parent_block_hash, rollup->parent_block);
    json_close_object(out);
    json_key(out, "l2");
    json_open_object(out);
    put_place(out, rollup->genesis_hash, 0);
    json_close_object(out);
    json_key(out, "l2_time");
    json_put_u64(out, rollup->genesis_time);
    json_key(out, "system_config");
    json_open_object(out);
    put_member_address(out, "batcherAddr", rollup->sequencer);
    json_key(out, "gasLimit");
    json_put_u64(out, rollup->gas_limit);
    json_close_object(out);
    json_close_object(out);
    json_key(out, "l1_chain_id");
    json_put_u64(out, rollup->parent_chain_id);
    json_key(out, "l2_chain_id");
    json_put_u64(out, rollup->chain_id);
    put_member_address(out, "batch_inbox_address", rollup->inbox);
    put_member_address(out, "deposit_contract_address", rollup->portal);
    put_member_address(out, "l1_system_config_address", rollup->system_config);
    json_close_object(out);
    return ST_OK;
}

enum status varve_get_blob(struct rpc_call *call)
{
    hash32 hash;
    TRY(rpc_arg_hash(call, 0, &hash));
    struct blob *blob = ARENA_TAKE(&call->arena, struct blob, 1);
    enum status st = layer_read_blob(call->serve->layer, hash, blob, &call->err);
    if (st == ST_MISSING)
        return rpc_refuse(call, RPC_SERVER,
                          "no batch of this chain that is known here has the blob");
    TRY(st);
    return rpc_reply_bytes(call, BYTES_OF(blob->b));
}

/* Nothing, where none is asked. */
static void put_sequencer(struct json_out *out, const struct layer_sequencer *sequencer)
{
    if (!sequencer->asked)
        return;
    json_key(out, "sequencer");
    json_open_object(out);
    json_key(out, "at");
    json_put_cstr(out, sequencer->at);
    json_key(out, "reached");
    json_put_bool(out, sequencer->reached);
    if (!sequencer->reached) {
        json_key(out, "silentSince");
        json_put_u64(out, sequencer->silent_since_s);
    }
    json_key(out, "trusted");
    json_put_bool(out, !sequencer->distrusted);
    if (sequencer->distrusted) {
        json_key(out, "why");
        json_put_cstr(out, "it has signed two blocks in one place; the log has both");
    }
    json_key(out, "taken");
    json_put_u64(out, sequencer->taken);
    json_key(out, "brokenPromises");
    json_put_u64(out, sequencer->broken);
    json_close_object(out);
}

enum status varve_status(struct rpc_call *call)
{
    struct layer_status status;
    struct json_out *out = call->out;
    layer_status(call->serve->layer, &status);
    json_open_object(out);
    json_key(out, "parent");
    json_open_object(out);
    json_key(out, "reached");
    json_put_bool(out, status.parent_reached);
    put_l1(out, "head", &status.head_l1);
    put_l1(out, "finalized", &status.finalized_l1);
    put_l1(out, "derivedTo", &status.current_l1);
    json_close_object(out);
    put_l2(out, "unsafe", &status.unsafe_l2);
    put_l2(out, "safe", &status.safe_l2);
    put_l2(out, "finalized", &status.finalized_l2);
    const struct {
        const char *key;
        u64 value;
    } counts[] = {
        {"items", status.items},
        {"itemsRead", status.items_read},
        {"batches", status.batches},
        {"claims", status.claims},
        {"backlogBlocks", status.backlog_blocks},
        {"lostTransactions", status.lost_txs},
    };
    for (usize i = 0; i < countof(counts); i++) {
        json_key(out, counts[i].key);
        json_put_u64(out, counts[i].value);
    }
    json_key(out, "accepting");
    json_put_bool(out, status.accepting);
    if (!status.accepting) {
        json_key(out, "why");
        json_put_cstr(out, status.refusing);
    }
    put_sequencer(out, &status.sequencer);
    json_key(out, "rollup");
    rollup_write(layer_rollup(call->serve->layer), out);
    json_close_object(out);
    return ST_OK;
}

/* What the node says about itself and its chain. */
#include "rpc/internal.h"

enum status eth_chain_id(struct rpc_call *call)
{
    return rpc_reply_u64(call, chain_config(call->serve->chain)->chain_id);
}

enum status eth_block_number(struct rpc_call *call)
{
    const struct head *head = chain_head(call->serve->chain);
    u64 number = head->header.number;
    head_release(head);
    return rpc_reply_u64(call, number);
}

/* There is nobody to sync from yet: what is imported is all there is. */
enum status eth_syncing(struct rpc_call *call)
{
    return rpc_reply_bool(call, false);
}

enum status eth_mining(struct rpc_call *call)
{
    return rpc_reply_bool(call, call->serve->dev != NULL);
}

enum status eth_hashrate(struct rpc_call *call)
{
    return rpc_reply_u64(call, 0);
}

/* The newest version of the `eth` protocol, as geth answered while it had this method. */
enum status eth_protocol_version(struct rpc_call *call)
{
    return rpc_reply_u64(call, 68);
}

enum status eth_coinbase(struct rpc_call *call)
{
    TRY(rpc_open(call));
    return rpc_reply_bytes(call, BYTES_OF(call->at.head->header.beneficiary));
}

enum status eth_accounts(struct rpc_call *call)
{
    const struct keys *keys = call->serve->keys;
    json_open_array(call->out);
    for (usize i = 0; keys != NULL && i < keys_count(keys); i++) {
        address who = keys_address(keys, i);
        json_put_hex(call->out, BYTES_OF(who));
    }
    json_close_array(call->out);
    return ST_OK;
}

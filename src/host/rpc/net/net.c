/* net_ and web3_: the oldest questions. There are no peers before the node speaks devp2p. */
#include "rpc/internal.h"

#include "base/fmt.h"
#include "crypto/keccak.h"

enum status net_version(struct rpc_call *call)
{
    char text[24];
    fmt(text, sizeof(text), "%lu", chain_config(call->serve->chain)->chain_id);
    return rpc_reply_text(call, text);
}

enum status net_listening(struct rpc_call *call)
{
    return rpc_reply_bool(call, false);
}

enum status net_peer_count(struct rpc_call *call)
{
    return rpc_reply_u64(call, 0);
}

enum status web3_client_version(struct rpc_call *call)
{
    return rpc_reply_text(call, call->serve->version);
}

enum status web3_sha3(struct rpc_call *call)
{
    bytes data;
    TRY(rpc_arg_bytes(call, 0, &data));
    hash32 hash = keccak256(data);
    return rpc_reply_bytes(call, BYTES_OF(hash));
}

/* Blocks and their parts as they are encoded. */
#include "rpc/internal.h"

enum status debug_get_raw_header(struct rpc_call *call)
{
    struct block_ref ref;
    struct header header;
    TRY(rpc_arg_block(call, 0, &ref));
    TRY(block_ref_header(&call->at, &ref, &header, &call->err));
    return rpc_reply_bytes(call, header_encode(&header, &call->arena));
}

enum status debug_get_raw_block(struct rpc_call *call)
{
    struct block_ref ref;
    bytes rlp;
    TRY(rpc_arg_block(call, 0, &ref));
    TRY(block_ref_rlp(&call->at, &ref, &rlp, &call->err));
    return rpc_reply_bytes(call, rlp);
}

enum status debug_get_raw_receipts(struct rpc_call *call)
{
    struct block_ref ref;
    struct receipt *receipts;
    usize count;
    TRY(rpc_arg_block(call, 0, &ref));
    TRY(block_ref_receipts(&call->at, &ref, &receipts, &count, &call->err));
    json_open_array(call->out);
    for (usize i = 0; i < count; i++)
        json_put_hex(call->out, receipt_encode(&receipts[i], &call->arena));
    json_close_array(call->out);
    return ST_OK;
}

/* What the followers of a sequencer ask it for. */
#include "layer/layer.h"
#include "rpc/internal.h"

static enum status put_signed(struct rpc_call *call, bytes rlp, hash32 hash)
{
    signature65 signature;
    TRY(layer_sign_block(call->serve->layer, hash, &signature, &call->err));
    json_open_object(call->out);
    put_member_bytes(call->out, "block", rlp);
    put_member_bytes(call->out, "signature", BYTES_OF(signature));
    json_close_object(call->out);
    return ST_OK;
}

/* As many as an answer takes: one at the least. None where the chain has gone another way since. */
static enum status put_signed_blocks(struct rpc_call *call, const struct layer_unsafe *which)
{
    struct block_ref ref;
    usize size = 0;
    if (snapshot_ref_by_number(&call->at, which->last, &ref) != ST_OK ||
        !hash32_equal(ref.hash, which->last_hash))
        return ST_OK;
    u64 end = min_u64(which->last + 1, which->first + UNSAFE_MOST_BLOCKS);
    for (u64 number = which->first; number < end; number++) {
        bytes rlp;
        TRY(snapshot_ref_by_number(&call->at, number, &ref));
        TRY(block_ref_rlp(&call->at, &ref, &rlp, &call->err));
        size += rlp.size;
        if (number > which->first && size > UNSAFE_MOST_BYTES)
            return ST_OK;
        TRY(put_signed(call, rlp, ref.hash));
    }
    return ST_OK;
}

enum status varve_unsafe_blocks(struct rpc_call *call)
{
    struct layer_unsafe which;
    u64 from, wait_ms = 0;
    TRY(rpc_arg_u64(call, 0, &from));
    if (rpc_has_arg(call, 1))
        TRY(rpc_arg_u64(call, 1, &wait_ms));
    TRY(layer_unsafe_blocks(call->serve->layer, from, wait_ms, &which, &call->err));
    TRY(rpc_open(call));
    json_open_array(call->out);
    if (which.first <= which.last)
        TRY(put_signed_blocks(call, &which));
    json_close_array(call->out);
    return ST_OK;
}

/* Blocks, headers, uncles and the receipts of whole blocks. */
#include "rpc/internal.h"

#include "base/rlp.h"

/* A block that is not there is null, not an error. */
#define TRY_OR_NULL(expression)                                                                    \
    do {                                                                                           \
        enum status try_status_ = (expression);                                                    \
        if (try_status_ == ST_MISSING)                                                             \
            return rpc_reply_null(call);                                                           \
        if (try_status_ != ST_OK)                                                                  \
            return try_status_;                                                                    \
    } while (0)

typedef enum status (*find_block)(struct rpc_call *call, usize index, struct block_ref *out);

static enum status reply_block(struct rpc_call *call, find_block find)
{
    struct block_ref ref;
    struct stored_block block;
    bool full = false;
    TRY(rpc_arg_bool(call, 1, &full));
    TRY_OR_NULL(find(call, 0, &ref));
    TRY(block_ref_read(&call->at, &ref, &block, &call->err));
    put_block(call->out, &block, full, call->arena);
    return ST_OK;
}

enum status eth_get_block_by_number(struct rpc_call *call)
{
    return reply_block(call, rpc_arg_block_number);
}

enum status eth_get_block_by_hash(struct rpc_call *call)
{
    return reply_block(call, rpc_arg_block_hash);
}

static enum status reply_header(struct rpc_call *call, find_block find)
{
    struct block_ref ref;
    struct header header;
    TRY_OR_NULL(find(call, 0, &ref));
    TRY(block_ref_header(&call->at, &ref, &header, &call->err));
    put_header(call->out, &header, ref.hash);
    return ST_OK;
}

enum status eth_get_header_by_number(struct rpc_call *call)
{
    return reply_header(call, rpc_arg_block_number);
}

enum status eth_get_header_by_hash(struct rpc_call *call)
{
    return reply_header(call, rpc_arg_block_hash);
}

static enum status reply_tx_count(struct rpc_call *call, find_block find)
{
    struct block_ref ref;
    struct stored_block block;
    TRY_OR_NULL(find(call, 0, &ref));
    TRY(block_ref_read(&call->at, &ref, &block, &call->err));
    return rpc_reply_u64(call, block.block.tx_count);
}

enum status eth_get_block_tx_count_by_number(struct rpc_call *call)
{
    return reply_tx_count(call, rpc_arg_block_number);
}

enum status eth_get_block_tx_count_by_hash(struct rpc_call *call)
{
    return reply_tx_count(call, rpc_arg_block_hash);
}

static enum status reply_uncle_count(struct rpc_call *call, find_block find)
{
    struct block_ref ref;
    struct stored_block block;
    TRY_OR_NULL(find(call, 0, &ref));
    TRY(block_ref_read(&call->at, &ref, &block, &call->err));
    return rpc_reply_u64(call, block.block.ommer_count);
}

enum status eth_get_uncle_count_by_number(struct rpc_call *call)
{
    return reply_uncle_count(call, rpc_arg_block_number);
}

enum status eth_get_uncle_count_by_hash(struct rpc_call *call)
{
    return reply_uncle_count(call, rpc_arg_block_hash);
}

/* An uncle is a block of which only the header is known. */
static enum status reply_uncle(struct rpc_call *call, find_block find)
{
    struct block_ref ref;
    struct stored_block block;
    u64 index;
    TRY(rpc_arg_u64(call, 1, &index));
    TRY_OR_NULL(find(call, 0, &ref));
    TRY(block_ref_read(&call->at, &ref, &block, &call->err));
    if (index >= block.block.ommer_count)
        return rpc_reply_null(call);
    const struct header *ommer = &block.block.ommers[index];
    json_open_object(call->out);
    put_header_members(call->out, ommer, header_hash(ommer, call->arena));
    put_member_u64(call->out, "size", rlp_size_list(header_encode(ommer, &call->arena).size + 2));
    json_key(call->out, "uncles");
    json_open_array(call->out);
    json_close_array(call->out);
    json_close_object(call->out);
    return ST_OK;
}

enum status eth_get_uncle_by_number(struct rpc_call *call)
{
    return reply_uncle(call, rpc_arg_block_number);
}

enum status eth_get_uncle_by_hash(struct rpc_call *call)
{
    return reply_uncle(call, rpc_arg_block_hash);
}

enum status eth_get_block_receipts(struct rpc_call *call)
{
    struct block_ref ref;
    struct stored_block stored;
    struct receipt *receipts;
    usize count;
    TRY_OR_NULL(rpc_arg_block(call, 0, &ref));
    TRY(block_ref_read(&call->at, &ref, &stored, &call->err));
    TRY_OR_NULL(block_ref_receipts(&call->at, &ref, &receipts, &count, &call->err));
    const struct block *block = &stored.block;
    u256 blob_fee = rpc_blob_fee(call, &block->header);
    u64 first_log = 0;
    struct child_attributes attributes;
    bool has_attributes = count > 0 && child_attributes_read(block->txs, &attributes) == ST_OK;
    json_open_array(call->out);
    for (usize i = 0; i < count; i++) {
        struct tx_place place = {&block->header, block->hash, i,
                                 has_attributes ? &attributes : NULL};
        put_receipt(call->out, &receipts[i], &block->txs[i], &place, blob_fee, first_log);
        first_log += receipts[i].log_count;
    }
    json_close_array(call->out);
    return ST_OK;
}

/* The child's blocks, as far as deriving and sequencing look at them. */
#include "layer/internal.h"

/* What the first block would have as attributes, if it had any. */
static struct child_attributes genesis_attributes(const struct rollup *rollup)
{
    struct child_attributes out = {.base_fee_scalar = (u32)rollup->base_fee_scalar,
                                   .blob_base_fee_scalar = (u32)rollup->blob_base_fee_scalar,
                                   .origin_time = rollup->genesis_time,
                                   .origin_number = rollup->parent_block,
                                   .origin_hash = rollup->parent_block_hash};
    memcpy(out.batcher_hash.b + 12, rollup->sequencer.b, sizeof(address));
    return out;
}

enum status child_head_read(const struct rollup *rollup, struct snapshot *at,
                            const struct block_ref *ref, struct child_head *out, struct err *err)
{
    struct stored_tx first;
    out->hash = ref->hash;
    if (ref->number == 0) {
        out->attributes = genesis_attributes(rollup);
        return block_ref_header(at, ref, &out->header, err);
    }
    TRY(block_ref_tx(at, ref, 0, &first, err));
    out->header = first.header;
    out->header.extra_data = BYTES_EMPTY;
    if (child_attributes_read(&first.tx, &out->attributes) != ST_OK)
        return fail(err, ST_CORRUPT, "block %lu of the child does not begin with attributes",
                    ref->number);
    return ST_OK;
}

enum status child_head_at(struct layer *layer, u64 number, struct child_head *out, struct err *err)
{
    struct arena arena = pages_arena(&layer->head_pages);
    struct snapshot at;
    struct block_ref ref;
    TRY(snapshot_open(layer->options.chain, &arena, &at, err));
    enum status st = snapshot_ref_by_number(&at, min_u64(number, at.head->header.number), &ref);
    if (st == ST_OK)
        st = child_head_read(layer->options.rollup, &at, &ref, out, err);
    snapshot_close(&at);
    return st;
}

enum status child_head_newest(struct layer *layer, struct child_head *out, struct err *err)
{
    return child_head_at(layer, UINT64_MAX, out, err);
}

enum status layer_read_l2(struct layer *layer, struct snapshot *at, const struct block_ref *ref,
                          struct layer_l2 *out, struct err *err)
{
    struct child_head head;
    TRY(child_head_read(layer->options.rollup, at, ref, &head, err));
    *out = child_head_l2(&head);
    return ST_OK;
}

struct layer_l2 child_head_l2(const struct child_head *head)
{
    return (struct layer_l2){.number = head->header.number,
                             .timestamp = head->header.timestamp,
                             .hash = head->hash,
                             .parent_hash = head->header.parent_hash,
                             .origin_number = head->attributes.origin_number,
                             .origin_hash = head->attributes.origin_hash,
                             .sequence_number = head->attributes.sequence_number};
}

bool child_head_state(const struct layer *layer, const struct child_head *head,
                      struct derive_state *out)
{
    const struct child_attributes *attributes = &head->attributes;
    const struct parent_block *origin = parent_block(layer->parent, attributes->origin_number);
    if (origin == NULL || !hash32_equal(origin->origin.hash, attributes->origin_hash))
        return false;
    *out = (struct derive_state){.inbox_pos = attributes->inbox_pos};
    if (!parent_inbox_acc(layer->parent, attributes->inbox_pos, &out->inbox_acc))
        return false;
    out->params = (struct derive_params){
        .gas_limit = head->header.gas_limit,
        .base_fee_scalar = attributes->base_fee_scalar,
        .blob_base_fee_scalar = attributes->blob_base_fee_scalar,
        .sequencer = u256_to_address(u256_from_hash(attributes->batcher_hash)),
        .version = DERIVE_VERSION}; /* another one stops the node */
    out->head.number = head->header.number;
    out->head.hash = head->hash;
    out->head.timestamp = head->header.timestamp;
    out->head.sequence_number = attributes->sequence_number;
    out->head.origin = origin->origin;
    return true;
}

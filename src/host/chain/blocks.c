/* Reading blocks: from the points of the head, else from log and store. */
#include "chain/internal.h"
#include "chain/receipts.h"

/* The point of a block, if it is above the root. */
static const struct point *point_of(const struct snapshot *snapshot, u64 number)
{
    const struct chain_head *head = head_of(snapshot->head);
    if (number == head->pub.header.number)
        return head->tip;
    return lineage_find(&head->lineage, number);
}

static const struct body *body_of(const struct snapshot *snapshot, const struct block_ref *ref)
{
    const struct point *point = point_of(snapshot, ref->number);
    return point != NULL && point->body->position == ref->position ? point->body : NULL;
}

enum status snapshot_ref_by_number(struct snapshot *snapshot, u64 number, struct block_ref *out)
{
    const struct chain_head *head = head_of(snapshot->head);
    const struct point *point = point_of(snapshot, number);
    if (point != NULL) {
        *out = (struct block_ref){number, point->body->hash, point->body->position};
        return ST_OK;
    }
    if (number > head->root.number)
        return ST_MISSING;
    struct canon_row row;
    TRY(store_canon(snapshot->read, number, &row));
    *out = (struct block_ref){number, row.hash, row.block_position};
    return ST_OK;
}

/* Whatever the snapshot's state, rows about blocks are those of the head. */
static enum status head_row(struct snapshot *snapshot, enum table table, hash32 key, bytes *value)
{
    const struct chain_head *head = head_of(snapshot->head);
    if (stack_get(&head->tip->stack, table, BYTES_OF(key), value))
        return ST_OK;
    return store_get(snapshot->read, table, BYTES_OF(key), value);
}

enum status snapshot_ref_by_hash(struct snapshot *snapshot, hash32 hash, struct block_ref *out,
                                 bool *canonical)
{
    bytes place;
    struct block_ref there;
    TRY(head_row(snapshot, TABLE_BLOCK, hash, &place));
    if (place.size != BLOCK_PLACE_SIZE)
        return ST_CORRUPT;
    *out = (struct block_ref){load_be64(place.data), hash, load_be64(place.data + 8)};
    if (canonical != NULL)
        *canonical = snapshot_ref_by_number(snapshot, out->number, &there) == ST_OK &&
                     there.position == out->position;
    return ST_OK;
}

enum status snapshot_tx_location(struct snapshot *snapshot, hash32 hash, struct tx_location *out)
{
    bytes row;
    struct tx_place place;
    TRY(head_row(snapshot, TABLE_TX, hash, &row));
    TRY(tx_place_unpack(row, &place));
    TRY(snapshot_ref_by_number(snapshot, place.number, &out->block));
    if (out->block.position != place.position)
        return ST_MISSING; /* the block that held it was reorganised away */
    out->index = place.index;
    return ST_OK;
}

enum status block_ref_header(struct snapshot *snapshot, const struct block_ref *ref,
                             struct header *out, struct err *err)
{
    const struct body *body = body_of(snapshot, ref);
    if (body != NULL) {
        *out = body->header;
        return ST_OK;
    }
    return record_read_header(snapshot->chain->log, ref->position, out, snapshot->arena, err);
}

enum status block_ref_rlp(struct snapshot *snapshot, const struct block_ref *ref, bytes *out,
                          struct err *err)
{
    const struct body *body = body_of(snapshot, ref);
    if (body != NULL) {
        *out = body->rlp;
        return ST_OK;
    }
    struct record record;
    TRY(record_read(snapshot->chain->log, ref->position, &record, snapshot->arena, err));
    *out = record.body;
    return ST_OK;
}

/* As receipts_pack wrote them. ST_MISSING: not kept. */
static enum status packed_receipts(struct snapshot *snapshot, const struct block_ref *ref,
                                   bytes *out)
{
    const struct body *body = body_of(snapshot, ref);
    struct canon_row row;
    if (body != NULL) {
        *out = body->receipts;
        return ST_OK;
    }
    if (ref->number > head_of(snapshot->head)->root.number ||
        store_canon(snapshot->read, ref->number, &row) != ST_OK ||
        row.block_position != ref->position ||
        store_receipts(snapshot->read, ref->number, out) != ST_OK)
        return ST_MISSING;
    return ST_OK;
}

/* A deposit's nonce stands in its receipt alone; where that is not kept, it stays zero. Deposits
 * come first in their block. */
static void set_deposit_nonces(struct snapshot *snapshot, const struct block_ref *ref,
                               struct block *block)
{
    struct arena tmp = *snapshot->arena;
    usize deposits = 0;
    bytes packed;
    while (deposits < block->tx_count && block->txs[deposits].type == TX_DEPOSIT)
        deposits++;
    if (deposits == 0 || packed_receipts(snapshot, ref, &packed) != ST_OK)
        return;
    u64 *nonces = ARENA_TAKE(&tmp, u64, deposits);
    usize count = receipts_unpack_nonces(packed, nonces, deposits);
    for (usize i = 0; i < count; i++)
        block->txs[i].nonce = nonces[i];
}

enum status block_ref_read(struct snapshot *snapshot, const struct block_ref *ref,
                           struct stored_block *out, struct err *err)
{
    const struct body *body = body_of(snapshot, ref);
    bytes senders;
    if (body != NULL) {
        out->rlp = body->rlp;
        out->total_difficulty = body->total_difficulty;
        senders = body->senders;
    } else {
        struct record record;
        TRY(record_read(snapshot->chain->log, ref->position, &record, snapshot->arena, err));
        out->rlp = record.body;
        out->total_difficulty = record.head.total_difficulty;
        senders = record.senders;
    }
    TRY(block_decode(out->rlp, &out->block, snapshot->arena, err));
    block_set_senders(&out->block, senders);
    set_deposit_nonces(snapshot, ref, &out->block);
    return ST_OK;
}

enum status block_ref_receipts(struct snapshot *snapshot, const struct block_ref *ref,
                               struct receipt **out, usize *count, struct err *err)
{
    bytes packed;
    if (packed_receipts(snapshot, ref, &packed) != ST_OK)
        return fail(err, ST_MISSING, "the receipts of block %lu are not kept", ref->number);
    if (receipts_unpack(packed, out, count, snapshot->arena) != ST_OK)
        return fail(err, ST_CORRUPT, "the receipts of block %lu are damaged", ref->number);
    return ST_OK;
}

enum status block_ref_tx(struct snapshot *snapshot, const struct block_ref *ref, usize index,
                         struct stored_tx *out, struct err *err)
{
    const struct body *body = body_of(snapshot, ref);
    bytes rlp, senders, packed;
    if (body != NULL) {
        rlp = body->rlp;
        senders = body->senders;
    } else {
        struct record record;
        TRY(record_read(snapshot->chain->log, ref->position, &record, snapshot->arena, err));
        rlp = record.body;
        senders = record.senders;
    }
    TRY(block_decode_tx(rlp, index, &out->header, &out->tx, &out->envelope, snapshot->arena, err));
    bytes sender = bytes_slice(senders, index * sizeof(address), sizeof(address));
    if (sender.size != sizeof(address))
        return fail(err, ST_CORRUPT, "the senders of block %lu are damaged", ref->number);
    bytes_copy(out->tx.from.b, sender);
    out->tx.from_known = true;
    out->has_receipt = packed_receipts(snapshot, ref, &packed) == ST_OK;
    if (out->has_receipt && receipts_unpack_one(packed, index, &out->receipt, &out->first_log,
                                                snapshot->arena) != ST_OK)
        return fail(err, ST_CORRUPT, "the receipts of block %lu are damaged", ref->number);
    if (out->tx.type == TX_DEPOSIT && out->has_receipt)
        out->tx.nonce = out->receipt.deposit_nonce;
    return ST_OK;
}

enum status snapshot_next_bloom(struct snapshot *snapshot, u64 from, u64 to, u64 budget,
                                bool (*may_match)(void *self, const bloom256 *bloom), void *self,
                                u64 *found)
{
    to = min_u64(to, snapshot->head->header.number);
    for (u64 number = from; number <= to; number++, budget--) {
        *found = number;
        if (budget == 0)
            return ST_AGAIN;
        const struct point *point = point_of(snapshot, number);
        struct canon_row row;
        if (point == NULL)
            TRY(store_canon(snapshot->read, number, &row));
        if (may_match(self, point != NULL ? &point->body->header.logs_bloom : &row.bloom))
            return ST_OK;
    }
    return ST_MISSING;
}

#include "types/block.h"

#include "crypto/keccak.h"
#include "types/internal.h"

/* The next envelope of a block's list: a legacy one lies there as a list, others in a string. */
static enum status read_envelope(bytes *list, bytes *out)
{
    if (rlp_next_is_list(*list))
        return rlp_read_item(list, out);
    TRY(rlp_read_bytes(list, out));
    return rlp_next_is_list(*out) ? ST_INVALID : ST_OK;
}

static enum status read_transactions(bytes list, struct block *out, struct arena *arena,
                                     struct err *err)
{
    if (count_items(list, TX_LEAST_SIZE, &out->tx_count) != ST_OK)
        return fail(err, ST_INVALID, "block: bad list of transactions");
    out->txs = ARENA_TAKE(arena, struct tx, out->tx_count);
    out->tx_envelopes = ARENA_TAKE(arena, bytes, out->tx_count);
    for (usize i = 0; i < out->tx_count; i++) {
        bytes *envelope = &out->tx_envelopes[i];
        if (read_envelope(&list, envelope) != ST_OK)
            return fail(err, ST_INVALID, "block: transaction %zu lies there in no proper form", i);
        struct err why;
        if (tx_decode(*envelope, &out->txs[i], arena, &why) != ST_OK)
            return fail(err, ST_INVALID, "block: transaction %zu: %s", i, why.text);
    }
    return ST_OK;
}

static enum status read_ommers(bytes list, struct block *out, struct arena *arena, struct err *err)
{
    if (rlp_count(list, &out->ommer_count) != ST_OK)
        return fail(err, ST_INVALID, "block: bad list of ommers");
    /* Two is the most that any block may have (Yellow Paper, section 11.1), so that hostile bytes
     * cannot ask for much memory. */
    if (out->ommer_count > 2)
        return fail(err, ST_INVALID, "block: %zu ommers, at most 2 are allowed", out->ommer_count);
    out->ommers = ARENA_TAKE(arena, struct header, out->ommer_count);
    for (usize i = 0; i < out->ommer_count; i++) {
        bytes item;
        struct err why;
        TRY(rlp_read_item(&list, &item));
        if (header_decode(item, &out->ommers[i], &why) != ST_OK)
            return fail(err, ST_INVALID, "block: ommer %zu: %s", i, why.text);
    }
    return ST_OK;
}

static enum status read_withdrawal(bytes *list, struct withdrawal *out)
{
    bytes fields;
    TRY(rlp_read_list(list, &fields));
    TRY(rlp_read_u64(&fields, &out->index));
    TRY(rlp_read_u64(&fields, &out->validator));
    TRY(rlp_read_address(&fields, &out->who));
    TRY(rlp_read_u64(&fields, &out->amount_gwei));
    return rlp_read_end(fields);
}

static enum status read_withdrawals(bytes list, struct block *out, struct arena *arena,
                                    struct err *err)
{
    enum { LEAST_WITHDRAWAL = 1 + 3 + RLP_SIZE_ADDRESS };
    if (count_items(list, LEAST_WITHDRAWAL, &out->withdrawal_count) != ST_OK)
        return fail(err, ST_INVALID, "block: bad list of withdrawals");
    out->withdrawals = ARENA_TAKE(arena, struct withdrawal, out->withdrawal_count);
    for (usize i = 0; i < out->withdrawal_count; i++)
        if (read_withdrawal(&list, &out->withdrawals[i]) != ST_OK)
            return fail(err, ST_INVALID, "block: bad withdrawal %zu", i);
    return ST_OK;
}

enum status block_decode(bytes in, struct block *out, struct arena *arena, struct err *err)
{
    bytes fields, header, list;
    if (rlp_read_list(&in, &fields) != ST_OK || rlp_read_end(in) != ST_OK)
        return fail(err, ST_INVALID, "block: not one RLP list");
    if (rlp_read_item(&fields, &header) != ST_OK)
        return fail(err, ST_INVALID, "block: no header");
    *out = (struct block){0};
    TRY(header_decode(header, &out->header, err));
    out->hash = keccak256(header);
    if (rlp_read_list(&fields, &list) != ST_OK)
        return fail(err, ST_INVALID, "block: no list of transactions");
    TRY(read_transactions(list, out, arena, err));
    if (rlp_read_list(&fields, &list) != ST_OK)
        return fail(err, ST_INVALID, "block: no list of ommers");
    TRY(read_ommers(list, out, arena, err));
    out->has_withdrawals = fields.size > 0;
    if (out->has_withdrawals != (out->header.fields >= HEADER_SHANGHAI))
        return fail(err, ST_INVALID, "block: withdrawals and header do not agree on the fork");
    if (!out->has_withdrawals)
        return ST_OK;
    if (rlp_read_list(&fields, &list) != ST_OK || rlp_read_end(fields) != ST_OK)
        return fail(err, ST_INVALID, "block: no list of withdrawals at its end");
    return read_withdrawals(list, out, arena, err);
}

static void transactions_out(struct rlp_out *out, const void *self)
{
    const struct block *block = self;
    for (usize i = 0; i < block->tx_count; i++) {
        if (block->txs[i].type == TX_LEGACY)
            out_raw(out, block->tx_envelopes[i]);
        else
            out_bytes(out, block->tx_envelopes[i]);
    }
}

static void ommers_out(struct rlp_out *out, const void *self)
{
    const struct block *block = self;
    for (usize i = 0; i < block->ommer_count; i++)
        header_out(out, &block->ommers[i]);
}

static void withdrawal_out(struct rlp_out *out, const void *self)
{
    const struct withdrawal *withdrawal = self;
    out_u64(out, withdrawal->index);
    out_u64(out, withdrawal->validator);
    out_address(out, withdrawal->who);
    out_u64(out, withdrawal->amount_gwei);
}

static void withdrawals_out(struct rlp_out *out, const void *self)
{
    const struct block *block = self;
    for (usize i = 0; i < block->withdrawal_count; i++)
        out_list(out, withdrawal_out, &block->withdrawals[i]);
}

static void block_out(struct rlp_out *out, const void *self)
{
    const struct block *block = self;
    header_out(out, &block->header);
    out_list(out, transactions_out, block);
    out_list(out, ommers_out, block);
    if (block->has_withdrawals)
        out_list(out, withdrawals_out, block);
}

enum status block_decode_tx(bytes in, usize index, struct header *header, struct tx *tx,
                            bytes *envelope, struct arena *arena, struct err *err)
{
    bytes fields, header_item, list, skipped;
    TRY(rlp_read_list(&in, &fields));
    TRY(rlp_read_item(&fields, &header_item));
    TRY(rlp_read_list(&fields, &list));
    TRY(header_decode(header_item, header, err));
    for (usize i = 0; i < index && list.size > 0; i++)
        TRY(rlp_read_item(&list, &skipped));
    if (list.size == 0)
        return fail(err, ST_MISSING, "block: there is no transaction %zu", index);
    TRY(read_envelope(&list, envelope));
    return tx_decode(*envelope, tx, arena, err);
}

bytes block_encode(const struct block *block, struct arena *arena)
{
    return encode_list(block_out, block, arena);
}

bytes withdrawal_encode(const struct withdrawal *withdrawal, struct arena *arena)
{
    return encode_list(withdrawal_out, withdrawal, arena);
}

hash32 block_ommers_hash(const struct block *block, struct arena tmp)
{
    if (block->ommer_count == 0)
        return EMPTY_OMMERS_HASH;
    return keccak256(encode_list(ommers_out, block, &tmp));
}

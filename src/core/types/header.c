#include "types/header.h"

#include "crypto/keccak.h"
#include "types/internal.h"

const hash32 EMPTY_OMMERS_HASH = {{0x1d, 0xcc, 0x4d, 0xe8, 0xde, 0xc7, 0x5d, 0x7a, 0xab, 0x85, 0xb5,
                                   0x67, 0xb6, 0xcc, 0xd4, 0x1a, 0xd3, 0x12, 0x45, 0x1b, 0x94, 0x8a,
                                   0x74, 0x13, 0xf0, 0xa1, 0x42, 0xfd, 0x40, 0xd4, 0x93, 0x47}};

static void header_fields_out(struct rlp_out *out, const void *self)
{
    const struct header *h = self;
    out_hash(out, h->parent_hash);
    out_hash(out, h->ommers_hash);
    out_address(out, h->beneficiary);
    out_hash(out, h->state_root);
    out_hash(out, h->transactions_root);
    out_hash(out, h->receipts_root);
    out_bytes(out, BYTES_OF(h->logs_bloom));
    out_u256(out, h->difficulty);
    out_u64(out, h->number);
    out_u64(out, h->gas_limit);
    out_u64(out, h->gas_used);
    out_u64(out, h->timestamp);
    out_bytes(out, h->extra_data);
    out_hash(out, h->mix_hash);
    out_bytes(out, BYTES_OF(h->nonce));
    if (h->fields >= HEADER_LONDON)
        out_u256(out, h->base_fee_wei);
    if (h->fields >= HEADER_SHANGHAI)
        out_hash(out, h->withdrawals_root);
    if (h->fields >= HEADER_CANCUN) {
        out_u64(out, h->blob_gas_used);
        out_u64(out, h->excess_blob_gas);
        out_hash(out, h->parent_beacon_root);
    }
    if (h->fields >= HEADER_PRAGUE)
        out_hash(out, h->requests_hash);
}

void header_out(struct rlp_out *out, const struct header *header)
{
    out_list(out, header_fields_out, header);
}

bytes header_encode(const struct header *header, struct arena *arena)
{
    return encode_list(header_fields_out, header, arena);
}

hash32 header_hash(const struct header *header, struct arena tmp)
{
    return keccak256(header_encode(header, &tmp));
}

#define READ(name, expression)                                                                     \
    do {                                                                                           \
        if ((expression) != ST_OK)                                                                 \
            return fail(err, ST_INVALID, "header: bad %s", name);                                  \
    } while (0)

static enum status read_frontier_fields(bytes *in, struct header *out, struct err *err)
{
    READ("parent hash", rlp_read_hash(in, &out->parent_hash));
    READ("ommers hash", rlp_read_hash(in, &out->ommers_hash));
    READ("beneficiary", rlp_read_address(in, &out->beneficiary));
    READ("state root", rlp_read_hash(in, &out->state_root));
    READ("transactions root", rlp_read_hash(in, &out->transactions_root));
    READ("receipts root", rlp_read_hash(in, &out->receipts_root));
    READ("logs bloom", rlp_read_fixed(in, out->logs_bloom.b, sizeof(out->logs_bloom.b)));
    READ("difficulty", rlp_read_u256(in, &out->difficulty));
    READ("number", rlp_read_u64(in, &out->number));
    READ("gas limit", rlp_read_u64(in, &out->gas_limit));
    READ("gas used", rlp_read_u64(in, &out->gas_used));
    READ("timestamp", rlp_read_u64(in, &out->timestamp));
    READ("extra data", rlp_read_bytes(in, &out->extra_data));
    READ("mix hash", rlp_read_hash(in, &out->mix_hash));
    READ("nonce", rlp_read_fixed(in, out->nonce, sizeof(out->nonce)));
    return ST_OK;
}

static enum status read_later_fields(bytes *in, struct header *out, struct err *err)
{
    if (out->fields >= HEADER_LONDON)
        READ("base fee", rlp_read_u256(in, &out->base_fee_wei));
    if (out->fields >= HEADER_SHANGHAI)
        READ("withdrawals root", rlp_read_hash(in, &out->withdrawals_root));
    if (out->fields >= HEADER_CANCUN) {
        READ("blob gas used", rlp_read_u64(in, &out->blob_gas_used));
        READ("excess blob gas", rlp_read_u64(in, &out->excess_blob_gas));
        READ("parent beacon root", rlp_read_hash(in, &out->parent_beacon_root));
    }
    if (out->fields >= HEADER_PRAGUE)
        READ("requests hash", rlp_read_hash(in, &out->requests_hash));
    return ST_OK;
}

static bool field_count_known(usize count)
{
    return count == HEADER_FRONTIER || count == HEADER_LONDON || count == HEADER_SHANGHAI ||
           count == HEADER_CANCUN || count == HEADER_PRAGUE;
}

enum status header_decode(bytes in, struct header *out, struct err *err)
{
    bytes fields;
    usize count;
    if (rlp_read_list(&in, &fields) != ST_OK || rlp_read_end(in) != ST_OK ||
        rlp_count(fields, &count) != ST_OK)
        return fail(err, ST_INVALID, "header: not one RLP list");
    if (!field_count_known(count))
        return fail(err, ST_INVALID, "header: no fork has %zu fields", count);
    *out = (struct header){.fields = (enum header_fields)count};
    TRY(read_frontier_fields(&fields, out, err));
    return read_later_fields(&fields, out, err);
}

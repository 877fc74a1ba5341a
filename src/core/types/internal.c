#include "types/internal.h"

/* Moves on by an item of `size` bytes, which is in place where bytes are being put. */
static void step(struct rlp_out *out, usize size)
{
    out->size += size;
    if (out->at != NULL)
        out->at += size;
}

void out_u64(struct rlp_out *out, u64 value)
{
    if (out->at != NULL)
        rlp_put_u64(out->at, value);
    step(out, rlp_size_u64(value));
}

void out_u256(struct rlp_out *out, u256 value)
{
    if (out->at != NULL)
        rlp_put_u256(out->at, value);
    step(out, rlp_size_u256(value));
}

void out_bytes(struct rlp_out *out, bytes value)
{
    if (out->at != NULL)
        rlp_put_bytes(out->at, value);
    step(out, rlp_size_bytes(value));
}

void out_hash(struct rlp_out *out, hash32 value)
{
    out_bytes(out, BYTES_OF(value));
}

void out_address(struct rlp_out *out, address value)
{
    out_bytes(out, BYTES_OF(value));
}

void out_raw(struct rlp_out *out, bytes item)
{
    if (out->at != NULL)
        bytes_copy(out->at, item);
    step(out, item.size);
}

void out_list(struct rlp_out *out, rlp_fields *fields, const void *self)
{
    struct rlp_out count = {NULL, 0};
    fields(&count, self);
    usize whole = rlp_size_list(count.size);
    if (out->at != NULL) {
        struct rlp_out payload = {rlp_put_list(out->at, count.size), 0};
        fields(&payload, self);
        assert(payload.size == count.size);
    }
    step(out, whole);
}

bytes encode_list(rlp_fields *fields, const void *self, struct arena *arena)
{
    return encode_envelope(0, fields, self, arena);
}

usize envelope_size(u8 type, rlp_fields *fields, const void *self)
{
    struct rlp_out out = {NULL, 0};
    out_list(&out, fields, self);
    return (type != 0) + out.size;
}

bytes encode_envelope(u8 type, rlp_fields *fields, const void *self, struct arena *arena)
{
    usize size = envelope_size(type, fields, self);
    u8 *to = ARENA_TAKE(arena, u8, size);
    to[0] = type; /* overwritten by the list's header where there is no envelope */
    struct rlp_out out = {to + (type != 0), 0};
    out_list(&out, fields, self);
    return (bytes){to, size};
}

enum status count_items(bytes list, usize least, usize *out)
{
    TRY(rlp_count(list, out));
    return *out <= list.size / least ? ST_OK : ST_INVALID;
}

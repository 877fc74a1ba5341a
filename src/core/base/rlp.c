#include "base/rlp.h"

struct item {
    bool list;
    usize header;  /* bytes before the payload */
    usize payload; /* bytes of it */
};

/* A big-endian length of `count` bytes after the first: minimal, and above 55. */
static enum status read_long_size(bytes in, usize count, usize *out)
{
    if (in.size < 1 + count || in.data[1] == 0)
        return ST_INVALID;
    u64 size = 0;
    for (usize i = 0; i < count; i++)
        size = size << 8 | in.data[1 + i];
    if (size <= 55)
        return ST_INVALID;
    *out = size;
    return ST_OK;
}

static enum status read_header(bytes in, struct item *out)
{
    if (in.size == 0)
        return ST_INVALID;
    u8 first = in.data[0];
    *out = (struct item){.list = first >= 0xc0, .header = 1, .payload = 0};
    if (first < 0x80) {
        *out = (struct item){.list = false, .header = 0, .payload = 1};
    } else if (first <= 0xb7 || (first >= 0xc0 && first <= 0xf7)) {
        out->payload = (usize)first & 0x3f;
    } else {
        usize size_bytes = (usize)(first & 0x3f) - 55;
        out->header += size_bytes;
        TRY(read_long_size(in, size_bytes, &out->payload));
    }
    if (out->payload > in.size - out->header)
        return ST_INVALID;
    if (first == 0x81 && in.data[1] < 0x80)
        return ST_INVALID; /* that byte is its own encoding */
    return ST_OK;
}

bool rlp_next_is_list(bytes in)
{
    return in.size > 0 && in.data[0] >= 0xc0;
}

static enum status read_kind(bytes *in, bytes *out, bool list)
{
    struct item item;
    TRY(read_header(*in, &item));
    if (item.list != list)
        return ST_INVALID;
    *out = (bytes){in->data + item.header, item.payload};
    *in = (bytes){in->data + item.header + item.payload, in->size - item.header - item.payload};
    return ST_OK;
}

enum status rlp_read_bytes(bytes *in, bytes *out)
{
    return read_kind(in, out, false);
}

enum status rlp_read_list(bytes *in, bytes *out)
{
    return read_kind(in, out, true);
}

enum status rlp_read_item(bytes *in, bytes *out)
{
    struct item item;
    TRY(read_header(*in, &item));
    usize whole = item.header + item.payload;
    *out = (bytes){in->data, whole};
    *in = (bytes){in->data + whole, in->size - whole};
    return ST_OK;
}

/* An integer's bytes: no leading zero, at most `limit` of them. */
static enum status read_integer(bytes *in, bytes *out, usize limit)
{
    TRY(rlp_read_bytes(in, out));
    if (out->size > limit || (out->size > 0 && out->data[0] == 0))
        return ST_INVALID;
    return ST_OK;
}

enum status rlp_read_u64(bytes *in, u64 *out)
{
    bytes digits;
    TRY(read_integer(in, &digits, 8));
    *out = 0;
    for (usize i = 0; i < digits.size; i++)
        *out = *out << 8 | digits.data[i];
    return ST_OK;
}

enum status rlp_read_u256(bytes *in, u256 *out)
{
    bytes digits;
    TRY(read_integer(in, &digits, 32));
    *out = u256_from_be(digits);
    return ST_OK;
}

enum status rlp_read_fixed(bytes *in, u8 *to, usize size)
{
    bytes value;
    TRY(rlp_read_bytes(in, &value));
    if (value.size != size)
        return ST_INVALID;
    bytes_copy(to, value);
    return ST_OK;
}

enum status rlp_read_hash(bytes *in, hash32 *out)
{
    return rlp_read_fixed(in, out->b, sizeof(out->b));
}

enum status rlp_read_address(bytes *in, address *out)
{
    return rlp_read_fixed(in, out->b, sizeof(out->b));
}

enum status rlp_read_end(bytes in)
{
    return in.size == 0 ? ST_OK : ST_INVALID;
}

enum status rlp_count(bytes payload, usize *out)
{
    bytes item;
    for (*out = 0; payload.size > 0; (*out)++)
        TRY(rlp_read_item(&payload, &item));
    return ST_OK;
}

enum status rlp_check(bytes in)
{
    enum { MAX_DEPTH = 1024 };
    const u8 *ends[MAX_DEPTH]; /* where each open list's payload stops */
    usize depth = 0;
    struct item item;
    TRY(read_header(in, &item));
    if (item.header + item.payload != in.size)
        return ST_INVALID;
    const u8 *at = in.data, *end = in.data + in.size;
    while (at < end) {
        while (depth > 0 && at == ends[depth - 1])
            depth--;
        const u8 *limit = depth > 0 ? ends[depth - 1] : end;
        TRY(read_header((bytes){at, (usize)(limit - at)}, &item));
        at += item.header;
        if (!item.list) {
            at += item.payload;
        } else if (item.payload > 0) {
            if (depth == MAX_DEPTH)
                return ST_INVALID;
            ends[depth++] = at + item.payload;
        }
    }
    return ST_OK;
}

static usize integer_size(u64 value)
{
    return value == 0 ? 0 : (usize)(71 - __builtin_clzl(value)) / 8;
}

usize rlp_size_list(usize payload_size)
{
    return payload_size + 1 + (payload_size > 55 ? integer_size(payload_size) : 0);
}

usize rlp_size_bytes(bytes value)
{
    if (value.size == 1 && value.data[0] < 0x80)
        return 1;
    return rlp_size_list(value.size);
}

usize rlp_size_u64(u64 value)
{
    return value < 0x80 ? 1 : 1 + integer_size(value);
}

usize rlp_size_u256(u256 value)
{
    if (u256_fits_u64(value))
        return rlp_size_u64(value.w[0]);
    return 1 + u256_byte_length(value);
}

static u8 *put_header(u8 *to, usize size, u8 base)
{
    if (size <= 55) {
        *to++ = (u8)(base + size);
        return to;
    }
    usize count = integer_size(size);
    *to++ = (u8)(base + 55 + count);
    while (count-- > 0)
        *to++ = (u8)(size >> (8 * count));
    return to;
}

u8 *rlp_put_list(u8 *to, usize payload_size)
{
    return put_header(to, payload_size, 0xc0);
}

u8 *rlp_put_bytes(u8 *to, bytes value)
{
    if (value.size != 1 || value.data[0] >= 0x80)
        to = put_header(to, value.size, 0x80);
    bytes_copy(to, value);
    return to + value.size;
}

u8 *rlp_put_u64(u8 *to, u64 value)
{
    u8 digits[8];
    store_be64(digits, value);
    usize size = integer_size(value);
    return rlp_put_bytes(to, (bytes){digits + 8 - size, size});
}

u8 *rlp_put_u256(u8 *to, u256 value)
{
    u8 digits[32];
    u256_store_be(digits, value);
    usize size = u256_byte_length(value);
    return rlp_put_bytes(to, (bytes){digits + 32 - size, size});
}

u8 *rlp_put_hash(u8 *to, hash32 value)
{
    return rlp_put_bytes(to, BYTES_OF(value));
}

u8 *rlp_put_address(u8 *to, address value)
{
    return rlp_put_bytes(to, BYTES_OF(value));
}

bytes rlp_u64(u64 value, struct arena *arena)
{
    u8 *to = ARENA_TAKE(arena, u8, 9);
    u8 *end = rlp_put_u64(to, value);
    return (bytes){to, (usize)(end - to)};
}

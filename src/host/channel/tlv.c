#include "channel/tlv.h"

#include "base/bug.h"
#include "base/utf8.h"

/* --- Reading. */

bytes wire_take(struct reader *reader, usize size)
{
    if (size > reader->in.size) {
        reader->failed = true;
        reader->in = BYTES_EMPTY;
        return BYTES_EMPTY;
    }
    bytes part = bytes_slice(reader->in, 0, size);
    reader->in = bytes_slice(reader->in, size, reader->in.size);
    return part;
}

static u128 number_of(bytes digits)
{
    u128 value = 0;
    for (usize i = 0; i < digits.size; i++)
        value = value << 8 | digits.data[i];
    return value;
}

u128 wire_take_number(struct reader *reader, usize size)
{
    return number_of(wire_take(reader, size));
}

u64 wire_take_bigsize(struct reader *reader)
{
    u8 first = (u8)wire_take_number(reader, 1);
    if (first < 0xfd)
        return first;
    usize size = (usize)1 << (first - 0xfc);
    u64 value = (u64)wire_take_number(reader, size);
    u64 least = size == 2 ? 0xfd : (u64)1 << (size * 4);
    if (value < least)
        reader->failed = true;
    return value;
}

enum status tlv_next(struct tlv_reader *tlvs, struct tlv *out, const char *name, struct err *err)
{
    struct reader reader = {.in = tlvs->in};
    out->type = wire_take_bigsize(&reader);
    out->value = wire_take(&reader, wire_take_bigsize(&reader));
    if (reader.failed)
        return fail(err, ST_INVALID, "%s ends in a malformed TLV", name);
    if (tlvs->begun && out->type <= tlvs->last)
        return fail(err, ST_INVALID, "%s has TLVs that do not ascend", name);
    *tlvs = (struct tlv_reader){.in = reader.in, .last = out->type, .begun = true};
    return ST_OK;
}

enum status tlv_unknown(u64 type, const char *name, struct err *err)
{
    if (type % 2 == 0)
        return fail(err, ST_INVALID, "%s has a TLV of the unknown type %lu", name, type);
    return ST_OK;
}

bool tlv_number(bytes value, usize limit, u128 *out)
{
    if (value.size > limit || (value.size > 0 && value.data[0] == 0))
        return false;
    *out = number_of(value);
    return true;
}

bool tlv_zero(bytes value)
{
    for (usize i = 0; i < value.size; i++)
        if (value.data[i] != 0)
            return false;
    return true;
}

/* U+202A to U+202E and U+2066 to U+2069, by which text is shown in another order than it has. */
static bool turns_text(const u8 *at, usize size)
{
    return size == 3 && at[0] == 0xe2 &&
           ((at[1] == 0x80 && at[2] >= 0xaa && at[2] <= 0xae) ||
            (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9));
}

bool tlv_text(bytes value)
{
    while (value.size > 0) {
        usize size = utf8_size(value);
        const u8 *at = value.data;
        if (size == 0 || at[0] < 0x20 || at[0] == 0x7f || (at[0] == 0xc2 && at[1] < 0xa0) ||
            turns_text(at, size))
            return false;
        value = bytes_slice(value, size, value.size);
    }
    return true;
}

/* --- Writing. */

void wire_put(struct writer *writer, bytes part)
{
    assert(part.size <= writer->limit - writer->size);
    bytes_copy(writer->out + writer->size, part);
    writer->size += part.size;
}

void wire_put_number(struct writer *writer, u128 value, usize size)
{
    u8 digits[sizeof(value)];
    for (usize i = size; i-- > 0; value >>= 8)
        digits[i] = (u8)value;
    wire_put(writer, (bytes){digits, size});
}

void wire_put_bigsize(struct writer *writer, u64 value)
{
    usize size = value < 0xfd ? 0 : value <= UINT16_MAX ? 2 : value <= UINT32_MAX ? 4 : 8;
    if (size == 0) {
        wire_put_number(writer, value, 1);
        return;
    }
    wire_put_number(writer, size == 2 ? 0xfd : size == 4 ? 0xfe : 0xff, 1);
    wire_put_number(writer, value, size);
}

void tlv_put(struct writer *writer, u64 type, bytes value)
{
    wire_put_bigsize(writer, type);
    wire_put_bigsize(writer, value.size);
    wire_put(writer, value);
}

bytes tlv_truncate(u128 value, u8 digits[static 16])
{
    usize from = 16;
    for (; value > 0; value >>= 8)
        digits[--from] = (u8)value;
    return (bytes){digits + from, 16 - from};
}

void tlv_put_number(struct writer *writer, u64 type, u128 value)
{
    u8 digits[16];
    tlv_put(writer, type, tlv_truncate(value, digits));
}

#include "channel/wire.h"

#include "base/bug.h"

/* --- Reading. What is not there reads as zero, and `failed` says so at the end. */

struct reader {
    bytes in;
    bool failed;
};

static bytes take(struct reader *reader, usize size)
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

static u128 take_number(struct reader *reader, usize size)
{
    bytes part = take(reader, size);
    u128 value = 0;
    for (usize i = 0; i < part.size; i++)
        value = value << 8 | part.data[i];
    return value;
}

static void take_bytes(struct reader *reader, bytes *out)
{
    *out = take(reader, (usize)take_number(reader, 2));
}

static void take_rest(struct reader *reader, bytes *out)
{
    *out = take(reader, reader->in.size);
}

/* BOLT 1's bigsize, of which only the shortest spelling is one. */
static u64 take_bigsize(struct reader *reader)
{
    u8 first = (u8)take_number(reader, 1);
    if (first < 0xfd)
        return first;
    usize size = (usize)1 << (first - 0xfc);
    u64 value = (u64)take_number(reader, size);
    u64 least = size == 2 ? 0xfd : (u64)1 << (size * 4);
    if (value < least)
        reader->failed = true;
    return value;
}

/* --- Writing. */

struct writer {
    u8 *out; /* WIRE_LIMIT bytes */
    usize size;
};

static void put(struct writer *writer, bytes part)
{
    assert(part.size <= WIRE_LIMIT - writer->size);
    bytes_copy(writer->out + writer->size, part);
    writer->size += part.size;
}

static void put_number(struct writer *writer, u128 value, usize size)
{
    u8 digits[sizeof(value)];
    for (usize i = size; i-- > 0; value >>= 8)
        digits[i] = (u8)value;
    put(writer, (bytes){digits, size});
}

static void put_bytes(struct writer *writer, bytes value)
{
    put_number(writer, value.size, 2);
    put(writer, value);
}

static void put_rest(struct writer *writer, bytes value)
{
    put(writer, value);
}

/* --- Each kind of field. */

#define NUMBER(kind)                                                                               \
    static void take_##kind(struct reader *reader, kind *out)                                      \
    {                                                                                              \
        *out = (kind)take_number(reader, sizeof(kind));                                            \
    }                                                                                              \
    static void put_##kind(struct writer *writer, kind value)                                      \
    {                                                                                              \
        put_number(writer, (u128)value, sizeof(kind));                                             \
    }

NUMBER(u16)
NUMBER(u32)
NUMBER(u64)
NUMBER(u128)
NUMBER(i128)

#define FIXED(kind)                                                                                \
    static void take_##kind(struct reader *reader, kind *out)                                      \
    {                                                                                              \
        bytes_copy(out->b, take(reader, sizeof(kind)));                                            \
    }                                                                                              \
    static void put_##kind(struct writer *writer, kind value)                                      \
    {                                                                                              \
        put(writer, BYTES_OF(value));                                                              \
    }

FIXED(address)
FIXED(hash32)
FIXED(signature64)

/* --- Each message. */

#define FIELD(kind, name) take_##kind(reader, &message->name);
#define REST(name) take_rest(reader, &message->name);
#define MESSAGE(NAME, number, name, fields)                                                        \
    static void take_##name##_message(struct reader *reader, struct wire_##name *message)          \
    {                                                                                              \
        fields                                                                                     \
    }
#include "channel/wire.def"
#undef MESSAGE
#undef REST
#undef FIELD

#define FIELD(kind, name) put_##kind(writer, message->name);
#define REST(name) put_rest(writer, message->name);
#define MESSAGE(NAME, number, name, fields)                                                        \
    static void put_##name##_message(struct writer *writer, const struct wire_##name *message)     \
    {                                                                                              \
        fields                                                                                     \
    }
#include "channel/wire.def"
#undef MESSAGE
#undef REST
#undef FIELD

const char *wire_name(u16 type)
{
    switch (type) {
#define MESSAGE(NAME, number, name, fields)                                                        \
    case number:                                                                                   \
        return #NAME;
#include "channel/wire.def"
#undef MESSAGE
    }
    return NULL;
}

/* --- Whole messages. */

static enum status check_tlvs(struct reader *reader, const char *name, struct err *err)
{
    u64 last = 0;
    for (bool first = true; reader->in.size > 0; first = false) {
        u64 type = take_bigsize(reader);
        u64 size = take_bigsize(reader);
        take(reader, size);
        if (reader->failed)
            return fail(err, ST_INVALID, "%s ends in a malformed TLV", name);
        if (!first && type <= last)
            return fail(err, ST_INVALID, "%s has TLVs that do not ascend", name);
        if (type % 2 == 0)
            return fail(err, ST_INVALID, "%s has a TLV of the unknown type %lu", name, type);
        last = type;
    }
    return ST_OK;
}

enum status wire_decode(bytes in, struct wire_message *out, struct err *err)
{
    struct reader reader = {.in = in};
    u16 type;
    take_u16(&reader, &type);
    if (reader.failed)
        return fail(err, ST_INVALID, "a message without a type");
    const char *name = wire_name(type);
    if (name == NULL)
        return fail(err, type % 2 == 0 ? ST_INVALID : ST_MISSING, "unknown message type %u",
                    (unsigned)type);
    memset(out, 0, sizeof(*out));
    out->type = (enum wire_type)type;
    switch (out->type) {
#define MESSAGE(NAME, number, name, fields)                                                        \
    case WIRE_##NAME:                                                                              \
        take_##name##_message(&reader, &out->name);                                                \
        break;
#include "channel/wire.def"
#undef MESSAGE
    }
    if (reader.failed)
        return fail(err, ST_INVALID, "%s is cut short", name);
    return check_tlvs(&reader, name, err);
}

usize wire_encode(const struct wire_message *message, u8 out[static WIRE_LIMIT])
{
    struct writer writer = {.out = out};
    put_u16(&writer, (u16)message->type);
    switch (message->type) {
#define MESSAGE(NAME, number, name, fields)                                                        \
    case WIRE_##NAME:                                                                              \
        put_##name##_message(&writer, &message->name);                                             \
        break;
#include "channel/wire.def"
#undef MESSAGE
    }
    return writer.size;
}

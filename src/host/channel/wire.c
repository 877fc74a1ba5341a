#include "channel/wire.h"

#include "channel/tlv.h"

/* --- Each kind of field. */

static void take_bytes(struct reader *reader, bytes *out)
{
    *out = wire_take(reader, (usize)wire_take_number(reader, 2));
}

static void put_bytes(struct writer *writer, bytes value)
{
    wire_put_number(writer, value.size, 2);
    wire_put(writer, value);
}

static void take_rest(struct reader *reader, bytes *out)
{
    *out = wire_take(reader, reader->in.size);
}

static void put_rest(struct writer *writer, bytes value)
{
    wire_put(writer, value);
}

#define NUMBER(kind)                                                                               \
    static void take_##kind(struct reader *reader, kind *out)                                      \
    {                                                                                              \
        *out = (kind)wire_take_number(reader, sizeof(kind));                                       \
    }                                                                                              \
    static void put_##kind(struct writer *writer, kind value)                                      \
    {                                                                                              \
        wire_put_number(writer, (u128)value, sizeof(kind));                                        \
    }

NUMBER(u16)
NUMBER(u32)
NUMBER(u64)
NUMBER(u128)
NUMBER(i128)

#define FIXED(kind)                                                                                \
    static void take_##kind(struct reader *reader, kind *out)                                      \
    {                                                                                              \
        bytes_copy(out->b, wire_take(reader, sizeof(kind)));                                       \
    }                                                                                              \
    static void put_##kind(struct writer *writer, kind value)                                      \
    {                                                                                              \
        wire_put(writer, BYTES_OF(value));                                                         \
    }

FIXED(address)
FIXED(hash32)
FIXED(point33)
FIXED(hint16)
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

static enum status check_tlvs(bytes in, const char *name, struct err *err)
{
    struct tlv_reader tlvs = {.in = in};
    struct tlv tlv;
    while (tlvs.in.size > 0) {
        TRY(tlv_next(&tlvs, &tlv, name, err));
        TRY(tlv_unknown(tlv.type, name, err));
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
    return check_tlvs(reader.in, name, err);
}

usize wire_encode(const struct wire_message *message, u8 out[static WIRE_LIMIT])
{
    struct writer writer = {.out = out, .limit = WIRE_LIMIT};
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

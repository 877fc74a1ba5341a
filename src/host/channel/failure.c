#include "channel/failure.h"

#include "channel/tlv.h"

#include "base/bug.h"

/* --- Each field. */

static void put_onion_hash(struct writer *writer, const struct failure *failure)
{
    wire_put(writer, BYTES_OF(failure->onion_hash));
}

static void take_onion_hash(struct reader *reader, struct failure *out)
{
    bytes_copy(out->onion_hash.b, wire_take(reader, sizeof(hash32)));
}

static void put_amount(struct writer *writer, const struct failure *failure)
{
    wire_put_number(writer, failure->amount, 16);
}

static void take_amount(struct reader *reader, struct failure *out)
{
    out->amount = wire_take_number(reader, 16);
}

static void put_time_s(struct writer *writer, const struct failure *failure)
{
    wire_put_number(writer, failure->time_s, 8);
}

static void take_time_s(struct reader *reader, struct failure *out)
{
    out->time_s = (u64)wire_take_number(reader, 8);
}

static void put_type(struct writer *writer, const struct failure *failure)
{
    wire_put_bigsize(writer, failure->type);
}

static void take_type(struct reader *reader, struct failure *out)
{
    out->type = wire_take_bigsize(reader);
}

static void put_offset(struct writer *writer, const struct failure *failure)
{
    wire_put_number(writer, failure->offset, 2);
}

static void take_offset(struct reader *reader, struct failure *out)
{
    out->offset = (u16)wire_take_number(reader, 2);
}

/* --- The table. */

const char *failure_name(u16 code)
{
    switch (code) {
#define FAILURE(number, NAME, name, fields, sentence)                                              \
    case FAILURE_##NAME:                                                                           \
        return #name;
#include "channel/failure.def"
#undef FAILURE
    }
    return NULL;
}

const char *failure_sentence(u16 code)
{
    switch (code) {
#define FAILURE(number, NAME, name, fields, sentence)                                              \
    case FAILURE_##NAME:                                                                           \
        return sentence;
#include "channel/failure.def"
#undef FAILURE
    }
    return NULL;
}

usize failure_encode(const struct failure *failure, u8 out[static FAILURE_LIMIT])
{
    struct writer writer = {.out = out, .limit = FAILURE_LIMIT};
    wire_put_number(&writer, failure->code, 2);
    switch (failure->code) {
#define FIELD(name) put_##name(&writer, failure);
#define FAILURE(number, NAME, name, fields, sentence)                                              \
    case FAILURE_##NAME:                                                                           \
        fields return writer.size;
#include "channel/failure.def"
#undef FAILURE
#undef FIELD
    }
    bug("a failure that is not in the table");
}

enum status failure_decode(bytes in, struct failure *out)
{
    struct reader reader = {.in = in};
    memset(out, 0, sizeof(*out));
    out->code = (u16)wire_take_number(&reader, 2);
    if (reader.failed)
        return ST_INVALID;
    switch (out->code) {
#define FIELD(name) take_##name(&reader, out);
#define FAILURE(number, NAME, name, fields, sentence)                                              \
    case FAILURE_##NAME:                                                                           \
        fields return reader.failed ? ST_INVALID : ST_OK;
#include "channel/failure.def"
#undef FAILURE
#undef FIELD
    }
    return ST_MISSING;
}

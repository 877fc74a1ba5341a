/* Type-length-value streams, and the reader and writer that messages are made with.
 *
 *     TLV = type, bigsize | length, bigsize | value          types ascend strictly
 *
 * A reader passes over the odd types that it does not know and refuses the even ones (tlv_unknown).
 * All integers are big-endian.
 *
 * Source: BOLT 1 ("Type-Length-Value Format", "Fundamental Types"). */
#ifndef CHANNEL_TLV_H
#define CHANNEL_TLV_H

#include "base/bytes.h"
#include "base/status.h"

/* Takes from the front of `in`. What is not there reads as zero or as nothing, and `failed` says so
 * at the end. */
struct reader {
    bytes in;
    bool failed;
};

bytes wire_take(struct reader *reader, usize size);
u128 wire_take_number(struct reader *reader, usize size); /* of at most 16 bytes */
u64 wire_take_bigsize(struct reader *reader);             /* only the shortest spelling is one */

/* The caller sees to it that `limit` bytes are enough. */
struct writer {
    u8 *out;
    usize size, limit;
};

void wire_put(struct writer *writer, bytes part);
void wire_put_number(struct writer *writer, u128 value, usize size);
void wire_put_bigsize(struct writer *writer, u64 value);

struct tlv {
    u64 type;
    bytes value; /* borrows from what was read */
};

/* Begins as {.in = stream}; ends where `in` is empty. */
struct tlv_reader {
    bytes in;
    u64 last;
    bool begun;
};

/* The next of a stream that has not ended. `name` begins the sentence. ST_INVALID: malformed, or
 * out of order. */
enum status tlv_next(struct tlv_reader *tlvs, struct tlv *out, const char *name, struct err *err);

/* ST_INVALID: the type is even. */
enum status tlv_unknown(u64 type, const char *name, struct err *err);

/* A truncated integer ("tu64"): no zeros before it, so that zero is no bytes at all.
 * False: zeros before it, or more than `limit` bytes; `limit` is at most 16. */
bool tlv_number(bytes value, usize limit, u128 *out);

/* Nothing but zeros, or nothing: where zero is said by leaving a TLV out, such a value is none. */
bool tlv_zero(bytes value);

/* UTF-8 without control characters and without such as turn text around, fit to be shown on a
 * terminal. Empty is. */
bool tlv_text(bytes value);

void tlv_put(struct writer *writer, u64 type, bytes value);
void tlv_put_number(struct writer *writer, u64 type, u128 value);

/* The bytes of a truncated integer, at most 16, at the end of `digits`. */
bytes tlv_truncate(u128 value, u8 digits[static 16]);

#endif

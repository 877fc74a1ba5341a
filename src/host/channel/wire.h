/* The messages of two channel peers, from the table wire.def.
 *
 *     type, u16 | the type's fields, one after the other | TLV…
 *     TLV = type, bigsize | length, bigsize | value
 *
 * Kinds of fields: u16, u32, u64, u128 and i128 (two's complement), big-endian; address, hash32,
 * hint16, point33 and signature64 as they are; `bytes` after a u16 with their count; REST, all that
 * is left, after which there are no TLVs. TLV types ascend strictly. None is known yet: odd ones
 * are passed over, an even one makes the message invalid.
 *
 * Source: BOLT 1 ("Lightning Message Format", "Type-Length-Value Format", "Fundamental Types"). */
#ifndef CHANNEL_WIRE_H
#define CHANNEL_WIRE_H

#include "channel/secrets.h"

enum { WIRE_LIMIT = 65535 }; /* bytes of a message; BOLT 8 has no longer ones */

/* What a watchtower knows a channel by (tower_blob.h). */
typedef struct {
    u8 b[16];
} hint16;

enum wire_type {
#define MESSAGE(NAME, number, name, fields) WIRE_##NAME = number,
#include "channel/wire.def"
#undef MESSAGE
};

#define FIELD(kind, name) kind name;
#define REST(name) bytes name;
#define MESSAGE(NAME, number, name, fields)                                                        \
    struct wire_##name {                                                                           \
        fields                                                                                     \
    };
#include "channel/wire.def"
#undef MESSAGE
#undef REST
#undef FIELD

struct wire_message {
    enum wire_type type;
    union {
#define MESSAGE(NAME, number, name, fields) struct wire_##name name;
#include "channel/wire.def"
#undef MESSAGE
    };
};

/* The `bytes` in *out borrow from `in`. Lengths and TLVs are judged, what a value means is not.
 * ST_MISSING: an odd type that is not in the table; BOLT 1 has it passed over. ST_INVALID: cut
 * short, an even type that is not in the table, or malformed TLVs: the connection ends. */
enum status wire_decode(bytes in, struct wire_message *out, struct err *err);

/* Returns the size. That the whole fits into WIRE_LIMIT bytes is for the caller to see to. */
usize wire_encode(const struct wire_message *message, u8 out[static WIRE_LIMIT]);

/* "UPDATE"; NULL: not in the table. */
const char *wire_name(u16 type);

#endif

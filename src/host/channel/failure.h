/* Failure messages: what onion_error.h carries back to the payer, from the table failure.def.
 *
 *     code, u16 | the code's fields, one after the other
 *
 * Fields: onion_hash, 32; amount, u128; time_s, u64; type, bigsize; offset, u16. What follows them
 * is ignored.
 *
 * Source: BOLT 4, "Failure Messages" and "Receiving Failure Codes". */
#ifndef CHANNEL_FAILURE_H
#define CHANNEL_FAILURE_H

#include "base/bytes.h"
#include "base/status.h"

enum {
    FAILURE_BADONION = 0x8000, /* by the peer that sent an onion which cannot be read */
    FAILURE_PERM = 0x4000,     /* trying again is of no use */
    FAILURE_NODE = 0x2000,     /* the node fails, not one channel */
    FAILURE_UPDATE = 0x1000,   /* the channel's policy is not what the payer thought */
};

enum failure_code {
#define BADONION FAILURE_BADONION
#define PERM FAILURE_PERM
#define NODE FAILURE_NODE
#define UPDATE FAILURE_UPDATE
#define FAILURE(number, NAME, name, fields, sentence) FAILURE_##NAME = number,
#include "channel/failure.def"
#undef FAILURE
#undef BADONION
#undef PERM
#undef NODE
#undef UPDATE
};

/* Fields that the code does not have are zero. */
struct failure {
    u16 code; /* of enum failure_code, or one of somebody else's */
    hash32 onion_hash;
    u128 amount;
    u64 time_s;
    u64 type;   /* of the TLV that is wrong or missing; 0: it has none that can be read */
    u16 offset; /* where it begins in the payload; 0 where it is missing */
};

/* "fee_insufficient", and a sentence that begins with a small letter; NULL: not in the table. */
const char *failure_name(u16 code);
const char *failure_sentence(u16 code);

enum { FAILURE_LIMIT = 34 };

/* Returns the size. The code is one of the table. */
usize failure_encode(const struct failure *failure, u8 out[static FAILURE_LIMIT]);

/* ST_MISSING: the code is not in the table; its flags say what it means for the route.
 * ST_INVALID: cut short. */
enum status failure_decode(bytes in, struct failure *out);

#endif

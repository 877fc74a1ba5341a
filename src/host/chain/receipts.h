/* Receipts as the store keeps them: all that they say, bloom filters left out (they follow from
 * the logs). */
#ifndef CHAIN_RECEIPTS_H
#define CHAIN_RECEIPTS_H

#include "types/receipt.h"

/* Bytes that receipts_pack writes, and the writing. */
usize receipts_pack_size(const struct receipt *receipts, usize count);
void receipts_pack(const struct receipt *receipts, usize count, u8 *to);

/* ST_CORRUPT: not what receipts_pack wrote. Log data borrow from `in`. */
enum status receipts_unpack(bytes in, struct receipt **out, usize *count, struct arena *arena);

/* One of them; *first_log counts the logs of those before. ST_MISSING: there are no more than
 * `index`. */
enum status receipts_unpack_one(bytes in, usize index, struct receipt *out, u64 *first_log,
                                struct arena *arena);

/* The nonces of the deposits that come first, up to `room`; how many there are. */
usize receipts_unpack_nonces(bytes in, u64 *nonces, usize room);

#endif

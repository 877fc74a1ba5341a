/* RLP lists. Writing: one description of the fields serves both passes, the one that counts bytes
 * and the one that puts them. */
#ifndef TYPES_INTERNAL_H
#define TYPES_INTERNAL_H

#include "base/rlp.h"

/* `at` is NULL while counting; `size` is what has been counted or put so far. */
struct rlp_out {
    u8 *at;
    usize size;
};

/* Describes the fields of one object in order. */
typedef void rlp_fields(struct rlp_out *out, const void *self);

void out_u64(struct rlp_out *out, u64 value);
void out_u256(struct rlp_out *out, u256 value);
void out_bytes(struct rlp_out *out, bytes value);
void out_hash(struct rlp_out *out, hash32 value);
void out_address(struct rlp_out *out, address value);
/* An item that is encoded already. */
void out_raw(struct rlp_out *out, bytes item);
/* The fields of `self` as one list. A list's payload is counted once for each list around it; the
 * deepest here, an access list's slots, stand in three. */
void out_list(struct rlp_out *out, rlp_fields *fields, const void *self);

/* The list alone, and as the payload of an EIP-2718 envelope (`type` 0: no envelope). */
bytes encode_list(rlp_fields *fields, const void *self, struct arena *arena);
bytes encode_envelope(u8 type, rlp_fields *fields, const void *self, struct arena *arena);
usize envelope_size(u8 type, rlp_fields *fields, const void *self);

/* How many items a list has, of which none is shorter than `least` bytes where it is valid: so that
 * what is allocated for them is in proportion to the input, whatever it is. */
enum status count_items(bytes list, usize least, usize *out);

/* A header as an item of the list that is being written. */
struct header;
void header_out(struct rlp_out *out, const struct header *header);

#endif

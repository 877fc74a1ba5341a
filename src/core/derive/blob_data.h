/* Bytes in blobs (EIP-4844): 31 in each field element, below a zero byte, so that every element is
 * below the field's order whatever the bytes are.
 *
 *   payload = size, 4 bytes big-endian ‖ data ‖ zeros      cut into parts of 126,976 bytes
 *   blob    = 4096 times (0x00 ‖ 31 bytes)                 a part each */
#ifndef DERIVE_BLOB_DATA_H
#define DERIVE_BLOB_DATA_H

#include "base/arena.h"
#include "base/status.h"

enum {
    BLOB_ELEMENTS = 4096,
    BLOB_SIZE = BLOB_ELEMENTS * 32,
    BLOB_CAPACITY = BLOB_ELEMENTS * 31,
    BLOB_LENGTH_SIZE = 4,
};

/* How many blobs `size` bytes need; at least one. */
usize blob_count_for(usize size);

/* `blobs` has room for blob_count_for(data.size) of BLOB_SIZE bytes, one after the other. */
void blob_data_encode(bytes data, u8 *blobs);

/* Undoes it. Takes count * BLOB_CAPACITY from `arena`.
 * ST_INVALID: a blob of another size, an element that does not start with zero, or a size that is
 * not there. What follows the data is not looked at. */
enum status blob_data_decode(const bytes *blobs, usize count, bytes *out, struct arena *arena,
                             struct err *err);

#endif

#include "derive/blob_data.h"

usize blob_count_for(usize size)
{
    return (size + BLOB_LENGTH_SIZE + BLOB_CAPACITY - 1) / BLOB_CAPACITY;
}

void blob_data_encode(bytes data, u8 *blobs)
{
    assert(data.size <= UINT32_MAX);
    usize count = blob_count_for(data.size);
    memset(blobs, 0, count * BLOB_SIZE);
    u8 length[BLOB_LENGTH_SIZE];
    store_be32(length, (u32)data.size);
    /* The length and the data's first 27 bytes share an element; all others are 31 of the data. */
    memcpy(blobs + 1, length, sizeof(length));
    bytes head = bytes_slice(data, 0, 31 - BLOB_LENGTH_SIZE);
    bytes_copy(blobs + 1 + BLOB_LENGTH_SIZE, head);
    u8 *element = blobs + 32;
    for (usize at = head.size; at < data.size; at += 31, element += 32)
        bytes_copy(element + 1, bytes_slice(data, at, 31));
}

enum status blob_data_decode(const bytes *blobs, usize count, bytes *out, struct arena *arena,
                             struct err *err)
{
    u8 *payload = ARENA_TAKE(arena, u8, count * BLOB_CAPACITY);
    u8 *to = payload;
    for (usize i = 0; i < count; i++) {
        if (blobs[i].size != BLOB_SIZE)
            return fail(err, ST_INVALID, "blob %zu has %zu bytes", i, blobs[i].size);
        for (const u8 *from = blobs[i].data; from < blobs[i].data + BLOB_SIZE;
             from += 32, to += 31) {
            if (from[0] != 0)
                return fail(err, ST_INVALID, "blob %zu: an element uses its top byte", i);
            memcpy(to, from + 1, 31);
        }
    }
    if (count == 0)
        return fail(err, ST_INVALID, "no blobs");
    usize size = load_be32(payload);
    if (size > count * BLOB_CAPACITY - BLOB_LENGTH_SIZE)
        return fail(err, ST_INVALID, "the blobs end before their %zu bytes do", size);
    *out = (bytes){payload + BLOB_LENGTH_SIZE, size};
    return ST_OK;
}

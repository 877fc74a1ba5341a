#include "layer/batch_zip.h"

#define ZLIB_CONST
#include <zlib.h>

enum { HEAD = 2, RAW_WINDOW = -15, MOST_MEMORY = 9 };

usize batch_zip_bound(usize body_size)
{
    /* zlib's own worst case, stored blocks of 16 KiB at least, and a block's end for each part. */
    return HEAD + body_size + (body_size >> 12) + 64 * BATCH_COLUMNS;
}

/* A block's own code costs some 60 bytes: columns shorter than this share one. */
enum { LEAST_BLOCK = 256 };

/* Returns what was written, 0 where zlib has no memory. */
static usize deflate_columns(const struct batch_body *body, u8 *to, usize room)
{
    z_stream z = {0};
    if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, RAW_WINDOW, MOST_MEMORY,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return 0;
    int st = deflateSetDictionary(&z, BATCH_DICTIONARY.data, (uInt)BATCH_DICTIONARY.size);
    assert(st == Z_OK);
    z.next_in = body->all.data;
    z.next_out = to;
    z.avail_out = (uInt)room;
    usize start = 0;
    for (usize i = 0; i + 1 < body->end_count; i++) {
        if (body->ends[i] - start < LEAST_BLOCK)
            continue;
        z.avail_in = (uInt)(body->ends[i] - start);
        st = deflate(&z, Z_BLOCK);
        assert(st == Z_OK && z.avail_in == 0);
        start = body->ends[i];
    }
    z.avail_in = (uInt)(body->all.size - start);
    st = deflate(&z, Z_FINISH);
    assert(st == Z_STREAM_END);
    (void)deflateEnd(&z);
    return room - z.avail_out;
}

enum status batch_zip(const struct batch_body *body, bytes *data, struct arena *arena,
                      struct err *err)
{
    usize room = batch_zip_bound(body->all.size) - HEAD;
    u8 *out = ARENA_TAKE(arena, u8, HEAD + room);
    usize size = deflate_columns(body, out + HEAD, room);
    if (size == 0)
        return fail(err, ST_FULL, "zlib has no memory");
    out[0] = BATCH_VERSION;
    out[1] = BATCH_DEFLATE;
    if (size >= body->all.size) {
        out[1] = BATCH_RAW;
        size = body->all.size;
        bytes_copy(out + HEAD, body->all);
    }
    *data = (bytes){out, HEAD + size};
    return ST_OK;
}

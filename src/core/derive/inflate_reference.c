#include "derive/inflate_reference.h"

#include "base/bug.h"

#define ZLIB_CONST
#include <zlib.h>

enum { RAW_WINDOW = -15 };

bool reference_inflate(bytes in, bytes dictionary, u8 *out, usize room, usize *size, usize *used)
{
    static const u8 nothing[1];
    z_stream z = {.next_in = in.size > 0 ? in.data : nothing,
                  .avail_in = (uInt)in.size,
                  .next_out = out,
                  .avail_out = (uInt)room};
    int st = inflateInit2(&z, RAW_WINDOW);
    assert(st == Z_OK);
    if (dictionary.size > 0)
        st = inflateSetDictionary(&z, dictionary.data, (uInt)dictionary.size);
    assert(st == Z_OK);
    st = inflate(&z, Z_FINISH);
    *size = room - z.avail_out;
    *used = in.size - z.avail_in;
    (void)inflateEnd(&z);
    return st == Z_STREAM_END;
}

usize reference_deflate(bytes in, bytes dictionary, struct reference_deflate how, u8 *to,
                        usize room)
{
    z_stream z = {.next_in = in.data, .next_out = to, .avail_out = (uInt)room};
    int st = deflateInit2(&z, how.level, Z_DEFLATED, RAW_WINDOW, 9, how.strategy);
    assert(st == Z_OK);
    if (dictionary.size > 0)
        st = deflateSetDictionary(&z, dictionary.data, (uInt)dictionary.size);
    assert(st == Z_OK);
    usize done = 0;
    while (how.flush > 0 && in.size - done > how.flush) {
        z.avail_in = (uInt)how.flush;
        st = deflate(&z, Z_BLOCK);
        assert(st == Z_OK && z.avail_in == 0);
        done += how.flush;
    }
    z.avail_in = (uInt)(in.size - done);
    st = deflate(&z, Z_FINISH);
    assert(st == Z_STREAM_END);
    (void)deflateEnd(&z);
    return room - z.avail_out;
}

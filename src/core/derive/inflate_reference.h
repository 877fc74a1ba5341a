/* What zlib makes of a stream, and zlib's streams, for the tests beside our own decoder. In files
 * of their own because the library's names are short. */
#ifndef DERIVE_INFLATE_REFERENCE_H
#define DERIVE_INFLATE_REFERENCE_H

#include "base/bytes.h"

/* As inflate_decode; false where zlib refuses the stream, or has no room for what it says. */
bool reference_inflate(bytes in, bytes dictionary, u8 *out, usize room, usize *size, usize *used);

/* How zlib is asked to compress. */
struct reference_deflate {
    int level;    /* 0 to 9 */
    int strategy; /* Z_DEFAULT_STRATEGY is 0, Z_FIXED is 4 */
    usize flush;  /* a new block after as many bytes; 0: never */
};

/* Returns the stream's size; `room` is enough for it. */
usize reference_deflate(bytes in, bytes dictionary, struct reference_deflate how, u8 *to,
                        usize room);

#endif

/* DEFLATE (RFC 1951), decoding only: compressing is the host's, with zlib.
 *
 * It takes exactly what zlib 1.2.13 takes (inflate with windowBits -15 and the same dictionary),
 * because a batch that one implementation reads and another does not would split the chain: the
 * fuzz target holds it to that. Allocates nothing; needs about 8 KiB of stack. */
#ifndef DERIVE_INFLATE_H
#define DERIVE_INFLATE_H

#include "base/bytes.h"
#include "base/status.h"

enum { INFLATE_WINDOW = 32768 };

/* Reads one raw stream from the start of `in` and writes what it says to `out`, which has `room`
 * bytes. Copies may reach back into `dictionary` (at most INFLATE_WINDOW bytes), which stands
 * before the output, as zlib's deflateSetDictionary has it. *size is what was written, *used how
 * much of `in` the stream takes.
 * ST_INVALID: not a stream, or it goes on after `in` ends.  ST_FULL: it says more than `room`. */
enum status inflate_decode(bytes in, bytes dictionary, u8 *out, usize room, usize *size,
                           usize *used, struct err *err);

#endif

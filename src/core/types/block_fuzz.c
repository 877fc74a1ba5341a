/* What block_decode accepts has that encoding only, and decoding takes no more memory than it says,
 * whatever the input. */
#include "harness/fuzz.h"
#include "types/block.h"

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    struct arena arena = fuzz_arena();
    struct block block;
    bytes in = {data, size};
    usize before = arena_left(&arena);
    enum status st = block_decode(in, &block, &arena, NULL);
    assert(before - arena_left(&arena) <= block_decode_bound(size));
    if (st == ST_OK)
        assert(bytes_equal(in, block_encode(&block, &arena)));
    return 0;
}

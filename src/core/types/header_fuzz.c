/* What header_decode accepts has that encoding only. */
#include "harness/fuzz.h"
#include "types/header.h"

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    struct arena arena = fuzz_arena();
    struct header header;
    bytes in = {data, size};
    if (header_decode(in, &header, NULL) == ST_OK)
        assert(bytes_equal(in, header_encode(&header, &arena)));
    return 0;
}

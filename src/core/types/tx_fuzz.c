/* What tx_decode accepts has that encoding only. */
#include "harness/fuzz.h"
#include "types/tx.h"

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    struct arena arena = fuzz_arena();
    struct tx tx;
    bytes in = {data, size};
    if (tx_decode(in, &tx, &arena, NULL) == ST_OK)
        assert(bytes_equal(in, tx_encode(&tx, &arena)));
    return 0;
}

/* What tx_decode accepts has that encoding only. */
#include "harness/fuzz.h"
#include "types/tx.h"

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    struct arena arena = fuzz_arena();
    struct tx tx;
    bytes in = {data, size};
    if (tx_decode(in, &tx, &arena, NULL) == ST_OK) {
        assert(bytes_equal(in, tx_encode(&tx, &arena)));
        assert(tx_encoded_size(&tx) == size);
        assert(tx.from_known == (tx.type == TX_DEPOSIT));
    }
    return 0;
}

/* Law: an accepted witness has one encoding. */
#include "harness/fuzz.h"
#include "trie/witness.h"

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    struct arena arena = fuzz_arena();
    struct witness witness;
    bytes in = {data, size};
    if (witness_decode(in, &witness, &arena, NULL) == ST_OK)
        assert(bytes_equal(in, witness_encode(&witness, &arena)));
    return 0;
}

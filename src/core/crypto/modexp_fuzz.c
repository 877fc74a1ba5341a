/* modexp agrees with GMP, within the scratch that it promises. */
#include "crypto/modexp.h"

#include "crypto/oracles.h"
#include "harness/fuzz.h"

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    struct arena arena = fuzz_arena();
    u8 sizes[3];
    bytes in = {data, size};
    fuzz_fill(&in, sizes, sizeof(sizes));
    bytes base = fuzz_take(&in, sizes[0]), exponent = fuzz_take(&in, sizes[1] % 40);
    bytes modulus = fuzz_take(&in, sizes[2]);
    u8 *out = ARENA_TAKE(&arena, u8, modulus.size + 1);
    usize scratch = MODEXP_SCRATCH(modulus.size);
    modexp(base, exponent, modulus, out, arena_over(arena_take(&arena, scratch, 1), scratch));
    assert(bytes_equal((bytes){out, modulus.size}, oracle_modexp(base, exponent, modulus, &arena)));
    return 0;
}

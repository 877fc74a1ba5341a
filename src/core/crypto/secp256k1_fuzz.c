/* Our body and libsecp256k1 recover the same key from any signature, judge any signature under any
 * key alike, and multiply any point alike: a difference would split the chain. */
#include "crypto/secp256k1.h"

#include "crypto/oracles.h"
#include "harness/fuzz.h"

/* Fuzzers seldom find numbers near the order by themselves. */
static u256 shaped(u256 value, unsigned shape)
{
    switch (shape & 3) {
    case 1:
        return u256_sub(SECP256K1_ORDER, value);
    case 2:
        return u256_sub(SECP256K1_HALF_ORDER, u256_from_u64(value.w[0]));
    case 3:
        return (u256){{value.w[0], value.w[1], 0, 0}};
    default:
        return value;
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    bytes in = {data, size};
    u8 flags[2];
    hash32 hash;
    u256 r, s;
    pubkey64 ours, theirs, given, product;
    fuzz_fill(&in, flags, sizeof(flags));
    fuzz_fill(&in, &hash, sizeof(hash));
    fuzz_fill(&in, &r, sizeof(r));
    fuzz_fill(&in, &s, sizeof(s));
    fuzz_fill(&in, &given, sizeof(given));
    bool odd = (flags[0] & 1) != 0;
    r = shaped(r, flags[0] >> 1);
    s = shaped(s, flags[0] >> 3);
    hash = u256_to_hash(shaped(u256_from_hash(hash), flags[0] >> 5));
    bool recovered = secp256k1_recover(hash, r, s, odd, &ours) == ST_OK;
    assert(recovered == oracle_recover(hash, r, s, odd, &theirs));
    if (recovered) {
        assert(bytes_equal(BYTES_OF(ours), BYTES_OF(theirs)));
        assert(secp256k1_verify(hash, r, s, &ours));
        bool multiplied = secp256k1_multiply(&ours, s, &product) == ST_OK;
        assert(multiplied == oracle_multiply(&ours, s, &theirs));
        assert(!multiplied || bytes_equal(BYTES_OF(product), BYTES_OF(theirs)));
        hash.b[flags[1] % 32] ^= 1;
        assert(secp256k1_verify(hash, r, s, &ours) == oracle_verify(hash, r, s, &ours));
        assert(secp256k1_verify(hash, s, r, &ours) == oracle_verify(hash, s, r, &ours));
    }
    assert(secp256k1_verify(hash, r, s, &given) == oracle_verify(hash, r, s, &given));
    return 0;
}

#include "crypto/blake2.h"

#include "harness/vectors.h"

TEST(blake2b_of_abc_is_as_in_rfc_7693)
{
    /* Appendix A: state, block and result of hashing "abc" to 64 bytes. */
    u64 state[8] = {0x6a09e667f2bdc948, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
                    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
    const u64 block[16] = {0x636261}, offset[2] = {3};
    blake2b_compress(state, block, offset, true, 12);
    CHECK(bytes_equal(BYTES_OF(state),
                      hex("ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
                          "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923")));
}

/* EIP-152: rounds, state, block, offset, flag. */
static usize run_precompile(bytes in, u8 *out)
{
    u64 state[8], block[16], offset[2];
    if (in.size != 213 || in.data[212] > 1)
        return 0;
    memcpy(state, in.data + 4, sizeof(state));
    memcpy(block, in.data + 68, sizeof(block));
    memcpy(offset, in.data + 196, sizeof(offset));
    blake2b_compress(state, block, offset, in.data[212] == 1, load_be32(in.data));
    memcpy(out, state, sizeof(state));
    return sizeof(state);
}

TEST(blake2b_compresses_as_geth_does)
{
    const char *folder = test_fixture_folder("precompiles");
    if (folder == NULL)
        return;
    CHECK(vectors_run(folder, "geth/blake2F.json", run_precompile) == 5);
    CHECK(vectors_run(folder, "geth/fail-blake2f.json", run_precompile) == 4);
}

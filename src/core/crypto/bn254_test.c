#include "crypto/bn254.h"

#include "crypto/bn254_tower.h"
#include "harness/vectors.h"

static usize run_add(bytes in, u8 *out)
{
    return bn254_add(in, out) == ST_OK ? BN254_G1_SIZE : 0;
}

static usize run_mul(bytes in, u8 *out)
{
    return bn254_mul(in, out) == ST_OK ? BN254_G1_SIZE : 0;
}

static usize run_pairing(bytes in, u8 *out)
{
    bool is_one;
    if (bn254_pairing_check(in, &is_one) != ST_OK)
        return 0;
    memset(out, 0, 32);
    out[31] = is_one;
    return 32;
}

TEST(bn254_operations_match_the_vectors_of_geth)
{
    const char *folder = test_fixture_folder("precompiles");
    if (folder == NULL)
        return;
    CHECK(vectors_run(folder, "geth/bn256Add.json", run_add) == 16);
    CHECK(vectors_run(folder, "geth/bn256ScalarMul.json", run_mul) == 19);
    CHECK(vectors_run(folder, "geth/bn256Pairing.json", run_pairing) == 14);
}

TEST(bn254_field_is_consistent)
{
    CHECK(field256_is_consistent(&BN254_FP));
}

/* By doubling and adding alone, so that it shares nothing with bn254_mul but the curve. */
static void multiply_slowly(const u8 point[BN254_G1_SIZE], u256 by, u8 out[BN254_G1_SIZE])
{
    u8 terms[2 * BN254_G1_SIZE] = {0};
    for (unsigned bit = 256; bit-- > 0;) {
        memcpy(terms + BN254_G1_SIZE, terms, BN254_G1_SIZE);
        CHECK(bn254_add((bytes){terms, sizeof(terms)}, terms) == ST_OK);
        if ((by.w[bit / 64] >> bit % 64 & 1) == 0)
            continue;
        memcpy(terms + BN254_G1_SIZE, point, BN254_G1_SIZE);
        CHECK(bn254_add((bytes){terms, sizeof(terms)}, terms) == ST_OK);
    }
    memcpy(out, terms, BN254_G1_SIZE);
}

static const u256 ORDER = {
    {0x43e1f593f0000001, 0x2833e84879b97091, 0xb85045b68181585d, 0x30644e72e131a029}};
static const u256 LAMBDA = {{0x8b17ea66b99c90dd, 0x5bfc41088d8daaa7, 0xb3c4d79d41a91758, 0}};

TEST(bn254_mul_equals_repeated_addition_for_every_kind_of_scalar)
{
    u256 scalars[96] = {U256_ZERO, U256_ONE, u256_from_u64(2), u256_from_u64(31), U256_MAX,
                        ORDER,     LAMBDA};
    usize count = 7;
    scalars[count++] = u256_sub(ORDER, U256_ONE);
    scalars[count++] = u256_add(ORDER, U256_ONE);
    scalars[count++] = u256_shr(ORDER, 1);
    scalars[count++] = u256_sub(LAMBDA, U256_ONE);
    scalars[count++] = u256_add(LAMBDA, U256_ONE);
    scalars[count++] = u256_sub(ORDER, LAMBDA);
    for (u256 x = LAMBDA; count < countof(scalars); count++) {
        x = u256_add(u256_mul(x, x), u256_from_u64(count)); /* any spread will do */
        scalars[count] = u256_shr(x, (unsigned)(count % 7) * 40);
    }
    u8 in[BN254_G1_SIZE + 32] = {[31] = 1, [63] = 2};
    for (usize i = 0; i < count; i++) {
        u8 want[BN254_G1_SIZE], got[BN254_G1_SIZE];
        u256_store_be(in + BN254_G1_SIZE, scalars[i]);
        multiply_slowly(in, scalars[i], want);
        CHECK_ROW(i, bn254_mul((bytes){in, sizeof(in)}, got) == ST_OK);
        CHECK_ROW(i, memcmp(want, got, sizeof(want)) == 0);
        if (i > 6 && i != 7 && i != 8)
            memcpy(in, got, sizeof(got)); /* on to another point */
    }
}

static const char *const G2_GENERATOR =
    "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2"
    "1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed"
    "090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b"
    "12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa";

TEST(bn254_pairing_is_bilinear_over_any_number_of_pairs)
{
    enum { PAIRS = 21 }; /* more than go through one loop; e(G, H) 20 times, then e(-20 G, H) */
    u8 in[PAIRS * BN254_PAIR_SIZE] = {0};
    bytes g2 = hex(G2_GENERATOR);
    u8 scaled[BN254_G1_SIZE + 32] = {[31] = 1, [63] = 2};
    u256_store_be(scaled + BN254_G1_SIZE, u256_sub(ORDER, u256_from_u64(PAIRS - 1)));
    for (usize i = 0; i < PAIRS; i++) {
        u8 *pair = in + i * BN254_PAIR_SIZE;
        memcpy(pair, scaled, BN254_G1_SIZE);
        memcpy(pair + BN254_G1_SIZE, g2.data, BN254_G2_SIZE);
    }
    CHECK(bn254_mul((bytes){scaled, sizeof(scaled)}, in + (PAIRS - 1) * BN254_PAIR_SIZE) == ST_OK);
    bool is_one;
    CHECK(bn254_pairing_check((bytes){in, sizeof(in)}, &is_one) == ST_OK && is_one);
    CHECK(bn254_pairing_check((bytes){in, sizeof(in) - BN254_PAIR_SIZE}, &is_one) == ST_OK &&
          !is_one);
    CHECK(bn254_pairing_check((bytes){in, sizeof(in) - 1}, &is_one) == ST_INVALID);
    CHECK(bn254_pairing_check(BYTES_EMPTY, &is_one) == ST_OK && is_one);
}

/* On the twist: of full order, of order 10069, of order 5864401, and the generator plus one of
 * order 10069. The small orders make the loop's additions meet equal and opposite points. */
TEST(bn254_pairing_refuses_points_outside_the_subgroup)
{
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000"
        "0000000000000000000000000000000000000000000000000000000000000001"
        "0d1271953ed9ea0836846e70a1934187998c7f790cb4d7511b7f8da82de048a4"
        "2869111d5381f072f8e2728fdb825a51aadd70e52c9830e9ab4b871c0531f1bb",
        "0f0a87c117963381ad55ab9b17e3c4f9533ef81d16b752be905d1a444b982519"
        "25d0b2ba5c369c1dbbfed41ccb191fe4df508cf88faf370494b4867a332815ec"
        "01961c59a0d89a4d27fe2b87137614a142c3ad7ada8b3fb5580462e2a5a99847"
        "2e4585f85183195d71c90a2d1d38655cb0ff30b352fdf58d6a36d8fbb3ee84a1",
        "04c0bc1439e9c27f2b24350ab6b24fc772a89925068eec87a9661ff29f7064f5"
        "2da528bc66ffd99ba99250159b3db2bd6a2faf8f78b5f453f36c5dc1ab3e1e27"
        "0c5532a193b14f6ea35f1aafeb9e33684794470e4919e7941947eb752ba75796"
        "26c185cde0d1f020378cba3bc799810f2d24b2a211ea6f4023176f4f3216800e",
        "17e5d224c5f68f03c1abb67d16cf2f541bdd0284a402129e25b7ce3ff6e27ea8"
        "17250faaafeabc320ff7c8486d0a26ea8c347d73d71970c622b92fcaef09d849"
        "093c8f136f4e51bb42f2c64351517fbae12b146ceccd83763a1329870e0c0c81"
        "11c6123f1007dc08117d7a8b6874ce3b558a701ace0fd89006f071d46b5a1cc8",
    };
    u8 in[BN254_PAIR_SIZE] = {[31] = 1, [63] = 2};
    bool is_one;
    memcpy(in + BN254_G1_SIZE, hex(G2_GENERATOR).data, BN254_G2_SIZE);
    CHECK(bn254_pairing_check((bytes){in, sizeof(in)}, &is_one) == ST_OK);
    for (usize infinite = 0; infinite < 2; infinite++) { /* whatever the other point is */
        for (usize i = 0; i < countof(points); i++) {
            memcpy(in + BN254_G1_SIZE, hex(points[i]).data, BN254_G2_SIZE);
            CHECK_ROW(i, bn254_pairing_check((bytes){in, sizeof(in)}, &is_one) == ST_INVALID);
        }
        memset(in, 0, BN254_G1_SIZE);
    }
}

TEST(bn254_input_is_padded_cut_and_bounded)
{
    u8 in[200] = {[31] = 1, [63] = 2}, out[BN254_G1_SIZE];
    CHECK(bn254_add((bytes){in, 64}, out) == ST_OK && memcmp(in, out, 64) == 0);
    CHECK(bn254_add((bytes){in, 200}, out) == ST_OK && memcmp(in, out, 64) == 0);
    CHECK(bn254_add((bytes){in, 63}, out) == ST_INVALID); /* (1, 0) */
    CHECK(bn254_add(BYTES_EMPTY, out) == ST_OK && out[31] == 0 && out[63] == 0);
    bytes modulus = hex("30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47");
    memset(in, 0, sizeof(in));
    memcpy(in, modulus.data, modulus.size); /* zero, spelled otherwise */
    CHECK(bn254_add((bytes){in, 64}, out) == ST_INVALID);
    CHECK(bn254_mul((bytes){in, 96}, out) == ST_INVALID);
}

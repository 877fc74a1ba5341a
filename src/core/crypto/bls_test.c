#include "crypto/bls.h"

#include "harness/vectors.h"

/* Every operation in one shape; the output's size, 0 where it refuses the input. */
static usize run_g1_add(bytes in, u8 *out)
{
    return bls_g1_add(in, out) == ST_OK ? BLS_G1_SIZE : 0;
}

static usize run_g2_add(bytes in, u8 *out)
{
    return bls_g2_add(in, out) == ST_OK ? BLS_G2_SIZE : 0;
}

static struct arena msm_scratch(bytes in)
{
    usize size = BLS_MSM_SCRATCH(in.size); /* exactly the promised bound */
    return arena_over(arena_take(test_arena(), size, 64), size);
}

static usize run_g1_msm(bytes in, u8 *out)
{
    return bls_g1_msm(in, out, msm_scratch(in)) == ST_OK ? BLS_G1_SIZE : 0;
}

static usize run_g2_msm(bytes in, u8 *out)
{
    return bls_g2_msm(in, out, msm_scratch(in)) == ST_OK ? BLS_G2_SIZE : 0;
}

static usize run_pairing(bytes in, u8 *out)
{
    bool is_one;
    if (bls_pairing_check(in, &is_one) != ST_OK)
        return 0;
    memset(out, 0, 32);
    out[31] = is_one;
    return 32;
}

static usize run_map_g1(bytes in, u8 *out)
{
    return bls_map_fp_to_g1(in, out) == ST_OK ? BLS_G1_SIZE : 0;
}

static usize run_map_g2(bytes in, u8 *out)
{
    return bls_map_fp2_to_g2(in, out) == ST_OK ? BLS_G2_SIZE : 0;
}

static const struct {
    const char *file;
    usize (*run)(bytes in, u8 *out);
    usize cases;
} files[] = {
    {"eip2537/add_G1_bls.json", run_g1_add, 9},
    {"eip2537/add_G2_bls.json", run_g2_add, 9},
    {"eip2537/fail-add_G1_bls.json", run_g1_add, 7},
    {"eip2537/fail-add_G2_bls.json", run_g2_add, 7},
    {"eip2537/fail-map_fp2_to_G2_bls.json", run_map_g2, 5},
    {"eip2537/fail-map_fp_to_G1_bls.json", run_map_g1, 5},
    {"eip2537/fail-msm_G1_bls.json", run_g1_msm, 8},
    {"eip2537/fail-msm_G2_bls.json", run_g2_msm, 8},
    {"eip2537/fail-mul_G1_bls.json", run_g1_msm, 8},
    {"eip2537/fail-mul_G2_bls.json", run_g2_msm, 8},
    {"eip2537/fail-pairing_check_bls.json", run_pairing, 25},
    {"eip2537/map_fp2_to_G2_bls.json", run_map_g2, 5},
    {"eip2537/map_fp_to_G1_bls.json", run_map_g1, 5},
    {"eip2537/msm_G1_bls.json", run_g1_msm, 163},
    {"eip2537/mul_G1_bls.json", run_g1_msm, 11},
    {"eip2537/mul_G2_bls.json", run_g2_msm, 11},
    {"eip2537/pairing_check_bls.json", run_pairing, 15},
    {"geth/blsG1Add.json", run_g1_add, 112},
    {"geth/blsG1Mul.json", run_g1_msm, 11},
    {"geth/blsG1MultiExp.json", run_g1_msm, 154},
    {"geth/blsG2Add.json", run_g2_add, 112},
    {"geth/blsG2Mul.json", run_g2_msm, 11},
    {"geth/blsG2MultiExp.json", run_g2_msm, 153},
    {"geth/blsMapG1.json", run_map_g1, 105},
    {"geth/blsMapG2.json", run_map_g2, 105},
    {"geth/blsPairing.json", run_pairing, 106},
    {"geth/fail-blsG1Add.json", run_g1_add, 6},
    {"geth/fail-blsG1Mul.json", run_g1_msm, 7},
    {"geth/fail-blsG1MultiExp.json", run_g1_msm, 7},
    {"geth/fail-blsG2Add.json", run_g2_add, 6},
    {"geth/fail-blsG2Mul.json", run_g2_msm, 7},
    {"geth/fail-blsG2MultiExp.json", run_g2_msm, 7},
    {"geth/fail-blsMapG1.json", run_map_g1, 5},
    {"geth/fail-blsMapG2.json", run_map_g2, 5},
    {"geth/fail-blsPairing.json", run_pairing, 9},
};

TEST(bls_operations_match_the_vectors_of_eip2537_and_geth)
{
    const char *folder = test_fixture_folder("precompiles");
    if (folder == NULL)
        return;
    for (usize i = 0; i < countof(files); i++)
        CHECK_ROW(i, vectors_run(folder, files[i].file, files[i].run) == files[i].cases);
}

/* More equal and opposite points than one bucket or one batch of additions holds. */
TEST(bls_msm_of_repeated_and_opposite_points_is_exact)
{
    enum { COUNT = 600 };
    u8 *in = ARENA_NEW(test_arena(), u8, COUNT * BLS_G1_MSM_SIZE);
    u8 generator[BLS_G1_SIZE], opposite[BLS_G1_SIZE], sum[BLS_G1_SIZE], want[BLS_G1_SIZE];
    bytes one =
        hex("0000000000000000000000000000000017f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905"
            "a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb00000000000000000000000000000000"
            "08b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae4"
            "0caa232946c5e7e1");
    memcpy(generator, one.data, sizeof(generator));
    bytes order_less_1 = hex("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000000");
    memcpy(in, generator, BLS_G1_SIZE);
    memcpy(in + BLS_G1_SIZE, order_less_1.data, 32);
    bytes product = {in, BLS_G1_MSM_SIZE};
    CHECK(bls_g1_msm(product, opposite, msm_scratch(product)) == ST_OK);
    for (usize half = 0; half < 2; half++) { /* first all cancel, then all are the same */
        for (usize i = 0; i < COUNT; i++) {
            u8 *at = in + i * BLS_G1_MSM_SIZE;
            memcpy(at, i % 2 == 1 && half == 0 ? opposite : generator, BLS_G1_SIZE);
            memset(at + BLS_G1_SIZE, 0, 32);
            at[BLS_G1_SIZE + 31] = 5;
        }
        bytes all = {in, COUNT * BLS_G1_MSM_SIZE};
        CHECK(bls_g1_msm(all, sum, msm_scratch(all)) == ST_OK);
        memset(want, 0, sizeof(want));
        if (half == 1) {
            in[BLS_G1_SIZE + 30] = (COUNT * 5) >> 8;
            in[BLS_G1_SIZE + 31] = (COUNT * 5) & 0xff;
            CHECK(bls_g1_msm(product, want, msm_scratch(product)) == ST_OK);
        }
        CHECK(memcmp(sum, want, sizeof(want)) == 0);
    }
}

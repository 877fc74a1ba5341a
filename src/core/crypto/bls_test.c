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

/* One of the two groups, so that a test can be written once. */
struct group {
    usize size;
    usize (*add)(bytes in, u8 *out);
    usize (*msm)(bytes in, u8 *out);
    const char *generator;
};

static const struct group groups[] = {
    {BLS_G1_SIZE, run_g1_add, run_g1_msm,
     "0000000000000000000000000000000017f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171ba"
     "c58"
     "6c55e83ff97a1aeffb3af00adb22c6bb0000000000000000000000000000000008b3f481e3aaa0f1a09e30ed741d8"
     "ae4"
     "fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1"},
    {BLS_G2_SIZE, run_g2_add, run_g2_msm,
     "00000000000000000000000000000000024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d"
     "177"
     "0bac0326a805bbefd48056c8c121bdb80000000000000000000000000000000013e02b6052719f607dacd3a088274"
     "f65"
     "596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e00000000000000000000000000000"
     "000"
     "0ce5d527727d6e118cc9cdc6da2e351aadfd9baa8cbdd3a76d429a695160d12c923ac9cc3baca289e193548608b82"
     "801"
     "000000000000000000000000000000000606c4a02ea734cc32acd2b02bc28b99cb3e287e85a763af267492ab572e9"
     "9ab"
     "3f370d275cec1da1aaa9075ff05f79be"},
};

static const char *const scalars[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000001",
    "0000000000000000000000000000000000000000000000000000000000000005",
    "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000000", /* the order less 1 */
    "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "123456789abcdef0fedcba9876543210ffffffff00000000aaaaaaaa55555555",
};

static void times(const struct group *group, const u8 *point, const char *scalar, u8 *out)
{
    u8 in[BLS_G2_MSM_SIZE];
    memcpy(in, point, group->size);
    memcpy(in + group->size, hex(scalar).data, 32);
    CHECK(group->msm((bytes){in, group->size + 32}, out) == group->size);
}

/* Equal and opposite points meet in blst's buckets and batches of additions, infinity too. */
static void check_sums(const struct group *group, usize count, u64 *seed)
{
    u8 points[5][BLS_G2_SIZE], sum[2 * BLS_G2_SIZE] = {0}, got[BLS_G2_SIZE];
    u8 *in = ARENA_NEW(test_arena(), u8, count * (group->size + 32));
    memcpy(points[0], hex(group->generator).data, group->size);
    for (usize i = 1; i < 5; i++) /* infinity, 5G, -G, another */
        times(group, points[0], scalars[i == 1 ? 0 : i == 4 ? 6 : i], points[i]);
    for (usize i = 0; i < count; i++) {
        *seed = *seed * 6364136223846793005u + 1442695040888963407u;
        const u8 *point = points[(*seed >> 33) % 5];
        const char *scalar = scalars[(*seed >> 40) % countof(scalars)];
        u8 *at = in + i * (group->size + 32);
        memcpy(at, point, group->size);
        memcpy(at + group->size, hex(scalar).data, 32);
        times(group, point, scalar, sum + group->size);
        CHECK(group->add((bytes){sum, 2 * group->size}, sum) == group->size);
    }
    CHECK(group->msm((bytes){in, count * (group->size + 32)}, got) == group->size);
    CHECK_ROW(count, memcmp(got, sum, group->size) == 0);
}

TEST(bls_msm_equals_the_sum_of_products_whatever_the_points)
{
    static const usize counts[] = {1, 2, 3, 4, 5, 7, 8, 10, 11, 16, 21, 22, 31, 32, 33, 64, 150};
    u64 seed = 1;
    for (usize g = 0; g < countof(groups); g++)
        for (usize i = 0; i < countof(counts); i++)
            for (usize again = 0; again < 4; again++) {
                struct arena saved = *test_arena();
                check_sums(&groups[g], counts[i], &seed);
                *test_arena() = saved;
            }
}

TEST(bls_pairing_is_bilinear_over_any_number_of_pairs)
{
    enum { PAIRS = 19 }; /* more than go through one loop; e(G, H) 18 times, then e(-18 G, H) */
    const char *minus_18 = "73eda753299d7d483339d80809a1d80553bda402fffe5bfefffffffeffffffef";
    u8 in[PAIRS * BLS_PAIR_SIZE];
    bytes g1 = hex(groups[0].generator), g2 = hex(groups[1].generator);
    for (usize i = 0; i < PAIRS; i++) {
        memcpy(in + i * BLS_PAIR_SIZE, g1.data, BLS_G1_SIZE);
        memcpy(in + i * BLS_PAIR_SIZE + BLS_G1_SIZE, g2.data, BLS_G2_SIZE);
    }
    times(&groups[0], g1.data, minus_18, in + (PAIRS - 1) * BLS_PAIR_SIZE);
    bool is_one;
    CHECK(bls_pairing_check((bytes){in, sizeof(in)}, &is_one) == ST_OK && is_one);
    CHECK(bls_pairing_check((bytes){in, sizeof(in) - BLS_PAIR_SIZE}, &is_one) == ST_OK && !is_one);
    memset(in + (PAIRS - 2) * BLS_PAIR_SIZE, 0, BLS_G1_SIZE); /* one fewer: infinity pairs to one */
    CHECK(bls_pairing_check((bytes){in, sizeof(in)}, &is_one) == ST_OK && !is_one);
}

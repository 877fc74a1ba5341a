/* Any bytes are an input to the BLS12-381 and KZG precompiles; points that come out are accepted
 * when they go in; a mapped point is in the subgroup; a sum does not depend on the order, nor on
 * whether it is made at once. */
#include "crypto/bls.h"
#include "crypto/kzg.h"

#include "harness/fuzz.h"

static void any_bytes(bytes in, struct arena tmp)
{
    u8 out[BLS_G2_SIZE];
    bool is_one;
    (void)!bls_g1_add(in, out);
    (void)!bls_g2_add(in, out);
    (void)!bls_g1_msm(in, out, tmp);
    (void)!bls_g2_msm(in, out, tmp);
    (void)!bls_pairing_check(in, &is_one);
    (void)!bls_map_fp2_to_g2(in, out);
    (void)!kzg_point_evaluation(in, out);
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    struct arena tmp = fuzz_arena();
    bytes in = {data, size};
    any_bytes(in, tmp);

    enum { POINTS = 3 };
    u8 element[BLS_FP_SIZE] = {0}, sum[2 * BLS_G1_SIZE] = {0}, at_once[BLS_G1_SIZE];
    u8 items[POINTS * BLS_G1_MSM_SIZE];
    for (usize i = 0; i < POINTS; i++) {
        u8 *item = items + i * BLS_G1_MSM_SIZE;
        fuzz_fill(&in, element + 32, 32); /* below 2^256, so below the modulus */
        fuzz_fill(&in, item + BLS_G1_SIZE, 32);
        assert(bls_map_fp_to_g1((bytes){element, sizeof(element)}, item) == ST_OK);
        bytes product = {item, BLS_G1_MSM_SIZE};
        assert(bls_g1_msm(product, sum + BLS_G1_SIZE, tmp) == ST_OK);
        assert(bls_g1_add((bytes){sum, sizeof(sum)}, sum) == ST_OK);
    }
    assert(bls_g1_msm((bytes){items, sizeof(items)}, at_once, tmp) == ST_OK);
    assert(memcmp(at_once, sum, sizeof(at_once)) == 0);
    return 0;
}

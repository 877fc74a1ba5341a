/* Any bytes are an input; a point that comes out is accepted when it goes in; [j]P + [k]P is
 * [j + k]P for every j and k, and the pairing agrees. */
#include "crypto/bn254.h"

#include "base/u256.h"
#include "harness/fuzz.h"

static const u256 ORDER = {
    {0x43e1f593f0000001, 0x2833e84879b97091, 0xb85045b68181585d, 0x30644e72e131a029}};

static const u8 G2_GENERATOR[BN254_G2_SIZE] = {
    0x19, 0x8e, 0x93, 0x93, 0x92, 0x0d, 0x48, 0x3a, 0x72, 0x60, 0xbf, 0xb7, 0x31, 0xfb, 0x5d, 0x25,
    0xf1, 0xaa, 0x49, 0x33, 0x35, 0xa9, 0xe7, 0x12, 0x97, 0xe4, 0x85, 0xb7, 0xae, 0xf3, 0x12, 0xc2,
    0x18, 0x00, 0xde, 0xef, 0x12, 0x1f, 0x1e, 0x76, 0x42, 0x6a, 0x00, 0x66, 0x5e, 0x5c, 0x44, 0x79,
    0x67, 0x43, 0x22, 0xd4, 0xf7, 0x5e, 0xda, 0xdd, 0x46, 0xde, 0xbd, 0x5c, 0xd9, 0x92, 0xf6, 0xed,
    0x09, 0x06, 0x89, 0xd0, 0x58, 0x5f, 0xf0, 0x75, 0xec, 0x9e, 0x99, 0xad, 0x69, 0x0c, 0x33, 0x95,
    0xbc, 0x4b, 0x31, 0x33, 0x70, 0xb3, 0x8e, 0xf3, 0x55, 0xac, 0xda, 0xdc, 0xd1, 0x22, 0x97, 0x5b,
    0x12, 0xc8, 0x5e, 0xa5, 0xdb, 0x8c, 0x6d, 0xeb, 0x4a, 0xab, 0x71, 0x80, 0x8d, 0xcb, 0x40, 0x8f,
    0xe3, 0xd1, 0xe7, 0x69, 0x0c, 0x43, 0xd3, 0x7b, 0x4c, 0xe6, 0xcc, 0x01, 0x66, 0xfa, 0x7d, 0xaa,
};

/* [by] of the point at `to`, there. */
static void multiply(u8 *to, u256 by)
{
    u8 in[BN254_G1_SIZE + 32];
    memcpy(in, to, BN254_G1_SIZE);
    u256_store_be(in + BN254_G1_SIZE, by);
    assert(bn254_mul((bytes){in, sizeof(in)}, to) == ST_OK);
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    bytes in = {data, size};
    u8 out[BN254_G1_SIZE], again[BN254_G1_SIZE];
    bool is_one;
    if (bn254_add(in, out) == ST_OK)
        assert(bn254_add((bytes){out, sizeof(out)}, again) == ST_OK &&
               memcmp(out, again, sizeof(out)) == 0);
    (void)!bn254_mul(in, out);
    (void)!bn254_pairing_check(in, &is_one);

    u256 start, j, k;
    fuzz_fill(&in, &start, sizeof(start));
    fuzz_fill(&in, &j, sizeof(j));
    fuzz_fill(&in, &k, sizeof(k));
    u8 both[2 * BN254_G1_SIZE] = {[31] = 1, [63] = 2};
    multiply(both, start);
    u8 whole[BN254_G1_SIZE], *other = both + BN254_G1_SIZE;
    memcpy(whole, both, sizeof(whole));
    memcpy(other, both, sizeof(whole));
    multiply(both, j);
    multiply(other, k);
    multiply(whole, u256_addmod(j, k, ORDER));
    assert(bn254_add((bytes){both, sizeof(both)}, out) == ST_OK);
    assert(memcmp(out, whole, sizeof(out)) == 0);

    u8 pairs[3 * BN254_PAIR_SIZE]; /* e(jP, H) e(kP, H) e(-(j + k)P, H) = 1 */
    multiply(whole, u256_sub(ORDER, U256_ONE));
    const u8 *points[] = {both, other, whole};
    for (usize i = 0; i < countof(points); i++) {
        memcpy(pairs + i * BN254_PAIR_SIZE, points[i], BN254_G1_SIZE);
        memcpy(pairs + i * BN254_PAIR_SIZE + BN254_G1_SIZE, G2_GENERATOR, sizeof(G2_GENERATOR));
    }
    assert(bn254_pairing_check((bytes){pairs, sizeof(pairs)}, &is_one) == ST_OK && is_one);
    return 0;
}

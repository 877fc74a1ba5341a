#include "crypto/kzg.h"

#include <blst.h>

enum { ORDER_BITS = 255 };

/* Of the groups; BLS_MODULUS in the specification. */
static const u8 ORDER[32] = {
    0x73, 0xed, 0xa7, 0x53, 0x29, 0x9d, 0x7d, 0x48, 0x33, 0x39, 0xd8, 0x08, 0x09, 0xa1, 0xd8, 0x05,
    0x53, 0xbd, 0xa4, 0x02, 0xff, 0xfe, 0x5b, 0xfe, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01,
};

/* [tau]G2, the second power of tau in G2 from the KZG ceremony, as blst holds it: x.c0, x.c1, y.c0,
 * y.c1 in Montgomery form. Compressed it is b5bfd7dd…20c1def2 in c-kzg's trusted_setup.txt. */
static const blst_p2_affine TAU_G2 = {
    {{{{0x6120a2099b0379f9, 0xa2df815cb8210e4e, 0xcb57be5577bd3d4f, 0x62da0ea89a0c93f8,
        0x02e0ee16968e150d, 0x171f09aea833acd5}},
      {{0x11a3670749dfd455, 0x04991d7b3abffadc, 0x85446a8e14437f41, 0x27174e7b4e76e3f2,
        0x7bfa6dd397f60a20, 0x02fcc329ac07080f}}}},
    {{{{0xaa130838793b2317, 0xe236dd220f891637, 0x6502782925760980, 0xd05c25f60557ec89,
        0x6095767a44064474, 0x185693917080d405}},
      {{0x549f9e175b03dc0a, 0x32c0c95a77106cfe, 0x64a74eae5705d080, 0x53deeaf56659ed9e,
        0x09a1d368508afb93, 0x12cf3a4525b5e9bd}}}},
};

static enum status read_point(kzg_point in, blst_p1_affine *out)
{
    if (blst_p1_uncompress(out, in.b) != BLST_SUCCESS)
        return ST_INVALID;
    return blst_p1_affine_is_inf(out) || blst_p1_affine_in_g1(out) ? ST_OK : ST_INVALID;
}

static enum status read_scalar(hash32 in, blst_scalar *out)
{
    blst_scalar_from_bendian(out, in.b);
    return blst_scalar_fr_check(out) ? ST_OK : ST_INVALID;
}

/* The specification checks e(C - [y]G1, G2) = e(proof, [tau]G2 - [z]G2). Moving z to the left side
 * leaves multiplications in G1 only, which are cheaper, and fixed points in G2:
 *
 *     e(C - [y]G1 + [z]proof, -G2) * e(proof, [tau]G2) = 1 */
enum status kzg_verify_proof(kzg_point commitment, hash32 z, hash32 y, kzg_point proof, bool *holds)
{
    blst_scalar at, value;
    blst_p1_affine claim, quotient;
    TRY(read_point(commitment, &claim));
    TRY(read_scalar(z, &at));
    TRY(read_scalar(y, &value));
    TRY(read_point(proof, &quotient));

    blst_p1 left, term;
    blst_p1_mult(&left, blst_p1_generator(), value.b, ORDER_BITS);
    blst_p1_cneg(&left, true);
    blst_p1_add_or_double_affine(&left, &left, &claim);
    blst_p1_from_affine(&term, &quotient);
    blst_p1_mult(&term, &term, at.b, ORDER_BITS);
    blst_p1_add_or_double(&left, &left, &term);

    bool left_is_zero = blst_p1_is_inf(&left), right_is_zero = blst_p1_affine_is_inf(&quotient);
    if (left_is_zero || right_is_zero) { /* only zero pairs to one with a fixed point */
        *holds = left_is_zero && right_is_zero;
        return ST_OK;
    }
    blst_p1_affine left_affine;
    blst_p1_to_affine(&left_affine, &left);
    const blst_p1_affine *const g1[] = {&left_affine, &quotient};
    const blst_p2_affine *const g2[] = {&BLS12_381_NEG_G2, &TAU_G2};
    blst_fp12 product;
    blst_miller_loop_n(&product, g2, g1, 2);
    blst_final_exp(&product, &product);
    *holds = blst_fp12_is_one(&product);
    return ST_OK;
}

hash32 kzg_versioned_hash(kzg_point commitment)
{
    hash32 hash;
    blst_sha256(hash.b, commitment.b, sizeof(commitment.b));
    hash.b[0] = 0x01; /* VERSIONED_HASH_VERSION_KZG */
    return hash;
}

enum status kzg_point_evaluation(bytes in, u8 out[KZG_EVALUATION_OUTPUT_SIZE])
{
    if (in.size != KZG_EVALUATION_INPUT_SIZE)
        return ST_INVALID;
    struct {
        hash32 versioned_hash, z, y;
        kzg_point commitment, proof;
    } input;
    static_assert(sizeof(input) == KZG_EVALUATION_INPUT_SIZE, "no padding");
    memcpy(&input, in.data, sizeof(input));
    if (!hash32_equal(kzg_versioned_hash(input.commitment), input.versioned_hash))
        return ST_INVALID;
    bool holds;
    TRY(kzg_verify_proof(input.commitment, input.z, input.y, input.proof, &holds));
    if (!holds)
        return ST_INVALID;
    memset(out, 0, sizeof(hash32));
    out[30] = 4096 >> 8; /* FIELD_ELEMENTS_PER_BLOB */
    memcpy(out + sizeof(hash32), ORDER, sizeof(ORDER));
    return ST_OK;
}

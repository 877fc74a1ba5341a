#include "crypto/bls.h"

#include <blst.h>

enum {
    FP_PAD = 16,       /* zeros before the 48 bytes of a field element */
    SCALAR_BITS = 255, /* of a scalar reduced modulo the group's order */
    PAIRS_AT_ONCE = 8, /* share their squarings; more gain little and cost blst stack */
};

static const u8 MODULUS[48] = {
    0x1a, 0x01, 0x11, 0xea, 0x39, 0x7f, 0xe6, 0x9a, 0x4b, 0x1b, 0xa7, 0xb6, 0x43, 0x4b, 0xac, 0xd7,
    0x64, 0x77, 0x4b, 0x84, 0xf3, 0x85, 0x12, 0xbf, 0x67, 0x30, 0xd2, 0xa0, 0xf6, 0xb0, 0xf6, 0x24,
    0x1e, 0xab, 0xff, 0xfe, 0xb1, 0x53, 0xff, 0xff, 0xb9, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xaa, 0xab,
};

/* --- The wire format. */

static enum status read_fp(const u8 *in, blst_fp *out)
{
    static const u8 zeros[FP_PAD];
    if (memcmp(in, zeros, FP_PAD) != 0 || memcmp(in + FP_PAD, MODULUS, sizeof(MODULUS)) >= 0)
        return ST_INVALID;
    blst_fp_from_bendian(out, in + FP_PAD);
    return ST_OK;
}

static void write_fp(u8 *out, const blst_fp *value)
{
    memset(out, 0, FP_PAD);
    blst_bendian_from_fp(out + FP_PAD, value);
}

static enum status read_fp2(const u8 *in, blst_fp2 *out)
{
    TRY(read_fp(in, &out->fp[0]));
    return read_fp(in + BLS_FP_SIZE, &out->fp[1]);
}

static void write_fp2(u8 *out, const blst_fp2 *value)
{
    write_fp(out, &value->fp[0]);
    write_fp(out + BLS_FP_SIZE, &value->fp[1]);
}

/* A point on the curve; blst, too, has infinity as (0, 0), but does not call it on the curve. */
static enum status read_g1(const u8 *in, blst_p1_affine *out)
{
    TRY(read_fp(in, &out->x));
    TRY(read_fp(in + BLS_FP_SIZE, &out->y));
    return blst_p1_affine_is_inf(out) || blst_p1_affine_on_curve(out) ? ST_OK : ST_INVALID;
}

static enum status read_g2(const u8 *in, blst_p2_affine *out)
{
    TRY(read_fp2(in, &out->x));
    TRY(read_fp2(in + BLS_FP2_SIZE, &out->y));
    return blst_p2_affine_is_inf(out) || blst_p2_affine_on_curve(out) ? ST_OK : ST_INVALID;
}

static enum status read_g1_in_subgroup(const u8 *in, blst_p1_affine *out)
{
    TRY(read_g1(in, out));
    return blst_p1_affine_is_inf(out) || blst_p1_affine_in_g1(out) ? ST_OK : ST_INVALID;
}

static enum status read_g2_in_subgroup(const u8 *in, blst_p2_affine *out)
{
    TRY(read_g2(in, out));
    return blst_p2_affine_is_inf(out) || blst_p2_affine_in_g2(out) ? ST_OK : ST_INVALID;
}

static void write_g1(u8 *out, const blst_p1 *point)
{
    blst_p1_affine affine;
    blst_p1_to_affine(&affine, point);
    write_fp(out, &affine.x);
    write_fp(out + BLS_FP_SIZE, &affine.y);
}

static void write_g2(u8 *out, const blst_p2 *point)
{
    blst_p2_affine affine;
    blst_p2_to_affine(&affine, point);
    write_fp2(out, &affine.x);
    write_fp2(out + BLS_FP2_SIZE, &affine.y);
}

/* --- Addition. */

enum status bls_g1_add(bytes in, u8 out[BLS_G1_SIZE])
{
    blst_p1_affine a, b;
    blst_p1 sum;
    if (in.size != 2 * BLS_G1_SIZE)
        return ST_INVALID;
    TRY(read_g1(in.data, &a));
    TRY(read_g1(in.data + BLS_G1_SIZE, &b));
    blst_p1_from_affine(&sum, &a);
    blst_p1_add_or_double_affine(&sum, &sum, &b);
    write_g1(out, &sum);
    return ST_OK;
}

enum status bls_g2_add(bytes in, u8 out[BLS_G2_SIZE])
{
    blst_p2_affine a, b;
    blst_p2 sum;
    if (in.size != 2 * BLS_G2_SIZE)
        return ST_INVALID;
    TRY(read_g2(in.data, &a));
    TRY(read_g2(in.data + BLS_G2_SIZE, &b));
    blst_p2_from_affine(&sum, &a);
    blst_p2_add_or_double_affine(&sum, &sum, &b);
    write_g2(out, &sum);
    return ST_OK;
}

/* --- Multi-scalar multiplication. Points at infinity are left out: they add nothing, and blst's
 * batch inversion does not expect them.
 *
 * BLS_MSM_SCRATCH holds: a point and its scalar take 32 bytes (G1) or 64 (G2) less than their
 * encoding, and blst's buckets at most 24 or 48 bytes a point, or 768 bytes below 32 points. */

enum status bls_g1_msm(bytes in, u8 out[BLS_G1_SIZE], struct arena tmp)
{
    usize room = in.size / BLS_G1_MSM_SIZE, count = 0;
    if (room == 0 || in.size % BLS_G1_MSM_SIZE != 0)
        return ST_INVALID;
    blst_p1_affine *points = ARENA_TAKE(&tmp, blst_p1_affine, room);
    blst_scalar *scalars = ARENA_TAKE(&tmp, blst_scalar, room);
    for (const u8 *at = in.data; at != in.data + in.size; at += BLS_G1_MSM_SIZE) {
        TRY(read_g1_in_subgroup(at, &points[count]));
        (void)blst_scalar_from_be_bytes(&scalars[count], at + BLS_G1_SIZE, 32); /* reduces */
        if (!blst_p1_affine_is_inf(&points[count]))
            count++;
    }
    blst_p1 sum = {0};
    if (count != 0) {
        limb_t *scratch = arena_take(&tmp, blst_p1s_mult_pippenger_scratch_sizeof(count), 8);
        const blst_p1_affine *const point_runs[] = {points, NULL};
        const byte *const scalar_runs[] = {scalars[0].b, NULL};
        blst_p1s_mult_pippenger(&sum, point_runs, count, scalar_runs, SCALAR_BITS, scratch);
    }
    write_g1(out, &sum);
    return ST_OK;
}

enum status bls_g2_msm(bytes in, u8 out[BLS_G2_SIZE], struct arena tmp)
{
    usize room = in.size / BLS_G2_MSM_SIZE, count = 0;
    if (room == 0 || in.size % BLS_G2_MSM_SIZE != 0)
        return ST_INVALID;
    blst_p2_affine *points = ARENA_TAKE(&tmp, blst_p2_affine, room);
    blst_scalar *scalars = ARENA_TAKE(&tmp, blst_scalar, room);
    for (const u8 *at = in.data; at != in.data + in.size; at += BLS_G2_MSM_SIZE) {
        TRY(read_g2_in_subgroup(at, &points[count]));
        (void)blst_scalar_from_be_bytes(&scalars[count], at + BLS_G2_SIZE, 32); /* reduces */
        if (!blst_p2_affine_is_inf(&points[count]))
            count++;
    }
    blst_p2 sum = {0};
    if (count != 0) {
        limb_t *scratch = arena_take(&tmp, blst_p2s_mult_pippenger_scratch_sizeof(count), 8);
        const blst_p2_affine *const point_runs[] = {points, NULL};
        const byte *const scalar_runs[] = {scalars[0].b, NULL};
        blst_p2s_mult_pippenger(&sum, point_runs, count, scalar_runs, SCALAR_BITS, scratch);
    }
    write_g2(out, &sum);
    return ST_OK;
}

/* --- Pairing. */

/* Pairs that wait for a common Miller loop, and the product of the loops so far. */
struct product {
    blst_p1_affine g1[PAIRS_AT_ONCE];
    blst_p2_affine g2[PAIRS_AT_ONCE];
    usize waiting;
    blst_fp12 value;
};

static void product_flush(struct product *product)
{
    if (product->waiting == 0)
        return;
    const blst_p1_affine *const g1[] = {product->g1, NULL};
    const blst_p2_affine *const g2[] = {product->g2, NULL};
    blst_fp12 loops;
    blst_miller_loop_n(&loops, g2, g1, product->waiting);
    blst_fp12_mul(&product->value, &product->value, &loops);
    product->waiting = 0;
}

enum status bls_pairing_check(bytes in, bool *is_one)
{
    if (in.size == 0 || in.size % BLS_PAIR_SIZE != 0)
        return ST_INVALID;
    struct product product = {.waiting = 0, .value = *blst_fp12_one()};
    for (const u8 *at = in.data; at != in.data + in.size; at += BLS_PAIR_SIZE) {
        blst_p1_affine *g1 = &product.g1[product.waiting];
        blst_p2_affine *g2 = &product.g2[product.waiting];
        TRY(read_g1_in_subgroup(at, g1));
        TRY(read_g2_in_subgroup(at + BLS_G1_SIZE, g2));
        if (blst_p1_affine_is_inf(g1) || blst_p2_affine_is_inf(g2))
            continue; /* pairs to one */
        if (++product.waiting == PAIRS_AT_ONCE)
            product_flush(&product);
    }
    product_flush(&product);
    blst_final_exp(&product.value, &product.value);
    *is_one = blst_fp12_is_one(&product.value);
    return ST_OK;
}

/* --- Mapping. */

enum status bls_map_fp_to_g1(bytes in, u8 out[BLS_G1_SIZE])
{
    blst_fp element;
    blst_p1 point;
    if (in.size != BLS_FP_SIZE)
        return ST_INVALID;
    TRY(read_fp(in.data, &element));
    blst_map_to_g1(&point, &element, NULL);
    write_g1(out, &point);
    return ST_OK;
}

enum status bls_map_fp2_to_g2(bytes in, u8 out[BLS_G2_SIZE])
{
    blst_fp2 element;
    blst_p2 point;
    if (in.size != BLS_FP2_SIZE)
        return ST_INVALID;
    TRY(read_fp2(in.data, &element));
    blst_map_to_g2(&point, &element, NULL);
    write_g2(out, &point);
    return ST_OK;
}

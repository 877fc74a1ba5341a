/* BLS12-381 on the wire format of Ethereum's precompiles 0x0b to 0x11: whole inputs in, whole
 * outputs out. The arithmetic is blst's.
 *
 *   Fp   64 bytes: sixteen zeros and the big-endian value, below the modulus
 *   Fp2  128 bytes: c0 then c1, for c0 + c1*u
 *   G1   x, y in Fp; all zeros is the point at infinity
 *   G2   x, y in Fp2; likewise
 *   scalar  32 bytes, big-endian, any value (it counts modulo the group's order)
 *
 * Every function returns ST_INVALID for a length that it cannot have, a field element out of range
 * or a point off the curve; those that say so also for a point outside the subgroup.
 * Source: EIP-2537. */
#ifndef CRYPTO_BLS_H
#define CRYPTO_BLS_H

#include "base/arena.h"
#include "base/status.h"

enum {
    BLS_FP_SIZE = 64,
    BLS_FP2_SIZE = 128,
    BLS_G1_SIZE = 128,
    BLS_G2_SIZE = 256,
    BLS_G1_MSM_SIZE = BLS_G1_SIZE + 32, /* of a point and its scalar */
    BLS_G2_MSM_SIZE = BLS_G2_SIZE + 32,
    BLS_PAIR_SIZE = BLS_G1_SIZE + BLS_G2_SIZE,
};

/* The sum of two points, which need not be in the subgroup. */
enum status bls_g1_add(bytes in, u8 out[BLS_G1_SIZE]);
enum status bls_g2_add(bytes in, u8 out[BLS_G2_SIZE]);

/* The sum of one or more points times scalars. The points must be in the subgroup.
 * Takes at most BLS_MSM_SCRATCH(in.size) bytes from `tmp`. */
enum status bls_g1_msm(bytes in, u8 out[BLS_G1_SIZE], struct arena tmp);
enum status bls_g2_msm(bytes in, u8 out[BLS_G2_SIZE], struct arena tmp);
#define BLS_MSM_SCRATCH(in_size) ((in_size) + 4096)

/* *is_one: the product of the pairings of one or more pairs (G1, G2) is the identity. The points
 * must be in their subgroups. */
enum status bls_pairing_check(bytes in, bool *is_one);

/* The curve point that a field element maps to (RFC 9380's simplified SWU, isogeny and cofactor;
 * no hashing), which is in the subgroup. */
enum status bls_map_fp_to_g1(bytes in, u8 out[BLS_G1_SIZE]);
enum status bls_map_fp2_to_g2(bytes in, u8 out[BLS_G2_SIZE]);

#endif

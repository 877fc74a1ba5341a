/* BN254 (alt_bn128) on the wire format of Ethereum's precompiles 0x06 to 0x08.
 *
 *   Fp      32 bytes, big-endian, below the modulus
 *   G1      x, y; all zeros is the point at infinity
 *   G2      x, y in Fp2, each with the imaginary part first; likewise
 *   scalar  32 bytes, big-endian, any value
 *
 * Source: EIP-196, EIP-197. */
#ifndef CRYPTO_BN254_H
#define CRYPTO_BN254_H

#include "base/bytes.h"
#include "base/status.h"

enum { BN254_G1_SIZE = 64, BN254_G2_SIZE = 128, BN254_PAIR_SIZE = BN254_G1_SIZE + BN254_G2_SIZE };

/* The sum of two points. Input of any length: it counts as followed by zeros, and what lies beyond
 * the points is ignored. ST_INVALID: a coordinate out of range, or a point off the curve. */
enum status bn254_add(bytes in, u8 out[BN254_G1_SIZE]);

/* A point times a scalar; input and statuses as above. */
enum status bn254_mul(bytes in, u8 out[BN254_G1_SIZE]);

/* *is_one: the product of the pairings of any number of pairs (G1, G2) is the identity; so it is of
 * none. ST_INVALID: a length that is no multiple of a pair's, a coordinate out of range, a point
 * off its curve, or one of G2 outside the subgroup. */
enum status bn254_pairing_check(bytes in, bool *is_one);

#endif

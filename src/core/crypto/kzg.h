/* KZG proofs of evaluation, on blst alone: what the point evaluation precompile (0x0a) needs, and
 * nothing that would need the trusted setup but one point of it. Blobs themselves are host/blob's.
 * Source: EIP-4844 and its polynomial-commitments.md. */
#ifndef CRYPTO_KZG_H
#define CRYPTO_KZG_H

#include "base/bytes.h"
#include "base/status.h"

enum { KZG_EVALUATION_INPUT_SIZE = 192, KZG_EVALUATION_OUTPUT_SIZE = 64 };

/* A commitment or a proof: a compressed point of G1. */
typedef struct {
    u8 b[48];
} kzg_point;

/* *holds: the polynomial behind `commitment` takes the value `y` at `z`, as `proof` shows. z and y
 * are big-endian field elements.
 * ST_INVALID: z or y not below the group's order, or commitment or proof not the only encoding of a
 * point of the subgroup. */
enum status kzg_verify_proof(kzg_point commitment, hash32 z, hash32 y, kzg_point proof,
                             bool *holds);

/* What a transaction carries instead of the commitment: 0x01 and the rest of its SHA-256. */
hash32 kzg_versioned_hash(kzg_point commitment);

/* The precompile: versioned hash, z, y, commitment, proof in; the number of field elements in a
 * blob and the group's order out. ST_INVALID: another length, the hash is not the commitment's, or
 * the proof does not hold. */
enum status kzg_point_evaluation(bytes in, u8 out[KZG_EVALUATION_OUTPUT_SIZE]);

#endif

/* Blobs: commitments, proofs, and cells with theirs. A wrapper of c-kzg-4844.
 *
 * The trusted setup is part of the program (400 KB) and unpacked in three stages on first use:
 * checking takes 3 ms and 1.4 MB then, committing and proving 50 ms more, proving cells another
 * 1.4 s. blob_prepare does it ahead of time. Everything may be called from any thread.
 *
 * ST_INVALID: a field element is not below the group's order, or a commitment or proof is no
 * encoding of a point of the subgroup. ST_FULL: no memory.
 * Source: EIP-4844, EIP-7594, and the consensus specification's polynomial-commitments. */
#ifndef BLOB_BLOB_H
#define BLOB_BLOB_H

#include "base/status.h"
#include "crypto/kzg.h"

enum { BLOB_CELL_COUNT = 128 }; /* in an extended blob; any 64 of them give it back */

/* 4,096 field elements, 32 big-endian bytes each. */
struct blob {
    u8 b[131072];
};

/* 64 field elements of the extended blob. */
struct blob_cell {
    u8 b[2048];
};

enum blob_use {
    BLOB_USE_CHECK = 1, /* blob_check*, and blob_cells without proofs */
    BLOB_USE_COMMIT,    /* and blob_commit, blob_prove* */
    BLOB_USE_CELLS,     /* and everything */
};

/* Loads what that use needs, so that no later call has to. */
enum status blob_prepare(enum blob_use use);

enum status blob_commit(const struct blob *blob, kzg_point *commitment);

/* The proof that a blob belongs to its commitment. */
enum status blob_prove(const struct blob *blob, kzg_point commitment, kzg_point *proof);

/* The value y of the blob's polynomial at z, and the proof of it (kzg_verify_proof). */
enum status blob_prove_at(const struct blob *blob, hash32 z, kzg_point *proof, hash32 *y);

/* *holds: each blob belongs to its commitment. All of none do. */
enum status blob_check(const struct blob *blobs, const kzg_point *commitments,
                       const kzg_point *proofs, usize count, bool *holds);

/* The 128 cells of the extended blob and, unless `proofs` is NULL, their 128 proofs. */
enum status blob_cells(const struct blob *blob, struct blob_cell *cells, kzg_point *proofs);

/* All cells and proofs, from at least 64 cells with strictly increasing indices.
 * ST_INVALID also for fewer, or for other indices. */
enum status blob_recover(const u64 *indices, const struct blob_cell *cells, usize count,
                         struct blob_cell *all_cells, kzg_point *all_proofs);

/* *holds: every cell is the one at its index of the blob behind its commitment. ST_INVALID also for
 * an index from 128 on. */
enum status blob_check_cells(const kzg_point *commitments, const u64 *indices,
                             const struct blob_cell *cells, const kzg_point *proofs, usize count,
                             bool *holds);

#endif

/* c-kzg with its trusted setup loaded in stages, since all of it takes 1.4 s and checking a proof
 * needs 3 ms of that. c-kzg's own loader only knows the whole. */
#ifndef KZG_SETUP_H
#define KZG_SETUP_H

#include <ckzg.h>

/* What the setup must be loaded for; each includes the ones before. */
enum kzg_use {
    KZG_NOTHING,
    KZG_CHECK,       /* checking proofs of blobs and cells, computing cells without proofs */
    KZG_COMMIT,      /* commitments and proofs of blobs */
    KZG_PROVE_CELLS, /* proofs of cells, recovery */
};

/* Takes `settings`, zeroed before the first call, from stage `use - 1` to stage `use`. Other
 * threads may meanwhile use what earlier stages loaded. C_KZG_MALLOC: no memory; the same call may
 * be repeated. */
C_KZG_RET kzg_setup_load(KZGSettings *settings, enum kzg_use use);

/* The Fiat-Shamir challenges that c-kzg computes inside, for which there are official vectors. */
C_KZG_RET kzg_blob_challenge(Bytes32 *out, const Blob *blob, const Bytes48 *commitment);
C_KZG_RET kzg_cells_challenge(Bytes32 *out, const Bytes48 *commitments, size_t commitment_count,
                              const uint64_t *commitment_indices, const uint64_t *cell_indices,
                              const Cell *cells, const Bytes48 *proofs, uint64_t cell_count);

#endif

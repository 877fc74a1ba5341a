#include "blob/blob.h"

#include "base/bug.h"

#include <kzg_setup.h>
#include <pthread.h>
#include <stdatomic.h>

static_assert(sizeof(struct blob) == sizeof(Blob) && sizeof(struct blob_cell) == sizeof(Cell) &&
                  sizeof(kzg_point) == sizeof(Bytes48) && sizeof(hash32) == sizeof(Bytes32),
              "our types stand for c-kzg's");
static_assert((int)BLOB_USE_CHECK == KZG_CHECK && (int)BLOB_USE_COMMIT == KZG_COMMIT &&
                  (int)BLOB_USE_CELLS == KZG_PROVE_CELLS,
              "our stages are those of the setup");

/* A constant that is computed late: the same for all, so there is one. Each stage is published by
 * `loaded` and not written again. */
static struct {
    pthread_mutex_t lock;
    atomic_int loaded;
    KZGSettings settings;
} setup = {.lock = PTHREAD_MUTEX_INITIALIZER};

static enum status status_of(C_KZG_RET ret)
{
    switch (ret) {
    case C_KZG_OK:
        return ST_OK;
    case C_KZG_BADARGS:
        return ST_INVALID;
    case C_KZG_MALLOC:
        return ST_FULL;
    case C_KZG_ERROR:
        break;
    }
    bug("c-kzg failed in itself");
}

enum status blob_prepare(enum blob_use use)
{
    if (atomic_load_explicit(&setup.loaded, memory_order_acquire) >= (int)use)
        return ST_OK;
    enum status st = ST_OK;
    pthread_mutex_lock(&setup.lock);
    for (int next = atomic_load(&setup.loaded) + 1; st == ST_OK && next <= (int)use; next++) {
        st = status_of(kzg_setup_load(&setup.settings, (enum kzg_use)next));
        if (st == ST_OK)
            atomic_store_explicit(&setup.loaded, next, memory_order_release);
    }
    pthread_mutex_unlock(&setup.lock);
    return st;
}

enum status blob_commit(const struct blob *blob, kzg_point *commitment)
{
    TRY(blob_prepare(BLOB_USE_COMMIT));
    return status_of(
        blob_to_kzg_commitment((Bytes48 *)commitment, (const Blob *)blob, &setup.settings));
}

enum status blob_prove(const struct blob *blob, kzg_point commitment, kzg_point *proof)
{
    TRY(blob_prepare(BLOB_USE_COMMIT));
    return status_of(compute_blob_kzg_proof((Bytes48 *)proof, (const Blob *)blob,
                                            (const Bytes48 *)&commitment, &setup.settings));
}

enum status blob_prove_at(const struct blob *blob, hash32 z, kzg_point *proof, hash32 *y)
{
    TRY(blob_prepare(BLOB_USE_COMMIT));
    return status_of(compute_kzg_proof((Bytes48 *)proof, (Bytes32 *)y, (const Blob *)blob,
                                       (const Bytes32 *)&z, &setup.settings));
}

enum status blob_check(const struct blob *blobs, const kzg_point *commitments,
                       const kzg_point *proofs, usize count, bool *holds)
{
    TRY(blob_prepare(BLOB_USE_CHECK));
    return status_of(verify_blob_kzg_proof_batch(holds, (const Blob *)blobs,
                                                 (const Bytes48 *)commitments,
                                                 (const Bytes48 *)proofs, count, &setup.settings));
}

enum status blob_cells(const struct blob *blob, struct blob_cell *cells, kzg_point *proofs)
{
    TRY(blob_prepare(proofs == NULL ? BLOB_USE_CHECK : BLOB_USE_CELLS));
    return status_of(compute_cells_and_kzg_proofs((Cell *)cells, (Bytes48 *)proofs,
                                                  (const Blob *)blob, &setup.settings));
}

enum status blob_recover(const u64 *indices, const struct blob_cell *cells, usize count,
                         struct blob_cell *all_cells, kzg_point *all_proofs)
{
    for (usize i = 1; i < count; i++) /* the specification's rule, which c-kzg leaves to callers */
        if (indices[i] <= indices[i - 1])
            return ST_INVALID;
    TRY(blob_prepare(BLOB_USE_CELLS));
    return status_of(recover_cells_and_kzg_proofs((Cell *)all_cells, (Bytes48 *)all_proofs, indices,
                                                  (const Cell *)cells, count, &setup.settings));
}

enum status blob_check_cells(const kzg_point *commitments, const u64 *indices,
                             const struct blob_cell *cells, const kzg_point *proofs, usize count,
                             bool *holds)
{
    TRY(blob_prepare(BLOB_USE_CHECK));
    return status_of(verify_cell_kzg_proof_batch(holds, (const Bytes48 *)commitments, indices,
                                                 (const Cell *)cells, (const Bytes48 *)proofs,
                                                 count, &setup.settings));
}

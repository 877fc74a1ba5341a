/* A blob transaction as it travels: the transaction, its blobs, and the proofs that they are the
 * ones it names.
 *
 *   EIP-4844:  0x03 ‖ [transaction, blobs, commitments, proofs]            a proof for each blob
 *   EIP-7594:  0x03 ‖ [transaction, 1, blobs, commitments, cell proofs]    128 for each, from Osaka
 * on
 *
 * Blocks hold the transaction alone; its hash does not depend on the form. */
#ifndef CLIENT_SIDECAR_H
#define CLIENT_SIDECAR_H

#include "blob/blob.h"
#include "types/tx.h"

enum { SIDECAR_MAX_BLOBS = 32 };

/* Of so many blobs; all in one piece of memory that its owner frees. */
struct sidecar {
    const struct blob *blobs; /* borrowed */
    usize count;
    kzg_point *commitments;
    hash32 *hashes;    /* versioned */
    kzg_point *proofs; /* NULL until wanted */
    kzg_point *cells;  /* NULL until wanted; 128 for each blob */
};

/* Commits to the blobs. ST_INVALID: a field element is too large.  ST_FULL: no memory. */
enum status sidecar_new(const struct blob *blobs, usize count, struct sidecar *out,
                        struct err *err);
void sidecar_free(struct sidecar *sidecar);

/* The form with cell proofs or without, of the first `count` blobs; computes all the proofs (50 ms
 * a blob, or 200 ms) the first time. `envelope` is tx_encode's. */
enum status sidecar_wrap(struct sidecar *sidecar, bytes envelope, usize count, bool cells,
                         bytes *out, struct arena *arena, struct err *err);

/* The transaction alone, out of either form; anything else as it is. */
bytes sidecar_strip(bytes raw, struct arena *arena);

#endif

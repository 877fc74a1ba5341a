/* Where the parent's blobs are read: a beacon node, which keeps them for 18 days, and any archive
 * that serves varve_getBlob, which keeps them for ever.
 *
 *   GET /eth/v1/beacon/genesis, /eth/v1/config/spec          once: which slot is a parent block's
 *   GET /eth/v1/beacon/blobs/SLOT?versioned_hashes=…         from Fulu on, or else
 *   GET /eth/v1/beacon/blob_sidecars/SLOT
 *   varve_getBlob(versionedHash)                             for what is still missing
 *
 * Nobody is believed: a blob is what its versioned hash names, or it is not taken.
 * Source: ethereum/beacon-APIs. */
#ifndef CLIENT_BEACON_H
#define CLIENT_BEACON_H

#include "blob/blob.h"

#include <stdatomic.h>

struct beacon;

struct beacon_options {
    const char *beacon_url;  /* NULL: none */
    const char *archive_url; /* NULL: none */
    u64 timeout_ms;          /* of one exchange; 0: 30,000 */
    const atomic_bool *cancel;
};

/* ST_INVALID: not a URL. */
enum status beacon_new(const struct beacon_options *options, struct beacon **out, struct err *err);
/* NULL is fine. */
void beacon_free(struct beacon *beacon);

/* The blobs behind these hashes, of the parent block with this timestamp, in this order.
 * ST_MISSING: nobody has all of them (any more); the sentence says who was asked and what they
 * said. ST_AGAIN, ST_IO: somebody could not be asked, who may have them. */
enum status beacon_read(struct beacon *beacon, u64 parent_time, const hash32 *hashes, usize count,
                        struct blob *out, struct err *err);

#endif

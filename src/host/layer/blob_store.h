/* The blobs of a child's batches, kept for ever: parents drop theirs after 18 days, and without
 * them nobody could make the child's blocks again. Whoever reads a batch keeps its blobs here, and
 * gives them to everybody who asks (varve_getBlob).
 *
 *   FOLDER/blobs/XX/0xXX…: a blob without the zeros at its end ‖ keccak of that
 *
 * Where one is missing, a beacon node of the parent or another archive is asked (client/beacon.h);
 * what they say is held against the hash. */
#ifndef LAYER_BLOB_STORE_H
#define LAYER_BLOB_STORE_H

#include "blob/blob.h"
#include "sys/files.h"

#include <stdatomic.h>

struct blob_store;

struct blob_store_options {
    const struct files *files;
    const char *folder;                   /* of the child's data */
    const char *beacon_url, *archive_url; /* "": none */
    const atomic_bool *cancel;            /* of what is asked over the network */
};

/* Writes nothing yet. ST_INVALID: not a URL. */
enum status blob_store_new(const struct blob_store_options *options, struct blob_store **out,
                           struct err *err);
/* NULL is fine. */
void blob_store_free(struct blob_store *store);

/* --- From any thread. */

/* Whether there is somebody besides this disk to read blobs from. */
bool blob_store_has_source(const struct blob_store *store);

/* The blob behind that versioned hash, which the caller vouches for. Durable when it returns; fine
 * if it is there. */
enum status blob_store_keep(const struct blob_store *store, hash32 hash, const struct blob *blob,
                            struct err *err);
/* ST_MISSING: not here. ST_CORRUPT: the file is damaged. */
enum status blob_store_get(const struct blob_store *store, hash32 hash, struct blob *out,
                           struct err *err);

/* --- From one thread. */

/* Sees to it that the blobs of a parent block with this timestamp are here. Statuses as
 * beacon_read's. */
enum status blob_store_fetch(struct blob_store *store, u64 parent_time, const hash32 *hashes,
                             usize count, struct arena tmp, struct err *err);

#endif

/* Where a child goes on after a restart: a batch that is final on the parent, and what came of it.
 * Only that is kept; everything after it is derived again, from blocks that are there already.
 *
 *   file = "varvederived1" genesis hash:32 state:388 parent block:8 its hash:32 keccak of it all:32
 */
#ifndef LAYER_CHECKPOINT_H
#define LAYER_CHECKPOINT_H

#include "derive/derive.h"
#include "sys/files.h"

struct checkpoint {
    hash32 genesis_hash; /* of the child */
    struct derive_state state;
    u64 parent_block; /* that has the batch */
    hash32 parent_hash;
};

/* Replaces what is there at once. */
enum status checkpoint_write(const struct files *files, const char *path,
                             const struct checkpoint *checkpoint, struct err *err);
/* ST_MISSING: there is none. ST_CORRUPT: damaged: then everything is derived anew. */
enum status checkpoint_read(const struct files *files, const char *path, struct checkpoint *out,
                            struct err *err);

#endif

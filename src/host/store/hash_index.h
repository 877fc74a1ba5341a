/* A durable map from hashes to small values, for what clients ask about long after. It holds a
 * number of them; the oldest go first.
 *
 *   put -> gathered in memory -> written together (LMDB), durable
 *
 *   table   key       value
 *   rows    hash      order:8 value
 *   order   order:8   hash
 *
 * Keys name their values for good, so nothing has to be taken out when a chain is reorganised. */
#ifndef STORE_HASH_INDEX_H
#define STORE_HASH_INDEX_H

#include "base/arena.h"
#include "base/status.h"

struct hash_index;

enum { HASH_INDEX_MAX_VALUE = 64 * 1024 };

/* Opens the database `path`, made where absent; its folder must be there. Statuses as store_open.
 * It will hold `most` rows. */
enum status hash_index_open(const char *path, u64 most, struct hash_index **out, struct err *err);
/* What was not written is lost. NULL is fine. */
void hash_index_close(struct hash_index *index);

/* --- From any thread. */

/* Copied. Now and then it writes what has been gathered; if that fails, the row is there all the
 * same, until too many wait. */
enum status hash_index_put(struct hash_index *index, hash32 key, bytes value, struct err *err);
/* All that was put is durable when it returns. */
enum status hash_index_write(struct hash_index *index, struct err *err);
/* ST_MISSING: not there (any more). *value lives in `arena`. */
enum status hash_index_get(struct hash_index *index, hash32 key, bytes *value, struct arena *arena);

#endif

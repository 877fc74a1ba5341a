/* Things by a hash that names them: channels, invoices, payments. Only grows. Keys are hashes, or
 * chosen at random by this node: nobody can make many of them collide. */
#ifndef CHANNEL_BY_HASH_H
#define CHANNEL_BY_HASH_H

#include "base/bytes.h"

struct by_hash {
    struct by_hash_place {
        hash32 key;
        void *thing; /* NULL: free */
    } * places;
    usize room; /* a power of two; 0: none yet */
    usize count;
};

void by_hash_free(struct by_hash *table);
/* NULL: not there. */
void *by_hash_get(const struct by_hash *table, hash32 key);
/* Takes the place of what was there under the key. */
void by_hash_put(struct by_hash *table, hash32 key, void *thing);

#endif

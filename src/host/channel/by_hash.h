/* Things by a hash that names them: channels, invoices, payments, locks. Peers choose some of these
 * names, so a thing's place comes from a secret of the table's too: nobody can make many collide.
 */
#ifndef CHANNEL_BY_HASH_H
#define CHANNEL_BY_HASH_H

#include "base/bytes.h"

struct by_hash {
    struct by_hash_place {
        hash32 key;
        void *thing; /* NULL: free */
    } * places;
    usize room;  /* a power of two; 0: none yet */
    u64 seed[4]; /* once there is room */
    usize count;
};

void by_hash_free(struct by_hash *table);
/* NULL: not there. */
void *by_hash_get(const struct by_hash *table, hash32 key);
/* Takes the place of what was there under the key. */
void by_hash_put(struct by_hash *table, hash32 key, void *thing);
/* Fine where nothing is under the key. */
void by_hash_drop(struct by_hash *table, hash32 key);

#endif

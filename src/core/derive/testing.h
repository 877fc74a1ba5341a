/* Random transactions, for tests and fuzz targets. */
#ifndef DERIVE_TESTING_H
#define DERIVE_TESTING_H

#include "derive/batch.h"

struct random {
    u64 state;
};

u64 random_u64(struct random *random);
u64 random_below(struct random *random, u64 limit);
void random_fill(struct random *random, void *to, usize size);

/* Any transaction that a batch can hold: every type, numbers of every size, short lists. */
struct tx random_tx(struct random *random, u64 chain_id, struct arena *arena);

/* Blocks whose times and origins grow by little from the given ones on, each with up to `txs`
 * transactions; they read up to `items` items in all. */
struct batch_shape {
    usize blocks, txs;
    u64 items;
    u64 timestamp, origin_number;
};
struct batch random_batch(struct random *random, u64 chain_id, struct batch_shape shape,
                          struct arena *arena);

#endif

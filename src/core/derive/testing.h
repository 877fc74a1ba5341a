/* Random transactions and a parent chain, for tests and fuzz targets. */
#ifndef DERIVE_TESTING_H
#define DERIVE_TESTING_H

#include "derive/derive.h"

struct random {
    u64 state;
};

u64 seeded_u64(struct random *random);
u64 seeded_below(struct random *random, u64 limit);
void seeded_fill(struct random *random, void *to, usize size);

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

/* --- A parent chain and its Inbox. */

enum {
    WORLD_CHAIN = 901,
    WORLD_FIRST_ORIGIN = 100,
    WORLD_FIRST_TIME = 1700000000,
    WORLD_MOST = 1024
};

struct world {
    struct arena *arena;
    struct chain_config chain;
    struct derive_config config;
    bytes headers[WORLD_MOST]; /* of the parent's blocks from WORLD_FIRST_ORIGIN on */
    hash32 hashes[WORLD_MOST];
    u64 times[WORLD_MOST];
    usize block_count;
    struct inbox_item items[WORLD_MOST];
    hash32 inbox_accs[WORLD_MOST + 1];
    usize item_count;
    hash32 batch_acc;
    u64 batch_count;
};

/* With one block of the parent. */
void world_init(struct world *world, struct arena *arena);
/* The child's genesis: at the parent's first block. */
struct derive_state world_genesis(const struct world *world);

/* A block of the parent, 12 seconds after the last. */
void world_mine(struct world *world);
u64 world_last_origin(const struct world *world);
struct derive_origin world_origin(const struct world *world, u64 number);

/* Puts the item at the queue's end; its position and time are filled in. */
void world_enqueue(struct world *world, struct inbox_item item);
void world_enqueue_random(struct world *world, struct random *random);
void world_enqueue_config(struct world *world, enum derive_param id, u256 value);

/* A batch appended in the parent's last block: with data, or forced where `data` is NULL. Every
 * header from the one after the state's origin on is given. */
struct derive_input world_append(struct world *world, const struct derive_state *state,
                                 const bytes *data, u64 inbox_pos, u64 origin_number);

/* What stands in for execution: a hash over all of the block. */
hash32 world_execute(const struct derive_block *block);

#endif

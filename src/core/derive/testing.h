/* Random transactions and a parent chain, for tests and fuzz targets. */
#ifndef DERIVE_TESTING_H
#define DERIVE_TESTING_H

#include "derive/derive.h"

struct seeded {
    u64 state;
};

u64 seeded_u64(struct seeded *random);
u64 seeded_below(struct seeded *random, u64 limit);
void seeded_fill(struct seeded *random, void *to, usize size);

/* Any transaction that a batch can hold: every type, numbers of every size, short lists. */
struct tx seeded_tx(struct seeded *random, u64 chain_id, struct arena *arena);

/* Blocks whose times and origins grow by little from the given ones on, each with up to `txs`
 * transactions; they read up to `items` items in all. */
struct batch_shape {
    usize blocks, txs;
    u64 items;
    u64 timestamp, origin_number;
};
struct batch seeded_batch(struct seeded *random, u64 chain_id, struct batch_shape shape,
                          struct arena *arena);

/* --- A parent chain and its Inbox. */

enum {
    CHILD_ID = 901,
    PARENT_FIRST_ORIGIN = 100,
    PARENT_FIRST_TIME = 1700000000,
    PARENT_MOST = 1024
};

struct parent {
    struct arena *arena;
    struct chain_config chain;
    struct derive_config config;
    bytes headers[PARENT_MOST]; /* of the parent's blocks from PARENT_FIRST_ORIGIN on */
    hash32 hashes[PARENT_MOST];
    u64 times[PARENT_MOST];
    usize block_count;
    struct inbox_item items[PARENT_MOST];
    hash32 inbox_accs[PARENT_MOST + 1];
    usize item_count;
    hash32 batch_acc;
    u64 batch_count;
};

/* With one block of the parent. */
void parent_init(struct parent *parent, struct arena *arena);
/* The child's genesis: at the parent's first block. */
struct derive_state parent_genesis(const struct parent *parent);

/* A block of the parent, 12 seconds after the last. */
void parent_mine(struct parent *parent);
u64 parent_last_origin(const struct parent *parent);
struct derive_origin parent_origin(const struct parent *parent, u64 number);

/* Puts the item at the queue's end; its position and time are filled in. */
void parent_enqueue(struct parent *parent, struct inbox_item item);
void parent_enqueue_random(struct parent *parent, struct seeded *random);
void parent_enqueue_config(struct parent *parent, enum derive_param id, u256 value);

/* A batch appended in the parent's last block: with data, or forced where `data` is NULL. Every
 * header from the one after the state's origin on is given. */
struct derive_input parent_append(struct parent *parent, const struct derive_state *state,
                                  const bytes *data, u64 inbox_pos, u64 origin_number);

/* What stands in for execution: a hash over all of the block. */
hash32 parent_execute(const struct derive_block *block);

#endif

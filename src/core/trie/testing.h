/* What the tests of this module share: randomness, and a store of nodes that is strict about what
 * it is told to write. */
#ifndef TRIE_TESTING_H
#define TRIE_TESTING_H

#include "trie/internal.h"

/* SplitMix64: every test names its seed. */
static inline u64 random_next(u64 *seed)
{
    u64 mix = *seed += 0x9e3779b97f4a7c15;
    mix = (mix ^ mix >> 30) * 0xbf58476d1ce4e5b9;
    mix = (mix ^ mix >> 27) * 0x94d049bb133111eb;
    return mix ^ mix >> 31;
}

static inline usize random_below(u64 *seed, usize limit)
{
    return random_next(seed) % limit;
}

/* Nodes in the order of paths, owned by the store. */
struct node_store {
    struct node_change *nodes;
    usize count, room;
    usize reads;
};

struct node_source node_store_source(struct node_store *store);

/* Writes the changes down. False if they are out of order, delete what is not there, or write what
 * is there already. */
bool node_store_apply(struct node_store *store, const struct trie_changes *changes);

bool node_store_equal(const struct node_store *a, const struct node_store *b);

void node_store_free(struct node_store *store);

#endif

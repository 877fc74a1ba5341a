/* Where things lie, by a key of 64 bits: a table of fixed size with open addressing. Keys come from
 * strangers, so a secret seed decides where each stands. */
#ifndef CHANNEL_GRAPH_INDEX_H
#define CHANNEL_GRAPH_INDEX_H

#include "base/int.h"

#define GRAPH_NONE UINT32_MAX /* no slot */

/* The finisher of SplitMix64 (Steele, Lea, Flood, 2014): every bit of x changes half of the bits.
 * It can be undone, and guards no secret. */
u64 graph_mix(u64 x);

struct graph_index {
    struct graph_index_entry {
        u64 key;
        u32 slot_and_1; /* 0: free */
    } * entries;
    usize mask;
    u64 seed;
};

/* For at most `limit` entries. */
struct graph_index graph_index_new(usize limit, u64 seed);
void graph_index_free(struct graph_index *index);

/* GRAPH_NONE: not there. */
u32 graph_index_get(const struct graph_index *index, u64 key);
/* It is not there yet, and there is room. */
void graph_index_add(struct graph_index *index, u64 key, u32 slot);
/* It is there. */
void graph_index_remove(struct graph_index *index, u64 key);

#endif

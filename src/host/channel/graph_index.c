#include "channel/graph_index.h"

#include "base/bug.h"

#include <stdlib.h>

struct graph_index graph_index_new(usize limit, u64 seed)
{
    usize room = 16;
    while (room < 2 * limit)
        room *= 2;
    struct graph_index index = {calloc(room, sizeof(index.entries[0])), room - 1, seed};
    assert(index.entries != NULL);
    return index;
}

void graph_index_free(struct graph_index *index)
{
    free(index->entries);
    index->entries = NULL;
}

u64 graph_mix(u64 x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

/* Twice, so that the seed is mixed in. */
static usize home(const struct graph_index *index, u64 key)
{
    return graph_mix(graph_mix(key ^ index->seed) + index->seed) & index->mask;
}

static usize place(const struct graph_index *index, u64 key)
{
    usize at = home(index, key);
    while (index->entries[at].slot_and_1 != 0 && index->entries[at].key != key)
        at = (at + 1) & index->mask;
    return at;
}

u32 graph_index_get(const struct graph_index *index, u64 key)
{
    return index->entries[place(index, key)].slot_and_1 - 1;
}

void graph_index_add(struct graph_index *index, u64 key, u32 slot)
{
    struct graph_index_entry *entry = &index->entries[place(index, key)];
    assert(entry->slot_and_1 == 0 && slot != GRAPH_NONE);
    *entry = (struct graph_index_entry){key, slot + 1};
}

/* Those behind it move up, unless they would stand before their home. */
void graph_index_remove(struct graph_index *index, u64 key)
{
    usize hole = place(index, key);
    assert(index->entries[hole].slot_and_1 != 0);
    for (usize at = (hole + 1) & index->mask; index->entries[at].slot_and_1 != 0;
         at = (at + 1) & index->mask) {
        usize from_home = (at - home(index, index->entries[at].key)) & index->mask;
        if (from_home >= ((at - hole) & index->mask)) {
            index->entries[hole] = index->entries[at];
            hole = at;
        }
    }
    index->entries[hole] = (struct graph_index_entry){0};
}

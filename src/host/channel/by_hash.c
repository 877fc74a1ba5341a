#include "channel/by_hash.h"

#include <assert.h>
#include <stdlib.h>

void by_hash_free(struct by_hash *table)
{
    free(table->places);
    *table = (struct by_hash){0};
}

static struct by_hash_place *place_of(const struct by_hash *table, hash32 key)
{
    usize mask = table->room - 1;
    for (usize at = (usize)load_be64(key.b) & mask;; at = (at + 1) & mask)
        if (table->places[at].thing == NULL || hash32_equal(table->places[at].key, key))
            return &table->places[at];
}

void *by_hash_get(const struct by_hash *table, hash32 key)
{
    return table->room == 0 ? NULL : place_of(table, key)->thing;
}

/* At most half full, so that a search ends soon. */
static void grow(struct by_hash *table)
{
    struct by_hash old = *table;
    table->room = old.room == 0 ? 64 : 2 * old.room;
    table->places = calloc(table->room, sizeof(table->places[0]));
    assert(table->places != NULL);
    for (usize i = 0; i < old.room; i++)
        if (old.places[i].thing != NULL)
            *place_of(table, old.places[i].key) = old.places[i];
    free(old.places);
}

void by_hash_put(struct by_hash *table, hash32 key, void *thing)
{
    assert(thing != NULL);
    if (2 * (table->count + 1) > table->room)
        grow(table);
    struct by_hash_place *place = place_of(table, key);
    table->count += place->thing == NULL;
    *place = (struct by_hash_place){key, thing};
}

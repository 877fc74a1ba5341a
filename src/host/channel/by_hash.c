#include "channel/by_hash.h"

#include "sys/entropy.h"

#include <assert.h>
#include <stdlib.h>

void by_hash_free(struct by_hash *table)
{
    free(table->places);
    *table = (struct by_hash){0};
}

/* Source: the hash NH of UMAC, section 5.2 of RFC 4418, over words of 64 bits. */
static usize home_of(const struct by_hash *table, hash32 key)
{
    u64 word[4];
    memcpy(word, key.b, sizeof(word));
    for (usize i = 0; i < countof(word); i++)
        word[i] += table->seed[i];
    u128 sum = (u128)word[0] * word[1] + (u128)word[2] * word[3];
    return (usize)(sum >> 64 ^ sum) & (table->room - 1);
}

static struct by_hash_place *place_of(const struct by_hash *table, hash32 key)
{
    usize mask = table->room - 1;
    for (usize at = home_of(table, key);; at = (at + 1) & mask)
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
    if (old.room == 0)
        random_fill(table->seed, sizeof(table->seed));
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

/* What was put further on because of it moves up, so that searches still find it. */
void by_hash_drop(struct by_hash *table, hash32 key)
{
    struct by_hash_place *hole = table->room == 0 ? NULL : place_of(table, key);
    usize mask = table->room - 1;
    if (hole == NULL || hole->thing == NULL)
        return;
    table->count--;
    hole->thing = NULL;
    for (usize at = (usize)(hole - table->places + 1) & mask; table->places[at].thing != NULL;
         at = (at + 1) & mask) {
        usize home = home_of(table, table->places[at].key);
        if (((at - home) & mask) < ((at - (usize)(hole - table->places)) & mask))
            continue;
        *hole = table->places[at];
        hole = &table->places[at];
        hole->thing = NULL;
    }
}

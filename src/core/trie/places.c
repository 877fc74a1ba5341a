#include "trie/places.h"
#include "trie/internal.h"

struct place *place_claim(struct place_list *list, hash32 owner, const u8 *key, usize length,
                          struct arena *arena)
{
    struct place *place = ARENA_TAKE(arena, struct place, 1);
    *place = (struct place){.change.path = {.owner = owner, .length = (u8)length}};
    for (usize i = 0; i < length; i++)
        place->change.path.nibbles[i] = nibble_at(key, i);
    *list->end = place;
    list->end = &place->next;
    list->count++;
    return place;
}

void place_vacate(struct place *place, bytes old)
{
    place->changed = ref_is_hash(old);
    place->change.node = BYTES_EMPTY;
    place->change.hash = (hash32){0};
}

void place_occupy(struct place *place, bytes rlp, hash32 hash)
{
    place->changed = true;
    place->change.node = rlp;
    place->change.hash = hash;
}

static int compare_places(const void *a, const void *b)
{
    return path_compare(&((const struct place *)a)->change.path,
                        &((const struct place *)b)->change.path);
}

static struct sort_item *sort_strays(const struct place_list *strays, struct arena *arena)
{
    struct sort_item *items = ARENA_TAKE(arena, struct sort_item, strays->count);
    usize count = 0;
    for (const struct place *place = strays->first; place != NULL; place = place->next)
        items[count++] = (struct sort_item){load_be64(place->change.path.owner.b), place};
    struct arena tmp = *arena;
    sort_items(items, ARENA_TAKE(&tmp, struct sort_item, count), count, compare_places);
    return items;
}

void places_collect(struct place_list *accounts, struct place_list *storage,
                    struct place_list *strays, struct trie_changes *changes, struct arena *arena)
{
    usize room = accounts->count + storage->count + strays->count;
    changes->nodes = ARENA_TAKE(arena, struct node_change, room);
    changes->count = 0;
    struct arena tmp = *arena;
    const struct sort_item *stray = sort_strays(strays, &tmp), *end = stray + strays->count;
    *accounts->end = storage->first; /* the accounts' owner, zero, is the least */
    const struct place *place = accounts->first;
    while (place != NULL || stray < end) {
        const struct place *next = place;
        if (place == NULL || (stray < end && compare_places(stray->item, place) < 0))
            next = (stray++)->item;
        else
            place = place->next;
        if (next->changed)
            changes->nodes[changes->count++] = next->change;
    }
}

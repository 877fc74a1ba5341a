/* The paths that an update passes, and what becomes of the nodes there. */
#ifndef TRIE_PLACES_H
#define TRIE_PLACES_H

#include "trie/trie.h"

/* A path where a node is or was. */
struct place {
    struct place *next;
    bool changed;
    struct node_change change;
};

struct place_list {
    struct place *first, **end;
    usize count;
};

static inline void place_list_init(struct place_list *list)
{
    *list = (struct place_list){.first = NULL, .end = &list->first};
}

/* A place, unchanged so far, at the end of the list: for the first `length` nibbles of `key`. */
struct place *place_claim(struct place_list *list, hash32 owner, const u8 *key, usize length,
                          struct arena *arena);

/* No node stands here any more; `old` is the reference that led here before. */
void place_vacate(struct place *place, bytes old);

void place_occupy(struct place *place, bytes rlp, hash32 hash);

/* Puts what changed into changes->nodes: `accounts` and `storage` are in the order of paths, the
 * latter behind the former; `strays` in none. */
void places_collect(struct place_list *accounts, struct place_list *storage,
                    struct place_list *strays, struct trie_changes *changes, struct arena *arena);

#endif

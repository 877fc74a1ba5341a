/* Batched update of one trie; state.c puts the tries of a state together. */
#ifndef TRIE_APPLY_H
#define TRIE_APPLY_H

#include "trie/places.h"

struct update {
    hash32 key;
    bytes value; /* empty: the key goes */
};

struct job {
    const struct node_source *src;
    hash32 owner;
    struct place_list *places; /* receives what changed, in the order of paths */
    struct place_list *strays; /* and in no order: nodes off the updates' way that had to move */
    struct arena *arena;
    struct err *err;
};

/* Applies updates, sorted by key and distinct, to the trie `root` of job->owner.
 * ST_CORRUPT as trie_get says. */
enum status update_trie(struct job *job, hash32 root, const struct update *updates, usize count,
                        hash32 *new_root);

#endif

/* A state_view that reads the state's tries themselves, for whoever has their nodes and no flat
 * state: someone with a witness, and whoever records one. */
#ifndef STF_TRIE_VIEW_H
#define STF_TRIE_VIEW_H

#include "evm/state_view.h"
#include "trie/trie.h"

struct trie_view {
    struct node_source nodes;
    hash32 root;
    struct arena tmp; /* scratch that holds any value of the trie; nobody else may use it */
    /* The last account asked for, because its slots are asked for next. */
    bool has_last;
    address last;
    hash32 last_key;
    hash32 last_storage_root;
};

/* state_view's account and storage, for a `self` that is a struct trie_view.
 * ST_CORRUPT as trie_get says. */
enum status trie_view_account(struct trie_view *view, address who, struct account *out);
enum status trie_view_storage(struct trie_view *view, address who, hash32 slot, u256 *out);

#endif

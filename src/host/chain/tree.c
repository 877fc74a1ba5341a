/* Which blocks are known, and the states of those above the base. */
#include "chain/internal.h"

#include <stdlib.h>

enum { TREE_MAX = 1 << 14 };

static u64 key_of(hash32 hash)
{
    return load_le64(hash.b);
}

static struct tree_entry *find_entry(struct chain *chain, hash32 hash)
{
    u64 key = key_of(hash);
    for (usize i = chain->tree_count; i-- > 0;)
        if (chain->tree[i].key == key && hash32_equal(chain->tree[i].point->body->hash, hash))
            return &chain->tree[i];
    return NULL;
}

struct point *tree_find(struct chain *chain, hash32 hash)
{
    struct tree_entry *entry = find_entry(chain, hash);
    return entry == NULL ? NULL : entry->point;
}

bool tree_has_room(const struct chain *chain)
{
    return chain->tree_count < TREE_MAX;
}

void tree_put(struct chain *chain, struct point *point)
{
    struct tree_entry *entry = find_entry(chain, point->body->hash);
    if (entry != NULL) {
        point_hold(point);
        point_release(entry->point);
        entry->point = point;
        return;
    }
    if (chain->tree_count == chain->tree_room) {
        chain->tree_room = (chain->tree_room + 64) * 2;
        chain->tree = realloc(chain->tree, chain->tree_room * sizeof(*chain->tree));
        assert(chain->tree != NULL);
    }
    chain->tree[chain->tree_count++] =
        (struct tree_entry){key_of(point->body->hash), point_hold(point)};
}

struct point *tree_find_position(struct chain *chain, u64 position)
{
    for (usize i = chain->tree_count; i-- > 0;)
        for (struct point *at = chain->tree[i].point; at != NULL; at = at->parent) {
            if (at->position == position)
                return at;
            if (!at->patch) /* what a patch hides in the tree lies right below it */
                break;
        }
    return NULL;
}

static bool leads_to(const struct point *ancestor, const struct point *point)
{
    while (point != NULL && point->depth > ancestor->depth)
        point = point->parent;
    return point == ancestor;
}

void tree_rebase(struct chain *chain, struct point *base, struct point *head)
{
    struct root root = {point_number(base), base->position, base->depth};
    /* Else the head left while its old branch was written, and still needs its own root. */
    bool on_path = leads_to(base, head);
    usize kept = 0;
    for (usize i = 0; i < chain->tree_count; i++) {
        struct tree_entry entry = chain->tree[i];
        bool above = leads_to(base, entry.point);
        if (!above && (on_path || !leads_to(entry.point, head))) {
            point_release(entry.point);
            continue;
        }
        for (struct point *at = entry.point; above && at != NULL; at = at->parent) {
            if (at->root.position == root.position)
                break; /* and so it is below */
            at->root = root;
            if (at == base)
                break;
        }
        chain->tree[kept++] = entry;
    }
    chain->tree_count = kept;
    struct point *below = base->parent;
    base->parent = NULL;
    base->root = root;
    point_release(below);
}

void tree_clear(struct chain *chain)
{
    for (usize i = 0; i < chain->tree_count; i++)
        point_release(chain->tree[i].point);
    free(chain->tree);
    chain->tree = NULL;
    chain->tree_count = chain->tree_room = 0;
}

enum status chain_find_block(struct chain *chain, hash32 hash, u64 *position, u64 *number)
{
    struct point *point = tree_find(chain, hash);
    if (point != NULL) {
        *position = point->body->position;
        *number = point_number(point);
        return ST_OK;
    }
    struct store_read *read;
    bytes place;
    TRY(store_read_begin(chain->store, &read, NULL));
    enum status st = store_get(read, TABLE_BLOCK, BYTES_OF(hash), &place);
    if (st == ST_OK && place.size != BLOCK_PLACE_SIZE)
        st = ST_CORRUPT;
    if (st == ST_OK) {
        *number = load_be64(place.data);
        *position = load_be64(place.data + 8);
    }
    store_read_end(read);
    return st;
}

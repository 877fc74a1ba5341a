#include "trie/testing.h"

#include <stdlib.h>

/* Index of the path, or where it would be inserted. */
static usize position(const struct node_store *store, const struct trie_path *path)
{
    usize low = 0, high = store->count;
    while (low < high) {
        usize middle = (low + high) / 2;
        if (path_compare(&store->nodes[middle].path, path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct node_store *store, usize at, const struct trie_path *path)
{
    return at < store->count && path_compare(&store->nodes[at].path, path) == 0;
}

static enum status store_node(void *self, const struct trie_path *path, hash32 hash, bytes *out)
{
    (void)hash;
    struct node_store *store = self;
    store->reads++;
    usize at = position(store, path);
    if (!is_at(store, at, path))
        return ST_MISSING;
    *out = store->nodes[at].node;
    return ST_OK;
}

struct node_source node_store_source(struct node_store *store)
{
    return (struct node_source){.self = store, .node = store_node};
}

static bytes own(bytes node)
{
    u8 *copy = malloc(node.size);
    assert(copy != NULL);
    bytes_copy(copy, node);
    return (bytes){copy, node.size};
}

static void disown(bytes node)
{
    free((void *)(uintptr_t)node.data);
}

static void remove_at(struct node_store *store, usize at)
{
    disown(store->nodes[at].node);
    store->count--;
    memmove(store->nodes + at, store->nodes + at + 1, (store->count - at) * sizeof(*store->nodes));
}

static void insert_at(struct node_store *store, usize at, const struct node_change *change)
{
    if (store->count == store->room) {
        store->room = 2 * store->room + 64;
        store->nodes = realloc(store->nodes, store->room * sizeof(*store->nodes));
        assert(store->nodes != NULL);
    }
    memmove(store->nodes + at + 1, store->nodes + at, (store->count - at) * sizeof(*store->nodes));
    store->nodes[at] = *change;
    store->nodes[at].node = own(change->node);
    store->count++;
}

static bool write_change(struct node_store *store, const struct node_change *change)
{
    usize at = position(store, &change->path);
    bool there = is_at(store, at, &change->path);
    if (change->node.size == 0) {
        if (there)
            remove_at(store, at);
        return there;
    }
    bool same = there && bytes_equal(store->nodes[at].node, change->node);
    if (there)
        remove_at(store, at);
    insert_at(store, at, change);
    return !same;
}

static void wipe(struct node_store *store, hash32 owner)
{
    struct trie_path first = {.owner = owner};
    usize at = position(store, &first);
    while (at < store->count && hash32_equal(store->nodes[at].path.owner, owner))
        remove_at(store, at);
}

bool node_store_apply(struct node_store *store, const struct trie_changes *changes)
{
    bool sound = true;
    for (usize i = 0; i < changes->wiped_count; i++)
        wipe(store, changes->wiped_owners[i]);
    for (usize i = 0; i < changes->count; i++) {
        if (i > 0)
            sound &= path_compare(&changes->nodes[i - 1].path, &changes->nodes[i].path) < 0;
        sound &= write_change(store, &changes->nodes[i]);
    }
    return sound;
}

bool node_store_equal(const struct node_store *a, const struct node_store *b)
{
    if (a->count != b->count)
        return false;
    for (usize i = 0; i < a->count; i++)
        if (path_compare(&a->nodes[i].path, &b->nodes[i].path) != 0 ||
            !bytes_equal(a->nodes[i].node, b->nodes[i].node) ||
            !hash32_equal(a->nodes[i].hash, b->nodes[i].hash))
            return false;
    return true;
}

void node_store_free(struct node_store *store)
{
    for (usize i = 0; i < store->count; i++)
        disown(store->nodes[i].node);
    free(store->nodes);
    *store = (struct node_store){0};
}

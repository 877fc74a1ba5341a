/* Roots of whole maps: one pass over sorted keys, each node encoded and hashed once, nothing kept
 * but the references of the branches that are open. */
#include "base/rlp.h"
#include "crypto/keccak.h"
#include "trie/internal.h"

/* Keys are compared nibble by nibble, which is byte by byte; a key that ends sorts first. */
static int compare_entries(const void *a, const void *b)
{
    bytes left = ((const struct trie_entry *)a)->key, right = ((const struct trie_entry *)b)->key;
    usize common = min_u64(left.size, right.size);
    int order = common == 0 ? 0 : memcmp(left.data, right.data, common);
    return order != 0 ? order : (left.size > right.size) - (left.size < right.size);
}

static u64 key_prefix(bytes key)
{
    u8 first[8] = {0};
    bytes_copy(first, bytes_slice(key, 0, sizeof(first)));
    return load_be64(first);
}

static const struct trie_entry *entry_of(const struct sort_item *item)
{
    return item->item;
}

/* The nibble of an item's key at `depth`, which lies inside the key. */
static u8 item_nibble(const struct sort_item *item, usize depth)
{
    if (depth < 16)
        return (u8)(item->prefix >> (60 - 4 * depth) & 15);
    return nibble_at(entry_of(item)->key.data, depth);
}

/* Children of a branch: hashed together, which is faster, but for long ones, which would take
 * memory until then. */
struct children {
    bytes node[16];
    u8 nibble[16]; /* of the node */
    usize count;
    struct ref ref[16]; /* by nibble, where it is known; size 0: none */
};

enum { KEPT_SIZE = 1024 };

static bytes encode_branch(struct children *children, bytes value, struct arena *arena)
{
    struct ref refs[16];
    bytes child[16];
    refs_to_nodes(children->node, children->count, refs);
    for (usize i = 0; i < children->count; i++)
        children->ref[children->nibble[i]] = refs[i];
    for (usize i = 0; i < 16; i++)
        child[i] = children->ref[i].size == 0 ? REF_NONE : ref_bytes(&children->ref[i]);
    return branch_encode(child, value, arena);
}

/* The node over sorted items that agree in their first `depth` nibbles. Calls itself once for each
 * nibble of depth, so at most 64 deep. */
static bytes build_node(const struct sort_item *items, usize count, usize depth,
                        struct arena *arena)
{
    const struct trie_entry *first = entry_of(items), *last = entry_of(items + count - 1);
    usize first_end = 2 * first->key.size;
    if (count == 1)
        return leaf_encode(first->key.data, depth, first_end, first->value, arena);
    usize end = min_u64(first_end, 2 * last->key.size);
    usize split = nibbles_common(first->key.data, last->key.data, depth, end);
    if (split > depth) {
        struct arena tmp = *arena;
        struct ref child = ref_to_node(build_node(items, count, split, &tmp));
        return extension_encode(first->key.data, depth, split, ref_bytes(&child), arena);
    }
    struct children children;
    children.count = 0;
    struct arena tmp = *arena;
    bytes value = BYTES_EMPTY;
    usize at = 0;
    if (first_end == depth) { /* this key is a prefix of all others */
        value = first->value;
        at = 1;
        assert(2 * entry_of(items + 1)->key.size > depth); /* keys are distinct */
    }
    for (u8 nibble = 0; nibble < 16; nibble++) {
        usize from = at;
        while (at < count && item_nibble(items + at, depth) == nibble)
            at++;
        children.ref[nibble].size = 0;
        if (at == from)
            continue;
        struct arena before = tmp;
        bytes node = build_node(items + from, at - from, depth + 1, &tmp);
        if (node.size > KEPT_SIZE) {
            children.ref[nibble] = ref_to_node(node);
            tmp = before;
        } else {
            children.nibble[children.count] = nibble;
            children.node[children.count++] = node;
        }
    }
    assert(at == count);
    return encode_branch(&children, value, arena);
}

hash32 trie_root(struct trie_entry *entries, usize count, struct arena tmp)
{
    if (count == 0)
        return EMPTY_TRIE_ROOT;
    struct sort_item *items = ARENA_TAKE(&tmp, struct sort_item, count);
    for (usize i = 0; i < count; i++) {
        assert(entries[i].key.size <= 32 && entries[i].value.size > 0);
        items[i] = (struct sort_item){key_prefix(entries[i].key), &entries[i]};
    }
    struct arena sorting = tmp;
    sort_items(items, ARENA_TAKE(&sorting, struct sort_item, count), count, compare_entries);
    return keccak256(build_node(items, count, 0, &tmp));
}

hash32 trie_list_root(const bytes *values, usize count, struct arena tmp)
{
    struct trie_entry *entries = ARENA_TAKE(&tmp, struct trie_entry, count);
    for (usize i = 0; i < count; i++)
        entries[i] = (struct trie_entry){rlp_u64(i, &tmp), values[i]};
    return trie_root(entries, count, tmp);
}

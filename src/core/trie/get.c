#include "trie/internal.h"

void walk_begin(struct walk *walk, hash32 owner, hash32 root, hash32 key)
{
    *walk = (struct walk){.key = key, .root = ref_from_hash(root), .path = {.owner = owner}};
    walk->ref = ref_bytes(&walk->root);
    walk->state = hash32_equal(root, EMPTY_TRIE_ROOT) ? WALK_ABSENT : WALK_ON;
}

/* Goes on below `count` more nibbles of the key. */
static void descend(struct walk *walk, usize count, bytes ref)
{
    if (ref_is_none(ref)) {
        walk->state = WALK_ABSENT;
        return;
    }
    for (usize i = 0; i < count; i++, walk->path.length++)
        walk->path.nibbles[walk->path.length] = nibble_at(walk->key.b, walk->path.length);
    walk->ref = ref;
}

static bool stretch_matches(const struct walk *walk, const struct node *node)
{
    for (usize i = 0; i < node->nibbles; i++)
        if (node_nibble(node, i) != nibble_at(walk->key.b, walk->path.length + i))
            return false;
    return true;
}

enum status walk_step(struct walk *walk, const struct node_source *src, bytes *rlp, struct err *err)
{
    struct node node;
    bytes found;
    TRY(node_read(src, &walk->path, walk->ref, &node, &found, err));
    if (rlp != NULL)
        *rlp = ref_is_hash(walk->ref) ? found : BYTES_EMPTY;
    if (node.kind == NODE_BRANCH) {
        descend(walk, 1, node.child[nibble_at(walk->key.b, walk->path.length)]);
    } else if (!stretch_matches(walk, &node)) {
        walk->state = WALK_ABSENT;
    } else if (node.kind == NODE_EXTENSION) {
        descend(walk, node.nibbles, node.child[0]);
    } else {
        walk->state = WALK_FOUND;
        walk->value = node.value;
    }
    return ST_OK;
}

enum status trie_get(const struct node_source *src, hash32 owner, hash32 root, hash32 key,
                     bytes *value, struct arena *arena, struct err *err)
{
    struct walk walk;
    walk_begin(&walk, owner, root, key);
    while (walk.state == WALK_ON)
        TRY(walk_step(&walk, src, NULL, err));
    if (walk.state == WALK_ABSENT)
        return ST_MISSING;
    *value = arena_copy(arena, walk.value);
    return ST_OK;
}

#include "trie/internal.h"

enum status trie_prove(const struct node_source *src, hash32 owner, hash32 root, hash32 key,
                       bytes **proof, usize *count, struct arena *arena, struct err *err)
{
    struct walk walk;
    walk_begin(&walk, owner, root, key);
    *proof = ARENA_TAKE(arena, bytes, TRIE_MAX_PATH + 1); /* a node for each depth at most */
    *count = 0;
    while (walk.state == WALK_ON) {
        bytes node;
        TRY(walk_step(&walk, src, &node, err));
        if (node.size > 0)
            (*proof)[(*count)++] = arena_copy(arena, node);
    }
    return ST_OK;
}

/* A source that gives a proof's nodes one after the other; walk_step checks their hashes. */
struct proof_source {
    const bytes *next;
    usize left;
};

static enum status proof_node(void *self, const struct trie_path *path, hash32 hash, bytes *out)
{
    (void)path;
    (void)hash;
    struct proof_source *proof = self;
    if (proof->left == 0)
        return ST_MISSING;
    proof->left--;
    *out = *proof->next++;
    return ST_OK;
}

enum status trie_check_proof(hash32 root, hash32 key, const bytes *proof, usize count, bytes *value)
{
    struct proof_source source = {proof, count};
    const struct node_source src = {.self = &source, .node = proof_node};
    struct walk walk;
    walk_begin(&walk, (hash32){0}, root, key);
    while (walk.state == WALK_ON)
        if (walk_step(&walk, &src, NULL, NULL) != ST_OK)
            return ST_INVALID;
    if (source.left != 0)
        return ST_INVALID; /* a proof has one form: no nodes to spare */
    *value = walk.state == WALK_FOUND ? walk.value : BYTES_EMPTY;
    return ST_OK;
}

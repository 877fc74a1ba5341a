/* A batch of updates, applied to a trie in one descent.
 *
 * Updates are sorted by key, so that each node on the way to any of them is read once, changed in
 * memory, and encoded and hashed once, on the way back up. What a subtree becomes is not decided
 * where it stands: a branch that keeps one child gives way to it, and the child's stretch of
 * nibbles grows upwards, perhaps by several levels. So `update` returns a subtree that is still
 * open, and whoever is left above it closes it (`settle`, `settle_children`).
 *
 * A place stands for a path where a node is or was. Places are claimed on the way down, which is
 * the order that trie_changes promises, and filled on the way up, or left void if nothing changed.
 *
 * Everything borrows from the source or lives in the arena; both outlast the call. Recursion goes
 * at least one nibble deeper with each call, so it is at most 64 deep. */
#include "trie/apply.h"
#include "crypto/keccak.h"
#include "trie/internal.h"

enum shape { SHAPE_NONE, SHAPE_UNREAD, SHAPE_LEAF, SHAPE_EXTENSION, SHAPE_BRANCH };

/* All that is below some path. */
struct subtree {
    enum shape shape;
    bytes ref;  /* to it, where unread or a branch; an extension: to its child */
    hash32 key; /* leaf, extension: the nibbles from the root to `end`; it may start anywhere */
    usize end;
    bytes value;  /* leaf */
    bytes rlp;    /* branch: its encoding, if it is not the stored one */
    bool unnamed; /* `ref` is still to be made from `rlp` */
};

/* A branch while it changes: references as they were, and the children that updates touch. */
struct open_branch {
    bytes ref[16];
    struct subtree child[16]; /* set where `place` is */
    struct place *place[16];
};

static enum status update(struct job *job, struct place *place, struct subtree *tree,
                          const struct update *updates, usize count);

/* --- Places. */

static struct place *claim(struct job *job, const u8 *key, usize length)
{
    return place_claim(job->places, job->owner, key, length, job->arena);
}

/* For the child `nibble` of the branch at the first `depth` nibbles of `key`. */
static struct place *claim_child(struct job *job, struct place_list *list, const u8 *key,
                                 usize depth, u8 nibble)
{
    struct place *place = place_claim(list, job->owner, key, depth, job->arena);
    place->change.path.nibbles[place->change.path.length++] = nibble;
    return place;
}

/* Closing a subtree at its place's path takes three steps, the second for siblings together,
 * because hashing several nodes at once is faster. First, its encoding. */
static void encode(struct job *job, const struct place *place, struct subtree *tree)
{
    usize depth = place->change.path.length;
    if (tree->shape == SHAPE_NONE) {
        tree->ref = REF_NONE;
    } else if (tree->shape == SHAPE_LEAF) {
        tree->rlp = leaf_encode(tree->key.b, depth, tree->end, tree->value, job->arena);
        tree->unnamed = true;
    } else if (tree->shape == SHAPE_EXTENSION) {
        tree->rlp = extension_encode(tree->key.b, depth, tree->end, tree->ref, job->arena);
        tree->unnamed = true;
    }
}

/* Then tree->ref becomes the reference to it. */
static void name(struct job *job, struct subtree *const *trees, usize count)
{
    bytes rlp[16] = {0};
    struct ref refs[16];
    for (usize i = 0; i < count; i++)
        rlp[i] = trees[i]->rlp;
    refs_to_nodes(rlp, count, refs);
    for (usize i = 0; i < count; i++) {
        trees[i]->ref = rlp[i].size < 32 ? rlp[i] : arena_copy(job->arena, ref_bytes(&refs[i]));
        trees[i]->unnamed = false;
    }
}

/* And the place takes it. */
static void take_place(struct place *place, bytes old, const struct subtree *tree)
{
    if (bytes_equal(tree->ref, old))
        place->changed = false;
    else if (ref_is_hash(tree->ref))
        place_occupy(place, tree->rlp, ref_hash(tree->ref));
    else
        place_vacate(place, old);
}

/* All three for one subtree. */
static void settle(struct job *job, struct place *place, bytes old, struct subtree *tree)
{
    encode(job, place, tree);
    name(job, &tree, tree->unnamed);
    take_place(place, old, tree);
}

/* And for a branch's children that updates touched. */
static void settle_children(struct job *job, struct open_branch *branch)
{
    struct subtree *unnamed[16];
    usize count = 0;
    for (usize i = 0; i < 16; i++) {
        if (branch->place[i] == NULL)
            continue;
        encode(job, branch->place[i], &branch->child[i]);
        if (branch->child[i].unnamed)
            unnamed[count++] = &branch->child[i];
    }
    name(job, unnamed, count);
    for (usize i = 0; i < 16; i++)
        if (branch->place[i] != NULL)
            take_place(branch->place[i], branch->ref[i], &branch->child[i]);
}

/* Opens the nibbles above the place to the subtree that stands there: a leaf or an extension leaves
 * its place and grows upwards; a branch stays, with an extension above it. */
static void grow_upwards(struct job *job, struct place *place, bytes old, struct subtree *tree)
{
    if (tree->shape != SHAPE_BRANCH) {
        place_vacate(place, old);
        return;
    }
    settle(job, place, old, tree);
    tree->shape = SHAPE_EXTENSION;
    tree->end = place->change.path.length;
    for (usize i = 0; i < tree->end; i++)
        nibble_put(tree->key.b, i, place->change.path.nibbles[i]);
}

/* --- Reading. */

static struct subtree unread(bytes ref)
{
    return (struct subtree){.shape = ref_is_none(ref) ? SHAPE_NONE : SHAPE_UNREAD, .ref = ref};
}

/* Finds out what an unread subtree is; `node` receives a branch's children. */
static enum status read_subtree(struct job *job, const struct trie_path *path, struct subtree *tree,
                                struct node *node)
{
    TRY(node_read(job->src, path, tree->ref, node, NULL, job->err));
    if (node->kind == NODE_BRANCH) {
        tree->shape = SHAPE_BRANCH;
        return ST_OK;
    }
    tree->shape = node->kind == NODE_LEAF ? SHAPE_LEAF : SHAPE_EXTENSION;
    tree->value = node->value;
    tree->ref = node->child[0];
    for (usize i = 0; i < path->length; i++)
        nibble_put(tree->key.b, i, path->nibbles[i]);
    for (usize i = 0; i < node->nibbles; i++)
        nibble_put(tree->key.b, path->length + i, node_nibble(node, i));
    tree->end = path->length + node->nibbles;
    return ST_OK;
}

/* --- Branches. */

/* Hands each child of the branch at `depth` its updates. */
static enum status update_children(struct job *job, usize depth, struct open_branch *branch,
                                   const struct update *updates, usize count)
{
    const u8 *key = updates[0].key.b; /* leads here, as all of them do */
    for (u8 nibble = 0; nibble < 16; nibble++) {
        usize here = 0;
        while (here < count && nibble_at(updates[here].key.b, depth) == nibble)
            here++;
        bool placed = branch->child[nibble].shape != SHAPE_NONE;
        if (here == 0 && !placed)
            continue;
        struct place *place = claim_child(job, job->places, key, depth, nibble);
        branch->place[nibble] = place;
        if (!placed)
            branch->child[nibble] = unread(branch->ref[nibble]);
        if (here > 0)
            TRY(update(job, place, &branch->child[nibble], updates, here));
        updates += here;
        count -= here;
    }
    assert(count == 0);
    return ST_OK;
}

/* Two children or more: the branch stays. *tree keeps its reference if nothing changed, and is to
 * be named otherwise. */
static void close_branch(struct job *job, struct open_branch *branch, struct subtree *tree)
{
    bool changed = false;
    settle_children(job, branch);
    for (usize i = 0; i < 16; i++) {
        if (branch->place[i] == NULL)
            continue;
        changed |= !bytes_equal(branch->ref[i], branch->child[i].ref);
        branch->ref[i] = branch->child[i].ref;
    }
    bytes same = tree->ref;
    *tree = (struct subtree){.shape = SHAPE_BRANCH, .ref = same};
    if (changed) {
        tree->rlp = branch_encode(branch->ref, BYTES_EMPTY, job->arena);
        tree->unnamed = true;
    }
}

/* One child is left, or none: it takes the branch's place. */
static enum status collapse_branch(struct job *job, const u8 *key, usize depth, int survivor,
                                   struct open_branch *branch, struct subtree *tree)
{
    for (int i = 0; i < 16; i++)
        if (branch->place[i] != NULL && i != survivor)
            place_vacate(branch->place[i], branch->ref[i]);
    if (survivor < 0) {
        *tree = (struct subtree){.shape = SHAPE_NONE};
        return ST_OK;
    }
    *tree = branch->child[survivor];
    struct place *place = branch->place[survivor];
    if (place == NULL) { /* no update touched it, so its shape is not known yet */
        struct node node;
        place = claim_child(job, job->strays, key, depth, (u8)survivor);
        *tree = unread(branch->ref[survivor]);
        TRY(read_subtree(job, &place->change.path, tree, &node));
    }
    grow_upwards(job, place, branch->ref[survivor], tree);
    return ST_OK;
}

static enum status update_branch(struct job *job, usize depth, struct open_branch *branch,
                                 struct subtree *tree, const struct update *updates, usize count)
{
    TRY(update_children(job, depth, branch, updates, count));
    int live = 0, survivor = -1;
    for (int i = 0; i < 16; i++) {
        bool none = branch->place[i] != NULL ? branch->child[i].shape == SHAPE_NONE
                                             : ref_is_none(branch->ref[i]);
        if (!none) {
            live++;
            survivor = i;
        }
    }
    if (live <= 1)
        return collapse_branch(job, updates[0].key.b, depth, survivor, branch, tree);
    close_branch(job, branch, tree);
    return ST_OK;
}

static void branch_init(struct open_branch *branch)
{
    for (usize i = 0; i < 16; i++) {
        branch->ref[i] = REF_NONE;
        branch->child[i].shape = SHAPE_NONE;
        branch->place[i] = NULL;
    }
}

/* A branch where there was none: below place's path, at the first `depth` nibbles of the updates'
 * keys. What `branch` holds already stood further down. */
static enum status insert_branch(struct job *job, struct place *place, usize depth,
                                 struct open_branch *branch, struct subtree *tree,
                                 const struct update *updates, usize count)
{
    struct place *own = place;
    bool lower = depth > place->change.path.length;
    if (lower)
        own = claim(job, updates[0].key.b, depth);
    TRY(update_branch(job, depth, branch, tree, updates, count));
    if (lower)
        grow_upwards(job, own, REF_NONE, tree);
    return ST_OK;
}

/* --- What an update does to each shape. */

/* Nothing is here yet: a subtree of the updates alone. */
static enum status update_none(struct job *job, struct place *place, struct subtree *tree,
                               const struct update *updates, usize count)
{
    while (count > 0 && updates[0].value.size == 0) { /* to delete what is not there */
        updates++;
        count--;
    }
    while (count > 0 && updates[count - 1].value.size == 0)
        count--;
    *tree = (struct subtree){.shape = SHAPE_NONE};
    if (count == 0)
        return ST_OK;
    const struct update *first = &updates[0], *last = &updates[count - 1];
    if (count == 1) {
        tree->shape = SHAPE_LEAF;
        tree->key = first->key;
        tree->end = TRIE_MAX_PATH;
        tree->value = first->value;
        return ST_OK;
    }
    usize depth =
        nibbles_common(first->key.b, last->key.b, place->change.path.length, TRIE_MAX_PATH);
    struct open_branch branch;
    branch_init(&branch);
    return insert_branch(job, place, depth, &branch, tree, updates, count);
}

/* Some updates leave the stretch of a leaf or an extension at nibble `depth`. */
static enum status split(struct job *job, struct place *place, usize depth, struct subtree *tree,
                         const struct update *updates, usize count)
{
    struct open_branch branch;
    branch_init(&branch);
    u8 nibble = nibble_at(tree->key.b, depth);
    if (tree->shape == SHAPE_EXTENSION && tree->end == depth + 1)
        branch.ref[nibble] = tree->ref; /* its child is the branch's, and stays where it is */
    else
        branch.child[nibble] = *tree;
    return insert_branch(job, place, depth, &branch, tree, updates, count);
}

/* How far the leaf's or extension's stretch is shared by all updates. They are sorted, so what the
 * first and the last share with it, those between do too. */
static usize shared_end(const struct subtree *tree, usize from, const struct update *updates,
                        usize count)
{
    usize end = nibbles_common(tree->key.b, updates[0].key.b, from, tree->end);
    return nibbles_common(tree->key.b, updates[count - 1].key.b, from, end);
}

static enum status update_leaf(struct job *job, struct place *place, struct subtree *tree,
                               const struct update *updates, usize count)
{
    for (usize i = 0; i < count; i++)
        if (hash32_equal(updates[i].key, tree->key))
            return update_none(job, place, tree, updates, count);
    usize depth = shared_end(tree, place->change.path.length, updates, count);
    return split(job, place, depth, tree, updates, count);
}

static enum status update_extension(struct job *job, struct place *place, struct subtree *tree,
                                    const struct update *updates, usize count)
{
    usize depth = shared_end(tree, place->change.path.length, updates, count);
    if (depth < tree->end)
        return split(job, place, depth, tree, updates, count);
    struct place *below = claim(job, tree->key.b, tree->end);
    bytes old = tree->ref;
    *tree = unread(old);
    TRY(update(job, below, tree, updates, count));
    grow_upwards(job, below, old, tree);
    return ST_OK;
}

/* Applies updates, at least one, all below the place's path, to the subtree there. */
static enum status update(struct job *job, struct place *place, struct subtree *tree,
                          const struct update *updates, usize count)
{
    struct node node;
    if (tree->shape == SHAPE_UNREAD)
        TRY(read_subtree(job, &place->change.path, tree, &node));
    switch (tree->shape) {
    case SHAPE_NONE:
        return update_none(job, place, tree, updates, count);
    case SHAPE_LEAF:
        return update_leaf(job, place, tree, updates, count);
    case SHAPE_EXTENSION:
        return update_extension(job, place, tree, updates, count);
    case SHAPE_BRANCH: {
        struct open_branch branch;
        branch_init(&branch);
        memcpy(branch.ref, node.child, sizeof(branch.ref));
        return update_branch(job, place->change.path.length, &branch, tree, updates, count);
    }
    case SHAPE_UNREAD:
        break;
    }
    bug("a subtree that was read is still unread");
}

/* Closes the whole trie. Unlike other nodes, the root goes by its hash however short it is. */
static hash32 settle_root(struct job *job, struct place *place, bytes old, struct subtree *tree)
{
    settle(job, place, old, tree);
    if (ref_is_none(tree->ref))
        return EMPTY_TRIE_ROOT;
    if (ref_is_hash(tree->ref))
        return ref_hash(tree->ref);
    hash32 hash = keccak256(tree->rlp);
    if (ref_is_none(old) || !hash32_equal(hash, ref_hash(old)))
        place_occupy(place, tree->rlp, hash);
    else
        place->changed = false;
    return hash;
}

enum status update_trie(struct job *job, hash32 root, const struct update *updates, usize count,
                        hash32 *new_root)
{
    *new_root = root;
    if (count == 0)
        return ST_OK;
    struct ref root_ref = ref_from_hash(root);
    bytes old = hash32_equal(root, EMPTY_TRIE_ROOT) ? REF_NONE : ref_bytes(&root_ref);
    struct subtree tree = unread(old);
    struct place *place = claim(job, updates[0].key.b, 0);
    TRY(update(job, place, &tree, updates, count));
    *new_root = settle_root(job, place, old, &tree);
    return ST_OK;
}

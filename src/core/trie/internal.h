/* Nodes as they are encoded, and what the files of this module share. */
#ifndef TRIE_INTERNAL_H
#define TRIE_INTERNAL_H

#include "trie/nibbles.h"
#include "trie/trie.h"

enum node_kind { NODE_LEAF, NODE_EXTENSION, NODE_BRANCH };

/* A decoded node; everything borrows from its RLP.
 *
 *   leaf       [hex-prefix of the rest of the key, value]
 *   extension  [hex-prefix of a shared stretch, reference to a branch]
 *   branch     [16 references, value of the key that ends here]
 *
 * A reference is an RLP item: 0x80 for none, the hash of a node of 32 bytes or more, or a shorter
 * node itself ("embedded"). */
struct node {
    enum node_kind kind;
    bytes packed;    /* leaf, extension: the hex-prefix bytes */
    usize nibbles;   /* leaf, extension: how many they hold */
    bytes value;     /* leaf, branch */
    bytes child[16]; /* branch; an extension has child[0] only */
};

/* ST_INVALID: not the encoding of a node, or one that no trie contains. Embedded nodes inside are
 * only delimited; they are decoded when they are entered. */
enum status node_decode(bytes rlp, struct node *out);

/* The nibble at `index` of a leaf's or extension's stretch. */
static inline u8 node_nibble(const struct node *node, usize index)
{
    return nibble_at(node->packed.data, index + 2 - node->nibbles % 2);
}

enum { REF_MAX_SIZE = 33, BRANCH_MAX_SIZE = 3 + 16 * REF_MAX_SIZE + 1 };

static inline bool ref_is_none(bytes ref)
{
    return ref.data[0] == 0x80;
}

static inline bool ref_is_hash(bytes ref)
{
    return ref.data[0] == 0xa0;
}

static inline hash32 ref_hash(bytes ref)
{
    hash32 hash;
    memcpy(hash.b, ref.data + 1, sizeof(hash.b));
    return hash;
}

#define REF_NONE ((bytes){(const u8 *)"\x80", 1})

/* Encoders: each takes what it writes from `arena`, exactly as much as it needs. */
bytes leaf_encode(const u8 *key, usize from, usize end, bytes value, struct arena *arena);
bytes extension_encode(const u8 *key, usize from, usize end, bytes child, struct arena *arena);
bytes branch_encode(const bytes child[16], bytes value, struct arena *arena);

/* A reference by value. */
struct ref {
    u8 size;
    u8 b[REF_MAX_SIZE];
};

static inline bytes ref_bytes(const struct ref *ref)
{
    return (bytes){ref->b, ref->size};
}

struct ref ref_from_hash(hash32 hash);
struct ref ref_to_node(bytes rlp);
/* The same for up to sixteen nodes, whose hashing goes together. */
void refs_to_nodes(const bytes *rlp, usize count, struct ref *out);

/* Reads the node that `ref` (not none) refers to at `path`: from the reference itself where it is
 * embedded, else from `src`. *rlp, if wanted, is its encoding. Only nodes that a trie of 32-byte
 * keys can have at that depth pass. ST_CORRUPT as trie_get says. */
enum status node_read(const struct node_source *src, const struct trie_path *path, bytes ref,
                      struct node *out, bytes *rlp, struct err *err);

/* One key followed from the root, a node at a time. */
struct walk {
    enum { WALK_ON, WALK_FOUND, WALK_ABSENT } state;
    hash32 key;
    struct ref root;
    struct trie_path path; /* of the node that the next step reads */
    bytes ref;             /* to that node; borrows from the one before, or is `root` */
    bytes value;           /* once found */
};

void walk_begin(struct walk *walk, hash32 owner, hash32 root, hash32 key);
/* *rlp, if wanted, is the node read, left empty where it was embedded in the one before. */
enum status walk_step(struct walk *walk, const struct node_source *src, bytes *rlp,
                      struct err *err);

static inline int path_compare(const struct trie_path *a, const struct trie_path *b)
{
    int order = memcmp(a->owner.b, b->owner.b, sizeof(a->owner.b));
    if (order == 0)
        order = memcmp(a->nibbles, b->nibbles, min_u64(a->length, b->length));
    return order != 0 ? order : a->length - b->length;
}

/* Sorting by a 64-bit prefix, with `compare` deciding between equal ones. Stable, O(n log n)
 * whatever the input; `scratch` holds `count` items too. */
struct sort_item {
    u64 prefix;
    const void *item;
};
typedef int sort_compare(const void *a, const void *b);
void sort_items(struct sort_item *items, struct sort_item *scratch, usize count,
                sort_compare *compare);

#endif

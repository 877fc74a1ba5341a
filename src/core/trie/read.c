#include "base/hex.h"
#include "crypto/keccak.h"
#include "trie/internal.h"

/* Keys are 32 bytes: leaves end at nibble 64, and nothing branches there. */
static bool fits_depth(const struct node *node, usize depth)
{
    switch (node->kind) {
    case NODE_LEAF:
        return depth + node->nibbles == TRIE_MAX_PATH;
    case NODE_EXTENSION:
        return depth + node->nibbles < TRIE_MAX_PATH;
    case NODE_BRANCH:
        return depth < TRIE_MAX_PATH && node->value.size == 0;
    }
    bug("unknown kind of node");
}

static enum status corrupt(struct err *err, const struct trie_path *path, hash32 hash,
                           const char *what)
{
    char text[65] = {0};
    hex_write(text, BYTES_OF(hash));
    return fail(err, ST_CORRUPT, "trie node %s at depth %u %s", text, path->length, what);
}

static enum status fetch(const struct node_source *src, const struct trie_path *path, hash32 hash,
                         bytes *out, struct err *err)
{
    enum status st = src->node(src->self, path, hash, out);
    if (st == ST_MISSING)
        return corrupt(err, path, hash, "is missing");
    if (st != ST_OK)
        return st;
    if (!src->trusted && !hash32_equal(keccak256(*out), hash))
        return corrupt(err, path, hash, "does not hash to its name");
    return ST_OK;
}

enum status node_read(const struct node_source *src, const struct trie_path *path, bytes ref,
                      struct node *out, bytes *rlp, struct err *err)
{
    bytes found = ref;
    bool embedded = !ref_is_hash(ref);
    if (!embedded)
        TRY(fetch(src, path, ref_hash(ref), &found, err));
    if (node_decode(found, out) != ST_OK || !fits_depth(out, path->length))
        return corrupt(err, path, embedded ? (hash32){0} : ref_hash(ref), "is no node");
    if (rlp != NULL)
        *rlp = found;
    return ST_OK;
}

/* The Merkle-Patricia trie: roots, reads, updates, proofs.
 *
 * Nodes are addressed by path: (owner, nibbles from the root), where the owner is zero for the
 * account trie and keccak(address) for an account's storage trie. Keys are always keccak hashes
 * here ("secure" tries), 64 nibbles, except in the builder for lists.
 * Source: Yellow Paper, appendix D. */
#ifndef TRIE_TRIE_H
#define TRIE_TRIE_H

#include "base/arena.h"
#include "base/status.h"
#include "types/account.h"

enum { TRIE_MAX_PATH = 64 };

/* Where a node stands. `nibbles` holds one nibble a byte. */
struct trie_path {
    hash32 owner;
    u8 nibbles[TRIE_MAX_PATH];
    u8 length;
};

/* Who has the nodes: the store (by path), a witness (by hash). */
struct node_source {
    void *self;
    /* The node's RLP, which must hash to `hash`; the trie checks it unless the source is trusted.
     * *out borrows from the source for as long as the call into the trie that asked.
     * ST_MISSING: not to be had. */
    enum status (*node)(void *self, const struct trie_path *path, hash32 hash, bytes *out);
    /* The source itself has made sure that what it gives hashes to `hash` (it compared the hash it
     * keeps beside the node, or finds nodes by hash). Halves the hashing of an update. */
    bool trusted;
};

/* What an update changed. */
struct node_change {
    struct trie_path path;
    bytes node;  /* RLP; empty: the node is gone */
    hash32 hash; /* of `node`, for sources that want to be trusted; zero where it is gone */
};

struct trie_changes {
    struct node_change *nodes; /* sorted by (owner, path) */
    usize count;
    hash32 *wiped_owners; /* storage tries dropped whole: delete every node of theirs first */
    usize wiped_count;
};

/* Reads the value at `key` in the trie `root` of `owner`. *value lives in `arena`.
 * ST_MISSING: the path proves absence. ST_CORRUPT: a node does not hash to its name, is not a
 * node, or the source does not have it. */
enum status trie_get(const struct node_source *src, hash32 owner, hash32 root, hash32 key,
                     bytes *value, struct arena *arena, struct err *err);

/* Applies a block's outcome to the state trie `root`: storage tries first (filling every
 * after.storage_root in `diff`), then the account trie. *changes lives in `arena`.
 * ST_CORRUPT as above. */
enum status trie_apply(const struct node_source *src, hash32 root, struct diff *diff,
                       hash32 *new_root, struct trie_changes *changes, struct arena *arena,
                       struct err *err);

/* The nodes from the root to `key`, as eth_getProof returns them, outermost first; nodes embedded
 * in their parent are left out. Proves absence as well. Lives in `arena`. */
enum status trie_prove(const struct node_source *src, hash32 owner, hash32 root, hash32 key,
                       bytes **proof, usize *count, struct arena *arena, struct err *err);

/* Judges such a proof. ST_OK with *value empty: absence is proven. ST_INVALID: it proves nothing.
 * *value borrows from `proof`. */
enum status trie_check_proof(hash32 root, hash32 key, const bytes *proof, usize count,
                             bytes *value);

/* --- Changes in memory over another source: for the roots after each transaction that receipts
 * held before Byzantium, and for blocks that are not written down yet. */

struct trie_overlay;

/* Lives in `arena`, with all that is added. `below` outlives it. */
struct trie_overlay *trie_overlay_new(struct node_source below, struct arena *arena);

/* Puts the result of a trie_apply on top, whose nodes outlive the overlay. */
void trie_overlay_add(struct trie_overlay *overlay, const struct trie_changes *changes);

/* The state with everything that was added; only the latest root can be read. Trusted. */
struct node_source trie_overlay_source(struct trie_overlay *overlay);

/* All that was added, as if one trie_apply had done it (a node that came and went again is listed
 * as gone). Lives in `arena`. */
void trie_overlay_changes(const struct trie_overlay *overlay, struct trie_changes *changes,
                          struct arena *arena);

/* --- Roots of whole maps, from nothing. */

struct trie_entry {
    bytes key; /* any length up to 32 bytes */
    bytes value;
};

/* The root over `entries`, which need not be sorted; duplicate keys are a bug. */
hash32 trie_root(struct trie_entry *entries, usize count, struct arena tmp);

/* The root over values keyed by the RLP of their index: transactions, receipts, withdrawals. */
hash32 trie_list_root(const bytes *values, usize count, struct arena tmp);

#endif

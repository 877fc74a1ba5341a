/* Witnesses: everything of the state and the chain that executing one block reads, so that someone
 * who holds only the parent's hash can execute it too. The guest, stateless verifiers and the
 * dispute game take them from strangers: every byte is hostile until it hashes to something known.
 *
 *     witness = [ [node, …], [code, …], [header, …] ]      RLP; each item a string
 *
 * Nodes are those of the parent's state that were read, in no order. Headers are RLP too: the
 * parent's, then its parent's, as far back as BLOCKHASH reached. */
#ifndef TRIE_WITNESS_H
#define TRIE_WITNESS_H

#include "trie/trie.h"

struct witness {
    bytes *nodes;
    usize node_count;
    bytes *codes;
    usize code_count;
    bytes *headers;
    usize header_count;
};

bytes witness_encode(const struct witness *witness, struct arena *arena);

/* Borrows from `in`; takes from `arena` 16 bytes for each item, so at most 16 for each byte of
 * `in`. Says nothing about what the items are. ST_INVALID: not the encoding of a witness. */
enum status witness_decode(bytes in, struct witness *out, struct arena *arena, struct err *err);

/* --- Finding by hash. */

struct hash_index;

/* Hashes every item once. Lives in `arena`; borrows the items. */
struct hash_index *hash_index_new(const bytes *items, usize count, struct arena *arena);

/* ST_MISSING: no item hashes to this. */
enum status hash_index_find(const struct hash_index *index, hash32 hash, bytes *out);

/* The index as a source of nodes. Trusted. */
struct node_source hash_index_source(struct hash_index *index);

/* --- Collecting the nodes that are read. */

struct node_recorder;

/* Lives in `arena`, with a copy of every node that is read through it. `below` outlives it. */
struct node_recorder *node_recorder_new(struct node_source below, struct arena *arena);
struct node_source node_recorder_source(struct node_recorder *recorder);

/* Each node read so far, once. Lives in `arena`. */
void node_recorder_list(const struct node_recorder *recorder, bytes **nodes, usize *count,
                        struct arena *arena);

#endif

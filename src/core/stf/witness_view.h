/* Witnesses (trie/witness.h) on both sides of execution: a block executed from one, and one
 * recorded while a block executes. */
#ifndef STF_WITNESS_VIEW_H
#define STF_WITNESS_VIEW_H

#include "stf/trie_view.h"
#include "trie/witness.h"
#include "types/header.h"

/* --- From a witness. */

enum { WITNESS_MAX_HEADERS = 256 };

struct witness_view {
    struct header parent;
    struct state_view view;   /* for stf_block; its self is this struct, which must not move */
    struct node_source nodes; /* for stf_block */
    struct trie_view tries;
    struct hash_index *codes;
    hash32 ancestors[WITNESS_MAX_HEADERS + 1]; /* hashes: of the parent, its parent, … */
    usize ancestor_count;
};

/* Makes the state before the child of `parent_hash` readable. What the witness says is believed
 * where it hashes to something that follows from `parent_hash`; what it lacks and the block needs
 * stops the block with ST_CORRUPT. Everything borrows from the witness or lives in `arena`, whose
 * rest, as much as the witness's longest item, is the view's scratch from now on.
 * ST_INVALID: the headers are not the parent and its ancestors. */
enum status witness_view_init(struct witness_view *out, const struct witness *witness,
                              hash32 parent_hash, struct arena *arena, struct err *err);

/* --- Recording one. */

struct witness_recorder;

/* Over the nodes of the parent's state, and someone who has code and block hashes (the other two
 * functions of `below` are not called: accounts and slots are read from the tries, so that their
 * nodes are seen). Lives in `arena`, which the block must not use. */
struct witness_recorder *witness_recorder_new(struct node_source nodes, struct state_view below,
                                              const struct header *parent, struct arena *arena);
struct state_view witness_recorder_view(struct witness_recorder *recorder);
struct node_source witness_recorder_nodes(struct witness_recorder *recorder);

/* How many headers the witness needs: the parent's and as many ancestors' as BLOCKHASH asked for.
 */
usize witness_recorder_header_count(const struct witness_recorder *recorder);

/* What was read, after stf_block; the caller adds that many headers. Lives in the recorder's
 * arena. */
void witness_recorder_finish(struct witness_recorder *recorder, struct witness *out);

#endif

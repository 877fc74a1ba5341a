/* A block that the sequencer has made and the parent has not taken: a promise, signed.
 *
 *   RLP, signature -> unsafe_peek -> whose is it? -> unsafe_read -> unsafe_check -> chain_import
 *
 * The signature is over H("varve.unsafe.1", child chain id, block hash) (derive/inbox.h), so that
 * one of them with the block's header proves to anybody what was promised, and two of them for one
 * place that the sequencer has lied. All comes from a stranger until its signature has been seen,
 * and must be held against the parent after that, too. Nothing here looks at a clock or a chain. */
#ifndef LAYER_UNSAFE_BLOCK_H
#define LAYER_UNSAFE_BLOCK_H

#include "client/sequencer.h"
#include "client/signer.h"
#include "derive/derive.h"
#include "stf/child.h"
#include "types/block.h"

/* ST_INVALID: the key is with a signer that signs nothing but transactions. */
enum status unsafe_sign(const struct signer *signer, u64 chain_id, hash32 block_hash,
                        signature65 *out, struct err *err);

/* What can be said before its transactions are read. */
struct unsafe_head {
    bytes rlp; /* of the block */
    struct header header;
    hash32 hash;
    signature65 signature;
    address signer;
};

/* Borrows from the RLP. ST_INVALID: no block, or the signature belongs to no key, or has a second
 * spelling (s above half the order). */
enum status unsafe_peek(const struct signed_block *from, u64 chain_id, struct unsafe_head *out,
                        struct err *err);

struct unsafe_block {
    struct unsafe_head head;
    struct block block; /* users' senders are not known */
    struct child_attributes attributes;
    usize deposit_count; /* the attributes' included */
};

/* The rest of it. ST_INVALID: not the transactions that the header commits to, or none of a child's
 * attributes. Takes what block_decode does from `arena`. */
enum status unsafe_read(const struct unsafe_head *head, struct unsafe_block *out,
                        struct arena *arena, struct err *err);

/* What a block is held against. */
struct unsafe_place {
    const struct derive_config *config;
    const struct derive_state *before;  /* at its parent */
    const struct derive_origin *origin; /* the block of the parent chain that it names */
    const struct inbox_item *items;     /* from the state's position to the block's */
    usize item_count;
    u64 latest_s; /* the later of the node's clock and of the parent chain's newest block */
};

/* Whether a batch could make derivation come to this very block, but for its execution.
 * ST_INVALID: not, and why.  ST_MISSING: it runs under a version that this program does not know.
 */
enum status unsafe_check(const struct unsafe_block *block, const struct unsafe_place *place,
                         struct arena tmp, struct err *err);

/* What was promised, for as long as it can be held against something. */
struct unsafe_promise {
    u64 number;
    hash32 parent_hash, hash;
    u64 origin_number;
    hash32 origin_hash;
    address signer;
    signature65 signature;
};

struct unsafe_promise unsafe_promise_of(const struct unsafe_block *block);

/* Whether one key has promised two blocks for one place. Where a block's origin has left the parent
 * chain, nobody expects that promise to be kept: that is for the caller to see. */
bool unsafe_contradicts(const struct unsafe_promise *a, const struct unsafe_promise *b);

#endif

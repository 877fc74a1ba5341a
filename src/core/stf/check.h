/* Rules that need no state: on transactions by themselves, and on headers beside their parents.
 * The pool, the builder and the importer all judge by these. */
#ifndef STF_CHECK_H
#define STF_CHECK_H

#include "evm/fork.h"
#include "types/block.h"

enum {
    GAS_TX = 21000,
    GAS_TX_CREATE = 32000, /* EIP-2 */
    GAS_TX_DATA_ZERO = 4,
    GAS_TX_DATA_NONZERO_FRONTIER = 68,
    GAS_TX_DATA_NONZERO = 16,     /* EIP-2028 */
    GAS_TX_ACCESS_ADDRESS = 2400, /* EIP-2930 */
    GAS_TX_ACCESS_SLOT = 1900,
    GAS_TX_AUTHORIZATION = 25000, /* EIP-7702 */
    GAS_TX_AUTHORIZATION_BASE = 12500,
    GAS_TX_FLOOR_TOKEN = 10, /* EIP-7623 */
    TOKENS_PER_BYTE = 4,     /* that is not zero */
    /* Child chains: a byte pays for its place on the parent (child_base_fee_floor). */
    CHILD_GAS_PER_BYTE = 160,
    GAS_TX_FLOOR_TOKEN_CHILD = CHILD_GAS_PER_BYTE / TOKENS_PER_BYTE,
    MAX_TX_GAS = 1 << 24, /* EIP-7825 */
    MAX_TX_BLOBS = 6,     /* EIP-7594 */
    GAS_BLOB = 1 << 17,   /* EIP-4844 */
    MIN_GAS_LIMIT = 5000,
    MAX_EXTRA_DATA = 32,
    MAX_BLOCK_SIZE = 8388608, /* EIP-7934: 10 MiB less 2 MiB for the beacon block */
};

/* What a transaction costs before its first instruction, and the least that it is billed. */
struct tx_gas {
    u64 intrinsic;
    u64 floor; /* 0 before Prague */
};

struct tx_gas tx_gas(const struct rules *rules, const struct tx *tx);

/* Type, sizes, gas and fee fields of the transaction alone. The sender's signature is judged by
 * tx_recover. A child chain's blocks have deposits: whoever takes transactions from users must
 * refuse those himself, as the pool does. */
enum status check_tx(const struct rules *rules, const struct tx *tx, struct err *err);

/* --- Fees. */

/* EIP-1559, for the block after `parent`, whose rules these are; `first`: it is the first London
 * block. On a child chain, not below the floor. */
u256 next_base_fee(const struct rules *rules, const struct header *parent, bool first);

/* EIP-4844 and EIP-7918, with the rules of the block after `parent`. */
u64 next_excess_blob_gas(const struct rules *rules, const struct header *parent);
u256 blob_base_fee(const struct rules *rules, u64 excess_blob_gas);

/* --- Headers. */

/* The optional fields that a header of this fork has. */
enum header_fields header_fields_of(enum fork fork);

/* A header against its parent; no body, no state. Seals are not judged. `parent_fork`: for what
 * changes at a fork's first block. */
enum status check_header(const struct chain_config *config, const struct rules *rules,
                         const struct header *header, const struct header *parent,
                         enum fork parent_fork, struct err *err);

/* The body against its header: commitments, ommers' number, size. */
enum status check_body(const struct rules *rules, const struct block *block, struct arena tmp,
                       struct err *err);

/* A block's close ancestors, nearest first, to judge its ommers by. */
struct ancestor {
    const struct header *header;
    hash32 hash;
    const struct header *ommers;
    usize ommer_count;
};

enum { OMMER_DEPTH = 6 };

/* Ommers before the merge: at most two, each a valid child of an ancestor up to six generations
 * back (ancestors[0] is the parent; give OMMER_DEPTH + 1 or as many as there are), none included
 * before. Source: Yellow Paper, section 11.1. */
enum status check_ommers(const struct chain_config *config, const struct block *block,
                         const struct ancestor *ancestors, usize count, struct arena tmp,
                         struct err *err);

#endif

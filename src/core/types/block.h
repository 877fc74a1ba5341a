/* Blocks: header, transactions, ommers, withdrawals. */
#ifndef TYPES_BLOCK_H
#define TYPES_BLOCK_H

#include "types/header.h"
#include "types/tx.h"

/* EIP-4895. */
struct withdrawal {
    u64 index;
    u64 validator;
    address who;
    u64 amount_gwei;
};

struct block {
    struct header header;
    hash32 hash; /* of the header */
    struct tx *txs;
    bytes *tx_envelopes; /* each transaction's encoding, borrowed from the input where decoded;
                          * whoever builds a block fills it */
    usize tx_count;
    struct header *ommers;
    usize ommer_count;
    bool has_withdrawals; /* from Shanghai on, even where there are none */
    struct withdrawal *withdrawals;
    usize withdrawal_count;
};

/* The shortest encoding of a transaction: a legacy one whose nine fields are a byte each. */
enum { TX_LEAST_SIZE = 10 };

/* Bytes that decoding a block of `size` bytes can take: what the shortest transaction becomes is
 * the worst ratio of all. */
static inline usize block_decode_bound(usize size)
{
    return 4096 + size * (sizeof(struct tx) + sizeof(bytes)) / TX_LEAST_SIZE;
}

/* Decodes a block as in the official tests and in geth's export files. Transactions' senders are
 * not recovered. Borrows from `in`; takes at most block_decode_bound(in.size) from `arena`. */
enum status block_decode(bytes in, struct block *out, struct arena *arena, struct err *err);

/* The header and one transaction of a block that block_decode accepts, without decoding the others.
 * ST_MISSING: it has no more than `index`. */
enum status block_decode_tx(bytes in, usize index, struct header *header, struct tx *tx,
                            bytes *envelope, struct arena *arena, struct err *err);

bytes block_encode(const struct block *block, struct arena *arena);

/* EIP-4895: the value of the withdrawals' trie. */
bytes withdrawal_encode(const struct withdrawal *withdrawal, struct arena *arena);

/* The ommers' commitment in the header; the ones that are tries are in stf/roots.h. */
hash32 block_ommers_hash(const struct block *block, struct arena tmp);

#endif

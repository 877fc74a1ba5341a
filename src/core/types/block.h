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
    bytes *tx_envelopes; /* each transaction's encoding, borrowed from the input where decoded */
    usize tx_count;
    struct header *ommers;
    usize ommer_count;
    bool has_withdrawals; /* from Shanghai on, even where there are none */
    struct withdrawal *withdrawals;
    usize withdrawal_count;
};

/* Decodes a block as in the official tests and in geth's export files. Transactions' senders are
 * not recovered. Borrows from `in`. */
enum status block_decode(bytes in, struct block *out, struct arena *arena, struct err *err);
bytes block_encode(const struct block *block, struct arena *arena);

/* The body's commitments, to be compared with the header's or put into it. */
hash32 block_transactions_root(const struct block *block, struct arena tmp);
hash32 block_ommers_hash(const struct block *block, struct arena tmp);
hash32 block_withdrawals_root(const struct block *block, struct arena tmp);

#endif

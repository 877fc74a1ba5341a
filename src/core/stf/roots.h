/* The commitments of a header that are tries over lists. */
#ifndef STF_ROOTS_H
#define STF_ROOTS_H

#include "types/block.h"
#include "types/receipt.h"

hash32 block_transactions_root(const struct block *block, struct arena tmp);
hash32 block_withdrawals_root(const struct block *block, struct arena tmp);
hash32 receipts_root(const struct receipt *receipts, usize count, struct arena tmp);

#endif

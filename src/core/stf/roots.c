#include "stf/roots.h"

#include "trie/trie.h"

hash32 block_transactions_root(const struct block *block, struct arena tmp)
{
    return trie_list_root(block->tx_envelopes, block->tx_count, tmp);
}

hash32 block_withdrawals_root(const struct block *block, struct arena tmp)
{
    bytes *values = ARENA_TAKE(&tmp, bytes, block->withdrawal_count);
    for (usize i = 0; i < block->withdrawal_count; i++)
        values[i] = withdrawal_encode(&block->withdrawals[i], &tmp);
    return trie_list_root(values, block->withdrawal_count, tmp);
}

hash32 receipts_root(const struct receipt *receipts, usize count, struct arena tmp)
{
    bytes *values = ARENA_TAKE(&tmp, bytes, count);
    for (usize i = 0; i < count; i++)
        values[i] = receipt_encode(&receipts[i], &tmp);
    return trie_list_root(values, count, tmp);
}

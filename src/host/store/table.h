/* What a chain's state is made of: tables of keys and values, the same in memory (store/layer.h)
 * and on disk (store/store.h).
 *
 *   table          key                       value
 *   ACCOUNT        address                   account_pack
 *   SLOT           address slot              big-endian, leading zeros left out
 *   NODE           path                      a node of the account trie: its hash, then its RLP
 *   SLOT_NODE      keccak(address) path      a node of a storage trie, likewise
 *   CODE           code hash                 the code
 *   TX             transaction hash          tx_place_pack
 *   BLOCK          block hash                number, position in the log
 *   WIPED          address, or its keccak    1: all slots (nodes) listed elsewhere are older
 *
 * An empty value says that the key is gone. A path is packed nibbles (an odd one padded with a zero
 * nibble) and their count, so that a node lies beside its parent. */
#ifndef STORE_TABLE_H
#define STORE_TABLE_H

#include "trie/trie.h"

enum table {
    TABLE_ACCOUNT,
    TABLE_SLOT,
    TABLE_NODE,
    TABLE_SLOT_NODE,
    TABLE_CODE,
    TABLE_TX,
    TABLE_BLOCK,
    TABLE_WIPED, /* in layers only: on disk the rows themselves are deleted */
    TABLE_COUNT,
};

/* Long enough for every key. */
struct table_key {
    u8 data[72];
    u8 size;
};

static inline bytes table_key_bytes(const struct table_key *key)
{
    return (bytes){key->data, key->size};
}

struct table_key slot_key(address who, hash32 slot);
/* The table is NODE where the owner is zero, else SLOT_NODE. */
struct table_key node_key(const struct trie_path *path, enum table *table);

enum { ACCOUNT_PACKED_MAX = 2 + 8 + 32 + 32 + 32 };

/* nonce size | flags, balance size, nonce, balance, storage root unless empty, code hash unless
 * empty. Writes at `to`, returns the size. */
usize account_pack(const struct account *account, u8 *to);
/* ST_CORRUPT: not what account_pack writes. */
enum status account_unpack(bytes in, struct account *out);

usize slot_pack(u256 value, u8 *to);
enum status slot_unpack(bytes in, u256 *out);

/* Where a transaction is. */
struct tx_place {
    u64 number;
    u64 position; /* of the block in the log: tells a reorganised block from its successor */
    u32 index;
};

enum { TX_PLACE_SIZE = 20, BLOCK_PLACE_SIZE = 16 };

void tx_place_pack(struct tx_place place, u8 *to);
enum status tx_place_unpack(bytes in, struct tx_place *out);

#endif

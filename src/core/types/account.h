/* Accounts, and what a block does to them. */
#ifndef TYPES_ACCOUNT_H
#define TYPES_ACCOUNT_H

#include "base/arena.h"
#include "base/status.h"
#include "base/u256.h"

/* keccak of no bytes: the code hash of an account without code. */
extern const hash32 EMPTY_CODE_HASH;
/* Root of a trie without entries (keccak of the RLP of the empty string). */
extern const hash32 EMPTY_TRIE_ROOT;

struct account {
    u64 nonce;
    u256 balance_wei;
    hash32 storage_root;
    hash32 code_hash;
};

static inline struct account account_new(void)
{
    return (struct account){0, U256_ZERO, EMPTY_TRIE_ROOT, EMPTY_CODE_HASH};
}

/* EIP-161: an account that counts as absent. Its storage is not looked at. */
bool account_is_empty(const struct account *account);

/* The trie's leaf value. Source: Yellow Paper, section 4.1. */
bytes account_encode(const struct account *account, struct arena *arena);
enum status account_decode(bytes in, struct account *out);

/* --- The outcome of a block: what the flat state and the tries have to take over. */

struct slot_change {
    hash32 slot;
    u256 before;
    u256 after; /* zero: the slot is cleared */
};

struct account_change {
    address who;
    bool existed;       /* before; else `before` is account_new() */
    bool exists;        /* after */
    bool storage_wiped; /* every slot not listed in `slots` went to zero first */
    struct account before;
    struct account after;      /* storage_root is filled in by trie_apply */
    struct slot_change *slots; /* sorted by slot, only slots whose value differs */
    usize slot_count;
};

struct code_entry {
    hash32 hash;
    bytes code;
};

struct diff {
    struct account_change *accounts; /* sorted by address, only accounts that differ */
    usize account_count;
    struct code_entry *codes; /* code deployed in the block */
    usize code_count;
};

#endif

/* Receipts, logs and the bloom filter over them. */
#ifndef TYPES_RECEIPT_H
#define TYPES_RECEIPT_H

#include "types/header.h"
#include "types/tx.h"

struct log {
    address who;
    hash32 topics[4];
    usize topic_count;
    bytes data;
};

struct receipt {
    enum tx_type type;
    bool has_root; /* before Byzantium: post_root instead of succeeded (EIP-658) */
    hash32 post_root;
    bool succeeded;
    u64 cumulative_gas;
    u64 gas_used; /* of this transaction alone; not part of the encoding */
    bloom256 bloom;
    struct log *logs;
    usize log_count;
    bool created; /* `contract` holds the created address; not part of the encoding */
    address contract;
    u64 deposit_nonce; /* TX_DEPOSIT: its sender's before it, so that `contract` can be told */
};

/* Canyon's, the only one that child chains here ever had. */
enum { DEPOSIT_RECEIPT_VERSION = 1 };

/* Yellow Paper, section 4.3.1: three bits for each address and topic. */
void bloom_add(bloom256 *bloom, bytes value);
void bloom_add_logs(bloom256 *bloom, const struct log *logs, usize count);
void bloom_merge(bloom256 *into, const bloom256 *other);
bool bloom_may_contain(const bloom256 *bloom, bytes value);

/* The consensus encoding (EIP-2718 envelope). A deposit's has two fields more: OP specs,
 * protocol/deposits.md, "Deposit Receipt". */
bytes receipt_encode(const struct receipt *receipt, struct arena *arena);

/* keccak of the RLP of the list of logs: how the state tests judge them. */
hash32 logs_hash(const struct log *logs, usize count, struct arena tmp);

#endif

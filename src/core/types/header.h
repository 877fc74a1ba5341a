/* Block headers: every optional field of the forks up to Osaka. */
#ifndef TYPES_HEADER_H
#define TYPES_HEADER_H

#include "base/arena.h"
#include "base/status.h"
#include "base/u256.h"

typedef struct {
    u8 b[256];
} bloom256;

/* How many of the fields added by forks a header has: each count includes the ones before. */
enum header_fields {
    HEADER_FRONTIER = 15,
    HEADER_LONDON = 16,   /* base_fee */
    HEADER_SHANGHAI = 17, /* withdrawals_root */
    HEADER_CANCUN = 20,   /* blob_gas_used, excess_blob_gas, parent_beacon_root */
    HEADER_PRAGUE = 21,   /* requests_hash */
};

struct header {
    hash32 parent_hash;
    hash32 ommers_hash;
    address beneficiary;
    hash32 state_root;
    hash32 transactions_root;
    hash32 receipts_root;
    bloom256 logs_bloom;
    u256 difficulty;
    u64 number;
    u64 gas_limit;
    u64 gas_used;
    u64 timestamp;
    bytes extra_data; /* borrows */
    hash32 mix_hash;  /* prev_randao after the merge */
    u8 nonce[8];
    enum header_fields fields;
    u256 base_fee_wei;
    hash32 withdrawals_root;
    u64 blob_gas_used;
    u64 excess_blob_gas;
    hash32 parent_beacon_root;
    hash32 requests_hash;
};

/* keccak of the RLP of an empty list: the ommers hash of a block without uncles. */
extern const hash32 EMPTY_OMMERS_HASH;

bytes header_encode(const struct header *header, struct arena *arena);
hash32 header_hash(const struct header *header, struct arena tmp);
/* `in` is the header's whole RLP item. extra_data borrows from it. */
enum status header_decode(bytes in, struct header *out, struct err *err);

#endif

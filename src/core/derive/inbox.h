/* What the Inbox on the parent keeps for a child: items and batches, each in an order that a chain
 * of hashes commits to; and the other hashes that parent and child have in common.
 *
 *   inboxAcc(0)   = H("varve.inbox.1", parent chain id, inbox, child chain id)
 *   leaf          = H("varve.item.1", kind, position, from, to, mint, value, gas limit, creates,
 *                     time, keccak(data))
 *   inboxAcc(n+1) = H("varve.inbox.1", inboxAcc(n), leaf)
 *   batchAcc(0)   = H("varve.batch.1", parent chain id, inbox, child chain id)
 *   batchAcc(n+1) = H("varve.batch.1", batchAcc(n), data hash, inbox position, inboxAcc there,
 *                     origin number, origin hash, time)
 *   data hash     = 0                                                              forced read
 *                   H("varve.data.1", 1, size, keccak(keccak(chunk 0) ‖ …))        calldata
 *                   H("varve.data.1", 2, count, keccak(blob hash 0 ‖ …))           blobs
 *   promise       = H("varve.unsafe.1", child chain id, block hash)       what the sequencer signs
 *
 * H(tag, words…) is keccak(abi.encode(bytes32 tag, words…)): every word 32 bytes, the tag its text
 * left-aligned, so that no two kinds of hash have a preimage in common and none is ambiguous. */
#ifndef DERIVE_INBOX_H
#define DERIVE_INBOX_H

#include "base/u256.h"

/* Which Inbox, of which child. */
struct inbox_id {
    u64 parent_chain_id;
    address inbox;
    u64 child_chain_id;
};

enum inbox_item_kind {
    INBOX_DEPOSIT = 0, /* or a forced transaction: a deposit that mints nothing */
    INBOX_CONFIG = 1,  /* data = abi.encode(uint256 id, uint256 value) */
};

/* An ItemEnqueued event. */
struct inbox_item {
    u64 position;
    u8 kind; /* enum inbox_item_kind; what else a parent says is hashed as it is */
    bool creates;
    address from, to;
    u256 mint_wei;
    u256 value_wei;
    u64 gas_limit;
    u64 time; /* of the parent block that has it */
    bytes data;
};

enum batch_data_kind {
    BATCH_FORCED = 0, /* forceRead(): no data */
    BATCH_CALLDATA = 1,
    BATCH_BLOBS = 2,
};

/* A BatchAppended event. */
struct batch_record {
    u64 index;
    hash32 batch_acc; /* after it: batchAcc(index + 1) */
    hash32 data_hash;
    u64 inbox_pos;    /* items read so far, its own included */
    hash32 inbox_acc; /* there */
    u64 origin_number;
    hash32 origin_hash;
    u64 time; /* of the parent block that has it */
};

hash32 inbox_acc_first(const struct inbox_id *id);
hash32 inbox_item_leaf(const struct inbox_item *item);
hash32 inbox_acc_next(hash32 acc, hash32 leaf);

hash32 batch_acc_first(const struct inbox_id *id);
/* Over the record's fields from data_hash on. */
hash32 batch_acc_next(hash32 acc, const struct batch_record *record);

/* Calldata counts in chunks of 31 * 1024 bytes, so that a proof can open any part of it. */
enum { BATCH_CHUNK = 31 * 1024 };
hash32 batch_hash_calldata(bytes data);
hash32 batch_hash_blobs(const hash32 *versioned_hashes, usize count);

/* The source hash of the deposit that an item becomes; `acc` is inboxAcc right after the item,
 * inboxAcc(position + 1). Source: OP Stack, deposits.md, "Source hash computation", domain 0. */
hash32 source_hash_item(hash32 acc);

/* What the sequencer's key signs for a block that is not on the parent yet. */
hash32 unsafe_block_digest(u64 child_chain_id, hash32 block_hash);

/* --- What is claimed of the child on the parent. */

struct claim {
    u64 chain_id;
    hash32 parent_claim; /* the claim that it builds on */
    hash32 output;
    u64 number; /* of the block */
    u64 batch_count;
    hash32 batch_acc;
    u64 inbox_pos;
    hash32 inbox_acc;
    hash32 program_hash;
    u64 version;
};

hash32 claim_hash(const struct claim *claim);

/* OP's version 0: keccak(0 ‖ state root ‖ storage root of the message passer ‖ block hash).
 * Source: OP Stack, proposals.md, "L2 output commitment construction". */
hash32 output_root(hash32 state_root, hash32 message_passer_root, hash32 block_hash);

#endif

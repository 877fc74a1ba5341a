/* What is special about a child chain's blocks. The design's section "A child chain and its parent"
 * decides; names and addresses are the OP Stack's.
 *
 *   transactions:  L1 attributes, deposits…, users' transactions…
 *
 * The attributes are a deposit by a made-up account to the predeploy L1Block. They tell which block
 * of the parent this one goes by (its origin), and what a byte costs there. */
#ifndef STF_CHILD_H
#define STF_CHILD_H

#include "evm/fork.h"
#include "types/block.h"

extern const address CHILD_FEE_VAULT;      /* 0x4200…0011, the beneficiary: gets the tips */
extern const address CHILD_BASE_FEE_VAULT; /* 0x4200…0019 */
extern const address CHILD_L1_BLOCK;       /* 0x4200…0015 */
extern const address CHILD_DEPOSITOR;      /* 0xdead…0001, whom the attributes come from */

struct child_attributes {
    u32 base_fee_scalar, blob_base_fee_scalar; /* millionths of the parent's fees for each byte */
    u64 sequence_number;                       /* blocks since the origin changed */
    u64 origin_time, origin_number;
    u256 origin_base_fee_wei, origin_blob_base_fee_wei;
    hash32 origin_hash, batcher_hash;
    u64 inbox_pos; /* of the Inbox's items, how many have been read after this block */
};

enum { CHILD_ATTRIBUTES_GAS = 1000000, CHILD_ATTRIBUTES_SIZE = 172 };

/* ST_INVALID: another transaction. That its source hash fits the block's number is for
 * child_check_body to see. */
enum status child_attributes_read(const struct tx *tx, struct child_attributes *out);

/* The attributes transaction of block `number`, hash and all; its data live in `arena`. */
void child_attributes_write(const struct child_attributes *attributes, u64 number, struct tx *out,
                            struct arena *arena);

/* What a byte of a batch costs on the parent, and the base fee that makes it up: a byte of a user's
 * transaction uses at least 160 gas. */
u256 child_byte_price(const struct child_attributes *attributes);
u256 child_base_fee_floor(const struct child_attributes *attributes);

/* Completes the rules of a child's block by what its first transaction says (NULL: it has none);
 * does nothing on other chains. ST_INVALID: a child's block that does not begin with attributes. */
enum status child_rules_read(struct rules *rules, const struct tx *first, struct err *err);

/* check_body's part for a child: attributes first and for this block, deposits before others, no
 * withdrawals. */
enum status child_check_body(const struct block *block, struct err *err);

/* What a user's transaction of `size` bytes weighs; 0 on other chains. */
u64 child_footprint(const struct rules *rules, usize size);

/* What a deposit may take of its block's gas: its limit, or where that is less its intrinsic gas,
 * which it uses while it fails. So a block's gas bounds its bytes and work, whatever the parent's
 * contracts let through; OP's portal demands a limit that is enough. */
u64 child_deposit_gas(const struct rules *rules, const struct tx *tx);

#endif

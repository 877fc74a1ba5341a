/* The block in the making, shared by the files of stf. */
#ifndef STF_INTERNAL_H
#define STF_INTERNAL_H

#include "stf/check.h"
#include "stf/stf.h"

struct stf {
    const struct rules *rules;
    const struct header *header;
    struct stf_options options;
    struct arena *arena;
    struct state *state;
    struct evm *evm;
    u256 base_fee_wei;      /* 0 before London */
    u256 blob_base_fee_wei; /* 0 before Cancun */
    u64 gas_used;
    u64 blob_gas_used; /* a child chain's: the footprint */
};

/* --- Transactions (apply_tx.c, apply_deposit.c). */

/* What executing a transaction came to; refunds are taken off gas_used. */
struct tx_outcome {
    struct evm_result result;
    u64 gas_used;
    u64 gas_spent_at_most;
};

/* Warms, delegates, runs and refunds; nonce and fees are the caller's. */
struct tx_outcome run_tx(struct stf *stf, const struct tx *tx, u256 price_wei);

/* `nonce`: its sender's, before it. stf->gas_used includes it already. */
void make_receipt(struct stf *stf, const struct tx *tx, const struct tx_outcome *outcome, u64 nonce,
                  struct receipt *receipt);

/* A deposit, on a chain that has them. ST_INVALID: the block's gas limit leaves no room for it. */
enum status apply_deposit(struct stf *stf, const struct tx *tx, struct receipt *receipt,
                          struct err *err);

/* The most that the transaction can take from its sender; false if that fits in no balance. */
bool worst_cost(const struct tx *tx, u256 *out);

/* Where fees, rewards and withdrawals go: before EIP-161 that makes an account, even for nothing;
 * since then an account that stays empty goes. */
void credit(struct stf *stf, address who, u256 wei);

/* --- What the protocol does by itself (system.c). */

/* What each of its calls may use, whatever the block's limit. */
enum { SYSTEM_GAS = 30000000 };

/* EIP-4788, EIP-2935, the DAO's funds: before the first transaction. */
void begin_block(struct stf *stf);

/* EIP-7685: deposits from the receipts' logs, then the system contracts' requests. */
enum status collect_requests(struct stf *stf, const struct receipt *receipts, usize receipt_count,
                             struct stf_result *out, struct err *err);

/* The funds that the DAO fork moves (dao.c). */
extern const address DAO_ACCOUNTS[];
extern const usize DAO_ACCOUNT_COUNT;
extern const address DAO_REFUND_CONTRACT;

#endif

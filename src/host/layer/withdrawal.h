/* A withdrawal on the child: what its message passer recorded, and what that is about.
 *
 *   ETH      an account -> message passer
 *   ERC-20   an account -> standard bridge (WithdrawalInitiated) -> messenger -> message passer
 *
 * MessagePassed says what the portal will be shown; the bridge's event right before it, whose money
 * it is. */
#ifndef LAYER_WITHDRAWAL_H
#define LAYER_WITHDRAWAL_H

#include "client/eth.h"

struct child_withdrawal {
    /* What its hash is over. */
    u256 nonce;
    address sender, target;
    u256 value_wei, gas_limit;
    bytes data;
    hash32 hash; /* computed here */
    /* Where it is on the child. */
    u64 block_number;
    hash32 tx_hash;
    /* Whose it is, as far as that can be told, and of what how much it brings to whom. */
    address owner, to;
    bool is_token;
    address token; /* on the parent */
    u256 amount;
};

/* Predeploys of the child. */
extern const address CHILD_MESSAGE_PASSER, CHILD_MESSENGER, CHILD_STANDARD_BRIDGE,
    CHILD_TOKEN_FACTORY;

hash32 withdrawal_hash(const struct child_withdrawal *w, struct arena tmp);

/* Where sentMessages[hash] is in the message passer's storage. */
hash32 withdrawal_slot(hash32 hash);

/* The withdrawals of a receipt on the child. */
enum status withdrawals_of_receipt(const struct eth_receipt *receipt, struct child_withdrawal **out,
                                   usize *count, struct arena *arena, struct err *err);

/* All that `owner` has begun (NULL: everybody), oldest first. */
enum status withdrawals_of(struct eth *child, const address *owner, struct child_withdrawal **out,
                           usize *count, struct arena *arena, struct err *err);

/* By its own hash, or that of its transaction on the child, of whose withdrawals the first counts.
 * ST_MISSING: the child knows neither. */
enum status withdrawal_find(struct eth *child, hash32 hash, struct child_withdrawal *out,
                            struct arena *arena, struct err *err);

#endif

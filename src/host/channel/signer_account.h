/* The account's signer, with limits: the channel daemon's transactions go through it on one chain.
 *
 *     to whom    the adjudicator, the registry, the court of apps (its three calls alone), a
 *                token's `approve` for the adjudicator, and ourselves with nothing (which
 *                cancels); money goes with deposits, and with a forced close as its bond
 *     price      of gas, at most, and
 *     fees       in a day, at most: of what a call of the daemon's JSON-RPC can cause (deposits,
 *                withdrawals, closes). What answers a dispute, shows a secret or asks the court,
 *                where every call has its time, is always signed: the sender weighs its cost
 *                against what it saves. So is what replaces a transaction that was signed, since
 *                an answer may wait for its nonce
 *
 * A transaction that is refused waits, and is asked for again. Signs on the chain's thread; all but
 * that belongs to the loop's. */
#ifndef CHANNEL_SIGNER_ACCOUNT_H
#define CHANNEL_SIGNER_ACCOUNT_H

#include "channel/signer_ledger.h"
#include "client/signer.h"

struct account_signer;

struct account_signer *account_signer_new(const struct signer *inner, struct signer_limits limits);
/* NULL is fine. Nobody signs any more. */
void account_signer_free(struct account_signer *account);
/* Before anything is signed: the chain and its contracts. */
void account_signer_bind(struct account_signer *account, u64 chain_id, address adjudicator,
                         address registry, address court);
struct signer signer_of_account(struct account_signer *account);

/* For the journal. The newest slice's sum, where it has changed since this was asked last. */
struct signer_fees {
    struct signer_spent spent;
    u64 next_nonce; /* above all that were signed */
    u64 zero;
};
bool account_signer_changed(struct account_signer *account, struct signer_fees *out);
/* For a journal that is written anew: the sum of slice i from the newest back. False: nothing. */
bool account_signer_slice(struct account_signer *account, u64 i, struct signer_fees *out);
/* From the journal. */
void account_signer_spent(struct account_signer *account, const struct signer_fees *fees);
/* Fees of the day before now, as they are counted. */
u128 account_signer_day(struct account_signer *account);

#endif

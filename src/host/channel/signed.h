/* What the two owners of a channel sign, and its hashes (EIP-712).
 *
 *   Base      both     balances that replace all that was before, in a new epoch
 *   Half      payer    all that its side has sent in the epoch, its locks, and what it has accepted
 *   Close     both     the end, without a dispute
 *   Withdraw  both     money taken out of an open channel
 *
 * The adjudicator hashes the same (contracts/channel/README.md has the format and test vectors).
 * Amounts are in the asset's smallest unit, times in seconds. Side 0 is `a`, side 1 is `b`; arrays
 * of two are by side. */
#ifndef CHANNEL_SIGNED_H
#define CHANNEL_SIGNED_H

#include "channel/secrets.h"

/* What names a channel. */
struct channel_terms {
    u64 chain_id;
    address adjudicator;
    address owner[2]; /* keys that sign, one pair for each channel */
    address asset;    /* an ERC-20 token, or zero for ether */
    u32 challenge_s;  /* length of a dispute */
    address payout[2];
    hash32 salt; /* secret until a dispute */
};

/* What the terms come down to; computed once. */
struct channel_name {
    hash32 pair;
    hash32 id;
    hash32 domain; /* separator, of chain and adjudicator */
};
struct channel_name channel_name_of(const struct channel_terms *terms);

hash32 channel_salt_hash(hash32 salt);
/* Of payouts and salt: all that is shown of them before a dispute. */
hash32 channel_secrets_hash(const struct channel_terms *terms);

struct base {
    u64 epoch;
    u128 balance[2]; /* locks included */
    u128 deposited[2], withdrawn[2];
    u128 locked[2];
    hash32 root[2]; /* of the locks; zero where there are none */
};

struct half {
    u32 side; /* the payer */
    u64 epoch;
    u64 seq;     /* from 1 on in each epoch; 0: no half */
    u128 sent;   /* in this epoch */
    u128 locked; /* sum of the locks under `root` */
    hash32 root;
    u64 ack_seq;     /* the newest half of the peer's that the payer accepted; 0: none */
    hash32 ack_hash; /* half_hash of it; zero: none */
};

struct channel_close {
    i128 net; /* what a has paid to b over the channel's life, less what b has paid to a */
    u64 until_s;
};

struct channel_withdraw {
    u32 side;
    u128 total; /* cumulative */
    u64 until_s;
};

/* Struct hashes, in a channel. */
hash32 base_hash(hash32 id, const struct base *base);
hash32 half_hash(hash32 id, const struct half *half);
hash32 close_hash(hash32 id, const struct channel_close *close);
hash32 withdraw_hash(hash32 id, const struct channel_withdraw *withdraw);

/* The separator of what is signed for a contract, version 1 of its domain (EIP-712). */
hash32 signed_domain(const char *name, u64 chain_id, address contract);
/* What a key signs for a struct hash (secret_sign). */
hash32 signed_digest(hash32 domain, hash32 struct_hash);

#endif

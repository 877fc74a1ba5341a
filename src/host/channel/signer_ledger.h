/* What the signer counts: money of ours that was spent lately, and which locks of peers' pay for
 * ours. Knows no keys and no channels. */
#ifndef CHANNEL_SIGNER_LEDGER_H
#define CHANNEL_SIGNER_LEDGER_H

#include "channel/locks.h"

/* Most of one kind of money, in its smallest unit; zero: no limit. */
struct money_limits {
    u128 payment, hour, day; /* paid: at once, in any hour, in any day, fees included in these */
    u128 channel;            /* paid into one channel */
};

/* Of each chain's own money, and of tokens: each by itself, on each chain by itself. */
enum { SIGNER_TOKENS = 32 };
struct signer_limits {
    struct money_limits own;
    struct {
        address asset;
        struct money_limits most;
    } tokens[SIGNER_TOKENS];
    usize token_count;
    u64 gas_price; /* wei */
    u128 gas_day;  /* fees for what was asked for, in any day; wei */
};

/* Those of a kind of money; a token that is not named has none. */
const struct money_limits *limits_of_money(const struct signer_limits *limits, address asset);

/* Which one was in the way. */
struct signer_refusal {
    enum signer_limit { LIMIT_NONE, LIMIT_PAYMENT, LIMIT_HOUR, LIMIT_DAY, LIMIT_CHANNEL } limit;
    address asset;            /* of which money */
    u128 most, spent, wanted; /* spent: already, in that time */
};

/* --- Spending. Time goes in slices; a sum covers at least the time that it is of. */

enum { SLICE_S = 300, HOUR_SLICES = 3600 / SLICE_S + 1, DAY_SLICES = 86400 / SLICE_S + 1 };

struct purse {
    struct purse *next;
    u64 chain_id;
    address asset;
    u64 newest;             /* slice: time / SLICE_S */
    u128 spent[DAY_SLICES]; /* of slice i at i % DAY_SLICES, from the newest back */
};

/* All that was spent of one kind of money in one slice; the newest such record of a slice holds. */
struct signer_spent {
    u64 chain_id, slice;
    u128 amount;
};

void purse_advance(struct purse *purse, u64 slice);
u128 purse_sum(const struct purse *purse, usize slices);
/* The slice's new sum; older than all that the purse knows: nothing happens. */
void purse_set(struct purse *purse, u64 slice, u128 amount);
u128 purse_get(const struct purse *purse, u64 slice);

/* --- Locks with one key and kind, in one kind of money. */

struct pledge {
    struct pledge *next; /* in its bucket */
    hash32 key;
    enum lock_kind kind; /* two of an app's two sides pay for nothing of each other's */
    u64 chain_id;        /* 0: of whatever chain, its own money */
    address asset;
    u128 in;         /* peers' open locks, and */
    u128 cover;      /* what of these covers no lock of ours yet */
    u64 last_s;      /* the latest expiry of them */
    u128 allowed;    /* our own money that may yet be locked */
    u32 locks;       /* open, of both sides */
    bool is_payment; /* allowed, and not released */
};

struct pledges {
    struct pledge **buckets;
    usize count, room;
};

/* Made where there is none. */
struct pledge *pledge_get(struct pledges *all, hash32 key, enum lock_kind kind, u64 chain_id,
                          address asset);
/* NULL: there is none. */
struct pledge *pledge_find(const struct pledges *all, hash32 key, enum lock_kind kind, u64 chain_id,
                           address asset);
/* Frees it where nothing holds it any more. */
void pledge_settle(struct pledges *all, struct pledge *pledge);
void pledges_free(struct pledges *all);

#endif

/* Between the signer's own files. */
#ifndef CHANNEL_SIGNER_INTERNAL_H
#define CHANNEL_SIGNER_INTERNAL_H

#include "channel/signer.h"

/* A lock in a slot. One of ours that is dropped stays until the peer has acknowledged that. */
struct slot {
    struct pledge *pledge; /* NULL: free */
    u128 amount;
    u128 cover, own; /* of one of ours: what peers' locks pay for; what was allowed for it */
    bool is_dropped;
    u64 touched; /* by this update of ours, of held.updates */
};

struct dropped {
    u64 seq; /* of the half that says so */
    u32 slot;
};

/* A key, and the channel that it signs for. Arrays of two are by side. */
struct held {
    secret32 secret;
    bool is_known, is_closed, has_signed;
    u32 side;
    struct channel_name name;
    u64 chain_id;
    address asset;
    u64 epoch, seq; /* the newest that was signed */
    i128 net[2];    /* of the base: balance less deposits, withdrawals added */
    u128 sent[2], locked[2];
    hash32 root[2]; /* of locks */
    u128 direct;    /* of our own money, that may yet be paid in this channel without a lock */
    struct channel_close close;
    struct slot *slots[2];
    u32 room[2];
    u64 updates;             /* of ours that were judged */
    struct dropped *dropped; /* oldest first */
    usize dropped_count, dropped_room;
};

struct limited_signer {
    struct signer_options options;
    struct held **held; /* by key; NULL: not used yet */
    u32 room;
    struct purse *purses;
    struct pledges pledges;
    struct signed_apps apps;
    struct signer_refusal why;
};

static inline u128 smaller(u128 a, u128 b)
{
    return a < b ? a : b;
}

/* --- signer.c */

/* Made when it is first asked for. Below KEYRING_LIMIT. */
struct held *held_of(struct limited_signer *signer, u32 key);

/* --- signer_money.c */

/* Statuses as of signer_sign. */
enum status allow_payment(struct limited_signer *signer, const struct sign_payment *payment,
                          struct err *err);
enum status allow_deposit(struct limited_signer *signer, const struct sign_deposit *deposit,
                          struct err *err);
/* What was spent has come back. */
void signer_refund(struct limited_signer *signer, u64 chain_id, address asset, u128 amount);
/* Made where there is none. */
struct pledge *pledge_of(struct limited_signer *signer, hash32 key, enum lock_kind kind,
                         u64 chain_id, address asset);

#endif

/* What the adjudicator decides: which signed states count, and how money is split at a close. A
 * reference to transcribe: every function is what a contract's function of the same name does,
 * without tokens, encoding and gas.
 *
 * Signatures are modelled. A `keyring` remembers what the one party that keeps the rules has
 * signed; all others sign whatever the adversary wants, so their signature is always there. A state
 * is named by its digest, which stands for its EIP-712 hash.
 *
 * Amounts are in the asset's smallest unit; times are ticks; a side is 0 (A) or 1 (B).
 * The rules in words are in README.md. */
#ifndef MODEL_RULES_H
#define MODEL_RULES_H

#include "base/int.h"

typedef i64 amount;

enum {
    MAX_LOCKS = 3,
    MAX_KEYS = 48,
    MAX_SIGNED = 640,
    NOBODY = 99,
    CHALLENGE = 28, /* ticks that a dispute lasts */
};

struct keyring {
    u32 keeper; /* the party whose signature cannot be had by others; NOBODY: there is none */
    u32 count;
    u64 digest[MAX_SIGNED];
};
bool signed_by(const struct keyring *ring, u32 party, u64 digest);

/* --- States. */

struct lock {
    amount amount;
    u32 expiry; /* the last tick at which a reveal pays the payee */
    u32 key;    /* stands for the hash of a preimage */
};

/* `total` is the number that is signed beside the root; `list` is what the root commits to. */
struct locks {
    amount total;
    u32 count;
    struct lock list[MAX_LOCKS];
};

/* Balances include the locks. */
struct base {
    u32 channel, epoch;
    amount balance[2], deposited[2], withdrawn[2];
    struct locks locks[2];
};

struct half {
    u32 channel, side, epoch, seq;
    amount sent;
    struct locks locks;
    u32 ack_seq; /* 0: nothing of this epoch is acknowledged */
    u64 ack_hash;
};

struct withdrawal {
    u32 channel, side;
    amount total; /* cumulative */
    u32 until;    /* the last tick at which it can be executed */
};

/* `net` is what side 0 has paid to side 1 over the channel's life, less what came back. */
struct closing {
    u32 channel;
    amount net;
    u32 until;
    amount first; /* control CLOSE_NAMES_PAYOUT: what side 0 gets, as things were when signed */
};

u64 base_digest(const struct base *base);
u64 half_digest(const struct half *half);
u64 withdrawal_digest(const struct withdrawal *withdrawal);
u64 closing_digest(const struct closing *closing);

/* --- The contract's record of a channel. */

enum phase { OPEN, DISPUTE, SETTLED, CLOSED };

struct channel {
    u32 id, owner[2];
    enum phase phase;
    amount deposited[2], withdrawn[2];

    u32 dispute_end, settled_at;
    amount deposited_then[2], withdrawn_then[2]; /* control SPLIT_AT_OPENING */
    struct base base;    /* the best so far; epoch 0 with zeros is implied */
    struct half half[2]; /* by payer's side; seq 0: none */
    struct half noted[2];

    u32 closer; /* side; NOBODY: closed without a dispute */
    bool claims;
    u32 posted_epoch, posted_own, posted_peer, declared;
    u32 bond_to; /* a side, or 2 + the party that proved it (control BOND_TO_SENDER) */

    amount paid[2];
    amount pool[2]; /* set aside for the locks of each side */
    struct locks locks[2];
    u32 unlocked[2]; /* bitmaps */
};

/* What a transaction brings into a dispute. A half counts if its payer signed it and its payee
 * endorses it: by sending it, or by a half of its own (`endorser`) that acknowledges it. */
struct submission {
    u32 from; /* party */
    struct base base;
    bool has_half[2], has_endorser[2];
    struct half half[2], endorser[2]; /* endorser[s] endorses half[s], signed by the other side */
    bool claims;  /* of a forced close: the closer stakes its bond on having no newer state */
    u32 declared; /* control BOND_DECLARED_SEQ */
};

/* Every function returns whether the transaction succeeds; one that fails changes nothing. */
bool channel_deposit(struct channel *ch, u32 side, amount by);
bool channel_withdraw(struct channel *ch, const struct keyring *ring, const struct withdrawal *w,
                      u32 now);
bool channel_close(struct channel *ch, const struct keyring *ring, const struct closing *closing,
                   u32 now);
bool channel_force_close(struct channel *ch, const struct keyring *ring,
                         const struct submission *sub, u32 now);

/* Adds newer halves of the dispute's epoch to the state that `state` names (channel_state): fails
 * if that has changed, or if nothing is newer. */
bool channel_challenge(struct channel *ch, const struct keyring *ring, const struct submission *sub,
                       u64 state, u32 now);
u64 channel_state(const struct channel *ch);

/* Writes newer halves of the dispute's epoch down beside the state, whatever it is. They are part
 * of it when the dispute ends. */
bool channel_note(struct channel *ch, const struct keyring *ring, const struct submission *sub,
                  u32 now);

/* Replaces the whole state, whatever it is, by a higher epoch. */
bool channel_challenge_base(struct channel *ch, const struct keyring *ring,
                            const struct submission *sub, u32 now);

/* The bond goes to the closer's peer if `own`, signed by the closer, shows that it knew more than
 * it posted. `acked` is the peer's half that `own` acknowledges, NULL where the proof is `own`
 * alone. */
bool channel_prove_lie(struct channel *ch, const struct keyring *ring, u32 from,
                       const struct half *own, const struct half *acked, u32 now);
bool channel_settle(struct channel *ch, u32 now);

/* Pays one lock of `side`. `revealed`: when the registry saw the preimage by itself, 0 for never;
 * `proven`: when it saw a batch that the caller shows to have it, 0 for none. `pots` names what is
 * unlocked already (channel_pots): it fails if that has changed. */
bool channel_unlock(struct channel *ch, u32 side, u32 index, u32 revealed, u32 proven, u32 pots,
                    u32 now);
u32 channel_pots(const struct channel *ch);
/* The last tick at which a preimage that is only in a batch can be shown. */
u32 channel_lock_end(const struct channel *ch, const struct lock *lock);

#endif

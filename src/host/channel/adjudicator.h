/* The contracts that channels have on a chain, in bytes: calls going out, events and answers coming
 * in. Source: contracts/channel/README.md, which has the meaning of every field.
 *
 * Arrays of two are by side. Calls lie in `arena`. */
#ifndef CHANNEL_ADJUDICATOR_H
#define CHANNEL_ADJUDICATOR_H

#include "channel/locks.h"
#include "channel/signed.h"
#include "client/eth.h"

/* --- What the adjudicator has hashes of, and is given again. */

enum adjudicator_phase {
    PHASE_OPEN, /* also before anybody has deposited */
    PHASE_DISPUTE,
    PHASE_UNLOCKING,
    PHASE_CLOSED,
};

/* A dispute's newest state. */
struct adjudicator_state {
    u256
        credit; /* two's complement: the base's balance of a, less its deposits, with withdrawals */
    u128 sent[2];
    u128 locked[2];
    hash32 root[2];
};

/* Locks that wait after a dispute. */
struct adjudicator_pots {
    hash32 root[2];
    u128 pot[2];  /* what is left for the locks of a side */
    u256 done[2]; /* bit i: chunk i is paid out */
};

/* A half that is written down beside a dispute's state. It counts while its epoch is the dispute's
 * and its seq above that of the state; then it must be merged before the settlement. */
struct adjudicator_note {
    u64 epoch, seq; /* seq 0: there is none */
    u128 sent, locked;
    hash32 root;
};

/* What a closer has staked on having posted the newest that it knew. */
struct adjudicator_bond {
    u128 amount_wei; /* 0: nothing, or it is paid out */
    u32 side;
    u64 epoch, seq[2]; /* as it was posted */
};

hash32 adjudicator_note_hash(const struct adjudicator_note *note);
hash32 adjudicator_state_hash(const struct adjudicator_state *state);
hash32 adjudicator_pots_hash(const struct adjudicator_pots *pots);

/* --- Calls of the adjudicator. */

/* Raises the deposits of a side to `total`. */
bytes adjudicator_deposit(const struct channel_name *name, address asset, u32 side, u128 total,
                          struct arena *arena);
bytes adjudicator_withdraw(const struct channel_terms *terms,
                           const struct channel_withdraw *withdraw, const signature64 signature[2],
                           struct arena *arena);
bytes adjudicator_coop_close(const struct channel_terms *terms, const struct channel_close *close,
                             const signature64 signature[2], struct arena *arena);

struct adjudicator_base {
    struct base base;
    signature64 signature[2]; /* not looked at in epoch 0, whose base is all zeros */
};

/* seq 0: none. */
struct adjudicator_half {
    struct half half;
    signature64 payer;
    signature64 payee; /* of the same digest; zero: it is endorsed otherwise */
};

/* A channel's newest states, as arguments. */
struct adjudicator_states {
    struct adjudicator_base base;
    struct adjudicator_half half[2]; /* by side */
};

/* `until`: the last second in which it may land. */
bytes adjudicator_force_close(const struct channel_terms *terms, u64 until_s,
                              const struct adjudicator_base *base,
                              const struct adjudicator_half half[2], struct arena *arena);
bytes adjudicator_challenge(const struct channel_terms *terms,
                            const struct adjudicator_state *state,
                            const struct adjudicator_half half[2], struct arena *arena);
bytes adjudicator_challenge_base(const struct channel_terms *terms,
                                 const struct adjudicator_base *base,
                                 const struct adjudicator_half half[2], struct arena *arena);
/* Writes halves of the dispute's epoch down beside its state, whatever that is. */
bytes adjudicator_write_note(const struct channel_terms *terms,
                             const struct adjudicator_half half[2], struct arena *arena);
/* Makes what is noted of a side part of the state. */
bytes adjudicator_merge(const struct channel_terms *terms, const struct adjudicator_state *state,
                        u32 side, const struct adjudicator_note *note, struct arena *arena);
/* Shows that a closer with a bond knew better, by a half of its own, and where that is not enough
 * by the half of its peer's that it acknowledges. */
bytes adjudicator_prove_lie(const struct channel_terms *terms, const struct adjudicator_half *own,
                            const struct adjudicator_half *acked, struct arena *arena);
/* After a close by both in a dispute. */
bytes adjudicator_return_bond(const struct channel_terms *terms, struct arena *arena);
bytes adjudicator_settle(const struct channel_terms *terms, const struct adjudicator_state *state,
                         struct arena *arena);

/* That a lock's preimage is in a batch of the registry's. */
struct adjudicator_proof {
    u32 lock; /* which of the chunk's */
    hash32 preimage;
    u32 index, count;   /* in the batch, of so many */
    const hash32 *path; /* siblings, from the leaf up */
    usize path_size;
};
bytes adjudicator_unlock(const struct channel_terms *terms, const struct adjudicator_pots *pots,
                         u32 side, const struct lock_chunk *chunk,
                         const struct adjudicator_proof *proofs, usize proof_count,
                         struct arena *arena);

/* --- Its events. */

enum adjudicator_event_kind {
    ADJUDICATOR_DEPOSITED,
    ADJUDICATOR_WITHDRAWN,
    ADJUDICATOR_COOP_CLOSED,
    ADJUDICATOR_DISPUTE_OPENED,
    ADJUDICATOR_STATE_CHANGED,
    ADJUDICATOR_SETTLED,
    ADJUDICATOR_UNLOCKED,
    ADJUDICATOR_POTS_CHANGED,
    ADJUDICATOR_NOTED,
    ADJUDICATOR_BOND_STAKED,
    ADJUDICATOR_BOND_PAID,
    ADJUDICATOR_EVENTS, /* how many */
};

/* Topic 0 of each: what a filter asks for. */
const hash32 *adjudicator_topics(void);

struct adjudicator_event {
    enum adjudicator_event_kind kind;
    hash32 id;
    union {
        hash32 salt;                    /* DISPUTE_OPENED */
        struct adjudicator_state state; /* STATE_CHANGED */
        struct adjudicator_pots pots;   /* POTS_CHANGED */
        struct {
            u32 side;
            struct adjudicator_note note;
        } noted; /* NOTED */
    };
};
/* What others carry is asked of the contract instead. ST_INVALID: no event of an adjudicator's. */
enum status adjudicator_read_event(const struct log *log, struct adjudicator_event *out,
                                   struct err *err);

/* --- What it says of a channel. */

struct adjudicator_look {
    u128 deposited[2], withdrawn[2]; /* cumulative; deposits are zero after the settlement */
    enum adjudicator_phase phase;
    u64 time_s; /* DISPUTE: its end; UNLOCKING: when it was settled */
    u64 epoch, seq[2];
    hash32 commitment; /* hash of the state, of the pots; zero: there is neither */
    struct {
        u64 epoch, seq;           /* 0: there is none */
        hash32 hash;              /* adjudicator_note_hash */
    } note[2];                    /* DISPUTE */
    struct adjudicator_bond bond; /* DISPUTE, CLOSED */
};
/* Asks, as of that block. Statuses as in client/eth.h. */
enum status adjudicator_ask(struct eth *eth, address adjudicator, hash32 id, struct eth_at at,
                            struct adjudicator_look *out, struct arena tmp, struct err *err);
/* What each side has in each of `count` channels that are open, deposits less withdrawals; zeros:
 * it is not open, or nobody has deposited. */
struct adjudicator_funds {
    u128 of[2];
};
enum status adjudicator_ask_funds(struct eth *eth, address adjudicator, const hash32 *ids,
                                  usize count, struct eth_at at, struct adjudicator_funds *out,
                                  struct arena tmp, struct err *err);
enum status adjudicator_ask_registry(struct eth *eth, address adjudicator, address *out,
                                     struct arena tmp, struct err *err);

/* Why it refused a call, by the name of its error. Writes at most `size` bytes with the final
 * zero. */
void adjudicator_revert_text(bytes data, char *to, usize size);

/* --- The registry of preimages. */

enum { REGISTRY_MOST_PREIMAGES = 256 };

bytes registry_reveal(hash32 preimage, struct arena *arena);
bytes registry_reveal_batch(const hash32 *preimages, usize count, struct arena *arena);

/* Takes a preimage out of a batch: it counts as revealed by itself then, at the batch's time. */
bytes registry_record(hash32 preimage, u32 index, u32 count, const hash32 *path, usize path_size,
                      struct arena *arena);

enum registry_event_kind {
    REGISTRY_REVEALED,
    REGISTRY_BATCH_REVEALED,
    REGISTRY_EVENTS,
};
const hash32 *registry_topics(void);

struct registry_event {
    enum registry_event_kind kind;
    hash32 key;    /* REVEALED: checked against the secret; BATCH_REVEALED: the batch's root */
    hash32 secret; /* REVEALED: a preimage, or a scalar */
};
/* ST_INVALID: no event of a registry's. */
enum status registry_read_event(const struct log *log, struct registry_event *out, struct err *err);
/* The preimages in the input of a transaction that revealed the batch with this root. ST_INVALID:
 * it did not. */
enum status registry_read_batch(bytes input, hash32 root, const hash32 **preimages, usize *count,
                                struct arena *arena, struct err *err);

/* When keys were revealed by themselves, which says nothing of batches; 0: they were not. */
enum status registry_ask_times(struct eth *eth, address registry, const hash32 *keys, usize count,
                               struct eth_at at, u64 *out, struct arena tmp, struct err *err);

/* sha256. */
hash32 registry_key(hash32 preimage);
/* The root of a batch; `count` from 1 to REGISTRY_MOST_PREIMAGES. */
hash32 registry_batch_root(const hash32 *preimages, usize count);
/* The path of one of its preimages, for a proof; in `arena`. Returns its size. */
usize registry_batch_path(const hash32 *preimages, usize count, usize index, const hash32 **path,
                          struct arena *arena);

#endif

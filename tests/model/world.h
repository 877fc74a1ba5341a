/* One run of the model: the contracts, the registry, the one party that keeps the rules, and all
 * that the adversary has got hold of. The adversary is everybody else, in collusion: it signs
 * whatever it likes, orders transactions as it likes, delays those of the party by up to DELTA
 * ticks, and may complete at any time what the party has signed first.
 *
 * Parties are 0 - 1 - 2 in a row: channel 0 is between 0 and 1, channel 1 between 1 and 2. */
#ifndef MODEL_WORLD_H
#define MODEL_WORLD_H

#include "controls.h"
#include "rules.h"

enum {
    CHANNELS = 2,
    WINDOW = 6, /* halves that a party has unacknowledged at most, and the acknowledged one */
    DELTA = 6,  /* ticks until a transaction of the party is on chain, at most */
    MARGIN = 9, /* reveal margin: DELTA, and what passes between two looks at the clock */
    LIFE = 30,  /* what a party signs with an `until` lives this long at most; so do its own
                 * transactions */
    MAX_POOL = 128,
    MAX_TXS = 64,
    MAX_SUBMISSIONS = 40,
};
static_assert(CHALLENGE >= 4 * (DELTA + 1), "there is time for three answers");

/* What the party knows of one preimage, and of the locks under it. */
struct note {
    bool used, incoming, outgoing;
    u32 in_channel, out_channel;
    u32 in_expiry, out_expiry;
    amount amount;
    bool known;   /* the preimage, in time to collect with it */
    bool claimed; /* the incoming lock is to be paid */
    bool in_done; /* paid off chain, or failed */
    bool failing; /* agreed that the payer drops it */
    bool keep;    /* R13: older than a restore, fails by expiry alone */
    bool out_dropped, out_gone, out_settled;
    bool revealing;
    bool neutral; /* forwarded: what goes out comes in (for the law, not for the party) */
};

/* The party's log of one channel. */
struct view {
    bool used;
    u32 channel, me;
    struct base base; /* the newest with both signatures */
    bool frozen;      /* we have signed `next`, and the peer's signature is not here */
    struct base next;
    u32 top_epoch;            /* the highest that we have signed a base for */
    struct half mine[WINDOW]; /* [0]: the newest that is acknowledged; seq 0 stands for the base */
    u32 mine_count;
    struct half theirs; /* the newest accepted */
    struct half shown;  /* the newest that a half of ours acknowledges: the tower can post it */
    amount unshown;     /* what came in with halves that the tower cannot post yet */
    amount withdraw_total[2];
    u32 withdraw_until[2];
    u32 close_until; /* a cooperative close of ours can be executed up to this tick */
    bool closing;    /* R9: our forced close is logged, or a dispute was seen */
    bool lost;       /* restored from a backup: signs nothing but a recovery base */
    bool recovering; /* `next` is that base */
};

/* What the law holds the run to: `due` is what the party must end with at least. */
struct book {
    amount due;
    amount received; /* all that ever came in off chain: what a restore may lose */
};

struct party {
    u32 id;
    struct view view[CHANNELS];
    struct note note[MAX_KEYS];
    struct book book;
};

/* What a run does more of than others, so that rare combinations are met. */
enum focus { FOCUS_NONE, FOCUS_LOCKS, FOCUS_BASES, FOCUS_COUNT };

enum tx_kind { TX_REVEAL, TX_REVEAL_BATCH, TX_RECORD, TX_FORCE_CLOSE, TX_UNLOCK };

struct tx {
    enum tx_kind kind;
    u32 at, channel, key;
    u32 side, index, pots; /* TX_UNLOCK */
};

/* The party's answer to a dispute on its way. */
struct attempt {
    u32 at;    /* when it is on chain; 0: none is */
    u64 state; /* what it names, or ANY_STATE */
    u32 failed;
};

struct world {
    u64 random;
    u32 now;
    bool verbose;

    struct keyring ring;
    struct channel channel[CHANNELS];
    u32 revealed[MAX_KEYS]; /* when, by itself; 0: never */
    u32 batched[MAX_KEYS];  /* when first in a batch */
    bool invoice[MAX_KEYS]; /* the party made the preimage, from its seed */
    u32 key_count;

    struct party party;
    struct party log;    /* what a crash leaves */
    struct party backup; /* what a restore leaves */
    bool unsynced;       /* something was received since the log was last synced */
    bool has_backup, restored;
    u32 restored_at;
    struct attempt attempt[CHANNELS];
    bool answered[CHANNELS];
    bool unlocking[CHANNELS]; /* an unlock of the party's is on its way */
    bool recording[MAX_KEYS];
    struct submission posting[CHANNELS]; /* the party's forced close on its way */
    struct submission blob[CHANNELS];    /* what the tower holds */
    struct tx tx[MAX_TXS];
    u32 tx_count;

    enum focus focus;
    u32 steps;
    bool restoring;   /* the party may lose its log in this run */
    bool greedy;      /* the adversary closes with what costs the party most, not with anything */
    bool withholding; /* and acknowledges as little as it can */
    bool outrunning;  /* its transactions land just before those of the party's that they spoil */
    bool towered;     /* a tower answers disputes in the party's place */
    bool bond_due[CHANNELS]; /* the party held a proof in time: the bond is its due */
    amount bound[CHANNELS];  /* R3 at the time of the dispute, without the locks */
    u32 half_count, own_count, base_count, withdrawal_count, closing_count;
    u32 submission_count[CHANNELS];

    /* From here on nothing is cleared between runs: the counts above say how much is in use.
     *
     * The adversary's collection. */
    struct half half[MAX_POOL]; /* signed by the party */
    struct half own[MAX_POOL];  /* its own that the party has accepted */
    struct base base[MAX_POOL];
    struct withdrawal withdrawal[MAX_POOL];
    struct closing closing[MAX_POOL];

    /* Accepted transactions of each dispute, to be replayed in another order. */
    struct channel before[CHANNELS];
    struct submission submission[CHANNELS][MAX_SUBMISSIONS];
};

u32 random_below(struct world *w, u32 below);
static inline bool one_in(struct world *w, u32 n)
{
    return random_below(w, n) == 0;
}

/* An amount up to `room`, most often a small one, so that money is left for more. */
static inline amount random_amount(struct world *w, amount room)
{
    amount most = room > 120 && !one_in(w, 4) ? 120 : room;
    return random_below(w, (u32)most + 1);
}

/* A key, most often one of the newest. */
static inline u32 random_key(struct world *w)
{
    u32 recent = w->key_count < 5 || one_in(w, 4) ? w->key_count : 5;
    return w->key_count - 1 - random_below(w, recent);
}

[[gnu::format(printf, 2, 3)]] void trace(struct world *w, const char *format, ...);

/* --- party.c: the rules of a party. Each returns whether the party did what is asked. */

void view_reset(struct view *v);
amount party_spendable(const struct world *w, const struct view *v);
amount party_peer_spendable(const struct world *w, const struct view *v, amount acked_sent);

bool party_pay(struct world *w, struct view *v, amount by);
bool party_acknowledge(struct world *w, struct view *v);
bool party_add(struct world *w, struct view *v, u32 key, amount by, u32 expiry);
bool party_forward(struct world *w, u32 key, struct view *to, u32 expiry);
bool party_settle(struct world *w, struct view *v, u32 key);
bool party_drop(struct world *w, struct view *v, u32 key, bool asked);
bool party_claim(struct world *w, u32 key);
bool party_fail(struct world *w, u32 key);
bool party_told(struct world *w, u32 key);
bool party_receive(struct world *w, struct view *v, const struct half *half);

/* --- party_base.c: bases, withdrawals, closes, crash and restore. */

bool party_expect_base(const struct world *w, const struct view *v, struct base *out);
/* Signs `proposal` if it is what the party computes itself. With the peer's signature it is in
 * force at once, else the channel is frozen until party_complete_base. */
bool party_sign_base(struct world *w, struct view *v, const struct base *proposal, bool with_peers);
bool party_complete_base(struct world *w, struct view *v);
bool party_sign_withdrawal(struct world *w, struct view *v, const struct withdrawal *withdrawal);
bool party_sign_close(struct world *w, struct view *v, const struct closing *closing);
void party_crash(struct world *w);
void party_restore(struct world *w);
bool party_recover(struct world *w, struct view *v, const struct base *base,
                   const struct half *theirs, const struct half *mine);

/* --- party_chain.c: what the party does by the clock and at a dispute. */

void party_tick(struct world *w);
void party_force_close(struct world *w, u32 channel);

/* What the party would bring into a dispute; for the tower each half needs an endorser, because the
 * tower is no owner. */
struct submission party_evidence(const struct world *w, const struct view *v);
void party_upload(struct world *w, const struct view *v);

/* --- chain.c: transactions, and what anybody may do. */

/* Opens a dispute or adds to one, and keeps the transaction for the replay. `state` is what it
 * names; ANY_STATE: it replaces the state by a higher epoch, or is noted beside it. */
enum { ANY_STATE = 0 };
bool chain_submit(struct world *w, u32 channel, const struct submission *sub, u64 state);
/* By somebody who knows what state it meets. */
bool chain_submit_first(struct world *w, u32 channel, const struct submission *sub);
void chain_reveal(struct world *w, u32 key);
void chain_reveal_batch(struct world *w, u32 key);
void chain_record(struct world *w, u32 key); /* what is in a batch becomes a reveal by itself */
u32 chain_public_at(const struct world *w, u32 key); /* by itself or in a batch; 0: never */
bool chain_unlock(struct world *w, u32 channel, u32 side, u32 index, bool proof, u32 pots);
/* Whether a lock that pays `party` waits for a batch to be shown. */
bool chain_needs_proof(const struct world *w, u32 channel, u32 side, u32 index, u32 party);
void chain_settle(struct world *w); /* settles and unlocks whatever is due */
bool chain_done(const struct world *w);

/* Shared by the party's files. */
bool view_active(const struct world *w, const struct view *v);
void party_sync(struct world *w);
void party_publish(struct world *w, u64 digest);
void queue_tx(struct world *w, struct tx tx);
bool locks_have(const struct locks *locks, u32 key);
bool locks_remove(struct locks *locks, u32 key);
void note_claim(struct world *w, struct note *note);
void party_note_outgoing(struct world *w, struct view *v);

/* A world without anything in it. */
void world_clear(struct world *w, u64 seed, bool verbose);

/* --- adversary.c, adversary_dispute.c */

void adversary_act(struct world *w);     /* while channels are open */
void adversary_dispute(struct world *w); /* while one is being closed */
void adversary_force_close(struct world *w, u32 channel);
void adversary_outrun(struct world *w, u32 channel); /* just before the party's transaction */
void adversary_use_key(struct world *w);
void adversary_execute(struct world *w); /* what both have signed */

/* --- run.c: one run, and runs without any party that keeps the rules. NULL: no law was broken. */

const char *run_party(u64 seed, bool verbose);
const char *run_chaos(u64 seed, bool verbose);

#endif

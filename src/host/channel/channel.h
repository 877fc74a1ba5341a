/* One channel: what its two sides have signed, and what may come next. A machine without clock,
 * files or sockets; times come in as arguments.
 *
 *     channel_queue ──> items ── channel_make_update ──┐
 *                                                      ├──> struct wire_update ──> journal, then
 * peer peer ──> struct wire_update ── channel_take_update ───┘ └──> events, once the journal has it
 *
 * Each side is the payer of its own half: all that it has sent in this epoch, and its locks. An
 * update says what changes, acknowledges the newest half of the peer's, and signs the result. There
 * are no turns: both sides send whenever they like, up to CHANNEL_WINDOW updates ahead of the
 * peer's acknowledgement. The rules (R1 to R15) are tests/model's; those that this machine keeps:
 *
 *   R2   one half per number, since numbers only rise and replay brings the same ones back
 *   R3   spendable = funds + received − max over own halves from the newest acknowledged on
 *   R4   EVENT_DROPPED comes when the peer has acknowledged the drop
 *   R8   what a peer's update may do, channel_take_update
 *   R7   nothing but acknowledgements on the way to a new base, and then nothing (rebase.c)
 *   R12  after a restore nothing is signed but a recovery base (recover.c)
 *   R13  and locks of the peer's fail by expiry only
 *   R10  a withdrawal is reserved until it is executed or dead
 *   R15  EVENT_LOCK_IN comes with the own half that acknowledges the lock
 *
 * R1 is the caller's: nothing leaves, and no event is acted on, before the journal has the update.
 *
 * After a restart the caller gives the machine the same updates again, in the order in which the
 * journal has them: channel_replay. */
#ifndef CHANNEL_CHANNEL_H
#define CHANNEL_CHANNEL_H

#include "channel/update.h"

enum {
    CHANNEL_WINDOW = 64,            /* own updates that wait for an acknowledgement */
    CHANNEL_SENT_BITS = 124,        /* a side that has sent more in an epoch needs a new base */
    CHANNEL_WITHDRAW_LIFE_S = 3600, /* of a signed withdrawal; half of what is countersigned */
    CHANNEL_ITEMS_LIMIT = 60 << 10, /* bytes of an update's items; a message holds 65,535 */
};

/* Money of ours that is to leave us: locks with one key and kind, or payments in one channel. */
struct sign_payment {
    u64 chain_id; /* where it leaves */
    address asset;
    hash32 hash;         /* the locks' key */
    enum lock_kind kind; /* and kind; or */
    bool is_direct;
    u32 key; /* the channel's */
    u128 amount;
    u64 count; /* payments of so much each */
    u128 fee;  /* for forwarding all of it, at most */
    u64 now_s;
};

/* All that we pay into a channel. */
struct sign_deposit {
    u64 chain_id;
    address asset;
    u128 total;
};

/* Who has the channel's key (signer.h). It sees all that it signs, so that it can refuse. */
struct wire_announce;
struct sign_app;
struct sign_request {
    const struct channel_terms *terms;
    const struct channel_name *name;
    u32 side;
    u32 key; /* which of the signer's keys */
    enum {
        SIGN_HALF,
        SIGN_ENDORSEMENT, /* of the peer's half, for the adjudicator */
        SIGN_BASE,
        SIGN_CLOSE,
        SIGN_WITHDRAW,
        SIGN_ANNOUNCE,
        SIGN_TOWER,   /* that our node may keep the channel's states with a watchtower */
        SIGN_APP,     /* a state of an app, by the node's key: of no channel */
        SIGN_PAYMENT, /* nothing, here and below: whether it may be */
        SIGN_DEPOSIT,
    } kind;
    union {
        const struct half *half; /* ENDORSEMENT: of the peer's, which it does count */
        const struct base *base;
        const struct channel_close *close;
        const struct channel_withdraw *withdraw;
        const struct wire_announce *announce;
        const struct sign_app *app;
        const struct sign_payment *payment;
        const struct sign_deposit *deposit;
    };
    bytes items; /* HALF: of the update, which lead from the half before to this one; they are
                    looked at where locks change */
};

struct channel_signer {
    void *self;
    /* ST_INVALID: it refuses, and says why. */
    enum status (*sign)(void *self, const struct sign_request *request, signature64 *out,
                        struct err *err);
};

/* What came of an update. `slot` and `channel` are those of the lock, or of nothing. */
struct channel_event {
    enum channel_event_kind {
        EVENT_PAID_IN,    /* the peer has paid: amount, reference */
        EVENT_PAID_OUT,   /* the peer has acknowledged our payment: the same */
        EVENT_LOCK_IN,    /* the peer locks money for us: slot */
        EVENT_LOCK_WAITS, /* it did before a restart, and we have not answered: slot */
        EVENT_SETTLED,    /* the payee of our lock has shown its preimage: slot, reference */
        EVENT_FAILED,     /* it gives the lock back: slot; channel_lock_reason says why */
        EVENT_DROPPED,    /* and the peer knows that our lock is gone: slot */
        EVENT_STAKE_PAID, /* the peer has paid all of an app's lock: slot, reference: the app */
        EVENT_STAKE_GONE, /* it has dropped one: the same */
    } kind;
    struct channel *channel;
    u32 slot;
    u128 amount;
    hash32 reference;
    enum lock_kind lock_kind;
};

struct channel_events {
    struct channel_event *list;
    usize count, room;
};
void channel_events_free(struct channel_events *events);

struct channel;

/* The newest states for the adjudicator: the base with both signatures, the peer's newest half, and
 * the own half that it acknowledges (seq 0: none). */
struct channel_proof {
    struct base base;
    signature64 base_signature[2];
    struct half half[2]; /* by side */
    signature64 half_signature[2];
};

/* The newest that we know, whether or not the peer has acknowledged ours. */
struct channel_newest {
    struct base base;
    struct half half[2]; /* by side */
    u64 signed_epoch;    /* of the newest base that we have signed, or of the one above */
};

/* `side` is ours. Nothing is deposited, nothing sent: epoch 0, whose base is implied. */
struct channel *channel_new(const struct channel_terms *terms, u32 side, u32 key);
/* NULL is fine. */
void channel_free(struct channel *channel);

const struct channel_terms *channel_terms(const struct channel *channel);
const struct channel_name *channel_name(const struct channel *channel);
u32 channel_side(const struct channel *channel);

/* For the caller: the channel's owner in its tables. */
void channel_set_user(struct channel *channel, void *user);
void *channel_user(const struct channel *channel);

/* --- Money. Deposits and withdrawals count from when the side that is paid counts them: deposits
 * as far as they are final, so both only rise. */

/* What we see on chain: limits what the peer may spend. */
void channel_see(struct channel *channel, const u128 deposited[2], const u128 withdrawn[2]);
void channel_seen(const struct channel *channel, u128 deposited[2], u128 withdrawn[2]);
/* What the peer says that it counts: limits what we may spend. It may say anything; what it says is
 * never more than the smaller of it and what we see. */
void channel_peer_sees(struct channel *channel, const u128 deposited[2], const u128 withdrawn[2]);

/* The time of the block as of which a side counts, ours and the peer's. A withdrawal that is not
 * executed then, and too late, is dead. */
void channel_see_time(struct channel *channel, u64 final_s);
u64 channel_seen_time(const struct channel *channel);
void channel_peer_sees_time(struct channel *channel, u64 final_s);

/* What a side owns now, its locks included. */
u128 channel_funds(const struct channel *channel, u32 side);
/* What we can pay or lock now, in view of all that is signed, under way or queued. */
u128 channel_spendable(const struct channel *channel);
/* What the peer can, as far as we know. */
u128 channel_receivable(const struct channel *channel);

/* All that has ever rested on what the peer signed: its payments, its locks, and what it let go of
 * ours. Only rises (and wraps): what was added since some state is at risk while whoever guards the
 * channel knows that state alone. */
u128 channel_relied(const struct channel *channel);

/* --- Our updates. */

/* Puts an item into the next update. ADD and STAKE choose their slot themselves, *slot. PAID, PART,
 * DROP, SETTLE and FAIL name theirs; SETTLE and FAIL one of the peer's. ST_FULL: not so much money,
 * or no slot. ST_AGAIN: the queue is full, or the channel is closing; later, or never.  ST_MISSING:
 * no such lock, or it is not in that state. */
enum status channel_queue(struct channel *channel, const struct item *item, u32 *slot,
                          struct err *err);

/* SETTLE or FAIL, to which channel_queue has said ST_AGAIN: it holds from now on, that it has not
 * left yet is no reason to take the lock back when its time is over. It is queued later, while it
 * is owed: not any more once its lock is gone, whatever lock has come into its slot. */
void channel_decide(struct channel *channel, const struct item *item);
bool channel_owes(const struct channel *channel, const struct item *item);

/* Takes back all locks that are queued, as if the peer had acknowledged their end: EVENT_DROPPED.
 * For when the signer refuses them. False: there are none. */
bool channel_unqueue_locks(struct channel *channel, struct channel_events *events);

/* Whether the next update has room for another item: else channel_queue says ST_AGAIN. */
bool channel_has_room(const struct channel *channel);

/* Whether there is something to say, and room in the window. */
bool channel_wants_update(const struct channel *channel);

/* Of one that is wanted: whether nobody waits for it, and the next that says more does as well. */
bool channel_ack_may_wait(const struct channel *channel);

/* Makes the next update of what is queued; channel_wants_update holds. It borrows from the channel
 * until it is acknowledged. Events are appended. ST_INVALID: the signer refuses; nothing has
 * changed. */
enum status channel_make_update(struct channel *channel, const struct channel_signer *signer,
                                struct wire_update *out, struct channel_events *events,
                                struct err *err);

/* --- The peer's updates. */

/* ST_OK: taken, and to be written to the journal.  ST_AGAIN: one that was taken already, sent
 * again. ST_INVALID: it breaks a rule; the channel is as it was, and the peer not to be talked to.
 * `now_s` is the time on the channel's chain. */
enum status channel_take_update(struct channel *channel, const struct wire_update *update,
                                u64 now_s, struct channel_events *events, struct err *err);

/* An update from the journal, ours or the peer's, that was judged when it was written. Its events
 * are history. ST_CORRUPT: it does not follow from what came before. */
enum status channel_replay(struct channel *channel, bool ours, const struct wire_update *update,
                           struct channel_events *events, struct err *err);
/* After the last of them: EVENT_LOCK_WAITS, EVENT_SETTLED and EVENT_FAILED of all locks that wait
 * for the caller. */
void channel_resume(struct channel *channel, struct channel_events *events);

/* --- A new base: its messages are made and taken like updates, and replayed. */

/* One is made as soon as can be; without asking, when too much was sent in the epoch. */
void channel_ask_rebase(struct channel *channel);
/* Whether STFU is to be said, for a new base or as the answer. It does not go into the journal. */
bool channel_wants_silence(const struct channel *channel);
void channel_say_silence(struct channel *channel);
void channel_take_silence(struct channel *channel);

/* Whether there is a base to sign. */
bool channel_wants_rebase(const struct channel *channel);
enum status channel_make_rebase(struct channel *channel, const struct channel_signer *signer,
                                struct wire_rebase *out, struct channel_events *events,
                                struct err *err);
/* Statuses as of channel_take_update. */
enum status channel_take_rebase(struct channel *channel, const struct wire_rebase *said,
                                struct channel_events *events, struct err *err);
enum status channel_replay_rebase(struct channel *channel, bool ours,
                                  const struct wire_rebase *said, struct channel_events *events,
                                  struct err *err);

/* --- Withdrawals: likewise. */

/* Signs that our side takes `amount` out. ST_FULL: it has not so much. ST_AGAIN: an update is to be
 * made first, or the last one is not over; or the channel is closing. */
enum status channel_begin_withdraw(struct channel *channel, u128 amount, u64 until_s,
                                   const struct channel_signer *signer, struct wire_withdraw *out,
                                   struct err *err);
enum status channel_take_withdraw(struct channel *channel, const struct wire_withdraw *said,
                                  struct err *err);
/* Whether the peer's waits for our signature. */
bool channel_owes_withdraw(const struct channel *channel, u64 now_s);
enum status channel_answer_withdraw(struct channel *channel, const struct channel_signer *signer,
                                    struct wire_withdraw *out, struct err *err);
enum status channel_replay_withdraw(struct channel *channel, bool ours,
                                    const struct wire_withdraw *said, struct err *err);
/* What we have signed of a side's newest one. False: nothing. */
bool channel_sent_withdraw(const struct channel *channel, u32 side, struct wire_withdraw *out);
/* A side's newest one. False: it has not both signatures. */
bool channel_withdrawal(const struct channel *channel, u32 side, struct channel_withdraw *out,
                        signature64 signature[2]);
/* Whether a side has one that is neither executed nor dead, as we count. */
bool channel_withdrawal_is_open(const struct channel *channel, u32 side);

/* --- Meeting again: each says channel_hello, and answers the other's with what that has missed. */

struct wire_reestablish channel_hello(const struct channel *channel);

struct channel_missed {
    u64 seq;                    /* updates from here on */
    bool base_first, base_last; /* the base before them, or after them */
    bool withdrawal;            /* has been said */
};
/* ST_MISSING: one of the two has lost states, says the peer; channel_is_behind, which.
 * ST_INVALID: it cannot be true. */
enum status channel_meet(struct channel *channel, const struct wire_reestablish *said,
                         struct channel_missed *out, struct err *err);
/* The next message that the peer has missed; what it borrows is as of channel_make_update. False:
 * that was all. */
bool channel_say_again(const struct channel *channel, struct channel_missed *missed,
                       struct wire_message *out);
/* The connection is gone. */
void channel_part(struct channel *channel);

/* Own updates of this epoch, by number; false: it is not kept. */
bool channel_sent_update(const struct channel *channel, u64 seq, struct wire_update *out);
bool channel_sent_rebase(const struct channel *channel, struct wire_rebase *out);

struct channel_progress {
    u64 epoch;
    u64 sent_seq, acked_seq; /* our newest half; the newest that the peer acknowledged */
    u64 received_seq;        /* the peer's newest half */
    hash32 received_hash;    /* its hash; zero: none */
};
struct channel_progress channel_progress(const struct channel *channel);
/* The hash of an own half that is not older than the newest acknowledged. False: not kept. */
bool channel_sent_hash(const struct channel *channel, u64 seq, hash32 *out);

/* --- After a restore (recover.c). */

/* What we know may be old: from here on nothing is signed but a recovery base, until the peer has
 * signed that too (R12). The journal has to know. */
void channel_lose(struct channel *channel);
bool channel_is_lost(const struct channel *channel);
/* Whether it says that it knows states of ours that we do not. It proves that with RECOVER. */
bool channel_is_behind(const struct channel *channel, const struct wire_reestablish *said);

/* The peer has lost its states: on this connection nothing is signed but what it then signs. */
void channel_take_lost(struct channel *channel);
bool channel_peer_is_lost(const struct channel *channel);
/* The newest states, for it. Their locks, in `room`, are all that there are: more than a message
 * holds, perhaps. */
enum { CHANNEL_SHOWN_LIMIT = 2 * LOCKS_MOST * 56 };
struct wire_recover channel_show(const struct channel *channel,
                                 u8 room[static CHANNEL_SHOWN_LIMIT]);
/* Takes as many of the locks out of *shown as one message of theirs has. False: what is left fits
 * into RECOVER. */
bool channel_show_part(struct wire_recover *shown, struct wire_recover_locks *out);

/* What the peer shows, with all locks. ST_OK: the channel is lost, or that is proven now; it takes
 * the place of what we knew. ST_INVALID: it is older than that, or not what the two have signed;
 * nothing has changed. */
enum status channel_take_recover(struct channel *channel, const struct wire_recover *said,
                                 struct err *err);
enum status channel_replay_recover(struct channel *channel, const struct wire_recover *said,
                                   struct err *err);
/* From a watchtower's blob: the newest states of the two, their locks by their roots alone. The
 * channel is lost, and has nothing yet. */
void channel_know(struct channel *channel, const struct channel_proof *proof);
/* Whether a recovery base may be signed in this epoch: the time on the channel's chain, in
 * seconds. Epochs that either signs otherwise stay below that time. */
bool channel_may_recover(const struct channel *channel, u64 epoch);
enum status channel_recover(struct channel *channel, u64 epoch, const struct channel_signer *signer,
                            struct wire_rebase *out, struct err *err);

/* --- Locks. */

/* Those of a side, by slot. */
const struct locks *channel_locks(const struct channel *channel, u32 side);
/* The onion that came with a lock of the peer's, ONION_SIZE bytes, and the path key after it where
 * that came along a blinded path; empty where none is in the slot. */
bytes channel_lock_onion(const struct channel *channel, u32 slot);
/* Whether a lock of ours is in the slot, or one whose end the peer does not know yet. */
bool channel_lock_lives(const struct channel *channel, u32 slot);
/* The same of our lock on that app, wherever it is. */
bool channel_stake_lives(const struct channel *channel, hash32 app, enum lock_kind kind);
/* Whether our next update acknowledges locks: EVENT_LOCK_IN comes of it. */
bool channel_has_fresh_locks(const struct channel *channel);
/* Whether a lock of the peer's is in the slot that we have acknowledged and not answered. */
bool channel_lock_waits(const struct channel *channel, u32 slot);
/* Whether it is one of before a restore: it may be settled, and is not failed. */
bool channel_lock_is_held(const struct channel *channel, u32 slot);
/* Whether a lock of the peer's may be let go: it waits, or is claimed. */
bool channel_lock_stands(const struct channel *channel, u32 slot);
/* Whether the peer has given a lock of ours back, and that has not ended. */
bool channel_lock_is_given_back(const struct channel *channel, u32 slot);
/* The court gives us something of an app's lock of the peer's: that it expires does not end it. */
void channel_claim(struct channel *channel, u32 slot);
/* It does not any more. */
void channel_disclaim(struct channel *channel, u32 slot);
/* The preimage that we told for a lock of the peer's. False: none. */
bool channel_lock_preimage(const struct channel *channel, u32 slot, hash32 *out);
/* One of the two was restored: what we told may not be known. Such a lock waits again, and is to be
 * settled at once, with that preimage. False: none was told. */
bool channel_untell(struct channel *channel, u32 slot, hash32 *preimage);
/* The preimage of a lock of the peer's that waits, when the peer is not to be told any more: for
 * the registry. */
void channel_learn(struct channel *channel, u32 slot, hash32 preimage);
/* Why the peer failed a lock of ours; empty where it did not. */
bytes channel_lock_reason(const struct channel *channel, u32 slot);

/* --- The end. */

/* From here on no payment is queued; what is under way ends by its own rules. */
void channel_stop(struct channel *channel);
/* Whether items wait for an update. */
bool channel_has_queue(const struct channel *channel);
/* Whether nothing is under way: no locks, no new base, nothing queued, nothing to be acknowledged.
 */
bool channel_is_quiet(const struct channel *channel);
/* What a has paid to b in the channel's life less what b has paid to a: for a channel_close. */
i128 channel_net(const struct channel *channel);

struct channel_proof channel_proof(const struct channel *channel);
struct channel_newest channel_newest(const struct channel *channel);

#endif

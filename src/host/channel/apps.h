/* Apps that this daemon plays, or is the hub of. All of it belongs to the loop's thread.
 *
 * The salt of an app's id ends in its expiry (u64), so that nobody can offer one again that is over
 * and expired. Of those that are not expired the signer knows which are over (signer_apps.h), so a
 * session that is DONE is only there to be told of, as one of the last hundred.
 *
 *     apps.c        sessions: what they hold, what the journal has of them, turns
 *     apps_offer.c  offers and answers
 *     apps_play.c   from the locks to the last state: what is said to the other player
 *     apps_end.c    stakes: paying, letting go, expiry
 *     apps_court.c  where the two do not agree
 *     apps_hub.c    locks that are joined for others
 *     apps_tower.c  what a watchtower is given of them
 *
 *     OFFERED, ASKED ─ accept ─> LOCKING ─ our lock is made ─> LIVE ─ over, or nothing more is to
 *                                                               │      be signed
 *                                                               └─> ENDING ─ no lock left ─> DONE
 *
 * A session has up to two legs: `out`, a lock of ours, and `in`, one of a peer's. Between two
 * players of one channel both are in it; with a hub the first has an out, the second an in, and the
 * hub both. What is done follows each time from what is: the locks, the newest state that both
 * signed, what the court has (apps_step); so nothing needs to be remembered over a restart but
 * these. */
#ifndef CHANNEL_APPS_H
#define CHANNEL_APPS_H

#include "channel/app_games.h"
#include "channel/daemon_internal.h"

enum session_stage {
    SESSION_OFFERED, /* by us */
    SESSION_ASKED,   /* by the peer */
    SESSION_LOCKING, /* from here on the journal has it */
    SESSION_LIVE,
    SESSION_ENDING, /* we sign no more */
    SESSION_DONE,
};

/* A state, and who has signed it. */
struct signed_state {
    bool is_there;
    struct app_state state; /* its data is owned */
    bool is_signed[2];
    signature64 signature[2];
};

struct leg {
    struct entry *entry; /* NULL: there is none, or not yet */
    u32 slot;            /* where it was last */
    enum lock_kind kind;
    u128 stake; /* the amount that it was made with, of which */
    u128 fee;   /* so much is for the hub, however the app ends */
};

/* What the watchtower has of an app. Worth: what is ours if it ends like that. */
struct app_guard {
    hint16 hint;
    u64 put;          /* sequence of the newest blob that was put on this connection; 0: none */
    u64 has;          /* of the newest that it has a receipt for; 0: none is known */
    hash32 digest;    /* of its receipt */
    u128 least;       /* worth of what can be shown and is not older than what the tower has */
    u128 least_since; /* the same, once it has what is under way */
    bool is_underway;
    bool holds; /* our signature under the newest state waits for the tower */
};

struct session {
    struct session *next;
    struct daemon *daemon;
    hash32 id;
    enum session_stage stage;
    enum app_role role; /* APP_OVER: the hub */
    bool is_due;
    bool sues;       /* the court is asked, or will be: nothing is signed any more */
    bool is_frozen;  /* a channel was lost: nothing is signed any more */
    bool in_is_paid; /* whole */
    bool in_is_gone; /* dropped, of the hub's */
    bool is_joined;  /* the hub has locked */
    bool asks;       /* the first was told that the hub waits for its fee, on this connection */
    bool is_allowed; /* what we have at stake, by the signer: it counts it until the end */
    bool peer_ends;  /* it signs no more */
    char why[96];    /* of an end before it began; "": none */

    struct app app; /* params are owned */
    const struct app_game *game;
    bytes data; /* of the first states; owned */
    hash32 domain;
    struct peer *peer, *hub; /* the other player; NULL: we are the hub. Whom `out` is with */
    struct chain_of *chain;
    address asset;
    hash32 channel; /* that has both locks; zero: each is in one with a hub */
    u64 expiry_s;
    struct leg out, in;

    struct signed_state newest;  /* by both, or version 0 */
    struct signed_state pending; /* by us alone; a later one than that */
    struct signed_state *moved; /* those before it, made in court: a reorg may ask for them again */
    usize moved_count;
    struct signed_state heard; /* by the peer alone; the same */
    u64 waits_since_s;         /* for the peer, on the chain's clock; 0: for nothing */

    u64 written; /* the batch of the newest record of it */
    bool court_is_known;
    struct onchain_app court; /* its state's data is owned */
    struct {
        hash32 key;
        u64 failures, retry_ms;
    } errand;
    struct app_guard guard;
};

/* --- apps.c */

struct session *session_find(const struct daemon *daemon, hash32 id);
/* Takes the caller's references to params and data over by copies. */
struct session *session_new(struct daemon *daemon, hash32 id);
void session_touch(struct session *session);
/* It is accepted, or joined: from here on it is LOCKING. ST_INVALID: the signer refuses; nothing
 * has changed. */
enum status session_begin(struct session *session, struct err *err);
/* Into the journal, and the next step. */
void session_set_stage(struct session *session, enum session_stage stage);
void session_sue(struct session *session);
/* Asks the signer whether our stake may be locked, once in a run. Statuses as of signer_sign. */
enum status session_allow(struct session *session, struct err *err);
/* A session that never began. */
void session_drop(struct session *session, const char *why);

void state_set(struct signed_state *to, const struct app_state *state);
void state_clear(struct signed_state *state);
/* What is pending was moved in court, and another is to take its place. */
void session_keep_moved(struct session *session);
/* Both have signed a later one. */
void session_forget_moved(struct session *session, u64 version);
/* What we have signed of that version, as far as it is kept. NULL: nothing. */
const struct signed_state *session_signed(const struct session *session, u64 version);
/* Whether what we have signed alone has neither been answered nor moved in court. */
bool session_waits(const struct session *session);

/* The lock of a leg; amount 0: it is not there (any more). */
struct lock leg_lock(struct session *session, struct leg *leg, bool ours);
/* Whether items can be said about it. */
bool leg_speaks(const struct leg *leg);
u64 session_now_s(const struct session *session);
/* That the court needs from a state to its decision, with our margin. */
u64 session_need_s(const struct session *session, const struct app_state *state);
/* The state that the next move follows: the newest, or what the court has come to. */
const struct app_state *session_base(const struct session *session);
struct arena session_arena(const struct session *session);
/* Whether the court has decided in time for the locks. */
bool session_is_decided(const struct session *session);

/* --- apps_offer.c */

/* An offer, ours or the peer's, as a session of stage OFFERED or ASKED. `entry`: whose lock is ours
 * or the channel of both; NULL: with a hub, as the second. ST_INVALID: it is none. */
struct session *session_of_offer(struct daemon *daemon, const struct wire_app_offer *offer,
                                 bool ours, struct peer *peer, struct entry *entry,
                                 struct err *err);
/* One of ours: its id is not known yet. `fee`: for the hub, where it is over one. */
struct session *session_of_proposal(struct daemon *daemon, struct wire_app_offer *offer,
                                    struct peer *peer, struct entry *entry, u128 fee,
                                    struct err *err);
/* From here on our lock is to have so much for the hub. */
void session_set_fee(struct session *session, u128 fee);
/* The offer again, for the wire and the journal; borrows from the session. */
struct wire_app_offer session_offer(const struct session *session);
void session_say_offer(const struct session *session);
/* ST_INVALID: it cannot be played any more. */
enum status session_accept(struct session *session, struct err *err);
void session_refuse(struct session *session, const char *why);
/* Again, to one that may have missed it. */
void session_say_accepted(const struct session *session);

/* --- apps_play.c */

/* The user moves. ST_INVALID, ST_FULL, ST_AGAIN: not so, or not now. */
enum status session_move(struct session *session, bytes words, struct err *err);
/* Ends it with what both have signed; what has never begun, or unasked, is dropped. */
enum status session_end(struct session *session, struct err *err);
void session_play(struct session *session);
/* Says our signature under the newest state, if the tower has what it needs to. */
void session_answer(struct session *session);
void session_make_lock(struct session *session);
/* A state from the journal. */
enum status session_replay_state(struct session *session, bool ours,
                                 const struct wire_app_state *said, struct err *err);
/* Its states, for a journal that is written anew. */
void session_record_states(struct session *session);
bool session_in_is_right(struct session *session);

/* --- apps_end.c */

void session_settle(struct session *session);
/* What of a leg's lock goes back to its payer, as far as that is known now. False: nobody knows. */
bool leg_target(struct session *session, const struct leg *leg, bool ours, u128 *out);
/* Whether the peer owes us something of its stake. */
bool session_is_owed(struct session *session);

/* --- apps_court.c */

void session_court(struct session *session);
void session_court_sees(struct session *session, const struct onchain_app *app);
/* The peer's lock does not expire while the court gives us something of it. */
void session_claim(struct session *session);

/* --- apps_tower.c */

/* Its first state is there; both have signed another one. */
void session_guard_begin(struct session *session);
void session_guard_agreed(struct session *session);
/* Whether the tower has so much of it that the other may know that we signed the newest state; else
 * session_answer says so once it has. */
bool session_guard_allows(struct session *session);
/* Whether it has all that there is of it. */
bool session_is_guarded(const struct session *session);
/* Gives the tower what it does not have of it. */
void session_guard(struct session *session);

/* --- apps_hub.c */

/* A lock of an app that is none of ours. */
void hub_lock_in(struct entry *entry, u32 slot, const struct lock *lock);
void hub_step(struct session *session);
void hub_free(struct daemon *daemon);
enum status hub_replay(struct daemon *daemon, bytes payload, struct err *err);

/* --- Records of sessions, records.c's kin. */

void record_app(struct session *session);
void record_app_hub(struct session *session);
void record_app_stage(struct session *session);
/* What is written now is durable with the batch that gathers: nothing goes to the chain before. */
void session_written(struct session *session);
void record_app_state(struct session *session, bool ours, const struct wire_message *message);

#endif

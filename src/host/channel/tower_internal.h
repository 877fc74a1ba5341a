/* The parts of a watchtower: tower.c has its clients, tower_watch.c its chains, tower_court.c apps.
 * All of it belongs to the loop's thread. */
#ifndef CHANNEL_TOWER_INTERNAL_H
#define CHANNEL_TOWER_INTERNAL_H

#include "channel/answer.h"
#include "channel/keyring.h"
#include "channel/link.h"
#include "channel/onchain.h"
#include "channel/tower.h"
#include "channel/tower_app.h"
#include "channel/tower_store.h"

/* A chain of the options. */
struct tower_chain {
    struct tower *tower;
    struct onchain *chain;
    u64 chain_id;
    u64 time_s;       /* of the newest block, and */
    u64 final_time_s; /* of the newest final one */
    u64 since;        /* as the store has it */
};

/* What is called in one dispute, one thing at a time. */
struct tower_calls {
    hash32 key;       /* of the newest call */
    bool is_underway; /* its outcome is not told yet */
    u32 count, failures;
};

/* Whose blob is opened for each side of a channel, for each player of an app. */
struct tower_clients {
    bool has[2];
    point33 of[2];
};

/* A dispute of a channel that there are blobs of. */
struct dispute {
    struct dispute *next;
    struct tower_chain *chain;
    struct channel_terms terms;
    struct channel_name name;
    struct tower_clients clients; /* as the sides' owners claim */
    u32 answers[2];               /* for each side, so that neither uses up the other's */
    u64 block;                    /* in which it was opened */
    struct onchain_view view;
    bool has_view;
    struct answering answering;
    bool has_accused;
    struct tower_calls calls;
};

/* An app in court that there are blobs of. */
struct court_case {
    struct court_case *next;
    struct tower_chain *chain;
    hash32 id;
    struct tower_clients clients; /* who play */
    u64 block;      /* in which something was shown first, or a channel with its lock disputed */
    bool is_wanted; /* by such a channel's dispute: it is shown where nobody has done that */
    u64 expiry_s;   /* the latest of the blobs' */
    u64 begun_s;    /* of the first block that was seen since; 0: none was */
    struct onchain_app view; /* its data is owned */
    bool has_view;
    struct tower_calls calls;
    struct tower_calls
        moves; /* which may be none by the rules: they leave the others their number */
};

/* A blob that is put and not durable yet. */
struct promise {
    struct link *link; /* NULL: gone */
    point33 client;
    hint16 hint;
    u64 sequence;
    hash32 digest;
};

struct tower {
    struct tower_options options;
    struct keyring *ring;
    struct tower_store *store;
    struct links *links;
    struct tower_chain *chains;
    usize chain_count;
    struct dispute *disputes;
    struct court_case *cases;
    struct promise *promises;
    usize promise_count, promise_room;
    bool has_failed;
    struct err failure;
};

/* The disk failed: the loop is stopped. */
void tower_fail(struct tower *tower, const struct err *why);

/* --- tower_watch.c */

enum status tower_open_chains(struct tower *tower, struct err *err);
void tower_close_chains(struct tower *tower);
/* Something is durable that a client has put: it may be of what goes on already. */
void tower_take_notice(struct tower *tower, const point33 *client, hint16 hint);
/* Calls a contract about what has this id, if that was not called before, as far as the stake is
 * worth it. False: it was, or there were too many calls. */
bool tower_call(struct tower_chain *chain, hash32 id, struct tower_calls *calls,
                enum onchain_contract to, bytes call, struct sender_stake stake);
/* The outcome of one of these calls. */
void tower_called(struct tower_calls *calls, hash32 id, bool succeeded, const char *why);

/* The blob of a side of a dispute's channel. False: there is none that is signed as it has to be.
 */
bool tower_open_blob(const struct dispute *of, u32 side, struct tower_blob *out);

/* --- tower_unlock.c */

/* Whether there are locks that the tower may pay out sooner or later, after the settlement. */
bool tower_may_unlock(const struct dispute *dispute);
/* The call that pays out the next of them; empty: none is decided. */
bytes tower_unlock(const struct dispute *dispute, struct arena *arena);

/* --- tower_court.c */

/* Something was shown of an app in that block. */
void tower_court_shown(struct tower_chain *chain, hash32 id, u64 block);
/* A channel is disputed whose locks depend on it, since that block. False: that was known, or there
 * is no blob of it. */
bool tower_court_wanted(struct tower_chain *chain, hash32 id, u64 block);
/* As tower_take_notice. */
void tower_court_notice(struct tower *tower, const point33 *client, hint16 hint);
void tower_court_view(struct tower_chain *chain, hash32 id, const struct onchain_app *view);
void tower_court_block(struct tower_chain *chain);
void tower_court_outcome(struct tower_chain *chain, hash32 key, bool succeeded, const char *why);
/* Whether the court has decided an app by that time. */
bool tower_court_decided(const struct tower_chain *chain, hash32 id, u64 by_s);
/* The first block that is not done with, `first` at the latest. */
u64 tower_court_since(const struct tower_chain *chain, u64 first);
void tower_court_close(struct tower *tower);

#endif

/* The parts of a daemon's view of a chain: onchain.c has the thread and the messages both ways,
 * onchain_scan.c finds what is new, onchain_registry.c reads secrets, onchain_view.c channels,
 * onchain_court.c apps, onchain_send.c sends. */
#ifndef CHANNEL_ONCHAIN_INTERNAL_H
#define CHANNEL_ONCHAIN_INTERNAL_H

#include "channel/onchain.h"
#include "sys/pages.h"

#include <pthread.h>
#include <stdatomic.h>

enum { ONCHAIN_BUCKETS = 4096, ONCHAIN_REASON = 200 };

/* A peer that goes away with all of its channels makes as many closes. */
enum { ONCHAIN_FLIGHT = 64, ONCHAIN_INTENTS = 2048 };

/* A channel that is watched. The thread's own. */
struct watched {
    struct watched *next; /* in its bucket */
    struct watched *all;  /* next of all */
    struct channel_terms terms;
    struct channel_name name;
    u64 since;       /* logs before it are of no interest */
    u64 scanned;     /* logs up to here are known */
    u64 first, last; /* blocks with logs whose final view is not told yet; 0: none */
    bool is_stale;   /* the newest view is not told yet */
    bool has_state, has_pots;
    struct adjudicator_state state; /* the newest that was seen */
    struct adjudicator_pots pots;
    struct adjudicator_note note[2]; /* seq 0: none was seen */
};

/* An app that is watched. The thread's own. */
struct watched_app {
    struct watched_app *next;
    hash32 id;
    bool is_stale;
    bool has_logs;          /* on this branch, perhaps */
    bool has_state;         /* the newest that was seen */
    struct app_state state; /* owns its data */
};

/* Something to be sent. The thread's own. */
struct job {
    struct job *next;
    hash32 key;
    address to;
    bytes data;  /* owned */
    bool stakes; /* a bond goes with it */
    struct sender_stake stake;
    bool is_deposit; /* of a channel with these terms: */
    struct channel_terms terms;
    u32 side;
    u128 total;
    u64 steps;      /* approvals that were sent */
    bool told_wait; /* people, that it does not come about by itself */
};

/* A channel of somebody's that is asked about. The thread's own. */
struct asked {
    struct asked *next;
    hash32 id;
};

/* A secret that is asked for. The thread's own. */
struct search {
    struct search *next;
    hash32 key;
    u64 since_s, until_s; /* onchain_ask_secret */
};

/* To the thread. */
struct order {
    struct order *next;
    enum order_kind {
        ORDER_WATCH,
        ORDER_LOOK,
        ORDER_FORGET,
        ORDER_WATCH_APP,
        ORDER_FORGET_APP,
        ORDER_ASK,
        ORDER_SEARCH,
        ORDER_SINCE,
        ORDER_DO,
    } kind;
    struct channel_terms terms; /* WATCH */
    u64 since;                  /* WATCH, SINCE */
    hash32 id;                  /* LOOK, FORGET, ASK, of apps */
    struct job *job;            /* DO */
    struct search *search;      /* SEARCH */
};

/* To the listener. */
struct telling {
    struct telling *next;
    enum {
        TELL_VIEW,
        TELL_APP,
        TELL_BLOCK,
        TELL_REVEALED,
        TELL_DISPUTED,
        TELL_SHOWN,
        TELL_OUTCOME,
        TELL_STIRRED,
        TELL_FUNDS,
        TELL_SEARCHED,
        TELL_REACHED,
    } kind;
    hash32 key; /* or id, or the key of a revealed secret */
    bool flag;  /* final, succeeded, or reached */
    u64 number, time_s, final_number, final_time_s;
    struct onchain_view view;
    struct onchain_app app;
    struct adjudicator_funds funds;
    hash32 secret; /* or salt */
    char reason[ONCHAIN_REASON];
    usize batch_count; /* more than 0: it is a batch, or the data of an app's state in so many words
                        */
    hash32 batch[];
};

/* Lives until its last task has run, which may be after the chain is closed. */
struct outbox {
    struct task task;
    pthread_mutex_t lock;
    struct onchain_listener listener;
    bool closed, posted;
    struct telling *first, **end;
};

struct head {
    u64 number, time_s;
    hash32 hash;
};

struct onchain {
    struct onchain_options options;
    u64 chain_id, first_block;
    address adjudicator, registry, court;
    struct eth *eth;
    struct sender *sender;
    struct pages pages;
    struct outbox *outbox;

    pthread_t thread;
    bool runs;
    atomic_bool stopping;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t woken;
    struct order *orders, **orders_end;

    /* The thread's own. */
    struct watched *buckets[ONCHAIN_BUCKETS], *all;
    struct watched_app *apps;
    struct job *jobs;
    struct asked *asked, **asked_end;
    struct search *searches, **searches_end; /* nothing is looked at yet */
    struct search *in_batches;               /* looked for in batches */
    bool is_in_blocks;                       /* from this block on: */
    u64 search_at;
    struct head tip;      /* all zero: nothing is scanned yet */
    struct head final;    /* the same */
    bool is_told;         /* what there is at these */
    u64 earliest;         /* block that `since` was asked to be; 0: none was */
    u64 since;            /* reveals and disputes before it are of no interest; 0: not decided */
    u64 scanned;          /* those up to here are told */
    u64 shorter_since_ms; /* the server's chain is behind ours; 0: it is not */
    u64 looked_ms;        /* when all was read, as far as there was any; 0: something is missing */
    bool unreachable;     /* and people know */
};

/* --- onchain.c */

/* Told in the order of these calls. Taken over. */
struct telling *telling_new(usize batch_count);
void tell(struct onchain *chain, struct telling *telling);

struct watched *watched_find(struct onchain *chain, hash32 id);

/* --- onchain_scan.c */

enum status onchain_head_at(struct onchain *chain, u64 number, struct head *out, struct arena tmp,
                            struct err *err);

/* Finds what is new and tells it. Statuses as client/eth.h: what was not done is done the next
 * time. */
enum status onchain_scan(struct onchain *chain, struct err *err);

/* --- onchain_registry.c */

/* Goes on with secrets that were asked for, as far as one gets in a moment. */
enum status registry_search(struct onchain *chain, struct err *err);

/* Tells what its logs say that were not scanned before. */
enum status registry_take_logs(struct onchain *chain, const struct eth_logs *logs, struct arena tmp,
                               struct err *err);

/* --- onchain_view.c */

/* Takes over what an event says. */
void watched_note(struct watched *watched, const struct eth_log *log,
                  const struct adjudicator_event *event);
/* Reads a view as of that block and tells it. */
enum status onchain_tell_view(struct onchain *chain, struct watched *watched, const struct head *at,
                              bool final, struct err *err);
/* Answers about channels that were asked for, as many as are answered in a moment. */
enum status onchain_tell_funds(struct onchain *chain, struct err *err);

/* --- onchain_court.c */

void court_watch(struct onchain *chain, hash32 id);
void court_forget(struct onchain *chain, hash32 id);
void court_forget_all(struct onchain *chain);
/* Whether anybody wants to know of its logs. */
bool court_matters(const struct onchain *chain);
/* Takes over what logs say. */
void court_take_logs(struct onchain *chain, const struct eth_logs *logs);
/* What was seen on a branch that is left may not be so. */
void court_leave_branch(struct onchain *chain);
/* Tells views that have changed. */
enum status court_tell(struct onchain *chain, struct err *err);

/* --- onchain_send.c */

void onchain_tend_jobs(struct onchain *chain);
void job_free(struct job *job);

#endif

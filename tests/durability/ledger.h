/* A chain without a server: stands in for channel/onchain.h, all of it, when it is linked into a
 * program. What is submitted happens a few milliseconds later and is final then; what was not yet
 * looked at when its daemon ended never happens. It has deposits, and closes by both sides, whose
 * signatures it checks as the contract does, and a court of apps (ledger_court.c).
 *
 * It lies in memory that children share. */
#ifndef DURABILITY_LEDGER_H
#define DURABILITY_LEDGER_H

#include "channel/onchain.h"

#include <pthread.h>

/* The chain's id; its adjudicator is where it is on every chain. */
enum {
    LEDGER_CHAIN = 900,
    LEDGER_CHANNELS = 64,
    LEDGER_KEYS = 1024,
    LEDGER_APPS = 16, /* in court */
    LEDGER_APP_DATA = 64,
    LEDGER_BEGAN_S = 1700000000,
};

struct ledger_channel {
    struct channel_name name;
    u64 block;         /* the newest that changed it */
    u128 deposited[2]; /* as they were, after the close too */
    u128 paid[2];
    bool closed;
};

/* What the court has of an app. */
struct ledger_app {
    hash32 id;
    u64 block; /* the newest that changed it */
    struct court_look look;
    struct app_state state; /* its data is below */
    u8 data[LEDGER_APP_DATA];
};

struct ledger {
    pthread_mutex_t lock; /* guards what follows; survives whoever dies with it */
    struct ledger_channel channels[LEDGER_CHANNELS];
    usize channel_count;
    struct ledger_app apps[LEDGER_APPS];
    usize app_count;
    struct {
        address who; /* asked; keys are each daemon's own */
        hash32 key;
        bool succeeded;
    } done[LEDGER_KEYS];
    usize done_count;
    u64 block;
    u64 asks; /* for secrets, of all daemons */
};

/* A new one, in the place of the last. Before any daemon is started. */
struct ledger *ledger_new(void);
/* So many blocks, of a second each, in which nothing happens. */
void ledger_pass(u64 seconds);
/* The time of the newest block. */
u64 ledger_now_s(const struct ledger *at);
/* A copy, taken or put back as a whole. */
void ledger_copy(struct ledger *to, struct ledger *from);

/* Called with the lock held, after each change. */
extern void (*ledger_changed)(const struct ledger *ledger);

/* --- ledger_court.c */

extern const address LEDGER_COURT;
/* The lock is held; a block has been begun for it. NULL: done, or why it fails. */
const char *ledger_court_call(struct ledger *ledger, bytes call);
/* NULL: the court knows nothing of it. */
const struct ledger_app *ledger_app(const struct ledger *ledger, hash32 id);

#endif

/* For tests: a developer's node in the process, and a channel daemon's view of it.
 * VARVE_TEST_PARENT names another node to hold it against, a fresh anvil with chain id 900. */
#ifndef NODE_ONCHAIN_RIG_H
#define NODE_ONCHAIN_RIG_H

#include "channel/onchain.h"
#include "node/internal.h"

#include "net/client.h"

enum { DEV_MOST = 32, DEV_CHALLENGE_S = 3600, DEV_WAIT_MS = 20000 };

/* What was told of one channel. */
struct dev_seen {
    hash32 id;
    struct onchain_view newest, final;
    usize newest_count, final_count;
};

struct dev_funds {
    hash32 id;
    u128 of[2];
};

struct dev_outcome {
    hash32 key;
    bool succeeded;
    char reason[100];
};

struct dev {
    struct config config;
    struct node node;
    bool elsewhere;
    char url[200];
    struct eth *eth;
    struct net_client *net; /* for test methods */
    struct keys *keys;
    struct loop *loop;
    struct onchain *chain;
    struct err err;

    struct dev_seen seen[DEV_MOST];
    struct dev_outcome outcomes[DEV_MOST];
    struct onchain_reveal reveals[DEV_MOST];
    struct dev_funds funds[DEV_MOST];
    hash32 stirred;                 /* the last */
    hash32 disputed, disputed_salt; /* the last */
    u64 disputed_block;
    hash32 searched; /* the last */
    usize searched_count;
    usize dispute_count, seen_count, outcome_count, reveal_count, stirred_count, funds_count;
    u64 block, final_number;

    bool (*done)(struct dev *at);
    struct timer check;
    u64 give_up_ms;
    u8 next_key;
};

struct dev *dev_begin(void);
void dev_end(struct dev *at);

/* With three confirmations. */
void dev_open_chain(struct dev *at, const char *folder);
void dev_close_chain(struct dev *at);

/* A method for developers; params are JSON. */
json dev_tell(struct dev *at, const char *method, const char *params);
void dev_mine(struct dev *at, unsigned count);
void dev_pass(struct dev *at, u64 seconds);
struct header dev_newest_header(struct dev *at);
u64 dev_now_s(struct dev *at);

/* Runs the loop until it is so; the test fails where it does not come about. */
void dev_wait_for(struct dev *at, bool (*done)(struct dev *at), int line);
bool dev_has_outcome(struct dev *at);
#define WAIT_FOR(at, done) dev_wait_for(at, done, __LINE__)

/* A channel of the secrets 1 and 2. */
struct dev_channel {
    struct channel_terms terms;
    struct channel_name name;
    struct dev_seen *seen;
};
struct dev_channel *dev_example(struct dev *at, u8 salt, address asset);
signature64 dev_sign(const struct dev_channel *of, u32 side, hash32 struct_hash);
/* Signed by both; `locks` may be NULL. */
struct adjudicator_half dev_half(const struct dev_channel *of, u32 side, u64 seq, u128 sent,
                                 struct locks *locks);

/* A key that no intent has had. */
hash32 dev_next_key(struct dev *at);
/* Waits for an outcome, which must be this: the reason of a failure, or NULL. */
void dev_conclude(struct dev *at, hash32 key, const char *reason, int line);
void dev_submit(struct dev *at, bytes data, const char *reason, int line);
#define SUBMIT(at, data) dev_submit(at, data, NULL, __LINE__)
#define SUBMIT_REFUSED(at, data, reason) dev_submit(at, data, reason, __LINE__)
void dev_deposit(struct dev *at, const struct dev_channel *of, u32 side, u128 total);

#endif

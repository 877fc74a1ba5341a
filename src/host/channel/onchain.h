/* A channel daemon's eyes and hands on one Ethereum chain.
 *
 *   the daemon's loop                      a thread that blocks on JSON-RPC
 *   onchain_watch ───────────────────────> new block -> logs of the contracts
 *   listener: view, block, revealed <─────           -> views of channels and apps that have any
 *   onchain_submit, onchain_deposit ─────> sender (client/sender.h): each intent happens once
 *   listener: outcome <───────────────────
 *
 * What is told of a channel is views, all that the contract says at one block, not events: whatever
 * happened meanwhile, a reorg or a restart, the newest view holds. Views come for channels with
 * logs alone, so a daemon with ten thousand channels does not ask about each after a restart.
 *
 * What the server says of logs is believed as far as it goes: those that it leaves out are missed.
 * A state or pots that do not hash to what the contract says are never told.
 *
 * All functions and all of the listener's belong to the loop's thread; none of them waits for the
 * chain but onchain_open and onchain_deploy. */
#ifndef CHANNEL_ONCHAIN_H
#define CHANNEL_ONCHAIN_H

#include "channel/adjudicator.h"
#include "channel/court.h"
#include "client/sender.h"
#include "client/signer.h"
#include "sys/loop.h"

struct onchain;

/* All that the chain says of a channel, after one block. */
struct onchain_view {
    u64 block, time_s;               /* that block's */
    u128 deposited[2], withdrawn[2]; /* cumulative; deposits are zero after the settlement */
    enum adjudicator_phase phase;
    u64 phase_time_s;                /* DISPUTE: its end; UNLOCKING: when it was settled */
    u64 epoch, seq[2];               /* DISPUTE: of what won so far */
    struct adjudicator_state state;  /* DISPUTE: as `challenge` and `settle` take it */
    struct adjudicator_note note[2]; /* DISPUTE: what is to be merged into it; seq 0: nothing */
    struct adjudicator_bond bond;    /* DISPUTE, CLOSED */
    struct adjudicator_pots pots;    /* UNLOCKING: as `unlock` takes them */
};

/* All that the court says of an app, after one block. */
struct onchain_app {
    struct court_look look;
    bool has_state;         /* the one that was shown last, while nothing is decided: */
    struct app_state state; /* its data is borrowed */
};

/* A secret that has become public. */
struct onchain_reveal {
    hash32 key, secret; /* checked against one another */
    u64 time_s;
    /* Where it came in a batch: all of its preimages, and which it is; else NULL. */
    const hash32 *batch;
    usize batch_count, batch_index;
};

/* Everything is borrowed for the call. Functions may call what is below, but not onchain_close. */
struct onchain_listener {
    void *self;
    /* It has changed, or may have: as of the newest block, or of the newest that is final. What is
     * final was told before as of the newest. After a reorg the newest may be what was before. */
    void (*view)(void *self, hash32 id, const struct onchain_view *view, bool final);
    /* The same of an app that is watched, as of the newest block. NULL is fine. */
    void (*app)(void *self, hash32 id, const struct onchain_app *app);
    /* Its views and reveals have been told, final ones too. `final_number`, `final_time_s`: of the
     * newest block that is final; 0: none is. Where to go on after a restart: final_number + 1,
     * once the views are kept. */
    void (*block)(void *self, u64 number, u64 time_s, u64 final_number, u64 final_time_s);
    /* Of whatever channels; again after a reorg, a restart, or an onchain_watch of earlier blocks.
     * Time is the block's word, which a reorg may change; of what was recorded out of a batch that
     * is later than when it counts from: the batch itself was told before. */
    void (*revealed)(void *self, const struct onchain_reveal *reveal);
    /* An intent is in a block, or will never be: then with the reason. A reorg may take it out
     * again; it is sent again then. Views show what holds. */
    void (*outcome)(void *self, hash32 key, bool succeeded, const char *reason);
    /* Something has happened to a channel that is not watched. NULL is fine. */
    void (*stirred)(void *self, hash32 id);
    /* The answer to onchain_ask_funds: what each side has in it; zeros: it is not open. */
    void (*funds)(void *self, hash32 id, const u128 funds[2]);
    /* A dispute of whatever channel was opened in that block; again as reveals are. NULL is fine.
     */
    void (*disputed)(void *self, hash32 id, hash32 salt, u64 block);
    /* The same of an app, whosever it is, of which a state was shown in the court. */
    void (*shown)(void *self, hash32 app, u64 block);
    /* All that the registry has of a key that was asked for has been told. NULL is fine. */
    void (*searched)(void *self, hash32 key);
    /* Whether the chain can be followed, when that changes; at first it can. NULL is fine. */
    void (*reached)(void *self, bool is_reached);
};

struct onchain_options {
    const char *url;
    address adjudicator;  /* zero: where onchain_deploy puts it on every chain */
    const char *folder;   /* of the sender's journal; made where absent. Another for each chain */
    struct signer signer; /* pays for transactions; nobody else sends with this key */
    u64 confirmations; /* blocks, its own included, that make one final; 0: as the chain says, or 64
                          where it does not */
    u64 poll_ms;       /* 0: 1,000 */
    struct loop *loop; /* outlives it */
    struct onchain_listener listener;
};

/* Asks the chain for a few seconds at most. Nothing is told before onchain_begin.
 * ST_MISSING: the contracts are not there.  ST_AGAIN, ST_IO: the chain cannot be reached, or
 * another process has the folder.  Others as sender_open. */
enum status onchain_open(const struct onchain_options *options, struct onchain **out,
                         struct err *err);
/* Begins to follow the chain: once all channels are watched that there are. A block that is told
 * before an old channel is watched says nothing of where to go on with that one. */
enum status onchain_begin(struct onchain *chain, struct err *err);
/* Nothing is told any more. What has begun goes on when it is opened again; what has not, its
 * outcome untold, is to be submitted again. NULL is fine. */
void onchain_close(struct onchain *chain);

u64 onchain_chain_id(const struct onchain *chain);
address onchain_adjudicator(const struct onchain *chain);
address onchain_registry(const struct onchain *chain);
address onchain_court(const struct onchain *chain);
/* The newest block when it was opened: `since` of a channel that begins before any block is told.
 */
u64 onchain_first_block(const struct onchain *chain);
/* A time to wait before something is tried again: the usual one, or less where the chain is looked
 * at more often than once in a second. */
u64 onchain_paced_ms(const struct onchain *chain, u64 usual_ms);

/* --- Eyes. */

/* A channel of ours: its view is told when it has logs in block `since` or later, old ones too. A
 * channel that is watched already is left as it is. */
void onchain_watch(struct onchain *chain, const struct channel_terms *terms, u64 since);
/* Its view is told as of the newest block, and again once that is final, with or without logs: for
 * a channel of which more is to be known than that nothing has happened to it, as of one in dispute
 * after a restart. */
void onchain_look(struct onchain *chain, hash32 id);
void onchain_forget(struct onchain *chain, hash32 id);
/* An app that locks of ours depend on: its view is told soon, and when it has logs. */
void onchain_watch_app(struct onchain *chain, hash32 app);
void onchain_forget_app(struct onchain *chain, hash32 app);
/* Asks about a channel of whomever, as of the newest block. Many are asked about at once; how many
 * wait is for the caller to bound. */
void onchain_ask_funds(struct onchain *chain, hash32 id);

/* Tells of a secret however long ago it was revealed by itself, and of batches with it since
 * `since_s`; then `searched`. Who only wants one that counts until `until_s` is told sooner. Keys
 * are asked about together; how many wait is for the caller to bound. */
void onchain_ask_secret(struct onchain *chain, hash32 key, u64 since_s, u64 until_s);

/* Disputes and reveals are told from this block on. Else from when it was opened, or from the
 * first block that a channel is watched from. */
void onchain_tell_since(struct onchain *chain, u64 block);

/* --- Hands. */

/* A call to one of the contracts; copied. The key names it for ever, also over restarts: what
 * was sent under it is not sent again, and its outcome is told again. So what is to be tried again
 * after a failure takes another key. */
struct onchain_intent {
    hash32 key;
    enum onchain_contract { ONCHAIN_ADJUDICATOR, ONCHAIN_REGISTRY, ONCHAIN_COURT } to;
    bytes data;
    bool stakes;               /* a forced close: with a bond, where the account can spare one */
    struct sender_stake stake; /* what is lost if it comes too late; zeros: nothing */
};
void onchain_submit(struct onchain *chain, const struct onchain_intent *intent);

/* Raises the deposits of a side to `total`, with the signer's money; for a token approves first
 * what is needed, where it is not. Succeeds where they are that high already. Keys as above. */
void onchain_deposit(struct onchain *chain, hash32 key, const struct channel_terms *terms, u32 side,
                     u128 total);

/* --- Putting the contracts there. */

/* Where they are absent, in two transactions. ST_OK: they are there now, and before.
 * ST_MISSING: the chain lacks the deterministic deployment proxy.  Others as errands_do. */
enum status onchain_deploy(const char *url, const struct signer *signer, struct err *err);

#endif

/* The parts of a sender: sender.c is what callers see, and its turns; sender_entry.c keeps what it
 * was asked for; sender_resolve.c finds out what has become of it; sender_send.c signs and sends;
 * sender_journal.c remembers; sender_fees.c prices. */
#ifndef CLIENT_SENDER_PARTS_H
#define CLIENT_SENDER_PARTS_H

#include "client/sender.h"
#include "client/sidecar.h"
#include "store/log.h"
#include "sys/pages.h"

enum {
    SENDER_REMEMBERED = 4096,  /* finished intents */
    SENDER_MAX_DATA = 1 << 20, /* bytes of an intent's data */
    SENDER_MAX_ATTEMPTS = 64,  /* transactions of one intent */
    SENDER_REASON = 200,
    SENDER_BUCKETS = 4096,
};

/* Per gas, and per blob gas. */
struct sender_fees {
    u256 max_wei, tip_wei, blob_wei;
};

/* A signed transaction. */
struct attempt {
    bool cancels; /* a transfer to ourselves in the intent's place */
    hash32 hash;
    struct sender_fees fees;
    bytes envelope;
};

struct entry {
    struct entry *next, *previous; /* in its list */
    struct entry *next_in_bucket;
    struct sender_intent intent; /* data and blobs are owned; freed when it is finished */
    bool finished, withdrawn;
    struct sender_outcome outcome; /* what is told; `reason` points to the text below */
    char reason[SENDER_REASON];

    u64 nonce; /* counts where there are attempts */
    u64 gas_limit;
    struct attempt *attempts;
    usize attempt_count;
    struct sidecar sidecar; /* count 0: not made yet */
    bool cells;             /* the form of the sidecar that is tried now */

    u64 due_ms;        /* not tried before */
    u64 signed_ms;     /* the newest attempt, and */
    u64 signed_height; /* the parent's height then */
    bool wants_bump;   /* the parent finds it too cheap */
    bool cancel_mined; /* the newest look found the cancellation in a block */
    hash32 seen_at;    /* the parent's newest block when one of them was found in a block */
    bool missing;      /* its nonce is used by something else, since this block: */
    u64 missing_height;
};

/* In the order in which they came. */
struct entry_list {
    struct entry *first, *last;
    usize count;
};

struct sender {
    struct sender_options options;
    char *path;
    struct file *lock;
    struct log_file *journal;
    u64 compacted_size; /* of the journal when it was last written anew */
    struct pages scratch;
    struct entry_list unfinished, finished;
    struct entry *buckets[SENDER_BUCKETS]; /* both, by key */
    u64 next_nonce;                        /* above all that were ever given */
    bool broken;                           /* the journal is */

    /* What the newest look showed. */
    bool right_chain;
    u64 height, time_s, mined, pending;
    hash32 head;
    bool has_market; /* in this poll */
    struct eth_fees market;
    bool in_gap;
    u64 gap_since_ms;
};

/* --- sender_entry.c */

struct entry *sender_find(const struct sender *sender, hash32 key);
/* At the end of the unfinished ones; the intent is copied. */
struct entry *entry_add(struct sender *sender, const struct sender_intent *intent);
/* ST_INVALID: not a transaction. */
enum status entry_add_attempt(struct sender *sender, struct entry *entry, bool cancels,
                              bytes envelope, struct arena tmp);
/* Moves an intent to the finished ones, and frees what it no longer needs. */
void entry_retire(struct sender *sender, struct entry *entry);
/* Frees all. */
void entries_free(struct sender *sender);
/* What is told of it while it waits. */
[[gnu::format(printf, 2, 3)]] void entry_say(struct entry *entry, const char *format, ...);
/* Its end, which is durable when this returns. */
enum status sender_finish(struct sender *sender, struct entry *entry, enum sender_state state,
                          bytes revert_data, struct err *err);
/* Drops the oldest finished ones beyond what is remembered. */
void sender_forget(struct sender *sender);

/* --- sender_resolve.c */

/* Asks for the parent's height and time, and the account's nonces. */
enum status sender_look_around(struct sender *sender, struct err *err);
/* Finds out what has become of all that was signed. */
enum status sender_resolve(struct sender *sender, struct err *err);

/* The parent refuses to say, or says too much: that is no state of things, it only has to be asked
 * again. */
static inline enum status later(enum status st)
{
    return st == ST_INVALID || st == ST_FULL || st == ST_MISSING ? ST_AGAIN : st;
}

/* --- sender_send.c */

/* An intent's first transaction. `alone`: nothing of ours is on its way, so that what is estimated
 * is what will happen. */
enum status sender_launch(struct sender *sender, struct entry *entry, bool alone, u64 now_ms,
                          struct err *err);
/* One that is on its way: sent again, outbid or cancelled when it is due. `first`: all that has
 * lower nonces is in blocks, so it waits for nothing but its own fee. */
enum status sender_tend(struct sender *sender, struct entry *entry, bool first, u64 now_ms,
                        struct err *err);
/* Another program's transaction, behind which ours were signed, may have vanished. */
enum status sender_fill_gap(struct sender *sender, u64 now_ms, struct err *err);

/* --- sender_journal.c. All are durable when they return; a failure breaks the sender. */

/* Opens and locks the journal, and replays it. */
enum status journal_open(struct sender *sender, struct err *err);
void journal_close(struct sender *sender);
enum status journal_intent(struct sender *sender, const struct sender_intent *intent,
                           struct err *err);
enum status journal_attempt(struct sender *sender, hash32 key, bool cancels, bytes envelope,
                            struct err *err);
enum status journal_withdrawn(struct sender *sender, hash32 key, struct err *err);
enum status journal_done(struct sender *sender, hash32 key, const struct sender_outcome *outcome,
                         struct err *err);
/* Writes the journal anew without what is settled, where it has grown large. */
enum status journal_compact(struct sender *sender, struct err *err);

/* --- sender_fees.c */

/* What stakes are on an intent: its own, and those of what waits behind it. */
struct urgency {
    u256 fee_wei; /* per gas: what may be paid for them; 0: there are none */
    u64 until_s;  /* the earliest deadline; UINT64_MAX: none */
};
/* `has_wei`: of the account, which has to cover what it offers. */
struct urgency urgency_of(const struct sender *sender, const struct entry *entry, u256 has_wei);
/* A time to wait before it is sent again or outbid: shorter than usual where a deadline is near, a
 * sixteenth of what is left until it. */
u64 patience_ms(const struct sender *sender, const struct entry *entry, u64 usual_ms);

/* What to begin with. ST_AGAIN: the parent wants more than may be paid. */
enum status fees_begin(const struct sender_options *options, const struct urgency *urgency,
                       const struct eth_fees *market, bool blobs, struct sender_fees *out,
                       struct err *err);
/* At least so much more that a pool takes it in the old one's place, at least the market's, at most
 * the limit (`begun` times a factor, or what is urgent allows; `begun` NULL: no factor). False:
 * that cannot be. */
bool fees_raise(const struct sender_options *options, const struct urgency *urgency,
                const struct sender_fees *begun, const struct sender_fees *old,
                const struct eth_fees *market, bool blobs, struct sender_fees *out);

#endif

/* Who has the channels' keys. All that they sign is asked for here, as typed values that say what
 * is signed, and is refused where a bug, or a thief of the daemon's JSON-RPC, asks for it:
 *
 *     half        the next after the newest that was signed, in the newest base's epoch; what it
 *                 adds to what we have paid or locked is a payment that was allowed, or covered
 *                 by a peer's lock with the same key and kind: what passes through, also for
 *                 those who play over us, costs nothing; what is paid of a lock in parts leaves
 *                 that much less to come back, and of a peer's that much less to cover with. Where
 *                 both would do, what was allowed is used: a peer whose lock has the key of a
 *                 payment of ours, and is given back, must not make room in the limits
 *     base        of a later epoch than all that was signed; nobody's money but what both sides'
 *                 halves moved, the locks as in these
 *     close       what the newest halves come to, no locks open; nothing but it afterwards
 *     withdrawal  before a close
 *     tower       that our node, and no other, keeps a channel's states with a watchtower
 *     app         a state of an app that was begun, with no more than is at stake; no two of one
 *                 version, and versions rise, but for those that the other proposed meanwhile in
 *                 an app without rules. By the node's key, which the app names
 *     payment     no signature: so much of our own money may be locked, paid or at stake in an app.
 *                 Within the limits of one payment, of an hour, of a day
 *     deposit     no signature: a channel may hold so much of ours
 *
 * Keys are derived when they are first used, each for one channel for ever, but that a channel may
 * be forgotten while nothing at all was signed with its key (signer_forget): then there is nothing
 * that another channel's signatures could contradict. Terms that do not pay out to the account are
 * not signed for. They are wiped when it is freed, and never told.
 *
 * High-water marks come from the journal's records of what was said (signer_note), which are there
 * before it leaves; money and locks from the machine that replayed them (signer_adopt), and from
 * then on from what is signed and heard. What was spent is a record of its own (keep), in the batch
 * of the payment itself. So nothing waits for the disk because of it.
 *
 * Where it stands now, in the daemon's process, it believes the machine in three things that one in
 * another process would have to check itself: that the peer signed what it said, that a root is of
 * those locks that the items add, and what the chain has of deposits.
 *
 * Limits are for each chain's own money, and for tokens that they name, in the smallest unit. Of
 * other tokens nobody has said what they are worth: they have the other rules alone, and are
 * counted in case that somebody does. */
#ifndef CHANNEL_SIGNER_H
#define CHANNEL_SIGNER_H

#include "channel/channel.h"
#include "channel/keyring.h"
#include "channel/signer_apps.h"
#include "channel/signer_ledger.h"

struct limited_signer;

struct signer_options {
    struct keyring *ring; /* outlives it. NULL: it only remembers what the journal says */
    struct signer_limits limits;
    bool swaps; /* a lock of one chain's own money may be paid for by one of another's */
    void *self;
    /* NULL: nowhere. Into the journal: for signer_spent after a restart. */
    void (*keep)(void *self, address asset, const struct signer_spent *spent);
};

struct limited_signer *signer_new(const struct signer_options *options);
/* Whether it has no keys. */
bool signer_remembers(const struct limited_signer *signer);
/* NULL is fine. */
void signer_free(struct limited_signer *signer);
const struct signer_limits *signer_limits(const struct limited_signer *signer);

/* The channel's owner that has this key. Below KEYRING_LIMIT. */
address signer_owner(struct limited_signer *signer, u32 key);
/* Binds the key to a channel. ST_INVALID: it has another one, or the terms name another owner or
 * payout than ours. */
enum status signer_know(struct limited_signer *signer, u32 key, u32 side,
                        const struct channel_terms *terms, struct err *err);
/* Whether anything was signed with the key, as far as the journal's records say too. */
bool signer_has_signed(const struct limited_signer *signer, u32 key);
/* The key may sign for another channel, if nothing was signed with it; else nothing happens. */
void signer_forget(struct limited_signer *signer, u32 key);
/* The channel is over: its locks cover nothing any more. */
void signer_end(struct limited_signer *signer, u32 key);

/* The one question; see above and struct sign_request. `out` may be NULL for what has no signature.
 * ST_FULL: a limit, signer_why says which.  ST_INVALID: it breaks a rule. Nothing has changed. */
enum status signer_sign(struct limited_signer *signer, const struct sign_request *request,
                        signature64 *out, struct err *err);
const struct signer_refusal *signer_why(const struct limited_signer *signer);
/* For the machine: halves, bases, withdrawals. */
struct channel_signer signer_of_channels(struct limited_signer *signer);

/* What was allowed for the payment and has not been used is not spent. `unused`: of one in a
 * channel alone; others are known by their locks. */
void signer_release(struct limited_signer *signer, const struct sign_payment *payment, u128 unused);

/* An app that we play: its states may be signed (signer_apps.h). ST_INVALID: not by our key, or it
 * is over. */
enum status signer_app_begin(struct limited_signer *signer, const struct signer_app *app,
                             struct err *err);
void signer_app_agree(struct limited_signer *signer, hash32 id, u64 version);
void signer_app_note(struct limited_signer *signer, hash32 id, u64 version);
void signer_app_end(struct limited_signer *signer, hash32 id);
/* Whether it could not be begun any more. */
bool signer_app_is_over(const struct limited_signer *signer, hash32 id, u64 expiry_s);
/* All that are, for a journal that is written anew, and from there. */
const struct apps_over *signer_apps_over(const struct limited_signer *signer);
void signer_apps_add_over(struct limited_signer *signer, const struct app_over *list, usize count,
                          u64 until_s);

/* A half of the peer's that the machine has taken, and the items that lead to it. */
void signer_hear(struct limited_signer *signer, u32 key, const struct half *half, bytes items);

/* --- After a restart or a restore. */

/* A record says that something was signed, and half `seq` of this epoch: nothing older is again.
 * Zeros: something else than a half or a base. */
void signer_note(struct limited_signer *signer, u32 key, u64 epoch, u64 seq);
/* The newest states that the machine knows, and the peer's locks; then, when this was told of all
 * channels, our own locks: some are covered by others' . */
void signer_adopt(struct limited_signer *signer, u32 key, const struct channel_newest *newest,
                  const struct locks *peers);
void signer_adopt_locks(struct limited_signer *signer, u32 key, const struct locks *ours);
/* A record of signer_options.keep. */
void signer_spent(struct limited_signer *signer, address asset, const struct signer_spent *spent);
/* For a journal that is written anew: all sums are kept again; what signer_note said last. */
void signer_keep_all(const struct limited_signer *signer);
void signer_noted(struct limited_signer *signer, u32 key, u64 *epoch, u64 *seq);
/* Of one kind of money on a chain, in the hour and in the day before `now_s`. */
void signer_sums(struct limited_signer *signer, u64 chain_id, address asset, u64 now_s, u128 *hour,
                 u128 *day);

#endif

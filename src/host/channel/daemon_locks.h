/* Locks in a daemon's channels, and what they are for: what passes through, what ends here, what is
 * paid, apps. */
#ifndef CHANNEL_DAEMON_LOCKS_H
#define CHANNEL_DAEMON_LOCKS_H

#include "channel/daemon_records.h"

/* --- passage.c */

struct passage *passage_new(struct entry *in, u32 in_slot, struct entry *out, u32 out_slot,
                            const struct lock *lock, struct part *part);
/* From the journal: one like it, which does not hold a reason. */
void passage_put_back(const struct passage *from);
/* The newest that has this lock of ours; the one that has this lock of the peer's. NULL: none. */
struct passage *passage_out(const struct entry *entry, u32 slot);
struct passage *passage_in(const struct entry *entry, u32 slot);
/* The oldest with this lock of ours, of which there is one, out of the slot. */
struct passage *passage_take_oldest(struct entry *entry, u32 slot);
/* A lock is done with; a passage without locks is freed. */
void passage_leave_in(struct passage *passage);
void passage_leave_out(struct passage *passage);
void passage_end(struct passage *passage);
void passages_free(struct entry *entry);

/* The first with this key, whose next_of_key are the others. */
struct passage *passages_of_key(const struct daemon *daemon, hash32 key);
/* Whether it is its slot's newest: whether passage_out finds it. */
bool passage_holds_slot(const struct passage *passage);

/* --- holders.c */

/* A lock has come, of either side. */
void holders_add(struct entry *entry, const struct lock *lock);
/* All that the channel has: after a restart, a restore, a dispute. */
void holders_add_all(struct entry *entry);
/* Whether a channel on that chain has a lock with the key, of either side. */
bool holders_have(const struct chain_of *chain, hash32 key);
/* The channels that may have such a lock, one after the other: *at is NULL at first. NULL: no more.
 */
struct keyed;
struct entry *holders_next(const struct daemon *daemon, hash32 key, const struct keyed **at);
void holders_free(struct daemon *daemon);

/* --- rejoin.c */

/* Channels may have locks of which the journal does not say all: from here on secrets are asked
 * what they pay for. */
void rejoin_begin(struct daemon *daemon);
/* The same after a start, where it is so. */
void rejoin_resume(struct daemon *daemon);
void rejoin_first_block(struct chain_of *chain);
/* A channel has other locks: joins what belongs together. */
void rejoin_join(struct daemon *daemon);
/* One of the two has recovered: tells it, or is told, what secrets the locks have that are there.
 */
void rejoin_tell_again(struct entry *entry);
/* It has recovered: whatever it holds under a known secret is claimed. */
void rejoin_recovered(struct entry *entry);
/* One of ours that nothing is joined to is paid: after a restore, the history tells of it. */
void rejoin_pay(struct entry *entry, u32 slot, hash32 preimage);
/* A secret has come. */
void rejoin_secret(struct daemon *daemon, hash32 key, hash32 preimage);
/* It is in a chain's registry, since that time. Whether it has to be kept. */
bool rejoin_shown(struct chain_of *chain, hash32 key, hash32 secret, u64 time_s);
/* From the journal. False: it is known. */
bool rejoin_found(struct daemon *daemon, hash32 preimage);
/* What is kept, into the journal. */
void rejoin_record(struct daemon *daemon);
void rejoin_free(struct daemon *daemon);

/* --- forward.c */

enum { LONGEST_LOCK_S = 14 * 86400 };

void forward_event(struct entry *entry, const struct channel_event *event);
/* An event that the journal tells of. */
void forward_replay(struct entry *entry, const struct channel_event *event);
/* After the journal, and before channel_resume's events. */
void forward_resume(struct entry *entry);
/* What did not fit into updates gets into the next ones. */
void forward_answers(struct entry *entry);
void answers_free(struct entry *entry);
void forward_reveal(struct chain_of *chain, const struct onchain_reveal *reveal);
/* The journal tells of it. */
void forward_shown(struct chain_of *chain, const struct shown_terms *terms);
/* A block has come. Whether the next one has to do with the channel, too. */
bool forward_look(struct entry *entry);
/* After a restore the channel has other locks than it had: what was joined to those that are gone
 * is not known to have been paid, or given back. */
void forward_restored(struct entry *entry);
/* By how much a lock has to outlast the one on another chain that it pays for. */
u64 forward_swap_s(const struct daemon_options *options);

/* Whether a lock of the peer's with this key waits in the slot. The peer may pay for one unasked,
 * or take it back when its time is over, and put another one there. */
bool lock_waits(const struct entry *entry, u32 slot, hash32 key);
/* A lock of the peer's is answered: of an app; with its secret; with a reason why not. False: it
 * was before, or the peer is told nothing any more. */
void lock_let_go(struct entry *entry, u32 slot);
bool lock_settle(struct entry *entry, u32 slot, hash32 preimage);
void lock_fail(struct entry *entry, u32 slot, const struct failure *why);
/* One of ours is paid. False: as above. */
bool lock_pay(struct entry *entry, u32 slot);

/* --- receive.c */

/* Chooses preimage and secret of what is asked for. False: there are too many. */
bool bill_new(struct daemon *daemon, struct bill_terms *terms);
/* The same, with these; one that is there already stays as it is. */
bool bill_put(struct daemon *daemon, const struct bill_terms *terms);
/* False: no such invoice. */
bool bill_state(const struct daemon *daemon, hash32 hash, u128 *received);
/* From the journal. */
void bill_add(struct daemon *daemon, const struct bill_terms *terms);
void bill_received(struct daemon *daemon, hash32 hash, u128 amount);
/* All of them, into the journal. */
void bills_record(struct daemon *daemon);
/* Forgets those that are over, of which the history knows. */
void bills_forget(struct daemon *daemon);
void bills_free(struct daemon *daemon);
/* Locks under this hash of before a restore come to so much. Whether that pays an invoice of ours,
 * or belongs to one that was paid: then its preimage. */
bool bill_take_held(struct entry *entry, hash32 hash, u128 sum, hash32 *preimage);
/* `is_new`: it was not there before a restart. */
void receive_lock(struct entry *entry, u32 slot, bool is_new, const struct lock *lock,
                  const struct payload *step);
/* A block has come. */
void receive_tick(struct chain_of *chain);

/* --- offers.c; messages.h has the rest */

/* A lock with this hash has come along the way to pay of an invoice of ours; *secret is that of its
 * bill, which is kept from here on. ST_INVALID: it is none of ours. */
enum status offer_take(struct daemon *daemon, bytes path_id, hash32 hash, hash32 *secret);

/* --- apps.c */

/* An event of an app's lock. */
void apps_event(struct entry *entry, const struct channel_event *event);
/* Something in the channel has changed. */
void apps_touch(struct entry *entry);
void apps_resume(struct daemon *daemon);
void apps_turn(struct daemon *daemon);
/* A block has come; time has passed. */
void apps_block(struct chain_of *chain);
void apps_tick(struct daemon *daemon, u64 now_ms);
void apps_view(struct chain_of *chain, hash32 id, const struct onchain_app *app);
void apps_errand_failed(struct chain_of *chain, hash32 key, const char *why);
/* The peer can be talked to. */
void apps_met(struct peer *peer);
/* The channel's states may be old: nothing more is signed of its apps. */
void apps_freeze(struct entry *entry);
/* All that there are, into the journal. */
void apps_record(struct daemon *daemon);
/* Whether the court has decided a lock of an app in time. */
bool apps_is_decided(const struct daemon *daemon, const struct lock *lock);
enum status apps_replay(struct daemon *daemon, enum record kind, bytes payload, struct err *err);
void apps_free(struct daemon *daemon);
enum status apps_take_offer(struct peer *peer, const struct wire_message *message, struct err *err);
enum status apps_take_answer(struct peer *peer, const struct wire_message *message,
                             struct err *err);
enum status apps_take_state(struct peer *peer, const struct wire_message *message, struct err *err);
enum status apps_take_end(struct peer *peer, const struct wire_message *message, struct err *err);
enum status apps_take_leg(struct peer *peer, const struct wire_message *message, struct err *err);
/* The watchtower can be talked to; it answers about a blob of an app. */
void apps_tower_met(struct daemon *daemon);
enum status apps_take_receipt(struct daemon *daemon, const struct wire_tower_receipt *receipt,
                              struct err *err);
enum status apps_take_tower_refusal(struct daemon *daemon, const struct wire_tower_refuse *refusal,
                                    struct err *err);

/* --- payments.c */

/* Along a way that is given. While the first channel's next update is full, it waits.
 * ST_INVALID: it was made before. ST_MISSING: there is no such way. ST_FULL: a channel has not so
 * much, or the signer allows not so much. */
enum status payment_begin(struct daemon *daemon, const struct payment_terms *terms,
                          const struct plan *way, struct err *err);
/* The same, along ways that are looked for, until it is paid or nothing is left to try. `ends`, or
 * NULL, are the payment's from here on, whatever comes of it. */
struct seek_options;
enum status payment_seek(struct daemon *daemon, const struct payment_terms *terms,
                         const struct seek_options *options, struct blind_ends *ends,
                         struct err *err);
/* Of its locks, from now to their expiry. */
u64 payment_life_s(const struct daemon *daemon);
/* Parts for what has come back. */
void payments_turn(struct daemon *daemon);
struct payment *payment_find(const struct daemon *daemon, hash32 hash);
/* From the journal. */
struct payment *payment_add(struct daemon *daemon, const struct payment_terms *terms);
struct part *part_add(struct payment *payment);
struct payment *part_payment(const struct part *part);
void payments_resume(struct daemon *daemon);
/* Forgets those that are over, of which the history knows. */
void payments_forget(struct daemon *daemon);
void payments_free(struct daemon *daemon);
void part_paid(struct part *part, hash32 preimage);
void part_failed(struct part *part, bytes reason);

#endif

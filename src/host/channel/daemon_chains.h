/* What a daemon does on chains, and what it learns there of its channels. */
#ifndef CHANNEL_DAEMON_CHAINS_H
#define CHANNEL_DAEMON_CHAINS_H

#include "channel/daemon_internal.h"

/* --- errand.c */

/* Of all that we want in the channel. */
void errand_deposit(struct entry *entry);
/* A call of the adjudicator. */
void errand_call(struct entry *entry, enum errand errand, bytes call);
/* One with a deadline. */
void errand_urgent(struct entry *entry, enum errand errand, bytes call,
                   const struct sender_stake *stake);
/* A forced close, `claims`: with a bond on its being the newest. */
void errand_force(struct entry *entry, bytes call, bool claims);
/* Takes a secret of ours out of a batch, so that it counts by itself. */
void errand_record(struct entry *entry, const struct shown_terms *shown,
                   const struct sender_stake *stake);
/* Shows a secret to everybody; where that has failed, once more. */
void errand_reveal(struct chain_of *chain, hash32 preimage, const struct sender_stake *stake);
/* Of a lock whose secret has to be there in time; zeros where it is not of ether. */
struct sender_stake errand_stake_of_lock(const struct entry *entry, const struct lock *lock,
                                         u64 from_s, u64 until_s);
void reveals_free(struct chain_of *chain);
void errand_ended(struct chain_of *chain, hash32 key, bool succeeded, const char *why);
void errands_tick(struct daemon *daemon, u64 now_ms);

/* --- ending.c */

enum { CALL_ROOM = 1 << 20 }; /* bytes that a call of the adjudicator may take */

/* Offers to close, or goes on where both sides have stopped. */
void ending_begin(struct entry *entry);
void ending_step(struct entry *entry);
enum { STFU_CLOSE = 1, STFU_REBASE }; /* its reasons */
enum status ending_take_stfu(struct entry *entry, const struct wire_message *message,
                             struct err *err);
enum status ending_take_close(struct entry *entry, const struct wire_message *message,
                              struct err *err);
/* Says again what the peer may have missed. */
void ending_again(struct entry *entry);
/* From the journal. */
void ending_stopped(struct entry *entry, u32 side);
void ending_signed(struct entry *entry, u32 side, const struct wire_close *close);

/* The newest states, the peer's half endorsed. ST_INVALID: the signer refuses. */
enum status ending_states(const struct entry *entry, struct adjudicator_states *out);
/* Closes by ourselves. */
void ending_force(struct entry *entry);
/* Takes up again, after a restart, what was decided before. */
void ending_resume(struct entry *entry);
/* What the chain says of it, as of the newest block. */
void ending_view(struct entry *entry, const struct onchain_view *view);
/* The same, of the newest final block. */
void ending_final(struct entry *entry, const struct onchain_view *view);
/* A block has come, here and below. Whether the next one has to do with the channel, too. */
bool ending_look(struct entry *entry);

/* --- splice.c */

/* Our side takes so much more out: when that can be signed. */
void splice_begin(struct entry *entry, u128 amount);
/* Whether nothing is to be signed, and all that was is paid or dead. */
bool splice_is_done(const struct entry *entry);
/* Whether a withdrawal is late at that time. */
bool splice_is_over(const struct entry *entry, u64 final_s);
/* Says what can be said. */
void splice_step(struct entry *entry);
enum status splice_take_stfu(struct entry *entry, const struct wire_message *message,
                             struct err *err);
enum status splice_take_rebase(struct entry *entry, const struct wire_message *message,
                               struct err *err);
enum status splice_take_withdraw(struct entry *entry, const struct wire_message *message,
                                 struct err *err);
/* Sends again, after a restart or a failure, what both have signed. */
void splice_resume(struct entry *entry);
bool splice_look(struct entry *entry);

/* --- restoring.c */

/* The journal is an old copy: of each channel something newer may have been signed. */
void restoring_begin(struct daemon *daemon);
/* The journal is empty: channels are made of what a watchtower kept. ST_INVALID: the journal is
 * not, or a chain is missing. What is not ours is passed over. */
enum status restoring_from(struct daemon *daemon, const struct daemon_kept *kept, usize count,
                           struct err *err);
/* Instead of REESTABLISH, or after it: asks the peer what it has. */
void restoring_ask(struct entry *entry);
/* The connection is gone, and with it what was said by halves. */
void restoring_parted(struct peer *peer);
void restoring_free(struct daemon *daemon);
enum status restoring_take_lost(struct entry *entry, const struct wire_message *message,
                                struct err *err);
enum status restoring_take_locks(struct entry *entry, const struct wire_message *message,
                                 struct err *err);
enum status restoring_take(struct entry *entry, const struct wire_message *message,
                           struct err *err);
enum status restoring_replay(struct entry *entry, const struct wire_recover *said, struct err *err);
/* The peer has signed our recovery base. */
void restoring_done(struct entry *entry);
bool restoring_look(struct entry *entry);

/* --- unlock.c */

/* Keeps what the registry has told of a key that matters. */
void shown_note(struct chain_of *chain, const struct onchain_reveal *reveal);
/* From the journal. */
void shown_add(struct chain_of *chain, const struct shown_terms *terms);
/* By itself or in a batch, at that time or before; by itself if it is both. NULL: neither. */
const struct shown *shown_find(const struct chain_of *chain, hash32 key, u64 expiry_s);
void shown_free(struct chain_of *chain);
/* Pays out the next chunk that is decided; the dispute is settled. */
void unlock_step(struct entry *entry);
void unlock_free(struct entry *entry);

/* --- public.c */

/* False: it is known. */
bool public_add(struct chain_of *chain, hash32 key);
/* On whatever chain of the daemon's. */
bool public_has(const struct daemon *daemon, hash32 key);
void public_free(struct chain_of *chain);

/* --- sought.c */

/* Whether the daemon was told all that the chain's registry was shown of a lock's key, before the
 * daemon followed it too. Else it is asked; the answer comes before a block, which looks again. */
bool sought_all(struct chain_of *chain, const struct lock *lock);
/* The registry has answered. */
void sought_answered(struct chain_of *chain, hash32 key);
void sought_free(struct chain_of *chain);

#endif

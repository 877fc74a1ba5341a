/* Two machines, two journals, a chain, and a schedule in bytes that says what happens next: to
 * payments, locks, stakes in apps, bases, withdrawals, connections, restarts, and to what is lied
 * about. Each side is honest; whatever the schedule, these hold:
 *
 *   no side refuses what the other has said          no number is signed twice differently
 *   money is conserved                               a lie changes nothing
 *   a journal brings back what it was written of     whatever is shown on chain is covered (R3)
 *   two who are left alone agree                     and then can spend what the other would take
 *   what a court gives of a stake is paid
 *
 * Nothing leaves a side before its journal is durable; a restart loses what is not. */
#ifndef CHANNEL_CHANNEL_WORLD_H
#define CHANNEL_CHANNEL_WORLD_H

#include "channel/channel.h"
#include "channel/signer.h"

enum { WORLD_RECORDS = 6000, WORLD_MEMORY = 24 << 20, WORLD_SLOTS = 64, WORLD_SIGNED = 4096 };

/* Apps by number, of which the court has decided the odd ones: so much of a stake its payer keeps.
 */
enum { WORLD_APPS = 6, WORLD_KEPT = 300 /* times the number, less one */ };

enum { WORLD_START = 1000, WORLD_LOCK_LIFE = 60, WORLD_WITHDRAW_LIFE = 40 };

struct world_record {
    enum { WORLD_SENT, WORLD_RECEIVED, WORLD_SEEN } kind;
    bytes message;
    u128 deposited[2], withdrawn[2];
    u64 final_s;
};

struct world_side {
    struct channel *channel;
    struct channel_events events;
    struct world_record journal[WORLD_RECORDS];
    usize count, durable;
    bytes line[WORLD_RECORDS]; /* to the peer */
    usize read, ready, said;   /* ready: may leave */
    bool here, there;
    enum { WORLD_NOTHING, WORLD_PAY, WORLD_DROP } to_end[WORLD_SLOTS];
};

/* A number that was signed, and for what. */
struct world_signed {
    u32 side, kind;
    u64 epoch, seq;
    hash32 digest;
};

struct world {
    struct world_side side[2];
    u128 deposited[2], withdrawn[2];
    u64 now_s;
    bytes script;
    u8 *memory;
    usize used;
    struct world_signed list[WORLD_SIGNED];
    usize list_count;
    struct err err; /* why something was refused */
};

extern const struct channel_signer world_signer;
/* The signers know the two channels; are there no more. */
void world_signers_begin(const struct world *w);
void world_signers_end(void);
/* A signer takes over where the channel is, after a restore. */
void world_adopt(const struct channel *channel);

/* --- channel_schedule.c */

/* One at a time: two sides with deposits that have just met. */
struct world *world_begin(bytes script);
void world_end(struct world *w);
/* All of the schedule, and then peace. */
void world_run(bytes script);

/* An update, if there is anything to say; and what bases and withdrawals want to be said. */
void world_update(struct world *w, u32 side);
void world_splice(struct world *w, u32 side);
/* The chain pays out the withdrawals that a side has both signatures of. */
void world_execute(struct world *w, u32 side);

void world_check_journal(struct world *w, u32 side);
/* Lets the two talk until nothing is left to be said, and compares them. */
void world_settle_down(struct world *w);

/* --- channel_world.c */

/* Of the schedule; zero where it has ended. */
u8 world_byte(struct world *w);
u64 world_number(struct world *w, u64 limit);
bool world_is_full(const struct world *w);

/* Into the line to the peer, into the journal; world_flush makes both so. */
void world_say(struct world *w, u32 side, const struct wire_message *message);
void world_record(struct world *w, u32 side, bool ours, const struct wire_message *message);
void world_flush(struct world *w, u32 side);
/* A side learns what is final. */
void world_see(struct world *w, u32 side);
void world_take_events(struct world_side *at);

struct channel *world_channel(u32 side);
struct channel *world_replayed(const struct world_side *at, u32 side, usize count,
                               struct channel_events *events);
/* What a side says of itself, in one hash. */
hash32 world_digest(const struct channel *channel);
/* A new connection, in place of the one that there was. */
void world_meet(struct world *w);
/* From the journal; the connection is gone. */
void world_restart(struct world *w, u32 side);

bool world_is_decided(const struct lock *lock);
/* What its payer keeps of an app's lock; a lock that the court has not decided is kept whole. */
u128 world_kept(const struct lock *lock);

/* ST_OK: to be written; ST_AGAIN: nothing of it is. */
enum status world_take(struct world *w, u32 side, const struct wire_message *message);
/* The next message to a side, which it must not refuse. */
void world_deliver(struct world *w, u32 side);

#endif

/* The parts of a channel:
 *
 *     channel.c    life, its own updates
 *     take.c       the peer's
 *     money.c      who has what
 *     rebase.c     new bases
 *     withdraw.c   money taken out
 *     meeting.c    after a connection is gone
 *     recover.c    after a restore
 *     image.c      all of it, as a record */
#ifndef CHANNEL_INTERNAL_H
#define CHANNEL_INTERNAL_H

#include "channel/channel.h"

/* A half of ours that the peer may still have to be sent, or may still show to the adjudicator. */
struct sent {
    struct half half;
    hash32 hash;
    signature64 signature;
    usize items_size;
    u8 items[];
};

/* What became of a lock of ours. It keeps its slot until the peer has acknowledged its end. */
struct out_lock {
    enum { OUT_NONE, OUT_QUEUED, OUT_ADDED, OUT_SETTLED, OUT_FAILED, OUT_ENDED } state;
    hash32 preimage; /* OUT_SETTLED */
    struct lock was; /* OUT_ENDED */
    bytes reason;    /* OUT_FAILED, owned */
    bool changes;    /* the next update pays a part of it */
};

/* What we did about a lock of the peer's. */
struct in_lock {
    enum {
        IN_NONE,
        IN_NEW, /* not acknowledged yet */
        IN_KNOWN,
        IN_HELD, /* of before a restore: it may have been passed on (R13) */
        IN_SETTLED,
        IN_FAILED,
        IN_CLAIMED, /* of an app, which gives us some of it */
    } state;
    bool was_held;   /* IN_CLAIMED, in this run */
    bool is_unsaid;  /* IN_SETTLED, IN_FAILED: for want of room in an update */
    hash32 preimage; /* IN_SETTLED */
    u8 *onion;       /* ONION_SIZE, or ITEM_ONION_LIMIT */
    usize onion_size;
};

/* What the next base has come to. */
struct rebase {
    bool asked;
    bool quiet[2];           /* by side: it says nothing new before that */
    bool has_next, recovers; /* recovers: we signed it after a restore */
    struct base next;
    bool is_signed[2];
    signature64 signature[2];
};

/* A side's newest withdrawal. */
struct withdrawal {
    u128 total;
    u64 until_s;
    bool is_signed[2];
    signature64 signature[2];
};

struct channel {
    struct channel_terms terms;
    struct channel_name name;
    u32 side, key;
    void *user;
    bool stopped;
    bool lost;      /* what we know is old: nothing is signed but a recovery base (R12) */
    bool shown;     /* and the peer has shown on this connection what it has */
    bool peer_lost; /* on this connection: nothing is signed before its recovery base */

    struct base base;
    signature64 base_signature[2]; /* epoch 0 has none */
    u128 deposited[2], withdrawn[2];
    u64 final_s;                               /* time of the block as of which */
    u128 peer_deposited[2], peer_withdrawn[2]; /* as the peer counts them */
    u64 peer_final_s;
    struct rebase rebase;
    struct withdrawal withdrawal[2];

    /* The peer's newest half. */
    struct half theirs;
    hash32 their_hash;
    signature64 their_signature;
    bool owes_ack;
    bool hurries; /* and the peer waits for it: it has said something else than PAID */
    u128 relied;

    /* Our halves from the newest acknowledged on (at first a half 0 that says nothing), and the
     * next one as far as it is queued. */
    struct sent *sent[CHANNEL_WINDOW + 2]; /* one more, which only acknowledges */
    usize sent_count;
    u128 next_sent;
    u8 *queue; /* items */
    usize queue_size, queue_room;

    struct locks *locks[2]; /* of ours with what is queued */
    struct out_lock *out;   /* by slot */
    struct in_lock *in;
    u32 out_room, in_room;
    u32 *fresh; /* slots of the peer's locks that no half of ours has acknowledged */
    usize fresh_count, fresh_room;
};

void add_event(struct channel_events *events, struct channel_event event);
void add_lock_event(struct channel_events *events, enum channel_event_kind kind,
                    struct channel *channel, u32 side, u32 slot);

struct out_lock *out_lock(struct channel *channel, u32 slot);
struct in_lock *in_lock(struct channel *channel, u32 slot);
/* A lock that is gone. */
void forget_in(struct channel *channel, u32 slot);
void forget_out(struct channel *channel, u32 slot);

/* A lock of the peer's that no half of ours has acknowledged. */
void add_fresh(struct channel *channel, u32 slot);
void unqueue_answer(struct channel *channel, u32 slot);

/* The next half of a side: `before` and what an update makes of it. */
struct half half_after(const struct half *before, u128 sent, struct locks *locks, u64 ack_seq,
                       hash32 ack_hash);

/* The peer's update has acknowledged our half `seq`, which there is. */
void take_ack(struct channel *channel, u64 seq, struct channel_events *events);

enum status replay_theirs(struct channel *channel, const struct wire_update *update,
                          struct channel_events *events, struct err *err);

/* The balance of the base, brought up to what the chain has of a side. */
i128 channel_carried(const struct channel *channel, u32 side, u128 deposited, u128 withdrawn);

/* What a side has withdrawn and may yet, of which so much is done as of that block. */
u128 channel_reserved(const struct channel *channel, u32 side, u128 withdrawn, u64 final_s);
u128 channel_theirs_reserved(const struct channel *channel);

/* Sequence number 0 of a side: nothing sent, and the base's locks. */
struct half half_zero(const struct base *base, u32 side);
/* The base that follows from the newest halves, in that epoch. False: not from such deposits and
 * withdrawals. */
bool next_base(const struct channel *channel, u64 epoch, const struct wire_rebase *said,
               struct base *out);
/* Of what both count. */
enum status sign_base(struct channel *channel, u64 epoch, const struct channel_signer *signer,
                      struct wire_rebase *out, struct channel_events *events, struct err *err);

/* We have signed the next base, and wait for the peer's signature. */
bool channel_is_frozen(const struct channel *channel);
/* Each side knows all that the other has said. */
bool channel_is_acknowledged(const struct channel *channel);

struct sent *sent_new(const struct half *half, hash32 hash, const signature64 *signature,
                      bytes items);
struct wire_update update_of(const struct channel *channel, const struct sent *sent);
/* A half of ours that is kept; NULL: not kept, or never made. */
const struct sent *find_sent(const struct channel *channel, u64 seq);

static inline u32 peer_side(const struct channel *channel)
{
    return 1 - channel->side;
}

static inline struct sent *newest_sent(const struct channel *channel)
{
    return channel->sent[channel->sent_count - 1];
}

#endif

/* Two peers bring their graphs together, and pass on what is new.
 *
 *     SYNC_SUMMARY  256 buckets by the first byte of items' keys: count, u32 | sum, u64
 *     SYNC_LIST     of the buckets that differ: (key, u64 | timestamp, u64)…   at most 4,095
 *     SYNC_WANT     the keys of those that the other lacks or has older: key, u64…
 *
 *   asks                          answers
 *    │ SYNC_SUMMARY ─────────────> │
 *    │ <──────────────── SYNC_LIST │  then waits for
 *    │ SYNC_WANT ────────────────> │  which may be empty; the next SYNC_LIST
 *    │ <── ANNOUNCE, POLICY, NODE  │  follows these
 *
 * Each does both, for itself. A bucket's sum is the exclusive or of its items' marks, hashes of key
 * and timestamp: whoever makes up items can make sums agree, which hides no more than these items
 * and for no longer than the bucket stays as it is; other peers tell of them.
 *
 * One machine for each peer, on a graph that they share. Times come in, in seconds since 1970. */
#ifndef CHANNEL_GOSSIP_SYNC_H
#define CHANNEL_GOSSIP_SYNC_H

#include "channel/graph.h"

enum {
    GOSSIP_BUCKETS = 256,
    GOSSIP_SUMMARY_SIZE = GOSSIP_BUCKETS * 12,
    GOSSIP_LIST_LIMIT = 4095,     /* items */
    GOSSIP_QUEUE_LIMIT = 8192,    /* items that wait to be sent */
    GOSSIP_SUMMARY_PERIOD_S = 60, /* one in so long is answered */
    GOSSIP_CHECKS_LIMIT = 40000,  /* signatures of a peer's messages that are checked in a minute */
    GOSSIP_STRANGERS_LIMIT = 4 * GOSSIP_CHECKS_LIMIT, /* of those of all who share */
    /* What a node may say of itself and its channels in an hour; 2 more for each channel. */
    GOSSIP_WORDS_LEAST = 8,
};

struct gossip_sync;

/* The graph outlives it. */
struct gossip_sync *gossip_sync_new(struct graph *graph);
/* The peer is one of those of whom there are any number: what is checked for it comes out of
 * `strangers`, too, which they share and which outlives it. */
void gossip_sync_share(struct gossip_sync *sync, struct gossip_bucket *strangers);
/* NULL is fine. */
void gossip_sync_free(struct gossip_sync *sync);

/* What a message brought. */
struct gossip_news {
    bool is_channel; /* a new one, `id`: the chain is to be asked, then graph_confirm */
    hash32 id;
    u64 key; /* of an item to tell other peers now (gossip_sync_tell); 0: none */
};

/* A message of the types above. ST_INVALID: it breaks a rule; the peer is not to be trusted. Others
 * are no fault: ST_AGAIN: not new, or too much was said; ST_MISSING: of a channel or node that is
 * not known; ST_FULL: no room. */
enum status gossip_sync_take(struct gossip_sync *sync, const struct wire_message *message,
                             u64 now_s, struct gossip_news *news, struct err *err);

/* Asks the peer for all that it knows and we do not: when it connects, and now and then. */
void gossip_sync_ask(struct gossip_sync *sync);

/* The item is to be sent, where it is told by then; left out where too many wait. */
void gossip_sync_tell(struct gossip_sync *sync, u64 key);

/* The next message to send, encoded; called while the link has room. 0: nothing is to be sent. */
usize gossip_sync_next(struct gossip_sync *sync, u8 out[static WIRE_LIMIT]);

#endif

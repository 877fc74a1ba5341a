/* The pool's data structures, shared by its files. */
#ifndef TXPOOL_INTERNAL_H
#define TXPOOL_INTERNAL_H

#include "txpool/txpool.h"

#include <pthread.h>

/* One transaction, in one allocation with everything that it points to. */
struct pooled {
    struct pooled *next; /* in its bucket, or among the dead */
    struct sender *sender;
    u64 arrival;    /* counts up */
    u256 cost_wei;  /* the most that it can take from its sender */
    usize size;     /* of the allocation */
    bool announced; /* the listener has heard of it */
    struct tx tx;
    bytes envelope;
    bytes network;
};

/* list[first .. first + count) is in nonce order; the first `executable` of them have the nonces
 * nonce, nonce + 1, … and cost `cost_wei` together, which is at most balance_wei. */
struct sender {
    struct sender *next; /* in its bucket */
    address who;
    u64 nonce; /* of the account at the head */
    u256 balance_wei;
    u256 cost_wei;
    u64 last_added_ms;
    struct pooled **list;
    u32 first, count, room;
    u32 executable;
    u32 victim_index; /* in pool->victims */
};

struct txpool {
    pthread_mutex_t lock;
    struct txpool_limits limits;
    struct txpool_head head;
    struct txpool_state state;
    struct txpool_listener listener;
    u64 arrivals;
    usize bytes;
    usize tx_count, executable_count;
    struct pooled **tx_buckets; /* by hash */
    usize tx_bucket_count;      /* a power of two, as below */
    struct sender **sender_buckets;
    usize sender_count, sender_bucket_count;
    struct sender **victims; /* a heap: the sender whose tail goes first is at 0 */
    usize victim_room;
    bool order_open;
    struct pooled *dead; /* removed while an order may still read them */
};

/* Memory or the end: the pool's own budget is far below what a machine that runs it has. */
void *pool_alloc(usize size);

struct pooled *pooled_new(const struct tx *tx, bytes envelope, bytes network);
void pooled_copy(const struct pooled *from, struct tx *tx, bytes *envelope, bytes *network,
                 struct arena *arena);

static inline struct pooled *sender_at(const struct sender *sender, u32 index)
{
    return sender->list[sender->first + index];
}

/* --- victims.c: which sender loses its tail first. */

void victims_insert(struct txpool *pool, struct sender *sender);
void victims_remove(struct txpool *pool, struct sender *sender);
/* After any change of the sender's list. */
void victims_update(struct txpool *pool, struct sender *sender);

#endif

/* Who is pushed out when the pool is full: a binary heap of senders, worst tail on top. */
#include "txpool/internal.h"

#include <stdlib.h>

/* Whether the tail of `a` goes before that of `b`. Prices are compared without the base fee, so
 * that the order does not change under the heap with every block. */
static bool goes_first(const struct txpool *pool, const struct sender *a, const struct sender *b)
{
    bool a_queued = a->count > a->executable, b_queued = b->count > b->executable;
    if (a_queued != b_queued)
        return a_queued;
    bool a_over = a->count > pool->limits.account_share;
    bool b_over = b->count > pool->limits.account_share;
    if (a_over != b_over)
        return a_over;
    const struct pooled *x = sender_at(a, a->count - 1), *y = sender_at(b, b->count - 1);
    int by_fee = u256_compare(x->tx.max_fee_wei, y->tx.max_fee_wei);
    if (by_fee == 0)
        by_fee = u256_compare(x->tx.max_priority_wei, y->tx.max_priority_wei);
    return by_fee != 0 ? by_fee < 0 : x->arrival > y->arrival;
}

static void place(struct txpool *pool, struct sender *sender, usize at)
{
    pool->victims[at] = sender;
    sender->victim_index = (u32)at;
}

static void sift(struct txpool *pool, usize at)
{
    struct sender *moving = pool->victims[at];
    while (at > 0 && goes_first(pool, moving, pool->victims[(at - 1) / 2])) {
        place(pool, pool->victims[(at - 1) / 2], at);
        at = (at - 1) / 2;
    }
    for (;;) {
        usize child = 2 * at + 1;
        if (child >= pool->sender_count)
            break;
        if (child + 1 < pool->sender_count &&
            goes_first(pool, pool->victims[child + 1], pool->victims[child]))
            child++;
        if (!goes_first(pool, pool->victims[child], moving))
            break;
        place(pool, pool->victims[child], at);
        at = child;
    }
    place(pool, moving, at);
}

void victims_insert(struct txpool *pool, struct sender *sender)
{
    if (pool->sender_count == pool->victim_room) {
        pool->victim_room = pool->victim_room * 2 + 64;
        pool->victims = realloc(pool->victims, pool->victim_room * sizeof(*pool->victims));
        assert(pool->victims != NULL);
    }
    place(pool, sender, pool->sender_count++);
    sift(pool, sender->victim_index);
}

void victims_remove(struct txpool *pool, struct sender *sender)
{
    usize at = sender->victim_index;
    struct sender *last = pool->victims[--pool->sender_count];
    if (last == sender)
        return;
    place(pool, last, at);
    sift(pool, at);
}

void victims_update(struct txpool *pool, struct sender *sender)
{
    sift(pool, sender->victim_index);
}

/* The order in which transactions go into a block: a heap with the next one of each sender. */
#include "txpool/internal.h"

#include <stdlib.h>

/* What is left of one sender's executable transactions. */
struct run {
    struct pooled **at, **end;
    u256 tip_wei; /* that *at pays for each gas at the block's base fee */
};

struct txpool_order {
    struct txpool *pool;
    u256 base_fee_wei, blob_fee_wei;
    struct run *heap; /* best first */
    usize count;
    struct pooled **list;
    bool returned; /* heap[0].at was given out and must advance first */
};

static bool comes_first(const struct run *a, const struct run *b)
{
    int by_tip = u256_compare(a->tip_wei, b->tip_wei);
    return by_tip != 0 ? by_tip > 0 : (*a->at)->arrival < (*b->at)->arrival;
}

/* False: the transaction at the front cannot pay this block's fees, so the whole run waits. */
static bool price_run(const struct txpool_order *order, struct run *run)
{
    const struct tx *tx = &(*run->at)->tx;
    u256 left;
    if (u256_sub_overflow(tx->max_fee_wei, order->base_fee_wei, &left))
        return false;
    if (tx->type == TX_BLOB && u256_less(tx->max_blob_fee_wei, order->blob_fee_wei))
        return false;
    run->tip_wei = u256_min(left, tx->max_priority_wei);
    return true;
}

static void sift_down(struct txpool_order *order, usize at)
{
    struct run moving = order->heap[at];
    for (;;) {
        usize child = 2 * at + 1;
        if (child >= order->count)
            break;
        if (child + 1 < order->count && comes_first(&order->heap[child + 1], &order->heap[child]))
            child++;
        if (!comes_first(&order->heap[child], &moving))
            break;
        order->heap[at] = order->heap[child];
        at = child;
    }
    order->heap[at] = moving;
}

struct txpool_order *txpool_order_begin(struct txpool *pool, u256 base_fee_wei, u256 blob_fee_wei)
{
    struct txpool_order *order = pool_alloc(sizeof(*order));
    *order = (struct txpool_order){
        .pool = pool, .base_fee_wei = base_fee_wei, .blob_fee_wei = blob_fee_wei};
    pthread_mutex_lock(&pool->lock);
    assert(!pool->order_open);
    pool->order_open = true;
    order->heap = pool_alloc((pool->sender_count + 1) * sizeof(*order->heap));
    order->list = pool_alloc((pool->executable_count + 1) * sizeof(struct pooled *));
    struct pooled **to = order->list;
    for (usize i = 0; i < pool->sender_count; i++) {
        const struct sender *sender = pool->victims[i];
        if (sender->executable == 0)
            continue;
        struct run run = {.at = to, .end = to + sender->executable};
        memcpy(to, sender->list + sender->first, sender->executable * sizeof(*to));
        to = run.end;
        if (price_run(order, &run))
            order->heap[order->count++] = run;
    }
    pthread_mutex_unlock(&pool->lock);
    for (usize i = order->count / 2; i-- > 0;)
        sift_down(order, i);
    return order;
}

void txpool_order_skip_sender(struct txpool_order *order)
{
    assert(order->returned);
    order->returned = false;
    order->heap[0] = order->heap[--order->count];
    if (order->count > 0)
        sift_down(order, 0);
}

bool txpool_order_next(struct txpool_order *order, struct txpool_pick *out)
{
    if (order->returned) {
        struct run *run = &order->heap[0];
        if (++run->at == run->end || !price_run(order, run)) {
            txpool_order_skip_sender(order);
        } else {
            order->returned = false;
            sift_down(order, 0);
        }
    }
    if (order->count == 0)
        return false;
    const struct pooled *best = *order->heap[0].at;
    *out = (struct txpool_pick){&best->tx, best->envelope, best->network};
    order->returned = true;
    return true;
}

void txpool_order_end(struct txpool_order *order)
{
    struct txpool *pool = order->pool;
    pthread_mutex_lock(&pool->lock);
    pool->order_open = false;
    struct pooled *dead = pool->dead;
    pool->dead = NULL;
    pthread_mutex_unlock(&pool->lock);
    for (struct pooled *next; dead != NULL; dead = next) {
        next = dead->next;
        free(dead);
    }
    free(order->heap);
    free(order->list);
    free(order);
}

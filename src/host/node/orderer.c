#include "node/orderer.h"

#include "chain/pool_source.h"
#include "stf/check.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/thread.h"

#include <stdlib.h>
#include <time.h>

enum { MAX_IMPERSONATED = 1024, MAX_BLOCKS_AT_ONCE = 100000 };

/* An order of some thread, which waits for it. */
struct message {
    struct dev_order *order;
    struct err *err;
    enum status st;
    bool done;
    struct message *next;
};

struct orderer {
    struct orderer_options options;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t woken, finished;
    /* Under the lock. */
    struct message *first, **last;
    bool pool_grew, stopping;
    address impersonated[MAX_IMPERSONATED];
    usize impersonated_count;
    /* The thread's own. */
    bool automine, returning;
    u64 interval_ms, next_block_ms;
    u64 heartbeat_ms, last_block_ms;
    u64 retry_ms;       /* when a block that failed is tried again; 0: none failed */
    i64 shift_s;        /* what test methods added to the clock */
    u64 next_timestamp; /* 0: as the clock says */
    u64 gas_limit;
    address coinbase;
    bool has_base_fee;
    u256 base_fee_wei;
    hash32 randao;
};

/* --- Making a block. */

static u64 peek_timestamp(const struct orderer *orderer, const struct header *parent)
{
    if (orderer->next_timestamp != 0)
        return orderer->next_timestamp;
    u64 now = (u64)((i64)(clock_wall_ms() / 1000) + orderer->shift_s);
    return max_u64(now, parent->timestamp + 1);
}

/* From a time that was chosen the clock goes on. */
static void take_timestamp(struct orderer *orderer, u64 timestamp)
{
    if (orderer->next_timestamp != 0)
        orderer->shift_s = (i64)(timestamp - clock_wall_ms() / 1000);
    orderer->next_timestamp = 0;
}

/* EIP-1559's fields for the block after `head`, as the pool and the order need them. */
static void next_fees(const struct orderer *orderer, const struct head *head, u64 timestamp,
                      u256 *base_fee, u256 *blob_fee)
{
    const struct header *parent = &head->header;
    struct rules rules = chain_rules(chain_config(orderer->options.chain), parent->number + 1,
                                     timestamp, u256_is_zero(parent->difficulty));
    rules.child.base_fee_floor_wei = head->base_fee_floor_wei;
    *base_fee = U256_ZERO;
    *blob_fee = U256_ZERO;
    if (rules.fork >= LONDON)
        *base_fee = next_base_fee(&rules, parent, parent->fields < HEADER_LONDON);
    if (orderer->has_base_fee)
        *base_fee = orderer->base_fee_wei;
    if (rules.fork >= CANCUN)
        *blob_fee = blob_base_fee(&rules, next_excess_blob_gas(&rules, parent));
}

/* No block where it would be empty, unless `empty_too`. */
static enum status make_block(struct orderer *orderer, bool empty_too, usize *included,
                              struct err *err)
{
    struct pool_source candidates;
    const struct head *head = chain_head(orderer->options.chain);
    u64 timestamp = peek_timestamp(orderer, &head->header);
    u256 base_fee, blob_fee;
    next_fees(orderer, head, timestamp, &base_fee, &blob_fee);
    head_release(head);
    pool_source_begin(&candidates, orderer->options.pool, base_fee, blob_fee);
    if (!candidates.peeked && !empty_too) {
        pool_source_end(&candidates);
        *included = 0;
        return ST_OK;
    }
    take_timestamp(orderer, timestamp);
    struct build_params params = {.timestamp = timestamp,
                                  .beneficiary = orderer->coinbase,
                                  .prev_randao = orderer->randao,
                                  .gas_limit = orderer->gas_limit,
                                  .has_base_fee = orderer->has_base_fee,
                                  .base_fee_wei = orderer->base_fee_wei,
                                  .txs = &candidates.source};
    struct built_block built;
    enum status st = chain_build(orderer->options.chain, &params, &built, err);
    pool_source_end(&candidates);
    if (st != ST_OK)
        return st;
    *included = candidates.included;
    orderer->last_block_ms = clock_now_ms();
    orderer->has_base_fee = false;
    orderer->randao = (hash32){0};
    log_debug("orderer", "block made", LOG_U64("number", built.block.header.number),
              LOG_U64("transactions", candidates.included),
              LOG_U64("gas", built.block.header.gas_used), LOG_HEX("hash", built.block.hash));
    return ST_OK;
}

/* For blocks that nobody waits for: a failure is said, and tried again a little later. */
static bool make_block_alone(struct orderer *orderer, bool empty_too)
{
    enum { RETRY_MS = 1000 };
    struct err err;
    usize included = 0;
    enum status st = make_block(orderer, empty_too, &included, &err);
    if (st != ST_OK) {
        log_error("orderer", "no block could be made", LOG_TEXT("why", err.text));
        orderer->retry_ms = clock_now_ms() + RETRY_MS;
    }
    return st == ST_OK && included > 0;
}

/* --- Orders. */

static enum status mine(struct orderer *orderer, const struct dev_order *order, struct err *err)
{
    if (order->count > MAX_BLOCKS_AT_ONCE)
        return fail(err, ST_INVALID, "at most %d blocks can be mined at once", MAX_BLOCKS_AT_ONCE);
    for (u64 i = 0; i < order->count; i++) {
        usize included;
        if (i > 0 && order->seconds > 0) {
            const struct head *head = chain_head(orderer->options.chain);
            orderer->next_timestamp = head->header.timestamp + order->seconds;
            head_release(head);
        }
        TRY(make_block(orderer, true, &included, err));
    }
    return ST_OK;
}

static enum status set_next_timestamp(struct orderer *orderer, u64 seconds, struct err *err)
{
    const struct head *head = chain_head(orderer->options.chain);
    u64 newest = head->header.timestamp;
    head_release(head);
    if (seconds <= newest)
        return fail(err, ST_INVALID,
                    "Timestamp error: %lu is lower than or equal to previous block's timestamp",
                    seconds);
    orderer->next_timestamp = seconds;
    return ST_OK;
}

/* Blocks of the same second push the chain's time ahead of the clock: time is added to the later of
 * the two. */
static void catch_up(struct orderer *orderer)
{
    const struct head *head = chain_head(orderer->options.chain);
    i64 newest = (i64)head->header.timestamp, now = (i64)(clock_wall_ms() / 1000);
    if (newest > now + orderer->shift_s)
        orderer->shift_s = newest - now;
    head_release(head);
}

static enum status return_to(struct orderer *orderer, u64 mark, struct err *err)
{
    orderer->returning = true;
    enum status st = chain_return_to(orderer->options.chain, mark, err);
    orderer->returning = false;
    if (st != ST_OK)
        return st;
    txpool_clear(orderer->options.pool);
    const struct head *head = chain_head(orderer->options.chain);
    orderer->shift_s = (i64)(head->header.timestamp - clock_wall_ms() / 1000);
    orderer->next_timestamp = 0;
    head_release(head);
    return ST_OK;
}

static enum status impersonate(struct orderer *orderer, address who, bool on, struct err *err)
{
    enum status st = ST_OK;
    pthread_mutex_lock(&orderer->lock);
    usize at = 0, count = orderer->impersonated_count;
    while (at < count && !address_equal(orderer->impersonated[at], who))
        at++;
    if (on && at == count && count == MAX_IMPERSONATED)
        st = fail(err, ST_FULL, "at most %d accounts can be impersonated", MAX_IMPERSONATED);
    else if (on && at == count)
        orderer->impersonated[orderer->impersonated_count++] = who;
    else if (!on && at < count)
        orderer->impersonated[at] = orderer->impersonated[--orderer->impersonated_count];
    pthread_mutex_unlock(&orderer->lock);
    return st;
}

static enum status carry_out(struct orderer *orderer, struct dev_order *order, struct err *err)
{
    u64 now_s = clock_wall_ms() / 1000;
    switch (order->kind) {
    case DEV_MINE:
        return mine(orderer, order, err);
    case DEV_ADD_TIME:
        catch_up(orderer);
        orderer->shift_s += (i64)order->seconds;
        order->result = (u64)orderer->shift_s;
        return ST_OK;
    case DEV_SET_TIME:
        orderer->shift_s = (i64)(order->seconds - now_s);
        order->result = (u64)orderer->shift_s;
        return ST_OK;
    case DEV_NEXT_TIMESTAMP:
        return set_next_timestamp(orderer, order->seconds, err);
    case DEV_AUTOMINE:
        orderer->automine = order->flag;
        return ST_OK;
    case DEV_INTERVAL:
        orderer->interval_ms = order->count;
        orderer->next_block_ms = clock_now_ms() + order->count;
        orderer->automine = order->count == 0 && orderer->automine;
        return ST_OK;
    case DEV_MARK:
        order->result = chain_mark(orderer->options.chain);
        return ST_OK;
    case DEV_RETURN:
        return return_to(orderer, order->count, err);
    case DEV_PATCH:
        return chain_patch(orderer->options.chain, order->diff, err);
    case DEV_GAS_LIMIT:
        orderer->gas_limit = order->count;
        return ST_OK;
    case DEV_COINBASE:
        orderer->coinbase = order->who;
        return ST_OK;
    case DEV_BASE_FEE:
        orderer->has_base_fee = true;
        orderer->base_fee_wei = order->wei;
        return ST_OK;
    case DEV_IMPERSONATE:
        return impersonate(orderer, order->who, order->flag, err);
    case DEV_RANDAO:
        orderer->randao = order->hash;
        return ST_OK;
    }
    bug("unknown order");
}

/* --- The thread. */

/* When the clock alone makes something to do; UINT64_MAX: never. */
static u64 next_due_ms(const struct orderer *orderer)
{
    u64 due = orderer->interval_ms == 0 ? UINT64_MAX : orderer->next_block_ms;
    if (orderer->heartbeat_ms != 0)
        due = min_u64(due, orderer->last_block_ms + orderer->heartbeat_ms);
    return orderer->retry_ms == 0 ? due : min_u64(due, orderer->retry_ms);
}

/* Waits until there is something to do. Called with the lock. */
static void wait_for_work(struct orderer *orderer)
{
    u64 due_ms = next_due_ms(orderer);
    while (!orderer->stopping && orderer->first == NULL &&
           !(orderer->automine && orderer->pool_grew) && clock_now_ms() < due_ms) {
        struct timespec until = {.tv_sec = (time_t)(due_ms / 1000),
                                 .tv_nsec = (long)(due_ms % 1000) * 1000000};
        if (due_ms == UINT64_MAX)
            pthread_cond_wait(&orderer->woken, &orderer->lock);
        else
            pthread_cond_timedwait(&orderer->woken, &orderer->lock, &until);
    }
}

static void take_orders(struct orderer *orderer)
{
    while (orderer->first != NULL) {
        struct message *message = orderer->first;
        orderer->first = message->next;
        if (orderer->first == NULL)
            orderer->last = &orderer->first;
        pthread_mutex_unlock(&orderer->lock);
        enum status st = carry_out(orderer, message->order, message->err);
        pthread_mutex_lock(&orderer->lock);
        message->st = st;
        message->done = true;
        pthread_cond_broadcast(&orderer->finished);
    }
}

/* Whether the pool may have more for a next block, as when this one was full. One block at a time,
 * so that orders do not wait for the pool to empty. */
static bool make_due_blocks(struct orderer *orderer, bool pool_grew)
{
    bool more = false;
    u64 now_ms = clock_now_ms();
    bool retry = orderer->retry_ms != 0 && now_ms >= orderer->retry_ms;
    if (retry)
        orderer->retry_ms = 0;
    if (orderer->automine && (pool_grew || retry))
        more = make_block_alone(orderer, false);
    if (orderer->heartbeat_ms != 0 && now_ms >= orderer->last_block_ms + orderer->heartbeat_ms) {
        orderer->last_block_ms = now_ms; /* also where none can be made now */
        make_block_alone(orderer, true);
    }
    if (orderer->interval_ms == 0 || now_ms < orderer->next_block_ms)
        return more;
    make_block_alone(orderer, true);
    orderer->next_block_ms += orderer->interval_ms;
    if (orderer->next_block_ms < now_ms) /* fell behind: no burst of empty blocks to catch up */
        orderer->next_block_ms = now_ms + orderer->interval_ms;
    return more;
}

static void *run(void *self)
{
    enum { EXPIRE_MS = 60000 };
    struct orderer *orderer = self;
    u64 last_expiry_ms = clock_now_ms();
    pthread_mutex_lock(&orderer->lock);
    while (!orderer->stopping) {
        wait_for_work(orderer);
        take_orders(orderer);
        bool pool_grew = orderer->pool_grew && orderer->automine;
        orderer->pool_grew = orderer->pool_grew && !pool_grew;
        pthread_mutex_unlock(&orderer->lock);
        bool more = make_due_blocks(orderer, pool_grew);
        if (clock_now_ms() - last_expiry_ms > EXPIRE_MS) {
            last_expiry_ms = clock_now_ms();
            txpool_expire(orderer->options.pool, last_expiry_ms);
        }
        pthread_mutex_lock(&orderer->lock);
        orderer->pool_grew = orderer->pool_grew || more;
    }
    take_orders(orderer); /* nobody is left waiting */
    pthread_mutex_unlock(&orderer->lock);
    return NULL;
}

enum status orderer_start(const struct orderer_options *options, struct orderer **out,
                          struct err *err)
{
    struct orderer *orderer = calloc(1, sizeof(*orderer));
    assert(orderer != NULL);
    orderer->options = *options;
    orderer->last = &orderer->first;
    orderer->automine = options->automine;
    orderer->interval_ms = options->interval_ms;
    orderer->next_block_ms = clock_now_ms() + options->interval_ms;
    orderer->heartbeat_ms = options->heartbeat_ms;
    orderer->last_block_ms = clock_now_ms();
    orderer->gas_limit = options->gas_limit;
    pthread_mutex_init(&orderer->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&orderer->woken, &monotonic);
    pthread_cond_init(&orderer->finished, NULL);
    pthread_condattr_destroy(&monotonic);
    enum status st = thread_start(&orderer->thread, "orderer", run, orderer, err);
    if (st != ST_OK) {
        free(orderer);
        return st;
    }
    *out = orderer;
    return ST_OK;
}

void orderer_stop(struct orderer *orderer)
{
    if (orderer == NULL)
        return;
    pthread_mutex_lock(&orderer->lock);
    orderer->stopping = true;
    pthread_cond_signal(&orderer->woken);
    pthread_mutex_unlock(&orderer->lock);
    pthread_join(orderer->thread, NULL);
    pthread_cond_destroy(&orderer->woken);
    pthread_cond_destroy(&orderer->finished);
    pthread_mutex_destroy(&orderer->lock);
    free(orderer);
}

void orderer_pool_grew(struct orderer *orderer)
{
    pthread_mutex_lock(&orderer->lock);
    orderer->pool_grew = true;
    pthread_cond_signal(&orderer->woken);
    pthread_mutex_unlock(&orderer->lock);
}

enum status orderer_run(struct orderer *orderer, struct dev_order *order, struct err *err)
{
    struct message message = {.order = order, .err = err};
    pthread_mutex_lock(&orderer->lock);
    if (orderer->stopping) {
        pthread_mutex_unlock(&orderer->lock);
        return fail(err, ST_AGAIN, "the node is shutting down");
    }
    *orderer->last = &message;
    orderer->last = &message.next;
    pthread_cond_signal(&orderer->woken);
    while (!message.done)
        pthread_cond_wait(&orderer->finished, &orderer->lock);
    pthread_mutex_unlock(&orderer->lock);
    return message.st;
}

bool orderer_impersonates(struct orderer *orderer, address who)
{
    bool found = false;
    pthread_mutex_lock(&orderer->lock);
    for (usize i = 0; !found && i < orderer->impersonated_count; i++)
        found = address_equal(orderer->impersonated[i], who);
    pthread_mutex_unlock(&orderer->lock);
    return found;
}

bool orderer_is_returning(const struct orderer *orderer)
{
    return orderer->returning;
}

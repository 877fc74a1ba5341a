#include "txpool/internal.h"

#include <stdlib.h>

const struct txpool_limits TXPOOL_LIMITS = {
    .account_share = 16,
    .account_queued = 64,
    .pending = 5120 + 1024,
    .queued = 1024,
    .bytes = (usize)256 << 20,
    .lifetime_ms = 3ull * 60 * 60 * 1000,
    .bump_percent = 10,
    .blob_bump_percent = 100,
};

const struct txpool_limits TXPOOL_LIMITS_DEV = {
    .account_share = 100000,
    .account_queued = 20000,
    .pending = 200000,
    .queued = 50000,
    .bytes = (usize)1 << 30,
    .lifetime_ms = 3ull * 60 * 60 * 1000,
    .bump_percent = 10,
    .blob_bump_percent = 100,
};

/* --- The two tables. Hashes and addresses can be ground, but only to slow one bucket of the pool
 * that they then pay to be in. */

static usize bucket_of(const u8 *key, usize bucket_count)
{
    u64 word;
    memcpy(&word, key, sizeof(word));
    return (word * 0x9e3779b97f4a7c15u >> 20) & (bucket_count - 1);
}

static struct pooled **tx_slot(struct txpool *pool, const hash32 *hash)
{
    struct pooled **at = &pool->tx_buckets[bucket_of(hash->b, pool->tx_bucket_count)];
    while (*at != NULL && !hash32_equal((*at)->tx.hash, *hash))
        at = &(*at)->next;
    return at;
}

static struct sender **sender_slot(struct txpool *pool, const address *who)
{
    struct sender **at = &pool->sender_buckets[bucket_of(who->b + 12, pool->sender_bucket_count)];
    while (*at != NULL && !address_equal((*at)->who, *who))
        at = &(*at)->next;
    return at;
}

static void *new_buckets(usize count)
{
    void *buckets = calloc(count, sizeof(void *));
    assert(buckets != NULL);
    return buckets;
}

static void grow_tx_buckets(struct txpool *pool)
{
    usize old_count = pool->tx_bucket_count;
    struct pooled **old = pool->tx_buckets;
    pool->tx_bucket_count = old_count * 2;
    pool->tx_buckets = new_buckets(pool->tx_bucket_count);
    for (usize i = 0; i < old_count; i++) {
        for (struct pooled *each = old[i], *next; each != NULL; each = next) {
            next = each->next;
            usize bucket = bucket_of(each->tx.hash.b, pool->tx_bucket_count);
            each->next = pool->tx_buckets[bucket];
            pool->tx_buckets[bucket] = each;
        }
    }
    free(old);
}

static void grow_sender_buckets(struct txpool *pool)
{
    usize old_count = pool->sender_bucket_count;
    struct sender **old = pool->sender_buckets;
    pool->sender_bucket_count = old_count * 2;
    pool->sender_buckets = new_buckets(pool->sender_bucket_count);
    for (usize i = 0; i < old_count; i++) {
        for (struct sender *each = old[i], *next; each != NULL; each = next) {
            next = each->next;
            usize bucket = bucket_of(each->who.b + 12, pool->sender_bucket_count);
            each->next = pool->sender_buckets[bucket];
            pool->sender_buckets[bucket] = each;
        }
    }
    free(old);
}

/* --- One sender's list. */

/* The index of the first transaction whose nonce is not below `nonce`. */
static u32 sender_find(const struct sender *sender, u64 nonce)
{
    u32 low = 0, high = sender->count;
    while (low < high) {
        u32 middle = low + (high - low) / 2;
        if (sender_at(sender, middle)->tx.nonce < nonce)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void sender_insert(struct sender *sender, u32 index, struct pooled *pooled)
{
    if (sender->first + sender->count == sender->room) {
        if (sender->first > sender->room / 2) { /* mostly gaps left by included ones */
            memmove(sender->list, sender->list + sender->first,
                    sender->count * sizeof(*sender->list));
        } else {
            sender->room = sender->room * 2 + 4;
            struct pooled **list = pool_alloc(sender->room * sizeof(*list));
            if (sender->count > 0)
                memcpy(list, sender->list + sender->first, sender->count * sizeof(*list));
            free(sender->list);
            sender->list = list;
        }
        sender->first = 0;
    }
    struct pooled **at = sender->list + sender->first + index;
    memmove(at + 1, at, (sender->count - index) * sizeof(*at));
    *at = pooled;
    sender->count++;
}

static void sender_erase(struct sender *sender, u32 index)
{
    if (index == 0) {
        sender->first++;
    } else {
        struct pooled **at = sender->list + sender->first + index;
        memmove(at, at + 1, (sender->count - index - 1) * sizeof(*at));
    }
    sender->count--;
}

static bool covers(u256 balance, u256 spent, u256 more)
{
    u256 total;
    return !u256_add_overflow(spent, more, &total) && !u256_less(balance, total);
}

/* Takes as many as follow without a gap and can be paid for. */
static void extend_executable(struct txpool *pool, struct sender *sender)
{
    while (sender->executable < sender->count) {
        struct pooled *next = sender_at(sender, sender->executable);
        if (next->tx.nonce != sender->nonce + sender->executable ||
            !covers(sender->balance_wei, sender->cost_wei, next->cost_wei))
            return;
        sender->cost_wei = u256_add(sender->cost_wei, next->cost_wei);
        sender->executable++;
        pool->executable_count++;
        if (!next->announced && pool->listener.executable != NULL)
            pool->listener.executable(pool->listener.self, &next->tx);
        next->announced = true;
    }
}

static void shrink_executable(struct txpool *pool, struct sender *sender, u32 to)
{
    while (sender->executable > to) {
        struct pooled *last = sender_at(sender, --sender->executable);
        sender->cost_wei = u256_sub(sender->cost_wei, last->cost_wei);
        pool->executable_count--;
    }
}

static void release(struct txpool *pool, struct pooled *pooled)
{
    if (pool->order_open) {
        pooled->next = pool->dead;
        pool->dead = pooled;
    } else {
        free(pooled);
    }
}

/* Takes one out of the tables and counts; the sender stays, even empty, and is not sifted. */
static void remove_at(struct txpool *pool, struct sender *sender, u32 index)
{
    struct pooled *pooled = sender_at(sender, index);
    if (index == 0 && sender->executable > 0) { /* included: the ones behind it stay executable */
        sender->cost_wei = u256_sub(sender->cost_wei, pooled->cost_wei);
        sender->executable--;
        pool->executable_count--;
    } else if (index < sender->executable) {
        shrink_executable(pool, sender, index);
    }
    sender_erase(sender, index);
    struct pooled **slot = tx_slot(pool, &pooled->tx.hash);
    assert(*slot == pooled);
    *slot = pooled->next;
    pool->tx_count--;
    pool->bytes -= pooled->size;
    release(pool, pooled);
}

/* After changes: an empty sender goes, another takes its new place among the victims. */
static void settle_sender(struct txpool *pool, struct sender *sender)
{
    if (sender->count > 0) {
        victims_update(pool, sender);
        return;
    }
    victims_remove(pool, sender);
    struct sender **slot = sender_slot(pool, &sender->who);
    *slot = sender->next;
    free(sender->list);
    free(sender);
}

static bool over_limits(const struct txpool *pool)
{
    return pool->tx_count > pool->limits.pending || pool->bytes > pool->limits.bytes ||
           pool->tx_count - pool->executable_count > pool->limits.queued;
}

/* Drops tails until the limits hold. Whether `keep` is still there. */
static bool enforce_limits(struct txpool *pool, const struct pooled *keep)
{
    bool kept = true;
    while (over_limits(pool)) {
        struct sender *victim = pool->victims[0];
        kept = kept && sender_at(victim, victim->count - 1) != keep;
        u32 tail = victim->count - 1;
        if (tail < victim->executable)
            shrink_executable(pool, victim, tail);
        remove_at(pool, victim, tail);
        settle_sender(pool, victim);
    }
    return kept;
}

/* --- Adding. */

static const char *decimal(char *to, u256 value)
{
    u256_write_decimal(to, value);
    return to;
}

/* What the transaction can take at most. True: more than 256 bits. */
static bool tx_cost(const struct tx *tx, u256 *out)
{
    u256 gas, blob;
    return u256_mul_overflow(u256_from_u64(tx->gas_limit), tx->max_fee_wei, &gas) ||
           u256_mul_overflow(u256_from_u64(tx_blob_gas(tx)), tx->max_blob_fee_wei, &blob) ||
           u256_add_overflow(gas, blob, &gas) || u256_add_overflow(gas, tx->value_wei, out);
}

static enum status refuse_unpayable(u256 balance, u256 cost, struct err *err)
{
    char have[79], want[79], lacking[79];
    return fail(err, ST_INVALID,
                "insufficient funds for gas * price + value: balance %s, tx cost %s, overshot %s",
                decimal(have, balance), decimal(want, cost),
                decimal(lacking, u256_sub(cost, balance)));
}

static bool pays_bump(u256 new_wei, u256 old_wei, u32 percent)
{
    /* new * 100 >= old * (100 + percent), and more in any case; prices this large cannot be paid,
     * so what does not fit is no bump. */
    u256 left, right;
    return !u256_mul_overflow(new_wei, u256_from_u64(100), &left) &&
           !u256_mul_overflow(old_wei, u256_from_u64(100 + (u64)percent), &right) &&
           !u256_less(left, right) && u256_less(old_wei, new_wei);
}

static enum status check_replacement(const struct txpool *pool, const struct tx *old,
                                     const struct tx *tx, struct err *err)
{
    bool blobs = old->type == TX_BLOB || tx->type == TX_BLOB;
    u32 percent = blobs ? pool->limits.blob_bump_percent : pool->limits.bump_percent;
    bool blob_bump = old->type != TX_BLOB || tx->type != TX_BLOB ||
                     pays_bump(tx->max_blob_fee_wei, old->max_blob_fee_wei, percent);
    if (!blob_bump || !pays_bump(tx->max_fee_wei, old->max_fee_wei, percent) ||
        !pays_bump(tx->max_priority_wei, old->max_priority_wei, percent))
        return fail(err, ST_INVALID, "replacement transaction underpriced");
    return ST_OK;
}

/* `at` is where it would stand; `old` is what it would replace, or NULL. */
static enum status check_against_sender(const struct txpool *pool, const struct sender *sender,
                                        const struct tx *tx, u32 at, const struct pooled *old,
                                        bool returns, u256 cost, struct err *err)
{
    if (tx->nonce < sender->nonce)
        return fail(err, ST_INVALID, "nonce too low: next nonce %lu, tx nonce %lu", sender->nonce,
                    tx->nonce);
    if (u256_less(sender->balance_wei, cost))
        return refuse_unpayable(sender->balance_wei, cost, err);
    u256 spent = sender->cost_wei;
    if (old != NULL) {
        if (!returns)
            TRY(check_replacement(pool, &old->tx, tx, err));
        if (at < sender->executable)
            spent = u256_sub(spent, old->cost_wei);
    }
    if (!covers(sender->balance_wei, spent, cost)) {
        char have[79], queued[79], want[79];
        return fail(err, ST_INVALID,
                    "insufficient funds for gas * price + value: balance %s, queued cost %s, tx "
                    "cost %s",
                    decimal(have, sender->balance_wei), decimal(queued, spent),
                    decimal(want, cost));
    }
    bool stays_queued = tx->nonce > sender->nonce + sender->executable;
    if (old == NULL && stays_queued &&
        sender->count - sender->executable >= pool->limits.account_queued)
        return fail(err, ST_FULL, "account has its limit of %u queued transactions",
                    pool->limits.account_queued);
    return ST_OK;
}

/* An account that is not there is a new one. */
static enum status read_account(const struct txpool_state *state, address who, struct account *out)
{
    enum status st = state->account(state->self, who, out);
    if (st != ST_MISSING)
        return st;
    *out = account_new();
    return ST_OK;
}

static enum status find_or_make_sender(struct txpool *pool, address who, struct sender **out)
{
    struct sender **slot = sender_slot(pool, &who);
    *out = *slot;
    if (*out != NULL)
        return ST_OK;
    struct account account;
    TRY(read_account(&pool->state, who, &account));
    *out = pool_alloc(sizeof(**out));
    **out = (struct sender){.who = who, .nonce = account.nonce, .balance_wei = account.balance_wei};
    return ST_OK;
}

static void link_sender(struct txpool *pool, struct sender *sender)
{
    if (pool->sender_count >= pool->sender_bucket_count)
        grow_sender_buckets(pool);
    usize bucket = bucket_of(sender->who.b + 12, pool->sender_bucket_count);
    sender->next = pool->sender_buckets[bucket];
    pool->sender_buckets[bucket] = sender;
    victims_insert(pool, sender);
}

static void link_tx(struct txpool *pool, struct pooled *pooled)
{
    if (pool->tx_count >= pool->tx_bucket_count)
        grow_tx_buckets(pool);
    usize bucket = bucket_of(pooled->tx.hash.b, pool->tx_bucket_count);
    pooled->next = pool->tx_buckets[bucket];
    pool->tx_buckets[bucket] = pooled;
    pool->tx_count++;
    pool->bytes += pooled->size;
}

/* Puts it at `at`, in the place of `old` where there is one. */
static void insert(struct txpool *pool, struct sender *sender, u32 at, const struct pooled *old,
                   struct pooled *pooled)
{
    bool is_new = sender->count == 0;
    if (old != NULL) {
        shrink_executable(pool, sender, (u32)min_u64(at, sender->executable));
        remove_at(pool, sender, at);
    }
    sender_insert(sender, at, pooled);
    pooled->sender = sender;
    link_tx(pool, pooled);
    if (is_new)
        link_sender(pool, sender);
    extend_executable(pool, sender);
    victims_update(pool, sender);
}

/* `returns`: out of a block that has left the chain. */
static enum status add_locked(struct txpool *pool, const struct tx *tx, bytes envelope,
                              bytes network, bool returns, u64 now_ms, struct err *err)
{
    TRY(txpool_check(&pool->head, tx, envelope.size, err));
    if (*tx_slot(pool, &tx->hash) != NULL)
        return fail(err, ST_INVALID, "already known");
    struct sender *sender;
    enum status st = find_or_make_sender(pool, tx->from, &sender);
    if (st != ST_OK)
        return fail(err, st, "cannot read the sender's account");
    u32 at = sender_find(sender, tx->nonce);
    const struct pooled *old = NULL;
    if (at < sender->count && sender_at(sender, at)->tx.nonce == tx->nonce)
        old = sender_at(sender, at);
    u256 cost;
    if (tx_cost(tx, &cost))
        st = fail(err, ST_INVALID, "insufficient funds for gas * price + value: cost overflows");
    else
        st = check_against_sender(pool, sender, tx, at, old, returns, cost, err);
    if (st != ST_OK) {
        if (sender->count == 0)
            free(sender);
        return st;
    }
    struct pooled *pooled = pooled_new(tx, envelope, network);
    pooled->arrival = pool->arrivals++;
    pooled->cost_wei = cost;
    sender->last_added_ms = now_ms;
    insert(pool, sender, at, old, pooled);
    if (!enforce_limits(pool, pooled))
        return fail(err, ST_FULL, "txpool is full");
    return ST_OK;
}

enum status txpool_add(struct txpool *pool, const struct tx *tx, bytes envelope, bytes network,
                       u64 now_ms, struct err *err)
{
    assert(tx->from_known);
    pthread_mutex_lock(&pool->lock);
    enum status st = add_locked(pool, tx, envelope, network, false, now_ms, err);
    pthread_mutex_unlock(&pool->lock);
    return st;
}

/* --- The head, and dropping. */

static void account_changed(struct txpool *pool, struct sender *sender, const struct account *now)
{
    if (now->nonce < sender->nonce) /* a reorg gave nonces back: contiguity starts anew */
        shrink_executable(pool, sender, 0);
    while (sender->count > 0 && sender_at(sender, 0)->tx.nonce < now->nonce)
        remove_at(pool, sender, 0);
    sender->nonce = now->nonce;
    sender->balance_wei = now->balance_wei;
    while (sender->executable > 0 && u256_less(sender->balance_wei, sender->cost_wei))
        shrink_executable(pool, sender, sender->executable - 1);
    extend_executable(pool, sender);
    settle_sender(pool, sender);
}

/* Refused: the new branch has it, or more. */
static void take_returns(struct txpool *pool, const struct txpool_returns *returns, u64 now_ms)
{
    const struct tx *tx;
    bytes envelope;
    while ((tx = returns->next(returns->self, &envelope)) != NULL)
        (void)add_locked(pool, tx, envelope, BYTES_EMPTY, true, now_ms, NULL);
}

void txpool_set_head(struct txpool *pool, const struct txpool_head *head,
                     const struct txpool_state *now, const struct txpool_returns *returns,
                     u64 now_ms)
{
    pthread_mutex_lock(&pool->lock);
    pool->head = *head;
    for (usize i = 0; i < pool->sender_bucket_count; i++) {
        for (struct sender *each = pool->sender_buckets[i], *next; each != NULL; each = next) {
            struct account account;
            next = each->next;
            if (read_account(now, each->who, &account) == ST_OK) /* else: as it was */
                account_changed(pool, each, &account);
        }
    }
    if (returns != NULL)
        take_returns(pool, returns, now_ms);
    enforce_limits(pool, NULL);
    pthread_mutex_unlock(&pool->lock);
}

/* Drops the sender's transactions from `index` on. */
static void truncate_sender(struct txpool *pool, struct sender *sender, u32 index)
{
    shrink_executable(pool, sender, (u32)min_u64(index, sender->executable));
    while (sender->count > index)
        remove_at(pool, sender, sender->count - 1);
    settle_sender(pool, sender);
}

void txpool_expire(struct txpool *pool, u64 now_ms)
{
    pthread_mutex_lock(&pool->lock);
    for (usize i = 0; i < pool->sender_bucket_count; i++) {
        for (struct sender *each = pool->sender_buckets[i], *next; each != NULL; each = next) {
            next = each->next;
            if (each->count > each->executable &&
                now_ms > add_sat_u64(each->last_added_ms, pool->limits.lifetime_ms))
                truncate_sender(pool, each, each->executable);
        }
    }
    pthread_mutex_unlock(&pool->lock);
}

bool txpool_drop(struct txpool *pool, hash32 hash)
{
    pthread_mutex_lock(&pool->lock);
    struct pooled *pooled = *tx_slot(pool, &hash);
    if (pooled != NULL) {
        struct sender *sender = pooled->sender;
        u32 index = sender_find(sender, pooled->tx.nonce);
        if (index < sender->executable)
            shrink_executable(pool, sender, index);
        remove_at(pool, sender, index);
        settle_sender(pool, sender);
        enforce_limits(pool, NULL);
    }
    pthread_mutex_unlock(&pool->lock);
    return pooled != NULL;
}

void txpool_drop_sender(struct txpool *pool, address who)
{
    pthread_mutex_lock(&pool->lock);
    struct sender *sender = *sender_slot(pool, &who);
    if (sender != NULL)
        truncate_sender(pool, sender, 0);
    pthread_mutex_unlock(&pool->lock);
}

static void clear_locked(struct txpool *pool)
{
    while (pool->sender_count > 0)
        truncate_sender(pool, pool->victims[pool->sender_count - 1], 0);
}

void txpool_clear(struct txpool *pool)
{
    pthread_mutex_lock(&pool->lock);
    clear_locked(pool);
    pthread_mutex_unlock(&pool->lock);
}

/* --- Reading. */

struct txpool_counts txpool_counts(struct txpool *pool)
{
    pthread_mutex_lock(&pool->lock);
    struct txpool_counts counts = {.executable = pool->executable_count,
                                   .queued = pool->tx_count - pool->executable_count,
                                   .bytes = pool->bytes};
    pthread_mutex_unlock(&pool->lock);
    return counts;
}

enum status txpool_next_nonce(struct txpool *pool, address who, u64 *nonce)
{
    pthread_mutex_lock(&pool->lock);
    const struct sender *sender = *sender_slot(pool, &who);
    bool found = sender != NULL && sender->executable > 0;
    if (found)
        *nonce = sender->nonce + sender->executable;
    pthread_mutex_unlock(&pool->lock);
    return found ? ST_OK : ST_MISSING;
}

enum status txpool_get(struct txpool *pool, hash32 hash, struct tx *tx, bytes *envelope,
                       bytes *network, struct arena *arena)
{
    bytes envelope_copy, network_copy;
    pthread_mutex_lock(&pool->lock);
    const struct pooled *pooled = *tx_slot(pool, &hash);
    if (pooled != NULL)
        pooled_copy(pooled, tx, &envelope_copy, &network_copy, arena);
    pthread_mutex_unlock(&pool->lock);
    if (pooled == NULL)
        return ST_MISSING;
    if (envelope != NULL)
        *envelope = envelope_copy;
    if (network != NULL)
        *network = network_copy;
    return ST_OK;
}

enum txpool_place txpool_place(struct txpool *pool, hash32 hash)
{
    enum txpool_place place = TXPOOL_ABSENT;
    pthread_mutex_lock(&pool->lock);
    const struct pooled *pooled = *tx_slot(pool, &hash);
    if (pooled != NULL) {
        const struct sender *sender = pooled->sender;
        bool executable = pooled->tx.nonce < sender->nonce + sender->executable;
        place = executable ? TXPOOL_EXECUTABLE : TXPOOL_QUEUED;
    }
    pthread_mutex_unlock(&pool->lock);
    return place;
}

static bool visit_one(const struct sender *sender, void *self,
                      bool (*visit)(void *self, const struct tx *tx, bool executable))
{
    for (u32 i = 0; i < sender->count; i++)
        if (!visit(self, &sender_at(sender, i)->tx, i < sender->executable))
            return false;
    return true;
}

void txpool_visit(struct txpool *pool, void *self,
                  bool (*visit)(void *self, const struct tx *tx, bool executable))
{
    pthread_mutex_lock(&pool->lock);
    bool more = true;
    for (usize i = 0; more && i < pool->sender_bucket_count; i++)
        for (struct sender *each = pool->sender_buckets[i]; more && each != NULL; each = each->next)
            more = visit_one(each, self, visit);
    pthread_mutex_unlock(&pool->lock);
}

void txpool_visit_sender(struct txpool *pool, address who, void *self,
                         bool (*visit)(void *self, const struct tx *tx, bool executable))
{
    pthread_mutex_lock(&pool->lock);
    const struct sender *sender = *sender_slot(pool, &who);
    if (sender != NULL)
        visit_one(sender, self, visit);
    pthread_mutex_unlock(&pool->lock);
}

/* --- Life. */

struct txpool *txpool_new(const struct txpool_limits *limits, const struct txpool_head *head,
                          struct txpool_state state, struct txpool_listener listener)
{
    enum { FIRST_BUCKETS = 64 };
    struct txpool *pool = pool_alloc(sizeof(*pool));
    *pool = (struct txpool){.limits = *limits,
                            .head = *head,
                            .state = state,
                            .listener = listener,
                            .tx_buckets = new_buckets(FIRST_BUCKETS),
                            .tx_bucket_count = FIRST_BUCKETS,
                            .sender_buckets = new_buckets(FIRST_BUCKETS),
                            .sender_bucket_count = FIRST_BUCKETS};
    pthread_mutex_init(&pool->lock, NULL);
    return pool;
}

void txpool_free(struct txpool *pool)
{
    if (pool == NULL)
        return;
    assert(!pool->order_open);
    clear_locked(pool);
    pthread_mutex_destroy(&pool->lock);
    free(pool->tx_buckets);
    free(pool->sender_buckets);
    free(pool->victims);
    free(pool);
}

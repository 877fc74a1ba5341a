/* The pool against a model that is too simple to be wrong: an array of transactions, judged anew
 * after each step. Random steps on few senders and nonces, so that every rule meets every other. */
#include "txpool/txpool.h"

#include "harness/test.h"

enum { SENDERS = 4, NONCES = 8, STEPS = 20000 };

struct model {
    u64 nonce[SENDERS], balance[SENDERS];
    bool there[SENDERS][NONCES];
    u64 price[SENDERS][NONCES]; /* max fee and tip alike; the cost is 21,000 times it */
};

static enum status model_account(void *self, address who, struct account *out)
{
    const struct model *model = self;
    *out = account_new();
    out->nonce = model->nonce[who.b[19]];
    out->balance_wei = u256_from_u64(model->balance[who.b[19]]);
    return ST_OK;
}

static u64 next_random(u64 *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

/* How many of the sender's transactions are executable, and what they cost. */
static u64 model_executable(const struct model *model, usize who, u64 *cost)
{
    u64 nonce = model->nonce[who];
    *cost = 0;
    while (nonce < NONCES && model->there[who][nonce] &&
           *cost + 21000 * model->price[who][nonce] <= model->balance[who])
        *cost += 21000 * model->price[who][nonce++];
    return nonce - model->nonce[who];
}

static bool model_accepts(const struct model *model, usize who, u64 nonce, u64 price)
{
    u64 spent, executable = model_executable(model, who, &spent);
    if (nonce < model->nonce[who])
        return false;
    if (model->there[who][nonce]) {
        u64 old = model->price[who][nonce];
        if (price * 100 < old * 110 || price <= old)
            return false;
        if (nonce < model->nonce[who] + executable)
            spent -= 21000 * old;
    }
    return spent + 21000 * price <= model->balance[who];
}

static bool add(struct txpool *pool, usize who, u64 nonce, u64 price)
{
    struct tx tx = {.type = TX_DYNAMIC_FEE,
                    .protected = true,
                    .from_known = true,
                    .from = {.b = {[19] = (u8)who}},
                    .chain_id = 900,
                    .nonce = nonce,
                    .gas_limit = 21000,
                    .max_fee_wei = u256_from_u64(price),
                    .max_priority_wei = u256_from_u64(price),
                    .r = u256_from_u64(who + 1),
                    .s = U256_ONE};
    struct arena tmp = *test_arena();
    tx_set_hash(&tx, tmp);
    return txpool_add(pool, &tx, tx_encode(&tx, &tmp), BYTES_EMPTY, 0, NULL) == ST_OK;
}

static bool agrees(struct txpool *pool, const struct model *model)
{
    usize executable = 0, all = 0;
    for (usize who = 0; who < SENDERS; who++) {
        u64 cost, nonce = 0, count = model_executable(model, who, &cost);
        for (usize i = 0; i < NONCES; i++)
            all += model->there[who][i];
        executable += count;
        enum status st = txpool_next_nonce(pool, (address){.b = {[19] = (u8)who}}, &nonce);
        if (count == 0 ? st != ST_MISSING : nonce != model->nonce[who] + count)
            return false;
    }
    struct txpool_counts counts = txpool_counts(pool);
    return counts.executable == executable && counts.executable + counts.queued == all;
}

/* Every executable transaction once, by nonce for each sender, and no lower price before a higher
 * one that could have come instead. */
static bool order_is_right(struct txpool *pool, const struct model *model)
{
    struct txpool_order *order = txpool_order_begin(pool, U256_ZERO, U256_ZERO);
    struct txpool_pick pick;
    u64 next[SENDERS], end[SENDERS], cost;
    for (usize who = 0; who < SENDERS; who++) {
        next[who] = model->nonce[who];
        end[who] = next[who] + model_executable(model, who, &cost);
    }
    bool right = true;
    while (right && txpool_order_next(order, &pick)) {
        usize from = pick.tx->from.b[19];
        right = next[from] < end[from] && pick.tx->nonce == next[from];
        for (usize who = 0; right && who < SENDERS; who++)
            right =
                next[who] == end[who] || model->price[who][next[who]] <= pick.tx->max_fee_wei.w[0];
        next[from]++;
    }
    txpool_order_end(order);
    for (usize who = 0; right && who < SENDERS; who++)
        right = next[who] == end[who];
    return right;
}

static void move_head(struct txpool *pool, struct model *model, u64 *seed,
                      const struct txpool_head *head)
{
    usize who = next_random(seed) % SENDERS;
    model->nonce[who] = next_random(seed) % NONCES;
    model->balance[who] = 21000 * (next_random(seed) % 600);
    for (usize i = 0; i < SENDERS; i++)
        for (u64 nonce = 0; nonce < model->nonce[i]; nonce++)
            model->there[i][nonce] = false;
    struct txpool_state state = {model, model_account};
    txpool_set_head(pool, head, &state, NULL, 0);
}

TEST(pool_does_as_its_model_over_random_steps)
{
    struct model model = {0};
    struct txpool_head head = {.rules = {.fork = OSAKA, .chain_id = 900}, .gas_limit = 30000000};
    struct txpool *pool =
        txpool_new(&TXPOOL_LIMITS, &head, (struct txpool_state){&model, model_account},
                   (struct txpool_listener){NULL, NULL});
    u64 seed = 7;
    for (usize who = 0; who < SENDERS; who++)
        model.balance[who] = 21000 * 300;
    for (usize step = 0; step < STEPS; step++) {
        usize who = next_random(&seed) % SENDERS;
        u64 nonce = next_random(&seed) % NONCES, price = 1 + next_random(&seed) % 100;
        u64 kind = next_random(&seed) % 16;
        if (kind == 0) {
            move_head(pool, &model, &seed, &head);
        } else if (kind == 1) {
            txpool_drop_sender(pool, (address){.b = {[19] = (u8)who}});
            memset(model.there[who], 0, sizeof(model.there[who]));
        } else {
            bool accepts = model_accepts(&model, who, nonce, price);
            CHECK_ROW(step, add(pool, who, nonce, price) == accepts);
            if (accepts) {
                model.there[who][nonce] = true;
                model.price[who][nonce] = price;
            }
        }
        CHECK_ROW(step, agrees(pool, &model));
        if (kind > 12)
            CHECK_ROW(step, order_is_right(pool, &model));
    }
    txpool_free(pool);
}

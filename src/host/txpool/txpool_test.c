#include "txpool/txpool.h"

#include "base/fmt.h"
#include "harness/test.h"

/* A world of accounts with byte-sized names, and a pool over it. */
struct world {
    struct account accounts[256];
    struct txpool *pool;
    usize announced;
};

static enum status world_account(void *self, address who, struct account *out)
{
    *out = ((struct world *)self)->accounts[who.b[19]];
    return ST_OK;
}

static void world_executable(void *self, const struct tx *tx)
{
    (void)tx;
    ((struct world *)self)->announced++;
}

static struct txpool_head head_with_base_fee(u64 base_fee)
{
    return (struct txpool_head){.rules = {.fork = OSAKA, .chain_id = 900, .blobs = {6, 9, 1}},
                                .gas_limit = 30000000,
                                .base_fee_wei = u256_from_u64(base_fee),
                                .blob_fee_wei = U256_ONE};
}

static struct txpool_state world_state(struct world *world)
{
    return (struct txpool_state){world, world_account};
}

static struct world *world_new(const struct txpool_limits *limits)
{
    struct world *world = ARENA_NEW(test_arena(), struct world, 1);
    for (usize i = 0; i < countof(world->accounts); i++) {
        world->accounts[i] = account_new();
        world->accounts[i].balance_wei = u256_from_u64(UINT64_MAX);
    }
    struct txpool_head head = head_with_base_fee(10);
    world->pool = txpool_new(limits, &head, world_state(world),
                             (struct txpool_listener){world, world_executable});
    return world;
}

static void world_head(struct world *world, u64 base_fee)
{
    struct txpool_head head = head_with_base_fee(base_fee);
    struct txpool_state state = world_state(world);
    txpool_set_head(world->pool, &head, &state, NULL, 0);
}

static struct tx transfer(u8 from, u64 nonce, u64 max_fee, u64 tip)
{
    return (struct tx){.type = TX_DYNAMIC_FEE,
                       .protected = true,
                       .from_known = true,
                       .from = {.b = {[19] = from}},
                       .chain_id = 900,
                       .nonce = nonce,
                       .gas_limit = 21000,
                       .max_fee_wei = u256_from_u64(max_fee),
                       .max_priority_wei = u256_from_u64(tip)};
}

static enum status add_tx(struct world *world, struct tx tx, struct err *err)
{
    /* The pool never looks into the signature: the sender may live in it, to make hashes differ. */
    tx.r = u256_from_address(tx.from);
    tx.s = U256_ONE;
    tx_set_hash(&tx, *test_arena());
    struct arena tmp = *test_arena();
    return txpool_add(world->pool, &tx, tx_encode(&tx, &tmp), BYTES_EMPTY, 0, err);
}

static enum status add(struct world *world, u8 from, u64 nonce, u64 max_fee, u64 tip)
{
    struct err err;
    return add_tx(world, transfer(from, nonce, max_fee, tip), &err);
}

static bool says(const struct err *err, const char *words)
{
    return strstr(err->text, words) != NULL;
}

/* "from.nonce from.nonce …" in the order of the next block. */
static const char *order_text(struct world *world, u64 base_fee)
{
    char *text = ARENA_NEW(test_arena(), char, 4096);
    struct txpool_order *order = txpool_order_begin(world->pool, u256_from_u64(base_fee), U256_ONE);
    struct txpool_pick pick;
    usize size = 0;
    while (txpool_order_next(order, &pick))
        size += fmt(text + size, 4096 - size, size > 0 ? " %u.%lu" : "%u.%lu",
                    (unsigned)pick.tx->from.b[19], pick.tx->nonce);
    txpool_order_end(order);
    return text;
}

#define CHECK_ORDER(world, base_fee, want)                                                         \
    CHECK(strcmp(order_text((world), (base_fee)), (want)) == 0)

TEST(pool_orders_by_effective_tip_then_arrival_and_by_nonce_within_a_sender)
{
    struct world *world = world_new(&TXPOOL_LIMITS);
    CHECK(add(world, 1, 0, 100, 2) == ST_OK);
    CHECK(add(world, 1, 1, 100, 50) == ST_OK);
    CHECK(add(world, 2, 0, 100, 5) == ST_OK);
    CHECK(add(world, 3, 0, 100, 5) == ST_OK);
    CHECK(add(world, 4, 0, 12, 12) == ST_OK); /* at a base fee of 10 it tips only 2 */
    CHECK_ORDER(world, 10, "2.0 3.0 1.0 1.1 4.0");
    CHECK_ORDER(world, 98, "1.0 1.1 2.0 3.0"); /* 4 cannot pay; everyone else tips 2 */
    CHECK_ORDER(world, 101, "");
    txpool_free(world->pool);
}

TEST(pool_queues_after_a_gap_until_it_is_filled)
{
    struct world *world = world_new(&TXPOOL_LIMITS);
    CHECK(add(world, 1, 1, 100, 1) == ST_OK);
    CHECK(add(world, 1, 2, 100, 1) == ST_OK);
    u64 nonce = 0;
    CHECK(txpool_next_nonce(world->pool, transfer(1, 0, 0, 0).from, &nonce) == ST_MISSING);
    CHECK(txpool_counts(world->pool).queued == 2 && world->announced == 0);
    CHECK(add(world, 1, 0, 100, 1) == ST_OK);
    CHECK(txpool_counts(world->pool).executable == 3 && world->announced == 3);
    CHECK(txpool_next_nonce(world->pool, transfer(1, 0, 0, 0).from, &nonce) == ST_OK);
    CHECK(nonce == 3);
    CHECK_ORDER(world, 10, "1.0 1.1 1.2");
    txpool_free(world->pool);
}

TEST(pool_replaces_only_for_a_bump_of_a_tenth)
{
    struct world *world = world_new(&TXPOOL_LIMITS);
    struct err err;
    CHECK(add(world, 1, 0, 100, 10) == ST_OK);
    CHECK(add(world, 1, 1, 100, 10) == ST_OK);
    CHECK(add_tx(world, transfer(1, 0, 100, 10), &err) == ST_INVALID &&
          says(&err, "already known"));
    static const struct {
        u64 max_fee, tip;
    } cheap[] = {{109, 11}, {110, 10}, {200, 10}, {100, 20}};
    for (usize i = 0; i < countof(cheap); i++)
        CHECK_ROW(i, add_tx(world, transfer(1, 0, cheap[i].max_fee, cheap[i].tip), &err) ==
                             ST_INVALID &&
                         says(&err, "replacement transaction underpriced"));
    CHECK(add(world, 1, 0, 110, 11) == ST_OK);
    CHECK(txpool_counts(world->pool).executable == 2);
    CHECK(world->announced == 3); /* the second one was not announced again */
    CHECK_ORDER(world, 10, "1.0 1.1");
    txpool_free(world->pool);
}

TEST(pool_refuses_in_the_words_of_geth)
{
    struct world *world = world_new(&TXPOOL_LIMITS);
    world->accounts[1].nonce = 5;
    world->accounts[1].balance_wei = u256_from_u64(3000000);
    struct tx wrong_chain = transfer(1, 5, 10, 1), little_gas = transfer(1, 5, 10, 1);
    struct tx much_gas = transfer(1, 5, 10, 1), capped = transfer(1, 5, 10, 1);
    struct tx data = transfer(1, 5, 10, 1), initcode = transfer(1, 5, 10, 1);
    wrong_chain.chain_id = 1;
    little_gas.gas_limit = 20999;
    much_gas.gas_limit = 30000001;
    capped.gas_limit = (1 << 24) + 1;
    data.data = (bytes){ARENA_NEW(test_arena(), u8, 100), 100};
    data.gas_limit = 21400 + 1; /* intrinsic 21,400; floor 22,000 */
    initcode.creates = true;
    initcode.data = (bytes){ARENA_NEW(test_arena(), u8, 49153), 49153};
    initcode.gas_limit = 10000000;
    const struct {
        struct tx tx;
        const char *words;
    } rows[] = {
        {transfer(1, 4, 10, 1), "nonce too low: next nonce 5, tx nonce 4"},
        {transfer(1, UINT64_MAX, 10, 1), "nonce has max value"},
        {transfer(1, 5, 1000, 1), "insufficient funds for gas * price + value: balance 3000000, "
                                  "tx cost 21000000, overshot 18000000"},
        {transfer(1, 5, 10, 11), "max priority fee per gas higher than max fee per gas"},
        {wrong_chain, "invalid chain id"},
        {little_gas, "intrinsic gas too low: have 20999, want 21000"},
        {much_gas, "exceeds block gas limit"},
        {capped, "transaction gas limit too high"},
        {data, "insufficient gas for floor data gas cost: have 21401, want 22000"},
        {initcode, "max initcode size exceeded"},
    };
    for (usize i = 0; i < countof(rows); i++) {
        struct err err;
        CHECK_ROW(i, add_tx(world, rows[i].tx, &err) == ST_INVALID);
        CHECK_ROW(i, says(&err, rows[i].words));
    }
    CHECK(txpool_counts(world->pool).bytes == 0);
    txpool_free(world->pool);
}

TEST(pool_holds_an_account_to_what_it_can_pay_in_all)
{
    struct world *world = world_new(&TXPOOL_LIMITS);
    struct err err;
    world->accounts[1].balance_wei = u256_from_u64(21000 * 100 * 2);
    CHECK(add(world, 1, 0, 100, 1) == ST_OK);
    CHECK(add(world, 1, 1, 100, 1) == ST_OK);
    CHECK(add_tx(world, transfer(1, 2, 100, 1), &err) == ST_INVALID);
    CHECK(says(&err, "insufficient funds for gas * price + value"));
    world->accounts[1].balance_wei = u256_from_u64(21000 * 100);
    world_head(world, 10);
    CHECK_ORDER(world, 10, "1.0"); /* the second waits for funds */
    world->accounts[1].balance_wei = u256_from_u64(21000 * 100 * 3);
    world_head(world, 10);
    CHECK_ORDER(world, 10, "1.0 1.1");
    txpool_free(world->pool);
}

TEST(pool_drops_the_included_and_takes_them_back_after_a_reorg)
{
    struct world *world = world_new(&TXPOOL_LIMITS);
    for (u64 nonce = 0; nonce < 5; nonce++)
        CHECK(add(world, 1, nonce, 100, 1) == ST_OK);
    world->accounts[1].nonce = 3;
    world_head(world, 10);
    CHECK_ORDER(world, 10, "1.3 1.4");
    world->accounts[1].nonce = 1;
    world_head(world, 10);
    CHECK_ORDER(world, 10, ""); /* 1 and 2 are missing */
    CHECK(add(world, 1, 2, 100, 1) == ST_OK && add(world, 1, 1, 100, 1) == ST_OK);
    CHECK_ORDER(world, 10, "1.1 1.2 1.3 1.4");
    world->accounts[1].nonce = 5;
    world_head(world, 10);
    CHECK(txpool_counts(world->pool).bytes == 0);
    txpool_free(world->pool);
}

TEST(pool_that_is_full_drops_cheap_tails_of_large_senders_first)
{
    struct txpool_limits limits = TXPOOL_LIMITS;
    limits.pending = 6;
    limits.account_share = 2;
    struct world *world = world_new(&limits);
    struct err err;
    for (u64 nonce = 0; nonce < 4; nonce++)
        CHECK(add(world, 1, nonce, 900, 1) == ST_OK);
    CHECK(add(world, 2, 0, 20, 1) == ST_OK);
    CHECK(add(world, 3, 0, 30, 1) == ST_OK);
    CHECK(add(world, 4, 0, 15, 1) == ST_OK); /* in its share: 1 gives way, though it pays more */
    CHECK(add(world, 5, 0, 15, 1) == ST_OK);
    CHECK_ORDER(world, 10, "1.0 1.1 2.0 3.0 4.0 5.0");
    CHECK(add_tx(world, transfer(6, 0, 14, 1), &err) == ST_FULL && says(&err, "txpool is full"));
    CHECK(add(world, 7, 0, 16, 1) == ST_OK); /* now all are in their share: the cheapest goes */
    CHECK_ORDER(world, 10, "1.0 1.1 2.0 3.0 4.0 7.0");
    CHECK(add_tx(world, transfer(7, 5, 5000, 1), &err) == ST_FULL); /* queued goes first */
    txpool_free(world->pool);
}

TEST(pool_bounds_queued_transactions_and_expires_them)
{
    struct txpool_limits limits = TXPOOL_LIMITS;
    limits.account_queued = 3;
    limits.queued = 4;
    struct world *world = world_new(&limits);
    struct err err;
    for (u64 nonce = 1; nonce < 4; nonce++)
        CHECK(add(world, 1, nonce, 100, 1) == ST_OK);
    CHECK(add_tx(world, transfer(1, 4, 100, 1), &err) == ST_FULL);
    CHECK(add(world, 2, 1, 200, 1) == ST_OK);
    CHECK(add(world, 2, 2, 200, 1) == ST_OK); /* pushes out 1.3 */
    CHECK(txpool_counts(world->pool).queued == 4);
    CHECK(add(world, 3, 0, 100, 1) == ST_OK);
    txpool_expire(world->pool, limits.lifetime_ms);
    CHECK(txpool_counts(world->pool).queued == 4);
    txpool_expire(world->pool, limits.lifetime_ms + 1);
    CHECK(txpool_counts(world->pool).queued == 0 && txpool_counts(world->pool).executable == 1);
    txpool_free(world->pool);
}

TEST(pool_bounds_bytes)
{
    struct txpool_limits limits = TXPOOL_LIMITS;
    limits.bytes = 20000;
    struct world *world = world_new(&limits);
    for (u8 from = 0; from < 100; from++)
        (void)add(world, from, 0, (u64)100 + from, 1);
    struct txpool_counts counts = txpool_counts(world->pool);
    CHECK(counts.bytes <= 20000 && counts.executable > 10);
    CHECK(txpool_next_nonce(world->pool, transfer(99, 0, 0, 0).from, &(u64){0}) == ST_OK);
    CHECK(txpool_next_nonce(world->pool, transfer(0, 0, 0, 0).from, &(u64){0}) == ST_MISSING);
    txpool_free(world->pool);
}

TEST(pool_order_stays_readable_while_the_pool_changes)
{
    struct world *world = world_new(&TXPOOL_LIMITS);
    for (u64 nonce = 0; nonce < 3; nonce++)
        CHECK(add(world, 1, nonce, 100, 1) == ST_OK);
    CHECK(add(world, 2, 0, 100, 1) == ST_OK);
    struct txpool_order *order = txpool_order_begin(world->pool, U256_ONE, U256_ONE);
    struct txpool_pick pick;
    CHECK(txpool_order_next(order, &pick) && pick.tx->from.b[19] == 1);
    txpool_clear(world->pool);
    CHECK(txpool_counts(world->pool).bytes == 0);
    CHECK(pick.tx->nonce == 0 && pick.envelope.size > 0);
    txpool_order_skip_sender(order);
    CHECK(txpool_order_next(order, &pick) && pick.tx->from.b[19] == 2);
    CHECK(!txpool_order_next(order, &pick));
    txpool_order_end(order);
    txpool_free(world->pool);
}

TEST(pool_gives_back_all_that_a_transaction_points_to)
{
    struct world *world = world_new(&TXPOOL_LIMITS);
    hash32 slots[2] = {{{1}}, {{2}}}, blobs[1] = {{{1, 9}}};
    struct access_entry access[] = {{{{7}}, slots, 2}, {{{8}}, NULL, 0}};
    struct tx tx = transfer(1, 0, 100, 1);
    tx.type = TX_BLOB;
    tx.gas_limit = 100000;
    tx.access = access;
    tx.access_count = 2;
    tx.blob_hashes = blobs;
    tx.blob_hash_count = 1;
    tx.max_blob_fee_wei = U256_ONE;
    tx.data = BYTES_LIT("input");
    tx_set_hash(&tx, *test_arena());
    bytes envelope = tx_encode(&tx, test_arena());
    struct tx sent, got;
    struct err err;
    CHECK(tx_decode(envelope, &sent, test_arena(), &err) == ST_OK);
    sent.from = tx.from;
    sent.from_known = true;
    CHECK(txpool_add(world->pool, &sent, envelope, BYTES_LIT("blobs"), 0, &err) == ST_OK);
    bytes got_envelope, got_network;
    CHECK(txpool_get(world->pool, sent.hash, &got, &got_envelope, &got_network, test_arena()) ==
          ST_OK);
    CHECK(bytes_equal(got_envelope, envelope) && bytes_equal(got_network, BYTES_LIT("blobs")));
    CHECK(bytes_equal(tx_encode(&got, test_arena()), envelope));
    CHECK(got.data.data >= got_envelope.data && got.data.data < got_envelope.data + envelope.size);
    CHECK(txpool_drop(world->pool, sent.hash) && !txpool_drop(world->pool, sent.hash));
    txpool_free(world->pool);
}

/* Transactions one after the other. */
struct returned {
    const struct tx *txs;
    usize left;
};

static const struct tx *next_returned(void *self, bytes *envelope)
{
    struct returned *returned = self;
    if (returned->left == 0)
        return NULL;
    const struct tx *tx = returned->txs++;
    returned->left--;
    *envelope = tx_encode(tx, test_arena());
    return tx;
}

TEST(pool_gives_the_place_to_what_a_reorg_brings_back)
{
    struct world *world = world_new(&TXPOOL_LIMITS);
    struct txpool_head head = head_with_base_fee(10);
    struct txpool_state state = world_state(world);
    struct tx txs[3];
    for (usize i = 0; i < countof(txs); i++) {
        txs[i] = transfer(1, i, 100, 1);
        txs[i].value_wei = u256_from_u64(7);
        tx_set_hash(&txs[i], *test_arena());
    }
    world->accounts[1].nonce = 3; /* they are in blocks */
    world_head(world, 10);
    CHECK(add(world, 1, 3, 100, 1) == ST_OK);
    world->accounts[1].nonce = 0; /* not any more, and somebody saw it before the pool did */
    CHECK(add(world, 1, 1, 300, 3) == ST_INVALID); /* the pool goes by what it was told */
    world_head(world, 10);
    CHECK(add(world, 1, 1, 300, 3) == ST_OK);
    struct returned returned = {txs, countof(txs)};
    struct txpool_returns returns = {&returned, next_returned};
    txpool_set_head(world->pool, &head, &state, &returns, 0);
    CHECK_ORDER(world, 10, "1.0 1.1 1.2 1.3");
    for (usize i = 0; i < countof(txs); i++)
        CHECK(txpool_place(world->pool, txs[i].hash) == TXPOOL_EXECUTABLE);
    CHECK(txpool_drop(world->pool, txs[1].hash));
    CHECK(txpool_place(world->pool, txs[1].hash) == TXPOOL_ABSENT);
    CHECK(txpool_place(world->pool, txs[2].hash) == TXPOOL_QUEUED);
    txpool_free(world->pool);
}

TEST(pool_of_a_child_takes_no_deposit_and_nothing_that_outweighs_a_block)
{
    struct world *world = world_new(&TXPOOL_LIMITS);
    struct txpool_head head = head_with_base_fee(10);
    struct txpool_state state = world_state(world);
    struct err err = {""};
    head.rules.child = (struct child_rules){.on = true, .footprint_gas = 30000};
    txpool_set_head(world->pool, &head, &state, NULL, 0);
    struct tx deposit = {.type = TX_DEPOSIT,
                         .from_known = true,
                         .gas_limit = 21000,
                         .mint_wei = u256_from_u64(1000)};
    CHECK(add_tx(world, deposit, &err) == ST_INVALID);
    CHECK(says(&err, "transaction type not supported: a deposit comes from the parent"));
    struct tx tx = transfer(1, 0, 100, 1);
    CHECK(add_tx(world, tx, &err) == ST_OK);
    u8 zeros[1000] = {0};
    tx = transfer(2, 0, 100, 1);
    tx.data = BYTES_OF(zeros);
    tx.gas_limit = 100000;
    CHECK(add_tx(world, tx, &err) == ST_INVALID);
    CHECK(says(&err, "oversized data: transaction size ") && says(&err, "a block takes 1000"));
    txpool_free(world->pool);
}

TEST(pool_takes_a_burst_of_ten_thousand_from_ten_senders)
{
    struct world *world = world_new(&TXPOOL_LIMITS_DEV);
    for (u64 nonce = 0; nonce < 1000; nonce++)
        for (u8 from = 0; from < 10; from++)
            CHECK(add(world, from, nonce, 100, 1) == ST_OK);
    CHECK(txpool_counts(world->pool).executable == 10000);
    for (u64 done = 10; done <= 1000; done += 10) { /* a hundred blocks */
        struct txpool_order *order = txpool_order_begin(world->pool, U256_ONE, U256_ONE);
        struct txpool_pick pick;
        for (usize i = 0; i < 100; i++)
            CHECK(txpool_order_next(order, &pick));
        for (u8 from = 0; from < 10; from++)
            world->accounts[from].nonce = done;
        world_head(world, 10);
        txpool_order_end(order);
    }
    CHECK(txpool_counts(world->pool).bytes == 0);
    txpool_free(world->pool);
}

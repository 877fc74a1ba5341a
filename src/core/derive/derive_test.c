#include "derive/derive.h"

#include "crypto/keccak.h"
#include "derive/blob_data.h"
#include "derive/testing.h"
#include "harness/test.h"
#include "stf/child.h"

static struct parent parent;

static void begin(void)
{
    parent_init(&parent, test_arena());
}

/* --- A follower, which holds derivation to its invariants. */

struct follower {
    struct derive_state state;
    struct seeded random;
    u64 reject_one_in; /* blocks with users' transactions; 0: none */
    hash32 blocks[PARENT_MOST];
    usize users[PARENT_MOST]; /* transactions of users in each */
    usize items[PARENT_MOST];
    usize block_count;
    struct err reason; /* of the last batch */
};

static struct follower follower_new(u64 seed)
{
    begin();
    return (struct follower){.state = parent_genesis(&parent), .random = {seed}};
}

/* What every block is, whatever the batch was: the head's successor, with attributes that say so
 * and the next items in order. */
static void check_block(const struct derive_state *before, const struct derive_block *block)
{
    struct child_attributes attributes;
    usize items = block->deposit_count - 1;
    CHECK(block->number == before->head.number + 1);
    CHECK(hash32_equal(block->parent_hash, before->head.hash));
    CHECK(block->timestamp >= before->head.timestamp);
    CHECK(block->timestamp >= block->origin.timestamp);
    CHECK(block->origin.number >= before->head.origin.number);
    CHECK(block->sequence_number == (block->origin.number == before->head.origin.number
                                         ? before->head.sequence_number + 1
                                         : 0));
    CHECK(block->inbox_pos == before->inbox_pos + items);
    CHECK(hash32_equal(block->inbox_acc, parent.inbox_accs[block->inbox_pos]));
    CHECK(child_attributes_read(&block->txs[0], &attributes) == ST_OK);
    CHECK(attributes.inbox_pos == block->inbox_pos);
    CHECK(attributes.origin_number == block->origin.number);
    CHECK(hash32_equal(attributes.origin_hash, block->origin.hash));
    CHECK(attributes.base_fee_scalar == block->params.base_fee_scalar);
    u64 gas = 0;
    for (usize i = 0; i < block->tx_count; i++) {
        const struct tx *tx = &block->txs[i];
        CHECK((tx->type == TX_DEPOSIT) == (i < block->deposit_count));
        CHECK(hash32_equal(tx->hash, keccak256(block->envelopes[i])));
        if (i < block->deposit_count)
            gas += tx->gas_limit;
        if (i > 0 && i < block->deposit_count)
            CHECK(hash32_equal(tx->source_hash,
                               source_hash_item(parent.inbox_accs[before->inbox_pos + i])));
    }
    CHECK(items <= 1 || gas <= block->params.gas_limit);
}

static bool wants_reject(struct follower *f, const struct derive_block *block)
{
    return block->tx_count > block->deposit_count && f->reject_one_in > 0 &&
           seeded_below(&f->random, f->reject_one_in) == 0;
}

static void keep(struct follower *f, const struct derive_block *block, hash32 hash)
{
    assert(f->block_count < PARENT_MOST);
    f->blocks[f->block_count] = hash;
    f->users[f->block_count] = block->tx_count - block->deposit_count;
    f->items[f->block_count++] = block->deposit_count - 1;
}

/* Derives a batch to its end. */
static void follow(struct follower *f, const struct derive_input *input)
{
    struct derive_run run;
    struct err err = {""};
    usize bound = derive_open_bound(input);
    struct arena open = arena_over(arena_take(test_arena(), bound, 16), bound);
    if (derive_open(&run, &parent.config, &f->state, input, &open, &err) != ST_OK) {
        test_fail(__FILE__, __LINE__, "batch %lu: %s", input->record.index, err.text);
        return;
    }
    while (derive_more(&run)) {
        const struct derive_block *block;
        usize next_bound = derive_next_bound(&run);
        struct arena next = arena_over(arena_take(test_arena(), next_bound, 16), next_bound);
        if (derive_next(&run, &block, &next, &err) != ST_OK) {
            test_fail(__FILE__, __LINE__, "batch %lu: %s", input->record.index, err.text);
            return;
        }
        check_block(&run.state, block);
        if (wants_reject(f, block)) {
            derive_reject(&run, NULL);
            continue;
        }
        hash32 hash = parent_execute(block);
        keep(f, block, hash);
        derive_done(&run, hash);
    }
    f->reason = run.reason;
    f->state = derive_close(&run);
    CHECK(f->state.inbox_pos == input->record.inbox_pos);
    CHECK(f->state.batch_count == input->record.index + 1);
    CHECK(hash32_equal(f->state.batch_acc, input->record.batch_acc));
}

static bytes raw_data(const struct batch *batch)
{
    struct batch_body body;
    struct err err = {""};
    if (batch_body_encode(batch, CHILD_ID, &body, test_arena(), &err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", err.text);
    return batch_data_raw(body.all, test_arena());
}

/* --- A sequencer, which makes blocks of its own and then a batch of them. */

struct sequencer {
    struct derive_state state;
    struct batch_block blocks[PARENT_MOST];
    hash32 hashes[PARENT_MOST];
    usize block_count;
    struct batch batch;
};

static void start_batch(struct sequencer *s)
{
    s->block_count = 0;
    s->batch = (struct batch){.first_number = s->state.head.number + 1, .blocks = s->blocks};
    memcpy(s->batch.parent_prefix, s->state.head.hash.b, sizeof(s->batch.parent_prefix));
}

static void sequence(struct sequencer *s, u64 timestamp, u64 origin_number, usize most_items,
                     const struct tx *txs, usize tx_count)
{
    struct derive_origin origin = parent_origin(&parent, origin_number);
    struct derive_plan plan = {.timestamp = timestamp,
                               .origin = &origin,
                               .items = parent.items + s->state.inbox_pos,
                               .txs = txs,
                               .tx_count = tx_count};
    struct derive_block block;
    plan.item_count = derive_items_fit(&parent.config, &s->state, timestamp, plan.items,
                                       min_u64(most_items, parent.item_count - s->state.inbox_pos));
    enum status st = derive_compose(&s->state, &plan, &block, test_arena(), NULL);
    assert(st == ST_OK);
    hash32 hash = parent_execute(&block);
    derive_advance(&s->state, &block, hash);
    s->hashes[s->block_count] = hash;
    s->blocks[s->block_count++] =
        (struct batch_block){timestamp, origin_number, plan.item_count, txs, tx_count};
    s->batch.block_count = s->block_count;
}

/* Some blocks at the times and origins that the rules allow. */
static void sequence_random(struct sequencer *s, struct seeded *random, usize count)
{
    for (usize i = 0; i < count; i++) {
        u64 origin = s->state.head.origin.number;
        origin += seeded_below(random, parent_last_origin(&parent) - origin + 1);
        u64 time = max_u64(s->state.head.timestamp, parent_origin(&parent, origin).timestamp);
        time += seeded_below(random, 3);
        usize tx_count = seeded_below(random, 5);
        struct tx *txs = ARENA_TAKE(test_arena(), struct tx, tx_count);
        for (usize j = 0; j < tx_count; j++)
            txs[j] = seeded_tx(random, CHILD_ID, test_arena());
        sequence(s, time, origin, seeded_below(random, 4), txs, tx_count);
    }
}

/* The parent goes on by some blocks and items. */
static void live(struct seeded *random)
{
    for (u64 i = seeded_below(random, 4); i > 0; i--)
        parent_mine(&parent);
    for (u64 i = seeded_below(random, 6); i > 0; i--)
        parent_enqueue_random(&parent, random);
}

/* --- Good batches. */

TEST(derive_gives_back_the_blocks_that_a_sequencer_made)
{
    struct follower f = follower_new(1);
    struct sequencer s = {.state = f.state};
    struct seeded random = {2};
    for (usize round = 0; round < 60; round++) {
        live(&random);
        start_batch(&s);
        sequence_random(&s, &random, seeded_below(&random, 6));
        bytes data = raw_data(&s.batch);
        usize before = f.block_count;
        struct derive_input input =
            parent_append(&parent, &f.state, &data, s.state.inbox_pos, parent_last_origin(&parent));
        follow(&f, &input);
        CHECK_ROW(round, f.reason.text[0] == 0);
        CHECK_ROW(round, f.block_count - before == s.block_count);
        CHECK_ROW(round, memcmp(f.blocks + before, s.hashes, s.block_count * sizeof(hash32)) == 0);
        CHECK_ROW(round, hash32_equal(f.state.head.hash, s.state.head.hash));
        s.state.batch_count = f.state.batch_count; /* the sequencer does not keep these two */
        s.state.batch_acc = f.state.batch_acc;
        CHECK_ROW(round, memcmp(&f.state.params, &s.state.params, sizeof(f.state.params)) == 0);
    }
    CHECK(f.block_count > 100 && f.state.inbox_pos > 50);
}

TEST(derive_reads_blobs_as_it_reads_calldata)
{
    struct follower f = follower_new(1);
    struct sequencer s = {.state = f.state};
    struct seeded random = {3};
    start_batch(&s);
    sequence_random(&s, &random, 5);
    bytes data = raw_data(&s.batch), blob;
    usize count = blob_count_for(data.size);
    CHECK(count == 1);
    u8 *blobs = ARENA_TAKE(test_arena(), u8, BLOB_SIZE);
    blob_data_encode(data, blobs);
    blob = (bytes){blobs, BLOB_SIZE};
    hash32 versioned = {{1, 2, 3}};
    struct derive_input input = parent_append(&parent, &f.state, &data, 0, PARENT_FIRST_ORIGIN);
    input.kind = BATCH_BLOBS;
    input.blobs = &blob;
    input.blob_hashes = &versioned;
    input.blob_count = 1;
    input.record.data_hash = batch_hash_blobs(&versioned, 1);
    input.record.batch_acc = batch_acc_next(f.state.batch_acc, &input.record);
    follow(&f, &input);
    CHECK(f.block_count == 5 && hash32_equal(f.state.head.hash, s.state.head.hash));
}

/* --- Bad ones: each rule. */

/* A batch of two blocks at the parent's second block, the first of which reads one of two items,
 * and what is changed in it. */
struct fault {
    const char *reason; /* what the reason begins with */
    void (*change)(struct sequencer *s);
};

static void number_behind(struct sequencer *s)
{
    s->batch.first_number--;
}
static void other_parent(struct sequencer *s)
{
    s->batch.parent_prefix[7] ^= 1;
}
static void origin_before(struct sequencer *s)
{
    s->blocks[0].origin_number = s->blocks[1].origin_number = PARENT_FIRST_ORIGIN;
}
static void origin_ahead(struct sequencer *s)
{
    s->blocks[1].origin_number++;
}
static void time_before(struct sequencer *s)
{
    s->blocks[0].timestamp = s->blocks[1].timestamp = PARENT_FIRST_TIME + 12;
}
static void time_before_origin(struct sequencer *s)
{
    s->blocks[0].timestamp = s->blocks[1].timestamp = PARENT_FIRST_TIME + 23;
}
static void time_ahead(struct sequencer *s)
{
    s->blocks[1].timestamp = PARENT_FIRST_TIME + 36 + DERIVE_TIME_AHEAD + 1;
}
static void items_ahead(struct sequencer *s)
{
    s->blocks[1].item_count = 4;
}
static void items_full(struct sequencer *s)
{
    s->blocks[1].item_count = 3;
}

TEST(derive_skips_a_batch_that_breaks_a_rule_and_runs_its_items)
{
    static const struct fault rows[] = {
        {"it begins with block 1 after block 1", number_behind},
        {"it builds on another block 1", other_parent},
        {"block 2 has origin 100 after 101", origin_before},
        {"block 3 has origin 103, the batch 102", origin_ahead},
        {"block 2 has time 1700000012 after 1700000013", time_before},
        {"block 2 has time 1700000023, before its origin's 1700000024", time_before_origin},
        {"block 3 has time 1700000637, the latest is 1700000636", time_ahead},
        {"block 3 reads 4 items, the batch has 3 left", items_ahead},
        {"block 3 reads 3 items, its gas is enough for 2", items_full},
    };
    for (usize i = 0; i < countof(rows); i++) {
        struct follower f = follower_new(1);
        struct sequencer s = {.state = f.state};
        struct seeded random = {4};
        for (int blocks = 0; blocks < 3; blocks++)
            parent_mine(&parent);
        start_batch(&s); /* a good one first */
        sequence(&s, PARENT_FIRST_TIME + 13, PARENT_FIRST_ORIGIN + 1, 0, NULL, 0);
        bytes data = raw_data(&s.batch);
        struct derive_input input =
            parent_append(&parent, &f.state, &data, 0, PARENT_FIRST_ORIGIN + 1);
        follow(&f, &input);
        CHECK_ROW(i, f.reason.text[0] == 0 && f.block_count == 1);

        for (int items = 0; items < 4; items++)
            parent_enqueue(&parent, (struct inbox_item){.gas_limit = 14000000});
        struct tx tx = seeded_tx(&random, CHILD_ID, test_arena());
        start_batch(&s);
        sequence(&s, PARENT_FIRST_TIME + 25, PARENT_FIRST_ORIGIN + 2, 1, &tx, 1);
        sequence(&s, PARENT_FIRST_TIME + 25, PARENT_FIRST_ORIGIN + 2, 0, &tx, 1);
        rows[i].change(&s);
        data = raw_data(&s.batch);
        input = parent_append(&parent, &f.state, &data, 4, PARENT_FIRST_ORIGIN + 2);
        follow(&f, &input);
        if (strcmp(f.reason.text, rows[i].reason) != 0)
            test_fail(__FILE__, __LINE__, "row %zu: %s", i, f.reason.text);
        CHECK_ROW(i, f.block_count == 3 && f.users[1] == 0 && f.users[2] == 0);
        CHECK_ROW(i, f.items[1] == 2 && f.items[2] == 2); /* 30 M less 1 M is enough for two */
        CHECK_ROW(i, f.state.head.timestamp == PARENT_FIRST_TIME + 24);
        CHECK_ROW(i, f.state.head.origin.number == PARENT_FIRST_ORIGIN + 2);
    }
}

TEST(derive_takes_what_lies_just_within_the_rules)
{
    struct follower f = follower_new(1);
    struct sequencer s = {.state = f.state};
    parent_mine(&parent);
    start_batch(&s);
    u64 latest = PARENT_FIRST_TIME + 12 + DERIVE_TIME_AHEAD; /* after the append's */
    sequence(&s, PARENT_FIRST_TIME, PARENT_FIRST_ORIGIN, 0, NULL, 0);
    sequence(&s, latest, PARENT_FIRST_ORIGIN, 0, NULL, 0);
    sequence(&s, latest, PARENT_FIRST_ORIGIN + 1, 0, NULL, 0);
    memset(s.batch.parent_prefix, 0, sizeof(s.batch.parent_prefix)); /* any parent */
    bytes data = raw_data(&s.batch);
    struct derive_input input = parent_append(&parent, &f.state, &data, 0, PARENT_FIRST_ORIGIN + 1);
    follow(&f, &input);
    CHECK(f.reason.text[0] == 0 && f.block_count == 3);
    CHECK(hash32_equal(f.state.head.hash, s.state.head.hash));
}

TEST(derive_makes_no_block_of_a_bad_batch_without_items)
{
    struct follower f = follower_new(1);
    bytes data = BYTES_LIT("\x01\x01nonsense");
    struct derive_input input = parent_append(&parent, &f.state, &data, 0, PARENT_FIRST_ORIGIN);
    follow(&f, &input);
    CHECK(f.block_count == 0 && f.reason.text[0] != 0 && f.state.batch_count == 1);
}

TEST(derive_runs_items_that_the_blocks_leave_at_the_end)
{
    struct follower f = follower_new(1);
    struct sequencer s = {.state = f.state};
    parent_mine(&parent);
    for (int i = 0; i < 5; i++)
        parent_enqueue(&parent, (struct inbox_item){.gas_limit = 14000000});
    start_batch(&s);
    sequence(&s, PARENT_FIRST_TIME + 5, PARENT_FIRST_ORIGIN, 1, NULL, 0);
    bytes data = raw_data(&s.batch);
    struct derive_input input = parent_append(&parent, &f.state, &data, 5, PARENT_FIRST_ORIGIN + 1);
    follow(&f, &input);
    CHECK(f.reason.text[0] == 0 && f.block_count == 3);
    CHECK(f.items[0] == 1 && f.items[1] == 2 && f.items[2] == 2);
    CHECK(f.state.head.timestamp == PARENT_FIRST_TIME + 12); /* its origin's */
    CHECK(f.state.head.sequence_number == 1);
}

TEST(derive_replaces_a_block_that_cannot_be_executed_and_drops_the_rest)
{
    struct follower f = follower_new(1);
    struct sequencer s = {.state = f.state};
    struct seeded random = {5};
    struct tx tx = seeded_tx(&random, CHILD_ID, test_arena());
    for (int i = 0; i < 3; i++)
        parent_enqueue(&parent, (struct inbox_item){.gas_limit = 100000});
    start_batch(&s);
    for (u64 i = 0; i < 4; i++)
        sequence(&s, PARENT_FIRST_TIME + i, PARENT_FIRST_ORIGIN, i % 2, &tx, 1);
    bytes data = raw_data(&s.batch);
    struct derive_input input = parent_append(&parent, &f.state, &data, 3, PARENT_FIRST_ORIGIN);
    struct derive_run run;
    const struct derive_block *block;
    CHECK(derive_open(&run, &parent.config, &f.state, &input, test_arena(), NULL) == ST_OK);
    CHECK(derive_next(&run, &block, test_arena(), NULL) == ST_OK && block->number == 1);
    derive_done(&run, parent_execute(block));
    CHECK(derive_next(&run, &block, test_arena(), NULL) == ST_OK && block->number == 2);
    CHECK(block->tx_count == 3 && block->deposit_count == 2);
    struct err why = {"nonce too low"};
    derive_reject(&run, &why);
    CHECK(derive_next(&run, &block, test_arena(), NULL) == ST_OK && block->number == 2);
    CHECK(block->tx_count == 2 && block->timestamp == PARENT_FIRST_TIME + 1);
    derive_done(&run, parent_execute(block));
    CHECK(derive_next(&run, &block, test_arena(), NULL) == ST_OK && block->number == 3);
    CHECK(block->tx_count == 3 && block->deposit_count == 3 && block->inbox_pos == 3);
    CHECK(block->timestamp == PARENT_FIRST_TIME + 1);
    derive_done(&run, parent_execute(block));
    CHECK(!derive_more(&run) && derive_close(&run).inbox_pos == 3);
    CHECK(strcmp(run.reason.text, "block 2: nonce too low") == 0);
}

/* --- Configuration. */

static u64 gas_limit_after(enum derive_param id, u256 value, struct derive_params *params)
{
    struct follower f = follower_new(1);
    parent_enqueue_config(&parent, id, value);
    struct derive_input input = parent_append(&parent, &f.state, NULL, 1, PARENT_FIRST_ORIGIN);
    follow(&f, &input);
    *params = f.state.params;
    return f.state.params.gas_limit;
}

TEST(derive_takes_over_configuration_in_the_block_that_reads_it)
{
    struct derive_params params;
    u256 high = u256_shl(U256_ONE, 200);
    CHECK(gas_limit_after(DERIVE_GAS_LIMIT, u256_from_u64(50000000), &params) == 50000000);
    CHECK(gas_limit_after(DERIVE_GAS_LIMIT, u256_from_u64(20999999), &params) == 30000000);
    CHECK(gas_limit_after(DERIVE_GAS_LIMIT, high, &params) == 30000000);
    (void)gas_limit_after(DERIVE_BASE_FEE_SCALAR, u256_from_u64(7), &params);
    CHECK(params.base_fee_scalar == 7);
    (void)gas_limit_after(DERIVE_BASE_FEE_SCALAR, high, &params);
    CHECK(params.base_fee_scalar == 40000000);
    (void)gas_limit_after(DERIVE_BLOB_BASE_FEE_SCALAR, u256_from_u64(8), &params);
    CHECK(params.blob_base_fee_scalar == 8);
    (void)gas_limit_after(DERIVE_SEQUENCER, u256_from_u64(9), &params);
    CHECK(params.sequencer.b[19] == 9);
    (void)gas_limit_after(DERIVE_SEQUENCER, high, &params);
    CHECK(params.sequencer.b[19] == 0x5e);
    CHECK(gas_limit_after((enum derive_param)77, u256_from_u64(1), &params) == 30000000);
}

TEST(derive_makes_a_call_to_the_l1_block_of_a_change_of_configuration)
{
    struct follower f = follower_new(1);
    parent_enqueue_config(&parent, DERIVE_BASE_FEE_SCALAR, u256_from_u64(7));
    struct derive_input input = parent_append(&parent, &f.state, NULL, 1, PARENT_FIRST_ORIGIN);
    struct derive_run run;
    const struct derive_block *block;
    struct child_attributes attributes;
    CHECK(derive_open(&run, &parent.config, &f.state, &input, test_arena(), NULL) == ST_OK);
    CHECK(derive_next(&run, &block, test_arena(), NULL) == ST_OK);
    CHECK(child_attributes_read(&block->txs[0], &attributes) == ST_OK);
    CHECK(attributes.base_fee_scalar == 7 && block->params.base_fee_scalar == 7);
    const struct tx *tx = &block->txs[1];
    CHECK(address_equal(tx->from, DERIVE_CONFIG_ACCOUNT));
    CHECK(address_equal(tx->to, CHILD_L1_BLOCK) && tx->gas_limit == DERIVE_CONFIG_GAS);
    CHECK(bytes_equal(tx->data, /* setConfig(1, 7) */
                      hex("1e34c585"
                          "0000000000000000000000000000000000000000000000000000000000000001"
                          "0000000000000000000000000000000000000000000000000000000000000007")));
}

TEST(derive_stops_at_a_version_that_it_does_not_know)
{
    struct follower f = follower_new(1);
    parent_enqueue(&parent, (struct inbox_item){.gas_limit = 15000000});
    parent_enqueue(&parent, (struct inbox_item){.gas_limit = 15000000});
    parent_enqueue_config(&parent, DERIVE_PROTOCOL_VERSION, u256_from_u64(2));
    struct derive_input input = parent_append(&parent, &f.state, NULL, 3, PARENT_FIRST_ORIGIN);
    struct derive_run run;
    const struct derive_block *block;
    struct err err = {""};
    CHECK(derive_open(&run, &parent.config, &f.state, &input, test_arena(), NULL) == ST_OK);
    CHECK(derive_next(&run, &block, test_arena(), NULL) == ST_OK && block->inbox_pos == 1);
    derive_done(&run, parent_execute(block));
    for (int i = 0; i < 2; i++) {
        CHECK(derive_next(&run, &block, test_arena(), &err) == ST_MISSING);
        CHECK(strcmp(err.text,
                     "block 2 runs under version 2 of the protocol, this program knows 1") == 0);
    }
    CHECK(run.state.head.number == 1 && derive_more(&run));
}

TEST(derive_begins_with_parameters_within_bounds)
{
    struct derive_params good = {.gas_limit = DERIVE_LEAST_GAS_LIMIT, .version = DERIVE_VERSION};
    struct derive_params low = good, high = good, later = good;
    low.gas_limit--;
    high.gas_limit = DERIVE_MOST_GAS_LIMIT + 1;
    later.version++;
    CHECK(derive_params_check(&good, NULL) == ST_OK);
    CHECK(derive_params_check(&low, NULL) == ST_INVALID);
    CHECK(derive_params_check(&high, NULL) == ST_INVALID);
    CHECK(derive_params_check(&later, NULL) == ST_INVALID);
}

TEST(derive_state_reads_back_from_its_bytes)
{
    struct seeded random = {8};
    u8 encoded[DERIVE_STATE_SIZE], again[DERIVE_STATE_SIZE];
    struct derive_state state;
    for (int i = 0; i < 20; i++) { /* every byte of it matters */
        seeded_fill(&random, encoded, sizeof(encoded));
        CHECK(derive_state_decode(BYTES_OF(encoded), &state) == ST_OK);
        derive_state_encode(&state, again);
        CHECK(memcmp(encoded, again, sizeof(encoded)) == 0);
    }
    CHECK(derive_state_decode((bytes){encoded, sizeof(encoded) - 1}, &state) == ST_CORRUPT);
}

/* --- Any batches. */

/* One thing in the batch that a sequencer might get wrong. */
static void damage(struct sequencer *s, struct seeded *random)
{
    struct batch_block *block =
        s->block_count > 0 ? &s->blocks[seeded_below(random, s->block_count)] : s->blocks;
    u64 by = seeded_below(random, 3) + (seeded_below(random, 8) == 0 ? 1000 : 0);
    switch (seeded_below(random, 10)) {
    case 0:
        s->batch.first_number += by;
        return;
    case 1:
        s->batch.parent_prefix[seeded_below(random, 20)] ^= (u8)by;
        return;
    case 2:
        block->timestamp -= by;
        return;
    case 3:
        s->blocks[s->block_count > 0 ? s->block_count - 1 : 0].timestamp += by;
        return;
    case 4:
        block->origin_number -= by;
        return;
    case 5:
        s->blocks[s->block_count > 0 ? s->block_count - 1 : 0].origin_number += by;
        return;
    case 6:
        block->item_count += by;
        return;
    case 7:
        s->batch.block_count -= s->block_count > 0;
        return;
    default:
        return;
    }
}

static bytes damaged_data(struct sequencer *s, struct seeded *random)
{
    struct batch_body body;
    if (batch_body_encode(&s->batch, CHILD_ID, &body, test_arena(), NULL) != ST_OK)
        return BYTES_LIT("\x01\x00"); /* not to be said in the format */
    bytes data = batch_data_raw(body.all, test_arena());
    if (seeded_below(random, 4) == 0)
        data.size -= seeded_below(random, data.size);
    if (seeded_below(random, 4) == 0 && data.size > 0)
        ((u8 *)(uintptr_t)data.data)[seeded_below(random, data.size)] ^= (u8)seeded_u64(random);
    return data;
}

TEST(derive_runs_every_item_once_and_in_order_whatever_the_batches_are)
{
    usize good = 0, bad = 0;
    for (u64 seed = 1; seed <= 40; seed++) {
        struct follower f = follower_new(seed);
        struct seeded random = {seed};
        f.reject_one_in = seed % 3 == 0 ? 4 : 0;
        for (int round = 0; round < 25; round++) {
            struct sequencer s = {.state = f.state};
            u64 read = f.state.inbox_pos;
            live(&random);
            start_batch(&s);
            sequence_random(&s, &random, seeded_below(&random, 6));
            damage(&s, &random);
            bytes data = damaged_data(&s, &random);
            u64 items = read + seeded_below(&random, parent.item_count - read + 1);
            u64 origin = PARENT_FIRST_ORIGIN + seeded_below(&random, parent.block_count);
            struct derive_input input = parent_append(
                &parent, &f.state, seeded_below(&random, 8) == 0 ? NULL : &data, items, origin);
            follow(&f, &input); /* check_block holds the invariant */
            good += f.reason.text[0] == 0;
            bad += f.reason.text[0] != 0;
        }
        u64 run = 0;
        for (usize i = 0; i < f.block_count; i++)
            run += f.items[i];
        CHECK_ROW(seed, run == f.state.inbox_pos);
    }
    CHECK(good > 100 && bad > 100);
}

/* --- Input that the accumulators do not commit to. */

TEST(derive_refuses_input_that_is_not_the_parents)
{
    struct follower f = follower_new(1);
    struct seeded random = {6};
    struct sequencer s = {.state = f.state};
    for (int i = 0; i < 3; i++) {
        parent_mine(&parent);
        parent_enqueue(&parent, (struct inbox_item){.gas_limit = 100000 + (u64)i});
    }
    start_batch(&s);
    sequence_random(&s, &random, 3);
    bytes data = raw_data(&s.batch), other_data = bytes_slice(data, 0, data.size - 1);
    const struct derive_input good =
        parent_append(&parent, &f.state, &data, 3, PARENT_FIRST_ORIGIN + 3);
    struct inbox_item items[3];
    memcpy(items, parent.items, sizeof(items));
    items[1].gas_limit++;
    bytes headers[3] = {parent.headers[1], parent.headers[1], parent.headers[3]};

    struct derive_input bad[14];
    for (usize i = 0; i < countof(bad); i++)
        bad[i] = good;
    bad[0].record.index++;
    bad[1].record.batch_acc.b[0] ^= 1;
    bad[2].record.data_hash.b[0] ^= 1;
    bad[3].record.inbox_pos++;
    bad[4].record.inbox_acc.b[0] ^= 1;
    bad[5].record.origin_number--;
    bad[6].record.origin_hash.b[0] ^= 1;
    bad[7].record.time++;
    bad[8].data = other_data;
    bad[9].kind = BATCH_FORCED;
    bad[10].items = items;
    bad[11].item_count--;
    bad[12].headers = headers;
    bad[13].header_count--; /* its last is not the origin then */
    for (usize i = 0; i < countof(bad); i++) {
        struct derive_run run;
        struct err err = {""};
        CHECK_ROW(i, derive_open(&run, &parent.config, &f.state, &bad[i], test_arena(), &err) ==
                         ST_INVALID);
        CHECK_ROW(i, err.text[0] != 0);
    }
    follow(&f, &good);
    CHECK(f.reason.text[0] == 0);
}

TEST(derive_asks_for_the_headers_that_a_batch_refers_to)
{
    struct follower f = follower_new(1);
    struct sequencer s = {.state = f.state};
    for (int i = 0; i < 9; i++)
        parent_mine(&parent);
    start_batch(&s);
    sequence(&s, PARENT_FIRST_TIME, PARENT_FIRST_ORIGIN, 0, NULL, 0);
    sequence(&s, PARENT_FIRST_TIME + 70, PARENT_FIRST_ORIGIN + 5, 0, NULL, 0);
    bytes data = raw_data(&s.batch);
    struct derive_input input = parent_append(&parent, &f.state, &data, 0, PARENT_FIRST_ORIGIN + 9);
    const bytes *all = input.headers;
    struct derive_run run;
    struct err err = {""};
    for (usize given = 0; given < 5; given++) {
        input.headers = all + 9 - given;
        input.header_count = given;
        CHECK_ROW(given, derive_open(&run, &parent.config, &f.state, &input, test_arena(), &err) ==
                             ST_MISSING);
        CHECK_ROW(given, err.text[0] != 0);
        CHECK_ROW(given, run.origins_needed == PARENT_FIRST_ORIGIN + (given == 0 ? 9 : 5));
    }
    input.headers = all + 4; /* from the block's origin on, none of those before */
    input.header_count = 5;
    follow(&f, &input);
    CHECK(f.reason.text[0] == 0 && hash32_equal(f.state.head.hash, s.state.head.hash));
}

TEST(derive_reads_origins_of_every_fork)
{
    begin();
    struct derive_origin origin;
    struct err err = {""};
    static const enum header_fields forks[] = {HEADER_FRONTIER, HEADER_LONDON, HEADER_SHANGHAI,
                                               HEADER_CANCUN, HEADER_PRAGUE};
    for (usize i = 0; i < countof(forks); i++) {
        struct header header = {.number = 5,
                                .timestamp = 6,
                                .mix_hash = {{7}},
                                .fields = forks[i],
                                .base_fee_wei = u256_from_u64(8),
                                .excess_blob_gas = 50000000,
                                .parent_beacon_root = {{9}}};
        bytes encoded = header_encode(&header, test_arena());
        CHECK_ROW(i, derive_origin_read(&parent.config, encoded, &origin, &err) == ST_OK);
        CHECK_ROW(i, hash32_equal(origin.hash, keccak256(encoded)));
        CHECK_ROW(i, origin.number == 5 && origin.timestamp == 6 && origin.mix_hash.b[0] == 7);
        CHECK_ROW(i, u256_equal(origin.base_fee_wei, u256_from_u64(i >= 1 ? 8 : 0)));
        CHECK_ROW(i, u256_is_zero(origin.blob_base_fee_wei) == (i < 3));
        CHECK_ROW(i, origin.parent_beacon_root.b[0] == (i >= 3 ? 9 : 0));
    }
    /* e^(50000000 / 5007716) */
    CHECK(u256_equal(origin.blob_base_fee_wei, u256_from_u64(21689)));

    struct header header = {.fields = HEADER_PRAGUE};
    bytes encoded = header_encode(&header, test_arena());
    u8 *longer = ARENA_TAKE(test_arena(), u8, encoded.size + 1);
    bytes_copy(longer, encoded);
    u64 payload = ((u64)longer[1] << 8 | longer[2]) + 1;
    longer[1] = (u8)(payload >> 8);
    longer[2] = (u8)payload;
    longer[encoded.size] = 0x05; /* a field that the next fork adds */
    CHECK(derive_origin_read(&parent.config, (bytes){longer, encoded.size + 1}, &origin, &err) ==
          ST_OK);
    CHECK(derive_origin_read(&parent.config, (bytes){longer, encoded.size}, &origin, &err) ==
          ST_INVALID);
    CHECK(derive_origin_read(&parent.config, hex("c3010203"), &origin, &err) == ST_INVALID);
    CHECK(derive_origin_read(&parent.config, hex("80"), &origin, &err) == ST_INVALID);
}

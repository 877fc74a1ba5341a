/* A dev chain driven at random against a model: blocks, patches, reorganisations, flushes,
 * restarts. After every step the head and all its older states read as the model says. */
#include "chain/chain.h"

#include "crypto/keccak.h"
#include "harness/test.h"

#include <stdlib.h>
#include <unistd.h>

enum { ACCOUNTS = 6, SLOTS = 3, MAX_POINTS = 1000 };

/* A state, by what made it. */
struct model_point {
    u64 parent; /* index; the genesis is its own */
    u64 number;
    hash32 hash; /* of the block */
    u64 mark;
    u64 balances[ACCOUNTS];
    u64 nonces[ACCOUNTS];
    u64 slots[SLOTS]; /* of account 0 */
};

struct model {
    struct chain *chain;
    const char *folder;
    struct model_point points[MAX_POINTS];
    usize count;
    usize head;
    u64 random;
    u64 clock;
    /* What the listener heard last. */
    u64 events;
    usize removed, added;
};

static u64 next_random(struct model *model, u64 below)
{
    model->random = model->random * 6364136223846793005u + 1442695040888963407u;
    return (model->random >> 33) % below;
}

static struct err why; /* of the last MUST */

#define MUST(call) must((call), #call, __LINE__)

static void must(enum status st, const char *call, int line)
{
    if (st != ST_OK)
        test_fail(__FILE__, line, "%s: %s: %s", call, status_name(st), why.text);
}

static address account(usize index)
{
    return (address){{0xac, [19] = (u8)(index + 1)}};
}

static const char genesis_json[] =
    "{\"config\":{\"chainId\":900,\"homesteadBlock\":0,\"eip150Block\":0,\"eip155Block\":0,"
    "\"eip158Block\":0,\"byzantiumBlock\":0,\"constantinopleBlock\":0,\"petersburgBlock\":0,"
    "\"istanbulBlock\":0,\"berlinBlock\":0,\"londonBlock\":0,\"terminalTotalDifficulty\":0,"
    "\"shanghaiTime\":0,\"cancunTime\":0,"
    "\"blobSchedule\":{\"cancun\":{\"target\":3,\"max\":6,\"baseFeeUpdateFraction\":3338477}}},"
    "\"gasLimit\":\"0x1c9c380\",\"difficulty\":\"0x0\",\"timestamp\":\"0x0\",\"alloc\":{"
    "\"ac00000000000000000000000000000000000001\":{\"balance\":\"1000000\"},"
    "\"ac00000000000000000000000000000000000002\":{\"balance\":\"1000000\"},"
    "\"ac00000000000000000000000000000000000003\":{\"balance\":\"1000000\"}}}";

static void heard(void *self, const struct chain_event *event)
{
    struct model *model = self;
    model->events++;
    model->removed = event->removed_count;
    model->added = event->added_count;
}

/* The system's files, failing where told. */
static struct {
    bool writes, syncs;
} failing;

static enum status failing_write(void *self, struct file *file, u64 offset, bytes from,
                                 struct err *err)
{
    return failing.writes ? fail(err, ST_FULL, "the disk is full")
                          : files_of_system()->write(self, file, offset, from, err);
}

static enum status failing_sync(void *self, struct file *file, struct err *err)
{
    return failing.syncs ? fail(err, ST_IO, "the disk is gone")
                         : files_of_system()->sync(self, file, err);
}

static void open_model(struct model *model)
{
    static struct files files;
    files = *files_of_system();
    files.write = failing_write;
    files.sync = failing_sync;
    struct genesis genesis;
    struct err err = {""};
    MUST(genesis_parse(BYTES_LIT(genesis_json), &genesis, test_arena(), &why));
    struct chain_options options = {
        .files = &files,
        .folder = model->folder,
        .genesis = &genesis,
        .history_blocks = UINT64_MAX,
        .proof_blocks = UINT64_MAX,
    };
    if (chain_open(&options, &model->chain, &err) != ST_OK) {
        test_fail(__FILE__, __LINE__, "%s", err.text);
        abort();
    }
    chain_listen(model->chain, (struct chain_listener){model, heard});
}

static struct model *begin_model(u64 seed)
{
    struct model *model = ARENA_NEW(test_arena(), struct model, 1);
    model->folder = test_folder();
    model->random = seed;
    open_model(model);
    struct model_point *genesis = &model->points[0];
    for (usize i = 0; i < 3; i++)
        genesis->balances[i] = 1000000;
    genesis->hash = chain_genesis_hash(model->chain);
    genesis->mark = chain_mark(model->chain);
    model->count = 1;
    return model;
}

/* --- Steps. */

/* The point that follows the head; filled in further by the caller. */
static struct model_point *add_point(struct model *model)
{
    assert(model->count < MAX_POINTS);
    struct model_point *point = &model->points[model->count];
    *point = model->points[model->head];
    point->parent = model->head;
    model->head = model->count++;
    return point;
}

struct transfers {
    struct model *model;
    struct model_point *point;
    usize left;
    struct tx tx;
    usize from, to;
    usize included, refused;
};

static const struct tx *next_transfer(void *self, u64 gas_left, u64 blob_gas_left, bytes *envelope)
{
    struct transfers *t = self;
    (void)gas_left, (void)blob_gas_left, (void)envelope;
    if (t->left-- == 0)
        return NULL;
    t->from = next_random(t->model, ACCOUNTS);
    t->to = next_random(t->model, ACCOUNTS);
    t->tx = (struct tx){
        .type = TX_LEGACY,
        .from = account(t->from),
        .from_known = true,
        .to = account(t->to),
        .nonce = t->point->nonces[t->from],
        .gas_limit = 21000,
        .value_wei = u256_from_u64(next_random(t->model, 400000)),
        .y_parity = 0,
        .r = u256_from_u64(1 + next_random(t->model, 1u << 30)),
        .s = u256_from_u64(1),
    };
    tx_set_hash(&t->tx, *test_arena());
    return &t->tx;
}

static void transfer_done(void *self, const struct tx *tx, enum status verdict,
                          const struct err *reason)
{
    struct transfers *t = self;
    (void)reason;
    u64 value = tx->value_wei.w[0];
    bool covered = value <= t->point->balances[t->from];
    CHECK(verdict == (covered ? ST_OK : ST_INVALID));
    if (verdict != ST_OK) {
        t->refused++;
        return;
    }
    t->included++;
    t->point->nonces[t->from]++;
    t->point->balances[t->from] -= value;
    t->point->balances[t->to] += value;
}

static void step_build(struct model *model)
{
    struct model_point *point = add_point(model);
    struct transfers transfers = {.model = model, .point = point, .left = next_random(model, 5)};
    struct tx_source source = {&transfers, next_transfer, transfer_done};
    struct build_params params = {
        .timestamp = ++model->clock,
        .gas_limit = 30000000,
        .has_base_fee = true,
        .txs = &source,
    };
    struct built_block built;
    MUST(chain_build(model->chain, &params, &built, &why));
    CHECK(built.block.tx_count == transfers.included);
    point->number++;
    point->hash = built.block.hash;
    point->mark = chain_mark(model->chain);
    CHECK(model->removed == 0 && model->added == 1);
}

static void step_patch(struct model *model)
{
    struct model_point *point = add_point(model);
    usize index = next_random(model, ACCOUNTS);
    struct slot_change slots[SLOTS];
    struct account_change change = {
        .who = account(index),
        .exists = true,
        .after = account_new(),
        .slots = slots,
    };
    point->balances[index] = next_random(model, 1000000);
    point->nonces[index] = next_random(model, 100);
    change.after.balance_wei = u256_from_u64(point->balances[index]);
    change.after.nonce = point->nonces[index];
    if (index == 0)
        for (usize i = 0; i < SLOTS; i++) {
            point->slots[i] = next_random(model, 3);
            /* In any order: the chain sorts. */
            slots[change.slot_count++] = (struct slot_change){
                .slot = {{(u8)(SLOTS - i)}}, .after = u256_from_u64(point->slots[i])};
        }
    struct diff diff = {.accounts = &change, .account_count = 1};
    MUST(chain_patch(model->chain, &diff, &why));
    point->mark = chain_mark(model->chain);
    CHECK(model->removed == 0 && model->added == 0);
}

/* Back, forth, or across to any state that there ever was. */
static void step_return(struct model *model)
{
    model->head = next_random(model, model->count);
    const struct model_point *point = &model->points[model->head];
    MUST(chain_return_to(model->chain, point->mark, &why));
    CHECK(chain_mark(model->chain) == point->mark);
}

static void step_reopen(struct model *model, bool flush)
{
    if (flush)
        MUST(chain_flush(model->chain, &why));
    chain_close(model->chain);
    open_model(model);
}

/* --- Checks. */

static void check_state(struct model *model, struct snapshot *at, const struct model_point *point)
{
    struct state_view view = snapshot_view(at);
    struct node_source nodes = snapshot_nodes(at);
    hash32 root;
    struct err err = {""};
    CHECK_ROW(model->random, snapshot_state_root(at, &root, &err) == ST_OK);
    for (usize i = 0; i < ACCOUNTS; i++) {
        struct account got = account_new();
        enum status st = view.account(view.self, account(i), &got);
        CHECK_ROW(i, st == ST_OK || st == ST_MISSING);
        CHECK_ROW(i, got.balance_wei.w[0] == point->balances[i]);
        CHECK_ROW(i, got.nonce == point->nonces[i]);
        /* The tries say the same as the tables. */
        address who = account(i);
        bytes leaf;
        struct account proven = account_new();
        enum status in_trie =
            trie_get(&nodes, (hash32){{0}}, root, keccak256(BYTES_OF(who)), &leaf, at->arena, &err);
        CHECK_ROW(i, in_trie == st);
        if (in_trie == ST_OK)
            CHECK_ROW(i, account_decode(leaf, &proven) == ST_OK &&
                             memcmp(&proven, &got, sizeof(got)) == 0);
    }
    for (usize i = 0; i < SLOTS; i++) {
        u256 value;
        hash32 slot = {{(u8)(SLOTS - i)}};
        CHECK_ROW(i, view.storage(view.self, account(0), slot, &value) == ST_OK);
        CHECK_ROW(i, value.w[0] == point->slots[i]);
    }
}

static void check_model(struct model *model, bool all)
{
    struct arena arena = *test_arena();
    struct snapshot at;
    struct err err = {""};
    MUST(snapshot_open(model->chain, &arena, &at, &why));
    const struct model_point *point = &model->points[model->head];
    CHECK(at.head->header.number == point->number);
    CHECK(hash32_equal(at.head->hash, point->hash));
    for (;;) {
        struct block_ref ref;
        CHECK(snapshot_seek(&at, point->number, &err) == ST_OK);
        check_state(model, &at, point);
        CHECK(snapshot_ref_by_number(&at, point->number, &ref) == ST_OK);
        CHECK(hash32_equal(ref.hash, point->hash));
        if (point->number == 0 || !all)
            break;
        u64 number = point->number; /* down to the newest state of the block before */
        while (point->number == number)
            point = &model->points[point->parent];
    }
    snapshot_close(&at);
}

TEST(chain_reads_like_its_model_through_blocks_patches_reorganisations_and_restarts)
{
    struct model *model = begin_model(7);
    for (u64 round = 0; round < 500; round++) {
        u64 dice = next_random(model, 100);
        if (dice < 60)
            step_build(model);
        else if (dice < 80)
            step_patch(model);
        else if (dice < 92)
            step_return(model);
        else if (dice < 96)
            MUST(chain_flush(model->chain, &why));
        else
            step_reopen(model, dice < 98);
        check_model(model, round % 8 == 0);
    }
    check_model(model, true);
    chain_close(model->chain);
}

TEST(chain_flushes_by_itself_and_keeps_every_state_readable)
{
    struct model *model = begin_model(11);
    for (u64 round = 0; round < 700; round++)
        step_build(model);
    /* How far the flusher gets meanwhile is the scheduler's choice. */
    while (chain_stats(model->chain).flushes == 0 && model->count < MAX_POINTS) {
        usleep(1000);
        step_build(model);
    }
    CHECK(chain_stats(model->chain).flushes > 0);
    check_model(model, true);
    step_reopen(model, false);
    check_model(model, true);
    chain_close(model->chain);
}

TEST(chain_goes_back_far_below_what_the_disk_has_and_builds_there)
{
    struct model *model = begin_model(13);
    for (u64 round = 0; round < 60; round++)
        step_build(model);
    usize old_head = model->head;
    MUST(chain_flush(model->chain, &why));
    model->head = 20;
    MUST(chain_set_head(model->chain, model->points[20].hash, &why));
    CHECK(model->removed == 40 && model->added == 0);
    check_model(model, true);
    for (u64 round = 0; round < 10; round++)
        step_build(model);
    check_model(model, true);
    MUST(chain_flush(model->chain, &why)); /* the disk goes back to 20 and takes the ten */
    check_model(model, true);
    step_reopen(model, false);
    check_model(model, true);
    model->head = old_head; /* its blocks are executed again, from the log */
    MUST(chain_set_head(model->chain, model->points[old_head].hash, &why));
    CHECK(model->removed == 10 && model->added == 40);
    check_model(model, true);
    step_reopen(model, true);
    check_model(model, true);
    chain_close(model->chain);
}

TEST(chain_refuses_what_cannot_be_built_and_stays_as_it_is)
{
    struct model *model = begin_model(17);
    step_build(model);
    struct err err;
    struct built_block built;
    struct build_params params = {.timestamp = model->clock, .gas_limit = 30000000};
    CHECK(chain_build(model->chain, &params, &built, &err) == ST_INVALID);
    params = (struct build_params){.timestamp = 100, .gas_limit = 100};
    CHECK(chain_build(model->chain, &params, &built, &err) == ST_INVALID);
    params = (struct build_params){
        .timestamp = 100, .gas_limit = 30000000, .extra_data = {(const u8 *)genesis_json, 33}};
    CHECK(chain_build(model->chain, &params, &built, &err) == ST_INVALID);
    CHECK(chain_return_to(model->chain, 3, &err) == ST_MISSING);
    CHECK(chain_return_to(model->chain, UINT64_MAX, &err) == ST_MISSING);
    CHECK(chain_set_head(model->chain, (hash32){{1}}, &err) == ST_MISSING);
    check_model(model, true);
    params = (struct build_params){.timestamp = 100, .gas_limit = 30000000};
    MUST(chain_build_preview(model->chain, &params, &built, &why));
    check_model(model, true);
    chain_close(model->chain);
}

TEST(chain_stays_as_it_is_when_the_disk_is_full_and_stops_when_it_fails)
{
    struct model *model = begin_model(23);
    for (u64 round = 0; round < 5; round++)
        step_build(model);
    struct err err;
    struct built_block built;
    struct build_params params = {.timestamp = 100, .gas_limit = 30000000, .has_base_fee = true};
    failing.writes = true;
    CHECK(chain_build(model->chain, &params, &built, &err) == ST_FULL);
    failing.writes = false;
    check_model(model, true);
    step_build(model); /* space was made: it goes on */
    failing.syncs = true;
    CHECK(chain_build(model->chain, &params, &built, &err) == ST_IO);
    failing.syncs = false;
    check_model(model, true);
    /* What a failed sync left on the disk is unknown, so nothing more is promised. */
    CHECK(chain_build(model->chain, &params, &built, &err) == ST_IO);
    check_model(model, true);
    chain_close(model->chain);
    open_model(model);
    const struct head *head = chain_head(model->chain);
    CHECK(head->header.number >= model->points[model->head].number);
    head_release(head);
    chain_close(model->chain);
}

TEST(chain_is_held_by_one_process_at_a_time)
{
    struct model *model = begin_model(19);
    struct chain *second;
    struct err err;
    struct chain_options options = {.files = files_of_system(), .folder = model->folder};
    CHECK(chain_open(&options, &second, &err) == ST_AGAIN);
    chain_close(model->chain);
    CHECK(chain_open(&options, &second, &err) == ST_OK);
    chain_close(second);
}

#include "client/follow.h"

#include "client/fake.h"
#include "harness/test.h"
#include "sys/clock.h"

#include <stdlib.h>

static const address INBOX = {{0xaa}};
static const hash32 TOPIC = {{0x77}};

/* A listener that keeps what it hears and holds every promise to it. */
struct ledger {
    struct follow *follow;
    struct eth *eth;
    u64 start, final_depth, round;
    struct follow_point blocks[6000];
    usize block_count;
    usize log_counts[6000];
    usize removals;
    int refusals; /* so many blocks are not taken at first */
};

static enum status on_removed(void *self, struct follow_point to, struct err *err)
{
    struct ledger *at = self;
    (void)err;
    CHECK(at->block_count > 0 && at->blocks[at->block_count - 1].number > to.number);
    while (at->block_count > 0 && at->blocks[at->block_count - 1].number > to.number)
        at->block_count--;
    CHECK(at->block_count > 0 && hash32_equal(at->blocks[at->block_count - 1].hash, to.hash));
    at->removals++;
    return ST_OK;
}

static enum status on_block(void *self, const struct eth_header *header, const struct eth_log *logs,
                            usize count, struct err *err)
{
    struct ledger *at = self;
    if (at->refusals > 0 && at->refusals-- > 0)
        return fail(err, ST_FULL, "not now");
    if (at->block_count == 0) {
        CHECK(header->header.number == at->start);
    } else {
        const struct follow_point *last = &at->blocks[at->block_count - 1];
        CHECK(header->header.number == last->number + 1);
        CHECK(hash32_equal(header->header.parent_hash, last->hash));
    }
    for (usize i = 0; i < count; i++)
        CHECK(hash32_equal(logs[i].block_hash, header->hash) &&
              logs[i].block_number == header->header.number && logs[i].index == i);
    at->log_counts[at->block_count] = count;
    at->blocks[at->block_count++] = (struct follow_point){header->header.number, header->hash};
    return ST_OK;
}

/* Follows on from what the ledger has. */
static void open_ledger(struct ledger *at)
{
    struct err err;
    struct follow_options options = {.eth = at->eth,
                                     .filter = {.who = INBOX, .topics = &TOPIC, .topic_count = 1},
                                     .start = at->start,
                                     .known = at->blocks,
                                     .known_count = at->block_count,
                                     .final_depth = at->final_depth,
                                     .round = at->round,
                                     .listener = {at, on_removed, on_block}};
    CHECK(follow_new(&options, &at->follow, &err) == ST_OK);
}

static struct ledger *ledger_of(struct fake *fake, u64 start, u64 round)
{
    struct ledger *at = ARENA_NEW(test_arena(), struct ledger, 1);
    at->eth = fake_client(fake);
    at->start = start;
    at->round = round;
    open_ledger(at);
    return at;
}

static void close_ledger(struct ledger *at)
{
    follow_free(at->follow);
    eth_free(at->eth);
}

static enum status poll_all(struct ledger *at, struct err *err)
{
    bool more = true;
    enum status st = ST_OK;
    for (int i = 0; i < 1000 && st == ST_OK && more; i++)
        st = follow_poll(at->follow, &more, err);
    return st;
}

/* The ledger is the fake's chain, with all its logs. */
static bool agrees(const struct ledger *at, const struct fake *fake)
{
    if (at->block_count != fake->length - at->start)
        return false;
    for (usize i = 0; i < at->block_count; i++) {
        const struct fake_block *block = fake->chain[at->start + i];
        if (!hash32_equal(at->blocks[i].hash, block->at.hash) ||
            at->log_counts[i] != block->log_count)
            return false;
    }
    return true;
}

static void mine(struct fake *fake, usize count, usize logs_each)
{
    while (count-- > 0) {
        for (usize i = 0; i < logs_each; i++)
            fake_add_log(fake, INBOX, TOPIC, BYTES_LIT("item"));
        fake_mine(fake, 1);
    }
}

TEST(follower_catches_up_in_rounds_and_then_takes_blocks_as_they_come)
{
    struct fake *fake = fake_start();
    mine(fake, 90, 1); /* more than are asked for one by one */
    mine(fake, 300, 0);
    mine(fake, 5, 2);
    struct ledger *at = ledger_of(fake, 10, 120);
    struct err err;
    bool more = false;
    CHECK(follow_poll(at->follow, &more, &err) == ST_OK && more && at->block_count == 120);
    CHECK(poll_all(at, &err) == ST_OK && agrees(at, fake));
    for (int i = 0; i < 5; i++) {
        mine(fake, 1, (usize)i % 2);
        CHECK(poll_all(at, &err) == ST_OK && agrees(at, fake));
    }
    CHECK(follow_poll(at->follow, &more, &err) == ST_OK && !more && at->removals == 0);
    struct follow_status status = follow_status(at->follow);
    CHECK(status.tip.number == fake->length - 1 && status.latest == fake->length - 1);
    close_ledger(at);
    fake_stop(fake);
}

TEST(follower_waits_for_its_start)
{
    struct fake *fake = fake_start();
    struct ledger *at = ledger_of(fake, 3, 0);
    struct err err;
    mine(fake, 2, 1);
    CHECK(poll_all(at, &err) == ST_OK && at->block_count == 0 &&
          !follow_status(at->follow).started);
    mine(fake, 1, 1);
    CHECK(poll_all(at, &err) == ST_OK && at->block_count == 1 && agrees(at, fake));
    close_ledger(at);
    fake_stop(fake);
}

TEST(follower_goes_back_to_the_common_ancestor)
{
    static const struct {
        usize drop, mine;
    } rows[] = {{1, 1}, {1, 5}, {3, 1}, {7, 8}, {8, 8}, {9, 9}, {60, 3}, {100, 200}};
    struct fake *fake = fake_start();
    struct ledger *at = ledger_of(fake, 1, 0);
    struct err err;
    mine(fake, 200, 0);
    CHECK(poll_all(at, &err) == ST_OK);
    for (usize i = 0; i < countof(rows); i++) {
        at->removals = 0;
        fake_drop(fake, rows[i].drop);
        mine(fake, rows[i].mine, i % 3);
        CHECK_ROW(i, poll_all(at, &err) == ST_OK && agrees(at, fake) && at->removals == 1);
    }
    close_ledger(at);
    fake_stop(fake);
}

TEST(follower_takes_a_shorter_chain_of_its_own_blocks_for_a_server_that_lags)
{
    struct fake *fake = fake_start();
    struct ledger *at = ledger_of(fake, 1, 0);
    struct err err;
    mine(fake, 20, 1);
    CHECK(poll_all(at, &err) == ST_OK);
    usize length = fake->length;
    fake->length -= 5;
    CHECK(poll_all(at, &err) == ST_OK && at->block_count == 20 && at->removals == 0);
    fake->length = 1;
    CHECK(poll_all(at, &err) == ST_OK && at->block_count == 20 && at->removals == 0);
    fake->length = length;
    CHECK(poll_all(at, &err) == ST_OK && agrees(at, fake) && at->removals == 0);
    close_ledger(at);
    fake_stop(fake);
}

TEST(follower_goes_on_from_what_its_listener_knows_even_after_a_reorg)
{
    struct fake *fake = fake_start();
    struct ledger *at = ledger_of(fake, 1, 0);
    struct err err;
    mine(fake, 50, 1);
    CHECK(poll_all(at, &err) == ST_OK);
    follow_free(at->follow);
    open_ledger(at);
    CHECK(poll_all(at, &err) == ST_OK && at->removals == 0);
    struct follow_point points[8];
    CHECK(follow_points(at->follow, points, 8) == 8 && points[7].number == 50 &&
          hash32_equal(points[0].hash, fake->chain[43]->at.hash));
    follow_free(at->follow);
    fake_drop(fake, 30);
    mine(fake, 10, 1);
    open_ledger(at);
    CHECK(poll_all(at, &err) == ST_OK && at->removals == 1 && agrees(at, fake));
    follow_free(at->follow);
    fake_drop(fake, fake->length - 1); /* nothing known is left */
    mine(fake, 40, 0);
    memmove(at->blocks, at->blocks + 5, 20 * sizeof(at->blocks[0]));
    at->block_count = 20;
    open_ledger(at);
    CHECK(poll_all(at, &err) == ST_MISSING && strstr(err.text, "another chain") != NULL);
    close_ledger(at);
    fake_stop(fake);
}

TEST(follower_reports_what_is_safe_and_final_and_holds_the_parent_to_it)
{
    struct fake *fake = fake_start();
    struct ledger *at = ledger_of(fake, 1, 10);
    struct err err;
    bool more;
    fake->safe = fake->finalized = UINT64_MAX;
    mine(fake, 30, 0);
    CHECK(poll_all(at, &err) == ST_OK && !follow_status(at->follow).has_final);
    fake->finalized = 20;
    fake->safe = 25;
    CHECK(poll_all(at, &err) == ST_OK);
    struct follow_status status = follow_status(at->follow);
    CHECK(status.has_final && status.final == 20 && status.has_safe && status.safe == 25);
    fake_drop(fake, 8);
    mine(fake, 9, 0);
    fake->safe = 21;
    fake->finalized = 15;
    CHECK(poll_all(at, &err) == ST_OK);
    status = follow_status(at->follow);
    CHECK(status.final == 20 && status.safe == 21 && agrees(at, fake));
    fake_drop(fake, 15);
    mine(fake, 20, 0);
    for (int i = 0; i < 2; i++) {
        CHECK(follow_poll(at->follow, &more, &err) == ST_CORRUPT);
        CHECK(strstr(err.text, "block 20 was") != NULL &&
              strstr(err.text, "after block 16") != NULL);
    }
    CHECK(at->blocks[at->block_count - 1].number == 31);
    close_ledger(at);
    fake_stop(fake);
}

TEST(follower_takes_depth_for_finality_where_it_is_told_to)
{
    struct fake *fake = fake_start();
    struct ledger *at = ledger_of(fake, 1, 10);
    struct err err;
    follow_free(at->follow);
    at->final_depth = 5;
    open_ledger(at);
    fake->safe = fake->finalized = UINT64_MAX;
    mine(fake, 5, 0);
    CHECK(poll_all(at, &err) == ST_OK && !follow_status(at->follow).has_final);
    mine(fake, 10, 0);
    CHECK(poll_all(at, &err) == ST_OK && follow_status(at->follow).final == 10);
    close_ledger(at);
    fake_stop(fake);
}

/* --- Faults. */

/* Logs come from another branch than headers, once: by range they say so, by hash they cannot. */
static bool shift_branch(struct fake *fake, bytes method, json params, struct json_out *out)
{
    (void)out;
    bool by_range = json_is(json_get(json_at(params, 0), "blockHash"), JSON_ABSENT);
    if (!bytes_equal(method, BYTES_LIT("eth_getLogs")) || !by_range)
        return false;
    struct fake_block *const *other = fake->self;
    memcpy(fake->chain, other, fake->length * sizeof(*other));
    fake->override = NULL;
    return false;
}

TEST(follower_never_mixes_the_logs_of_one_branch_with_the_blocks_of_another)
{
    struct fake *fake = fake_start();
    struct ledger *at = ledger_of(fake, 1, 0);
    struct err err;
    bool more;
    mine(fake, 60, 1);
    struct fake_block **other = ARENA_TAKE(test_arena(), struct fake_block *, fake->length);
    memcpy(other, fake->chain, fake->length * sizeof(*other));
    fake_drop(fake, 20);
    mine(fake, 20, 2);
    fake->self = other;
    fake->override = shift_branch;
    CHECK(follow_poll(at->follow, &more, &err) == ST_OK && fake->override == NULL);
    CHECK(at->log_counts[59] == 2); /* the first branch, whole */
    CHECK(poll_all(at, &err) == ST_OK && at->removals == 1 && agrees(at, fake));
    close_ledger(at);
    fake_stop(fake);
}

TEST(follower_refuses_logs_of_another_block_and_logs_that_the_bloom_rules_out)
{
    struct fake *fake = fake_start();
    struct ledger *at = ledger_of(fake, 1, 0);
    struct err err;
    bool more;
    mine(fake, 2, 1);
    fake->says =
        "\"transactionHash\":\"0x0000000000000000000000000000000000000000000000000000000000"
        "000000\",\"transactionIndex\"";
    fake->instead =
        "\"blockHash\":\"0x00000000000000000000000000000000000000000000000000000000000000"
        "00\",\"transactionHash\"";
    CHECK(follow_poll(at->follow, &more, &err) == ST_CORRUPT && at->block_count == 0);
    fake->says = NULL;
    mine(fake, 60, 1);
    struct fake_block *plain = fake->chain[30];
    struct eth_log *log = plain->logs;
    fake_drop(fake, 40);
    mine(fake, 40, 1);
    fake->chain[30] = plain; /* a block between that is of another branch: not linked */
    CHECK(follow_poll(at->follow, &more, &err) == ST_OK && at->block_count == 29);
    CHECK(log->block_number == 30);
    close_ledger(at);
    fake_stop(fake);
}

TEST(follower_delivers_again_what_its_listener_did_not_take)
{
    struct fake *fake = fake_start();
    struct ledger *at = ledger_of(fake, 1, 0);
    struct err err;
    mine(fake, 30, 1);
    at->refusals = 1;
    CHECK(poll_all(at, &err) == ST_FULL && strcmp(err.text, "not now") == 0);
    CHECK(poll_all(at, &err) == ST_OK && agrees(at, fake));
    fake_drop(fake, 5);
    mine(fake, 6, 1);
    at->refusals = 2;
    CHECK(poll_all(at, &err) == ST_FULL && poll_all(at, &err) == ST_FULL);
    CHECK(poll_all(at, &err) == ST_OK && agrees(at, fake));
    close_ledger(at);
    fake_stop(fake);
}

TEST(follower_survives_a_parent_that_is_down_and_comes_back)
{
    struct fake *fake = fake_start();
    struct ledger *at = ledger_of(fake, 1, 0);
    struct err err;
    mine(fake, 10, 1);
    CHECK(poll_all(at, &err) == ST_OK);
    fake->dead = true;
    for (int i = 0; i < 3; i++) {
        eth_set_deadline(at->eth, clock_now_ms() + 20);
        enum status st = poll_all(at, &err);
        CHECK(st == ST_IO || st == ST_AGAIN);
    }
    fake->dead = false;
    eth_set_deadline(at->eth, 0);
    fake_drop(fake, 3);
    mine(fake, 10, 1);
    CHECK(poll_all(at, &err) == ST_OK && agrees(at, fake));
    close_ledger(at);
    fake_stop(fake);
}

/* Everything at once, from a seed: mining, reorgs, faults, restarts. Whatever happened, once the
 * parent is quiet the ledger is its chain. */
static void storm(unsigned seed)
{
    struct fake *fake = fake_start();
    struct ledger *at = ledger_of(fake, 1, 1 + seed % 150);
    struct err err;
    u64 state = seed * 2654435761u + 1;
    for (int step = 0; step < 60 && fake->all_count < 3000; step++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        u64 pick = state >> 33;
        if (pick % 3 == 0)
            mine(fake, 1 + pick % 40, pick % 4);
        if (pick % 7 == 1 && fake->length > 3) {
            fake_drop(fake, 1 + pick % (fake->length - 2)); /* block 1 stays */
            mine(fake, 1 + pick % 30, pick % 3);
        }
        fake->overloaded += pick % 11 == 2;
        fake->cut += pick % 13 == 3;
        fake->garbage += pick % 17 == 4;
        fake->range_limit = pick % 5 == 0 ? 1 + pick % 20 : 0;
        fake->batch_limit = pick % 6 == 0 ? 1 + pick % 9 : 0;
        at->refusals += pick % 19 == 5;
        if (pick % 9 == 6) {
            follow_free(at->follow);
            open_ledger(at);
        }
        if (pick % 2 == 0)
            (void)!poll_all(at, &err);
    }
    at->refusals = 0;
    mine(fake, 1, 1);
    CHECK_ROW(seed, poll_all(at, &err) == ST_OK);
    CHECK_ROW(seed, agrees(at, fake));
    close_ledger(at);
    fake_stop(fake);
}

TEST(follower_ends_on_the_parents_chain_after_any_storm)
{
    for (unsigned seed = 1; seed <= 15; seed++) {
        struct arena saved = *test_arena();
        storm(seed);
        *test_arena() = saved;
    }
}

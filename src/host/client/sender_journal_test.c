#include "client/sender_rig.h"
#include "harness/test.h"

#include <sys/stat.h>

TEST(sender_opens_only_its_own_journal_and_alone)
{
    struct sender_rig *at = rig_begin();
    struct sender *second = NULL;
    CHECK(sender_open(&at->options, &second, &at->err) == ST_AGAIN);
    sender_close(at->sender);
    at->sender = NULL;
    at->options.signer.who = keys_address(at->keys, 1);
    CHECK(rig_open(at) == ST_INVALID && strstr(at->err.text, "is the journal of 0xf39f") != NULL);
    at->options.signer.who = keys_address(at->keys, 0);
    at->options.chain_id = 1;
    CHECK(rig_open(at) == ST_INVALID && strstr(at->err.text, "not of 0xf39f") != NULL);
    rig_end(at);
}

/* A megabyte as an intent, and another once it is signed. */
static void submit_large(struct sender_rig *at, u8 id)
{
    u8 *data = ARENA_NEW(test_arena(), u8, 1 << 20);
    struct sender_intent intent = {
        .key = {{id, 1}}, .gas_limit = 1000000, .data = {data, (1 << 20) - id}};
    CHECK(sender_submit(at->sender, &intent, &at->err) == ST_OK);
}

TEST(sender_writes_a_large_journal_anew)
{
    struct sender_rig *at = rig_begin();
    struct stat info = {0};
    for (u8 id = 1; id <= 40; id++) {
        submit_large(at, id);
        CHECK_ROW(id, rig_poll(at, 10) == ST_OK);
        fake_mine(at->fake, 1);
        if (id == 40)
            rig_submit(at, 50);
    }
    CHECK(stat(at->path, &info) == 0 && info.st_size < 40 << 20);
    rig_restart(at);
    CHECK(rig_look(at, 1).state == SENDER_INCLUDED && rig_look(at, 50).state == SENDER_PENDING);
    CHECK(rig_poll(at, 10) == ST_OK);
    fake_mine(at->fake, 3);
    CHECK(rig_poll(at, 10) == ST_OK && sender_unfinished(at->sender) == 0 &&
          rig_executed(at, 50) == 1);
    rig_end(at);
}

/* A day in the life: several intents, a withdrawal, a dearer one, a reorg that drops the pool.
 * Every step may fail; the caller then opens the sender again and repeats what it wants. False: the
 * power went. */
static bool day(struct sender_rig *at)
{
    struct sender_intent intent;
    at->now_ms += 20;
    for (u8 id = 1; id <= 3; id++) {
        intent = rig_intent(id);
        if (sender_submit(at->sender, &intent, &at->err) != ST_OK)
            return false;
    }
    if (rig_poll(at, 10) != ST_OK)
        return false;
    if (rig_look(at, 3).state != SENDER_INCLUDED &&
        sender_withdraw(at->sender, (hash32){{3, 1}}, &at->err) != ST_OK)
        return false;
    fake_mine(at->fake, 1);
    if (rig_poll(at, 10) != ST_OK)
        return false;
    fake_drop(at->fake, 1);
    at->fake->base_fee_wei = u256_from_u64(3000);
    fake_mine(at->fake, 2);
    for (int i = 0; i < 4; i++) {
        if (rig_poll(at, 120) != ST_OK)
            return false;
        fake_mine(at->fake, 2);
    }
    intent = rig_intent(4);
    if (sender_submit(at->sender, &intent, &at->err) != ST_OK || rig_poll(at, 10) != ST_OK)
        return false;
    fake_mine(at->fake, 4);
    return rig_poll(at, 10) == ST_OK;
}

static void power_returns(struct sender_rig *at, enum power_fate fate)
{
    sender_close(at->sender);
    at->sender = NULL;
    power_return(&at->power, fate, (unsigned)at->now_ms);
    if (rig_open(at) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", at->err.text);
}

/* The power goes at write `n`. True: the day was over before. */
static bool day_with_a_cut(const char *folder, unsigned n, enum power_fate fate)
{
    struct sender_rig *at = rig_begin_in(folder, POWER_FATES * n + fate);
    at->fake->drops_pool = true;
    at->power.left = n;
    bool whole = day(at);
    if (!whole) {
        power_returns(at, fate);
        CHECK_ROW(n, day(at));
    }
    at->power.left = UINT32_MAX;
    rig_restart(at);
    CHECK_ROW(n, day(at));
    CHECK_ROW(n, sender_unfinished(at->sender) == 0);
    for (u8 id = 1; id <= 4; id++) {
        bool once = rig_executed(at, id) == 1;
        CHECK_ROW(n, once || (id == 3 && rig_executed(at, id) == 0));
        CHECK_ROW(n, rig_look(at, id).state == (once ? SENDER_INCLUDED : SENDER_CANCELLED));
    }
    rig_end(at);
    return whole;
}

TEST(sender_killed_at_any_write_of_its_journal_loses_nothing_and_sends_nothing_twice)
{
    const char *folder = test_folder();
    bool whole = false;
    unsigned n = 1;
    for (; !whole && n < 200; n++) {
        struct arena saved = *test_arena();
        whole = day_with_a_cut(folder, n, POWER_KEPT);
        *test_arena() = saved;
        for (enum power_fate fate = POWER_LOST; fate < POWER_FATES; fate++) {
            CHECK_ROW(n, day_with_a_cut(folder, n, fate) == whole);
            *test_arena() = saved;
        }
    }
    CHECK(whole && n > 20);
}

/* Three quarters of what makes a journal large, all settled, and one intent that is not. */
static void fill_journal(struct sender_rig *at, u8 count)
{
    for (u8 id = 1; id <= count; id++) {
        submit_large(at, id);
        CHECK_ROW(id, rig_poll(at, 10) == ST_OK);
        fake_mine(at->fake, 4);
        CHECK_ROW(id, rig_poll(at, 10) == ST_OK);
    }
}

TEST(sender_cut_off_while_it_writes_its_journal_anew_has_the_old_one_or_the_new_one)
{
    enum { BEFORE = 15, LARGE = 30 << 20, SMALL = 3 << 20 };
    struct stat info = {.st_size = LARGE};
    struct sender_rig *at = rig_begin();
    unsigned cuts = 0;
    fill_journal(at, BEFORE);
    submit_large(at, BEFORE + 1); /* once it is sent, the journal is large enough */
    for (unsigned n = 1; n < 100 && info.st_size >= LARGE; n++) {
        at->power.left = n;
        if (rig_poll(at, 10) != ST_OK) {
            CHECK_ROW(n, sender_withdraw(at->sender, (hash32){{BEFORE + 1, 1}}, &at->err) == ST_IO);
            power_returns(at, (enum power_fate)(n % POWER_FATES));
            cuts++;
        }
        CHECK_ROW(n, rig_look(at, BEFORE).state == SENDER_INCLUDED &&
                         rig_look(at, BEFORE + 1).state == SENDER_PENDING &&
                         sender_unfinished(at->sender) == 1);
        CHECK(stat(at->path, &info) == 0);
    }
    CHECK(cuts > 5 && info.st_size < SMALL);
    at->power.left = UINT32_MAX;
    fake_mine(at->fake, 4);
    CHECK(rig_poll(at, 10) == ST_OK && rig_look(at, BEFORE + 1).settled);
    CHECK(at->fake->tx_count == BEFORE + 1); /* each was sent as one transaction */
    rig_end(at);
}

/* The journal: in order, in groups, and whole wherever the power goes. */
#include "channel/wal.h"

#include "base/fmt.h"
#include "harness/test.h"
#include "sys/log.h"
#include "sys/power.h"

#include <unistd.h>

enum { MOST = 200 };

static struct {
    struct loop *loop;
    struct wal *wal;
    u64 seen[MOST]; /* what the replay brought */
    usize seen_count;
    u64 put, committed, durable; /* records */
    bool failed;
} at;

static enum status replay(void *self, u8 kind, bytes payload, struct err *err)
{
    (void)self, (void)err;
    u64 value;
    CHECK(kind == 7 && payload.size == 2 * sizeof(value));
    bytes_copy(&value, bytes_slice(payload, 0, sizeof(value)));
    CHECK(at.seen_count < MOST);
    at.seen[at.seen_count++] = value;
    return ST_OK;
}

static void commit(void)
{
    at.committed = at.put;
    wal_commit(at.wal);
}

/* Puts one record, or three, after each batch, up to 100. */
static void durable(void *self)
{
    (void)self;
    at.durable = at.committed;
    if (at.put >= 100) {
        loop_stop(at.loop);
        return;
    }
    for (u64 i = 0; i < 1 + at.put % 3; i++) {
        u64 parts[2] = {at.put, ~at.put};
        bytes split[] = {{(u8 *)parts, 3}, {(u8 *)parts + 3, 13}};
        wal_put(at.wal, 7, split, countof(split));
        at.put++;
    }
    CHECK(wal_has_more(at.wal) && wal_is_idle(at.wal));
    commit();
}

static void failed(void *self, const char *why)
{
    (void)self, (void)why;
    at.failed = true;
    loop_stop(at.loop);
}

static enum status open_at(const struct files *files, const char *folder, unsigned number,
                           struct err *err)
{
    static char path[4200];
    fmt(path, sizeof(path), "%s/journal-%u", folder, number);
    struct wal_options options = {
        .files = files,
        .path = path,
        .loop = at.loop,
        .replay = replay,
        .durable = durable,
        .failed = failed,
    };
    at.seen_count = 0;
    return wal_open(&options, &at.wal, err);
}

static void check_replayed(u64 least)
{
    CHECK(at.seen_count >= least);
    for (usize i = 0; i < at.seen_count; i++)
        CHECK_ROW(i, at.seen[i] == i);
}

TEST(what_was_committed_comes_back_in_order)
{
    const char *folder = test_folder();
    struct err err;
    memset(&at, 0, sizeof(at));
    CHECK(loop_new(&at.loop, &err) == ST_OK);
    CHECK(open_at(files_of_system(), folder, 0, &err) == ST_OK);
    durable(NULL);
    loop_run(at.loop);
    CHECK(at.durable == at.put && at.put >= 100 && !at.failed);
    wal_close(at.wal);
    CHECK(open_at(files_of_system(), folder, 0, &err) == ST_OK);
    check_replayed(at.put);
    CHECK(at.seen_count == at.put);
    wal_close(at.wal);
    loop_free(at.loop);
}

/* One life in which the power goes at operation `n`. True: it did not. */
static bool live(const char *folder, unsigned number, unsigned n, enum power_fate fate)
{
    struct power power;
    struct err err;
    power_init(&power);
    power.left = n;
    memset(&at, 0, sizeof(at));
    CHECK(loop_new(&at.loop, &err) == ST_OK);
    bool opened = open_at(&power.files, folder, number, &err) == ST_OK;
    if (opened) {
        durable(NULL);
        loop_run(at.loop);
    }
    CHECK_ROW(n, !opened || at.failed == (power.left == 0));
    wal_close(opened ? at.wal : NULL);
    loop_free(at.loop);
    bool whole = power.left != 0;
    if (!whole)
        power_return(&power, fate, n);
    return whole;
}

TEST(wherever_the_power_goes_all_that_was_durable_is_there)
{
    const char *folder = test_folder();
    unsigned number = 0;
    log_setup((struct log_options){.level = LEVEL_ERROR, .fd = STDERR_FILENO});
    for (enum power_fate fate = POWER_KEPT; fate < POWER_FATES; fate++) {
        for (unsigned n = 1;; n += 7, number++) {
            struct err err;
            bool whole = live(folder, number, n, fate);
            u64 least = at.durable;
            CHECK(loop_new(&at.loop, &err) == ST_OK);
            CHECK_ROW(n, open_at(files_of_system(), folder, number, &err) == ST_OK);
            check_replayed(least);
            wal_close(at.wal);
            loop_free(at.loop);
            if (whole)
                break;
        }
    }
}

TEST(two_processes_cannot_have_one_journal)
{
    const char *folder = test_folder();
    struct err err;
    memset(&at, 0, sizeof(at));
    CHECK(loop_new(&at.loop, &err) == ST_OK);
    CHECK(open_at(files_of_system(), folder, 0, &err) == ST_OK);
    struct wal *first = at.wal;
    CHECK(open_at(files_of_system(), folder, 0, &err) == ST_AGAIN);
    wal_close(first);
    loop_free(at.loop);
}

static void one_durable(void *self)
{
    (void)self;
    loop_stop(at.loop);
}

TEST(what_may_wait_is_made_durable_with_what_cannot)
{
    const char *folder = test_folder();
    char path[4200];
    struct err err;
    memset(&at, 0, sizeof(at));
    CHECK(loop_new(&at.loop, &err) == ST_OK);
    fmt(path, sizeof(path), "%s/journal", folder);
    struct wal_options options = {.files = files_of_system(),
                                  .path = path,
                                  .loop = at.loop,
                                  .replay = replay,
                                  .durable = one_durable,
                                  .failed = failed};
    CHECK(wal_open(&options, &at.wal, &err) == ST_OK);
    for (u64 i = 0; i < 2; i++) {
        u64 parts[2] = {i, ~i};
        bytes payload = BYTES_OF(parts);
        CHECK(wal_is_due(at.wal) == false);
        if (i == 0)
            wal_put_idly(at.wal, 7, &payload, 1);
        else
            wal_put(at.wal, 7, &payload, 1);
        CHECK(wal_has_more(at.wal) && wal_is_due(at.wal) == (i == 1));
    }
    wal_commit(at.wal);
    CHECK(!wal_has_more(at.wal) && !wal_is_due(at.wal));
    loop_run(at.loop);
    wal_close(at.wal);
    CHECK(wal_open(&options, &at.wal, &err) == ST_OK);
    CHECK(at.seen_count == 2 && at.seen[0] == 0 && at.seen[1] == 1 && !at.failed);
    wal_close(at.wal);
    loop_free(at.loop);
}

/* --- Written anew: the records seen so far go into one, of kind 8. */

static struct {
    u64 count;       /* what it stands for */
    unsigned begun;  /* at that record */
    bool done, read; /* read: by the replay */
    u64 read_count;
} anew;

static enum status count_one(void *self, u8 kind, bytes payload, struct err *err)
{
    u64 *count = self;
    (void)err;
    if (kind == 8)
        bytes_copy(count, payload);
    else
        (*count)++;
    return ST_OK;
}

static enum status make(void *self, struct wal_draft *draft, struct err *err)
{
    (void)self;
    u64 count = 0;
    TRY(wal_draft_walk(draft, &count, count_one, err));
    bytes payload = BYTES_OF(count);
    wal_put(wal_draft_out(draft), 8, &payload, 1);
    return ST_OK;
}

static void made(void *self, enum status st, const char *why)
{
    (void)self, (void)st, (void)why;
    anew.done = true;
    if (at.put >= 100)
        loop_stop(at.loop);
}

/* Puts records until it has been written anew. */
static void durable_meanwhile(void *self)
{
    static const struct wal_rewrite how = {.make = make, .done = made};
    struct err err;
    (void)self;
    at.durable = at.committed;
    if (at.put >= anew.begun && anew.begun != 0) {
        anew.begun = 0;
        if (wal_rewrite(at.wal, &how, &err) != ST_OK)
            anew.done = true;
    }
    if (anew.done && at.put >= 100) {
        loop_stop(at.loop);
        return;
    }
    u64 parts[2] = {at.put, ~at.put};
    bytes payload = BYTES_OF(parts);
    wal_put(at.wal, 7, &payload, 1);
    at.put++;
    commit();
}

/* One number after the other, from what the first record stands for. */
static enum status replay_anew(void *self, u8 kind, bytes payload, struct err *err)
{
    u64 value;
    (void)self, (void)err;
    bytes_copy(&value, bytes_slice(payload, 0, sizeof(value)));
    if (kind == 8) {
        CHECK(anew.read_count == 0 && !anew.read);
        anew.read = true;
        anew.read_count = value;
        return ST_OK;
    }
    CHECK(value == anew.read_count);
    anew.read_count++;
    return ST_OK;
}

static enum status open_anew(const struct files *files, const char *folder, unsigned number,
                             struct err *err)
{
    static char path[4200];
    fmt(path, sizeof(path), "%s/journal-%u", folder, number);
    struct wal_options options = {
        .files = files,
        .path = path,
        .loop = at.loop,
        .replay = replay_anew,
        .durable = durable_meanwhile,
        .failed = failed,
    };
    anew.read = false;
    anew.read_count = 0;
    return wal_open(&options, &at.wal, err);
}

static bool live_anew(const char *folder, unsigned number, unsigned n, enum power_fate fate)
{
    struct power power;
    struct err err;
    power_init(&power);
    power.left = n;
    memset(&at, 0, sizeof(at));
    memset(&anew, 0, sizeof(anew));
    anew.begun = 20 + n % 60;
    CHECK(loop_new(&at.loop, &err) == ST_OK);
    bool opened = open_anew(&power.files, folder, number, &err) == ST_OK;
    if (opened) {
        durable_meanwhile(NULL);
        loop_run(at.loop);
    }
    CHECK_ROW(n, !opened || power.left == 0 || (anew.done && !at.failed));
    wal_close(opened ? at.wal : NULL);
    loop_free(at.loop);
    bool whole = power.left != 0;
    if (!whole)
        power_return(&power, fate, n);
    return whole;
}

TEST(wherever_the_power_goes_while_it_is_written_anew_all_that_was_durable_is_there)
{
    const char *folder = test_folder();
    unsigned number = 0;
    log_setup((struct log_options){.level = LEVEL_ERROR, .fd = STDERR_FILENO});
    for (enum power_fate fate = POWER_KEPT; fate < POWER_FATES; fate++, number++) {
        for (unsigned n = 1;; n++, number++) {
            struct err err;
            bool whole = live_anew(folder, number, n, fate);
            u64 least = at.durable, most = at.put;
            CHECK(loop_new(&at.loop, &err) == ST_OK);
            CHECK_ROW(n, open_anew(files_of_system(), folder, number, &err) == ST_OK);
            CHECK_ROW(n, anew.read_count >= least && anew.read_count <= most);
            CHECK_ROW(n, !whole || anew.read);
            wal_close(at.wal);
            loop_free(at.loop);
            if (whole)
                break;
        }
    }
}

TEST(a_journal_that_closes_while_it_is_written_anew_is_whole)
{
    static const struct wal_rewrite how = {.make = make, .done = made};
    const char *folder = test_folder();
    struct err err;
    memset(&at, 0, sizeof(at));
    memset(&anew, 0, sizeof(anew));
    CHECK(loop_new(&at.loop, &err) == ST_OK);
    CHECK(open_anew(files_of_system(), folder, 0, &err) == ST_OK);
    u64 parts[2] = {0};
    bytes payload = BYTES_OF(parts);
    wal_put(at.wal, 7, &payload, 1);
    commit();
    CHECK(wal_rewrite(at.wal, &how, &err) == ST_OK && wal_is_rewriting(at.wal));
    CHECK(wal_rewrite(at.wal, &how, &err) == ST_AGAIN);
    wal_close(at.wal);
    CHECK(!anew.done);
    CHECK(open_anew(files_of_system(), folder, 0, &err) == ST_OK);
    CHECK(anew.read_count == 1);
    CHECK(!wal_is_rewriting(at.wal) && wal_size(at.wal) > 0);
    wal_close(at.wal);
    loop_free(at.loop);
}

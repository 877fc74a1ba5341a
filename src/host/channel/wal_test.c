/* The journal: in order, in groups, and whole wherever the power goes, also while it is written
 * anew. */
#include "channel/wal.h"

#include "base/fmt.h"
#include "harness/test.h"
#include "sys/log.h"
#include "sys/power.h"

#include <unistd.h>

/* Records are numbers, one after the other. The summary, which a journal that is written anew
 * begins with, stands for those before its own. */
enum { NUMBER = 7, SUMMARY = 8, ENOUGH = 100 };

static struct {
    struct loop *loop;
    struct wal *wal;
    bool failed;

    u64 put, committed, durable; /* records */
    u64 anew_at;                 /* it is written anew when so many are durable; 0: it is not */
    bool is_anew;

    u64 read; /* records that the replay brought, or the summary stood for */
    bool has_summary;
} at;

static void put_number(u64 value, void (*put)(struct wal *, u8, const bytes *, usize))
{
    u64 both[2] = {value, ~value};
    bytes split[] = {{(u8 *)both, 3}, {(u8 *)both + 3, 13}};
    put(at.wal, NUMBER, split, countof(split));
}

static enum status replay(void *self, u8 kind, bytes payload, struct err *err)
{
    u64 both[2];
    (void)self, (void)err;
    if (kind == SUMMARY) {
        CHECK(at.read == 0 && !at.has_summary && payload.size == sizeof(at.read));
        at.has_summary = true;
        bytes_copy(&at.read, payload);
        return ST_OK;
    }
    CHECK(kind == NUMBER && payload.size == sizeof(both));
    bytes_copy(both, payload);
    CHECK(both[0] == at.read && both[1] == ~at.read);
    at.read++;
    return ST_OK;
}

/* --- Written anew: what there is so far goes into the summary. */

static enum status count_one(void *self, u8 kind, bytes payload, struct err *err)
{
    u64 *count = self;
    (void)err;
    if (kind == SUMMARY)
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
    wal_put(wal_draft_out(draft), SUMMARY, &payload, 1);
    return ST_OK;
}

static void made(void *self, enum status st, const char *why)
{
    (void)self, (void)st, (void)why;
    at.is_anew = true;
    if (at.put >= ENOUGH)
        loop_stop(at.loop);
}

static const struct wal_rewrite how = {.make = make, .done = made};

/* --- A life. */

static void commit(void)
{
    at.committed = at.put;
    wal_commit(at.wal);
}

/* One record more, or three, after each batch, until there are enough and the journal has been
 * written anew. */
static void durable(void *self)
{
    (void)self;
    struct err err;
    at.durable = at.committed;
    if (at.anew_at != 0 && at.put >= at.anew_at) {
        at.anew_at = 0;
        if (wal_rewrite(at.wal, &how, &err) != ST_OK)
            at.is_anew = true;
    }
    if (at.put >= ENOUGH && at.is_anew) {
        loop_stop(at.loop);
        return;
    }
    for (u64 i = 0; i < 1 + at.committed % 3; i++)
        put_number(at.put++, wal_put);
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
        .patience_us = number % 2 == 0 ? UINT64_MAX : 0,
        .replay = replay,
        .durable = durable,
        .failed = failed,
    };
    at.read = 0;
    at.has_summary = false;
    return wal_open(&options, &at.wal, err);
}

/* `anew_at` as above. */
static void begin(u64 anew_at)
{
    struct err err;
    memset(&at, 0, sizeof(at));
    at.anew_at = anew_at;
    at.is_anew = anew_at == 0;
    CHECK(loop_new(&at.loop, &err) == ST_OK);
}

static void end(void)
{
    wal_close(at.wal);
    at.wal = NULL;
    loop_free(at.loop);
}

/* What there is when it is opened again. */
static u64 read_again(const char *folder, unsigned number)
{
    struct err err;
    CHECK(loop_new(&at.loop, &err) == ST_OK);
    CHECK_ROW(number, open_at(files_of_system(), folder, number, &err) == ST_OK);
    end();
    return at.read;
}

TEST(what_was_committed_comes_back_in_order)
{
    const char *folder = test_folder();
    struct err err;
    begin(0);
    CHECK(open_at(files_of_system(), folder, 0, &err) == ST_OK);
    durable(NULL);
    loop_run(at.loop);
    CHECK(at.durable == at.put && at.put >= ENOUGH && !at.failed);
    end();
    CHECK(read_again(folder, 0) == at.put);
}

/* One life in which the power goes at operation `n`. True: it did not. */
static bool live(const char *folder, unsigned number, u64 anew_at, unsigned n, enum power_fate fate)
{
    struct power power;
    struct err err;
    power_init(&power);
    power.left = n;
    begin(anew_at);
    if (open_at(&power.files, folder, number, &err) == ST_OK) {
        durable(NULL);
        loop_run(at.loop);
    }
    bool whole = power.left != 0;
    CHECK_ROW(n, !whole || (at.is_anew && !at.failed));
    end();
    if (!whole)
        power_return(&power, fate, n);
    return whole;
}

/* At every `step`th operation. */
static void cut_everywhere(bool anew, unsigned step)
{
    const char *folder = test_folder();
    unsigned number = 0;
    log_setup((struct log_options){.level = LEVEL_ERROR, .fd = STDERR_FILENO});
    for (enum power_fate fate = POWER_KEPT; fate < POWER_FATES; fate++) {
        bool whole = false;
        for (unsigned n = 1; !whole; n += step, number++) {
            whole = live(folder, number, anew ? 20 + n % 60 : 0, n, fate);
            u64 read = read_again(folder, number);
            CHECK_ROW(n, read >= at.durable && read <= at.put);
            CHECK_ROW(n, !whole || at.has_summary == anew);
        }
    }
}

TEST(wherever_the_power_goes_all_that_was_durable_is_there)
{
    cut_everywhere(false, 7);
}

TEST(wherever_the_power_goes_while_it_is_written_anew_all_that_was_durable_is_there)
{
    cut_everywhere(true, 1);
}

TEST(two_processes_cannot_have_one_journal)
{
    const char *folder = test_folder();
    struct err err;
    begin(0);
    CHECK(open_at(files_of_system(), folder, 0, &err) == ST_OK);
    struct wal *first = at.wal;
    CHECK(open_at(files_of_system(), folder, 0, &err) == ST_AGAIN);
    at.wal = first;
    end();
}

TEST(what_may_wait_is_made_durable_with_what_cannot)
{
    const char *folder = test_folder();
    struct err err;
    begin(0);
    CHECK(open_at(files_of_system(), folder, 0, &err) == ST_OK);
    CHECK(!wal_is_due(at.wal));
    put_number(0, wal_put_idly);
    CHECK(wal_has_more(at.wal) && !wal_is_due(at.wal));
    put_number(1, wal_put);
    CHECK(wal_has_more(at.wal) && wal_is_due(at.wal));
    at.put = ENOUGH; /* nothing more */
    wal_commit(at.wal);
    CHECK(!wal_has_more(at.wal) && !wal_is_due(at.wal));
    loop_run(at.loop);
    CHECK(!at.failed);
    end();
    CHECK(read_again(folder, 0) == 2);
}

TEST(a_journal_that_closes_while_it_is_written_anew_is_whole)
{
    const char *folder = test_folder();
    struct err err;
    begin(0);
    at.is_anew = false;
    CHECK(open_at(files_of_system(), folder, 0, &err) == ST_OK);
    put_number(at.put++, wal_put);
    commit();
    CHECK(wal_rewrite(at.wal, &how, &err) == ST_OK && wal_is_rewriting(at.wal));
    CHECK(wal_rewrite(at.wal, &how, &err) == ST_AGAIN);
    end();
    CHECK(!at.is_anew);
    CHECK(loop_new(&at.loop, &err) == ST_OK);
    CHECK(open_at(files_of_system(), folder, 0, &err) == ST_OK);
    CHECK(at.read == 1 && !wal_is_rewriting(at.wal) && wal_size(at.wal) > 0);
    end();
}

#include "channel/history.h"

#include "base/fmt.h"
#include "harness/test.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>

static struct history_id id_of(u8 number)
{
    return (struct history_id){.data = {'x', number}, .size = 2};
}

static struct history_row row_at(u64 begun_s, enum history_state state)
{
    return (struct history_row){
        .kind = HISTORY_SENT, .state = (u8)state, .begun_s = begun_s, .amount = 5, .name = {{7}}};
}

/* "begun:state …" from the newest on. */
static void check_all(struct shelf *shelf, const char *all)
{
    struct shelf_read *read;
    struct history_cursor cursor = {.size = 0};
    struct history_row row;
    struct err err;
    char seen[200] = "";
    usize size = 0;
    CHECK(shelf_read_begin(shelf, &read, &err) == ST_OK);
    while (history_older(read, &cursor, &row) == ST_OK)
        size += fmt(seen + size, sizeof(seen) - size, "%lu:%u ", row.begun_s, row.state);
    shelf_read_end(read);
    CHECK(strcmp(seen, all) == 0);
}

/* Of the newest, with its final zero. */
static void check_text(struct shelf *shelf, const char *wanted)
{
    struct shelf_read *read;
    struct history_cursor cursor = {.size = 0};
    struct history_row row;
    struct err err;
    bytes text;
    CHECK(shelf_read_begin(shelf, &read, &err) == ST_OK);
    CHECK(history_older(read, &cursor, &row) == ST_OK);
    CHECK(history_text(read, &cursor, &text) == ST_OK && text.size == strlen(wanted) + 1 &&
          memcmp(text.data, wanted, text.size) == 0);
    CHECK(history_older(read, &cursor, &row) == ST_OK);
    CHECK(history_text(read, &cursor, &text) == ST_MISSING);
    shelf_read_end(read);
}

static void put(struct history *history, u8 number, u64 begun_s, enum history_state state)
{
    struct history_id id = id_of(number);
    struct history_row row = row_at(begun_s, state);
    history_put(history, &id, &row);
}

TEST(rows_of_the_history_keep_their_time_and_what_was_paid_stays)
{
    char path[4200];
    struct shelf *shelf;
    struct history *history;
    struct err err;
    fmt(path, sizeof(path), "%s/shelf", test_folder());
    CHECK(shelf_open(path, &shelf, &err) == ST_OK);
    CHECK(history_new(shelf, HISTORY_USUAL_MOST, &history, &err) == ST_OK);
    put(history, 1, 10, HISTORY_PENDING);
    put(history, 2, 30, HISTORY_PENDING);
    put(history, 3, 20, HISTORY_PAID);
    CHECK(history_wait(history, &err) == ST_OK);
    check_all(shelf, "30:0 20:1 10:0 ");
    put(history, 1, 50, HISTORY_FAILED);
    put(history, 3, 60, HISTORY_PENDING);
    CHECK(history_wait(history, &err) == ST_OK);
    check_all(shelf, "30:0 20:1 10:2 ");
    put(history, 2, 70, HISTORY_PAID);
    struct history_row row = row_at(80, HISTORY_PENDING);
    struct history_id id = id_of(4);
    history_put_text(history, &id, BYTES_OF("tea"));
    u64 number = history_put(history, &id, &row);
    history_free(history); /* writes what waits */
    check_text(shelf, "tea");
    check_all(shelf, "80:0 30:1 20:1 10:2 ");
    CHECK(history_get(shelf, &id, &row) == ST_OK && row.amount == 5 && row.name.b[0] == 7);
    id = id_of(9);
    CHECK(history_get(shelf, &id, &row) == ST_MISSING);
    CHECK(number == 8 && history_has(NULL, 5) && history_put(NULL, &id, &row) == 0);
    shelf_close(shelf);
}

/* No file may be longer than that: the shelf's pages, but for the first two, cannot be written. */
static void let_files_be(rlim_t size)
{
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = size < limit.rlim_max ? size : limit.rlim_max;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

TEST(rows_that_could_not_be_written_are_written_later)
{
    char path[4200];
    struct shelf *shelf;
    struct history *history;
    struct err err;
    struct history_id id = id_of(2);
    struct history_row row = row_at(20, HISTORY_PAID);
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    fmt(path, sizeof(path), "%s/shelf", test_folder());
    CHECK(shelf_open(path, &shelf, &err) == ST_OK);
    CHECK(history_new(shelf, HISTORY_USUAL_MOST, &history, &err) == ST_OK);
    put(history, 1, 10, HISTORY_PAID);
    CHECK(history_wait(history, &err) == ST_OK);
    let_files_be(8192);
    u64 number = history_put(history, &id, &row);
    CHECK(history_wait(history, &err) == ST_IO && !history_has(history, number));
    put(history, 3, 30, HISTORY_PAID);
    CHECK(history_wait(history, &err) == ST_IO);
    let_files_be(RLIM_INFINITY);
    check_all(shelf, "10:1 ");
    (void)history_wait(history, &err); /* a try may have begun before */
    CHECK(history_wait(history, &err) == ST_OK && history_has(history, number));
    check_all(shelf, "30:1 20:1 10:1 ");
    let_files_be(8192);
    put(history, 4, 40, HISTORY_PAID);
    CHECK(history_wait(history, &err) == ST_IO);
    history_free(history); /* does not wait for better times */
    let_files_be(RLIM_INFINITY);
    check_all(shelf, "30:1 20:1 10:1 ");
    shelf_close(shelf);
    signal(SIGXFSZ, before);
}

/* --- A slow disk. */

enum { MANY = 100 };

struct putting {
    struct history *history;
    atomic_uint done;
};

static void *put_many(void *self)
{
    struct putting *at = self;
    for (u8 i = 0; i < MANY; i++) {
        put(at->history, i, i, HISTORY_PAID);
        at->done++;
    }
    return NULL;
}

static unsigned count_rows(struct shelf *shelf)
{
    struct shelf_read *read;
    struct history_cursor cursor = {.size = 0};
    struct history_row row;
    struct err err;
    unsigned count = 0;
    CHECK(shelf_read_begin(shelf, &read, &err) == ST_OK);
    while (history_older(read, &cursor, &row) == ST_OK)
        count++;
    shelf_read_end(read);
    return count;
}

/* While the test holds the shelf, nothing is written: a few rows are being written, and a few wait;
 * who puts more waits too, and nothing is given up. */
TEST(who_puts_more_rows_than_may_wait_waits_for_a_slow_disk)
{
    enum { MOST = 7 };
    char path[4200];
    struct shelf *shelf;
    struct shelf_change *change;
    struct putting at = {.done = 0};
    struct err err;
    pthread_t thread;
    fmt(path, sizeof(path), "%s/shelf", test_folder());
    CHECK(shelf_open(path, &shelf, &err) == ST_OK);
    CHECK(history_new(shelf, MOST, &at.history, &err) == ST_OK);
    CHECK(shelf_begin(shelf, &change, &err) == ST_OK);
    CHECK(pthread_create(&thread, NULL, put_many, &at) == 0);
    while (at.done <= MOST) /* the first of them are being written, others wait */
        sched_yield();
    CHECK(at.done <= 2 * MOST);
    CHECK(shelf_end(change, ST_OK, &err) == ST_OK);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(at.done == MANY && history_wait(at.history, &err) == ST_OK);
    CHECK(history_has(at.history, MANY) && count_rows(shelf) == MANY);
    history_free(at.history);
    shelf_close(shelf);
}

TEST(a_row_of_the_history_reads_as_it_was_written_and_no_other)
{
    struct history_row row = {.kind = HISTORY_FORWARDED,
                              .state = HISTORY_PAID,
                              .begun_s = 1,
                              .ended_s = 2,
                              .name = {{3}},
                              .channel = {{4}},
                              .out = {{5}},
                              .chain_id = 6,
                              .asset = {{7}},
                              .amount = 8,
                              .fee = 9,
                              .count = 10,
                              .preimage = {{11}},
                              .node = {{12}},
                              .expiry_s = 13,
                              .found = 1};
    struct history_row read;
    u8 out[HISTORY_ROW_LIMIT], again[HISTORY_ROW_LIMIT];
    usize size = history_row_write(&row, out);
    CHECK(history_row_read((bytes){out, size}, &read) == ST_OK);
    CHECK(history_row_write(&read, again) == size && memcmp(out, again, size) == 0);
    CHECK(read.amount == 8 && read.expiry_s == 13 && read.out.b[0] == 5);
    for (usize cut = 0; cut < size; cut++)
        CHECK_ROW(cut, history_row_read((bytes){out, cut}, &read) == ST_CORRUPT);
    out[1] = 9;
    CHECK(history_row_read((bytes){out, size}, &read) == ST_CORRUPT);
}

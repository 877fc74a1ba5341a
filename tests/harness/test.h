/* The unit-test harness: a test's name states a fact, CHECK says what must hold.
 *
 *   TEST(rlp_refuses_a_second_spelling_of_an_integer)
 *   {
 *       CHECK(rlp_read_u64(&in, &value) == ST_INVALID);
 *   }
 *
 * All *_test.c files link into one program, `unit [--share I/N] [FILTER…]`, which ends with
 * "N passed, N failed". Of the tests that a filter names, or all, share I of N is every Nth: as
 * many programs can run them side by side. */
#ifndef HARNESS_TEST_H
#define HARNESS_TEST_H

#include "base/arena.h"
#include "base/hex.h"

struct test_case {
    const char *name;
    const char *file;
    void (*run)(void);
    struct test_case *next;
};

void test_register(struct test_case *test);

/* Marks the running test as failed and says where; the test goes on. */
[[gnu::format(printf, 3, 4)]] void test_fail(const char *file, int line, const char *format, ...);

/* Says why the running test could not be judged (official fixtures are absent); it counts as
 * skipped, and the summary line says how many were. */
void test_skip(const char *why);

#define TEST(fact)                                                                                 \
    static void test_##fact(void);                                                                 \
    [[gnu::constructor]] static void test_register_##fact(void)                                    \
    {                                                                                              \
        static struct test_case test = {#fact, __FILE__, test_##fact, NULL};                       \
        test_register(&test);                                                                      \
    }                                                                                              \
    static void test_##fact(void)

#define CHECK(condition) ((condition) ? (void)0 : test_fail(__FILE__, __LINE__, "%s", #condition))

/* With the row of a table: CHECK_ROW(i, got == rows[i].want). */
#define CHECK_ROW(row, condition)                                                                  \
    ((condition) ? (void)0 : test_fail(__FILE__, __LINE__, "row %lu: %s", (u64)(row), #condition))

/* Memory for the running test, 256 GiB of address space, released when it ends. */
struct arena *test_arena(void);

/* Bytes of a hexadecimal literal, in the test's memory. */
bytes hex(const char *digits);

/* A new, empty folder that goes with all its content when the running test ends. In memory where
 * the machine has such a place, so that syncs cost nothing. */
const char *test_folder(void);

/* The folder of official fixtures: VARVE_FIXTURES, or ../shared/fixtures beside the checkout.
 * NULL where there is none. */
const char *test_fixtures(void);

/* The folder that archive NAME.tar.zst of the fixtures unpacks to (unpacked once, under the build
 * folder). NULL, with the test marked as skipped, where the fixtures are absent. */
const char *test_fixture_folder(const char *name);

/* A whole file, in the test's memory; it fails the test and returns empty if it cannot be read. */
bytes test_read_file(const char *path);

/* Calls `visit` for every file below `folder` whose name ends in `suffix`, in sorted order. */
void test_each_file(const char *folder, const char *suffix, void (*visit)(const char *path));

#endif

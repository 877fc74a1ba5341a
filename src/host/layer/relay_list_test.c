#include "layer/relay_list.h"

#include "base/fmt.h"
#include "harness/test.h"

static const hash32 GENESIS = {{7}};

static hash32 name(u8 number)
{
    return (hash32){{number}};
}

static struct relay_list sample(void)
{
    struct relay_list list;
    relay_list_init(&list, GENESIS);
    for (u8 i = 1; i <= 4; i++)
        relay_list_add(&list, name(i), i);
    list.seen = (struct relay_point){4, name(104)};
    list.kept = (struct relay_point){3, name(103)};
    relay_row_enter(&list.rows[1], RELAY_REPLAY);
    list.rows[1].failures = 2;
    list.rows[1].refusals = 300;
    return list;
}

static const char *path(void)
{
    static char text[4200];
    fmt(text, sizeof(text), "%s/relayer", test_folder());
    return text;
}

TEST(relay_list_keeps_what_is_final_and_what_has_failed)
{
    struct relay_list first = sample(), second;
    const struct files *files = files_of_system();
    const char *file = path();
    relay_list_init(&second, GENESIS);
    CHECK(relay_list_read(&second, files, file, *test_arena(), NULL) == ST_MISSING);
    CHECK(relay_list_write(&first, files, file, *test_arena(), NULL) == ST_OK);
    CHECK(relay_list_read(&second, files, file, *test_arena(), NULL) == ST_OK);
    CHECK(second.count == 3 && second.seen.number == 3);
    CHECK(hash32_equal(second.kept.hash, name(103)));
    CHECK(second.rows[1].stage == RELAY_REPLAY && second.rows[1].failures == 2);
    CHECK(second.rows[1].refusals == 300 && second.rows[2].block == 3);
    relay_list_free(&first);
    relay_list_free(&second);
}

static enum status read_back(const char *file, bytes content, hash32 genesis)
{
    struct relay_list list;
    relay_list_init(&list, genesis);
    CHECK(files_write_whole(files_of_system(), file, content, NULL) == ST_OK);
    enum status st = relay_list_read(&list, files_of_system(), file, *test_arena(), NULL);
    CHECK(st == ST_OK || (list.count == 0 && hash32_equal(list.kept.hash, genesis)));
    relay_list_free(&list);
    return st;
}

TEST(relay_list_refuses_a_file_that_is_damaged_or_of_another_child)
{
    struct relay_list list = sample();
    const char *file = path();
    CHECK(relay_list_write(&list, files_of_system(), file, *test_arena(), NULL) == ST_OK);
    bytes good = test_read_file(file);
    CHECK(read_back(file, good, GENESIS) == ST_OK);
    CHECK(read_back(file, good, name(8)) == ST_CORRUPT);
    for (usize i = 0; i < good.size; i++) {
        u8 *bad = ARENA_TAKE(test_arena(), u8, good.size);
        memcpy(bad, good.data, good.size);
        bad[i] ^= 1;
        CHECK_ROW(i, read_back(file, (bytes){bad, good.size}, GENESIS) == ST_CORRUPT);
        CHECK_ROW(i, read_back(file, bytes_slice(good, 0, i), GENESIS) == ST_CORRUPT);
    }
    relay_list_free(&list);
}

TEST(relay_list_goes_back_to_what_is_final)
{
    struct relay_list list = sample();
    relay_list_go_back(&list);
    CHECK(list.count == 3 && list.seen.number == 3 && hash32_equal(list.seen.hash, name(103)));
    relay_list_drop(&list, 0);
    CHECK(list.count == 2 && list.rows[0].block == 3);
    relay_list_free(&list);
}

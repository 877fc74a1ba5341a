#include "sys/pages.h"

#include "harness/test.h"

TEST(pages_reserve_more_than_the_machine_has_and_commit_on_touch)
{
    struct pages pages;
    struct err err;
    CHECK(pages_reserve((usize)1 << 40, &pages, &err) == ST_OK); /* 1 TiB */
    struct arena arena = pages_arena(&pages);
    CHECK(arena_left(&arena) == (usize)1 << 40);
    memset(arena_take(&arena, 100000, 8), 0xaa, 100000);
    pages_trim(&pages, 5000);
    CHECK(pages.start[8191] == 0xaa); /* whole pages are kept */
    CHECK(pages.start[8192] == 0);
    pages_release(&pages);
    CHECK(pages.start == NULL && pages.size == 0);
    CHECK(pages_reserve(SIZE_MAX / 2, &pages, &err) == ST_FULL);
}

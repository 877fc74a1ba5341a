#include "layer/shelf.h"

#include "harness/test.h"

static int dropped;

static void count_drop(void *row)
{
    CHECK(*(u64 *)row < 1000000);
    dropped++;
}

TEST(a_shelf_keeps_rows_under_their_numbers_while_both_ends_move)
{
    struct shelf shelf;
    u64 end = 7;
    int pushed = 0;
    dropped = 0;
    shelf_init(&shelf, sizeof(u64), end, count_drop);
    for (u64 round = 0; round < 1000; round++) {
        for (u64 i = 0; i < round % 7; i++, pushed++)
            *(u64 *)shelf_push(&shelf) = end++;
        if (round % 5 == 0) {
            shelf_cut(&shelf, max_u64(shelf.first, end - min_u64(end - shelf.first, 3)));
            end = shelf_end(&shelf);
        }
        if (round % 3 == 0)
            shelf_forget(&shelf, end - min_u64(end, 10));
        CHECK(shelf_end(&shelf) == end);
        for (u64 number = shelf.first; number < end; number++)
            CHECK(*(u64 *)shelf_at(&shelf, number) == number);
        CHECK(shelf_at(&shelf, end) == NULL && shelf_at(&shelf, shelf.first - 1) == NULL);
    }
    CHECK(shelf.room <= 64); /* what was forgotten is used again */
    shelf_free(&shelf);
    CHECK(dropped == pushed);
}

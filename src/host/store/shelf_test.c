#include "store/shelf.h"

#include "base/fmt.h"
#include "harness/test.h"

#include <stdio.h>

static bytes text(const char *from)
{
    return (bytes){(const u8 *)from, strlen(from)};
}

static void put_all(struct shelf *shelf, const char *const *rows, usize count, enum status st)
{
    struct shelf_change *change;
    struct err err;
    CHECK(shelf_begin(shelf, &change, &err) == ST_OK);
    for (usize i = 0; i < count; i++)
        CHECK(shelf_put(change, text(rows[i]), text(rows[i]), &err) == ST_OK);
    CHECK(shelf_end(change, st, &err) == st);
}

static void check_rows(struct shelf *shelf, const char *from, bool back, const char *all)
{
    struct shelf_read *read;
    struct shelf_row row;
    struct err err;
    char seen[100] = "";
    usize size = 0;
    CHECK(shelf_read_begin(shelf, &read, &err) == ST_OK);
    for (enum status st = shelf_seek(read, text(from), back, &row); st == ST_OK;
         st = shelf_step(read, back, &row)) {
        CHECK(bytes_equal(row.key, row.value));
        size += fmt(seen + size, sizeof(seen) - size, "%.*s ", (int)row.key.size,
                    (const char *)row.key.data);
    }
    shelf_read_end(read);
    CHECK(strcmp(seen, all) == 0);
}

TEST(rows_of_a_shelf_come_in_order_both_ways)
{
    static const char *const rows[] = {"b2", "a", "b1", "c", "b"};
    char path[4200];
    struct shelf *shelf;
    struct err err;
    fmt(path, sizeof(path), "%s/shelf", test_folder());
    CHECK(shelf_open(path, &shelf, &err) == ST_OK);
    check_rows(shelf, "a", false, "");
    check_rows(shelf, "a", true, "");
    put_all(shelf, rows, countof(rows), ST_OK);
    check_rows(shelf, "a", false, "a b b1 b2 c ");
    check_rows(shelf, "b1", false, "b1 b2 c ");
    check_rows(shelf, "b1", true, "b a ");
    check_rows(shelf, "d", true, "c b2 b1 b a ");
    check_rows(shelf, "d", false, "");
    shelf_close(shelf);
    CHECK(shelf_open(path, &shelf, &err) == ST_OK);
    check_rows(shelf, "a", false, "a b b1 b2 c ");
    shelf_close(shelf);
}

TEST(a_change_of_a_shelf_is_there_whole_or_not_at_all)
{
    static const char *const first[] = {"a", "b1", "b2"}, *const second[] = {"d"};
    char path[4200];
    struct shelf *shelf;
    struct shelf_change *change;
    struct err err;
    bytes found;
    fmt(path, sizeof(path), "%s/shelf", test_folder());
    CHECK(shelf_open(path, &shelf, &err) == ST_OK);
    put_all(shelf, first, countof(first), ST_OK);
    put_all(shelf, second, countof(second), ST_INVALID);
    check_rows(shelf, "a", false, "a b1 b2 ");
    for (u32 i = 0; i < 2; i++) {
        CHECK(shelf_begin(shelf, &change, &err) == ST_OK);
        CHECK(shelf_before(change, text("b2"), &found) == ST_OK && bytes_equal(found, text("b1")));
        CHECK(shelf_before(change, text("a"), &found) == ST_MISSING);
        CHECK(shelf_find(change, text("b"), &found) == ST_MISSING);
        CHECK(shelf_find(change, text("b1"), &found) == ST_OK && bytes_equal(found, text("b1")));
        CHECK(shelf_drop(change, text("b"), &err) == ST_OK);
        CHECK(shelf_find(change, text("b1"), &found) == ST_MISSING);
        enum status st = i == 0 ? ST_AGAIN : ST_OK;
        CHECK(shelf_end(change, st, &err) == st);
        check_rows(shelf, "a", false, i == 0 ? "a b1 b2 " : "a ");
    }
    shelf_close(shelf);
}

TEST(a_shelf_that_was_cut_off_while_it_was_made_is_made_again)
{
    static const char *const rows[] = {"a"};
    static u8 page[4096] = {1};
    const char *folder = test_folder();
    for (usize pages = 0; pages <= 8; pages++) {
        char path[4200];
        struct shelf *shelf;
        struct err err;
        fmt(path, sizeof(path), "%s/shelf-%zu", folder, pages);
        FILE *file = fopen(path, "wb");
        CHECK(file != NULL);
        for (usize i = 0; i < pages; i++)
            CHECK(fwrite(page, sizeof(page), 1, file) == 1);
        fclose(file);
        bool is_new = pages <= 3;
        CHECK_ROW(pages, shelf_open(path, &shelf, &err) == (is_new ? ST_OK : ST_CORRUPT));
        if (!is_new)
            continue;
        put_all(shelf, rows, countof(rows), ST_OK);
        check_rows(shelf, "a", false, "a ");
        shelf_close(shelf);
    }
}

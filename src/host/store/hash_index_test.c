#include "store/hash_index.h"

#include "base/fmt.h"
#include "harness/test.h"

static const char *path(void)
{
    static char text[600];
    fmt(text, sizeof(text), "%s/index", test_folder());
    return text;
}

static hash32 name(u32 number)
{
    hash32 out = {{0}};
    store_be32(out.b + 3, number); /* so that order of keys is not that of coming */
    out.b[0] = (u8)(number * 37);
    return out;
}

static struct hash_index *open_at(const char *where, u64 most)
{
    struct hash_index *index = NULL;
    struct err err = {""};
    if (hash_index_open(where, most, &index, &err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", err.text);
    return index;
}

static void put(struct hash_index *index, u32 from, u32 to)
{
    for (u32 i = from; i < to; i++)
        CHECK_ROW(i, hash_index_put(index, name(i), BYTES_OF(i), NULL) == ST_OK);
}

static bool has(struct hash_index *index, u32 number)
{
    bytes value;
    enum status st = hash_index_get(index, name(number), &value, test_arena());
    CHECK(st == ST_MISSING || (st == ST_OK && bytes_equal(value, BYTES_OF(number))));
    return st == ST_OK;
}

TEST(hash_index_has_what_was_put_and_keeps_what_was_written)
{
    const char *where = path();
    struct hash_index *index = open_at(where, 1000);
    put(index, 0, 300);
    for (u32 i = 0; i < 300; i++)
        CHECK_ROW(i, has(index, i));
    CHECK(!has(index, 300));
    CHECK(hash_index_write(index, NULL) == ST_OK);
    put(index, 300, 310); /* as if the power went */
    hash_index_close(index);
    index = open_at(where, 1000);
    for (u32 i = 0; i < 300; i++)
        CHECK_ROW(i, has(index, i));
    CHECK(!has(index, 305));
    put(index, 300, 310); /* it comes again */
    CHECK(hash_index_write(index, NULL) == ST_OK && has(index, 305));
    hash_index_close(index);
}

TEST(hash_index_forgets_the_oldest_first)
{
    struct hash_index *index = open_at(path(), 500);
    put(index, 0, 600);
    put(index, 0, 10); /* known, or come again */
    CHECK(hash_index_write(index, NULL) == ST_OK);
    u32 there = 0;
    for (u32 i = 0; i < 600; i++)
        there += has(index, i);
    CHECK(there == 500);
    for (u32 i = 110; i < 600; i++)
        CHECK_ROW(i, has(index, i));
    hash_index_close(index);
}

TEST(hash_index_replaces_a_value)
{
    u64 first = 1, second = 2;
    bytes value;
    struct hash_index *index = open_at(path(), 10);
    CHECK(hash_index_put(index, name(1), BYTES_OF(first), NULL) == ST_OK);
    CHECK(hash_index_write(index, NULL) == ST_OK);
    CHECK(hash_index_put(index, name(1), BYTES_OF(second), NULL) == ST_OK);
    for (int i = 0; i < 2; i++) {
        CHECK(hash_index_get(index, name(1), &value, test_arena()) == ST_OK);
        CHECK_ROW(i, bytes_equal(value, BYTES_OF(second)));
        CHECK(hash_index_write(index, NULL) == ST_OK);
    }
    hash_index_close(index);
}

#include "derive/blob_data.h"
#include "derive/testing.h"
#include "harness/test.h"

enum { MOST = BLOB_CAPACITY - BLOB_LENGTH_SIZE };

static usize split(const u8 *blobs, usize count, bytes *out)
{
    for (usize i = 0; i < count; i++)
        out[i] = (bytes){blobs + i * BLOB_SIZE, BLOB_SIZE};
    return count;
}

TEST(blobs_give_back_the_data_that_they_were_made_of)
{
    static const usize sizes[] = {0,    1,    26,       27,       28,           31,     58,
                                  1000, MOST, MOST - 1, MOST + 1, 2 * MOST + 4, 300000, 700000};
    struct seeded random = {1};
    for (usize i = 0; i < countof(sizes); i++) {
        u8 *data = ARENA_TAKE(test_arena(), u8, sizes[i]);
        seeded_fill(&random, data, sizes[i]);
        usize count = blob_count_for(sizes[i]);
        u8 *blobs = ARENA_TAKE(test_arena(), u8, count * BLOB_SIZE);
        blob_data_encode((bytes){data, sizes[i]}, blobs);
        bytes parts[8], again;
        if (blob_data_decode(parts, split(blobs, count, parts), &again, test_arena(), NULL) ==
            ST_OK)
            CHECK_ROW(i, bytes_equal(again, (bytes){data, sizes[i]}));
        else
            test_fail(__FILE__, __LINE__, "row %zu", i);
    }
    CHECK(blob_count_for(MOST) == 1 && blob_count_for(MOST + 1) == 2);
}

TEST(blobs_that_nobody_encoded_are_refused)
{
    u8 *blob = ARENA_NEW(test_arena(), u8, BLOB_SIZE);
    bytes whole = {blob, BLOB_SIZE}, shorter = {blob, BLOB_SIZE - 32}, out;
    blob_data_encode(BYTES_LIT("batch"), blob);
    CHECK(blob_data_decode(&whole, 1, &out, test_arena(), NULL) == ST_OK);
    CHECK(blob_data_decode(&whole, 0, &out, test_arena(), NULL) == ST_INVALID);
    CHECK(blob_data_decode(&shorter, 1, &out, test_arena(), NULL) == ST_INVALID);
    blob[BLOB_SIZE - 32] = 1;
    CHECK(blob_data_decode(&whole, 1, &out, test_arena(), NULL) == ST_INVALID);
    blob[BLOB_SIZE - 32] = 0;
    blob[1] = 1; /* 16 MiB and more */
    CHECK(blob_data_decode(&whole, 1, &out, test_arena(), NULL) == ST_INVALID);
}

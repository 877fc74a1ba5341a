#include "layer/batch_zip.h"

#include "derive/testing.h"
#include "harness/test.h"

enum { CHAIN = 901 };

static struct batch_body body_of(const struct batch *batch)
{
    struct batch_body body = {.all = BYTES_EMPTY};
    struct err err = {""};
    if (batch_body_encode(batch, CHAIN, &body, test_arena(), &err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", err.text);
    return body;
}

TEST(batch_zip_gives_data_that_derivation_reads_back)
{
    struct seeded random = {1};
    for (usize i = 0; i < 60; i++) {
        struct batch_shape shape = {i % 9, i * 5, 20, 1700000000, 77};
        struct batch batch = seeded_batch(&random, CHAIN, shape, test_arena()), again;
        struct batch_body body = body_of(&batch), body_again;
        struct err err = {""};
        bytes data;
        usize bound = batch_zip_bound(body.all.size);
        struct arena exact = arena_over(arena_take(test_arena(), bound, 1), bound);
        CHECK_ROW(i, batch_zip(&body, &data, &exact, &err) == ST_OK);
        CHECK_ROW(i, data.size <= 2 + body.all.size);
        if (batch_data_decode(data, CHAIN, &again, test_arena(), &err) != ST_OK) {
            test_fail(__FILE__, __LINE__, "batch %zu: %s", i, err.text);
            continue;
        }
        body_again = body_of(&again);
        CHECK_ROW(i, bytes_equal(body.all, body_again.all));
    }
}

TEST(batch_zip_leaves_alone_what_does_not_shrink)
{
    struct seeded random = {2};
    u8 noise[500];
    seeded_fill(&random, noise, sizeof(noise));
    struct batch_body body = {
        .all = {noise, sizeof(noise)}, .ends = {sizeof(noise)}, .end_count = 1};
    bytes data;
    CHECK(batch_zip(&body, &data, test_arena(), NULL) == ST_OK);
    CHECK(bytes_equal(data, batch_data_raw(body.all, test_arena())));
}

#include "layer/checkpoint.h"

#include "base/fmt.h"
#include "harness/test.h"
#include "sys/power.h"

TEST(a_checkpoint_reads_back_and_shows_each_damaged_byte)
{
    char path[4200];
    struct checkpoint first = {.genesis_hash = {{1}}, .parent_block = 77, .parent_hash = {{2}}};
    struct checkpoint second;
    struct err err;
    first.state.head.number = 5;
    first.state.batch_count = 3;
    fmt(path, sizeof(path), "%s/derived", test_folder());
    const struct files *files = files_of_system();
    CHECK(checkpoint_read(files, path, &second, &err) == ST_MISSING);
    CHECK(checkpoint_write(files, path, &first, &err) == ST_OK);
    CHECK(checkpoint_read(files, path, &second, &err) == ST_OK);
    CHECK(second.parent_block == 77 && second.state.head.number == 5);
    CHECK(second.state.batch_count == 3 && hash32_equal(second.parent_hash, first.parent_hash));
    bytes good = test_read_file(path);
    for (usize i = 0; i < good.size; i += 7) {
        u8 *bad = ARENA_TAKE(test_arena(), u8, good.size);
        memcpy(bad, good.data, good.size);
        bad[i] ^= 0x10;
        CHECK(files_write_whole(files, path, (bytes){bad, good.size}, &err) == ST_OK);
        CHECK_ROW(i, checkpoint_read(files, path, &second, &err) == ST_CORRUPT);
    }
}

/* The power goes at operation `n` of replacing the first checkpoint by the second. */
static bool replace_with_a_cut(const char *path, unsigned n, enum power_fate fate)
{
    struct power power;
    struct checkpoint first = {.genesis_hash = {{1}}, .parent_block = 77}, second = first, got;
    struct err err;
    second.parent_block = 99;
    power_init(&power);
    CHECK_ROW(n, checkpoint_write(&power.files, path, &first, &err) == ST_OK);
    power.left = n;
    bool whole = checkpoint_write(&power.files, path, &second, &err) == ST_OK;
    power_return(&power, fate, n);
    CHECK_ROW(n, checkpoint_read(&power.files, path, &got, &err) == ST_OK);
    CHECK_ROW(n, got.parent_block == 99 || (!whole && got.parent_block == 77));
    CHECK_ROW(n, checkpoint_write(&power.files, path, &second, &err) == ST_OK);
    CHECK_ROW(n, checkpoint_read(&power.files, path, &got, &err) == ST_OK);
    CHECK_ROW(n, got.parent_block == 99);
    return whole;
}

TEST(a_checkpoint_cut_off_at_any_write_is_the_old_one_or_the_new_one)
{
    char path[300];
    fmt(path, sizeof(path), "%s/derived", test_folder());
    for (enum power_fate fate = POWER_KEPT; fate < POWER_FATES; fate++) {
        unsigned n = 1;
        while (n < 20 && !replace_with_a_cut(path, n, fate))
            n++;
        CHECK(n > 3 && n < 20);
    }
}

#include "layer/checkpoint.h"

#include "base/fmt.h"
#include "harness/test.h"

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

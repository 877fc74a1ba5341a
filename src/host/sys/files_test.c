#include "sys/files.h"

#include "base/fmt.h"
#include "harness/test.h"

static const char *inside(const char *folder, const char *name)
{
    char *path = ARENA_TAKE(test_arena(), char, 600);
    fmt(path, 600, "%s/%s", folder, name);
    return path;
}

TEST(files_give_back_what_was_written_and_say_where_a_file_ends)
{
    const struct files *files = files_of_system();
    const char *folder = test_folder();
    const char *path = inside(folder, "a/b/c");
    struct err err;
    struct file *file;
    u64 size;
    u8 got[8];
    CHECK(files->open(files->self, path, FILE_READ, &file, &err) == ST_MISSING);
    CHECK(files->make_folder(files->self, inside(folder, "a/b"), &err) == ST_OK);
    CHECK(files->make_folder(files->self, inside(folder, "a/b"), &err) == ST_OK);
    CHECK(files->open(files->self, path, FILE_WRITE, &file, &err) == ST_OK);
    CHECK(files->write(files->self, file, 4, BYTES_LIT("varve"), &err) == ST_OK);
    CHECK(files->sync(files->self, file, &err) == ST_OK);
    CHECK(files->size(files->self, file, &size, &err) == ST_OK && size == 9);
    CHECK(files->read(files->self, file, 4, got, 5, &err) == ST_OK && memcmp(got, "varve", 5) == 0);
    CHECK(files->read(files->self, file, 4, got, 6, &err) == ST_MISSING);
    CHECK(files->truncate(files->self, file, 5, &err) == ST_OK);
    CHECK(files->size(files->self, file, &size, &err) == ST_OK && size == 5);
    files->close(files->self, file);
    CHECK(files->remove(files->self, path, &err) == ST_OK);
    CHECK(files->remove(files->self, path, &err) == ST_MISSING);
}

TEST(files_lock_keeps_a_second_opening_out)
{
    const struct files *files = files_of_system();
    const char *path = inside(test_folder(), "lock");
    struct err err;
    struct file *first, *second;
    CHECK(files->open(files->self, path, FILE_WRITE, &first, &err) == ST_OK);
    CHECK(files->open(files->self, path, FILE_WRITE, &second, &err) == ST_OK);
    CHECK(files->lock(files->self, first, &err) == ST_OK);
    CHECK(files->lock(files->self, second, &err) == ST_AGAIN);
    files->close(files->self, first);
    CHECK(files->lock(files->self, second, &err) == ST_OK);
    files->close(files->self, second);
}

TEST(files_write_whole_replaces_a_file)
{
    const struct files *files = files_of_system();
    const char *path = inside(test_folder(), "whole");
    struct err err;
    bytes got;
    CHECK(files_write_whole(files, path, BYTES_LIT("first, longer"), &err) == ST_OK);
    CHECK(files_write_whole(files, path, BYTES_LIT("second"), &err) == ST_OK);
    CHECK(files_read_whole(files, path, 100, &got, test_arena(), &err) == ST_OK);
    CHECK(bytes_equal(got, BYTES_LIT("second")));
    CHECK(files_read_whole(files, path, 5, &got, test_arena(), &err) == ST_FULL);
}

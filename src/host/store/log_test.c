#include "store/log.h"

#include "base/fmt.h"
#include "harness/test.h"
#include "store/crc32c.h"

#include <stdlib.h>
#include <unistd.h>

static const char *new_path(void)
{
    char *path = ARENA_TAKE(test_arena(), char, 600);
    fmt(path, 600, "%s/log", test_folder());
    return path;
}

static struct log_file *open_log(const char *path, u64 *cut)
{
    struct err err = {""};
    struct log_file *log = NULL;
    if (log_open(files_of_system(), path, 0, &log, cut, &err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", err.text);
    return log;
}

static u64 append(struct log_file *log, const char *text)
{
    struct err err;
    u64 position = 0;
    bytes parts[2] = {{(const u8 *)text, 1}, {(const u8 *)text + 1, strlen(text) - 1}};
    CHECK(log_append(log, 7, parts, 2, &position, &err) == ST_OK);
    return position;
}

static bool holds(struct log_file *log, u64 position, const char *text)
{
    struct err err;
    struct log_record record;
    return log_read(log, position, &record, test_arena(), &err) == ST_OK && record.kind == 7 &&
           bytes_equal(record.payload, (bytes){(const u8 *)text, strlen(text)});
}

static void overwrite(const char *path, u64 offset, u8 value)
{
    const struct files *files = files_of_system();
    struct err err;
    struct file *file;
    CHECK(files->open(files->self, path, FILE_WRITE, &file, &err) == ST_OK);
    CHECK(files->write(files->self, file, offset, (bytes){&value, 1}, &err) == ST_OK);
    files->close(files->self, file);
}

static u64 file_size(const char *path)
{
    const struct files *files = files_of_system();
    struct err err;
    struct file *file;
    u64 size = 0;
    CHECK(files->open(files->self, path, FILE_READ, &file, &err) == ST_OK);
    CHECK(files->size(files->self, file, &size, &err) == ST_OK);
    files->close(files->self, file);
    return size;
}

TEST(crc32c_is_the_same_with_and_without_the_instruction)
{
    u8 data[100];
    for (usize i = 0; i < sizeof(data); i++)
        data[i] = (u8)(i * 37);
    for (usize size = 0; size <= sizeof(data); size++)
        CHECK_ROW(size, crc32c(0, (bytes){data, size}) == crc32c_portable(0, (bytes){data, size}));
    CHECK(crc32c(0, BYTES_LIT("123456789")) == 0xe3069283); /* RFC 3720's check value */
    CHECK(crc32c(crc32c(0, BYTES_LIT("1234")), BYTES_LIT("56789")) == 0xe3069283);
}

TEST(log_gives_back_its_records_after_reopening)
{
    const char *path = new_path();
    u64 cut;
    struct err err;
    struct log_file *log = open_log(path, &cut);
    u64 a = append(log, "first"), b = append(log, "second, which is longer");
    CHECK(a == log_start(log) && log_synced(log) < log_end(log));
    CHECK(log_sync(log, &err) == ST_OK && log_synced(log) == log_end(log));
    u64 end = log_end(log);
    log_close(log);
    log = open_log(path, &cut);
    CHECK(cut == 0 && log_end(log) == end);
    CHECK(holds(log, a, "first") && holds(log, b, "second, which is longer"));
    struct log_record record;
    bytes part;
    CHECK(log_read(log, a, &record, test_arena(), &err) == ST_OK && record.next == b);
    CHECK(log_read(log, end, &record, test_arena(), &err) == ST_MISSING);
    CHECK(log_read(log, a + 8, &record, test_arena(), &err) == ST_CORRUPT);
    CHECK(log_read_part(log, b, 8, 5, &part, test_arena(), &err) == ST_OK);
    CHECK(bytes_equal(part, BYTES_LIT("which")));
    log_close(log);
}

TEST(log_cuts_a_torn_tail_at_every_length)
{
    const char *path = new_path();
    u64 cut;
    struct err err;
    struct log_file *log = open_log(path, &cut);
    u64 a = append(log, "whole");
    u64 b = append(log, "torn, at some length or other");
    u64 end = log_end(log);
    log_close(log);
    bytes content;
    CHECK(files_read_whole(files_of_system(), path, 1 << 20, &content, test_arena(), &err) ==
          ST_OK);
    char cut_path[700];
    fmt(cut_path, sizeof(cut_path), "%s.cut", path);
    for (u64 size = b; size < end; size++) {
        CHECK(files_write_whole(files_of_system(), path, bytes_slice(content, 0, size), &err) ==
              ST_OK);
        log = open_log(path, &cut);
        CHECK_ROW(size, cut == size - b && log_end(log) == b && file_size(path) == b);
        CHECK_ROW(size, holds(log, a, "whole"));
        bytes kept = BYTES_EMPTY;
        if (size > b)
            CHECK_ROW(size, files_read_whole(files_of_system(), cut_path, 1 << 20, &kept,
                                             test_arena(), &err) == ST_OK);
        CHECK_ROW(size, bytes_equal(kept, bytes_slice(content, b, size - b)));
        u64 c = append(log, "next");
        CHECK_ROW(size, c == b && holds(log, c, "next"));
        log_close(log);
    }
}

TEST(log_ends_before_a_record_with_any_byte_wrong)
{
    const char *path = new_path();
    u64 cut;
    struct err err;
    struct log_file *log = open_log(path, &cut);
    append(log, "whole");
    u64 b = append(log, "rotten");
    append(log, "after");
    log_close(log);
    bytes content;
    CHECK(files_read_whole(files_of_system(), path, 1 << 20, &content, test_arena(), &err) ==
          ST_OK);
    for (u64 at = b; at < b + 18; at++) {
        CHECK(files_write_whole(files_of_system(), path, content, &err) == ST_OK);
        overwrite(path, at, (u8)(content.data[at] ^ 0x40));
        log = open_log(path, &cut);
        CHECK_ROW(at, log_end(log) == b && cut == content.size - b);
        log_close(log);
    }
}

TEST(log_refuses_what_is_no_log_and_what_is_newer)
{
    const char *path = new_path();
    u64 cut;
    struct err err;
    struct log_file *log = open_log(path, &cut);
    log_close(log);
    CHECK(log_open(files_of_system(), path, 4096, &log, &cut, &err) == ST_CORRUPT);
    u8 header[16] = "varvelog\x03";
    u32 crc = crc32c(0, (bytes){header, 12});
    memcpy(header + 12, &crc, 4);
    CHECK(files_write_whole(files_of_system(), path, BYTES_OF(header), &err) == ST_OK);
    CHECK(log_open(files_of_system(), path, 0, &log, &cut, &err) == ST_INVALID);
    overwrite(path, 12, (u8)~header[12]);
    CHECK(log_open(files_of_system(), path, 0, &log, &cut, &err) == ST_CORRUPT);
    overwrite(path, 0, 'x');
    CHECK(log_open(files_of_system(), path, 0, &log, &cut, &err) == ST_CORRUPT);
}

/* Fails where told, else passes through to the system's files. */
static struct {
    bool write, sync;
} failing;

static enum status failing_write(void *self, struct file *file, u64 offset, bytes from,
                                 struct err *err)
{
    const struct files *system = files_of_system();
    if (!failing.write)
        return system->write(self, file, offset, from, err);
    TRY(system->write(self, file, offset, bytes_slice(from, 0, from.size / 2), err));
    return fail(err, ST_FULL, "disk full");
}

static enum status failing_sync(void *self, struct file *file, struct err *err)
{
    if (failing.sync)
        return fail(err, ST_IO, "sync failed");
    return files_of_system()->sync(self, file, err);
}

TEST(log_survives_a_full_disk_and_stops_after_a_failed_sync)
{
    struct files files = *files_of_system();
    files.write = failing_write;
    files.sync = failing_sync;
    const char *path = new_path();
    u64 cut, position;
    struct err err;
    struct log_file *log;
    bytes part = BYTES_LIT("something");
    CHECK(log_open(&files, path, 0, &log, &cut, &err) == ST_OK);
    u64 end = log_end(log);
    failing.write = true;
    CHECK(log_append(log, 7, &part, 1, &position, &err) == ST_FULL);
    failing.write = false;
    CHECK(log_end(log) == end && file_size(path) == end);
    CHECK(log_append(log, 7, &part, 1, &position, &err) == ST_OK && position == end);
    failing.sync = true;
    CHECK(log_sync(log, &err) == ST_IO);
    failing.sync = false;
    CHECK(log_sync(log, &err) == ST_IO);
    CHECK(log_append(log, 7, &part, 1, &position, &err) == ST_IO);
    log_close(log);
}

static unsigned writes;

static enum status counted_write(void *self, struct file *file, u64 offset, bytes from,
                                 struct err *err)
{
    writes++;
    return failing_write(self, file, offset, from, err);
}

TEST(log_appends_several_records_by_one_write_or_none_of_them)
{
    static const char *const texts[] = {"one", "", "the third, which is longer"};
    struct files files = *files_of_system();
    files.write = counted_write;
    const char *path = new_path();
    u64 cut, position[3];
    struct err err;
    struct log_file *log;
    CHECK(log_open(&files, path, 0, &log, &cut, &err) == ST_OK);
    u64 end = log_end(log);
    for (int attempt = 0; attempt < 2; attempt++) {
        for (usize i = 0; i < countof(texts); i++) {
            bytes part = {(const u8 *)texts[i], strlen(texts[i])};
            CHECK(log_gather(log, 7, &part, 1, &position[i], &err) == ST_OK);
        }
        CHECK(log_end(log) == end && position[0] == end);
        writes = 0;
        failing.write = attempt == 0;
        CHECK(log_append_gathered(log, &err) == (attempt == 0 ? ST_FULL : ST_OK) && writes == 1);
        failing.write = false;
        CHECK(attempt == 1 || (log_end(log) == end && file_size(path) == end));
    }
    log_close(log);
    log = open_log(path, &cut);
    CHECK(cut == 0 && log_end(log) > position[2]);
    for (usize i = 0; i < countof(texts); i++)
        CHECK(holds(log, position[i], texts[i]));
    log_close(log);
}

TEST(log_takes_zeros_at_its_end_for_room)
{
    enum { ROOM = 4096 };
    const char *path = new_path();
    u64 cut;
    struct log_file *log = open_log(path, &cut);
    log_make_room(log, ROOM);
    CHECK(file_size(path) == log_start(log) + ROOM && log_end(log) == log_start(log));
    u64 first = append(log, "one");
    log_make_room(log, ROOM); /* enough is left */
    CHECK(first == log_start(log) && file_size(path) == first + ROOM);
    for (int life = 0; life < 2; life++) {
        log_close(log);
        log = open_log(path, &cut);
        CHECK(cut == 0 && holds(log, first, "one") && file_size(path) == first + ROOM);
    }
    u64 second = append(log, "second"), end = log_end(log);
    log_close(log);
    overwrite(path, second + 14,
              'S'); /* of a record that ends in zeros the damage is cut, and they */
    log = open_log(path, &cut);
    CHECK(cut == first + ROOM - second && log_end(log) == second && file_size(path) == second);
    CHECK(append(log, "again!") == second && log_end(log) == end && holds(log, second, "again!"));
    log_close(log);
}

TEST(log_does_without_room_on_a_full_disk)
{
    struct files files = *files_of_system();
    files.write = failing_write;
    const char *path = new_path();
    u64 cut, position;
    struct err err;
    struct log_file *log;
    bytes part = BYTES_LIT("something");
    CHECK(log_open(&files, path, 0, &log, &cut, &err) == ST_OK);
    u64 end = log_end(log);
    failing.write = true;
    log_make_room(log, 4096);
    failing.write = false;
    CHECK(log_end(log) == end && file_size(path) == end);
    CHECK(log_append(log, 7, &part, 1, &position, &err) == ST_OK && position == end);
    log_close(log);
}

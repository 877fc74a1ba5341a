#include "store/log.h"

#include "base/fmt.h"
#include "store/crc32c.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { LOG_VERSION = 2, FILE_HEADER = 16, RECORD_HEADER = 12, ALIGNMENT = 8 };

struct log_file {
    const struct files *files;
    struct file *file;
    _Atomic u64 end; /* readers on other threads look at it */
    u64 synced;
    u64 room;    /* the file's size, where zeros follow the last record; else not above `end` */
    bool broken; /* a sync failed: what is on the disk is unknown */
    u8 *draft;   /* records being put together */
    usize draft_size;
    usize gathered; /* bytes of it that are records which log_append_gathered will write */
};

static u64 padded(u64 size)
{
    return (size + ALIGNMENT - 1) & ~(u64)(ALIGNMENT - 1);
}

static u64 record_size(usize payload_size)
{
    return padded(RECORD_HEADER + payload_size);
}

/* `record` holds header and payload; the crc field itself is left out. */
static u32 record_crc(u64 position, const u8 *record, usize payload_size)
{
    u32 crc = crc32c(0, BYTES_OF(position));
    crc = crc32c(crc, (bytes){record, 8});
    return crc32c(crc, (bytes){record + RECORD_HEADER, payload_size});
}

static u32 load_le32(const u8 *from)
{
    u32 value;
    memcpy(&value, from, sizeof(value));
    return value;
}

static u32 header_crc(const u8 *header)
{
    return crc32c(0, (bytes){header, 12});
}

static enum status write_header(struct log_file *log, struct err *err)
{
    u8 header[FILE_HEADER] = "varvelog";
    u32 version = LOG_VERSION;
    memcpy(header + 8, &version, sizeof(version));
    u32 crc = header_crc(header);
    memcpy(header + 12, &crc, sizeof(crc));
    TRY(log->files->truncate(log->files->self, log->file, 0, err));
    TRY(log->files->write(log->files->self, log->file, 0, BYTES_OF(header), err));
    return log->files->sync(log->files->self, log->file, err);
}

static enum status check_file_header(struct log_file *log, struct err *err)
{
    u8 header[FILE_HEADER];
    TRY(log->files->read(log->files->self, log->file, 0, header, sizeof(header), err));
    if (memcmp(header, "varvelog", 8) != 0)
        return fail(err, ST_CORRUPT, "the block log does not begin as one");
    u32 version = load_le32(header + 8);
    if (load_le32(header + 12) != header_crc(header))
        return fail(err, ST_CORRUPT, "the block log's header is damaged");
    if (version > LOG_VERSION)
        return fail(err, ST_INVALID,
                    "the block log has version %u, this program knows up to %u; use a newer one",
                    version, (u32)LOG_VERSION);
    return ST_OK;
}

static void need_draft(struct log_file *log, usize size)
{
    if (size <= log->draft_size)
        return;
    log->draft_size = size + size / 2;
    log->draft = realloc(log->draft, log->draft_size);
    assert(log->draft != NULL);
}

static bool is_zero(bytes data)
{
    u8 any = 0;
    for (usize i = 0; i < data.size; i++)
        any |= data.data[i];
    return any == 0;
}

/* Whether the record at `position` is whole; then *next is where the one after it lies. */
static enum status probe_record(struct log_file *log, u64 position, u64 file_size, bool *whole,
                                u64 *next, struct err *err)
{
    *whole = false;
    if (file_size - position < RECORD_HEADER)
        return ST_OK;
    u8 header[RECORD_HEADER];
    TRY(log->files->read(log->files->self, log->file, position, header, sizeof(header), err));
    usize size = load_le32(header);
    if (size > LOG_MAX_RECORD || record_size(size) > file_size - position ||
        is_zero((bytes){header, sizeof(header)}))
        return ST_OK;
    need_draft(log, RECORD_HEADER + size);
    TRY(log->files->read(log->files->self, log->file, position, log->draft, RECORD_HEADER + size,
                         err));
    *whole = load_le32(header + 8) == record_crc(position, log->draft, size);
    *next = position + record_size(size);
    return ST_OK;
}

enum { PART = 1 << 20 }; /* of a tail that is read at a time */

/* Whether what follows the records is room that was made for others. */
static enum status is_room(struct log_file *log, u64 at, u64 size, bool *room, struct err *err)
{
    *room = true;
    need_draft(log, min_u64(PART, size - at));
    for (; *room && at < size; at += PART) {
        bytes part = {log->draft, min_u64(PART, size - at)};
        TRY(log->files->read(log->files->self, log->file, at, log->draft, part.size, err));
        *room = is_zero(part);
    }
    return ST_OK;
}

/* Copies what lies from `at` on to PATH.cut. */
static enum status keep_tail(struct log_file *log, const char *path, u64 at, u64 size,
                             struct err *err)
{
    char copy_path[4096];
    if (fmt(copy_path, sizeof(copy_path), "%s.cut", path) >= sizeof(copy_path))
        return fail(err, ST_INVALID, "path too long: %s", path);
    const struct files *files = log->files;
    struct file *copy;
    TRY(files->open(files->self, copy_path, FILE_WRITE, &copy, err));
    enum status st = files->truncate(files->self, copy, 0, err);
    need_draft(log, PART);
    for (u64 done = at; st == ST_OK && done < size; done += PART) {
        bytes part = {log->draft, min_u64(PART, size - done)};
        st = files->read(files->self, log->file, done, log->draft, part.size, err);
        if (st == ST_OK)
            st = files->write(files->self, copy, done - at, part, err);
    }
    if (st == ST_OK)
        st = files->sync(files->self, copy, err);
    files->close(files->self, copy);
    return st;
}

static enum status find_end(struct log_file *log, const char *path, u64 known, u64 *cut,
                            struct err *err)
{
    u64 size;
    TRY(log->files->size(log->files->self, log->file, &size, err));
    *cut = 0;
    if (size < FILE_HEADER && known == 0) { /* made, and cut before its header was synced */
        log->end = FILE_HEADER;
        return write_header(log, err);
    }
    if (size < known)
        return fail(err, ST_CORRUPT, "the block log has %lu bytes, the store knows %lu", size,
                    known);
    TRY(check_file_header(log, err));
    u64 at = known == 0 ? FILE_HEADER : known;
    for (bool whole = true; whole;) {
        u64 next = at;
        TRY(probe_record(log, at, size, &whole, &next, err));
        at = whole ? next : at;
    }
    bool room;
    log->end = at;
    log->room = size;
    TRY(is_room(log, at, size, &room, err));
    if (room)
        return ST_OK;
    log->room = at;
    *cut = size - at;
    TRY(keep_tail(log, path, at, size, err));
    TRY(log->files->truncate(log->files->self, log->file, at, err));
    return log->files->sync(log->files->self, log->file, err);
}

enum status log_open(const struct files *files, const char *path, u64 known, struct log_file **out,
                     u64 *cut, struct err *err)
{
    struct log_file *log = calloc(1, sizeof(*log));
    assert(log != NULL);
    log->files = files;
    enum status st = files->open(files->self, path, FILE_WRITE, &log->file, err);
    if (st != ST_OK) {
        free(log);
        return st;
    }
    st = find_end(log, path, known, cut, err);
    if (st != ST_OK) {
        log_close(log);
        return st;
    }
    /* Records that an earlier run appended but did not sync may have come back whole: from now on
     * they count, so they have to stay. */
    st = files->sync(files->self, log->file, err);
    if (st != ST_OK) {
        log_close(log);
        return st;
    }
    log->synced = log->end;
    *out = log;
    return ST_OK;
}

void log_close(struct log_file *log)
{
    if (log == NULL)
        return;
    log->files->close(log->files->self, log->file);
    free(log->draft);
    free(log);
}

enum status log_clear(struct log_file *log, struct err *err)
{
    TRY(log->files->truncate(log->files->self, log->file, FILE_HEADER, err));
    TRY(log->files->sync(log->files->self, log->file, err));
    log->end = log->synced = log->room = FILE_HEADER;
    return ST_OK;
}

void log_make_room(struct log_file *log, usize ahead)
{
    u64 end = log->end, from = max_u64(end, log->room), to = end + ahead;
    if (log->broken || from >= end + ahead / 2)
        return;
    need_draft(log, (usize)(to - from));
    bytes zeros = {log->draft, (usize)(to - from)};
    memset(log->draft, 0, zeros.size);
    if (log->files->write(log->files->self, log->file, from, zeros, NULL) == ST_OK)
        log->room = to;
    else /* a full disk has other use for it */
        (void)!log->files->truncate(log->files->self, log->file, from, NULL);
}

u64 log_start(const struct log_file *log)
{
    (void)log;
    return FILE_HEADER;
}

u64 log_end(const struct log_file *log)
{
    return log->end;
}

u64 log_synced(const struct log_file *log)
{
    return log->synced;
}

enum status log_gather(struct log_file *log, u8 kind, const bytes *parts, usize count,
                       u64 *position, struct err *err)
{
    usize size = 0;
    for (usize i = 0; i < count; i++)
        size += parts[i].size;
    if (size > LOG_MAX_RECORD)
        return fail(err, ST_FULL, "a record of %zu bytes is more than the log takes", size);
    u64 whole = record_size(size);
    need_draft(log, log->gathered + whole);
    u8 *record = log->draft + log->gathered, *at = record;
    memset(at, 0, RECORD_HEADER);
    u32 size32 = (u32)size;
    memcpy(at, &size32, sizeof(size32));
    at[4] = kind;
    at += RECORD_HEADER;
    for (usize i = 0; i < count; i++) {
        bytes_copy(at, parts[i]);
        at += parts[i].size;
    }
    memset(at, 0, (usize)(record + whole - at));
    *position = log->end + log->gathered;
    u32 crc = record_crc(*position, record, size);
    memcpy(record + 8, &crc, sizeof(crc));
    log->gathered += whole;
    return ST_OK;
}

enum status log_append_gathered(struct log_file *log, struct err *err)
{
    bytes records = {log->draft, log->gathered};
    u64 end = log->end;
    log->gathered = 0;
    if (log->broken)
        return fail(err, ST_IO, "the block log takes no more records since a sync failed");
    enum status st = log->files->write(log->files->self, log->file, end, records, err);
    if (st != ST_OK) { /* what did get written must not be taken for a record later */
        log->room = 0;
        if (log->files->truncate(log->files->self, log->file, end, NULL) != ST_OK)
            log->broken = true;
        return st;
    }
    log->end = end + records.size;
    return ST_OK;
}

enum status log_append(struct log_file *log, u8 kind, const bytes *parts, usize count,
                       u64 *position, struct err *err)
{
    assert(log->gathered == 0);
    TRY(log_gather(log, kind, parts, count, position, err));
    return log_append_gathered(log, err);
}

enum status log_sync(struct log_file *log, struct err *err)
{
    if (log->broken)
        return fail(err, ST_IO, "the block log takes no more records since a sync failed");
    if (log->synced == log->end)
        return ST_OK;
    enum status st = log->files->sync(log->files->self, log->file, err);
    if (st != ST_OK) {
        log->broken = true;
        return st;
    }
    log->synced = log->end;
    return ST_OK;
}

/* The record's first bytes, its header in any case, no more than `most`; *size: of its payload. */
static enum status read_start(struct log_file *log, u64 position, u8 *to, usize most, usize *size,
                              struct err *err)
{
    u64 end = log->end;
    if (position >= end)
        return fail(err, ST_MISSING, "the block log ends at %lu", end);
    if (position % ALIGNMENT != 0 || end - position < RECORD_HEADER)
        return fail(err, ST_CORRUPT, "no record of the block log is at %lu", position);
    TRY(log->files->read(log->files->self, log->file, position, to, min_u64(most, end - position),
                         err));
    *size = load_le32(to);
    if (*size > end - position - RECORD_HEADER)
        return fail(err, ST_CORRUPT, "no record of the block log is at %lu", position);
    return ST_OK;
}

enum status log_read(struct log_file *log, u64 position, struct log_record *out,
                     struct arena *arena, struct err *err)
{
    enum { USUAL = 2048 }; /* most records are whole with one read */
    usize size;
    struct arena before = *arena;
    u8 *record = arena_take(arena, USUAL, 8);
    TRY(read_start(log, position, record, USUAL, &size, err));
    if (RECORD_HEADER + size > USUAL) {
        *arena = before;
        record = arena_take(arena, RECORD_HEADER + size, 8);
        TRY(log->files->read(log->files->self, log->file, position, record, RECORD_HEADER + size,
                             err));
    }
    if (load_le32(record + 8) != record_crc(position, record, size))
        return fail(err, ST_CORRUPT, "the block log is damaged at %lu", position);
    *out = (struct log_record){
        .position = position,
        .next = position + record_size(size),
        .kind = record[4],
        .payload = {record + RECORD_HEADER, size},
    };
    return ST_OK;
}

enum status log_read_part(struct log_file *log, u64 position, usize from, usize size, bytes *out,
                          struct arena *arena, struct err *err)
{
    u8 header[RECORD_HEADER];
    usize whole;
    TRY(read_start(log, position, header, sizeof(header), &whole, err));
    if (from > whole)
        return fail(err, ST_MISSING, "the record at %lu has %zu bytes", position, whole);
    size = min_u64(size, whole - from);
    u8 *to = arena_take(arena, size, 1);
    TRY(log->files->read(log->files->self, log->file, position + RECORD_HEADER + from, to, size,
                         err));
    *out = (bytes){to, size};
    return ST_OK;
}

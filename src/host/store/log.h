/* The append-only log: what a chain has promised, in the order in which it did.
 *
 *   file    = header record* zero*
 *   header  = "varvelog" version:u32 crc:u32
 *   record  = size:u32 kind:u8 zero:3 crc:u32 payload zero-padding to 8 bytes
 *
 * Version 2 came with a longer genesis record (chain/record.c).
 * Integers are little-endian. A record's crc covers its position, size, kind and payload, so that
 * neither a torn record nor bytes of an older one can pass for it. A position is the record's
 * offset in the file; it names the record for ever.
 *
 * A power cut may leave any part of what was not synced. Opening keeps the records up to the first
 * one that is not whole and cuts the rest off: all that was synced comes before it. A disk that
 * rots looks the same, so what is cut off is kept beside the log, as PATH.cut. */
#ifndef STORE_LOG_H
#define STORE_LOG_H

#include "sys/files.h"

struct log_file;

enum { LOG_MAX_RECORD = 1 << 30 };

/* Opens `path`, made where absent, and finds the end, reading from `known` on: a position up to
 * which an earlier run has checked the records (0: from the start). `cut` is what was cut off.
 * ST_INVALID: written by a newer version.  ST_CORRUPT: no log, or it ends before `known`. */
enum status log_open(const struct files *files, const char *path, u64 known, struct log_file **out,
                     u64 *cut, struct err *err);
void log_close(struct log_file *log);

/* Drops every record: for a log in which nothing was promised yet. */
enum status log_clear(struct log_file *log, struct err *err);

/* Where the first record lies, and where the next one will. */
u64 log_start(const struct log_file *log);
u64 log_end(const struct log_file *log);
/* Everything before this position survives a power cut. */
u64 log_synced(const struct log_file *log);

/* Appends a record made of parts that need not lie together. ST_FULL: nothing was added. */
enum status log_append(struct log_file *log, u8 kind, const bytes *parts, usize count,
                       u64 *position, struct err *err);
/* The same in two steps, for several records in one write: each is put behind those that wait,
 * where it will be at *position, and log_append_gathered appends all of them, or none. */
enum status log_gather(struct log_file *log, u8 kind, const bytes *parts, usize count,
                       u64 *position, struct err *err);
enum status log_append_gathered(struct log_file *log, struct err *err);
/* Writes zeros behind the records, `ahead` bytes when less than half of that is left, so that a
 * sync need not note a new size with every batch (0.19 ms instead of 0.30 on ext4). Opening takes
 * zeros for room, not for damage. Where there is no space, nothing happens. */
void log_make_room(struct log_file *log, usize ahead);
/* Makes all appended records durable. After a failure nothing is known about what is on the disk:
 * the log takes no more records and says why. */
enum status log_sync(struct log_file *log, struct err *err);

struct log_record {
    u64 position;
    u64 next; /* position of the record that follows */
    u8 kind;
    bytes payload;
};

/* Reads a record, checked, into `arena`. From any thread, for positions below log_end.
 * ST_MISSING: at the end.  ST_CORRUPT: its checksum is wrong. */
enum status log_read(struct log_file *log, u64 position, struct log_record *out,
                     struct arena *arena, struct err *err);

/* Part of a payload, unchecked by the checksum: for a header out of a large block.
 * ST_MISSING: the payload ends before `from`; what is returned may be shorter than `size`. */
enum status log_read_part(struct log_file *log, u64 position, usize from, usize size, bytes *out,
                          struct arena *arena, struct err *err);

#endif

/* Files behind function pointers, so that tests can record, cut, reorder and fail every write and
 * sync of the code above. `files_of_system` is the real thing.
 *
 * Paths are relative to the working directory or absolute, zero-terminated. Offsets and sizes are
 * in bytes. Every failure names the path and the cause in `err`.
 * Statuses: ST_MISSING no such file, ST_FULL no space, ST_AGAIN locked by another process,
 * ST_IO anything else. */
#ifndef SYS_FILES_H
#define SYS_FILES_H

#include "base/arena.h"
#include "base/status.h"

struct file; /* open; made and freed by its `struct files` */

enum file_mode {
    FILE_READ,  /* must exist */
    FILE_WRITE, /* read and write; made where absent */
};

struct files {
    void *self;
    enum status (*open)(void *self, const char *path, enum file_mode mode, struct file **out,
                        struct err *err);
    void (*close)(void *self, struct file *file);
    enum status (*size)(void *self, struct file *file, u64 *out, struct err *err);
    /* Exactly `size` bytes at `offset`. ST_MISSING: the file ends before. */
    enum status (*read)(void *self, struct file *file, u64 offset, void *to, usize size,
                        struct err *err);
    /* All of `from`, extending the file as needed. Not durable before `sync`. */
    enum status (*write)(void *self, struct file *file, u64 offset, bytes from, struct err *err);
    /* When it returns, everything written to the file survives a power cut. */
    enum status (*sync)(void *self, struct file *file, struct err *err);
    enum status (*truncate)(void *self, struct file *file, u64 size, struct err *err);
    /* Takes the file for this process until it is closed. ST_AGAIN: another one has it. */
    enum status (*lock)(void *self, struct file *file, struct err *err);
    /* Replaces `to` at once: after a power cut one or the other is there, whole. */
    enum status (*rename)(void *self, const char *from, const char *to, struct err *err);
    enum status (*remove)(void *self, const char *path, struct err *err);
    /* Makes a folder and its parents; fine if it is there. */
    enum status (*make_folder)(void *self, const char *path, struct err *err);
};

/* The operating system's files. */
const struct files *files_of_system(void);

/* A whole file, in `arena`. ST_FULL: larger than `limit`. */
enum status files_read_whole(const struct files *files, const char *path, u64 limit, bytes *out,
                             struct arena *arena, struct err *err);

/* Writes the file so that after a power cut either the old or the new content is there. */
enum status files_write_whole(const struct files *files, const char *path, bytes content,
                              struct err *err);

#endif

#include "sys/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct file {
    int fd;
    char path[]; /* for sentences */
};

/* The one place where errno becomes a status. */
static enum status failed(struct err *err, const char *what, const char *path)
{
    int cause = errno;
    enum status st = cause == ENOENT                      ? ST_MISSING
                     : cause == ENOSPC || cause == EDQUOT ? ST_FULL
                     : cause == EWOULDBLOCK               ? ST_AGAIN
                                                          : ST_IO;
    char text[128];
    return fail(err, st, "cannot %s %s: %s", what, path, strerror_r(cause, text, sizeof(text)));
}

/* Makes the entry of `path` in its folder durable. */
static enum status sync_folder_of(const char *path, struct err *err)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    usize size = slash == NULL ? 1 : (usize)(slash - path) + 1;
    if (size >= sizeof(folder))
        return fail(err, ST_INVALID, "path too long: %s", path);
    memcpy(folder, slash == NULL ? "." : path, size);
    folder[size] = 0;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return failed(err, "open", folder);
    enum status st = fsync(fd) == 0 ? ST_OK : failed(err, "sync", folder);
    close(fd);
    return st;
}

static enum status file_open(void *self, const char *path, enum file_mode mode, struct file **out,
                             struct err *err)
{
    (void)self;
    int flags = mode == FILE_READ ? O_RDONLY : O_RDWR;
    bool made = false;
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && mode == FILE_WRITE) {
        fd = open(path, flags | O_CREAT | O_CLOEXEC, 0600);
        made = true;
    }
    if (fd < 0)
        return failed(err, "open", path);
    if (made) {
        enum status st = sync_folder_of(path, err);
        if (st != ST_OK) {
            close(fd);
            return st;
        }
    }
    usize size = strlen(path) + 1;
    struct file *file = malloc(sizeof(*file) + size);
    assert(file != NULL);
    file->fd = fd;
    memcpy(file->path, path, size);
    *out = file;
    return ST_OK;
}

static void file_close(void *self, struct file *file)
{
    (void)self;
    close(file->fd);
    free(file);
}

static enum status file_size(void *self, struct file *file, u64 *out, struct err *err)
{
    (void)self;
    struct stat stat;
    if (fstat(file->fd, &stat) != 0)
        return failed(err, "measure", file->path);
    *out = (u64)stat.st_size;
    return ST_OK;
}

static enum status file_read(void *self, struct file *file, u64 offset, void *to, usize size,
                             struct err *err)
{
    (void)self;
    for (usize done = 0; done < size;) {
        ssize_t got = pread(file->fd, (u8 *)to + done, size - done, (off_t)(offset + done));
        if (got == 0)
            return fail(err, ST_MISSING, "%s ends before byte %lu", file->path, offset + size);
        if (got < 0 && errno != EINTR)
            return failed(err, "read", file->path);
        done += got > 0 ? (usize)got : 0;
    }
    return ST_OK;
}

static enum status file_write(void *self, struct file *file, u64 offset, bytes from,
                              struct err *err)
{
    (void)self;
    for (usize done = 0; done < from.size;) {
        ssize_t put = pwrite(file->fd, from.data + done, from.size - done, (off_t)(offset + done));
        if (put < 0 && errno != EINTR)
            return failed(err, "write", file->path);
        done += put > 0 ? (usize)put : 0;
    }
    return ST_OK;
}

static enum status file_sync(void *self, struct file *file, struct err *err)
{
    (void)self;
    return fdatasync(file->fd) == 0 ? ST_OK : failed(err, "sync", file->path);
}

static enum status file_truncate(void *self, struct file *file, u64 size, struct err *err)
{
    (void)self;
    return ftruncate(file->fd, (off_t)size) == 0 ? ST_OK : failed(err, "truncate", file->path);
}

static enum status file_lock(void *self, struct file *file, struct err *err)
{
    (void)self;
    if (flock(file->fd, LOCK_EX | LOCK_NB) == 0)
        return ST_OK;
    if (errno == EWOULDBLOCK)
        return fail(err, ST_AGAIN, "another process holds %s", file->path);
    return failed(err, "lock", file->path);
}

static enum status path_rename(void *self, const char *from, const char *to, struct err *err)
{
    (void)self;
    if (rename(from, to) != 0)
        return failed(err, "rename", from);
    return sync_folder_of(to, err);
}

static enum status path_remove(void *self, const char *path, struct err *err)
{
    (void)self;
    return unlink(path) == 0 ? ST_OK : failed(err, "remove", path);
}

static enum status path_make_folder(void *self, const char *path, struct err *err)
{
    (void)self;
    char part[4096];
    usize size = strlen(path);
    if (size >= sizeof(part))
        return fail(err, ST_INVALID, "path too long: %s", path);
    for (usize i = 1; i <= size; i++) {
        if (i < size && path[i] != '/')
            continue;
        memcpy(part, path, i);
        part[i] = 0;
        if (mkdir(part, 0700) == 0)
            TRY(sync_folder_of(part, err));
        else if (errno != EEXIST)
            return failed(err, "make folder", part);
    }
    return ST_OK;
}

const struct files *files_of_system(void)
{
    static const struct files files = {
        .open = file_open,
        .close = file_close,
        .size = file_size,
        .read = file_read,
        .write = file_write,
        .sync = file_sync,
        .truncate = file_truncate,
        .lock = file_lock,
        .rename = path_rename,
        .remove = path_remove,
        .make_folder = path_make_folder,
    };
    return &files;
}

enum status files_read_whole(const struct files *files, const char *path, u64 limit, bytes *out,
                             struct arena *arena, struct err *err)
{
    struct file *file;
    TRY(files->open(files->self, path, FILE_READ, &file, err));
    u64 size = 0;
    enum status st = files->size(files->self, file, &size, err);
    if (st == ST_OK && size > limit)
        st = fail(err, ST_FULL, "%s has %lu bytes, more than %lu", path, size, limit);
    if (st == ST_OK) {
        u8 *data = arena_take(arena, size, 1);
        st = files->read(files->self, file, 0, data, size, err);
        *out = (bytes){data, size};
    }
    files->close(files->self, file);
    return st;
}

enum status files_write_whole(const struct files *files, const char *path, bytes content,
                              struct err *err)
{
    char draft[4096];
    if ((usize)snprintf(draft, sizeof(draft), "%s.new", path) >= sizeof(draft))
        return fail(err, ST_INVALID, "path too long: %s", path);
    struct file *file;
    TRY(files->open(files->self, draft, FILE_WRITE, &file, err));
    enum status st = files->truncate(files->self, file, 0, err);
    if (st == ST_OK)
        st = files->write(files->self, file, 0, content, err);
    if (st == ST_OK)
        st = files->sync(files->self, file, err);
    files->close(files->self, file);
    if (st == ST_OK)
        st = files->rename(files->self, draft, path, err);
    return st;
}

#include "durability/tape.h"

#include "base/bug.h"
#include "base/fmt.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MAX_FILES = 128, SECTOR = 512 };

enum kind {
    OP_WRITE,
    OP_DURABLE_WRITE, /* through a descriptor with O_DSYNC */
    OP_TRUNCATE,
    OP_SYNC,
    OP_RENAME, /* with the folder's sync that follows it */
};

struct op {
    enum kind kind;
    usize file;
    u64 offset; /* of a write; the new size of a truncation */
    u8 *data;
    usize size;
};

static struct {
    pthread_mutex_t lock;
    bool on;
    char folder[512];
    char names[MAX_FILES][64];     /* now */
    char old_names[MAX_FILES][64]; /* before it was renamed; empty: never was */
    usize file_count;
    struct op *ops;
    usize count, room;
} tape = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* --- Recording. */

/* The tape's number for an open file; MAX_FILES: not one of ours. */
static usize file_of(int fd)
{
    char link[64], path[700];
    struct stat what;
    fmt(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof(path) - 1);
    usize folder = strlen(tape.folder);
    if (size <= (ssize_t)folder || memcmp(path, tape.folder, folder) != 0 || path[folder] != '/')
        return MAX_FILES;
    if (fstat(fd, &what) != 0 || !S_ISREG(what.st_mode))
        return MAX_FILES;
    path[size] = 0;
    const char *name = path + folder + 1;
    if (strstr(name, "-lock") != NULL || strcmp(name, "lock") == 0)
        return MAX_FILES;                     /* locks are made anew */
    for (usize i = tape.file_count; i-- > 0;) /* the newest of that name: others are replaced */
        if (strcmp(tape.names[i], name) == 0)
            return i;
    assert(tape.file_count < MAX_FILES && strlen(name) < sizeof(tape.names[0]));
    strcpy(tape.names[tape.file_count], name);
    return tape.file_count++;
}

static void add_op(struct op op)
{
    if (tape.count == tape.room) {
        tape.room = (tape.room + 64) * 2;
        tape.ops = realloc(tape.ops, tape.room * sizeof(*tape.ops));
        assert(tape.ops != NULL);
    }
    tape.ops[tape.count++] = op;
}

static void record(enum kind kind, int fd, u64 offset, const void *data, usize size)
{
    if (!tape.on)
        return;
    pthread_mutex_lock(&tape.lock);
    usize file = file_of(fd);
    if (file != MAX_FILES) {
        if (kind == OP_WRITE && (fcntl(fd, F_GETFL) & O_DSYNC) != 0)
            kind = OP_DURABLE_WRITE;
        struct op op = {kind, file, offset, malloc(size + 1), size};
        assert(op.data != NULL);
        bytes_copy(op.data, (bytes){data, size});
        add_op(op);
    }
    pthread_mutex_unlock(&tape.lock);
}

/* In the place of libc's, under both names that large files give them. A write is on the tape
 * before it is done, a sync after it: at every moment the tape allows what the disk may hold. */

ssize_t taped_pwrite(int fd, const void *data, usize size, off_t offset) __asm__("pwrite");
ssize_t taped_pwrite64(int fd, const void *data, usize size, off_t offset) __asm__("pwrite64");
ssize_t taped_writev(int fd, const struct iovec *parts, int count) __asm__("writev");
int taped_ftruncate(int fd, off_t size) __asm__("ftruncate");
int taped_ftruncate64(int fd, off_t size) __asm__("ftruncate64");
int taped_fdatasync(int fd) __asm__("fdatasync");
int taped_fsync(int fd) __asm__("fsync");
int taped_msync(void *start, usize size, int flags) __asm__("msync");
int taped_rename(const char *from, const char *to) __asm__("rename");

ssize_t taped_pwrite64(int fd, const void *data, usize size, off_t offset)
{
    record(OP_WRITE, fd, (u64)offset, data, size);
    return syscall(SYS_pwrite64, fd, data, size, offset);
}

ssize_t taped_pwrite(int fd, const void *data, usize size, off_t offset)
{
    return taped_pwrite64(fd, data, size, offset);
}

ssize_t taped_writev(int fd, const struct iovec *parts, int count)
{
    u64 offset = (u64)lseek(fd, 0, SEEK_CUR);
    for (int i = 0; i < count; i++) {
        record(OP_WRITE, fd, offset, parts[i].iov_base, parts[i].iov_len);
        offset += parts[i].iov_len;
    }
    return syscall(SYS_writev, fd, parts, count);
}

int taped_ftruncate64(int fd, off_t size)
{
    record(OP_TRUNCATE, fd, (u64)size, NULL, 0);
    return (int)syscall(SYS_ftruncate, fd, size);
}

int taped_ftruncate(int fd, off_t size)
{
    return taped_ftruncate64(fd, size);
}

int taped_fdatasync(int fd)
{
    int result = (int)syscall(SYS_fdatasync, fd);
    record(OP_SYNC, fd, 0, NULL, 0);
    return result;
}

int taped_fsync(int fd)
{
    int result = (int)syscall(SYS_fsync, fd);
    record(OP_SYNC, fd, 0, NULL, 0);
    return result;
}

int taped_msync(void *start, usize size, int flags)
{
    if (tape.on)
        bug("a memory map is synced: the tape does not see what was written there");
    return (int)syscall(SYS_msync, start, size, flags);
}

/* As the tape names it. */
static const char *name_of(const char *path)
{
    usize folder = strlen(tape.folder);
    const char *slash = strrchr(path, '/');
    if (strncmp(path, tape.folder, folder) == 0 && path[folder] == '/')
        return path + folder + 1;
    return slash == NULL ? path : slash + 1;
}

int taped_rename(const char *from, const char *to)
{
    pthread_mutex_lock(&tape.lock);
    for (usize i = 0; tape.on && i < tape.file_count; i++) {
        if (strcmp(tape.names[i], name_of(from)) != 0)
            continue;
        assert(tape.old_names[i][0] == 0 && strlen(name_of(to)) < sizeof(tape.names[i]));
        strcpy(tape.old_names[i], tape.names[i]);
        strcpy(tape.names[i], name_of(to));
        add_op((struct op){.kind = OP_RENAME, .file = i});
    }
    pthread_mutex_unlock(&tape.lock);
    return (int)syscall(SYS_rename, from, to);
}

void tape_start(const char *folder)
{
    assert(realpath(folder, tape.folder) != NULL);
    tape.on = true;
}

void tape_stop(void)
{
    tape.on = false;
}

usize tape_length(void)
{
    pthread_mutex_lock(&tape.lock);
    usize count = tape.count;
    pthread_mutex_unlock(&tape.lock);
    return count;
}

void tape_describe(usize position, char *to, usize size)
{
    static const char *const kinds[] = {"write", "durable write", "truncate", "sync", "rename"};
    if (position >= tape.count) {
        fmt(to, size, "the end");
        return;
    }
    const struct op *op = &tape.ops[position];
    fmt(to, size, "%s %s %lu+%lu", kinds[op->kind], tape.names[op->file], op->offset, op->size);
}

/* --- Disks after a cut. */

struct image {
    u8 *data;
    usize size, room;
};

static void image_resize(struct image *image, usize size)
{
    if (size > image->room) {
        image->room = size * 2;
        image->data = realloc(image->data, image->room);
        assert(image->data != NULL);
    }
    if (size > image->size) /* a hole reads as zeros */
        memset(image->data + image->size, 0, size - image->size);
    image->size = size;
}

static void image_write(struct image *image, u64 offset, const u8 *data, usize size)
{
    if (offset + size > image->size)
        image_resize(image, offset + size);
    memcpy(image->data + offset, data, size);
}

static u64 next_random(u64 *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* Sectors as the file has them: a write that begins in the middle of one tears there. */
static void apply_torn(struct image *image, const struct op *op, u64 *random)
{
    for (usize done = 0; done < op->size;) {
        usize part = SECTOR - (op->offset + done) % SECTOR;
        part = part < op->size - done ? part : op->size - done;
        if (next_random(random) % 2 == 0)
            image_write(image, op->offset + done, op->data + done, part);
        done += part;
    }
}

static void apply_unsynced(struct image *image, const struct op *op, enum fate fate, u64 *random)
{
    if (fate == FATE_LOST || (fate == FATE_MIXED && next_random(random) % 2 == 0))
        return;
    if (op->kind == OP_TRUNCATE)
        image_resize(image, op->offset);
    else if (fate == FATE_TORN)
        apply_torn(image, op, random);
    else
        image_write(image, op->offset, op->data, op->size);
}

static void make_image(struct image *image, usize file, usize position, enum fate fate, u64 random)
{
    usize synced = 0; /* operations before this are covered by a sync */
    for (usize i = 0; i < position; i++)
        if (tape.ops[i].file == file && tape.ops[i].kind == OP_SYNC)
            synced = i;
    for (usize i = 0; i < position; i++) {
        const struct op *op = &tape.ops[i];
        if (op->file != file || op->kind == OP_SYNC || op->kind == OP_RENAME)
            continue;
        if (i >= synced && op->kind != OP_DURABLE_WRITE)
            apply_unsynced(image, op, fate, &random);
        else if (op->kind == OP_TRUNCATE)
            image_resize(image, op->offset);
        else
            image_write(image, op->offset, op->data, op->size);
    }
}

static const char *name_at(usize file, usize position)
{
    for (usize i = position; i < tape.count; i++)
        if (tape.ops[i].file == file && tape.ops[i].kind == OP_RENAME)
            return tape.old_names[file];
    return tape.names[file];
}

static bool is_there(usize file, usize position)
{
    for (usize i = 0; i < position; i++)
        if (tape.ops[i].file == file)
            return true;
    return false;
}

static void remove_all(const char *folder)
{
    char path[700];
    for (usize file = 0; file < tape.file_count; file++) {
        fmt(path, sizeof(path), "%s/%s", folder, tape.names[file]);
        (void)unlink(path);
        fmt(path, sizeof(path), "%s/%s", folder, tape.old_names[file]);
        if (tape.old_names[file][0] != 0)
            (void)unlink(path);
    }
}

/* Of two with one name the later one has replaced the other. */
void tape_replay(usize position, enum fate fate, u64 seed, const char *folder)
{
    remove_all(folder);
    for (usize file = 0; file < tape.file_count; file++) {
        if (!is_there(file, position))
            continue;
        struct image image = {0};
        make_image(&image, file, position, fate, seed + file);
        char path[700];
        fmt(path, sizeof(path), "%s/%s", folder, name_at(file, position));
        FILE *out = fopen(path, "wb");
        assert(out != NULL);
        assert(fwrite(image.data, 1, image.size, out) == image.size);
        assert(fclose(out) == 0);
        free(image.data);
    }
}

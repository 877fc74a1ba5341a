#include "sys/power.h"

#include "base/fmt.h"
#include "harness/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status no_power(struct err *err)
{
    return fail(err, ST_IO, "no power");
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards whatever is in use */

/* --- Which file. */

static enum status power_open(void *self, const char *path, enum file_mode mode, struct file **out,
                              struct err *err)
{
    struct power *power = self;
    pthread_mutex_lock(&mutex);
    bool has_power = power->left != 0;
    pthread_mutex_unlock(&mutex);
    if (!has_power)
        return no_power(err);
    TRY(power->inner->open(power->inner->self, path, mode, out, err));
    pthread_mutex_lock(&mutex);
    usize i = 0;
    while (i < POWER_FILES && power->open[i].file != NULL)
        i++;
    assert(i < POWER_FILES && strlen(path) < POWER_PATH);
    power->open[i].file = *out;
    strcpy(power->open[i].path, path);
    pthread_mutex_unlock(&mutex);
    return ST_OK;
}

static void power_close(void *self, struct file *file)
{
    struct power *power = self;
    pthread_mutex_lock(&mutex);
    for (usize i = 0; i < POWER_FILES; i++)
        if (power->open[i].file == file)
            power->open[i].file = NULL;
    pthread_mutex_unlock(&mutex);
    power->inner->close(power->inner->self, file);
}

static const char *path_of(const struct power *power, const struct file *file)
{
    for (usize i = 0; i < POWER_FILES; i++)
        if (power->open[i].file == file)
            return power->open[i].path;
    bug("the file is not open");
}

/* POWER_FILES: it is not dirty. */
static usize dirty_of(const struct power *power, const char *path)
{
    usize i = 0;
    while (i < POWER_FILES && strcmp(power->dirty[i].path, path) != 0)
        i++;
    return i;
}

/* It is about to be written to, from there on. */
static void soil(struct power *power, struct file *file, u64 from)
{
    struct err err;
    const char *path = path_of(power, file);
    usize i = dirty_of(power, path);
    if (i == POWER_FILES) {
        i = dirty_of(power, "");
        assert(i < POWER_FILES);
        strcpy(power->dirty[i].path, path);
        CHECK(power->inner->size(power->inner->self, file, &power->dirty[i].synced, &err) == ST_OK);
    }
    power->dirty[i].synced = min_u64(power->dirty[i].synced, from);
}

static void clean(struct power *power, const char *path)
{
    usize i = dirty_of(power, path);
    if (i < POWER_FILES)
        power->dirty[i].path[0] = 0;
}

/* --- What is cut. */

static enum status write_now(struct power *power, struct file *file, u64 offset, bytes from,
                             struct err *err)
{
    if (power->left == 0)
        return no_power(err);
    soil(power, file, offset);
    if (--power->left > 0)
        return power->inner->write(power->inner->self, file, offset, from, err);
    (void)!power->inner->write(power->inner->self, file, offset,
                               bytes_slice(from, 0, from.size / 2), err);
    return no_power(err);
}

static enum status power_write(void *self, struct file *file, u64 offset, bytes from,
                               struct err *err)
{
    pthread_mutex_lock(&mutex);
    enum status st = write_now(self, file, offset, from, err);
    pthread_mutex_unlock(&mutex);
    return st;
}

static enum status sync_now(struct power *power, struct file *file, struct err *err)
{
    if (power->left == 0 || --power->left == 0)
        return no_power(err);
    enum status st = power->inner->sync(power->inner->self, file, err);
    if (st == ST_OK)
        clean(power, path_of(power, file));
    return st;
}

static enum status power_sync(void *self, struct file *file, struct err *err)
{
    pthread_mutex_lock(&mutex);
    enum status st = sync_now(self, file, err);
    pthread_mutex_unlock(&mutex);
    return st;
}

static enum status truncate_now(struct power *power, struct file *file, u64 size, struct err *err)
{
    if (power->left == 0 || --power->left == 0)
        return no_power(err);
    soil(power, file, size);
    return power->inner->truncate(power->inner->self, file, size, err);
}

static enum status power_truncate(void *self, struct file *file, u64 size, struct err *err)
{
    pthread_mutex_lock(&mutex);
    enum status st = truncate_now(self, file, size, err);
    pthread_mutex_unlock(&mutex);
    return st;
}

/* A file's content is no safer under another name. */
static enum status rename_now(struct power *power, const char *from, const char *to,
                              struct err *err)
{
    if (power->left == 0 || --power->left == 0)
        return no_power(err);
    assert(strlen(to) < POWER_PATH);
    clean(power, to);
    usize dirty = dirty_of(power, from);
    if (dirty < POWER_FILES)
        strcpy(power->dirty[dirty].path, to);
    for (usize i = 0; i < POWER_FILES; i++) {
        if (strcmp(power->open[i].path, to) == 0)
            strcpy(power->open[i].path, "gone");
        if (strcmp(power->open[i].path, from) == 0)
            strcpy(power->open[i].path, to);
    }
    return power->inner->rename(power->inner->self, from, to, err);
}

static enum status power_rename(void *self, const char *from, const char *to, struct err *err)
{
    pthread_mutex_lock(&mutex);
    enum status st = rename_now(self, from, to, err);
    pthread_mutex_unlock(&mutex);
    return st;
}

static enum status power_remove(void *self, const char *path, struct err *err)
{
    struct power *power = self;
    pthread_mutex_lock(&mutex);
    bool has_power = power->left != 0;
    if (has_power)
        clean(power, path);
    pthread_mutex_unlock(&mutex);
    return has_power ? power->inner->remove(power->inner->self, path, err) : no_power(err);
}

void power_init(struct power *power)
{
    *power = (struct power){.inner = files_of_system(), .left = UINT32_MAX};
    power->files = *power->inner; /* whose other functions do not look at self */
    power->files.self = power;
    power->files.open = power_open;
    power->files.close = power_close;
    power->files.write = power_write;
    power->files.sync = power_sync;
    power->files.truncate = power_truncate;
    power->files.rename = power_rename;
    power->files.remove = power_remove;
}

static void tear(const char *path, u64 synced, unsigned seed)
{
    enum { SECTOR = 512 };
    static const u8 zeros[SECTOR];
    struct stat info;
    int fd = open(path, O_RDWR);
    CHECK(fd >= 0 && fstat(fd, &info) == 0);
    for (u64 at = synced, end; at < (u64)info.st_size; at = end, seed = seed * 5 + 3) {
        end = min_u64((at / SECTOR + 1) * SECTOR, (u64)info.st_size);
        if (seed % 4 < 2)
            CHECK(pwrite(fd, zeros, end - at, (off_t)at) == (ssize_t)(end - at));
    }
    close(fd);
}

void power_return(struct power *power, enum power_fate fate, unsigned seed)
{
    for (usize i = 0; i < POWER_FILES; i++) {
        const char *path = power->dirty[i].path;
        if (path[0] != 0 && fate == POWER_LOST)
            CHECK(truncate(path, (off_t)power->dirty[i].synced) == 0);
        if (path[0] != 0 && fate == POWER_TORN)
            tear(path, power->dirty[i].synced, seed);
        power->dirty[i].path[0] = 0;
    }
    power->left = UINT32_MAX;
}

TEST(power_that_goes_leaves_what_was_synced)
{
    struct power power;
    char path[300];
    struct file *file;
    struct err err;
    fmt(path, sizeof(path), "%s/file", test_folder());
    for (unsigned i = 0; i < 3 * POWER_FATES; i++) {
        enum power_fate fate = (enum power_fate)(i % POWER_FATES);
        power_init(&power);
        const struct files *files = &power.files;
        CHECK(files->open(files->self, path, FILE_WRITE, &file, &err) == ST_OK);
        CHECK(files->truncate(files->self, file, 0, &err) == ST_OK);
        CHECK(files->write(files->self, file, 0, BYTES_LIT("synced"), &err) == ST_OK);
        CHECK(files->sync(files->self, file, &err) == ST_OK);
        power.left = 1 + i / POWER_FATES;
        bool written = files->write(files->self, file, 6, BYTES_LIT("not"), &err) == ST_OK;
        bool kept = files->sync(files->self, file, &err) == ST_OK;
        CHECK_ROW(i, written == (i >= POWER_FATES) && kept == (i >= 2 * POWER_FATES));
        files->close(files->self, file);
        power_return(&power, fate, i);
        bytes got = test_read_file(path);
        CHECK_ROW(i, bytes_equal(bytes_slice(got, 0, 6), BYTES_LIT("synced")));
        CHECK_ROW(i, fate != POWER_LOST || got.size == (kept ? 9 : 6));
        CHECK_ROW(i, !kept || bytes_equal(got, BYTES_LIT("syncednot")));
    }
}

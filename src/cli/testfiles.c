#include "cli/testfiles.h"

#include "sys/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

static bool ends_in(const char *text, const char *suffix)
{
    usize size = strlen(text), want = strlen(suffix);
    return size >= want && strcmp(text + size - want, suffix) == 0;
}

static void add(struct test_files *files, char *name, bytes content)
{
    if (files->count == files->room) {
        files->room = files->room * 2 + 256;
        files->at = realloc(files->at, files->room * sizeof(*files->at));
        assert(files->at != NULL);
    }
    files->at[files->count++] = (struct test_file){name, content};
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct test_file *)a)->name, ((const struct test_file *)b)->name);
}

/* --- Folders. nftw has no argument for its caller's data. */

static struct test_files *walking;

static int walk_file(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info;
    (void)at;
    if (type == FTW_F && ends_in(path, ".json"))
        add(walking, strdup(path), BYTES_EMPTY);
    return 0;
}

/* --- Archives. A tar is 512-byte blocks: a header, then the member's content, padded.
 * Source: POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar's type 'L' holds a long name. */

struct tar_header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100];
    char magic[8], user[32], group[32], major[8], minor[8], prefix[155], pad[12];
};
static_assert(sizeof(struct tar_header) == 512, "one block");

static bool read_octal(const char *digits, usize count, u64 *out)
{
    *out = 0;
    usize i = 0;
    while (i < count && digits[i] >= '0' && digits[i] <= '7')
        *out = *out << 3 | (u64)(digits[i++] - '0');
    return i > 0;
}

static char *member_name(const char *archive, bytes long_name, const struct tar_header *header)
{
    char *name = NULL;
    int size;
    if (long_name.size > 0)
        size = asprintf(&name, "%s:%.*s", archive,
                        (int)strnlen((const char *)long_name.data, long_name.size),
                        (const char *)long_name.data);
    else
        size = asprintf(&name, "%s:%.155s%s%.100s", archive, header->prefix,
                        header->prefix[0] != 0 ? "/" : "", header->name);
    assert(size >= 0);
    return name;
}

static enum status add_members(struct test_files *files, const char *path, bytes tar,
                               struct err *err)
{
    bytes long_name = BYTES_EMPTY;
    for (usize at = 0; at + sizeof(struct tar_header) <= tar.size;) {
        const struct tar_header *header = (const void *)(tar.data + at);
        if (header->name[0] == 0)
            return ST_OK; /* the end: blocks of zeros */
        u64 size;
        if (!read_octal(header->size, sizeof(header->size), &size) || size > tar.size)
            return fail(err, ST_INVALID, "%s: damaged archive at byte %zu", path, at);
        bytes content = bytes_slice(tar, at + sizeof(*header), size);
        at += sizeof(*header) + (size + 511) / 512 * 512;
        if (header->type == 'L') {
            long_name = content;
            continue;
        }
        char *name = member_name(path, long_name, header);
        long_name = BYTES_EMPTY;
        if ((header->type == '0' || header->type == 0) && ends_in(name, ".json"))
            add(files, name, content);
        else
            free(name);
    }
    return ST_OK;
}

static enum status inflate(const char *path, FILE *file, bytes *out, struct err *err)
{
    static const usize MOST = (usize)16 << 30;
    struct pages pages;
    TRY(pages_reserve(MOST, &pages, err));
    ZSTD_DStream *stream = ZSTD_createDStream();
    assert(stream != NULL);
    u8 packed[1 << 16];
    ZSTD_outBuffer to = {pages.start, pages.size, 0};
    usize left = 1;
    while (!ZSTD_isError(left)) {
        ZSTD_inBuffer from = {packed, fread(packed, 1, sizeof(packed), file), 0};
        if (from.size == 0)
            break;
        while (from.pos < from.size && to.pos < to.size && !ZSTD_isError(left))
            left = ZSTD_decompressStream(stream, &to, &from);
        if (to.pos == to.size)
            break;
    }
    ZSTD_freeDStream(stream);
    if (ZSTD_isError(left) || left != 0)
        return fail(err, ST_INVALID, "%s: not a whole zstd file below 16 GiB", path);
    *out = (bytes){pages.start, to.pos};
    return ST_OK;
}

static enum status add_archive(struct test_files *files, const char *path, struct err *err)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return fail(err, ST_IO, "%s: %s", path, strerror(errno));
    bytes tar;
    enum status st = inflate(path, file, &tar, err);
    fclose(file);
    return st == ST_OK ? add_members(files, path, tar, err) : st;
}

enum status test_files_add(struct test_files *files, const char *path, struct err *err)
{
    struct stat info;
    usize before = files->count;
    if (stat(path, &info) != 0)
        return fail(err, ST_IO, "%s: %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode)) {
        walking = files;
        if (nftw(path, walk_file, 32, FTW_PHYS) != 0)
            return fail(err, ST_IO, "%s: %s", path, strerror(errno));
    } else if (ends_in(path, ".tar.zst")) {
        TRY(add_archive(files, path, err));
    } else {
        add(files, strdup(path), BYTES_EMPTY);
    }
    if (files->count == before)
        return fail(err, ST_INVALID, "%s: no .json files there", path);
    qsort(files->at + before, files->count - before, sizeof(*files->at), by_name);
    return ST_OK;
}

void test_files_sample(struct test_files *files, usize every)
{
    usize kept = 0;
    for (usize i = 0; i < files->count; i++) {
        if (i % every == 0)
            files->at[kept++] = files->at[i];
        else
            free(files->at[i].name);
    }
    files->count = kept;
}

void test_files_free(struct test_files *files)
{
    for (usize i = 0; i < files->count; i++)
        free(files->at[i].name);
    free(files->at);
    *files = (struct test_files){.count = 0};
}

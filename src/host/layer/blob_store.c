#include "layer/blob_store.h"

#include "base/fmt.h"
#include "base/hex.h"
#include "client/beacon.h"
#include "crypto/keccak.h"

#include <stdlib.h>

enum { FOLDER_ROOM = 4200, PATH_ROOM = FOLDER_ROOM + 80, CHECK_SIZE = sizeof(hash32) };

struct blob_store {
    const struct files *files;
    char folder[FOLDER_ROOM];
    struct beacon *beacon; /* NULL: nobody */
};

enum status blob_store_new(const struct blob_store_options *options, struct blob_store **out,
                           struct err *err)
{
    struct blob_store *store = calloc(1, sizeof(*store));
    assert(store != NULL);
    store->files = options->files;
    fmt(store->folder, sizeof(store->folder), "%s/blobs", options->folder);
    bool has_beacon = options->beacon_url[0] != 0, has_archive = options->archive_url[0] != 0;
    struct beacon_options beacon = {.beacon_url = has_beacon ? options->beacon_url : NULL,
                                    .archive_url = has_archive ? options->archive_url : NULL,
                                    .cancel = options->cancel};
    enum status st = ST_OK;
    if (has_beacon || has_archive)
        st = beacon_new(&beacon, &store->beacon, err);
    if (st == ST_OK)
        *out = store;
    else
        blob_store_free(store);
    return st;
}

void blob_store_free(struct blob_store *store)
{
    if (store == NULL)
        return;
    beacon_free(store->beacon);
    free(store);
}

bool blob_store_has_source(const struct blob_store *store)
{
    return store->beacon != NULL;
}

/* --- Files. */

/* The folder ends after `folder_size` bytes of `path`. */
static usize put_path(const struct blob_store *store, hash32 hash, char path[static PATH_ROOM])
{
    char text[2 * sizeof(hash32) + 1] = {0}, second[3] = {0};
    hex_write(text, BYTES_OF(hash));
    hex_write(second, (bytes){hash.b + 1, 1}); /* the first one is EIP-4844's version in all */
    usize folder_size = fmt(path, PATH_ROOM, "%s/%s", store->folder, second);
    fmt(path + folder_size, PATH_ROOM - folder_size, "/0x%s", text);
    return folder_size;
}

static bytes without_end_zeros(const struct blob *blob)
{
    usize size = sizeof(blob->b);
    while (size > 0 && blob->b[size - 1] == 0)
        size--;
    return (bytes){blob->b, size};
}

enum status blob_store_get(const struct blob_store *store, hash32 hash, struct blob *out,
                           struct err *err)
{
    enum { FILE_LIMIT = sizeof(struct blob) + CHECK_SIZE };
    char path[PATH_ROOM];
    bytes file;
    put_path(store, hash, path);
    u8 *memory = malloc(2 * (usize)FILE_LIMIT);
    if (memory == NULL)
        return fail(err, ST_FULL, "no memory for a blob");
    struct arena arena = arena_over(memory, 2 * (usize)FILE_LIMIT);
    enum status st = files_read_whole(store->files, path, FILE_LIMIT, &file, &arena, err);
    if (st == ST_OK) {
        usize size = file.size < CHECK_SIZE ? 0 : file.size - CHECK_SIZE;
        hash32 check = keccak256(bytes_slice(file, 0, size));
        if (file.size < CHECK_SIZE || memcmp(file.data + size, check.b, CHECK_SIZE) != 0)
            st = fail(err, ST_CORRUPT, "%s is damaged: without it, it is fetched again", path);
        else
            memcpy(out->b, file.data, size);
        memset(out->b + size, 0, sizeof(out->b) - size);
    }
    free(memory);
    return st;
}

enum status blob_store_keep(const struct blob_store *store, hash32 hash, const struct blob *blob,
                            struct err *err)
{
    char path[PATH_ROOM];
    bytes content = without_end_zeros(blob);
    usize folder_size = put_path(store, hash, path);
    u8 *file = malloc(content.size + CHECK_SIZE);
    if (file == NULL)
        return fail(err, ST_FULL, "no memory for a blob");
    hash32 check = keccak256(content);
    bytes_copy(file, content);
    memcpy(file + content.size, check.b, CHECK_SIZE);
    path[folder_size] = 0;
    enum status st = store->files->make_folder(store->files->self, path, err);
    path[folder_size] = '/';
    if (st == ST_OK)
        st = files_write_whole(store->files, path, (bytes){file, content.size + CHECK_SIZE}, err);
    free(file);
    return st;
}

/* --- The network. */

enum status blob_store_fetch(struct blob_store *store, u64 parent_time, const hash32 *hashes,
                             usize count, struct arena tmp, struct err *err)
{
    struct blob *blobs = ARENA_TAKE(&tmp, struct blob, count);
    hash32 *missing = ARENA_TAKE(&tmp, hash32, count);
    struct err ignored;
    usize left = 0;
    for (usize i = 0; i < count; i++)
        if (blob_store_get(store, hashes[i], &blobs[left], &ignored) != ST_OK)
            missing[left++] = hashes[i];
    if (left == 0)
        return ST_OK;
    if (store->beacon == NULL)
        return fail(err, ST_MISSING,
                    "its data are in blobs: --parent-beacon or --blob-archive says who has them");
    TRY(beacon_read(store->beacon, parent_time, missing, left, blobs, err));
    for (usize i = 0; i < left; i++)
        TRY(blob_store_keep(store, missing[i], &blobs[i], err));
    return ST_OK;
}

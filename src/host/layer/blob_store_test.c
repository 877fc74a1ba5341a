#include "layer/blob_store.h"

#include "base/fmt.h"
#include "harness/test.h"

static struct blob_store *store_in(const char *folder)
{
    struct blob_store_options options = {
        .files = files_of_system(), .folder = folder, .beacon_url = "", .archive_url = ""};
    struct blob_store *store = NULL;
    struct err err;
    CHECK(blob_store_new(&options, &store, &err) == ST_OK);
    CHECK(!blob_store_has_source(store));
    return store;
}

static struct blob *blob_with(usize size, u8 fill)
{
    struct blob *blob = ARENA_NEW(test_arena(), struct blob, 1);
    memset(blob->b, 0, sizeof(blob->b));
    memset(blob->b, fill, size);
    return blob;
}

TEST(blobs_come_back_whole_whatever_they_end_with)
{
    struct blob_store *store = store_in(test_folder());
    struct blob *out = ARENA_NEW(test_arena(), struct blob, 1);
    struct err err;
    const usize sizes[] = {0, 1, 31, 100000, sizeof(out->b)};
    for (usize i = 0; i < countof(sizes); i++) {
        hash32 hash = {{1, (u8)i, 7}};
        const struct blob *blob = blob_with(sizes[i], (u8)(i + 1));
        CHECK_ROW(i, blob_store_get(store, hash, out, &err) == ST_MISSING);
        CHECK_ROW(i, blob_store_keep(store, hash, blob, &err) == ST_OK);
        CHECK_ROW(i, blob_store_keep(store, hash, blob, &err) == ST_OK);
        CHECK_ROW(i, blob_store_get(store, hash, out, &err) == ST_OK);
        CHECK_ROW(i, memcmp(out, blob, sizeof(*out)) == 0);
        CHECK_ROW(i, blob_store_fetch(store, 0, &hash, 1, *test_arena(), &err) == ST_OK);
    }
    blob_store_free(store);
}

TEST(a_damaged_blob_is_not_taken_and_a_missing_one_says_how_to_get_it)
{
    const char *folder = test_folder();
    struct blob_store *store = store_in(folder);
    struct blob *out = ARENA_NEW(test_arena(), struct blob, 1);
    struct err err;
    char path[4300];
    hash32 hash = {{1, 0xab}};
    CHECK(blob_store_keep(store, hash, blob_with(1000, 9), &err) == ST_OK);
    fmt(path, sizeof(path), "%s/blobs/ab/0x01ab%060d", folder, 0);
    bytes file = test_read_file(path);
    CHECK(file.size == 1032);
    for (usize size = 0; size < file.size; size += 43) { /* cut, and with a byte changed */
        u8 *bad = ARENA_TAKE(test_arena(), u8, file.size);
        memcpy(bad, file.data, file.size);
        CHECK(files_write_whole(files_of_system(), path, (bytes){bad, size}, &err) == ST_OK);
        CHECK_ROW(size, blob_store_get(store, hash, out, &err) == ST_CORRUPT);
        bad[size] ^= 1;
        CHECK(files_write_whole(files_of_system(), path, (bytes){bad, file.size}, &err) == ST_OK);
        CHECK_ROW(size, blob_store_get(store, hash, out, &err) == ST_CORRUPT);
    }
    CHECK(blob_store_fetch(store, 0, &hash, 1, *test_arena(), &err) == ST_MISSING);
    CHECK(strstr(err.text, "--parent-beacon") != NULL);
    blob_store_free(store);
}

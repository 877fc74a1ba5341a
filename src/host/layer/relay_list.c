#include "layer/relay_list.h"

#include "crypto/keccak.h"

#include <stdlib.h>

static const char MAGIC[] = "varverelayer1"; /* without its final zero in the file */

enum {
    MAGIC_SIZE = sizeof(MAGIC) - 1,
    AT_GENESIS = MAGIC_SIZE,
    AT_NUMBER = AT_GENESIS + 32,
    AT_HASH = AT_NUMBER + 8,
    AT_COUNT = AT_HASH + 32,
    AT_ROWS = AT_COUNT + 4,
    ROW_SIZE = 32 + 8 + 1 + 1 + 2,
    CHECK_SIZE = 32,
    /* The rows of one block may come on top of the limit. */
    FILE_LIMIT = AT_ROWS + 2 * RELAY_MOST_ROWS * ROW_SIZE + CHECK_SIZE,
};

void relay_list_init(struct relay_list *list, hash32 genesis_hash)
{
    *list = (struct relay_list){
        .genesis_hash = genesis_hash, .kept = {0, genesis_hash}, .seen = {0, genesis_hash}};
}

void relay_list_free(struct relay_list *list)
{
    free(list->rows);
    list->rows = NULL;
}

static struct relay_row *push(struct relay_list *list)
{
    enum { LEAST_ROOM = 16 };
    if (list->count == list->room) {
        list->room = list->room == 0 ? LEAST_ROOM : 2 * list->room;
        list->rows = reallocarray(list->rows, list->room, sizeof(*list->rows));
        assert(list->rows != NULL);
    }
    struct relay_row *row = &list->rows[list->count++];
    *row = (struct relay_row){.stage = RELAY_PROVE};
    return row;
}

void relay_list_add(struct relay_list *list, hash32 hash, u64 block)
{
    struct relay_row *row = push(list);
    row->hash = hash;
    row->block = block;
    list->changed = true;
}

void relay_list_drop(struct relay_list *list, usize index)
{
    assert(index < list->count);
    list->rows[index] = list->rows[--list->count];
    list->changed = true;
}

void relay_list_go_back(struct relay_list *list)
{
    for (usize i = list->count; i-- > 0;)
        if (list->rows[i].block > list->kept.number)
            relay_list_drop(list, i);
    list->seen = list->kept;
}

void relay_row_enter(struct relay_row *row, enum relay_stage stage)
{
    if (row->stage == stage)
        return;
    row->stage = stage;
    row->failures = 0;
    row->refusals = 0;
}

/* --- The file. */

static u8 *put_row(u8 *at, const struct relay_row *row)
{
    memcpy(at, row->hash.b, 32);
    store_be64(at + 32, row->block);
    at[40] = (u8)row->stage;
    at[41] = row->failures;
    at[42] = (u8)(row->refusals >> 8);
    at[43] = (u8)row->refusals;
    return at + ROW_SIZE;
}

enum status relay_list_write(struct relay_list *list, const struct files *files, const char *path,
                             struct arena tmp, struct err *err)
{
    u8 *file = ARENA_TAKE(&tmp, u8, AT_ROWS + list->count * ROW_SIZE + CHECK_SIZE);
    u8 *at = file + AT_ROWS;
    u32 count = 0;
    memcpy(file, MAGIC, MAGIC_SIZE);
    memcpy(file + AT_GENESIS, list->genesis_hash.b, 32);
    store_be64(file + AT_NUMBER, list->kept.number);
    memcpy(file + AT_HASH, list->kept.hash.b, 32);
    for (usize i = 0; i < list->count; i++) {
        if (list->rows[i].block > list->kept.number)
            continue;
        at = put_row(at, &list->rows[i]);
        count++;
    }
    store_be32(file + AT_COUNT, count);
    hash32 check = keccak256((bytes){file, (usize)(at - file)});
    memcpy(at, check.b, CHECK_SIZE);
    TRY(files_write_whole(files, path, (bytes){file, (usize)(at - file) + CHECK_SIZE}, err));
    list->changed = false;
    return ST_OK;
}

static bool take_row(struct relay_list *list, const u8 *at)
{
    struct relay_row row = {.block = load_be64(at + 32),
                            .stage = (enum relay_stage)at[40],
                            .failures = at[41],
                            .refusals = (u16)(at[42] << 8 | at[43])};
    memcpy(row.hash.b, at, 32);
    if (row.block > list->kept.number || at[40] >= RELAY_STAGES)
        return false;
    *push(list) = row;
    return true;
}

static bool take_file(struct relay_list *list, bytes file)
{
    if (file.size < AT_ROWS + CHECK_SIZE || memcmp(file.data, MAGIC, MAGIC_SIZE) != 0)
        return false;
    usize body = file.size - CHECK_SIZE, count = load_be32(file.data + AT_COUNT);
    hash32 check = keccak256(bytes_slice(file, 0, body));
    if (memcmp(file.data + body, check.b, CHECK_SIZE) != 0 || body != AT_ROWS + count * ROW_SIZE ||
        memcmp(file.data + AT_GENESIS, list->genesis_hash.b, 32) != 0)
        return false;
    list->kept.number = load_be64(file.data + AT_NUMBER);
    memcpy(list->kept.hash.b, file.data + AT_HASH, 32);
    list->seen = list->kept;
    for (usize i = 0; i < count; i++)
        if (!take_row(list, file.data + AT_ROWS + i * ROW_SIZE))
            return false;
    return true;
}

enum status relay_list_read(struct relay_list *list, const struct files *files, const char *path,
                            struct arena tmp, struct err *err)
{
    bytes file;
    hash32 genesis_hash = list->genesis_hash;
    TRY(files_read_whole(files, path, FILE_LIMIT, &file, &tmp, err));
    if (take_file(list, file))
        return ST_OK;
    relay_list_free(list);
    relay_list_init(list, genesis_hash);
    return fail(err, ST_CORRUPT, "%s is damaged, or of another chain", path);
}

#include "layer/checkpoint.h"

#include "crypto/keccak.h"

static const char MAGIC[] = "varvederived1"; /* without its final zero in the file */

enum {
    MAGIC_SIZE = sizeof(MAGIC) - 1,
    AT_GENESIS = MAGIC_SIZE,
    AT_STATE = AT_GENESIS + 32,
    AT_BLOCK = AT_STATE + DERIVE_STATE_SIZE,
    AT_HASH = AT_BLOCK + 8,
    AT_CHECK = AT_HASH + 32,
    FILE_SIZE = AT_CHECK + 32,
};

enum status checkpoint_write(const struct files *files, const char *path,
                             const struct checkpoint *checkpoint, struct err *err)
{
    u8 file[FILE_SIZE];
    memcpy(file, MAGIC, MAGIC_SIZE);
    memcpy(file + AT_GENESIS, checkpoint->genesis_hash.b, 32);
    derive_state_encode(&checkpoint->state, file + AT_STATE);
    store_be64(file + AT_BLOCK, checkpoint->parent_block);
    memcpy(file + AT_HASH, checkpoint->parent_hash.b, 32);
    hash32 check = keccak256((bytes){file, AT_CHECK});
    memcpy(file + AT_CHECK, check.b, 32);
    return files_write_whole(files, path, BYTES_OF(file), err);
}

enum status checkpoint_read(const struct files *files, const char *path, struct checkpoint *out,
                            struct err *err)
{
    u8 memory[2 * FILE_SIZE];
    struct arena tmp = arena_over(memory, sizeof(memory));
    bytes file;
    TRY(files_read_whole(files, path, FILE_SIZE, &file, &tmp, err));
    if (file.size != FILE_SIZE || memcmp(file.data, MAGIC, MAGIC_SIZE) != 0)
        return fail(err, ST_CORRUPT, "%s is not what this program writes", path);
    hash32 check = keccak256(bytes_slice(file, 0, AT_CHECK));
    if (memcmp(file.data + AT_CHECK, check.b, 32) != 0)
        return fail(err, ST_CORRUPT, "%s is damaged", path);
    memcpy(out->genesis_hash.b, file.data + AT_GENESIS, 32);
    out->parent_block = load_be64(file.data + AT_BLOCK);
    memcpy(out->parent_hash.b, file.data + AT_HASH, 32);
    return derive_state_decode(bytes_slice(file, AT_STATE, DERIVE_STATE_SIZE), &out->state);
}

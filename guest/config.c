#include "base/rlp.h"
#include "guest.h"

/* The config's numbers, in the order of the encoding. */
#define AT(field) offsetof(struct chain_config, field)
#define FORK(fork) AT(fork_block) + (fork) * sizeof(u64)
static const usize numbers[] = {
    AT(chain_id),           FORK(FRONTIER),
    FORK(HOMESTEAD),        FORK(TANGERINE),
    FORK(SPURIOUS),         FORK(BYZANTIUM),
    FORK(CONSTANTINOPLE),   FORK(PETERSBURG),
    FORK(ISTANBUL),         FORK(BERLIN),
    FORK(LONDON),           AT(dao_block),
    AT(muir_glacier_block), AT(arrow_glacier_block),
    AT(gray_glacier_block), AT(merge_block),
    AT(shanghai_time),      AT(cancun_time),
    AT(prague_time),        AT(osaka_time),
};
static_assert(PARIS == LONDON + 1, "the rows above name each fork before it");

enum { BLOB_NUMBERS = 4 }; /* of each row of the blob schedule */

static u64 *number_at(struct chain_config *config, usize index)
{
    return (u64 *)(void *)((u8 *)config + numbers[index]);
}

static u8 *put_u64s(u8 *to, const u64 *values, usize count)
{
    usize payload = 0;
    for (usize i = 0; i < count; i++)
        payload += rlp_size_u64(values[i]);
    to = rlp_put_list(to, payload);
    for (usize i = 0; i < count; i++)
        to = rlp_put_u64(to, values[i]);
    return to;
}

/* Reads a list of up to `most` numbers. */
static enum status read_u64s(bytes *in, u64 *values, usize most, usize *count)
{
    bytes list;
    TRY(rlp_read_list(in, &list));
    for (*count = 0; list.size > 0; (*count)++) {
        if (*count == most)
            return ST_INVALID;
        TRY(rlp_read_u64(&list, &values[*count]));
    }
    return ST_OK;
}

bytes config_encode(const struct chain_config *config, struct arena *arena)
{
    struct chain_config copy = *config;
    u64 values[countof(numbers)], blobs[BLOB_NUMBERS * MAX_BLOB_SCHEDULE];
    for (usize i = 0; i < countof(numbers); i++)
        values[i] = *number_at(&copy, i);
    for (usize i = 0; i < config->blob_count; i++) {
        const struct blob_schedule_entry *entry = &config->blobs[i];
        const u64 row[BLOB_NUMBERS] = {entry->time, entry->params.target, entry->params.max,
                                       entry->params.update_fraction};
        memcpy(&blobs[BLOB_NUMBERS * i], row, sizeof(row));
    }
    u8 payload[1024], *to = payload; /* each number takes 9 bytes at most */
    to = put_u64s(to, values, countof(values));
    to = put_u64s(to, blobs, BLOB_NUMBERS * config->blob_count);
    to = rlp_put_u64(to, config->dao_support);
    to = rlp_put_u64(to, config->has_terminal_difficulty);
    to = rlp_put_u256(to, config->terminal_total_difficulty);
    to = rlp_put_address(to, config->deposit_contract);
    to = rlp_put_u64(to, config->child.on);
    to = rlp_put_u64(to, config->child.footprint_gas);
    usize size = (usize)(to - payload);
    u8 *start = ARENA_TAKE(arena, u8, rlp_size_list(size));
    bytes_copy(rlp_put_list(start, size), (bytes){payload, size});
    return (bytes){start, rlp_size_list(size)};
}

static enum status read_flag(bytes *in, bool *out)
{
    u64 value;
    TRY(rlp_read_u64(in, &value));
    *out = value == 1;
    return value <= 1 ? ST_OK : ST_INVALID;
}

enum status config_decode(bytes in, struct chain_config *out)
{
    u64 values[countof(numbers)], blobs[BLOB_NUMBERS * MAX_BLOB_SCHEDULE];
    usize count, blob_numbers;
    bytes fields;
    *out = (struct chain_config){0};
    TRY(rlp_read_list(&in, &fields));
    TRY(rlp_read_end(in));
    TRY(read_u64s(&fields, values, countof(values), &count));
    TRY(read_u64s(&fields, blobs, countof(blobs), &blob_numbers));
    if (count != countof(values) || blob_numbers % BLOB_NUMBERS != 0)
        return ST_INVALID;
    for (usize i = 0; i < count; i++)
        *number_at(out, i) = values[i];
    out->blob_count = blob_numbers / BLOB_NUMBERS;
    for (usize i = 0; i < out->blob_count; i++) {
        const u64 *row = &blobs[BLOB_NUMBERS * i];
        out->blobs[i] = (struct blob_schedule_entry){row[0], {row[1], row[2], row[3]}};
    }
    TRY(read_flag(&fields, &out->dao_support));
    TRY(read_flag(&fields, &out->has_terminal_difficulty));
    TRY(rlp_read_u256(&fields, &out->terminal_total_difficulty));
    TRY(rlp_read_address(&fields, &out->deposit_contract));
    TRY(read_flag(&fields, &out->child.on));
    TRY(rlp_read_u64(&fields, &out->child.footprint_gas));
    return rlp_read_end(fields);
}

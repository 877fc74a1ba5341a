#include "cli/networks.h"

#include "base/hex.h"
#include "base/json_read.h"

#include <stddef.h>

/* Forks in the order in which they come. `offset`: where chain_config keeps when it starts;
 * NOWHERE: the merge, and forks of blob parameters alone. */
enum { NOWHERE = -1 };

static const struct network_fork {
    const char *name;
    i64 offset;
    struct blob_params blobs; /* none: unchanged */
} forks[] = {
#define BLOCK(fork) offsetof(struct chain_config, fork_block[fork])
    {"Frontier", BLOCK(FRONTIER), {0}},
    {"Homestead", BLOCK(HOMESTEAD), {0}},
    {"Dao", offsetof(struct chain_config, dao_block), {0}},
    {"EIP150", BLOCK(TANGERINE), {0}},
    {"EIP158", BLOCK(SPURIOUS), {0}},
    {"Byzantium", BLOCK(BYZANTIUM), {0}},
    {"Constantinople", BLOCK(CONSTANTINOPLE), {0}},
    {"ConstantinopleFix", BLOCK(PETERSBURG), {0}},
    {"Istanbul", BLOCK(ISTANBUL), {0}},
    {"MuirGlacier", offsetof(struct chain_config, muir_glacier_block), {0}},
    {"Berlin", BLOCK(BERLIN), {0}},
    {"London", BLOCK(LONDON), {0}},
    {"ArrowGlacier", offsetof(struct chain_config, arrow_glacier_block), {0}},
    {"GrayGlacier", offsetof(struct chain_config, gray_glacier_block), {0}},
    {"Paris", NOWHERE, {0}},
    {"Shanghai", offsetof(struct chain_config, shanghai_time), {0}},
    {"Cancun", offsetof(struct chain_config, cancun_time), {3, 6, 3338477}},
    {"Prague", offsetof(struct chain_config, prague_time), {6, 9, 5007716}},
    {"Osaka", offsetof(struct chain_config, osaka_time), {6, 9, 5007716}},
    {"BPO1", NOWHERE, {10, 15, 8346193}},
    {"BPO2", NOWHERE, {14, 21, 11684671}},
    {"BPO3", NOWHERE, {21, 32, 20609697}},
    {"BPO4", NOWHERE, {14, 21, 13739630}},
#undef BLOCK
};

enum { NO_FORK = -1, DAO = 2, PARIS_ROW = 14 };

static i64 fork_row(bytes name)
{
    for (usize i = 0; i < countof(forks); i++)
        if (bytes_equal(name, (bytes){(const u8 *)forks[i].name, strlen(forks[i].name)}))
            return (i64)i;
    return NO_FORK;
}

static enum status blob_params_of(const struct network_fork *fork, json config,
                                  struct blob_params *out, struct err *err)
{
    json row = json_get(json_get(config, "blobSchedule"), fork->name);
    *out = fork->blobs;
    if (json_is(row, JSON_ABSENT))
        return ST_OK;
    if (json_read_number_u64(json_get(row, "target"), &out->target) != ST_OK ||
        json_read_number_u64(json_get(row, "max"), &out->max) != ST_OK ||
        json_read_number_u64(json_get(row, "baseFeeUpdateFraction"), &out->update_fraction) !=
            ST_OK)
        return fail(err, ST_INVALID, "bad blobSchedule for %s", fork->name);
    return ST_OK;
}

/* Lets a fork begin at `when`: a block number or a time, as is its kind. */
static enum status schedule(struct chain_config *config, usize row, u64 when, json given,
                            struct err *err)
{
    const struct network_fork *fork = &forks[row];
    if (fork->offset != NOWHERE)
        memcpy((u8 *)config + fork->offset, &when, sizeof(when));
    if (row == PARIS_ROW) {
        config->has_terminal_difficulty = true;
        config->merge_block = 0;
    }
    if (fork->blobs.max == 0)
        return ST_OK;
    struct blob_schedule_entry *entry = &config->blobs[config->blob_count++];
    entry->time = when;
    return blob_params_of(fork, given, &entry->params, err);
}

static void nothing_scheduled(struct chain_config *config)
{
    *config = (struct chain_config){
        .chain_id = 1,
        .dao_support = true,
        .merge_block = FORK_NEVER,
        .deposit_contract = {{0x00, 0x00, 0x00, 0x00, 0x21, 0x9a, 0xb5, 0x40, 0x35, 0x6c,
                              0xbb, 0x83, 0x9c, 0xbe, 0x05, 0x30, 0x3d, 0x77, 0x05, 0xfa}},
    };
    u64 never = FORK_NEVER;
    for (usize i = 0; i < countof(forks); i++)
        if (forks[i].offset != NOWHERE)
            memcpy((u8 *)config + forks[i].offset, &never, sizeof(never));
}

/* All forks up to `last` from the start. The DAO's is only on networks that name it. */
static enum status up_to(bytes last, json given, struct chain_config *out, struct err *err)
{
    i64 row = fork_row(last);
    if (row == NO_FORK)
        return fail(err, ST_MISSING, "unknown network");
    nothing_scheduled(out);
    for (usize i = 0; i <= (usize)row; i++)
        if (i != DAO)
            TRY(schedule(out, i, 0, given, err));
    return ST_OK;
}

/* "5", "Time15k", "DiffC0000" (hexadecimal). */
static enum status transition(bytes to, bytes when, json given, struct chain_config *out,
                              struct err *err)
{
    i64 row = fork_row(to);
    u256 number;
    bytes difficulty = bytes_slice(when, 4, when.size);
    if (row == NO_FORK)
        return fail(err, ST_MISSING, "unknown network");
    if (row == PARIS_ROW) {
        u8 digits[34] = "0x";
        bytes_copy(digits + 2, bytes_slice(difficulty, 0, 32));
        if (hex_read_number((bytes){digits, 2 + difficulty.size}, &number) != ST_OK)
            return fail(err, ST_MISSING, "unknown network");
        out->has_terminal_difficulty = true;
        out->terminal_total_difficulty = number;
        return ST_OK;
    }
    if (bytes_equal(when, BYTES_LIT("Time15k")))
        return schedule(out, (usize)row, 15000, given, err);
    if (hex_read_number(when, &number) != ST_OK)
        return fail(err, ST_MISSING, "unknown network");
    return schedule(out, (usize)row, number.w[0], given, err);
}

/* Where `what` stands in `text`; its size where it does not. */
static usize find(bytes text, bytes what)
{
    for (usize i = 0; i + what.size <= text.size; i++)
        if (bytes_equal(bytes_slice(text, i, what.size), what))
            return i;
    return text.size;
}

enum status network_config(bytes name, json config, struct chain_config *out, struct err *err)
{
    usize to = find(name, BYTES_LIT("To")), at = find(name, BYTES_LIT("At"));
    TRY(up_to(bytes_slice(name, 0, to), config, out, err));
    json chain_id = json_get(config, "chainid");
    if (!json_is(chain_id, JSON_ABSENT) && json_read_number_u64(chain_id, &out->chain_id) != ST_OK)
        return fail(err, ST_INVALID, "bad chainid");
    if (to == name.size)
        return ST_OK;
    bytes next = at > to ? bytes_slice(name, to + 2, at - to - 2) : BYTES_EMPTY;
    return transition(next, bytes_slice(name, at + 2, name.size), config, out, err);
}

enum status network_rules(bytes name, json config, u64 number, u64 timestamp, struct rules *out,
                          struct err *err)
{
    struct chain_config chain;
    TRY(network_config(name, config, &chain, err));
    *out = chain_rules(&chain, number, timestamp, chain.merge_block == 0);
    return ST_OK;
}

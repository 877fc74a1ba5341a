#include "chain/record.h"

#include "base/fmt.h"
#include "harness/test.h"

static struct log_file *new_log(void)
{
    char path[600];
    struct log_file *log = NULL;
    struct err err = {""};
    u64 cut;
    fmt(path, sizeof(path), "%s/blocks", test_folder());
    if (log_open(files_of_system(), path, 0, &log, &cut, &err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", err.text);
    return log;
}

static const struct genesis sample = {
    .config = {.chain_id = 901,
               .osaka_time = FORK_NEVER,
               .deposit_contract = {{7}},
               .child = {.on = true, .footprint_gas = 9}},
    .header = {.fields = HEADER_PRAGUE, .gas_limit = 60000000},
};

TEST(record_of_a_genesis_reads_back_as_appended)
{
    struct log_file *log = new_log();
    struct genesis again;
    struct err err;
    u64 position;
    CHECK(record_append_genesis(log, &sample, *test_arena(), &position, &err) == ST_OK);
    CHECK(record_read_genesis(log, &again, test_arena(), &err) == ST_OK);
    CHECK(memcmp(&again.config, &sample.config, sizeof(again.config)) == 0);
    CHECK(again.header.gas_limit == 60000000);
    log_close(log);
}

/* What version 1 of the log held: a schedule that ends before `child`. */
TEST(record_of_a_genesis_from_before_child_chains_is_read)
{
    struct log_file *log = new_log();
    struct genesis again;
    struct err err;
    u64 position;
    bytes header = header_encode(&sample.header, test_arena());
    bytes alloc = diff_pack(&sample.alloc, test_arena());
    u32 sizes[2] = {offsetof(struct chain_config, child), (u32)header.size};
    bytes parts[] = {BYTES_OF(sizes), {(const u8 *)&sample.config, sizes[0]}, header, alloc};
    CHECK(log_append(log, RECORD_GENESIS, parts, countof(parts), &position, &err) == ST_OK);
    CHECK(record_read_genesis(log, &again, test_arena(), &err) == ST_OK);
    CHECK(again.config.chain_id == 901 && again.config.deposit_contract.b[0] == 7);
    CHECK(again.config.osaka_time == FORK_NEVER && !again.config.child.on);
    log_close(log);
}

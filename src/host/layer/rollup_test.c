#include "layer/rollup.h"

#include "harness/test.h"

static struct rollup sample(void)
{
    return (struct rollup){.format = ROLLUP_FORMAT,
                           .parent_chain_id = 900,
                           .parent_block = 7,
                           .parent_block_hash = {{1, 2, 3}},
                           .inbox = {{4}},
                           .erc1155_bridge = {{0xff}},
                           .chain_id = 901,
                           .gas_limit = 60000000,
                           .bond_wei = u256_from_u64(UINT64_MAX)};
}

static bytes written(const struct rollup *rollup)
{
    struct json_out out = json_out_over(ARENA_TAKE(test_arena(), u8, ROLLUP_SIZE), ROLLUP_SIZE);
    rollup_write(rollup, &out);
    CHECK(!out.failed);
    return (bytes){out.data, out.size};
}

TEST(rollup_json_reads_back_as_it_was_written)
{
    struct rollup first = sample(), second;
    struct err err = {{0}};
    bytes text = written(&first);
    CHECK(rollup_read(text, &second, &err) == ST_OK);
    CHECK(bytes_equal(text, written(&second)));
    CHECK(address_equal(second.erc1155_bridge, first.erc1155_bridge));
    CHECK(u256_equal(second.bond_wei, first.bond_wei));
}

/* The text with the first `from` in it replaced. */
static bytes replaced(bytes text, const char *from, const char *to)
{
    usize at = 0, size = strlen(from);
    while (at + size <= text.size && memcmp(text.data + at, from, size) != 0)
        at++;
    CHECK(at + size <= text.size);
    u8 *out = ARENA_TAKE(test_arena(), u8, text.size + strlen(to));
    memcpy(out, text.data, at);
    memcpy(out + at, to, strlen(to));
    memcpy(out + at + strlen(to), text.data + at + size, text.size - at - size);
    return (bytes){out, text.size - size + strlen(to)};
}

TEST(rollup_json_is_refused_with_the_field_that_is_wrong)
{
    static const struct {
        const char *from, *to, *why;
    } rows[] = {
        {"{\"format\":1", "[\"format\":1", "no JSON object"},
        {"\"format\":1", "\"format\":2", "use a newer varve"},
        {"\"inbox\":\"0x04", "\"inbox\":\"0x0", "parent.inbox"},
        {"\"gasLimit\"", "\"gaslimit\"", "child.gasLimit"},
        {"\"bondWei\":\"1", "\"bondWei\":\"-1", "windows.bondWei"},
        {"\"chainId\":901", "\"chainId\":\"901\"", "child.chainId"},
    };
    struct rollup first = sample();
    for (usize i = 0; i < countof(rows); i++) {
        struct rollup ignored;
        struct err err = {{0}};
        CHECK_ROW(i, rollup_read(replaced(written(&first), rows[i].from, rows[i].to), &ignored,
                                 &err) == ST_INVALID);
        CHECK_ROW(i, strstr(err.text, rows[i].why) != NULL);
    }
}

#include "chain/genesis.h"

#include "base/fmt.h"
#include "base/json_read.h"
#include "base/rlp.h"
#include "harness/test.h"
#include "types/block.h"

static enum status parse(const char *text, struct genesis *out, struct err *err)
{
    return genesis_parse((bytes){(const u8 *)text, strlen(text)}, out, test_arena(), err);
}

#define ALLOC_AND_REST "\"difficulty\":\"0x1\",\"gasLimit\":\"0x5208\",\"alloc\":{}}"

TEST(genesis_of_the_compatibility_chain_has_its_hash)
{
    const char *folder = test_fixture_folder("rpc_compat");
    if (folder == NULL)
        return;
    char path[4096];
    fmt(path, sizeof(path), "%s/genesis.json", folder);
    struct genesis genesis;
    struct err err;
    if (genesis_parse(test_read_file(path), &genesis, test_arena(), &err) != ST_OK) {
        test_fail(__FILE__, __LINE__, "%s", err.text);
        return;
    }
    /* The first block of chain.rlp names its parent. */
    fmt(path, sizeof(path), "%s/chain.rlp", folder);
    bytes chain = test_read_file(path), block, header;
    CHECK(rlp_read_list(&chain, &block) == ST_OK && rlp_read_list(&block, &header) == ST_OK);
    hash32 parent;
    CHECK(rlp_read_hash(&header, &parent) == ST_OK);
    CHECK(hash32_equal(parent, header_hash(&genesis.header, *test_arena())));
    CHECK(genesis.config.blob_count == 5 && genesis.config.blobs[4].params.max == 21);
    CHECK(genesis.config.fork_block[BERLIN] == 24 && genesis.config.dao_block == FORK_NEVER);
}

TEST(genesis_forks_that_are_absent_never_come)
{
    struct genesis genesis;
    struct err err;
    CHECK(parse("{\"config\":{\"chainId\":7,\"terminalTotalDifficulty\":0}," ALLOC_AND_REST,
                &genesis, &err) == ST_OK);
    CHECK(genesis.config.chain_id == 7 && genesis.config.fork_block[FRONTIER] == 0);
    CHECK(genesis.config.fork_block[HOMESTEAD] == FORK_NEVER);
    CHECK(genesis.config.cancun_time == FORK_NEVER && genesis.config.merge_block == 0);
    CHECK(hash32_equal(genesis.header.state_root, EMPTY_TRIE_ROOT));
    CHECK(genesis.header.fields == HEADER_FRONTIER);
}

TEST(genesis_refuses_with_a_sentence)
{
    static const struct {
        const char *text, *sentence;
    } rows[] = {
        {"", "JSON: expected a value at byte 0"},
        {"[]", "genesis: not a JSON object"},
        {"{}", "genesis: no object \"config\""},
        {"{\"config\":{}}", "genesis: config has no \"chainId\""},
        {"{\"config\":{\"chainId\":-1}}", "genesis: bad number \"chainId\""},
        {"{\"config\":{\"chainId\":1,\"amsterdamTime\":9}}",
         "genesis: this program does not know the fork \"amsterdamTime\""},
        {"{\"config\":{\"chainId\":1,\"eip150Block\":0}}",
         "genesis: eip150Block is before the fork that it follows"},
        {"{\"config\":{\"chainId\":1,\"shanghaiTime\":0,\"cancunTime\":0}}",
         "genesis: blobSchedule lacks sound parameters for cancun"},
        {"{\"config\":{\"chainId\":1,\"varve\":{\"child\":1}}}",
         "genesis: child is neither true nor false"},
        {"{\"config\":{\"chainId\":1,\"varve\":{\"child\":true,\"bridge\":1}}}",
         "genesis: this program does not know \"bridge\" of \"varve\""},
        {"{\"config\":{\"chainId\":1,\"varve\":{\"child\":true}},\"difficulty\":1,\"gasLimit\":1,"
         "\"alloc\":{}}",
         "genesis: a child chain begins with Prague, under proof of stake"},
        {"{\"config\":{\"chainId\":1}}", "genesis: no \"gasLimit\""},
        {"{\"config\":{\"chainId\":1},\"difficulty\":1,\"gasLimit\":1}",
         "genesis: no object of accounts"},
        {"{\"config\":{\"chainId\":1},\"difficulty\":1,\"gasLimit\":1,\"alloc\":{\"12\":{}}}",
         "genesis: account \"12\": bad address"},
        {"{\"config\":{\"chainId\":1},\"difficulty\":1,\"gasLimit\":1,\"alloc\":"
         "{\"0x0000000000000000000000000000000000000001\":{\"balance\":\"x\"}}}",
         "genesis: account \"0x0000000000000000000000000000000000000001\": bad balance"},
        {"{\"config\":{\"chainId\":1},\"difficulty\":1,\"gasLimit\":1,\"alloc\":"
         "{\"0x0000000000000000000000000000000000000001\":{},"
         "\"0000000000000000000000000000000000000001\":{}}}",
         "genesis: an account is there twice"},
    };
    for (usize i = 0; i < countof(rows); i++) {
        struct genesis genesis;
        struct err err = {""};
        CHECK_ROW(i, parse(rows[i].text, &genesis, &err) == ST_INVALID);
        if (strcmp(err.text, rows[i].sentence) != 0)
            test_fail(__FILE__, __LINE__, "row %zu says \"%s\"", i, err.text);
    }
}

/* ethereum/tests, GenesisTests: a genesis file without "config", and the block that it makes. */
TEST(genesis_official_files_make_the_published_blocks)
{
    char path[4096];
    usize made = 0;
    json all, name, test;
    struct err err;
    const char *folder = test_fixture_folder("small");
    if (folder == NULL)
        return;
    fmt(path, sizeof(path), "%s/GenesisTests/basic_genesis_tests.json", folder);
    if (json_check(test_read_file(path), 16, &all, &err) != ST_OK) {
        test_fail(__FILE__, __LINE__, "%s: %s", path, err.text);
        return;
    }
    for (struct json_walk at = json_begin(all); json_next(&at, &name, &test);) {
        struct genesis genesis;
        static const char config[] = "{\"config\":{\"chainId\":1},";
        bytes want = BYTES_EMPTY, rest = bytes_slice(test.text, 1, test.text.size);
        u8 *text = ARENA_TAKE(test_arena(), u8, sizeof(config) + rest.size);
        memcpy(text, config, sizeof(config) - 1);
        bytes_copy(text + sizeof(config) - 1, rest);
        if (genesis_parse((bytes){text, sizeof(config) - 1 + rest.size}, &genesis, test_arena(),
                          &err) != ST_OK) {
            /* One spells zero as "0x", which geth refuses, too. */
            CHECK(strcmp(err.text, "genesis: bad number \"timestamp\"") == 0);
            continue;
        }
        made++;
        struct block block = {.header = genesis.header};
        CHECK(json_read_hex(json_get(test, "result"), &want, test_arena()) == ST_OK);
        CHECK(bytes_equal(want, block_encode(&block, test_arena())));
    }
    CHECK(made == 2);
}

TEST(genesis_of_mainnet_has_its_published_hash)
{
    char path[4096];
    json all;
    bytes rlp = BYTES_EMPTY;
    hash32 hash, root;
    struct block block;
    const char *folder = test_fixture_folder("small");
    if (folder == NULL)
        return;
    fmt(path, sizeof(path), "%s/BasicTests/genesishashestest.json", folder);
    CHECK(json_check(test_read_file(path), 16, &all, NULL) == ST_OK);
    CHECK(json_read_hex(json_get(all, "genesis_rlp_hex"), &rlp, test_arena()) == ST_OK);
    CHECK(json_read_word(json_get(all, "genesis_hash"), &hash) == ST_OK);
    CHECK(json_read_word(json_get(all, "genesis_state_root"), &root) == ST_OK);
    CHECK(block_decode(rlp, &block, test_arena(), NULL) == ST_OK);
    CHECK(hash32_equal(block.hash, hash) && hash32_equal(block.header.state_root, root));
}

#include "chain/genesis.h"

#include "base/fmt.h"
#include "base/rlp.h"
#include "harness/test.h"

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

#include "store/table.h"

#include "harness/test.h"

TEST(store_packs_accounts_and_reads_them_back)
{
    const struct account rows[] = {
        account_new(),
        {1, u256_from_u64(1), EMPTY_TRIE_ROOT, EMPTY_CODE_HASH},
        {UINT64_MAX, U256_MAX, {{1}}, {{2}}},
        {0, {{0, 0, 0, 1}}, {{3}}, EMPTY_CODE_HASH},
        {256, U256_ZERO, EMPTY_TRIE_ROOT, {{4}}},
    };
    for (usize i = 0; i < countof(rows); i++) {
        u8 packed[ACCOUNT_PACKED_MAX];
        struct account got;
        usize size = account_pack(&rows[i], packed);
        CHECK_ROW(i, account_unpack((bytes){packed, size}, &got) == ST_OK);
        CHECK_ROW(i, memcmp(&got, &rows[i], sizeof(got)) == 0);
        CHECK_ROW(i, account_unpack((bytes){packed, size - 1}, &got) == ST_CORRUPT);
    }
}

TEST(store_refuses_damaged_accounts)
{
    static const char *const bad[] = {"", "00", "0021", "0f00", "000000", "4000ff", "0902"};
    struct account got;
    for (usize i = 0; i < countof(bad); i++)
        CHECK_ROW(i, account_unpack(hex(bad[i]), &got) == ST_CORRUPT);
}

TEST(store_keys_of_different_paths_differ)
{
    struct trie_path a = {.nibbles = {1}, .length = 1}, b = {.nibbles = {1, 0}, .length = 2};
    enum table table;
    struct table_key ka = node_key(&a, &table), kb = node_key(&b, &table);
    CHECK(table == TABLE_NODE);
    CHECK(!bytes_equal(table_key_bytes(&ka), table_key_bytes(&kb)));
    a.owner.b[31] = 1;
    ka = node_key(&a, &table);
    CHECK(table == TABLE_SLOT_NODE && ka.size == 34);
}

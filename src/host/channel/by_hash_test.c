#include "channel/by_hash.h"

#include "harness/test.h"

/* As somebody chooses them. */
static hash32 key_of(u64 i)
{
    hash32 key = {{0}};
    store_be64(key.b, i % 5);
    store_be64(key.b + 8, i);
    return key;
}

TEST(what_is_dropped_is_gone_and_the_rest_is_found)
{
    enum { COUNT = 500 }; /* at times half of the room, so that many are not where they belong */
    struct by_hash table = {0};
    bool there[COUNT] = {false};
    u8 things[COUNT];
    u64 chance = 1;
    for (usize round = 0; round < 3000; round++) {
        chance = chance * 6364136223846793005u + 1442695040888963407u;
        u64 i = chance >> 33;
        i %= COUNT;
        if ((chance >> 60) % 2 == 0)
            by_hash_put(&table, key_of(i), &things[i]);
        else
            by_hash_drop(&table, key_of(i));
        there[i] = (chance >> 60) % 2 == 0;
        usize count = 0;
        for (u64 j = 0; j < COUNT; j++) {
            CHECK_ROW(j, by_hash_get(&table, key_of(j)) == (there[j] ? &things[j] : NULL));
            count += there[j];
        }
        CHECK(table.count == count);
    }
    by_hash_free(&table);
}

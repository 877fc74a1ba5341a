#include "crypto/keccak.h"
#include "harness/test.h"
#include "trie/trie.h"

static bytes text(const char *chars)
{
    return (bytes){(const u8 *)chars, strlen(chars)};
}

static bool is_root(hash32 root, const char *want)
{
    return bytes_equal(BYTES_OF(root), hex(want));
}

/* From ethereum/tests, TrieTests/trieanyorder.json. */
static const struct {
    const char *pairs[9];
    const char *root;
} whole_maps[] = {
    {{"A", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
     "d23786fb4a010da3ce639d66d5e904a11dbc02746d1ce25029e53290cabf28ab"},
    {{"doe", "reindeer", "dog", "puppy", "dogglesworth", "cat"},
     "8aad789dff2f538bca5d8ea56e8abe10f4c7ba3a5dea95fea4cd6e7c3a1168d3"},
    {{"do", "verb", "horse", "stallion", "doge", "coin", "dog", "puppy"},
     "5991bb8c6514148a29db676a14ac506cd2cd5775ace63c30a4fe457715e9ac84"},
    {{"foo", "bar", "food", "bass"},
     "17beaa1648bafa633cda809c90c04af50fc8aed3cb40d16efbddee6fdf63c4c3"},
};

TEST(trie_root_depends_on_the_map_and_not_on_its_order)
{
    for (usize row = 0; row < countof(whole_maps); row++) {
        struct trie_entry entries[4];
        usize count = 0;
        while (whole_maps[row].pairs[2 * count] != NULL) {
            entries[count] = (struct trie_entry){text(whole_maps[row].pairs[2 * count]),
                                                 text(whole_maps[row].pairs[2 * count + 1])};
            count++;
        }
        for (usize turn = 0; turn < count; turn++) {
            CHECK_ROW(row, is_root(trie_root(entries, count, *test_arena()), whole_maps[row].root));
            struct trie_entry first = entries[0];
            memmove(entries, entries + 1, (count - 1) * sizeof(*entries));
            entries[count - 1] = first;
        }
    }
}

TEST(trie_root_of_nothing_is_the_empty_root)
{
    u8 nothing = 0x80;
    CHECK(hash32_equal(trie_root(NULL, 0, *test_arena()), EMPTY_TRIE_ROOT));
    CHECK(hash32_equal(keccak256(BYTES_OF(nothing)), EMPTY_TRIE_ROOT));
}

/* Above 127 the key grows to two bytes, and index 0 sorts between 127 and 128. */
TEST(trie_list_root_equals_the_map_from_encoded_index_to_value)
{
    enum { COUNT = 300 };
    static u8 values[COUNT][40];
    bytes list[COUNT];
    struct trie_entry entries[COUNT];
    for (usize i = 0; i < COUNT; i++) {
        memset(values[i], (int)i, sizeof(values[i]));
        list[i] = (bytes){values[i], 1 + i % 40};
        u8 *key = ARENA_TAKE(test_arena(), u8, 3);
        bytes spelled = i == 0    ? hex("80")
                        : i < 128 ? (bytes){key, 1}
                                  : (bytes){key, i < 256 ? 2 : 3};
        key[0] = i < 128 ? (u8)i : i < 256 ? 0x81 : 0x82;
        key[1] = i < 256 ? (u8)i : (u8)(i >> 8);
        key[2] = (u8)i;
        entries[COUNT - 1 - i] = (struct trie_entry){spelled, list[i]};
    }
    CHECK(hash32_equal(trie_list_root(list, COUNT, *test_arena()),
                       trie_root(entries, COUNT, *test_arena())));
}

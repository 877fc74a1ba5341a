/* ethereum/tests, TrieTests: maps and the roots that they must have. */
#include "base/fmt.h"
#include "base/json.h"
#include "crypto/keccak.h"
#include "harness/test.h"
#include "trie/apply.h"
#include "trie/testing.h"

enum { MAX_ENTRIES = 128 };

struct map {
    struct trie_entry entries[MAX_ENTRIES];
    usize count;
};

/* "0x…" is hexadecimal, anything else is itself. */
static bytes spelled(json value)
{
    bytes text = json_text(value, test_arena()), out = text;
    if (text.size >= 2 && text.data[0] == '0' && text.data[1] == 'x')
        CHECK(hex_read(text, &out, test_arena()) == ST_OK);
    return out;
}

static void set(struct map *map, bytes key, bytes value)
{
    usize at = 0;
    while (at < map->count && !bytes_equal(map->entries[at].key, key))
        at++;
    assert(at < MAX_ENTRIES);
    if (value.size > 0) {
        map->entries[at] = (struct trie_entry){key, value};
        map->count += at == map->count;
    } else if (at < map->count) {
        map->entries[at] = map->entries[--map->count];
    }
}

/* One more step of a secure trie's history, as an update. */
static hash32 step(struct node_store *store, hash32 root, bytes key, bytes value)
{
    struct place_list places, none, strays;
    place_list_init(&places);
    place_list_init(&none);
    place_list_init(&strays);
    struct node_source src = node_store_source(store);
    struct job job = {.src = &src, .places = &places, .strays = &strays, .arena = test_arena()};
    struct update one = {.value = value};
    memcpy(one.key.b, key.data, sizeof(one.key.b));
    CHECK(update_trie(&job, root, &one, 1, &root) == ST_OK);
    struct trie_changes changes = {0};
    places_collect(&places, &none, &strays, &changes, test_arena());
    CHECK(node_store_apply(store, &changes));
    return root;
}

static usize roots_judged;

static void judge(json name, json test, bool secure)
{
    struct map map = {.count = 0};
    struct node_store store = {0};
    hash32 root = EMPTY_TRIE_ROOT;
    json key, item, in = json_get(test, "in");
    for (struct json_walk at = json_begin(in); json_next(&at, &key, &item);) {
        bool pair = json_is(item, JSON_ARRAY);
        bytes name_of = spelled(pair ? json_at(item, 0) : key);
        bytes value = spelled(pair ? json_at(item, 1) : item);
        if (secure) {
            hash32 hash = keccak256(name_of);
            name_of = arena_copy(test_arena(), BYTES_OF(hash));
            root = step(&store, root, name_of, value);
        }
        set(&map, name_of, value);
    }
    hash32 whole = trie_root(map.entries, map.count, *test_arena());
    bytes want = spelled(json_get(test, "root"));
    if (!bytes_equal(BYTES_OF(whole), want) || (secure && !hash32_equal(root, whole)))
        test_fail(__FILE__, __LINE__, "%.*s", (int)name.text.size, (const char *)name.text.data);
    roots_judged++;
    node_store_free(&store);
}

static void judge_file(const char *path)
{
    if (strstr(path, "nextprev") != NULL)
        return; /* about walking a database in order, not about tries */
    bool secure = strstr(path, "ecure") != NULL;
    json all, name, test;
    CHECK(json_check(test_read_file(path), 32, &all, NULL) == ST_OK);
    for (struct json_walk at = json_begin(all); json_next(&at, &name, &test);)
        judge(name, test, secure);
}

TEST(official_trie_tests)
{
    const char *folder = test_fixture_folder("small");
    if (folder == NULL)
        return;
    char path[4096];
    roots_judged = 0;
    fmt(path, sizeof(path), "%s/TrieTests", folder);
    test_each_file(path, ".json", judge_file);
    CHECK(roots_judged >= 25);
}

#include "stf/difficulty.h"

#include "base/fmt.h"
#include "base/json.h"
#include "harness/test.h"

/* Each network of the fixtures, as a chain that has always had all of its forks. */
static const struct network {
    const char *name;
    enum fork fork;
    bool muir, arrow, gray;
} networks[] = {
    {"Frontier", FRONTIER, false, false, false},
    {"Homestead", HOMESTEAD, false, false, false},
    {"Byzantium", BYZANTIUM, false, false, false},
    {"Constantinople", PETERSBURG, false, false, false},
    {"Berlin", BERLIN, true, false, false},
    {"London", LONDON, true, false, false},
    {"ArrowGlacier", LONDON, true, true, false},
    {"GrayGlacier", LONDON, true, true, true},
};

static struct chain_config config_of(const struct network *network)
{
    struct chain_config config = {.muir_glacier_block = network->muir ? 0 : FORK_NEVER,
                                  .arrow_glacier_block = network->arrow ? 0 : FORK_NEVER,
                                  .gray_glacier_block = network->gray ? 0 : FORK_NEVER};
    for (usize i = 0; i < PARIS; i++)
        config.fork_block[i] = i <= network->fork ? 0 : FORK_NEVER;
    return config;
}

static u256 number_at(json test, const char *key)
{
    u256 value = U256_ZERO;
    bytes text = json_text(json_get(test, key), test_arena());
    if (hex_read_number(text, &value) != ST_OK)
        test_fail(__FILE__, __LINE__, "no number %s", key);
    return value;
}

static void judge(const struct chain_config *config, const char *network, json name, json test)
{
    struct header parent = {.difficulty = number_at(test, "parentDifficulty"),
                            .timestamp = number_at(test, "parentTimestamp").w[0]};
    bool ommers = !u256_is_zero(number_at(test, "parentUncles"));
    u256 got = ethash_difficulty(config, number_at(test, "currentBlockNumber").w[0],
                                 number_at(test, "currentTimestamp").w[0], &parent, ommers);
    if (!u256_equal(got, number_at(test, "currentDifficulty")))
        test_fail(__FILE__, __LINE__, "%s: %.*s", network, (int)name.text.size,
                  (const char *)name.text.data);
}

static usize judged;

static void judge_network(json name, json tests)
{
    json key, test;
    for (usize i = 0; i < countof(networks); i++) {
        if (!json_says(name, networks[i].name))
            continue;
        struct chain_config config = config_of(&networks[i]);
        for (struct json_walk at = json_begin(tests); json_next(&at, &key, &test); judged++) {
            struct arena saved = *test_arena();
            judge(&config, networks[i].name, key, test);
            *test_arena() = saved;
        }
        return;
    }
    if (!json_says(name, "_info"))
        test_fail(__FILE__, __LINE__, "unknown network %.*s", (int)name.text.size,
                  (const char *)name.text.data);
}

static void judge_file(const char *path)
{
    json all, key, file, name, tests;
    struct err err;
    if (json_check(test_read_file(path), 16, &all, &err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s: %s", path, err.text);
    else
        for (struct json_walk at = json_begin(all); json_next(&at, &key, &file);)
            for (struct json_walk in = json_begin(file); json_next(&in, &name, &tests);)
                judge_network(name, tests);
}

TEST(difficulty_of_every_fork_is_as_the_official_tests_say)
{
    const char *folder = test_fixture_folder("small");
    if (folder == NULL)
        return;
    char path[4096];
    fmt(path, sizeof(path), "%s/DifficultyTests", folder);
    judged = 0;
    test_each_file(path, ".json", judge_file);
    CHECK(judged > 10000);
}

#include "stf/difficulty.h"

#include "base/fmt.h"
#include "base/json_read.h"
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

/* ethereum/tests, BasicTests: chains with a history, as far as these tests know it. */
static struct chain_config config_with_history(u64 homestead, u64 byzantium, u64 constantinople,
                                               u64 muir)
{
    static const struct network none = {"", FRONTIER, false, false, false};
    struct chain_config config = config_of(&none);
    config.fork_block[HOMESTEAD] = homestead;
    config.fork_block[BYZANTIUM] = byzantium;
    config.fork_block[CONSTANTINOPLE] = constantinople;
    config.muir_glacier_block = muir;
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

static usize judged;

/* A count, or the hash of their list. */
static bool had_ommers(json uncles)
{
    hash32 value;
    if (json_read_word(uncles, &value) != ST_OK)
        return false;
    return !hash32_is_zero(value) && !hash32_equal(value, EMPTY_OMMERS_HASH);
}

static void judge(const struct chain_config *config, const char *network, json name, json test)
{
    struct header parent = {.difficulty = number_at(test, "parentDifficulty"),
                            .timestamp = number_at(test, "parentTimestamp").w[0]};
    if (u256_less(parent.difficulty, u256_from_u64(131072)))
        return; /* no block has so little: what is published for these is of an older rule */
    bool ommers = had_ommers(json_get(test, "parentUncles"));
    u256 got = ethash_difficulty(config, number_at(test, "currentBlockNumber").w[0],
                                 number_at(test, "currentTimestamp").w[0], &parent, ommers);
    judged++;
    if (!u256_equal(got, number_at(test, "currentDifficulty")))
        test_fail(__FILE__, __LINE__, "%s: %.*s", network, (int)name.text.size,
                  (const char *)name.text.data);
}

static void judge_network(json name, json tests)
{
    json key, test;
    for (usize i = 0; i < countof(networks); i++) {
        if (!json_says(name, networks[i].name))
            continue;
        struct chain_config config = config_of(&networks[i]);
        for (struct json_walk at = json_begin(tests); json_next(&at, &key, &test);) {
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

static void judge_basic(const char *name, struct chain_config config)
{
    char path[4096];
    json all, key, test;
    struct err err;
    const char *folder = test_fixture_folder("small");
    if (folder == NULL)
        return;
    fmt(path, sizeof(path), "%s/BasicTests/%s.json", folder, name);
    if (json_check(test_read_file(path), 16, &all, &err) != ST_OK) {
        test_fail(__FILE__, __LINE__, "%s: %s", path, err.text);
        return;
    }
    for (struct json_walk at = json_begin(all); json_next(&at, &key, &test);)
        judge(&config, name, key, test);
}

TEST(difficulty_of_chains_with_a_history_is_as_the_official_tests_say)
{
    struct chain_config mainnet = config_with_history(1150000, 4370000, FORK_NEVER, FORK_NEVER);
    judge_basic("difficulty", mainnet);
    judge_basic("difficultyMainNetwork", mainnet);
    judge_basic("difficultyCustomMainNetwork", mainnet);
    judge_basic("difficultyCustomHomestead",
                config_with_history(0, FORK_NEVER, FORK_NEVER, FORK_NEVER));
    judge_basic("difficultyRopsten", config_with_history(0, 1700000, 4230000, 7117117));
}

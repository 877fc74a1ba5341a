/* ethereum/tests, TransactionTests: an encoding, and for each fork whether it is a transaction
 * there, by whom, under which hash, and at which intrinsic gas. */
#include "base/fmt.h"
#include "base/json_read.h"
#include "harness/test.h"
#include "stf/check.h"

static usize judged;

static bool fork_named(json name, enum fork *out)
{
    for (enum fork fork = FRONTIER; fork < FORK_COUNT; fork++) {
        if (!json_says(name, fork_name(fork)))
            continue;
        *out = fork;
        return true;
    }
    return false;
}

static enum status judge(bytes envelope, enum fork fork, struct tx *tx, struct err *err)
{
    struct rules rules = {.fork = fork, .chain_id = 1, .blobs = {3, 6, 3338477}};
    TRY(tx_decode(envelope, tx, test_arena(), err));
    TRY(check_tx(&rules, tx, err));
    return tx_recover(tx, fork >= HOMESTEAD, *test_arena(), err);
}

static void judge_fork(json name, json fork_key, bytes envelope, json expected)
{
    struct tx tx;
    struct err err = {""};
    enum fork fork;
    hash32 hash;
    address sender;
    u64 gas;
    if (!fork_named(fork_key, &fork)) {
        test_fail(__FILE__, __LINE__, "unknown fork %.*s", (int)fork_key.text.size,
                  (const char *)fork_key.text.data);
        return;
    }
    struct rules rules = {.fork = fork, .chain_id = 1};
    bool valid = json_is(json_get(expected, "exception"), JSON_ABSENT);
    bool accepted = judge(envelope, fork, &tx, &err) == ST_OK;
    bool same = accepted == valid;
    if (accepted && valid)
        same = json_read_word(json_get(expected, "hash"), &hash) == ST_OK &&
               hash32_equal(hash, tx.hash) &&
               json_read_fixed(json_get(expected, "sender"), sender.b, sizeof(sender.b)) == ST_OK &&
               address_equal(sender, tx.from) &&
               json_read_number_u64(json_get(expected, "intrinsicGas"), &gas) == ST_OK &&
               gas == tx_gas(&rules, &tx).intrinsic;
    judged++;
    if (!same)
        test_fail(__FILE__, __LINE__, "%.*s in %s: %s", (int)name.text.size,
                  (const char *)name.text.data, fork_name(fork),
                  accepted ? "accepted, or read otherwise" : err.text);
}

static void judge_file(const char *path)
{
    json all, name, test, fork, expected;
    struct err err;
    bytes envelope;
    if (json_check(test_read_file(path), 16, &all, &err) != ST_OK) {
        test_fail(__FILE__, __LINE__, "%s: %s", path, err.text);
        return;
    }
    for (struct json_walk at = json_begin(all); json_next(&at, &name, &test);) {
        if (json_read_hex(json_get(test, "txbytes"), &envelope, test_arena()) != ST_OK)
            test_fail(__FILE__, __LINE__, "%s: bad txbytes", path);
        else
            for (struct json_walk in = json_begin(json_get(test, "result"));
                 json_next(&in, &fork, &expected);)
                judge_fork(name, fork, envelope, expected);
    }
}

TEST(tx_is_judged_in_every_fork_as_the_official_tests_say)
{
    const char *folder = test_fixture_folder("small");
    if (folder == NULL)
        return;
    char path[4096];
    fmt(path, sizeof(path), "%s/TransactionTests", folder);
    judged = 0;
    test_each_file(path, ".json", judge_file);
    CHECK(judged > 2500);
}

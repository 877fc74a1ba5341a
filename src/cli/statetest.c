/* varve statetest: one transaction on one state, judged by the state root and the logs.
 * Format: execution-spec-tests, docs/running_tests/test_formats/state_test.md; the classic tests
 * differ in lacking "txbytes", "config" and the post state itself. */
#include "base/fmt.h"
#include "base/hex.h"
#include "base/json_read.h"
#include "cli/commands.h"
#include "cli/networks.h"
#include "cli/options.h"
#include "cli/statetest_tx.h"
#include "cli/world.h"
#include "stf/check.h"
#include "stf/stf.h"

/* A test: what its entries share. */
struct state_test {
    struct world *world;
    hash32 root; /* before the transaction */
    json env, transaction, config;
};

/* What one entry of "post" comes to. */
struct outcome {
    bool refused; /* the transaction may not be in a block */
    struct err why;
    struct diff diff;
    hash32 root, logs;
};

static enum status read_default(json env, const char *key, u256 fallback, u256 *out,
                                struct err *err)
{
    json value = json_get(env, key);
    *out = fallback;
    if (!json_is(value, JSON_ABSENT) && json_read_number(value, out) != ST_OK)
        return fail(err, ST_INVALID, "env: bad %s", key);
    return ST_OK;
}

static enum status read_default_u64(json env, const char *key, u64 fallback, u64 *out,
                                    struct err *err)
{
    u256 wide;
    TRY(read_default(env, key, u256_from_u64(fallback), &wide, err));
    *out = wide.w[0];
    return u256_fits_u64(wide) ? ST_OK : fail(err, ST_INVALID, "env: %s is too large", key);
}

static enum status read_header(json env, enum fork fork, struct header *out, struct err *err)
{
    enum { DEFAULT_BASE_FEE = 10 }; /* where a classic test has none, as its authors ran it */
    u256 randao;
    *out = (struct header){.fields = header_fields_of(fork)};
    if (json_read_fixed(json_get(env, "currentCoinbase"), out->beneficiary.b,
                        sizeof(out->beneficiary.b)) != ST_OK)
        return fail(err, ST_INVALID, "env: bad currentCoinbase");
    TRY(read_default_u64(env, "currentGasLimit", 0, &out->gas_limit, err));
    TRY(read_default_u64(env, "currentNumber", 0, &out->number, err));
    TRY(read_default_u64(env, "currentTimestamp", 0, &out->timestamp, err));
    TRY(read_default(env, "currentDifficulty", U256_ZERO, &out->difficulty, err));
    TRY(read_default(env, "currentRandom", U256_ZERO, &randao, err));
    TRY(read_default(env, "currentBaseFee", u256_from_u64(DEFAULT_BASE_FEE), &out->base_fee_wei,
                     err));
    TRY(read_default_u64(env, "currentExcessBlobGas", 0, &out->excess_blob_gas, err));
    out->mix_hash = u256_to_hash(randao);
    return ST_OK;
}

/* From the signed bytes where there are any, so that decoding and recovery are judged as well. */
static enum status entry_tx(const struct state_test *test, json entry, const struct rules *rules,
                            struct tx *out, struct arena *arena, struct err *err)
{
    bytes envelope;
    json signed_bytes = json_get(entry, "txbytes");
    if (json_is(signed_bytes, JSON_ABSENT))
        return statetest_tx(test->transaction, json_get(entry, "indexes"), rules->chain_id, out,
                            arena, err);
    if (json_read_hex(signed_bytes, &envelope, arena) != ST_OK)
        return fail(err, ST_INVALID, "txbytes is not hexadecimal");
    TRY(tx_decode(envelope, out, arena, err));
    return tx_recover(out, rules->fork >= HOMESTEAD, *arena, err);
}

/* ST_INVALID: the test is malformed. A refused transaction is an outcome: in the classic tests, the
 * ones without "config", the beneficiary is then credited with nothing all the same, which before
 * EIP-161 makes its account. */
static enum status execute(const struct state_test *test, json entry, const struct rules *rules,
                           struct outcome *out, struct arena *arena, struct err *err)
{
    struct header header;
    struct tx tx;
    struct receipt receipt = {.logs = NULL};
    struct stf_result result;
    TRY(read_header(test->env, rules->fork, &header, err));
    struct state_view view = world_view(test->world);
    struct node_source nodes = world_nodes(test->world);
    view.block_hash = number_hash;
    struct stf *stf =
        stf_begin(rules, &header, &view, (struct stf_options){.transactions_only = true}, arena);
    *out = (struct outcome){.root = test->root};
    out->refused = entry_tx(test, entry, rules, &tx, arena, &out->why) != ST_OK ||
                   stf_apply_tx(stf, &tx, &receipt, &out->why) != ST_OK;
    out->logs = logs_hash(receipt.logs, out->refused ? 0 : receipt.log_count, *arena);
    if (out->refused && !json_is(test->config, JSON_ABSENT))
        return ST_OK;
    struct block block = {.header = header};
    TRY(stf_end(stf, &block, &receipt, !out->refused, &result, err));
    TRY(stf_state_root(&nodes, test->root, &result, arena, err));
    out->diff = result.diff;
    out->root = result.state_root;
    return ST_OK;
}

static void note(void *run, const char *line)
{
    suite_note(run, "%s", line);
}

static void explain(struct suite_run *run, const struct state_test *test, json entry,
                    const struct outcome *outcome)
{
    json expected = json_get(entry, "state");
    if (json_is(expected, JSON_ABSENT))
        return;
    struct trie_changes none = {.nodes = NULL};
    const struct world *after = world_after(test->world, &outcome->diff, &none, 0, outcome->root);
    world_compare(after, expected, *suite_scratch(run), note, run);
}

static void judge(struct suite_run *run, const struct state_test *test, json entry,
                  const struct outcome *outcome)
{
    hash32 root, logs;
    struct arena *arena = suite_scratch(run);
    bool to_be_refused = !json_is(json_get(entry, "expectException"), JSON_ABSENT);
    if (json_read_word(json_get(entry, "hash"), &root) != ST_OK ||
        json_read_word(json_get(entry, "logs"), &logs) != ST_OK) {
        suite_fail(run, "the test is malformed: bad hash or logs");
    } else if (outcome->refused && !to_be_refused && !hash32_equal(outcome->root, root)) {
        suite_fail(run, "refused: %s", outcome->why.text);
    } else if (!outcome->refused && to_be_refused) {
        suite_fail(run, "not refused, expected %.*s",
                   (int)json_get(entry, "expectException").text.size,
                   (const char *)json_get(entry, "expectException").text.data);
    } else if (!hash32_equal(outcome->root, root)) {
        suite_fail(run, "state root is %s, expected %s", hex_text(BYTES_OF(outcome->root), arena),
                   hex_text(BYTES_OF(root), arena));
        explain(run, test, entry, outcome);
    } else if (!hash32_equal(outcome->logs, logs)) {
        suite_fail(run, "logs hash is %s, expected %s", hex_text(BYTES_OF(outcome->logs), arena),
                   hex_text(BYTES_OF(logs), arena));
    } else {
        suite_pass(run);
    }
}

static void run_entry(struct suite_run *run, const struct state_test *test, json fork, json entry)
{
    struct rules rules;
    struct outcome outcome;
    struct err err;
    u64 number, timestamp;
    bytes name = json_text(fork, suite_scratch(run));
    enum status st = read_default_u64(test->env, "currentNumber", 0, &number, &err);
    if (st == ST_OK)
        st = read_default_u64(test->env, "currentTimestamp", 0, &timestamp, &err);
    if (st == ST_OK)
        st = network_rules(name, test->config, number, timestamp, &rules, &err);
    if (st == ST_MISSING) {
        suite_skip(run, "a network that varve does not know");
        return;
    }
    if (st == ST_OK)
        st = execute(test, entry, &rules, &outcome, suite_scratch(run), &err);
    if (st == ST_OK)
        judge(run, test, entry, &outcome);
    else
        suite_fail(run, "%s: %s", status_name(st), err.text);
}

static void run_forks(struct suite_run *run, const struct state_test *test, json name, json post)
{
    json fork, entries, key, entry;
    for (struct json_walk at = json_begin(post); json_next(&at, &fork, &entries);) {
        usize number = 0;
        for (struct json_walk in = json_begin(entries); json_next(&in, &key, &entry); number++) {
            char variant[128];
            fmt(variant, sizeof(variant), "%.*s #%zu", (int)fork.text.size,
                (const char *)fork.text.data, number);
            if (!suite_begin(run, name, variant))
                continue;
            if (suite_wants_fork(run, fork))
                run_entry(run, test, fork, entry);
            else
                suite_skip(run, "another fork than --fork asks for");
        }
    }
}

static void run_test(struct suite_run *run, json name, json all)
{
    struct arena tmp = *suite_file_arena(run);
    struct contents contents = {.arena = &tmp};
    struct err err;
    struct state_test test = {.env = json_get(all, "env"),
                              .transaction = json_get(all, "transaction"),
                              .config = json_get(all, "config")};
    enum status st = world_genesis(&contents, json_get(all, "pre"), &test.world, &test.root, &err);
    if (st == ST_OK && json_is(test.transaction, JSON_OBJECT))
        run_forks(run, &test, name, json_get(all, "post"));
    else if (!suite_begin(run, name, ""))
        return;
    else if (st == ST_OK)
        suite_skip(run, "not a state test");
    else
        suite_fail(run, "%s", err.text);
}

static void run_file(struct suite_run *run, json file)
{
    json name, test;
    for (struct json_walk at = json_begin(file); json_next(&at, &name, &test);)
        run_test(run, name, test);
}

int statetest_main(int argc, char **argv)
{
    static const char *const none[] = {NULL};
    return run_suite(run_file, none, argc, argv);
}

/* varve vmtest: one frame of bare code each, judged by gas, output, logs and the state after it.
 * Format: ethereum/tests of the Constantinople age, VMTests; the rules are Frontier's, calls and
 * creations from within are not part of any test. */
#include "base/hex.h"
#include "base/json_read.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/world.h"
#include "evm/evm.h"
#include "stf/stf.h"

/* What a test runs: its "env" and "exec". */
struct vm_program {
    struct evm_block_env env;
    struct evm_tx_env tx;
    struct evm_message message;
    bytes code;
};

static enum status read_env(json env, struct evm_block_env *out)
{
    TRY(json_read_fixed(json_get(env, "currentCoinbase"), out->beneficiary.b,
                        sizeof(out->beneficiary.b)));
    TRY(json_read_number(json_get(env, "currentDifficulty"), &out->prev_randao));
    TRY(json_read_number_u64(json_get(env, "currentGasLimit"), &out->gas_limit));
    TRY(json_read_number_u64(json_get(env, "currentNumber"), &out->number));
    return json_read_number_u64(json_get(env, "currentTimestamp"), &out->timestamp);
}

static enum status read_exec(json exec, struct vm_program *out, struct arena *arena)
{
    u64 gas;
    struct evm_message *message = &out->message;
    TRY(json_read_fixed(json_get(exec, "address"), message->to.b, sizeof(message->to.b)));
    TRY(json_read_fixed(json_get(exec, "caller"), message->caller.b, sizeof(message->caller.b)));
    TRY(json_read_fixed(json_get(exec, "origin"), out->tx.origin.b, sizeof(out->tx.origin.b)));
    TRY(json_read_number(json_get(exec, "gasPrice"), &out->tx.gas_price_wei));
    TRY(json_read_number(json_get(exec, "value"), &message->value_wei));
    TRY(json_read_hex(json_get(exec, "data"), &message->input, arena));
    TRY(json_read_hex(json_get(exec, "code"), &out->code, arena));
    TRY(json_read_number_u64(json_get(exec, "gas"), &gas));
    message->gas = (i64)gas;
    return gas <= INT64_MAX ? ST_OK : ST_INVALID;
}

static void note(void *run, const char *line)
{
    suite_note(run, "%s", line);
}

static void judge_state(struct suite_run *run, struct state *state, const struct world *world,
                        json expected)
{
    struct diff diff;
    struct trie_changes none = {.nodes = NULL};
    struct arena *arena = suite_scratch(run);
    state_end_tx(state, false);
    state_diff(state, &diff, arena);
    const struct world *after = world_after(world, &diff, &none, 0, (hash32){{0}});
    if (world_compare(after, expected, *arena, NULL, NULL) == 0) {
        suite_pass(run);
        return;
    }
    suite_fail(run, "the state is not as expected");
    world_compare(after, expected, *arena, note, run);
}

/* A test without "gas" expects the code to fail. */
static void judge(struct suite_run *run, json test, const struct evm_result *result,
                  struct state *state, const struct world *world)
{
    u64 gas;
    bytes output;
    hash32 logs;
    usize count;
    struct arena *arena = suite_scratch(run);
    bool to_fail = json_is(json_get(test, "gas"), JSON_ABSENT);
    if (to_fail || !evm_succeeded(result->halt)) {
        if (to_fail && !evm_succeeded(result->halt))
            suite_pass(run);
        else
            suite_fail(run, "it ended by %s, expected %s", evm_halt_name(result->halt),
                       to_fail ? "failure" : "success");
        return;
    }
    if (json_read_number_u64(json_get(test, "gas"), &gas) != ST_OK ||
        json_read_hex(json_get(test, "out"), &output, arena) != ST_OK ||
        json_read_word(json_get(test, "logs"), &logs) != ST_OK) {
        suite_fail(run, "the test is malformed: bad gas, out or logs");
        return;
    }
    const struct log *list = state_logs(state, &count);
    if ((u64)result->gas_left != gas)
        suite_fail(run, "%ld gas is left, expected %lu", result->gas_left, gas);
    else if (!bytes_equal(result->output, output))
        suite_fail(run, "output is %s", hex_text(result->output, arena));
    else if (!hash32_equal(logs_hash(list, count, *arena), logs))
        suite_fail(run, "other logs than expected");
    else
        judge_state(run, state, world, json_get(test, "post"));
}

static void run_test(struct suite_run *run, json name, json test)
{
    struct world *world;
    struct err err;
    hash32 root;
    struct vm_program program = {.message = {.is_static = false}};
    struct arena *arena = suite_scratch(run);
    if (!suite_begin(run, name, ""))
        return;
    struct contents contents = {.arena = arena};
    if (json_is(json_get(test, "exec"), JSON_ABSENT)) {
        suite_skip(run, "not a VM test");
    } else if (world_genesis(&contents, json_get(test, "pre"), &world, &root, &err) != ST_OK) {
        suite_fail(run, "%s", err.text);
    } else if (read_env(json_get(test, "env"), &program.env) != ST_OK ||
               read_exec(json_get(test, "exec"), &program, arena) != ST_OK) {
        suite_fail(run, "the test is malformed: bad env or exec");
    } else {
        struct rules rules = {.fork = FRONTIER, .chain_id = 1};
        struct state_view view = world_view(world);
        view.block_hash = number_hash;
        struct state *state = state_new(&view, 1, arena);
        i64 max_gas = (i64)min_u64((u64)program.message.gas, STF_MAX_GAS_LIMIT);
        struct evm *evm = evm_new(&rules, &program.env, state, max_gas, arena);
        state_begin_tx(state);
        evm_set_tx(evm, &program.tx);
        struct evm_result result = evm_run_code(evm, &program.message, program.code);
        judge(run, test, &result, state, world);
    }
}

static void run_file(struct suite_run *run, json file)
{
    json name, test;
    for (struct json_walk at = json_begin(file); json_next(&at, &name, &test);)
        run_test(run, name, test);
}

int vmtest_main(int argc, char **argv)
{
    static const char *const none[] = {NULL};
    return run_suite(run_file, none, argc, argv);
}

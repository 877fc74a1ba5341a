#include "base/fmt.h"
#include "base/json.h"
#include "evm/evm.h"
#include "harness/test.h"

static struct evm_result run(enum fork fork, bytes code, bytes input, i64 gas)
{
    static struct rules rules;
    rules = (struct rules){.fork = fork, .chain_id = 1};
    struct evm_block_env env = {.number = 1, .gas_limit = (u64)gas};
    struct state *state = state_new(&EMPTY_WORLD, 1, test_arena());
    struct evm *evm = evm_new(&rules, &env, state, gas, test_arena());
    struct evm_message message = {.input = input, .gas = gas, .to = {{0xaa}}};
    state_begin_tx(state);
    return evm_run_code(evm, &message, code);
}

TEST(evm_stack_limits_are_exact)
{
    u8 pushes[1025 + 1];
    memset(pushes, 0x5f, sizeof(pushes)); /* PUSH0 */
    CHECK(run(OSAKA, (bytes){pushes, 1024}, BYTES_EMPTY, 100000).halt == EVM_STOP);
    CHECK(run(OSAKA, (bytes){pushes, 1025}, BYTES_EMPTY, 100000).halt == EVM_STACK_OVERFLOW);
    CHECK(run(OSAKA, hex("50"), BYTES_EMPTY, 100).halt == EVM_STACK_UNDERFLOW);
    CHECK(run(OSAKA, hex("5f01"), BYTES_EMPTY, 100).halt == EVM_STACK_UNDERFLOW);
    pushes[1024] = 0x80; /* DUP1 on a full stack */
    CHECK(run(OSAKA, (bytes){pushes, 1025}, BYTES_EMPTY, 100000).halt == EVM_STACK_OVERFLOW);
    pushes[1024] = 0x90; /* SWAP1 */
    CHECK(run(OSAKA, (bytes){pushes, 1025}, BYTES_EMPTY, 100000).halt == EVM_STOP);
}

TEST(evm_opcodes_come_with_their_fork)
{
    static const struct {
        const char *code;
        enum fork since;
    } rows[] = {
        {"5f", SHANGHAI},                /* PUSH0 */
        {"60016001 1b", CONSTANTINOPLE}, /* SHL */
        {"60011e", OSAKA},               /* CLZ */
        {"46", ISTANBUL},                /* CHAINID */
        {"48", LONDON},                  /* BASEFEE */
        {"600060006000 5e", CANCUN},     /* MCOPY */
        {"60005c", CANCUN},              /* TLOAD */
    };
    for (usize i = 0; i < countof(rows); i++) {
        char digits[64] = {0};
        for (usize j = 0, at = 0; rows[i].code[j] != 0; j++)
            if (rows[i].code[j] != ' ')
                digits[at++] = rows[i].code[j];
        for (enum fork fork = FRONTIER; fork < FORK_COUNT; fork++) {
            enum evm_halt halt = run(fork, hex(digits), BYTES_EMPTY, 100000).halt;
            CHECK_ROW(i, halt == (fork >= rows[i].since ? EVM_STOP : EVM_BAD_OPCODE));
        }
    }
}

TEST(evm_jumps_land_on_instructions_only)
{
    CHECK(run(OSAKA, hex("6003565b"), BYTES_EMPTY, 100).halt == EVM_STOP);
    CHECK(run(OSAKA, hex("600456605b"), BYTES_EMPTY, 100).halt == EVM_BAD_JUMP); /* PUSH data */
    CHECK(run(OSAKA, hex("600356"), BYTES_EMPTY, 100).halt == EVM_BAD_JUMP);     /* past the end */
    CHECK(run(OSAKA, hex("7f5b"), BYTES_EMPTY, 100).halt == EVM_STOP);           /* cut PUSH32 */
}

/* The benchmark programs double as a test: 37 programs with their output and gas. */
TEST(evm_benchmark_cases_give_their_output_and_gas)
{
    const char *fixtures = test_fixtures();
    if (fixtures == NULL) {
        test_skip("official fixtures are absent (set VARVE_FIXTURES)");
        return;
    }
    char path[4200];
    fmt(path, sizeof(path), "%s/../evm_cases.json", fixtures);
    json all, key, item;
    CHECK(json_check(test_read_file(path), 8, &all, NULL) == ST_OK);
    usize count = 0;
    for (struct json_walk at = json_begin(all); json_next(&at, &key, &item); count++) {
        struct arena saved = *test_arena();
        bytes code, input, want, code_text = json_text(json_get(item, "code_hex"), test_arena());
        u64 gas;
        CHECK(hex_read(code_text, &code, test_arena()) == ST_OK);
        CHECK(hex_read(json_text(json_get(item, "calldata_hex"), test_arena()), &input,
                       test_arena()) == ST_OK);
        CHECK(hex_read(json_text(json_get(item, "expected_output_hex"), test_arena()), &want,
                       test_arena()) == ST_OK);
        CHECK(json_read_u64(json_get(item, "gas_used"), &gas) == ST_OK);
        i64 limit = (i64)gas + 5000; /* SSTORE wants more left than it takes (EIP-2200) */
        struct evm_result result = run(CANCUN, code, input, limit);
        if (!evm_succeeded(result.halt) || !bytes_equal(result.output, want) ||
            result.gas_left != 5000)
            test_fail(__FILE__, __LINE__, "case %lu: %s, %ld gas left of 5000, output %s", count,
                      evm_halt_name(result.halt), result.gas_left,
                      bytes_equal(result.output, want) ? "right" : "wrong");
        *test_arena() = saved;
    }
    CHECK(count == 37);
}

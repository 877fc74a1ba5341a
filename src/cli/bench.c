/* varve bench evm FILE.json [--case NAME] [--once [--runs N]]
 *
 * Runs programs of one frame on an empty world and times them, code analysis included. Each run
 * starts from nothing but memory: a new state, a new machine, the code's bytes. */
#include "base/hex.h"
#include "base/json.h"
#include "cli/commands.h"
#include "evm/evm.h"
#include "sys/clock.h"
#include "sys/pages.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SAMPLES = 5,
    SAMPLE_NS = 40000000, /* long enough for the clock, short enough to dodge the neighbours */
    SPARE_GAS = 5000,     /* SSTORE wants more left than it takes (EIP-2200) */
    MAX_GROUPS = 16,
};

struct bench_case {
    bytes name, code, input, want;
    u64 gas;
};

/* Geometric means are sums of logarithms. */
struct group {
    bytes name;
    double log_sum;
    u32 count;
};

struct bench {
    bool once;
    u32 runs; /* with --once: how many times each case runs */
    const char *only;
    struct arena arena;
    struct group groups[MAX_GROUPS];
    u32 group_count;
};

static struct evm_result run_case(const struct bench_case *test, struct arena tmp)
{
    struct rules rules = {.fork = CANCUN, .chain_id = 1};
    i64 gas = (i64)test->gas + SPARE_GAS;
    struct evm_block_env env = {.number = 1, .gas_limit = (u64)gas};
    struct state *state = state_new(&EMPTY_WORLD, 1, &tmp);
    struct evm *evm = evm_new(&rules, &env, state, gas, &tmp);
    struct evm_message message = {.input = test->input, .gas = gas, .to = {{0xaa}}};
    state_begin_tx(state);
    return evm_run_code(evm, &message, test->code);
}

static enum status check_case(const struct bench *bench, const struct bench_case *test,
                              struct err *err)
{
    struct evm_result result = run_case(test, bench->arena);
    int size = (int)test->name.size;
    const char *name = (const char *)test->name.data;
    if (!evm_succeeded(result.halt))
        return fail(err, ST_INVALID, "%.*s ended with \"%s\"", size, name,
                    evm_halt_name(result.halt));
    if (result.gas_left != SPARE_GAS)
        return fail(err, ST_INVALID, "%.*s used %lu gas, not %lu", size, name,
                    test->gas + SPARE_GAS - (u64)result.gas_left, test->gas);
    if (!bytes_equal(result.output, test->want))
        return fail(err, ST_INVALID, "%.*s gave another output", size, name);
    return ST_OK;
}

/* --- Timing. */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median over samples of the mean time of one run. */
static double time_case(const struct bench *bench, const struct bench_case *test)
{
    double samples[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) {
        u64 begin = clock_now_ns(), runs = 0, now;
        do {
            (void)run_case(test, bench->arena);
            runs++;
            now = clock_now_ns();
        } while (now - begin < SAMPLE_NS);
        samples[i] = (double)(now - begin) / (double)runs;
    }
    qsort(samples, SAMPLES, sizeof(samples[0]), by_value);
    return samples[SAMPLES / 2];
}

static void add_to_group(struct bench *bench, const struct bench_case *test, double mgas)
{
    const u8 *slash = memchr(test->name.data, '/', test->name.size);
    usize size = slash == NULL ? test->name.size : (usize)(slash - test->name.data);
    bytes name = bytes_slice(test->name, 0, size);
    u32 i = 0;
    while (i < bench->group_count && !bytes_equal(bench->groups[i].name, name))
        i++;
    if (i == MAX_GROUPS)
        return;
    if (i == bench->group_count)
        bench->groups[bench->group_count++] = (struct group){.name = name};
    bench->groups[i].log_sum += log(mgas);
    bench->groups[i].count++;
}

static enum status bench_case(struct bench *bench, const struct bench_case *test, struct err *err)
{
    TRY(check_case(bench, test, err));
    if (bench->once) {
        for (u32 i = 1; i < bench->runs; i++)
            (void)run_case(test, bench->arena);
        return ST_OK;
    }
    double ns = time_case(bench, test);
    double mgas = (double)test->gas * 1000 / ns;
    printf("%-40.*s %12.0f ns %10.0f Mgas/s\n", (int)test->name.size, (const char *)test->name.data,
           ns, mgas);
    fflush(stdout);
    add_to_group(bench, test, mgas);
    return ST_OK;
}

/* --- Reading. */

static enum status read_hex(json object, const char *key, bytes *out, struct arena *arena,
                            struct err *err)
{
    json value = json_get(object, key);
    if (!json_is(value, JSON_STRING) || hex_read(json_text(value, arena), out, arena) != ST_OK)
        return fail(err, ST_INVALID, "a case has no hexadecimal \"%s\"", key);
    return ST_OK;
}

static enum status read_case(json object, struct bench_case *out, struct arena *arena,
                             struct err *err)
{
    out->name = json_text(json_get(object, "name"), arena);
    TRY(read_hex(object, "code_hex", &out->code, arena, err));
    TRY(read_hex(object, "calldata_hex", &out->input, arena, err));
    TRY(read_hex(object, "expected_output_hex", &out->want, arena, err));
    if (json_read_u64(json_get(object, "gas_used"), &out->gas) != ST_OK)
        return fail(err, ST_INVALID, "a case has no number \"gas_used\"");
    return ST_OK;
}

static enum status map_file(const char *path, bytes *out, struct err *err)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (file < 0 || fstat(file, &info) != 0)
        return fail(err, ST_IO, "cannot open %s", path);
    void *at = MAP_FAILED;
    if (info.st_size > 0)
        at = mmap(NULL, (usize)info.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    close(file);
    if (at == MAP_FAILED)
        return fail(err, ST_IO, "cannot read %s", path);
    *out = (bytes){at, (usize)info.st_size};
    return ST_OK;
}

static bool is_wanted(const struct bench *bench, const struct bench_case *test)
{
    return bench->only == NULL ||
           bytes_equal(test->name, (bytes){(const u8 *)bench->only, strlen(bench->only)});
}

static enum status bench_file(struct bench *bench, const char *path, struct err *err)
{
    bytes text;
    json all, key, item;
    usize count = 0;
    TRY(map_file(path, &text, err));
    TRY(json_check(text, 8, &all, err));
    for (struct json_walk at = json_begin(all); json_next(&at, &key, &item);) {
        struct bench_case test;
        TRY(read_case(item, &test, &bench->arena, err));
        if (!is_wanted(bench, &test))
            continue;
        TRY(bench_case(bench, &test, err));
        count++;
    }
    if (count == 0)
        return fail(err, ST_MISSING, "no such case in %s", path);
    for (u32 i = 0; i < bench->group_count; i++)
        printf("geometric mean %.*s: %.0f Mgas/s\n", (int)bench->groups[i].name.size,
               (const char *)bench->groups[i].name.data,
               exp(bench->groups[i].log_sum / bench->groups[i].count));
    return ST_OK;
}

static int usage(void)
{
    fprintf(stderr, "usage: varve bench evm FILE.json [--case NAME] [--once [--runs N]]\n");
    return 2;
}

int bench_main(int argc, char **argv)
{
    struct bench bench = {.runs = 1};
    const char *path = NULL;
    if (argc < 2 || strcmp(argv[1], "evm") != 0)
        return usage();
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--once") == 0)
            bench.once = true;
        else if (strcmp(argv[i], "--case") == 0 && i + 1 < argc)
            bench.only = argv[++i];
        else if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc)
            bench.runs = (u32)strtoul(argv[++i], NULL, 10);
        else if (argv[i][0] != '-' && path == NULL)
            path = argv[i];
        else
            return usage();
    }
    if (path == NULL)
        return usage();
    struct pages pages;
    struct err err = {{0}};
    enum status status = pages_reserve((usize)1 << 34, &pages, &err);
    if (status == ST_OK) {
        bench.arena = pages_arena(&pages);
        status = bench_file(&bench, path, &err);
    }
    if (status != ST_OK)
        fprintf(stderr, "varve: %s\n", err.text);
    return status != ST_OK;
}

/* channel_model [--runs N] [--seed S] [--control NAME | --control none] [--trace]
 *
 * Runs the model from seed S on, N times with the rules whole, and each negative control until
 * it has broken a law 20 times, at most a fifth of N. A broken law prints the seed and, once more,
 * the run. With --control, N runs of that control only (`none`: of the whole rules only); with
 * --trace, one run and what happens in it. The last line is "N passed, N failed": the whole rules
 * are one test, each control is one. */
#include "world.h"

#include "base/bug.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONTROL_SHARE = 5, /* a control has at most a fifth of the runs, */
    ENOUGH = 20,       /* and ends when it has broken a law so often */
    CHAOS_SHARE = 4,   /* one run in four has a second one, in which nobody keeps the rules */
};

enum control removed = NO_CONTROL;
enum aim aim = AIM_ANY;

static const struct {
    const char *name;
    enum aim aim;
    const char *text;
} controls[] = {
#define CONTROL_ROW(name, aim, text) {#name, aim, text},
    CONTROLS(CONTROL_ROW)
#undef CONTROL_ROW
};

_Noreturn void bug_at(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, what);
    abort();
}

/* How many runs broke a law, counted up to `enough`; `first` is the seed of the first of them and
 * `runs` becomes how many runs it took. */
static u64 run_many(u64 seed, u64 *runs, u64 enough, u64 *first)
{
    u64 broken = 0;
    for (u64 i = 0; i < *runs; i++) {
        if (run_party(seed + i, false) == NULL &&
            ((seed + i) % CHAOS_SHARE != 0 || run_chaos(seed + i, false) == NULL))
            continue;
        if (broken++ == 0)
            *first = seed + i;
        if (broken == enough)
            *runs = i + 1;
    }
    return broken;
}

static void show(u64 seed)
{
    printf("seed %lu:\n", seed);
    const char *broken = run_party(seed, true);
    if (broken == NULL)
        broken = run_chaos(seed, true);
    printf("law: %s\n", broken == NULL ? "none is broken" : broken);
}

static bool test_rules(u64 seed, u64 runs)
{
    u64 first = 0, broken = run_many(seed, &runs, UINT64_MAX, &first);
    printf("%s no law is broken in %lu runs (%lu are)\n", broken == 0 ? "ok  " : "FAIL", runs,
           broken);
    if (broken != 0)
        show(first);
    return broken == 0;
}

static bool test_control(enum control control, u64 seed, u64 runs, u64 enough)
{
    u64 first = 0;
    removed = control;
    aim = controls[control].aim;
    u64 broken = run_many(seed, &runs, enough, &first);
    removed = NO_CONTROL;
    aim = AIM_ANY;
    printf("%s without: %-22s %6lu of %lu runs break a law (%s)\n", broken != 0 ? "ok  " : "FAIL",
           controls[control].name, broken, runs, controls[control].text);
    return broken != 0;
}

static enum control control_named(const char *name)
{
    for (u32 i = 0; i < CONTROL_COUNT; i++)
        if (strcmp(controls[i].name, name) == 0)
            return (enum control)i;
    if (strcmp(name, "none") == 0)
        return NO_CONTROL;
    fprintf(stderr, "there is no control %s\n", name);
    exit(2);
}

int main(int count, char **args)
{
    u64 runs = 200000, seed = 1;
    enum control only = NO_CONTROL;
    bool one_run = false, all = true;
    for (int i = 1; i < count; i++) {
        if (strcmp(args[i], "--trace") == 0)
            one_run = true;
        else if (i + 1 < count && strcmp(args[i], "--runs") == 0)
            runs = strtoull(args[++i], NULL, 10);
        else if (i + 1 < count && strcmp(args[i], "--seed") == 0)
            seed = strtoull(args[++i], NULL, 10);
        else if (i + 1 < count && strcmp(args[i], "--control") == 0)
            only = control_named(args[++i]), all = false;
        else {
            fprintf(stderr,
                    "usage: channel_model [--runs N] [--seed S] [--control NAME] [--trace]\n");
            return 2;
        }
    }
    if (one_run) {
        removed = only;
        aim = only == NO_CONTROL ? AIM_ANY : controls[only].aim;
        show(seed);
        return 0;
    }
    u32 results[2] = {0, 0}; /* failed, passed */
    if (all || only == NO_CONTROL)
        results[test_rules(seed, runs)]++;
    for (u32 i = 0; i < CONTROL_COUNT; i++) {
        if (all)
            results[test_control((enum control)i, seed, runs / CONTROL_SHARE, ENOUGH)]++;
        else if (i == (u32)only)
            results[test_control(only, seed, runs, UINT64_MAX)]++;
    }
    printf("%u passed, %u failed\n", results[true], results[false]);
    return results[false] != 0;
}

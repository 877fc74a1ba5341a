#include "cli/options.h"

#include "stf/stf.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int usage(const char *command, const char *wrong)
{
    fprintf(stderr,
            "varve %s: %s; usage: varve %s [--fork NAME] [--only TEXT] [--every N] "
            "[--jobs N] PATH...\n",
            command, wrong, command);
    return 2;
}

static bool read_count(const char *text, unsigned long most, unsigned *out)
{
    char *end;
    unsigned long value = text != NULL ? strtoul(text, &end, 10) : 0;
    *out = (unsigned)value;
    return text != NULL && *end == 0 && value >= 1 && value <= most;
}

/* Sets the bit of the command's own option `word`; false: it has none of that name. */
static bool take_flag(struct suite *suite, const char *const *flags, const char *word)
{
    for (unsigned i = 0; flags[i] != NULL; i++) {
        if (strcmp(word, flags[i]) != 0)
            continue;
        suite->flags |= 1u << i;
        return true;
    }
    return false;
}

int run_suite(void (*run_file)(struct suite_run *run, json file), const char *const *flags,
              int argc, char **argv)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct suite suite = {.jobs = cores > 0 ? (unsigned)cores : 1,
                          .every = 1,
                          .paths = argv + 1,
                          .scratch_room = stf_arena_bound(STF_MAX_GAS_LIMIT) + ((usize)1 << 36),
                          .run_file = run_file};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--fork") == 0) {
            if (++i == argc)
                return usage(argv[0], "--fork needs a name");
            suite.fork = argv[i];
        } else if (strcmp(argv[i], "--only") == 0) {
            if (++i == argc)
                return usage(argv[0], "--only needs a part of a test's name");
            suite.only = argv[i];
        } else if (strcmp(argv[i], "--jobs") == 0) {
            if (!read_count(++i < argc ? argv[i] : NULL, 64, &suite.jobs))
                return usage(argv[0], "--jobs needs a number from 1 to 64");
        } else if (strcmp(argv[i], "--every") == 0) {
            if (!read_count(++i < argc ? argv[i] : NULL, 10000, &suite.every))
                return usage(argv[0], "--every needs a number from 1 to 10000");
        } else if (take_flag(&suite, flags, argv[i])) {
            continue;
        } else if (argv[i][0] == '-') {
            return usage(argv[0], "unknown option");
        } else {
            suite.paths[suite.path_count++] = argv[i];
        }
    }
    return suite.path_count > 0 ? suite_main(&suite) : usage(argv[0], "no path");
}

/* varve: one program, a subcommand for each thing that it does. */
#include "cli/commands.h"

#include "base/bug.h"
#include "base/int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void bug_at(const char *file, int line, const char *what)
{
    fprintf(stderr, "varve: bug: %s:%d: %s\n", file, line, what);
    abort();
}

static int help_main(int argc, char **argv);

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"up", up_main, "a developer's chain, ready to use; --help lists its flags"},
    {"node", node_main, "run a chain from its genesis file; --help lists its flags"},
    {"deploy", deploy_main, "put a layer 2's contracts on any Ethereum; --help lists its flags"},
    {"bridge", bridge_main, "money to a layer 2 and back: deposit, withdraw, status, list, force"},
    {"exit", exit_main, "bring everything home from a layer 2, its operator being gone"},
    {"channel", channel_main, "payment channels: a daemon, and the commands that ask it"},
    {"statetest", statetest_main,
     "run official state tests: [--fork NAME] [--only TEXT] [--jobs N] PATH..."},
    {"blocktest", blocktest_main,
     "run official blockchain tests: the same options, --witness and --time"},
    {"chaintest", chaintest_main, "the same through log, store and fork choice"},
    {"vmtest", vmtest_main, "run official VM tests of old: the same options as statetest"},
    {"bench", bench_main, "time parts of the program: evm FILE.json"},
    {"version", version_main, "say which varve this is"},
    {"help", help_main, "say this"},
};

static int help_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("usage: varve COMMAND ...\n\n");
    for (usize i = 0; i < countof(commands); i++)
        printf("  %-10s %s\n", commands[i].name, commands[i].help);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "varve: no command; varve help lists them\n");
        return 2;
    }
    for (usize i = 0; i < countof(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "varve: no command \"%s\"; varve help lists them\n", argv[1]);
    return 2;
}

/* varve up: a developer's chain in one word. varve node: any chain. */
#include "node/node.h"

#include "cli/commands.h"

#include <string.h>

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static int run(enum config_command command, const char *name, int argc, char **argv)
{
    enum { FAILED = 1, MISUSED = 2 };
    struct config config;
    struct err err;
    if (asks_for_help(argc, argv)) {
        printf("usage: varve %s [FLAG [VALUE]]...\n\n", name);
        config_print_help(command);
        return 0;
    }
    if (config_read(command, argc, argv, &config, &err) != ST_OK) {
        fprintf(stderr, "varve: %s\n", err.text);
        return MISUSED;
    }
    bool json = strcmp(config.log, "json") == 0;
    if (node_run(&config, json ? NULL : stdout, &err) != ST_OK) {
        fprintf(stderr, "varve: %s\n", err.text);
        return FAILED;
    }
    return 0;
}

int up_main(int argc, char **argv)
{
    return run(UP, "up", argc, argv);
}

int node_main(int argc, char **argv)
{
    return run(NODE, "node", argc, argv);
}

int version_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("varve %s\n", node_version());
    return 0;
}

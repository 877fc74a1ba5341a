/* The command line that the test runners share: [--fork NAME] [--only TEXT] [--jobs N] PATH… */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cli/suite.h"

/* `flags`: the command's own options, without values (suite_flag), ended by NULL.
 * argv[0] is the command. Returns the exit code; 2 with one sentence where the command line is
 * wrong. */
int run_suite(void (*run_file)(struct suite_run *run, json file), const char *const *flags,
              int argc, char **argv);

#endif

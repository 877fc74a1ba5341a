/* The command line that the test runners share: [--fork NAME] [--jobs N] PATH… */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cli/suite.h"

/* `flag`: an option of this command's own, without a value (suite_flag), or NULL.
 * argv[0] is the command. Returns the exit code; 2 with one sentence where the command line is
 * wrong. */
int run_suite(void (*run_file)(struct suite_run *run, json file), const char *flag, int argc,
              char **argv);

#endif

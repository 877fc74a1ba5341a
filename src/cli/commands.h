/* The subcommands of `varve`: each is given what stands after its name and returns the exit code.
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

int up_main(int argc, char **argv);
int node_main(int argc, char **argv);
int deploy_main(int argc, char **argv);
int bridge_main(int argc, char **argv);
int exit_main(int argc, char **argv);
int channel_main(int argc, char **argv);
int version_main(int argc, char **argv);
int statetest_main(int argc, char **argv);
int vmtest_main(int argc, char **argv);
int blocktest_main(int argc, char **argv);
int chaintest_main(int argc, char **argv);
int bench_main(int argc, char **argv);

#endif

/* varve bench: times parts of the program by themselves. */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

/* argv[0] is "bench". Returns the exit code. */
int bench_main(int argc, char **argv);

#endif

/* Running official tests: finds the JSON files, spreads them over processes, counts and prints.
 *
 * Each worker is a process of its own, so that a test that brings the program down fails alone: its
 * successor goes on with the next test. A worker takes whole files, and helps with the files of
 * others when none are left; what is said about them is printed in the files' order. */
#ifndef CLI_SUITE_H
#define CLI_SUITE_H

#include "base/json.h"

struct suite_run;

struct suite {
    const char *fork; /* --fork; NULL: all */
    const char *only; /* --only: a part of the names wanted; NULL: all */
    unsigned flags;   /* which of the command's own options are given, a bit each */
    unsigned jobs;
    unsigned every; /* --every: one file in so many, for a sample; 1: all */
    char **paths; /* files (.json), folders, archives (.tar.zst) */
    usize path_count;
    usize scratch_room; /* bytes of address space that one test may need */
    /* Judges every test of one file by suite_begin and one of the three verdicts for each. */
    void (*run_file)(struct suite_run *run, json file);
};

/* Returns the exit code: 0 where nothing failed. */
int suite_main(const struct suite *suite);

/* --- For run_file. */

/* Starts a test. False: do not run it, another worker does. */
bool suite_begin(struct suite_run *run, json name, const char *variant);
void suite_pass(struct suite_run *run);
[[gnu::format(printf, 2, 3)]] void suite_fail(struct suite_run *run, const char *format, ...);
void suite_skip(struct suite_run *run, const char *why);

/* More about the failure just reported, indented, a line each. */
[[gnu::format(printf, 2, 3)]] void suite_note(struct suite_run *run, const char *format, ...);

/* A line about the running test, which ends with its name: what was measured, say. */
[[gnu::format(printf, 2, 3)]] void suite_say(struct suite_run *run, const char *format, ...);

/* Whether --fork lets this fork pass. */
bool suite_wants_fork(const struct suite_run *run, json fork);

/* Whether the command's own option of that index is given. */
bool suite_flag(const struct suite_run *run, unsigned index);

/* What lives as long as the file, and scratch, which suite_begin clears. */
struct arena *suite_file_arena(struct suite_run *run);
struct arena *suite_scratch(struct suite_run *run);

#endif

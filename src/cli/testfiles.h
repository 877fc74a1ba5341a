/* Test files: of a folder, of a .tar.zst archive (unpacked in memory), or single ones. */
#ifndef CLI_TESTFILES_H
#define CLI_TESTFILES_H

#include "base/bytes.h"
#include "base/status.h"

struct test_file {
    char *name;    /* a path, or ARCHIVE:NAME */
    bytes content; /* of an archive's member; empty: read it from the path */
};

struct test_files {
    struct test_file *at; /* in the order of their names within each path that was given */
    usize count, room;
};

/* Adds what `path` stands for: files whose name ends in .json.
 * ST_IO, ST_INVALID: cannot be read, with the sentence. */
enum status test_files_add(struct test_files *files, const char *path, struct err *err);

/* Keeps the first of every `every` files. */
void test_files_sample(struct test_files *files, usize every);

/* The names and the list; unpacked archives stay as long as the process. */
void test_files_free(struct test_files *files);

#endif

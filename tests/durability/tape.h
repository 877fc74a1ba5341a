/* A tape of everything that a process writes and syncs below one folder, and the disks that a power
 * cut could have left at any point of it.
 *
 * Recording stands in for libc's write and sync functions, so that LMDB's own I/O is on the tape as
 * well as what goes through sys/files. The program that links this must not be built with a
 * sanitizer that does the same.
 *
 * The model: what was written to a file before its last completed sync is there. Of later writes
 * each may be there, be missing, or be there in part (sectors of 512 bytes); later ones may be
 * there without earlier ones. A truncation counts as a write of the size. O_DSYNC makes its own
 * write durable, and nothing else. */
#ifndef DURABILITY_TAPE_H
#define DURABILITY_TAPE_H

#include "base/bytes.h"

/* Starts recording writes to files in `folder` and in its folders. */
void tape_start(const char *folder);
void tape_stop(void);

/* Writes and syncs recorded so far: a position on the tape. */
usize tape_length(void);
/* Says what the operation at a position was: "write state 8192+4096". */
void tape_describe(usize position, char *to, usize size);

enum fate {
    FATE_LOST,  /* nothing that was not synced is there */
    FATE_KEPT,  /* all of it is */
    FATE_MIXED, /* a part of it, chosen by the seed: whole writes, in any order */
    FATE_TORN,  /* the same, down to sectors */
    FATE_COUNT,
};

/* Makes `folder`, which exists with the folders that the recorded one had and is otherwise empty or
 * was made by this function, hold the files as they could be after a power cut just before the
 * operation at `position`. */
void tape_replay(usize position, enum fate fate, u64 seed, const char *folder);

#endif

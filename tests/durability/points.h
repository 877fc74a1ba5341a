/* The moments at which a process touches the world: its writes, syncs and renames of files, and
 * what it sends to and takes from sockets. It ends at the one that was chosen, as if killed.
 *
 * Stands in for libc's functions, as tape.h does. Not for threads that are being started.
 *
 * As a library that is loaded before libc (LD_PRELOAD, points_preload.c) it does so in a program of
 * any kind: then another process chooses the moment, by a file that both have mapped. */
#ifndef DURABILITY_POINTS_H
#define DURABILITY_POINTS_H

#include "base/int.h"

#include <stdatomic.h>

enum point_how {
    POINT_BEFORE, /* nothing of it is done */
    POINT_HALF,   /* a write or send is half done */
    POINT_AFTER,  /* all of it, but nobody hears of it */
    POINT_HOWS,
};

/* The exit status of a process that came to its point. */
enum { POINT_STATUS = 99 };

/* What the file holds, in the machine's order of bytes. Set `how` first. */
struct points {
    atomic_uint left; /* until the chosen one; 0: none is chosen */
    atomic_uint how;
};
/* Counts there from now on. It outlives the process. */
void points_share(struct points *points);
/* Moments of threads with this name do not count: of one that looks at something outside all the
 * time. */
void points_except(const char *thread);

/* From now on the process ends at its `at`th moment, from 1 on. Before it has threads. */
void points_arm(unsigned at, enum point_how how);

#endif

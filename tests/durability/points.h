/* The moments at which a process touches the world: its writes and syncs of files, and what it
 * sends to and takes from sockets. It ends at the one that was chosen, as if killed.
 *
 * Stands in for libc's functions, as tape.h does. Not for threads that are being started. */
#ifndef DURABILITY_POINTS_H
#define DURABILITY_POINTS_H

#include "base/int.h"

enum point_how {
    POINT_BEFORE, /* nothing of it is done */
    POINT_HALF,   /* a write or send is half done */
    POINT_AFTER,  /* all of it, but nobody hears of it */
    POINT_HOWS,
};

/* The exit status of a process that came to its point. */
enum { POINT_STATUS = 99 };

/* From now on the process ends at its `at`th moment, from 1 on. Before it has threads. */
void points_arm(unsigned at, enum point_how how);

#endif

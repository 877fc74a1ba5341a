/* For tests: files that end with the power. The test says at which write, truncation, sync or
 * rename it goes; that one is half done, later ones fail, and when the power returns each file
 * holds of what was not synced all, nothing, or some of its sectors. Threads may write at once.
 *
 * For files that only grow or are written anew: what was synced is not written over, unless that
 * was zeros at the end; these may go too. */
#ifndef SYS_POWER_H
#define SYS_POWER_H

#include "sys/files.h"

enum { POWER_FILES = 8, POWER_PATH = 320 };

struct power {
    struct files files; /* for the code under test */
    const struct files *inner;
    unsigned left; /* operations until the power goes; 0: it has gone */

    struct {
        struct file *file; /* NULL: free */
        char path[POWER_PATH];
    } open[POWER_FILES];
    struct {
        char path[POWER_PATH]; /* of a file that was written to; "": free */
        u64 synced;            /* bytes of it that will be there: up to the first unsynced write */
    } dirty[POWER_FILES];
};

enum power_fate { POWER_KEPT, POWER_LOST, POWER_TORN, POWER_FATES };

/* With all the power that there is. */
void power_init(struct power *power);
/* After the code under test has closed its files. */
void power_return(struct power *power, enum power_fate fate, unsigned seed);

#endif

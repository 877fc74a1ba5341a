/* Folders for a test of this folder, which removes them itself. */
#ifndef DURABILITY_SCRATCH_H
#define DURABILITY_SCRATCH_H

#include "base/int.h"

/* A new one, whose path goes to `to`; in memory where there is such a place, since the disk's own
 * syncs would only cost time here. Returns `to`. */
char *scratch_folder(const char *name, char *to, usize size);

#endif

/* Randomness of the operating system, fit for keys (getrandom(2)). Not named random.h: that would
 * hide the system's <sys/random.h>. */
#ifndef SYS_ENTROPY_H
#define SYS_ENTROPY_H

#include "base/int.h"

void random_fill(void *to, usize size);

u64 random_u64(void);

#endif

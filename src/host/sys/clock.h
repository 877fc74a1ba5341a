/* Time. The monotonic clock counts from an arbitrary start and never runs backwards: for durations
 * and deadlines. The wall clock counts since 1970-01-01 UTC and may jump: for timestamps alone. */
#ifndef SYS_CLOCK_H
#define SYS_CLOCK_H

#include "base/int.h"

u64 clock_now_ms(void);
u64 clock_now_ns(void);

u64 clock_wall_ms(void);

/* What the calling thread has used of a processor: for shares of work. */
u64 clock_thread_ns(void);

#endif

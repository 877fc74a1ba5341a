#include "sys/clock.h"

#include "base/bug.h"

#include <time.h>

static struct timespec read_clock(clockid_t which)
{
    struct timespec now;
    assert(clock_gettime(which, &now) == 0);
    return now;
}

u64 clock_now_ns(void)
{
    struct timespec now = read_clock(CLOCK_MONOTONIC);
    return (u64)now.tv_sec * 1000000000 + (u64)now.tv_nsec;
}

u64 clock_now_ms(void)
{
    return clock_now_ns() / 1000000;
}

u64 clock_wall_ms(void)
{
    struct timespec now = read_clock(CLOCK_REALTIME);
    return (u64)now.tv_sec * 1000 + (u64)now.tv_nsec / 1000000;
}

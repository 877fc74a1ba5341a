#include "sys/clock.h"

#include "base/bug.h"

#include <time.h>

static struct timespec read_clock(clockid_t which)
{
    struct timespec now;
    assert(clock_gettime(which, &now) == 0);
    return now;
}

static u64 read_ns(clockid_t which)
{
    struct timespec now = read_clock(which);
    return (u64)now.tv_sec * 1000000000 + (u64)now.tv_nsec;
}

u64 clock_now_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

u64 clock_thread_ns(void)
{
    return read_ns(CLOCK_THREAD_CPUTIME_ID);
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

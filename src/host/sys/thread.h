/* Threads, and a pool of them for work that should not hold up its caller.
 *
 * Every thread started here blocks all signals, so that they reach the one thread that asked for
 * them (sys/loop.h), and a write to a closed socket fails instead of ending the program. */
#ifndef SYS_THREAD_H
#define SYS_THREAD_H

#include "base/status.h"

#include <pthread.h>

/* `name` shows in debuggers; at most 15 characters. ST_FULL: the system has no room for it. */
enum status thread_start(pthread_t *out, const char *name, void *(*run)(void *self), void *self,
                         struct err *err);

/* Processors that this process may use; at least 1. */
usize thread_processors(void);

struct pool;

/* `size` threads; 0: one for each processor. At most `queue_limit` jobs wait.
 * ST_FULL: the system has no room for them. */
enum status pool_new(usize size, usize queue_limit, struct pool **out, struct err *err);

/* Runs what still waits, then ends the threads. NULL is fine. */
void pool_free(struct pool *pool);

usize pool_size(const struct pool *pool);

/* A piece of work. Its owner keeps it alive until `run` is called, which may free it. */
struct pool_job {
    void (*run)(struct pool_job *job);
    struct pool_job *next; /* the pool's own */
};

/* Queues a job, first in first out. ST_FULL: as many wait as may; nothing was queued. */
enum status pool_submit(struct pool *pool, struct pool_job *job);

/* Calls run(self, i) for every i below `count`, on the pool and on the calling thread, and returns
 * when all calls have returned. It goes before waiting jobs, and may be called from one. */
void pool_run_all(struct pool *pool, void (*run)(void *self, usize index), void *self, usize count);

#endif

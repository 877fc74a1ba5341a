#include "sys/thread.h"

#include "harness/test.h"

#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

struct counting {
    struct pool *pool;
    atomic_uint calls[1000];
    atomic_uint nested;
};

static void count_call(void *self, usize index)
{
    struct counting *counting = self;
    counting->calls[index]++;
}

TEST(pool_run_all_makes_every_call_once)
{
    struct err err;
    struct counting counting = {0};
    CHECK(pool_new(3, 8, &counting.pool, &err) == ST_OK && pool_size(counting.pool) == 3);
    for (usize round = 1; round <= 50; round++) {
        pool_run_all(counting.pool, count_call, &counting, countof(counting.calls));
        for (usize i = 0; i < countof(counting.calls); i++)
            CHECK_ROW(i, counting.calls[i] == round);
    }
    pool_run_all(counting.pool, count_call, &counting, 0);
    pool_free(counting.pool);
}

static void count_nested(void *self, usize index)
{
    struct counting *counting = self;
    counting->nested++;
    if (index < 10)
        pool_run_all(counting->pool, count_call, counting, 100);
}

TEST(pool_run_all_works_inside_itself)
{
    struct err err;
    struct counting counting = {0};
    CHECK(pool_new(2, 8, &counting.pool, &err) == ST_OK);
    pool_run_all(counting.pool, count_nested, &counting, 20);
    CHECK(counting.nested == 20);
    for (usize i = 0; i < 100; i++)
        CHECK_ROW(i, counting.calls[i] == 10);
    pool_free(counting.pool);
}

/* A job that waits until it is let go. */
struct gate {
    struct pool_job job;
    pthread_mutex_t *closed;
    atomic_uint *done;
};

static void pass_gate(struct pool_job *job)
{
    struct gate *gate = (struct gate *)job;
    pthread_mutex_lock(gate->closed);
    pthread_mutex_unlock(gate->closed);
    ++*gate->done;
}

TEST(pool_refuses_jobs_above_its_limit_and_runs_what_waits_before_it_ends)
{
    struct err err;
    struct pool *pool;
    pthread_mutex_t closed = PTHREAD_MUTEX_INITIALIZER;
    atomic_uint done = 0;
    struct gate gates[20];
    usize accepted = 0;
    CHECK(pool_new(1, 4, &pool, &err) == ST_OK);
    pthread_mutex_lock(&closed);
    for (usize i = 0; i < countof(gates); i++) {
        gates[i] = (struct gate){{.run = pass_gate}, &closed, &done};
        accepted += pool_submit(pool, &gates[i].job) == ST_OK;
    }
    CHECK(accepted == 4 || accepted == 5); /* one of them may be running already */
    CHECK(done == 0);
    pthread_mutex_unlock(&closed);
    pool_free(pool);
    CHECK(done == accepted);
}

static void *note_mask(void *self)
{
    sigset_t *mask = self;
    pthread_sigmask(SIG_SETMASK, NULL, mask);
    return NULL;
}

TEST(thread_starts_with_signals_blocked)
{
    struct err err;
    pthread_t thread;
    sigset_t mask;
    CHECK(thread_start(&thread, "test", note_mask, &mask, &err) == ST_OK);
    pthread_join(thread, NULL);
    CHECK(sigismember(&mask, SIGINT) && sigismember(&mask, SIGTERM) && sigismember(&mask, SIGPIPE));
    CHECK(thread_processors() >= 1);
}

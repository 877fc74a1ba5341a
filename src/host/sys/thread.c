#include "sys/thread.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum status thread_start(pthread_t *out, const char *name, void *(*run)(void *self), void *self,
                         struct err *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* the new thread inherits it */
    int failure = pthread_create(out, NULL, run, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure != 0)
        return fail(err, ST_FULL, "cannot start thread %s: %s", name, strerrordesc_np(failure));
    pthread_setname_np(*out, name);
    return ST_OK;
}

usize thread_processors(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    return count < 1 ? 1 : (usize)count;
}

/* One pool_run_all in progress. It lives on its caller's stack: a worker counts itself in under the
 * lock, and the caller leaves when it has unlinked the batch and nobody is inside. */
struct batch {
    void (*run)(void *self, usize index);
    void *self;
    usize count;
    atomic_size_t next_index;
    usize helpers; /* workers inside; under the pool's lock */
    pthread_cond_t left;
    struct batch *next;
};

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct batch *batches;
    struct pool_job *first, **end; /* queue of jobs */
    usize queued, queue_limit;
    bool ending;
    usize size; /* threads that run */
    pthread_t threads[];
};

static void batch_work(struct batch *batch)
{
    for (;;) {
        usize index = atomic_fetch_add_explicit(&batch->next_index, 1, memory_order_relaxed);
        if (index >= batch->count)
            return;
        batch->run(batch->self, index);
    }
}

/* A batch with calls left to make, or NULL. Under the lock. */
static struct batch *open_batch(struct pool *pool)
{
    for (struct batch *batch = pool->batches; batch != NULL; batch = batch->next)
        if (atomic_load_explicit(&batch->next_index, memory_order_relaxed) < batch->count)
            return batch;
    return NULL;
}

static void help(struct pool *pool, struct batch *batch)
{
    batch->helpers++;
    pthread_mutex_unlock(&pool->lock);
    batch_work(batch);
    pthread_mutex_lock(&pool->lock);
    if (--batch->helpers == 0)
        pthread_cond_signal(&batch->left);
}

static void run_first_job(struct pool *pool)
{
    struct pool_job *job = pool->first;
    pool->first = job->next;
    if (pool->first == NULL)
        pool->end = &pool->first;
    pool->queued--;
    pthread_mutex_unlock(&pool->lock);
    job->run(job);
    pthread_mutex_lock(&pool->lock);
}

static void *worker(void *self)
{
    struct pool *pool = self;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        struct batch *batch = open_batch(pool);
        if (batch != NULL)
            help(pool, batch);
        else if (pool->first != NULL)
            run_first_job(pool);
        else if (pool->ending)
            break;
        else
            pthread_cond_wait(&pool->work, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

enum status pool_new(usize size, usize queue_limit, struct pool **out, struct err *err)
{
    if (size == 0)
        size = thread_processors();
    struct pool *pool = calloc(1, sizeof(*pool) + size * sizeof(pool->threads[0]));
    if (pool == NULL)
        return fail(err, ST_FULL, "no memory for %zu threads", size);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pool->end = &pool->first;
    pool->queue_limit = queue_limit;
    for (; pool->size < size; pool->size++) {
        enum status st = thread_start(&pool->threads[pool->size], "worker", worker, pool, err);
        if (st != ST_OK) {
            pool_free(pool);
            return st;
        }
    }
    *out = pool;
    return ST_OK;
}

void pool_free(struct pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (usize i = 0; i < pool->size; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

usize pool_size(const struct pool *pool)
{
    return pool->size;
}

enum status pool_submit(struct pool *pool, struct pool_job *job)
{
    pthread_mutex_lock(&pool->lock);
    bool full = pool->queued == pool->queue_limit;
    if (!full) {
        job->next = NULL;
        *pool->end = job;
        pool->end = &job->next;
        pool->queued++;
    }
    pthread_mutex_unlock(&pool->lock);
    if (!full)
        pthread_cond_signal(&pool->work); /* after the lock, which the woken thread takes at once */
    return full ? ST_FULL : ST_OK;
}

void pool_run_all(struct pool *pool, void (*run)(void *self, usize index), void *self, usize count)
{
    struct batch batch = {.run = run, .self = self, .count = count};
    pthread_cond_init(&batch.left, NULL);
    if (count > 1) {
        pthread_mutex_lock(&pool->lock);
        batch.next = pool->batches;
        pool->batches = &batch;
        pthread_cond_broadcast(&pool->work);
        pthread_mutex_unlock(&pool->lock);
    }
    batch_work(&batch);
    if (count > 1) {
        pthread_mutex_lock(&pool->lock);
        struct batch **at = &pool->batches;
        while (*at != &batch)
            at = &(*at)->next;
        *at = batch.next;
        while (batch.helpers > 0)
            pthread_cond_wait(&batch.left, &pool->lock);
        pthread_mutex_unlock(&pool->lock);
    }
    pthread_cond_destroy(&batch.left);
}

#include "sys/loop.h"

#include "base/bug.h"
#include "sys/clock.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { BATCH = 64 }; /* events taken from the kernel at once */

struct loop {
    int epoll;
    struct watch wake; /* eventfd that other threads write to */
    struct timer *timers;

    /* The events being handled: a watch that goes away is taken out of those still to come. */
    struct epoll_event events[BATCH];
    int event_at, event_count;

    pthread_mutex_t lock; /* over what follows */
    struct task *first, **end;
    bool stopped;

    struct task *running; /* taken out of that list, and not begun; the loop's thread's own */
};

static u32 epoll_events(unsigned wanted)
{
    u32 events = 0;
    if (wanted & LOOP_READ)
        events |= EPOLLIN;
    if (wanted & LOOP_WRITE)
        events |= EPOLLOUT;
    return events;
}

enum status loop_watch(struct loop *loop, struct watch *watch, unsigned wanted, struct err *err)
{
    struct epoll_event event = {.events = epoll_events(wanted), .data.ptr = watch};
    watch->wanted = wanted;
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, watch->fd, &event) == 0)
        return ST_OK;
    return fail(err, ST_FULL, "cannot watch a descriptor: %s", strerrordesc_np(errno));
}

void loop_rewatch(struct loop *loop, struct watch *watch, unsigned wanted)
{
    if (watch->wanted == wanted)
        return;
    struct epoll_event event = {.events = epoll_events(wanted), .data.ptr = watch};
    watch->wanted = wanted;
    assert(epoll_ctl(loop->epoll, EPOLL_CTL_MOD, watch->fd, &event) == 0);
}

void loop_unwatch(struct loop *loop, struct watch *watch)
{
    assert(epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL) == 0);
    for (int i = loop->event_at; i < loop->event_count; i++)
        if (loop->events[i].data.ptr == watch)
            loop->events[i].data.ptr = NULL;
}

static void handle_events(struct loop *loop)
{
    for (loop->event_at = 0; loop->event_at < loop->event_count;) {
        struct epoll_event event = loop->events[loop->event_at++];
        struct watch *watch = event.data.ptr;
        if (watch == NULL)
            continue;
        unsigned ready = 0;
        if (event.events & EPOLLIN)
            ready |= LOOP_READ;
        if (event.events & EPOLLOUT)
            ready |= LOOP_WRITE;
        if (event.events & (EPOLLERR | EPOLLHUP))
            ready |= LOOP_GONE;
        watch->ready(watch, ready);
    }
}

void loop_set_timer(struct loop *loop, struct timer *timer, u64 at_ms)
{
    loop_drop_timer(timer);
    timer->at_ms = at_ms;
    struct timer **at = &loop->timers;
    while (*at != NULL && (*at)->at_ms <= at_ms)
        at = &(*at)->next;
    timer->next = *at;
    timer->back = at;
    if (timer->next != NULL)
        timer->next->back = &timer->next;
    *at = timer;
}

void loop_drop_timer(struct timer *timer)
{
    if (timer->back == NULL)
        return;
    *timer->back = timer->next;
    if (timer->next != NULL)
        timer->next->back = timer->back;
    timer->back = NULL;
}

/* Those that are due leave the list first, so that one which sets itself to now waits a turn. */
static void run_due_timers(struct loop *loop)
{
    if (loop->timers == NULL)
        return;
    u64 now_ms = clock_now_ms();
    struct timer *due = loop->timers, **end = &due;
    while (*end != NULL && (*end)->at_ms <= now_ms)
        end = &(*end)->next;
    loop->timers = *end;
    if (loop->timers != NULL)
        loop->timers->back = &loop->timers;
    *end = NULL;
    if (due != NULL)
        due->back = &due;
    while (due != NULL) {
        struct timer *timer = due;
        loop_drop_timer(timer);
        timer->due(timer);
    }
}

static int wait_ms(const struct loop *loop)
{
    if (loop->timers == NULL)
        return -1;
    u64 now_ms = clock_now_ms();
    u64 at_ms = loop->timers->at_ms;
    return at_ms <= now_ms ? 0 : (int)min_u64(at_ms - now_ms, INT_MAX);
}

static void wake(struct loop *loop)
{
    u64 one = 1;
    ssize_t written = write(loop->wake.fd, &one, sizeof(one));
    assert(written == sizeof(one) || errno == EAGAIN); /* full: it is awake already */
}

void loop_post(struct loop *loop, struct task *task)
{
    pthread_mutex_lock(&loop->lock);
    bool was_empty = loop->first == NULL;
    task->next = NULL;
    *loop->end = task;
    loop->end = &task->next;
    pthread_mutex_unlock(&loop->lock);
    if (was_empty)
        wake(loop);
}

static struct task **find_task(struct task **at, const struct task *task)
{
    while (*at != NULL && *at != task)
        at = &(*at)->next;
    return at;
}

void loop_drop_task(struct loop *loop, struct task *task)
{
    pthread_mutex_lock(&loop->lock);
    struct task **at = find_task(&loop->first, task);
    if (*at != NULL && loop->end == &task->next)
        loop->end = at;
    if (*at == NULL)
        at = find_task(&loop->running, task);
    if (*at != NULL)
        *at = task->next;
    pthread_mutex_unlock(&loop->lock);
}

void loop_stop(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    loop->stopped = true;
    pthread_mutex_unlock(&loop->lock);
    wake(loop);
}

static void run_tasks(struct watch *watch, unsigned events)
{
    (void)events;
    struct loop *loop = (struct loop *)((u8 *)watch - offsetof(struct loop, wake));
    u64 count;
    ssize_t got = read(watch->fd, &count, sizeof(count));
    assert(got == sizeof(count) || errno == EAGAIN);
    pthread_mutex_lock(&loop->lock);
    loop->running = loop->first;
    loop->first = NULL;
    loop->end = &loop->first;
    pthread_mutex_unlock(&loop->lock);
    while (loop->running != NULL) {
        struct task *task = loop->running;
        loop->running = task->next; /* `run` may free, drop or post tasks */
        task->run(task);
    }
}

static bool is_stopped(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    bool stopped = loop->stopped;
    pthread_mutex_unlock(&loop->lock);
    return stopped;
}

void loop_run(struct loop *loop)
{
    while (!is_stopped(loop)) {
        int count = epoll_wait(loop->epoll, loop->events, BATCH, wait_ms(loop));
        assert(count >= 0 || errno == EINTR);
        loop->event_count = count > 0 ? count : 0;
        handle_events(loop);
        run_due_timers(loop);
    }
    pthread_mutex_lock(&loop->lock);
    loop->stopped = false; /* it may run again */
    pthread_mutex_unlock(&loop->lock);
}

enum status loop_new(struct loop **out, struct err *err)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    if (loop == NULL)
        return fail(err, ST_FULL, "no memory for an event loop");
    pthread_mutex_init(&loop->lock, NULL);
    loop->end = &loop->first;
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->wake = (struct watch){.ready = run_tasks, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    enum status st = ST_OK;
    if (loop->epoll < 0 || loop->wake.fd < 0)
        st = fail(err, ST_FULL, "cannot make an event loop: %s", strerrordesc_np(errno));
    if (st == ST_OK)
        st = loop_watch(loop, &loop->wake, LOOP_READ, err);
    if (st != ST_OK) {
        loop_free(loop);
        return st;
    }
    *out = loop;
    return ST_OK;
}

void loop_free(struct loop *loop)
{
    if (loop == NULL)
        return;
    if (loop->wake.fd >= 0)
        close(loop->wake.fd);
    if (loop->epoll >= 0)
        close(loop->epoll);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}

static void read_signals(struct watch *watch, unsigned events)
{
    (void)events;
    struct signals *signals = (struct signals *)((u8 *)watch - offsetof(struct signals, watch));
    struct signalfd_siginfo info;
    while (read(watch->fd, &info, sizeof(info)) == sizeof(info))
        signals->came(signals, (int)info.ssi_signo);
}

enum status loop_take_signals(struct loop *loop, struct signals *signals, const int *numbers,
                              struct err *err)
{
    sigset_t set;
    sigemptyset(&set);
    for (; *numbers != 0; numbers++)
        sigaddset(&set, *numbers);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signals->loop = loop;
    signals->watch =
        (struct watch){.ready = read_signals, .fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
    if (signals->watch.fd < 0)
        return fail(err, ST_FULL, "cannot wait for signals: %s", strerrordesc_np(errno));
    enum status st = loop_watch(loop, &signals->watch, LOOP_READ, err);
    if (st != ST_OK)
        close(signals->watch.fd);
    return st;
}

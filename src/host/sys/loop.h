/* An event loop on one thread: descriptors, timers, signals, and tasks from other threads.
 *
 * Watches, timers and tasks live inside their owners' structs, so the loop allocates nothing; an
 * owner takes them out before it frees them. All functions belong to the loop's thread but
 * loop_post and loop_stop. */
#ifndef SYS_LOOP_H
#define SYS_LOOP_H

#include "base/status.h"

struct loop;

/* ST_FULL: no descriptors left. */
enum status loop_new(struct loop **out, struct err *err);
/* Tasks that have not run are dropped. NULL is fine. */
void loop_free(struct loop *loop);

/* Runs until loop_stop. */
void loop_run(struct loop *loop);
/* From any thread, or from a signal handler's place in the loop. A stop before loop_run counts. */
void loop_stop(struct loop *loop);

/* --- Descriptors. */

enum {
    LOOP_READ = 1,
    LOOP_WRITE = 2,
    LOOP_GONE = 4, /* reported only: error, or the other side has closed altogether */
};

struct watch {
    void (*ready)(struct watch *watch, unsigned events);
    int fd;
    unsigned wanted; /* the loop's own: what was asked for */
};

/* Calls `ready` whenever the descriptor is ready for `wanted`, for as long as it is.
 * ST_FULL: the system's limit of watches. */
enum status loop_watch(struct loop *loop, struct watch *watch, unsigned wanted, struct err *err);
/* Changes what is waited for; 0: only that it is gone. */
void loop_rewatch(struct loop *loop, struct watch *watch, unsigned wanted);
/* Before the descriptor is closed. No call of `ready` follows. */
void loop_unwatch(struct loop *loop, struct watch *watch);

/* --- Timers. Kept in a sorted list: meant for dozens, not for one per connection. */

struct timer {
    void (*due)(struct timer *timer);
    u64 at_ms;           /* of clock_now_ms */
    struct timer *next;  /* the loop's own */
    struct timer **back; /* the loop's own: what points here; NULL: not set */
};

/* Once, at `at_ms`. A timer that is already set moves. */
void loop_set_timer(struct loop *loop, struct timer *timer, u64 at_ms);
void loop_drop_timer(struct timer *timer);

/* --- Tasks, from any thread. */

struct task {
    void (*run)(struct task *task); /* may free the task */
    struct task *next;              /* the loop's own */
};

/* Runs the task on the loop's thread, soon; in the order of posting. A task is posted again only
 * after it has begun to run. */
void loop_post(struct loop *loop, struct task *task);
/* On the loop's thread, before its owner frees it: it will not run, whether it was posted or not. */
void loop_drop_task(struct loop *loop, struct task *task);

/* --- Signals. */

struct signals {
    void (*came)(struct signals *signals, int number);
    struct watch watch; /* the loop's own */
    struct loop *loop;  /* the loop's own */
};

/* Calls `came` for each of `numbers`, which is ended by 0, instead of what they would do. They are
 * blocked in the calling thread, so call it before other threads start that don't block them. */
enum status loop_take_signals(struct loop *loop, struct signals *signals, const int *numbers,
                              struct err *err);

#endif

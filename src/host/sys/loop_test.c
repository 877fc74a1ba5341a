#include "sys/loop.h"

#include "harness/test.h"
#include "sys/clock.h"
#include "sys/entropy.h"
#include "sys/thread.h"

#include <signal.h>
#include <unistd.h>

static struct loop *new_loop(void)
{
    struct err err;
    struct loop *loop = NULL;
    CHECK(loop_new(&loop, &err) == ST_OK);
    return loop;
}

struct ticking {
    struct timer timer;
    struct loop *loop;
    char *order;
    char name;
};

static void tick(struct timer *timer)
{
    struct ticking *ticking = (struct ticking *)timer;
    ticking->order[strlen(ticking->order)] = ticking->name;
    if (ticking->name == 'z')
        loop_stop(ticking->loop);
}

TEST(loop_timers_run_in_order_of_their_time)
{
    struct loop *loop = new_loop();
    char order[8] = "";
    u64 now_ms = clock_now_ms();
    struct ticking all[] = {
        {{.due = tick}, loop, order, 'z'},
        {{.due = tick}, loop, order, 'b'},
        {{.due = tick}, loop, order, 'a'},
        {{.due = tick}, loop, order, 'x'},
    };
    loop_set_timer(loop, &all[0].timer, now_ms + 30);
    loop_set_timer(loop, &all[1].timer, now_ms + 90);
    loop_set_timer(loop, &all[2].timer, now_ms);
    loop_set_timer(loop, &all[3].timer, now_ms + 5);
    loop_set_timer(loop, &all[1].timer, now_ms + 10); /* moved */
    loop_drop_timer(&all[3].timer);
    loop_run(loop);
    CHECK(strcmp(order, "abz") == 0);
    CHECK(clock_now_ms() >= now_ms + 30);
    loop_free(loop);
}

struct pair {
    struct watch watch;
    struct loop *loop;
    struct pair *other;
    usize calls;
};

/* Takes the other watch out although its event may already be waiting. */
static void take_other_out(struct watch *watch, unsigned events)
{
    struct pair *pair = (struct pair *)watch;
    CHECK(events & LOOP_READ);
    pair->calls++;
    loop_unwatch(pair->loop, &pair->other->watch);
    loop_stop(pair->loop);
}

TEST(loop_calls_no_watch_that_was_taken_out)
{
    struct loop *loop = new_loop();
    struct err err;
    struct pair pairs[2];
    int ends[2][2];
    for (usize i = 0; i < 2; i++) {
        CHECK(pipe(ends[i]) == 0);
        pairs[i] =
            (struct pair){{.ready = take_other_out, .fd = ends[i][0]}, loop, &pairs[1 - i], 0};
        CHECK(loop_watch(loop, &pairs[i].watch, LOOP_READ, &err) == ST_OK);
        CHECK(write(ends[i][1], "x", 1) == 1);
    }
    loop_run(loop);
    CHECK(pairs[0].calls + pairs[1].calls == 1);
    for (usize i = 0; i < 2; i++) {
        close(ends[i][0]);
        close(ends[i][1]);
    }
    loop_free(loop);
}

static void note_events(struct watch *watch, unsigned events)
{
    struct pair *pair = (struct pair *)watch;
    pair->calls = events;
    loop_stop(pair->loop);
}

TEST(loop_reports_what_was_asked_for_and_that_the_other_side_is_gone)
{
    struct loop *loop = new_loop();
    struct err err;
    int ends[2];
    CHECK(pipe(ends) == 0);
    struct pair writer = {{.ready = note_events, .fd = ends[1]}, loop, NULL, 0};
    CHECK(loop_watch(loop, &writer.watch, LOOP_WRITE, &err) == ST_OK);
    loop_run(loop);
    CHECK(writer.calls == LOOP_WRITE);
    loop_rewatch(loop, &writer.watch, 0);
    close(ends[0]);
    loop_run(loop);
    CHECK(writer.calls == LOOP_GONE);
    loop_unwatch(loop, &writer.watch);
    close(ends[1]);
    loop_free(loop);
}

enum { POSTERS = 4, POSTS = 1000 };

struct posted {
    struct task task;
    struct poster *poster;
    usize number;
};

struct poster {
    struct loop *loop;
    usize *total; /* the loop's thread only */
    usize next;
    struct posted tasks[POSTS];
};

static void count_task(struct task *task)
{
    struct posted *posted = (struct posted *)task;
    CHECK(posted->number == posted->poster->next++);
    if (++*posted->poster->total == POSTERS * POSTS)
        loop_stop(posted->poster->loop);
}

static void *post_all(void *self)
{
    struct poster *poster = self;
    for (usize i = 0; i < POSTS; i++) {
        poster->tasks[i] = (struct posted){{.run = count_task}, poster, i};
        loop_post(poster->loop, &poster->tasks[i].task);
    }
    return NULL;
}

TEST(loop_runs_every_task_of_every_thread_in_order)
{
    struct loop *loop = new_loop();
    struct err err;
    usize total = 0;
    struct poster *posters = ARENA_NEW(test_arena(), struct poster, POSTERS);
    pthread_t threads[POSTERS];
    for (usize i = 0; i < POSTERS; i++) {
        posters[i].loop = loop;
        posters[i].total = &total;
        CHECK(thread_start(&threads[i], "poster", post_all, &posters[i], &err) == ST_OK);
    }
    loop_run(loop);
    CHECK(total == POSTERS * POSTS);
    for (usize i = 0; i < POSTERS; i++)
        pthread_join(threads[i], NULL);
    loop_free(loop);
}

struct dropping {
    struct task task;
    struct loop *loop;
    struct dropping *victims; /* two that it drops; NULL: none */
    usize runs;
};

static void drop_two(struct task *task)
{
    struct dropping *self = (struct dropping *)task;
    self->runs++;
    for (usize i = 0; i < 2 && self->victims != NULL; i++)
        loop_drop_task(self->loop, &self->victims[i].task);
    if (self->victims == NULL)
        loop_stop(self->loop);
}

TEST(loop_runs_no_task_that_was_dropped)
{
    struct loop *loop = new_loop();
    struct dropping of[6];
    for (usize i = 0; i < countof(of); i++)
        of[i] = (struct dropping){{.run = drop_two}, loop, NULL, 0};
    of[0].victims = &of[1]; /* while they wait to be run */
    for (usize i = 0; i < 5; i++)
        loop_post(loop, &of[i].task);
    loop_drop_task(loop, &of[4].task); /* the last one, so that the list has another end */
    loop_drop_task(loop, &of[5].task); /* one that is not there */
    loop_post(loop, &of[5].task);
    loop_run(loop);
    const usize runs[] = {1, 0, 0, 1, 0, 1};
    for (usize i = 0; i < countof(of); i++)
        CHECK_ROW(i, of[i].runs == runs[i]);
    loop_free(loop);
}

struct caught {
    struct signals signals;
    int number;
};

static void note_signal(struct signals *signals, int number)
{
    ((struct caught *)signals)->number = number;
    loop_stop(signals->loop);
}

TEST(loop_turns_signals_into_calls)
{
    struct loop *loop = new_loop();
    struct err err;
    struct caught caught = {.signals = {.came = note_signal}};
    sigset_t before;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    CHECK(loop_take_signals(loop, &caught.signals, (int[]){SIGUSR1, SIGUSR2, 0}, &err) == ST_OK);
    CHECK(raise(SIGUSR2) == 0);
    loop_run(loop);
    CHECK(caught.number == SIGUSR2);
    close(caught.signals.watch.fd);
    loop_free(loop);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

TEST(random_values_differ)
{
    CHECK(random_u64() != random_u64());
}

#include "cli/suite.h"

#include "base/fmt.h"
#include "cli/testfiles.h"
#include "sys/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_JOBS = 64, MAX_REASONS = 32, TEST_SECONDS = 600, NOTHING = -1 };
enum { KEEP = 64 << 20 }; /* bytes of memory that a worker does not give back between tests */

/* What survives a worker, in memory that it shares with its parent. */
struct shared {
    atomic_size_t next_file;
    struct worker_slot {
        i64 file;     /* being worked on, or NOTHING */
        u64 test;     /* number of the running test within the file */
        bool running; /* between suite_begin and its verdict */
        u64 passed, failed, skipped;
        char name[512]; /* of the running test */
    } slots[MAX_JOBS];
    struct {
        char why[64];
        atomic_ulong count;
    } reasons[MAX_REASONS];
    atomic_flag reasons_locked;
    /* A file's tests are claimed in order, by the worker that took the file and by those that had
     * nothing left to take and help. */
    struct file_state {
        atomic_ulong claimed;  /* tests below this number are taken */
        atomic_uint walkers;   /* workers that walk the file */
        atomic_bool exhausted; /* all of its tests are claimed */
    } files[];
};

/* A worker's own side. */
struct suite_run {
    const struct suite *suite;
    struct shared *shared;
    struct worker_slot *slot;
    u64 seen; /* tests of the current file that the walk has come to */
    int pipe;
    const char *file_name;
    struct pages file_pages, scratch_pages;
    struct arena file_arena, scratch;
};

/* What goes through the pipe: lines for the file, and that it is finished (size 0). */
struct frame {
    u32 file;
    u32 size;
};

/* --- The worker. */

static void send_frame(struct suite_run *run, const char *text, usize size)
{
    char buffer[sizeof(struct frame) + 4096];
    struct frame frame = {(u32)run->slot->file, (u32)(size < 4096 ? size : 4096)};
    memcpy(buffer, &frame, sizeof(frame));
    memcpy(buffer + sizeof(frame), text, frame.size);
    usize whole = sizeof(frame) + frame.size, sent = 0;
    while (sent < whole) {
        ssize_t count = write(run->pipe, buffer + sent, whole - sent);
        if (count < 0 && errno != EINTR)
            _exit(3); /* the parent is gone */
        sent += count > 0 ? (usize)count : 0;
    }
}

static bool contains(bytes text, const char *part)
{
    return memmem(text.data, text.size, part, strlen(part)) != NULL;
}

/* Whether this worker gets the next test of its file. */
static bool claim_test(struct suite_run *run)
{
    unsigned long number = run->seen++;
    struct file_state *file = &run->shared->files[run->slot->file];
    return atomic_compare_exchange_strong(&file->claimed, &number, number + 1);
}

bool suite_begin(struct suite_run *run, json name, const char *variant)
{
    struct worker_slot *slot = run->slot;
    if (run->suite->only != NULL && !contains(name.text, run->suite->only))
        return false;
    if (!claim_test(run))
        return false;
    slot->running = true;
    const char *text = name.text.size > 0 ? (const char *)name.text.data : "";
    fmt(slot->name, sizeof(slot->name), "%.*s%s%s", (int)name.text.size, text,
        variant[0] != 0 ? " " : "", variant);
    if (run->scratch.at != NULL && run->scratch.at > run->scratch_pages.start + KEEP)
        pages_trim(&run->scratch_pages, KEEP);
    run->scratch = pages_arena(&run->scratch_pages);
    alarm(TEST_SECONDS);
    return true;
}

static void end_test(struct suite_run *run, u64 *counter)
{
    assert(run->slot->running);
    run->slot->running = false;
    (*counter)++;
    alarm(0);
}

void suite_pass(struct suite_run *run)
{
    end_test(run, &run->slot->passed);
}

void suite_fail(struct suite_run *run, const char *format, ...)
{
    char why[2048], line[4096];
    va_list args;
    va_start(args, format);
    fmt_va(why, sizeof(why), format, args);
    va_end(args);
    usize size =
        fmt(line, sizeof(line), "FAIL %s\n  %s\n    %s\n", run->file_name, run->slot->name, why);
    send_frame(run, line, size);
    end_test(run, &run->slot->failed);
}

void suite_note(struct suite_run *run, const char *format, ...)
{
    char note[2048], line[2100];
    va_list args;
    va_start(args, format);
    fmt_va(note, sizeof(note), format, args);
    va_end(args);
    usize size = fmt(line, sizeof(line), "      %s\n", note);
    send_frame(run, line, size);
}

void suite_say(struct suite_run *run, const char *format, ...)
{
    char what[1024], line[2048];
    va_list args;
    va_start(args, format);
    fmt_va(what, sizeof(what), format, args);
    va_end(args);
    send_frame(run, line, fmt(line, sizeof(line), "%s %s\n", what, run->slot->name));
}

void suite_skip(struct suite_run *run, const char *why)
{
    struct shared *shared = run->shared;
    while (atomic_flag_test_and_set(&shared->reasons_locked))
        ;
    usize i = 0;
    while (i < MAX_REASONS - 1 && shared->reasons[i].why[0] != 0 &&
           strcmp(shared->reasons[i].why, why) != 0)
        i++;
    fmt(shared->reasons[i].why, sizeof(shared->reasons[i].why), "%s", why);
    shared->reasons[i].count++;
    atomic_flag_clear(&shared->reasons_locked);
    end_test(run, &run->slot->skipped);
}

bool suite_wants_fork(const struct suite_run *run, json fork)
{
    return run->suite->fork == NULL || json_says(fork, run->suite->fork);
}

bool suite_flag(const struct suite_run *run, unsigned index)
{
    return (run->suite->flags >> index & 1) != 0;
}

struct arena *suite_file_arena(struct suite_run *run)
{
    return &run->file_arena;
}

struct arena *suite_scratch(struct suite_run *run)
{
    return &run->scratch;
}

static enum status load(const struct test_file *file, bytes *out, struct arena *arena,
                        struct err *err)
{
    *out = file->content;
    if (file->content.data != NULL)
        return ST_OK;
    struct stat info;
    int fd = open(file->name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0)
        return fail(err, ST_IO, "%s", strerror(errno));
    u8 *content = ARENA_TAKE(arena, u8, (usize)info.st_size);
    usize size = 0;
    for (ssize_t got; (got = read(fd, content + size, (usize)info.st_size - size)) > 0;)
        size += (usize)got;
    close(fd);
    *out = (bytes){content, size};
    return ST_OK;
}

/* Walks the file `run->slot->file`, which already counts this worker among its walkers. */
static void work_on(struct suite_run *run, const struct test_files *files)
{
    enum { MAX_DEPTH = 64 };
    bytes text;
    json all;
    struct err err;
    const struct test_file *file = &files->at[run->slot->file];
    struct file_state *state = &run->shared->files[run->slot->file];
    run->seen = 0;
    run->file_name = file->name;
    run->file_arena = pages_arena(&run->file_pages);
    enum status st = load(file, &text, &run->file_arena, &err);
    if (st == ST_OK)
        st = json_check(text, MAX_DEPTH, &all, &err);
    if (st == ST_OK)
        run->suite->run_file(run, all);
    else if (suite_begin(run, (json){BYTES_EMPTY}, "the file"))
        suite_fail(run, "%s", err.text);
    state->exhausted = true;
    if (--state->walkers == 0)
        send_frame(run, "", 0);
    pages_trim(&run->file_pages, KEEP);
}

/* A file that nobody has begun, else one that another worker is still busy with. */
static bool take_file(struct suite_run *run, usize count)
{
    struct shared *shared = run->shared;
    usize next = shared->next_file++;
    run->slot->file = NOTHING;
    if (next < count) {
        shared->files[next].walkers++;
        run->slot->file = (i64)next;
        return true;
    }
    for (usize i = 0; i < count; i++) {
        unsigned walkers = shared->files[i].walkers;
        while (walkers > 0 && !shared->files[i].exhausted)
            if (atomic_compare_exchange_weak(&shared->files[i].walkers, &walkers, walkers + 1)) {
                run->slot->file = (i64)i;
                return true;
            }
    }
    return false;
}

/* Never returns. A slot that names a file is one whose worker died: its successor walks on. */
_Noreturn static void worker(const struct suite *suite, struct shared *shared, usize index,
                             const struct test_files *files, int pipe)
{
    static const usize FILE_ROOM = (usize)1 << 36;
    struct suite_run run = {.suite = suite, .shared = shared, .pipe = pipe};
    struct err err;
    run.slot = &shared->slots[index];
    if (pages_reserve(FILE_ROOM, &run.file_pages, &err) != ST_OK ||
        pages_reserve(suite->scratch_room, &run.scratch_pages, &err) != ST_OK) {
        fprintf(stderr, "varve: %s\n", err.text);
        _exit(3);
    }
    if (run.slot->file != NOTHING)
        work_on(&run, files);
    while (take_file(&run, files->count))
        work_on(&run, files);
    _exit(0);
}

/* --- The parent. */

struct output {
    char *text;
    usize size;
    bool finished;
};

struct parent {
    const struct suite *suite;
    struct shared *shared;
    const struct test_files *files;
    struct output *outputs; /* one a file */
    usize printed;          /* files whose output is out */
    struct child {
        pid_t pid;
        int pipe;
        u8 pending[2 * (sizeof(struct frame) + 4096)]; /* what has come of the next frames */
        usize pending_size;
    } children[MAX_JOBS];
};

static void append(struct output *output, const char *text, usize size)
{
    if (size == 0)
        return;
    output->text = realloc(output->text, output->size + size);
    assert(output->text != NULL);
    memcpy(output->text + output->size, text, size);
    output->size += size;
}

static void print_finished(struct parent *parent)
{
    for (; parent->printed < parent->files->count; parent->printed++) {
        struct output *output = &parent->outputs[parent->printed];
        if (!output->finished)
            return;
        if (output->size > 0)
            fwrite(output->text, 1, output->size, stdout);
        free(output->text);
        output->text = NULL;
    }
}

static void start_child(struct parent *parent, usize index)
{
    int ends[2];
    fflush(stdout);
    int made = pipe2(ends, O_CLOEXEC);
    assert(made == 0);
    pid_t pid = fork();
    assert(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        worker(parent->suite, parent->shared, index, parent->files, ends[1]);
    }
    close(ends[1]);
    parent->children[index] = (struct child){.pid = pid, .pipe = ends[0]};
}

static void take_frames(struct parent *parent, struct child *child)
{
    usize at = 0;
    struct frame frame;
    while (child->pending_size - at >= sizeof(frame)) {
        memcpy(&frame, child->pending + at, sizeof(frame));
        if (child->pending_size - at < sizeof(frame) + frame.size)
            break;
        struct output *output = &parent->outputs[frame.file];
        append(output, (const char *)child->pending + at + sizeof(frame), frame.size);
        output->finished |= frame.size == 0;
        at += sizeof(frame) + frame.size;
    }
    child->pending_size -= at;
    memmove(child->pending, child->pending + at, child->pending_size);
}

/* The worker is gone. If it was not done, says so in the name of the test that it died of, and
 * starts its successor. */
static void bury(struct parent *parent, usize index)
{
    struct child *child = &parent->children[index];
    struct worker_slot *slot = &parent->shared->slots[index];
    int how = 0;
    close(child->pipe);
    child->pipe = -1;
    waitpid(child->pid, &how, 0);
    if (WIFEXITED(how) && WEXITSTATUS(how) == 0)
        return;
    if (slot->file == NOTHING) {
        fprintf(stderr, "varve: a worker ended between two files (status %d)\n", how);
        exit(1);
    }
    char line[2048];
    const char *what = WIFSIGNALED(how) ? strsignal(WTERMSIG(how)) : "exit";
    usize size = fmt(line, sizeof(line), "FAIL %s\n  %s\n    the process died: %s\n",
                     parent->files->at[slot->file].name,
                     slot->running ? slot->name : "between two tests", what);
    append(&parent->outputs[slot->file], line, size < sizeof(line) ? size : sizeof(line) - 1);
    slot->failed++;
    slot->running = false;
    start_child(parent, index);
}

static void listen_to(struct parent *parent, usize index)
{
    struct child *child = &parent->children[index];
    ssize_t got = read(child->pipe, child->pending + child->pending_size,
                       sizeof(child->pending) - child->pending_size);
    if (got > 0) {
        child->pending_size += (usize)got;
        take_frames(parent, child);
    } else if (got == 0 || errno != EINTR) {
        bury(parent, index);
    }
}

static void run_all(struct parent *parent, usize jobs)
{
    for (usize i = 0; i < jobs; i++)
        start_child(parent, i);
    for (;;) {
        struct pollfd waits[MAX_JOBS];
        usize open = 0;
        for (usize i = 0; i < jobs; i++) {
            waits[i] = (struct pollfd){parent->children[i].pipe, POLLIN, 0};
            open += parent->children[i].pipe >= 0;
        }
        if (open == 0)
            return;
        if (poll(waits, jobs, -1) < 0 && errno != EINTR)
            return;
        for (usize i = 0; i < jobs; i++)
            if (waits[i].fd >= 0 && waits[i].revents != 0)
                listen_to(parent, i);
        print_finished(parent);
    }
}

static int report(const struct shared *shared, usize jobs)
{
    u64 passed = 0, failed = 0, skipped = 0;
    for (usize i = 0; i < jobs; i++) {
        passed += shared->slots[i].passed;
        failed += shared->slots[i].failed;
        skipped += shared->slots[i].skipped;
    }
    for (usize i = 0; i < MAX_REASONS && shared->reasons[i].why[0] != 0; i++)
        printf("%lu skipped: %s\n", shared->reasons[i].count, shared->reasons[i].why);
    assert(skipped == 0 || shared->reasons[0].why[0] != 0);
    printf("%lu passed, %lu failed\n", passed, failed);
    return failed > 0 || passed + skipped == 0;
}

int suite_main(const struct suite *suite)
{
    struct test_files files = {.count = 0};
    struct err err;
    for (usize i = 0; i < suite->path_count; i++) {
        if (test_files_add(&files, suite->paths[i], &err) != ST_OK) {
            fprintf(stderr, "varve: %s\n", err.text);
            return 1;
        }
    }
    usize jobs = min_u64(suite->jobs, MAX_JOBS);
    test_files_sample(&files, suite->every);
    usize size = sizeof(struct shared) + files.count * sizeof(struct file_state);
    struct shared *shared =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert(shared != MAP_FAILED);
    for (usize i = 0; i < MAX_JOBS; i++)
        shared->slots[i].file = NOTHING;
    struct parent *parent = calloc(1, sizeof(*parent));
    assert(parent != NULL);
    *parent = (struct parent){.suite = suite, .shared = shared, .files = &files};
    parent->outputs = calloc(files.count, sizeof(*parent->outputs));
    assert(parent->outputs != NULL);
    run_all(parent, jobs);
    print_finished(parent);
    free(parent->outputs);
    free(parent);
    test_files_free(&files);
    int code = report(shared, jobs);
    munmap(shared, size);
    return code;
}

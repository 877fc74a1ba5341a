#include "channel/wal.h"

#include "base/fmt.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/pages.h"
#include "sys/thread.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Records as they gather: size (u32), kind (u8), payload. */
struct batch {
    u8 *data;
    usize size, room;
};

enum { PREFIX = 5, PATH_ROOM = 4096 };

/* What is put into a draft gathers, and goes into its file by these. */
enum { DRAFT_BATCH = 1 << 20 };

struct wal_draft {
    struct wal *wal; /* the old one */
    struct wal_rewrite how;
    u64 until; /* of the old file: what make reads */
    struct wal *out;
    u64 copied; /* of the old file: what has a place in the new one */
    pthread_t thread;
    struct task made; /* to the loop */
    enum status result;
    struct err why;
};

struct wal {
    struct wal_options options; /* its path is owned */
    struct log_file *log;
    struct file *lock;
    struct batch gathering, flying; /* the thread has `flying` while it is busy */

    pthread_t thread;
    bool has_thread;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t wake;
    bool busy, ending;

    struct task back;    /* to the loop, when the thread is done with a batch */
    struct timer waited; /* and when the loop was itself */
    u64 usual_ns;        /* that the newest batches took, smoothed */
    enum status result;
    struct err why;
    bool idle;       /* as the loop's thread knows */
    bool due;        /* what gathers cannot wait */
    u64 start, size; /* of the log; and where what is durable ends */
    bool begins;     /* options.begins is running */

    struct wal_draft *draft; /* NULL: it is not written anew */
    bool is_made;            /* to be put in place with the next batch */
    bool replaces;           /* with that which flies */
    bool is_replaced;        /* that was done, or given up: draft->result */
    atomic_bool closing;

    /* Of the new one, which has neither thread nor lock. */
    bool is_draft;
    enum status put_result;
    struct err put_why;
};

/* --- The thread. */

static enum status append(struct wal *wal, const struct batch *batch, struct err *err)
{
    for (usize at = 0; at < batch->size;) {
        u32 size;
        u64 position;
        memcpy(&size, batch->data + at, sizeof(size));
        bytes payload = {batch->data + at + PREFIX, size};
        TRY(log_gather(wal->log, batch->data[at + 4], &payload, 1, &position, err));
        at += PREFIX + size;
    }
    if (batch->size != 0)
        TRY(log_append_gathered(wal->log, err));
    return ST_OK;
}

static enum status write_batch(struct wal *wal, struct err *err)
{
    enum { ROOM = 256 << 10 };
    log_make_room(wal->log, ROOM);
    TRY(append(wal, &wal->flying, err));
    return log_sync(wal->log, err);
}

static enum status replace(struct wal *wal, struct err *err);

static void do_batch(struct wal *wal)
{
    u64 from_ns = clock_now_ns();
    wal->result = wal->replaces ? replace(wal, &wal->why) : ST_OK;
    if (wal->result == ST_OK)
        wal->result = write_batch(wal, &wal->why);
    wal->usual_ns = (7 * wal->usual_ns + (clock_now_ns() - from_ns)) / 8;
}

static void *run(void *self)
{
    struct wal *wal = self;
    pthread_mutex_lock(&wal->mutex);
    for (;;) {
        while (!wal->busy && !wal->ending)
            pthread_cond_wait(&wal->wake, &wal->mutex);
        if (!wal->busy)
            break;
        pthread_mutex_unlock(&wal->mutex);
        do_batch(wal);
        pthread_mutex_lock(&wal->mutex);
        wal->busy = false;
        pthread_mutex_unlock(&wal->mutex);
        loop_post(wal->options.loop, &wal->back);
        pthread_mutex_lock(&wal->mutex);
    }
    pthread_mutex_unlock(&wal->mutex);
    return NULL;
}

/* --- On the loop. */

static void end_draft(struct wal *wal);

static void batch_is_done(struct wal *wal)
{
    wal->flying.size = 0;
    wal->idle = true;
    wal->size = log_end(wal->log);
    if (wal->is_replaced)
        end_draft(wal);
    if (wal->result != ST_OK) {
        wal->options.failed(wal->options.self, wal->why.text);
        return;
    }
    wal->options.durable(wal->options.self);
    if (wal->is_made && wal->idle)
        wal_commit(wal);
}

static void came_back(struct task *task)
{
    batch_is_done((void *)((u8 *)task - offsetof(struct wal, back)));
}

static void has_waited(struct timer *timer)
{
    batch_is_done((void *)((u8 *)timer - offsetof(struct wal, waited)));
}

static void batch_add(struct batch *batch, bytes more)
{
    if (batch->room - batch->size < more.size) {
        batch->room = 2 * batch->room + more.size + 4096;
        batch->data = realloc(batch->data, batch->room);
        assert(batch->data != NULL);
    }
    bytes_copy(batch->data + batch->size, more);
    batch->size += more.size;
}

static void flush_draft(struct wal *out)
{
    if (out->put_result == ST_OK)
        out->put_result = append(out, &out->gathering, &out->put_why);
    out->gathering.size = 0;
}

void wal_put_idly(struct wal *wal, u8 kind, const bytes *parts, usize count)
{
    u32 size = 0;
    if (wal->gathering.size == 0 && wal->options.begins != NULL && !wal->is_draft && !wal->begins) {
        wal->begins = true;
        wal->options.begins(wal->options.self);
        wal->begins = false;
    }
    for (usize i = 0; i < count; i++)
        size += (u32)parts[i].size;
    batch_add(&wal->gathering, BYTES_OF(size));
    batch_add(&wal->gathering, BYTES_OF(kind));
    for (usize i = 0; i < count; i++)
        batch_add(&wal->gathering, parts[i]);
    if (wal->is_draft && wal->gathering.size >= DRAFT_BATCH)
        flush_draft(wal);
}

void wal_put(struct wal *wal, u8 kind, const bytes *parts, usize count)
{
    wal_put_idly(wal, kind, parts, count);
    wal->due = true;
}

bool wal_is_idle(const struct wal *wal)
{
    return wal->idle;
}

bool wal_has_more(const struct wal *wal)
{
    return wal->gathering.size != 0;
}

bool wal_is_due(const struct wal *wal)
{
    return wal->due;
}

void wal_commit(struct wal *wal)
{
    assert(wal->idle);
    struct batch empty = wal->flying;
    wal->flying = wal->gathering;
    wal->gathering = empty;
    wal->idle = false;
    wal->due = false;
    wal->replaces = wal->is_made;
    wal->is_made = false;
    if (wal->usual_ns / 1000 < wal->options.patience_us && !wal->replaces) {
        do_batch(wal);
        loop_set_timer(wal->options.loop, &wal->waited, 0);
        return;
    }
    pthread_mutex_lock(&wal->mutex);
    wal->busy = true;
    pthread_cond_signal(&wal->wake);
    pthread_mutex_unlock(&wal->mutex);
}

/* --- Reading. */

typedef enum status taking(void *self, u8 kind, bytes payload, struct err *err);

/* From `at` on, up to `end`. */
static enum status walk(struct wal *wal, u64 at, u64 end, void *self, taking *take, struct err *err)
{
    struct pages pages;
    TRY(pages_reserve((usize)LOG_MAX_RECORD + 4096, &pages, err));
    enum status st = ST_OK;
    struct log_record record;
    while (st == ST_OK && at < end) {
        struct arena arena = pages_arena(&pages);
        st = log_read(wal->log, at, &record, &arena, err);
        if (st == ST_OK && wal->closing)
            st = fail(err, ST_AGAIN, "the journal is being closed");
        if (st == ST_OK)
            st = take(self, record.kind, record.payload, err);
        at = record.next;
    }
    pages_release(&pages);
    return st;
}

enum status wal_walk(struct wal *wal, void *self, taking *take, struct err *err)
{
    if (!wal->idle)
        return fail(err, ST_AGAIN, "the journal is being written");
    return walk(wal, log_start(wal->log), log_end(wal->log), self, take, err);
}

/* --- Written anew. */

enum status wal_draft_walk(struct wal_draft *draft, void *self, taking *take, struct err *err)
{
    return walk(draft->wal, log_start(draft->wal->log), draft->until, self, take, err);
}

struct wal *wal_draft_out(struct wal_draft *draft)
{
    return draft->out;
}

u64 wal_draft_size(const struct wal_draft *draft)
{
    return log_end(draft->out->log) - log_start(draft->out->log) + draft->out->gathering.size;
}

u64 wal_size(const struct wal *wal)
{
    return wal->size - wal->start;
}

bool wal_is_rewriting(const struct wal *wal)
{
    return wal->draft != NULL;
}

static enum status new_path(const struct wal *wal, char out[static PATH_ROOM], struct err *err)
{
    if (fmt(out, PATH_ROOM, "%s.new", wal->options.path) >= PATH_ROOM)
        return fail(err, ST_INVALID, "path too long: %s", wal->options.path);
    return ST_OK;
}

static void remove_new(const struct wal *wal)
{
    const struct files *files = wal->options.files;
    char path[PATH_ROOM];
    if (new_path(wal, path, NULL) == ST_OK)
        (void)!files->remove(files->self, path, NULL);
}

static enum status copy_one(void *self, u8 kind, bytes payload, struct err *err)
{
    struct wal *out = self;
    (void)err;
    wal_put(out, kind, &payload, 1);
    return out->put_result;
}

/* What has come since. The thread that writes may have written more when it returns. */
static enum status carry_over(struct wal_draft *draft, struct err *err)
{
    struct wal *out = draft->out;
    u64 end = log_end(draft->wal->log);
    enum status st = walk(draft->wal, draft->copied, end, out, copy_one, err);
    flush_draft(out);
    draft->copied = end;
    if (out->put_result != ST_OK)
        *err = out->put_why;
    return out->put_result != ST_OK ? out->put_result : st;
}

/* So much may be left to copy while payments wait. */
enum { LITTLE = 64 << 10 };

static enum status make_draft(struct wal_draft *draft, struct err *err)
{
    TRY(draft->how.make(draft->how.self, draft, err));
    do
        TRY(carry_over(draft, err));
    while (log_end(draft->wal->log) - draft->copied > LITTLE);
    return log_sync(draft->out->log, err);
}

static void *run_draft(void *self)
{
    struct wal_draft *draft = self;
    draft->result = make_draft(draft, &draft->why);
    loop_post(draft->wal->options.loop, &draft->made);
    return NULL;
}

/* On the wal's thread. Where the name is changed and nobody knows whether for good, records must go
 * into neither file. */
static enum status replace(struct wal *wal, struct err *err)
{
    struct wal_draft *draft = wal->draft;
    const struct files *files = wal->options.files;
    char path[PATH_ROOM];
    wal->is_replaced = true;
    draft->result = new_path(wal, path, &draft->why);
    if (draft->result == ST_OK)
        draft->result = carry_over(draft, &draft->why);
    if (draft->result == ST_OK)
        draft->result = log_sync(draft->out->log, &draft->why);
    if (draft->result != ST_OK)
        return ST_OK; /* the old one goes on */
    draft->result = files->rename(files->self, path, wal->options.path, err);
    if (draft->result != ST_OK)
        return ST_IO;
    struct log_file *old = wal->log;
    wal->log = draft->out->log;
    draft->out->log = old;
    return ST_OK;
}

/* On the loop; its thread has ended. */
static void end_draft(struct wal *wal)
{
    struct wal_draft *draft = wal->draft;
    bool was_tried = wal->is_replaced;
    wal->draft = NULL;
    wal->is_made = wal->is_replaced = false;
    pthread_join(draft->thread, NULL);
    loop_drop_task(wal->options.loop, &draft->made); /* where the journal is closed meanwhile */
    wal_close(draft->out);
    if (!was_tried || draft->result != ST_OK)
        remove_new(wal);
    if (!wal->closing)
        draft->how.done(draft->how.self, draft->result, draft->why.text);
    free(draft);
}

static void is_made(struct task *task)
{
    struct wal_draft *draft = (void *)((u8 *)task - offsetof(struct wal_draft, made));
    struct wal *wal = draft->wal;
    if (draft->result != ST_OK) {
        end_draft(wal);
        return;
    }
    wal->is_made = true;
    if (wal->idle && wal->result == ST_OK)
        wal_commit(wal);
}

static struct wal *wal_new(const struct wal_options *options)
{
    struct wal *wal = calloc(1, sizeof(*wal));
    assert(wal != NULL);
    wal->options = *options;
    wal->options.path = strdup(options->path);
    assert(wal->options.path != NULL);
    wal->back.run = came_back;
    wal->waited.due = has_waited;
    wal->idle = true;
    pthread_mutex_init(&wal->mutex, NULL);
    pthread_cond_init(&wal->wake, NULL);
    return wal;
}

static enum status open_draft(struct wal_draft *draft, struct err *err)
{
    char path[PATH_ROOM];
    u64 cut;
    struct wal *wal = draft->wal;
    TRY(new_path(wal, path, err));
    draft->out = wal_new(&wal->options);
    draft->out->is_draft = true;
    TRY(log_open(wal->options.files, path, 0, &draft->out->log, &cut, err));
    TRY(log_clear(draft->out->log, err)); /* what a crash has left of an earlier one */
    return thread_start(&draft->thread, "channel anew", run_draft, draft, err);
}

enum status wal_rewrite(struct wal *wal, const struct wal_rewrite *how, struct err *err)
{
    if (wal->draft != NULL)
        return fail(err, ST_AGAIN, "the journal is being written anew");
    struct wal_draft *draft = calloc(1, sizeof(*draft));
    assert(draft != NULL);
    *draft = (struct wal_draft){
        .wal = wal, .how = *how, .until = wal->size, .copied = wal->size, .made.run = is_made};
    enum status st = open_draft(draft, err);
    if (st != ST_OK) {
        wal_close(draft->out);
        free(draft);
        return st;
    }
    wal->draft = draft;
    return ST_OK;
}

/* --- Opening. */

/* The lock is a file of its own, as the log may be written anew. */
static enum status take_lock(struct wal *wal, struct err *err)
{
    const struct files *files = wal->options.files;
    char path[4096];
    if (fmt(path, sizeof(path), "%s.lock", wal->options.path) >= sizeof(path))
        return fail(err, ST_INVALID, "path too long: %s", wal->options.path);
    TRY(files->open(files->self, path, FILE_WRITE, &wal->lock, err));
    return files->lock(files->self, wal->lock, err);
}

static enum status begin(struct wal *wal, struct err *err)
{
    u64 cut;
    TRY(take_lock(wal, err));
    remove_new(wal); /* that was not finished */
    TRY(log_open(wal->options.files, wal->options.path, 0, &wal->log, &cut, err));
    if (cut != 0) /* half a batch that was never told, or a disk that rots: they look the same */
        log_warn("channel", "the journal's end does not read, and is kept beside it as .cut",
                 LOG_TEXT("journal", wal->options.path), LOG_U64("bytes", cut));
    wal->start = log_start(wal->log);
    wal->size = log_end(wal->log);
    TRY(wal_walk(wal, wal->options.self, wal->options.replay, err));
    TRY(thread_start(&wal->thread, "channel wal", run, wal, err));
    wal->has_thread = true;
    return ST_OK;
}

enum status wal_open(const struct wal_options *options, struct wal **out, struct err *err)
{
    struct wal *wal = wal_new(options);
    enum status st = begin(wal, err);
    if (st != ST_OK) {
        wal_close(wal);
        return st;
    }
    *out = wal;
    return ST_OK;
}

void wal_close(struct wal *wal)
{
    if (wal == NULL)
        return;
    if (wal->has_thread) {
        pthread_mutex_lock(&wal->mutex);
        wal->ending = true;
        pthread_cond_signal(&wal->wake);
        pthread_mutex_unlock(&wal->mutex);
        pthread_join(wal->thread, NULL);
        loop_drop_task(wal->options.loop, &wal->back);
        loop_drop_timer(&wal->waited);
    }
    if (wal->draft != NULL) {
        wal->closing = true;
        end_draft(wal);
    }
    const struct files *files = wal->options.files;
    log_close(wal->log);
    if (wal->lock != NULL)
        files->close(files->self, wal->lock);
    pthread_cond_destroy(&wal->wake);
    pthread_mutex_destroy(&wal->mutex);
    free((void *)(uintptr_t)wal->options.path);
    free(wal->gathering.data);
    free(wal->flying.data);
    free(wal);
}

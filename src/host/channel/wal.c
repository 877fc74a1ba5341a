#include "channel/wal.h"

#include "base/fmt.h"
#include "sys/log.h"
#include "sys/pages.h"
#include "sys/thread.h"

#include <assert.h>
#include <stdlib.h>

/* Records as they gather: size (u32), kind (u8), payload. */
struct batch {
    u8 *data;
    usize size, room;
};

enum { PREFIX = 5 };

struct wal {
    struct wal_options options;
    struct log_file *log;
    struct file *lock;
    struct batch gathering, flying; /* the thread has `flying` while it is busy */

    pthread_t thread;
    bool has_thread;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t wake;
    bool busy, ending;

    struct task back; /* to the loop, when a batch is done */
    enum status result;
    struct err why;
    bool idle; /* as the loop's thread knows */
    bool due;  /* what gathers cannot wait */
};

/* --- The thread. */

static enum status write_batch(struct wal *wal, struct err *err)
{
    enum { ROOM = 256 << 10 };
    const struct batch *batch = &wal->flying;
    log_make_room(wal->log, ROOM);
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
    return log_sync(wal->log, err);
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
        wal->result = write_batch(wal, &wal->why);
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

static void came_back(struct task *task)
{
    struct wal *wal = (void *)((u8 *)task - offsetof(struct wal, back));
    wal->flying.size = 0;
    wal->idle = true;
    if (wal->result == ST_OK)
        wal->options.durable(wal->options.self);
    else
        wal->options.failed(wal->options.self, wal->why.text);
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

void wal_put_idly(struct wal *wal, u8 kind, const bytes *parts, usize count)
{
    u32 size = 0;
    for (usize i = 0; i < count; i++)
        size += (u32)parts[i].size;
    batch_add(&wal->gathering, BYTES_OF(size));
    batch_add(&wal->gathering, BYTES_OF(kind));
    for (usize i = 0; i < count; i++)
        batch_add(&wal->gathering, parts[i]);
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
    pthread_mutex_lock(&wal->mutex);
    wal->busy = true;
    pthread_cond_signal(&wal->wake);
    pthread_mutex_unlock(&wal->mutex);
}

/* --- Reading. */

enum status wal_walk(struct wal *wal, void *self,
                     enum status (*take)(void *self, u8 kind, bytes payload, struct err *err),
                     struct err *err)
{
    struct pages pages;
    if (!wal->idle)
        return fail(err, ST_AGAIN, "the journal is being written");
    TRY(pages_reserve((usize)LOG_MAX_RECORD + 4096, &pages, err));
    enum status st = ST_OK;
    struct log_record record;
    for (u64 at = log_start(wal->log); st == ST_OK && at < log_end(wal->log);) {
        struct arena arena = pages_arena(&pages);
        st = log_read(wal->log, at, &record, &arena, err);
        if (st == ST_OK)
            st = take(self, record.kind, record.payload, err);
        at = record.next;
    }
    pages_release(&pages);
    return st;
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
    TRY(log_open(wal->options.files, wal->options.path, 0, &wal->log, &cut, err));
    if (cut != 0) /* half a batch that was never told, or a disk that rots: they look the same */
        log_warn("channel", "the journal's end does not read, and is kept beside it as .cut",
                 LOG_TEXT("journal", wal->options.path), LOG_U64("bytes", cut));
    TRY(wal_walk(wal, wal->options.self, wal->options.replay, err));
    TRY(thread_start(&wal->thread, "channel wal", run, wal, err));
    wal->has_thread = true;
    return ST_OK;
}

enum status wal_open(const struct wal_options *options, struct wal **out, struct err *err)
{
    struct wal *wal = calloc(1, sizeof(*wal));
    assert(wal != NULL);
    wal->options = *options;
    wal->back.run = came_back;
    wal->idle = true;
    pthread_mutex_init(&wal->mutex, NULL);
    pthread_cond_init(&wal->wake, NULL);
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
    }
    const struct files *files = wal->options.files;
    log_close(wal->log);
    if (wal->lock != NULL)
        files->close(files->self, wal->lock);
    pthread_cond_destroy(&wal->wake);
    pthread_mutex_destroy(&wal->mutex);
    free(wal->gathering.data);
    free(wal->flying.data);
    free(wal);
}

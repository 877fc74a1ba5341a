#include "channel/history.h"

#include "channel/image.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/thread.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

enum {
    VERSION = 1,
    AT_ONCE = 1 << 14, /* rows in a change */
    GATHER_MS = 500,   /* each change costs some syncs and copied pages, however small */
    AGAIN_MS = 1000,   /* after a failure */
};

struct waiting {
    struct history_id id;
    struct history_row row;
    bytes text; /* owned; empty: it is the row that is to be written */
};

struct history {
    struct shelf *shelf;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t wake, written_more;
    struct waiting *list;
    usize count, room, most;
    u64 put, written; /* rows */
    u64 awaited;      /* somebody waits for so many */
    u64 failures;     /* to write what waits */
    bool is_failing;  /* the newest of them has not been made good */
    bool ending;
    bool lost; /* some were given up, as too many waited for a disk that fails: only a start brings
                  them back, which reads the journal */
    struct err why;
};

/* --- Rows. */

#define FIELDS(FIELD)                                                                              \
    FIELD(begun_s)                                                                                 \
    FIELD(ended_s)                                                                                 \
    FIELD(name)                                                                                    \
    FIELD(channel)                                                                                 \
    FIELD(out)                                                                                     \
    FIELD(chain_id)                                                                                \
    FIELD(asset) FIELD(amount) FIELD(fee) FIELD(count) FIELD(preimage) FIELD(node) FIELD(expiry_s) \
        FIELD(found)

static bool is_zero(const void *data, usize size)
{
    const u8 *at = data;
    u8 any = 0;
    for (usize i = 0; i < size; i++)
        any |= at[i];
    return any == 0;
}

usize history_row_write(const struct history_row *row, u8 out[static HISTORY_ROW_LIMIT])
{
    u8 *at = out + 5;
    u16 flags = 0, bit = 1;
    out[0] = VERSION;
    out[1] = row->kind;
    out[2] = row->state;
#define WRITE(field)                                                                               \
    if (!is_zero(&row->field, sizeof(row->field))) {                                               \
        memcpy(at, &row->field, sizeof(row->field));                                               \
        at += sizeof(row->field);                                                                  \
        flags |= bit;                                                                              \
    }                                                                                              \
    bit = (u16)(bit << 1);
    FIELDS(WRITE)
#undef WRITE
    memcpy(out + 3, &flags, sizeof(flags));
    return (usize)(at - out);
}

enum status history_row_read(bytes in, struct history_row *out)
{
    struct image_reader from = {.left = in};
    *out = (struct history_row){.kind = 0};
    from.failed |= image_get_number(&from, 1) != VERSION;
    out->kind = (u8)image_get_number(&from, 1);
    out->state = (u8)image_get_number(&from, 1);
    u16 flags = (u16)image_get_number(&from, 2), bit = 1;
#define READ(field)                                                                                \
    if ((flags & bit) != 0) {                                                                      \
        image_get(&from, &out->field, sizeof(out->field));                                         \
        from.failed |= is_zero(&out->field, sizeof(out->field));                                   \
    }                                                                                              \
    flags = (u16)(flags & ~bit);                                                                   \
    bit = (u16)(bit << 1);
    FIELDS(READ)
#undef READ
    return from.failed || flags != 0 || from.left.size != 0 || out->kind > HISTORY_CHANNEL ||
                   out->state > HISTORY_CLOSED
               ? ST_CORRUPT
               : ST_OK;
}

/* --- Keys. */

struct key {
    u8 data[1 + 8 + HISTORY_ID_LIMIT];
    usize size;
};

static struct key row_key(const struct history_id *id)
{
    struct key key = {.data = {'P'}, .size = (usize)1 + id->size};
    memcpy(key.data + 1, id->data, id->size);
    return key;
}

static struct key text_key(const struct history_id *id)
{
    struct key key = row_key(id);
    key.data[0] = 'D';
    return key;
}

static struct key order_key(u64 begun_s, const struct history_id *id)
{
    struct key key = {.data = {'T'}, .size = (usize)9 + id->size};
    store_be64(key.data + 1, begun_s);
    memcpy(key.data + 9, id->data, id->size);
    return key;
}

static bytes bytes_of(const struct key *key)
{
    return (bytes){key->data, key->size};
}

/* --- Writing: the thread. */

/* What is there keeps its time; and what was paid, all that it says. */
static enum status write_row(struct shelf_change *change, const struct waiting *at, struct err *err)
{
    struct history_row row = at->row, old;
    struct key of_text = text_key(&at->id);
    if (at->text.size != 0)
        return shelf_put(change, bytes_of(&of_text), at->text, err);
    struct key key = row_key(&at->id);
    u8 room[HISTORY_ROW_LIMIT];
    bytes value;
    bool is_there = shelf_find(change, bytes_of(&key), &value) == ST_OK &&
                    history_row_read(value, &old) == ST_OK;
    if (is_there && (old.state == HISTORY_PAID || old.state == HISTORY_CLOSED))
        return ST_OK;
    if (is_there)
        row.begun_s = old.begun_s;
    TRY(shelf_put(change, bytes_of(&key), (bytes){room, history_row_write(&row, room)}, err));
    struct key order = order_key(row.begun_s, &at->id);
    return is_there ? ST_OK : shelf_put(change, bytes_of(&order), BYTES_EMPTY, err);
}

static void free_rows(struct waiting *list, usize count)
{
    for (usize i = 0; i < count; i++)
        free((void *)(uintptr_t)list[i].text.data);
    free(list);
}

static enum status write_rows(struct shelf *shelf, const struct waiting *list, usize count,
                              struct err *err)
{
    for (usize done = 0; done < count;) {
        struct shelf_change *change;
        usize end = done + AT_ONCE < count ? done + AT_ONCE : count;
        enum status st = ST_OK;
        TRY(shelf_begin(shelf, &change, err));
        for (; st == ST_OK && done < end; done++)
            st = write_row(change, &list[done], err);
        TRY(shelf_end(change, st, err));
    }
    return ST_OK;
}

/* Less where somebody is in a hurry. */
static void wait_for_ms(struct history *history, u64 ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&history->wake, &history->mutex, &until);
}

/* Rows that could not be written go before those that have come since. A part of them may have been
 * written: again is no harm. */
static void put_back(struct history *history, struct waiting *list, usize count)
{
    usize all = count + history->count;
    list = realloc(list, all * sizeof(list[0]));
    assert(list != NULL);
    if (history->count != 0)
        memcpy(list + count, history->list, history->count * sizeof(list[0]));
    free(history->list);
    history->list = list;
    history->count = history->room = all;
}

static void note_failure(struct history *history, const struct err *why)
{
    if (!history->is_failing)
        log_warn("channel", "the history cannot be written; it is tried again",
                 LOG_TEXT("why", why->text));
    history->is_failing = true;
    history->failures++;
    history->why = *why;
}

/* Called and returns with the mutex. */
static void write_waiting(struct history *history)
{
    struct waiting *list = history->list;
    usize count = history->count;
    u64 put = history->put;
    struct err err;
    history->list = NULL;
    history->count = history->room = 0;
    pthread_cond_broadcast(&history->written_more); /* there is room */
    pthread_mutex_unlock(&history->mutex);
    enum status st = write_rows(history->shelf, list, count, &err);
    pthread_mutex_lock(&history->mutex);
    if (st == ST_OK) {
        if (history->is_failing)
            log_info("channel", "the history is written again", LOG_U64("rows", count));
        free_rows(list, count);
        history->is_failing = false;
        history->written = put;
    } else {
        put_back(history, list, count);
        note_failure(history, &err);
    }
    pthread_cond_broadcast(&history->written_more);
}

static void *run(void *self)
{
    struct history *history = self;
    pthread_mutex_lock(&history->mutex);
    while (history->count != 0 || !history->ending) {
        if (history->count == 0) {
            pthread_cond_wait(&history->wake, &history->mutex);
            continue;
        }
        if (!history->ending && history->awaited <= history->written)
            wait_for_ms(history, GATHER_MS);
        write_waiting(history);
        if (history->is_failing && history->ending)
            break; /* a start brings them back */
        if (history->is_failing)
            wait_for_ms(history, AGAIN_MS);
    }
    pthread_mutex_unlock(&history->mutex);
    return NULL;
}

/* --- Life. */

enum status history_new(struct shelf *shelf, usize most, struct history **out, struct err *err)
{
    struct history *history = calloc(1, sizeof(*history));
    assert(history != NULL);
    history->shelf = shelf;
    history->most = most;
    pthread_mutex_init(&history->mutex, NULL);
    pthread_cond_init(&history->wake, NULL);
    pthread_cond_init(&history->written_more, NULL);
    enum status st = thread_start(&history->thread, "history", run, history, err);
    history->has_thread = st == ST_OK;
    if (st == ST_OK)
        *out = history;
    else
        history_free(history);
    return st;
}

void history_free(struct history *history)
{
    if (history == NULL)
        return;
    pthread_mutex_lock(&history->mutex);
    history->ending = true;
    pthread_cond_broadcast(&history->wake);
    pthread_mutex_unlock(&history->mutex);
    if (history->has_thread)
        pthread_join(history->thread, NULL);
    pthread_cond_destroy(&history->written_more);
    pthread_cond_destroy(&history->wake);
    pthread_mutex_destroy(&history->mutex);
    free_rows(history->list, history->count);
    free(history);
}

static void append(struct history *history, const struct waiting *row)
{
    if (history->count == history->room) {
        history->room = history->room == 0 ? 256 : 2 * history->room;
        history->list = realloc(history->list, history->room * sizeof(history->list[0]));
        assert(history->list != NULL);
    }
    history->list[history->count++] = *row;
}

/* Called and returns with the mutex. A slow disk slows down what happens; one that fails does not,
 * as disputes have to be answered all the same. */
static void wait_for_room(struct history *history)
{
    while (history->count >= history->most && !history->is_failing) {
        history->awaited = history->put; /* no gathering */
        pthread_cond_signal(&history->wake);
        pthread_cond_wait(&history->written_more, &history->mutex);
    }
}

/* What is not taken is freed. */
static u64 put(struct history *history, const struct waiting *waiting)
{
    pthread_mutex_lock(&history->mutex);
    wait_for_room(history);
    if (history->count < history->most) {
        append(history, waiting);
        history->put++;
        if (history->count == 1)
            pthread_cond_signal(&history->wake);
    } else {
        free((void *)(uintptr_t)waiting->text.data);
        if (!history->lost)
            (void)fail(&history->why, ST_FULL, "more happens than the history can note");
        history->lost = true;
    }
    u64 number = history->put;
    pthread_mutex_unlock(&history->mutex);
    return number;
}

u64 history_put(struct history *history, const struct history_id *id, const struct history_row *row)
{
    return history == NULL ? 0 : put(history, &(struct waiting){.id = *id, .row = *row});
}

void history_put_text(struct history *history, const struct history_id *id, bytes text)
{
    if (history == NULL || text.size == 0)
        return;
    u8 *copy = malloc(text.size);
    assert(copy != NULL);
    bytes_copy(copy, text);
    (void)put(history, &(struct waiting){.id = *id, .text = {copy, text.size}});
}

bool history_has(struct history *history, u64 number)
{
    if (history == NULL)
        return true;
    pthread_mutex_lock(&history->mutex);
    bool has = history->written >= number && !history->lost;
    pthread_mutex_unlock(&history->mutex);
    return has;
}

enum status history_wait(struct history *history, struct err *err)
{
    pthread_mutex_lock(&history->mutex);
    u64 until = history->put, failures = history->failures;
    if (until > history->awaited)
        history->awaited = until;
    pthread_cond_signal(&history->wake);
    while (history->written < until && history->failures == failures)
        pthread_cond_wait(&history->written_more, &history->mutex);
    bool behind = history->lost || history->written < until;
    struct err why = history->why;
    pthread_mutex_unlock(&history->mutex);
    return behind ? fail(err, ST_IO, "the history is behind: %s", why.text) : ST_OK;
}

/* --- Reading. */

enum status history_get(struct shelf *shelf, const struct history_id *id, struct history_row *out)
{
    struct shelf_read *read;
    struct key key = row_key(id);
    bytes value;
    TRY(shelf_read_begin(shelf, &read, NULL));
    enum status st = shelf_get(read, bytes_of(&key), &value);
    if (st == ST_OK)
        st = history_row_read(value, out);
    shelf_read_end(read);
    return st;
}

enum status history_older(struct shelf_read *read, struct history_cursor *cursor,
                          struct history_row *out)
{
    struct shelf_row order;
    struct key key = {.data = {'T' + 1}, .size = 1};
    bytes value;
    if (cursor->size != 0) {
        memcpy(key.data, cursor->data, cursor->size);
        key.size = cursor->size;
    }
    if (shelf_seek(read, bytes_of(&key), true, &order) != ST_OK || order.key.size < 9 ||
        order.key.size > sizeof(cursor->data) || order.key.data[0] != 'T')
        return ST_MISSING;
    cursor->size = (u8)order.key.size;
    bytes_copy(cursor->data, order.key);
    struct history_id id = {.size = (u8)(order.key.size - 9)};
    memcpy(id.data, order.key.data + 9, id.size);
    key = row_key(&id);
    TRY(shelf_get(read, bytes_of(&key), &value));
    return history_row_read(value, out);
}

enum status history_text(struct shelf_read *read, const struct history_cursor *cursor, bytes *out)
{
    struct history_id id = {.size = (u8)(cursor->size - 9)};
    assert(cursor->size >= 9);
    memcpy(id.data, cursor->data + 9, id.size);
    struct key key = text_key(&id);
    return shelf_get(read, bytes_of(&key), out);
}

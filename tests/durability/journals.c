#include "durability/journals.h"

#include "base/fmt.h"
#include "channel/wire.h"
#include "store/log.h"

#include <assert.h>
#include <stdlib.h>

/* The kinds of channel/daemon_records.h. */
enum { SENT = 2, RECEIVED = 3, APP_SAID = 29, APP_HEARD = 30, MOST = 4000 };

struct messages {
    bytes list[2][MOST]; /* sent, received; owned */
    usize count[2];
};

static void add(struct messages *messages, bool received, bytes message)
{
    u8 *copy = malloc(message.size);
    assert(copy != NULL && messages->count[received] < MOST);
    bytes_copy(copy, message);
    messages->list[received][messages->count[received]++] = (bytes){copy, message.size};
}

static enum status read_journal(const char *folder, struct messages *out, struct err *err)
{
    static u8 room[1 << 18];
    char path[300];
    struct log_file *log;
    u64 cut;
    fmt(path, sizeof(path), "%s/channels.log", folder);
    TRY(log_open(files_of_system(), path, 0, &log, &cut, err));
    enum status st = ST_OK;
    struct log_record record;
    for (u64 at = log_start(log); st == ST_OK && at < log_end(log); at = record.next) {
        struct arena arena = arena_over(room, sizeof(room));
        st = log_read(log, at, &record, &arena, err);
        if (st != ST_OK)
            break;
        if (record.kind == SENT || record.kind == RECEIVED) /* after the channel's index */
            add(out, record.kind == RECEIVED,
                bytes_slice(record.payload, sizeof(u32), record.payload.size));
        if (record.kind == APP_SAID || record.kind == APP_HEARD)
            add(out, record.kind == APP_HEARD, record.payload);
    }
    log_close(log);
    return st;
}

static bool is_sent(const struct messages *by, bytes message)
{
    for (usize i = 0; i < by->count[0]; i++)
        if (bytes_equal(by->list[0][i], message))
            return true;
    return false;
}

static enum status check_received(struct messages **all, usize count, usize by, struct err *err)
{
    for (usize i = 0; i < all[by]->count[1]; i++) {
        bool known = false;
        for (usize j = 0; j < count; j++)
            known |= j != by && is_sent(all[j], all[by]->list[1][i]);
        if (!known)
            return fail(err, ST_CORRUPT, "a message was received that its sender does not know");
    }
    return ST_OK;
}

/* One of which there may be one with this number. */
static bool is_same_number(bytes a, bytes b)
{
    struct wire_message first, second;
    if (wire_decode(a, &first, NULL) != ST_OK || wire_decode(b, &second, NULL) != ST_OK ||
        first.type != second.type)
        return false;
    if (first.type == WIRE_APP_STATE)
        return first.app_state.version == second.app_state.version &&
               hash32_equal(first.app_state.app, second.app_state.app);
    return first.type == WIRE_UPDATE && first.update.epoch == second.update.epoch &&
           first.update.seq == second.update.seq && hash32_equal(first.update.id, second.update.id);
}

static enum status check_sent(const struct messages *by, struct err *err)
{
    for (usize i = 0; i < by->count[0]; i++)
        for (usize j = 0; j < i; j++)
            if (is_same_number(by->list[0][i], by->list[0][j]))
                return fail(err, ST_CORRUPT, "two updates, or states of an app, have one number");
    return ST_OK;
}

static void forget(struct messages *messages)
{
    for (usize kind = 0; kind < 2; kind++)
        for (usize i = 0; i < messages->count[kind]; i++)
            free((void *)(uintptr_t)messages->list[kind][i].data);
    free(messages);
}

enum status journals_agree(const char *const *folders, usize count, struct err *err)
{
    struct messages *all[JOURNALS_MOST] = {NULL};
    enum status st = ST_OK;
    assert(count <= JOURNALS_MOST);
    for (usize i = 0; i < count; i++) {
        all[i] = calloc(1, sizeof(*all[i]));
        assert(all[i] != NULL);
        st = st == ST_OK ? read_journal(folders[i], all[i], err) : st;
    }
    for (usize i = 0; i < count && st == ST_OK; i++) {
        st = check_received(all, count, i, err);
        st = st == ST_OK ? check_sent(all[i], err) : st;
    }
    for (usize i = 0; i < count; i++)
        forget(all[i]);
    return st;
}

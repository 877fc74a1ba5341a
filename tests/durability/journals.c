#include "durability/journals.h"

#include "base/fmt.h"
#include "channel/wire.h"
#include "store/log.h"

#include <assert.h>
#include <stdlib.h>

/* The kinds of channel/records.c. */
enum { SENT = 2, RECEIVED = 3, MOST = 4000 };

struct messages {
    bytes list[2][MOST]; /* sent, received; owned */
    usize count[2];
};

static void add(struct messages *messages, bool received, bytes payload)
{
    bytes message = bytes_slice(payload, sizeof(u32), payload.size);
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
        if (st == ST_OK && (record.kind == SENT || record.kind == RECEIVED))
            add(out, record.kind == RECEIVED, record.payload);
    }
    log_close(log);
    return st;
}

static enum status check_received(const struct messages *by, const struct messages *from,
                                  struct err *err)
{
    for (usize i = 0; i < by->count[1]; i++) {
        usize j = 0;
        while (j < from->count[0] && !bytes_equal(by->list[1][i], from->list[0][j]))
            j++;
        if (j == from->count[0])
            return fail(err, ST_CORRUPT, "a message was received that its sender does not know");
    }
    return ST_OK;
}

static bool is_same_update(bytes a, bytes b)
{
    struct wire_message first, second;
    return wire_decode(a, &first, NULL) == ST_OK && wire_decode(b, &second, NULL) == ST_OK &&
           first.type == WIRE_UPDATE && second.type == WIRE_UPDATE &&
           first.update.epoch == second.update.epoch && first.update.seq == second.update.seq &&
           memcmp(&first.update.id, &second.update.id, sizeof(hash32)) == 0;
}

static enum status check_sent(const struct messages *by, struct err *err)
{
    for (usize i = 0; i < by->count[0]; i++)
        for (usize j = 0; j < i; j++)
            if (is_same_update(by->list[0][i], by->list[0][j]))
                return fail(err, ST_CORRUPT, "two updates were sent with one number");
    return ST_OK;
}

static void forget(struct messages *messages)
{
    for (usize kind = 0; kind < 2; kind++)
        for (usize i = 0; i < messages->count[kind]; i++)
            free((void *)(uintptr_t)messages->list[kind][i].data);
    free(messages);
}

enum status journals_agree(const char *first, const char *second, struct err *err)
{
    struct messages *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b));
    assert(a != NULL && b != NULL);
    enum status st = read_journal(first, a, err);
    st = st == ST_OK ? read_journal(second, b, err) : st;
    st = st == ST_OK ? check_received(a, b, err) : st;
    st = st == ST_OK ? check_received(b, a, err) : st;
    st = st == ST_OK ? check_sent(a, err) : st;
    st = st == ST_OK ? check_sent(b, err) : st;
    forget(a);
    forget(b);
    return st;
}

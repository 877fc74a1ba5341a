#include "channel/tower_restore.h"

#include "channel/daemon_internal.h"
#include "channel/tower_store.h"
#include "sys/clock.h"

#include <assert.h>
#include <stdlib.h>

enum { INIT_VERSION = 1, PATIENCE_MS = 30000 };
static_assert(sizeof(((const struct daemon_kept *)NULL)->blob) == TOWER_PUT_SIZE, "a blob, whole");
static_assert(sizeof(((const struct daemon_kept *)NULL)->hint) == sizeof(hint16), "a hint");

struct asking {
    struct loop *loop;
    struct timer patience;
    struct daemon_kept *list;
    usize count;
    hint16 last;
    bool is_done;
    struct err err; /* why not */
};

static void end(struct asking *asking, const char *why)
{
    if (!asking->is_done)
        (void)fail(&asking->err, ST_IO, "the watchtower: %s", why);
    loop_stop(asking->loop);
}

static void say(struct link *link, const struct wire_message *message)
{
    u8 room[WIRE_LIMIT];
    (void)link_send(link, (bytes){room, wire_encode(message, room)});
}

static void ask_next(struct asking *asking, struct link *link)
{
    struct wire_message message = {.type = WIRE_TOWER_NEXT};
    message.tower_next.hint = asking->last;
    loop_set_timer(asking->loop, &asking->patience, clock_now_ms() + PATIENCE_MS);
    say(link, &message);
}

static void keep(struct asking *asking, const struct wire_tower_blob *blob)
{
    asking->list = realloc(asking->list, (asking->count + 1) * sizeof(asking->list[0]));
    assert(asking->list != NULL);
    struct daemon_kept *kept = &asking->list[asking->count++];
    memcpy(kept->hint, blob->hint.b, sizeof(kept->hint));
    bytes_copy(kept->blob, blob->blob);
}

/* Hints ascend, so a tower cannot go on for ever with the same. */
static const char *take_blob(struct asking *asking, struct link *link,
                             const struct wire_tower_blob *blob)
{
    if (blob->blob.size == 0) {
        asking->is_done = true;
        end(asking, "");
        return NULL;
    }
    if (tower_put_size(blob->blob.size) != blob->blob.size ||
        memcmp(blob->hint.b, asking->last.b, sizeof(asking->last)) <= 0 ||
        asking->count >= TOWER_CLIENT_BLOBS)
        return "it gives what was not asked for";
    asking->last = blob->hint;
    if (blob->blob.size == TOWER_PUT_SIZE)
        keep(asking, blob); /* larger ones are of apps, which are not restored */
    ask_next(asking, link);
    return NULL;
}

static void on_opened(void *self, struct link *link)
{
    struct wire_message hello = {.type = WIRE_INIT, .init = {INIT_VERSION, BYTES_EMPTY}};
    say(link, &hello);
    ask_next(self, link);
}

static void on_message(void *self, struct link *link, bytes content)
{
    struct asking *asking = self;
    struct wire_message message;
    const char *why = NULL;
    struct err err;
    enum status st = wire_decode(content, &message, &err);
    if (asking->is_done || st == ST_MISSING)
        return;
    if (st != ST_OK || message.type == WIRE_ERROR)
        why = "it does not understand";
    else if (message.type == WIRE_TOWER_BLOB)
        why = take_blob(asking, link, &message.tower_blob);
    else if (message.type != WIRE_INIT)
        why = "it is no watchtower";
    if (why != NULL)
        end(asking, why);
}

static void on_drained(void *self)
{
    (void)self;
}

static void on_gone(void *self, struct link *link, const char *why)
{
    (void)link;
    end(self, why);
}

static void too_late(struct timer *timer)
{
    end((void *)((u8 *)timer - offsetof(struct asking, patience)), "it does not answer");
}

static enum status ask(struct asking *asking, const secret32 *account, const char *tower,
                       struct err *err)
{
    struct node_name name;
    struct links *links;
    struct link *link;
    char host[64] = {0};
    TRY(node_name_read((bytes){(const u8 *)tower, strlen(tower)}, &name, err));
    if (name.host.size == 0 || name.host.size >= sizeof(host))
        return fail(err, ST_INVALID, "the tower's address is missing: KEY@HOST:PORT");
    bytes_copy(host, name.host);
    struct keyring *ring = keyring_new(account);
    struct links_options options = links_defaults(asking->loop, keyring_node_secret(ring));
    struct link_events events = {asking, on_opened, on_message, on_drained, on_gone};
    options.listens = false;
    enum status st = links_new(&options, &events, &links, err);
    keyring_free(ring);
    TRY(st);
    asking->patience.due = too_late;
    loop_set_timer(asking->loop, &asking->patience, clock_now_ms() + PATIENCE_MS);
    st = links_connect(links, &name.node, host, name.port, &link, err);
    if (st == ST_OK) {
        loop_run(asking->loop);
        if (!asking->is_done)
            st = fail(err, ST_IO, "%s", asking->err.text);
    }
    loop_drop_timer(&asking->patience);
    links_free(links);
    return st;
}

enum status tower_restore(const secret32 *account, const char *tower, struct daemon_kept **out,
                          usize *count, struct err *err)
{
    struct asking asking = {.count = 0};
    TRY(loop_new(&asking.loop, err));
    enum status st = ask(&asking, account, tower, err);
    loop_free(asking.loop);
    if (st != ST_OK) {
        free(asking.list);
        return st;
    }
    *out = asking.list;
    *count = asking.count;
    return ST_OK;
}

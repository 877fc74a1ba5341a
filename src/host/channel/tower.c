/* A watchtower's clients. */
#include "channel/tower_internal.h"

#include "base/fmt.h"
#include "base/hex.h"
#include "sys/log.h"

#include <assert.h>
#include <stdlib.h>

enum { INIT_VERSION = 1, PATH_ROOM = 4096 };

void tower_fail(struct tower *tower, const struct err *why)
{
    if (tower->has_failed)
        return;
    tower->has_failed = true;
    tower->failure = *why;
    loop_stop(tower->options.loop);
}

static void say(struct link *link, const struct wire_message *message)
{
    u8 room[WIRE_LIMIT];
    (void)link_send(link, (bytes){room, wire_encode(message, room)});
}

/* --- Blobs that come in. */

static void promise(struct tower *tower, struct link *link, const struct wire_tower_put *put)
{
    if (tower->promise_count == tower->promise_room) {
        tower->promise_room = tower->promise_room == 0 ? 64 : 2 * tower->promise_room;
        tower->promises =
            realloc(tower->promises, tower->promise_room * sizeof(tower->promises[0]));
        assert(tower->promises != NULL);
    }
    tower->promises[tower->promise_count++] = (struct promise){
        .link = link,
        .client = *link_remote(link),
        .hint = put->hint,
        .sequence = put->sequence,
        .digest = tower_receipt_digest(put->hint, put->sequence, put->blob),
    };
}

static void refuse(struct tower *tower, struct link *link, hint16 hint, const char *why)
{
    struct wire_message message = {.type = WIRE_TOWER_REFUSE};
    message.tower_refuse = (struct wire_tower_refuse){
        .hint = hint,
        .sequence = tower_store_sequence(tower->store, link_remote(link), hint),
        .text = {(const u8 *)why, strlen(why)},
    };
    say(link, &message);
}

static enum status take_put(struct tower *tower, struct link *link,
                            const struct wire_message *message, struct err *err)
{
    const struct wire_tower_put *put = &message->tower_put;
    struct err why;
    (void)err;
    switch (tower_store_put(tower->store, link_remote(link), put->hint, put->sequence, put->blob,
                            &why)) {
    case ST_OK:
        promise(tower, link, put);
        break;
    case ST_INVALID:
    case ST_FULL:
        refuse(tower, link, put->hint, why.text);
        break;
    case ST_MISSING:
    case ST_CORRUPT:
    case ST_AGAIN:
    case ST_IO:
        tower_fail(tower, &why);
        break;
    }
    return ST_OK;
}

static void say_blob(struct tower *tower, struct link *link, hint16 hint)
{
    u8 room[TOWER_PUT_MOST];
    struct wire_message answer = {.type = WIRE_TOWER_BLOB};
    struct wire_tower_blob *blob = &answer.tower_blob;
    blob->hint = hint;
    if (tower_store_get(tower->store, link_remote(link), hint, &blob->sequence, room, &blob->blob,
                        NULL) != ST_OK)
        blob->blob = BYTES_EMPTY;
    say(link, &answer);
}

static enum status take_get(struct tower *tower, struct link *link,
                            const struct wire_message *message, struct err *err)
{
    (void)err;
    say_blob(tower, link, message->tower_get.hint);
    return ST_OK;
}

/* None after the last: the answer is empty, under the hint of the question. */
static enum status take_next(struct tower *tower, struct link *link,
                             const struct wire_message *message, struct err *err)
{
    struct wire_message end = {.type = WIRE_TOWER_BLOB};
    hint16 hint;
    (void)err;
    end.tower_blob.hint = message->tower_next.hint;
    if (tower_store_next(tower->store, link_remote(link), message->tower_next.hint, &hint))
        say_blob(tower, link, hint);
    else
        say(link, &end);
    return ST_OK;
}

static void sign_receipt(struct tower *tower, const struct promise *of)
{
    struct wire_message message = {.type = WIRE_TOWER_RECEIPT};
    message.tower_receipt = (struct wire_tower_receipt){.hint = of->hint, .sequence = of->sequence};
    enum status st =
        secret_sign(keyring_node_secret(tower->ring), of->digest, &message.tower_receipt.signature);
    assert(st == ST_OK); /* the node's key was checked when the ring was made */
    say(of->link, &message);
}

/* --- Links. */

static void on_opened(void *self, struct link *link)
{
    (void)self;
    struct wire_message hello = {.type = WIRE_INIT, .init = {INIT_VERSION, BYTES_EMPTY}};
    say(link, &hello);
}

static enum status take_init(struct tower *tower, struct link *link,
                             const struct wire_message *message, struct err *err)
{
    (void)tower, (void)link;
    return message->init.version == INIT_VERSION
               ? ST_OK
               : fail(err, ST_INVALID, "the client speaks version %u, we speak %u",
                      message->init.version, INIT_VERSION);
}

static const struct {
    enum wire_type type;
    enum status (*take)(struct tower *tower, struct link *link, const struct wire_message *message,
                        struct err *err);
} handlers[] = {
    {WIRE_INIT, take_init},
    {WIRE_TOWER_PUT, take_put},
    {WIRE_TOWER_GET, take_get},
    {WIRE_TOWER_NEXT, take_next},
};

static enum status take_message(struct tower *tower, struct link *link, bytes content,
                                struct err *err)
{
    struct wire_message message;
    enum status st = wire_decode(content, &message, err);
    if (st != ST_OK)
        return st == ST_MISSING ? ST_OK : st;
    for (usize i = 0; i < countof(handlers); i++)
        if (handlers[i].type == message.type)
            return handlers[i].take(tower, link, &message, err);
    return fail(err, ST_INVALID, "%s is not for a watchtower", wire_name(message.type));
}

static void on_message(void *self, struct link *link, bytes content)
{
    struct tower *tower = self;
    struct err err;
    if (tower->has_failed || take_message(tower, link, content, &err) == ST_OK)
        return;
    log_warn("tower", "a client breaks the rules", LOG_HEX("node", *link_remote(link)),
             LOG_TEXT("why", err.text));
    struct wire_message message = {.type = WIRE_ERROR};
    message.error.text = (bytes){(const u8 *)err.text, strlen(err.text)};
    say(link, &message);
    link_close(link, err.text);
}

/* One sync for all that came in a turn. */
static void on_drained(void *self)
{
    struct tower *tower = self;
    struct err err;
    if (tower->promise_count == 0 || tower->has_failed)
        return;
    if (tower_store_sync(tower->store, &err) != ST_OK) {
        tower_fail(tower, &err);
        return;
    }
    for (usize i = 0; i < tower->promise_count; i++) {
        const struct promise *kept = &tower->promises[i];
        if (kept->link != NULL)
            sign_receipt(tower, kept);
        tower_take_notice(tower, &kept->client, kept->hint);
    }
    tower->promise_count = 0;
}

static void on_gone(void *self, struct link *link, const char *why)
{
    struct tower *tower = self;
    (void)why;
    for (usize i = 0; i < tower->promise_count; i++)
        if (tower->promises[i].link == link)
            tower->promises[i].link = NULL;
}

/* --- Life. */

static enum status open_store(struct tower *tower, struct err *err)
{
    char path[PATH_ROOM];
    if (fmt(path, sizeof(path), "%s/tower.log", tower->options.folder) >= sizeof(path))
        return fail(err, ST_INVALID, "path too long: %s", tower->options.folder);
    TRY(tower_store_open(tower->options.files, path, &tower->store, err));
    if (tower->options.client_count != 0)
        tower_store_name(tower->store, tower->options.clients, tower->options.client_count);
    return ST_OK;
}

static enum status begin(struct tower *tower, struct err *err)
{
    struct loop *loop = tower->options.loop;
    struct links_options options = links_defaults(loop, keyring_node_secret(tower->ring));
    options.addr = tower->options.addr;
    options.port = tower->options.port;
    struct link_events events = {tower, on_opened, on_message, on_drained, on_gone};
    TRY(open_store(tower, err));
    TRY(tower_open_chains(tower, err));
    return links_new(&options, &events, &tower->links, err);
}

enum status tower_open(const struct tower_options *options, struct tower **out, struct err *err)
{
    struct tower *tower = calloc(1, sizeof(*tower));
    assert(tower != NULL);
    tower->options = *options;
    tower->ring = keyring_new(options->account);
    enum status st = begin(tower, err);
    if (st != ST_OK) {
        tower_close(tower);
        return st;
    }
    *out = tower;
    return ST_OK;
}

void tower_close(struct tower *tower)
{
    if (tower == NULL)
        return;
    links_free(tower->links);
    tower_close_chains(tower);
    tower_store_close(tower->store);
    keyring_free(tower->ring);
    free(tower->promises);
    free(tower);
}

void tower_name(const struct tower *tower, char out[static DAEMON_NAME_SIZE])
{
    char digits[67] = {0};
    point33 node = keyring_node(tower->ring);
    hex_write(digits, BYTES_OF(node));
    fmt(out, DAEMON_NAME_SIZE, "%s@%s:%u", digits, tower->options.addr, links_port(tower->links));
}

const char *tower_failure(const struct tower *tower)
{
    return tower->has_failed ? tower->failure.text : NULL;
}

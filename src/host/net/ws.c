/* WebSockets (RFC 6455), frames by wslay.
 *
 *   socket -> net->input -> wslay -> exchange -> wslay's queue -> net->output -> socket
 *   any thread -> pushes ------------------------^
 *
 * One read and at most a few writes a turn, whatever the size of frames. What does not fit into the
 * socket waits in `unsent`; what waits in all is bounded: above a mark nothing more is read from
 * the client, and above push_limit it is given up. */
#include "net/internal.h"

#include "sys/clock.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <wslay/wslay.h>

enum {
    PAUSE_BYTES = 1 << 20, /* waiting for the client: read no more from it */
    PAUSE_CALLS = 64,      /* of it on the pool: the same */
    PING_AFTER_MS = 30000, /* of silence */
    DEAD_AFTER_MS = 75000,
    STALL_MS = 30000, /* without taking a byte of what waits */
};

/* A message from another thread. */
struct push {
    struct push *next;
    usize size;
    u8 content[];
};

struct ws {
    struct watch watch;
    struct net *net;
    struct MHD_UpgradeResponseHandle *upgrade;
    struct wslay_event_context *frames;
    struct net_peer peer;
    struct ws *next, **back; /* in net->sockets */

    struct exchange *incoming; /* the message that is arriving */
    bool in_control;           /* the current frame is no part of it */
    bytes input;               /* what wslay has not taken yet: in net->input, or in `stash` */
    u8 *stash;                 /* input kept over a pause */
    u8 *unsent;                /* output that the socket did not take; from `unsent_at` on */
    usize unsent_size, unsent_at;
    usize charged; /* bytes of wslay's queue, taken from net->memory */
    usize running; /* exchanges on the pool */
    u64 heard_ms, moved_ms;
    bool pinged;
    bool refused; /* a close frame is on its way: what arrives no longer counts */
    bool failed;  /* to be ended at the end of the turn */
    bool ended;   /* freed as soon as nothing refers to it */
    bool told;    /* peer_gone has been called */

    pthread_mutex_t lock; /* over what follows */
    struct push *first, **end;
    usize waiting;   /* bytes of pushes, and of wslay's queue when last looked at */
    bool posted;     /* `flush` is on its way to the loop */
    bool closed;     /* takes no more pushes */
    bool overflowed; /* they became too many */
    struct task flush;
};

/* --- Life. */

static void free_pushes(struct push *push)
{
    while (push != NULL) {
        struct push *next = push->next;
        free(push);
        push = next;
    }
}

static struct push *take_pushes(struct ws *ws)
{
    struct push *first = ws->first;
    ws->first = NULL;
    ws->end = &ws->first;
    return first;
}

static void free_exchange(struct exchange *exchange)
{
    if (exchange == NULL)
        return;
    exchange_free_buffers(exchange);
    free(exchange);
}

/* Frees a socket that has ended, once no call of its runs and its task has come through. */
static void release(struct ws *ws)
{
    if (!ws->ended || ws->running > 0)
        return;
    if (!ws->told && ws->net->handler.peer_gone != NULL)
        ws->net->handler.peer_gone(ws->net->handler.self, &ws->peer);
    ws->told = true; /* nobody sends any more */
    pthread_mutex_lock(&ws->lock);
    bool posted = ws->posted;
    pthread_mutex_unlock(&ws->lock);
    if (posted)
        return;
    free_pushes(ws->first);
    free_exchange(ws->incoming);
    pthread_mutex_destroy(&ws->lock);
    free(ws);
}

static void end(struct ws *ws)
{
    loop_unwatch(ws->net->loop, &ws->watch);
    MHD_upgrade_action(ws->upgrade, MHD_UPGRADE_ACTION_CLOSE);
    server_wake_daemon(ws->net);
    wslay_event_context_free(ws->frames);
    memory_give(&ws->net->memory, ws->charged);
    free(ws->stash);
    free(ws->unsent);
    *ws->back = ws->next;
    if (ws->next != NULL)
        ws->next->back = ws->back;
    ws->net->socket_count--;
    pthread_mutex_lock(&ws->lock);
    ws->closed = true;
    pthread_mutex_unlock(&ws->lock);
    ws->ended = true;
    release(ws);
}

/* --- Output. */

static void write_out(struct ws *ws)
{
    struct net *net = ws->net;
    usize size = net->output_size;
    net->output_size = 0;
    if (size == 0 || ws->failed)
        return;
    ssize_t put = send(ws->watch.fd, net->output, size, MSG_NOSIGNAL);
    if (put < 0 && errno != EAGAIN && errno != EINTR) {
        ws->failed = true;
        return;
    }
    usize done = put > 0 ? (usize)put : 0;
    if (done == size)
        return;
    ws->unsent = malloc(size - done);
    if (ws->unsent == NULL) {
        ws->failed = true;
        return;
    }
    ws->unsent_size = size - done;
    ws->unsent_at = 0;
    ws->moved_ms = clock_now_ms();
    memcpy(ws->unsent, net->output + done, size - done);
}

static void write_unsent(struct ws *ws)
{
    if (ws->unsent == NULL)
        return;
    ssize_t put = send(ws->watch.fd, ws->unsent + ws->unsent_at, ws->unsent_size - ws->unsent_at,
                       MSG_NOSIGNAL);
    if (put < 0) {
        ws->failed = errno != EAGAIN && errno != EINTR;
        return;
    }
    ws->moved_ms = clock_now_ms();
    ws->unsent_at += (usize)put;
    if (ws->unsent_at < ws->unsent_size)
        return;
    free(ws->unsent);
    ws->unsent = NULL;
}

/* wslay gives bytes for the socket. */
static ssize_t on_send(wslay_event_context_ptr frames, const u8 *data, usize size, int flags,
                       void *self)
{
    (void)flags;
    struct ws *ws = self;
    struct net *net = ws->net;
    if (net->output_size == IO_SIZE)
        write_out(ws);
    if (ws->unsent != NULL || ws->failed) {
        wslay_event_set_error(frames, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    size = min_u64(size, IO_SIZE - net->output_size);
    memcpy(net->output + net->output_size, data, size);
    net->output_size += size;
    return (ssize_t)size;
}

/* Brings the account of wslay's queue up to date. */
static void settle(struct ws *ws)
{
    usize queued = wslay_event_get_queued_msg_length(ws->frames);
    if (queued > ws->charged && !memory_take(&ws->net->memory, queued - ws->charged)) {
        ws->failed = true;
        return;
    }
    if (queued < ws->charged)
        memory_give(&ws->net->memory, ws->charged - queued);
    if (queued == ws->charged)
        return;
    pthread_mutex_lock(&ws->lock);
    ws->waiting = ws->waiting + queued - ws->charged;
    pthread_mutex_unlock(&ws->lock);
    ws->charged = queued;
}

static void queue_message(struct ws *ws, u8 opcode, bytes content)
{
    struct wslay_event_msg message = {opcode, content.data, content.size};
    int result = wslay_event_queue_msg(ws->frames, &message);
    /* after a close frame there is nothing more to say */
    if (result != 0 && result != WSLAY_ERR_NO_MORE_MSG)
        ws->failed = true;
}

/* --- Input. */

static bool is_paused(const struct ws *ws)
{
    return ws->running >= PAUSE_CALLS ||
           wslay_event_get_queued_msg_length(ws->frames) > PAUSE_BYTES;
}

/* wslay asks for bytes of the socket. */
static ssize_t on_receive(wslay_event_context_ptr frames, u8 *to, usize size, int flags, void *self)
{
    (void)flags;
    struct ws *ws = self;
    if (ws->input.size == 0 || ws->failed || is_paused(ws)) {
        wslay_event_set_error(frames, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    bytes part = bytes_slice(ws->input, 0, size);
    bytes_copy(to, part);
    ws->input = bytes_slice(ws->input, part.size, ws->input.size);
    return (ssize_t)part.size;
}

static void on_frame(wslay_event_context_ptr frames,
                     const struct wslay_event_on_frame_recv_start_arg *frame, void *self)
{
    (void)frames;
    struct ws *ws = self;
    ws->in_control = wslay_is_ctrl_frame(frame->opcode);
}

static void turn(struct ws *ws);

static void reply(struct ws *ws, struct exchange *exchange)
{
    if (exchange->reply.size > 0)
        queue_message(ws, WSLAY_TEXT_FRAME, (bytes){exchange->reply.data, exchange->reply.size});
    exchange_reset(exchange);
    if (ws->incoming == NULL)
        ws->incoming = exchange;
    else
        free_exchange(exchange);
}

static void calls_answered(struct exchange *exchange)
{
    struct ws *ws = exchange->owner;
    ws->running--;
    if (ws->ended) {
        free_exchange(exchange);
        release(ws);
        return;
    }
    reply(ws, exchange);
    turn(ws);
}

/* NULL: no memory; the socket is given up. */
static struct exchange *incoming(struct ws *ws)
{
    if (ws->incoming == NULL) {
        ws->incoming = malloc(sizeof(*ws->incoming));
        if (ws->incoming == NULL)
            ws->failed = true;
        else
            exchange_init(ws->incoming, ws->net, &ws->peer, ws, calls_answered);
    }
    return ws->incoming;
}

static void refuse(struct ws *ws, u16 code)
{
    ws->refused = true;
    if (wslay_event_queue_close(ws->frames, code, NULL, 0) != 0)
        ws->failed = true;
    wslay_event_shutdown_read(ws->frames);
}

static void on_part(wslay_event_context_ptr frames,
                    const struct wslay_event_on_frame_recv_chunk_arg *part, void *self)
{
    (void)frames;
    struct ws *ws = self;
    struct exchange *exchange = ws->in_control || ws->refused ? NULL : incoming(ws);
    if (exchange == NULL)
        return;
    bytes content = {part->data, part->data_length};
    if (!buffer_add(&exchange->body, &ws->net->memory, content, ws->net->options.request_limit))
        refuse(ws, WSLAY_CODE_MESSAGE_TOO_BIG);
}

static void on_message(wslay_event_context_ptr frames,
                       const struct wslay_event_on_msg_recv_arg *message, void *self)
{
    (void)frames;
    struct ws *ws = self;
    bool is_data = !wslay_is_ctrl_frame(message->opcode);
    struct exchange *exchange = is_data && !ws->refused ? incoming(ws) : NULL;
    if (exchange == NULL)
        return;
    ws->incoming = NULL;
    if (exchange_start(exchange))
        reply(ws, exchange);
    else
        ws->running++;
}

/* What a pause leaves in net->input moves to where it can stay. */
static void keep_input(struct ws *ws)
{
    if (ws->input.size > 0 && ws->input.data != ws->net->input && ws->stash != NULL)
        return;
    u8 *old = ws->stash;
    ws->stash = NULL;
    if (ws->input.size > 0) {
        ws->stash = malloc(ws->input.size);
        if (ws->stash != NULL)
            memcpy(ws->stash, ws->input.data, ws->input.size);
        else
            ws->failed = true;
        ws->input.data = ws->stash;
    }
    free(old);
}

/* Moves what can be moved, then says what to wait for. Ends the socket where that is due, so
 * nothing may touch it afterwards. */
static void turn(struct ws *ws)
{
    if (ws->input.size > 0 && wslay_event_recv(ws->frames) != 0)
        ws->refused = true; /* wslay has queued a close frame and stopped reading */
    if (!wslay_event_get_read_enabled(ws->frames))
        ws->input = BYTES_EMPTY;
    keep_input(ws);
    if (wslay_event_send(ws->frames) != 0)
        ws->failed = true;
    write_out(ws);
    settle(ws);
    bool wants_read = wslay_event_want_read(ws->frames) != 0;
    bool wants_write = wslay_event_want_write(ws->frames) != 0 || ws->unsent != NULL;
    if (ws->failed || (!wants_read && !wants_write)) {
        end(ws);
        return;
    }
    bool reads = wants_read && ws->input.size == 0 && !is_paused(ws);
    loop_rewatch(ws->net->loop, &ws->watch,
                 (reads ? LOOP_READ : 0u) | (wants_write ? LOOP_WRITE : 0u));
}

static void read_in(struct ws *ws)
{
    ssize_t got = recv(ws->watch.fd, ws->net->input, IO_SIZE, 0);
    if (got <= 0) {
        ws->failed = got == 0 || (errno != EAGAIN && errno != EINTR);
        return;
    }
    ws->heard_ms = clock_now_ms();
    ws->pinged = false;
    ws->input = (bytes){ws->net->input, (usize)got};
}

static void ready(struct watch *watch, unsigned events)
{
    struct ws *ws = (struct ws *)watch;
    if (events & LOOP_GONE)
        ws->failed = true;
    if (events & LOOP_WRITE)
        write_unsent(ws);
    if ((events & LOOP_READ) && ws->input.size == 0)
        read_in(ws);
    turn(ws);
}

/* --- Pushes from other threads. */

static bool push(void *self, bytes message)
{
    struct ws *ws = self;
    struct push *push = malloc(sizeof(*push) + message.size);
    pthread_mutex_lock(&ws->lock);
    bool fits = push != NULL && message.size <= ws->net->options.push_limit &&
                ws->waiting <= ws->net->options.push_limit - message.size;
    bool taken = !ws->closed && !ws->overflowed && fits;
    if (taken) {
        push->next = NULL;
        push->size = message.size;
        bytes_copy(push->content, message);
        *ws->end = push;
        ws->end = &push->next;
        ws->waiting += message.size;
    } else if (!fits) {
        ws->overflowed = true;
    }
    if (!ws->closed && !ws->posted) {
        ws->posted = true;
        loop_post(ws->net->loop, &ws->flush);
    }
    pthread_mutex_unlock(&ws->lock);
    if (!taken)
        free(push);
    return taken;
}

static void flush_pushes(struct task *task)
{
    struct ws *ws = (struct ws *)((u8 *)task - offsetof(struct ws, flush));
    pthread_mutex_lock(&ws->lock);
    struct push *first = take_pushes(ws);
    bool overflowed = ws->overflowed;
    ws->posted = false;
    for (const struct push *push = first; push != NULL; push = push->next)
        ws->waiting -= push->size; /* counted again by settle, as part of wslay's queue */
    pthread_mutex_unlock(&ws->lock);
    if (ws->ended) {
        free_pushes(first);
        release(ws);
        return;
    }
    for (const struct push *push = first; push != NULL; push = push->next)
        queue_message(ws, WSLAY_TEXT_FRAME, (bytes){push->content, push->size});
    free_pushes(first);
    ws->failed |= overflowed;
    turn(ws);
}

/* --- Opening, and what the server does with all of them. */

static enum status start_frames(struct ws *ws)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = on_receive,
        .send_callback = on_send,
        .on_frame_recv_start_callback = on_frame,
        .on_frame_recv_chunk_callback = on_part,
        .on_msg_recv_callback = on_message,
    };
    if (wslay_event_context_server_init(&ws->frames, &callbacks, ws) != 0)
        return ST_FULL;
    wslay_event_config_set_no_buffering(ws->frames, 1);
    wslay_event_config_set_max_recv_msg_length(ws->frames, ws->net->options.request_limit);
    return ST_OK;
}

/* Answers that follow one another are small, and a client does not acknowledge the first before it
 * has something to say: with Nagle's algorithm the second would wait 40 ms for that. */
static void send_without_delay(int fd)
{
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* speed alone */
}

enum status ws_open(struct net *net, int fd, struct MHD_UpgradeResponseHandle *upgrade, bytes extra)
{
    struct ws *ws = calloc(1, sizeof(*ws));
    if (ws == NULL)
        return ST_FULL;
    send_without_delay(fd);
    ws->watch = (struct watch){.ready = ready, .fd = fd};
    ws->net = net;
    ws->upgrade = upgrade;
    ws->peer = (struct net_peer){ws, push};
    ws->end = &ws->first;
    ws->flush.run = flush_pushes;
    ws->heard_ms = clock_now_ms();
    if (start_frames(ws) != ST_OK) {
        free(ws);
        return ST_FULL;
    }
    if (loop_watch(net->loop, &ws->watch, LOOP_READ, NULL) != ST_OK) {
        wslay_event_context_free(ws->frames);
        free(ws);
        return ST_FULL;
    }
    pthread_mutex_init(&ws->lock, NULL);
    ws->next = net->sockets;
    ws->back = &net->sockets;
    if (ws->next != NULL)
        ws->next->back = &ws->next;
    net->sockets = ws;
    net->socket_count++;
    ws->input = extra;
    turn(ws);
    return ST_OK;
}

void ws_sweep(struct net *net, u64 now_ms)
{
    for (struct ws *ws = net->sockets, *next; ws != NULL; ws = next) {
        next = ws->next;
        u64 silent_ms = now_ms - ws->heard_ms;
        bool reading = !is_paused(ws); /* else it is we who do not listen */
        if (ws->unsent != NULL && now_ms - ws->moved_ms > STALL_MS)
            ws->failed = true;
        if (reading && silent_ms > DEAD_AFTER_MS)
            ws->failed = true;
        if (reading && silent_ms > PING_AFTER_MS && !ws->pinged) {
            ws->pinged = true;
            queue_message(ws, WSLAY_PING, BYTES_EMPTY);
        }
        if (ws->failed || ws->pinged)
            turn(ws);
    }
}

void ws_close_all(struct net *net)
{
    for (struct ws *ws = net->sockets, *next; ws != NULL; ws = next) {
        next = ws->next;
        if (wslay_event_queue_close(ws->frames, WSLAY_CODE_GOING_AWAY, NULL, 0) != 0)
            ws->failed = true;
        turn(ws);
    }
}

void ws_end_all(struct net *net)
{
    while (net->sockets != NULL)
        end(net->sockets);
}

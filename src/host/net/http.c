/* HTTP: requests from libmicrohttpd, and what they are answered.
 *
 * A connection's phases; a request is refused from any of them:
 *
 *   WAITING -> READING -> (WORKING -> ANSWERED) -> SENDING -> WAITING
 *                      -> SOCKET, for good
 */
#include "net/internal.h"

#include "base/fmt.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <stdlib.h>
#include <sys/socket.h>

enum { BYTES_PER_MS = 64 }; /* the slowest transfer that is waited for, beyond idle_ms */

static void enter(struct http *http, enum phase phase)
{
    http->phase = phase;
    http->since_ms = clock_now_ms();
}

/* --- Responses. */

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    if (MHD_add_response_header(response, name, value) != MHD_YES)
        log_debug("net", "no memory for a header"); /* the answer is right without it */
}

static void add_cors_headers(const struct http *http, struct MHD_Response *response)
{
    char origin[256];
    if (!head_origin_may_call(&http->head, &http->net->gate) ||
        http->head.origin.size >= sizeof(origin))
        return;
    fmt(origin, sizeof(origin), "%.*s", (int)http->head.origin.size, http->head.origin.data);
    add_header(response, "Access-Control-Allow-Origin", origin);
    add_header(response, "Vary", "Origin");
    if (http->route != ROUTE_PREFLIGHT)
        return;
    add_header(response, "Access-Control-Allow-Methods", "GET, POST, OPTIONS");
    add_header(response, "Access-Control-Allow-Headers", "*");
    add_header(response, "Access-Control-Max-Age", "600");
    if (http->head.wants_private)
        add_header(response, "Access-Control-Allow-Private-Network", "true");
}

static enum MHD_Result queue(struct http *http, unsigned status, struct MHD_Response *response)
{
    add_cors_headers(http, response);
    enter(http, PHASE_SENDING);
    enum MHD_Result result = MHD_queue_response(http->connection, status, response);
    MHD_destroy_response(response);
    return result;
}

/* `content` is copied unless `mode` says that it stays. */
static enum MHD_Result respond(struct http *http, unsigned status, const char *type, bytes content,
                               enum MHD_ResponseMemoryMode mode)
{
    union { /* libmicrohttpd takes what it only reads without const */
        const u8 *from;
        void *to;
    } data = {.from = content.data};
    struct MHD_Response *response = MHD_create_response_from_buffer(content.size, data.to, mode);
    if (response == NULL)
        return MHD_NO;
    if (type != NULL)
        add_header(response, "Content-Type", type);
    if (http->route == ROUTE_REFUSE) {
        add_header(response, "Connection", "close"); /* its body may be anything */
        if (status == 426)
            add_header(response, "Sec-WebSocket-Version", "13");
        if (status == 405)
            add_header(response, "Allow", "GET, HEAD, OPTIONS, POST");
    }
    return queue(http, status, response);
}

static enum MHD_Result respond_text(struct http *http, unsigned status, const char *text)
{
    bytes content = {(const u8 *)text, strlen(text)};
    return respond(http, status, "text/plain", content, MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result respond_reply(struct http *http)
{
    const struct json_out *reply = &http->exchange.reply;
    bytes content = {reply->data, reply->size};
    return respond(http, 200, "application/json", content, MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result respond_page(struct http *http, const char *url)
{
    struct net *net = http->net;
    struct net_page page;
    struct arena arena = pages_arena(&net->loop_scratch);
    bytes path = {(const u8 *)url, strlen(url)};
    if (net->handler.page != NULL && net->handler.page(net->handler.self, path, &page, &arena))
        return respond(http, page.status, page.content_type, page.content, MHD_RESPMEM_MUST_COPY);
    if (strcmp(url, "/health") == 0)
        return respond(http, 200, "application/json", BYTES_LIT("{\"status\":\"ok\"}\n"),
                       MHD_RESPMEM_PERSISTENT);
    if (strcmp(url, "/") == 0)
        return respond_text(http, 200, "JSON-RPC: POST here, or open a WebSocket.\n");
    return respond_text(http, 404, "there is no such page\n");
}

/* --- WebSockets. */

static void upgraded(void *self, struct MHD_Connection *connection, void *request,
                     const char *extra, usize extra_size, int fd,
                     struct MHD_UpgradeResponseHandle *upgrade)
{
    (void)connection, (void)request;
    struct http *http = self;
    exchange_free_buffers(&http->exchange);
    enter(http, PHASE_SOCKET);
    if (ws_open(http->net, fd, upgrade, (bytes){(const u8 *)extra, extra_size}) != ST_OK)
        MHD_upgrade_action(upgrade, MHD_UPGRADE_ACTION_CLOSE);
}

static enum MHD_Result respond_socket(struct http *http)
{
    char accept[29];
    if (http->net->socket_count >= http->net->options.connection_limit / 2 || http->net->stopping)
        return respond_text(http, 503, "too many WebSockets are open\n");
    struct MHD_Response *response = MHD_create_response_for_upgrade(upgraded, http);
    if (response == NULL)
        return MHD_NO;
    head_socket_accept(http->head.socket_key, accept);
    add_header(response, "Upgrade", "websocket");
    add_header(response, "Sec-WebSocket-Accept", accept);
    return queue(http, 101, response);
}

/* --- Requests. */

static enum MHD_Result note_header(void *self, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    (void)kind;
    bytes content = value == NULL ? BYTES_EMPTY : (bytes){(const u8 *)value, strlen(value)};
    head_add(self, (bytes){(const u8 *)name, strlen(name)}, content);
    return MHD_YES;
}

static enum MHD_Result begin_request(struct http *http, const char *url, const char *method)
{
    struct refusal refusal;
    enter(http, PHASE_READING);
    http->overflowed = false;
    http->head = (struct head){0};
    MHD_get_connection_values(http->connection, MHD_HEADER_KIND, note_header, &http->head);
    http->route =
        head_route(&http->head, &http->net->gate, (bytes){(const u8 *)method, strlen(method)},
                   (bytes){(const u8 *)url, strlen(url)}, &refusal);
    if (http->route != ROUTE_REFUSE)
        return MHD_YES;
    http->net->refused++;
    return respond_text(http, refusal.status, refusal.why);
}

/* A response may be queued only before the body or after it, so a body that is too large is read on
 * for a while without being kept. */
static enum MHD_Result take_body(struct http *http, bytes part)
{
    struct exchange *exchange = &http->exchange;
    usize limit = http->net->options.request_limit;
    if (http->route == ROUTE_CALL && !http->overflowed &&
        buffer_add(&exchange->body, &http->net->memory, part, limit))
        return MHD_YES;
    if (!http->overflowed) {
        http->overflowed = true;
        exchange_free_buffers(exchange);
        exchange->body.size = 0;
    }
    exchange->body.size += part.size;
    return exchange->body.size <= limit ? MHD_YES : MHD_NO;
}

static enum MHD_Result answer_calls(struct http *http)
{
    if (http->phase == PHASE_ANSWERED)
        return respond_reply(http);
    if (http->overflowed) {
        http->route = ROUTE_REFUSE;
        http->net->refused++;
        return respond_text(http, 413, "the body is larger than the limit, or memory is short\n");
    }
    if (exchange_start(&http->exchange))
        return respond_reply(http);
    enter(http, PHASE_WORKING);
    MHD_suspend_connection(http->connection);
    return MHD_YES;
}

static void calls_answered(struct exchange *exchange)
{
    struct http *http = exchange->owner;
    enter(http, PHASE_ANSWERED);
    MHD_resume_connection(http->connection); /* http_request is called again */
    server_wake_daemon(http->net);
}

static enum MHD_Result end_request(struct http *http, const char *url)
{
    switch (http->route) {
    case ROUTE_CALL:
        return answer_calls(http);
    case ROUTE_PAGE:
        return respond_page(http, url);
    case ROUTE_SOCKET:
        return respond_socket(http);
    case ROUTE_PREFLIGHT:
        return respond(http, 204, NULL, BYTES_EMPTY, MHD_RESPMEM_PERSISTENT);
    case ROUTE_REFUSE: /* answered by begin_request */
        return MHD_NO;
    }
    bug("unknown route");
}

enum MHD_Result http_request(void *self, struct MHD_Connection *connection, const char *url,
                             const char *method, const char *version, const char *upload,
                             usize *upload_size, void **request)
{
    (void)self, (void)version;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct http *http = info->socket_context;
    if (http == NULL) /* there was no memory for it */
        return MHD_NO;
    if (*request == NULL) {
        *request = http;
        return begin_request(http, url, method);
    }
    if (*upload_size == 0)
        return end_request(http, url);
    bytes part = {(const u8 *)upload, *upload_size};
    *upload_size = 0;
    return take_body(http, part);
}

void http_completed(void *self, struct MHD_Connection *connection, void **request,
                    enum MHD_RequestTerminationCode why)
{
    (void)self, (void)connection, (void)why;
    struct http *http = *request;
    if (http == NULL || http->phase == PHASE_SOCKET)
        return;
    enter(http, PHASE_WAITING);
    exchange_reset(&http->exchange);
}

/* --- Connections. */

static void hang_up(const struct http *http)
{
    shutdown(http->fd, SHUT_RDWR); /* libmicrohttpd sees the end and closes it */
}

/* Makes place by closing the connection that has waited longest for its next request; where all are
 * busy, the new one goes. */
static void evict(struct net *net, const struct http *newest)
{
    const struct http *idlest = newest;
    for (const struct http *http = net->https; http != NULL; http = http->next)
        if (http->phase == PHASE_WAITING && http->since_ms < idlest->since_ms)
            idlest = http;
    hang_up(idlest);
}

static struct http *connected(struct net *net, struct MHD_Connection *connection)
{
    struct http *http = calloc(1, sizeof(*http));
    if (http == NULL)
        return NULL;
    http->net = net;
    http->connection = connection;
    http->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    exchange_init(&http->exchange, net, NULL, http, calls_answered);
    enter(http, PHASE_WAITING);
    http->next = net->https;
    http->back = &net->https;
    if (http->next != NULL)
        http->next->back = &http->next;
    net->https = http;
    if (++net->connection_count > net->options.connection_limit)
        evict(net, http);
    return http;
}

static void disconnected(struct http *http)
{
    *http->back = http->next;
    if (http->next != NULL)
        http->next->back = http->back;
    http->net->connection_count--;
    exchange_free_buffers(&http->exchange);
    free(http);
}

void http_connection(void *self, struct MHD_Connection *connection, void **place,
                     enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        *place = connected(self, connection);
    else if (*place != NULL)
        disconnected(*place);
}

static bool is_late(const struct http *http, u64 now_ms)
{
    const struct exchange *exchange = &http->exchange;
    u64 allowed_ms = http->net->options.idle_ms;
    switch (http->phase) {
    case PHASE_READING:
        allowed_ms += exchange->body.size / BYTES_PER_MS;
        break;
    case PHASE_SENDING:
        allowed_ms += exchange->reply.size / BYTES_PER_MS;
        break;
    case PHASE_WAITING:
        break;
    case PHASE_WORKING: /* our own time */
    case PHASE_ANSWERED:
    case PHASE_SOCKET:
        return false;
    }
    return now_ms - http->since_ms > allowed_ms;
}

/* libmicrohttpd learns of changes alone (EPOLLET): an end that arrives along with data stays unseen
 * when it reads no further. */
static bool has_left(const struct http *http)
{
    u8 next;
    return (http->phase == PHASE_WAITING || http->phase == PHASE_READING) &&
           recv(http->fd, &next, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

void http_sweep(struct net *net, u64 now_ms)
{
    for (const struct http *http = net->https; http != NULL; http = http->next)
        if (is_late(http, now_ms) || has_left(http))
            hang_up(http);
}

bool http_is_busy(const struct net *net)
{
    for (const struct http *http = net->https; http != NULL; http = http->next)
        if (http->phase != PHASE_WAITING && http->phase != PHASE_SOCKET)
            return true;
    return false;
}

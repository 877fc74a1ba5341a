#include "net/client.h"

#include "base/fmt.h"
#include "base/json_out.h"
#include "net/tls.h"
#include "sys/clock.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BUFFER_SIZE = 16 << 10, /* also the limit of a line of the head */
    HEADER_LIMIT = 100,     /* lines */
    DEPTH_LIMIT = 128,      /* of the answer's JSON */
    CANCEL_MS = 100,        /* how often a waiting call looks whether it should go on */
};

struct net_client {
    char host[256], port[8], path[512], name[270];
    u64 timeout_ms;
    usize answer_limit;
    const atomic_bool *cancel;
    char *ca_file;
    u64 next_id;
    u64 retry_after_s;

    bool secure;
    struct tls *tls; /* of the connection, where it is secure */
    int fd;          /* -1: not connected */
    u64 deadline_ms;
    u8 buffer[BUFFER_SIZE]; /* what has arrived and has not been taken */
    usize at, size;
};

static enum status unreadable(const struct net_client *client, const char *what, struct err *err)
{
    return fail(err, ST_IO, "%s: %s", client->name, what);
}

static enum status broken(const struct net_client *client, struct err *err)
{
    return unreadable(client, strerrordesc_np(errno), err);
}

/* --- The URL. */

static bool take_part(const char **at, const char *stops, char *to, usize room)
{
    usize size = strcspn(*at, stops);
    if (size >= room)
        return false;
    memcpy(to, *at, size);
    to[size] = 0;
    *at += size;
    return true;
}

static bool read_url(struct net_client *client, const char *url)
{
    client->secure = strncasecmp(url, "https://", 8) == 0;
    if (!client->secure && strncasecmp(url, "http://", 7) != 0)
        return false;
    url += client->secure ? 8 : 7;
    bool bracketed = *url == '[';
    url += bracketed;
    if (!take_part(&url, bracketed ? "]" : ":/?#", client->host, sizeof(client->host)) ||
        client->host[0] == 0 || (bracketed && *url++ != ']'))
        return false;
    strcpy(client->port, client->secure ? "443" : "80");
    if (*url == ':' && (url++, !take_part(&url, "/?#", client->port, sizeof(client->port))))
        return false;
    if (client->port[0] == 0 || client->port[strspn(client->port, "0123456789")] != 0)
        return false;
    for (const char *c = url; *c != 0; c++)
        if ((u8)*c <= ' ' || (u8)*c >= 0x7f || *c == '#')
            return false;
    usize size = fmt(client->path, sizeof(client->path), "%s%s", *url == '/' ? "" : "/", url);
    return size < sizeof(client->path);
}

enum status net_client_new(const struct net_client_options *options, struct net_client **out,
                           struct err *err)
{
    struct net_client *client = calloc(1, sizeof(*client));
    if (client == NULL)
        return fail(err, ST_FULL, "no memory for a client");
    client->fd = -1;
    client->timeout_ms = options->timeout_ms;
    client->answer_limit = options->answer_limit;
    client->cancel = options->cancel;
    if (!read_url(client, options->url)) {
        free(client);
        return fail(err, ST_INVALID, "\"%.*s\" is no URL of the form http[s]://host:port/path", 100,
                    options->url);
    }
    if (options->ca_file != NULL) {
        client->ca_file = strdup(options->ca_file);
        assert(client->ca_file != NULL);
    }
    fmt(client->name, sizeof(client->name), "%s:%s", client->host, client->port);
    *out = client;
    return ST_OK;
}

static void hang_up(struct net_client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    tls_free(client->tls);
    client->tls = NULL;
    client->fd = -1;
    client->at = client->size = 0;
}

const char *net_client_name(const struct net_client *client)
{
    return client->name;
}

void net_client_set_timeout(struct net_client *client, u64 timeout_ms)
{
    client->timeout_ms = timeout_ms;
}

void net_client_free(struct net_client *client)
{
    if (client == NULL)
        return;
    hang_up(client);
    free(client->ca_file);
    free(client);
}

/* --- The connection. */

static enum status wait_for(const struct net_client *client, short events, struct err *err)
{
    for (;;) {
        u64 now_ms = clock_now_ms();
        u64 left_ms = now_ms >= client->deadline_ms ? 0 : client->deadline_ms - now_ms;
        u64 wait_ms = client->cancel != NULL ? min_u64(left_ms, CANCEL_MS) : left_ms;
        if (client->cancel != NULL && atomic_load(client->cancel))
            return fail(err, ST_AGAIN, "%s: the call was cancelled", client->name);
        struct pollfd ready = {.fd = client->fd, .events = events};
        int count = poll(&ready, 1, (int)min_u64(wait_ms, INT32_MAX));
        if (count > 0)
            return ST_OK;
        if (count < 0 && errno != EINTR)
            return broken(client, err);
        if (count == 0 && wait_ms == left_ms)
            return fail(err, ST_AGAIN, "%s: no answer within %lu ms", client->name,
                        client->timeout_ms);
    }
}

static enum status connect_to(struct net_client *client, const struct addrinfo *to, struct err *err)
{
    int on = 1, failure = 0;
    socklen_t size = sizeof(failure);
    client->fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0)
        return broken(client, err);
    if (connect(client->fd, to->ai_addr, to->ai_addrlen) != 0) {
        if (errno != EINPROGRESS)
            return broken(client, err);
        TRY(wait_for(client, POLLOUT, err));
        if (getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &failure, &size) != 0)
            return broken(client, err);
        if (failure != 0)
            return unreadable(client, strerrordesc_np(failure), err);
    }
    (void)setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* speed alone */
    return ST_OK;
}

static enum status connect_plain(struct net_client *client, struct err *err)
{
    struct addrinfo want = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    int failure = getaddrinfo(client->host, client->port, &want, &found);
    if (failure != 0)
        return unreadable(client, gai_strerror(failure), err);
    enum status st = ST_IO;
    for (const struct addrinfo *to = found; to != NULL && st != ST_OK; to = to->ai_next) {
        hang_up(client);
        st = connect_to(client, to, err);
    }
    freeaddrinfo(found);
    return st;
}

/* --- Bytes, plain. */

static enum status send_plain(struct net_client *client, bytes what, struct err *err)
{
    while (what.size > 0) {
        ssize_t put = send(client->fd, what.data, what.size, MSG_NOSIGNAL);
        if (put < 0 && errno == EAGAIN)
            TRY(wait_for(client, POLLOUT, err));
        else if (put < 0 && errno != EINTR)
            return broken(client, err);
        what = bytes_slice(what, put > 0 ? (usize)put : 0, what.size);
    }
    return ST_OK;
}

/* At least one byte. ST_MISSING: the other side has closed. */
static enum status receive_plain(struct net_client *client, u8 *to, usize room, usize *got,
                                 struct err *err)
{
    for (;;) {
        ssize_t size = recv(client->fd, to, room, 0);
        *got = size > 0 ? (usize)size : 0;
        if (size > 0)
            return ST_OK;
        if (size == 0)
            return fail(err, ST_MISSING, "%s: closed in the middle of its answer", client->name);
        if (errno == EAGAIN)
            TRY(wait_for(client, POLLIN, err));
        else if (errno != EINTR)
            return broken(client, err);
    }
}

/* --- Bytes, by TLS. */

static enum status refused_by_tls(const struct net_client *client, enum status st,
                                  const struct err *why, struct err *err)
{
    return fail(err, st, "%s: %s", client->name, why->text);
}

/* Sends what TLS has to say, and feeds it with what the other side does. ST_IO also where that
 * closes without saying so: an attacker can cut a connection anywhere. */
static enum status feed_tls(struct net_client *client, struct err *err)
{
    u8 input[BUFFER_SIZE];
    usize got;
    TRY(send_plain(client, tls_take_output(client->tls), err));
    enum status st = receive_plain(client, input, sizeof(input), &got, err);
    if (st == ST_OK)
        tls_put_input(client->tls, (bytes){input, got});
    return st == ST_MISSING ? ST_IO : st;
}

static enum status start_tls(struct net_client *client, struct err *err)
{
    struct err why;
    TRY(tls_new(client->host, client->ca_file, &client->tls, err));
    for (;;) {
        enum status st = tls_handshake(client->tls, &why);
        if (st == ST_OK)
            return send_plain(client, tls_take_output(client->tls), err);
        if (st != ST_AGAIN) {
            (void)send_plain(client, tls_take_output(client->tls), NULL); /* its alert */
            return refused_by_tls(client, st == ST_MISSING ? ST_IO : st, &why, err);
        }
        TRY(feed_tls(client, err));
    }
}

static enum status receive_by_tls(struct net_client *client, u8 *to, usize room, usize *got,
                                  struct err *err)
{
    struct err why;
    for (;;) {
        enum status st = tls_read(client->tls, to, room, got, &why);
        if (st == ST_MISSING)
            return fail(err, st, "%s: closed in the middle of its answer", client->name);
        if (st != ST_AGAIN)
            return st == ST_OK ? ST_OK : refused_by_tls(client, st, &why, err);
        TRY(feed_tls(client, err));
    }
}

static enum status send_all(struct net_client *client, bytes what, struct err *err)
{
    struct err why;
    if (client->tls == NULL)
        return send_plain(client, what, err);
    enum status st = tls_write(client->tls, what, &why);
    if (st != ST_OK)
        return refused_by_tls(client, ST_IO, &why, err);
    return send_plain(client, tls_take_output(client->tls), err);
}

/* --- Connections. */

static enum status connect_anew(struct net_client *client, struct err *err)
{
    TRY(connect_plain(client, err));
    return client->secure ? start_tls(client, err) : ST_OK;
}

/* Whether the kept connection is there and silent: one that was closed meanwhile, or says something
 * unasked, is of no use. What TLS says for itself (tickets) does not count. */
static bool is_connected(struct net_client *client)
{
    u8 input[BUFFER_SIZE], next;
    usize ignored;
    if (client->fd < 0 || client->at != client->size)
        return false;
    if (client->tls == NULL)
        return recv(client->fd, &next, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
    for (;;) {
        ssize_t got = recv(client->fd, input, sizeof(input), MSG_DONTWAIT);
        bool silent = got < 0 && errno == EAGAIN;
        if (got > 0)
            tls_put_input(client->tls, (bytes){input, (usize)got});
        if (got == 0 || tls_read(client->tls, &next, 1, &ignored, NULL) != ST_AGAIN)
            return false;
        if (got < 0)
            return silent;
    }
}

/* At least one more byte in the buffer. ST_MISSING: the other side has closed. */
static enum status read_more(struct net_client *client, struct err *err)
{
    usize got;
    if (client->at == client->size)
        client->at = client->size = 0;
    if (client->size == BUFFER_SIZE) {
        memmove(client->buffer, client->buffer + client->at, client->size - client->at);
        client->size -= client->at;
        client->at = 0;
    }
    if (client->size == BUFFER_SIZE)
        return unreadable(client, "a line of its answer's head is too long", err);
    u8 *to = client->buffer + client->size;
    usize room = BUFFER_SIZE - client->size;
    TRY(client->tls != NULL ? receive_by_tls(client, to, room, &got, err)
                            : receive_plain(client, to, room, &got, err));
    client->size += got;
    return ST_OK;
}

/* --- The answer. */

/* The next line without its end. It lives until the next read. */
static enum status read_line(struct net_client *client, bytes *line, struct err *err)
{
    const u8 *end;
    while ((end = memchr(client->buffer + client->at, '\n', client->size - client->at)) == NULL)
        TRY(read_more(client, err));
    *line = (bytes){client->buffer + client->at, (usize)(end - client->buffer) - client->at};
    client->at += line->size + 1;
    if (line->size > 0 && line->data[line->size - 1] == '\r')
        line->size--;
    return ST_OK;
}

struct head {
    unsigned status;
    bool has_length, chunked, closes;
    u64 length, retry_after_s;
};

static bool says(bytes text, const char *want)
{
    return text.size == strlen(want) && strncasecmp((const char *)text.data, want, text.size) == 0;
}

/* Digits to a base and nothing else. */
static bool read_digits(bytes text, unsigned base, u64 *out)
{
    *out = 0;
    for (usize i = 0; i < text.size; i++) {
        u8 c = text.data[i], letter = c | 0x20;
        unsigned digit = c >= '0' && c <= '9'             ? (unsigned)(c - '0')
                         : letter >= 'a' && letter <= 'f' ? (unsigned)(letter - 'a' + 10)
                                                          : base;
        if (digit >= base || __builtin_mul_overflow(*out, base, out) ||
            __builtin_add_overflow(*out, digit, out))
            return false;
    }
    return text.size > 0;
}

static bool note_header(struct head *head, bytes line)
{
    const u8 *colon = memchr(line.data, ':', line.size);
    if (colon == NULL)
        return false;
    usize name_size = (usize)(colon - line.data);
    bytes name = {line.data, name_size}, value = bytes_slice(line, name_size + 1, line.size);
    while (value.size > 0 && (value.data[0] == ' ' || value.data[0] == '\t'))
        value = bytes_slice(value, 1, value.size);
    while (value.size > 0 && value.data[value.size - 1] == ' ')
        value.size--;
    if (says(name, "content-length")) {
        bool first = !head->has_length;
        head->has_length = true;
        return first && read_digits(value, 10, &head->length);
    }
    if (says(name, "transfer-encoding")) {
        bool first = !head->chunked;
        head->chunked = true;
        return first && says(value, "chunked");
    }
    if (says(name, "connection"))
        head->closes = says(value, "close");
    if (says(name, "retry-after") && !read_digits(value, 10, &head->retry_after_s))
        head->retry_after_s = 0; /* a date, which nobody sends here */
    return true;
}

static enum status read_head(struct net_client *client, struct head *head, struct err *err)
{
    bytes line;
    u64 status;
    do { /* interim answers (1xx) come before the one that counts */
        *head = (struct head){0};
        TRY(read_line(client, &line, err));
        if (line.size < 12 || memcmp(line.data, "HTTP/1.", 7) != 0 ||
            !read_digits(bytes_slice(line, 9, 3), 10, &status))
            return unreadable(client, "its answer is no HTTP", err);
        head->status = (unsigned)status;
        head->closes = line.data[7] == '0';
        usize count = 0;
        for (;;) {
            TRY(read_line(client, &line, err));
            if (line.size == 0)
                break;
            if (++count > HEADER_LIMIT || !note_header(head, line))
                return unreadable(client, "its answer has an unusable header", err);
        }
    } while (head->status / 100 == 1);
    if (head->chunked && head->has_length)
        return unreadable(client, "its answer has two lengths", err);
    return ST_OK;
}

static enum status too_large(const struct net_client *client, struct err *err)
{
    return fail(err, ST_FULL, "%s: its answer is larger than %zu bytes", client->name,
                client->answer_limit);
}

/* Appends the next `size` bytes to *body, which is the last thing in the arena. */
static enum status read_exactly(struct net_client *client, u64 size, bytes *body,
                                struct arena *arena, struct err *err)
{
    if (size > client->answer_limit - body->size)
        return too_large(client, err);
    while (size > 0) {
        if (client->at == client->size)
            TRY(read_more(client, err));
        bytes part = {client->buffer + client->at, min_u64(client->size - client->at, size)};
        bytes_copy(arena_take(arena, part.size, 1), part);
        client->at += part.size;
        body->size += part.size;
        size -= part.size;
    }
    return ST_OK;
}

static enum status read_chunks(struct net_client *client, bytes *body, struct arena *arena,
                               struct err *err)
{
    bytes line;
    for (u64 size = 1; size > 0;) {
        TRY(read_line(client, &line, err));
        const u8 *extension = memchr(line.data, ';', line.size);
        if (extension != NULL)
            line.size = (usize)(extension - line.data);
        if (!read_digits(line, 16, &size))
            return unreadable(client, "its answer has an unusable chunk", err);
        if (size == 0)
            break;
        TRY(read_exactly(client, size, body, arena, err));
        TRY(read_line(client, &line, err));
        if (line.size > 0)
            return unreadable(client, "its answer has an unusable chunk", err);
    }
    for (usize count = 0; count < HEADER_LIMIT; count++) { /* trailers say nothing to us */
        TRY(read_line(client, &line, err));
        if (line.size == 0)
            return ST_OK;
    }
    return unreadable(client, "its answer has too many trailers", err);
}

static enum status read_to_end(struct net_client *client, bytes *body, struct arena *arena,
                               struct err *err)
{
    for (;;) {
        TRY(read_exactly(client, client->size - client->at, body, arena, err));
        enum status st = read_more(client, err);
        if (st == ST_MISSING)
            return ST_OK;
        TRY(st);
    }
}

/* *code is HTTP's. */
static enum status read_answer(struct net_client *client, unsigned *code, bytes *answer,
                               struct arena *arena, struct err *err)
{
    struct head head;
    TRY(read_head(client, &head, err));
    *answer = (bytes){arena->at, 0};
    bool until_closed = !head.chunked && !head.has_length;
    if (head.chunked)
        TRY(read_chunks(client, answer, arena, err));
    else if (head.has_length)
        TRY(read_exactly(client, head.length, answer, arena, err));
    else
        TRY(read_to_end(client, answer, arena, err));
    if (head.closes || until_closed)
        hang_up(client);
    *code = head.status;
    client->retry_after_s = head.retry_after_s;
    return ST_OK;
}

static enum status check_code(const struct net_client *client, unsigned code, struct err *err)
{
    enum {
        NOT_FOUND = 404,
        REQUEST_TIMEOUT = 408,
        TOO_EARLY = 425,
        TOO_MANY = 429,
        UNAVAILABLE = 503
    };
    if (code == 200)
        return ST_OK;
    if (code == TOO_MANY || code == UNAVAILABLE)
        return fail(err, ST_AGAIN, "%s: is overloaded (status %u)", client->name, code);
    if (code == NOT_FOUND)
        return fail(err, ST_MISSING, "%s: answered with status %u", client->name, code);
    bool final = code / 100 == 4 && code != REQUEST_TIMEOUT && code != TOO_EARLY;
    return fail(err, final ? ST_INVALID : ST_IO, "%s: answered with status %u", client->name, code);
}

u64 net_client_retry_after_ms(const struct net_client *client)
{
    return mul_sat_u64(client->retry_after_s, 1000);
}

/* --- Calls. */

/* What is asked for: a method, below the client's path, and a body (none: BYTES_EMPTY). */
struct request {
    const char *method, *path;
    bytes body;
};

/* The target: the client's path with the request's behind it, and both their queries. */
static enum status put_target(const struct net_client *client, const struct request *request,
                              char *to, usize room, struct err *err)
{
    usize base = strcspn(client->path, "?");
    const char *query = client->path + base, *path = request->path;
    if (path[0] != 0 && base > 0 && client->path[base - 1] == '/')
        base--;
    if (query[0] != 0 && strchr(path, '?') != NULL)
        query++;
    usize size = fmt(to, room, "%.*s%s%s%s", (int)base, client->path, path,
                     query[0] != 0 && query[0] != '?' ? "&" : "", query);
    return size < room ? ST_OK : fail(err, ST_INVALID, "%s: the path is too long", client->name);
}

static enum status exchange(struct net_client *client, const struct request *request,
                            unsigned *code, bytes *answer, struct arena *arena, struct err *err)
{
    char target[1600], head[2600];
    bool brackets = strchr(client->host, ':') != NULL, get = request->body.size == 0;
    TRY(put_target(client, request, target, sizeof(target), err));
    usize size = fmt(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: %s%s%s:%s\r\n", request->method,
                     target, brackets ? "[" : "", client->host, brackets ? "]" : "", client->port);
    if (get)
        size += fmt(head + size, sizeof(head) - size, "Accept: application/json\r\n\r\n");
    else
        size += fmt(head + size, sizeof(head) - size,
                    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                    request->body.size);
    assert(size < sizeof(head)); /* host, port and target are bounded */
    if (!is_connected(client))
        TRY(connect_anew(client, err));
    TRY(send_all(client, (bytes){(const u8 *)head, size}, err));
    TRY(send_all(client, request->body, err));
    return read_answer(client, code, answer, arena, err);
}

static enum status ask(struct net_client *client, const struct request *request, unsigned *code,
                       bytes *answer, struct arena *arena, struct err *err)
{
    client->deadline_ms = clock_now_ms() + client->timeout_ms;
    client->retry_after_s = 0;
    enum status st = exchange(client, request, code, answer, arena, err);
    if (st != ST_OK)
        hang_up(client); /* the rest of an answer must not be taken for the next one */
    return st == ST_MISSING ? ST_IO : st;
}

static enum status post(struct net_client *client, bytes body, unsigned *code, bytes *answer,
                        struct arena *arena, struct err *err)
{
    return ask(client, &(struct request){"POST", "", body}, code, answer, arena, err);
}

enum status net_client_post(struct net_client *client, bytes body, bytes *answer,
                            struct arena *arena, struct err *err)
{
    unsigned code;
    TRY(post(client, body, &code, answer, arena, err));
    enum status st = check_code(client, code, err);
    return st == ST_MISSING ? ST_INVALID : st; /* nobody takes calls there */
}

enum status net_client_get(struct net_client *client, const char *path, bytes *answer,
                           struct arena *arena, struct err *err)
{
    unsigned code;
    TRY(ask(client, &(struct request){"GET", path, BYTES_EMPTY}, &code, answer, arena, err));
    return check_code(client, code, err);
}

static enum status refused(json from, struct net_client_error *error, struct arena *arena,
                           struct err *err)
{
    json code = json_get(from, "code");
    bool negative = code.text.size > 0 && code.text.data[0] == '-';
    u64 size = 0;
    json digits = {bytes_slice(code.text, negative, code.text.size)};
    if (json_read_u64(digits, &size) != ST_OK || size > INT32_MAX)
        size = 0;
    error->code = negative ? -(i64)size : (i64)size;
    error->message = json_text(json_get(from, "message"), arena);
    error->data = json_get(from, "data");
    enum status st =
        fail(err, ST_INVALID, "%.*s (code %ld)", (int)min_u64(error->message.size, 200),
             (const char *)error->message.data, error->code);
    for (char *c = err != NULL ? err->text : ""; *c != 0; c++)
        if ((u8)*c < ' ' || *c == 0x7f) /* what strangers say goes to a terminal */
            *c = '?';
    return st;
}

/* Posts calls. Where the server refuses all of them, *error says why: many put an error of
 * JSON-RPC into the body of an HTTP error. */
static enum status post_calls(struct net_client *client, bytes body, json *out,
                              struct net_client_error *error, struct arena *arena, struct err *err)
{
    unsigned code;
    bytes answer;
    *error = (struct net_client_error){0};
    TRY(post(client, body, &code, &answer, arena, err));
    bool readable = json_check(answer, DEPTH_LIMIT, out, NULL) == ST_OK;
    enum status st = check_code(client, code, err);
    if (st == ST_AGAIN)
        return st;
    json refusal = readable ? json_get(*out, "error") : (json){BYTES_EMPTY};
    if (json_is(refusal, JSON_OBJECT))
        return refused(refusal, error, arena, err);
    if (st == ST_OK && !readable)
        return unreadable(client, "its answer is no JSON", err);
    return st == ST_MISSING ? ST_INVALID : st;
}

static void put_call(struct json_out *out, u64 id, const char *method, bytes params)
{
    json_open_object(out);
    json_key(out, "jsonrpc");
    json_put_cstr(out, "2.0");
    json_key(out, "id");
    json_put_u64(out, id);
    json_key(out, "method");
    json_put_cstr(out, method);
    json_key(out, "params");
    json_put_raw(out, params);
    json_close_object(out);
}

static usize call_room(const char *method, bytes params)
{
    return strlen(method) * 6 + params.size + 100;
}

static struct json_out body_out(usize room, struct arena *arena)
{
    return json_out_over(ARENA_TAKE(arena, u8, room), room);
}

static bytes body_of(const struct json_out *out)
{
    assert(!out->failed);
    return (bytes){out->data, out->size};
}

enum status net_client_call(struct net_client *client, const char *method, bytes params,
                            json *result, struct net_client_error *error, struct arena *arena,
                            struct err *err)
{
    u64 id = ++client->next_id, answered = 0;
    json all;
    struct json_out out = body_out(call_room(method, params), arena);
    put_call(&out, id, method, params);
    TRY(post_calls(client, body_of(&out), &all, error, arena, err));
    *result = json_get(all, "result");
    if (json_read_u64(json_get(all, "id"), &answered) != ST_OK || answered != id ||
        json_is(*result, JSON_ABSENT))
        return unreadable(client, "its answer is none to this call", err);
    return ST_OK;
}

/* One answer of a batch, to the call that it names. */
static bool take_item(struct net_client_item *items, usize count, u64 first_id, json answer,
                      struct arena *arena)
{
    u64 id;
    if (json_read_u64(json_get(answer, "id"), &id) != ST_OK || id < first_id ||
        id - first_id >= count)
        return false;
    struct net_client_item *item = &items[id - first_id];
    if (item->status != ST_MISSING)
        return false;
    json refusal = json_get(answer, "error");
    if (json_is(refusal, JSON_OBJECT)) {
        item->status = refused(refusal, &item->error, arena, NULL);
        return true;
    }
    item->status = ST_OK;
    item->result = json_get(answer, "result");
    return !json_is(item->result, JSON_ABSENT);
}

enum status net_client_batch(struct net_client *client, struct net_client_item *items, usize count,
                             struct net_client_error *error, struct arena *arena, struct err *err)
{
    json all, key, answer;
    usize room = 2, answered = 0;
    u64 first_id = client->next_id + 1;
    if (count == 0)
        return ST_OK;
    for (usize i = 0; i < count; i++)
        room += call_room(items[i].method, items[i].params);
    struct json_out out = body_out(room, arena);
    json_open_array(&out);
    for (usize i = 0; i < count; i++) {
        items[i].status = ST_MISSING;
        put_call(&out, ++client->next_id, items[i].method, items[i].params);
    }
    json_close_array(&out);
    TRY(post_calls(client, body_of(&out), &all, error, arena, err));
    for (struct json_walk at = json_begin(all); json_next(&at, &key, &answer); answered++)
        if (!take_item(items, count, first_id, answer, arena))
            return unreadable(client, "its answer is none to this batch", err);
    if (!json_is(all, JSON_ARRAY) || answered != count)
        return unreadable(client, "its answer is none to this batch", err);
    return ST_OK;
}

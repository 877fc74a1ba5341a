#include "net/ws_client.h"

#include "base/fmt.h"
#include "net/head.h"
#include "sys/entropy.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wslay/wslay.h>

enum { HEAD_LIMIT = 4096, KEY_SIZE = 24 };

struct ws_client {
    int fd; /* -1: none */
    struct wslay_event_context *frames;
    bool has_ended;
    u8 *heard; /* messages: size (u32), text */
    usize size, room, at;
};

static enum status broken(const char *what, struct err *err)
{
    return fail(err, ST_IO, "%s: %s", what, strerrordesc_np(errno));
}

/* --- Frames. */

static ssize_t on_send(wslay_event_context_ptr frames, const u8 *data, usize size, int flags,
                       void *self)
{
    struct ws_client *client = self;
    (void)flags;
    ssize_t put = send(client->fd, data, size, MSG_NOSIGNAL);
    if (put < 0)
        wslay_event_set_error(frames, WSLAY_ERR_CALLBACK_FAILURE);
    return put;
}

static ssize_t on_receive(wslay_event_context_ptr frames, u8 *to, usize size, int flags, void *self)
{
    struct ws_client *client = self;
    (void)flags;
    ssize_t got = recv(client->fd, to, size, MSG_DONTWAIT);
    if (got > 0)
        return got;
    bool waits = got < 0 && errno == EAGAIN;
    client->has_ended |= !waits;
    wslay_event_set_error(frames, waits ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static int on_mask(wslay_event_context_ptr frames, u8 *to, usize size, void *self)
{
    (void)frames, (void)self;
    random_fill(to, size);
    return 0;
}

static void add(struct ws_client *client, const void *data, usize size)
{
    if (client->room - client->size < size) {
        client->room = 2 * client->room + size + 4096;
        client->heard = realloc(client->heard, client->room);
        assert(client->heard != NULL);
    }
    memcpy(client->heard + client->size, data, size);
    client->size += size;
}

static void on_message(wslay_event_context_ptr frames,
                       const struct wslay_event_on_msg_recv_arg *message, void *self)
{
    struct ws_client *client = self;
    u32 size = (u32)message->msg_length;
    (void)frames;
    client->has_ended |= message->opcode == WSLAY_CONNECTION_CLOSE;
    if (wslay_is_ctrl_frame(message->opcode))
        return;
    add(client, &size, sizeof(size));
    add(client, message->msg, size);
}

/* --- Beginning. */

static enum status read_url(const char *url, char host[static 256], char port[static 8],
                            struct err *err)
{
    usize size = strlen(url) >= 7 ? strcspn(url + 7, ":/") : 0;
    usize digits = size == 0 || url[7 + size] != ':' ? 0 : strcspn(url + 8 + size, "/");
    if (strncasecmp(url, "http://", 7) != 0 || size == 0 || size >= 256 || digits >= 8)
        return fail(err, ST_INVALID, "\"%.*s\" is no URL of the form http://host:port", 100, url);
    memcpy(host, url + 7, size);
    host[size] = 0;
    memcpy(port, digits == 0 ? "80" : url + 8 + size, digits == 0 ? 2 : digits);
    port[digits == 0 ? 2 : digits] = 0;
    return ST_OK;
}

static enum status reach(struct ws_client *client, const char *host, const char *port,
                         struct err *err)
{
    struct addrinfo want = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    int failure = getaddrinfo(host, port, &want, &found);
    if (failure != 0)
        return fail(err, ST_IO, "%s: %s", host, gai_strerror(failure));
    for (const struct addrinfo *to = found; to != NULL && client->fd < 0; to = to->ai_next) {
        client->fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (client->fd < 0 || connect(client->fd, to->ai_addr, to->ai_addrlen) == 0)
            continue;
        (void)fail(err, ST_IO, "%s:%s: %s", host, port, strerrordesc_np(errno));
        close(client->fd);
        client->fd = -1;
    }
    freeaddrinfo(found);
    return client->fd >= 0 ? ST_OK : ST_IO;
}

/* RFC 4648, section 4, of 16 bytes. */
static void make_key(char key[static KEY_SIZE + 1])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    u8 seed[18] = {0};
    random_fill(seed, 16);
    for (usize i = 0; i < KEY_SIZE; i++) {
        const u8 *from = seed + i / 4 * 3;
        u32 three = (u32)from[0] << 16 | (u32)from[1] << 8 | from[2];
        key[i] = digits[three >> (18 - 6 * (i % 4)) & 63];
    }
    key[KEY_SIZE - 2] = key[KEY_SIZE - 1] = '=';
    key[KEY_SIZE] = 0;
}

/* Byte for byte, as frames follow. */
static enum status read_head(const struct ws_client *client, char head[static HEAD_LIMIT],
                             struct err *err)
{
    usize size = 0;
    while (size < 4 || memcmp(head + size - 4, "\r\n\r\n", 4) != 0) {
        if (size + 1 == HEAD_LIMIT)
            return fail(err, ST_IO, "its answer's head is too long");
        ssize_t got = recv(client->fd, head + size, 1, 0);
        if (got <= 0)
            return got == 0 ? fail(err, ST_IO, "closed instead of answering")
                            : broken("no answer", err);
        size++;
    }
    head[size] = 0;
    return ST_OK;
}

static enum status upgrade(struct ws_client *client, const char *host, const char *port,
                           struct err *err)
{
    char key[KEY_SIZE + 1], accept[29], head[HEAD_LIMIT];
    make_key(key);
    head_socket_accept((bytes){(const u8 *)key, KEY_SIZE}, accept);
    usize size =
        fmt(head, sizeof(head),
            "GET / HTTP/1.1\r\nHost: %s:%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n",
            host, port, key);
    if (send(client->fd, head, size, MSG_NOSIGNAL) != (ssize_t)size)
        return broken("asking for a WebSocket", err);
    TRY(read_head(client, head, err));
    if (strncmp(head, "HTTP/1.1 101", 12) != 0 || strstr(head, accept) == NULL)
        return fail(err, ST_IO, "%s:%s has no WebSocket", host, port);
    return ST_OK;
}

static enum status begin(struct ws_client *client, const char *url, struct err *err)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = on_receive,
        .send_callback = on_send,
        .genmask_callback = on_mask,
        .on_msg_recv_callback = on_message,
    };
    char host[256], port[8];
    TRY(read_url(url, host, port, err));
    TRY(reach(client, host, port, err));
    TRY(upgrade(client, host, port, err));
    if (wslay_event_context_client_init(&client->frames, &callbacks, client) != 0)
        return fail(err, ST_FULL, "no memory for a WebSocket");
    wslay_event_config_set_max_recv_msg_length(client->frames, WS_CLIENT_MESSAGE_LIMIT);
    return ST_OK;
}

enum status ws_client_open(const char *url, struct ws_client **out, struct err *err)
{
    struct ws_client *client = calloc(1, sizeof(*client));
    assert(client != NULL);
    client->fd = -1;
    enum status st = begin(client, url, err);
    if (st != ST_OK) {
        ws_client_close(client);
        return st;
    }
    *out = client;
    return ST_OK;
}

void ws_client_close(struct ws_client *client)
{
    if (client == NULL)
        return;
    if (client->frames != NULL)
        wslay_event_context_free(client->frames);
    if (client->fd >= 0)
        close(client->fd);
    free(client->heard);
    free(client);
}

/* --- Talking. */

enum status ws_client_say(struct ws_client *client, bytes text, struct err *err)
{
    struct wslay_event_msg message = {WSLAY_TEXT_FRAME, text.data, text.size};
    if (wslay_event_queue_msg(client->frames, &message) != 0 ||
        wslay_event_send(client->frames) != 0)
        return fail(err, ST_IO, "the WebSocket does not take what is sent");
    return ST_OK;
}

static bool take_heard(struct ws_client *client, bytes *text)
{
    u32 size;
    if (client->at == client->size) {
        client->at = client->size = 0;
        return false;
    }
    memcpy(&size, client->heard + client->at, sizeof(size));
    *text = (bytes){client->heard + client->at + sizeof(size), size};
    client->at += sizeof(size) + size;
    return true;
}

/* Pings are answered on the way. */
enum status ws_client_hear(struct ws_client *client, bytes *text, struct err *err)
{
    while (!take_heard(client, text)) {
        struct pollfd ready = {.fd = client->fd, .events = POLLIN};
        if (client->has_ended)
            return fail(err, ST_MISSING, "the daemon has ended the connection");
        if (poll(&ready, 1, -1) < 0 && errno != EINTR)
            return broken("waiting", err);
        if (wslay_event_recv(client->frames) != 0 || wslay_event_send(client->frames) != 0 ||
            wslay_event_get_close_received(client->frames) != 0)
            client->has_ended = true;
    }
    return ST_OK;
}

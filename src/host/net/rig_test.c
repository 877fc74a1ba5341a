#include "net/rig.h"

#include "harness/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

void test_sleep_ms(unsigned time_ms)
{
    poll(NULL, 0, (int)time_ms);
}

/* --- The server. */

static bool is_heavy(void *self, bytes method)
{
    (void)self;
    return bytes_equal(method, BYTES_LIT("heavy")) || bytes_equal(method, BYTES_LIT("slow")) ||
           bytes_equal(method, BYTES_LIT("later"));
}

static void put_big(struct json_out *out, json params)
{
    u64 size = 0;
    CHECK(json_read_u64(json_at(params, 0), &size) == ST_OK);
    u8 *text = malloc(size + 2);
    assert(text != NULL);
    memset(text, 'x', size + 2);
    text[0] = text[size + 1] = '"';
    json_put_raw(out, (bytes){text, size + 2});
    free(text);
}

static void answer(void *self, bytes method, json params, const struct net_peer *peer,
                   struct json_out *out, struct arena arena)
{
    struct test_server *server = self;
    memset(arena_take(&arena, 5000, 8), 0xee, 5000);
    json_key(out, "result");
    if (bytes_equal(method, BYTES_LIT("slow"))) {
        server->slow_running++;
        test_sleep_ms(50);
        server->slow_running--;
    }
    if (bytes_equal(method, BYTES_LIT("big"))) {
        put_big(out, params);
        return;
    }
    if (bytes_equal(method, BYTES_LIT("subscribe"))) {
        json_put_bool(out, peer != NULL);
        if (peer == NULL)
            return;
        server->peer = *peer;
        server->subscribed = true;
        CHECK(peer->send(peer->self, BYTES_LIT("\"pushed\"")));
        return;
    }
    json_put_raw(out, json_is(params, JSON_ABSENT) ? BYTES_LIT("null") : params.text);
}

struct test_later {
    struct test_later *next;
    struct net_later *later;
    json params;
    struct json_out *out;
};

static bool begin(void *self, bytes method, json params, const struct net_peer *peer,
                  struct json_out *out, struct net_later *later)
{
    struct test_server *server = self;
    (void)peer;
    if (!bytes_equal(method, BYTES_LIT("later")))
        return false;
    struct test_later *call = malloc(sizeof(*call));
    assert(call != NULL);
    pthread_mutex_lock(&server->lock);
    *call = (struct test_later){server->later, later, params, out};
    server->later = call;
    pthread_mutex_unlock(&server->lock);
    server->later_count++;
    return true;
}

void test_answer_later(struct test_server *server)
{
    pthread_mutex_lock(&server->lock);
    struct test_later *list = server->later;
    server->later = NULL;
    pthread_mutex_unlock(&server->lock);
    while (list != NULL) {
        struct test_later *call = list;
        list = call->next;
        json_key(call->out, "result");
        json_put_raw(call->out,
                     json_is(call->params, JSON_ABSENT) ? BYTES_LIT("null") : call->params.text);
        net_answered(call->later);
        free(call);
    }
}

static void peer_gone(void *self, const struct net_peer *peer)
{
    struct test_server *server = self;
    (void)peer;
    server->peers_gone++;
}

static bool page(void *self, bytes path, struct net_page *out, struct arena *arena)
{
    (void)self;
    if (!bytes_equal(path, BYTES_LIT("/metrics")))
        return false;
    *out = (struct net_page){200, "text/plain", arena_copy(arena, BYTES_LIT("one 1\n"))};
    return true;
}

struct test_server *test_server_start(void (*change)(struct net_options *options))
{
    struct test_server *server = calloc(1, sizeof(*server));
    struct err err;
    assert(server != NULL && pool_new(2, 100, &server->pool, &err) == ST_OK);
    struct net_options options = net_defaults(server->pool);
    pthread_mutex_init(&server->lock, NULL);
    struct net_handler handler = {server, is_heavy, answer, begin, peer_gone, page};
    if (change != NULL)
        change(&options);
    if (net_start(&options, &handler, &server->net, &err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", err.text);
    return server;
}

void test_server_stop(struct test_server *server)
{
    net_stop(server->net, 2000);
    pool_free(server->pool);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

/* --- Clients. */

int test_connect(const struct test_server *server)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct timeval patience = {.tv_sec = 10};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(net_port(server->net)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
    CHECK(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
    CHECK(connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0);
    return fd;
}

void test_send_bytes(int fd, bytes content)
{
    while (content.size > 0) {
        ssize_t put = send(fd, content.data, content.size, MSG_NOSIGNAL);
        if (put <= 0)
            return; /* the server has closed: what it said is what counts */
        content = bytes_slice(content, (usize)put, content.size);
    }
}

void test_send(int fd, const char *text)
{
    test_send_bytes(fd, (bytes){(const u8 *)text, strlen(text)});
}

bytes test_receive(int fd, usize size)
{
    u8 *data = ARENA_NEW(test_arena(), u8, size + 1);
    usize done = 0;
    while (done < size) {
        ssize_t got = recv(fd, data + done, size - done, 0);
        if (got <= 0)
            break;
        done += (usize)got;
    }
    return (bytes){data, done};
}

const char *test_receive_all(int fd)
{
    return (const char *)test_receive(fd, 1 << 16).data;
}

struct test_response test_response(int fd)
{
    char *head = ARENA_NEW(test_arena(), char, 1 << 14);
    struct test_response response = {0, head, ""};
    for (usize size = 0; size < (1 << 14) - 1; size++) {
        if (recv(fd, head + size, 1, 0) != 1)
            return response;
        if (size >= 3 && memcmp(head + size - 3, "\r\n\r\n", 4) == 0)
            break;
    }
    const char *length = strcasestr(head, "\ncontent-length:");
    response.status = (unsigned)strtoul(head + 9, NULL, 10);
    if (length != NULL)
        response.body = (const char *)test_receive(fd, strtoul(length + 16, NULL, 10)).data;
    return response;
}

const char *test_post(const char *body)
{
    usize size = strlen(body) + 200;
    char *text = ARENA_NEW(test_arena(), char, size);
    snprintf(text, size,
             "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    return text;
}

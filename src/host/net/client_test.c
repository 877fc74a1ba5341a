#include "net/client.h"

#include "harness/test.h"
#include "net/rig.h"
#include "sys/clock.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static struct net_client *client_of(u16 port, u64 timeout_ms, usize limit)
{
    char url[64];
    struct err err;
    struct net_client *client = NULL;
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", (unsigned)port);
    struct net_client_options options = {
        .url = url, .timeout_ms = timeout_ms, .answer_limit = limit};
    CHECK(net_client_new(&options, &client, &err) == ST_OK);
    return client;
}

TEST(client_calls_again_and_again_on_one_connection)
{
    struct test_server *server = test_server_start(NULL);
    struct net_client *client = client_of(net_port(server->net), 10000, 1 << 20);
    struct net_client_error error;
    struct err err;
    json result;
    for (int i = 0; i < 20; i++) {
        const char *method = i % 2 == 0 ? "echo" : "heavy";
        CHECK(net_client_call(client, method, BYTES_LIT("[\"x\",{}]"), &result, &error,
                              test_arena(), &err) == ST_OK);
        CHECK(bytes_equal(result.text, BYTES_LIT("[\"x\",{}]")));
    }
    CHECK(net_client_call(client, "big", BYTES_LIT("[500000]"), &result, &error, test_arena(),
                          &err) == ST_OK);
    CHECK(result.text.size == 500002);
    CHECK(net_client_call(client, "big", BYTES_LIT("[2000000]"), &result, &error, test_arena(),
                          &err) == ST_FULL);
    CHECK(net_count(server->net).requests == 22);
    net_client_free(client);
    test_server_stop(server);
}

TEST(client_connects_anew_after_the_server_has_hung_up)
{
    struct test_server *server = test_server_start(NULL);
    u16 port = net_port(server->net);
    struct net_client *client = client_of(port, 10000, 1 << 20);
    struct net_client_error error;
    struct err err;
    json result;
    CHECK(net_client_call(client, "echo", BYTES_LIT("[]"), &result, &error, test_arena(), &err) ==
          ST_OK);
    test_server_stop(server);
    CHECK(net_client_call(client, "echo", BYTES_LIT("[]"), &result, &error, test_arena(), &err) ==
          ST_IO);
    CHECK(strstr(err.text, "Connection refused") != NULL);
    server = test_server_start(NULL);
    net_client_free(client);
    client = client_of(net_port(server->net), 10000, 1 << 20);
    CHECK(net_client_call(client, "echo", BYTES_LIT("[]"), &result, &error, test_arena(), &err) ==
          ST_OK);
    net_client_free(client);
    test_server_stop(server);
}

TEST(client_reads_urls)
{
    static const struct {
        const char *url;
        enum status want;
    } rows[] = {
        {"http://localhost", ST_OK},
        {"http://localhost:8545/a?b=c", ST_OK},
        {"HTTP://[::1]:8545/", ST_OK},
        {"https://localhost", ST_OK},
        {"httpx://localhost", ST_INVALID},
        {"localhost:8545", ST_INVALID},
        {"http://", ST_INVALID},
        {"http://:80", ST_INVALID},
        {"http://a:", ST_INVALID},
        {"http://a:port", ST_INVALID},
        {"http://a:123456789", ST_INVALID},
        {"http://[::1", ST_INVALID},
        {"http://a/b c", ST_INVALID},
        {"http://a/\r\nX: y", ST_INVALID},
    };
    for (usize i = 0; i < countof(rows); i++) {
        struct net_client_options options = {.url = rows[i].url, .timeout_ms = 1000};
        struct net_client *client = NULL;
        struct err err;
        CHECK_ROW(i, net_client_new(&options, &client, &err) == rows[i].want);
        net_client_free(client);
    }
}

/* A server that says one thing to whoever connects, whatever it is asked. */
static int listen_anywhere(u16 *port)
{
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(place);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(fd, (const struct sockaddr *)&place, sizeof(place)) == 0 && listen(fd, 5) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&place, &size) == 0);
    *port = ntohs(place.sin_port);
    return fd;
}

struct script {
    int fd;
    const char *says;
    bool stays; /* does not close until the client does */
    bool gets;  /* the request has no body */
    char heard[200];
};

static void *play(void *self)
{
    struct script *script = self;
    int fd = accept(script->fd, NULL, NULL);
    char request[4096] = "";
    const char *last = script->gets ? "\r\n\r\n" : "}";
    for (usize size = 0; strstr(request, last) == NULL;) { /* it comes in two parts */
        ssize_t got = recv(fd, request + size, sizeof(request) - 1 - size, 0);
        if (got <= 0)
            break;
        size += (usize)got;
    }
    snprintf(script->heard, sizeof(script->heard), "%s", request);
    test_send(fd, script->says);
    if (script->stays)
        while (recv(fd, request, sizeof(request), 0) > 0)
            ;
    close(fd);
    return NULL;
}

#define OK "HTTP/1.1 200 OK\r\n"
#define ONE "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":5}"

TEST(client_understands_answers_and_refuses_hostile_ones)
{
    static const struct {
        const char *says;
        enum status want;
        bool stays;
    } rows[] = {
        {OK "Content-Length: 35\r\n\r\n" ONE, ST_OK, true},
        {OK "content-length:35 \r\nConnection: close\r\n\r\n" ONE, ST_OK, true},
        {OK "\r\n" ONE, ST_OK, false},
        {"HTTP/1.0 200 OK\n\n" ONE, ST_OK, false},
        {"HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 35\r\n\r\n" ONE, ST_OK, true},
        {OK "Transfer-Encoding: chunked\r\n\r\n5;x=y\r\n{\"jso\r\n1f\r\n"
            "nrpc\":\"2.0\",\"id\":1,\"result\":5}  \r\n0\r\nT: x\r\n\r\n",
         ST_IO, true},
        {OK "Transfer-Encoding: chunked\r\n\r\n5;x=y\r\n{\"jso\r\n1f\r\n"
            "nrpc\":\"2.0\",\"id\":1,\"result\":5}\r\n0\r\nT: x\r\n\r\n",
         ST_OK, true},
        {"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n", ST_AGAIN, true},
        {"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", ST_AGAIN, true},
        {"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", ST_IO, true},
        {"HTTP/1.1 408 Late\r\nContent-Length: 0\r\n\r\n", ST_IO, true},
        {"HTTP/1.1 401 Who\r\nContent-Length: 0\r\n\r\n", ST_INVALID, true},
        {"HTTP/1.1 500 Oh\r\nContent-Length: 26\r\n\r\n{\"error\":{\"message\":\"no\"}}",
         ST_INVALID, true},
        {"HTTP/1.1 429 Oh\r\nContent-Length: 26\r\n\r\n{\"error\":{\"message\":\"no\"}}", ST_AGAIN,
         true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n" ONE, ST_IO, false},
        {OK "Content-Length: 40\r\n\r\n" ONE, ST_AGAIN, true}, /* the rest never comes */
        {OK "Content-Length: 35\r\nContent-Length: 35\r\n\r\n" ONE, ST_IO, true},
        {OK "Content-Length: 35\r\nTransfer-Encoding: chunked\r\n\r\n" ONE, ST_IO, true},
        {OK "Content-Length: -1\r\n\r\n" ONE, ST_IO, true},
        {OK "Content-Length: 99999999999999999999\r\n\r\n", ST_IO, true},
        {OK "Content-Length: 1000000\r\n\r\n", ST_FULL, true},
        {OK "Transfer-Encoding: gzip\r\n\r\n" ONE, ST_IO, true},
        {OK "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", ST_IO, true},
        {OK "Transfer-Encoding: chunked\r\n\r\n10000000\r\n", ST_FULL, true},
        {OK "Transfer-Encoding: chunked\r\n\r\n-1\r\n", ST_IO, true},
        {OK "Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n", ST_IO, true},
        {OK "no colon\r\n\r\n", ST_IO, true},
        {"SSH-2.0-OpenSSH\r\n", ST_IO, true},
        {"", ST_IO, false},
        {OK "Content-Length: 2\r\n\r\n{}", ST_IO, true},
        {OK "Content-Length: 1\r\n\r\n{", ST_IO, true},
        {OK "Content-Length: 35\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":5}", ST_IO, true},
    };
    for (usize i = 0; i < countof(rows); i++) {
        struct err err;
        struct net_client_error error;
        json result;
        u16 port;
        pthread_t thread;
        struct script script = {
            .fd = listen_anywhere(&port), .says = rows[i].says, .stays = rows[i].stays};
        CHECK(thread_start(&thread, "script", play, &script, &err) == ST_OK);
        struct net_client *client = client_of(port, 300, 10000);
        enum status st =
            net_client_call(client, "m", BYTES_LIT("[]"), &result, &error, test_arena(), &err);
        CHECK_ROW(i, st == rows[i].want);
        if (st != rows[i].want)
            printf("        row %zu: %s, %s\n", i, status_name(st), err.text);
        CHECK_ROW(i, st != ST_OK || bytes_equal(result.text, BYTES_LIT("5")));
        net_client_free(client);
        pthread_join(thread, NULL);
        close(script.fd);
    }
}

TEST(client_hands_on_why_a_server_refused)
{
    struct err err;
    struct net_client_error error = {0};
    json result;
    u16 port;
    pthread_t thread;
    struct script script = {
        .fd = listen_anywhere(&port),
        .says = OK
        "\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32000,\"message\":\"no \\u0062\","
        "\"data\":\"0x1234\"}}"};
    CHECK(thread_start(&thread, "script", play, &script, &err) == ST_OK);
    struct net_client *client = client_of(port, 5000, 10000);
    CHECK(net_client_call(client, "m", BYTES_LIT("[]"), &result, &error, test_arena(), &err) ==
          ST_INVALID);
    CHECK(error.code == -32000 && bytes_equal(error.message, BYTES_LIT("no b")));
    CHECK(json_says(error.data, "0x1234"));
    CHECK(strcmp(err.text, "no b (code -32000)") == 0);
    net_client_free(client);
    pthread_join(thread, NULL);
    close(script.fd);
}

TEST(client_gives_up_when_its_time_is_over)
{
    struct test_server *server = test_server_start(NULL);
    struct net_client *client = client_of(net_port(server->net), 20, 10000);
    struct net_client_error error;
    struct err err;
    json result;
    u64 started_ms = clock_now_ms();
    CHECK(net_client_call(client, "slow", BYTES_LIT("[]"), &result, &error, test_arena(), &err) ==
          ST_AGAIN);
    CHECK(clock_now_ms() - started_ms < 5000);
    net_client_free(client);
    test_server_stop(server);
}

TEST(client_sends_several_calls_in_one_body)
{
    enum { COUNT = 40 };
    struct test_server *server = test_server_start(NULL);
    struct net_client *client = client_of(net_port(server->net), 10000, 1 << 20);
    struct net_client_item items[COUNT];
    struct net_client_error error;
    struct err err;
    for (usize i = 0; i < COUNT; i++) {
        char *params = ARENA_TAKE(test_arena(), char, 16);
        items[i] = (struct net_client_item){
            .method = i % 3 == 0 ? "heavy" : "echo",
            .params = {(const u8 *)params, (usize)snprintf(params, 16, "[%zu]", i)}};
    }
    for (int round = 0; round < 2; round++) {
        CHECK(net_client_batch(client, items, COUNT, &error, test_arena(), &err) == ST_OK);
        for (usize i = 0; i < COUNT; i++)
            CHECK_ROW(i, items[i].status == ST_OK &&
                             bytes_equal(items[i].result.text, items[i].params));
    }
    CHECK(net_client_batch(client, NULL, 0, &error, test_arena(), &err) == ST_OK);
    CHECK(net_count(server->net).requests == 2);
    net_client_free(client);
    test_server_stop(server);
}

TEST(client_takes_a_batch_in_any_order_and_refuses_one_that_is_not_its_own)
{
    static const struct {
        const char *says;
        enum status want;
    } rows[] = {
        {"[{\"id\":2,\"error\":{\"code\":-5,\"message\":\"x\"}},{\"id\":1,\"result\":1}]", ST_OK},
        {"{\"error\":{\"code\":-32600,\"message\":\"no batches\"}}", ST_INVALID},
        {"[]", ST_IO},
        {"7", ST_IO},
        {"[{\"id\":1,\"result\":1}]", ST_IO},
        {"[{\"id\":1,\"result\":1},{\"id\":1,\"result\":1}]", ST_IO},
        {"[{\"id\":1,\"result\":1},{\"id\":3,\"result\":1}]", ST_IO},
        {"[{\"id\":1,\"result\":1},{\"id\":0,\"result\":1}]", ST_IO},
        {"[{\"id\":1,\"result\":1},{\"id\":2}]", ST_IO},
        {"[{\"id\":1,\"result\":1},{\"id\":2,\"result\":1},{\"id\":2,\"result\":1}]", ST_IO},
        {"{\"1\":{\"id\":1,\"result\":1},\"2\":{\"id\":2,\"result\":1}}", ST_IO},
    };
    for (usize i = 0; i < countof(rows); i++) {
        struct err err;
        struct net_client_error error;
        u16 port;
        pthread_t thread;
        char says[300];
        snprintf(says, sizeof(says), OK "\r\n%s", rows[i].says);
        struct script script = {.fd = listen_anywhere(&port), .says = says};
        CHECK(thread_start(&thread, "script", play, &script, &err) == ST_OK);
        struct net_client *client = client_of(port, 5000, 10000);
        struct net_client_item items[2] = {{.method = "m", .params = BYTES_LIT("[]")},
                                           {.method = "m", .params = BYTES_LIT("[]")}};
        CHECK_ROW(i,
                  net_client_batch(client, items, 2, &error, test_arena(), &err) == rows[i].want);
        CHECK_ROW(i, i != 0 || (items[0].status == ST_OK && items[1].status == ST_INVALID &&
                                items[1].error.code == -5));
        net_client_free(client);
        pthread_join(thread, NULL);
        close(script.fd);
    }
}

static void *set_soon(void *flag)
{
    test_sleep_ms(30);
    atomic_store((atomic_bool *)flag, true);
    return NULL;
}

TEST(client_gives_up_when_it_is_told_to)
{
    u16 port;
    atomic_bool cancel = false;
    struct err err;
    struct net_client_error error;
    struct net_client *client;
    json result;
    pthread_t thread;
    char url[64];
    int fd = listen_anywhere(&port); /* connects, and never answers */
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", (unsigned)port);
    struct net_client_options options = {
        .url = url, .timeout_ms = 60000, .answer_limit = 10000, .cancel = &cancel};
    CHECK(net_client_new(&options, &client, &err) == ST_OK);
    CHECK(thread_start(&thread, "cancel", set_soon, &cancel, &err) == ST_OK);
    u64 started_ms = clock_now_ms();
    CHECK(net_client_call(client, "m", BYTES_LIT("[]"), &result, &error, test_arena(), &err) ==
          ST_AGAIN);
    CHECK(clock_now_ms() - started_ms < 5000 && strstr(err.text, "cancelled") != NULL);
    pthread_join(thread, NULL);
    net_client_free(client);
    close(fd);
}

TEST(client_gets_what_lies_below_its_path)
{
    static const struct {
        const char *base, *path, *asks, *says;
        enum status want;
    } rows[] = {
        {"", "/eth/v1/x", "GET /eth/v1/x HTTP/1.1\r\n", OK "\r\nhello", ST_OK},
        {"/", "/eth?a=b", "GET /eth?a=b HTTP/1.1\r\n", OK "\r\nhello", ST_OK},
        {"/key/", "/eth", "GET /key/eth HTTP/1.1\r\n", OK "\r\nhello", ST_OK},
        {"/key?k=1", "/eth", "GET /key/eth?k=1 HTTP/1.1\r\n", OK "\r\nhello", ST_OK},
        {"/?k=1", "/eth?a=b", "GET /eth?a=b&k=1 HTTP/1.1\r\n", OK "\r\nhello", ST_OK},
        {"", "/eth", "GET /eth HTTP/1.1\r\n", "HTTP/1.1 404 No\r\n\r\n", ST_MISSING},
        {"", "/eth", "GET /eth HTTP/1.1\r\n", "HTTP/1.1 400 No\r\n\r\n", ST_INVALID},
        {"", "/eth", "GET /eth HTTP/1.1\r\n", "", ST_IO},
    };
    for (usize i = 0; i < countof(rows); i++) {
        struct err err;
        struct net_client *client;
        u16 port;
        pthread_t thread;
        char url[100];
        bytes answer = BYTES_EMPTY;
        struct script script = {.fd = listen_anywhere(&port), .says = rows[i].says, .gets = true};
        CHECK(thread_start(&thread, "script", play, &script, &err) == ST_OK);
        snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", (unsigned)port, rows[i].base);
        struct net_client_options options = {.url = url, .timeout_ms = 5000, .answer_limit = 10000};
        CHECK(net_client_new(&options, &client, &err) == ST_OK);
        CHECK_ROW(i, net_client_get(client, rows[i].path, &answer, test_arena(), &err) ==
                         rows[i].want);
        CHECK_ROW(i, rows[i].want != ST_OK || bytes_equal(answer, BYTES_LIT("hello")));
        net_client_free(client);
        pthread_join(thread, NULL);
        CHECK_ROW(i, strncmp(script.heard, rows[i].asks, strlen(rows[i].asks)) == 0);
        close(script.fd);
    }
}

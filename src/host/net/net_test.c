#include "net/net.h"

#include "harness/test.h"
#include "net/rig.h"
#include "sys/clock.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define CALL(id, method, params)                                                                   \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"" method "\",\"params\":" params "}"
#define ANSWER(id, result) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":" result "}"

TEST(net_answers_on_one_connection_again_and_again)
{
    struct test_server *server = test_server_start(NULL);
    int fd = test_connect(server);
    for (int i = 0; i < 20; i++) {
        test_send(fd, test_post(i % 2 == 0 ? CALL("1", "echo", "[1]") : CALL("1", "heavy", "[1]")));
        struct test_response got = test_response(fd);
        CHECK_ROW(i, got.status == 200 && strcmp(got.body, ANSWER("1", "[1]")) == 0);
        CHECK_ROW(i, strstr(got.head, "Content-Type: application/json\r\n") != NULL);
    }
    struct net_counts counts = net_count(server->net);
    CHECK(counts.requests == 20 && counts.heavy == 10 && counts.connections == 1);
    close(fd);
    TEST_EVENTUALLY(net_count(server->net).connections == 0);
    CHECK(net_count(server->net).memory == 0);
    test_server_stop(server);
}

/* Sent whole; the status of the first response is what counts. */
TEST(net_answers_hostile_requests_with_a_status_and_lives)
{
#define HEAD "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    static const struct {
        const char *request;
        unsigned status;
    } rows[] = {
        {HEAD "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400},
        {HEAD "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400},
        {HEAD "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 400},
        {HEAD "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 400},
        {HEAD "Transfer-Encoding: x\r\n\r\n", 501},
        {HEAD "Content-Length: 99999999\r\n\r\n", 413},
        {HEAD "Content-Length: -1\r\n\r\n", 400},
        {HEAD "Content-Length: 2\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", 400},
        {"POST / HTTP/1.1\r\nHost: evil.example\r\nContent-Type: application/json\r\n"
         "Content-Length: 2\r\n\r\n{}",
         403},
        {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"
         "Content-Length: 2\r\n\r\n{}",
         415},
        {"DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405},
        {"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", 404},
        {"POST / HTTP/9.9\r\nHost: localhost\r\n\r\n", 505},
    };
    struct test_server *server = test_server_start(NULL);
    for (usize i = 0; i < countof(rows); i++) {
        int fd = test_connect(server);
        test_send(fd, rows[i].request);
        struct test_response got = test_response(fd);
        CHECK_ROW(i, got.status == rows[i].status);
        if (got.status != rows[i].status)
            printf("        row %zu: got %u\n", i, got.status);
        /* nothing that follows is taken for a request */
        if (rows[i].status != 404) {
            test_send(fd, test_post(CALL("1", "echo", "[1]")));
            CHECK_ROW(i, strstr(test_receive_all(fd), "result") == NULL);
        }
        close(fd);
    }
    CHECK(net_count(server->net).requests == 0);
    test_server_stop(server);
}

static void expect_little_patience(struct net_options *options)
{
    options->idle_ms = 300;
}

TEST(net_refuses_heads_without_end_and_odd_lines)
{
    struct test_server *server = test_server_start(expect_little_patience);
    char *huge = ARENA_TAKE(test_arena(), char, 60000);
    static const char start[] = "GET /health HTTP/1.1\r\nHost: localhost\r\nX-Fill: ";
    memset(huge, 'y', 60000);
    memcpy(huge, start, sizeof(start) - 1);
    huge[59999] = 0;
    int fd = test_connect(server);
    test_send(fd, huge);
    CHECK(test_response(fd).status == 431);
    close(fd);
    static const char *const odd[] = {"\r\n\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02", "{}\n\n",
                                      "GET / HTTP/1.1\r\n Host: x\r\n\r\n"};
    for (usize i = 0; i < countof(odd); i++) {
        fd = test_connect(server);
        test_send(fd, odd[i]);
        shutdown(fd, SHUT_WR);
        unsigned status = test_response(fd).status;
        CHECK_ROW(i, status == 0 || status == 400);
        close(fd);
    }
    TEST_EVENTUALLY(net_count(server->net).connections == 0);
    test_server_stop(server);
}

TEST(net_forgets_a_request_whose_body_never_comes)
{
    struct test_server *server = test_server_start(NULL);
    int fd = test_connect(server);
    test_send(fd, HEAD "Content-Length: 100\r\n\r\n{\"jsonrpc\"");
    close(fd);
    TEST_EVENTUALLY(net_count(server->net).connections == 0);
    CHECK(net_count(server->net).requests == 0 && net_count(server->net).memory == 0);
    test_server_stop(server);
}

TEST(net_closes_connections_that_only_trickle)
{
    struct test_server *server = test_server_start(expect_little_patience);
    int idle = test_connect(server), head = test_connect(server), body = test_connect(server);
    u64 started_ms = clock_now_ms();
    test_send(body, HEAD "Content-Length: 1000\r\n\r\n");
    test_send(head, "GET /health HTTP/1.1\r\nX: ");
    while (net_count(server->net).connections > 0 && clock_now_ms() - started_ms < 8000) {
        test_send(body, " ");
        test_send(head, "y");
        test_sleep_ms(50);
    }
    CHECK(net_count(server->net).connections == 0);
    close(idle);
    close(head);
    close(body);
    test_server_stop(server);
}

TEST(net_answers_pipelined_requests_in_order)
{
    struct test_server *server = test_server_start(NULL);
    int fd = test_connect(server);
    char text[4000] = "";
    for (int i = 0; i < 8; i++)
        strcat(text, test_post(i % 3 == 0 ? CALL("1", "heavy", "[0]") : CALL("1", "echo", "[1]")));
    test_send(fd, text);
    for (int i = 0; i < 8; i++) {
        const char *want = i % 3 == 0 ? ANSWER("1", "[0]") : ANSWER("1", "[1]");
        CHECK_ROW(i, strcmp(test_response(fd).body, want) == 0);
    }
    close(fd);
    test_server_stop(server);
}

TEST(net_takes_chunked_bodies_and_says_continue)
{
    struct test_server *server = test_server_start(NULL);
    int fd = test_connect(server);
    test_send(fd, HEAD "Transfer-Encoding: chunked\r\n\r\n14\r\n{\"jsonrpc\":\"2.0\",\"id\r\n");
    test_sleep_ms(20);
    test_send(fd, "1b;ext=1\r\n\":3,\"method\":\"echo\",\"x\":0}\r\n0\r\nTrailer: x\r\n\r\n");
    CHECK(strcmp(test_response(fd).body, ANSWER("3", "null")) == 0);
    test_send(fd, HEAD "Content-Length: 45\r\nExpect: 100-continue\r\n\r\n");
    CHECK(test_response(fd).status == 100);
    test_send(fd, "{\"jsonrpc\":\"2.0\",\"id\":44,\"method\":\"echo\"}    ");
    CHECK(strcmp(test_response(fd).body, ANSWER("44", "null")) == 0);
    close(fd);
    test_server_stop(server);
}

static void keep_small(struct net_options *options)
{
    options->request_limit = 100000;
    options->answer_limit = 100000;
    options->memory_limit = 1 << 20;
}

TEST(net_bounds_bodies_and_answers)
{
    struct test_server *server = test_server_start(keep_small);
    int fd = test_connect(server);
    test_send(fd, HEAD "Content-Length: 100001\r\n\r\n");
    CHECK(test_response(fd).status == 413);
    close(fd);

    fd = test_connect(server); /* chunked: known only when it has come */
    char *chunk = ARENA_TAKE(test_arena(), char, 50010);
    memset(chunk, ' ', 50010);
    memcpy(chunk, "c350\r\n", 6);
    memcpy(chunk + 50006, "\r\n", 3);
    test_send(fd, HEAD "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 3; i++)
        test_send(fd, chunk);
    test_send(fd, "0\r\n\r\n");
    CHECK(test_response(fd).status == 413);
    close(fd);

    fd = test_connect(server);
    test_send(fd, test_post(CALL("1", "big", "[200000]")));
    CHECK(strcmp(test_response(fd).body, "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32003,"
                                         "\"message\":\"response too large\"}}") == 0);
    test_send(fd, test_post(CALL("1", "big", "[90000]")));
    CHECK(strlen(test_response(fd).body) == 90000 + strlen(ANSWER("1", "\"\"")));
    close(fd);
    TEST_EVENTUALLY(net_count(server->net).memory == 0);
    test_server_stop(server);
}

static void hold_little(struct net_options *options)
{
    options->memory_limit = 100000;
}

TEST(net_refuses_bodies_when_memory_is_short_and_recovers)
{
    struct test_server *server = test_server_start(hold_little);
    int holders[2];
    char *half = ARENA_NEW(test_arena(), char, 40001);
    memset(half, ' ', 40000);
    for (usize i = 0; i < 2; i++) {
        holders[i] = test_connect(server);
        test_send(holders[i], HEAD "Content-Length: 90000\r\n\r\n");
        test_send(holders[i], half);
    }
    TEST_EVENTUALLY(net_count(server->net).memory > 60000);
    test_sleep_ms(50);
    CHECK(net_count(server->net).memory <= 100000);
    for (usize i = 0; i < 2; i++)
        close(holders[i]);
    TEST_EVENTUALLY(net_count(server->net).memory == 0);
    int fd = test_connect(server);
    test_send(fd, test_post(CALL("1", "echo", "[1]")));
    CHECK(test_response(fd).status == 200);
    close(fd);
    test_server_stop(server);
}

static const char *batch_of(usize count)
{
    static const char call[] = CALL("1", "echo", "[]");
    char *text = ARENA_NEW(test_arena(), char, count * sizeof(call) + 2), *at = text;
    *at++ = '[';
    for (usize i = 0; i < count; i++)
        at += sprintf(at, "%s%s", i == 0 ? "" : ",", call);
    strcpy(at, "]");
    return text;
}

TEST(net_answers_batches_up_to_their_limit)
{
    struct test_server *server = test_server_start(NULL);
    int fd = test_connect(server);
    static const usize counts[] = {1, 50, 101, 1000};
    for (usize i = 0; i < countof(counts); i++) {
        json all;
        struct err err;
        test_send(fd, test_post(batch_of(counts[i])));
        struct test_response got = test_response(fd);
        CHECK_ROW(i, got.status == 200);
        bytes body = {(const u8 *)got.body, strlen(got.body)};
        CHECK_ROW(i, json_check(body, 8, &all, &err) == ST_OK && json_count(all) == counts[i]);
    }
    test_send(fd, test_post(batch_of(1001)));
    struct test_response got = test_response(fd);
    CHECK(got.status == 200 && strstr(got.body, "-32600") != NULL);
    close(fd);
    test_server_stop(server);
}

TEST(net_answers_what_is_no_call_with_200_and_an_error)
{
    static const struct {
        const char *body, *says;
    } rows[] = {
        {"{", "-32700"},
        {"[]", "-32600"},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}", ""}, /* a notification: nothing to say */
        {"[[[[[[[[[[", "-32700"},
    };
    struct test_server *server = test_server_start(NULL);
    int fd = test_connect(server);
    for (usize i = 0; i < countof(rows); i++) {
        test_send(fd, test_post(rows[i].body));
        struct test_response got = test_response(fd);
        CHECK_ROW(i, got.status == 200);
        CHECK_ROW(i,
                  rows[i].says[0] == 0 ? got.body[0] == 0 : strstr(got.body, rows[i].says) != NULL);
    }
    close(fd);
    test_server_stop(server);
}

static void allow_origin(struct net_options *options)
{
    options->origins = "https://app.example";
}

TEST(net_shows_pages_and_answers_preflights)
{
    struct test_server *server = test_server_start(allow_origin);
    int fd = test_connect(server);
    test_send(fd, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    CHECK(strcmp(test_response(fd).body, "{\"status\":\"ok\"}\n") == 0);
    test_send(fd, "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    CHECK(strcmp(test_response(fd).body, "one 1\n") == 0);
    test_send(fd, "OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://app.example\r\n"
                  "Access-Control-Request-Private-Network: true\r\n\r\n");
    struct test_response got = test_response(fd);
    CHECK(got.status == 204);
    CHECK(strstr(got.head, "Access-Control-Allow-Origin: https://app.example\r\n") != NULL);
    CHECK(strstr(got.head, "Access-Control-Allow-Private-Network: true\r\n") != NULL);
    test_send(fd, "OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n\r\n");
    CHECK(strstr(test_response(fd).head, "Access-Control") == NULL);
    close(fd);
    test_server_stop(server);
}

TEST(net_runs_heavy_calls_beside_light_ones)
{
    struct test_server *server = test_server_start(NULL);
    int slow[4], quick = test_connect(server);
    u64 started_ms = clock_now_ms();
    for (usize i = 0; i < countof(slow); i++) {
        slow[i] = test_connect(server);
        test_send(slow[i], test_post(CALL("1", "slow", "[7]")));
    }
    TEST_EVENTUALLY(server->slow_running == 2); /* as many as the pool has threads */
    test_send(quick, test_post(CALL("2", "echo", "[8]")));
    CHECK(test_response(quick).status == 200);
    CHECK(server->slow_running > 0); /* it did not wait for them */
    for (usize i = 0; i < countof(slow); i++) {
        CHECK_ROW(i, strcmp(test_response(slow[i]).body, ANSWER("1", "[7]")) == 0);
        close(slow[i]);
    }
    CHECK(clock_now_ms() - started_ms >= 100);
    close(quick);
    test_server_stop(server);
}

TEST(net_survives_clients_that_leave_while_their_call_runs)
{
    struct test_server *server = test_server_start(NULL);
    for (int i = 0; i < 6; i++) {
        int fd = test_connect(server);
        test_send(fd, test_post(CALL("1", "slow", "[7]")));
        TEST_EVENTUALLY(net_count(server->net).heavy == (u64)i + 1);
        close(fd);
    }
    TEST_EVENTUALLY(net_count(server->net).connections == 0);
    test_server_stop(server);
}

TEST(net_keeps_no_thread_for_calls_that_are_answered_later)
{
    enum { MANY = 20 }; /* the pool has two threads */
    struct test_server *server = test_server_start(NULL);
    int fds[MANY], quick = test_connect(server);
    for (usize i = 0; i < MANY; i++) {
        fds[i] = test_connect(server);
        test_send(fds[i], test_post(CALL("1", "later", "[7]")));
    }
    TEST_EVENTUALLY(server->later_count == MANY);
    test_send(quick, test_post(CALL("2", "slow", "[8]")));
    CHECK(strcmp(test_response(quick).body, ANSWER("2", "[8]")) == 0);
    test_answer_later(server);
    for (usize i = 0; i < MANY; i++) {
        CHECK_ROW(i, strcmp(test_response(fds[i]).body, ANSWER("1", "[7]")) == 0);
        close(fds[i]);
    }
    close(quick);
    test_server_stop(server);
}

static void expect_little(struct net_options *options)
{
    options->answer_limit = 100;
    options->later_limit = 2;
}

TEST(net_answers_later_in_batches_and_beyond_its_limit_and_not_too_much)
{
    const char *nothing = "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32003";
    struct test_server *server = test_server_start(expect_little);
    int batch = test_connect(server), large = test_connect(server), third = test_connect(server),
        fourth = test_connect(server);
    char text[400];
    snprintf(text, sizeof(text), CALL("1", "later", "[\"%0150d\"]"), 0);
    test_send(batch, test_post("[" CALL("1", "later", "[1]") "," CALL("2", "echo", "[2]") "]"));
    test_send(large, test_post(text));
    test_send(third, test_post(CALL("3", "later", "[3]")));
    TEST_EVENTUALLY(server->later_count == 3);
    test_send(fourth, test_post(CALL("4", "later", "[4]")));
    TEST_EVENTUALLY(server->later_count == 4);
    test_answer_later(server);
    CHECK(strcmp(test_response(batch).body, "[" ANSWER("1", "[1]") "," ANSWER("2", "[2]") "]") ==
          0);
    CHECK(strncmp(test_response(large).body, nothing, strlen(nothing)) == 0);
    CHECK(strcmp(test_response(third).body, ANSWER("3", "[3]")) == 0);
    CHECK(strcmp(test_response(fourth).body, ANSWER("4", "[4]")) == 0);
    close(batch), close(large), close(third), close(fourth);
    test_server_stop(server);
}

static void *answer_soon(void *server)
{
    test_sleep_ms(100);
    test_answer_later(server);
    return NULL;
}

TEST(net_survives_clients_that_leave_before_their_call_is_answered_and_stops_when_it_is)
{
    struct test_server *server = test_server_start(NULL);
    pthread_t thread;
    for (u32 i = 0; i < 4; i++) {
        int fd = test_connect(server);
        test_send(fd, test_post(CALL("1", "later", "[7]")));
        TEST_EVENTUALLY(server->later_count == i + 1);
        close(fd);
    }
    test_answer_later(server);
    TEST_EVENTUALLY(net_count(server->net).connections == 0);
    int fd = test_connect(server);
    test_send(fd, test_post(CALL("1", "later", "[7]")));
    TEST_EVENTUALLY(server->later_count == 5);
    CHECK(pthread_create(&thread, NULL, answer_soon, server) == 0);
    net_stop(server->net, 0);
    server->net = NULL;
    CHECK(pthread_join(thread, NULL) == 0 && server->later == NULL);
    close(fd);
    test_server_stop(server);
}

static void expect_few(struct net_options *options)
{
    options->connection_limit = 4;
}

TEST(net_gives_the_place_of_the_idlest_connection_to_a_new_one)
{
    struct test_server *server = test_server_start(expect_few);
    int fds[6];
    for (usize i = 0; i < countof(fds); i++) {
        fds[i] = test_connect(server);
        test_send(fds[i], test_post(CALL("1", "echo", "[1]")));
        CHECK_ROW(i, test_response(fds[i]).status == 200);
        test_sleep_ms(5);
    }
    TEST_EVENTUALLY(net_count(server->net).connections == 4);
    CHECK(test_receive(fds[0], 1).size == 0); /* closed */
    test_send(fds[5], test_post(CALL("1", "echo", "[1]")));
    CHECK(test_response(fds[5]).status == 200);
    for (usize i = 0; i < countof(fds); i++)
        close(fds[i]);
    test_server_stop(server);
}

TEST(net_stop_lets_running_calls_be_answered)
{
    struct test_server *server = test_server_start(NULL);
    int fd = test_connect(server);
    test_send(fd, test_post(CALL("1", "slow", "[7]")));
    TEST_EVENTUALLY(server->slow_running == 1);
    test_server_stop(server);
    CHECK(strcmp(test_response(fd).body, ANSWER("1", "[7]")) == 0);
    CHECK(test_receive(fd, 1).size == 0);
    close(fd);
}

TEST(net_says_why_it_cannot_listen)
{
    struct test_server *server = test_server_start(NULL);
    struct net_options options = net_defaults(server->pool);
    struct net_handler handler = {0};
    struct net *net;
    struct err err;
    options.port = net_port(server->net);
    CHECK(net_start(&options, &handler, &net, &err) == ST_IO);
    CHECK(strstr(err.text, "is taken by another program") != NULL);
    options.address = "localhost";
    CHECK(net_start(&options, &handler, &net, &err) == ST_INVALID);
    options.address = "203.0.113.7";
    CHECK(net_start(&options, &handler, &net, &err) == ST_IO);
    options.address = "::1";
    options.port = 0;
    if (net_start(&options, &handler, &net, &err) == ST_OK) /* some machines have no IPv6 */
        net_stop(net, 0);
    test_server_stop(server);
}

#include "net/net.h"

#include "harness/test.h"
#include "net/rig.h"
#include "sys/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CALL(id, method, params)                                                                   \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"" method "\",\"params\":" params "}"
#define ANSWER(id, result) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":" result "}"

/* First bytes of frames (RFC 6455, section 5.2). */
enum { FINAL = 0x80, MORE = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

static int upgrade(const struct test_server *server)
{
    int fd = test_connect(server);
    test_send(fd, "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    struct test_response got = test_response(fd);
    CHECK(got.status == 101);
    CHECK(strstr(got.head, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") != NULL);
    return fd;
}

/* A frame of a client, its head as given. */
static bytes frame(u8 first, bytes payload)
{
    static const u8 mask[4] = {1, 2, 3, 4};
    u8 *data = ARENA_TAKE(test_arena(), u8, payload.size + 14), *at = data;
    *at++ = first;
    if (payload.size < 126) {
        *at++ = (u8)(0x80 | payload.size);
    } else if (payload.size < 65536) {
        *at++ = 0x80 | 126;
        *at++ = (u8)(payload.size >> 8);
        *at++ = (u8)payload.size;
    } else {
        *at++ = 0x80 | 127;
        store_be64(at, payload.size);
        at += 8;
    }
    memcpy(at, mask, 4);
    at += 4;
    for (usize i = 0; i < payload.size; i++)
        *at++ = payload.data[i] ^ mask[i % 4];
    return (bytes){data, (usize)(at - data)};
}

static void send_frame(int fd, u8 first, const char *text)
{
    test_send_bytes(fd, frame(first, (bytes){(const u8 *)text, strlen(text)}));
}

struct got_frame {
    u8 first; /* 0: the connection has ended */
    u64 size;
    const char *text;
};

static struct got_frame receive_frame(int fd)
{
    bytes head = test_receive(fd, 2);
    if (head.size < 2)
        return (struct got_frame){0};
    struct got_frame got = {head.data[0], head.data[1], ""};
    if (got.size == 126) {
        bytes more = test_receive(fd, 2);
        got.size = (u64)more.data[0] << 8 | more.data[1];
    } else if (got.size == 127) {
        got.size = load_be64(test_receive(fd, 8).data);
    }
    got.text = (const char *)test_receive(fd, got.size).data;
    return got;
}

static bool says(int fd, const char *want)
{
    struct got_frame got = receive_frame(fd);
    return got.first == (FINAL | TEXT) && strcmp(got.text, want) == 0;
}

/* The code of the close frame that comes next; 1005: it has none; 0: no close frame. */
static unsigned close_code(int fd)
{
    struct got_frame got = receive_frame(fd);
    if (got.first != (FINAL | CLOSE))
        return 0;
    if (got.size < 2)
        return 1005;
    return (unsigned)(u8)got.text[0] << 8 | (u8)got.text[1];
}

TEST(ws_answers_messages_whole_or_in_pieces)
{
    struct test_server *server = test_server_start(NULL);
    int fd = upgrade(server);
    send_frame(fd, FINAL | TEXT, CALL("1", "echo", "[1]"));
    CHECK(says(fd, ANSWER("1", "[1]")));
    send_frame(fd, FINAL | BINARY, CALL("2", "heavy", "[2]"));
    CHECK(says(fd, ANSWER("2", "[2]")));
    send_frame(fd, MORE | TEXT, "{\"jsonrpc\":\"2.0\",");
    send_frame(fd, MORE, "\"id\":3,");
    send_frame(fd, FINAL | PING, "between");
    send_frame(fd, MORE, "");
    send_frame(fd, FINAL, "\"method\":\"echo\"}");
    struct got_frame pong = receive_frame(fd);
    CHECK(pong.first == (FINAL | PONG) && strcmp(pong.text, "between") == 0);
    CHECK(says(fd, ANSWER("3", "null")));
    send_frame(fd, FINAL | TEXT, "[" CALL("4", "echo", "[]") "," CALL("5", "heavy", "[]") "]");
    CHECK(says(fd, "[" ANSWER("4", "[]") "," ANSWER("5", "[]") "]"));
    send_frame(fd, FINAL | TEXT, "{");
    CHECK(strstr(receive_frame(fd).text, "-32700") != NULL);
    send_frame(fd, FINAL | TEXT, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}");
    send_frame(fd, FINAL | TEXT, CALL("6", "echo", "[]")); /* the notification had no answer */
    CHECK(says(fd, ANSWER("6", "[]")));
    CHECK(net_count(server->net).sockets == 1);
    close(fd);
    TEST_EVENTUALLY(net_count(server->net).connections == 0 && server->peers_gone == 1);
    CHECK(net_count(server->net).memory == 0 && net_count(server->net).sockets == 0);
    test_server_stop(server);
}

TEST(ws_reads_frames_however_the_bytes_arrive)
{
    struct test_server *server = test_server_start(NULL);
    int fd = upgrade(server);
    bytes one = frame(FINAL | TEXT, BYTES_LIT(CALL("1", "echo", "[1]")));
    for (usize i = 0; i < one.size; i++) {
        test_send_bytes(fd, bytes_slice(one, i, 1));
        if (i % 8 == 0)
            test_sleep_ms(1);
    }
    CHECK(says(fd, ANSWER("1", "[1]")));
    enum { MANY = 3000 };
    u8 *all = ARENA_TAKE(test_arena(), u8, one.size * MANY);
    for (usize i = 0; i < MANY; i++)
        memcpy(all + i * one.size, one.data, one.size);
    test_send_bytes(fd, (bytes){all, one.size * MANY});
    usize right = 0;
    for (usize i = 0; i < MANY; i++)
        right += says(fd, ANSWER("1", "[1]"));
    CHECK(right == MANY);
    close(fd);
    test_server_stop(server);
}

TEST(ws_answers_every_heavy_call_of_a_flood)
{
    struct test_server *server = test_server_start(NULL);
    int fd = upgrade(server);
    enum { MANY = 1000 };
    bool seen[MANY] = {0};
    for (int i = 0; i < MANY; i++) {
        char call[100];
        snprintf(call, sizeof(call), CALL("%d", "heavy", "[]"), i);
        send_frame(fd, FINAL | TEXT, call);
    }
    usize answered = 0, busy = 0;
    for (int i = 0; i < MANY; i++) {
        struct got_frame got = receive_frame(fd);
        const char *id = strstr(got.text, "\"id\":");
        usize number = id == NULL ? MANY : strtoul(id + 5, NULL, 10);
        answered += number < MANY && !seen[number];
        busy += strstr(got.text, "-32005") != NULL;
        if (number < MANY)
            seen[number] = true;
    }
    CHECK(answered == MANY);
    CHECK(busy < MANY / 2); /* reading pauses, so that few meet a full pool */
    close(fd);
    test_server_stop(server);
}

TEST(ws_shakes_hands_at_the_end)
{
    struct test_server *server = test_server_start(NULL);
    int fd = upgrade(server);
    send_frame(fd, FINAL | TEXT, CALL("1", "echo", "[1]"));
    CHECK(says(fd, ANSWER("1", "[1]")));
    static const char code_1000[] = {0x03, (char)0xe8, 0};
    send_frame(fd, FINAL | CLOSE, code_1000);
    CHECK(close_code(fd) == 1000);
    CHECK(test_receive(fd, 1).size == 0);
    close(fd);
    test_server_stop(server);
}

static void keep_small(struct net_options *options)
{
    options->request_limit = 100000;
    options->push_limit = 200000;
}

TEST(ws_ends_connections_that_break_the_protocol)
{
    static const struct {
        const char *what;
        u8 head[16];
        usize size;
        unsigned code;
    } rows[] = {
        {"not masked", {FINAL | TEXT, 2, '{', '}'}, 4, 1002},
        {"a reserved bit", {FINAL | 0x40 | TEXT, 0x80, 0, 0, 0, 0}, 6, 1002},
        {"an unknown opcode", {FINAL | 3, 0x80, 0, 0, 0, 0}, 6, 1002},
        {"a piece of nothing", {FINAL, 0x80, 0, 0, 0, 0}, 6, 1002},
        {"a ping in pieces", {PING, 0x80, 0, 0, 0, 0}, 6, 1005},
        {"a long ping", {FINAL | PING, 0x80 | 126, 0, 200, 0, 0, 0, 0}, 8, 1005},
        {"a length of 2^63", {FINAL | TEXT, 0x80 | 127, 0x80, 0, 0, 0, 0, 0, 0, 0}, 10, 1005},
        {"a length in too many bytes", {FINAL | TEXT, 0x80 | 126, 0, 1, 0, 0, 0, 0}, 8, 1005},
        {"more than the limit",
         {FINAL | TEXT, 0x80 | 127, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0},
         15,
         1009},
        {"no UTF-8", {FINAL | TEXT, 0x81, 0, 0, 0, 0, 0xff}, 7, 1007},
    };
    struct test_server *server = test_server_start(keep_small);
    for (usize i = 0; i < countof(rows); i++) {
        int fd = upgrade(server);
        test_send_bytes(fd, (bytes){rows[i].head, rows[i].size});
        unsigned code = close_code(fd);
        if (code != rows[i].code)
            test_fail(__FILE__, __LINE__, "%s: closed with %u", rows[i].what, code);
        CHECK_ROW(i, test_receive(fd, 1).size == 0);
        close(fd);
    }
    TEST_EVENTUALLY(net_count(server->net).sockets == 0);
    CHECK(net_count(server->net).memory == 0 && server->peers_gone == countof(rows));
    test_server_stop(server);
}

TEST(ws_bounds_messages_in_pieces_too)
{
    struct test_server *server = test_server_start(keep_small);
    int fd = upgrade(server);
    char *piece = ARENA_NEW(test_arena(), char, 30001);
    memset(piece, ' ', 30000);
    send_frame(fd, MORE | TEXT, piece);
    for (int i = 0; i < 4; i++)
        send_frame(fd, MORE, piece);
    CHECK(close_code(fd) == 1009);
    close(fd);
    TEST_EVENTUALLY(net_count(server->net).memory == 0);
    test_server_stop(server);
}

TEST(ws_sends_what_is_pushed_after_the_answer_that_began_it)
{
    struct test_server *server = test_server_start(NULL);
    int fd = upgrade(server);
    send_frame(fd, FINAL | TEXT, CALL("1", "subscribe", "[]"));
    CHECK(says(fd, ANSWER("1", "true")));
    CHECK(says(fd, "\"pushed\""));
    for (int i = 0; i < 500; i++)
        CHECK(server->peer.send(server->peer.self, BYTES_LIT("\"again\"")));
    usize right = 0;
    for (int i = 0; i < 500; i++)
        right += says(fd, "\"again\"");
    CHECK(right == 500 && !server->peers_gone);
    close(fd);
    TEST_EVENTUALLY(server->peers_gone == 1);
    test_server_stop(server);
}

TEST(ws_gives_up_a_client_that_never_reads_what_is_pushed)
{
    struct test_server *server = test_server_start(keep_small);
    int fd = upgrade(server);
    send_frame(fd, FINAL | TEXT, CALL("1", "subscribe", "[]"));
    TEST_EVENTUALLY(server->subscribed);
    u8 message[1000];
    memset(message, ' ', sizeof(message));
    usize sent = 0;
    while (sent < 1000000 && !server->peers_gone &&
           server->peer.send(server->peer.self, (bytes){message, sizeof(message)})) {
        if (++sent % 100 == 0)
            test_sleep_ms(1); /* so that the kernel's buffers fill, not ours alone */
    }
    CHECK(sent < 100000);
    TEST_EVENTUALLY(server->peers_gone == 1);
    CHECK(net_count(server->net).memory == 0);
    close(fd);
    test_server_stop(server);
}

TEST(ws_stops_reading_from_a_client_that_does_not_take_its_answers)
{
    struct test_server *server = test_server_start(NULL);
    int fd = upgrade(server);
    enum { MANY = 400 };
    for (int i = 0; i < MANY; i++)
        send_frame(fd, FINAL | TEXT, CALL("1", "big", "[100000]"));
    test_sleep_ms(300);
    CHECK(net_count(server->net).memory < 8 << 20); /* of 40 MB asked for */
    usize right = 0;
    for (int i = 0; i < MANY; i++)
        right += receive_frame(fd).size == 100000 + strlen(ANSWER("1", "\"\""));
    CHECK(right == MANY);
    close(fd);
    TEST_EVENTUALLY(net_count(server->net).memory == 0);
    test_server_stop(server);
}

TEST(ws_waits_for_running_calls_before_it_says_that_a_peer_is_gone)
{
    struct test_server *server = test_server_start(NULL);
    int fd = upgrade(server);
    send_frame(fd, FINAL | TEXT, CALL("1", "slow", "[]"));
    TEST_EVENTUALLY(server->slow_running == 1);
    close(fd);
    for (bool running = true; running;) {
        bool gone = server->peers_gone > 0; /* read before */
        running = server->slow_running == 1;
        CHECK(!running || !gone);
    }
    TEST_EVENTUALLY(server->peers_gone == 1);
    test_server_stop(server);
}

TEST(ws_says_that_the_server_goes_away)
{
    struct test_server *server = test_server_start(NULL);
    int fd = upgrade(server), silent = upgrade(server);
    struct net *net = server->net;
    send_frame(fd, FINAL | TEXT, CALL("1", "slow", "[7]"));
    TEST_EVENTUALLY(server->slow_running == 1);
    net_stop(net, 200);
    CHECK(close_code(fd) == 1001);
    CHECK(close_code(silent) == 1001);
    CHECK(server->peers_gone == 2);
    close(fd);
    close(silent);
    server->net = NULL;
    test_server_stop(server);
}

static void expect_few(struct net_options *options)
{
    options->connection_limit = 6;
}

TEST(ws_leaves_half_of_the_connections_to_others)
{
    struct test_server *server = test_server_start(expect_few);
    int fds[3];
    for (usize i = 0; i < countof(fds); i++)
        fds[i] = upgrade(server);
    int fd = test_connect(server);
    test_send(fd, "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    CHECK(test_response(fd).status == 503);
    close(fd);
    for (usize i = 0; i < countof(fds); i++)
        close(fds[i]);
    TEST_EVENTUALLY(net_count(server->net).sockets == 0);
    close(upgrade(server));
    test_server_stop(server);
}

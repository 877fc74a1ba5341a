/* Links over loopback: nodes with each other, and with sockets that do what no node would. */
#include "channel/link.h"
#include "channel/wire.h"

#include "base/fmt.h"
#include "harness/test.h"
#include "sys/clock.h"
#include "sys/entropy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- A node that counts what happens to it, and lets a test do more. */

struct node {
    struct links *links;
    struct loop *loop;
    secret32 key;
    point33 name;
    struct link *link; /* the newest that opened */
    usize opened, messages, drained, gone;
    char why[120];  /* of the newest that is gone */
    bool undrained; /* something was handed over since */
    u8 last[70000]; /* the newest message */
    usize last_size;
    void (*on_opened)(struct node *node, struct link *link);
    void (*on_message)(struct node *node, struct link *link, bytes message);
    void (*on_drained)(struct node *node);
    void (*on_gone)(struct node *node, struct link *link);
};

static void node_opened(void *self, struct link *link)
{
    struct node *node = self;
    node->opened++;
    node->link = link;
    node->undrained = true;
    if (node->on_opened != NULL)
        node->on_opened(node, link);
}

static void node_message(void *self, struct link *link, bytes message)
{
    struct node *node = self;
    node->messages++;
    node->undrained = true;
    node->last_size = message.size;
    bytes_copy(node->last, message);
    if (node->on_message != NULL)
        node->on_message(node, link, message);
}

static void node_drained(void *self)
{
    struct node *node = self;
    CHECK(node->undrained);
    node->undrained = false;
    node->drained++;
    if (node->on_drained != NULL)
        node->on_drained(node);
}

static void node_gone(void *self, struct link *link, const char *why)
{
    struct node *node = self;
    CHECK(!node->undrained);
    node->gone++;
    node->link = node->link == link ? NULL : node->link;
    fmt(node->why, sizeof(node->why), "%s", why);
    if (node->on_gone != NULL)
        node->on_gone(node, link);
}

static struct loop *new_loop(void)
{
    struct loop *loop = NULL;
    CHECK(loop_new(&loop, NULL) == ST_OK);
    return loop;
}

/* `change` may set options; NULL: defaults on any port. */
static struct node *new_node(struct loop *loop, u8 key, void (*change)(struct links_options *))
{
    struct node *node = ARENA_NEW(test_arena(), struct node, 1);
    struct link_events events = {node, node_opened, node_message, node_drained, node_gone};
    memset(node->key.b, key, sizeof(node->key.b));
    CHECK(point_of_secret(&node->key, &node->name) == ST_OK);
    node->loop = loop;
    struct links_options options = links_defaults(loop, &node->key);
    options.port = 0;
    if (change != NULL)
        change(&options);
    struct err err = {""};
    if (links_new(&options, &events, &node->links, &err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", err.text);
    return node;
}

static struct link *connect_to(struct node *node, const struct node *to)
{
    struct link *link = NULL;
    CHECK(links_connect(node->links, &to->name, "127.0.0.1", links_port(to->links), &link, NULL) ==
          ST_OK);
    return link;
}

static void stop_loop(struct timer *timer);

struct slice {
    struct timer timer;
    struct loop *loop;
};

static void stop_loop(struct timer *timer)
{
    loop_stop(((struct slice *)timer)->loop);
}

static void run_ms(struct loop *loop, u64 time_ms)
{
    struct slice slice = {{.due = stop_loop}, loop};
    loop_set_timer(loop, &slice.timer, clock_now_ms() + time_ms);
    loop_run(loop);
    loop_drop_timer(&slice.timer);
}

/* Up to ten seconds. */
#define RUN_UNTIL(loop, condition)                                                                 \
    do {                                                                                           \
        for (int slices_ = 0; slices_ < 5000 && !(condition); slices_++)                           \
            run_ms(loop, 2);                                                                       \
        CHECK(condition);                                                                          \
    } while (0)

/* Two nodes, a connected to b. */
struct pair {
    struct loop *loop;
    struct node *a, *b;
};

static struct pair new_pair(void (*change)(struct links_options *))
{
    struct loop *loop = new_loop();
    struct pair pair = {loop, new_node(loop, 0x11, change), new_node(loop, 0x22, change)};
    connect_to(pair.a, pair.b);
    RUN_UNTIL(loop, pair.a->opened == 1 && pair.b->opened == 1);
    return pair;
}

static void free_pair(struct pair *pair)
{
    links_free(pair->a->links);
    links_free(pair->b->links);
    CHECK(pair->a->gone >= pair->a->opened && pair->b->gone >= pair->b->opened);
    loop_free(pair->loop);
}

/* --- A socket and a transport, by hand. */

struct raw {
    int fd;
    struct transport transport;
};

static struct raw raw_connect(const struct node *to)
{
    struct sockaddr_in place = {.sin_family = AF_INET,
                                .sin_port = htons(links_port(to->links)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct raw raw = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    CHECK(connect(raw.fd, (struct sockaddr *)&place, sizeof(place)) == 0);
    return raw;
}

static void raw_send(const struct raw *raw, bytes data)
{
    CHECK(send(raw->fd, data.data, data.size, MSG_NOSIGNAL) == (ssize_t)data.size);
}

/* Exactly `size` bytes, while the loop runs. False: the connection ends before. */
static bool raw_receive(const struct raw *raw, struct loop *loop, u8 *to, usize size)
{
    for (int slices = 0; size > 0 && slices < 5000; slices++) {
        ssize_t got = recv(raw->fd, to, size, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN))
            return false;
        if (got < 0)
            run_ms(loop, 2);
        to += got > 0 ? got : 0;
        size -= got > 0 ? (usize)got : 0;
    }
    CHECK(size == 0);
    return true;
}

static bool raw_is_closed(const struct raw *raw, struct loop *loop)
{
    u8 byte;
    return !raw_receive(raw, loop, &byte, 1);
}

static void raw_begin(struct raw *raw, const struct node *to)
{
    secret32 own, ephemeral;
    u8 one[TRANSPORT_ACT_ONE_SIZE];
    memset(own.b, 0x33, sizeof(own.b));
    random_fill(&ephemeral, sizeof(ephemeral));
    CHECK(transport_begin(&raw->transport, &own, &ephemeral, &to->name, one) == ST_OK);
    raw_send(raw, BYTES_OF(one));
}

static struct raw raw_open(struct node *to)
{
    struct raw raw = raw_connect(to);
    u8 two[TRANSPORT_ACT_TWO_SIZE], three[TRANSPORT_ACT_THREE_SIZE];
    usize used, size, before = to->opened;
    raw_begin(&raw, to);
    CHECK(raw_receive(&raw, to->loop, two, sizeof(two)));
    CHECK(transport_handshake(&raw.transport, BYTES_OF(two), &used, three, &size, NULL) == ST_OK);
    raw_send(&raw, (bytes){three, size});
    RUN_UNTIL(to->loop, to->opened == before + 1);
    return raw;
}

static void raw_say(struct raw *raw, bytes message)
{
    static u8 sealed[LINK_OUT_LEAST];
    CHECK(transport_seal(&raw->transport, message, sealed) == ST_OK);
    raw_send(raw, (bytes){sealed, message.size + TRANSPORT_OVERHEAD});
}

/* The next message. Empty: the connection ends. */
static bytes raw_hear(struct raw *raw, struct loop *loop)
{
    static u8 in[LINK_OUT_LEAST], out[TRANSPORT_MESSAGE_LIMIT];
    usize used, size;
    if (!raw_receive(raw, loop, in, TRANSPORT_HEADER_SIZE))
        return BYTES_EMPTY;
    bytes header = {in, TRANSPORT_HEADER_SIZE};
    CHECK(transport_unseal(&raw->transport, header, &used, out, &size, NULL) == ST_AGAIN);
    bytes body = {in, raw->transport.body_size + AEAD_TAG_SIZE};
    if (!raw_receive(raw, loop, in, body.size))
        return BYTES_EMPTY;
    CHECK(transport_unseal(&raw->transport, body, &used, out, &size, NULL) == ST_OK);
    return (bytes){out, size};
}

/* --- Messages. */

enum { COUNT = 10000 };

/* Of its number alone: most small, some as large as can be. */
static usize size_of(u32 number)
{
    return number % 997 == 0 ? TRANSPORT_MESSAGE_LIMIT : 8 + number * 31 % 400;
}

static bytes message_of(u32 number)
{
    static u8 out[TRANSPORT_MESSAGE_LIMIT];
    usize size = size_of(number);
    memset(out, (u8)number, size);
    store_be32(out, number | 0x80000000); /* no PING, no PONG */
    return (bytes){out, size};
}

static void expect_next(struct node *node, struct link *link, bytes message)
{
    (void)link;
    CHECK(bytes_equal(message, message_of((u32)node->messages)));
}

TEST(link_carries_ten_thousand_messages_each_way_in_order)
{
    struct pair pair = new_pair(NULL);
    pair.a->on_message = pair.b->on_message = expect_next;
    for (u32 i = 1; i <= COUNT; i++) {
        CHECK(link_send(pair.a->link, message_of(i)) == ST_OK);
        CHECK(link_send(pair.b->link, message_of(i)) == ST_OK);
        if (i % 1000 == 0)
            run_ms(pair.loop, 1);
    }
    RUN_UNTIL(pair.loop, pair.a->messages == COUNT && pair.b->messages == COUNT);
    CHECK(pair.a->gone == 0 && pair.b->gone == 0);
    free_pair(&pair);
}

TEST(link_knows_who_is_at_the_other_end)
{
    struct pair pair = new_pair(NULL);
    CHECK(memcmp(link_remote(pair.a->link), &pair.b->name, sizeof(point33)) == 0);
    CHECK(memcmp(link_remote(pair.b->link), &pair.a->name, sizeof(point33)) == 0);
    CHECK(link_user(pair.a->link) == NULL);
    link_set_user(pair.a->link, pair.a);
    CHECK(link_user(pair.a->link) == pair.a);
    free_pair(&pair);
}

TEST(link_hands_many_messages_over_in_one_turn)
{
    struct pair pair = new_pair(NULL);
    usize before = pair.b->drained;
    for (u32 i = 1; i <= 100; i++)
        CHECK(link_send(pair.a->link, hex("8000")) == ST_OK);
    RUN_UNTIL(pair.loop, pair.b->messages == 100);
    CHECK(pair.b->drained == before + 1); /* they were one write, and so one read */
    free_pair(&pair);
}

static void answer_once_drained(struct node *node)
{
    CHECK(link_send(node->link, hex("8001")) == ST_OK);
}

TEST(link_writes_what_is_sent_when_the_input_is_drained)
{
    struct pair pair = new_pair(NULL);
    pair.b->on_drained = answer_once_drained;
    CHECK(link_send(pair.a->link, hex("8000")) == ST_OK);
    RUN_UNTIL(pair.loop, pair.a->messages == 1);
    free_pair(&pair);
}

TEST(link_takes_a_message_in_single_bytes)
{
    struct loop *loop = new_loop();
    struct node *node = new_node(loop, 0x11, NULL);
    struct raw raw = raw_open(node);
    u8 sealed[2 + TRANSPORT_OVERHEAD];
    CHECK(transport_seal(&raw.transport, hex("8000"), sealed) == ST_OK);
    for (usize i = 0; i < sizeof(sealed); i++) {
        CHECK(node->messages == 0);
        raw_send(&raw, (bytes){sealed + i, 1});
        run_ms(loop, 1);
    }
    RUN_UNTIL(loop, node->messages == 1);
    CHECK(bytes_equal((bytes){node->last, node->last_size}, hex("8000")));
    close(raw.fd);
    RUN_UNTIL(loop, node->gone == 1);
    CHECK(strcmp(node->why, "the peer closed the connection") == 0);
    links_free(node->links);
    loop_free(loop);
}

/* --- Who is let in. */

TEST(link_refuses_a_node_under_another_name)
{
    struct loop *loop = new_loop();
    struct node *a = new_node(loop, 0x11, NULL), *b = new_node(loop, 0x22, NULL);
    struct link *link = NULL;
    CHECK(links_connect(a->links, &a->name, "127.0.0.1", links_port(b->links), &link, NULL) ==
          ST_OK);
    CHECK(link_send(link, hex("8000")) == ST_AGAIN);
    RUN_UNTIL(loop, a->gone == 1);
    CHECK(a->opened == 0 && b->opened == 0 && b->gone == 0);
    links_free(a->links);
    links_free(b->links);
    loop_free(loop);
}

TEST(link_refuses_what_is_no_handshake)
{
    static const char *const acts[] = {
        "01",
        "00036360e856310ce5d294e8be33fc807077dc56ac80d95d9cd4ddbd21325eff73f70df6086551151f58"
        "b8afe6c195782c6a",
        "474554202f20485454502f312e310d0a486f73743a206c6f63616c686f73740d0a0d0a000000000000000000"
        "000000000000",
    };
    struct loop *loop = new_loop();
    struct node *node = new_node(loop, 0x11, NULL);
    for (usize i = 0; i < countof(acts); i++) {
        struct raw raw = raw_connect(node);
        u8 act[5000] = {0};
        bytes_copy(act, hex(acts[i]));
        raw_send(&raw, BYTES_OF(act));
        CHECK_ROW(i, raw_is_closed(&raw, loop));
        close(raw.fd);
    }
    CHECK(node->opened == 0 && node->gone == 0);
    links_free(node->links);
    loop_free(loop);
}

static void short_handshake(struct links_options *options)
{
    options->handshake_ms = 60;
}

TEST(link_waits_so_long_for_a_handshake)
{
    struct loop *loop = new_loop();
    struct node *node = new_node(loop, 0x11, short_handshake);
    struct raw silent = raw_connect(node), half = raw_connect(node), slow = raw_connect(node);
    u64 begun_ms = clock_now_ms();
    raw_begin(&half, node);
    u8 two[TRANSPORT_ACT_TWO_SIZE];
    raw_send(&slow, hex("0002"));
    CHECK(raw_receive(&half, loop, two, sizeof(two)));
    CHECK(raw_is_closed(&silent, loop) && raw_is_closed(&half, loop) && raw_is_closed(&slow, loop));
    CHECK(clock_now_ms() >= begun_ms + 60);
    CHECK(node->opened == 0 && node->gone == 0);
    close(silent.fd), close(half.fd), close(slow.fd);
    links_free(node->links);
    loop_free(loop);
}

TEST(link_is_gone_where_nobody_answers_its_handshake)
{
    struct loop *loop = new_loop();
    struct node *node = new_node(loop, 0x11, short_handshake);
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(place);
    struct link *link;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(fd, (struct sockaddr *)&place, size) == 0 && listen(fd, 1) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&place, &size) == 0);
    CHECK(links_connect(node->links, &node->name, "127.0.0.1", ntohs(place.sin_port), &link,
                        NULL) == ST_OK);
    RUN_UNTIL(loop, node->gone == 1);
    CHECK(strcmp(node->why, "its handshake took too long") == 0);
    close(fd);
    /* and now nobody listens there */
    enum status st =
        links_connect(node->links, &node->name, "127.0.0.1", ntohs(place.sin_port), &link, NULL);
    CHECK(st == ST_OK || st == ST_IO);
    RUN_UNTIL(loop, node->gone == 1 + (st == ST_OK));
    CHECK(st == ST_IO || strcmp(node->why, "Connection refused") == 0);
    links_free(node->links);
    loop_free(loop);
}

TEST(link_connects_to_addresses_and_keys_only)
{
    struct loop *loop = new_loop();
    struct node *node = new_node(loop, 0x11, NULL);
    struct link *link;
    point33 none = {{4}};
    CHECK(links_connect(node->links, &node->name, "localhost", 1, &link, NULL) == ST_INVALID);
    CHECK(links_connect(node->links, &none, "127.0.0.1", 1, &link, NULL) == ST_INVALID);
    secret32 zero = {{0}};
    struct links_options options = links_defaults(loop, &zero);
    struct links *links;
    CHECK(links_new(&options, &(struct link_events){0}, &links, NULL) == ST_INVALID);
    options = links_defaults(loop, &node->key);
    options.port = links_port(node->links);
    CHECK(links_new(&options, &(struct link_events){0}, &links, NULL) == ST_IO);
    options.listens = false;
    CHECK(links_new(&options, &(struct link_events){0}, &links, NULL) == ST_OK);
    CHECK(links_port(links) == 0);
    links_free(links);
    links_free(node->links);
    links_free(NULL);
    loop_free(loop);
}

/* --- Limits. */

static void two_links(struct links_options *options)
{
    options->limit = 2;
}

TEST(link_makes_room_for_newcomers_among_those_who_have_proved_nothing)
{
    struct loop *loop = new_loop();
    struct node *node = new_node(loop, 0x11, two_links);
    struct raw first = raw_connect(node), second = raw_connect(node);
    run_ms(loop, 5);
    struct raw third = raw_open(node);
    CHECK(raw_is_closed(&first, loop));
    struct raw fourth = raw_open(node);
    CHECK(raw_is_closed(&second, loop));
    struct raw fifth = raw_connect(node);
    CHECK(raw_is_closed(&fifth, loop));
    CHECK(node->opened == 2 && node->gone == 0);
    close(first.fd), close(second.fd), close(fifth.fd);
    close(third.fd);
    RUN_UNTIL(loop, node->gone == 1);
    struct raw sixth = raw_open(node);
    CHECK(node->opened == 3);
    close(fourth.fd), close(sixth.fd);
    links_free(node->links);
    loop_free(loop);
}

TEST(link_connects_so_often_whoever_else_came)
{
    struct loop *loop = new_loop();
    struct node *a = new_node(loop, 0x11, two_links), *b = new_node(loop, 0x22, NULL);
    struct raw first = raw_open(a), second = raw_open(a);
    struct link *link, *kept = connect_to(a, b);
    connect_to(a, b);
    CHECK(links_connect(a->links, &b->name, "127.0.0.1", links_port(b->links), &link, NULL) ==
          ST_FULL);
    link_close(kept, "enough");
    connect_to(a, b);
    RUN_UNTIL(loop, a->opened == 4 && a->gone == 1);
    close(first.fd), close(second.fd);
    links_free(a->links);
    links_free(b->links);
    loop_free(loop);
}

static void little_waits(struct links_options *options)
{
    options->out_limit = 1 << 20;
}

TEST(link_gives_up_a_peer_that_never_reads_and_serves_the_others)
{
    struct loop *loop = new_loop();
    struct node *a = new_node(loop, 0x11, little_waits), *b = new_node(loop, 0x22, NULL);
    struct raw raw = raw_open(a);
    struct link *deaf = a->link;
    connect_to(b, a);
    RUN_UNTIL(loop, a->opened == 2 && b->opened == 1);
    enum status st = ST_OK;
    b->on_message = expect_next;
    u32 sent = 0;
    for (; st == ST_OK && sent < 10000; sent++) {
        st = link_send(deaf, (bytes){a->last, 60000});
        CHECK(link_send(a->link, message_of(sent + 1)) == ST_OK);
        run_ms(loop, 0);
    }
    CHECK(st == ST_FULL && link_send(deaf, hex("8000")) == ST_AGAIN);
    RUN_UNTIL(loop, a->gone == 1 && b->messages == sent);
    CHECK(strcmp(a->why, "too much waits for a peer that does not read") == 0);
    close(raw.fd);
    links_free(a->links);
    links_free(b->links);
    loop_free(loop);
}

TEST(link_delivers_all_to_a_peer_that_reads_late)
{
    struct loop *loop = new_loop();
    struct node *node = new_node(loop, 0x11, NULL);
    struct raw raw = raw_open(node);
    for (u32 i = 0; i < 200; i++) {
        node->last[0] = 0x80;
        node->last[1] = (u8)i;
        CHECK(link_send(node->link, (bytes){node->last, 60000}) == ST_OK);
        if (i % 8 == 0)
            run_ms(loop, 1);
    }
    for (u32 i = 0; i < 200; i++) {
        bytes got = raw_hear(&raw, loop);
        CHECK_ROW(i, got.size == 60000 && got.data[1] == (u8)i);
        if (i % 16 == 0) /* while older ones wait */
            CHECK(link_send(node->link, hex("8000")) == ST_OK);
    }
    for (u32 i = 0; i < 200; i += 16)
        CHECK(raw_hear(&raw, loop).size == 2);
    close(raw.fd);
    links_free(node->links);
    loop_free(loop);
}

/* --- Keeping alive. */

static void short_idle(struct links_options *options)
{
    options->idle_ms = 40;
}

TEST(link_that_is_idle_is_kept_by_pings)
{
    struct pair pair = new_pair(short_idle);
    run_ms(pair.loop, 300);
    CHECK(pair.a->gone == 0 && pair.b->gone == 0);
    CHECK(pair.a->messages == 0 && pair.b->messages == 0);
    CHECK(link_send(pair.a->link, hex("8000")) == ST_OK);
    RUN_UNTIL(pair.loop, pair.b->messages == 1);
    free_pair(&pair);
}

TEST(link_pings_the_silent_once_and_lets_them_go)
{
    struct loop *loop = new_loop();
    struct node *node = new_node(loop, 0x11, short_idle);
    u64 begun_ms = clock_now_ms();
    struct raw raw = raw_open(node);
    struct wire_message ping;
    CHECK(wire_decode(raw_hear(&raw, loop), &ping, NULL) == ST_OK && ping.type == WIRE_PING);
    CHECK(raw_is_closed(&raw, loop));
    CHECK(node->gone == 1 && strcmp(node->why, "it does not answer") == 0);
    CHECK(clock_now_ms() >= begun_ms + 80);
    close(raw.fd);
    links_free(node->links);
    loop_free(loop);
}

TEST(link_answers_pings_as_bolt_1_says)
{
    struct loop *loop = new_loop();
    struct node *node = new_node(loop, 0x11, NULL);
    struct raw raw = raw_open(node);
    raw_say(&raw, hex("000500030002abcd"));
    CHECK(bytes_equal(raw_hear(&raw, loop), hex("00070003000000")));
    raw_say(&raw, hex("0005fffb0000"));
    bytes pong = raw_hear(&raw, loop);
    CHECK(pong.size == TRANSPORT_MESSAGE_LIMIT && pong.data[1] == WIRE_PONG);
    raw_say(&raw, hex("0005fffc0000")); /* no answer to this one */
    raw_say(&raw, hex("000500000000"));
    CHECK(bytes_equal(raw_hear(&raw, loop), hex("00070000")));
    raw_say(&raw, hex("00070000"));
    raw_say(&raw, hex("8000"));
    RUN_UNTIL(loop, node->messages == 1);
    raw_say(&raw, hex("0005000000"));
    CHECK(raw_is_closed(&raw, loop));
    CHECK(node->messages == 1 && strcmp(node->why, "PING is cut short") == 0);
    close(raw.fd);
    links_free(node->links);
    loop_free(loop);
}

TEST(link_answers_no_more_pings_than_are_read)
{
    struct loop *loop = new_loop();
    struct node *node = new_node(loop, 0x11, little_waits);
    struct raw raw = raw_open(node);
    for (usize i = 0; i < 2000; i++) {
        raw_say(&raw, hex("0005fffb0000"));
        if (i % 20 == 0)
            run_ms(loop, 1);
    }
    raw_say(&raw, hex("8000"));
    RUN_UNTIL(loop, node->messages == 1);
    CHECK(node->gone == 0);
    close(raw.fd);
    links_free(node->links);
    loop_free(loop);
}

/* --- Hostile once open. */

TEST(link_is_gone_at_a_byte_that_was_changed)
{
    struct loop *loop = new_loop();
    struct node *node = new_node(loop, 0x11, NULL);
    for (usize at = 0; at < 2 + TRANSPORT_OVERHEAD; at += 7) {
        struct raw raw = raw_open(node);
        u8 sealed[2 + TRANSPORT_OVERHEAD];
        usize gone = node->gone, messages = node->messages;
        raw_say(&raw, hex("8000"));
        CHECK(transport_seal(&raw.transport, hex("8000"), sealed) == ST_OK);
        sealed[at] ^= 1;
        raw_send(&raw, BYTES_OF(sealed));
        CHECK(raw_is_closed(&raw, loop));
        CHECK(node->gone == gone + 1 && node->messages == messages + 1);
        close(raw.fd);
    }
    links_free(node->links);
    loop_free(loop);
}

/* --- Closing, from anywhere. */

static void close_it(struct node *node, struct link *link)
{
    (void)node;
    link_close(link, "of the test");
    link_close(link, "twice");
}

static void close_on_message(struct node *node, struct link *link, bytes message)
{
    (void)message;
    close_it(node, link);
}

static void close_when_drained(struct node *node)
{
    if (node->link != NULL)
        close_it(node, node->link);
}

static void use_it(struct node *node, struct link *link)
{
    CHECK(link_send(link, hex("8000")) == ST_AGAIN);
    link_close(link, "again");
    CHECK(link_remote(link) != NULL && link_user(link) == node);
}

TEST(link_closed_in_an_event_has_one_end)
{
    for (int where = 0; where < 3; where++) {
        struct pair pair = new_pair(NULL);
        link_set_user(pair.b->link, pair.b);
        pair.b->on_gone = use_it;
        pair.b->on_message = where == 0 ? close_on_message : NULL;
        pair.b->on_drained = where == 1 ? close_when_drained : NULL;
        for (u32 i = 0; i < 5; i++)
            CHECK(link_send(pair.a->link, hex("8000")) == ST_OK);
        if (where == 2)
            close_it(pair.b, pair.b->link);
        RUN_UNTIL(pair.loop, pair.a->gone == 1 && pair.b->gone == 1);
        CHECK_ROW(where, strcmp(pair.b->why, "of the test") == 0);
        CHECK_ROW(where, pair.b->messages == (where == 0 ? 1 : where == 1 ? 5 : 0));
        free_pair(&pair);
    }
}

TEST(link_closed_as_it_opens_is_gone)
{
    struct loop *loop = new_loop();
    struct node *a = new_node(loop, 0x11, NULL), *b = new_node(loop, 0x22, NULL);
    b->on_opened = close_it;
    connect_to(a, b);
    RUN_UNTIL(loop, a->gone == 1 && b->gone == 1);
    a->on_opened = close_it;
    connect_to(a, b);
    RUN_UNTIL(loop, a->gone == 2);
    links_free(a->links);
    links_free(b->links);
    loop_free(loop);
}

TEST(link_delivers_what_was_sent_before_it_was_closed)
{
    struct pair pair = new_pair(NULL);
    CHECK(link_send(pair.a->link, hex("8000")) == ST_OK);
    link_close(pair.a->link, "done");
    RUN_UNTIL(pair.loop, pair.a->gone == 1 && pair.b->gone == 1);
    CHECK(pair.b->messages == 1 && strcmp(pair.a->why, "done") == 0);
    free_pair(&pair);
}

static void try_to_connect(struct node *node, struct link *link)
{
    struct link *another;
    (void)link;
    CHECK(links_connect(node->links, &node->name, "127.0.0.1", 1, &another, NULL) == ST_AGAIN);
}

TEST(link_ends_with_the_links)
{
    struct pair pair = new_pair(NULL);
    connect_to(pair.a, pair.b);
    RUN_UNTIL(pair.loop, pair.a->opened == 2 && pair.b->opened == 2);
    struct link *never = connect_to(pair.a, pair.b);
    CHECK(link_send(pair.a->link, hex("8000")) == ST_OK);
    link_close(never, "too late");
    pair.a->on_gone = try_to_connect;
    links_free(pair.a->links);
    pair.a->links = NULL;
    CHECK(pair.a->gone == 3 && pair.a->opened == 2);
    RUN_UNTIL(pair.loop, pair.b->gone == 2);
    free_pair(&pair);
}

/* --- An owner who does anything anywhere. */

enum { HELD = 8 };

struct chaos {
    struct node *nodes[3];
    struct link *held[3][HELD]; /* that are known and not gone */
    u64 seed;
    usize made, gone;
};
static struct chaos chaos;

static u32 roll(u32 below)
{
    chaos.seed = chaos.seed * 6364136223846793005 + 1442695040888963407;
    return (u32)(chaos.seed >> 33) % below;
}

static usize index_of(const struct node *node)
{
    usize i = 0;
    while (chaos.nodes[i] != node)
        i++;
    return i;
}

static struct link **place_of(struct node *node, const struct link *link)
{
    struct link **held = chaos.held[index_of(node)];
    for (usize i = 0; i < HELD; i++)
        if (held[i] == link)
            return &held[i];
    return NULL;
}

static void keep(struct node *node, struct link *link)
{
    struct link **place = place_of(node, link);
    if (place != NULL)
        return;
    chaos.made++;
    place = place_of(node, NULL);
    if (place != NULL)
        *place = link;
    else
        link_close(link, "more than the test holds");
}

static void do_something(struct node *node)
{
    static const u8 zeros[3000] = {0x80};
    struct link *link = chaos.held[index_of(node)][roll(HELD)];
    u32 what = roll(16);
    if (what < 2 && roll(3) == 0) {
        const struct node *to = chaos.nodes[roll(3)];
        struct link *made = NULL;
        if (links_connect(node->links, &to->name, "127.0.0.1", links_port(to->links), &made,
                          NULL) == ST_OK)
            keep(node, made);
    } else if (link != NULL && what == 2 && roll(4) == 0)
        link_close(link, "chaos");
    else if (link != NULL) {
        enum status st = link_send(link, (bytes){zeros, roll(sizeof(zeros)) + 1});
        CHECK(st == ST_OK || st == ST_AGAIN || st == ST_FULL);
    }
}

static void chaos_opened(struct node *node, struct link *link)
{
    keep(node, link);
    do_something(node);
}

static void chaos_message(struct node *node, struct link *link, bytes message)
{
    (void)message;
    struct link **place = place_of(node, link);
    CHECK(place != NULL);
    if (roll(3) != 0)
        do_something(node);
}

static void chaos_drained(struct node *node)
{
    do_something(node);
}

static void chaos_gone(struct node *node, struct link *link)
{
    struct link **place = place_of(node, link);
    chaos.gone++;
    if (place != NULL)
        *place = NULL;
    do_something(node);
}

TEST(link_has_one_end_whatever_its_owner_does_in_whatever_event)
{
    struct loop *loop = new_loop();
    chaos = (struct chaos){.seed = 1};
    for (u8 i = 0; i < 3; i++) {
        struct node *node = chaos.nodes[i] = new_node(loop, (u8)(0x11 + i), little_waits);
        node->on_opened = chaos_opened;
        node->on_message = chaos_message;
        node->on_drained = chaos_drained;
        node->on_gone = chaos_gone;
    }
    for (usize i = 0; i < 500; i++) {
        do_something(chaos.nodes[roll(3)]);
        do_something(chaos.nodes[roll(3)]);
        if (i % 2 == 0)
            run_ms(loop, 1);
    }
    CHECK(chaos.made > 50);
    for (usize i = 0; i < 3; i++)
        links_free(chaos.nodes[i]->links);
    CHECK(chaos.gone == chaos.made);
    loop_free(loop);
}

#include "channel/link_rig.h"

#include "base/fmt.h"
#include "harness/test.h"
#include "sys/clock.h"
#include "sys/entropy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- Nodes. */

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

struct loop *rig_new_loop(void)
{
    struct loop *loop = NULL;
    CHECK(loop_new(&loop, NULL) == ST_OK);
    return loop;
}

struct node *rig_new_node(struct loop *loop, u8 key, void (*change)(struct links_options *))
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

struct link *rig_connect_to(struct node *node, const struct node *to)
{
    struct link *link = NULL;
    CHECK(links_connect(node->links, &to->name, "127.0.0.1", links_port(to->links), &link, NULL) ==
          ST_OK);
    return link;
}

struct slice {
    struct timer timer;
    struct loop *loop;
};

static void stop_loop(struct timer *timer)
{
    loop_stop(((struct slice *)timer)->loop);
}

void rig_run_ms(struct loop *loop, u64 time_ms)
{
    struct slice slice = {{.due = stop_loop}, loop};
    loop_set_timer(loop, &slice.timer, clock_now_ms() + time_ms);
    loop_run(loop);
    loop_drop_timer(&slice.timer);
}

struct pair rig_new_pair(void (*change)(struct links_options *))
{
    struct loop *loop = rig_new_loop();
    struct pair pair = {loop, rig_new_node(loop, 0x11, change), rig_new_node(loop, 0x22, change)};
    rig_connect_to(pair.a, pair.b);
    RUN_UNTIL(loop, pair.a->opened == 1 && pair.b->opened == 1);
    return pair;
}

void rig_free_pair(struct pair *pair)
{
    links_free(pair->a->links);
    links_free(pair->b->links);
    CHECK(pair->a->gone >= pair->a->opened && pair->b->gone >= pair->b->opened);
    loop_free(pair->loop);
}

/* --- A socket and a transport, by hand. */

struct raw raw_connect(const struct node *to)
{
    struct sockaddr_in place = {.sin_family = AF_INET,
                                .sin_port = htons(links_port(to->links)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct raw raw = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    CHECK(connect(raw.fd, (struct sockaddr *)&place, sizeof(place)) == 0);
    return raw;
}

void raw_send(const struct raw *raw, bytes data)
{
    CHECK(send(raw->fd, data.data, data.size, MSG_NOSIGNAL) == (ssize_t)data.size);
}

bool raw_receive(const struct raw *raw, struct loop *loop, u8 *to, usize size)
{
    for (int slices = 0; size > 0 && slices < 5000; slices++) {
        ssize_t got = recv(raw->fd, to, size, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN))
            return false;
        if (got < 0)
            rig_run_ms(loop, 2);
        to += got > 0 ? got : 0;
        size -= got > 0 ? (usize)got : 0;
    }
    CHECK(size == 0);
    return true;
}

bool raw_is_closed(const struct raw *raw, struct loop *loop)
{
    u8 byte;
    return !raw_receive(raw, loop, &byte, 1);
}

void raw_begin(struct raw *raw, const struct node *to)
{
    secret32 own, ephemeral;
    u8 one[TRANSPORT_ACT_ONE_SIZE];
    memset(own.b, 0x33, sizeof(own.b));
    random_fill(&ephemeral, sizeof(ephemeral));
    CHECK(transport_begin(&raw->transport, &own, &ephemeral, &to->name, one) == ST_OK);
    raw_send(raw, BYTES_OF(one));
}

void raw_shake(struct raw *raw, struct node *to)
{
    u8 two[TRANSPORT_ACT_TWO_SIZE], three[TRANSPORT_ACT_THREE_SIZE];
    usize used, size, before = to->opened;
    raw_begin(raw, to);
    CHECK(raw_receive(raw, to->loop, two, sizeof(two)));
    CHECK(transport_handshake(&raw->transport, BYTES_OF(two), &used, three, &size, NULL) == ST_OK);
    raw_send(raw, (bytes){three, size});
    RUN_UNTIL(to->loop, to->opened == before + 1);
}

struct raw raw_open(struct node *to)
{
    struct raw raw = raw_connect(to);
    raw_shake(&raw, to);
    return raw;
}

void raw_say(struct raw *raw, bytes message)
{
    static u8 sealed[LINK_OUT_LEAST];
    CHECK(transport_seal(&raw->transport, message, sealed) == ST_OK);
    raw_send(raw, (bytes){sealed, message.size + TRANSPORT_OVERHEAD});
}

bytes raw_hear(struct raw *raw, struct loop *loop)
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

/* Of its number alone: most small, some as large as can be. */
static usize size_of(u32 number)
{
    return number % 997 == 0 ? TRANSPORT_MESSAGE_LIMIT : 8 + number * 31 % 400;
}

bytes rig_message_of(u32 number)
{
    static u8 out[TRANSPORT_MESSAGE_LIMIT];
    usize size = size_of(number);
    memset(out, (u8)number, size);
    store_be32(out, number | 0x80000000); /* no PING, no PONG */
    return (bytes){out, size};
}

void rig_expect_next(struct node *node, struct link *link, bytes message)
{
    (void)link;
    CHECK(bytes_equal(message, rig_message_of((u32)node->messages)));
}

void rig_little_waits(struct links_options *options)
{
    options->out_limit = 1 << 20;
}

/* Links over loopback: what they carry, whom they let in, how they end. */
#include "channel/link_rig.h"

#include "harness/test.h"
#include "sys/clock.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- Messages. */

enum { COUNT = 10000 };

TEST(link_carries_ten_thousand_messages_each_way_in_order)
{
    struct pair pair = rig_new_pair(NULL);
    pair.a->on_message = pair.b->on_message = rig_expect_next;
    for (u32 i = 1; i <= COUNT; i++) {
        CHECK(link_send(pair.a->link, rig_message_of(i)) == ST_OK);
        CHECK(link_send(pair.b->link, rig_message_of(i)) == ST_OK);
        if (i % 1000 == 0)
            rig_run_ms(pair.loop, 1);
    }
    RUN_UNTIL(pair.loop, pair.a->messages == COUNT && pair.b->messages == COUNT);
    CHECK(pair.a->gone == 0 && pair.b->gone == 0);
    rig_free_pair(&pair);
}

TEST(link_knows_who_is_at_the_other_end)
{
    struct pair pair = rig_new_pair(NULL);
    CHECK(memcmp(link_remote(pair.a->link), &pair.b->name, sizeof(point33)) == 0);
    CHECK(memcmp(link_remote(pair.b->link), &pair.a->name, sizeof(point33)) == 0);
    CHECK(link_user(pair.a->link) == NULL);
    link_set_user(pair.a->link, pair.a);
    CHECK(link_user(pair.a->link) == pair.a);
    rig_free_pair(&pair);
}

TEST(link_hands_many_messages_over_in_one_turn)
{
    struct pair pair = rig_new_pair(NULL);
    usize before = pair.b->drained;
    for (u32 i = 1; i <= 100; i++)
        CHECK(link_send(pair.a->link, hex("8000")) == ST_OK);
    RUN_UNTIL(pair.loop, pair.b->messages == 100);
    CHECK(pair.b->drained == before + 1); /* they were one write, and so one read */
    rig_free_pair(&pair);
}

static void answer_once_drained(struct node *node)
{
    CHECK(link_send(node->link, hex("8001")) == ST_OK);
}

TEST(link_writes_what_is_sent_when_the_input_is_drained)
{
    struct pair pair = rig_new_pair(NULL);
    pair.b->on_drained = answer_once_drained;
    CHECK(link_send(pair.a->link, hex("8000")) == ST_OK);
    RUN_UNTIL(pair.loop, pair.a->messages == 1);
    rig_free_pair(&pair);
}

TEST(link_takes_a_message_in_single_bytes)
{
    struct loop *loop = rig_new_loop();
    struct node *node = rig_new_node(loop, 0x11, NULL);
    struct raw raw = raw_open(node);
    u8 sealed[2 + TRANSPORT_OVERHEAD];
    CHECK(transport_seal(&raw.transport, hex("8000"), sealed) == ST_OK);
    for (usize i = 0; i < sizeof(sealed); i++) {
        CHECK(node->messages == 0);
        raw_send(&raw, (bytes){sealed + i, 1});
        rig_run_ms(loop, 1);
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
    struct loop *loop = rig_new_loop();
    struct node *a = rig_new_node(loop, 0x11, NULL), *b = rig_new_node(loop, 0x22, NULL);
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
    struct loop *loop = rig_new_loop();
    struct node *node = rig_new_node(loop, 0x11, NULL);
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
    struct loop *loop = rig_new_loop();
    struct node *node = rig_new_node(loop, 0x11, short_handshake);
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
    struct loop *loop = rig_new_loop();
    struct node *node = rig_new_node(loop, 0x11, short_handshake);
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

static void on_ipv6(struct links_options *options)
{
    options->addr = "::1";
}

static bool has_ipv6(void)
{
    struct sockaddr_in6 place = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&place, sizeof(place)) == 0;
    close(fd);
    return has;
}

TEST(link_connects_over_ipv6)
{
    if (!has_ipv6()) {
        test_skip("this machine has no ::1");
        return;
    }
    struct loop *loop = rig_new_loop();
    struct node *node = rig_new_node(loop, 0x11, on_ipv6);
    struct link *link;
    CHECK(links_connect(node->links, &node->name, "::1", links_port(node->links), &link, NULL) ==
          ST_OK);
    RUN_UNTIL(loop, node->opened == 2); /* both ends are its own */
    links_free(node->links);
    loop_free(loop);
}

TEST(link_connects_to_addresses_and_keys_only)
{
    struct loop *loop = rig_new_loop();
    struct node *node = rig_new_node(loop, 0x11, NULL);
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
        struct pair pair = rig_new_pair(NULL);
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
        rig_free_pair(&pair);
    }
}

TEST(link_closed_as_it_opens_is_gone)
{
    struct loop *loop = rig_new_loop();
    struct node *a = rig_new_node(loop, 0x11, NULL), *b = rig_new_node(loop, 0x22, NULL);
    b->on_opened = close_it;
    rig_connect_to(a, b);
    RUN_UNTIL(loop, a->gone == 1 && b->gone == 1);
    a->on_opened = close_it;
    rig_connect_to(a, b);
    RUN_UNTIL(loop, a->gone == 2);
    links_free(a->links);
    links_free(b->links);
    loop_free(loop);
}

TEST(link_delivers_what_was_sent_before_it_was_closed)
{
    struct pair pair = rig_new_pair(NULL);
    CHECK(link_send(pair.a->link, hex("8000")) == ST_OK);
    link_close(pair.a->link, "done");
    RUN_UNTIL(pair.loop, pair.a->gone == 1 && pair.b->gone == 1);
    CHECK(pair.b->messages == 1 && strcmp(pair.a->why, "done") == 0);
    rig_free_pair(&pair);
}

static void try_to_connect(struct node *node, struct link *link)
{
    struct link *another;
    (void)link;
    CHECK(links_connect(node->links, &node->name, "127.0.0.1", 1, &another, NULL) == ST_AGAIN);
}

TEST(link_ends_with_the_links)
{
    struct pair pair = rig_new_pair(NULL);
    rig_connect_to(pair.a, pair.b);
    RUN_UNTIL(pair.loop, pair.a->opened == 2 && pair.b->opened == 2);
    struct link *never = rig_connect_to(pair.a, pair.b);
    CHECK(link_send(pair.a->link, hex("8000")) == ST_OK);
    link_close(never, "too late");
    pair.a->on_gone = try_to_connect;
    links_free(pair.a->links);
    pair.a->links = NULL;
    CHECK(pair.a->gone == 3 && pair.a->opened == 2);
    RUN_UNTIL(pair.loop, pair.b->gone == 2);
    rig_free_pair(&pair);
}

/* Links and their limits: how many, what waits, how long; and bytes that were changed. */
#include "channel/link_rig.h"
#include "channel/wire.h"

#include "harness/test.h"
#include "sys/clock.h"

#include <sys/resource.h>
#include <unistd.h>

/* --- Limits. */

static void two_links(struct links_options *options)
{
    options->limit = 2;
}

TEST(link_makes_room_for_newcomers_among_those_who_have_proved_nothing)
{
    struct loop *loop = rig_new_loop();
    struct node *node = rig_new_node(loop, 0x11, two_links);
    struct raw first = raw_connect(node), second = raw_connect(node);
    rig_run_ms(loop, 5);
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

/* One whose user is set is missed. */
static bool has_no_user(void *self, const struct link *link)
{
    (void)self;
    return link_user(link) == NULL;
}

static void eight_of_whom_some_are_spared(struct links_options *options)
{
    options->limit = 8;
    options->spares = has_no_user;
}

TEST(link_makes_room_for_newcomers_among_those_whom_nobody_misses)
{
    struct loop *loop = rig_new_loop();
    struct node *node = rig_new_node(loop, 0x11, eight_of_whom_some_are_spared);
    struct raw open[8], raw[4];
    for (usize i = 0; i < countof(open); i++) {
        open[i] = raw_open(node);
        if (i == 0)
            link_set_user(node->link, node);
    }
    for (usize i = 0; i < 3; i++) { /* a quarter, and one */
        raw[i] = raw_connect(node);
        CHECK_ROW(i, raw_is_closed(&open[1 + i], loop));
    }
    raw[3] = raw_connect(node);
    CHECK(raw_is_closed(&raw[0], loop)); /* those that prove nothing push out each other */
    for (usize i = 1; i < countof(raw); i++)
        raw_shake(&raw[i], node);
    struct raw last = raw_open(node);
    CHECK(raw_is_closed(&open[4], loop));
    CHECK(node->opened == 12 && node->gone == 4);
    raw_say(&open[0], hex("8000"));
    RUN_UNTIL(loop, node->messages == 1);
    for (usize i = 0; i < countof(open); i++)
        close(open[i].fd);
    for (usize i = 0; i < countof(raw); i++)
        close(raw[i].fd);
    close(last.fd);
    links_free(node->links);
    loop_free(loop);
}

TEST(link_connects_so_often_whoever_else_came)
{
    struct loop *loop = rig_new_loop();
    struct node *a = rig_new_node(loop, 0x11, two_links), *b = rig_new_node(loop, 0x22, NULL);
    struct raw first = raw_open(a), second = raw_open(a);
    struct link *link, *kept = rig_connect_to(a, b);
    rig_connect_to(a, b);
    CHECK(links_connect(a->links, &b->name, "127.0.0.1", links_port(b->links), &link, NULL) ==
          ST_FULL);
    link_close(kept, "enough");
    rig_connect_to(a, b);
    RUN_UNTIL(loop, a->opened == 4 && a->gone == 1);
    close(first.fd), close(second.fd);
    links_free(a->links);
    links_free(b->links);
    loop_free(loop);
}

static void often_swept(struct links_options *options)
{
    options->handshake_ms = 400; /* and four sweeps in it */
}

TEST(link_lets_newcomers_in_again_after_descriptors_ran_out)
{
    struct loop *loop = rig_new_loop();
    struct node *node = rig_new_node(loop, 0x11, often_swept);
    struct raw raw = raw_connect(node);
    struct rlimit before, none;
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    none = (struct rlimit){.rlim_cur = (rlim_t)raw.fd + 1, .rlim_max = before.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    u64 used_ns = clock_thread_ns();
    rig_run_ms(loop, 90);
    used_ns = clock_thread_ns() - used_ns;
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(used_ns < 20000000); /* it does not ask again and again meanwhile */
    raw_shake(&raw, node);
    close(raw.fd);
    links_free(node->links);
    loop_free(loop);
}

TEST(link_gives_up_a_peer_that_never_reads_and_serves_the_others)
{
    struct loop *loop = rig_new_loop();
    struct node *a = rig_new_node(loop, 0x11, rig_little_waits),
                *b = rig_new_node(loop, 0x22, NULL);
    struct raw raw = raw_open(a);
    struct link *deaf = a->link;
    rig_connect_to(b, a);
    RUN_UNTIL(loop, a->opened == 2 && b->opened == 1);
    enum status st = ST_OK;
    b->on_message = rig_expect_next;
    u32 sent = 0;
    for (; st == ST_OK && sent < 10000; sent++) {
        st = link_send(deaf, (bytes){a->last, 60000});
        CHECK(link_send(a->link, rig_message_of(sent + 1)) == ST_OK);
        if (st == ST_OK)
            rig_run_ms(loop, 0);
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
    struct loop *loop = rig_new_loop();
    struct node *node = rig_new_node(loop, 0x11, NULL);
    struct raw raw = raw_open(node);
    for (u32 i = 0; i < 200; i++) {
        node->last[0] = 0x80;
        node->last[1] = (u8)i;
        CHECK(link_send(node->link, (bytes){node->last, 60000}) == ST_OK);
        if (i % 8 == 0)
            rig_run_ms(loop, 1);
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
    options->idle_ms = 100;
}

TEST(link_that_is_idle_is_kept_by_pings)
{
    struct pair pair = rig_new_pair(short_idle);
    rig_run_ms(pair.loop, 450);
    CHECK(pair.a->gone == 0 && pair.b->gone == 0);
    CHECK(pair.a->messages == 0 && pair.b->messages == 0);
    CHECK(link_send(pair.a->link, hex("8000")) == ST_OK);
    RUN_UNTIL(pair.loop, pair.b->messages == 1);
    rig_free_pair(&pair);
}

TEST(link_pings_the_silent_once_and_lets_them_go)
{
    struct loop *loop = rig_new_loop();
    struct node *node = rig_new_node(loop, 0x11, short_idle);
    u64 begun_ms = clock_now_ms();
    struct raw raw = raw_open(node);
    struct wire_message ping;
    CHECK(wire_decode(raw_hear(&raw, loop), &ping, NULL) == ST_OK && ping.type == WIRE_PING);
    CHECK(raw_is_closed(&raw, loop));
    CHECK(node->gone == 1 && strcmp(node->why, "it does not answer") == 0);
    CHECK(clock_now_ms() >= begun_ms + 200);
    close(raw.fd);
    links_free(node->links);
    loop_free(loop);
}

TEST(link_asks_before_it_closes_even_after_the_node_stood_still)
{
    struct loop *loop = rig_new_loop();
    struct node *node = rig_new_node(loop, 0x11, short_idle);
    struct raw raw = raw_open(node);
    usleep(300000);
    bytes ping = raw_hear(&raw, loop);
    CHECK(ping.size == 6 && ping.data[1] == WIRE_PING);
    raw_say(&raw, hex("00070000"));
    rig_run_ms(loop, 50);
    CHECK(node->gone == 0);
    close(raw.fd);
    links_free(node->links);
    loop_free(loop);
}

TEST(link_answers_pings_as_bolt_1_says)
{
    struct loop *loop = rig_new_loop();
    struct node *node = rig_new_node(loop, 0x11, NULL);
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
    struct loop *loop = rig_new_loop();
    struct node *node = rig_new_node(loop, 0x11, rig_little_waits);
    struct raw raw = raw_open(node);
    for (usize i = 0; i < 2000; i++) {
        raw_say(&raw, hex("0005fffb0000"));
        if (i % 20 == 0)
            rig_run_ms(loop, 1);
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
    struct loop *loop = rig_new_loop();
    struct node *node = rig_new_node(loop, 0x11, NULL);
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

/* Two nodes over loopback, both on one thread, each answering every message with one as large.
 *
 *   bench_links [bytes, 200] [messages, 1000000]
 *
 * A row for each number of messages that are on their way at the same time. What it costs is the
 * thread's processor time for a message's whole way: sealed and written by one node, read and
 * unsealed by the other. `turns` is how many messages a node was handed at once. */
#include "channel/link.h"
#include "sys/clock.h"

#include <stdio.h>
#include <stdlib.h>

struct node {
    struct links *links;
    u64 messages, turns;
};

static struct {
    struct loop *loop;
    struct node nodes[2];
    struct link *first; /* of the node that connected */
    u8 message[TRANSPORT_MESSAGE_LIMIT];
    usize size;
    u64 wanted;
} bench = {.message = {0x80}, .size = 200, .wanted = 1000000};

static void need(enum status st, const struct err *err)
{
    if (st == ST_OK)
        return;
    fprintf(stderr, "%s: %s\n", status_name(st), err->text);
    exit(1);
}

static void answer(struct link *link)
{
    need(link_send(link, (bytes){bench.message, bench.size}), &(struct err){"not sent"});
}

static void on_opened(void *self, struct link *link)
{
    if (self != &bench.nodes[0])
        return;
    bench.first = link;
    loop_stop(bench.loop);
}

static void on_message(void *self, struct link *link, bytes message)
{
    struct node *node = self;
    (void)message;
    node->messages++;
    answer(link);
    if (bench.nodes[0].messages + bench.nodes[1].messages == bench.wanted)
        loop_stop(bench.loop);
}

static void on_drained(void *self)
{
    struct node *node = self;
    node->turns++;
}

static void on_gone(void *self, struct link *link, const char *why)
{
    (void)self, (void)link, (void)why;
}

static void open_nodes(void)
{
    struct err err;
    secret32 key = {{[31] = 1}};
    point33 name;
    need(point_of_secret(&key, &name), &err);
    need(loop_new(&bench.loop, &err), &err);
    for (usize i = 0; i < countof(bench.nodes); i++) {
        struct node *node = &bench.nodes[i];
        struct link_events events = {node, on_opened, on_message, on_drained, on_gone};
        struct links_options options = links_defaults(bench.loop, &key);
        options.port = 0;
        need(links_new(&options, &events, &node->links, &err), &err);
    }
    need(links_connect(bench.nodes[0].links, &name, "127.0.0.1", links_port(bench.nodes[1].links),
                       &bench.first, &err),
         &err);
    loop_run(bench.loop);
}

static void run(usize on_their_way)
{
    open_nodes();
    for (usize i = 0; i < on_their_way; i++)
        answer(bench.first);
    u64 begun = clock_now_ns(), used = clock_thread_ns();
    loop_run(bench.loop);
    double took_s = (double)(clock_now_ns() - begun) / 1e9;
    double used_ns = (double)(clock_thread_ns() - used);
    u64 turns = bench.nodes[0].turns + bench.nodes[1].turns;
    printf("%5zu on their way: %9.0f messages/s of %zu bytes, %6.0f ns each, %6.1f a turn\n",
           on_their_way, (double)bench.wanted / took_s, bench.size, used_ns / (double)bench.wanted,
           (double)bench.wanted / (double)turns);
    for (usize i = 0; i < countof(bench.nodes); i++) {
        links_free(bench.nodes[i].links);
        bench.nodes[i] = (struct node){0};
    }
    loop_free(bench.loop);
}

int main(int argc, char **argv)
{
    static const usize counts[] = {1, 16, 256, 4096};
    if (argc > 1)
        bench.size = min_u64(strtoul(argv[1], NULL, 10), sizeof(bench.message));
    if (argc > 2)
        bench.wanted = strtoul(argv[2], NULL, 10);
    for (usize i = 0; i < countof(counts); i++)
        run(counts[i]);
    return 0;
}

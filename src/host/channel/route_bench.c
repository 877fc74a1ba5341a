/* What a route costs in a network of the size that Lightning's has: 10,000 nodes, 60,000 channels,
 * few nodes with many. */
#include "channel/graph_rig.h"
#include "channel/route.h"

#include "sys/clock.h"
#include "sys/pages.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void bug_at(const char *file, int line, const char *what)
{
    fprintf(stderr, "bug: %s:%d: %s\n", file, line, what);
    abort();
}

enum { NODES = 10000, CHANNELS = 60000, OWN = 24, NOW_S = 1700000000, UNIT = 1000000 };

static u64 next_random(void)
{
    static u64 state = 1;
    state = state * 6364136223846793005 + 1442695040888963407;
    return state >> 33;
}

/* Of low numbers rather than of high ones. */
static u32 any_node(void)
{
    u64 x = next_random() % NODES;
    return (u32)(x * x / NODES * x / NODES);
}

static void add_channel(struct graph *graph, u32 number, u32 a, u32 b)
{
    struct wire_announce announce = {.node_a = point_of(a), .node_b = point_of(b)};
    store_be32(announce.terms.b, number);
    hash32 id = gossip_channel_id(&announce);
    u128 capacity = (u128)UNIT * (100 + next_random() % 10000);
    if (graph_put_announce(graph, &announce, id, NOW_S, NULL) != ST_OK ||
        graph_confirm(graph, id, capacity, 0) != ST_OK)
        bug("no room");
    for (u16 side = 0; side < 2; side++) {
        struct wire_policy policy = {.id = id,
                                     .side = side,
                                     .timestamp_s = NOW_S,
                                     .enabled = 1,
                                     .base_fee = next_random() % 1000,
                                     .fee_ppm = (u32)next_random() % 2000,
                                     .least = 1,
                                     .most = capacity};
        if (graph_put_policy(graph, &policy) != ST_OK)
            bug("no policy");
    }
}

static struct graph *network(void)
{
    struct graph *graph = graph_new((usize)256 << 20, 7);
    for (u32 i = 0; i < CHANNELS; i++) {
        u32 a = i < NODES - 1 ? i + 1 : any_node(),
            b = i < NODES - 1 ? any_node() % (i + 1) : any_node();
        if (a != b)
            add_channel(graph, i, a, b);
    }
    for (u32 i = 0; i < OWN; i++) {
        struct graph_own own = {.id = {{0xff, (u8)i}},
                                .node = {point_of(NODES), point_of(any_node())}};
        own.spendable[0] = (u128)UNIT * 1000;
        if (graph_set_own(graph, &own, NULL) != ST_OK)
            bug("no channel");
    }
    return graph;
}

static void measure(const struct graph *graph, const char *name, u128 amount, struct arena tmp)
{
    enum { ROUNDS = 50 };
    u32 found = 0, parts = 0;
    u64 most_ns = 0, sum_ns = 0, fee_ppm = 0;
    for (u32 i = 0; i < ROUNDS; i++) {
        struct route route;
        struct route_query query = {.from = point_of(NODES),
                                    .to = point_of((u32)next_random() % 2000),
                                    .amount = amount,
                                    .fee_limit = amount / 20,
                                    .now_s = NOW_S,
                                    .lock_s = 3600,
                                    .parts_limit = ROUTE_PARTS_LIMIT,
                                    .prices = route_prices_default};
        u64 start_ns = clock_thread_ns();
        bool is_found = route_find(graph, &query, &route, tmp, NULL) == ST_OK;
        u64 taken_ns = clock_thread_ns() - start_ns;
        sum_ns += taken_ns;
        most_ns = max_u64(most_ns, taken_ns);
        found += is_found;
        parts += is_found ? route.count : 0;
        fee_ppm += is_found ? (u64)(route.fee * 1000000 / amount) : 0;
    }
    printf("%-28s %6.1f ms, at most %6.1f ms; %2u of %u found, %4.1f parts, fees %lu ppm\n", name,
           (double)sum_ns / ROUNDS / 1e6, (double)most_ns / 1e6, found, ROUNDS,
           found > 0 ? (double)parts / found : 0, found > 0 ? fee_ppm / found : 0);
}

int main(void)
{
    struct graph *graph = network();
    struct pages pages;
    u64 start_ns = clock_thread_ns();
    if (pages_reserve(route_scratch_limit(graph) + graph_save_limit(graph), &pages, NULL) != ST_OK)
        bug("no memory");
    struct arena tmp = pages_arena(&pages);
    measure(graph, "a small amount", UNIT / 10, tmp);
    measure(graph, "all of one channel", (u128)UNIT * 900, tmp);
    measure(graph, "three channels' worth", (u128)UNIT * 2500, tmp);
    measure(graph, "most of sixteen channels", (u128)UNIT * 14000, tmp);
    measure(graph, "all that we have", (u128)UNIT * 24000 - 1, tmp);
    measure(graph, "more than we have", (u128)UNIT * 25000, tmp);
    struct arena copy = tmp;
    start_ns = clock_thread_ns();
    bytes saved = graph_save(graph, &copy);
    u64 saved_ns = clock_thread_ns();
    struct graph *again = graph_new((usize)256 << 20, 8);
    if (graph_load(again, saved, NOW_S, NULL) != ST_OK ||
        graph_count(again) != graph_count(graph) - OWN)
        bug("not what was saved");
    printf("%u channels: a snapshot of %zu kB, saved in %.0f ms, loaded in %.0f ms\n",
           graph_count(graph), saved.size / 1000, (double)(saved_ns - start_ns) / 1e6,
           (double)(clock_thread_ns() - saved_ns) / 1e6);
    graph_free(graph);
    graph_free(again);
    pages_release(&pages);
    return 0;
}

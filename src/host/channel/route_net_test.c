/* What attempts show of a channel, and how long it holds; what forwarders ask. */
#include "channel/route.h"

#include "harness/test.h"

enum { NOW_S = 1700000000 };

/* Of 1,000. */
static hash32 add_channel(struct graph *graph)
{
    struct wire_announce announce = {.node_a = {{2}}, .node_b = {{3}}};
    hash32 id = gossip_channel_id(&announce);
    CHECK(graph_put_announce(graph, &announce, id, NOW_S, NULL) == ST_OK);
    CHECK(graph_confirm(graph, id, 600, 400) == ST_OK);
    return id;
}

TEST(route_fee_is_rounded_up_and_never_wraps)
{
    const u128 all = ~(u128)0;
    const struct {
        u128 base;
        u32 ppm;
        u128 amount, want;
    } rows[] = {
        {0, 0, 1000, 0},    {7, 0, 1000, 7},        {7, 1, 1, 8},
        {0, 1, 1000000, 1}, {0, 1, 1000001, 2},     {0, 999999, 1, 1},
        {5, 250000, 10, 8}, {0, 1000000, all, all}, {1, 1000000, all, all},
        {all, 1, 1, all},   {all, 0, 0, all},       {0, 500000, (u128)1 << 127, (u128)1 << 126},
    };
    for (usize i = 0; i < countof(rows); i++)
        CHECK_ROW(i, route_fee(rows[i].base, rows[i].ppm, rows[i].amount) == rows[i].want);
}

TEST(route_bounds_follow_what_attempts_show)
{
    struct graph *graph = graph_new(1 << 20, 7);
    hash32 id = add_channel(graph);
    const struct {
        u32 side, amount;
        enum route_news news;
        u32 low, high; /* of side 0 */
    } rows[] = {
        {0, 300, ROUTE_REACHED, 300, 1000}, {0, 801, ROUTE_SHORT, 300, 800},
        {1, 250, ROUTE_REACHED, 300, 750},  {1, 701, ROUTE_SHORT, 300, 750},
        {1, 651, ROUTE_SHORT, 350, 750},    {0, 100, ROUTE_PAID, 250, 650},
        {1, 50, ROUTE_PAID, 300, 700},      {0, 301, ROUTE_SHORT, 300, 300},
        {0, 400, ROUTE_REACHED, 400, 400},  {0, 100, ROUTE_SHORT, 99, 99},
        {0, 5000, ROUTE_PAID, 0, 0},        {0, 0, ROUTE_SHORT, 0, 0},
        {1, 2000, ROUTE_REACHED, 0, 0},
    };
    for (usize i = 0; i < countof(rows); i++) {
        struct route_side where = {id, rows[i].side};
        route_learn(graph, &where, rows[i].amount, rows[i].news, NOW_S);
        struct route_bounds a = route_bounds(graph_channel(graph, id), 0, NOW_S);
        struct route_bounds b = route_bounds(graph_channel(graph, id), 1, NOW_S);
        CHECK_ROW(i, a.low == rows[i].low && a.high == rows[i].high);
        CHECK_ROW(i, b.low == 1000 - a.high && b.high == 1000 - a.low);
    }
    graph_free(graph);
}

TEST(route_bounds_are_not_changed_by_what_an_invoice_hints_at)
{
    struct graph *graph = graph_new(1 << 20, 7);
    hash32 id = add_channel(graph);
    struct route_side hinted = {id, 2};
    for (enum route_news news = ROUTE_SHORT; news <= ROUTE_PAID; news++)
        route_learn(graph, &hinted, 500, news, NOW_S);
    CHECK(graph_channel(graph, id)->liquidity.at_s == 0);
    graph_free(graph);
}

TEST(route_bounds_widen_by_half_in_an_hour)
{
    struct graph *graph = graph_new(1 << 20, 7);
    hash32 id = add_channel(graph);
    struct route_side where = {id, 0};
    route_learn(graph, &where, 400, ROUTE_REACHED, NOW_S);
    route_learn(graph, &where, 601, ROUTE_SHORT, NOW_S);
    static const struct {
        u32 passed_s, low, high;
    } rows[] = {{0, 400, 600},    {1800, 300, 700}, {3600, 200, 800},
                {7200, 100, 900}, {36000, 0, 1000}, {4000000, 0, 1000}};
    for (usize i = 0; i < countof(rows); i++) {
        struct route_bounds got =
            route_bounds(graph_channel(graph, id), 0, NOW_S + rows[i].passed_s);
        CHECK_ROW(i, got.low == rows[i].low && got.high == rows[i].high);
    }
    CHECK(route_bounds(graph_channel(graph, id), 0, NOW_S - 9).low == 400);
    graph_free(graph);
}

/* Routes keep to what is known of channels and pay each forwarder what it asks; no cheaper path is
 * missed; amounts too large for one path are split. */
#include "channel/graph_rig.h"
#include "channel/route.h"

#include "harness/test.h"

enum { NOW_S = 1700000000 };

/* Channel `number` of nodes a and b; what a policy asks is set by itself. */
static void add_channel(struct graph *graph, u32 number, u32 a, u32 b, u128 capacity)
{
    struct wire_announce announce = announce_of(number, a, b);
    CHECK(graph_put_announce(graph, &announce, id_of(number), NOW_S, NULL) == ST_OK);
    CHECK(graph_confirm(graph, id_of(number), capacity, 0) == ST_OK);
}

static void set_policy(struct graph *graph, u32 number, u16 side, u128 base_fee, u32 fee_ppm,
                       u128 least, u128 most)
{
    struct graph_channel *channel = graph_channel(graph, id_of(number));
    struct wire_policy policy = {.id = id_of(number),
                                 .side = side,
                                 .timestamp_s = channel->policy[side].timestamp_s + 1,
                                 .enabled = 1,
                                 .base_fee = base_fee,
                                 .fee_ppm = fee_ppm,
                                 .least = least,
                                 .most = most};
    CHECK(graph_put_policy(graph, &policy) == ST_OK);
}

/* With the same price in both directions. */
static void add(struct graph *graph, u32 number, u32 a, u32 b, u128 capacity, u128 base_fee,
                u32 fee_ppm)
{
    add_channel(graph, number, a, b, capacity);
    for (u16 side = 0; side < 2; side++)
        set_policy(graph, number, side, base_fee, fee_ppm, 0, capacity);
}

static void own(struct graph *graph, u32 number, u32 us, u32 peer, u128 spendable)
{
    struct graph_own channel = {.id = id_of(number),
                                .chain_id = 900,
                                .node = {point_of(us), point_of(peer)},
                                .spendable = {spendable, 0}};
    CHECK(graph_set_own(graph, &channel, NULL) == ST_OK);
}

static struct route_query query_of(u32 from, u32 to, u128 amount)
{
    return (struct route_query){.from = point_of(from),
                                .to = point_of(to),
                                .chain_id = 900,
                                .amount = amount,
                                .fee_limit = amount,
                                .now_s = NOW_S,
                                .lock_s = 3600,
                                .parts_limit = ROUTE_PARTS_LIMIT,
                                .prices = route_prices_default};
}

static enum status find(struct graph *graph, const struct route_query *query, struct route *out)
{
    return route_find(graph, query, out, *test_arena(), NULL);
}

static bool same_point(point33 a, point33 b)
{
    return memcmp(&a, &b, sizeof(a)) == 0;
}

/* --- What holds of any route. */

static void check_hop(struct graph *graph, const struct route_query *query,
                      const struct route_hop *hop, point33 *at, bool pays_itself)
{
    const struct graph_channel *channel = graph_channel(graph, hop->id);
    u32 slots;
    const struct graph_node *nodes = graph_nodes(graph, &slots);
    CHECK(channel != NULL && (channel->confirmed || channel->own));
    CHECK(same_point(nodes[channel->node[hop->side]].point, *at));
    CHECK(same_point(nodes[channel->node[1 - hop->side]].point, hop->to));
    CHECK(channel->chain_id == query->chain_id && address_equal(channel->asset, query->asset));
    const struct graph_policy *policy = &channel->policy[hop->side];
    CHECK(pays_itself || (policy->enabled && hop->amount >= policy->least));
    CHECK(pays_itself || hop->amount <= policy->most);
    *at = hop->to;
}

/* All parts together, in each direction of each channel. */
static void check_sums(struct graph *graph, const struct route *route)
{
    for (u32 part = 0; part < route->count; part++)
        for (u32 i = 0; i < route->parts[part].count; i++) {
            const struct route_hop *hop = &route->parts[part].hops[i];
            u128 sum = 0;
            for (u32 other = 0; other < route->count; other++)
                for (u32 k = 0; k < route->parts[other].count; k++) {
                    const struct route_hop *same = &route->parts[other].hops[k];
                    bool is_same = hash32_equal(same->id, hop->id) && same->side == hop->side;
                    sum += is_same ? same->amount : 0;
                }
            CHECK(sum <= route_bounds(graph_channel(graph, hop->id), hop->side, NOW_S).high);
        }
}

static void check_route(struct graph *graph, const struct route_query *query,
                        const struct route *route)
{
    u128 arrives = 0, fee = 0;
    CHECK(route->count >= 1 && route->count <= query->parts_limit);
    for (u32 part = 0; part < route->count; part++) {
        const struct route_part *path = &route->parts[part];
        point33 at = query->from;
        CHECK(path->count >= 1 && path->count <= ROUTE_HOPS_LIMIT);
        for (u32 i = 0; i < path->count; i++) {
            check_hop(graph, query, &path->hops[i], &at, i == 0);
            if (i == 0)
                continue;
            const struct graph_policy *policy =
                &graph_channel(graph, path->hops[i].id)->policy[path->hops[i].side];
            u128 asked = route_fee(policy->base_fee, policy->fee_ppm, path->hops[i].amount);
            CHECK(path->hops[i - 1].amount == path->hops[i].amount + asked);
            fee += asked;
        }
        CHECK(same_point(at, query->to));
        arrives += path->hops[path->count - 1].amount;
    }
    CHECK(arrives == query->amount && fee == route->fee && fee <= query->fee_limit);
    check_sums(graph, route);
}

/* --- One path. */

TEST(route_takes_the_way_that_costs_least)
{
    struct graph *graph = graph_new(1 << 20, 7);
    struct route route;
    own(graph, 1, 1, 2, 2000000);
    own(graph, 2, 1, 3, 2000000);
    add(graph, 3, 2, 4, 1000000000, 1000, 0);
    add(graph, 4, 3, 4, 1000000000, 0, 500);
    struct route_query query = query_of(1, 4, 1000000);
    CHECK(find(graph, &query, &route) == ST_OK);
    check_route(graph, &query, &route);
    CHECK(route.count == 1 && route.parts[0].count == 2 && route.fee == 500);
    query.amount = 1999000; /* 500 millionths are 999.5 of it, and up */
    CHECK(find(graph, &query, &route) == ST_OK && route.fee == 1000);
    query.avoid = &(struct route_side){id_of(4), 0};
    query.avoid_count = 1;
    CHECK(find(graph, &query, &route) == ST_OK);
    CHECK(hash32_equal(route.parts[0].hops[1].id, id_of(3)));
    query.avoid = &(struct route_side){id_of(4), 1}; /* the other direction */
    query.amount = 1000000;
    CHECK(find(graph, &query, &route) == ST_OK && route.fee == 500);
    query.avoid_nodes = &(point33){{2}};
    query.avoid_node_count = 1;
    CHECK(find(graph, &query, &route) == ST_OK && route.fee == 500);
    point33 third = point_of(3);
    query.avoid_nodes = &third;
    CHECK(find(graph, &query, &route) == ST_OK && route.fee == 1000);
    query.fee_limit = 999;
    CHECK(find(graph, &query, &route) == ST_MISSING);
    graph_free(graph);
}

TEST(route_turns_away_from_what_failed_until_it_is_forgotten)
{
    struct graph *graph = graph_new(1 << 20, 7);
    struct route route;
    own(graph, 1, 1, 2, 2000000);
    own(graph, 2, 1, 3, 2000000);
    add(graph, 3, 2, 4, 100000000, 1000, 0);
    add(graph, 4, 3, 4, 100000000, 0, 500);
    struct route_query query = query_of(1, 4, 1000000);
    route_learn(graph, &(struct route_side){id_of(4), 0}, 50000000, ROUTE_SHORT, NOW_S);
    CHECK(find(graph, &query, &route) == ST_OK && route.fee == 1000);
    query.now_s = NOW_S + 12 * 3600;
    CHECK(find(graph, &query, &route) == ST_OK && route.fee == 500);
    graph_free(graph);
}

TEST(route_prefers_a_balance_that_is_surely_there)
{
    struct graph *graph = graph_new(1 << 20, 7);
    struct route route;
    own(graph, 1, 1, 2, 2000000);
    own(graph, 2, 1, 3, 2000000);
    add(graph, 3, 2, 4, 2000000, 0, 0);
    add(graph, 4, 3, 4, 2000000, 100, 0);
    struct route_query query = query_of(1, 4, 1000000); /* half of it: an even chance */
    CHECK(find(graph, &query, &route) == ST_OK && route.fee == 0);
    route_learn(graph, &(struct route_side){id_of(4), 0}, 1000000, ROUTE_REACHED, NOW_S);
    CHECK(find(graph, &query, &route) == ST_OK && route.fee == 100);
    query.prices.risk_ppm = 0;
    CHECK(find(graph, &query, &route) == ST_OK && route.fee == 0);
    graph_free(graph);
}

TEST(route_needs_a_policy_of_forwarders_but_none_of_its_own)
{
    struct graph *graph = graph_new(1 << 20, 7);
    struct route route;
    own(graph, 1, 1, 2, 1000);
    add_channel(graph, 2, 2, 3, 1000);
    struct route_query query = query_of(1, 3, 100);
    CHECK(find(graph, &query, &route) == ST_MISSING);
    set_policy(graph, 2, 0, 3, 0, 100, 100);
    CHECK(find(graph, &query, &route) == ST_OK && route.fee == 3);
    set_policy(graph, 2, 0, 3, 0, 101, 1000);
    CHECK(find(graph, &query, &route) == ST_MISSING);
    set_policy(graph, 2, 0, 3, 0, 1, 99);
    query.parts_limit = 1;
    CHECK(find(graph, &query, &route) == ST_MISSING);
    set_policy(graph, 2, 0, 3, 0, 1, 100);
    CHECK(find(graph, &query, &route) == ST_OK);
    query.chain_id = 901;
    CHECK(find(graph, &query, &route) == ST_MISSING);
    query.chain_id = 900;
    query.asset.b[0] = 1;
    CHECK(find(graph, &query, &route) == ST_MISSING);
    query = query_of(3, 1, 100); /* the peer's side of our channel has nothing */
    CHECK(find(graph, &query, &route) == ST_MISSING);
    graph_free(graph);
}

TEST(route_refuses_questions_that_are_none)
{
    struct graph *graph = graph_new(1 << 20, 7);
    struct route route;
    add(graph, 1, 1, 2, ~(u128)0, 0, 0);
    struct route_query query = query_of(1, 2, 0);
    CHECK(find(graph, &query, &route) == ST_INVALID);
    query.amount = ROUTE_AMOUNT_LIMIT / 2;
    CHECK(find(graph, &query, &route) == ST_INVALID);
    query.amount = query.fee_limit = ROUTE_AMOUNT_LIMIT / 2 - 1;
    CHECK(find(graph, &query, &route) == ST_OK);
    own(graph, 2, 1, 2, ~(u128)0);
    CHECK(find(graph, &query, &route) == ST_OK);
    query.parts_limit = 17;
    CHECK(find(graph, &query, &route) == ST_INVALID);
    query = query_of(1, 1, 5);
    CHECK(find(graph, &query, &route) == ST_INVALID);
    query = query_of(1, 3, 5);
    CHECK(find(graph, &query, &route) == ST_MISSING);
    graph_free(graph);
}

/* --- Many. */

TEST(route_splits_what_no_path_carries_and_fills_the_cheap_one_first)
{
    struct graph *graph = graph_new(1 << 20, 7);
    struct route route;
    own(graph, 1, 1, 2, 700000);
    own(graph, 2, 1, 3, 700000);
    add(graph, 3, 2, 4, 900000000, 0, 100);
    add(graph, 4, 3, 4, 900000000, 0, 5000);
    struct route_query query = query_of(1, 4, 1000000);
    CHECK(find(graph, &query, &route) == ST_OK);
    check_route(graph, &query, &route);
    CHECK(route.count == 2);
    for (u32 i = 0; i < 2; i++) {
        bool is_cheap = hash32_equal(route.parts[i].hops[1].id, id_of(3));
        u128 amount = route.parts[i].hops[1].amount;
        CHECK(is_cheap ? amount >= 680000 && amount <= 700000 : amount <= 320000);
    }
    query.parts_limit = 1;
    CHECK(find(graph, &query, &route) == ST_MISSING);
    query.parts_limit = 2;
    CHECK(find(graph, &query, &route) == ST_OK);
    check_route(graph, &query, &route);
    query.amount = 1500000;
    CHECK(find(graph, &query, &route) == ST_MISSING);
    graph_free(graph);
}

TEST(route_uses_sixteen_channels_to_the_last_unit)
{
    static const u64 amounts[] = {16, 1600, 16000000000000000000u};
    for (usize row = 0; row < countof(amounts); row++) {
        struct graph *graph = graph_new(1 << 20, 7);
        struct route route;
        for (u32 i = 0; i < 16; i++) {
            own(graph, i, 1, 100 + i, amounts[row] / 16);
            add(graph, 100 + i, 100 + i, 2, (u128)amounts[row] * 10, 0, 0);
        }
        struct route_query query = query_of(1, 2, amounts[row]);
        CHECK_ROW(row, find(graph, &query, &route) == ST_OK && route.count == 16);
        check_route(graph, &query, &route);
        query.amount++;
        CHECK_ROW(row, find(graph, &query, &route) == ST_MISSING);
        query.amount -= 2;
        CHECK_ROW(row, find(graph, &query, &route) == ST_OK);
        check_route(graph, &query, &route);
        graph_free(graph);
    }
}

/* 5-2-3-4 is cheapest and fills 5-2 and 3-4; all gets through only by 5-2-4 and 5-3-4. */
TEST(route_takes_back_what_a_better_flow_does_not_need)
{
    struct graph *graph = graph_new(1 << 20, 7);
    struct route route;
    own(graph, 1, 1, 5, 5000);
    add(graph, 2, 5, 2, 1019, 0, 0);
    add(graph, 3, 5, 3, 1000, 10, 0);
    add(graph, 4, 2, 3, 100000, 0, 0);
    add(graph, 5, 2, 4, 1000, 10, 0);
    add(graph, 6, 3, 4, 1000, 0, 0);
    struct route_query query = query_of(1, 4, 2000);
    query.prices.risk_ppm = 0;
    CHECK(find(graph, &query, &route) == ST_OK);
    check_route(graph, &query, &route);
    CHECK(route.count == 2 && route.fee == 20);
    CHECK(route.parts[0].count == 3 && route.parts[1].count == 3);
    query.amount = 900;
    CHECK(find(graph, &query, &route) == ST_OK);
    CHECK(route.count == 1 && route.fee == 0 && route.parts[0].count == 4);
    graph_free(graph);
}

TEST(route_leaves_room_for_fees_in_channels_that_are_full)
{
    struct graph *graph = graph_new(1 << 20, 7);
    struct route route;
    own(graph, 1, 1, 2, 500000);
    own(graph, 2, 1, 3, 900000);
    add(graph, 3, 2, 4, 900000000, 0, 10000);
    add(graph, 4, 3, 4, 900000000, 0, 20000);
    struct route_query query = query_of(1, 4, 1000000);
    CHECK(find(graph, &query, &route) == ST_OK && route.count == 2);
    check_route(graph, &query, &route);
    graph_free(graph);
}

TEST(route_spreads_what_is_uncertain)
{
    struct graph *graph = graph_new(1 << 20, 7);
    struct route route;
    for (u32 i = 0; i < 4; i++) {
        own(graph, i, 1, 10 + i, 900000);
        add(graph, 10 + i, 10 + i, 2, 1000000, 0, 0);
    }
    struct route_query query = query_of(1, 2, 1600000); /* each to four tenths: half is cheap */
    CHECK(find(graph, &query, &route) == ST_OK && route.count == 4);
    check_route(graph, &query, &route);
    for (u32 i = 0; i < route.count; i++)
        CHECK_ROW(i, route.parts[i].hops[1].amount <= 500000);
    query.prices.risk_ppm = 0;
    CHECK(find(graph, &query, &route) == ST_OK && route.count == 2);
    graph_free(graph);
}

/* --- Any graph. */

static u64 next_random(u64 *state)
{
    *state = *state * 6364136223846793005 + 1442695040888963407;
    return *state >> 33;
}

enum { NODES = 12 };

static struct graph *random_graph(u64 *state, u32 channels, u64 unit, u32 fee_ppm)
{
    struct graph *graph = graph_new(1 << 20, 7);
    for (u32 i = 0; i < channels; i++) {
        u32 a = (u32)next_random(state) % NODES, b = (u32)next_random(state) % NODES;
        if (a == b)
            continue;
        u128 capacity = (u128)unit * (1 + next_random(state) % 100);
        add_channel(graph, i, a, b, capacity);
        for (u16 side = 0; side < 2; side++)
            if (next_random(state) % 8 != 0)
                set_policy(graph, i, side, fee_ppm == 0 ? 0 : next_random(state) % 50,
                           fee_ppm == 0 ? 0 : (u32)next_random(state) % fee_ppm,
                           next_random(state) % 5, capacity / (1 + next_random(state) % 2));
        struct route_side where = {id_of(i), (u32)next_random(state) % 2};
        if (next_random(state) % 2 == 0)
            route_learn(graph, &where, capacity / (2 + next_random(state) % 3),
                        (enum route_news)(next_random(state) % 3), NOW_S);
    }
    return graph;
}

TEST(route_found_in_any_graph_holds)
{
    usize found = 0, split = 0;
    for (u64 seed = 1; seed <= 400; seed++) {
        u64 state = seed, unit = seed % 3 == 0 ? 1 : seed % 3 == 1 ? 1000 : 1000000000000000000;
        struct graph *graph = random_graph(&state, 60, unit, seed % 5 == 0 ? 500000 : 5000);
        for (u32 i = 0; i < 5; i++) {
            struct route route, again;
            u128 amount = (u128)unit * (1 + next_random(&state) % 200) + next_random(&state) % 7;
            struct route_query query = query_of(0, 1 + i, amount);
            query.parts_limit = 1 + (u32)next_random(&state) % 16;
            if (find(graph, &query, &route) != ST_OK)
                continue;
            check_route(graph, &query, &route);
            CHECK(find(graph, &query, &again) == ST_OK);
            CHECK(memcmp(&route, &again, sizeof(route)) == 0);
            found++;
            split += route.count > 1;
        }
        graph_free(graph);
    }
    CHECK(found > 800 && split > 100);
}

/* The least that `amount` costs from a node on, over all paths, without regard to bounds. */
static u128 cheapest(struct graph *graph, u32 node, u32 target, u128 amount, u32 visited)
{
    u32 slots;
    u128 best = ~(u128)0;
    const struct graph_channel *channels = graph_channels(graph, &slots);
    if (node == target)
        return amount;
    for (u32 i = 0; i < slots; i++)
        for (u32 side = 0; side < 2; side++) {
            u32 from = channels[i].node[1 - side];
            const struct graph_policy *policy = &channels[i].policy[1 - side];
            if (channels[i].node[side] != node || (visited >> from & 1) != 0)
                continue;
            u128 asked = from == target ? 0 : route_fee(policy->base_fee, policy->fee_ppm, amount);
            u128 got = cheapest(graph, from, target, amount + asked, visited | 1u << from);
            best = got < best ? got : best;
        }
    return best;
}

/* Backwards from the target, as fees are; bounds are wide. */
TEST(route_is_the_cheapest_of_all_paths)
{
    usize found = 0;
    for (u64 seed = 1; seed <= 150; seed++) {
        u64 state = seed;
        struct graph *graph = graph_new(1 << 20, 7);
        for (u32 i = 0; i < 14; i++) {
            u32 a = (u32)next_random(&state) % 7, b = (u32)next_random(&state) % 7;
            if (a != b)
                add(graph, i, a, b, 1000000000, next_random(&state) % 1000,
                    (u32)next_random(&state) % 2000);
        }
        struct route route;
        struct route_query query = query_of(0, 6, 1000000);
        query.prices = (struct route_prices){0};
        query.fee_limit = 1000000000;
        point33 us = point_of(0), them = point_of(6);
        u32 from = graph_find_node(graph, &us), to = graph_find_node(graph, &them);
        enum status st = find(graph, &query, &route);
        u128 best = from == GRAPH_NONE || to == GRAPH_NONE
                        ? ~(u128)0
                        : cheapest(graph, to, from, query.amount, 1u << to);
        CHECK_ROW(seed, (st == ST_OK) == (best != ~(u128)0));
        CHECK_ROW(seed, st != ST_OK || query.amount + route.fee == best);
        found += st == ST_OK;
        graph_free(graph);
    }
    CHECK(found > 100);
}

/* By filling up one way after the other; zero fees, so units are all that can be lost. */
static u64 most_flow(struct graph *graph, u32 from, u32 to)
{
    u32 slots;
    const struct graph_channel *channels = graph_channels(graph, &slots);
    i64 room[128][2];
    u64 total = 0;
    for (u32 i = 0; i < slots; i++)
        for (u32 side = 0; side < 2; side++) {
            const struct graph_policy *policy = &channels[i].policy[side];
            u64 high = (u64)route_bounds(&channels[i], side, NOW_S).high;
            bool is_ours = channels[i].node[side] == from;
            u64 most = is_ours ? high : policy->enabled ? min_u64(high, (u64)policy->most) : 0;
            room[i][side] = (i64)most;
        }
    for (;;) {
        u32 by[NODES][2], queue[NODES], first = 0, last = 0;
        bool seen[NODES] = {false};
        seen[from] = true;
        queue[last++] = from;
        while (first < last && !seen[to]) {
            u32 node = queue[first++];
            for (u32 i = 0; i < slots; i++)
                for (u32 side = 0; side < 2; side++) {
                    u32 next = channels[i].node[1 - side];
                    if (channels[i].node[side] != node || seen[next] || room[i][side] <= 0)
                        continue;
                    seen[next] = true;
                    by[next][0] = i;
                    by[next][1] = side;
                    queue[last++] = next;
                }
        }
        if (!seen[to])
            return total;
        i64 least = INT64_MAX;
        for (u32 node = to; node != from; node = channels[by[node][0]].node[by[node][1]])
            least = room[by[node][0]][by[node][1]] < least ? room[by[node][0]][by[node][1]] : least;
        for (u32 node = to; node != from; node = channels[by[node][0]].node[by[node][1]]) {
            room[by[node][0]][by[node][1]] -= least;
            room[by[node][0]][1 - by[node][1]] += least;
        }
        total += (u64)least;
    }
}

TEST(route_carries_what_the_network_can_and_no_more)
{
    usize possible = 0, found = 0;
    for (u64 seed = 1; seed <= 300; seed++) {
        u64 state = seed;
        struct graph *graph = random_graph(&state, 40, 1000000, 0);
        point33 us = point_of(0), them = point_of(1);
        u32 from = graph_find_node(graph, &us), to = graph_find_node(graph, &them);
        if (from == GRAPH_NONE || to == GRAPH_NONE) {
            graph_free(graph);
            continue;
        }
        u64 most = most_flow(graph, from, to);
        for (u32 tenths = 5; tenths <= 9; tenths++) {
            struct route route;
            struct route_query query = query_of(0, 1, (u128)most * tenths / 10);
            if (query.amount == 0)
                continue;
            possible++;
            found += find(graph, &query, &route) == ST_OK;
        }
        struct route route;
        struct route_query query = query_of(0, 1, (u128)most + 1);
        CHECK_ROW(seed, find(graph, &query, &route) == ST_MISSING);
        graph_free(graph);
    }
    CHECK(possible > 800 && found * 100 >= possible * 98);
}

#include "channel/inbound.h"

#include "channel/route.h"

#include "sys/entropy.h"

enum { DEAREST = 200 /* one part of what is paid: payers give a hundredth for the whole way */ };

/* --- Outwards. */

static bool is_among(const point33 *node, const struct inbound *way)
{
    for (usize i = 0; i < way->count; i++)
        if (point_equal(&way->nodes[i], node))
            return true;
    return false;
}

/* A channel that leads to the way's last node, from one that could be its next. */
struct candidate {
    const struct graph_node *node;
    const struct graph_policy *asks;
    u128 most, fee;
};

/* Of what comes in at a node, what arrives behind it. */
static u128 passes_on(const struct graph_policy *asks, u128 amount)
{
    struct instruction said = {.fee_ppm = asks->fee_ppm, .base_fee = asks->base_fee};
    return instruction_onward(&said, amount);
}

/* The most that can arrive over it. 0: nothing may. */
static u128 carries(const struct inbound_query *query, const struct graph_channel *channel,
                    u32 side, const struct inbound *way)
{
    const struct graph_policy *asks = &channel->policy[side];
    if (!query->pays)
        return 1;
    if (channel->chain_id != query->chain_id || !address_equal(channel->asset, query->asset) ||
        asks->timestamp_s == 0 || !asks->enabled || asks->least > way->most)
        return 0;
    u128 most = route_bounds(channel, side, query->now_s).high;
    most = most < asks->most ? most : asks->most;
    for (usize i = way->count; i-- > 0;)
        most = passes_on(&way->asks[i], most);
    return most < way->most ? most : way->most;
}

/* What carries more; of two that carry as much, what is cheaper; or what more channels lead to. */
static bool is_better(const struct candidate *a, const struct candidate *b)
{
    if (b->node == NULL || a->most != b->most)
        return b->node == NULL || a->most > b->most;
    if (a->fee != b->fee)
        return a->fee < b->fee;
    return a->node->public_channels > b->node->public_channels;
}

static struct candidate best_before(const struct graph *graph, const struct inbound_query *query,
                                    const struct inbound *apart, usize apart_count,
                                    const struct inbound *way)
{
    u32 slots, place = graph_find_node(graph, &way->nodes[way->count - 1]);
    const struct graph_channel *channels = graph_channels(graph, &slots);
    const struct graph_node *nodes = graph_nodes(graph, &slots);
    struct candidate best = {.node = NULL};
    for (u32 at = place == GRAPH_NONE ? GRAPH_NONE : nodes[place].first; at != GRAPH_NONE;
         at = graph_next_channel(graph, at, place)) {
        u32 side = channels[at].node[0] == place ? 1 : 0;
        struct candidate one = {.node = &nodes[channels[at].node[side]],
                                .asks = &channels[at].policy[side]};
        bool is_taken =
            point_equal(&one.node->point, &query->own) || is_among(&one.node->point, way);
        for (usize i = 0; i < apart_count; i++)
            is_taken |= is_among(&one.node->point, &apart[i]);
        /* One whose only channel this is, nobody else comes by. */
        if (is_taken || !channels[at].confirmed || channels[at].announce == NULL ||
            one.node->public_channels < 2)
            continue;
        one.most = carries(query, &channels[at], side, way);
        one.fee = query->pays ? route_fee(one.asks->base_fee, one.asks->fee_ppm, way->most) : 0;
        if (one.most > 0 && one.fee <= way->most / DEAREST + 1 && is_better(&one, &best))
            best = one;
    }
    return best;
}

static u128 max_u128(u128 a, u128 b)
{
    return a > b ? a : b;
}

void inbound_extend(const struct graph *graph, const struct inbound_query *query,
                    const struct inbound *apart, usize apart_count, struct inbound *way)
{
    assert(way->count > 0 && query->hops <= INBOUND_HOPS);
    while (way->count < query->hops) {
        struct candidate next = best_before(graph, query, apart, apart_count, way);
        if (next.node == NULL)
            return;
        way->nodes[way->count] = next.node->point;
        way->asks[way->count++] = *next.asks;
        way->most = next.most;
        way->least = max_u128(way->least, next.asks->least);
    }
}

/* --- The path. */

bool inbound_price(const struct inbound *way, struct blinded_price *out)
{
    *out = (struct blinded_price){.base_fee = 0};
    for (usize i = 0; i < way->count; i++)
        if (!blinded_price_add(out, way->asks[i].base_fee, way->asks[i].fee_ppm))
            return false;
    return true;
}

enum status inbound_path(const struct inbound *way, const point33 *own, bytes path_id, u64 latest_s,
                         struct blinded_route *out, struct arena *arena)
{
    point33 nodes[INBOUND_PATH];
    struct instruction said[INBOUND_PATH] = {0};
    secret32 session;
    u128 least = latest_s == 0 ? 0 : max_u128(way->least, 1);
    for (usize i = 0; i < countof(nodes); i++) {
        said[i] = (struct instruction){
            .next = *own, .has_fee = latest_s != 0, .latest_s = latest_s, .least = least};
        nodes[i] = *own;
        if (i >= way->count)
            continue;
        usize from = way->count - 1 - i;
        nodes[i] = way->nodes[from];
        said[i].next = from == 0 ? *own : way->nodes[from - 1];
        said[i].fee_ppm = way->asks[from].fee_ppm;
        said[i].base_fee = way->asks[from].base_fee;
    }
    said[INBOUND_HOPS] =
        (struct instruction){.path_id = path_id, .latest_s = latest_s, .least = least};
    random_fill(session.b, sizeof(session.b));
    enum status st = blinded_route_make(&session, nodes, said, countof(nodes), out, arena);
    secret_wipe(&session);
    return st;
}

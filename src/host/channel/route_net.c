/* What is known of channels, and what a query makes of it (route_parts.h). */
#include "channel/route_parts.h"

/* --- What attempts have shown. */

/* Half of it each half-life, and between on a straight line. */
static u128 decay(u128 x, u64 passed_s)
{
    u64 halvings = passed_s / ROUTE_HALF_LIFE_S, rest_s = passed_s % ROUTE_HALF_LIFE_S;
    const u64 twice_s = 2 * ROUTE_HALF_LIFE_S;
    if (halvings > 127)
        return 0;
    x >>= halvings;
    return x - x / twice_s * rest_s - x % twice_s * rest_s / twice_s;
}

static u64 since(u64 at_s, u64 now_s)
{
    return now_s > at_s ? now_s - at_s : 0;
}

static u128 min_u128(u128 a, u128 b)
{
    return a < b ? a : b;
}

static u128 max_u128(u128 a, u128 b)
{
    return a > b ? a : b;
}

/* Sums of a few bounds have to fit. */
static const u128 bound_limit = (u128)1 << 126;

static u128 capacity_of(const struct graph_channel *channel)
{
    return min_u128(channel->capacity, bound_limit);
}

static struct route_bounds turned(struct route_bounds bounds, u128 capacity)
{
    return (struct route_bounds){capacity - bounds.high, capacity - bounds.low};
}

struct route_bounds route_bounds(const struct graph_channel *channel, u32 side, u64 now_s)
{
    const struct graph_liquidity *known = &channel->liquidity;
    if (channel->own) {
        u128 spendable = min_u128(channel->spendable[side], bound_limit);
        return (struct route_bounds){spendable, spendable};
    }
    u128 capacity = capacity_of(channel);
    struct route_bounds bounds = {0, capacity};
    if (known->at_s != 0 && known->low <= known->high && known->high <= capacity) {
        u64 passed_s = since(known->at_s, now_s);
        bounds.low = decay(known->low, passed_s);
        bounds.high = capacity - decay(capacity - known->high, passed_s);
    }
    return side == 0 ? bounds : turned(bounds, capacity);
}

void route_learn(struct graph *graph, const struct route_side *where, u128 amount,
                 enum route_news news, u64 now_s)
{
    struct graph_channel *channel = graph_channel(graph, where->id);
    if (channel == NULL || channel->own || where->side > 1)
        return;
    struct graph_liquidity *known = &channel->liquidity;
    u128 capacity = capacity_of(channel);
    struct route_bounds bounds = route_bounds(channel, where->side, now_s);
    amount = min_u128(amount, capacity);
    if (news == ROUTE_SHORT) {
        bounds.high = min_u128(bounds.high, amount > 0 ? amount - 1 : 0);
        bounds.low = min_u128(bounds.low, bounds.high);
        known->failed_at_s[where->side] = now_s;
    } else {
        bounds.low = max_u128(bounds.low, amount);
        bounds.high = max_u128(bounds.high, amount);
    }
    if (news == ROUTE_PAID) {
        bounds.low -= amount;
        bounds.high -= amount;
    }
    if (where->side == 1)
        bounds = turned(bounds, capacity);
    known->low = bounds.low;
    known->high = bounds.high;
    known->at_s = max_u64(now_s, 1);
}

/* --- Numbers. */

u128 route_fee(u128 base_fee, u32 fee_ppm, u128 amount)
{
    const u64 million = GOSSIP_PPM_LIMIT;
    u64 rest = (u64)(amount % million) * fee_ppm;
    u128 whole, fee;
    if (__builtin_mul_overflow(amount / million, (u128)fee_ppm, &whole) ||
        __builtin_add_overflow(whole, (rest + million - 1) / million, &fee) ||
        __builtin_add_overflow(fee, base_fee, &fee))
        return ~(u128)0;
    return fee;
}

static int bits_of(u128 x)
{
    u64 high = (u64)(x >> 64);
    return high != 0 ? 128 - __builtin_clzl(high) : x != 0 ? 64 - __builtin_clzl((u64)x) : 0;
}

u64 scale(const struct net *net, u128 amount)
{
    if (bits_of(amount) + net->shift > SCALED_LIMIT_BITS)
        return (u64)1 << SCALED_LIMIT_BITS;
    return (u64)(net->shift >= 0 ? amount << net->shift : amount >> -net->shift);
}

/* The logarithm's digits by squaring: whenever the square is 2 or more, the digit is 1. */
static void fill_log2(u32 out[static 257])
{
    for (u32 i = 0; i < 256; i++) {
        u64 x = (u64)(256 + i) << 23; /* 31 bits are behind the point */
        out[i] = 0;
        for (u32 digit = 1 << 15; digit != 0; digit >>= 1) {
            x = x * x >> 31;
            if (x >> 32 != 0) {
                x >>= 1;
                out[i] += digit;
            }
        }
    }
    out[256] = 1 << 16;
}

u32 log2_of(const struct net *net, u128 x)
{
    int whole = bits_of(x) - 1;
    u128 behind = x << (127 - whole) << 1;
    u32 index = (u32)(behind >> 120), rest = (u32)(behind >> 104) & 0xffff;
    u32 below = net->log2[index], above = net->log2[index + 1];
    return ((u32)whole << 16) + below + (u32)((u64)(above - below) * rest >> 16);
}

static u64 ppm_of(u64 scaled, u32 ppm)
{
    return (u64)((u128)scaled * ppm / GOSSIP_PPM_LIMIT);
}

u64 edge_cost(const struct net *net, const struct edge *edge, u128 amount)
{
    u64 scaled = scale(net, amount);
    u128 cost = (u128)scaled * net->lock_price >> 32;
    cost += (u128)net->failure_scaled * edge->failure_left >> 16;
    if (amount > edge->low) {
        u32 bits = log2_of(net, edge->high + 1 - edge->low) - log2_of(net, edge->high + 1 - amount);
        cost += (u128)net->risk_scaled * bits >> 16;
    }
    /* One more, so that of paths that cost nothing the shortest is chosen. */
    return (u64)min_u128(cost + 1, (u128)1 << SCALED_LIMIT_BITS);
}

void net_set_prices(struct net *net, bool cheapest)
{
    const struct route_prices *prices = &net->query->prices;
    u128 day = (u128)86400 * GOSSIP_PPM_LIMIT;
    u128 lock = ((u128)prices->lock_day_ppm * min_u64(net->query->lock_s, UINT32_MAX) << 32) / day;
    net->risk_scaled = cheapest ? 0 : ppm_of(net->amount_scaled, prices->risk_ppm);
    net->failure_scaled = cheapest ? 0 : ppm_of(net->amount_scaled, prices->failure_ppm);
    net->lock_price = cheapest ? 0 : (u64)min_u128(lock, UINT64_MAX);
}

/* --- The part of the graph that a query can use. */

static void find_avoided(struct net *net, struct arena *arena)
{
    const struct route_query *query = net->query;
    net->avoided_directions = ARENA_NEW(arena, bool, 2 * (usize)net->channel_slots);
    net->avoided_nodes = ARENA_NEW(arena, bool, net->node_slots);
    for (usize i = 0; i < query->avoid_count; i++) {
        u32 channel = graph_find_channel(net->graph, query->avoid[i].id);
        if (channel != GRAPH_NONE && query->avoid[i].side < 2)
            net->avoided_directions[2 * (usize)channel + query->avoid[i].side] = true;
    }
    for (usize i = 0; i < query->avoid_node_count; i++) {
        u32 node = graph_find_node(net->graph, &query->avoid_nodes[i]);
        if (node != GRAPH_NONE && node != net->from && node != net->to)
            net->avoided_nodes[node] = true;
    }
}

bool net_has(const struct net *net, const struct graph_channel *channel)
{
    return channel->used && (channel->confirmed || channel->own) &&
           channel->chain_id == net->query->chain_id &&
           address_equal(channel->asset, net->query->asset);
}

static bool is_usable(const struct net *net, const struct edge *edge,
                      const struct graph_policy *policy)
{
    return (edge->from == net->from || (policy->timestamp_s != 0 && policy->enabled)) &&
           !net->avoided_directions[edge->direction] && !net->avoided_nodes[edge->from] &&
           !net->avoided_nodes[edge->to];
}

struct edge net_edge(const struct net *net, u32 direction)
{
    const struct graph_channel *channel = &net->channels[direction / 2];
    u32 side = direction % 2;
    const struct graph_policy *policy = &channel->policy[side];
    u64 failed_at_s = channel->liquidity.failed_at_s[side];
    struct edge edge = {
        .from = channel->node[side], .to = channel->node[1 - side], .direction = direction};
    if (!is_usable(net, &edge, policy))
        return edge;
    struct route_bounds bounds = route_bounds(channel, side, net->query->now_s);
    edge.low = bounds.low;
    edge.high = edge.most = bounds.high;
    if (edge.from != net->from) {
        edge.base_fee = policy->base_fee;
        edge.fee_ppm = policy->fee_ppm;
        edge.least = policy->least;
        edge.most = min_u128(policy->most, bounds.high);
    }
    if (failed_at_s != 0)
        edge.failure_left = (u32)decay(1 << 16, since(failed_at_s, net->query->now_s));
    return edge;
}

enum status net_begin(const struct graph *graph, const struct route_query *query, struct net *out,
                      struct arena *arena, struct err *err)
{
    *out = (struct net){.query = query, .graph = graph};
    out->from = graph_find_node(graph, &query->from);
    out->to = graph_find_node(graph, &query->to);
    if (out->from == GRAPH_NONE || out->to == GRAPH_NONE)
        return fail(err, ST_MISSING, "a route between nodes without known channels");
    out->channels = graph_channels(graph, &out->channel_slots);
    out->nodes = graph_nodes(graph, &out->node_slots);
    out->shift = SCALED_BITS - bits_of(query->amount);
    out->amount_scaled = scale(out, query->amount);
    fill_log2(out->log2);
    find_avoided(out, arena);
    net_set_prices(out, false);
    return ST_OK;
}

usize route_scratch_limit(const struct graph *graph)
{
    u32 channels, nodes;
    (void)graph_channels(graph, &channels);
    (void)graph_nodes(graph, &nodes);
    enum { FOR_NODE = 128, FOR_DIRECTION = 128 };
    return 4096 + (usize)nodes * FOR_NODE + 2 * (usize)channels * FOR_DIRECTION;
}

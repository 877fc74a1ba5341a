/* Many paths: a flow of least cost, by successive shortest paths, each a way on which one unit more
 * costs least, counting what it saves elsewhere.
 *
 * Amounts are in whole units here. What a direction costs is linear in pieces that grow steeper:
 * its surely present balance is free of risk, then each further part of the range between the
 * bounds is used up at the mean price of its −log2 P:
 *
 *     of the range     to 0.5   to 0.8   to 0.95   to 1
 *     −log2 P          1        2.32     4.32      20 (in truth without end)
 *
 * Source: Ahuja, Magnanti, Orlin, "Network Flows", 1993, section 9.7. */
#include "channel/route_parts.h"

enum {
    PIECES = 5,
    EXPECTED_PARTS = 4,   /* for the share of the base fee that a unit bears */
    COST_LIMIT_BITS = 44, /* of a unit on an edge: ten thousand of them can be summed up */
};

/* Where a piece ends in the range, and its slope, the range being 1; 16 bits are behind the point.
 */
static const struct {
    u32 end, slope;
} piece[PIECES] = {{0, 0},
                   {32768, 131072},    /* 1 / 0.5 */
                   {52429, 288774},    /* 1.3219 / 0.3 */
                   {62259, 873813},    /* 2 / 0.15 */
                   {65536, 20549468}}; /* 15.678 / 0.05 */

struct arc {
    u64 fixed; /* cost of a unit without risk */
    u64 slope; /* of risk, for a unit, the range being used up evenly */
    u16 end[PIECES];
    u16 flow;
};

struct flow {
    const struct net *net;
    struct arc *arcs; /* by the edges' indexes */
    u64 *potential;   /* by node: the cost from there to the target, so far */
    u64 *distance;
    u32 *next;     /* the edge on the way from a node */
    bool *cancels; /* the way takes back what flows in the edge's twin */
    bool *done;
    struct heap heap;
    u64 unit_scaled;
    u32 units;
};

/* --- Prices. */

static u64 limited(u128 cost)
{
    u128 limit = (u128)1 << COST_LIMIT_BITS;
    return (u64)(cost < limit ? cost : limit);
}

static u16 units_in(const struct flow *flow, u64 scaled)
{
    if (scaled / flow->unit_scaled >= flow->units)
        return (u16)flow->units;
    return (u16)(scaled / flow->unit_scaled);
}

static struct arc arc_of(const struct flow *flow, const struct edge *edge, u128 reserve, u128 unit)
{
    const struct net *net = flow->net;
    struct arc arc = {0};
    u128 usable = edge->most > reserve ? edge->most - reserve : 0;
    if (edge->least > unit || usable < unit)
        return arc;
    u64 low = scale(net, edge->low), range = scale(net, edge->high) - low;
    u16 limit = (u16)(usable / flow->units < unit ? usable / unit : flow->units);
    for (u32 i = 0; i < PIECES; i++) {
        u64 end = low + (u64)((u128)range * piece[i].end >> 16);
        u16 units = units_in(flow, end);
        arc.end[i] = units < limit ? units : limit;
    }
    arc.end[PIECES - 1] = limit;
    u128 fee = (u128)flow->unit_scaled * edge->fee_ppm / GOSSIP_PPM_LIMIT +
               (u128)scale(net, edge->base_fee) * EXPECTED_PARTS / flow->units;
    u128 lock = (u128)flow->unit_scaled * net->lock_price >> 32;
    u128 failure = (u128)flow->unit_scaled * edge->failure_ppm / GOSSIP_PPM_LIMIT;
    arc.fixed = limited(fee + lock + failure + 1);
    if (range > 0)
        arc.slope = limited((u128)net->risk_scaled * flow->unit_scaled / range);
    return arc;
}

/* Of the unit after `flow`. */
static u32 piece_of(const struct arc *arc, u32 flow)
{
    u32 i = 0;
    while (i < PIECES - 1 && flow >= arc->end[i])
        i++;
    return i;
}

static u64 unit_cost(const struct arc *arc, u32 index)
{
    return limited(arc->fixed + ((u128)arc->slope * piece[index].slope >> 16));
}

/* --- One more way. */

/* The arc along edge `index`: what one unit more costs, and for how many units. False: none. What
 * flows against it is taken back first. */
static bool next_unit(const struct flow *flow, u32 index, i64 *cost, u32 *room, bool *cancels)
{
    const struct arc *arc = &flow->arcs[index], *twin = &flow->arcs[flow->net->edges[index].twin];
    *cancels = twin->flow > 0;
    if (*cancels) {
        u32 at = piece_of(twin, twin->flow - 1u);
        *cost = -(i64)unit_cost(twin, at);
        *room = twin->flow - (at > 0 ? twin->end[at - 1] : 0u);
        return true;
    }
    u32 at = piece_of(arc, arc->flow);
    if (arc->flow >= arc->end[PIECES - 1])
        return false;
    *cost = (i64)unit_cost(arc, at);
    *room = (u32)arc->end[at] - arc->flow;
    return true;
}

static void relax(struct flow *flow, u32 index)
{
    const struct edge *edge = &flow->net->edges[index];
    u32 room;
    i64 cost;
    bool cancels;
    if (flow->done[edge->from] || !next_unit(flow, index, &cost, &room, &cancels))
        return;
    /* With potentials no arc costs less than nothing: Johnson's trick. */
    i64 reduced = cost + (i64)flow->potential[edge->to] - (i64)flow->potential[edge->from];
    assert(reduced >= 0);
    u64 distance = flow->distance[edge->to] + (u64)reduced;
    if (distance >= flow->distance[edge->from])
        return;
    flow->distance[edge->from] = distance;
    flow->next[edge->from] = index;
    flow->cancels[edge->from] = cancels;
    heap_push(&flow->heap, distance, edge->from);
}

/* False: there is none. */
static bool find_way(struct flow *flow)
{
    const struct net *net = flow->net;
    memset(flow->done, 0, net->node_count);
    memset(flow->distance, 0xff, net->node_count * sizeof(flow->distance[0]));
    flow->heap.count = 0;
    flow->distance[net->to] = 0;
    heap_push(&flow->heap, 0, net->to);
    while (flow->heap.count > 0 && !flow->done[net->from]) {
        u32 node = heap_pop(&flow->heap).node;
        if (flow->done[node])
            continue;
        flow->done[node] = true;
        for (u32 i = net->first[node]; i < net->first[node + 1] && node != net->from; i++)
            relax(flow, i);
    }
    if (!flow->done[net->from])
        return false;
    /* Those further away than the payer are at least as far as it. */
    u64 most = flow->distance[net->from];
    for (u32 i = 0; i < net->node_count; i++)
        flow->potential[i] += min_u64(flow->distance[i], most);
    return true;
}

/* Sends at most `units` on the way found; returns how many. */
static u32 send(struct flow *flow, u32 units)
{
    const struct net *net = flow->net;
    for (u32 node = net->from; node != net->to; node = net->edges[flow->next[node]].to) {
        u32 room;
        i64 cost;
        bool cancels;
        assert(next_unit(flow, flow->next[node], &cost, &room, &cancels));
        units = room < units ? room : units;
    }
    for (u32 node = net->from; node != net->to; node = net->edges[flow->next[node]].to) {
        u32 index = flow->next[node];
        if (flow->cancels[node])
            flow->arcs[net->edges[index].twin].flow -= (u16)units;
        else
            flow->arcs[index].flow += (u16)units;
    }
    return units;
}

/* --- The flow's paths. */

/* The edge from `node` in which most flows; GRAPH_NONE: none. */
static u32 widest_from(const struct flow *flow, u32 node)
{
    const struct net *net = flow->net;
    u32 best = GRAPH_NONE, most = 0;
    for (u32 i = net->first[node]; i < net->first[node + 1]; i++) {
        u32 out = net->edges[i].twin;
        if (flow->arcs[out].flow > most) {
            most = flow->arcs[out].flow;
            best = out;
        }
    }
    return best;
}

/* Takes a path out of the flow, returns its units. 0: it has too many hops; or it goes in a circle,
 * which costs nothing where it is a flow of least cost, and is not worth a payment. */
static u32 take_path(struct flow *flow, struct path *out)
{
    const struct net *net = flow->net;
    u32 units = flow->units, node = net->from;
    for (out->count = 0; node != net->to; out->count++) {
        u32 index = widest_from(flow, node);
        if (index == GRAPH_NONE || out->count == ROUTE_HOPS_LIMIT)
            return 0;
        out->edges[out->count] = index;
        units = (u32)min_u64(units, flow->arcs[index].flow);
        node = net->edges[index].to;
    }
    for (u32 i = 0; i < out->count; i++)
        flow->arcs[out->edges[i]].flow -= (u16)units;
    return units;
}

/* The units are together a little more than the amount: the widest path has that less. */
static enum status take_paths(struct flow *flow, u128 unit, struct path *out, u32 *count)
{
    u32 left = flow->units, widest = 0;
    const struct route_query *query = flow->net->query;
    u128 sum = 0;
    for (*count = 0; left > 0; (*count)++) {
        if (*count == query->parts_limit)
            return ST_MISSING;
        u32 units = take_path(flow, &out[*count]);
        if (units == 0)
            return ST_MISSING;
        out[*count].amount = units * unit;
        sum += out[*count].amount;
        left -= units;
        if (out[*count].amount > out[widest].amount)
            widest = *count;
    }
    out[widest].amount -= sum - query->amount;
    return ST_OK;
}

static struct flow begin(const struct net *net, u32 units, struct arena *arena)
{
    struct flow flow = {
        .net = net,
        .arcs = ARENA_TAKE(arena, struct arc, net->edge_count),
        .potential = ARENA_NEW(arena, u64, net->node_count),
        .distance = ARENA_TAKE(arena, u64, net->node_count),
        .next = ARENA_TAKE(arena, u32, net->node_count),
        .cancels = ARENA_TAKE(arena, bool, net->node_count),
        .done = ARENA_TAKE(arena, bool, net->node_count),
        .units = units,
    };
    flow.heap.entries = ARENA_TAKE(arena, struct heap_entry, (usize)net->edge_count + 1);
    return flow;
}

enum status flow_find(const struct net *net, const u128 *reserve, u32 units, struct path *out,
                      u32 *count, struct arena tmp)
{
    u128 amount = net->query->amount, unit = (amount + units - 1) / units;
    struct flow flow = begin(net, (u32)((amount + unit - 1) / unit), &tmp);
    flow.unit_scaled = scale(net, unit);
    for (u32 i = 0; i < net->edge_count; i++)
        flow.arcs[i] = arc_of(&flow, &net->edges[i], reserve[i], unit);
    for (u32 sent = 0; sent < flow.units;) {
        if (!find_way(&flow))
            return ST_MISSING;
        sent += send(&flow, flow.units - sent);
    }
    return take_paths(&flow, unit, out, count);
}

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

/* A direction; arcs that lead to the same node lie together. */
struct arc {
    u64 fixed; /* cost of a unit without risk */
    u64 slope; /* of risk, for a unit, the range being used up evenly */
    u16 end[PIECES];
    u16 flow, against; /* units; in the twin */
    u32 from, twin;    /* a node; the arc of the other direction */
};

struct flow {
    const struct net *net;
    u32 *first,
        *last; /* a node's arcs, those that lead to it: from first[node] to before last[node] */
    struct arc *arcs;
    u32 *directions; /* of the arcs */
    u64 *potential;  /* by node: the cost from there to the target, so far */
    u64 *distance;
    u32 *next;     /* the arc on the way from a node */
    bool *cancels; /* the way takes back what flows in the arc's twin */
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
    struct arc arc = {.from = edge->from};
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
    u128 failure = ((u128)net->failure_scaled * edge->failure_left >> 16) / flow->units;
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

/* --- The network's arcs. */

/* Each channel twice, by the node that it leads to, for which there is room for all its channels.
 */
static void fill_arcs(struct flow *flow, const u128 *reserve, u128 unit, struct arena *arena)
{
    const struct net *net = flow->net;
    u32 total = 0;
    for (u32 i = 0; i < net->node_slots; i++) {
        flow->first[i] = flow->last[i] = total;
        total += net->nodes[i].first != GRAPH_NONE ? net->nodes[i].channels : 0;
    }
    flow->arcs = ARENA_TAKE(arena, struct arc, total);
    flow->directions = ARENA_TAKE(arena, u32, total);
    for (u32 i = 0; i < net->channel_slots; i++) {
        if (!net_has(net, &net->channels[i]))
            continue;
        const u32 *nodes = net->channels[i].node;
        u32 at[2] = {flow->last[nodes[1]]++, flow->last[nodes[0]]++};
        for (u32 side = 0; side < 2; side++) {
            u32 direction = 2 * i + side;
            struct edge edge = net_edge(net, direction);
            flow->arcs[at[side]] = arc_of(flow, &edge, reserve[direction], unit);
            flow->arcs[at[side]].twin = at[1 - side];
            flow->directions[at[side]] = direction;
        }
    }
}

static void add_flow(struct flow *flow, u32 index, int units)
{
    struct arc *arc = &flow->arcs[index];
    arc->flow = (u16)(arc->flow + units);
    flow->arcs[arc->twin].against = arc->flow;
}

/* --- One more way. */

/* The arc: what one unit more costs, and for how many units. False: none. What flows against it is
 * taken back first. */
static bool next_unit(const struct flow *flow, const struct arc *arc, i64 *cost, u32 *room,
                      bool *cancels)
{
    *cancels = arc->against > 0;
    if (*cancels) {
        const struct arc *twin = &flow->arcs[arc->twin];
        u32 at = piece_of(twin, twin->flow - 1u);
        *cost = -(i64)unit_cost(twin, at);
        *room = twin->flow - (at > 0 ? twin->end[at - 1] : 0u);
        return true;
    }
    if (arc->flow >= arc->end[PIECES - 1])
        return false;
    u32 at = piece_of(arc, arc->flow);
    *cost = (i64)unit_cost(arc, at);
    *room = (u32)arc->end[at] - arc->flow;
    return true;
}

static void relax(struct flow *flow, u32 index, u32 to)
{
    const struct arc *arc = &flow->arcs[index];
    u32 room;
    i64 cost;
    bool cancels;
    if (flow->done[arc->from] || !next_unit(flow, arc, &cost, &room, &cancels))
        return;
    /* With potentials no arc costs less than nothing: Johnson's trick. */
    i64 reduced = cost + (i64)flow->potential[to] - (i64)flow->potential[arc->from];
    assert(reduced >= 0);
    u64 distance = flow->distance[to] + (u64)reduced;
    if (distance >= flow->distance[arc->from])
        return;
    flow->distance[arc->from] = distance;
    flow->next[arc->from] = index;
    flow->cancels[arc->from] = cancels;
    heap_push(&flow->heap, distance, arc->from);
}

/* False: there is none. */
static bool find_way(struct flow *flow)
{
    const struct net *net = flow->net;
    memset(flow->done, 0, net->node_slots);
    memset(flow->distance, 0xff, net->node_slots * sizeof(flow->distance[0]));
    flow->heap.count = 0;
    flow->distance[net->to] = 0;
    heap_push(&flow->heap, 0, net->to);
    while (flow->heap.count > 0 && !flow->done[net->from]) {
        u32 node = heap_pop(&flow->heap).node;
        if (flow->done[node])
            continue;
        flow->done[node] = true;
        for (u32 i = flow->first[node]; i < flow->last[node] && node != net->from; i++)
            relax(flow, i, node);
    }
    if (!flow->done[net->from])
        return false;
    /* Those further away than the payer are at least as far as it. */
    u64 most = flow->distance[net->from];
    for (u32 i = 0; i < net->node_slots; i++)
        flow->potential[i] += min_u64(flow->distance[i], most);
    return true;
}

/* Of the arc: the node that it leads to. */
static u32 end_of(const struct flow *flow, u32 index)
{
    return flow->arcs[flow->arcs[index].twin].from;
}

/* Sends at most `units` on the way found; returns how many. */
static u32 send(struct flow *flow, u32 units)
{
    const struct net *net = flow->net;
    for (u32 node = net->from; node != net->to; node = end_of(flow, flow->next[node])) {
        u32 room;
        i64 cost;
        bool cancels;
        assert(next_unit(flow, &flow->arcs[flow->next[node]], &cost, &room, &cancels));
        units = room < units ? room : units;
    }
    for (u32 node = net->from; node != net->to; node = end_of(flow, flow->next[node])) {
        u32 index = flow->next[node];
        if (flow->cancels[node])
            add_flow(flow, flow->arcs[index].twin, -(int)units);
        else
            add_flow(flow, index, (int)units);
    }
    return units;
}

/* --- The flow's paths. */

/* The arc from `node` in which most flows; GRAPH_NONE: none. */
static u32 widest_from(const struct flow *flow, u32 node)
{
    u32 best = GRAPH_NONE, most = 0;
    for (u32 i = flow->first[node]; i < flow->last[node]; i++) {
        if (flow->arcs[i].against > most) {
            most = flow->arcs[i].against;
            best = flow->arcs[i].twin;
        }
    }
    return best;
}

/* Takes a path out of the flow, returns its units. 0: it has too many hops; or it goes in a circle,
 * which costs nothing where it is a flow of least cost, and is not worth a payment. */
static u32 take_path(struct flow *flow, struct path *out)
{
    const struct net *net = flow->net;
    u32 units = flow->units, node = net->from, arcs[ROUTE_HOPS_LIMIT];
    for (out->count = 0; node != net->to; out->count++) {
        u32 index = widest_from(flow, node);
        if (index == GRAPH_NONE || out->count == ROUTE_HOPS_LIMIT)
            return 0;
        arcs[out->count] = index;
        out->directions[out->count] = flow->directions[index];
        units = (u32)min_u64(units, flow->arcs[index].flow);
        node = end_of(flow, index);
    }
    for (u32 i = 0; i < out->count; i++)
        add_flow(flow, arcs[i], -(int)units);
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
        .first = ARENA_TAKE(arena, u32, net->node_slots),
        .last = ARENA_TAKE(arena, u32, net->node_slots),
        .potential = ARENA_NEW(arena, u64, net->node_slots),
        .distance = ARENA_TAKE(arena, u64, net->node_slots),
        .next = ARENA_TAKE(arena, u32, net->node_slots),
        .cancels = ARENA_TAKE(arena, bool, net->node_slots),
        .done = ARENA_TAKE(arena, bool, net->node_slots),
        .units = units,
    };
    flow.heap.entries = ARENA_TAKE(arena, struct heap_entry, 2 * (usize)net->channel_slots + 1);
    return flow;
}

enum status flow_find(const struct net *net, const u128 *reserve, u32 units, struct path *out,
                      u32 *count, struct arena tmp)
{
    u128 amount = net->query->amount, unit = (amount + units - 1) / units;
    struct flow flow = begin(net, (u32)((amount + unit - 1) / unit), &tmp);
    flow.unit_scaled = scale(net, unit);
    fill_arcs(&flow, reserve, unit, &tmp);
    for (u32 sent = 0; sent < flow.units;) {
        if (!find_way(&flow))
            return ST_MISSING;
        sent += send(&flow, flow.units - sent);
    }
    return take_paths(&flow, unit, out, count);
}

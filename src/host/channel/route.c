#include "channel/route_parts.h"

/* About what is asked in Lightning: a tenth of a per cent for an even chance instead of certainty,
 * 3.7% a year for locked money. */
const struct route_prices route_prices_default = {
    .risk_ppm = 1000, .lock_day_ppm = 100, .failure_ppm = 5000};

/* How much finer than the number of parts the amount is cut, one after the other: what is cut
 * coarsely is in few enough parts, what is cut finely fits better. */
static const u32 finer[] = {1, 4, 16};

enum { REPAIRS = 8 };

/* --- The amounts of paths, with fees. */

static void write_part(const struct net *net, const struct path *path, struct route_part *out)
{
    u128 amount = path->amount;
    out->count = path->count;
    for (u32 i = path->count; i-- > 0;) {
        const struct edge edge = net_edge(net, path->directions[i]);
        out->hops[i] = (struct route_hop){.id = net->channels[edge.direction / 2].id,
                                          .side = edge.direction % 2,
                                          .to = net->nodes[edge.to].point,
                                          .amount = amount};
        u128 fee = route_fee(edge.base_fee, edge.fee_ppm, amount);
        amount = fee < ROUTE_AMOUNT_LIMIT - amount ? amount + fee : ROUTE_AMOUNT_LIMIT;
    }
}

/* What goes through a direction in all parts: with fees, and what of it arrives. */
static void sum_direction(const struct path *paths, const struct route *route, u32 direction,
                          u128 *with_fees, u128 *arriving)
{
    *with_fees = *arriving = 0;
    for (u32 part = 0; part < route->count; part++)
        for (u32 i = 0; i < paths[part].count; i++)
            if (paths[part].directions[i] == direction) {
                *with_fees += route->parts[part].hops[i].amount;
                *arriving += paths[part].amount;
            }
}

/* Whether each direction can carry its parts. Of one that cannot, `reserve` becomes so large that
 * less flows in it next time. */
static bool fits(const struct net *net, const struct path *paths, const struct route *route,
                 u128 *reserve)
{
    bool all = true;
    for (u32 part = 0; part < route->count; part++) {
        for (u32 i = 0; i < paths[part].count; i++) {
            const struct edge edge = net_edge(net, paths[part].directions[i]);
            u128 amount = route->parts[part].hops[i].amount, with_fees, arriving;
            sum_direction(paths, route, edge.direction, &with_fees, &arriving);
            if (amount >= edge.least && amount <= edge.most && with_fees <= edge.high)
                continue;
            all = false;
            reserve[edge.direction] = edge.most;
            if (amount >= edge.least && arriving <= edge.most)
                reserve[edge.direction] = edge.most - arriving + 1;
        }
    }
    return all;
}

static bool is_cheap_enough(const struct net *net, const struct path *paths, struct route *route)
{
    route->fee = 0;
    for (u32 part = 0; part < route->count; part++)
        route->fee += route->parts[part].hops[0].amount - paths[part].amount;
    return route->fee <= net->query->fee_limit;
}

static void write_parts(const struct net *net, const struct path *paths, u32 count,
                        struct route *out)
{
    *out = (struct route){.count = count};
    for (u32 part = 0; part < count; part++)
        write_part(net, &paths[part], &out->parts[part]);
}

/* --- The search. ST_FULL here: there is a route, but its fees are above the limit. */

static enum status find_one(const struct net *net, struct route *out, struct arena tmp)
{
    struct path path;
    TRY(path_find(net, &path, tmp));
    write_parts(net, &path, 1, out);
    return is_cheap_enough(net, &path, out) ? ST_OK : ST_FULL;
}

/* A flow knows nothing of the fees that a channel carries beside it: where that makes too much, the
 * channel gets less, and the search begins anew. */
static enum status find_many(const struct net *net, u32 units, struct route *out, struct arena tmp)
{
    struct path paths[ROUTE_PARTS_LIMIT];
    u32 count;
    u128 *reserve = ARENA_NEW(&tmp, u128, 2 * (usize)net->channel_slots);
    for (u32 round = 0; round < REPAIRS; round++) {
        TRY(flow_find(net, reserve, units, paths, &count, tmp));
        write_parts(net, paths, count, out);
        if (fits(net, paths, out, reserve))
            return is_cheap_enough(net, paths, out) ? ST_OK : ST_FULL;
    }
    return ST_MISSING;
}

/* Whether the channels of a node, one of them or all together, can send or receive the amount: most
 * amounts that are too large fail here. */
struct ability {
    bool one, many;
};

static struct ability ability_of(const struct net *net, u32 node, bool sends)
{
    u128 sum = 0, amount = net->query->amount;
    struct ability out = {false, false};
    for (u32 i = net->nodes[node].first; i != GRAPH_NONE && !out.one;
         i = graph_next_channel(net->graph, i, node)) {
        u32 own_side = net->channels[i].node[0] == node ? 0 : 1;
        if (!net_has(net, &net->channels[i]))
            continue;
        u128 most = net_edge(net, 2 * i + (sends ? own_side : 1 - own_side)).most;
        out.one = most >= amount;
        sum = most < amount - sum ? sum + most : amount;
        out.many = sum == amount;
    }
    return out;
}

static enum status find_parts(const struct net *net, struct route *out, struct arena tmp)
{
    u32 parts = net->query->parts_limit;
    enum status st = ST_MISSING;
    for (usize i = 0; i < countof(finer) && st == ST_MISSING; i++)
        st = find_many(net, parts * finer[i], out, tmp);
    return st;
}

/* What is cheap may be hidden by what is likely: then only the money counts. */
static enum status find(struct net *net, struct route *out, struct arena tmp)
{
    struct ability from = ability_of(net, net->from, true), to = ability_of(net, net->to, false);
    bool one = from.one && to.one, many = from.many && to.many && net->query->parts_limit > 1;
    if (one && find_one(net, out, tmp) == ST_OK)
        return ST_OK;
    enum status st = many ? find_parts(net, out, tmp) : ST_MISSING;
    if (st == ST_OK)
        return ST_OK;
    net_set_prices(net, true);
    if (one && find_one(net, out, tmp) == ST_OK)
        return ST_OK;
    return st == ST_FULL ? find_parts(net, out, tmp) : ST_MISSING;
}

enum status route_find(const struct graph *graph, const struct route_query *query,
                       struct route *out, struct arena tmp, struct err *err)
{
    struct net net;
    struct route_query limited = *query;
    if (query->amount == 0 || query->amount >= ROUTE_AMOUNT_LIMIT / 2)
        return fail(err, ST_INVALID, "an amount that cannot be routed");
    if (query->parts_limit == 0 || query->parts_limit > ROUTE_PARTS_LIMIT)
        return fail(err, ST_INVALID, "a route of %u parts", query->parts_limit);
    if (point_equal(&query->from, &query->to))
        return fail(err, ST_INVALID, "a route from a node to itself");
    if (query->fee_limit > ROUTE_AMOUNT_LIMIT / 2)
        limited.fee_limit = ROUTE_AMOUNT_LIMIT / 2;
    TRY(net_begin(graph, &limited, &net, &tmp, err));
    if (find(&net, out, tmp) != ST_OK)
        return fail(err, ST_MISSING, "no route for so much within the limit of fees");
    return ST_OK;
}

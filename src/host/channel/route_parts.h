/* What the files of route.h share: the part of the graph that a query can use, and its prices. */
#ifndef CHANNEL_ROUTE_PARTS_H
#define CHANNEL_ROUTE_PARTS_H

#include "channel/route.h"

/* One direction of a channel, as a query can use it. */
struct edge {
    u128 least, most; /* of one part */
    u128 low, high;   /* of all parts: surely there, perhaps there; high 0: not to be used */
    u128 base_fee;    /* 0 where `from` is the payer: it asks nothing of itself */
    u32 fee_ppm;
    u32 failure_left; /* of the penalty; 16 bits are behind the point */
    u32 from, to;     /* the graph's nodes */
    u32 direction;    /* 2 · the graph's channel + the side that pays */
};

struct net {
    const struct route_query *query;
    const struct graph *graph;
    const struct graph_channel *channels;
    const struct graph_node *nodes;
    u32 channel_slots, node_slots;
    u32 from, to;
    bool *avoided_directions, *avoided_nodes;
    /* Money is scaled by a power of two so that the amount has 40 bits: `scale`. */
    int shift;
    u64 amount_scaled;
    u64 risk_scaled;    /* for being half as likely */
    u64 failure_scaled; /* for having failed just now */
    u64 lock_price;     /* of a scaled unit; 32 bits are behind the point */
    u32 log2[257];      /* of 1 to 2; 16 bits are behind the point */
};

/* ST_MISSING: a node is not known. */
enum status net_begin(const struct graph *graph, const struct route_query *query, struct net *out,
                      struct arena *arena, struct err *err);
/* As the query has them, or as if the money alone mattered. */
void net_set_prices(struct net *net, bool cheapest);

/* Whether the channel's directions are to be looked at at all. */
bool net_has(const struct net *net, const struct graph_channel *channel);
struct edge net_edge(const struct net *net, u32 direction);

enum { SCALED_BITS = 40, SCALED_LIMIT_BITS = 60 };
/* At most 2^SCALED_LIMIT_BITS; rounded down. */
u64 scale(const struct net *net, u128 amount);
/* Of 1 and more; 16 bits are behind the point. */
u32 log2_of(const struct net *net, u128 x);

/* What an edge costs that carries `amount`, beside the fee, scaled. */
u64 edge_cost(const struct net *net, const struct edge *edge, u128 amount);

/* --- Nodes by cost, the lowest first; equal ones by index. */

struct heap {
    struct heap_entry {
        u64 cost;
        u32 node;
    } * entries;
    usize count;
};

void heap_push(struct heap *heap, u64 cost, u32 node);
struct heap_entry heap_pop(struct heap *heap); /* it is not empty */

/* --- Paths: directions from the payer's to the target's. */

struct path {
    u128 amount; /* that arrives */
    u32 count;
    u32 directions[ROUTE_HOPS_LIMIT];
};

/* ST_MISSING: none carries the amount, within the limit of fees. */
enum status path_find(const struct net *net, struct path *out, struct arena tmp);

/* At most query->parts_limit paths whose amounts sum up to the query's, cut into so many units.
 * Bounds hold before fees, less the `reserve` of each direction.  ST_MISSING: it cannot be had. */
enum status flow_find(const struct net *net, const u128 *reserve, u32 units, struct path *out,
                      u32 *count, struct arena tmp);

#endif

/* How to pay a node that is not a neighbour: which channels, and how much through each.
 *
 * A route costs, in the asset's units,
 *
 *     fees + risk · (−log2 P) + price of time · amount · time + penalty for what failed lately
 *
 * P is the probability that every channel has the balance: even between two bounds, which attempts
 * narrow (route_learn) and time widens again. One path is found by Dijkstra's algorithm from the
 * target backwards, since fees are asked on what is forwarded. Where no path carries all, a flow of
 * least cost is split into parts. All locks of a payment share one expiry: whatever the path, the
 * money is locked as long.
 *
 * The same graph and query give the same route. Amounts are in the asset's smallest unit, times in
 * seconds since 1970.
 *
 * Source: Pickhardt and Richter, "Optimally Reliable & Cheap Payment Flows on the Lightning
 * Network", 2021 (arXiv:2107.05322). */
#ifndef CHANNEL_ROUTE_H
#define CHANNEL_ROUTE_H

#include "channel/graph.h"

enum {
    ROUTE_HOPS_LIMIT = 12, /* an onion has room for so many */
    ROUTE_PARTS_LIMIT = 16,
    ROUTE_HALF_LIFE_S = 3600, /* of what attempts have shown */
};

/* With fees, no part is above it, so that sums fit. */
#define ROUTE_AMOUNT_LIMIT ((u128)1 << 120)

/* What a forwarder asks for an amount that it passes on: base + amount · ppm / 10^6, rounded up. At
 * most 2^128 - 1. */
u128 route_fee(u128 base_fee, u32 fee_ppm, u128 amount);

struct route_prices {
    u32 risk_ppm;     /* of the amount, for being half as likely to succeed */
    u32 lock_day_ppm; /* of what a hop locks, for a day */
    u32 failure_ppm;  /* of the amount, for a direction that failed just now; halves as above */
};
extern const struct route_prices route_prices_default;

struct route_side {
    hash32 id;
    u32 side; /* that pays */
};

struct route_query {
    point33 from, to;
    u64 chain_id;
    address asset;
    u128 amount; /* that arrives; at least 1, below half of ROUTE_AMOUNT_LIMIT */
    u128 fee_limit;
    u64 now_s;
    u64 lock_s;      /* from now to the expiry of the locks */
    u32 parts_limit; /* 1 to ROUTE_PARTS_LIMIT */
    struct route_prices prices;
    const struct route_side *avoid; /* directions that are not to be used */
    usize avoid_count;
    const point33 *avoid_nodes; /* nor these nodes, from and to excepted */
    usize avoid_node_count;
};

struct route_hop {
    hash32 id;
    u32 side;    /* that pays */
    point33 to;  /* whom */
    u128 amount; /* the channel's lock; what the next hop has less is this one's node's fee */
};

struct route_part {
    u32 count;
    struct route_hop hops[ROUTE_HOPS_LIMIT]; /* from ours to the target's */
};

struct route {
    u128 fee; /* of all parts: what the first hops have more than the last */
    u32 count;
    struct route_part parts[ROUTE_PARTS_LIMIT];
};

/* Scratch that route_find takes at most, in bytes. */
usize route_scratch_limit(const struct graph *graph);

/* No part exceeds what is known of its channels, nor do all parts together.
 * ST_MISSING: no route for so much, or none within the limit of fees.  ST_INVALID: an amount, or a
 * number of parts, that is none; or `from` is `to`. */
enum status route_find(const struct graph *graph, const struct route_query *query,
                       struct route *out, struct arena tmp, struct err *err);

/* --- What an attempt has shown of a channel, `side` being the one that should have paid. */

enum route_news {
    ROUTE_SHORT,   /* it had less than the amount */
    ROUTE_REACHED, /* it had that much: the attempt failed further on */
    ROUTE_PAID,    /* it had, and the other side has it now */
};

/* Channels that are not known, or are ours, are passed over, and so are those with a side above 1:
 * an invoice may hint at any channel by name, so that what becomes of its hint shows nothing. */
void route_learn(struct graph *graph, const struct route_side *where, u128 amount,
                 enum route_news news, u64 now_s);

/* The least and the most that the side may have, as far as is known now. */
struct route_bounds {
    u128 low, high;
};
struct route_bounds route_bounds(const struct graph_channel *channel, u32 side, u64 now_s);

#endif

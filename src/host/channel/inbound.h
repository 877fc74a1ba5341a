/* Ways to this node that blinded paths can go: which nodes stand before it, from its peer outwards.
 *
 *     whoever asks or pays ─ … ─> nodes[1] ──> nodes[0] ──> this node
 *                                 the path's first
 *
 * The further away the first node is, the less it says of who is paid: all who are so far from it
 * may be, or nearer, for a path leads to this node as often as it takes to have INBOUND_PATH hops.
 * What is known of channels further away is gossip, so that a longer path may also fail for
 * want of money where a shorter one would not; hence several (inbound_extend's `apart`).
 *
 * Amounts are in the asset's smallest unit. Source: BOLT 4, "Route Blinding". */
#ifndef CHANNEL_INBOUND_H
#define CHANNEL_INBOUND_H

#include "channel/blinded_route.h"
#include "channel/graph.h"

enum {
    INBOUND_HOPS = 2, /* nodes before us, where there are so many */
    INBOUND_PATH = INBOUND_HOPS + 1,
};

struct inbound {
    usize count;
    point33 nodes[INBOUND_HOPS];
    /* Of a way for payments: what each asks for passing on to the one before it here, or to us. */
    struct graph_policy asks[INBOUND_HOPS];
    u128 least, most; /* that can arrive, as far as is known */
};

struct inbound_query {
    point33 own;
    u32 hops; /* at most INBOUND_HOPS */
    bool pays;
    u64 chain_id; /* this, and the asset: where it pays */
    address asset;
    u64 now_s;
};

/* Adds nodes to a way that has its first, out of the graph's public channels, until it has as many
 * as the query says, or there is none that others could come by. Over a node of the ways in `apart`
 * it does not go, where it has not begun with it. */
void inbound_extend(const struct graph *graph, const struct inbound_query *query,
                    const struct inbound *apart, usize apart_count, struct inbound *way);

/* What all of its nodes ask together, of what arrives. False: more than can be said. */
bool inbound_price(const struct inbound *way, struct blinded_price *out);

/* A path along the way, to `own`, which is told `path_id`. With `latest_s`, which is not 0, it is
 * for payments. ST_INVALID: a key is none. */
enum status inbound_path(const struct inbound *way, const point33 *own, bytes path_id, u64 latest_s,
                         struct blinded_route *out, struct arena *arena);

#endif

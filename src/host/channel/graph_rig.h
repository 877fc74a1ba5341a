/* For tests: nodes and channels of a graph, by numbers. */
#ifndef CHANNEL_GRAPH_RIG_H
#define CHANNEL_GRAPH_RIG_H

#include "channel/graph.h"

/* Not on the curve: the graph does not look. */
static inline point33 point_of(u32 number)
{
    point33 out = {{2}};
    store_be32(out.b + 29, number);
    return out;
}

/* Channel `number`, of nodes a and b. */
static inline struct wire_announce announce_of(u32 number, u32 a, u32 b)
{
    struct wire_announce out = {.chain_id = 900, .node_a = point_of(a), .node_b = point_of(b)};
    store_be32(out.terms.b, number);
    return out;
}

static inline hash32 id_of(u32 number)
{
    struct wire_announce announce = announce_of(number, 0, 0);
    return gossip_channel_id(&announce);
}

#endif

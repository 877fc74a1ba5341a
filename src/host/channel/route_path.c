/* One path, by Dijkstra's algorithm from the target backwards. */
#include "channel/route_parts.h"

/* --- A binary heap. */

static bool before(struct heap_entry a, struct heap_entry b)
{
    return a.cost != b.cost ? a.cost < b.cost : a.node < b.node;
}

void heap_push(struct heap *heap, u64 cost, u32 node)
{
    struct heap_entry entry = {cost, node};
    usize at = heap->count++;
    for (; at > 0 && before(entry, heap->entries[(at - 1) / 2]); at = (at - 1) / 2)
        heap->entries[at] = heap->entries[(at - 1) / 2];
    heap->entries[at] = entry;
}

struct heap_entry heap_pop(struct heap *heap)
{
    assert(heap->count > 0);
    struct heap_entry top = heap->entries[0], last = heap->entries[--heap->count];
    usize at = 0;
    for (;;) {
        usize child = 2 * at + 1;
        if (child + 1 < heap->count && before(heap->entries[child + 1], heap->entries[child]))
            child++;
        if (child >= heap->count || !before(heap->entries[child], last))
            break;
        heap->entries[at] = heap->entries[child];
        at = child;
    }
    heap->entries[at] = last;
    return top;
}

/* --- The search. */

/* From a node to the target. */
struct label {
    u128 amount; /* that has to come in at the node */
    u64 cost;
    u32 direction; /* the first on the way */
    u32 hops;
    bool known, done;
};

static void relax(const struct net *net, struct label *labels, struct heap *heap, u32 direction)
{
    const struct edge edge = net_edge(net, direction);
    const struct label *to = &labels[edge.to];
    struct label *from = &labels[edge.from];
    u128 limit = net->query->amount + net->query->fee_limit; /* both are limited */
    if (to->amount > edge.most || to->amount < edge.least)
        return;
    u128 fee = route_fee(edge.base_fee, edge.fee_ppm, to->amount);
    if (fee > limit - to->amount)
        return;
    u64 cost = add_sat_u64(to->cost, edge_cost(net, &edge, to->amount));
    cost = add_sat_u64(cost, scale(net, fee));
    if (from->known && from->cost <= cost)
        return;
    *from = (struct label){.amount = to->amount + fee,
                           .cost = cost,
                           .direction = direction,
                           .hops = to->hops + 1,
                           .known = true};
    heap_push(heap, cost, edge.from);
}

/* All directions that lead to the node from those whose way is not known for good. */
static void relax_all(const struct net *net, struct label *labels, struct heap *heap, u32 node)
{
    for (u32 i = net->nodes[node].first; i != GRAPH_NONE;
         i = graph_next_channel(net->graph, i, node)) {
        const struct graph_channel *channel = &net->channels[i];
        u32 side = channel->node[0] == node ? 1 : 0;
        if (!labels[channel->node[side]].done && net_has(net, channel))
            relax(net, labels, heap, 2 * i + side);
    }
}

enum status path_find(const struct net *net, struct path *out, struct arena tmp)
{
    struct label *labels = ARENA_NEW(&tmp, struct label, net->node_slots);
    struct heap heap = {ARENA_TAKE(&tmp, struct heap_entry, 2 * (usize)net->channel_slots + 1), 0};
    labels[net->to] = (struct label){.amount = net->query->amount, .known = true};
    heap_push(&heap, 0, net->to);
    while (heap.count > 0 && !labels[net->from].done) {
        u32 node = heap_pop(&heap).node;
        if (labels[node].done)
            continue;
        labels[node].done = true;
        if (labels[node].hops < ROUTE_HOPS_LIMIT)
            relax_all(net, labels, &heap, node);
    }
    if (!labels[net->from].done)
        return ST_MISSING;
    *out = (struct path){.amount = net->query->amount};
    for (u32 node = net->from; node != net->to;) {
        u32 direction = labels[node].direction;
        out->directions[out->count++] = direction;
        node = net->channels[direction / 2].node[1 - direction % 2];
    }
    return ST_OK;
}

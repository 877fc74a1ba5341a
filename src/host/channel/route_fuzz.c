/* In any network, with amounts of any size: a route goes from the payer to the target, pays each
 * forwarder what it asks, and keeps to what channels have. */
#include "channel/route.h"

#include "harness/fuzz.h"

enum { NODES = 6, CHANNELS = 12, NOW_S = 1000000 };

static point33 point_of(u8 number)
{
    return (point33){{2, [32] = number}};
}

/* Any number of bits, as likely each. */
static u128 take_amount(bytes *in)
{
    u8 bits = 0;
    u128 out = 0;
    fuzz_fill(in, &bits, 1);
    fuzz_fill(in, &out, sizeof(out));
    return out >> (bits % 128);
}

static void take_channel(struct graph *graph, u8 number, bytes *in)
{
    u8 ends[3] = {0};
    fuzz_fill(in, ends, sizeof(ends));
    struct wire_announce announce = {.terms = {{number}},
                                     .node_a = point_of(ends[0] % NODES),
                                     .node_b = point_of(ends[1] % NODES)};
    hash32 id = gossip_channel_id(&announce);
    struct graph_own own = {.id = id, .node = {announce.node_a, announce.node_b}};
    own.spendable[0] = take_amount(in);
    if (graph_put_announce(graph, &announce, id, 0, NULL) != ST_OK ||
        graph_confirm(graph, id, take_amount(in), 1) != ST_OK)
        return;
    for (u16 side = 0; side < 2; side++) {
        u32 fee_ppm = 0;
        fuzz_fill(in, &fee_ppm, sizeof(fee_ppm));
        struct wire_policy policy = {.id = id,
                                     .side = side,
                                     .timestamp_s = 1,
                                     .enabled = (ends[2] >> side & 1) == 0,
                                     .base_fee = take_amount(in),
                                     .fee_ppm = fee_ppm % (GOSSIP_PPM_LIMIT + 1),
                                     .least = take_amount(in),
                                     .most = ~take_amount(in)};
        assert(graph_put_policy(graph, &policy) == ST_OK);
    }
    struct route_side where = {id, ends[2] >> 2 & 1};
    route_learn(graph, &where, take_amount(in), ends[2] >> 3 & 1 ? ROUTE_SHORT : ROUTE_PAID,
                NOW_S - (ends[2] >> 4) * 1000u);
    assert(ends[2] % 5 != 0 || graph_set_own(graph, &own, NULL) == ST_OK);
}

static void check_part(struct graph *graph, const struct route_query *query,
                       const struct route_part *part)
{
    point33 at = query->from;
    u32 slots;
    const struct graph_node *nodes = graph_nodes(graph, &slots);
    assert(part->count > 0 && part->count <= ROUTE_HOPS_LIMIT);
    for (u32 i = 0; i < part->count; i++) {
        const struct route_hop *hop = &part->hops[i];
        const struct graph_channel *channel = graph_channel(graph, hop->id);
        const struct graph_policy *policy = &channel->policy[hop->side];
        assert(memcmp(&nodes[channel->node[hop->side]].point, &at, sizeof(at)) == 0);
        assert(hop->amount <= route_bounds(channel, hop->side, NOW_S).high);
        u128 fee = route_fee(policy->base_fee, policy->fee_ppm, hop->amount);
        assert(i == 0 || (policy->enabled && part->hops[i - 1].amount == hop->amount + fee));
        assert(i == 0 || (hop->amount >= policy->least && hop->amount <= policy->most));
        at = hop->to;
    }
    assert(memcmp(&at, &query->to, sizeof(at)) == 0);
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    bytes in = {data, size};
    struct graph *graph = graph_new(1 << 16, 7);
    struct route route;
    u32 numbers[6] = {0};
    for (u8 i = 0; i < CHANNELS && in.size > 0; i++)
        take_channel(graph, i, &in);
    fuzz_fill(&in, numbers, sizeof(numbers));
    struct route_query query = {.from = point_of(0),
                                .to = point_of(1),
                                .amount = take_amount(&in),
                                .fee_limit = take_amount(&in),
                                .now_s = NOW_S,
                                .lock_s = numbers[0],
                                .parts_limit = numbers[1] % (ROUTE_PARTS_LIMIT + 1),
                                .prices = {numbers[2], numbers[3], numbers[4]}};
    struct arena tmp = fuzz_arena();
    assert(arena_left(&tmp) >= route_scratch_limit(graph));
    tmp.end = tmp.at + route_scratch_limit(graph);
    if (route_find(graph, &query, &route, tmp, NULL) == ST_OK) {
        u128 arrives = 0, sent = 0;
        for (u32 i = 0; i < route.count; i++) {
            check_part(graph, &query, &route.parts[i]);
            arrives += route.parts[i].hops[route.parts[i].count - 1].amount;
            sent += route.parts[i].hops[0].amount;
        }
        assert(route.count <= query.parts_limit && arrives == query.amount);
        assert(sent - arrives == route.fee && route.fee <= query.fee_limit);
    }
    graph_free(graph);
    return 0;
}

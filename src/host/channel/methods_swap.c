/* Payments that go over from one chain to another, at a hub: the peer that has channels on both.
 *
 *     we ── fromChainId ──> hub ── the payee's chain ──> payee, who may be ourselves
 *
 * Who names no way gets the hub that is known to have a channel with the payee: by the graph, or by
 * the invoice's hints. Of a chain that is none of ours the graph knows nothing; there the only
 * peer that can be paid on our chain is tried. Several that fit are the caller's to choose from. */
#include "channel/methods.h"
#include "channel/network.h"

#include "base/fmt.h"

/* What a hub asks for forwarding to the payee, as far as it is known. */
struct hub {
    point33 node;
    bool knows_payee;
    u128 fee;
};

/* As if it asked what we ask, where nothing is known. */
static u128 usual_fee(const struct daemon *daemon, u128 amount)
{
    return route_fee(daemon->options.fee_base, daemon->options.fee_ppm, amount);
}

static u128 hub_fee(const struct daemon *daemon, u128 base_fee, u32 fee_ppm, u128 amount)
{
    u128 ours = usual_fee(daemon, amount), asked = route_fee(base_fee, fee_ppm, amount);
    return asked > ours ? asked : ours;
}

static void judge_by_hints(struct daemon *daemon, const struct payment_terms *terms,
                           const struct invoice_hints *hints, struct hub *hub)
{
    for (usize i = 0; i < hints->count; i++) {
        if (!point_equal(&hints->at[i].node, &hub->node))
            continue;
        hub->knows_payee = true;
        hub->fee = hub_fee(daemon, hints->at[i].base_fee, hints->at[i].fee_ppm, terms->amount);
    }
}

static void judge_by_graph(struct daemon *daemon, const struct payment_terms *terms,
                           struct hub *hub)
{
    struct graph *graph = network_graph(daemon);
    u32 slots, place = graph_find_node(graph, &hub->node);
    const struct graph_channel *channels = graph_channels(graph, &slots);
    const struct graph_node *nodes = graph_nodes(graph, &slots);
    if (place == GRAPH_NONE)
        return;
    for (u32 at = nodes[place].first; at != GRAPH_NONE; at = graph_next_channel(graph, at, place)) {
        const struct graph_channel *channel = &channels[at];
        u32 side = channel->node[0] == place ? 0 : 1;
        const struct graph_policy *policy = &channel->policy[side];
        if (channel->chain_id != terms->chain_id || !address_equal(channel->asset, terms->asset) ||
            !point_equal(&nodes[channel->node[1 - side]].point, &terms->node) ||
            (channel->own && channel->spendable[side] < terms->amount))
            continue;
        hub->knows_payee = true;
        hub->fee = hub_fee(daemon, policy->base_fee, policy->fee_ppm, terms->amount);
    }
}

/* Whether a channel to the peer on our side of the crossing has so much. */
static bool can_pay(const struct peer *peer, u64 chain_id, u128 amount)
{
    for (const struct entry *at = peer->entries; at != NULL; at = at->next_of_peer) {
        const struct channel_terms *terms = channel_terms(at->channel);
        if (at->stage == STAGE_OPEN && !at->ends && at->here && at->there &&
            terms->chain_id == chain_id && address_is_zero(terms->asset) &&
            channel_spendable(at->channel) >= amount)
            return true;
    }
    return false;
}

/* Which of the peers fit, and how many: those that are known to reach the payee, or, if nobody is,
 * all that can be paid. *out is one of them. */
static usize find_hubs(struct daemon *daemon, const struct payment_terms *terms, u64 from_chain,
                       const struct invoice_hints *hints, struct hub *out)
{
    usize known = 0, others = 0; /* others: who may or may not reach the payee */
    struct hub other = {.knows_payee = false};
    network_set_all_own(daemon);
    for (const struct peer *peer = daemon->peers; peer != NULL; peer = peer->next) {
        struct hub hub = {.node = peer->node, .fee = usual_fee(daemon, terms->amount)};
        judge_by_hints(daemon, terms, hints, &hub);
        judge_by_graph(daemon, terms, &hub);
        if (hub.fee >= ROUTE_AMOUNT_LIMIT || /* so the sum fits */
            !can_pay(peer, from_chain, terms->amount + hub.fee))
            continue;
        if (hub.knows_payee && known++ == 0)
            *out = hub;
        if (!hub.knows_payee && others++ == 0)
            other = hub;
    }
    if (known != 0)
        return known;
    *out = other;
    /* Who knows the payee's chain, knows that none of them has a public channel to it. */
    return daemon_chain(daemon, terms->chain_id) == NULL ? others : 0;
}

bool method_find_hub(struct daemon_call *call, const struct payment_terms *terms, u64 from_chain,
                     const struct invoice_hints *hints, u128 fee_limit, struct plan *out)
{
    struct hub hub;
    char text[200];
    usize count = find_hubs(call->daemon, terms, from_chain, hints, &hub);
    if (!address_is_zero(terms->asset)) {
        methods_refuse(call, "only the chains' own money goes over from one to the other");
        return false;
    }
    if (count != 1) {
        if (count == 0)
            fmt(text, sizeof(text),
                "no peer that can be paid so much on chain %lu is known to "
                "have a channel with the payee on chain %lu",
                from_chain, terms->chain_id);
        else
            fmt(text, sizeof(text), "%zu peers could be the hub: say with `via` which", count);
        methods_refuse(call, text);
        return false;
    }
    if (hub.fee > fee_limit) {
        methods_refuse(call, "the hub asks more than the limit of fees");
        return false;
    }
    *out = (struct plan){.node = {hub.node, terms->node},
                         .amount = {terms->amount + hub.fee, terms->amount},
                         .chain_id = {from_chain},
                         .count = 2};
    return true;
}

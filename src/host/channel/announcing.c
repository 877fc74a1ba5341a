/* What we say of ourselves: channels, by both sides' signatures; what we ask for forwarding; who we
 * are.
 *
 *     deposit is final ── ANNOUNCE_SIGN both ways ──> ANNOUNCE, made by each side for itself
 *                      └─ POLICY to the peer, and for a public channel to everybody
 *
 * Nothing of it is in the journal: what is missing after a restart is said again when the two meet.
 */
#include "channel/network.h"
#include "channel/node_address.h"

#include "base/fmt.h"
#include "sys/log.h"

#include <assert.h>

enum { SAID_AGAIN_S = GOSSIP_AGE_LIMIT_S / 2 };

static void sign_as_node(const struct daemon *daemon, hash32 digest, signature64 *out)
{
    enum status st = secret_sign(keyring_node_secret(daemon->ring), digest, out);
    assert(st == ST_OK);
}

/* Later than what was said before, whatever the clock has done. */
static u64 next_timestamp(u64 before_s, u64 now_s)
{
    return now_s > before_s ? now_s : before_s + 1;
}

/* --- A channel, by both. */

/* Without signatures. */
static struct wire_announce announcement(const struct entry *entry)
{
    const struct channel_terms *terms = channel_terms(entry->channel);
    u32 side = channel_side(entry->channel);
    point33 ours = keyring_node(entry->daemon->ring);
    return (struct wire_announce){
        .chain_id = terms->chain_id,
        .adjudicator = terms->adjudicator,
        .owner_a = terms->owner[0],
        .owner_b = terms->owner[1],
        .asset = terms->asset,
        .challenge_s = terms->challenge_s,
        .terms = channel_secrets_hash(terms),
        .node_a = side == 0 ? ours : entry->peer->node,
        .node_b = side == 0 ? entry->peer->node : ours,
    };
}

static void put_signatures(struct wire_announce *announce, u32 side, const signature64 *node,
                           const signature64 *owner)
{
    *(side == 0 ? &announce->node_signature_a : &announce->node_signature_b) = *node;
    *(side == 0 ? &announce->owner_signature_a : &announce->owner_signature_b) = *owner;
}

static struct wire_announce_sign our_signatures(const struct entry *entry)
{
    struct daemon *daemon = entry->daemon;
    struct wire_announce announce = announcement(entry);
    struct wire_announce_sign out = {.id = channel_name(entry->channel)->id};
    sign_as_node(daemon, gossip_announce_digest(&announce), &out.node_signature);
    struct sign_request request = {
        .terms = channel_terms(entry->channel),
        .name = channel_name(entry->channel),
        .side = channel_side(entry->channel),
        .key = entry->key,
        .kind = SIGN_ANNOUNCE,
        .announce = &announce,
    };
    struct err err;
    if (signer_sign(daemon->keys, &request, &out.owner_signature, &err) != ST_OK)
        log_error("channel", "the signer refuses", LOG_TEXT("why", err.text));
    return out;
}

static bool can_talk(const struct entry *entry)
{
    return entry->here && entry->there && entry->peer->greeted;
}

/* Once for a connection: where the announcement is missing, or the peer lacks it. */
static void say_signatures(struct entry *entry, bool is_announced)
{
    u64 connection = entry->peer->connection;
    if (!can_talk(entry) || entry->told.signed_on == connection ||
        (is_announced && entry->told.peer_signed_on != connection))
        return;
    struct wire_message message = {.type = WIRE_ANNOUNCE_SIGN};
    message.announce_sign = our_signatures(entry);
    entry->told.signed_on = connection;
    daemon_say(entry->peer, &message);
}

static void tell_announced(struct entry *entry)
{
    u64 key = graph_key_of_channel(channel_name(entry->channel)->id);
    for (u32 kind = GRAPH_ANNOUNCE; kind <= GRAPH_POLICY_B; kind++)
        network_tell(entry->daemon, key + kind, NULL);
    entry->told.is_announced = true;
}

static void announce(struct entry *entry, u64 now_s)
{
    struct daemon *daemon = entry->daemon;
    struct wire_announce all = announcement(entry);
    struct wire_announce_sign ours = our_signatures(entry);
    u32 side = channel_side(entry->channel);
    hash32 id = channel_name(entry->channel)->id;
    struct err err;
    put_signatures(&all, side, &ours.node_signature, &ours.owner_signature);
    put_signatures(&all, 1 - side, &entry->told.node_signature, &entry->told.owner_signature);
    enum status st = graph_put_announce(network_graph(daemon), &all, id, now_s, &err);
    if (st != ST_OK) {
        log_warn("channel", "a channel of ours is not announced", LOG_TEXT("why", err.text));
        entry->told.peer_signed_on = 0; /* until the peer signs again */
        return;
    }
    network_changed(daemon);
    tell_announced(entry);
}

enum status announcing_take(struct entry *entry, const struct wire_message *message,
                            struct err *err)
{
    const struct wire_announce_sign *said = &message->announce_sign;
    struct wire_announce all = announcement(entry);
    hash32 digest = gossip_announce_digest(&all);
    address node;
    TRY(point_address(&entry->peer->node, &node));
    u32 peer = 1 - channel_side(entry->channel);
    if (!signature_is_of(&said->node_signature, digest, node) ||
        !signature_is_of(&said->owner_signature, digest,
                         channel_terms(entry->channel)->owner[peer]))
        return fail(err, ST_INVALID,
                    "the peer's signature is not under our channel's announcement");
    entry->told.node_signature = said->node_signature;
    entry->told.owner_signature = said->owner_signature;
    entry->told.peer_signed_on = entry->peer->connection;
    announcing_look(entry, network_now_s());
    return ST_OK;
}

/* --- What we ask for forwarding. */

static struct wire_policy wanted_policy(const struct entry *entry)
{
    const struct daemon_options *options = &entry->daemon->options;
    return (struct wire_policy){
        .id = channel_name(entry->channel)->id,
        .side = (u16)channel_side(entry->channel),
        .enabled = entry->stage == STAGE_OPEN && !entry->stopped[0] && !entry->stopped[1],
        .base_fee = options->fee_base,
        .fee_ppm = options->fee_ppm,
        .least = 1,
        .most = CHANNEL_AMOUNT_LIMIT - 1,
    };
}

static bool still_holds(const struct graph_policy *said, const struct wire_policy *wanted,
                        u64 now_s)
{
    return said->timestamp_s != 0 && now_s < said->timestamp_s + SAID_AGAIN_S &&
           said->enabled == (wanted->enabled == 1) && said->base_fee == wanted->base_fee &&
           said->fee_ppm == wanted->fee_ppm && said->least == wanted->least &&
           said->most == wanted->most;
}

static void say_policy(struct entry *entry, const struct graph_channel *channel, u64 now_s)
{
    struct daemon *daemon = entry->daemon;
    struct wire_message message = {.type = WIRE_POLICY, .policy = wanted_policy(entry)};
    struct wire_policy *policy = &message.policy;
    const struct graph_policy *said = &channel->policy[policy->side];
    if (!still_holds(said, policy, now_s)) {
        policy->timestamp_s = next_timestamp(said->timestamp_s, now_s);
        sign_as_node(daemon, gossip_policy_digest(policy), &policy->signature);
        (void)graph_put_policy(network_graph(daemon), policy);
        network_tell(daemon, channel->key + GRAPH_POLICY_A + policy->side, NULL);
        network_changed(daemon);
    }
    if (!can_talk(entry) || (entry->told.policy_on == entry->peer->connection &&
                             entry->told.policy_s == said->timestamp_s))
        return;
    entry->told.policy_on = entry->peer->connection;
    entry->told.policy_s = said->timestamp_s;
    policy->timestamp_s = said->timestamp_s;
    policy->signature = graph_policy_signature(network_graph(daemon), channel, policy->side);
    daemon_say(entry->peer, &message);
}

/* --- A channel, when it is looked at. */

/* What is final of it, for others to count on. */
static void confirm(const struct entry *entry, const struct graph_channel *channel)
{
    u128 in[2], out[2], left[2];
    channel_seen(entry->channel, in, out);
    for (u32 side = 0; side < 2; side++)
        left[side] = in[side] > out[side] ? in[side] - out[side] : 0;
    if (left[0] + left[1] != channel->capacity)
        (void)graph_confirm(network_graph(entry->daemon), channel->id, left[0], left[1]);
}

void announcing_look(struct entry *entry, u64 now_s)
{
    struct graph *graph = network_graph(entry->daemon);
    hash32 id = channel_name(entry->channel)->id;
    const struct graph_channel *channel = graph_channel(graph, id);
    if (entry->stage == STAGE_CLOSED) {
        if (channel != NULL)
            graph_forget(graph, id);
        return;
    }
    if (channel == NULL || !channel->own)
        network_set_own(entry);
    channel = graph_channel(graph, id);
    if (channel == NULL)
        return;
    confirm(entry, channel);
    if (channel->capacity == 0)
        return;
    say_policy(entry, channel, now_s);
    if (entry->daemon->options.is_private || entry->stage != STAGE_OPEN)
        return;
    say_signatures(entry, channel->announce != NULL);
    if (channel->announce == NULL && entry->told.peer_signed_on != 0)
        announce(entry, now_s);
    else if (channel->announce != NULL && !entry->told.is_announced)
        tell_announced(entry); /* the peer was first */
}

/* --- Who we are. */

/* Where we listen, as one address of a NODE; empty: on every address, so on none to tell. */
static bytes own_address(const struct daemon *daemon, u8 room[static 1 + NODE_ADDRESS_LIMIT])
{
    const char *host = daemon->options.addr;
    char text[NODE_ADDRESS_LIMIT + 1];
    bool is_v6 = strchr(host, ':') != NULL;
    usize size =
        fmt(text, sizeof(text), is_v6 ? "[%s]:%u" : "%s:%u", host, links_port(daemon->links));
    if (size >= sizeof(text) || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0)
        return BYTES_EMPTY;
    room[0] = (u8)size;
    memcpy(room + 1, text, size);
    return (bytes){room, 1 + size};
}

static bool is_said(const struct graph_node *node, const struct wire_node *wanted, u64 now_s)
{
    struct wire_message said;
    return node->timestamp_s != 0 && now_s < node->timestamp_s + SAID_AGAIN_S &&
           wire_decode(node->said, &said, NULL) == ST_OK &&
           bytes_equal(said.node.alias, wanted->alias) &&
           bytes_equal(said.node.addresses, wanted->addresses);
}

void announcing_node(struct daemon *daemon, u64 now_s)
{
    u8 room[1 + NODE_ADDRESS_LIMIT];
    struct graph *graph = network_graph(daemon);
    struct wire_node wanted = {.node = keyring_node(daemon->ring)};
    const struct graph_node *node = graph_node(graph, &wanted.node);
    if (node == NULL || node->public_channels == 0)
        return;
    wanted.alias = (bytes){(const u8 *)daemon->options.alias, strlen(daemon->options.alias)};
    wanted.addresses = own_address(daemon, room);
    if (is_said(node, &wanted, now_s))
        return;
    wanted.timestamp_s = next_timestamp(node->timestamp_s, now_s);
    sign_as_node(daemon, gossip_node_digest(&wanted), &wanted.signature);
    (void)graph_put_node(graph, &wanted);
    network_tell(daemon, node->key, NULL);
    network_changed(daemon);
}

/* --- Channels that only our invoices name. */

void announcing_hints(struct daemon *daemon, u64 chain_id, address asset, struct invoice_hints *out)
{
    u32 slots;
    point33 point = keyring_node(daemon->ring);
    struct graph *graph = network_graph(daemon);
    network_set_all_own(daemon);
    const struct graph_channel *channels = graph_channels(graph, &slots);
    const struct graph_node *nodes = graph_nodes(graph, &slots);
    u32 ours = graph_find_node(graph, &point);
    out->count = 0;
    if (ours == GRAPH_NONE)
        return;
    for (u32 i = nodes[ours].first; i != GRAPH_NONE && out->count < INVOICE_HINTS_LIMIT;
         i = graph_next_channel(graph, i, ours)) {
        const struct graph_channel *channel = &channels[i];
        if (!channel->own || channel->announce != NULL || channel->chain_id != chain_id ||
            !address_equal(channel->asset, asset))
            continue;
        u32 peer = channel->node[0] == ours ? 1 : 0;
        const struct graph_policy *policy = &channel->policy[peer];
        if (channel->spendable[peer] == 0 || policy->timestamp_s == 0 || !policy->enabled)
            continue;
        out->at[out->count++] = (struct invoice_hint){nodes[channel->node[peer]].point, channel->id,
                                                      policy->base_fee, policy->fee_ppm};
    }
}

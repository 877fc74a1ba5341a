/* What is known of the network, by JSON-RPC. */
#include "channel/methods.h"
#include "channel/node_address.h"
#include "channel/network.h"

static void put_timestamp(struct json_out *out, const char *key, u64 time_s)
{
    json_key(out, key);
    json_put_u64(out, time_s);
}

static void put_addresses(struct json_out *out, bytes addresses)
{
    json_key(out, "addresses");
    json_open_array(out);
    for (bytes each; (each = node_address_next(&addresses)).size != 0;)
        json_put_text(out, each);
    json_close_array(out);
}

static void put_node(struct json_out *out, const struct graph_node *node)
{
    struct wire_message said = {.type = WIRE_NODE};
    if (node->timestamp_s != 0 && wire_decode(node->said, &said, NULL) != ST_OK)
        said.node = (struct wire_node){.timestamp_s = 0};
    json_open_object(out);
    method_put_hex(out, "node", BYTES_OF(node->point));
    json_key(out, "alias");
    json_put_text(out, said.node.alias);
    put_addresses(out, said.node.addresses);
    json_key(out, "channels");
    json_put_u64(out, node->channels);
    json_close_object(out);
}

static void put_policy(struct json_out *out, const struct graph_policy *policy)
{
    if (policy->timestamp_s == 0) {
        json_put_null(out);
        return;
    }
    json_open_object(out);
    json_key(out, "enabled");
    json_put_bool(out, policy->enabled);
    method_put_amount(out, "baseFee", policy->base_fee);
    json_key(out, "feePpm");
    json_put_u64(out, policy->fee_ppm);
    put_timestamp(out, "timestamp", policy->timestamp_s);
    json_close_object(out);
}

static void put_channel(struct json_out *out, const struct graph_channel *channel,
                        const struct graph_node *nodes)
{
    json_open_object(out);
    method_put_hex(out, "channel", BYTES_OF(channel->id));
    json_key(out, "chainId");
    json_put_quantity_u64(out, channel->chain_id);
    method_put_hex(out, "asset", BYTES_OF(channel->asset));
    method_put_amount(out, "capacity", channel->capacity);
    json_key(out, "public");
    json_put_bool(out, channel->announce != NULL);
    json_key(out, "own");
    json_put_bool(out, channel->own);
    json_key(out, "nodes");
    json_open_array(out);
    for (u32 side = 0; side < 2; side++)
        json_put_hex(out, BYTES_OF(nodes[channel->node[side]].point));
    json_close_array(out);
    json_key(out, "policies");
    json_open_array(out);
    for (u32 side = 0; side < 2; side++)
        put_policy(out, &channel->policy[side]);
    json_close_array(out);
    json_close_object(out);
}

/* Channels that the chain has confirmed, and their nodes. */
void method_graph(struct daemon_call *call)
{
    struct graph *graph = network_graph(call->daemon);
    u32 channel_slots, node_slots;
    network_set_all_own(call->daemon);
    const struct graph_channel *channels = graph_channels(graph, &channel_slots);
    const struct graph_node *nodes = graph_nodes(graph, &node_slots);
    json_key(call->out, "result");
    json_open_object(call->out);
    json_key(call->out, "nodes");
    json_open_array(call->out);
    for (u32 i = 0; i < node_slots; i++)
        if (nodes[i].first != GRAPH_NONE)
            put_node(call->out, &nodes[i]);
    json_close_array(call->out);
    json_key(call->out, "channels");
    json_open_array(call->out);
    for (u32 i = 0; i < channel_slots; i++)
        if (channels[i].used && channels[i].confirmed)
            put_channel(call->out, &channels[i], nodes);
    json_close_array(call->out);
    json_close_object(call->out);
    method_answer_after(call);
}

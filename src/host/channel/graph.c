#include "channel/graph.h"
#include "channel/node_address.h"

#include "base/bug.h"
#include "crypto/keccak.h"

#include <stdlib.h>

enum {
    UNCONFIRMED_PART = 16, /* one in so many channels */
    NODE_SAID_LIMIT = 2 + 33 + 8 + 2 + GOSSIP_ALIAS_LIMIT + 2 +
                      NODE_ADDRESSES_LIMIT * (1 + NODE_ADDRESS_LIMIT) + 64,
    /* A channel with as many nodes as channels, and both in the index. */
    COST = sizeof(struct graph_channel) + 2 * sizeof(signature64) + sizeof(struct wire_announce) +
           sizeof(struct graph_node) + NODE_SAID_LIMIT + 4 * 2 * sizeof(struct graph_index_entry),
};

struct graph {
    struct graph_channel *channels;
    signature64 (
        *signatures)[2]; /* of the channels' policies: apart, for routes never look at them */
    struct graph_node *nodes;
    u32 limit;                     /* of each */
    u32 channel_slots, node_slots; /* used once */
    u32 free_channel, free_node;   /* the first that are free again */
    u32 channel_count, node_count;
    struct {
        u32 count, first, last;
    } unconfirmed; /* in the order in which they came */
    struct graph_index index;
};

/* --- Life. */

struct graph *graph_new(usize budget_bytes, u64 seed)
{
    struct graph *graph = calloc(1, sizeof(*graph));
    assert(graph != NULL);
    graph->limit = (u32)min_u64(budget_bytes / COST, GRAPH_NONE / GRAPH_KINDS) + 2;
    graph->channels = calloc(graph->limit, sizeof(graph->channels[0]));
    graph->signatures = calloc(graph->limit, sizeof(graph->signatures[0]));
    graph->nodes = calloc(graph->limit, sizeof(graph->nodes[0]));
    assert(graph->channels != NULL && graph->signatures != NULL && graph->nodes != NULL);
    graph->free_channel = graph->free_node = GRAPH_NONE;
    graph->unconfirmed.first = graph->unconfirmed.last = GRAPH_NONE;
    graph->index = graph_index_new(2 * (usize)graph->limit, seed);
    return graph;
}

static void free_bytes(bytes part)
{
    free((void *)(uintptr_t)part.data);
}

static void free_announce(struct graph_channel *channel)
{
    free((void *)(uintptr_t)channel->announce);
}

void graph_free(struct graph *graph)
{
    if (graph == NULL)
        return;
    for (u32 i = 0; i < graph->channel_slots; i++)
        free_announce(&graph->channels[i]);
    for (u32 i = 0; i < graph->node_slots; i++)
        free_bytes(graph->nodes[i].said);
    graph_index_free(&graph->index);
    free(graph->channels);
    free(graph->signatures);
    free(graph->nodes);
    free(graph);
}

/* --- Finding. */

u64 graph_key_of_channel(hash32 id)
{
    return load_be64(id.b) & ~(u64)3;
}

u64 graph_key_of_node(const point33 *point)
{
    hash32 hash = keccak256(BYTES_OF(*point));
    return load_be64(hash.b) | GRAPH_NODE;
}

u32 graph_find_channel(const struct graph *graph, hash32 id)
{
    u32 slot = graph_index_get(&graph->index, graph_key_of_channel(id));
    return slot != GRAPH_NONE && hash32_equal(graph->channels[slot].id, id) ? slot : GRAPH_NONE;
}

u32 graph_find_node(const struct graph *graph, const point33 *point)
{
    u32 slot = graph_index_get(&graph->index, graph_key_of_node(point));
    return slot != GRAPH_NONE && point_equal(&graph->nodes[slot].point, point) ? slot : GRAPH_NONE;
}

struct graph_channel *graph_channel(struct graph *graph, hash32 id)
{
    u32 slot = graph_find_channel(graph, id);
    return slot != GRAPH_NONE ? &graph->channels[slot] : NULL;
}

struct graph_node *graph_node(struct graph *graph, const point33 *point)
{
    u32 slot = graph_find_node(graph, point);
    return slot != GRAPH_NONE ? &graph->nodes[slot] : NULL;
}

bool graph_node_is_private(const struct graph *graph, const struct graph_node *node)
{
    u32 own = (u32)(node - graph->nodes), i = node->first;
    while (i != GRAPH_NONE && graph->channels[i].announce == NULL)
        i = graph_next_channel(graph, i, own);
    return i == GRAPH_NONE;
}

signature64 graph_policy_signature(const struct graph *graph, const struct graph_channel *channel,
                                   u32 side)
{
    return graph->signatures[channel - graph->channels][side];
}

const struct graph_channel *graph_channels(const struct graph *graph, u32 *slots)
{
    *slots = graph->channel_slots;
    return graph->channels;
}

const struct graph_node *graph_nodes(const struct graph *graph, u32 *slots)
{
    *slots = graph->node_slots;
    return graph->nodes;
}

u32 graph_count(const struct graph *graph)
{
    return graph->channel_count;
}

u32 graph_next_channel(const struct graph *graph, u32 channel, u32 node)
{
    const struct graph_channel *at = &graph->channels[channel];
    return at->next[at->node[0] == node ? 0 : 1];
}

/* --- Nodes come and go with their channels. */

static u32 node_slot(struct graph *graph, const point33 *point)
{
    u64 key = graph_key_of_node(point);
    u32 slot = graph_index_get(&graph->index, key);
    if (slot != GRAPH_NONE)
        return slot;
    slot = graph->free_node;
    if (slot == GRAPH_NONE)
        slot = graph->node_slots++;
    else
        graph->free_node = graph->nodes[slot].channels;
    assert(slot < graph->limit);
    graph->nodes[slot] = (struct graph_node){.point = *point, .key = key, .first = GRAPH_NONE};
    graph_index_add(&graph->index, key, slot);
    graph->node_count++;
    return slot;
}

static void remove_node(struct graph *graph, u32 slot)
{
    struct graph_node *node = &graph->nodes[slot];
    graph_index_remove(&graph->index, node->key);
    free_bytes(node->said);
    /* A free slot has the next free one where its count was. */
    *node = (struct graph_node){.first = GRAPH_NONE, .channels = graph->free_node};
    graph->free_node = slot;
    graph->node_count--;
}

static void enter_list(struct graph *graph, u32 slot, u32 side)
{
    struct graph_channel *channel = &graph->channels[slot];
    struct graph_node *node = &graph->nodes[channel->node[side]];
    channel->next[side] = node->first;
    node->first = slot;
    node->channels++;
}

static void leave_list(struct graph *graph, u32 slot, u32 side)
{
    struct graph_channel *channel = &graph->channels[slot];
    u32 owner = channel->node[side];
    struct graph_node *node = &graph->nodes[owner];
    u32 *link = &node->first;
    while (*link != slot) {
        struct graph_channel *other = &graph->channels[*link];
        link = &other->next[other->node[0] == owner ? 0 : 1];
    }
    *link = channel->next[side];
    if (--node->channels == 0)
        remove_node(graph, owner);
}

/* --- Channels. */

static bool is_public(const struct graph_channel *channel)
{
    return channel->used && channel->announce != NULL && channel->confirmed;
}

/* They wait for the chain's word, and are limited. */
static bool is_unconfirmed(const struct graph_channel *channel)
{
    return channel->used && !channel->confirmed && !channel->own;
}

static void enter_unconfirmed(struct graph *graph, struct graph_channel *channel)
{
    u32 slot = (u32)(channel - graph->channels), last = graph->unconfirmed.last;
    *(last != GRAPH_NONE ? &graph->channels[last].after : &graph->unconfirmed.first) = slot;
    channel->before = last;
    channel->after = GRAPH_NONE;
    graph->unconfirmed.last = slot;
    graph->unconfirmed.count++;
}

static void leave_unconfirmed(struct graph *graph, const struct graph_channel *channel)
{
    u32 before = channel->before, after = channel->after;
    *(before != GRAPH_NONE ? &graph->channels[before].after : &graph->unconfirmed.first) = after;
    *(after != GRAPH_NONE ? &graph->channels[after].before : &graph->unconfirmed.last) = before;
    graph->unconfirmed.count--;
}

/* Around each change of a channel, so that the counts stay right: first -1, then 1. */
static void count(struct graph *graph, struct graph_channel *channel, int by)
{
    for (u32 side = 0; side < 2 && is_public(channel); side++)
        graph->nodes[channel->node[side]].public_channels += (u32)by;
    if (!is_unconfirmed(channel))
        return;
    if (by > 0)
        enter_unconfirmed(graph, channel);
    else
        leave_unconfirmed(graph, channel);
}

static void remove_channel(struct graph *graph, u32 slot)
{
    struct graph_channel *channel = &graph->channels[slot];
    count(graph, channel, -1);
    leave_list(graph, slot, 0);
    leave_list(graph, slot, 1);
    graph_index_remove(&graph->index, channel->key);
    free_announce(channel);
    *channel = (struct graph_channel){.next = {graph->free_channel}};
    graph->free_channel = slot;
    graph->channel_count--;
}

/* Its newest policy's time; without any, when it was first seen. */
static u64 age_mark(const struct graph_channel *channel)
{
    u64 newest_s = max_u64(channel->policy[0].timestamp_s, channel->policy[1].timestamp_s);
    return newest_s != 0 ? newest_s : channel->seen_s;
}

/* Looks at all of them, so what makes it necessary must not be free: to fill the graph, the chain
 * has to confirm channels. */
static bool evict(struct graph *graph)
{
    u32 oldest = GRAPH_NONE;
    for (u32 i = 0; i < graph->channel_slots; i++) {
        const struct graph_channel *channel = &graph->channels[i];
        if (!channel->used || channel->own)
            continue;
        if (oldest == GRAPH_NONE || age_mark(channel) < age_mark(&graph->channels[oldest]))
            oldest = i;
    }
    if (oldest != GRAPH_NONE)
        remove_channel(graph, oldest);
    return oldest != GRAPH_NONE;
}

/* For one more channel and two more nodes. */
static bool make_room(struct graph *graph)
{
    while (graph->unconfirmed.count > graph->limit / UNCONFIRMED_PART)
        remove_channel(graph, graph->unconfirmed.first);
    while (graph->channel_count == graph->limit || graph->node_count > graph->limit - 2)
        if (!evict(graph))
            return false;
    return true;
}

static enum status add_channel(struct graph *graph, hash32 id, const point33 *nodes[2],
                               struct graph_channel **out, struct err *err)
{
    if (graph_key_of_node(nodes[0]) == graph_key_of_node(nodes[1]))
        return fail(err, ST_INVALID, "a channel of a node with itself");
    if (!make_room(graph))
        return fail(err, ST_FULL, "no room for more channels");
    for (u32 side = 0; side < 2; side++) {
        u32 slot = graph_index_get(&graph->index, graph_key_of_node(nodes[side]));
        if (slot != GRAPH_NONE && !point_equal(&graph->nodes[slot].point, nodes[side]))
            return fail(err, ST_AGAIN, "two nodes with one key");
    }
    u64 key = graph_key_of_channel(id);
    if (graph_index_get(&graph->index, key) != GRAPH_NONE)
        return fail(err, ST_AGAIN, "two channels with one key");
    u32 slot = graph->free_channel;
    if (slot == GRAPH_NONE)
        slot = graph->channel_slots++;
    else
        graph->free_channel = graph->channels[slot].next[0];
    struct graph_channel *channel = &graph->channels[slot];
    *channel = (struct graph_channel){.id = id, .used = true, .key = key};
    for (u32 side = 0; side < 2; side++) {
        channel->node[side] = node_slot(graph, nodes[side]);
        enter_list(graph, slot, side);
    }
    graph_index_add(&graph->index, key, slot);
    graph->channel_count++;
    *out = channel;
    return ST_OK;
}

static bool has_nodes(const struct graph *graph, const struct graph_channel *channel,
                      const point33 *nodes[2])
{
    return point_equal(&graph->nodes[channel->node[0]].point, nodes[0]) &&
           point_equal(&graph->nodes[channel->node[1]].point, nodes[1]);
}

/* --- What comes in. */

enum status graph_put_announce(struct graph *graph, const struct wire_announce *announce, hash32 id,
                               u64 now_s, struct err *err)
{
    const point33 *nodes[2] = {&announce->node_a, &announce->node_b};
    struct graph_channel *channel = graph_channel(graph, id);
    if (channel != NULL && channel->announce != NULL)
        return ST_AGAIN;
    if (channel != NULL && !has_nodes(graph, channel, nodes))
        return fail(err, ST_INVALID, "a channel of ours is announced for other nodes");
    if (channel == NULL) {
        TRY(add_channel(graph, id, nodes, &channel, err));
        channel->chain_id = announce->chain_id;
        channel->asset = announce->asset;
        channel->seen_s = now_s;
        count(graph, channel, 1);
    }
    count(graph, channel, -1);
    struct wire_announce *copy = malloc(sizeof(*copy));
    assert(copy != NULL);
    *copy = *announce;
    channel->announce = copy;
    count(graph, channel, 1);
    return ST_OK;
}

enum status graph_put_policy(struct graph *graph, const struct wire_policy *policy)
{
    struct graph_channel *channel = graph_channel(graph, policy->id);
    if (channel == NULL)
        return ST_MISSING;
    assert(policy->side < 2);
    struct graph_policy *known = &channel->policy[policy->side];
    if (policy->timestamp_s <= known->timestamp_s)
        return ST_AGAIN;
    *known = (struct graph_policy){.timestamp_s = policy->timestamp_s,
                                   .enabled = policy->enabled == 1,
                                   .fee_ppm = policy->fee_ppm,
                                   .base_fee = policy->base_fee,
                                   .least = policy->least,
                                   .most = policy->most};
    graph->signatures[channel - graph->channels][policy->side] = policy->signature;
    return ST_OK;
}

enum status graph_put_node(struct graph *graph, const struct wire_node *node)
{
    u8 out[WIRE_LIMIT];
    struct graph_node *known = graph_node(graph, &node->node);
    if (known == NULL)
        return ST_MISSING;
    if (node->timestamp_s <= known->timestamp_s)
        return ST_AGAIN;
    usize size = wire_encode(&(struct wire_message){WIRE_NODE, {.node = *node}}, out);
    if (size > NODE_SAID_LIMIT)
        return ST_INVALID;
    u8 *said = malloc(size);
    assert(said != NULL);
    memcpy(said, out, size);
    free_bytes(known->said);
    known->said = (bytes){said, size};
    known->timestamp_s = node->timestamp_s;
    return ST_OK;
}

enum status graph_confirm(struct graph *graph, hash32 id, u128 deposited_a, u128 deposited_b)
{
    u128 capacity;
    struct graph_channel *channel = graph_channel(graph, id);
    if (channel == NULL)
        return ST_MISSING;
    if (__builtin_add_overflow(deposited_a, deposited_b, &capacity))
        capacity = ~(u128)0;
    if (capacity == 0 && !channel->own) {
        graph_forget(graph, id);
        return ST_OK;
    }
    count(graph, channel, -1);
    channel->confirmed = capacity > 0;
    if (channel->capacity != capacity)
        channel->liquidity = (struct graph_liquidity){0};
    channel->capacity = capacity;
    count(graph, channel, 1);
    return ST_OK;
}

enum status graph_set_own(struct graph *graph, const struct graph_own *own, struct err *err)
{
    const point33 *nodes[2] = {&own->node[0], &own->node[1]};
    struct graph_channel *channel = graph_channel(graph, own->id);
    if (channel != NULL && !has_nodes(graph, channel, nodes))
        return fail(err, ST_INVALID, "a channel of ours is announced for other nodes");
    if (channel == NULL)
        TRY(add_channel(graph, own->id, nodes, &channel, err));
    else
        count(graph, channel, -1);
    channel->own = true;
    channel->chain_id = own->chain_id;
    channel->asset = own->asset;
    memcpy(channel->spendable, own->spendable, sizeof(own->spendable));
    count(graph, channel, 1);
    return ST_OK;
}

void graph_forget(struct graph *graph, hash32 id)
{
    struct graph_channel *channel = graph_channel(graph, id);
    if (channel != NULL)
        remove_channel(graph, (u32)(channel - graph->channels));
}

static bool is_old(u64 timestamp_s, u64 limit_s, u64 now_s)
{
    return now_s > timestamp_s && now_s - timestamp_s > limit_s;
}

static bool is_stale(const struct graph_channel *channel, u64 now_s)
{
    if (channel->own)
        return false;
    return is_old(age_mark(channel), GOSSIP_AGE_LIMIT_S, now_s) ||
           (!channel->confirmed && is_old(channel->seen_s, GRAPH_UNCONFIRMED_LIMIT_S, now_s));
}

void graph_prune(struct graph *graph, u64 now_s)
{
    for (u32 i = 0; i < graph->channel_slots; i++) {
        struct graph_channel *channel = &graph->channels[i];
        if (channel->used && is_stale(channel, now_s))
            remove_channel(graph, i);
        for (u32 side = 0; side < 2; side++)
            if (is_old(channel->policy[side].timestamp_s, GOSSIP_AGE_LIMIT_S, now_s))
                channel->policy[side] = (struct graph_policy){0};
    }
    for (u32 i = 0; i < graph->node_slots; i++) {
        struct graph_node *node = &graph->nodes[i];
        if (node->timestamp_s != 0 && is_old(node->timestamp_s, GOSSIP_AGE_LIMIT_S, now_s)) {
            free_bytes(node->said);
            node->said = BYTES_EMPTY;
            node->timestamp_s = 0;
        }
    }
}

/* --- What is told. */

static u64 timestamp_of(const struct graph *graph, u32 slot, u32 kind)
{
    if (kind == GRAPH_NODE)
        return graph->nodes[slot].timestamp_s;
    return kind == GRAPH_ANNOUNCE ? 0 : graph->channels[slot].policy[kind - 1].timestamp_s;
}

static bool is_known(const struct graph *graph, u32 slot, u32 kind)
{
    if (kind == GRAPH_ANNOUNCE)
        return graph->channels[slot].announce != NULL;
    return timestamp_of(graph, slot, kind) != 0;
}

static bool is_told(const struct graph *graph, u32 slot, u32 kind)
{
    bool is_seen = kind == GRAPH_NODE ? graph->nodes[slot].public_channels > 0
                                      : is_public(&graph->channels[slot]);
    return is_seen && is_known(graph, slot, kind);
}

bool graph_next_item(const struct graph *graph, u64 *cursor, struct graph_item *out)
{
    u64 of_channels = 3 * (u64)graph->channel_slots;
    for (u64 at = *cursor; at < of_channels + graph->node_slots; at++) {
        u32 kind = at < of_channels ? (u32)(at % 3) : GRAPH_NODE;
        u32 slot = (u32)(at < of_channels ? at / 3 : at - of_channels);
        if (!is_told(graph, slot, kind))
            continue;
        u64 key = kind == GRAPH_NODE ? graph->nodes[slot].key : graph->channels[slot].key + kind;
        *out = (struct graph_item){key, timestamp_of(graph, slot, kind)};
        *cursor = at + 1;
        return true;
    }
    return false;
}

static u32 slot_of_key(const struct graph *graph, u64 key)
{
    return graph_index_get(&graph->index, key % 4 == GRAPH_NODE ? key : key & ~(u64)3);
}

/* Whoever asks by a list of keys must not learn whose a private channel is. */
static bool is_secret(const struct graph *graph, u32 slot, u32 kind)
{
    return kind == GRAPH_NODE ? graph_node_is_private(graph, &graph->nodes[slot])
                              : graph->channels[slot].announce == NULL;
}

bool graph_knows(const struct graph *graph, u64 key, u64 *timestamp_s)
{
    u32 slot = slot_of_key(graph, key), kind = key % 4;
    if (slot == GRAPH_NONE || !is_known(graph, slot, kind) || is_secret(graph, slot, kind))
        return false;
    *timestamp_s = timestamp_of(graph, slot, kind);
    return true;
}

static struct wire_policy policy_of(const struct graph *graph, u32 slot, u32 side)
{
    const struct graph_channel *channel = &graph->channels[slot];
    const struct graph_policy *policy = &channel->policy[side];
    return (struct wire_policy){.id = channel->id,
                                .side = (u16)side,
                                .timestamp_s = policy->timestamp_s,
                                .enabled = policy->enabled,
                                .base_fee = policy->base_fee,
                                .fee_ppm = policy->fee_ppm,
                                .least = policy->least,
                                .most = policy->most,
                                .signature = graph->signatures[slot][side]};
}

enum status graph_message(const struct graph *graph, u64 key, struct wire_message *out)
{
    u32 slot = slot_of_key(graph, key), kind = key % 4;
    if (slot == GRAPH_NONE || !is_told(graph, slot, kind))
        return ST_MISSING;
    if (kind == GRAPH_NODE)
        return wire_decode(graph->nodes[slot].said, out, NULL);
    const struct graph_channel *channel = &graph->channels[slot];
    if (kind == GRAPH_ANNOUNCE)
        *out = (struct wire_message){WIRE_ANNOUNCE, {.announce = *channel->announce}};
    else
        *out = (struct wire_message){WIRE_POLICY, {.policy = policy_of(graph, slot, kind - 1)}};
    return ST_OK;
}

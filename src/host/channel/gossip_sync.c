#include "channel/gossip_sync.h"

#include "base/bug.h"

#include <stdlib.h>

enum {
    BUCKET_SIZE = 12,
    ITEM_SIZE = 16,
    KEY_SIZE = 8,
    HOUR_S = 3600,
    MINUTE_S = 60,
};

static_assert(2 + 2 + GOSSIP_LIST_LIMIT * ITEM_SIZE <= WIRE_LIMIT, "a list fits");

struct gossip_sync {
    struct graph *graph;
    struct gossip_bucket checks, summaries;
    struct gossip_bucket *strangers; /* NULL: it is none of them */
    bool asks;                       /* a summary is due */
    bool answers;                    /* a SYNC_WANT is due: `want` */
    u32 want_count;
    u64 want[GOSSIP_LIST_LIMIT];
    bool differs[GOSSIP_BUCKETS]; /* what the peer is told of */
    bool lists, waits;            /* not told all of it yet; its SYNC_WANT has not come */
    u64 cursor;                   /* in the graph's items */
    u32 queue_first, queue_count;
    u64 queue[GOSSIP_QUEUE_LIMIT];
};

struct gossip_sync *gossip_sync_new(struct graph *graph)
{
    struct gossip_sync *sync = calloc(1, sizeof(*sync));
    assert(sync != NULL);
    sync->graph = graph;
    return sync;
}

void gossip_sync_share(struct gossip_sync *sync, struct gossip_bucket *strangers)
{
    sync->strangers = strangers;
}

void gossip_sync_free(struct gossip_sync *sync)
{
    free(sync);
}

void gossip_sync_ask(struct gossip_sync *sync)
{
    sync->asks = true;
}

void gossip_sync_tell(struct gossip_sync *sync, u64 key)
{
    if (sync->queue_count == GOSSIP_QUEUE_LIMIT)
        return;
    sync->queue[(sync->queue_first + sync->queue_count++) % GOSSIP_QUEUE_LIMIT] = key;
}

/* --- News. */

static enum status spend_checks(struct gossip_sync *sync, u64 checks, u64 now_s, struct err *err)
{
    if (!gossip_spend(&sync->checks, checks, GOSSIP_CHECKS_LIMIT, MINUTE_S, now_s))
        return fail(err, ST_AGAIN, "a peer tells too much in a minute");
    if (sync->strangers != NULL &&
        !gossip_spend(sync->strangers, checks, GOSSIP_STRANGERS_LIMIT, MINUTE_S, now_s))
        return fail(err, ST_AGAIN, "strangers tell too much in a minute");
    return ST_OK;
}

static enum status spend_words(struct graph_node *node, u64 now_s, struct err *err)
{
    u64 most = GOSSIP_WORDS_LEAST + 2 * (u64)node->channels;
    if (!gossip_spend(&node->rate, 1, most, HOUR_S, now_s))
        return fail(err, ST_AGAIN, "a node says too much in an hour");
    return ST_OK;
}

static enum status take_announce(struct gossip_sync *sync, const struct wire_announce *announce,
                                 u64 now_s, struct gossip_news *news, struct err *err)
{
    hash32 id = gossip_channel_id(announce);
    const struct graph_channel *known = graph_channel(sync->graph, id);
    if (known != NULL && known->announce != NULL)
        return ST_AGAIN;
    TRY(spend_checks(sync, GOSSIP_SIGNATURES_ANNOUNCE, now_s, err));
    TRY(gossip_check_announce(announce, err));
    TRY(graph_put_announce(sync->graph, announce, id, now_s, err));
    news->is_channel = true;
    news->id = id;
    return ST_OK;
}

static enum status take_policy(struct gossip_sync *sync, const struct wire_policy *policy,
                               u64 now_s, struct gossip_news *news, struct err *err)
{
    u32 nodes;
    const struct graph_channel *channel = graph_channel(sync->graph, policy->id);
    TRY(gossip_check_policy_form(policy, err)); /* known or not: else who is shown out learns it */
    if (channel == NULL)
        return ST_MISSING;
    if (policy->timestamp_s <= channel->policy[policy->side].timestamp_s)
        return ST_AGAIN;
    const struct graph_node *said_by =
        &graph_nodes(sync->graph, &nodes)[channel->node[policy->side]];
    TRY(spend_checks(sync, 1, now_s, err));
    TRY(gossip_check_policy(policy, &said_by->point, now_s, err));
    TRY(spend_words(graph_node(sync->graph, &said_by->point), now_s, err));
    TRY(graph_put_policy(sync->graph, policy));
    news->key = channel->key + GRAPH_POLICY_A + policy->side;
    return ST_OK;
}

static enum status take_node(struct gossip_sync *sync, const struct wire_node *node, u64 now_s,
                             struct gossip_news *news, struct err *err)
{
    struct graph_node *known = graph_node(sync->graph, &node->node);
    if (known == NULL || graph_node_is_private(sync->graph, known))
        return ST_MISSING;
    if (node->timestamp_s <= known->timestamp_s)
        return ST_AGAIN;
    TRY(spend_checks(sync, 1, now_s, err));
    TRY(gossip_check_node(node, now_s, err));
    TRY(spend_words(known, now_s, err));
    TRY(graph_put_node(sync->graph, node));
    news->key = known->key;
    return ST_OK;
}

/* --- Bringing graphs together. */

static void summarise(const struct graph *graph, u8 out[static GOSSIP_SUMMARY_SIZE])
{
    struct graph_item item;
    memset(out, 0, GOSSIP_SUMMARY_SIZE);
    for (u64 cursor = 0; graph_next_item(graph, &cursor, &item);) {
        u8 *bucket = out + BUCKET_SIZE * (item.key >> 56);
        store_be32(bucket, load_be32(bucket) + 1);
        store_be64(bucket + 4,
                   load_be64(bucket + 4) ^ graph_mix(item.key + graph_mix(item.timestamp_s)));
    }
}

static enum status take_summary(struct gossip_sync *sync, bytes buckets, u64 now_s, struct err *err)
{
    u8 own[GOSSIP_SUMMARY_SIZE];
    if (buckets.size != GOSSIP_SUMMARY_SIZE)
        return fail(err, ST_INVALID, "a summary of %zu bytes", buckets.size);
    if (!gossip_spend(&sync->summaries, 1, 1, GOSSIP_SUMMARY_PERIOD_S, now_s))
        return fail(err, ST_AGAIN, "a summary too soon after another");
    summarise(sync->graph, own);
    for (usize i = 0; i < GOSSIP_BUCKETS; i++) {
        usize at = BUCKET_SIZE * i;
        sync->differs[i] = memcmp(own + at, buckets.data + at, BUCKET_SIZE) != 0;
    }
    sync->lists = true;
    sync->waits = false;
    sync->cursor = 0;
    return ST_OK;
}

static enum status take_list(struct gossip_sync *sync, bytes items, struct err *err)
{
    if (items.size % ITEM_SIZE != 0 || items.size > GOSSIP_LIST_LIMIT * ITEM_SIZE)
        return fail(err, ST_INVALID, "a list of %zu bytes", items.size);
    sync->answers = true;
    sync->want_count = 0;
    for (usize at = 0; at < items.size; at += ITEM_SIZE) {
        u64 key = load_be64(items.data + at), known_s;
        if (!graph_knows(sync->graph, key, &known_s) ||
            known_s < load_be64(items.data + at + KEY_SIZE))
            sync->want[sync->want_count++] = key;
    }
    return ST_OK;
}

static enum status take_want(struct gossip_sync *sync, bytes keys, struct err *err)
{
    if (keys.size % KEY_SIZE != 0 || keys.size > GOSSIP_LIST_LIMIT * KEY_SIZE)
        return fail(err, ST_INVALID, "a want of %zu bytes", keys.size);
    if (!sync->waits)
        return fail(err, ST_AGAIN, "a want without a list");
    sync->waits = false;
    for (usize at = 0; at < keys.size; at += KEY_SIZE)
        gossip_sync_tell(sync, load_be64(keys.data + at));
    return ST_OK;
}

enum status gossip_sync_take(struct gossip_sync *sync, const struct wire_message *message,
                             u64 now_s, struct gossip_news *news, struct err *err)
{
    *news = (struct gossip_news){0};
    if (message->type == WIRE_ANNOUNCE)
        return take_announce(sync, &message->announce, now_s, news, err);
    if (message->type == WIRE_POLICY)
        return take_policy(sync, &message->policy, now_s, news, err);
    if (message->type == WIRE_NODE)
        return take_node(sync, &message->node, now_s, news, err);
    if (message->type == WIRE_SYNC_SUMMARY)
        return take_summary(sync, message->sync_summary.buckets, now_s, err);
    if (message->type == WIRE_SYNC_LIST)
        return take_list(sync, message->sync_list.items, err);
    if (message->type == WIRE_SYNC_WANT)
        return take_want(sync, message->sync_want.keys, err);
    return fail(err, ST_INVALID, "%s is no gossip", wire_name((u16)message->type));
}

/* --- What goes out. */

static usize send_summary(struct gossip_sync *sync, u8 *out)
{
    u8 buckets[GOSSIP_SUMMARY_SIZE];
    summarise(sync->graph, buckets);
    sync->asks = false;
    return wire_encode(
        &(struct wire_message){WIRE_SYNC_SUMMARY, {.sync_summary = {BYTES_OF(buckets)}}}, out);
}

static usize send_want(struct gossip_sync *sync, u8 *out)
{
    u8 keys[GOSSIP_LIST_LIMIT * KEY_SIZE];
    for (u32 i = 0; i < sync->want_count; i++)
        store_be64(keys + KEY_SIZE * (usize)i, sync->want[i]);
    bytes all = {keys, KEY_SIZE * (usize)sync->want_count};
    sync->answers = false;
    return wire_encode(&(struct wire_message){WIRE_SYNC_WANT, {.sync_want = {all}}}, out);
}

static usize send_item(struct gossip_sync *sync, u8 *out)
{
    struct wire_message message;
    u64 key = sync->queue[sync->queue_first];
    sync->queue_first = (sync->queue_first + 1) % GOSSIP_QUEUE_LIMIT;
    sync->queue_count--;
    return graph_message(sync->graph, key, &message) == ST_OK ? wire_encode(&message, out) : 0;
}

/* The next items of buckets that differ; 0: there are none. */
static usize send_list(struct gossip_sync *sync, u8 *out)
{
    u8 items[GOSSIP_LIST_LIMIT * ITEM_SIZE];
    usize size = 0;
    struct graph_item item;
    while (size < sizeof(items) && graph_next_item(sync->graph, &sync->cursor, &item)) {
        if (!sync->differs[item.key >> 56])
            continue;
        store_be64(items + size, item.key);
        store_be64(items + size + KEY_SIZE, item.timestamp_s);
        size += ITEM_SIZE;
    }
    sync->lists = size == sizeof(items);
    sync->waits = size > 0;
    if (size == 0)
        return 0;
    return wire_encode(&(struct wire_message){WIRE_SYNC_LIST, {.sync_list = {{items, size}}}}, out);
}

usize gossip_sync_next(struct gossip_sync *sync, u8 out[static WIRE_LIMIT])
{
    usize size = 0;
    if (sync->asks)
        return send_summary(sync, out);
    if (sync->answers)
        return send_want(sync, out);
    while (size == 0 && sync->queue_count > 0)
        size = send_item(sync, out);
    if (size == 0 && sync->lists && !sync->waits)
        size = send_list(sync, out);
    return size;
}

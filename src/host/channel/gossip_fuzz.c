/* Any messages of a peer leave the machine and the graph whole: what it sends is well formed, and
 * what the graph tells is what it knows. */
#include "channel/gossip_sync.h"

#include "harness/fuzz.h"

static void check_graph(struct graph *graph)
{
    struct graph_item item;
    struct wire_message message;
    u64 timestamp_s;
    for (u64 cursor = 0; graph_next_item(graph, &cursor, &item);) {
        assert(graph_knows(graph, item.key, &timestamp_s) && timestamp_s == item.timestamp_s);
        assert(graph_message(graph, item.key, &message) == ST_OK);
    }
}

/* A few channels, whose nodes are no keys: of these nothing more can be said. */
static void fill(struct graph *graph)
{
    for (u8 i = 0; i < 8; i++) {
        struct wire_announce announce = {.terms = {{i}}, .node_a = {{i}}, .node_b = {{0xff}}};
        hash32 id = gossip_channel_id(&announce);
        struct wire_policy policy = {.id = id, .timestamp_s = 1};
        assert(graph_put_announce(graph, &announce, id, 0, NULL) == ST_OK);
        assert(graph_put_policy(graph, &policy) == ST_OK);
        assert(graph_confirm(graph, id, i, 1) == ST_OK);
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    static u8 out[WIRE_LIMIT];
    bytes in = {data, size};
    struct graph *graph = graph_new(1 << 16, 7);
    struct gossip_sync *sync = gossip_sync_new(graph);
    u64 now_s = 0;
    fill(graph);
    while (in.size > 0) {
        struct wire_message message;
        struct gossip_news news;
        u8 head[3] = {0}; /* seconds that pass, and the message's size */
        fuzz_fill(&in, head, sizeof(head));
        now_s += head[0];
        bytes text = fuzz_take(&in, (usize)head[1] << 8 | head[2]);
        if (wire_decode(text, &message, NULL) != ST_OK)
            continue;
        enum status st = gossip_sync_take(sync, &message, now_s, &news, NULL);
        assert(st == ST_OK || (!news.is_channel && news.key == 0));
        if (now_s % 2 == 0)
            gossip_sync_ask(sync);
        for (usize sent; (sent = gossip_sync_next(sync, out)) > 0;)
            assert(wire_decode((bytes){out, sent}, &message, NULL) == ST_OK);
    }
    check_graph(graph);
    gossip_sync_free(sync);
    graph_free(graph);
    return 0;
}

/* Graphs of peers come together, and a peer that lies or floods gains nothing. */
#include "channel/gossip_sync.h"

#include "harness/test.h"

enum { NOW_S = 1700000000 };

static secret32 secret_of(u32 number)
{
    secret32 out = {{0}};
    store_be32(out.b + 28, number);
    return out;
}

static point33 point_of(u32 number)
{
    secret32 secret = secret_of(number);
    point33 out = {{0}};
    CHECK(point_of_secret(&secret, &out) == ST_OK);
    return out;
}

static signature64 sign(u32 number, hash32 digest)
{
    secret32 secret = secret_of(number);
    signature64 out = {{0}};
    CHECK(secret_sign(&secret, digest, &out) == ST_OK);
    return out;
}

static address owner_of(u32 number)
{
    secret32 secret = secret_of(number);
    address out = {{0}};
    CHECK(secret_address(&secret, &out) == ST_OK);
    return out;
}

/* Between nodes a and b; the owners' keys are 1,000,000 and more. */
static struct wire_message announce_of(u32 number, u32 a, u32 b)
{
    u32 owner = 1000000 + 2 * number;
    struct wire_announce out = {.chain_id = 900,
                                .owner_a = owner_of(owner),
                                .owner_b = owner_of(owner + 1),
                                .node_a = point_of(a),
                                .node_b = point_of(b)};
    hash32 digest = gossip_announce_digest(&out);
    out.node_signature_a = sign(a, digest);
    out.node_signature_b = sign(b, digest);
    out.owner_signature_a = sign(owner, digest);
    out.owner_signature_b = sign(owner + 1, digest);
    return (struct wire_message){WIRE_ANNOUNCE, {.announce = out}};
}

static struct wire_message policy_of(hash32 id, u16 side, u32 signer, u64 timestamp_s)
{
    struct wire_policy out = {.id = id, .side = side, .timestamp_s = timestamp_s, .most = 1};
    out.signature = sign(signer, gossip_policy_digest(&out));
    return (struct wire_message){WIRE_POLICY, {.policy = out}};
}

static struct wire_message node_of(u32 number, u64 timestamp_s)
{
    struct wire_node out = {.node = point_of(number), .timestamp_s = timestamp_s};
    out.signature = sign(number, gossip_node_digest(&out));
    return (struct wire_message){WIRE_NODE, {.node = out}};
}

struct peer {
    struct graph *graph;
    struct gossip_sync *sync;
    usize sent[WIRE_SYNC_WANT + 1]; /* messages by type */
};

static struct peer peer_new(void)
{
    struct peer peer = {.graph = graph_new(1 << 22, 7)};
    peer.sync = gossip_sync_new(peer.graph);
    return peer;
}

static void peer_free(struct peer *peer)
{
    gossip_sync_free(peer->sync);
    graph_free(peer->graph);
}

static enum status take(struct peer *peer, const struct wire_message *message, u64 now_s)
{
    struct gossip_news news;
    enum status st = gossip_sync_take(peer->sync, message, now_s, &news, NULL);
    CHECK(!news.is_channel || graph_confirm(peer->graph, news.id, 1, 1) == ST_OK);
    return st;
}

/* Channel `number` of nodes number % 20 + 1 and 30, with all that can be said of it. */
static void learn(struct peer *peer, u32 number, u64 timestamp_s)
{
    u32 a = number % 20 + 1;
    struct wire_message announce = announce_of(number, a, 30);
    hash32 id = gossip_channel_id(&announce.announce);
    enum status st = take(peer, &announce, timestamp_s);
    CHECK(st == ST_OK || st == ST_AGAIN);
    struct wire_message policy = policy_of(id, 0, a, timestamp_s), node = node_of(a, timestamp_s);
    st = take(peer, &policy, timestamp_s);
    CHECK(st == ST_OK || st == ST_AGAIN);
    st = take(peer, &node, timestamp_s);
    CHECK(st == ST_OK || st == ST_AGAIN);
}

/* All that the two send one another until there is no more. */
static void talk(struct peer peers[2], u64 now_s)
{
    bool quiet = false;
    while (!quiet) {
        quiet = true;
        for (u32 i = 0; i < 2; i++) {
            u8 out[WIRE_LIMIT];
            struct wire_message message;
            usize size = gossip_sync_next(peers[i].sync, out);
            if (size == 0)
                continue;
            quiet = false;
            CHECK(wire_decode((bytes){out, size}, &message, NULL) == ST_OK);
            peers[i].sent[message.type]++;
            enum status st = take(&peers[1 - i], &message, now_s);
            CHECK(st != ST_INVALID && st != ST_FULL);
        }
    }
}

static bytes summary_of(struct peer *peer)
{
    u8 out[WIRE_LIMIT];
    gossip_sync_ask(peer->sync);
    usize size = gossip_sync_next(peer->sync, out);
    return arena_copy(test_arena(), (bytes){out, size});
}

TEST(gossip_sync_gives_both_what_either_knew)
{
    struct peer peers[2] = {peer_new(), peer_new()};
    for (u32 number = 0; number < 60; number++) {
        if (number % 3 != 0)
            learn(&peers[0], number, NOW_S + number);
        if (number % 3 != 1)
            learn(&peers[1], number, NOW_S + 100 - number);
    }
    for (u32 round = 0; round < 2; round++) {
        for (u32 i = 0; i < 2; i++)
            gossip_sync_ask(peers[i].sync);
        talk(peers, NOW_S + 200 + 60 * round);
    }
    CHECK(graph_count(peers[0].graph) == 60 && graph_count(peers[1].graph) == 60);
    CHECK(bytes_equal(summary_of(&peers[0]), summary_of(&peers[1])));
    CHECK(peers[0].sent[WIRE_ANNOUNCE] == 20 && peers[1].sent[WIRE_ANNOUNCE] == 20);
    for (u32 i = 0; i < 2; i++)
        peer_free(&peers[i]);
}

TEST(gossip_sync_sends_nothing_to_one_who_knows_it)
{
    struct peer peers[2] = {peer_new(), peer_new()};
    for (u32 number = 0; number < 20; number++)
        for (u32 i = 0; i < 2; i++)
            learn(&peers[i], number, NOW_S);
    learn(&peers[0], 20, NOW_S + 1);
    gossip_sync_ask(peers[1].sync);
    talk(peers, NOW_S);
    /* The new channel, its policy, and its node's newer word. */
    CHECK(peers[0].sent[WIRE_ANNOUNCE] == 1 && peers[0].sent[WIRE_POLICY] == 1);
    CHECK(peers[0].sent[WIRE_NODE] == 1 && peers[0].sent[WIRE_SYNC_LIST] == 1);
    gossip_sync_ask(peers[1].sync);
    talk(peers, NOW_S + 60);
    CHECK(peers[0].sent[WIRE_SYNC_LIST] == 1);
    for (u32 i = 0; i < 2; i++)
        peer_free(&peers[i]);
}

/* Not signed, and never taken: what is sent is counted. */
TEST(gossip_sync_sends_a_large_graph_list_by_list)
{
    enum { CHANNELS = 5000 };
    struct peer peers[2] = {peer_new(), peer_new()};
    graph_free(peers[0].graph);
    gossip_sync_free(peers[0].sync);
    peers[0].graph = graph_new(1 << 25, 7);
    peers[0].sync = gossip_sync_new(peers[0].graph);
    for (u32 i = 0; i < CHANNELS; i++) {
        struct wire_announce announce = {.node_a = {{2}}, .node_b = {{3}}};
        store_be32(announce.terms.b, i);
        hash32 id = gossip_channel_id(&announce);
        CHECK(graph_put_announce(peers[0].graph, &announce, id, NOW_S, NULL) == ST_OK);
        CHECK(graph_confirm(peers[0].graph, id, 1, 1) == ST_OK);
    }
    static const u32 lists[] = {GOSSIP_LIST_LIMIT, CHANNELS - GOSSIP_LIST_LIMIT};
    u8 out[WIRE_LIMIT];
    struct wire_message message;
    gossip_sync_ask(peers[1].sync);
    usize size = gossip_sync_next(peers[1].sync, out);
    CHECK(wire_decode((bytes){out, size}, &message, NULL) == ST_OK);
    CHECK(take(&peers[0], &message, NOW_S) == ST_OK);
    for (usize i = 0; i < countof(lists); i++) {
        size = gossip_sync_next(peers[0].sync, out);
        CHECK(wire_decode((bytes){out, size}, &message, NULL) == ST_OK);
        CHECK_ROW(i, message.type == WIRE_SYNC_LIST);
        CHECK_ROW(i, message.sync_list.items.size == 16 * (usize)lists[i]);
        CHECK_ROW(i, take(&peers[1], &message, NOW_S) == ST_OK);
        CHECK_ROW(i, gossip_sync_next(peers[0].sync, out) == 0); /* waits */
        size = gossip_sync_next(peers[1].sync, out);
        CHECK(wire_decode((bytes){out, size}, &message, NULL) == ST_OK);
        CHECK_ROW(i, message.sync_want.keys.size == 8 * (usize)lists[i]);
        CHECK_ROW(i, take(&peers[0], &message, NOW_S) == ST_OK);
        for (u32 k = 0; k < lists[i]; k++) {
            size = gossip_sync_next(peers[0].sync, out);
            CHECK(wire_decode((bytes){out, size}, &message, NULL) == ST_OK);
            CHECK(message.type == WIRE_ANNOUNCE);
        }
    }
    CHECK(gossip_sync_next(peers[0].sync, out) == 0);
    for (u32 i = 0; i < 2; i++)
        peer_free(&peers[i]);
}

TEST(gossip_sync_tells_what_is_new_when_it_is_public)
{
    struct peer peers[2] = {peer_new(), peer_new()};
    struct gossip_news news;
    struct wire_message announce = announce_of(1, 2, 3);
    hash32 id = gossip_channel_id(&announce.announce);
    CHECK(gossip_sync_take(peers[0].sync, &announce, NOW_S, &news, NULL) == ST_OK);
    CHECK(news.is_channel && hash32_equal(news.id, id));
    gossip_sync_tell(peers[0].sync, graph_key_of_channel(id));
    talk(peers, NOW_S);
    CHECK(graph_count(peers[1].graph) == 0);
    CHECK(graph_confirm(peers[0].graph, id, 1, 1) == ST_OK);
    struct wire_message policy = policy_of(id, 1, 3, NOW_S);
    CHECK(gossip_sync_take(peers[0].sync, &policy, NOW_S, &news, NULL) == ST_OK);
    CHECK(news.key == graph_key_of_channel(id) + GRAPH_POLICY_B);
    gossip_sync_tell(peers[0].sync, graph_key_of_channel(id));
    gossip_sync_tell(peers[0].sync, news.key);
    talk(peers, NOW_S);
    CHECK(graph_channel(peers[1].graph, id)->policy[1].timestamp_s == NOW_S);
    for (u32 i = 0; i < 2; i++)
        peer_free(&peers[i]);
}

/* Else one channel, announced for two pairs of nodes, would cut the network in two: where the
 * halves meet, each would take the other for a liar. */
TEST(gossip_sync_bears_a_policy_of_nodes_that_another_announcement_names)
{
    struct peer peers[2] = {peer_new(), peer_new()};
    struct wire_message one = announce_of(1, 2, 3), other = announce_of(1, 4, 5);
    hash32 id = gossip_channel_id(&one.announce);
    CHECK(hash32_equal(gossip_channel_id(&other.announce), id));
    struct wire_message by_two = policy_of(id, 0, 2, NOW_S), by_four = policy_of(id, 0, 4, NOW_S);
    CHECK(take(&peers[0], &one, NOW_S) == ST_OK && take(&peers[0], &by_two, NOW_S) == ST_OK);
    CHECK(take(&peers[1], &other, NOW_S) == ST_OK && take(&peers[1], &by_four, NOW_S) == ST_OK);
    by_two = policy_of(id, 0, 2, NOW_S + 1);
    CHECK(take(&peers[0], &by_two, NOW_S) == ST_OK);
    for (u32 i = 0; i < 2; i++)
        gossip_sync_ask(peers[i].sync);
    talk(peers, NOW_S); /* where nothing is ST_INVALID */
    CHECK(peers[0].sent[WIRE_POLICY] == 1);
    CHECK(graph_channel(peers[1].graph, id)->policy[0].timestamp_s == NOW_S);
    for (u32 i = 0; i < 2; i++)
        peer_free(&peers[i]);
}

TEST(gossip_sync_refuses_a_policy_of_the_other_side)
{
    struct peer peer = peer_new();
    struct wire_message announce = announce_of(1, 2, 3);
    hash32 id = gossip_channel_id(&announce.announce);
    struct wire_message of_a = policy_of(id, 0, 2, NOW_S), forged = policy_of(id, 1, 2, NOW_S);
    CHECK(take(&peer, &of_a, NOW_S) == ST_MISSING);
    CHECK(take(&peer, &announce, NOW_S) == ST_OK);
    CHECK(take(&peer, &announce, NOW_S) == ST_AGAIN);
    CHECK(take(&peer, &forged, NOW_S) == ST_MISSING);
    CHECK(graph_channel(peer.graph, id)->policy[1].timestamp_s == 0);
    CHECK(take(&peer, &of_a, NOW_S) == ST_OK);
    CHECK(take(&peer, &of_a, NOW_S) == ST_AGAIN);
    peer_free(&peer);
}

/* A channel's id is on chain: whoever sees one answer of another kind than for a channel that
 * nobody knows has found its owner. */
TEST(gossip_sync_does_not_show_whose_a_private_channel_is)
{
    struct peer peer = peer_new();
    struct wire_message announce = announce_of(1, 2, 3), node = node_of(3, NOW_S), want;
    hash32 id = gossip_channel_id(&announce.announce);
    struct graph_own own = {.id = id, .chain_id = 900, .node = {point_of(2), point_of(3)}};
    struct wire_message odd = policy_of(id, 0, 2, NOW_S), of_side[2];
    odd.policy.least = 2; /* above the most */
    CHECK(take(&peer, &odd, NOW_S) == ST_INVALID);
    CHECK(graph_set_own(peer.graph, &own, NULL) == ST_OK);
    CHECK(take(&peer, &odd, NOW_S) == ST_INVALID);
    CHECK(take(&peer, &node, NOW_S) == ST_MISSING);
    node.node.signature.b[5] ^= 1;
    CHECK(take(&peer, &node, NOW_S) == ST_MISSING);
    for (u16 side = 0; side < 2; side++) {
        of_side[side] = policy_of(id, side, 2 + side, NOW_S);
        CHECK(take(&peer, &of_side[side], NOW_S) == ST_OK);
    }
    u8 items[3 * 16] = {0}, out[WIRE_LIMIT];
    for (u32 kind = GRAPH_ANNOUNCE; kind <= GRAPH_POLICY_B; kind++) /* as of the year 1970 */
        store_be64(items + 16 * (usize)kind, graph_key_of_channel(id) + kind);
    struct wire_message list = {WIRE_SYNC_LIST, {.sync_list = {BYTES_OF(items)}}};
    CHECK(take(&peer, &list, NOW_S) == ST_OK);
    usize size = gossip_sync_next(peer.sync, out);
    CHECK(wire_decode((bytes){out, size}, &want, NULL) == ST_OK && want.type == WIRE_SYNC_WANT);
    CHECK(want.sync_want.keys.size == 3 * 8); /* as if it knew none of them */
    CHECK(take(&peer, &announce, NOW_S) == ST_OK);
    node = node_of(3, NOW_S);
    CHECK(take(&peer, &node, NOW_S) == ST_OK); /* now everybody may know */
    peer_free(&peer);
}

TEST(gossip_sync_lets_a_node_say_so_much_an_hour)
{
    struct peer peer = peer_new();
    struct wire_message announce = announce_of(1, 2, 3);
    u32 taken = 0;
    CHECK(take(&peer, &announce, NOW_S) == ST_OK);
    for (u32 i = 0; i < 30; i++) {
        struct wire_message node = node_of(2, NOW_S - 100 + i);
        enum status st = take(&peer, &node, NOW_S);
        CHECK(st == (taken == 10 ? ST_AGAIN : ST_OK));
        taken += st == ST_OK;
    }
    CHECK(taken == 10);
    struct wire_message node = node_of(3, NOW_S);
    CHECK(take(&peer, &node, NOW_S) == ST_OK); /* another is not held up */
    peer_free(&peer);
}

TEST(gossip_sync_refuses_sizes_that_are_none)
{
    struct peer peer = peer_new();
    u8 *zeros = ARENA_NEW(test_arena(), u8, WIRE_LIMIT);
    static const struct {
        usize size;
        enum wire_type type;
        enum status want;
    } rows[] = {
        {GOSSIP_SUMMARY_SIZE - 1, WIRE_SYNC_SUMMARY, ST_INVALID},
        {GOSSIP_SUMMARY_SIZE + 1, WIRE_SYNC_SUMMARY, ST_INVALID},
        {GOSSIP_SUMMARY_SIZE, WIRE_SYNC_SUMMARY, ST_OK},
        {GOSSIP_SUMMARY_SIZE, WIRE_SYNC_SUMMARY, ST_AGAIN}, /* too soon */
        {0, WIRE_SYNC_LIST, ST_OK},
        {15, WIRE_SYNC_LIST, ST_INVALID},
        {16 * 4095, WIRE_SYNC_LIST, ST_OK},
        {8, WIRE_SYNC_WANT, ST_AGAIN}, /* nothing was listed */
        {7, WIRE_SYNC_WANT, ST_INVALID},
        {8 * 4096, WIRE_SYNC_WANT, ST_INVALID},
        {8, WIRE_PONG, ST_INVALID},
    };
    for (usize i = 0; i < countof(rows); i++) {
        struct wire_message message = {rows[i].type, {.pong = {{zeros, rows[i].size}}}};
        CHECK_ROW(i, take(&peer, &message, NOW_S) == rows[i].want);
    }
    peer_free(&peer);
}

TEST(gossip_sync_checks_so_many_signatures_a_minute)
{
    struct peer peer = peer_new();
    struct wire_message announce = announce_of(1, 2, 3), forged = node_of(2, NOW_S);
    u32 checked = 0;
    CHECK(take(&peer, &announce, NOW_S) == ST_OK);
    forged.node.node = point_of(3);
    memset(forged.node.signature.b + 32, 0xff, 32); /* s is high: cheap to refuse */
    while (checked <= GOSSIP_CHECKS_LIMIT && take(&peer, &forged, NOW_S) == ST_INVALID)
        checked++;
    CHECK(checked == GOSSIP_CHECKS_LIMIT - 4);
    CHECK(take(&peer, &forged, NOW_S) == ST_AGAIN);
    peer_free(&peer);
}

TEST(gossip_sync_checks_for_all_strangers_together_what_some_peers_may_ask_for)
{
    enum { STRANGERS = 6 };
    struct peer peers[STRANGERS], friend = peer_new();
    struct gossip_bucket strangers = {0};
    struct wire_message announce = announce_of(1, 2, 3), forged = node_of(2, NOW_S);
    u32 checked = 0;
    forged.node.node = point_of(3);
    memset(forged.node.signature.b + 32, 0xff, 32);
    for (u32 i = 0; i < STRANGERS; i++) {
        peers[i] = peer_new();
        gossip_sync_share(peers[i].sync, &strangers);
        CHECK(take(&peers[i], &announce, NOW_S) == ST_OK);
    }
    for (u32 i = 0; i < STRANGERS; i++)
        while (checked <= GOSSIP_STRANGERS_LIMIT && take(&peers[i], &forged, NOW_S) == ST_INVALID)
            checked++;
    CHECK(checked == GOSSIP_STRANGERS_LIMIT - 4 * STRANGERS);
    CHECK(take(&friend, &announce, NOW_S) == ST_OK);
    CHECK(take(&friend, &forged, NOW_S) == ST_INVALID);
    CHECK(take(&peers[0], &forged, NOW_S + 60) == ST_INVALID); /* a minute later */
    for (u32 i = 0; i < STRANGERS; i++)
        peer_free(&peers[i]);
    peer_free(&friend);
}

/* The graph of the network: what enters, what is told, what goes when it is full or old. */
#include "channel/graph_rig.h"

#include "harness/test.h"

enum { NOW_S = 1700000000, DAY_S = 86400 };

static enum status put(struct graph *graph, u32 number, u32 a, u32 b, u64 now_s)
{
    struct wire_announce announce = announce_of(number, a, b);
    return graph_put_announce(graph, &announce, id_of(number), now_s, NULL);
}

static enum status put_policy(struct graph *graph, u32 number, u16 side, u64 timestamp_s)
{
    struct wire_policy policy = {.id = id_of(number),
                                 .side = side,
                                 .timestamp_s = timestamp_s,
                                 .enabled = 1,
                                 .base_fee = number,
                                 .most = 1000};
    return graph_put_policy(graph, &policy);
}

static enum status put_node(struct graph *graph, u32 number, u64 timestamp_s)
{
    struct wire_node node = {
        .node = point_of(number), .timestamp_s = timestamp_s, .alias = BYTES_LIT("a node")};
    return graph_put_node(graph, &node);
}

static usize items(const struct graph *graph)
{
    struct graph_item item;
    struct wire_message message;
    usize count = 0;
    for (u64 cursor = 0; graph_next_item(graph, &cursor, &item); count++)
        CHECK(graph_message(graph, item.key, &message) == ST_OK);
    return count;
}

/* Every channel is in the lists of its two nodes, and counts are what they count. */
static void check_lists(struct graph *graph)
{
    u32 slots, node_slots, used = 0, listed = 0;
    const struct graph_channel *channels = graph_channels(graph, &slots);
    const struct graph_node *nodes = graph_nodes(graph, &node_slots);
    for (u32 i = 0; i < slots; i++) {
        used += channels[i].used;
        CHECK(!channels[i].used || graph_channel(graph, channels[i].id) == &channels[i]);
    }
    for (u32 node = 0; node < node_slots; node++) {
        u32 count = 0;
        CHECK(nodes[node].first == GRAPH_NONE ||
              graph_node(graph, &nodes[node].point) == &nodes[node]);
        for (u32 i = nodes[node].first; i != GRAPH_NONE; i = graph_next_channel(graph, i, node))
            count++;
        CHECK(nodes[node].first == GRAPH_NONE || count == nodes[node].channels);
        listed += count;
    }
    CHECK(used == graph_count(graph) && listed == 2 * used);
}

TEST(graph_tells_a_channel_once_the_chain_confirms_it)
{
    struct graph *graph = graph_new(1 << 20, 7);
    CHECK(put(graph, 1, 10, 20, NOW_S) == ST_OK);
    CHECK(put(graph, 1, 10, 20, NOW_S) == ST_AGAIN);
    CHECK(put_policy(graph, 1, 0, NOW_S) == ST_OK);
    CHECK(put_policy(graph, 2, 0, NOW_S) == ST_MISSING);
    CHECK(put_node(graph, 20, NOW_S) == ST_OK);
    CHECK(put_node(graph, 30, NOW_S) == ST_MISSING);
    CHECK(items(graph) == 0);
    CHECK(graph_confirm(graph, id_of(1), 5, 6) == ST_OK);
    CHECK(graph_channel(graph, id_of(1))->capacity == 11);
    CHECK(items(graph) == 3);
    CHECK(graph_confirm(graph, id_of(1), 0, 0) == ST_OK);
    CHECK(graph_channel(graph, id_of(1)) == NULL);
    CHECK(graph_confirm(graph, id_of(1), 1, 1) == ST_MISSING);
    CHECK(items(graph) == 0);
    check_lists(graph);
    graph_free(graph);
}

TEST(graph_keeps_the_newest_word)
{
    struct graph *graph = graph_new(1 << 20, 7);
    u64 timestamp_s;
    CHECK(put(graph, 1, 10, 20, NOW_S) == ST_OK);
    CHECK(put_policy(graph, 1, 1, NOW_S) == ST_OK);
    CHECK(put_policy(graph, 1, 1, NOW_S) == ST_AGAIN);
    CHECK(put_policy(graph, 1, 1, NOW_S - 1) == ST_AGAIN);
    CHECK(put_policy(graph, 1, 1, NOW_S + 1) == ST_OK);
    CHECK(put_node(graph, 10, NOW_S) == ST_OK && put_node(graph, 10, NOW_S) == ST_AGAIN);
    u64 key = graph_key_of_channel(id_of(1));
    CHECK(graph_knows(graph, key + GRAPH_POLICY_B, &timestamp_s) && timestamp_s == NOW_S + 1);
    CHECK(!graph_knows(graph, key + GRAPH_POLICY_A, &timestamp_s));
    CHECK(graph_knows(graph, key, &timestamp_s) && timestamp_s == 0);
    graph_free(graph);
}

TEST(graph_keeps_own_channels_apart_from_what_is_announced)
{
    struct graph *graph = graph_new(1 << 20, 7);
    struct graph_own own = {.id = id_of(1), .chain_id = 900, .node = {point_of(10), point_of(20)}};
    own.spendable[0] = 99;
    CHECK(graph_set_own(graph, &own, NULL) == ST_OK);
    CHECK(put(graph, 1, 10, 30, NOW_S) == ST_INVALID);
    CHECK(put(graph, 1, 10, 20, NOW_S) == ST_OK);
    CHECK(items(graph) == 0);
    CHECK(graph_confirm(graph, id_of(1), 100, 0) == ST_OK && items(graph) == 1);
    own.spendable[0] = 98;
    CHECK(graph_set_own(graph, &own, NULL) == ST_OK && items(graph) == 1);
    CHECK(graph_channel(graph, id_of(1))->spendable[0] == 98);
    graph_prune(graph, NOW_S + 99 * DAY_S);
    CHECK(graph_count(graph) == 1);
    graph_forget(graph, id_of(1));
    CHECK(graph_count(graph) == 0);
    check_lists(graph);
    graph_free(graph);
}

TEST(graph_passes_over_a_second_channel_with_the_same_key)
{
    struct graph *graph = graph_new(1 << 20, 7);
    hash32 other = id_of(1);
    other.b[31] ^= 1; /* the key is of the first eight bytes */
    struct wire_announce announce = announce_of(2, 10, 20);
    CHECK(put(graph, 1, 10, 20, NOW_S) == ST_OK);
    CHECK(graph_put_announce(graph, &announce, other, NOW_S, NULL) == ST_AGAIN);
    CHECK(graph_channel(graph, other) == NULL && graph_count(graph) == 1);
    check_lists(graph);
    graph_free(graph);
}

TEST(graph_forgets_what_is_old)
{
    struct graph *graph = graph_new(1 << 20, 7);
    for (u32 i = 1; i <= 3; i++)
        CHECK(put(graph, i, i, i + 1, NOW_S) == ST_OK);
    for (u32 i = 1; i <= 2; i++)
        CHECK(graph_confirm(graph, id_of(i), i, 0) == ST_OK);
    CHECK(put_policy(graph, 1, 0, NOW_S) == ST_OK);
    CHECK(put_policy(graph, 2, 0, NOW_S) == ST_OK);
    CHECK(put_policy(graph, 2, 1, NOW_S + 5 * DAY_S) == ST_OK);
    CHECK(put_node(graph, 2, NOW_S) == ST_OK);
    graph_prune(graph, NOW_S + 3600);
    CHECK(graph_count(graph) == 3);
    graph_prune(graph, NOW_S + 3601); /* the third was never confirmed */
    CHECK(graph_count(graph) == 2);
    graph_prune(graph, NOW_S + 14 * DAY_S);
    CHECK(graph_count(graph) == 2 && items(graph) == 6);
    graph_prune(graph, NOW_S + 14 * DAY_S + 1);
    CHECK(graph_count(graph) == 1 && items(graph) == 2); /* the second and its newer policy */
    CHECK(graph_channel(graph, id_of(2))->policy[0].timestamp_s == 0);
    check_lists(graph);
    graph_free(graph);
}

TEST(graph_evicts_the_oldest_policy_first)
{
    struct graph *graph = graph_new(1 << 16, 7);
    struct graph_own own = {.id = id_of(0), .node = {point_of(1), point_of(2)}};
    CHECK(graph_set_own(graph, &own, NULL) == ST_OK);
    u32 number = 1, before;
    do { /* between two nodes; the oldest policies are those of high numbers */
        before = graph_count(graph);
        CHECK(put(graph, number, 1, 2, NOW_S) == ST_OK);
        CHECK(graph_confirm(graph, id_of(number), 1, 1) == ST_OK);
        CHECK(put_policy(graph, number, 0, NOW_S - number) == ST_OK);
        number++;
    } while (graph_count(graph) > before);
    CHECK(number > 10);
    CHECK(graph_channel(graph, id_of(number - 2)) == NULL);
    for (u32 i = 0; i < number - 2; i++)
        CHECK_ROW(i, graph_channel(graph, id_of(i)) != NULL);
    check_lists(graph);
    graph_free(graph);
}

TEST(graph_lets_unconfirmed_channels_displace_little)
{
    struct graph *graph = graph_new(1 << 18, 7);
    u32 number = 0, full;
    do {
        full = graph_count(graph);
        CHECK(put(graph, number, 1, 2, NOW_S) == ST_OK);
        CHECK(graph_confirm(graph, id_of(number), 1, 1) == ST_OK);
        CHECK(put_policy(graph, number, 0, NOW_S) == ST_OK);
        number++;
    } while (graph_count(graph) > full);
    for (u32 i = 0; i < 1000; i++)
        CHECK(put(graph, number + i, 1000 + 2 * i, 1001 + 2 * i, NOW_S + 1) == ST_OK);
    u32 slots, confirmed = 0;
    const struct graph_channel *channels = graph_channels(graph, &slots);
    for (u32 i = 0; i < slots; i++)
        confirmed += channels[i].used && channels[i].confirmed;
    CHECK(confirmed >= full - full / 16 - 2);
    check_lists(graph);
    graph_free(graph);
}

TEST(graph_evicts_unconfirmed_channels_in_the_order_in_which_they_came)
{
    struct graph *graph = graph_new(1 << 18, 7);
    u32 number = 0, full;
    do {
        full = graph_count(graph);
        CHECK(put(graph, number, 1000 + 2 * number, 1001 + 2 * number, NOW_S) == ST_OK);
        CHECK(put_policy(graph, number, 0, NOW_S + 1000 - number) == ST_OK);
        number++;
    } while (graph_count(graph) > full);
    CHECK(graph_channel(graph, id_of(0)) == NULL && graph_channel(graph, id_of(1)) != NULL);
    CHECK(graph_confirm(graph, id_of(1), 1, 1) == ST_OK); /* it does not wait any more */
    graph_forget(graph, id_of(3));
    for (u32 i = 0; i < 3; i++, number++)
        CHECK(put(graph, number, 1000 + 2 * number, 1001 + 2 * number, NOW_S) == ST_OK);
    CHECK(graph_channel(graph, id_of(1)) != NULL);
    CHECK(graph_channel(graph, id_of(2)) == NULL && graph_channel(graph, id_of(4)) != NULL);
    check_lists(graph);
    graph_free(graph);
}

static u64 next_random(u64 *state)
{
    *state = *state * 6364136223846793005 + 1442695040888963407;
    return *state >> 33;
}

TEST(graph_holds_together_whatever_comes)
{
    for (u64 seed = 1; seed <= 10; seed++) {
        struct graph *graph = graph_new(1 << 17, seed);
        u64 state = seed;
        enum status st = ST_OK;
        for (u32 round = 0; round < 3000; round++) {
            u32 number = (u32)next_random(&state) % 200, a = number % 17, b = 17 + number % 23;
            u64 now_s = NOW_S + 3600 * round;
            struct graph_own own = {.id = id_of(number), .node = {point_of(a), point_of(b)}};
            switch (next_random(&state) % 8) {
            case 0:
            case 1:
                st = put(graph, number, a, b, now_s);
                break;
            case 2:
                st = graph_confirm(graph, id_of(number), next_random(&state) % 5, 0);
                break;
            case 3:
                st = put_policy(graph, number, round % 2, now_s);
                break;
            case 4:
                st = put_node(graph, a, now_s);
                break;
            case 5:
                graph_forget(graph, id_of(number));
                break;
            case 6:
                graph_prune(graph, now_s - 10 * DAY_S);
                break;
            default:
                st = number % 9 == 0 ? graph_set_own(graph, &own, NULL) : ST_OK;
                break;
            }
            CHECK(st != ST_CORRUPT && st != ST_IO);
        }
        check_lists(graph);
        items(graph);
        graph_free(graph);
    }
}

static struct graph *sample(void)
{
    struct graph *graph = graph_new(1 << 20, 7);
    for (u32 i = 0; i < 50; i++) {
        CHECK(put(graph, i, i, i + 1, NOW_S) == ST_OK);
        CHECK(i % 10 == 9 || graph_confirm(graph, id_of(i), i + 1, i) == ST_OK);
        CHECK(put_policy(graph, i, i % 2, NOW_S) == ST_OK);
        CHECK(put_node(graph, i, NOW_S) == ST_OK);
    }
    graph_channel(graph, id_of(3))->liquidity =
        (struct graph_liquidity){.low = 1, .high = (u128)1 << 70, .at_s = 2, .failed_at_s = {3, 4}};
    return graph;
}

TEST(graph_is_after_loading_what_it_was)
{
    struct graph *graph = sample(), *again = graph_new(1 << 20, 8), *small = graph_new(0, 8);
    bytes saved = graph_save(graph, test_arena());
    CHECK(saved.size <= graph_save_limit(graph));
    CHECK(graph_load(again, saved, NOW_S, NULL) == ST_OK);
    CHECK(graph_count(again) == 45 && items(again) == items(graph));
    CHECK(bytes_equal(graph_save(again, test_arena()), saved));
    const struct graph_channel *channel = graph_channel(again, id_of(3));
    CHECK(channel->confirmed && channel->capacity == 7 && channel->seen_s == NOW_S);
    CHECK(memcmp(&channel->liquidity, &graph_channel(graph, id_of(3))->liquidity,
                 sizeof(channel->liquidity)) == 0);
    CHECK(graph_load(small, saved, NOW_S, NULL) == ST_OK);
    check_lists(small);
    graph_free(graph);
    graph_free(again);
    graph_free(small);
}

TEST(graph_refuses_a_damaged_snapshot)
{
    struct graph *graph = sample();
    bytes saved = graph_save(graph, test_arena());
    for (usize i = 0; i < saved.size; i += 37) {
        struct graph *again = graph_new(1 << 20, 8);
        u8 *copy = ARENA_TAKE(test_arena(), u8, saved.size);
        memcpy(copy, saved.data, saved.size);
        copy[i] ^= 1;
        CHECK_ROW(i, graph_load(again, (bytes){copy, saved.size}, NOW_S, NULL) == ST_CORRUPT);
        CHECK_ROW(i, graph_load(again, bytes_slice(saved, 0, i), NOW_S, NULL) == ST_CORRUPT);
        CHECK(graph_count(again) == 0);
        graph_free(again);
    }
    graph_free(graph);
}

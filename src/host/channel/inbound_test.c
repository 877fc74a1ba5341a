/* Which nodes blinded paths to a node go over: such as others come by, which carry the amount, and
 * ask little; and what they ask together. */
#include "channel/graph_rig.h"
#include "channel/inbound.h"
#include "channel/route.h"

#include "harness/test.h"

enum { NOW_S = 1700000000, US = 1, PEER = 2 };

/* A public channel, in which `a` asks so much. */
static void add(struct graph *graph, u32 number, u32 a, u32 b, u128 capacity, u32 fee_ppm)
{
    struct wire_announce announce = announce_of(number, a, b);
    CHECK(graph_put_announce(graph, &announce, id_of(number), NOW_S, NULL) == ST_OK);
    CHECK(graph_confirm(graph, id_of(number), capacity, 0) == ST_OK);
    for (u16 side = 0; side < 2; side++) {
        struct wire_policy policy = {.id = id_of(number),
                                     .side = side,
                                     .timestamp_s = NOW_S,
                                     .enabled = 1,
                                     .fee_ppm = fee_ppm,
                                     .least = 5,
                                     .most = capacity};
        CHECK(graph_put_policy(graph, &policy) == ST_OK);
    }
}

static struct inbound_query a_query(void)
{
    return (struct inbound_query){
        .own = point_of(US), .hops = 2, .pays = true, .chain_id = 900, .now_s = NOW_S};
}

static struct inbound from_peer(u128 most)
{
    return (struct inbound){
        .count = 1, .nodes = {point_of(PEER)}, .asks = {{.fee_ppm = 1000}}, .most = most};
}

static struct inbound extended(const struct graph *graph, const struct inbound_query *query,
                               const struct inbound *apart, usize count)
{
    struct inbound way = from_peer(100000);
    inbound_extend(graph, query, apart, count, &way);
    return way;
}

static u32 number_of(const point33 *node)
{
    return load_be32(node->b + 29);
}

TEST(inbound_way_goes_over_what_carries_the_amount_is_cheap_and_known_to_others)
{
    struct graph *graph = graph_new(1 << 20, 1);
    struct inbound_query query = a_query();
    add(graph, 1, US, PEER, 1000000, 0);
    CHECK(extended(graph, &query, NULL, 0).count == 1); /* not over us */
    add(graph, 2, 3, PEER, 1000000, 1000);
    CHECK(extended(graph, &query, NULL, 0).count == 1); /* nobody else comes by 3 */
    add(graph, 3, 3, 9, 1000000, 1000);
    struct inbound way = extended(graph, &query, NULL, 0);
    CHECK(way.count == 2 && number_of(&way.nodes[1]) == 3);
    CHECK(way.most == 100000 && way.least == 5 && way.asks[1].fee_ppm == 1000);
    add(graph, 4, 4, PEER, 50000, 10); /* cheaper, but too small */
    add(graph, 5, 4, 9, 50000, 10);
    way = extended(graph, &query, NULL, 0);
    CHECK(number_of(&way.nodes[1]) == 3);
    add(graph, 6, 5, PEER, 1000000, 500); /* cheaper */
    add(graph, 7, 5, 9, 1000000, 500);
    way = extended(graph, &query, NULL, 0);
    CHECK(number_of(&way.nodes[1]) == 5);
    way = extended(graph, &query, &way, 1);
    CHECK(number_of(&way.nodes[1]) == 3); /* another one */
    query.pays = false;
    add(graph, 8, 3, 8, 1, 0);
    way = extended(graph, &query, NULL, 0);
    CHECK(number_of(&way.nodes[1]) == 3); /* where nothing is paid, the best known */
    query.chain_id = 901;
    query.pays = true;
    CHECK(extended(graph, &query, NULL, 0).count == 1);
    graph_free(graph);
}

TEST(inbound_way_does_not_go_over_a_node_that_asks_much_or_takes_no_so_small_amount)
{
    struct graph *graph = graph_new(1 << 20, 1);
    struct inbound_query query = a_query();
    struct inbound small = from_peer(4);
    add(graph, 1, 3, PEER, 1000000, 5100);
    add(graph, 2, 3, 9, 1000000, 5100);
    CHECK(extended(graph, &query, NULL, 0).count == 1);
    add(graph, 3, 4, PEER, 1000000, 4900);
    add(graph, 4, 4, 9, 1000000, 4900);
    CHECK(extended(graph, &query, NULL, 0).count == 2);
    inbound_extend(graph, &query, NULL, 0, &small);
    CHECK(small.count == 1);
    graph_free(graph);
}

TEST(inbound_path_tells_each_node_whom_to_pass_on_to_and_its_fee_at_one_length)
{
    static const secret32 keys[3] = {{{[31] = 7}}, {{[31] = 8}}, {{[31] = 9}}};
    point33 points[3];
    for (usize i = 0; i < 3; i++)
        CHECK(point_of_secret(&keys[i], &points[i]) == ST_OK);
    struct inbound way = {.count = 2,
                          .nodes = {points[1], points[0]},
                          .asks = {{.base_fee = 3, .fee_ppm = 1000}, {.fee_ppm = 2000}},
                          .least = 5};
    struct blinded_route path;
    u8 room[BLINDED_SEALED_LIMIT];
    struct instruction said;
    CHECK(inbound_path(&way, &points[2], hex("beef"), NOW_S, &path, test_arena()) == ST_OK);
    CHECK(path.count == 3 && point_equal(&path.first_node, &points[0]));
    CHECK(path.hops[0].payload.size == path.hops[1].payload.size &&
          path.hops[1].payload.size == path.hops[2].payload.size);
    for (usize i = 0; i < 2; i++) {
        CHECK_ROW(i, blinded_route_enter(&keys[i], &path, room, &said, NULL) == ST_OK);
        CHECK_ROW(i, point_equal(&said.next, &points[i + 1]) && said.has_fee);
        CHECK_ROW(i, said.fee_ppm == way.asks[1 - i].fee_ppm && said.least == 5);
        CHECK_ROW(i, said.base_fee == way.asks[1 - i].base_fee && said.latest_s == NOW_S);
    }
    CHECK(instruction_open(&keys[2], &path.first_path_key, path.hops[0].payload, true, room, &said,
                           NULL) == ST_OK);
    CHECK(bytes_equal(said.path_id, hex("beef")) && said.latest_s == NOW_S);

    CHECK(inbound_path(&way, &points[2], hex("beef"), 0, &path, test_arena()) == ST_OK);
    CHECK(blinded_route_enter(&keys[0], &path, room, &said, NULL) == ST_OK);
    CHECK(!said.has_fee && said.latest_s == 0); /* for messages */
}

TEST(inbound_path_is_as_long_where_there_are_fewer_nodes)
{
    static const secret32 keys[2] = {{{[31] = 7}}, {{[31] = 8}}};
    point33 peer, own;
    CHECK(point_of_secret(&keys[0], &peer) == ST_OK && point_of_secret(&keys[1], &own) == ST_OK);
    struct inbound way = {.count = 1, .nodes = {peer}, .asks = {{.base_fee = 3, .fee_ppm = 1000}}};
    struct blinded_route path;
    u8 room[BLINDED_SEALED_LIMIT];
    struct instruction said;
    CHECK(inbound_path(&way, &own, hex("beef"), NOW_S, &path, test_arena()) == ST_OK);
    CHECK(path.count == INBOUND_PATH && point_equal(&path.first_node, &peer));
    CHECK(blinded_route_enter(&keys[0], &path, room, &said, NULL) == ST_OK);
    CHECK(point_equal(&said.next, &own) && said.base_fee == 3 && said.fee_ppm == 1000);
    CHECK(blinded_route_enter(&keys[1], &path, room, &said, NULL) == ST_OK);
    CHECK(point_equal(&said.next, &own) && said.has_fee && instruction_onward(&said, 77) == 77);
    CHECK(instruction_open(&keys[1], &path.first_path_key, path.hops[0].payload, true, room, &said,
                           NULL) == ST_OK);
    CHECK(bytes_equal(said.path_id, hex("beef")));
}

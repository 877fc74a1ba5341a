/* Instructions of blinded paths, and paths: each layout, the official ones, and every refusal. */
#include "channel/blinded_route.h"

#include "base/fmt.h"
#include "base/json_read.h"
#include "channel/route.h"
#include "harness/test.h"

#define KEY "02aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const secret32 keys[3] = {{{1}}, {{2}}, {{3}}};

static bytes hex_of(json object, const char *name)
{
    bytes out = BYTES_EMPTY;
    CHECK(json_read_hex(json_get(object, name), &out, test_arena()) == ST_OK);
    return out;
}

/* SplitMix64 (Steele, Lea, Flood, 2014). */
static u64 next_random(u64 *state)
{
    u64 z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static point33 point_of(const secret32 *secret)
{
    point33 out = {{0}};
    CHECK(point_of_secret(secret, &out) == ST_OK);
    return out;
}

static struct instruction forward_to(const point33 *next)
{
    return (struct instruction){.next = *next,
                                .has_fee = true,
                                .fee_ppm = 1000,
                                .base_fee = 7,
                                .latest_s = 1700000000,
                                .least = 1};
}

TEST(instruction_is_read_and_written_as_its_row_says)
{
    point33 next = {{2}};
    memset(next.b + 1, 0xaa, 32);
    struct instruction message = {.next = next}, joined = {.next = next, .next_path_key = next};
    struct instruction paying = forward_to(&next);
    struct instruction end = {.path_id = hex("beef"), .latest_s = 1700000000};
    const struct {
        bool is_final;
        const char *digits;
        const struct instruction *said;
    } rows[] = {
        {false, "0421" KEY, &message},
        {false, "0421" KEY "0821" KEY, &joined},
        {false, "0421" KEY "0a05000003e8070c06006553f10001", &paying},
        {true, "0602beef0c05006553f100", &end},
    };
    for (usize i = 0; i < countof(rows); i++) {
        struct instruction got;
        u8 out[BLINDED_INSTRUCTION_LIMIT];
        bytes in = hex(rows[i].digits);
        CHECK_ROW(i, bytes_equal((bytes){out, instruction_encode(rows[i].said, 0, out)}, in));
        CHECK_ROW(i, instruction_decode(rows[i].is_final, in, &got, NULL) == ST_OK);
        CHECK_ROW(i, bytes_equal((bytes){out, instruction_encode(&got, 0, out)}, in));
        CHECK_ROW(i,
                  got.fee_ppm == rows[i].said->fee_ppm && got.latest_s == rows[i].said->latest_s);
        CHECK_ROW(i, instruction_encode(&got, in.size + 9, out) == in.size + 9);
        CHECK_ROW(i, instruction_decode(rows[i].is_final, (bytes){out, in.size + 9}, &got, NULL) ==
                         ST_OK);
        CHECK_ROW(i, instruction_decode(!rows[i].is_final, in, &got, NULL) == ST_INVALID);
    }
}

TEST(instruction_that_breaks_a_rule_is_refused)
{
    static const struct {
        bool is_final;
        const char *digits;
    } rows[] = {
        {false, ""},
        {true, ""},
        {false, "0100"},
        {true, "0600"},
        {false, "0420" KEY},
        {false, "0202000104"},                  /* a channel by a short name */
        {false, "0421" KEY "0a03000003"},       /* a fee cut short */
        {false, "0421" KEY "0a06000003e80007"}, /* zeros before a number */
        {false, "0421" KEY "0c050000000000"},   /* no time */
        {false, "0421" KEY "0e00"},             /* features, none of which is known */
        {false, "0421" KEY "0421" KEY},
        {true, "0602beef0821" KEY},
    };
    struct instruction got;
    for (usize i = 0; i < countof(rows); i++)
        CHECK_ROW(i, instruction_decode(rows[i].is_final, hex(rows[i].digits), &got, NULL) ==
                         ST_INVALID);
}

TEST(instruction_is_the_official_one_of_an_onion_message)
{
    const char *folder = test_fixture_folder("bolt04");
    if (folder == NULL)
        return;
    char path[4200];
    json all = {BYTES_EMPTY};
    fmt(path, sizeof(path), "%s/blinded-onion-message-onion-test.json", folder);
    CHECK(json_check(test_read_file(path), 16, &all, NULL) == ST_OK);
    json hops = json_get(json_get(all, "generate"), "hops");
    for (usize i = 0; i < 4; i++) {
        struct instruction got;
        json hop = json_at(hops, i);
        bytes in = hex_of(hop, "encrypted_data_tlv");
        bytes want = hex_of(json_get(hop, "tlvs"), i == 3 ? "path_id" : "next_node_id");
        CHECK_ROW(i, instruction_decode(i == 3, in, &got, NULL) == ST_OK);
        CHECK_ROW(i, bytes_equal(i == 3 ? got.path_id : BYTES_OF(got.next), want));
        CHECK_ROW(i, (i == 0) != tlv_zero(BYTES_OF(got.next_path_key)));
    }
}

TEST(instruction_passes_on_what_leaves_its_fee)
{
    point33 next = {{2}};
    struct instruction said = forward_to(&next);
    for (u32 ppm = 0; ppm < 1000000; ppm += 7919)
        for (u128 amount = 1; amount < (u128)1 << 100; amount = amount * 3 + 1) {
            said.fee_ppm = ppm;
            u128 with_fee = amount + route_fee(said.base_fee, ppm, amount);
            u128 onward = instruction_onward(&said, with_fee);
            CHECK(onward >= amount);
            CHECK(onward + route_fee(said.base_fee, ppm, onward) <= with_fee);
        }
    CHECK(instruction_onward(&said, 7) == 0 && instruction_onward(&said, 0) == 0);
    CHECK(instruction_onward(&said, ~(u128)0) == 0);
}

/* What comes out at the end of a path, each hop of which takes its fee. */
static u128 arrives(const struct instruction *hops, usize count, u128 amount)
{
    for (usize i = 0; i < count; i++)
        amount = instruction_onward(&hops[i], amount);
    return amount;
}

TEST(blinded_price_is_what_lets_the_amount_arrive_and_hardly_more)
{
    u64 seed = 5;
    for (u32 round = 0; round < 20000; round++) {
        struct instruction hops[4] = {0};
        struct blinded_price price = {.base_fee = 0};
        usize count = 1 + round % 4;
        u128 amount = 1 + ((u128)next_random(&seed) << next_random(&seed) % 32);
        for (usize i = 0; i < count; i++) {
            hops[i].fee_ppm = (u32)(next_random(&seed) % 20000) * (u32)(next_random(&seed) % 2);
            hops[i].base_fee = (next_random(&seed) % 1000) * (next_random(&seed) % 2);
        }
        for (usize i = count; i-- > 0;)
            CHECK(blinded_price_add(&price, hops[i].base_fee, hops[i].fee_ppm));
        u128 all = amount + route_fee(price.base_fee, price.fee_ppm, amount);
        u128 got = arrives(hops, count, all);
        CHECK_ROW(round, got >= amount);
        CHECK_ROW(round, count > 1 || got == amount);
        /* Millionths are rounded up for each hop, and so is each fee. */
        CHECK_ROW(round, got - amount <= count * (2 + amount / 1000000));
        blinded_price_enter(&price, &hops[0]);
        all = amount + route_fee(price.base_fee, price.fee_ppm, amount);
        CHECK_ROW(round, arrives(hops + 1, count - 1, all) >= amount);
        CHECK_ROW(round, count > 1 || all == amount);
    }
}

TEST(blinded_price_that_cannot_be_said_is_none)
{
    struct blinded_price price = {.base_fee = 0};
    CHECK(!blinded_price_add(&price, ROUTE_AMOUNT_LIMIT, 0) &&
          !blinded_price_add(&price, 0, 1000001));
    CHECK(blinded_price_add(&price, ROUTE_AMOUNT_LIMIT - 1, 600000));
    CHECK(!blinded_price_add(&price, 0, 600000) && !blinded_price_add(&price, 5, 0));
}

TEST(blinded_route_is_read_as_it_was_made_and_each_hop_opens_its_own)
{
    point33 nodes[3] = {point_of(&keys[0]), point_of(&keys[1]), point_of(&keys[2])};
    struct instruction said[3] = {
        forward_to(&nodes[1]), {.next = nodes[2]}, {.path_id = hex("beef")}};
    static u8 room[BLINDED_ROUTE_LIMIT], opened[BLINDED_SEALED_LIMIT];
    struct writer writer = {.out = room, .limit = sizeof(room)};
    struct blinded_route made, got;
    struct instruction first;
    secret32 session = {{9}};
    CHECK(blinded_route_make(&session, nodes, said, 3, &made, test_arena()) == ST_OK);
    for (usize i = 1; i < 3; i++) /* the size does not tell which hop it is */
        CHECK(made.hops[i].payload.size == made.hops[0].payload.size);
    blinded_route_write(&writer, &made);
    for (usize size = 0; size < writer.size; size++) {
        struct reader cut = {.in = {room, size}};
        CHECK_ROW(size, !blinded_route_read(&cut, &got));
    }
    struct reader reader = {.in = {room, writer.size}};
    CHECK(blinded_route_read(&reader, &got) && reader.in.size == 0 && got.count == 3);
    CHECK(blinded_route_enter(&keys[1], &got, opened, &first, NULL) == ST_INVALID);
    for (usize i = 0; i < 2; i++) {
        CHECK_ROW(i, point_equal(&got.first_node, &nodes[i]));
        CHECK_ROW(i, blinded_route_enter(&keys[i], &got, opened, &first, NULL) == ST_OK);
        CHECK_ROW(i, point_equal(&first.next, &nodes[i + 1]) && first.has_fee == (i == 0));
    }
    CHECK(instruction_open(&keys[2], &got.first_path_key, got.hops[0].payload, true, opened, &first,
                           NULL) == ST_OK);
    CHECK(bytes_equal(first.path_id, hex("beef")));
    CHECK(blinded_route_enter(&keys[2], &got, opened, &first, NULL) == ST_INVALID);
}

/* Onions against BOLT 4's vectors, along routes of every length, and under attack. */
#include "channel/onion.h"

#include "base/fmt.h"
#include "base/json_read.h"
#include "harness/test.h"

static secret32 secret_of(u8 each)
{
    secret32 out;
    memset(out.b, each, sizeof(out.b));
    return out;
}

static u64 next_random(u64 *state)
{
    *state = *state * 6364136223846793005 + 1442695040888963407;
    return *state >> 33;
}

static void random_bytes(u64 *seed, void *to, usize size)
{
    u8 *at = to;
    for (usize i = 0; i < size; i++)
        at[i] = (u8)next_random(seed);
}

/* --- The official vector. */

static json read_vector(const char *folder, const char *file)
{
    char path[4200];
    json all = {BYTES_EMPTY};
    fmt(path, sizeof(path), "%s/%s", folder, file);
    CHECK(json_check(test_read_file(path), 16, &all, NULL) == ST_OK);
    return all;
}

static bytes hex_of(json value)
{
    bytes out = BYTES_EMPTY;
    CHECK(json_read_hex(value, &out, test_arena()) == ST_OK);
    return out;
}

/* The vector's payloads have their length before them. */
static bytes without_prefix(bytes payload)
{
    return bytes_slice(payload, payload.data[0] < 0xfd ? 1 : 3, payload.size);
}

TEST(onion_is_the_official_one_and_each_official_hop_reads_its_payload)
{
    const char *folder = test_fixture_folder("bolt04");
    if (folder == NULL)
        return;
    json all = read_vector(folder, "onion-test.json"), generate = json_get(all, "generate");
    json hops = json_get(generate, "hops"), keys = json_get(all, "decode");
    struct onion_hop route[8];
    secret32 session, shared[8];
    u8 packet[ONION_SIZE];
    usize count = json_count(hops);
    CHECK(count == 5 && json_count(keys) == count);
    CHECK(json_read_fixed(json_get(generate, "session_key"), session.b, 32) == ST_OK);
    bytes associated = hex_of(json_get(generate, "associated_data"));
    for (usize i = 0; i < count; i++) {
        CHECK(json_read_fixed(json_get(json_at(hops, i), "pubkey"), route[i].node.b, 33) == ST_OK);
        route[i].payload = without_prefix(hex_of(json_get(json_at(hops, i), "payload")));
    }
    CHECK(onion_build(&session, route, count, associated, packet, shared, NULL) == ST_OK);
    CHECK(bytes_equal(BYTES_OF(packet), hex_of(json_get(all, "onion"))));
    for (usize i = 0; i < count; i++) {
        struct onion_peeled peeled;
        secret32 key;
        CHECK(json_read_fixed(json_at(keys, i), key.b, 32) == ST_OK);
        CHECK_ROW(i, onion_peel(&key, packet, associated, &peeled) ==
                         (i + 1 < count ? ONION_FORWARD : ONION_FINAL));
        CHECK_ROW(i, bytes_equal((bytes){peeled.payload, peeled.payload_size}, route[i].payload));
        CHECK_ROW(i, bytes_equal(BYTES_OF(peeled.shared), BYTES_OF(shared[i])));
        memcpy(packet, peeled.next, sizeof(packet));
    }
}

/* --- Routes of our own. */

struct route {
    usize count;
    struct onion_hop hops[ONION_HOP_LIMIT];
    secret32 keys[ONION_HOP_LIMIT], shared[ONION_HOP_LIMIT], session;
    u8 packet[ONION_SIZE];
};

/* As many hops, with payloads of random sizes that together just fit or leave room. */
static void make_route(struct route *route, usize count, u64 *seed)
{
    usize spare = ONION_PAYLOADS_SIZE - count * (1 + ONION_PAYLOAD_MIN + ONION_HMAC_SIZE);
    *route = (struct route){.count = count};
    random_bytes(seed, &route->session, sizeof(route->session));
    for (usize i = 0; i < count; i++) {
        usize more = next_random(seed) % 4 == 0 ? spare : next_random(seed) % 60;
        usize most = spare > 2 ? spare - 2 : 0; /* a long payload's length takes two bytes more */
        usize size = ONION_PAYLOAD_MIN + min_u64(more, most);
        u8 *payload = ARENA_TAKE(test_arena(), u8, size);
        random_bytes(seed, payload, size);
        random_bytes(seed, &route->keys[i], 32);
        CHECK(point_of_secret(&route->keys[i], &route->hops[i].node) == ST_OK);
        route->hops[i].payload = (bytes){payload, size};
        spare -= size - ONION_PAYLOAD_MIN + (size < 0xfd ? 0 : 2);
    }
    CHECK(onion_build(&route->session, route->hops, count, BYTES_LIT("hash"), route->packet,
                      route->shared, NULL) == ST_OK);
}

TEST(onion_reaches_the_end_of_routes_of_every_length)
{
    static struct route route;
    u64 seed = 4;
    for (usize count = 1; count <= ONION_HOP_LIMIT; count++) {
        make_route(&route, count, &seed);
        for (usize i = 0; i < count; i++) {
            struct onion_peeled peeled;
            enum onion_verdict verdict =
                onion_peel(&route.keys[i], route.packet, BYTES_LIT("hash"), &peeled);
            CHECK_ROW(count, verdict == (i + 1 < count ? ONION_FORWARD : ONION_FINAL));
            CHECK_ROW(count, onion_failure_code(verdict) == 0);
            CHECK_ROW(count, bytes_equal((bytes){peeled.payload, peeled.payload_size},
                                         route.hops[i].payload));
            CHECK_ROW(count, bytes_equal(BYTES_OF(peeled.shared), BYTES_OF(route.shared[i])));
            memcpy(route.packet, peeled.next, sizeof(route.packet));
        }
    }
}

TEST(onion_holds_payloads_up_to_the_last_byte_and_no_more)
{
    u8 zeros[ONION_PAYLOAD_LIMIT + 1] = {0}, packet[ONION_SIZE];
    secret32 key = secret_of(7), session = secret_of(8), shared[ONION_HOP_LIMIT + 1];
    struct onion_hop hops[ONION_HOP_LIMIT + 1];
    struct onion_peeled peeled;
    struct err err;
    for (usize i = 0; i < countof(hops); i++) {
        CHECK(point_of_secret(&key, &hops[i].node) == ST_OK);
        hops[i].payload = (bytes){zeros, ONION_PAYLOAD_MIN};
    }
    CHECK(onion_build(&session, hops, ONION_HOP_LIMIT, BYTES_EMPTY, packet, shared, &err) == ST_OK);
    CHECK(onion_build(&session, hops, ONION_HOP_LIMIT + 1, BYTES_EMPTY, packet, shared, &err) ==
          ST_FULL);
    static const usize sizes[] = {2, 252, 253, 254, 255, 256, ONION_PAYLOAD_LIMIT};
    for (usize i = 0; i < countof(sizes); i++) {
        hops[0].payload = (bytes){zeros, sizes[i]};
        CHECK_ROW(i, onion_build(&session, hops, 1, BYTES_EMPTY, packet, shared, &err) == ST_OK);
        CHECK_ROW(i, onion_peel(&key, packet, BYTES_EMPTY, &peeled) == ONION_FINAL);
        CHECK_ROW(i, peeled.payload_size == sizes[i]);
    }
    hops[0].payload.size = sizeof(zeros);
    CHECK(onion_build(&session, hops, 1, BYTES_EMPTY, packet, shared, &err) == ST_FULL);
    hops[0].payload.size = 1;
    CHECK(onion_build(&session, hops, 1, BYTES_EMPTY, packet, shared, &err) == ST_INVALID);
    hops[0].payload.size = 2;
    hops[0].node.b[0] = 4;
    CHECK(onion_build(&session, hops, 1, BYTES_EMPTY, packet, shared, &err) == ST_INVALID);
    CHECK(strcmp(err.text, "no key of the curve for hop 0") == 0);
    secret32 zero = secret_of(0);
    CHECK(onion_build(&zero, hops + 1, 1, BYTES_EMPTY, packet, shared, &err) == ST_INVALID);
}

TEST(onion_of_the_larger_size_holds_what_the_smaller_does_not_and_stays_as_large)
{
    enum { HOPS = 4, LAST = 9000 };
    static u8 packet[ONION_LARGE_SIZE], room[ONION_ROOM], payloads[LAST];
    struct onion_hop hops[HOPS];
    secret32 keys[HOPS], shared[HOPS], session = secret_of(8);
    u64 seed = 5;
    random_bytes(&seed, payloads, sizeof(payloads));
    for (usize i = 0; i < HOPS; i++) {
        random_bytes(&seed, &keys[i], 32);
        CHECK(point_of_secret(&keys[i], &hops[i].node) == ST_OK);
        hops[i].payload = (bytes){payloads, i + 1 == HOPS ? LAST : 200 + 100 * i};
    }
    CHECK(onion_build(&session, hops, HOPS, BYTES_EMPTY, packet, shared, NULL) == ST_FULL);
    CHECK(onion_build_of(ONION_LARGE_SIZE, &session, hops, HOPS, BYTES_EMPTY, packet, shared,
                         NULL) == ST_OK);
    for (usize i = 0; i < HOPS; i++) {
        struct onion_opened got;
        bytes in = BYTES_OF(packet);
        CHECK_ROW(i, onion_open(&keys[i], in, BYTES_LIT("x"), room, &got) == ONION_BAD_HMAC);
        packet[ONION_LARGE_SIZE - 1] ^= 1;
        CHECK_ROW(i, onion_open(&keys[i], in, BYTES_EMPTY, room, &got) == ONION_BAD_HMAC);
        packet[ONION_LARGE_SIZE - 1] ^= 1;
        CHECK_ROW(i, onion_open(&keys[i], in, BYTES_EMPTY, room, &got) ==
                         (i + 1 == HOPS ? ONION_FINAL : ONION_FORWARD));
        CHECK_ROW(i, bytes_equal(got.payload, hops[i].payload));
        CHECK_ROW(i, bytes_equal(BYTES_OF(got.shared), BYTES_OF(shared[i])));
        CHECK_ROW(i, i + 1 == HOPS || got.next.size == sizeof(packet));
        bytes_copy(packet, got.next);
    }
    hops[0].payload.size = sizeof(payloads);
    for (usize i = 1; i < HOPS; i++)
        hops[i].payload.size = sizeof(payloads);
    CHECK(onion_build_of(ONION_LARGE_SIZE, &session, hops, HOPS, BYTES_EMPTY, packet, shared,
                         NULL) == ST_FULL);
}

/* --- Attacks. */

TEST(onion_with_any_byte_changed_is_refused_and_says_why)
{
    static const struct onion_peeled nothing;
    static struct route route;
    u64 seed = 44;
    make_route(&route, 3, &seed);
    for (usize i = 0; i < ONION_SIZE; i++) {
        struct onion_peeled peeled;
        u8 wrong[ONION_SIZE];
        memcpy(wrong, route.packet, sizeof(wrong));
        wrong[i] ^= (u8)(1 << i % 8);
        enum onion_verdict verdict = onion_peel(&route.keys[0], wrong, BYTES_LIT("hash"), &peeled);
        if (i == 0)
            CHECK_ROW(i, verdict == ONION_BAD_VERSION && onion_failure_code(verdict) == 0xc004);
        else if (i < 1 + sizeof(point33))
            CHECK_ROW(i, verdict == ONION_BAD_KEY || verdict == ONION_BAD_HMAC);
        else
            CHECK_ROW(i, verdict == ONION_BAD_HMAC && onion_failure_code(verdict) == 0xc005);
        CHECK_ROW(i, memcmp(&peeled, &nothing, sizeof(nothing)) == 0);
    }
    struct onion_peeled peeled;
    route.packet[1] = 4;
    enum onion_verdict verdict =
        onion_peel(&route.keys[0], route.packet, BYTES_LIT("hash"), &peeled);
    CHECK(verdict == ONION_BAD_KEY && onion_failure_code(verdict) == 0xc006);
}

TEST(onion_is_for_its_node_and_its_payment_alone)
{
    static struct route route;
    struct onion_peeled peeled;
    u64 seed = 45;
    make_route(&route, 3, &seed);
    for (usize i = 1; i < 3; i++)
        CHECK_ROW(i, onion_peel(&route.keys[i], route.packet, BYTES_LIT("hash"), &peeled) ==
                         ONION_BAD_HMAC);
    CHECK(onion_peel(&route.keys[0], route.packet, BYTES_LIT("hasi"), &peeled) == ONION_BAD_HMAC);
    CHECK(onion_peel(&route.keys[0], route.packet, BYTES_EMPTY, &peeled) == ONION_BAD_HMAC);
}

/* Nothing that two hops see of one route is the same, so that they cannot tell it is one. */
TEST(onion_shares_no_run_of_bytes_between_two_hops)
{
    static struct route route;
    struct onion_peeled peeled;
    u64 seed = 46;
    make_route(&route, 4, &seed);
    CHECK(onion_peel(&route.keys[0], route.packet, BYTES_LIT("hash"), &peeled) == ONION_FORWARD);
    for (usize i = 1; i + 8 <= ONION_SIZE; i++)
        CHECK_ROW(i, memmem(peeled.next, ONION_SIZE, route.packet + i, 8) == NULL);
}

/* A packet with a right HMAC, as only a sender that breaks the rules makes it, whose payloads open
 * to `start`. */
static void seal_packet(const secret32 *node, bytes start, u8 packet[static ONION_SIZE])
{
    secret32 session = secret_of(9), shared, rho, mu;
    point33 ephemeral, point;
    CHECK(point_of_secret(node, &point) == ST_OK);
    CHECK(point_of_secret(&session, &ephemeral) == ST_OK);
    CHECK(secret_ecdh(&session, &point, &shared) == ST_OK);
    hmac_sha256(BYTES_LIT("rho"), BYTES_OF(shared), BYTES_EMPTY, rho.b);
    hmac_sha256(BYTES_LIT("mu"), BYTES_OF(shared), BYTES_EMPTY, mu.b);
    memset(packet, 0, ONION_SIZE);
    memcpy(packet + 1, ephemeral.b, sizeof(ephemeral.b));
    u8 *payloads = packet + 1 + sizeof(ephemeral.b);
    memcpy(payloads, start.data, start.size);
    stream_add(&rho, payloads, ONION_PAYLOADS_SIZE);
    hmac_sha256(BYTES_OF(mu), (bytes){payloads, ONION_PAYLOADS_SIZE}, BYTES_EMPTY,
                payloads + ONION_PAYLOADS_SIZE);
}

TEST(onion_refuses_lengths_that_are_reserved_misspelt_or_too_large)
{
    static const struct {
        const char *start;
        enum onion_verdict verdict;
    } rows[] = {
        {"00", ONION_BAD_PAYLOAD},
        {"01", ONION_BAD_PAYLOAD},
        {"02", ONION_FINAL},
        {"fc", ONION_FINAL},
        {"fd0000", ONION_BAD_PAYLOAD},
        {"fd0002", ONION_BAD_PAYLOAD},
        {"fd00fc", ONION_BAD_PAYLOAD},
        {"fd00fd", ONION_FINAL},
        {"fd04f1", ONION_FINAL},
        {"fd04f2", ONION_BAD_PAYLOAD},
        {"fd0514", ONION_BAD_PAYLOAD},
        {"fdffff", ONION_BAD_PAYLOAD},
        {"fe00000002", ONION_BAD_PAYLOAD},
        {"fe00010000", ONION_BAD_PAYLOAD},
        {"fe01000000", ONION_BAD_PAYLOAD},
        {"ff0100000000000000", ONION_BAD_PAYLOAD},
        {"ff0000000000000002", ONION_BAD_PAYLOAD},
        {"ffffffffffffffffff", ONION_BAD_PAYLOAD},
    };
    secret32 node = secret_of(6);
    for (usize i = 0; i < countof(rows); i++) {
        struct onion_peeled peeled;
        u8 packet[ONION_SIZE];
        seal_packet(&node, hex(rows[i].start), packet);
        enum onion_verdict verdict = onion_peel(&node, packet, BYTES_EMPTY, &peeled);
        CHECK_ROW(i, verdict == rows[i].verdict);
        CHECK_ROW(i, onion_failure_code(verdict) == (verdict == ONION_FINAL ? 0 : 0x4016));
        CHECK_ROW(i, (peeled.payload_size == 0) == (verdict == ONION_BAD_PAYLOAD));
    }
}

/* Blinded paths against BOLT 4's vectors: made, followed by a payment and by an onion message. */
#include "channel/blinded_path.h"

#include "base/fmt.h"
#include "base/json_read.h"
#include "harness/test.h"

enum { HOPS = 5, ROOM = 512 };

static json read_vector(const char *folder, const char *file)
{
    char path[4200];
    json all = {BYTES_EMPTY};
    fmt(path, sizeof(path), "%s/%s", folder, file);
    CHECK(json_check(test_read_file(path), 16, &all, NULL) == ST_OK);
    return all;
}

static bytes hex_of(json object, const char *name)
{
    bytes out = BYTES_EMPTY;
    CHECK(json_read_hex(json_get(object, name), &out, test_arena()) == ST_OK);
    return out;
}

static secret32 secret_of(json object, const char *name)
{
    secret32 out = {{0}};
    CHECK(json_read_fixed(json_get(object, name), out.b, sizeof(out.b)) == ST_OK);
    return out;
}

static point33 point_of(json object, const char *name)
{
    point33 out = {{0}};
    CHECK(json_read_fixed(json_get(object, name), out.b, sizeof(out.b)) == ST_OK);
    return out;
}

static bool holds(bytes whole, const void *part, usize size)
{
    return memmem(whole.data, whole.size, part, size) != NULL;
}

/* --- Making and opening. */

/* The official path is two, of two hops each, one joined to the other. */
static void check_built(json hops, json route, usize from)
{
    struct onion_hop real[2], blinded[2];
    point33 path_key;
    secret32 session = secret_of(json_at(hops, from), "session_key");
    for (usize i = 0; i < 2; i++)
        real[i] = (struct onion_hop){point_of(json_at(hops, from + i), "node_id"),
                                     hex_of(json_at(hops, from + i), "encoded_tlvs")};
    CHECK(blinded_path_build(&session, real, 2, &path_key, blinded, test_arena()) == ST_OK);
    CHECK(bytes_equal(BYTES_OF(path_key), hex_of(json_at(hops, from), "path_key")));
    for (usize i = 0; i < 2; i++) {
        json want = json_at(route, from + i);
        CHECK_ROW(i, bytes_equal(BYTES_OF(blinded[i].node), hex_of(want, "blinded_node_id")));
        CHECK_ROW(i, bytes_equal(blinded[i].payload, hex_of(want, "encrypted_data")));
    }
}

TEST(blinded_path_is_the_official_one_and_each_official_hop_opens_it)
{
    const char *folder = test_fixture_folder("bolt04");
    if (folder == NULL)
        return;
    json all = read_vector(folder, "route-blinding-test.json");
    json route = json_get(json_get(all, "route"), "hops");
    json hops = json_get(json_get(all, "unblind"), "hops");
    CHECK(json_count(route) == 4 && json_count(hops) == 4);
    check_built(json_get(json_get(all, "generate"), "hops"), route, 0);
    check_built(json_get(json_get(all, "generate"), "hops"), route, 2);
    for (usize i = 0; i < 4; i++) {
        json hop = json_at(hops, i);
        secret32 node = secret_of(hop, "node_privkey"), key;
        point33 path_key = point_of(hop, "path_key"), next;
        bytes sealed = hex_of(json_at(route, i), "encrypted_data");
        u8 text[ROOM];
        CHECK_ROW(i, blinded_path_key(&node, &path_key, &key) == ST_OK);
        CHECK_ROW(i, bytes_equal(BYTES_OF(key), hex_of(hop, "blinded_privkey")));
        CHECK_ROW(i, blinded_path_open(&node, &path_key, sealed, text, &next) == ST_OK);
        CHECK_ROW(i, bytes_equal((bytes){text, sealed.size - AEAD_TAG_SIZE},
                                 hex_of(hop, "decrypted_data")));
        CHECK_ROW(i, bytes_equal(BYTES_OF(next), hex_of(hop, "next_path_key")));
    }
}

TEST(blinded_path_opens_for_its_hop_and_path_key_alone)
{
    secret32 session = {{1}}, keys[2] = {{{2}}, {{3}}};
    struct onion_hop hops[2], blinded[2];
    point33 path_key, next, none = {{4}};
    u8 text[ROOM];
    for (usize i = 0; i < 2; i++) {
        CHECK(point_of_secret(&keys[i], &hops[i].node) == ST_OK);
        hops[i].payload = BYTES_LIT("to the next node");
    }
    CHECK(blinded_path_build(&session, hops, 2, &path_key, blinded, test_arena()) == ST_OK);
    bytes sealed = blinded[0].payload;
    CHECK(blinded_path_open(&keys[0], &path_key, sealed, text, &next) == ST_OK);
    CHECK(blinded_path_open(&keys[1], &next, blinded[1].payload, text, &next) == ST_OK);
    CHECK(blinded_path_open(&keys[1], &path_key, sealed, text, &next) == ST_INVALID);
    CHECK(blinded_path_open(&keys[0], &hops[1].node, sealed, text, &next) == ST_INVALID);
    CHECK(blinded_path_open(&keys[0], &none, sealed, text, &next) == ST_INVALID);
    CHECK(blinded_path_open(&keys[0], &path_key, blinded[1].payload, text, &next) == ST_INVALID);
    for (usize size = 0; size < sealed.size; size++)
        CHECK_ROW(size, blinded_path_open(&keys[0], &path_key, (bytes){sealed.data, size}, text,
                                          &next) == ST_INVALID);
    for (usize i = 0; i < sealed.size; i++) {
        u8 wrong[ROOM];
        memcpy(wrong, sealed.data, sealed.size);
        wrong[i] ^= 1;
        CHECK_ROW(i, blinded_path_open(&keys[0], &path_key, (bytes){wrong, sealed.size}, text,
                                       &next) == ST_INVALID);
    }
    secret32 zero = {{0}}, key;
    CHECK(blinded_path_key(&keys[0], &none, &key) == ST_INVALID);
    CHECK(blinded_path_build(&zero, hops, 2, &path_key, blinded, test_arena()) == ST_INVALID);
    hops[1].node = none;
    CHECK(blinded_path_build(&session, hops, 2, &path_key, blinded, test_arena()) == ST_INVALID);
}

/* --- A payment's onion: two hops in the open, of which the second is told the first path key, then
 * three behind it. */

TEST(onion_of_a_payment_follows_the_official_blinded_path)
{
    const char *folder = test_fixture_folder("bolt04");
    if (folder == NULL)
        return;
    json all = read_vector(folder, "blinded-payment-onion-test.json");
    json generate = json_get(all, "generate"), route = json_get(generate, "blinded_route");
    json full = json_get(json_get(generate, "full_route"), "hops");
    json hops = json_get(json_get(all, "decrypt"), "hops");
    bytes associated = hex_of(generate, "associated_data");
    secret32 session = secret_of(generate, "session_key"), shared[HOPS];
    struct onion_hop way[HOPS];
    u8 packet[ONION_SIZE];
    CHECK(json_count(full) == HOPS && json_count(hops) == HOPS);
    for (usize i = 0; i < HOPS; i++) {
        bytes payload = hex_of(json_at(full, i), "payload"); /* its length before it */
        way[i] = (struct onion_hop){point_of(json_at(full, i), "pubkey"),
                                    bytes_slice(payload, 1, payload.size)};
    }
    CHECK(onion_build(&session, way, HOPS, associated, packet, shared, NULL) == ST_OK);
    CHECK(bytes_equal(BYTES_OF(packet), hex_of(generate, "onion")));
    point33 path_key = point_of(route, "first_path_key");
    for (usize i = 0; i < HOPS; i++) {
        json hop = json_at(hops, i);
        struct onion_peeled peeled;
        secret32 node = secret_of(hop, "node_privkey"), key = node;
        CHECK_ROW(i, bytes_equal(BYTES_OF(packet), hex_of(hop, "onion")));
        if (i >= 2)
            CHECK_ROW(i, blinded_path_key(&node, &path_key, &key) == ST_OK);
        CHECK_ROW(i, onion_peel(&key, packet, associated, &peeled) ==
                         (i + 1 < HOPS ? ONION_FORWARD : ONION_FINAL));
        bytes payload = {peeled.payload, peeled.payload_size};
        CHECK_ROW(i, bytes_equal(payload, way[i].payload));
        memcpy(packet, peeled.next, sizeof(packet));
        if (i == 0)
            continue;
        bytes sealed = hex_of(json_at(json_get(route, "hops"), i - 1), "encrypted_data");
        point33 next = point_of(hop, "next_path_key"), derived;
        u8 text[ROOM];
        CHECK_ROW(i, holds(payload, sealed.data, sealed.size));
        CHECK_ROW(i, i != 1 || holds(payload, path_key.b, sizeof(path_key.b)));
        CHECK_ROW(i, blinded_path_open(&node, &path_key, sealed, text, &derived) == ST_OK);
        bool told = holds((bytes){text, sealed.size - AEAD_TAG_SIZE}, next.b, sizeof(next.b));
        CHECK_ROW(i, told == (i == 2)); /* there the two paths join */
        CHECK_ROW(i, told != bytes_equal(BYTES_OF(derived), BYTES_OF(next)));
        path_key = next;
    }
}

/* --- An onion message: all hops are behind the path, and each gets its path key beside the onion.
 *
 *     type 513, 2 | path key, 33 | size of the onion, 2 | onion */

/* The official payload of a hop: what only the last has, and the sealed instructions as type 4. */
static bytes message_payload(bytes sealed, bytes extra)
{
    assert(sealed.size < 0xfd);
    u8 *at = ARENA_TAKE(test_arena(), u8, extra.size + 2 + sealed.size);
    bytes_copy(at, extra);
    at[extra.size] = 4;
    at[extra.size + 1] = (u8)sealed.size;
    memcpy(at + extra.size + 2, sealed.data, sealed.size);
    return (bytes){at, extra.size + 2 + sealed.size};
}

TEST(onion_message_follows_the_official_blinded_path)
{
    enum { COUNT = 4, HEAD = 2 + 33 + 2 };
    const char *folder = test_fixture_folder("bolt04");
    if (folder == NULL)
        return;
    json all = read_vector(folder, "blinded-onion-message-onion-test.json");
    json path = json_get(json_get(all, "route"), "hops"), message = json_get(all, "onionmessage");
    json made = json_get(json_get(all, "generate"), "hops");
    json hops = json_get(json_get(all, "decrypt"), "hops");
    secret32 session = secret_of(json_get(all, "generate"), "session_key"), shared[COUNT];
    struct onion_hop way[COUNT];
    u8 packet[ONION_SIZE];
    CHECK(json_count(path) == COUNT && json_count(hops) == COUNT);
    for (usize i = 0; i < COUNT; i++)
        way[i] = (struct onion_hop){
            point_of(json_at(path, i), "blinded_node_id"),
            message_payload(hex_of(json_at(path, i), "encrypted_recipient_data"),
                            i + 1 < COUNT ? BYTES_EMPTY : BYTES_LIT("\x01\x05hello"))};
    CHECK(onion_build(&session, way, COUNT, BYTES_EMPTY, packet, shared, NULL) == ST_OK);
    CHECK(bytes_equal(BYTES_OF(packet), hex_of(message, "onion_message_packet")));
    for (usize i = 0; i < COUNT; i++) {
        struct onion_peeled peeled;
        json hop = json_at(hops, i);
        secret32 node = secret_of(hop, "privkey"), key;
        bytes wire = hex_of(hop, "onion_message");
        bytes sealed = hex_of(json_at(path, i), "encrypted_recipient_data");
        point33 path_key, next;
        u8 text[ROOM];
        CHECK_ROW(i, wire.size == HEAD + ONION_SIZE);
        memcpy(path_key.b, wire.data + 2, sizeof(path_key.b));
        CHECK_ROW(i, bytes_equal(bytes_slice(wire, HEAD, ONION_SIZE), BYTES_OF(packet)));
        CHECK_ROW(i, bytes_equal(BYTES_OF(path_key), hex_of(json_at(made, i), "E")));
        CHECK_ROW(i, blinded_path_key(&node, &path_key, &key) == ST_OK);
        CHECK_ROW(i, onion_peel(&key, packet, BYTES_EMPTY, &peeled) ==
                         (i + 1 < COUNT ? ONION_FORWARD : ONION_FINAL));
        CHECK_ROW(i, bytes_equal((bytes){peeled.payload, peeled.payload_size}, way[i].payload));
        CHECK_ROW(i, blinded_path_open(&node, &path_key, sealed, text, &next) == ST_OK);
        CHECK_ROW(i, bytes_equal((bytes){text, sealed.size - AEAD_TAG_SIZE},
                                 hex_of(json_at(made, i), "encrypted_data_tlv")));
        memcpy(packet, peeled.next, sizeof(packet));
    }
}

TEST(blinded_path_is_not_opened_without_a_seal)
{
    secret32 node = {{[31] = 1}};
    point33 path_key, next;
    u8 out[AEAD_TAG_SIZE] = {0};
    CHECK(point_of_secret(&node, &path_key) == ST_OK);
    for (usize size = 0; size < sizeof(out); size++) {
        bytes sealed = size == 0 ? BYTES_EMPTY : (bytes){out, size};
        CHECK_ROW(size, blinded_path_open(&node, &path_key, sealed, out, &next) == ST_INVALID);
    }
}

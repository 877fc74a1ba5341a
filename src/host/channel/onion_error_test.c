/* Returned errors: BOLT 4's vector, every hop of a route, and hops that lie. */
#include "channel/onion_error.h"

#include "base/fmt.h"
#include "base/json_read.h"
#include "harness/test.h"

#include <stdlib.h>

static bytes hex_of(json value)
{
    bytes out = BYTES_EMPTY;
    CHECK(json_read_hex(value, &out, test_arena()) == ST_OK);
    return out;
}

TEST(onion_error_is_the_official_one_and_the_origin_reads_it)
{
    const char *folder = test_fixture_folder("bolt04");
    char path[4200];
    json all;
    secret32 shared[5];
    if (folder == NULL)
        return;
    fmt(path, sizeof(path), "%s/onion-error-test.json", folder);
    CHECK(json_check(test_read_file(path), 16, &all, NULL) == ST_OK);
    json generate = json_get(all, "generate"), hops = json_get(generate, "hops");
    CHECK(json_count(hops) == countof(shared));
    for (usize i = 0; i < countof(shared); i++)
        CHECK(json_read_fixed(json_get(json_at(hops, i), "hop_shared_secret"), shared[i].b, 32) ==
              ST_OK);
    bytes sent = hex_of(json_get(generate, "failure_message"));
    bytes inside = hex_of(json_get(json_at(hops, 4), "payload"));
    usize size = onion_error_size(sent.size);
    u8 *packet = ARENA_TAKE(test_arena(), u8, size);
    onion_error_build(&shared[4], sent, packet);
    onion_error_wrap(&shared[4], packet, size); /* twice is not at all */
    CHECK(bytes_equal(bytes_slice((bytes){packet, size}, ONION_HMAC_SIZE, size), inside));
    for (usize i = countof(shared); i-- > 0;)
        onion_error_wrap(&shared[i], packet, size);
    CHECK(bytes_equal((bytes){packet, size}, hex_of(json_get(all, "errorpacket"))));
    usize hop;
    bytes got;
    CHECK(onion_error_read(shared, countof(shared), (bytes){packet, size}, &hop, &got,
                           test_arena()) == ST_OK);
    CHECK(hop == 4 && bytes_equal(got, sent));
}

/* --- A route of our own. */

enum { HOPS = 20 };

static void make_secrets(secret32 shared[static HOPS])
{
    for (usize i = 0; i < HOPS; i++)
        memset(shared[i].b, (int)i + 1, sizeof(shared[i].b));
}

/* What reaches the origin when hop `from` returns the message. */
static bytes returned(const secret32 *shared, usize from, bytes message)
{
    usize size = onion_error_size(message.size);
    u8 *packet = ARENA_TAKE(test_arena(), u8, size);
    onion_error_build(&shared[from], message, packet);
    for (usize i = from; i-- > 0;)
        onion_error_wrap(&shared[i], packet, size);
    return (bytes){packet, size};
}

TEST(onion_error_names_the_hop_that_made_it)
{
    static const usize sizes[] = {2, 40, 255, 256, 257, 1024, ONION_ERROR_MESSAGE_LIMIT};
    secret32 shared[HOPS];
    make_secrets(shared);
    for (usize i = 0; i < countof(sizes); i++) {
        u8 *text = ARENA_NEW(test_arena(), u8, sizes[i]);
        text[0] = 0x40;
        for (usize from = 0; from < HOPS; from++) {
            usize hop;
            bytes sent = {text, sizes[i]}, got;
            bytes packet = returned(shared, from, sent);
            CHECK_ROW(i, packet.size == ONION_ERROR_OVERHEAD + max_u64(sizes[i], 256));
            CHECK_ROW(i, onion_error_read(shared, HOPS, packet, &hop, &got, test_arena()) == ST_OK);
            CHECK_ROW(from, hop == from && bytes_equal(got, sent));
        }
    }
}

/* A hop that changes what it passes back is not believed, and puts the blame on nobody. */
TEST(onion_error_changed_on_its_way_is_from_nobody)
{
    secret32 shared[HOPS];
    make_secrets(shared);
    bytes right = returned(shared, 5, BYTES_LIT("\x20\x02"));
    for (usize i = 0; i < right.size; i++) {
        u8 *wrong = ARENA_TAKE(test_arena(), u8, right.size);
        usize hop;
        bytes got;
        memcpy(wrong, right.data, right.size);
        wrong[i] ^= (u8)(1 << i % 8);
        CHECK_ROW(i, onion_error_read(shared, HOPS, (bytes){wrong, right.size}, &hop, &got,
                                      test_arena()) == ST_INVALID);
        CHECK_ROW(i, hop == HOPS && got.size == 0);
    }
    for (usize size = 0; size < right.size; size++) {
        usize hop;
        bytes got;
        CHECK_ROW(size, onion_error_read(shared, HOPS, (bytes){right.data, size}, &hop, &got,
                                         test_arena()) == ST_INVALID &&
                            hop == HOPS);
    }
}

TEST(onion_error_of_a_stranger_or_of_a_hop_beyond_the_route_is_from_nobody)
{
    secret32 shared[HOPS];
    usize hop;
    bytes got;
    make_secrets(shared);
    bytes packet = returned(shared, 5, BYTES_LIT("\x20\x02"));
    CHECK(onion_error_read(shared, 5, packet, &hop, &got, test_arena()) == ST_INVALID && hop == 5);
    CHECK(onion_error_read(shared + 1, HOPS - 1, packet, &hop, &got, test_arena()) == ST_INVALID);
    /* Not even with the secret that stands for the layers beyond the route. */
    secret32 zero = {{0}};
    packet = returned(&zero, 0, BYTES_LIT("\x20\x02"));
    CHECK(onion_error_read(shared, 0, packet, &hop, &got, test_arena()) == ST_INVALID && hop == 0);
}

/* A hop that signs nonsense is known, and nothing of the nonsense is read. */
TEST(onion_error_with_wrong_sizes_names_its_hop_and_gives_no_message)
{
    static const struct {
        usize size, message_size, padding_size;
        enum status status;
    } rows[] = {
        {ONION_ERROR_OVERHEAD, 0, 0, ST_INVALID},
        {ONION_ERROR_OVERHEAD, 1, 0, ST_INVALID},
        {ONION_ERROR_OVERHEAD + 1, 1, 0, ST_OK},
        {ONION_ERROR_OVERHEAD + 4, 2, 2, ST_OK},
        {ONION_ERROR_OVERHEAD + 4, 2, 1, ST_INVALID},
        {ONION_ERROR_OVERHEAD + 4, 2, 3, ST_INVALID},
        {ONION_ERROR_OVERHEAD + 4, 5, 0, ST_INVALID},
        {ONION_ERROR_OVERHEAD + 4, 65535, 0, ST_INVALID},
        {ONION_ERROR_OVERHEAD + 256, 256, 0, ST_OK},
    };
    secret32 shared[HOPS], um;
    make_secrets(shared);
    hmac_sha256(BYTES_LIT("um"), BYTES_OF(shared[2]), BYTES_EMPTY, um.b);
    for (usize i = 0; i < countof(rows); i++) {
        u8 *packet = ARENA_NEW(test_arena(), u8, rows[i].size), *at = packet + ONION_HMAC_SIZE;
        usize end = rows[i].message_size + 4, hop;
        bytes got;
        at[0] = (u8)(rows[i].message_size >> 8);
        at[1] = (u8)rows[i].message_size;
        if (ONION_HMAC_SIZE + end <= rows[i].size)
            at[end - 1] = (u8)rows[i].padding_size;
        hmac_sha256(BYTES_OF(um), (bytes){at, rows[i].size - ONION_HMAC_SIZE}, BYTES_EMPTY, packet);
        for (usize j = 3; j-- > 0;)
            onion_error_wrap(&shared[j], packet, rows[i].size);
        /* No more memory than reading may take, so that a sanitizer sees a step beyond. */
        u8 *memory = malloc(2 * rows[i].size);
        struct arena arena = arena_over(memory, 2 * rows[i].size);
        CHECK_ROW(i, onion_error_read(shared, HOPS, (bytes){packet, rows[i].size}, &hop, &got,
                                      &arena) == rows[i].status);
        CHECK_ROW(i, hop == 2 && got.size == (rows[i].status == ST_OK ? rows[i].message_size : 0));
        free(memory);
    }
}

TEST(onion_error_too_short_for_its_sizes_is_from_nobody)
{
    secret32 shared[HOPS], um;
    make_secrets(shared);
    hmac_sha256(BYTES_LIT("um"), BYTES_OF(shared[0]), BYTES_EMPTY, um.b);
    for (usize rest = 0; rest < ONION_ERROR_OVERHEAD - ONION_HMAC_SIZE; rest++) {
        u8 packet[ONION_ERROR_OVERHEAD] = {0};
        usize hop;
        bytes got;
        hmac_sha256(BYTES_OF(um), (bytes){packet + ONION_HMAC_SIZE, rest}, BYTES_EMPTY, packet);
        onion_error_wrap(&shared[0], packet, ONION_HMAC_SIZE + rest);
        CHECK_ROW(rest, onion_error_read(shared, HOPS, (bytes){packet, ONION_HMAC_SIZE + rest},
                                         &hop, &got, test_arena()) == ST_INVALID);
        CHECK_ROW(rest, hop == HOPS && got.size == 0);
    }
}

#include "crypto/ripemd160.h"

#include "harness/test.h"

static bool is(hash20 got, const char *want)
{
    return bytes_equal(BYTES_OF(got), hex(want));
}

/* The vectors of the authors' paper. */
TEST(ripemd160_of_known_texts)
{
    static const struct {
        const char *text, *hash;
    } cases[] = {
        {"", "9c1185a5c5e9fc54612808977ee8f548b2258d31"},
        {"a", "0bdc9d2d256b3ee9daae347be6f4dc835a467ffe"},
        {"abc", "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc"},
        {"message digest", "5d0689ef49d2fae572b881b123a85ffa21595f36"},
        {"abcdefghijklmnopqrstuvwxyz", "f71c27109c692c1b56bbdceb5b9d2865b3708dbc"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "12a053384a9c0c88e405a06c27dcf49ada62eb2b"},
        {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
         "b0e20b6e3116640286ed3a87a5713079b21f5189"},
        {"1234567890123456789012345678901234567890"
         "1234567890123456789012345678901234567890",
         "9b752e45573d4b39f4dbd3323cab82bf63326bfb"},
    };
    for (usize i = 0; i < countof(cases); i++) {
        bytes text = {(const u8 *)cases[i].text, strlen(cases[i].text)};
        CHECK_ROW(i, is(ripemd160(text), cases[i].hash));
    }
}

TEST(ripemd160_of_a_million_a)
{
    u8 *text = ARENA_TAKE(test_arena(), u8, 1000000);
    memset(text, 'a', 1000000);
    CHECK(is(ripemd160((bytes){text, 1000000}), "52783243c1697bdbe16d37f97f68f08325dc1528"));
}

TEST(ripemd160_at_the_edges_of_a_block)
{
    /* The hash of all hashes of 0, 1, … 130 zero bytes; from OpenSSL. */
    u8 zeros[131] = {0};
    hash20 all[131];
    for (usize size = 0; size < countof(all); size++)
        all[size] = ripemd160((bytes){zeros, size});
    CHECK(is(ripemd160(BYTES_OF(all)), "6bea5c38163d59296a057af97f2313cfd1b4a761"));
}

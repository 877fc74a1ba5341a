#include "crypto/keccak.h"

#include "harness/test.h"

static bool is(hash32 got, const char *want)
{
    return bytes_equal(BYTES_OF(got), hex(want));
}

TEST(keccak_of_known_texts)
{
    CHECK(is(keccak256(BYTES_EMPTY),
             "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"));
    CHECK(is(keccak256(BYTES_LIT("abc")),
             "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"));
    CHECK(is(keccak256(BYTES_LIT("The quick brown fox jumps over the lazy dog")),
             "4d741b6f1eb29cb2a9b9911c82f56fa8d73b04959d3d9d222895df6c0b28aa15"));
    CHECK(is(keccak256(hex("c0")), /* the empty list: the hash of no uncles */
             "1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"));
    CHECK(is(keccak256(hex("80")), /* the root of the empty trie */
             "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"));
}

TEST(keccak_permutes_the_zero_state_as_its_reference_does)
{
    u64 state[25] = {0};
    keccak_f1600(state); /* KeccakF-1600-IntermediateValues.txt of the Keccak team */
    CHECK(state[0] == 0xf1258f7940e1dde7 && state[1] == 0x84d5ccf933c0478a);
    CHECK(state[24] == 0xeaf1ff7b5ceca249);
    keccak_f1600(state);
    CHECK(state[0] == 0x2d5c954df96ecb3c && state[24] == 0x20d06cd26a8fbf5c);
}

TEST(keccak_in_parts_equals_keccak_at_once)
{
    u8 text[500];
    for (usize i = 0; i < sizeof(text); i++)
        text[i] = (u8)(i * 7 + 3);
    for (usize size = 0; size <= sizeof(text); size++) {
        hash32 whole = keccak256((bytes){text, size});
        for (usize part = 1; part <= 300; part += 45) {
            struct keccak keccak;
            keccak_init(&keccak);
            for (usize at = 0; at < size; at += part)
                keccak_update(&keccak, bytes_slice((bytes){text, size}, at, part));
            CHECK_ROW(size, hash32_equal(whole, keccak_final(&keccak)));
        }
    }
}

TEST(keccak_at_the_edges_of_a_block)
{
    /* A chain over every length around one and two blocks; the value from a second implementation.
     */
    u8 text[300] = {0};
    hash32 chain = {0};
    for (usize size = 130; size <= 280; size++) {
        memset(text, (int)size & 0xff, sizeof(text));
        struct keccak keccak;
        keccak_init(&keccak);
        keccak_update(&keccak, BYTES_OF(chain));
        keccak_update(&keccak, (bytes){text, size});
        chain = keccak_final(&keccak);
    }
    CHECK(is(chain, "fb04a90be1b947682d7761a7c2ae65cef3dc51b829dbf9b9a6e57f9300bf187f"));
}

TEST(keccak_of_many_texts_equals_that_of_each)
{
    enum { MOST = 40, LONGEST = 700 };
    static u8 text[LONGEST + MOST];
    static const usize sizes[] = {0, 32, 135, 136, 137, 271, 272, 532, 1, LONGEST};
    for (usize i = 0; i < sizeof(text); i++)
        text[i] = (u8)(i * i + 7 * i);
    for (usize count = 0; count <= MOST; count++) {
        bytes in[MOST];
        hash32 out[MOST + 1] = {0};
        for (usize i = 0; i < count; i++)
            in[i] = (bytes){text + i, sizes[(i * i + count) % countof(sizes)]};
        keccak256_many(in, count, out);
        for (usize i = 0; i < count; i++)
            CHECK_ROW(count, hash32_equal(out[i], keccak256(in[i])));
        CHECK_ROW(count, hash32_is_zero(out[count]));
    }
}

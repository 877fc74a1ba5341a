#include "crypto/sha256.h"
#include "harness/test.h"

TEST(sha256_known_answers)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"616263", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        /* 56 bytes: the length no longer fits in the first padded block */
        {"6162636462636465636465666465666765666768666768696768696a68696a6b696a6b6c6a6b6c6d6b6c6d6e"
         "6c6d6e6f6d6e6f706e6f7071",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (usize i = 0; i < countof(rows); i++) {
        hash32 got = sha256(hex(rows[i].in));
        CHECK_ROW(i, bytes_equal(BYTES_OF(got), hex(rows[i].want)));
    }
}

TEST(sha256_at_the_edges_of_a_block)
{
    /* The hash of all hashes of 0, 1, … 299 times the byte 7; from Python's hashlib. */
    u8 text[300];
    hash32 all[300];
    memset(text, 7, sizeof(text));
    for (usize size = 0; size < countof(all); size++)
        all[size] = sha256((bytes){text, size});
    hash32 got = sha256(BYTES_OF(all));
    CHECK(bytes_equal(BYTES_OF(got),
                      hex("336f804345e57323baf1f65300619bc11f331671bdf18d6b5558b7704cfee8f0")));
}

TEST(sha256_of_parts_is_that_of_the_whole)
{
    u8 text[200];
    for (usize i = 0; i < sizeof(text); i++)
        text[i] = (u8)(i * 7);
    hash32 want = sha256(BYTES_OF(text));
    for (usize first = 0; first <= sizeof(text); first++)
        for (usize second = first; second <= sizeof(text); second += 13) {
            struct sha256 hash = sha256_begin();
            sha256_add(&hash, (bytes){text, first});
            sha256_add(&hash, (bytes){text + first, second - first});
            sha256_add(&hash, (bytes){text + second, sizeof(text) - second});
            hash32 got = sha256_end(&hash);
            CHECK_ROW(first, hash32_equal(got, want));
        }
}

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

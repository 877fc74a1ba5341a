/* SHA-256 agrees with OpenSSL. clang builds the portable body of ours, gcc's unit tests the one
 * with the processor's instructions. */
#include "crypto/sha256.h"

#include "harness/fuzz.h"

#include <openssl/sha.h>

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    hash32 ours = sha256((bytes){data, size}), theirs;
    SHA256(data, size, theirs.b);
    assert(hash32_equal(ours, theirs));
    usize first = size == 0 ? 0 : data[0] % (size + 1);
    struct sha256 parts = sha256_begin();
    sha256_add(&parts, (bytes){data, first});
    sha256_add(&parts, (bytes){data + first, size - first});
    assert(hash32_equal(sha256_end(&parts), theirs));
    return 0;
}

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
    return 0;
}

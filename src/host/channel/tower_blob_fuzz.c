/* Any plain text under a right seal is refused or is the only one of what it says; the same bytes
 * without the seal are refused. */
#include "channel/tower_blob.h"

#include "harness/fuzz.h"

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    static const hash32 salt = {{7}};
    static const point33 client = {{3}};
    u8 plain[TOWER_BLOB_SIZE - XAEAD_OVERHEAD], again[sizeof(plain)], blob[TOWER_BLOB_SIZE];
    struct tower_blob got;
    hint16 hint = tower_hint(salt, &client);
    secret32 key;
    bytes in = {data, size};
    assert(tower_blob_open(salt, &client, in, &got, NULL) == ST_INVALID);
    fuzz_fill(&in, plain, sizeof(plain));
    sha256_joined(BYTES_LIT("key"), BYTES_OF(salt), key.b);
    xaead_seal(&key, BYTES_OF(hint), BYTES_OF(plain), blob);
    if (tower_blob_open(salt, &client, BYTES_OF(blob), &got, NULL) != ST_OK)
        return 0;
    tower_blob_seal(&client, &got, blob);
    assert(xaead_open(&key, BYTES_OF(hint), BYTES_OF(blob), again));
    assert(memcmp(plain, again, sizeof(plain)) == 0);
    (void)tower_blob_is_owned(salt, &client, &got);
    return 0;
}

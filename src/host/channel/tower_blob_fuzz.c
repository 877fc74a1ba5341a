/* Any plain text under a right seal is refused or is the only one of what it says; the same bytes
 * without the seal are refused. */
#include "channel/tower_blob.h"

#include "harness/fuzz.h"

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    static const hash32 salt = {{7}};
    u8 plain[TOWER_BLOB_SIZE - XAEAD_OVERHEAD], again[sizeof(plain)], blob[TOWER_BLOB_SIZE];
    struct channel_terms terms;
    struct adjudicator_states states;
    struct tower_stakes stakes;
    hint16 hint = tower_hint(salt);
    secret32 key;
    bytes in = {data, size};
    assert(tower_blob_open(salt, in, &terms, &states, &stakes, NULL) == ST_INVALID);
    fuzz_fill(&in, plain, sizeof(plain));
    sha256_joined(BYTES_LIT("key"), BYTES_OF(salt), key.b);
    xaead_seal(&key, BYTES_OF(hint), BYTES_OF(plain), blob);
    if (tower_blob_open(salt, BYTES_OF(blob), &terms, &states, &stakes, NULL) != ST_OK)
        return 0;
    tower_blob_seal(&terms, &states, &stakes, blob);
    assert(xaead_open(&key, BYTES_OF(hint), BYTES_OF(blob), again));
    assert(memcmp(plain, again, sizeof(plain)) == 0);
    return 0;
}

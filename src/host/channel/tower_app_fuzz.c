/* Any plain text under a right seal is refused or is the only one of what it says; the same bytes
 * without the seal are refused. */
#include "channel/tower_app.h"

#include "harness/fuzz.h"

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    static const hash32 id = {{7}};
    static const point33 client = {{3}};
    u8 plain[TOWER_PUT_SIZE - XAEAD_OVERHEAD], again[sizeof(plain)], blob[TOWER_PUT_SIZE];
    struct tower_app app;
    struct arena arena = fuzz_arena();
    hint16 hint = tower_app_hint(id, &client);
    secret32 key;
    bytes in = {data, size};
    assert(tower_app_open(id, &client, in, &app, &arena, NULL) == ST_INVALID);
    fuzz_fill(&in, plain, sizeof(plain));
    sha256_joined(BYTES_LIT("app key"), BYTES_OF(id), key.b);
    xaead_seal(&key, BYTES_OF(hint), BYTES_OF(plain), blob);
    if (tower_app_open(id, &client, BYTES_OF(blob), &app, &arena, NULL) != ST_OK)
        return 0;
    assert(app.player < APP_OVER && app.state.data.size <= APP_DATA_LIMIT);
    assert(tower_app_seal(id, &client, &app, blob));
    assert(xaead_open(&key, BYTES_OF(hint), BYTES_OF(blob), again));
    assert(memcmp(plain, again, sizeof(plain)) == 0);
    (void)tower_app_is_owned(&client, &app);
    (void)tower_app_is_signed(id, id, &app, arena);
    return 0;
}

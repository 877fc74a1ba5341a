/* Any plain text under a right seal is refused or is the only one of what it says; the same bytes
 * without the seal are refused. */
#include "channel/tower_app.h"

#include "harness/fuzz.h"

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    static const hash32 id = {{7}};
    static const point33 client = {{3}};
    u8 plain[TOWER_PUT_MOST - XAEAD_OVERHEAD], again[sizeof(plain)], room[TOWER_PUT_MOST];
    usize plain_size =
        tower_put_size(min_u64(size, sizeof(plain)) + XAEAD_OVERHEAD) - XAEAD_OVERHEAD;
    bytes text = {plain, plain_size}, blob = {room, plain_size + XAEAD_OVERHEAD};
    struct tower_app app;
    struct arena arena = fuzz_arena();
    hint16 hint = tower_app_hint(id, &client);
    secret32 key;
    bytes in = {data, size};
    assert(tower_app_open(id, &client, in, &app, &arena, NULL) == ST_INVALID);
    fuzz_fill(&in, plain, plain_size);
    sha256_joined(BYTES_LIT("app key"), BYTES_OF(id), key.b);
    xaead_seal(&key, BYTES_OF(hint), text, room);
    if (tower_app_open(id, &client, blob, &app, &arena, NULL) != ST_OK)
        return 0;
    assert(app.player < APP_OVER && app.state.data.size <= APP_DATA_LIMIT);
    assert(tower_app_seal(id, &client, &app, room).size == blob.size);
    assert(xaead_open(&key, BYTES_OF(hint), blob, again));
    assert(memcmp(plain, again, plain_size) == 0);
    (void)tower_app_is_owned(&client, &app);
    (void)tower_app_is_signed(id, id, &app, arena);
    return 0;
}

/* What the owner's key has sealed: whatever opens is written the same way again. */
#include "channel/tower_note.h"

#include "harness/fuzz.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    static const secret32 key = {{9}};
    static const point33 owner = {{3}};
    u8 plain[TOWER_NOTE_SIZE - XAEAD_OVERHEAD], again[sizeof(plain)], sealed[TOWER_NOTE_SIZE];
    struct tower_note note;
    bytes in = {data, size};
    assert(tower_note_open(&key, &owner, (hint16){{0}}, in, &note, NULL) == ST_INVALID);
    fuzz_fill(&in, plain, sizeof(plain));
    hash32 salt;
    memcpy(salt.b, plain + 1, sizeof(salt));
    hint16 hint = tower_hint(salt, &owner);
    xaead_seal(&key, BYTES_OF(hint), BYTES_OF(plain), sealed);
    if (tower_note_open(&key, &owner, hint, BYTES_OF(sealed), &note, NULL) != ST_OK)
        return 0;
    tower_note_seal(&key, &owner, &note, sealed);
    assert(xaead_open(&key, BYTES_OF(hint), BYTES_OF(sealed), again));
    assert(memcmp(plain, again, sizeof(plain)) == 0);
    return 0;
}

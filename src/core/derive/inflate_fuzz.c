/* Our decoder takes exactly what zlib takes, and makes the same of it; and it reads what zlib makes
 * of any bytes. The first byte picks the room, the dictionary and whether and how zlib compresses.
 */
#include "derive/batch.h"
#include "derive/inflate.h"
#include "derive/inflate_reference.h"
#include "harness/fuzz.h"

enum { ROOM = 1 << 20 };

static void check(bytes in, bytes dictionary, usize room, struct arena arena)
{
    /* Memory of exactly this size, so that the sanitizer sees the first byte too many. */
    u8 *ours = arena.end - room, *theirs = ARENA_TAKE(&arena, u8, ROOM);
    usize size, used, want_size, want_used;
    bool want = reference_inflate(in, dictionary, theirs, room, &want_size, &want_used);
    enum status st = inflate_decode(in, dictionary, ours, room, &size, &used, NULL);
    assert((st == ST_OK) == want);
    if (want)
        assert(size == want_size && used == want_used && memcmp(ours, theirs, size) == 0);
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    static const usize rooms[] = {0, 1, 100, ROOM};
    struct arena arena = fuzz_arena();
    bytes in = {data, size};
    u8 choice = 0;
    fuzz_fill(&in, &choice, 1);
    bytes dictionary = choice & 4 ? BATCH_DICTIONARY : BYTES_EMPTY;
    check(in, dictionary, rooms[choice & 3], arena);

    if (choice & 8) /* half of the time: it is slow */
        return 0;
    struct reference_deflate how = {choice >> 4 & 1 ? 9 : 1, choice >> 5 & 1 ? 4 : 0, choice >> 6};
    usize room = 2 * in.size + 4096;
    u8 *stream = ARENA_TAKE(&arena, u8, room);
    usize stream_size = reference_deflate(in, dictionary, how, stream, room);
    check((bytes){stream, stream_size}, dictionary, in.size, arena);
    return 0;
}

/* What somebody sealed by guess is not opened, whatever the path key; and what is sealed for two
 * hops, of whatever words, is opened by these two alone. */
#include "channel/blinded_path.h"

#include "harness/fuzz.h"

static secret32 secret_of(u8 number)
{
    return (secret32){{[31] = number}};
}

static void open_guessed(bytes in)
{
    static u8 room[4096];
    secret32 node = secret_of(1), key;
    point33 path_key = {{0}}, next;
    fuzz_fill(&in, path_key.b, sizeof(path_key));
    if (in.size <= sizeof(room))
        assert(blinded_path_open(&node, &path_key, in, room, &next) != ST_OK);
    enum status st = blinded_path_key(&node, &path_key, &key);
    assert(st == ST_OK || st == ST_INVALID);
}

static void open_own(bytes in, struct arena *arena)
{
    secret32 session = secret_of(9), nodes[2] = {secret_of(1), secret_of(2)};
    struct onion_hop hops[2], blinded[2];
    point33 path_key, next;
    for (u32 i = 0; i < 2; i++) {
        assert(point_of_secret(&nodes[i], &hops[i].node) == ST_OK);
        hops[i].payload = bytes_slice(in, i == 0 ? 0 : in.size / 2, i == 0 ? in.size / 2 : in.size);
    }
    assert(blinded_path_build(&session, hops, 2, &path_key, blinded, arena) == ST_OK);
    for (u32 i = 0; i < 2; i++, path_key = next) {
        u8 *out = arena_take(arena, hops[i].payload.size + 1, 1);
        bytes sealed = blinded[i].payload;
        assert(blinded_path_open(&nodes[1 - i], &path_key, sealed, out, &next) != ST_OK);
        assert(blinded_path_open(&nodes[i], &path_key, sealed, out, &next) == ST_OK);
        assert(bytes_equal((bytes){out, hops[i].payload.size}, hops[i].payload));
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    struct arena arena = fuzz_arena();
    open_guessed((bytes){data, size});
    open_own((bytes){data, size}, &arena);
    return 0;
}

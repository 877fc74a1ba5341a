/* Law: no program, however it came to be, makes the machine do more than stop; and stopping at
 * every step changes nothing. The input is a file, or, behind a zero byte, bare instructions. */
#include "harness/fuzz.h"
#include "rv/rv.h"

enum { STEPS = 200, ROOM = 4 << 20 };

/* The smallest file around `words`. */
static bytes file_around(bytes words, struct arena *arena)
{
    static const u8 start[] = {0x7f, 'E', 'L', 'F', 2, 1, 1, [16] = 2, [18] = 243};
    enum { HEADERS = 64 + 56, CODE = 0x10000 };
    usize size = words.size & ~(usize)3;
    u8 *file = ARENA_NEW(arena, u8, HEADERS + size);
    memcpy(file, start, sizeof(start));
    store_le64(file + 24, CODE);
    file[32] = 64;
    file[54] = 56;
    file[56] = 1;
    store_le64(file + 64, 1 | (u64)5 << 32);
    store_le64(file + 72, HEADERS);
    store_le64(file + 80, CODE);
    store_le64(file + 96, size);
    store_le64(file + 104, size);
    bytes_copy(file + HEADERS, (bytes){words.data, size});
    return (bytes){file, HEADERS + size};
}

static struct rv *machine(bytes elf, struct arena *arena)
{
    struct arena room = arena_over(arena_take(arena, ROOM, 16), ROOM);
    struct arena *own = ARENA_TAKE(arena, struct arena, 1);
    *own = room;
    struct rv *rv = ARENA_TAKE(arena, struct rv, 1);
    return rv_load(rv, elf, own, NULL) == ST_OK ? rv : NULL;
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    struct arena arena = fuzz_arena();
    bytes in = {data, size};
    if (size > 0 && data[0] == 0)
        in = file_around(bytes_slice(in, 1, size), &arena);
    struct rv *whole = machine(in, &arena), *stepped = machine(in, &arena);
    if (whole == NULL)
        return 0;
    enum rv_stop stop = rv_run(whole, STEPS), step = RV_STEPS;
    for (usize i = 0; i < STEPS && step == RV_STEPS; i++)
        step = rv_run(stepped, 1);
    assert(stop == step && whole->pc == stepped->pc && whole->steps == stepped->steps);
    assert(whole->x[0] == 0 && memcmp(whole->x, stepped->x, 32 * sizeof(u64)) == 0);
    return 0;
}

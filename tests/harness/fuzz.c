#include "harness/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

enum { FUZZ_MEMORY = 64 << 20 };

_Noreturn void bug_at(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: bug: %s\n", file, line, what);
    abort(); /* libFuzzer saves the input */
}

struct arena fuzz_arena(void)
{
    static u8 *memory;
    if (memory == NULL)
        memory = malloc(FUZZ_MEMORY);
    assert(memory != NULL);
    return arena_over(memory, FUZZ_MEMORY);
}

bytes fuzz_take(bytes *in, usize size)
{
    bytes out = bytes_slice(*in, 0, size);
    *in = bytes_slice(*in, out.size, in->size);
    return out;
}

void fuzz_fill(bytes *in, void *to, usize size)
{
    bytes part = fuzz_take(in, size);
    memset(to, 0, size);
    bytes_copy(to, part);
}

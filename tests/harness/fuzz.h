/* The fuzzing harness: a *_fuzz.c file beside the code defines LLVMFuzzerTestOneInput, which
 * asserts a law over any input. Its module's meson.build names it: fuzz_targets += {'rlp':
 * files(…)}. Seeds, if any, are files in tests/seeds/NAME. `tools/fuzz` builds and runs all
 * targets. */
#ifndef HARNESS_FUZZ_H
#define HARNESS_FUZZ_H

#include "base/arena.h"

int LLVMFuzzerTestOneInput(const u8 *data, usize size);

/* 64 MiB for one input, the same every time. */
struct arena fuzz_arena(void);

/* The next `size` bytes of the input, or fewer where it ends. */
bytes fuzz_take(bytes *in, usize size);

/* The next bytes into a fixed value; what the input lacks is zero. */
void fuzz_fill(bytes *in, void *to, usize size);

#endif

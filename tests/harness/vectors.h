/* Official vectors: geth's JSON for precompiles, and the YAML of the KZG tests. */
#ifndef HARNESS_VECTORS_H
#define HARNESS_VECTORS_H

#include "harness/test.h"

/* All scalars under a key of YAML as the KZG tests write it (`key: 'scalar'`, `key: [a, b]`, block
 * lists, no escapes), nested lists flattened, quotes removed; borrowed from `yaml`. */
struct yaml_scalars {
    bytes *items;
    usize count;
};
struct yaml_scalars yaml_get(bytes yaml, const char *key);

/* The bytes of hexadecimal text, in the test's memory; it fails the test if it is not that. */
bytes vectors_hex(bytes text);

/* Runs every case of FOLDER/FILE, geth's format for precompiles: `run` writes the output (at most
 * 4 KiB) and returns its size, 0 for an input that it refuses, as it must where "Expected" is
 * absent. Returns how many cases there were. */
usize vectors_run(const char *folder, const char *file, usize (*run)(bytes in, u8 *out));

bool text_is(bytes text, const char *what);

#endif

/* What everybody who runs or uses a child chain has to agree on: rollup.json, written by
 * `varve deploy`. The child's first block follows from it alone (child_genesis.h). */
#ifndef LAYER_ROLLUP_H
#define LAYER_ROLLUP_H

#include "base/arena.h"
#include "base/json.h"
#include "base/json_out.h"
#include "base/u256.h"

typedef u64 rollup_NUMBER; /* a number of JSON */
typedef u256 rollup_WEI;   /* a decimal string */
typedef address rollup_ADDRESS;
typedef hash32 rollup_HASH;

/* The rows of rollup.def say what each field means and where it stands in the file. */
struct rollup {
#define ROLLUP(section, name, kind, field) rollup_##kind field;
#include "layer/rollup.def"
#undef ROLLUP
};

enum { ROLLUP_FORMAT = 1 };

/* ST_INVALID: not JSON, a field is missing or malformed, or a newer format. */
enum status rollup_read(bytes text, struct rollup *out, struct err *err);
/* Ends with a newline. `out` has room for ROLLUP_SIZE bytes. */
enum { ROLLUP_SIZE = 8192 };
void rollup_write(const struct rollup *rollup, struct json_out *out);

#endif

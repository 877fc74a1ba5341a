/* In-memory diffs over the state on disk.
 *
 * A layer is what one block changed: rows of store/table.h in the order in which they were put,
 * with a hash table over them. Sealed, it never changes again and is shared by reference count
 * between threads. Merging makes one table over the rows of several layers without copying them.
 *
 * A stack is what a head has above the disk: layers, newest first, kept few by merging neighbours
 * of equal rank like the digits of a counter, so that a read looks into a dozen tables at most. */
#ifndef STORE_LAYER_H
#define STORE_LAYER_H

#include "store/table.h"

struct layer;

/* A new layer to be filled by one thread. `seed` keys the hash, so that nobody can choose rows that
 * collide: all layers that are merged need the same. `depth` counts from the chain's start. */
struct layer *layer_new(u64 seed, u64 depth);
/* The last row put for a key counts. */
void layer_put(struct layer *layer, enum table table, bytes key, bytes value);
/* From here on it is immutable. */
void layer_seal(struct layer *layer);

struct layer *layer_hold(struct layer *layer);
void layer_release(struct layer *layer); /* NULL is fine */

/* False: the layer says nothing about the key. *value borrows from the layer. */
bool layer_get(const struct layer *layer, enum table table, bytes key, bytes *value);

usize layer_bytes(const struct layer *layer); /* memory held by its own rows and table */
usize layer_rows(const struct layer *layer);
u64 layer_depth(const struct layer *layer);  /* of the newest block in it */
usize layer_puts(const struct layer *layer); /* rows that layer_next gives */
bool layer_wipes(const struct layer *layer); /* whether rows of WIPED are in it */

/* The rows of one block's layer in the order in which they were put; *at begins as 0. False at the
 * end. Not for merged layers. */
struct layer_row {
    enum table table;
    bytes key;
    bytes value;
};
bool layer_next(const struct layer *layer, usize *at, struct layer_row *out);

enum { STACK_MAX = 64 };

struct layer_stack {
    struct layer *at[STACK_MAX]; /* oldest first; held */
    u8 rank[STACK_MAX];
    u8 count;
};

/* *out = `below` with `top` on it, without the layers that the disk has: those of `base_depth` and
 * less. Holds what it keeps. */
void stack_push(const struct layer_stack *below, struct layer *top, u64 base_depth,
                struct layer_stack *out);
void stack_release(struct layer_stack *stack);

/* False: ask what lies below. For a wiped slot or node: true and empty. */
bool stack_get(const struct layer_stack *stack, enum table table, bytes key, bytes *value);

#endif

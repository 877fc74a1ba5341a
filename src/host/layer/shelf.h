/* A list of rows that have consecutive numbers: new ones join at the end, a reorg takes some off
 * there, and those that nobody needs any more leave at the front.
 *
 *     first ........ first + count - 1
 *       ^ forget                 ^ cut, push */
#ifndef LAYER_SHELF_H
#define LAYER_SHELF_H

#include "base/int.h"

struct shelf {
    u8 *rows;
    usize row_size;
    usize skip; /* forgotten rows whose memory is still in front */
    usize count, room;
    u64 first;               /* number of the first row */
    void (*drop)(void *row); /* frees what a row holds */
};

void shelf_init(struct shelf *shelf, usize row_size, u64 first, void (*drop)(void *row));
void shelf_free(struct shelf *shelf);

/* A row for number first + count, cleared. Rows may move: pointers into the shelf end here. */
void *shelf_push(struct shelf *shelf);
/* NULL: none of that number. */
void *shelf_at(const struct shelf *shelf, u64 number);
/* Rows from `number` on go. */
void shelf_cut(struct shelf *shelf, u64 number);
/* Rows below `number` go. */
void shelf_forget(struct shelf *shelf, u64 number);

static inline u64 shelf_end(const struct shelf *shelf)
{
    return shelf->first + shelf->count;
}

#endif

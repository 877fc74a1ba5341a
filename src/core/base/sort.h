/* Sorting without libc: arrays of pointers, by a merge sort that takes scratch from an arena. */
#ifndef BASE_SORT_H
#define BASE_SORT_H

#include "base/arena.h"

/* Ascending by `compare` (negative: a before b); equal items keep their order. */
void sort_pointers(void **items, usize count, int (*compare)(const void *a, const void *b),
                   struct arena tmp);

#endif

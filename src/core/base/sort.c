#include "base/sort.h"

static void merge(void **from, void **to, usize left, usize middle, usize right,
                  int (*compare)(const void *, const void *))
{
    usize a = left, b = middle;
    for (usize i = left; i < right; i++) {
        bool take_a = a < middle && (b >= right || compare(from[a], from[b]) <= 0);
        to[i] = take_a ? from[a++] : from[b++];
    }
}

void sort_pointers(void **items, usize count, int (*compare)(const void *a, const void *b),
                   struct arena tmp)
{
    void **from = items, **to = ARENA_TAKE(&tmp, void *, count);
    for (usize width = 1; width < count; width *= 2) {
        for (usize left = 0; left < count; left += 2 * width) {
            usize middle = left + width < count ? left + width : count;
            usize right = left + 2 * width < count ? left + 2 * width : count;
            merge(from, to, left, middle, right, compare);
        }
        void **swap = from;
        from = to;
        to = swap;
    }
    if (from != items)
        memcpy(items, from, count * sizeof(void *));
}

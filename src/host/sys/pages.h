/* Address space for arenas: reserved whole, committed by the kernel page by page on first touch. */
#ifndef SYS_PAGES_H
#define SYS_PAGES_H

#include "base/arena.h"
#include "base/status.h"

struct pages {
    u8 *start;
    usize size;
};

/* ST_FULL: the kernel gives no such range. */
enum status pages_reserve(usize size, struct pages *out, struct err *err);

void pages_release(struct pages *pages);

/* All of it as an empty arena. */
static inline struct arena pages_arena(const struct pages *pages)
{
    return arena_over(pages->start, pages->size);
}

/* Gives the memory above the first `keep` bytes back; it reads as zero afterwards. For after a
 * reset, so that one huge block does not hold its memory for ever. */
void pages_trim(const struct pages *pages, usize keep);

#endif

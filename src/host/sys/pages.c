#include "sys/pages.h"

#include <sys/mman.h>

enum { PAGE = 4096 };

enum status pages_reserve(usize size, struct pages *out, struct err *err)
{
    size = (size + PAGE - 1) & ~(usize)(PAGE - 1);
    void *start = mmap(NULL, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED)
        return fail(err, ST_FULL, "no room for %lu bytes of address space", size);
    *out = (struct pages){start, size};
    return ST_OK;
}

void pages_release(struct pages *pages)
{
    if (pages->start != NULL)
        munmap(pages->start, pages->size);
    *pages = (struct pages){NULL, 0};
}

void pages_trim(const struct pages *pages, usize keep)
{
    keep = (keep + PAGE - 1) & ~(usize)(PAGE - 1);
    if (keep < pages->size)
        madvise(pages->start + keep, pages->size - keep, MADV_DONTNEED);
}

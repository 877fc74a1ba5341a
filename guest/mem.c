/* mem* for the guest. The machine has aligned accesses only, so whole words are moved where source
 * and destination are aligned alike, and bytes elsewhere. Compiled without the optimisation that
 * would turn these loops into calls of themselves. */
#include "base/int.h"

#include <string.h>

enum { WORD = sizeof(u64) };

static bool aligned_alike(const void *a, const void *b)
{
    return (((uintptr_t)a ^ (uintptr_t)b) & (WORD - 1)) == 0;
}

static bool aligned(const void *at)
{
    return ((uintptr_t)at & (WORD - 1)) == 0;
}

static void copy_upwards(u8 *to, const u8 *from, size_t size)
{
    if (aligned_alike(to, from)) {
        for (; size > 0 && !aligned(to); size--)
            *to++ = *from++;
        for (; size >= WORD; size -= WORD, to += WORD, from += WORD)
            *(u64 *)(void *)to = *(const u64 *)(const void *)from;
    }
    while (size-- > 0)
        *to++ = *from++;
}

static void copy_downwards(u8 *to, const u8 *from, size_t size)
{
    to += size;
    from += size;
    if (aligned_alike(to, from)) {
        for (; size > 0 && !aligned(to); size--)
            *--to = *--from;
        for (; size >= WORD; size -= WORD) {
            to -= WORD;
            from -= WORD;
            *(u64 *)(void *)to = *(const u64 *)(const void *)from;
        }
    }
    while (size-- > 0)
        *--to = *--from;
}

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    copy_upwards(to, from, size);
    return to;
}

void *memmove(void *to, const void *from, size_t size)
{
    if ((uintptr_t)to <= (uintptr_t)from)
        copy_upwards(to, from, size);
    else
        copy_downwards(to, from, size);
    return to;
}

void *memset(void *to, int value, size_t size)
{
    u8 *at = to;
    u64 word = (u8)value * (UINT64_MAX / 255);
    for (; size > 0 && !aligned(at); size--)
        *at++ = (u8)value;
    for (; size >= WORD; size -= WORD, at += WORD)
        *(u64 *)(void *)at = word;
    while (size-- > 0)
        *at++ = (u8)value;
    return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const u8 *left = a, *right = b;
    for (size_t i = 0; i < size; i++)
        if (left[i] != right[i])
            return left[i] - right[i];
    return 0;
}

void *memchr(const void *in, int value, size_t size)
{
    const u8 *at = in;
    for (; size > 0; size--, at++)
        if (*at == (u8)value)
            return (void *)(uintptr_t)at;
    return NULL;
}

size_t strlen(const char *text)
{
    size_t size = 0;
    while (text[size] != '\0')
        size++;
    return size;
}

char *strchr(const char *text, int wanted)
{
    for (;; text++) {
        if (*text == (char)wanted)
            return (char *)(uintptr_t)text;
        if (*text == '\0')
            return NULL;
    }
}

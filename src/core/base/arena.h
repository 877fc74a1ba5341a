/* Memory with a known life: a block, a request, a connection, the process.
 *
 * `struct arena *` as a parameter means that the result outlives the call; `struct arena` by value
 * is scratch: the callee works on a copy, so all that it takes is released when it returns.
 *
 * Callers reserve address space for the worst case (host/sys maps it without committing), so a
 * full arena is a bug in whoever computed the bound, not a condition to handle. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/bug.h"
#include "base/bytes.h"

struct arena {
    u8 *at;
    u8 *end;
};

static inline struct arena arena_over(void *memory, usize size)
{
    return (struct arena){(u8 *)memory, (u8 *)memory + size};
}

static inline usize arena_left(const struct arena *arena)
{
    return (usize)(arena->end - arena->at);
}

/* Not cleared. `align` is a power of two. */
static inline void *arena_take(struct arena *arena, usize size, usize align)
{
    usize skip = -(usize)arena->at & (align - 1);
    usize left = arena_left(arena);
    assert(skip <= left && size <= left - skip);
    u8 *result = arena->at + skip;
    arena->at = result + size;
    return result;
}

static inline void *arena_take_array(struct arena *arena, usize count, usize size, usize align)
{
    usize total;
    assert(!__builtin_mul_overflow(count, size, &total));
    return arena_take(arena, total, align);
}

static inline void *arena_zeroed(struct arena *arena, usize count, usize size, usize align)
{
    void *result = arena_take_array(arena, count, size, align);
    memset(result, 0, count * size);
    return result;
}

/* `count` objects of a type: ARENA_NEW cleared, ARENA_TAKE as they are. */
#define ARENA_NEW(arena, type, count) ((type *)arena_zeroed(arena, count, sizeof(type), _Alignof(type)))
#define ARENA_TAKE(arena, type, count)                                                             \
    ((type *)arena_take_array(arena, count, sizeof(type), _Alignof(type)))

static inline bytes arena_copy(struct arena *arena, bytes from)
{
    u8 *copy = arena_take(arena, from.size, 1);
    bytes_copy(copy, from);
    return (bytes){copy, from.size};
}

#endif

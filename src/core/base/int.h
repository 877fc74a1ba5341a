/* Integer names, and the two macros that every file wants. */
#ifndef BASE_INT_H
#define BASE_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if __STDC_VERSION__ < 202311L && !defined(static_assert)
#define static_assert _Static_assert
#endif

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int32_t i32;
typedef int64_t i64;
typedef size_t usize;
__extension__ typedef unsigned __int128 u128;
__extension__ typedef __int128 i128;

static_assert(sizeof(usize) == 8, "varve is written for 64-bit machines");

#define countof(array) (sizeof(array) / sizeof((array)[0]))

static inline u64 min_u64(u64 a, u64 b)
{
    return a < b ? a : b;
}

static inline u64 max_u64(u64 a, u64 b)
{
    return a > b ? a : b;
}

/* a + b, or UINT64_MAX where that does not fit: for gas and sizes, where "too large" is enough. */
static inline u64 add_sat_u64(u64 a, u64 b)
{
    u64 sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static inline u64 mul_sat_u64(u64 a, u64 b)
{
    u64 product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

#endif

/* Borrowed bytes, and the small fixed-size values of Ethereum. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include "base/int.h"

#include <string.h>

/* Borrows: whoever made it says how long `data` lives. Empty: size 0, data may be NULL. */
typedef struct {
    const u8 *data;
    usize size;
} bytes;

typedef struct {
    u8 b[20];
} address;

typedef struct {
    u8 b[32];
} hash32;

static_assert(sizeof(address) == 20 && sizeof(hash32) == 32, "no padding");

#define BYTES_EMPTY ((bytes){NULL, 0})
/* The bytes of any object, as they lie in memory. */
#define BYTES_OF(object) ((bytes){(const u8 *)&(object), sizeof(object)})
/* The bytes of a string literal, without its final zero. */
#define BYTES_LIT(text) ((bytes){(const u8 *)(text), sizeof(text) - 1})

static inline bool bytes_equal(bytes a, bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* The part of `in` from `from` on, at most `size` long; clipped to what is there. */
static inline bytes bytes_slice(bytes in, usize from, usize size)
{
    if (from >= in.size)
        return BYTES_EMPTY;
    usize left = in.size - from;
    return (bytes){in.data + from, size < left ? size : left};
}

/* memcpy that permits an empty source without a pointer. */
static inline void bytes_copy(void *to, bytes from)
{
    if (from.size != 0)
        memcpy(to, from.data, from.size);
}

static inline bool address_equal(address a, address b)
{
    return memcmp(a.b, b.b, sizeof(a.b)) == 0;
}

static inline bool address_is_zero(address a)
{
    return address_equal(a, (address){0});
}

static inline bool hash32_equal(hash32 a, hash32 b)
{
    return memcmp(a.b, b.b, sizeof(a.b)) == 0;
}

static inline bool hash32_is_zero(hash32 a)
{
    return hash32_equal(a, (hash32){0});
}

/* Big-endian integers, as every wire format of Ethereum has them. */
static inline u64 load_be64(const u8 *from)
{
    u64 value;
    memcpy(&value, from, sizeof(value));
    return __builtin_bswap64(value);
}

static inline void store_be64(u8 *to, u64 value)
{
    value = __builtin_bswap64(value);
    memcpy(to, &value, sizeof(value));
}

static inline u64 load_le64(const u8 *from)
{
    u64 value;
    memcpy(&value, from, sizeof(value));
    return value;
}

static inline void store_le64(u8 *to, u64 value)
{
    memcpy(to, &value, sizeof(value));
}

static inline u32 load_be32(const u8 *from)
{
    u32 value;
    memcpy(&value, from, sizeof(value));
    return __builtin_bswap32(value);
}

static inline void store_be32(u8 *to, u32 value)
{
    value = __builtin_bswap32(value);
    memcpy(to, &value, sizeof(value));
}

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the loads above assume it");

#endif

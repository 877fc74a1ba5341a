/* The plain text of what a watchtower keeps. One description serves both ways: reading and writing
 * visit the same fields in the same order. Integers are big-endian, each of its type's size. */
#ifndef CHANNEL_TOWER_PLAIN_H
#define CHANNEL_TOWER_PLAIN_H

#include "base/bug.h"
#include "base/bytes.h"

struct tower_cursor {
    u8 *at, *end; /* the caller sees to it that there is room for all */
    bool writes;
};

static inline void visit_raw(struct tower_cursor *cursor, void *field, usize size)
{
    assert((usize)(cursor->end - cursor->at) >= size);
    if (cursor->writes)
        memcpy(cursor->at, field, size);
    else
        memcpy(field, cursor->at, size);
    cursor->at += size;
}

static inline u128 visit_number(struct tower_cursor *cursor, u128 value, usize size)
{
    u8 digits[sizeof(value)];
    for (usize i = size; i-- > 0; value >>= 8)
        digits[i] = (u8)value;
    visit_raw(cursor, digits, size);
    for (usize i = 0; i < size; i++)
        value = value << 8 | digits[i];
    return value;
}

#define VISIT(cursor, field) visit_raw((cursor), &(field), sizeof(field))
#define VISIT_NUMBER(cursor, field)                                                                \
    ((field) = (__typeof__(field))visit_number((cursor), (field), sizeof(field)))

/* Nothing but zeros is left. */
static inline bool visit_ends(const struct tower_cursor *cursor)
{
    for (const u8 *at = cursor->at; at < cursor->end; at++)
        if (*at != 0)
            return false;
    return true;
}

#endif

/* Formatting without libc, for sentences and JSON.
 * Understood: %s %.*s %c %d %u %ld %lu %zu %x %lx %% and a width with zero padding (%02x, %5lu). */
#ifndef BASE_FMT_H
#define BASE_FMT_H

#include "base/int.h"

#include <stdarg.h>

/* Writes at most `size` bytes with the final zero; returns the length that the whole text has
 * (so >= size means that it was cut). */
[[gnu::format(printf, 3, 4)]] usize fmt(char *to, usize size, const char *format, ...);
[[gnu::format(printf, 3, 0)]] usize fmt_va(char *to, usize size, const char *format, va_list args);

#endif

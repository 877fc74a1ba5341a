/* UTF-8, strictly: shortest forms only, no surrogates, nothing above U+10FFFF.
 * Source: RFC 3629, section 4. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/bytes.h"

/* Bytes of the character that `text`, which is not empty, begins with; 0: none does. */
usize utf8_size(bytes text);

/* Writes a character (at most 4 bytes, no surrogate) and returns the end of what it wrote. */
u8 *utf8_put(u8 *to, u32 code);

#endif

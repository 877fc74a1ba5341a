/* What a JSON library makes of a text, for the test beside our own reader. In a file of its own
 * because the library's names are ours, too. */
#ifndef BASE_JSON_REFERENCE_H
#define BASE_JSON_REFERENCE_H

#include "base/bytes.h"

/* Writes the text's values in one form that leaves nothing out: t, f, n, numbers as %.17g, strings
 * as their bytes in hexadecimal, brackets, every item followed by a comma. Returns its size, 0
 * where the library refuses the text (as it does where an object has a key twice). */
usize reference_json(bytes text, char *to, usize room);

#endif

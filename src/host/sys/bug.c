/* What a broken promise does in the program itself; the test harness brings its own. Alone in its
 * file, so that a program which has one links without this one. */
#include "base/bug.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void bug_at(const char *file, int line, const char *what)
{
    fprintf(stderr, "varve: bug at %s:%d: %s\n", file, line, what);
    abort();
}

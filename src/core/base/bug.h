/* Bugs: conditions that only a mistake in this program can bring about, never input.
 * `assert` is on in every build. The binary that links core provides `bug_at`. */
#ifndef BASE_BUG_H
#define BASE_BUG_H

/* Reports the broken promise and stops the program; nothing sensible can follow. */
_Noreturn void bug_at(const char *file, int line, const char *what);

#define bug(what) bug_at(__FILE__, __LINE__, (what))

#undef assert
#define assert(condition) ((condition) ? (void)0 : bug_at(__FILE__, __LINE__, #condition))

#endif

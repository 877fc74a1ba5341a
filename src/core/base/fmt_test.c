#include "base/fmt.h"
#include "harness/test.h"

#include <stdio.h>

TEST(fmt_agrees_with_the_c_library)
{
    char ours[128], theirs[128];
#define SAME(...)                                                                                  \
    do {                                                                                           \
        usize length = fmt(ours, sizeof(ours), __VA_ARGS__);                                       \
        CHECK(length == (usize)snprintf(theirs, sizeof(theirs), __VA_ARGS__));                     \
        CHECK(strcmp(ours, theirs) == 0);                                                          \
    } while (0)
    SAME("plain");
    SAME("%d %d %u %ld %lu %zu", -5, 7, 8u, -9L, 10UL, (usize)11);
    SAME("%02x|%08lx|%5lu|%5d|%05d", 10u, 0xabcdefUL, 42UL, -42, -42);
    SAME("%s %.*s %c %%", "text", 3, "abcdef", 'x');
    SAME("%lu", UINT64_MAX);
    SAME("%ld", INT64_MIN);
}

TEST(fmt_cuts_what_does_not_fit_and_ends_it)
{
    char to[4];
    CHECK(fmt(to, sizeof(to), "%s", "abcdef") == 6);
    CHECK(strcmp(to, "abc") == 0);
}

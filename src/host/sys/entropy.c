#include "sys/entropy.h"

#include "base/bug.h"

#include <errno.h>
#include <sys/random.h>

void random_fill(void *to, usize size)
{
    for (usize done = 0; done < size;) {
        ssize_t got = getrandom((u8 *)to + done, size - done, 0);
        assert(got >= 0 || errno == EINTR); /* no other failure exists without flags */
        done += got > 0 ? (usize)got : 0;
    }
}

u64 random_u64(void)
{
    u64 value;
    random_fill(&value, sizeof(value));
    return value;
}

/* Expected failures: a status for the program and one sentence for the person. */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#include "base/int.h"

enum [[nodiscard]] status {
    ST_OK,
    ST_INVALID, /* the input breaks a rule */
    ST_MISSING, /* what was asked for is not there */
    ST_CORRUPT, /* our own data is not what we wrote */
    ST_FULL,    /* a limit is reached: memory budget, pool, disk */
    ST_AGAIN,   /* not now; the same call may succeed later */
    ST_IO,      /* the outside world failed: file, socket, peer */
};

/* The sentence, written where the cause is known. */
struct err {
    char text[256];
};

/* Writes the sentence (formats as in base/fmt.h) and returns `status`, so that a refusal is one
 * line. `err` may be NULL where nobody will read it. */
[[gnu::format(printf, 3, 4)]] enum status fail(struct err *err, enum status status,
                                               const char *format, ...);

/* "invalid", "missing", …: for logs, where no sentence was kept. */
const char *status_name(enum status status);

#define TRY(expression)                                                                            \
    do {                                                                                           \
        enum status try_status_ = (expression);                                                    \
        if (try_status_ != ST_OK)                                                                  \
            return try_status_;                                                                    \
    } while (0)

#endif

/* What a daemon has paid, was paid and has forwarded, and its channels: rows on its shelf, from the
 * newest to the oldest. A view of the journal: rows are written by a thread of their own as things
 * happen, and again by what a start replays; before a journal is written anew they are durable, as
 * then nothing else may know of them.
 *
 *     "P" ‖ id                          a row: what of it is not zero, after flags
 *     "T" ‖ begun (u64, seconds) ‖ id   the order
 *     "D" ‖ id                          what it was for, as an invoice or an offer says
 *
 * An id is made of what the journal has too (history.c), so a row that is written again is the
 * same one. One that says "paid" stays. */
#ifndef CHANNEL_HISTORY_H
#define CHANNEL_HISTORY_H

#include "channel/secrets.h"
#include "store/shelf.h"

struct history;

enum history_kind { HISTORY_SENT, HISTORY_RECEIVED, HISTORY_FORWARDED, HISTORY_CHANNEL };
enum history_state {
    HISTORY_PENDING, /* of an invoice: nobody has paid it */
    HISTORY_PAID,
    HISTORY_FAILED,
    HISTORY_OPEN, /* of channels */
    HISTORY_CLOSED,
};

struct history_row {
    u8 kind, state;
    u64 begun_s, ended_s; /* wall clock; begun: of the first that was written of it */
    hash32 name;          /* a payment's hash, or what a payment in one channel is called */
    hash32 channel, out;  /* out: that it was forwarded to */
    u64 chain_id;
    address asset;
    u128 amount, fee; /* of a channel: our balance */
    u64 count;        /* of payments in one channel that are alike: so many; 0: one */
    hash32 preimage;
    point33 node;
    u64 expiry_s; /* of an invoice, as of its chain's clock */
    u8 found;     /* 1: a lock of before a restore; what it was for is not known */
};

enum { HISTORY_ID_LIMIT = 64 };
struct history_id {
    u8 data[HISTORY_ID_LIMIT];
    u8 size;
};

/* `shelf` outlives it; of rows that are not being written yet, `most` wait in memory. ST_FULL: no
 * thread. */
enum { HISTORY_USUAL_MOST = 1 << 18 };
enum status history_new(struct shelf *shelf, usize most, struct history **out, struct err *err);
/* Writes what waits. NULL is fine. */
void history_free(struct history *history);

/* Soon on the shelf. Returns its number. Where as many wait as may, it waits for the disk; where
 * that fails, the row is given up until a start. NULL is fine: nothing happens. */
u64 history_put(struct history *history, const struct history_id *id,
                const struct history_row *row);
/* The same of what it was for: the newest text counts. Copied. */
void history_put_text(struct history *history, const struct history_id *id, bytes text);
/* Whether the row of that number is durable. NULL is fine: it is as if. */
bool history_has(struct history *history, u64 number);
/* From any thread: all that was put is durable. ST_IO: it is not, and why; it is tried again, now
 * and then. */
enum status history_wait(struct history *history, struct err *err);

/* From any thread. ST_MISSING: there is none. */
enum status history_get(struct shelf *shelf, const struct history_id *id, struct history_row *out);

/* The next row that is older than *cursor, which moves there; at first it is of size zero. */
struct history_cursor {
    u8 data[1 + 8 + HISTORY_ID_LIMIT];
    u8 size;
};
enum status history_older(struct shelf_read *read, struct history_cursor *cursor,
                          struct history_row *out);

/* What the row at *cursor was for, until the read ends. ST_MISSING: nobody has said. */
enum status history_text(struct shelf_read *read, const struct history_cursor *cursor, bytes *out);

/* --- Rows' bytes. */

enum { HISTORY_ROW_LIMIT = 512 };
usize history_row_write(const struct history_row *row, u8 out[static HISTORY_ROW_LIMIT]);
/* ST_CORRUPT: not what history_row_write writes. */
enum status history_row_read(bytes in, struct history_row *out);

#endif

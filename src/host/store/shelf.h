/* Durable rows in the order of their keys: what a daemon need not have in memory. One file (LMDB).
 *
 * A change is all there or not at all, and durable when it has ended; who reads sees what was there
 * when it began, whatever is written meanwhile. */
#ifndef STORE_SHELF_H
#define STORE_SHELF_H

#include "base/bytes.h"
#include "base/status.h"

struct shelf;

enum { SHELF_MAX_KEY = 500 }; /* bytes; at least 1 */

/* Opens `path`, made where absent; its folder must be there. Statuses as store_open. */
enum status shelf_open(const char *path, struct shelf **out, struct err *err);
/* All changes and reads must have ended. NULL is fine. */
void shelf_close(struct shelf *shelf);

/* --- Writing: one change at a time, others wait; begun and ended on one thread. */

struct shelf_change;

enum status shelf_begin(struct shelf *shelf, struct shelf_change **out, struct err *err);
/* Takes the place of what was there. */
enum status shelf_put(struct shelf_change *change, bytes key, bytes value, struct err *err);
/* ST_MISSING: no such row. *value borrows until the next write. */
enum status shelf_find(struct shelf_change *change, bytes key, bytes *value);
/* The row with the greatest key below this one. As shelf_find. */
enum status shelf_before(struct shelf_change *change, bytes key, bytes *found);
/* All rows whose keys begin so. */
enum status shelf_drop(struct shelf_change *change, bytes prefix, struct err *err);
/* Keeps the change if `st` is ST_OK, and else forgets it and returns `st`. */
enum status shelf_end(struct shelf_change *change, enum status st, struct err *err);

/* --- Reading: from any thread, for a short time. What is returned borrows until the read ends. */

struct shelf_read;

enum status shelf_read_begin(struct shelf *shelf, struct shelf_read **out, struct err *err);
/* NULL is fine. */
void shelf_read_end(struct shelf_read *read);
/* ST_MISSING: no such row. */
enum status shelf_get(struct shelf_read *read, bytes key, bytes *value);

struct shelf_row {
    bytes key, value;
};
/* The first row whose key is not below `key`; with `back` the last one whose key is below it.
 * ST_MISSING: there is none. */
enum status shelf_seek(struct shelf_read *read, bytes key, bool back, struct shelf_row *out);
/* The one after the last that was returned, or before it. ST_MISSING: that was the last. */
enum status shelf_step(struct shelf_read *read, bool back, struct shelf_row *out);

#endif

/* A daemon's write-ahead log, its journal: what it may say next is in it first.
 *
 *     wal_put ──> records in memory ── wal_commit ──> write, fdatasync ──> `durable`
 *
 * A thread waits for the disk, unless the disk is faster than a thread is woken and heard of: then
 * the loop does. There is no delay: while one batch is being made durable the next one gathers, so
 * a batch is as large as the disk is slow. The file is store/log.h's; all functions but the
 * thread's own belong to the loop's thread. */
#ifndef CHANNEL_WAL_H
#define CHANNEL_WAL_H

#include "store/log.h"
#include "sys/loop.h"

struct wal;

struct wal_options {
    const struct files *files;
    const char *path; /* made where absent; another process that has it is refused */
    struct loop *loop;
    u64 patience_us; /* the loop itself waits for a disk that usually takes less; 0: never */
    void *self;
    /* Every record that is there, in order, before wal_open returns. Anything but ST_OK ends
     * it. */
    enum status (*replay)(void *self, u8 kind, bytes payload, struct err *err);
    /* The batch that was committed is durable: called by the loop, never by wal_commit. */
    void (*durable)(void *self);
    /* The first record of a batch is about to be put; others may go before it. NULL: nobody is
     * told. */
    void (*begins)(void *self);
    /* It is not, and nobody knows what of it is: nothing more may be said. Comes once. */
    void (*failed)(void *self, const char *why);
};

enum status wal_open(const struct wal_options *options, struct wal **out, struct err *err);
/* Waits for what was committed; `durable` is not called any more. NULL is fine. */
void wal_close(struct wal *wal);

/* Adds a record, made of parts, to the batch that gathers. */
void wal_put(struct wal *wal, u8 kind, const bytes *parts, usize count);
/* The same of a record that nothing rests on yet: it may wait until one comes that cannot. */
void wal_put_idly(struct wal *wal, u8 kind, const bytes *parts, usize count);

/* Whether nothing is being written. */
bool wal_is_idle(const struct wal *wal);
/* Whether records gather; whether any of them cannot wait. */
bool wal_has_more(const struct wal *wal);
bool wal_is_due(const struct wal *wal);
/* Writes what has gathered; it is idle. */
void wal_commit(struct wal *wal);

/* Gives every record that is durable to `take`, in order, until one is refused: whose status it
 * returns. It waits for the disk. ST_AGAIN: a batch is being written. */
enum status wal_walk(struct wal *wal, void *self,
                     enum status (*take)(void *self, u8 kind, bytes payload, struct err *err),
                     struct err *err);

/* --- Written anew, while it goes on.
 *
 *     a thread:        make reads the old file up to now, and puts what takes its place into
 *                      PATH.new; then what came meanwhile is copied behind it
 *     the wal's own:   before a batch, copies the rest, syncs, renames, and writes on there
 *
 * Wherever that ends, the old file is there, or the new one, whole. */

struct wal_draft; /* the old journal as it is read, the new one as it is written */

struct wal_rewrite {
    void *self;
    /* On a thread of its own. */
    enum status (*make)(void *self, struct wal_draft *draft, struct err *err);
    /* On the loop, once. Not ST_OK: the old file stays. */
    void (*done)(void *self, enum status st, const char *why);
};

/* ST_AGAIN: it is being done already. ST_FULL: the system has no room for a thread. */
enum status wal_rewrite(struct wal *wal, const struct wal_rewrite *how, struct err *err);
bool wal_is_rewriting(const struct wal *wal);
/* Bytes of durable records. */
u64 wal_size(const struct wal *wal);

/* Of `make`: every record of the old one in order, as of wal_walk. ST_AGAIN: the wal closes. */
enum status wal_draft_walk(struct wal_draft *draft, void *self,
                           enum status (*take)(void *self, u8 kind, bytes payload, struct err *err),
                           struct err *err);
/* For wal_put alone: the new one. Whether that has worked is known afterwards. */
struct wal *wal_draft_out(struct wal_draft *draft);
/* Bytes of records that were put so far. */
u64 wal_draft_size(const struct wal_draft *draft);

#endif

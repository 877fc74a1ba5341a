/* The blobs of a watchtower, on disk: one for each client and hint, the newest in the place of the
 * one before.
 *
 * Invariant: whether a client's blob is taken, and stays, depends on what that client has here
 * before, and on nothing that others have under the same hint or any other; but that all of them
 * together have TOWER_BLOBS places. Of these TOWER_CLIENT_BLOBS are for each client that was named,
 * so it has room whatever strangers do; and of strangers there are TOWER_STRANGERS at most, as each
 * dispute of anybody's looks through all clients. A blob takes as many places as there are
 * TOWER_PUT_SIZE bytes in it, begun ones too.
 *
 *     BLOB    client (33) ‖ hint (16) ‖ sequence (u64, big-endian) ‖ blob
 *     FORGET  client ‖ hint
 *     SINCE   chain id ‖ block (u64 each, big-endian)
 *
 * The file is store/log.h's, written anew when most of it is old; memory holds where each blob is.
 * All functions belong to one thread. */
#ifndef CHANNEL_TOWER_STORE_H
#define CHANNEL_TOWER_STORE_H

#include "channel/tower_blob.h"
#include "sys/files.h"

struct tower_store;

enum {
    TOWER_CLIENT_BLOBS = 1024, /* places of one client */
    TOWER_BLOBS = 1 << 16,     /* of all */
    TOWER_STRANGERS = 4096,    /* clients that nobody named */
    TOWER_NAMED = 16,          /* clients that may be named */
};

/* `path` is made where absent. ST_AGAIN: another process has it.  ST_CORRUPT: no such file. */
enum status tower_store_open(const struct files *files, const char *path, struct tower_store **out,
                             struct err *err);
/* NULL is fine. */
void tower_store_close(struct tower_store *store);

/* Room is kept for these clients, of whom there are TOWER_NAMED at most. What strangers have there
 * already stays. */
void tower_store_name(struct tower_store *store, const point33 *clients, usize count);

/* Keeps a blob of one of the three sizes; an empty one forgets what is there. Not durable before
 * tower_store_sync. ST_INVALID: of another size, or older than what is there.  ST_FULL: a limit;
 * what is there stays.  ST_IO: the disk. */
enum status tower_store_put(struct tower_store *store, const point33 *client, hint16 hint,
                            u64 sequence, bytes blob, struct err *err);
/* ST_IO: nothing is known of what was put since the last one; nothing more is taken. */
enum status tower_store_sync(struct tower_store *store, struct err *err);

/* A client's own, which lies in `room`. ST_MISSING: there is none. */
enum status tower_store_get(struct tower_store *store, const point33 *client, hint16 hint,
                            u64 *sequence, u8 room[static TOWER_PUT_MOST], bytes *blob,
                            struct err *err);
/* The least hint above `after` that a client has a blob of. False: there is none. */
bool tower_store_next(const struct tower_store *store, const point33 *client, hint16 after,
                      hint16 *out);
/* What a client's blob has been found to be of, until another one takes its place: so that it is
 * opened once, however many disputes come. False: there is none, or it is of something else. */
bool tower_store_may_be(const struct tower_store *store, const point33 *client, hint16 hint,
                        hash32 id);
void tower_store_judge(struct tower_store *store, const point33 *client, hint16 hint, hash32 is_of);

/* All that have a blob, in no order; `each` puts nothing. */
void tower_store_clients(const struct tower_store *store, void *self,
                         void (*each)(void *self, const point33 *client));
/* The sequence of a client's own; 0: there is none. */
u64 tower_store_sequence(const struct tower_store *store, const point33 *client, hint16 hint);

/* The first block of a chain that is not done with; 0: never set. */
u64 tower_store_since(const struct tower_store *store, u64 chain_id);
enum status tower_store_set_since(struct tower_store *store, u64 chain_id, u64 block,
                                  struct err *err);

#endif

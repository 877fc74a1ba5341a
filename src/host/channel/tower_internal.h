/* The parts of a watchtower: tower.c has its clients, tower_watch.c its chains. All of it belongs
 * to the loop's thread. */
#ifndef CHANNEL_TOWER_INTERNAL_H
#define CHANNEL_TOWER_INTERNAL_H

#include "channel/answer.h"
#include "channel/keyring.h"
#include "channel/link.h"
#include "channel/onchain.h"
#include "channel/tower.h"
#include "channel/tower_store.h"

/* A chain of the options. */
struct tower_chain {
    struct tower *tower;
    struct onchain *chain;
    u64 chain_id;
    u64 time_s; /* of the newest block */
    u64 since;  /* as the store has it */
};

/* A dispute of a channel that there are blobs of. */
struct dispute {
    struct dispute *next;
    struct tower_chain *chain;
    struct channel_terms terms;
    struct channel_name name;
    u64 block; /* in which it was opened */
    struct onchain_view view;
    bool has_view;
    struct answering answering;
    bool has_accused;
    hash32 key;       /* of the newest call */
    bool is_underway; /* its outcome is not told yet */
    u32 calls, failures;
};

/* A blob that is put and not durable yet. */
struct promise {
    struct link *link; /* NULL: gone */
    hint16 hint;
    u64 sequence;
    hash32 digest;
};

struct tower {
    struct tower_options options;
    struct keyring *ring;
    struct tower_store *store;
    struct links *links;
    struct tower_chain *chains;
    usize chain_count;
    struct dispute *disputes;
    struct promise *promises;
    usize promise_count, promise_room;
    bool has_failed;
    struct err failure;
};

/* The disk failed: the loop is stopped. */
void tower_fail(struct tower *tower, const struct err *why);

/* --- tower_watch.c */

enum status tower_open_chains(struct tower *tower, struct err *err);
void tower_close_chains(struct tower *tower);

#endif

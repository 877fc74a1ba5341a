/* Follows a parent chain and the logs of one contract on it, through its reorgs.
 *
 *   eth -> headers, logs -> [linked? consistent?] -> removed(number), block(header, logs), finality
 *
 * What is delivered is always one chain: every block's parent is the block delivered before it, or
 * the one that `removed` went back to. Logs are those of that very block, whatever branch the
 * server is on by the time it is asked; where its bloom says that it has none, none are asked for.
 * Whether logs were left out cannot be seen here: the contract's own counters show it.
 *
 * A head that falls back onto blocks that are known is taken for a server that lags behind: blocks
 * are removed only when others come in their place. A reorg below a block that was final is
 * ST_CORRUPT and stays so: the parent has broken its promise, and a person must decide.
 *
 * A poll blocks for as long as its client may (eth_set_deadline), delivers at most one round of
 * blocks, and may fail at any time without harm: the next one goes on. */
#ifndef CLIENT_FOLLOW_H
#define CLIENT_FOLLOW_H

#include "client/eth.h"

enum { FOLLOW_WINDOW = 4096 }; /* the deepest reorg that is followed */

struct follow_point {
    u64 number;
    hash32 hash;
};

/* Who hears. Anything but ST_OK ends the poll with that status; what was not taken is delivered
 * again. */
struct follow_listener {
    void *self;
    /* Blocks above this one are gone. Others are about to come in their place. */
    enum status (*removed)(void *self, struct follow_point to, struct err *err);
    /* All borrowed for the call. */
    enum status (*block)(void *self, const struct eth_header *header, const struct eth_log *logs,
                         usize count, struct err *err);
};

struct follow_options {
    struct eth *eth;          /* outlives the follower */
    struct eth_filter filter; /* `topics` too */
    /* The first block to deliver, where nothing is known. */
    u64 start;
    /* What the listener has: consecutive blocks, ascending, the newest last (FOLLOW_WINDOW of them
     * count). The follower goes on from the newest that is still on the chain. */
    const struct follow_point *known;
    usize known_count;
    /* Blocks this deep below the tip are final, for parents that do not say what is. 0: as they
     * say. */
    u64 final_depth;
    u64 round; /* blocks of a poll, at most; 0: 1,000 */
    struct follow_listener listener;
};

struct follow;

/* Asks nothing yet. ST_FULL: no memory. */
enum status follow_new(const struct follow_options *options, struct follow **out, struct err *err);
/* NULL is fine. */
void follow_free(struct follow *follow);

/* One round. *more: there are blocks that it did not get to, so poll again at once.
 * ST_AGAIN, ST_IO: the parent cannot be reached, or changes while it is read; later.
 * ST_CORRUPT: it lies, has blocks that this program does not know, or has broken finality.
 * ST_MISSING: none of the known blocks is on its chain, and no reorg so deep is followed. */
enum status follow_poll(struct follow *follow, bool *more, struct err *err);

struct follow_status {
    bool started; /* `tip` has been delivered, or was known */
    struct follow_point tip;
    u64 latest;               /* the parent's newest block when it was last asked */
    bool has_safe, has_final; /* blocks delivered that the parent calls so */
    u64 safe, final;          /* numbers; final never goes back */
};
struct follow_status follow_status(const struct follow *follow);

/* The newest blocks delivered, ascending, to be `known` next time; at most `room`, at most
 * FOLLOW_WINDOW. Returns how many. */
usize follow_points(const struct follow *follow, struct follow_point *to, usize room);

#endif

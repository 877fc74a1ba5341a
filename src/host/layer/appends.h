/* Appends that have been sent and are not settled. Whatever they name may go: a reorg of the parent
 * takes their origin or items, another append their accumulator; and an item that one leaves unread
 * may come to be overdue. Such a one can only revert, and pay for all of its data (EIP-7623): it is
 * withdrawn, so that a plain transfer takes its nonce.
 *
 *   sent -> PENDING -> can it succeed on the parent as it is now? -> withdrawn
 *              ^ in a block again, or taken out of it: the sender knows */
#ifndef LAYER_APPENDS_H
#define LAYER_APPENDS_H

#include "client/sender.h"
#include "layer/internal.h"

enum { APPENDS_MOST = 128 }; /* more than are sent while one settles; the oldest go */

/* What an append names: the first five arguments of either form of it. */
struct append {
    hash32 key; /* of the sender's */
    hash32 prev_batch_acc, inbox_acc, origin_hash;
    u64 inbox_pos, origin_number;
    u64 stale_since_ms; /* 0: it can succeed */
    bool withdrawn;
};

struct appends {
    struct append list[APPENDS_MOST];
    usize count;
};

/* One has been submitted, with these data of its call. */
void appends_note(struct appends *appends, hash32 key, bytes call);
/* Withdraws what can no longer succeed, and forgets what is settled. */
void appends_tend(struct appends *appends, struct layer *layer, struct sender *sender, u64 now_ms);
/* Whether it was: then nothing will come of it. */
bool appends_withdrew(const struct appends *appends, hash32 key);

/* Whether an append can still succeed, or has, on the parent as far as it is known; there, items
 * may wait for so long. Under its lock. True also where that cannot be told. */
bool append_may_succeed(const struct parent *parent, u64 forced_read_s,
                        const struct append *append);

#endif

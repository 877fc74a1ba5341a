#include "layer/appends.h"

#include "client/abi.h"
#include "sys/log.h"

/* The parent's blocks come one after the other: in the midst of a reorg, what is known of it is
 * older than what the append was built on. */
enum { STALE_MS = 1000 };

static struct append *find(const struct appends *appends, hash32 key)
{
    for (usize i = 0; i < appends->count; i++)
        if (hash32_equal(appends->list[i].key, key))
            return (struct append *)(uintptr_t)&appends->list[i];
    return NULL;
}

static void drop(struct appends *appends, usize index)
{
    appends->count--;
    memmove(&appends->list[index], &appends->list[index + 1],
            (appends->count - index) * sizeof(appends->list[0]));
}

void appends_note(struct appends *appends, hash32 key, bytes call)
{
    struct abi_in in = abi_over(bytes_slice(call, 4, call.size));
    struct append append = {.key = key};
    append.prev_batch_acc = abi_get_hash(&in);
    append.inbox_pos = abi_get_u64(&in);
    append.inbox_acc = abi_get_hash(&in);
    append.origin_number = abi_get_u64(&in);
    append.origin_hash = abi_get_hash(&in);
    assert(!in.failed); /* the batcher has made it */
    if (find(appends, key) != NULL)
        return;
    if (appends->count == APPENDS_MOST)
        drop(appends, 0);
    appends->list[appends->count++] = append;
}

bool appends_withdrew(const struct appends *appends, hash32 key)
{
    const struct append *append = find(appends, key);
    return append != NULL && append->withdrawn;
}

/* --- Judging. */

/* Whether the batch after its accumulator is this one itself. */
static bool is_there(const struct parent *parent, const struct append *append)
{
    u64 count = parent_state(parent).batch_count;
    for (u64 i = 0; i < APPENDS_MOST && i < count; i++) {
        hash32 before;
        const struct parent_batch *batch = parent_batch(parent, count - 1 - i);
        if (batch == NULL || !parent_batch_acc(parent, count - 1 - i, &before))
            return false;
        if (hash32_equal(before, append->prev_batch_acc))
            return hash32_equal(batch->record.origin_hash, append->origin_hash) &&
                   hash32_equal(batch->record.inbox_acc, append->inbox_acc);
    }
    return false;
}

/* An item that it does not read has waited for too long. */
static bool is_overdue(const struct parent *parent, u64 forced_read_s, const struct append *append)
{
    const struct parent_item *item = parent_item(parent, append->inbox_pos);
    const struct parent_block *newest = parent_block(parent, parent_state(parent).head);
    return item != NULL && newest != NULL &&
           newest->origin.timestamp > item->item.time + forced_read_s;
}

bool append_may_succeed(const struct parent *parent, u64 forced_read_s, const struct append *append)
{
    struct parent_state state = parent_state(parent);
    const struct parent_block *origin = parent_block(parent, append->origin_number);
    hash32 acc;
    if (!state.reached || state.head < append->origin_number) /* nobody knows yet */
        return true;
    if (origin != NULL && !hash32_equal(origin->origin.hash, append->origin_hash))
        return false;
    if (append->inbox_pos > state.item_count ||
        (parent_inbox_acc(parent, append->inbox_pos, &acc) &&
         !hash32_equal(acc, append->inbox_acc)))
        return false;
    return (parent_batch_acc(parent, state.batch_count, &acc) &&
            hash32_equal(acc, append->prev_batch_acc) &&
            !is_overdue(parent, forced_read_s, append)) ||
           is_there(parent, append);
}

/* --- Withdrawing. */

static void tend(struct append *append, struct layer *layer, struct sender *sender, u64 now_ms)
{
    struct err why;
    parent_lock(layer->parent);
    bool stale = !append_may_succeed(layer->parent, layer->options.rollup->forced_read_s, append);
    parent_unlock(layer->parent);
    if (!stale)
        append->stale_since_ms = 0;
    else if (append->stale_since_ms == 0)
        append->stale_since_ms = now_ms;
    if (!stale || now_ms - append->stale_since_ms < STALE_MS)
        return;
    enum status st = sender_withdraw(sender, append->key, &why);
    append->withdrawn = st == ST_OK;
    if (st == ST_OK)
        log_info("batcher", "an append is withdrawn: what it builds on is gone",
                 LOG_U64("origin", append->origin_number));
    else
        log_error("batcher", "an append cannot be withdrawn", LOG_TEXT("why", why.text));
}

void appends_tend(struct appends *appends, struct layer *layer, struct sender *sender, u64 now_ms)
{
    for (usize i = appends->count; i-- > 0;) {
        struct append *append = &appends->list[i];
        struct sender_outcome outcome;
        if (sender_look(sender, append->key, &outcome) != ST_OK || outcome.settled)
            drop(appends, i);
        else if (outcome.state == SENDER_PENDING && !append->withdrawn)
            tend(append, layer, sender, now_ms);
    }
}

/* How much the sequencer may promise. Its blocks have to be on the parent before the items in them
 * are overdue, or strangers may append: then others come in their place. So it takes nothing more
 * once a new block would wait for half of that time. As far as one can tell, it waits for the
 * longest of
 *
 *     what the oldest block has waited, by its time and our clock or the parent's, whichever says
 *         less (a dev chain's runs ahead by a second with each block, and ours may be wrong)
 *     the time since the parent took anything
 *     bytes that wait / bytes of an append * time that an append takes
 *
 * and transactions are taken again when that is down to three eighths. Bytes are those of
 * envelopes, which a batch makes smaller. */
#include "layer/internal.h"

#include "base/fmt.h"
#include "sys/clock.h"
#include "sys/log.h"

void backlog_forget(struct layer *layer)
{
    layer->backlog.from = layer->backlog.to = layer->backlog.bytes = 0;
}

static enum status bytes_of(struct layer *layer, u64 number, u64 *out, struct err *err)
{
    struct child_head head;
    TRY(child_head_at(layer, number, &head, err));
    *out = head.header.blob_gas_used / max_u64(layer->config.chain->child.footprint_gas, 1);
    return ST_OK;
}

/* Counts what has come and what the parent has. */
static enum status count(struct layer *layer, u64 safe, u64 unsafe, struct err *err)
{
    struct backlog *backlog = &layer->backlog;
    u64 size;
    if (backlog->from != safe || safe == unsafe || backlog->moved_ms == 0)
        backlog->moved_ms = clock_now_ms();
    if (backlog->from > safe || backlog->to > unsafe || backlog->to < safe) {
        backlog->from = backlog->to = safe;
        backlog->bytes = 0;
    }
    for (; backlog->to < unsafe; backlog->to++) {
        TRY(bytes_of(layer, backlog->to + 1, &size, err));
        backlog->bytes += size;
    }
    for (; backlog->from < safe; backlog->from++) {
        TRY(bytes_of(layer, backlog->from + 1, &size, err));
        backlog->bytes -= size;
    }
    return ST_OK;
}

/* Seconds that the oldest block has waited. */
static enum status age_of(struct layer *layer, const struct layer_status *status, u64 *out,
                          struct err *err)
{
    struct child_head oldest;
    u64 now_s = min_u64(clock_wall_ms() / 1000, status->head_l1.timestamp);
    u64 idle_s = (clock_now_ms() - layer->backlog.moved_ms) / 1000;
    *out = 0;
    if (status->unsafe_l2.number == status->safe_l2.number)
        return ST_OK;
    TRY(child_head_at(layer, status->safe_l2.number + 1, &oldest, err));
    *out = max_u64(idle_s, now_s > oldest.header.timestamp ? now_s - oldest.header.timestamp : 0);
    return ST_OK;
}

enum status backlog_look(struct layer *layer, struct layer_status *status, struct err *err)
{
    struct backlog *backlog = &layer->backlog;
    const struct rollup *rollup = layer->options.rollup;
    u64 limit_s = max_u64(min_u64(rollup->forced_read_s, rollup->open_s) / 2, 1), age_s;
    TRY(count(layer, status->safe_l2.number, status->unsafe_l2.number, err));
    TRY(age_of(layer, status, &age_s, err));
    status->backlog_bytes = backlog->bytes;
    u64 wait_s = backlog->bytes / layer->append_room * layer->append_ms / 1000;
    u64 longest_s = max_u64(age_s, wait_s);
    bool was_full = backlog->is_full;
    backlog->is_full = longest_s >= limit_s || (was_full && longest_s > limit_s * 3 / 4);
    if (backlog->is_full) {
        status->accepting = false;
        fmt(status->refusing, sizeof(status->refusing),
            "%lu blocks wait for the parent chain, a new one would for %lu s; the limit is %lu s",
            status->backlog_blocks, longest_s, limit_s);
    }
    if (backlog->is_full && !was_full)
        log_warn("sequencer", "takes no more transactions", LOG_TEXT("why", status->refusing));
    if (was_full && !backlog->is_full)
        log_info("sequencer", "takes transactions again");
    return ST_OK;
}

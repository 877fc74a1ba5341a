#include "client/follow.h"

#include "sys/pages.h"

#include <stdlib.h>

enum {
    DEFAULT_ROUND = 1000,
    BATCH = 100,     /* headers in one exchange */
    FEW_BLOCKS = 32, /* up to so many, logs are asked for by block; above, by range */
    WALK_BACK = 8,   /* headers of the first look for a common ancestor; then more */
    KEEP = 16 << 20, /* bytes that stay mapped between polls */
};

/* The window is a ring: block `number` lies at number % FOLLOW_WINDOW. */
struct follow {
    struct eth *eth;
    struct eth_filter filter;
    u64 start, final_depth, round;
    struct follow_listener listener;
    struct pages pages;
    bool broken; /* finality was, where the parent's chain has left ours: */
    u64 left_at;
    struct follow_status status;
    u64 oldest; /* in the window; counts where status.started */
    struct follow_point window[FOLLOW_WINDOW];
};

/* --- What is known. */

static struct follow_point *window_at(struct follow *follow, u64 number)
{
    return &follow->window[number % FOLLOW_WINDOW];
}

static bool is_known(const struct follow *follow, u64 number)
{
    return follow->status.started && number >= follow->oldest &&
           number <= follow->status.tip.number;
}

static void push(struct follow *follow, struct follow_point point)
{
    struct follow_status *status = &follow->status;
    if (!status->started)
        follow->oldest = point.number;
    *window_at(follow, point.number) = point;
    status->tip = point;
    status->started = true;
    if (point.number - follow->oldest >= FOLLOW_WINDOW)
        follow->oldest = point.number - FOLLOW_WINDOW + 1;
}

enum status follow_new(const struct follow_options *options, struct follow **out, struct err *err)
{
    struct follow *follow = calloc(1, sizeof(*follow));
    if (follow == NULL)
        return fail(err, ST_FULL, "no memory for a follower");
    follow->eth = options->eth;
    follow->filter = options->filter;
    follow->start = options->start;
    follow->final_depth = options->final_depth;
    follow->round = options->round != 0 ? options->round : DEFAULT_ROUND;
    follow->listener = options->listener;
    for (usize i = 0; i < options->known_count; i++) {
        assert(i == 0 || options->known[i].number == options->known[i - 1].number + 1);
        push(follow, options->known[i]);
    }
    /* Headers of a round, which come in batches, and its logs. */
    usize room = (follow->round / BATCH + 3) * eth_result_room(follow->eth);
    if (pages_reserve(room, &follow->pages, err) != ST_OK) {
        free(follow);
        return ST_FULL;
    }
    *out = follow;
    return ST_OK;
}

void follow_free(struct follow *follow)
{
    if (follow == NULL)
        return;
    pages_release(&follow->pages);
    free(follow);
}

struct follow_status follow_status(const struct follow *follow)
{
    return follow->status;
}

usize follow_points(const struct follow *follow, struct follow_point *to, usize room)
{
    if (!follow->status.started)
        return 0;
    u64 tip = follow->status.tip.number;
    usize count = min_u64(tip - follow->oldest + 1, room);
    for (usize i = 0; i < count; i++)
        to[i] = follow->window[(tip - count + 1 + i) % FOLLOW_WINDOW];
    return count;
}

/* --- Headers. */

static struct follow_point point_of(const struct eth_header *header)
{
    return (struct follow_point){header->header.number, header->hash};
}

/* The newest known block that the parent's chain has, at or below `from`.
 * ST_MISSING: there is none. */
static enum status find_ancestor(struct follow *follow, u64 from, struct follow_point *out,
                                 struct arena tmp, struct err *err)
{
    u64 last = from;
    for (usize count = WALK_BACK;; count = min_u64(2 * count, BATCH)) {
        struct arena part = tmp;
        count = min_u64(count, last - follow->oldest + 1);
        struct eth_header *headers = ARENA_TAKE(&part, struct eth_header, count);
        usize got;
        TRY(eth_ask_headers(follow->eth, last - count + 1, count, headers, &got, &part, err));
        while (got-- > 0) {
            *out = point_of(&headers[got]);
            if (hash32_equal(window_at(follow, out->number)->hash, out->hash))
                return ST_OK;
        }
        last -= count;
        if (last + 1 == follow->oldest)
            break;
    }
    return fail(err, ST_MISSING,
                "none of the parent blocks %lu to %lu that are known here is on the chain of %s: "
                "it is another chain, or a reorg too deep to follow",
                follow->oldest, follow->status.tip.number, eth_name(follow->eth));
}

static enum status check_finality(struct follow *follow, u64 ancestor, struct err *err)
{
    const struct follow_status *status = &follow->status;
    if (!follow->broken && (!status->has_final || ancestor >= status->final))
        return ST_OK;
    if (!follow->broken)
        follow->left_at = ancestor;
    follow->broken = true;
    return fail(
        err, ST_CORRUPT,
        "the parent %s has taken back what was final: block %lu was, and its chain has left "
        "ours after block %lu",
        eth_name(follow->eth), status->final, follow->left_at);
}

/* Headers from `first` to `last` as far as each follows the one before: the parent may reorganise
 * while it is asked. The first must follow `base` (NULL: whatever it follows). */
static enum status read_headers(struct follow *follow, const struct follow_point *base, u64 first,
                                u64 last, struct eth_header **out, usize *count,
                                struct arena *arena, struct err *err)
{
    struct eth_header *headers = ARENA_TAKE(arena, struct eth_header, last - first + 1);
    *out = headers;
    *count = 0;
    while (first + *count <= last) {
        usize got, want = min_u64(BATCH, last - first - *count + 1);
        TRY(eth_ask_headers(follow->eth, first + *count, want, headers + *count, &got, arena, err));
        for (usize i = 0; i < got; i++) {
            const struct eth_header *header = &headers[*count];
            const hash32 *before = *count > 0     ? &header[-1].hash
                                   : base != NULL ? &base->hash
                                                  : NULL;
            if (before != NULL && !hash32_equal(header->header.parent_hash, *before))
                return ST_OK;
            ++*count;
        }
        if (got < want)
            break;
    }
    return ST_OK;
}

/* --- Logs. */

/* What the listener gets of one block. */
struct delivery {
    const struct eth_header *header;
    bool may_have_logs;
    struct eth_logs logs;
};

/* By hash: right whatever branch the server is on. */
static enum status read_logs_by_hash(struct follow *follow, struct delivery *list, usize count,
                                     struct arena *arena, struct err *err)
{
    hash32 *hashes = ARENA_TAKE(arena, hash32, count);
    struct eth_logs *logs = ARENA_NEW(arena, struct eth_logs, count);
    usize asked = 0;
    for (usize i = 0; i < count; i++)
        if (list[i].may_have_logs)
            hashes[asked++] = list[i].header->hash;
    enum status st =
        eth_ask_blocks_logs(follow->eth, hashes, asked, &follow->filter, logs, arena, err);
    if (st == ST_MISSING)
        return ST_AGAIN; /* the block was dropped meanwhile: the next poll sees the reorg */
    TRY(st);
    for (usize i = 0, k = 0; i < count; i++)
        if (list[i].may_have_logs)
            list[i].logs = logs[k++];
    return ST_OK;
}

/* Deals out the logs of a range. ST_AGAIN: some are of another branch than the headers. */
static enum status deal_logs(const struct follow *follow, struct delivery *list,
                             const struct eth_logs *logs, struct err *err)
{
    u64 first = list[0].header->header.number;
    for (usize i = 0; i < logs->count; i++) {
        struct eth_log *log = &logs->list[i];
        struct delivery *to = &list[log->block_number - first];
        if (!hash32_equal(to->header->hash, log->block_hash))
            return ST_AGAIN;
        if (!to->may_have_logs)
            return fail(err, ST_CORRUPT,
                        "%s tells of logs in block %lu whose header's bloom rules them out",
                        eth_name(follow->eth), log->block_number);
        if (to->logs.count == 0)
            to->logs.list = log;
        to->logs.count++;
    }
    return ST_OK;
}

static enum status read_logs_by_range(struct follow *follow, struct delivery *list, usize count,
                                      struct arena *arena, struct err *err)
{
    struct eth_logs logs;
    u64 first = list[0].header->header.number;
    struct arena mark = *arena;
    TRY(eth_ask_logs(follow->eth, first, first + count - 1, &follow->filter, &logs, arena, err));
    enum status st = deal_logs(follow, list, &logs, err);
    if (st != ST_AGAIN)
        return st;
    *arena = mark;
    for (usize i = 0; i < count; i++)
        list[i].logs = (struct eth_logs){0};
    return read_logs_by_hash(follow, list, count, arena, err);
}

static enum status read_logs(struct follow *follow, struct delivery *list, usize count,
                             struct arena *arena, struct err *err)
{
    usize possible = 0;
    for (usize i = 0; i < count; i++) {
        list[i].logs = (struct eth_logs){0};
        list[i].may_have_logs =
            eth_bloom_may_match(&list[i].header->header.logs_bloom, &follow->filter);
        possible += list[i].may_have_logs;
    }
    if (possible == 0)
        return ST_OK;
    return possible > FEW_BLOCKS ? read_logs_by_range(follow, list, count, arena, err)
                                 : read_logs_by_hash(follow, list, count, arena, err);
}

/* Of as many of the blocks as fit into one answer. */
static enum status read_logs_that_fit(struct follow *follow, struct delivery *list, usize *count,
                                      struct arena *arena, struct err *err)
{
    for (;; *count /= 2) {
        struct arena mark = *arena;
        enum status st = read_logs(follow, list, *count, arena, err);
        if (st != ST_FULL || *count == 1)
            return st;
        *arena = mark;
    }
}

/* --- A round. */

static enum status deliver(struct follow *follow, const struct follow_point *base,
                           const struct delivery *list, usize count, struct err *err)
{
    struct follow_listener *listener = &follow->listener;
    if (base != NULL && base->number < follow->status.tip.number) {
        TRY(listener->removed(listener->self, *base, err));
        follow->status.tip = *base;
        follow->status.safe = min_u64(follow->status.safe, base->number);
    }
    for (usize i = 0; i < count; i++) {
        TRY(listener->block(listener->self, list[i].header, list[i].logs.list, list[i].logs.count,
                            err));
        push(follow, point_of(list[i].header));
    }
    return ST_OK;
}

/* The next headers, and the block of ours that they follow, which is below the tip after a reorg.
 */
static enum status read_next(struct follow *follow, const struct eth_header *latest,
                             struct follow_point *base, struct eth_header **headers, usize *count,
                             struct arena *arena, struct err *err)
{
    const struct follow_status *status = &follow->status;
    u64 number = latest->header.number;
    *base = status->tip;
    *count = 0;
    if (number > base->number)
        TRY(read_headers(follow, base, base->number + 1,
                         min_u64(number, base->number + follow->round), headers, count, arena,
                         err));
    if (*count > 0)
        return ST_OK;
    TRY(find_ancestor(follow, min_u64(status->tip.number, number), base, *arena, err));
    TRY(check_finality(follow, base->number, err));
    return read_headers(follow, base, base->number + 1,
                        min_u64(number, base->number + follow->round), headers, count, arena, err);
}

static enum status advance(struct follow *follow, const struct eth_header *latest, bool *more,
                           struct arena tmp, struct err *err)
{
    struct follow_status *status = &follow->status;
    struct follow_point base;
    struct eth_header *headers = NULL;
    usize count = 0;
    if (status->started)
        TRY(read_next(follow, latest, &base, &headers, &count, &tmp, err));
    else
        TRY(read_headers(follow, NULL, follow->start,
                         min_u64(status->latest, follow->start + follow->round - 1), &headers,
                         &count, &tmp, err));
    if (count == 0)
        return fail(err, ST_AGAIN, "%s changes while it is read", eth_name(follow->eth));
    struct delivery *list = ARENA_NEW(&tmp, struct delivery, count);
    for (usize i = 0; i < count; i++)
        list[i].header = &headers[i];
    TRY(read_logs_that_fit(follow, list, &count, &tmp, err));
    TRY(deliver(follow, status->started ? &base : NULL, list, count, err));
    *more = status->tip.number < status->latest;
    return ST_OK;
}

/* --- Finality. */

static bool is_ours(struct follow *follow, const struct eth_header *header)
{
    u64 number = header->header.number;
    return is_known(follow, number) && hash32_equal(window_at(follow, number)->hash, header->hash);
}

/* The newest block that is final as far as anyone can tell. */
static bool find_final(struct follow *follow, const struct eth_heads *heads, u64 *out)
{
    u64 tip = follow->status.tip.number;
    if (follow->final_depth > 0) {
        *out = tip - follow->final_depth;
        return tip >= follow->final_depth && is_known(follow, *out);
    }
    *out = heads->finalized.header.number;
    return heads->has_finalized && is_ours(follow, &heads->finalized);
}

static void update_finality(struct follow *follow, const struct eth_heads *heads)
{
    struct follow_status *status = &follow->status;
    u64 final;
    if (heads->has_safe && is_ours(follow, &heads->safe)) {
        status->has_safe = true;
        status->safe = heads->safe.header.number;
    }
    if (find_final(follow, heads, &final) && (!status->has_final || final > status->final)) {
        status->has_final = true;
        status->final = final;
    }
    if (status->has_final && (!status->has_safe || status->safe < status->final)) {
        status->has_safe = true;
        status->safe = status->final;
    }
}

enum status follow_poll(struct follow *follow, bool *more, struct err *err)
{
    struct arena tmp = pages_arena(&follow->pages);
    struct follow_status *status = &follow->status;
    struct eth_heads heads;
    *more = false;
    pages_trim(&follow->pages, KEEP);
    if (follow->broken)
        return check_finality(follow, follow->left_at, err);
    TRY(eth_ask_heads(follow->eth, &heads, &tmp, err));
    u64 number = status->latest = heads.latest.header.number;
    u64 oldest = status->started ? follow->oldest : follow->start;
    /* A head of ours, or from before all that we know: a server that lags, if it is not the tip. */
    if (number >= oldest && !is_ours(follow, &heads.latest))
        TRY(advance(follow, &heads.latest, more, tmp, err));
    update_finality(follow, &heads);
    return ST_OK;
}

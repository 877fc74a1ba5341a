/* What is new on the chain: blocks, logs of the contracts, and so the channels whose views have
 * changed.
 *
 * Logs are asked for by ranges of blocks, since a daemon that was away may be a million blocks
 * behind, and are those of one branch as far as the newest block is the same before and after. When
 * the chain has left the branch of the newest block that was scanned, what is not final is scanned
 * again, and the channels that had logs there are read again. */
#include "channel/onchain_internal.h"

#include "sys/clock.h"
#include "sys/log.h"

enum {
    ROUND = 5000,       /* blocks whose logs are asked for at once */
    LAG_MS = 5000,      /* a shorter chain is a server that lags behind, so long */
    DEFAULT_DEPTH = 64, /* confirmations where the chain does not say what is final */
};

static bool same(const struct head *a, const struct head *b)
{
    return hash32_equal(a->hash, b->hash);
}

static struct head head_of(const struct eth_header *header)
{
    return (struct head){header->header.number, header->header.timestamp, header->hash};
}

static bool has_tip(const struct onchain *chain)
{
    return !hash32_is_zero(chain->tip.hash);
}

/* --- Heads. */

enum status onchain_head_at(struct onchain *chain, u64 number, struct head *out, struct arena tmp,
                            struct err *err)
{
    struct eth_header header;
    TRY(eth_ask_header(chain->eth, eth_at_number(number), &header, &tmp, err));
    *out = head_of(&header);
    return ST_OK;
}

/* The newest block that is final, which is never an older one than before. */
static enum status find_final(struct onchain *chain, const struct eth_heads *heads,
                              struct head *out, struct arena tmp, struct err *err)
{
    u64 depth = chain->options.confirmations, latest = heads->latest.header.number;
    *out = head_of(&heads->finalized);
    if (depth == 0 && !heads->has_finalized)
        depth = DEFAULT_DEPTH;
    if (depth > 0)
        out->number = latest + 1 > depth ? latest + 1 - depth : 0;
    if (out->number <= chain->final.number && !hash32_is_zero(chain->final.hash))
        *out = chain->final;
    else if (out->number == latest)
        *out = head_of(&heads->latest);
    else if (depth > 0)
        return onchain_head_at(chain, out->number, out, tmp, err);
    return ST_OK;
}

/* --- Reorgs. */

/* What is not final is to be scanned again. */
static void scan_again(struct onchain *chain)
{
    u64 final = chain->final.number;
    if (chain->scanned > final)
        chain->scanned = max_u64(final, chain->since - 1);
    for (struct watched *each = chain->all; each != NULL; each = each->all)
        if (each->scanned > final)
            each->scanned = max_u64(final, each->since - 1);
}

/* Channels with logs on the branch that is left have other views now. */
static void leave_branch(struct onchain *chain)
{
    u64 final = chain->final.number;
    for (struct watched *each = chain->all; each != NULL; each = each->all) {
        if (each->last <= final)
            continue;
        each->is_stale = true;
        each->last = each->first > final ? 0 : final;
        if (each->last == 0)
            each->first = 0;
    }
    court_leave_branch(chain);
    scan_again(chain);
}

/* Nothing that was told may be relied on: everything is told anew. */
static void leave_final(struct onchain *chain)
{
    log_error("channel", "the chain has taken back what was final",
              LOG_U64("chain", chain->chain_id), LOG_U64("block", chain->final.number));
    chain->final = (struct head){0};
    for (struct watched *each = chain->all; each != NULL; each = each->all) {
        each->is_stale = true;
        each->first = each->last = 1;
    }
    court_leave_branch(chain);
    scan_again(chain);
}

/* Whether the chain still has that block. ST_AGAIN: it changes while it is read. */
static enum status still_has(struct onchain *chain, const struct head *head, bool *out,
                             struct arena tmp, struct err *err)
{
    struct head now;
    enum status st = onchain_head_at(chain, head->number, &now, tmp, err);
    *out = st == ST_OK && same(&now, head);
    return st == ST_MISSING ? ST_OK : st;
}

/* *behind: the server is, and there is nothing new. */
static enum status check_branch(struct onchain *chain, const struct eth_header *latest,
                                bool *behind, struct arena tmp, struct err *err)
{
    const struct head *tip = &chain->tip;
    u64 number = latest->header.number, now_ms = clock_now_ms();
    bool has = true;
    *behind = false;
    if (!has_tip(chain) || hash32_equal(latest->hash, tip->hash) ||
        hash32_equal(latest->header.parent_hash, tip->hash)) {
        chain->shorter_since_ms = 0;
        return ST_OK;
    }
    if (number < tip->number) {
        if (chain->shorter_since_ms == 0)
            chain->shorter_since_ms = now_ms;
        *behind = now_ms < chain->shorter_since_ms + LAG_MS;
        if (*behind)
            return ST_OK;
    }
    chain->shorter_since_ms = 0;
    TRY(still_has(chain, tip, &has, tmp, err));
    if (has)
        return ST_OK;
    TRY(still_has(chain, &chain->final, &has, tmp, err));
    if (has)
        leave_branch(chain);
    else
        leave_final(chain);
    return ST_OK;
}

/* --- The adjudicator's logs. */

static void tell_dispute(struct onchain *chain, const struct eth_log *log,
                         const struct adjudicator_event *event)
{
    if (event->kind != ADJUDICATOR_DISPUTE_OPENED || chain->options.listener.disputed == NULL ||
        log->block_number <= chain->scanned)
        return;
    struct telling *telling = telling_new(0);
    telling->kind = TELL_DISPUTED;
    telling->key = event->id;
    telling->secret = event->salt;
    telling->number = log->block_number;
    tell(chain, telling);
}

static void tell_stirred(struct onchain *chain, hash32 id)
{
    struct telling *telling = telling_new(0);
    telling->kind = TELL_STIRRED;
    telling->key = id;
    tell(chain, telling);
}

static enum status take_events(struct onchain *chain, const struct eth_logs *logs, struct err *err)
{
    for (usize i = 0; i < logs->count; i++) {
        const struct eth_log *log = &logs->list[i];
        struct adjudicator_event event;
        TRY(adjudicator_read_event(&log->log, &event, err));
        tell_dispute(chain, log, &event);
        struct watched *watched = watched_find(chain, event.id);
        if (watched != NULL && log->block_number > watched->scanned)
            watched_note(watched, log, &event);
        if (watched == NULL && chain->options.listener.stirred != NULL &&
            log->block_number > chain->scanned)
            tell_stirred(chain, event.id);
    }
    return ST_OK;
}

/* --- Scanning. */

/* The newest block alone is named by its hash, and its bloom says whether it is worth asking. */
static enum status read_block_logs(struct onchain *chain, const struct eth_header *block,
                                   const struct eth_filter *filter, struct eth_logs *out,
                                   struct arena *arena, struct err *err)
{
    *out = (struct eth_logs){0};
    if (!eth_bloom_may_match(&block->header.logs_bloom, filter))
        return ST_OK;
    return eth_ask_block_logs(chain->eth, block->hash, filter, out, arena, err);
}

static enum status read_logs(struct onchain *chain, u64 first, u64 last,
                             const struct eth_header *latest, const struct eth_filter *filter,
                             struct eth_logs *out, struct arena *arena, struct err *err)
{
    return first == latest->header.number
               ? read_block_logs(chain, latest, filter, out, arena, err)
               : eth_ask_logs(chain->eth, first, last, filter, out, arena, err);
}

static enum status scan_round(struct onchain *chain, u64 first, u64 last,
                              const struct eth_header *latest, struct arena tmp, struct err *err)
{
    struct eth_filter events = {chain->adjudicator, adjudicator_topics(), ADJUDICATOR_EVENTS};
    struct eth_filter reveals = {chain->registry, registry_topics(), REGISTRY_EVENTS};
    struct eth_filter courts = {chain->court, court_topics(), COURT_EVENTS};
    struct eth_logs logs;
    struct arena part = tmp;
    TRY(read_logs(chain, first, last, latest, &events, &logs, &part, err));
    TRY(take_events(chain, &logs, err));
    part = tmp;
    TRY(read_logs(chain, first, last, latest, &reveals, &logs, &part, err));
    TRY(registry_take_logs(chain, &logs, part, err));
    if (court_matters(chain)) {
        TRY(read_logs(chain, first, last, latest, &courts, &logs, &tmp, err));
        court_take_logs(chain, &logs);
    }
    for (struct watched *each = chain->all; each != NULL; each = each->all)
        each->scanned = max_u64(each->scanned, last);
    chain->scanned = max_u64(chain->scanned, last);
    return ST_OK;
}

static u64 first_to_scan(const struct onchain *chain)
{
    u64 scanned = chain->scanned;
    for (const struct watched *each = chain->all; each != NULL; each = each->all)
        scanned = min_u64(scanned, each->scanned);
    return scanned + 1;
}

static enum status scan_all(struct onchain *chain, const struct eth_header *latest,
                            struct arena tmp, struct err *err)
{
    u64 newest = latest->header.number, first = first_to_scan(chain), round = ROUND;
    struct head head = head_of(latest);
    bool has = true;
    bool by_number = first < newest;
    while (first <= newest) {
        u64 last = min_u64(newest, first + round - 1);
        enum status st = scan_round(chain, first, last, latest, tmp, err);
        if (st == ST_FULL && last > first) {
            round = (last - first + 1) / 2;
            continue;
        }
        TRY(st);
        first = last + 1;
    }
    if (by_number)
        TRY(still_has(chain, &head, &has, tmp, err));
    return has ? ST_OK : fail(err, ST_AGAIN, "%s changes while it is read", eth_name(chain->eth));
}

/* --- Telling. */

/* Each gets its turn, whatever comes of the others. */
static enum status tell_views(struct onchain *chain, struct err *err)
{
    enum status worst = ST_OK;
    for (struct watched *each = chain->all; each != NULL && !chain->stopping; each = each->all) {
        if (each->is_stale) {
            enum status st = onchain_tell_view(chain, each, &chain->tip, false, err);
            each->is_stale = st != ST_OK;
            worst = st != ST_OK ? st : worst;
        }
        if (each->first == 0 || each->first > chain->final.number)
            continue;
        enum status st = onchain_tell_view(chain, each, &chain->final, true, err);
        worst = st != ST_OK ? st : worst;
        if (st != ST_OK)
            continue;
        bool all = each->last <= chain->final.number;
        each->first = all ? 0 : chain->final.number + 1;
        each->last = all ? 0 : each->last;
    }
    return worst;
}

static void tell_block(struct onchain *chain)
{
    struct telling *telling = telling_new(0);
    telling->kind = TELL_BLOCK;
    telling->number = chain->tip.number;
    telling->time_s = chain->tip.time_s;
    telling->final_number = chain->final.number;
    telling->final_time_s = chain->final.time_s;
    tell(chain, telling);
}

/* Reveals and disputes from this block on are of interest; earlier ones where a channel is watched
 * since then. */
static void begin_at(struct onchain *chain, u64 block)
{
    if (chain->earliest != 0)
        block = min_u64(block, chain->earliest);
    for (const struct watched *each = chain->all; each != NULL; each = each->all)
        block = min_u64(block, each->since);
    chain->since = block;
    chain->scanned = block - 1;
}

enum status onchain_scan(struct onchain *chain, struct err *err)
{
    struct arena tmp = pages_arena(&chain->pages);
    struct eth_heads heads;
    struct head final;
    bool behind;
    TRY(eth_ask_heads(chain->eth, &heads, &tmp, err));
    TRY(check_branch(chain, &heads.latest, &behind, tmp, err));
    if (behind)
        return ST_OK;
    TRY(find_final(chain, &heads, &final, tmp, err));
    struct head latest = head_of(&heads.latest);
    chain->is_told = chain->is_told && same(&latest, &chain->tip) && same(&final, &chain->final);
    chain->final = final;
    if (chain->since == 0)
        begin_at(chain, latest.number + 1);
    enum status st = scan_all(chain, &heads.latest, tmp, err);
    if (st != ST_OK) {
        scan_again(chain);
        return st;
    }
    chain->tip = latest;
    TRY(tell_views(chain, err));
    TRY(court_tell(chain, err));
    if (!chain->is_told)
        tell_block(chain);
    chain->is_told = true;
    return ST_OK;
}

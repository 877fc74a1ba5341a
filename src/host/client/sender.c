#include "client/sender_parts.h"

#include "sys/clock.h"

#include <poll.h>
#include <stdlib.h>

enum {
    SCRATCH = 64 << 20, /* a transaction with its blobs, in several forms */
    WAIT_MS = 100,      /* between polls of somebody who waits */
};

/* --- Open and close. */

static void set_defaults(struct sender_options *options)
{
    struct {
        u64 *value, preset;
    } rows[] = {
        {&options->confirmations, 6}, {&options->retry_ms, 3000}, {&options->resend_ms, 60000},
        {&options->bump_ms, 30000},   {&options->gap_ms, 120000},
    };
    struct {
        u32 *value, preset;
    } percents[] = {
        {&options->bump_percent, 12},
        {&options->fee_limit_percent, 1000},
        {&options->gas_margin_percent, 20},
    };
    for (usize i = 0; i < countof(rows); i++)
        if (*rows[i].value == 0)
            *rows[i].value = rows[i].preset;
    for (usize i = 0; i < countof(percents); i++)
        if (*percents[i].value == 0)
            *percents[i].value = percents[i].preset;
    if (u256_is_zero(options->max_fee_wei))
        options->max_fee_wei = u256_from_u64(2000000000000); /* 2,000 gwei */
    if (options->flight_limit == 0)
        options->flight_limit = 16;
    if (options->intent_limit == 0)
        options->intent_limit = 256;
}

enum status sender_open(const struct sender_options *options, struct sender **out, struct err *err)
{
    struct sender *sender = calloc(1, sizeof(*sender));
    if (sender == NULL)
        return fail(err, ST_FULL, "no memory for a sender");
    sender->options = *options;
    set_defaults(&sender->options);
    sender->path = strdup(options->path);
    assert(sender->path != NULL);
    enum status st =
        pages_reserve(2 * SCRATCH + 2 * eth_result_room(options->eth), &sender->scratch, err);
    if (st == ST_OK)
        st = journal_open(sender, err);
    if (st != ST_OK) {
        sender_close(sender);
        return st;
    }
    *out = sender;
    return ST_OK;
}

void sender_close(struct sender *sender)
{
    if (sender == NULL)
        return;
    journal_close(sender);
    entries_free(sender);
    pages_release(&sender->scratch);
    free(sender->path);
    free(sender);
}

static enum status check_journal(const struct sender *sender, struct err *err)
{
    if (!sender->broken)
        return ST_OK;
    return fail(err, ST_IO, "%s: the journal of transactions could not be written; restart",
                sender->path);
}

/* --- What callers want. */

static enum status check_intent(const struct sender_intent *intent, struct err *err)
{
    if (intent->data.size > SENDER_MAX_DATA)
        return fail(err, ST_INVALID, "a transaction with %zu bytes of data is too large",
                    intent->data.size);
    if (intent->blob_count > SIDECAR_MAX_BLOBS)
        return fail(err, ST_INVALID, "a transaction with %zu blobs is too large",
                    intent->blob_count);
    if (intent->blob_count > 0 && intent->creates)
        return fail(err, ST_INVALID, "a transaction with blobs creates no contract");
    return ST_OK;
}

enum status sender_submit(struct sender *sender, const struct sender_intent *intent,
                          struct err *err)
{
    struct sidecar sidecar = {0};
    TRY(check_journal(sender, err));
    sender_forget(sender);
    if (sender_find(sender, intent->key) != NULL)
        return ST_OK;
    TRY(check_intent(intent, err));
    if (sender->unfinished.count >= sender->options.intent_limit)
        return fail(err, ST_FULL, "%zu transactions wait already", sender->unfinished.count);
    if (intent->blob_count > 0) /* shows that they are blobs */
        TRY(sidecar_new(intent->blobs, intent->blob_count, &sidecar, err));
    enum status st = journal_intent(sender, intent, err);
    if (st == ST_OK) {
        struct entry *entry = entry_add(sender, intent);
        sidecar.blobs = entry->intent.blobs;
        entry->sidecar = sidecar;
        return ST_OK;
    }
    sidecar_free(&sidecar);
    return st;
}

enum status sender_withdraw(struct sender *sender, hash32 key, struct err *err)
{
    TRY(check_journal(sender, err));
    struct entry *entry = sender_find(sender, key);
    if (entry == NULL)
        return fail(err, ST_MISSING, "no such transaction is known");
    if (entry->finished || entry->withdrawn)
        return ST_OK;
    TRY(journal_withdrawn(sender, key, err));
    entry->withdrawn = true;
    entry->due_ms = 0;
    return ST_OK;
}

enum status sender_look(const struct sender *sender, hash32 key, struct sender_outcome *out)
{
    const struct entry *entry = sender_find(sender, key);
    if (entry == NULL)
        return ST_MISSING;
    *out = entry->outcome;
    return ST_OK;
}

usize sender_unfinished(const struct sender *sender)
{
    return sender->unfinished.count;
}

struct sender_afloat sender_afloat(const struct sender *sender)
{
    struct sender_afloat out = {.why = ""};
    for (const struct entry *entry = sender->unfinished.first; entry != NULL; entry = entry->next) {
        if (entry->outcome.state == SENDER_INCLUDED || entry->cancel_mined)
            out.newest_block = max_u64(out.newest_block, entry->outcome.block_number);
        else if (!entry->missing && out.waiting++ == 0)
            out.why = entry->reason;
    }
    return out;
}

/* --- The machine. */

static bool in_flight(const struct entry *entry)
{
    return entry->attempt_count > 0 && !entry->missing && !entry->cancel_mined &&
           entry->outcome.state == SENDER_PENDING;
}

/* What has waited for the parent, or for others, until it is too late for it. */
static void give_up_late(struct sender *sender)
{
    for (struct entry *entry = sender->unfinished.first; entry != NULL; entry = entry->next) {
        u64 by_s = entry->intent.sign_by_s;
        if (entry->attempt_count > 0 || by_s == 0 || sender->time_s <= by_s)
            continue;
        entry->withdrawn = true; /* its end is journalled, and until then it is too late */
        entry_say(entry, "it could not be sent in time");
    }
}

static enum status act(struct sender *sender, u64 now_ms, struct err *err)
{
    give_up_late(sender);
    usize flying = 0;
    bool held_up = false;
    u64 lowest = UINT64_MAX;
    for (const struct entry *entry = sender->unfinished.first; entry != NULL; entry = entry->next) {
        flying += in_flight(entry);
        if (in_flight(entry))
            lowest = min_u64(lowest, entry->nonce);
    }
    for (struct entry *entry = sender->unfinished.first, *next; entry != NULL; entry = next) {
        next = entry->next;
        if (in_flight(entry)) {
            TRY(sender_tend(sender, entry, entry->nonce == lowest, now_ms, err));
        } else if (entry->attempt_count == 0 && entry->withdrawn) {
            TRY(sender_finish(sender, entry, SENDER_CANCELLED, BYTES_EMPTY, err));
        } else if (entry->attempt_count == 0 && !held_up) {
            if (flying < sender->options.flight_limit)
                TRY(sender_launch(sender, entry, flying == 0, now_ms, err));
            held_up = !entry->finished && entry->attempt_count == 0;
            flying += in_flight(entry);
        }
    }
    return ST_OK;
}

enum status sender_poll(struct sender *sender, u64 now_ms, struct err *err)
{
    TRY(check_journal(sender, err));
    sender_forget(sender);
    if (sender->unfinished.count == 0)
        return ST_OK;
    TRY(sender_look_around(sender, err));
    TRY(sender_resolve(sender, err));
    TRY(sender_fill_gap(sender, now_ms, err));
    TRY(act(sender, now_ms, err));
    return journal_compact(sender, err);
}

enum status sender_wait(struct sender *sender, hash32 key, bool settled, u64 timeout_ms,
                        struct sender_outcome *out, struct err *err)
{
    u64 until_ms = clock_now_ms() + timeout_ms;
    struct err why = {{0}};
    for (;;) {
        enum status st = sender_poll(sender, clock_now_ms(), &why);
        if (st != ST_OK && ((st != ST_AGAIN && st != ST_IO) || sender->broken))
            return fail(err, st, "%s", why.text);
        if (sender_look(sender, key, out) != ST_OK)
            return fail(err, ST_MISSING, "no such transaction is known");
        if (out->settled || (!settled && out->state != SENDER_PENDING))
            return ST_OK;
        if (clock_now_ms() >= until_ms)
            return fail(err, ST_AGAIN, "the transaction is not in a block after %lu s: %s",
                        timeout_ms / 1000,
                        st != ST_OK           ? why.text
                        : out->reason[0] != 0 ? out->reason
                                              : "no reason is known");
        poll(NULL, 0, WAIT_MS);
    }
}

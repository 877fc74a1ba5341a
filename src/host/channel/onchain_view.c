/* What the chain says of one channel. */
#include "channel/onchain_internal.h"

#include <stdlib.h>

void watched_note(struct watched *watched, const struct eth_log *log,
                  const struct adjudicator_event *event)
{
    watched->is_stale = true;
    watched->last = log->block_number;
    if (watched->first == 0)
        watched->first = log->block_number;
    if (event->kind == ADJUDICATOR_STATE_CHANGED) {
        watched->state = event->state;
        watched->has_state = true;
    }
    if (event->kind == ADJUDICATOR_POTS_CHANGED) {
        watched->pots = event->pots;
        watched->has_pots = true;
    }
    if (event->kind == ADJUDICATOR_NOTED)
        watched->note[event->noted.side] = event->noted.note;
}

/* --- What the contract has a hash of. */

static bool matches(const struct adjudicator_event *event, hash32 id, hash32 commitment)
{
    if (!hash32_equal(event->id, id))
        return false;
    if (event->kind == ADJUDICATOR_NOTED)
        return hash32_equal(adjudicator_note_hash(&event->noted.note), commitment);
    return hash32_equal(event->kind == ADJUDICATOR_STATE_CHANGED
                            ? adjudicator_state_hash(&event->state)
                            : adjudicator_pots_hash(&event->pots),
                        commitment);
}

/* Looks through the logs of blocks `first` to `last`. */
static enum status find_in_blocks(struct onchain *chain, hash32 id, const struct eth_filter *filter,
                                  hash32 commitment, u64 first, u64 last,
                                  struct adjudicator_event *out, struct arena tmp, struct err *err)
{
    struct eth_logs logs;
    TRY(eth_ask_logs(chain->eth, first, last, filter, &logs, &tmp, err));
    for (usize i = logs.count; i-- > 0;)
        if (adjudicator_read_event(&logs.list[i].log, out, NULL) == ST_OK &&
            matches(out, id, commitment))
            return ST_OK;
    return ST_MISSING;
}

/* Backwards, in steps that grow: it was mostly not long ago. */
static enum status find_event(struct onchain *chain, hash32 id, enum adjudicator_event_kind kind,
                              hash32 commitment, u64 last, struct adjudicator_event *out,
                              struct arena tmp, struct err *err)
{
    enum { FIRST_STEP = 1000, GROWTH = 4 };
    struct eth_filter filter = {chain->adjudicator, &adjudicator_topics()[kind], 1};
    u64 step = FIRST_STEP;
    for (;;) {
        u64 first = last < step ? 0 : last - step + 1;
        enum status st = find_in_blocks(chain, id, &filter, commitment, first, last, out, tmp, err);
        if (st == ST_FULL && step > 1) {
            step /= 2;
            continue;
        }
        if (st != ST_MISSING)
            return st;
        if (first == 0)
            return fail(err, ST_CORRUPT, "%s has no log of a dispute whose state it has a hash of",
                        eth_name(chain->eth));
        last = first - 1;
        step *= GROWTH;
    }
}

static enum status find_state(struct onchain *chain, struct watched *watched, hash32 commitment,
                              u64 block, struct adjudicator_state *out, struct arena tmp,
                              struct err *err)
{
    struct adjudicator_event event;
    *out = watched->state;
    if (watched->has_state && hash32_equal(adjudicator_state_hash(out), commitment))
        return ST_OK;
    TRY(find_event(chain, watched->name.id, ADJUDICATOR_STATE_CHANGED, commitment, block, &event,
                   tmp, err));
    *out = event.state;
    return ST_OK;
}

static enum status find_pots(struct onchain *chain, struct watched *watched, hash32 commitment,
                             u64 block, struct adjudicator_pots *out, struct arena tmp,
                             struct err *err)
{
    struct adjudicator_event event;
    *out = watched->pots;
    if (watched->has_pots && hash32_equal(adjudicator_pots_hash(out), commitment))
        return ST_OK;
    TRY(find_event(chain, watched->name.id, ADJUDICATOR_POTS_CHANGED, commitment, block, &event,
                   tmp, err));
    *out = event.pots;
    return ST_OK;
}

/* What is noted of a side and not part of the state. */
static enum status find_note(struct onchain *chain, struct watched *watched, u32 side,
                             const struct adjudicator_look *look, u64 block,
                             struct adjudicator_note *out, struct arena tmp, struct err *err)
{
    struct adjudicator_event event = {.noted = {.note = watched->note[side]}};
    hash32 hash = look->note[side].hash;
    if (look->note[side].epoch != look->epoch || look->note[side].seq <= look->seq[side])
        return ST_OK;
    if (!hash32_equal(adjudicator_note_hash(&event.noted.note), hash))
        TRY(find_event(chain, watched->name.id, ADJUDICATOR_NOTED, hash, block, &event, tmp, err));
    *out = event.noted.note;
    out->epoch = look->epoch; /* another note may be of as much */
    out->seq = look->note[side].seq;
    return ST_OK;
}

/* --- A view. */

static enum status read_view(struct onchain *chain, struct watched *watched, const struct head *at,
                             struct onchain_view *out, struct arena tmp, struct err *err)
{
    struct adjudicator_look look;
    TRY(adjudicator_ask(chain->eth, chain->adjudicator, watched->name.id, eth_at_hash(at->hash),
                        &look, tmp, err));
    *out = (struct onchain_view){.block = at->number,
                                 .time_s = at->time_s,
                                 .deposited = {look.deposited[0], look.deposited[1]},
                                 .withdrawn = {look.withdrawn[0], look.withdrawn[1]},
                                 .phase = look.phase,
                                 .phase_time_s = look.time_s,
                                 .epoch = look.epoch,
                                 .seq = {look.seq[0], look.seq[1]},
                                 .bond = look.bond};
    switch (look.phase) {
    case PHASE_DISPUTE:
        for (u32 side = 0; side < 2; side++)
            TRY(find_note(chain, watched, side, &look, at->number, &out->note[side], tmp, err));
        return find_state(chain, watched, look.commitment, at->number, &out->state, tmp, err);
    case PHASE_UNLOCKING:
        return find_pots(chain, watched, look.commitment, at->number, &out->pots, tmp, err);
    case PHASE_OPEN:
    case PHASE_CLOSED:
        return ST_OK;
    }
    bug("unknown phase");
}

enum status onchain_tell_view(struct onchain *chain, struct watched *watched, const struct head *at,
                              bool final, struct err *err)
{
    struct onchain_view view;
    TRY(read_view(chain, watched, at, &view, pages_arena(&chain->pages), err));
    struct telling *telling = telling_new(0);
    telling->kind = TELL_VIEW;
    telling->key = watched->name.id;
    telling->flag = final;
    telling->view = view;
    tell(chain, telling);
    return ST_OK;
}

/* --- Channels of others. */

enum { FUNDS_BATCH = 64 };

static void answer_asked(struct onchain *chain, const struct adjudicator_funds *funds)
{
    struct asked *asked = chain->asked;
    struct telling *telling = telling_new(0);
    telling->kind = TELL_FUNDS;
    telling->key = asked->id;
    telling->funds = *funds;
    tell(chain, telling);
    chain->asked = asked->next;
    if (chain->asked == NULL)
        chain->asked_end = &chain->asked;
    free(asked);
}

enum status onchain_tell_funds(struct onchain *chain, struct err *err)
{
    enum { BATCHES = 4 }; /* a moment; others may make us ask, so it is not all that can be done */
    hash32 ids[FUNDS_BATCH];
    struct adjudicator_funds funds[FUNDS_BATCH];
    if (hash32_is_zero(chain->tip.hash))
        return ST_OK;
    for (usize round = 0; round < BATCHES && chain->asked != NULL && !chain->stopping; round++) {
        usize count = 0;
        for (const struct asked *at = chain->asked; at != NULL && count < FUNDS_BATCH;
             at = at->next)
            ids[count++] = at->id;
        TRY(adjudicator_ask_funds(chain->eth, chain->adjudicator, ids, count,
                                  eth_at_hash(chain->tip.hash), funds, pages_arena(&chain->pages),
                                  err));
        for (usize i = 0; i < count; i++)
            answer_asked(chain, &funds[i]);
    }
    return ST_OK;
}

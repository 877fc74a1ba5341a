/* Transactions: each is a function of the contract, with what the run keeps for its laws. */
#include "world.h"

#include "base/bug.h"

bool chain_submit(struct world *w, u32 channel, const struct submission *sub)
{
    struct channel *ch = &w->channel[channel];
    bool opening = ch->phase == OPEN;
    bool ok = opening ? channel_force_close(ch, &w->ring, sub, w->now)
                      : channel_challenge(ch, &w->ring, sub, w->now);
    if (!ok)
        return false;
    if (opening)
        w->before[channel] = *ch;
    else if (w->submission_count[channel] < MAX_SUBMISSIONS)
        w->submission[channel][w->submission_count[channel]++] = *sub;
    else
        bug("a dispute has more transactions than the model keeps");
    trace(w, "%s %u by %u: epoch %u halves %u %u, now %u %u %u",
          opening ? "forced close" : "answer", channel, sub->from, sub->base.epoch,
          sub->has_half[0] ? sub->half[0].seq : 0, sub->has_half[1] ? sub->half[1].seq : 0,
          ch->base.epoch, ch->half[0].seq, ch->half[1].seq);
    return true;
}

struct app_record *chain_app(struct world *w, u32 channel)
{
    const struct base *base = &w->channel[channel].base;
    for (u32 i = 0; i < base->leaf_count; i++) {
        if (base->leaf[i].kind != LEAF_APP)
            continue;
        for (u32 j = 0; j < w->app_count[channel]; j++)
            if (w->app[channel][j].state.id == base->leaf[i].id)
                return &w->app[channel][j];
        assert(w->app_count[channel] < MAX_APPS);
        struct app_record *app = &w->app[channel][w->app_count[channel]++];
        app_init(app, &base->leaf[i]);
        return app;
    }
    return NULL;
}

/* The first reveal of a key is the one that counts. */
void chain_reveal(struct world *w, u32 key)
{
    if (w->revealed[key] == 0) {
        w->revealed[key] = w->now;
        trace(w, "key %u is revealed", key);
    }
}

static void resolve(struct world *w, u32 channel)
{
    struct channel *ch = &w->channel[channel];
    u32 split_brain = without(WITHOUT_GUARANTEE_SPLIT_BRAIN) ? channel : 0;
    for (u32 side = 0; side < 2; side++)
        for (u32 i = 0; i < ch->locks[side].count; i++)
            channel_unlock(ch, side, i, w->revealed[ch->locks[side].list[i].key % MAX_KEYS],
                           w->now);
    for (u32 i = 0; i < ch->base.leaf_count; i++) {
        if (ch->base.leaf[i].kind == LEAF_APP)
            channel_resolve_app(ch, i, chain_app(w, channel), w->now);
        else
            channel_resolve_guarantee(ch, i, &w->channel[VIRTUAL + split_brain], w->now);
    }
}

void chain_settle(struct world *w)
{
    for (u32 i = 0; i < CHANNELS; i++) {
        struct channel *ch = &w->channel[i];
        if (channel_settle(ch, w->now))
            trace(w, "channel %u settles: %ld %ld, locks %ld %ld, leaves %ld", i, ch->paid[0],
                  ch->paid[1], ch->pool[0], ch->pool[1], ch->apps_pool);
    }
    for (u32 i = 0; i < LEDGERS; i++)
        if (w->channel[i].phase == SETTLED)
            resolve(w, i);
}

bool chain_done(const struct world *w)
{
    for (u32 i = 0; i < LEDGERS; i++) {
        const struct channel *ch = &w->channel[i];
        if (ch->phase == OPEN || ch->phase == DISPUTE)
            return false;
        if (ch->phase == CLOSED)
            continue;
        if (ch->resolved != (1u << ch->base.leaf_count) - 1)
            return false;
        for (u32 side = 0; side < 2; side++)
            if (ch->unlocked[side] != (1u << ch->locks[side].count) - 1)
                return false;
    }
    return true;
}

/* Transactions: each is a function of the contract, with what the run keeps for its laws. */
#include "world.h"

#include "base/bug.h"

bool chain_submit(struct world *w, u32 channel, const struct submission *sub, u64 state)
{
    struct channel *ch = &w->channel[channel];
    bool opening = ch->phase == OPEN;
    bool same = sub->base.epoch == ch->base.epoch && !without(WITHOUT_BASE_GIVES_WAY);
    bool ok = opening              ? channel_force_close(ch, &w->ring, sub, w->now)
              : state != ANY_STATE ? channel_challenge(ch, &w->ring, sub, state, w->now)
              : same               ? channel_note(ch, &w->ring, sub, w->now)
                                   : channel_challenge_base(ch, &w->ring, sub, w->now);
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

bool chain_submit_first(struct world *w, u32 channel, const struct submission *sub)
{
    const struct channel *ch = &w->channel[channel];
    return chain_submit(w, channel, sub,
                        sub->base.epoch == ch->base.epoch ? channel_state(ch) : ANY_STATE);
}

/* The first reveal of a key is the one that counts. */
void chain_reveal(struct world *w, u32 key)
{
    if (w->revealed[key] == 0) {
        w->revealed[key] = w->now;
        trace(w, "key %u is revealed", key);
    }
}

void chain_reveal_batch(struct world *w, u32 key)
{
    if (w->batched[key] == 0) {
        w->batched[key] = w->now;
        trace(w, "key %u is in a batch", key);
    }
}

u32 chain_public_at(const struct world *w, u32 key)
{
    u32 alone = w->revealed[key], batch = w->batched[key];
    return alone == 0 || (batch != 0 && batch < alone) ? batch : alone;
}

void chain_record(struct world *w, u32 key)
{
    w->revealed[key] = chain_public_at(w, key);
    trace(w, "key %u is recorded at %u", key, w->revealed[key]);
}

bool chain_needs_proof(const struct world *w, u32 channel, u32 side, u32 index, u32 party)
{
    const struct channel *ch = &w->channel[channel];
    const struct lock *lock = &ch->locks[side].list[index];
    u32 alone = w->revealed[lock->key % MAX_KEYS], batch = w->batched[lock->key % MAX_KEYS];
    return ch->phase == SETTLED && ch->owner[1 - side] == party &&
           (ch->unlocked[side] & 1u << index) == 0 && batch != 0 && batch <= lock->expiry &&
           (alone == 0 || alone > lock->expiry);
}

bool chain_unlock(struct world *w, u32 channel, u32 side, u32 index, bool proof, u32 pots)
{
    struct channel *ch = &w->channel[channel];
    u32 key = ch->locks[side].list[index].key % MAX_KEYS;
    return channel_unlock(ch, side, index, w->revealed[key], proof ? w->batched[key] : 0, pots,
                          w->now);
}

/* A cheat that comes first keeps what it can unlock for when the party wants to. */
static bool holds_back(const struct world *w, u32 channel)
{
    const struct channel *ch = &w->channel[channel];
    for (u32 side = 0; side < 2 && w->outrunning; side++)
        for (u32 i = 0; i < ch->locks[side].count; i++)
            if (chain_needs_proof(w, channel, side, i, w->party.id) &&
                w->now <= channel_lock_end(ch, &ch->locks[side].list[i]))
                return true;
    return false;
}

/* Everybody else shows the batches that pay themselves. */
static void unlock_due(struct world *w, u32 channel)
{
    struct channel *ch = &w->channel[channel];
    for (u32 side = 0; side < 2; side++)
        for (u32 i = 0; i < ch->locks[side].count; i++)
            chain_unlock(w, channel, side, i, ch->owner[1 - side] != w->party.id, channel_pots(ch));
}

void chain_settle(struct world *w)
{
    for (u32 i = 0; i < CHANNELS; i++) {
        struct channel *ch = &w->channel[i];
        if (channel_settle(ch, w->now))
            trace(w, "channel %u settles: %ld %ld, locks %ld %ld", i, ch->paid[0], ch->paid[1],
                  ch->pool[0], ch->pool[1]);
    }
    for (u32 i = 0; i < CHANNELS; i++)
        if (w->channel[i].phase == SETTLED && !holds_back(w, i))
            unlock_due(w, i);
}

bool chain_done(const struct world *w)
{
    for (u32 i = 0; i < CHANNELS; i++) {
        const struct channel *ch = &w->channel[i];
        if (ch->phase == OPEN || ch->phase == DISPUTE)
            return false;
        if (ch->phase == CLOSED)
            continue;
        for (u32 side = 0; side < 2; side++)
            if (ch->unlocked[side] != (1u << ch->locks[side].count) - 1)
                return false;
    }
    return true;
}

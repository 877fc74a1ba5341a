/* Everybody else, when a channel is being closed: states of any age, transactions at any time and
 * up to the last tick, and just before those of the party that they can spoil. */
#include "world.h"

/* What a base gives a side, whatever was deposited meanwhile. */
static amount net(const struct base *base, u32 side)
{
    return base->balance[side] - base->deposited[side] + base->withdrawn[side];
}

/* Any base that the party has signed; epoch 0 is there for all. */
static struct base any_base(struct world *w, u32 channel)
{
    struct base base = {.channel = channel};
    bool newest = one_in(w, 2);
    u32 side = w->channel[channel].owner[0] == w->party.id ? 0 : 1;
    for (u32 i = 0; i < w->base_count; i++) {
        const struct base *other = &w->base[i];
        bool better = newest || one_in(w, 2);
        if (w->greedy)
            better = other->epoch > base.epoch ||
                     (other->epoch == base.epoch && net(other, side) < net(&base, side));
        if (other->channel == channel && better)
            base = *other;
    }
    return base;
}

/* The adversary's own half must have been acknowledged by the party, or it does not count. */
static bool find_endorser(const struct world *w, const struct half *own, struct half *endorser)
{
    for (u32 i = 0; i < w->half_count; i++)
        if (w->half[i].ack_hash == half_digest(own)) {
            *endorser = w->half[i];
            return true;
        }
    return false;
}

static bool costs_more(const struct half *a, const struct half *b)
{
    return a->sent + a->locks.total >= b->sent + b->locks.total;
}

static struct submission any_states(struct world *w, u32 channel, u32 epoch)
{
    const struct channel *ch = &w->channel[channel];
    u32 party_side = ch->owner[0] == w->party.id ? 0 : 1, side = 1 - party_side;
    struct submission sub = {.from = ch->owner[side]};
    bool newest = one_in(w, 2);
    for (u32 i = 0; i < w->half_count; i++) {
        const struct half *half = &w->half[i];
        bool better = w->greedy ? costs_more(half, &sub.half[party_side]) : newest || one_in(w, 2);
        if (half->channel == channel && half->epoch == epoch && better) {
            sub.has_half[party_side] = true;
            sub.half[party_side] = *half;
        }
    }
    for (u32 i = 0; i < w->own_count; i++) {
        const struct half *half = &w->own[i];
        struct half endorser;
        if (half->channel == channel && half->epoch == epoch && one_in(w, 2) &&
            find_endorser(w, half, &endorser)) {
            sub.has_half[side] = sub.has_endorser[side] = true;
            sub.half[side] = *half;
            sub.endorser[side] = endorser;
        }
    }
    if (one_in(w, 4))
        sub.has_half[random_below(w, 2)] = false;
    if (one_in(w, 10)) { /* a half that the party has not seen */
        sub.has_half[side] = true;
        sub.half[side] =
            (struct half){.channel = channel, .side = side, .epoch = epoch, .seq = 1000};
    }
    return sub;
}

static struct submission any_submission(struct world *w, u32 channel)
{
    struct base base = any_base(w, channel);
    struct submission sub = any_states(w, channel, base.epoch);
    sub.base = base;
    sub.claims = !one_in(w, 4);
    sub.declared = 1000;
    return sub;
}

void adversary_force_close(struct world *w, u32 channel)
{
    if (w->submission_count[channel] >= MAX_SUBMISSIONS - 2)
        return;
    struct submission sub = any_submission(w, channel);
    if (one_in(w, 3))
        chain_submit(w, channel, &sub, ANY_STATE);
    else
        chain_submit_first(w, channel, &sub);
}

/* The next step of the dispute's state that the adversary can make, the smallest, so that more of
 * them are left; a half of the party's is the better one, since that costs it money. */
static bool next_step(const struct world *w, u32 channel, struct submission *sub)
{
    const struct channel *ch = &w->channel[channel];
    u32 party_side = ch->owner[0] == w->party.id ? 0 : 1, side = 1 - party_side;
    *sub = (struct submission){.from = ch->owner[side], .base = ch->base};
    struct half *best = &sub->half[party_side];
    for (u32 i = 0; i < w->half_count; i++) {
        const struct half *half = &w->half[i];
        if (half->channel == channel && half->epoch == ch->base.epoch &&
            half->seq > ch->half[party_side].seq && (best->seq == 0 || half->seq < best->seq))
            *best = *half;
    }
    sub->has_half[party_side] = best->seq != 0;
    if (best->seq != 0)
        return true;
    best = &sub->half[side];
    for (u32 i = 0; i < w->own_count; i++) {
        const struct half *half = &w->own[i];
        if (half->channel == channel && half->epoch == ch->base.epoch &&
            half->seq > ch->half[side].seq && (best->seq == 0 || half->seq < best->seq) &&
            find_endorser(w, half, &sub->endorser[side]))
            *best = *half;
    }
    sub->has_half[side] = sub->has_endorser[side] = best->seq != 0;
    return best->seq != 0;
}

static bool unlock_another(struct world *w, u32 channel)
{
    const struct channel *ch = &w->channel[channel];
    for (u32 side = 0; side < 2; side++)
        for (u32 i = 0; i < ch->locks[side].count; i++)
            if (!chain_needs_proof(w, channel, side, i, w->party.id) &&
                chain_unlock(w, channel, side, i, true, channel_pots(ch)))
                return true;
    return false;
}

void adversary_outrun(struct world *w, u32 channel)
{
    const struct channel *ch = &w->channel[channel];
    struct submission sub;
    if (!w->outrunning)
        return;
    if (ch->phase == SETTLED && unlock_another(w, channel))
        trace(w, "the party is outrun by an unlock of %u", channel);
    if (ch->phase == DISPUTE && next_step(w, channel, &sub) &&
        w->submission_count[channel] < MAX_SUBMISSIONS - 2 && chain_submit_first(w, channel, &sub))
        trace(w, "the party is outrun by a step of %u", channel);
}

/* Whatever the party signed while the closer was already known is tried against it. */
static void accuse(struct world *w, u32 channel)
{
    struct channel *ch = &w->channel[channel];
    u32 accuser = ch->owner[0] == w->party.id ? ch->owner[1] : ch->owner[0];
    if (ch->owner[ch->closer] != w->party.id) {
        /* It closed itself: a proof against itself, sent first, may save the bond. */
        for (u32 i = 0; i < w->own_count; i++)
            if (w->own[i].channel == channel)
                channel_prove_lie(ch, &w->ring, accuser, &w->own[i], NULL, w->now);
        return;
    }
    for (u32 i = 0; i < w->half_count; i++)
        for (u32 j = 0; j < w->own_count && w->half[i].channel == channel; j++)
            if (channel_prove_lie(ch, &w->ring, accuser, &w->half[i], &w->own[j], w->now))
                trace(w, "half %u.%u proves a lie", w->half[i].epoch, w->half[i].seq);
}

void adversary_dispute(struct world *w)
{
    for (u32 i = 0; i < CHANNELS; i++) {
        struct channel *ch = &w->channel[i];
        bool last_moment = ch->phase == DISPUTE && w->now + 2 >= ch->dispute_end;
        if (ch->phase == DISPUTE && one_in(w, last_moment ? 2 : 6))
            adversary_force_close(w, i);
        if (ch->phase == DISPUTE && one_in(w, 3))
            accuse(w, i);
    }
    if (one_in(w, 3))
        adversary_use_key(w);
    if (one_in(w, 8))
        adversary_execute(w);
}

/* What a party signs besides halves: bases, withdrawals, closes. And what is left of it after a
 * crash or a restore. */
#include "world.h"

#include "base/bug.h"

/* --- Bases. */

static struct base merged_base(const struct world *w, const struct view *v)
{
    const struct channel *ch = &w->channel[v->channel];
    const struct half *newest = &v->mine[v->mine_count - 1];
    struct base next = v->base;
    for (u32 side = 0; side < 2; side++) {
        bool me = side == v->me;
        const struct half *own = me ? newest : &v->theirs, *other = me ? &v->theirs : newest;
        next.balance[side] += ch->deposited[side] - next.deposited[side] -
                              (ch->withdrawn[side] - next.withdrawn[side]) + other->sent -
                              own->sent;
        next.deposited[side] = ch->deposited[side];
        next.withdrawn[side] = ch->withdrawn[side];
        next.locks[side] = without(WITHOUT_LOCKS_NOT_CARRIED) ? (struct locks){0} : own->locks;
    }
    next.channel = v->channel;
    return next;
}

/* The base that follows from what both have acknowledged. */
bool party_expect_base(const struct world *w, const struct view *v, struct base *out)
{
    if (!view_active(w, v) || v->frozen || v->mine_count != 1)
        return false;
    *out = merged_base(w, v);
    out->epoch++;
    return true;
}

static struct half half_zero(const struct base *base, u32 side)
{
    return (struct half){
        .channel = base->channel, .side = side, .epoch = base->epoch, .locks = base->locks[side]};
}

/* Sequence number 0 of both sides: nothing sent, and the base's locks. */
void view_reset(struct view *v)
{
    v->mine[0] = half_zero(&v->base, v->me);
    v->mine_count = 1;
    v->theirs = v->shown = half_zero(&v->base, 1 - v->me);
    v->unshown = 0;
}

static void adopt(struct world *w, struct view *v, const struct base *base)
{
    v->base = *base;
    v->frozen = v->lost = v->recovering = false;
    view_reset(v);
    party_note_outgoing(w, v);
    trace(w, "epoch %u of channel %u: %ld %ld locked %ld %ld", base->epoch, v->channel,
          base->balance[0], base->balance[1], base->locks[0].total, base->locks[1].total);
}

static bool sign_base(struct world *w, struct view *v, const struct base *base)
{
    if (w->base_count == MAX_POOL)
        return false;
    v->frozen = true;
    v->next = *base;
    v->top_epoch = base->epoch > v->top_epoch ? base->epoch : v->top_epoch;
    party_sync(w);
    party_publish(w, base_digest(base));
    w->base[w->base_count++] = *base;
    trace(w, "party signs base %u.%u", v->channel, base->epoch);
    return true;
}

bool party_sign_base(struct world *w, struct view *v, const struct base *proposal, bool with_peers)
{
    struct base expected;
    if (!party_expect_base(w, v, &expected) || base_digest(&expected) != base_digest(proposal) ||
        !sign_base(w, v, &expected))
        return false;
    return !with_peers || party_complete_base(w, v);
}

bool party_complete_base(struct world *w, struct view *v)
{
    if (!v->frozen || (v->lost && !v->recovering) ||
        (v->closing && !without(WITHOUT_SIGN_AFTER_CLOSE)))
        return false;
    struct base next = v->next;
    adopt(w, v, &next);
    party_sync(w);
    party_upload(w, v);
    return true;
}

/* --- Withdrawals and cooperative closes. */

bool party_sign_withdrawal(struct world *w, struct view *v, const struct withdrawal *withdrawal)
{
    u32 side = withdrawal->side;
    const struct channel *ch = &w->channel[v->channel];
    amount before = ch->withdrawn[side];
    if (w->now <= v->withdraw_until[side] && v->withdraw_total[side] > before)
        before = v->withdraw_total[side];
    amount by = withdrawal->total - before;
    amount room =
        side == v->me ? party_spendable(w, v) : party_peer_spendable(w, v, v->mine[0].sent);
    if (without(WITHOUT_WITHDRAWAL_FORGOTTEN))
        by = withdrawal->total - ch->withdrawn[side];
    if (!view_active(w, v) || withdrawal->channel != v->channel || by > room ||
        withdrawal->until > w->now + LIFE || w->withdrawal_count == MAX_POOL)
        return false;
    if (withdrawal->total > v->withdraw_total[side])
        v->withdraw_total[side] = withdrawal->total;
    if (withdrawal->until > v->withdraw_until[side])
        v->withdraw_until[side] = withdrawal->until;
    party_sync(w);
    party_publish(w, withdrawal_digest(withdrawal));
    w->withdrawal[w->withdrawal_count++] = *withdrawal;
    trace(w, "party signs withdrawal %u.%u %ld until %u", v->channel, side, withdrawal->total,
          withdrawal->until);
    return true;
}

/* R11: from here to `until` the close can be executed, so the channel stands still. */
bool party_sign_close(struct world *w, struct view *v, const struct closing *closing)
{
    const struct channel *ch = &w->channel[v->channel];
    if (!view_active(w, v) || v->frozen || v->mine_count != 1 || v->mine[0].locks.count != 0 ||
        v->theirs.locks.count != 0 || closing->until > w->now + LIFE ||
        w->closing_count == MAX_POOL || closing->channel != v->channel)
        return false;
    struct base now = merged_base(w, v);
    amount mine =
        ch->deposited[v->me] - ch->withdrawn[v->me] - (v->me == 0 ? closing->net : -closing->net);
    if (mine < now.balance[v->me])
        return false;
    if (closing->until > v->close_until)
        v->close_until = closing->until;
    party_sync(w);
    party_publish(w, closing_digest(closing));
    w->closing[w->closing_count++] = *closing;
    trace(w, "party signs close of %u: net %ld", v->channel, closing->net);
    return true;
}

/* --- Crash and restore. */

void party_crash(struct world *w)
{
    trace(w, "party crashes and starts again from its log");
    w->party = w->log;
}

/* What the law expects of a key after a restore: less than before, never more. */
static void restore_note(struct world *w, u32 key, const struct note *old)
{
    struct note *note = &w->party.note[key];
    bool open_payment = old->outgoing && !old->neutral && !old->out_settled && !old->out_gone;
    if (!note->outgoing && open_payment)
        w->party.book.due -= old->amount;
    if (!note->used)
        return;
    if (old->claimed && !note->claimed && !old->neutral && !w->invoice[key])
        w->party.book.due -= old->amount;
    note->neutral = note->neutral || old->neutral || old->failing || old->in_done;
    note->out_settled = note->out_settled || old->out_settled;
    note->revealing = false;
    if (note->incoming && w->invoice[key])
        note->known = note->claimed = true;         /* it may have told the preimage */
    note->keep = note->incoming && !note->outgoing; /* R13: it may have been forwarded */
}

/* R12: a backup of unknown age. Every sequence number and epoch may have been used, so nothing is
 * signed but a recovery base, in an epoch that cannot have been used. */
void party_restore(struct world *w)
{
    struct party old = w->party;
    if (!w->has_backup || w->restored)
        return;
    trace(w, "party is restored from its backup");
    w->party = w->backup;
    w->restored = true;
    w->restored_at = w->now;
    struct book *book = &w->party.book;
    amount since = old.book.received - book->received;
    *book = old.book;
    book->due -= since;
    for (u32 key = 0; key < w->key_count; key++)
        restore_note(w, key, &old.note[key]);
    for (u32 i = 0; i < CHANNELS; i++) {
        struct view *v = &w->party.view[i];
        v->lost = v->used && !without(WITHOUT_RESTORED_GOES_ON);
        v->closing = old.view[i].closing && w->channel[i].phase != OPEN;
    }
    w->log = w->party;
}

/* The peer shows what we have signed and it has; what is newer than the backup is taken over. */
static void take_evidence(struct world *w, struct view *v, const struct base *base,
                          const struct half *theirs, const struct half *mine)
{
    if (base->epoch > v->base.epoch && signed_by(&w->ring, w->party.id, base_digest(base))) {
        adopt(w, v, base);
        v->lost = true;
    }
    if (theirs->epoch == v->base.epoch && theirs->seq > v->theirs.seq)
        v->theirs = *theirs;
    if (mine->epoch == v->base.epoch && mine->seq > v->mine[v->mine_count - 1].seq &&
        signed_by(&w->ring, w->party.id, half_digest(mine))) {
        v->mine[0] = *mine;
        v->mine_count = 1;
    }
}

/* R14: what it may have signed with an `until` since the backup, and a forced close of its own that
 * may be on its way, must be dead first. */
bool party_recover(struct world *w, struct view *v, const struct base *base,
                   const struct half *theirs, const struct half *mine)
{
    bool waiting = w->now <= w->restored_at + LIFE && !without(WITHOUT_RESTORED_AT_ONCE);
    if (!v->lost || v->closing || waiting || w->channel[v->channel].phase != OPEN)
        return false;
    take_evidence(w, v, base, theirs, mine);
    struct base next = merged_base(w, v);
    u32 known = v->base.epoch > v->top_epoch ? v->base.epoch : v->top_epoch;
    next.epoch = without(WITHOUT_RESTORED_NEXT_EPOCH) ? known + 1 : w->now << 8;
    if (next.epoch <= known || next.balance[0] < 0 || next.balance[1] < 0)
        return false;
    v->recovering = true;
    return sign_base(w, v, &next);
}

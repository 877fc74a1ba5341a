/* What a party does by the clock: reveals that are due, disputes to answer. */
#include "world.h"

#include "base/bug.h"

void queue_tx(struct world *w, struct tx tx)
{
    assert(w->tx_count < MAX_TXS);
    w->tx[w->tx_count++] = tx;
}

static u32 landing(struct world *w)
{
    return w->now + (w->outrunning ? DELTA : 1 + random_below(w, DELTA));
}

/* --- What it brings into a dispute. */

/* Our half that the peer's newest half acknowledges; NULL: none of this epoch. */
static const struct half *acknowledged(const struct view *v)
{
    for (u32 i = 0; i < v->mine_count; i++)
        if (v->mine[i].seq != 0 && v->theirs.ack_seq == v->mine[i].seq &&
            v->theirs.ack_hash == half_digest(&v->mine[i]))
            return &v->mine[i];
    return NULL;
}

/* The newest base with both signatures, the peer's newest half, and the newest half of ours that it
 * endorses. */
struct submission party_evidence(const struct world *w, const struct view *v)
{
    struct submission sub = {.from = w->party.id, .base = v->base};
    const struct half *own = acknowledged(v);
    u32 me = v->me, peer = 1 - v->me;
    sub.base.channel = v->channel;
    if (v->theirs.seq != 0) {
        sub.has_half[peer] = true;
        sub.half[peer] = v->theirs;
    }
    if (own != NULL && !without(WITHOUT_OWN_HALF_WITHHELD)) {
        sub.has_half[me] = sub.has_endorser[me] = true;
        sub.half[me] = *own;
        sub.endorser[me] = v->theirs;
    }
    sub.claims = !w->restored || without(WITHOUT_RESTORED_CLAIMS);
    sub.declared = v->mine[v->mine_count - 1].seq;
    return sub;
}

/* The tower's copy, made with every sync: our half with the peer's newest as its endorser, and of
 * the peer's halves the newest that one of ours endorses. */
void party_upload(struct world *w, const struct view *v)
{
    struct submission *blob = &w->blob[v->channel];
    u32 peer = 1 - v->me;
    *blob = party_evidence(w, v);
    blob->from = NOBODY;
    blob->has_half[peer] = blob->has_endorser[peer] = v->shown.seq != 0;
    blob->half[peer] = v->shown;
    blob->endorser[peer] = v->mine[v->mine_count - 1];
}

/* R9: logged before it is sent, and nothing is signed in this channel afterwards: a half that is
 * newer than what the close posts would prove a lie. */
void party_force_close(struct world *w, u32 channel)
{
    struct view *v = &w->party.view[channel];
    if (w->channel[channel].phase != OPEN || v->closing)
        return;
    v->closing = true;
    w->posting[channel] = party_evidence(w, v);
    party_sync(w);
    queue_tx(w, (struct tx){.kind = TX_FORCE_CLOSE, .at = landing(w), .channel = channel});
    trace(w, "party sends a forced close of %u", channel);
}

/* What the peer knew when it closed, by its own signatures; see is_lie in rules.c. */
static bool peer_lied(const struct channel *ch, const struct view *v)
{
    const struct half *own = acknowledged(v);
    if (!ch->claims || ch->closer != 1 - v->me || v->theirs.seq == 0)
        return false;
    if (v->theirs.epoch != ch->posted_epoch)
        return v->theirs.epoch > ch->posted_epoch;
    return v->theirs.ack_seq > ch->posted_peer || (own != NULL && own->ack_seq > ch->posted_own);
}

static void prove_lie(struct world *w, const struct view *v)
{
    struct channel *ch = &w->channel[v->channel];
    w->bond_due[v->channel] = peer_lied(ch, v);
    if (v->theirs.seq != 0)
        channel_prove_lie(ch, &w->ring, w->party.id, &v->theirs, acknowledged(v), w->now);
}

/* What came in with halves that the tower does not have is not the party's to expect. */
static void forget_unshown(struct world *w, const struct view *v)
{
    w->party.book.due -= v->unshown;
    for (u32 i = 0; i < v->theirs.locks.count; i++) {
        const struct lock *lock = &v->theirs.locks.list[i];
        struct note *note = &w->party.note[lock->key];
        if (locks_have(&v->shown.locks, lock->key))
            continue;
        if (note->claimed && !note->neutral)
            w->party.book.due -= lock->amount;
        note->neutral = true;
    }
    party_sync(w);
}

static struct submission evidence(const struct world *w, u32 channel)
{
    const struct view *v = &w->party.view[channel];
    return w->towered ? w->blob[channel] : party_evidence(w, v);
}

/* A lie is proved without naming a state. Once, with the first answer. */
static void accuse(struct world *w, u32 channel)
{
    struct view *v = &w->party.view[channel];
    v->closing = true;
    party_sync(w);
    if (without(WITHOUT_NO_RESPONSE))
        return;
    if (w->towered)
        forget_unshown(w, v);
    else
        prove_lie(w, v);
}

/* Whether evidence is newer than what a dispute has, in its state or noted beside it. */
static bool improves(const struct channel *ch, const struct submission *sub)
{
    if (sub->base.epoch != ch->base.epoch)
        return sub->base.epoch > ch->base.epoch;
    for (u32 side = 0; side < 2; side++) {
        const struct half *noted = &ch->noted[side];
        u32 seq = sub->has_half[side] ? sub->half[side].seq : 0;
        bool is_noted = noted->epoch == ch->base.epoch && noted->seq >= seq;
        if (seq > ch->half[side].seq && !is_noted)
            return true;
    }
    return false;
}

/* First by a challenge, which is cheaper, but names the state and fails if that has changed. A
 * cheat that always comes first can see to that, so then by what names none. */
static void send_answer(struct world *w, u32 channel)
{
    const struct channel *ch = &w->channel[channel];
    struct attempt *attempt = &w->attempt[channel];
    bool same = evidence(w, channel).base.epoch == ch->base.epoch;
    bool names = same && (attempt->failed == 0 || without(WITHOUT_NO_NOTE));
    attempt->at = landing(w);
    attempt->state = names ? channel_state(ch) : ANY_STATE;
}

static void land_answer(struct world *w, u32 channel)
{
    struct attempt *attempt = &w->attempt[channel];
    attempt->at = 0;
    adversary_outrun(w, channel);
    if (!w->answered[channel])
        accuse(w, channel);
    w->answered[channel] = true;
    if (without(WITHOUT_NO_RESPONSE))
        return;
    struct submission sub = evidence(w, channel);
    if (!chain_submit(w, channel, &sub, attempt->state))
        attempt->failed++;
}

static void watch(struct world *w)
{
    for (u32 i = 0; i < CHANNELS; i++) {
        if (!w->party.view[i].used || w->channel[i].phase != DISPUTE)
            continue;
        if (w->attempt[i].at != 0 && w->now >= w->attempt[i].at)
            land_answer(w, i);
        struct submission sub = evidence(w, i);
        if (w->attempt[i].at == 0 && (!w->answered[i] || improves(&w->channel[i], &sub)))
            send_answer(w, i);
    }
}

/* --- The clock. */

static void land(struct world *w)
{
    for (u32 i = 0; i < w->tx_count;) {
        struct tx tx = w->tx[i];
        if (tx.at > w->now) {
            i++;
            continue;
        }
        w->tx[i] = w->tx[--w->tx_count];
        switch (tx.kind) {
        case TX_REVEAL:
            chain_reveal(w, tx.key);
            break;
        case TX_REVEAL_BATCH:
            chain_reveal_batch(w, tx.key);
            break;
        case TX_RECORD:
            chain_record(w, tx.key);
            break;
        case TX_FORCE_CLOSE:
            if (w->channel[tx.channel].phase == OPEN)
                chain_submit(w, tx.channel, &w->posting[tx.channel], ANY_STATE);
            break;
        case TX_UNLOCK:
            adversary_outrun(w, tx.channel);
            w->unlocking[tx.channel] = false;
            chain_unlock(w, tx.channel, tx.side, tx.index, true, tx.pots);
            break;
        }
    }
}

/* R16: a lock that pays us and whose preimage is in a batch only is unlocked by showing the batch.
 * That names the pots, so somebody may come first again and again; before the time is over the
 * registry records the preimage by itself, which names nothing. (It is in no hurry, as one that was
 * away.) */
static void show_batches(struct world *w, u32 channel)
{
    const struct channel *ch = &w->channel[channel];
    u32 side = 1 - w->party.view[channel].me;
    for (u32 i = 0; i < ch->locks[side].count && !without(WITHOUT_BATCH_NOT_SHOWN); i++) {
        const struct lock *lock = &ch->locks[side].list[i];
        if (!chain_needs_proof(w, channel, side, i, w->party.id) || w->recording[lock->key])
            continue;
        struct tx tx = {.at = landing(w), .channel = channel, .key = lock->key};
        if (w->now + MARGIN >= channel_lock_end(ch, lock) && !without(WITHOUT_NO_RECORD)) {
            tx.kind = TX_RECORD;
            w->recording[lock->key] = true;
            queue_tx(w, tx);
        } else if (!w->unlocking[channel] && w->now + 3 * MARGIN >= channel_lock_end(ch, lock)) {
            tx.kind = TX_UNLOCK;
            tx.side = side;
            tx.index = i;
            tx.pots = channel_pots(ch);
            w->unlocking[channel] = true;
            queue_tx(w, tx);
        }
    }
}

/* A preimage in the registry is known to all. Ours goes there when the payer has not paid off chain
 * by expiry - margin. */
static void watch_registry(struct world *w)
{
    for (u32 key = 0; key < w->key_count; key++) {
        struct note *note = &w->party.note[key];
        if (!note->used)
            continue;
        u32 expiry = note->outgoing ? note->out_expiry : note->in_expiry;
        u32 at = chain_public_at(w, key);
        if (!note->known && at != 0 && at <= expiry) {
            note->known = true;
            if (at <= note->in_expiry)
                note_claim(w, note);
        }
        const struct view *v = &w->party.view[note->in_channel];
        bool unpaid = !note->in_done || locks_have(&v->shown.locks, key);
        if (note->incoming && note->claimed && unpaid && !note->revealing &&
            !without(WITHOUT_NO_REVEAL) && at == 0 && w->now + MARGIN >= note->in_expiry) {
            note->revealing = true;
            enum tx_kind kind = one_in(w, 2) ? TX_REVEAL : TX_REVEAL_BATCH;
            queue_tx(w, (struct tx){.kind = kind, .at = landing(w), .key = key});
        }
    }
}

void party_tick(struct world *w)
{
    if (w->unsynced)
        party_sync(w); /* R1: a tick is long beside a group commit, and what follows relies on it */
    land(w);
    watch_registry(w);
    watch(w);
    for (u32 i = 0; i < CHANNELS; i++)
        if (w->party.view[i].used)
            show_batches(w, i);
}

/* Everybody else, in collusion, while channels are open. Most of what it does is what the protocol
 * wants, so that a run gets somewhere; the rest is every deviation that its signatures allow:
 * halves with one field changed, acknowledgements and base signatures withheld, states of any age
 * at a close, transactions at any time in a dispute and up to its last tick. */
#include "world.h"

#include "base/bug.h"

static struct view *random_view(struct world *w)
{
    struct view *used[CHANNELS];
    u32 count = 0;
    for (u32 i = 0; i < CHANNELS; i++)
        if (w->party.view[i].used)
            used[count++] = &w->party.view[i];
    return used[random_below(w, count)];
}

static u32 new_key(struct world *w, bool invoice)
{
    if (w->key_count == MAX_KEYS)
        return MAX_KEYS;
    w->invoice[w->key_count] = invoice;
    return w->key_count++;
}

/* --- Halves. */

static void change_locks(struct world *w, struct half *half, amount room)
{
    struct locks *locks = &half->locks;
    u32 at = locks->count == 0 ? 0 : random_below(w, locks->count);
    for (u32 i = 0; i < locks->count; i++)
        if (w->party.note[locks->list[i].key].failing && one_in(w, 2)) {
            locks_remove(locks, locks->list[i].key);
            return;
        }
    struct lock lock = locks->list[at];
    switch (random_below(w, 3)) {
    case 0: { /* a new lock */
        u32 key = locks->count < MAX_LOCKS && room > 0
                      ? new_key(w, one_in(w, w->party.id == 1 ? 6 : 2))
                      : MAX_KEYS;
        if (key == MAX_KEYS)
            return;
        amount by = 1 + random_amount(w, room - 1);
        locks->list[locks->count++] = (struct lock){
            by, w->now + 2 * MARGIN + 1 + random_below(w, w->restoring ? 100 : 50), key};
        locks->total += by;
        return;
    }
    case 1: /* pays a lock off chain */
        if (locks->count != 0 && w->party.note[lock.key].claimed && locks_remove(locks, lock.key))
            half->sent += lock.amount;
        return;
    case 2: /* drops one that the party has failed */
        if (locks->count != 0 && (w->party.note[lock.key].failing || w->now > lock.expiry))
            locks_remove(locks, lock.key);
        return;
    }
}

/* One field is not what the protocol wants. */
static void spoil(struct world *w, struct view *v, struct half *half)
{
    struct locks *locks = &half->locks;
    u32 at = locks->count == 0 ? 0 : random_below(w, locks->count);
    switch (random_below(w, 10)) {
    case 0:
        half->seq += random_below(w, 3);
        break;
    case 1:
        half->epoch -= random_below(w, 2);
        break;
    case 2:
        half->sent += 1 + random_below(w, 2000);
        break;
    case 3:
        half->sent -= random_below(w, 100);
        break;
    case 4:
        locks->total = locks->total / 2;
        break;
    case 5:
        if (locks->count != 0)
            locks_remove(locks, locks->list[at].key);
        break;
    case 6:
        if (locks->count != 0)
            locks->list[at].amount += 1;
        break;
    case 7:
        if (locks->count != 0)
            locks->list[at].expiry -= 20;
        break;
    case 8:
        half->ack_seq += random_below(w, 3);
        break;
    case 9: /* spends what it has not acknowledged */
        half->ack_seq = v->mine[0].seq;
        half->ack_hash = v->mine[0].seq != 0 ? half_digest(&v->mine[0]) : 0;
        half->sent += v->mine[v->mine_count - 1].sent - v->mine[0].sent;
        break;
    }
}

static void send_half(struct world *w, struct view *v)
{
    struct half half = v->theirs;
    u32 acked = one_in(w, 3) ? random_below(w, v->mine_count) : v->mine_count - 1;
    if (w->withholding && !one_in(w, 4))
        acked = 0;
    const struct half *ack = &v->mine[acked];
    half.seq++;
    half.ack_seq = ack->seq;
    half.ack_hash = ack->seq != 0 ? half_digest(ack) : 0;
    amount room = party_peer_spendable(w, v, ack->sent);
    if (room > 0 && one_in(w, 2)) {
        amount by = random_amount(w, room);
        half.sent += by;
        room -= by;
    }
    if (one_in(w, 2))
        change_locks(w, &half, room);
    if (one_in(w, 4))
        spoil(w, v, &half);
    party_receive(w, v, &half);
}

/* --- Bases. */

static void spoil_base(struct world *w, struct base *base)
{
    u32 side = random_below(w, 2);
    switch (random_below(w, 4)) {
    case 0:
        base->balance[side] += 1 + random_below(w, 50);
        break;
    case 1:
        base->deposited[side] += 100;
        break;
    case 2:
        base->withdrawn[side] += 100;
        break;
    case 3:
        base->locks[side] = (struct locks){0};
        break;
    }
}

/* Proposes a base; with its signature at once, or later, or never. */
static void propose_base(struct world *w, struct view *v)
{
    struct base base;
    if (!party_expect_base(w, v, &base))
        return;
    if (one_in(w, 6))
        spoil_base(w, &base);
    party_sign_base(w, v, &base, !one_in(w, 3));
}

/* For a party that is LOST: any of what it has signed, or nothing. */
static void show_evidence(struct world *w, struct view *v)
{
    static const struct base no_base;
    static const struct half no_half;
    const struct base *base = &no_base;
    const struct half *theirs = &no_half, *mine = &no_half;
    bool newest = !w->greedy && one_in(w, 2), nothing = w->greedy && one_in(w, 2);
    for (u32 i = 0; i < w->base_count && !nothing; i++)
        if (w->base[i].channel == v->channel && (newest || one_in(w, 2)))
            base = &w->base[i];
    u32 epoch = base->epoch > v->base.epoch ? base->epoch : v->base.epoch;
    for (u32 i = 0; i < w->own_count; i++)
        if (w->own[i].channel == v->channel && w->own[i].epoch == epoch && (newest || one_in(w, 2)))
            theirs = &w->own[i];
    for (u32 i = 0; i < w->half_count; i++)
        if (w->half[i].channel == v->channel && w->half[i].epoch == epoch &&
            (newest || one_in(w, 2)))
            mine = &w->half[i];
    party_recover(w, v, base, theirs, mine);
}

/* --- Withdrawals, closes, deposits. */

static void withdraw(struct world *w, struct view *v)
{
    struct channel *ch = &w->channel[v->channel];
    u32 side = random_below(w, 2);
    amount room =
        side == v->me ? party_spendable(w, v) : party_peer_spendable(w, v, v->mine[0].sent);
    amount total = ch->withdrawn[side] + 1 + random_below(w, room > 0 ? (u32)room + 20 : 20);
    struct withdrawal withdrawal = {v->channel, side, total, w->now + random_below(w, 30)};
    party_sign_withdrawal(w, v, &withdrawal);
}

void adversary_execute(struct world *w)
{
    if (w->withdrawal_count != 0) {
        const struct withdrawal *withdrawal = &w->withdrawal[random_below(w, w->withdrawal_count)];
        if (channel_withdraw(&w->channel[withdrawal->channel], &w->ring, withdrawal, w->now))
            trace(w, "withdrawal of %u.%u to %ld", withdrawal->channel, withdrawal->side,
                  withdrawal->total);
    }
    if (w->closing_count != 0 && one_in(w, 4)) {
        const struct closing *closing = &w->closing[random_below(w, w->closing_count)];
        if (channel_close(&w->channel[closing->channel], &w->ring, closing, w->now))
            trace(w, "channel %u is closed by agreement", closing->channel);
    }
}

static void agree_to_close(struct world *w, struct view *v)
{
    const struct channel *ch = &w->channel[v->channel];
    const struct half *mine = &v->mine[v->mine_count - 1];
    struct closing closing = {.channel = v->channel, .until = w->now + random_below(w, 25)};
    amount paid = v->base.deposited[v->me] - v->base.withdrawn[v->me] - v->base.balance[v->me] +
                  mine->sent - v->theirs.sent;
    if (one_in(w, 3))
        paid += 1 + random_below(w, 20);
    else if (one_in(w, 4))
        paid -= random_below(w, 400); /* more than the peer has, maybe */
    closing.net = v->me == 0 ? paid : -paid;
    closing.first = ch->deposited[0] - ch->withdrawn[0] - closing.net;
    party_sign_close(w, v, &closing);
}

/* --- Preimages. */

/* A key that is worth most to use now: its lock is dropped and not acknowledged, or about to
 * expire, or expired on one side only. */
static u32 tempting_key(struct world *w)
{
    u32 start = random_below(w, w->key_count);
    for (u32 i = 0; i < w->key_count; i++) {
        u32 key = (start + i) % w->key_count;
        const struct note *note = &w->party.note[key];
        bool dying = note->incoming && note->outgoing && w->now + DELTA > note->in_expiry &&
                     w->now <= note->out_expiry;
        bool dropped = note->out_dropped && !note->out_gone && (!note->incoming || note->in_done);
        bool forgotten =
            w->restored && note->incoming && note->in_done && chain_public_at(w, key) == 0;
        if (!note->known && (dropped || dying || forgotten))
            return key;
    }
    return start;
}

void adversary_use_key(struct world *w)
{
    if (w->key_count == 0)
        return;
    u32 key = one_in(w, 2) ? tempting_key(w) : random_key(w);
    const struct note *note = &w->party.note[key];
    if (w->invoice[key] && !note->known)
        return; /* only the party has the preimage */
    bool given_up = note->out_dropped || note->in_done;
    if (note->incoming && w->party.id == 1 && !given_up && w->greedy && !one_in(w, 8))
        return; /* waits */
    if (one_in(w, given_up ? 2 : 6)) {
        if (one_in(w, 2))
            chain_reveal(w, key);
        else
            chain_reveal_batch(w, key);
    } else
        party_told(w, key);
}

static u32 focused_action(struct world *w)
{
    switch (w->focus) {
    case FOCUS_LOCKS:
        return one_in(w, 3) ? 11 : 0;
    case FOCUS_BASES:
        return 5 + random_below(w, 5);
    case FOCUS_NONE:
    case FOCUS_COUNT:
        break;
    }
    bug("no such focus");
}

void adversary_act(struct world *w)
{
    struct view *v = random_view(w);
    if (v->lost) {
        show_evidence(w, v);
        if (v->frozen && one_in(w, 2))
            party_complete_base(w, v);
        return;
    }
    switch (w->focus != FOCUS_NONE && one_in(w, 3) ? focused_action(w) : random_below(w, 13)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
        send_half(w, v);
        break;
    case 5:
    case 6:
        if (v->frozen && one_in(w, 2))
            party_complete_base(w, v);
        else
            propose_base(w, v);
        break;
    case 7:
        if (one_in(w, 3))
            withdraw(w, v);
        break;
    case 8:
        adversary_execute(w);
        break;
    case 9:
        if (one_in(w, 3))
            agree_to_close(w, v);
        break;
    case 10:
        if (one_in(w, 2))
            channel_deposit(&w->channel[v->channel], 1 - v->me, random_below(w, 200));
        break;
    default:
        adversary_use_key(w);
        break;
    }
}

/* Halves: what a party sends, and what it accepts. Rules R1 to R6 and R8 of README.md. */
#include "world.h"

#include "base/bug.h"

static amount max_amount(amount a, amount b)
{
    return a > b ? a : b;
}

/* --- Locks. */

static bool find_lock(const struct locks *locks, u32 key, struct lock *out)
{
    for (u32 i = 0; i < locks->count; i++)
        if (locks->list[i].key == key) {
            *out = locks->list[i];
            return true;
        }
    return false;
}

bool locks_have(const struct locks *locks, u32 key)
{
    struct lock lock;
    return find_lock(locks, key, &lock);
}

bool locks_remove(struct locks *locks, u32 key)
{
    for (u32 i = 0; i < locks->count; i++)
        if (locks->list[i].key == key) {
            locks->total -= locks->list[i].amount;
            locks->list[i] = locks->list[--locks->count];
            return true;
        }
    return false;
}

static bool locks_add(struct locks *locks, struct lock lock)
{
    if (locks->count == MAX_LOCKS)
        return false;
    locks->list[locks->count++] = lock;
    locks->total += lock.amount;
    return true;
}

/* --- Money that a side can count on. */

/* R10: a withdrawal that both signed counts from then on, until it can no longer be executed. */
static amount withdrawn(const struct world *w, const struct view *v, u32 side)
{
    amount on_chain = w->channel[v->channel].withdrawn[side];
    if (without(WITHOUT_WITHDRAWAL_FORGOTTEN) || w->now > v->withdraw_until[side])
        return on_chain;
    return max_amount(on_chain, v->withdraw_total[side]);
}

static amount funds(const struct world *w, const struct view *v, u32 side)
{
    const struct channel *ch = &w->channel[v->channel];
    return v->base.balance[side] + ch->deposited[side] - v->base.deposited[side] -
           (withdrawn(w, v, side) - v->base.withdrawn[side]);
}

/* R3: the peer can still choose any of our halves from the newest acknowledged on. */
amount party_spendable(const struct world *w, const struct view *v)
{
    amount most = 0;
    for (u32 i = 0; i < v->mine_count; i++)
        most = max_amount(most, v->mine[i].sent + v->mine[i].locks.total);
    return funds(w, v, v->me) + v->theirs.sent - most;
}

/* What the peer has left when it has acknowledged halves of ours worth `acked_sent`. */
amount party_peer_spendable(const struct world *w, const struct view *v, amount acked_sent)
{
    return funds(w, v, 1 - v->me) + acked_sent - v->theirs.sent - v->theirs.locks.total;
}

/* --- Sending. */

bool view_active(const struct world *w, const struct view *v)
{
    bool agreed_to_close = w->now <= v->close_until && !without(WITHOUT_CLOSE_NOT_FROZEN);
    return v->used && !v->lost && !agreed_to_close && w->channel[v->channel].phase != CLOSED &&
           (!v->frozen || without(WITHOUT_USE_WHILE_FROZEN)) &&
           (!v->closing || without(WITHOUT_SIGN_AFTER_CLOSE));
}

/* R1: durable before it is sent or relied on. The tower's copy goes with the log. */
void party_sync(struct world *w)
{
    if (without(WITHOUT_SEND_BEFORE_SYNC) && !one_in(w, 3))
        return;
    w->log = w->party;
    for (u32 i = 0; i < CHANNELS && w->towered && w->unsynced; i++)
        if (w->party.view[i].used && !without(WITHOUT_TOWER_BEHIND))
            party_upload(w, &w->party.view[i]);
    w->unsynced = false;
}

void party_publish(struct world *w, u64 digest)
{
    assert(w->ring.count < MAX_SIGNED);
    w->ring.digest[w->ring.count++] = digest;
}

/* R15: an incoming lock is acted on once a half of ours acknowledges it. Until then only we could
 * bring it into a dispute, not the tower. */
static bool is_shown(const struct world *w, u32 key)
{
    const struct view *v = &w->party.view[w->party.note[key].in_channel];
    return locks_have(&v->shown.locks, key) || without(WITHOUT_ACT_BEFORE_ACK);
}

static bool may_send(const struct world *w, const struct view *v)
{
    return view_active(w, v) && v->mine_count < WINDOW && w->half_count < MAX_POOL;
}

static struct half next_half(const struct view *v)
{
    struct half half = v->mine[v->mine_count - 1];
    half.channel = v->channel;
    half.side = v->me;
    half.epoch = v->base.epoch;
    half.seq++;
    half.ack_seq = v->theirs.seq;
    half.ack_hash = v->theirs.seq != 0 ? half_digest(&v->theirs) : 0;
    return half;
}

static bool send_half(struct world *w, struct view *v, const struct half *half)
{
    v->mine[v->mine_count++] = *half;
    v->shown = v->theirs;
    v->unshown = 0;
    party_sync(w);
    party_upload(w, v);
    party_publish(w, half_digest(half));
    w->half[w->half_count++] = *half;
    trace(w, "party sends half %u.%u.%u sent %ld locked %ld ack %u", v->channel, half->epoch,
          half->seq, half->sent, half->locks.total, half->ack_seq);
    return true;
}

bool party_acknowledge(struct world *w, struct view *v)
{
    if (!may_send(w, v))
        return false;
    struct half half = next_half(v);
    return send_half(w, v, &half);
}

bool party_pay(struct world *w, struct view *v, amount by)
{
    if (!may_send(w, v) || by > party_spendable(w, v))
        return false;
    struct half half = next_half(v);
    half.sent += by;
    if (half.sent + half.locks.total > funds(w, v, v->me) + v->theirs.sent)
        return false;
    w->party.book.due -= by;
    return send_half(w, v, &half);
}

static bool send_lock(struct world *w, struct view *v, u32 key, amount by, u32 expiry)
{
    if (!may_send(w, v) || by > party_spendable(w, v))
        return false;
    struct half half = next_half(v);
    if (!locks_add(&half.locks, (struct lock){by, expiry, key}) ||
        half.sent + half.locks.total > funds(w, v, v->me) + v->theirs.sent)
        return false;
    struct note *note = &w->party.note[key];
    note->used = note->outgoing = true;
    note->out_channel = v->channel;
    note->out_expiry = expiry;
    note->amount = by;
    return send_half(w, v, &half);
}

bool party_add(struct world *w, struct view *v, u32 key, amount by, u32 expiry)
{
    return !w->party.note[key].used && send_lock(w, v, key, by, expiry);
}

/* All hops of a payment on one chain share one expiry: a reveal pays all of them or none. */
bool party_forward(struct world *w, u32 key, struct view *to, u32 expiry)
{
    struct note *note = &w->party.note[key];
    if (!note->incoming || note->outgoing || note->claimed || note->failing || note->in_done ||
        note->keep || !is_shown(w, key) ||
        (expiry != note->in_expiry && !without(WITHOUT_UNEQUAL_EXPIRY)) ||
        w->now + MARGIN >= note->in_expiry)
        return false;
    struct note before = *note;
    note->neutral = true;
    if (send_lock(w, to, key, note->amount, expiry))
        return true;
    *note = before;
    return false;
}

/* Moves a lock whose preimage we know into `sent`. */
bool party_settle(struct world *w, struct view *v, u32 key)
{
    struct note *note = &w->party.note[key];
    struct half half = next_half(v);
    struct lock lock;
    if (!may_send(w, v) || !note->outgoing || note->out_channel != v->channel || !note->known ||
        !find_lock(&half.locks, key, &lock))
        return false;
    locks_remove(&half.locks, key);
    half.sent += lock.amount;
    note->out_settled = true;
    if (!note->neutral)
        w->party.book.due -= lock.amount;
    return send_half(w, v, &half);
}

static bool registry_paid(const struct world *w, u32 key, u32 expiry)
{
    u32 at = chain_public_at(w, key);
    return at != 0 && at <= expiry;
}

/* Removes a lock that the payee asks us to drop, or that has expired without a reveal. */
bool party_drop(struct world *w, struct view *v, u32 key, bool asked)
{
    struct note *note = &w->party.note[key];
    struct half half = next_half(v);
    bool dead = w->now > note->out_expiry && !registry_paid(w, key, note->out_expiry);
    if (!may_send(w, v) || !note->outgoing || note->out_channel != v->channel || note->known ||
        (!asked && !dead) || !locks_remove(&half.locks, key))
        return false;
    note->out_dropped = true;
    note->out_gone = dead;
    return send_half(w, v, &half);
}

/* A dropped lock is gone once no half that the peer can still choose has it. */
void party_note_outgoing(struct world *w, struct view *v)
{
    for (u32 key = 0; key < w->key_count; key++) {
        struct note *note = &w->party.note[key];
        if (!note->outgoing || note->out_channel != v->channel || !note->out_dropped)
            continue;
        bool there = v->frozen && locks_have(&v->next.locks[v->me], key);
        for (u32 i = 0; i < v->mine_count; i++)
            there = there || locks_have(&v->mine[i].locks, key);
        if (!there && !note->out_gone) {
            note->out_gone = true;
            w->party.book.received += note->amount; /* the peer gave up what it could claim */
        }
    }
}

/* --- Incoming locks. */

/* The preimage is ours in time: the lock is to be paid, off chain or by the registry. */
void note_claim(struct world *w, struct note *note)
{
    u32 key = (u32)(note - w->party.note);
    if (!note->incoming || note->claimed || note->failing || note->in_done || !is_shown(w, key))
        return;
    note->claimed = true;
    if (!note->neutral)
        w->party.book.due += note->amount;
}

/* The last payee tells its preimage, and from then on insists on the money. */
bool party_claim(struct world *w, u32 key)
{
    struct note *note = &w->party.note[key];
    if (!note->incoming || !w->invoice[key] || note->claimed || note->failing || note->in_done ||
        !is_shown(w, key) || w->now + MARGIN >= note->in_expiry)
        return false;
    note->known = true;
    note_claim(w, note);
    party_sync(w);
    trace(w, "party claims key %u", key);
    return true;
}

/* R4: an incoming lock that was forwarded fails only once the outgoing one is gone. */
bool party_fail(struct world *w, u32 key)
{
    struct note *note = &w->party.note[key];
    bool gone = note->out_gone || (note->out_dropped && without(WITHOUT_FAIL_BEFORE_ACK));
    if (!note->incoming || note->known || note->claimed || note->in_done ||
        (note->outgoing && !gone) || (note->keep && !without(WITHOUT_RESTORED_FAILS)))
        return false;
    note->failing = true;
    party_sync(w);
    trace(w, "party fails key %u", key);
    return true;
}

/* R6: a preimage counts while there is time to take it to the registry. */
bool party_told(struct world *w, u32 key)
{
    struct note *note = &w->party.note[key];
    u32 expiry = note->incoming ? note->in_expiry : note->out_expiry;
    bool late = w->now + MARGIN > expiry && !without(WITHOUT_LATE_PREIMAGE);
    if (!note->used || note->known || note->failing || w->now > expiry ||
        (note->incoming && !is_shown(w, key)) || (note->incoming && late) || note->out_dropped)
        return false;
    note->known = true;
    if (note->incoming)
        w->party.book.received += note->amount; /* a preimage that only the log holds */
    note_claim(w, note);
    party_sync(w);
    trace(w, "party learns key %u", key);
    return true;
}

/* --- Receiving. */

static bool locks_add_up(const struct locks *locks)
{
    amount sum = 0;
    if (locks->count > MAX_LOCKS)
        return false;
    for (u32 i = 0; i < locks->count; i++) {
        if (locks->list[i].amount <= 0)
            return false;
        for (u32 j = 0; j < i; j++)
            if (locks->list[j].key == locks->list[i].key)
                return false;
        sum += locks->list[i].amount;
    }
    return sum == locks->total || without(WITHOUT_TOTAL_NOT_CHECKED);
}

/* Which of our halves the peer's half acknowledges: an index into `mine`, or WINDOW if it is none
 * of those it can name. */
static u32 acked_index(const struct view *v, const struct half *half)
{
    for (u32 i = 0; i < v->mine_count; i++) {
        const struct half *mine = &v->mine[i];
        u64 hash = mine->seq != 0 ? half_digest(mine) : 0;
        if (mine->seq == half->ack_seq && hash == half->ack_hash)
            return i;
    }
    return WINDOW;
}

/* May the payer drop this lock without paying it? */
static bool may_vanish(const struct world *w, const struct lock *lock)
{
    const struct note *note = &w->party.note[lock->key];
    if (note->claimed)
        return false;
    return note->failing || (w->now > lock->expiry && !registry_paid(w, lock->key, lock->expiry));
}

/* Locks of the last half that are missing must have been paid or be free to go; new ones must be
 * fresh and leave time. `owed` gets what the half must pay for the
 * missing ones. */
static bool check_locks(const struct world *w, const struct view *v, const struct half *half,
                        amount *owed)
{
    *owed = 0;
    for (u32 i = 0; i < v->theirs.locks.count; i++) {
        const struct lock *old = &v->theirs.locks.list[i];
        struct lock now;
        if (find_lock(&half->locks, old->key, &now)) {
            if (now.amount != old->amount || now.expiry != old->expiry)
                return false;
        } else if (!may_vanish(w, old)) {
            *owed += old->amount;
        }
    }
    for (u32 i = 0; i < half->locks.count; i++) {
        const struct lock *lock = &half->locks.list[i];
        if (locks_have(&v->theirs.locks, lock->key))
            continue;
        if (lock->key >= w->key_count || w->party.note[lock->key].used ||
            lock->expiry <= w->now + 2 * MARGIN)
            return false;
    }
    return true;
}

static void book_half(struct world *w, struct view *v, const struct half *half)
{
    struct book *book = &w->party.book;
    amount paid = half->sent - v->theirs.sent;
    book->due += paid;
    book->received += paid;
    for (u32 i = 0; i < v->theirs.locks.count; i++) {
        const struct lock *old = &v->theirs.locks.list[i];
        struct note *note = &w->party.note[old->key];
        if (locks_have(&half->locks, old->key))
            continue;
        bool settled = !may_vanish(w, old);
        note->in_done = true;
        if (settled && (note->claimed || note->neutral))
            book->due -= old->amount; /* counted when it was claimed; or passed on */
    }
    for (u32 i = 0; i < half->locks.count; i++) {
        const struct lock *lock = &half->locks.list[i];
        struct note *note = &w->party.note[lock->key];
        if (locks_have(&v->theirs.locks, lock->key))
            continue;
        *note = (struct note){.used = true,
                              .incoming = true,
                              .in_channel = v->channel,
                              .in_expiry = lock->expiry,
                              .amount = lock->amount};
        book->received += lock->amount;
    }
}

bool party_receive(struct world *w, struct view *v, const struct half *half)
{
    if (!view_active(w, v) || half->channel != v->channel || half->side != 1 - v->me ||
        half->epoch != v->base.epoch || half->seq != v->theirs.seq + 1 ||
        half->sent < v->theirs.sent || !locks_add_up(&half->locks) || w->own_count == MAX_POOL)
        return false;
    u32 acked = acked_index(v, half);
    amount owed;
    if (acked == WINDOW || !check_locks(w, v, half, &owed) || half->sent - v->theirs.sent < owed)
        return false;
    /* R8: covered by what the half itself acknowledges, so that the two stand together at a close
     * without a clamp. */
    if (half->sent + half->locks.total > funds(w, v, 1 - v->me) + v->mine[acked].sent)
        return false;
    v->unshown -= w->party.book.due;
    book_half(w, v, half);
    v->unshown += w->party.book.due;
    v->theirs = *half;
    v->mine_count -= acked;
    for (u32 i = 0; i < v->mine_count; i++)
        v->mine[i] = v->mine[i + acked];
    party_note_outgoing(w, v);
    w->own[w->own_count++] = *half;
    w->unsynced = true;
    trace(w, "party accepts half %u.%u.%u sent %ld locked %ld ack %u", v->channel, half->epoch,
          half->seq, half->sent, half->locks.total, half->ack_seq);
    return true;
}

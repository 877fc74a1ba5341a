/* What a party signs besides halves: bases, withdrawals, closes, app states, guarantees. And what
 * is left of it after a crash or a restore. */
#include "world.h"

#include "base/bug.h"

static amount min_amount(amount a, amount b)
{
    return a < b ? a : b;
}

/* --- Bases. */

static bool find_leaf(const struct base *base, enum leaf_kind kind, u32 *index)
{
    for (*index = 0; *index < base->leaf_count; ++*index)
        if (base->leaf[*index].kind == kind)
            return true;
    return false;
}

bool view_has_leaf(const struct base *base, enum leaf_kind kind)
{
    u32 index;
    return find_leaf(base, kind, &index);
}

/* A stake comes out of what a side has left: withdrawals that are signed and not yet on chain are
 * gone already (R10). */
static bool add_leaf(const struct world *w, const struct view *v, struct base *base,
                     struct leaf leaf)
{
    if (base->leaf_count == MAX_LEAVES || leaf.stake[v->me] > party_spendable(w, v) ||
        leaf.stake[1 - v->me] > party_peer_spendable(w, v, v->mine[0].sent))
        return false;
    for (u32 side = 0; side < 2; side++) {
        base->balance[side] -= leaf.stake[side];
        base->apps_total += leaf.stake[side];
    }
    base->leaf[base->leaf_count++] = leaf;
    return true;
}

static bool fold_leaf(struct base *base, enum leaf_kind kind, const amount share[2])
{
    u32 index;
    if (!find_leaf(base, kind, &index))
        return false;
    base->balance[0] += share[0];
    base->balance[1] += share[1];
    base->apps_total -= share[0] + share[1];
    base->leaf[index] = base->leaf[--base->leaf_count];
    return true;
}

/* The split of the virtual channel that can no longer change, if there is one. */
static bool virtual_result(const struct world *w, amount share[2])
{
    const struct channel *virtual_channel = &w->channel[VIRTUAL];
    const struct view *own = &w->party.view[VIRTUAL];
    const amount *from = NULL;
    if (own->used && own->finalised)
        from = own->final.to;
    else if (w->party.hub_final)
        from = w->party.final.to;
    else if (virtual_channel->phase == SETTLED)
        from = virtual_channel->paid;
    else if (virtual_channel->phase == OPEN && w->now > virtual_channel->expiry + DELTA)
        from = virtual_channel->deposited;
    if (from == NULL)
        return false;
    share[0] = from[0];
    share[1] = from[1];
    return true;
}

/* An app's states outlive epochs, so its identity names the epoch that opened it: states of an
 * earlier app can never count in a later one. */
static u32 app_id(const struct view *v, u32 epoch)
{
    return without(WITHOUT_APP_ID_REUSED) ? v->channel << 4 | 1 : epoch << 4 | v->channel << 2 | 1;
}

static bool change_leaves(const struct world *w, const struct view *v, enum change change,
                          const amount stake[2], struct base *base)
{
    amount share[2];
    struct leaf leaf = {LEAF_APP, app_id(v, base->epoch), {0, 0}, 0};
    switch (change) {
    case CARRY:
        return true;
    case OPEN_APP:
        leaf.stake[0] = stake[0];
        leaf.stake[1] = stake[1];
        return !view_has_leaf(base, LEAF_APP) && add_leaf(w, v, base, leaf);
    case CLOSE_APP:
        return v->app_open && v->app.version == v->app_mine.version &&
               fold_leaf(base, LEAF_APP, v->app.share);
    case ADD_GUARANTEE: {
        const struct channel *virtual_channel = &w->channel[VIRTUAL];
        bool used = v->guaranteed || virtual_channel->phase != OPEN;
        if (used && !without(WITHOUT_GUARANTEE_AGAIN))
            return false;
        leaf = (struct leaf){LEAF_GUARANTEE,
                             VIRTUAL,
                             {virtual_channel->deposited[0], virtual_channel->deposited[1]},
                             virtual_channel->expiry};
        return !view_has_leaf(base, LEAF_GUARANTEE) && w->virtual_run && add_leaf(w, v, base, leaf);
    }
    case FOLD_GUARANTEE:
        return virtual_result(w, share) && fold_leaf(base, LEAF_GUARANTEE, share);
    }
    bug("unknown change");
}

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
    if (without(WITHOUT_APPS_NOT_CARRIED))
        for (; next.leaf_count > 0; next.leaf_count--)
            next.apps_total -=
                next.leaf[next.leaf_count - 1].stake[0] + next.leaf[next.leaf_count - 1].stake[1];
    return next;
}

/* The base that follows from what both have acknowledged. */
bool party_expect_base(const struct world *w, const struct view *v, enum change change,
                       const amount stake[2], struct base *out)
{
    if (!view_active(w, v) || v->channel == VIRTUAL || v->frozen || v->mine_count != 1)
        return false;
    *out = merged_base(w, v);
    out->epoch++;
    return change_leaves(w, v, change, stake, out);
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
    u32 index;
    v->base = *base;
    v->frozen = v->lost = v->recovering = false;
    view_reset(v);
    party_note_outgoing(w, v);
    if (find_leaf(base, LEAF_APP, &index)) {
        const struct leaf *leaf = &base->leaf[index];
        if (!v->app_open || v->app.id != leaf->id)
            v->app = (struct app_state){leaf->id, 0, {leaf->stake[0], leaf->stake[1]}};
        v->app_mine = v->app;
        v->app_open = true;
    } else {
        v->app_open = false;
    }
    trace(w, "epoch %u of channel %u: %ld %ld locked %ld %ld leaves %ld", base->epoch, v->channel,
          base->balance[0], base->balance[1], base->locks[0].total, base->locks[1].total,
          base->apps_total);
}

static bool sign_base(struct world *w, struct view *v, const struct base *base)
{
    if (w->base_count == MAX_POOL)
        return false;
    v->frozen = true;
    v->next = *base;
    v->top_epoch = base->epoch > v->top_epoch ? base->epoch : v->top_epoch;
    v->guaranteed = v->guaranteed || view_has_leaf(base, LEAF_GUARANTEE);
    party_sync(w);
    party_publish(w, base_digest(base));
    w->base[w->base_count++] = *base;
    trace(w, "party signs base %u.%u", v->channel, base->epoch);
    return true;
}

bool party_sign_base(struct world *w, struct view *v, enum change change, const amount stake[2],
                     const struct base *proposal, bool with_peers)
{
    struct base expected;
    if (!party_expect_base(w, v, change, stake, &expected) ||
        base_digest(&expected) != base_digest(proposal) || !sign_base(w, v, &expected))
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
    if (!view_active(w, v) || v->channel == VIRTUAL || withdrawal->channel != v->channel ||
        by > room || withdrawal->until > w->now + LIFE || w->withdrawal_count == MAX_POOL)
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
    if (!view_active(w, v) || v->channel == VIRTUAL || v->frozen || v->mine_count != 1 ||
        v->mine[0].locks.count != 0 || v->theirs.locks.count != 0 || v->base.leaf_count != 0 ||
        closing->until > w->now + LIFE || w->closing_count == MAX_POOL ||
        closing->channel != v->channel)
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

/* --- Apps. */

static bool app_active(const struct world *w, const struct view *v)
{
    if (!v->app_open || v->app_lost || v->lost || v->closing || w->now <= v->close_until ||
        w->apps_count == MAX_POOL)
        return false;
    return !v->frozen || view_has_leaf(&v->next, LEAF_APP) || without(WITHOUT_APP_USED_FROZEN);
}

static void sign_app(struct world *w, const struct app_state *state)
{
    party_sync(w);
    party_publish(w, app_digest(state));
    w->apps[w->apps_count++] = *state;
    trace(w, "party signs app %u.%u %ld %ld", state->id, state->version, state->share[0],
          state->share[1]);
}

bool party_app_move(struct world *w, struct view *v, amount concede)
{
    if (!app_active(w, v) || app_mover(&v->app) != v->me || v->app_mine.version != v->app.version ||
        v->app.version == LAST_VERSION)
        return false;
    concede = min_amount(concede, v->app.share[v->me]);
    struct app_state next = v->app;
    next.version++;
    next.share[v->me] -= concede;
    next.share[1 - v->me] += concede;
    w->party.book.due -= concede;
    v->app_mine = next;
    sign_app(w, &next);
    return true;
}

bool party_app_countersigned(struct world *w, struct view *v)
{
    if (!app_active(w, v) || v->app_mine.version == v->app.version)
        return false;
    v->app = v->app_mine;
    party_sync(w);
    return true;
}

/* The peer's move is ours to rely on once we have signed it too: before, the peer could still sign
 * another. */
bool party_app_receive(struct world *w, struct view *v, const struct app_state *state)
{
    if (!app_active(w, v) || app_mover(&v->app) == v->me || v->app_mine.version != v->app.version ||
        state->id != v->app.id || !app_move_valid(&v->app, state) ||
        state->version > LAST_VERSION ||
        state->share[0] + state->share[1] != v->app.share[0] + v->app.share[1])
        return false;
    amount gain = state->share[v->me] - v->app.share[v->me];
    w->party.book.due += gain;
    w->party.book.received += gain;
    v->app = v->app_mine = *state;
    sign_app(w, state);
    return true;
}

/* --- The virtual channel. */

/* The hub: both ledgers hold the guarantee, under both signatures. */
bool party_sign_live(struct world *w)
{
    struct party *p = &w->party;
    bool both = view_has_leaf(&p->view[0].base, LEAF_GUARANTEE) &&
                view_has_leaf(&p->view[1].base, LEAF_GUARANTEE);
    bool either = view_has_leaf(&p->view[0].base, LEAF_GUARANTEE) ||
                  view_has_leaf(&p->view[1].base, LEAF_GUARANTEE);
    bool ready = both || (either && without(WITHOUT_GUARANTEE_ONE_LEDGER));
    if (!ready || p->id != 1 || p->hub_live || w->restored || w->channel[VIRTUAL].phase != OPEN ||
        p->view[0].closing || p->view[1].closing ||
        w->now + 2 * MARGIN > w->channel[VIRTUAL].expiry)
        return false;
    p->hub_live = true;
    p->book.received += w->channel[VIRTUAL].deposited[0] + w->channel[VIRTUAL].deposited[1];
    party_sync(w);
    party_publish(w, live_digest(VIRTUAL));
    trace(w, "hub: virtual channel is live");
    return true;
}

/* One final split for a virtual channel, ever. An owner signs what its halves say, the hub what
 * both owners have signed while no dispute has begun. */
bool party_sign_final(struct world *w, const struct final_split *final)
{
    struct party *p = &w->party;
    struct view *v = &p->view[VIRTUAL];
    const struct channel *ch = &w->channel[VIRTUAL];
    if (final->channel != VIRTUAL || final->to[0] < 0 || final->to[1] < 0 ||
        final->to[0] + final->to[1] != ch->deposited[0] + ch->deposited[1] || ch->phase != OPEN ||
        w->restored || w->now + 2 * MARGIN > ch->expiry)
        return false;
    if (v->used) {
        amount mine = ch->deposited[v->me] + v->theirs.sent - v->mine[0].sent;
        if (!view_active(w, v) || v->finalised || v->mine_count != 1 || final->to[v->me] < mine)
            return false;
        v->finalised = true;
        v->final = *final;
    } else {
        if (p->id != 1 || !p->hub_live || p->hub_final)
            return false;
        p->hub_final = true;
        p->final = *final;
        p->book.received += final->to[0] + final->to[1];
    }
    party_sync(w);
    party_publish(w, final_digest(final));
    trace(w, "party signs final %ld %ld", final->to[0], final->to[1]);
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
    for (u32 i = 0; i < VIEWS; i++) {
        struct view *v = &w->party.view[i];
        v->lost = v->used && !without(WITHOUT_RESTORED_GOES_ON);
        v->app_lost = v->guaranteed = v->used;
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
    if (!v->lost || v->closing || v->channel == VIRTUAL || waiting ||
        w->channel[v->channel].phase != OPEN)
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

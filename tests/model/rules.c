#include "rules.h"

#include "controls.h"

#include <string.h>

static amount min_amount(amount a, amount b)
{
    return a < b ? a : b;
}

static amount clamp(amount value, amount low, amount high)
{
    return value < low ? low : value > high ? high : value;
}

/* D - W: what the contract holds for a channel. */
static amount held(const struct channel *ch)
{
    return ch->deposited[0] + ch->deposited[1] - ch->withdrawn[0] - ch->withdrawn[1];
}

static bool both_signed(const struct channel *ch, const struct keyring *ring, u64 digest)
{
    return signed_by(ring, ch->owner[0], digest) && signed_by(ring, ch->owner[1], digest);
}

/* --- Until it is settled, in a dispute too: the split counts each side's own. */

static bool takes_money(const struct channel *ch)
{
    return ch->hub == NOBODY && (ch->phase == OPEN || ch->phase == DISPUTE);
}

bool channel_deposit(struct channel *ch, u32 side, amount by)
{
    if (!takes_money(ch) || by < 0)
        return false;
    ch->deposited[side] += by;
    return true;
}

bool channel_withdraw(struct channel *ch, const struct keyring *ring, const struct withdrawal *w,
                      u32 now)
{
    if (!takes_money(ch) || w->channel != ch->id || now > w->until ||
        !both_signed(ch, ring, withdrawal_digest(w)))
        return false;
    amount by = w->total - ch->withdrawn[w->side];
    if (by <= 0 || by > held(ch))
        return false;
    ch->withdrawn[w->side] = w->total;
    return true;
}

/* Each side gets its own deposits less its own withdrawals, whatever the signers knew of them. */
bool channel_close(struct channel *ch, const struct keyring *ring, const struct closing *closing,
                   u32 now)
{
    amount first = ch->deposited[0] - ch->withdrawn[0] - closing->net;
    if (without(WITHOUT_CLOSE_NAMES_PAYOUT))
        first = min_amount(closing->first, held(ch));
    amount second = held(ch) - first;
    bool overdrawn = (first < 0 || second < 0) && !without(WITHOUT_CLOSE_OVERDRAWN);
    if (!takes_money(ch) || closing->channel != ch->id || now > closing->until || overdrawn ||
        !both_signed(ch, ring, closing_digest(closing)))
        return false;
    ch->phase = CLOSED;
    ch->paid[0] = first;
    ch->paid[1] = second;
    return true;
}

/* --- The dispute. */

/* Epoch 0 is implied and needs no signatures: a depositor whose peer never signs anything can
 * leave. */
static bool base_counts(const struct channel *ch, const struct keyring *ring,
                        const struct base *base)
{
    static const struct base zero;
    if (base->channel != ch->id)
        return false;
    if (base->epoch == 0) {
        struct base implied = zero;
        implied.channel = ch->id;
        return base_digest(base) == base_digest(&implied) &&
               (ch->hub != NOBODY || !without(WITHOUT_NO_IMPLIED_BASE));
    }
    return ch->hub == NOBODY && both_signed(ch, ring, base_digest(base));
}

static bool half_counts(const struct channel *ch, const struct keyring *ring,
                        const struct submission *sub, u32 side)
{
    const struct half *half = &sub->half[side];
    u32 payer = ch->owner[side], payee = ch->owner[1 - side];
    if (half->channel != ch->id || half->side != side || half->seq == 0 ||
        half->epoch != sub->base.epoch || !signed_by(ring, payer, half_digest(half)))
        return false;
    if (sub->from == payee || without(WITHOUT_NO_ENDORSEMENT))
        return true;
    const struct half *by = &sub->endorser[side];
    return sub->has_endorser[side] && by->channel == ch->id && by->side == 1 - side &&
           by->ack_hash == half_digest(half) && signed_by(ring, payee, half_digest(by));
}

static bool is_newer(const struct channel *ch, const struct submission *sub, u32 side)
{
    return sub->has_half[side] && (sub->half[side].seq > ch->half[side].seq ||
                                   (ch->phase == DISPUTE && without(WITHOUT_LAST_WINS)));
}

/* The highest sequence number of each side wins, whatever the order in which halves come. */
static bool merge_halves(struct channel *ch, const struct submission *sub)
{
    bool changed = false;
    for (u32 side = 0; side < 2; side++)
        if (is_newer(ch, sub, side)) {
            ch->half[side] = sub->half[side];
            changed = true;
        }
    return changed;
}

static void replace_state(struct channel *ch, const struct submission *sub)
{
    ch->base = sub->base;
    for (u32 side = 0; side < 2; side++)
        ch->half[side] = sub->has_half[side] ? sub->half[side] : (struct half){0};
}

static bool final_counts(const struct channel *ch, const struct keyring *ring,
                         const struct final_split *final)
{
    return ch->hub != NOBODY && final->channel == ch->id && final->to[0] >= 0 &&
           final->to[1] >= 0 && final->to[0] + final->to[1] == held(ch) &&
           both_signed(ch, ring, final_digest(final)) &&
           (without(WITHOUT_FINAL_WITHOUT_HUB) || signed_by(ring, ch->hub, final_digest(final)));
}

static bool all_counts(const struct channel *ch, const struct keyring *ring,
                       const struct submission *sub)
{
    if (!base_counts(ch, ring, &sub->base) ||
        (sub->shows_live && !signed_by(ring, ch->hub, live_digest(ch->id))) ||
        (sub->has_final && !final_counts(ch, ring, &sub->final)))
        return false;
    for (u32 side = 0; side < 2; side++)
        if (sub->has_half[side] && !half_counts(ch, ring, sub, side))
            return false;
    return true;
}

static void take_words(struct channel *ch, const struct submission *sub)
{
    if (ch->hub == NOBODY)
        return;
    ch->live = ch->live || sub->shows_live;
    ch->has_final = ch->has_final || sub->has_final;
    if (sub->has_final)
        ch->final = sub->final;
}

static u32 side_of(const struct channel *ch, u32 party)
{
    return party == ch->owner[0] ? 0 : party == ch->owner[1] ? 1 : NOBODY;
}

/* A guarantee's virtual channel is disputed before its expiry or not at all. The hub may open the
 * dispute too: it may be the only one left with a final split. */
bool channel_force_close(struct channel *ch, const struct keyring *ring,
                         const struct submission *sub, u32 now)
{
    u32 side = side_of(ch, sub->from);
    bool hub = ch->hub != NOBODY && sub->from == ch->hub;
    if (ch->phase != OPEN || (side == NOBODY && !hub) || (ch->hub != NOBODY && now > ch->expiry) ||
        !all_counts(ch, ring, sub))
        return false;
    replace_state(ch, sub);
    take_words(ch, sub);
    ch->phase = DISPUTE;
    ch->claims = sub->claims && ch->hub == NOBODY;
    ch->dispute_end = now + (ch->claims || ch->hub != NOBODY ? CHALLENGE : 2 * CHALLENGE);
    ch->closer = ch->bond_to = side;
    for (u32 i = 0; i < 2; i++) {
        ch->deposited_then[i] = ch->deposited[i];
        ch->withdrawn_then[i] = ch->withdrawn[i];
    }
    if (side == NOBODY)
        return true;
    ch->posted_epoch = sub->base.epoch;
    ch->posted_own = sub->has_half[side] ? sub->half[side].seq : 0;
    ch->posted_peer = sub->has_half[1 - side] ? sub->half[1 - side].seq : 0;
    ch->declared = sub->declared;
    return true;
}

u64 channel_state(const struct channel *ch)
{
    return base_digest(&ch->base) ^ half_digest(&ch->half[0]) ^ 3 * half_digest(&ch->half[1]);
}

static bool may_challenge(const struct channel *ch, const struct keyring *ring,
                          const struct submission *sub, u32 now)
{
    return ch->phase == DISPUTE && now < ch->dispute_end && all_counts(ch, ring, sub);
}

static void note_change(struct channel *ch)
{
    if (without(WITHOUT_BOND_ON_ANY_CHANGE) && ch->claims && ch->closer != NOBODY)
        ch->bond_to = 1 - ch->closer;
}

/* A virtual channel's state is not named yet: its record is not in the contract. */
bool channel_challenge(struct channel *ch, const struct keyring *ring, const struct submission *sub,
                       u64 state, u32 now)
{
    bool virtual_channel = ch->hub != NOBODY;
    if (!may_challenge(ch, ring, sub, now) || sub->base.epoch != ch->base.epoch ||
        (state != channel_state(ch) && !virtual_channel))
        return false;
    if (!merge_halves(ch, sub) && !virtual_channel)
        return false;
    take_words(ch, sub);
    note_change(ch);
    return true;
}

static bool is_noted(const struct channel *ch, const struct half *noted)
{
    return noted->seq != 0 && noted->epoch == ch->base.epoch;
}

bool channel_note(struct channel *ch, const struct keyring *ring, const struct submission *sub,
                  u32 now)
{
    bool changed = false;
    if (ch->hub != NOBODY || !may_challenge(ch, ring, sub, now) ||
        sub->base.epoch != ch->base.epoch)
        return false;
    for (u32 side = 0; side < 2; side++) {
        struct half *noted = &ch->noted[side];
        if (!is_newer(ch, sub, side) || (is_noted(ch, noted) && sub->half[side].seq <= noted->seq))
            continue;
        *noted = sub->half[side];
        changed = true;
    }
    if (changed)
        note_change(ch);
    return changed;
}

/* All that is noted is public, so anybody may do it, and nobody can change the state meanwhile. */
static void merge_noted(struct channel *ch)
{
    for (u32 side = 0; side < 2; side++)
        if (is_noted(ch, &ch->noted[side]) && ch->noted[side].seq > ch->half[side].seq)
            ch->half[side] = ch->noted[side];
}

bool channel_challenge_base(struct channel *ch, const struct keyring *ring,
                            const struct submission *sub, u32 now)
{
    bool same = sub->base.epoch == ch->base.epoch && without(WITHOUT_BASE_GIVES_WAY);
    if (!may_challenge(ch, ring, sub, now) || (sub->base.epoch <= ch->base.epoch && !same))
        return false;
    replace_state(ch, sub);
    take_words(ch, sub);
    note_change(ch);
    return true;
}

/* A number that a closer declares can be inflated at no cost, so it proves nothing. What the closer
 * has acknowledged can be held against it: it had the peer's half, and with it the peer's
 * acknowledgement of its own. */
static bool is_lie(const struct channel *ch, const struct keyring *ring, const struct half *own,
                   const struct half *acked)
{
    u32 peer = 1 - ch->closer;
    if (own->epoch > ch->posted_epoch)
        return true; /* a half is signed in an epoch only once its base has both signatures */
    if (own->epoch < ch->posted_epoch)
        return false;
    if (without(WITHOUT_BOND_DECLARED_SEQ))
        return own->seq > ch->declared || own->ack_seq > ch->posted_peer;
    return own->ack_seq > ch->posted_peer ||
           (acked != NULL && own->ack_hash == half_digest(acked) && acked->channel == ch->id &&
            acked->side == peer && acked->epoch == own->epoch && acked->ack_seq > ch->posted_own &&
            signed_by(ring, ch->owner[peer], half_digest(acked)));
}

bool channel_prove_lie(struct channel *ch, const struct keyring *ring, u32 from,
                       const struct half *own, const struct half *acked, u32 now)
{
    if (ch->phase != DISPUTE || now >= ch->dispute_end || !ch->claims ||
        ch->bond_to != ch->closer || own->channel != ch->id || own->side != ch->closer ||
        !signed_by(ring, ch->owner[ch->closer], half_digest(own)) || !is_lie(ch, ring, own, acked))
        return false;
    ch->bond_to = without(WITHOUT_BOND_TO_SENDER) ? 2 + from : 1 - ch->closer;
    return true;
}

/* --- The split. */

/* In this order: leaves, shares, locks; each from what is left of the one before. */
static void split(struct channel *ch)
{
    const struct base *base = &ch->base;
    amount total = held(ch);
    ch->apps_pool = clamp(base->apps_total, 0, total);
    amount rest = total - ch->apps_pool;
    bool then = without(WITHOUT_SPLIT_AT_OPENING);
    amount deposited = then ? ch->deposited_then[0] : ch->deposited[0];
    amount withdrawn = then ? ch->withdrawn_then[0] : ch->withdrawn[0];
    amount counted = without(WITHOUT_DOUBLE_CREDIT) ? 0 : base->deposited[0];
    amount raw = base->balance[0] + (deposited - counted) - (withdrawn - base->withdrawn[0]) +
                 ch->half[1].sent - ch->half[0].sent;
    amount share[2];
    share[0] = without(WITHOUT_NO_CLAMP) ? raw : clamp(raw, 0, rest);
    share[1] = rest - share[0];
    for (u32 side = 0; side < 2; side++) {
        ch->locks[side] = ch->half[side].seq != 0 ? ch->half[side].locks : base->locks[side];
        ch->pool[side] = min_amount(clamp(ch->locks[side].total, 0, total), share[side]);
        ch->paid[side] = share[side] - ch->pool[side];
    }
}

/* A virtual channel's split is its record's `paid`, which the ledgers' guarantees read. Without the
 * hub's word that it went live, it is the stakes. */
static void split_virtual(struct channel *ch)
{
    bool live = ch->live || without(WITHOUT_GUARANTEE_ONE_LEDGER);
    amount to = ch->has_final ? ch->final.to[0]
                : live        ? ch->deposited[0] + ch->half[1].sent - ch->half[0].sent
                              : ch->deposited[0];
    ch->paid[0] = clamp(to, 0, held(ch));
    ch->paid[1] = held(ch) - ch->paid[0];
}

bool channel_settle(struct channel *ch, u32 now)
{
    if (ch->phase != DISPUTE || now < ch->dispute_end)
        return false;
    ch->phase = SETTLED;
    ch->settled_at = now;
    merge_noted(ch);
    if (ch->hub != NOBODY)
        split_virtual(ch);
    else
        split(ch);
    return true;
}

u32 channel_pots(const struct channel *ch)
{
    return ch->unlocked[0] | ch->unlocked[1] << MAX_LOCKS;
}

/* A key cannot be looked up in a batch, so who has it in one only must have time to show that. */
u32 channel_lock_end(const struct channel *ch, const struct lock *lock)
{
    if (without(WITHOUT_RETURN_AT_EXPIRY))
        return lock->expiry;
    return (lock->expiry > ch->settled_at ? lock->expiry : ch->settled_at) + CHALLENGE;
}

bool channel_unlock(struct channel *ch, u32 side, u32 index, u32 revealed, u32 proven, u32 pots,
                    u32 now)
{
    if (ch->phase != SETTLED || pots != channel_pots(ch) || index >= ch->locks[side].count ||
        (ch->unlocked[side] & 1u << index) != 0)
        return false;
    const struct lock *lock = &ch->locks[side].list[index];
    bool in_time =
        (revealed != 0 && revealed <= lock->expiry) || (proven != 0 && proven <= lock->expiry);
    if (!in_time && now <= channel_lock_end(ch, lock) && !without(WITHOUT_EARLY_RETURN))
        return false;
    amount value = min_amount(clamp(lock->amount, 0, ch->pool[side]), ch->pool[side]);
    ch->unlocked[side] |= 1u << index;
    ch->pool[side] -= value;
    ch->paid[in_time ? 1 - side : side] += value;
    return true;
}

/* --- Apps and guarantees. */

void app_init(struct app_record *app, const struct leaf *leaf)
{
    *app = (struct app_record){{leaf->id, 0, {leaf->stake[0], leaf->stake[1]}}, 0};
}

static bool app_state_counts(const struct app_record *app, const struct app_state *state)
{
    return state->id == app->state.id && state->version > app->state.version &&
           state->version <= LAST_VERSION && state->share[0] >= 0 && state->share[1] >= 0 &&
           state->share[0] + state->share[1] == app->state.share[0] + app->state.share[1];
}

bool app_dispute(struct app_record *app, const struct channel *ch, const struct keyring *ring,
                 const struct app_state *state, u32 now)
{
    if (ch->phase != DISPUTE || now >= ch->dispute_end || !app_state_counts(app, state) ||
        !both_signed(ch, ring, app_digest(state)))
        return false;
    app->state = *state;
    return true;
}

bool app_move_valid(const struct app_state *from, const struct app_state *to)
{
    u32 mover = app_mover(from);
    return to->version == from->version + 1 && to->share[mover] <= from->share[mover];
}

bool app_move(struct app_record *app, const struct channel *ch, const struct keyring *ring,
              const struct app_state *to, u32 now)
{
    if (app->deadline == 0)
        app->deadline = ch->dispute_end + MOVE_TIME;
    if (ch->phase != SETTLED || now > app->deadline || !app_state_counts(app, to) ||
        !app_move_valid(&app->state, to) ||
        !signed_by(ring, ch->owner[app_mover(&app->state)], app_digest(to)))
        return false;
    app->state = *to;
    app->deadline = now + MOVE_TIME;
    return true;
}

static bool pay_leaf(struct channel *ch, u32 index, const amount share[2])
{
    const struct leaf *leaf = &ch->base.leaf[index];
    amount first = clamp(share[0], 0, ch->apps_pool);
    amount second = clamp(leaf->stake[0] + leaf->stake[1] - first, 0, ch->apps_pool - first);
    ch->resolved |= 1u << index;
    ch->apps_pool -= first + second;
    ch->paid[0] += first;
    ch->paid[1] += second;
    return true;
}

static bool leaf_is_due(const struct channel *ch, u32 index, enum leaf_kind kind)
{
    return ch->phase == SETTLED && index < ch->base.leaf_count &&
           (ch->resolved & 1u << index) == 0 && ch->base.leaf[index].kind == kind;
}

bool channel_resolve_app(struct channel *ch, u32 index, const struct app_record *app, u32 now)
{
    if (!leaf_is_due(ch, index, LEAF_APP) || app->state.id != ch->base.leaf[index].id)
        return false;
    u32 deadline = app->deadline != 0 ? app->deadline : ch->dispute_end + MOVE_TIME;
    amount share[2] = {app->state.share[0], app->state.share[1]};
    if (app->state.version < LAST_VERSION) {
        if (now <= deadline)
            return false;
        u32 mover = app_mover(&app->state);
        share[1 - mover] += share[mover];
        share[mover] = 0;
    }
    return pay_leaf(ch, index, share);
}

/* Both ledgers read one record, so the hub pays on one side what it gets on the other. */
bool channel_resolve_guarantee(struct channel *ch, u32 index, const struct channel *virtual_channel,
                               u32 now)
{
    if (!leaf_is_due(ch, index, LEAF_GUARANTEE) || virtual_channel->id != ch->base.leaf[index].id)
        return false;
    switch (virtual_channel->phase) {
    case OPEN: /* not disputed in time: the stakes go back */
        return now > ch->base.leaf[index].expiry && pay_leaf(ch, index, ch->base.leaf[index].stake);
    case SETTLED:
        return pay_leaf(ch, index, virtual_channel->paid);
    case DISPUTE:
    case CLOSED:
        break;
    }
    return false;
}

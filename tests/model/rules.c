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
    return ch->phase == OPEN || ch->phase == DISPUTE;
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
        return base_digest(base) == base_digest(&implied) && !without(WITHOUT_NO_IMPLIED_BASE);
    }
    return both_signed(ch, ring, base_digest(base));
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

static bool all_counts(const struct channel *ch, const struct keyring *ring,
                       const struct submission *sub)
{
    if (!base_counts(ch, ring, &sub->base))
        return false;
    for (u32 side = 0; side < 2; side++)
        if (sub->has_half[side] && !half_counts(ch, ring, sub, side))
            return false;
    return true;
}

static u32 side_of(const struct channel *ch, u32 party)
{
    return party == ch->owner[0] ? 0 : party == ch->owner[1] ? 1 : NOBODY;
}

bool channel_force_close(struct channel *ch, const struct keyring *ring,
                         const struct submission *sub, u32 now)
{
    u32 side = side_of(ch, sub->from);
    if (ch->phase != OPEN || side == NOBODY || !all_counts(ch, ring, sub))
        return false;
    replace_state(ch, sub);
    ch->phase = DISPUTE;
    ch->claims = sub->claims;
    ch->dispute_end = now + (ch->claims ? CHALLENGE : 2 * CHALLENGE);
    ch->closer = ch->bond_to = side;
    for (u32 i = 0; i < 2; i++) {
        ch->deposited_then[i] = ch->deposited[i];
        ch->withdrawn_then[i] = ch->withdrawn[i];
    }
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
    if (without(WITHOUT_BOND_ON_ANY_CHANGE) && ch->claims)
        ch->bond_to = 1 - ch->closer;
}

bool channel_challenge(struct channel *ch, const struct keyring *ring, const struct submission *sub,
                       u64 state, u32 now)
{
    if (!may_challenge(ch, ring, sub, now) || sub->base.epoch != ch->base.epoch ||
        state != channel_state(ch) || !merge_halves(ch, sub))
        return false;
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
    if (!may_challenge(ch, ring, sub, now) || sub->base.epoch != ch->base.epoch)
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

/* In this order: shares, locks; each from what is left of the one before. */
static void split(struct channel *ch)
{
    const struct base *base = &ch->base;
    amount total = held(ch);
    bool then = without(WITHOUT_SPLIT_AT_OPENING);
    amount deposited = then ? ch->deposited_then[0] : ch->deposited[0];
    amount withdrawn = then ? ch->withdrawn_then[0] : ch->withdrawn[0];
    amount counted = without(WITHOUT_DOUBLE_CREDIT) ? 0 : base->deposited[0];
    amount raw = base->balance[0] + (deposited - counted) - (withdrawn - base->withdrawn[0]) +
                 ch->half[1].sent - ch->half[0].sent;
    amount share[2];
    share[0] = without(WITHOUT_NO_CLAMP) ? raw : clamp(raw, 0, total);
    share[1] = total - share[0];
    for (u32 side = 0; side < 2; side++) {
        ch->locks[side] = ch->half[side].seq != 0 ? ch->half[side].locks : base->locks[side];
        ch->pool[side] = min_amount(clamp(ch->locks[side].total, 0, total), share[side]);
        ch->paid[side] = share[side] - ch->pool[side];
    }
}

bool channel_settle(struct channel *ch, u32 now)
{
    if (ch->phase != DISPUTE || now < ch->dispute_end)
        return false;
    ch->phase = SETTLED;
    ch->settled_at = now;
    merge_noted(ch);
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

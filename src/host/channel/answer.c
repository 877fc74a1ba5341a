#include "channel/answer.h"

bytes answer_call(const struct channel_terms *terms, const struct adjudicator_states *states,
                  const struct onchain_view *view, struct answering *answering, struct arena *arena)
{
    u64 epoch = states->base.base.epoch;
    bool newer = false;
    if (epoch > view->epoch)
        return adjudicator_challenge_base(terms, &states->base, states->half, arena);
    for (u32 side = 0; side < 2; side++)
        newer |= states->half[side].half.seq > max_u64(view->seq[side], view->note[side].seq);
    if (epoch < view->epoch || !newer)
        return BYTES_EMPTY;
    hash32 state = adjudicator_state_hash(&view->state);
    if (answering->has_failed ||
        (!hash32_is_zero(answering->challenged) && !hash32_equal(answering->challenged, state)))
        return adjudicator_write_note(terms, states->half, arena);
    answering->challenged = state;
    return adjudicator_challenge(terms, &view->state, states->half, arena);
}

static bool is_given(const signature64 *signature)
{
    static const signature64 nobody;
    return memcmp(signature, &nobody, sizeof(nobody)) != 0;
}

static u256 wide(u128 value)
{
    return (u256){{(u64)value, (u64)(value >> 64), 0, 0}};
}

/* What a side has sent once the answer is there. */
static u256 sent_after(const struct adjudicator_states *states, const struct onchain_view *view,
                       u32 side)
{
    bool newer =
        states->base.base.epoch > view->epoch || states->half[side].half.seq > view->seq[side];
    return wide(newer ? states->half[side].half.sent : view->state.sent[side]);
}

/* By how much a's share changes, without locks; two's complement. */
static u256 gain_of_a(const struct adjudicator_states *states, const struct onchain_view *view)
{
    const struct base *base = &states->base.base;
    u256 was = u256_add(view->state.credit,
                        u256_sub(wide(view->state.sent[1]), wide(view->state.sent[0])));
    u256 credit = u256_add(u256_sub(wide(base->balance[0]), wide(base->deposited[0])),
                           wide(base->withdrawn[0]));
    u256 is = u256_add(credit, u256_sub(sent_after(states, view, 1), sent_after(states, view, 0)));
    return u256_sub(is, was);
}

/* What may be lost until the dispute's end. Its time counts as one challenge period, also where it
 * has two. */
static struct sender_stake until_end(const struct channel_terms *terms,
                                     const struct onchain_view *view, u256 worth_wei)
{
    u64 until_s = view->phase_time_s;
    return (struct sender_stake){worth_wei, until_s - min_u64(until_s, terms->challenge_s),
                                 until_s};
}

struct sender_stake answer_stake(const struct channel_terms *terms,
                                 const struct adjudicator_states *states,
                                 const struct onchain_view *view, u32 side)
{
    const struct adjudicator_state *posted = &view->state;
    u256 worth = gain_of_a(states, view);
    if (side == 1)
        worth = u256_negate(worth);
    if (u256_is_negative(worth))
        worth = U256_ZERO;
    for (u32 of = 0; of < 2; of++) {
        const struct half *half = &states->half[of].half;
        if (hash32_equal(half->root, posted->root[of]))
            continue;
        worth = u256_add(worth, wide(half->locked));
        worth = u256_add(worth, wide(posted->locked[of]));
    }
    worth = u256_min(worth, wide(view->deposited[0] + view->deposited[1]));
    if (!address_is_zero(terms->asset) || u256_is_zero(worth))
        return (struct sender_stake){.until_s = 0};
    return until_end(terms, view, worth);
}

struct sender_stake answer_lie_stake(const struct channel_terms *terms,
                                     const struct onchain_view *view)
{
    return until_end(terms, view, wide(view->bond.amount_wei));
}

/* As Bonds.sol judges it. */
static bool is_lie(const struct channel_name *name, const struct adjudicator_bond *bond,
                   const struct half *own, const struct half *acked)
{
    if (own->epoch != bond->epoch)
        return own->epoch > bond->epoch;
    return own->ack_seq > bond->seq[acked->side] ||
           (acked->seq != 0 && hash32_equal(own->ack_hash, half_hash(name->id, acked)) &&
            acked->ack_seq > bond->seq[own->side]);
}

bytes answer_to_lie(const struct channel_terms *terms, const struct adjudicator_states *states,
                    const struct onchain_view *view, struct arena *arena)
{
    struct channel_name name = channel_name_of(terms);
    const struct adjudicator_bond *bond = &view->bond;
    const struct adjudicator_half *own = &states->half[bond->side];
    const struct adjudicator_half *acked = &states->half[1 - bond->side];
    if (view->phase != PHASE_DISPUTE || bond->amount_wei == 0 || own->half.seq == 0 ||
        !is_given(&own->payee))
        return BYTES_EMPTY; /* the closer's own states are not for us to turn against it */
    return is_lie(&name, bond, &own->half, &acked->half)
               ? adjudicator_prove_lie(terms, own, acked, arena)
               : BYTES_EMPTY;
}

bytes answer_end(const struct channel_terms *terms, const struct onchain_view *view,
                 struct arena *arena)
{
    for (u32 side = 0; side < 2; side++)
        if (view->note[side].seq != 0)
            return adjudicator_merge(terms, &view->state, side, &view->note[side], arena);
    return adjudicator_settle(terms, &view->state, arena);
}

/* --- Signatures. */

static bool is_signed(const struct channel_terms *terms, const struct channel_name *name,
                      hash32 struct_hash, const signature64 *signature, u32 side)
{
    hash32 digest = signed_digest(name->domain, struct_hash);
    return signature_is_of(signature, digest, terms->owner[side]);
}

static bool base_is_signed(const struct channel_terms *terms, const struct channel_name *name,
                           const struct adjudicator_base *base)
{
    static const struct base implied;
    hash32 hash = base_hash(name->id, &base->base);
    if (base->base.epoch == 0)
        return hash32_equal(hash, base_hash(name->id, &implied));
    return is_signed(terms, name, hash, &base->signature[0], 0) &&
           is_signed(terms, name, hash, &base->signature[1], 1);
}

static bool half_is_signed(const struct channel_terms *terms, const struct channel_name *name,
                           const struct adjudicator_half *half,
                           const struct adjudicator_half *other)
{
    u32 payer = half->half.side;
    if (half->half.seq == 0)
        return true;
    hash32 hash = half_hash(name->id, &half->half);
    return is_signed(terms, name, hash, &half->payer, payer) &&
           (is_signed(terms, name, hash, &half->payee, 1 - payer) ||
            (other->half.seq != 0 && hash32_equal(other->half.ack_hash, hash)));
}

bool answer_is_signed(const struct channel_terms *terms, const struct adjudicator_states *states)
{
    struct channel_name name = channel_name_of(terms);
    return base_is_signed(terms, &name, &states->base) &&
           half_is_signed(terms, &name, &states->half[0], &states->half[1]) &&
           half_is_signed(terms, &name, &states->half[1], &states->half[0]);
}

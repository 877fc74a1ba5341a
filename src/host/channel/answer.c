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
    static const signature64 nobody;
    struct channel_name name = channel_name_of(terms);
    const struct adjudicator_bond *bond = &view->bond;
    const struct adjudicator_half *own = &states->half[bond->side];
    const struct adjudicator_half *acked = &states->half[1 - bond->side];
    if (view->phase != PHASE_DISPUTE || bond->amount_wei == 0 || own->half.seq == 0 ||
        memcmp(&own->payee, &nobody, sizeof(nobody)) == 0)
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

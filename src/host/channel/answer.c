#include "channel/answer.h"

bytes answer_call(const struct channel_terms *terms, const struct adjudicator_states *states,
                  const struct onchain_view *view, struct arena *arena)
{
    u64 epoch = states->base.base.epoch;
    bool newer = false, older = false;
    if (epoch < view->epoch)
        return BYTES_EMPTY;
    for (u32 side = 0; side < 2; side++) {
        newer |= states->half[side].half.seq > view->seq[side];
        older |= states->half[side].half.seq < view->seq[side];
    }
    if (epoch == view->epoch && !newer)
        return BYTES_EMPTY;
    return epoch > view->epoch || !older
               ? adjudicator_challenge_base(terms, &states->base, states->half, arena)
               : adjudicator_challenge(terms, &view->state, states->half, arena);
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

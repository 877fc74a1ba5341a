/* A new base: balances that take the place of all halves before them (R7).
 *
 *     either     STFU: no items any more, only acknowledgements; the other answers with the same
 *     side 0     when all is acknowledged: REBASE, its signature; it stands still
 *     side 1     signs too, and is in the new epoch: REBASE; side 0 is, too, once it has that
 *
 * What is queued meanwhile goes out in the new epoch, so who pays notices nothing but the delay.
 *
 * Deposits and withdrawals in a base only say what its balances take into account, so any would do:
 * side 0 names the lower ones of its count and the peer's, which both count for certain. */
#include "channel/internal.h"

#include <assert.h>
#include <stdlib.h>

bool channel_is_frozen(const struct channel *channel)
{
    return channel->rebase.has_next && channel->rebase.is_signed[channel->side];
}

/* --- Falling silent. */

void channel_ask_rebase(struct channel *channel)
{
    channel->rebase.asked = true;
}

bool channel_wants_silence(const struct channel *channel)
{
    const struct rebase *rebase = &channel->rebase;
    u128 most = channel->next_sent | channel->theirs.sent;
    bool begins = !channel->stopped && (rebase->asked || most >> CHANNEL_SENT_BITS != 0);
    return !channel->lost && !channel->peer_lost && !rebase->quiet[channel->side] &&
           (begins || rebase->quiet[peer_side(channel)]);
}

void channel_say_silence(struct channel *channel)
{
    channel->rebase.quiet[channel->side] = true;
}

void channel_take_silence(struct channel *channel)
{
    channel->rebase.quiet[peer_side(channel)] = true;
}

/* Both have said it, and both know all that the other has said before. */
static bool is_silent(const struct channel *channel)
{
    return channel->rebase.quiet[0] && channel->rebase.quiet[1] && channel_is_acknowledged(channel);
}

/* --- The base. */

bool next_base(const struct channel *channel, u64 epoch, const struct wire_rebase *said,
               struct base *out)
{
    const u128 deposited[2] = {said->deposited_a, said->deposited_b};
    const u128 withdrawn[2] = {said->withdrawn_a, said->withdrawn_b};
    *out = channel->base;
    out->epoch = epoch;
    for (u32 side = 0; side < 2; side++) {
        bool ours = side == channel->side;
        if (deposited[side] >= CHANNEL_AMOUNT_LIMIT || withdrawn[side] >= CHANNEL_AMOUNT_LIMIT)
            return false;
        const struct half *own = ours ? &newest_sent(channel)->half : &channel->theirs;
        const struct half *other = ours ? &channel->theirs : &newest_sent(channel)->half;
        i128 balance = channel_carried(channel, side, deposited[side], withdrawn[side]) +
                       (i128)other->sent - (i128)own->sent;
        if (balance < 0)
            return false;
        out->balance[side] = (u128)balance;
        out->deposited[side] = deposited[side];
        out->withdrawn[side] = withdrawn[side];
        out->locked[side] = own->locked;
        out->root[side] = own->root;
    }
    return true;
}

static struct wire_rebase message_of(const struct channel *channel, const struct base *base,
                                     const signature64 *signature)
{
    return (struct wire_rebase){
        .id = channel->name.id,
        .epoch = base->epoch,
        .deposited_a = base->deposited[0],
        .deposited_b = base->deposited[1],
        .withdrawn_a = base->withdrawn[0],
        .withdrawn_b = base->withdrawn[1],
        .signature = *signature,
    };
}

static u128 smaller(u128 a, u128 b)
{
    return a < b ? a : b;
}

/* What both count. */
static struct wire_rebase proposal(const struct channel *channel)
{
    const u128 *in = channel->deposited, *out = channel->withdrawn;
    return (struct wire_rebase){
        .deposited_a = smaller(in[0], channel->peer_deposited[0]),
        .deposited_b = smaller(in[1], channel->peer_deposited[1]),
        .withdrawn_a = smaller(out[0], channel->peer_withdrawn[0]),
        .withdrawn_b = smaller(out[1], channel->peer_withdrawn[1]),
    };
}

struct half half_zero(const struct base *base, u32 side)
{
    return (struct half){
        .side = side, .epoch = base->epoch, .locked = base->locked[side], .root = base->root[side]};
}

/* Both have signed. After a recovery the peer had not acknowledged all: the base does. */
static void adopt(struct channel *channel, struct channel_events *events)
{
    u32 peer = peer_side(channel);
    take_ack(channel, newest_sent(channel)->half.seq, events);
    channel->owes_ack = channel->hurries = channel->fresh_count != 0;
    channel->lost = channel->shown = channel->peer_lost = false;
    channel->base = channel->rebase.next;
    memcpy(channel->base_signature, channel->rebase.signature, sizeof(channel->base_signature));
    channel->rebase = (struct rebase){.asked = false};
    channel->next_sent -= newest_sent(channel)->half.sent;
    channel->theirs = half_zero(&channel->base, peer);
    channel->their_hash = (hash32){{0}};
    channel->their_signature = (signature64){{0}};
    for (usize i = 0; i < channel->sent_count; i++)
        free(channel->sent[i]);
    struct half none = half_zero(&channel->base, channel->side);
    channel->sent[0] = sent_new(&none, (hash32){{0}}, &(signature64){{0}}, BYTES_EMPTY);
    channel->sent_count = 1;
}

/* A recovery's takes the place of one that was half signed. */
static void note(struct channel *channel, u32 signer, const struct base *base,
                 const signature64 *signature, struct channel_events *events)
{
    struct rebase *rebase = &channel->rebase;
    if (rebase->has_next && rebase->next.epoch != base->epoch)
        *rebase = (struct rebase){.asked = rebase->asked};
    rebase->quiet[0] = rebase->quiet[1] = true;
    rebase->has_next = true;
    rebase->recovers |= channel->lost && signer == channel->side;
    rebase->next = *base;
    rebase->is_signed[signer] = true;
    rebase->signature[signer] = *signature;
    if (rebase->is_signed[0] && rebase->is_signed[1])
        adopt(channel, events);
}

/* --- Ours. */

bool channel_wants_rebase(const struct channel *channel)
{
    struct wire_rebase said = proposal(channel);
    struct base base;
    if (channel->lost)
        return false;
    if (channel->rebase.has_next || channel->side != 0)
        return channel->rebase.has_next && !channel_is_frozen(channel);
    return !channel->peer_lost && is_silent(channel) &&
           next_base(channel, channel->base.epoch + 1, &said, &base);
}

static enum status sign(struct channel *channel, const struct base *base,
                        const struct channel_signer *signer, struct wire_rebase *out,
                        struct channel_events *events, struct err *err)
{
    struct sign_request request = {
        .terms = &channel->terms,
        .name = &channel->name,
        .side = channel->side,
        .key = channel->key,
        .kind = SIGN_BASE,
        .base = base,
    };
    signature64 signature;
    TRY(signer->sign(signer->self, &request, &signature, err));
    *out = message_of(channel, base, &signature);
    note(channel, channel->side, base, &signature, events);
    return ST_OK;
}

enum status sign_base(struct channel *channel, u64 epoch, const struct channel_signer *signer,
                      struct wire_rebase *out, struct channel_events *events, struct err *err)
{
    struct wire_rebase said = proposal(channel);
    struct base base;
    if (!next_base(channel, epoch, &said, &base))
        return fail(err, ST_INVALID, "what was paid does not fit what the chain has");
    return sign(channel, &base, signer, out, events, err);
}

enum status channel_make_rebase(struct channel *channel, const struct channel_signer *signer,
                                struct wire_rebase *out, struct channel_events *events,
                                struct err *err)
{
    assert(channel_wants_rebase(channel));
    struct base base = channel->rebase.next;
    if (channel->rebase.has_next)
        return sign(channel, &base, signer, out, events, err);
    return sign_base(channel, channel->base.epoch + 1, signer, out, events, err);
}

bool channel_sent_rebase(const struct channel *channel, struct wire_rebase *out)
{
    u32 side = channel->side;
    if (channel_is_frozen(channel))
        *out = message_of(channel, &channel->rebase.next, &channel->rebase.signature[side]);
    else
        *out = message_of(channel, &channel->base, &channel->base_signature[side]);
    return channel_is_frozen(channel) || channel->base.epoch != 0;
}

/* --- The peer's. */

/* What side 0 names, side 1 must count too. */
static bool counts(const struct channel *channel, const struct wire_rebase *said)
{
    return said->deposited_a <= channel->deposited[0] &&
           said->deposited_b <= channel->deposited[1] &&
           said->withdrawn_a <= channel->withdrawn[0] && said->withdrawn_b <= channel->withdrawn[1];
}

static enum status compute(const struct channel *channel, const struct wire_rebase *said,
                           struct base *out, struct err *err)
{
    bool recovers = channel->lost || channel->peer_lost;
    if (said->epoch != channel->base.epoch + 1 && !recovers)
        return fail(err, ST_INVALID, "a base of epoch %lu, the channel is in %lu", said->epoch,
                    channel->base.epoch);
    if (channel->peer_lost && channel_is_frozen(channel) &&
        said->epoch <= channel->rebase.next.epoch) /* R2 */
        return fail(err, ST_INVALID, "a recovery base of epoch %lu, we have signed one of %lu",
                    said->epoch, channel->rebase.next.epoch);
    if (!next_base(channel, said->epoch, said, out))
        return fail(err, ST_INVALID, "the peer's base does not follow from what was paid");
    return ST_OK;
}

/* Who has signed it first gets the other's signature under the same; who has not is asked in the
 * order that the head of this file says, or by one that recovers. */
static enum status check_turn(const struct channel *channel, const struct wire_rebase *said,
                              hash32 digest, struct err *err)
{
    const struct rebase *rebase = &channel->rebase;
    bool answers = (channel->side == 0 || channel->lost) && !channel->peer_lost;
    if (answers && !channel_is_frozen(channel))
        return fail(err, ST_INVALID, "side 0 is the first to sign a base");
    if (answers && !hash32_equal(digest, signed_digest(channel->name.domain,
                                                       base_hash(channel->name.id, &rebase->next))))
        return fail(err, ST_INVALID, "the peer signs another base than we have");
    if (!answers && ((!is_silent(channel) && !channel->peer_lost) || !counts(channel, said)))
        return fail(err, ST_INVALID, "a base while something is under way");
    return ST_OK;
}

/* Of the same connection's, or of an earlier one's. */
static bool was_taken(const struct channel *channel, const struct wire_rebase *said)
{
    const struct rebase *rebase = &channel->rebase;
    u32 peer = peer_side(channel);
    if (said->epoch <= channel->base.epoch)
        return true;
    if (channel->lost)
        return !rebase->recovers || said->epoch != rebase->next.epoch;
    return rebase->has_next && rebase->is_signed[peer] &&
           (!channel->peer_lost || said->epoch <= rebase->next.epoch);
}

enum status channel_take_rebase(struct channel *channel, const struct wire_rebase *said,
                                struct channel_events *events, struct err *err)
{
    u32 peer = peer_side(channel);
    struct base base;
    if (was_taken(channel, said))
        return fail(err, ST_AGAIN, "the base was taken");
    TRY(compute(channel, said, &base, err));
    hash32 digest = signed_digest(channel->name.domain, base_hash(channel->name.id, &base));
    TRY(check_turn(channel, said, digest, err));
    if (!signature_is_of(&said->signature, digest, channel->terms.owner[peer]))
        return fail(err, ST_INVALID, "the signature is not the peer's under this base");
    note(channel, peer, &base, &said->signature, events);
    return ST_OK;
}

enum status channel_replay_rebase(struct channel *channel, bool ours,
                                  const struct wire_rebase *said, struct channel_events *events,
                                  struct err *err)
{
    struct base base;
    if (said->epoch <= channel->base.epoch || !next_base(channel, said->epoch, said, &base))
        return fail(err, ST_CORRUPT, "a base of epoch %lu does not follow", said->epoch);
    note(channel, ours ? channel->side : peer_side(channel), &base, &said->signature, events);
    return ST_OK;
}

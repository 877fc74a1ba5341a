/* Money taken out of an open channel: the side that wants it signs, then the other. From its
 * signature on the money is reserved (R10), until the chain has paid it or it is too late for that
 * for certain. A side has one withdrawal at a time. */
#include "channel/internal.h"

#include <assert.h>

static struct channel_withdraw signed_form(const struct withdrawal *withdrawal, u32 side)
{
    return (struct channel_withdraw){side, withdrawal->total, withdrawal->until_s};
}

static struct wire_withdraw message_of(const struct channel *channel, u32 side)
{
    const struct withdrawal *withdrawal = &channel->withdrawal[side];
    return (struct wire_withdraw){
        .id = channel->name.id,
        .side = (u16)side,
        .total = withdrawal->total,
        .until_s = withdrawal->until_s,
        .signature = withdrawal->signature[channel->side],
    };
}

/* The first signature is that of the side that withdraws. */
static void note(struct channel *channel, u32 signer, const struct wire_withdraw *said)
{
    struct withdrawal *withdrawal = &channel->withdrawal[said->side];
    if (signer == said->side)
        *withdrawal = (struct withdrawal){.total = said->total, .until_s = said->until_s};
    withdrawal->is_signed[signer] = true;
    withdrawal->signature[signer] = said->signature;
}

static enum status sign(struct channel *channel, const struct channel_signer *signer,
                        struct wire_withdraw *said, struct err *err)
{
    struct channel_withdraw form = {said->side, said->total, said->until_s};
    struct sign_request request = {
        .terms = &channel->terms,
        .name = &channel->name,
        .side = channel->side,
        .key = channel->key,
        .kind = SIGN_WITHDRAW,
        .withdraw = &form,
    };
    TRY(signer->sign(signer->self, &request, &said->signature, err));
    note(channel, channel->side, said);
    return ST_OK;
}

/* --- Ours. */

/* Both sides must know that the earlier one is over. */
static bool is_over(const struct channel *channel)
{
    u32 side = channel->side;
    u128 total = channel->withdrawal[side].total;
    return channel_reserved(channel, side, channel->withdrawn[side], channel->final_s) ==
               channel->withdrawn[side] &&
           channel_reserved(channel, side, channel->peer_withdrawn[side], channel->peer_final_s) ==
               channel->peer_withdrawn[side] &&
           (total <= channel->withdrawn[side]) == (total <= channel->peer_withdrawn[side]);
}

enum status channel_begin_withdraw(struct channel *channel, u128 amount, u64 until_s,
                                   const struct channel_signer *signer, struct wire_withdraw *out,
                                   struct err *err)
{
    if (channel->stopped || channel->lost || channel->peer_lost)
        return fail(err, ST_AGAIN, "the channel is closing, or being restored");
    if (channel->owes_ack || !is_over(channel))
        return fail(err, ST_AGAIN, "something is under way that comes first");
    if (amount == 0 || amount > channel_spendable(channel))
        return fail(err, ST_FULL, "the channel has not so much to spend");
    *out = (struct wire_withdraw){
        .id = channel->name.id,
        .side = (u16)channel->side,
        .total = channel->withdrawn[channel->side] + amount,
        .until_s = until_s,
    };
    return sign(channel, signer, out, err);
}

/* --- The peer's. */

static enum status check_signature(const struct channel *channel, const struct wire_withdraw *said,
                                   struct err *err)
{
    struct channel_withdraw form = {said->side, said->total, said->until_s};
    hash32 digest = signed_digest(channel->name.domain, withdraw_hash(channel->name.id, &form));
    if (!signature_is_of(&said->signature, digest, channel->terms.owner[peer_side(channel)]))
        return fail(err, ST_INVALID, "the signature is not the peer's under this withdrawal");
    return ST_OK;
}

static enum status take_wish(struct channel *channel, const struct wire_withdraw *said,
                             struct err *err)
{
    u32 side = peer_side(channel);
    u128 withdrawn = channel->withdrawn[side];
    if (said->until_s < channel->final_s) /* the peer may have spent it since, as we told it so */
        return fail(err, ST_AGAIN, "a withdrawal that is dead");
    if (channel_theirs_reserved(channel) != withdrawn)
        return fail(err, ST_INVALID, "a withdrawal before the last one is over");
    if (said->total <= withdrawn || said->total - withdrawn > channel_receivable(channel))
        return fail(err, ST_INVALID, "the peer withdraws what it has not");
    TRY(check_signature(channel, said, err));
    note(channel, side, said);
    return ST_OK;
}

enum status channel_take_withdraw(struct channel *channel, const struct wire_withdraw *said,
                                  struct err *err)
{
    u32 peer = peer_side(channel);
    if (said->side > 1)
        return fail(err, ST_INVALID, "a withdrawal of a third side");
    const struct withdrawal *known = &channel->withdrawal[said->side];
    bool same = known->total == said->total && known->until_s == said->until_s;
    if (same && known->is_signed[peer])
        return fail(err, ST_AGAIN, "the withdrawal was taken");
    if (said->side == peer)
        return take_wish(channel, said, err);
    if (!same || !known->is_signed[channel->side])
        return fail(err, ST_AGAIN, "an answer that comes too late");
    TRY(check_signature(channel, said, err));
    note(channel, peer, said);
    return ST_OK;
}

bool channel_owes_withdraw(const struct channel *channel, u64 now_s)
{
    u32 side = peer_side(channel);
    const struct withdrawal *withdrawal = &channel->withdrawal[side];
    return withdrawal->is_signed[side] && !withdrawal->is_signed[channel->side] &&
           !channel->stopped && !channel->lost && !channel->peer_lost &&
           withdrawal->until_s >= now_s &&
           withdrawal->until_s <= now_s + 2 * CHANNEL_WITHDRAW_LIFE_S;
}

enum status channel_answer_withdraw(struct channel *channel, const struct channel_signer *signer,
                                    struct wire_withdraw *out, struct err *err)
{
    *out = message_of(channel, peer_side(channel));
    return sign(channel, signer, out, err);
}

/* --- Both. */

enum status channel_replay_withdraw(struct channel *channel, bool ours,
                                    const struct wire_withdraw *said, struct err *err)
{
    if (said->side > 1)
        return fail(err, ST_CORRUPT, "the journal has a withdrawal of a third side");
    note(channel, ours ? channel->side : peer_side(channel), said);
    return ST_OK;
}

bool channel_sent_withdraw(const struct channel *channel, u32 side, struct wire_withdraw *out)
{
    *out = message_of(channel, side);
    return channel->withdrawal[side].is_signed[channel->side];
}

bool channel_withdrawal(const struct channel *channel, u32 side, struct channel_withdraw *out,
                        signature64 signature[2])
{
    const struct withdrawal *withdrawal = &channel->withdrawal[side];
    *out = signed_form(withdrawal, side);
    memcpy(signature, withdrawal->signature, sizeof(withdrawal->signature));
    return withdrawal->is_signed[0] && withdrawal->is_signed[1];
}

bool channel_withdrawal_is_open(const struct channel *channel, u32 side)
{
    return channel_reserved(channel, side, channel->withdrawn[side], channel->final_s) !=
           channel->withdrawn[side];
}

/* A channel's money: what each side has, and what it may still spend. */
#include "channel/internal.h"

#include <assert.h>

void channel_see(struct channel *channel, const u128 deposited[2], const u128 withdrawn[2])
{
    for (u32 side = 0; side < 2; side++) {
        assert(deposited[side] < CHANNEL_AMOUNT_LIMIT && withdrawn[side] < CHANNEL_AMOUNT_LIMIT);
        channel->deposited[side] = deposited[side];
        channel->withdrawn[side] = withdrawn[side];
    }
}

void channel_seen(const struct channel *channel, u128 deposited[2], u128 withdrawn[2])
{
    for (u32 side = 0; side < 2; side++) {
        deposited[side] = channel->deposited[side];
        withdrawn[side] = channel->withdrawn[side];
    }
}

void channel_peer_sees(struct channel *channel, const u128 deposited[2], const u128 withdrawn[2])
{
    memcpy(channel->peer_deposited, deposited, sizeof(channel->peer_deposited));
    memcpy(channel->peer_withdrawn, withdrawn, sizeof(channel->peer_withdrawn));
}

void channel_see_time(struct channel *channel, u64 final_s)
{
    channel->final_s = final_s;
}

u64 channel_seen_time(const struct channel *channel)
{
    return channel->final_s;
}

void channel_peer_sees_time(struct channel *channel, u64 final_s)
{
    channel->peer_final_s = final_s;
}

static i128 signed_amount(u128 amount)
{
    assert(amount >> 126 == 0);
    return (i128)amount;
}

/* The base's balance, brought up to date with the chain. */
i128 channel_carried(const struct channel *channel, u32 side, u128 deposited, u128 withdrawn)
{
    const struct base *base = &channel->base;
    return signed_amount(base->balance[side]) +
           (signed_amount(deposited) - signed_amount(base->deposited[side])) -
           (signed_amount(withdrawn) - signed_amount(base->withdrawn[side]));
}

static u128 at_least_zero(i128 value)
{
    return value < 0 ? 0 : (u128)value;
}

u128 channel_funds(const struct channel *channel, u32 side)
{
    i128 ours = signed_amount(channel->next_sent), theirs = signed_amount(channel->theirs.sent);
    i128 moved = side == channel->side ? theirs - ours : ours - theirs;
    return at_least_zero(
        channel_carried(channel, side, channel->deposited[side], channel->withdrawn[side]) + moved);
}

/* R3: the peer may show any half of ours from the newest on that it acknowledged. */
static u128 most_committed(const struct channel *channel)
{
    u128 most = channel->next_sent + locks_total(channel->locks[channel->side]);
    for (usize i = 0; i < channel->sent_count; i++) {
        const struct half *half = &channel->sent[i]->half;
        if (half->sent + half->locked > most)
            most = half->sent + half->locked;
    }
    return most;
}

static u128 smaller(u128 a, u128 b)
{
    return a < b ? a : b;
}

/* R10: what a side has withdrawn, and what it still may by a signature of ours. What was not
 * executed up to a final block that came too late for it never will be. */
u128 channel_reserved(const struct channel *channel, u32 side, u128 withdrawn, u64 final_s)
{
    const struct withdrawal *withdrawal = &channel->withdrawal[side];
    return withdrawal->total > withdrawn && withdrawal->until_s >= final_s ? withdrawal->total
                                                                           : withdrawn;
}

u128 channel_theirs_reserved(const struct channel *channel)
{
    u32 side = peer_side(channel);
    return channel_reserved(channel, side, channel->withdrawn[side], channel->final_s);
}

u128 channel_spendable(const struct channel *channel)
{
    u32 side = channel->side;
    u128 withdrawn = channel->withdrawn[side];
    if (channel->peer_withdrawn[side] > withdrawn)
        withdrawn = channel->peer_withdrawn[side];
    if (withdrawn >= CHANNEL_AMOUNT_LIMIT)
        return 0; /* the peer talks nonsense; there is nothing that it would take */
    u64 final_s =
        channel->final_s < channel->peer_final_s ? channel->final_s : channel->peer_final_s;
    withdrawn = channel_reserved(channel, side, withdrawn, final_s);
    i128 funds = channel_carried(
        channel, side, smaller(channel->deposited[side], channel->peer_deposited[side]), withdrawn);
    return at_least_zero(funds + signed_amount(channel->theirs.sent) -
                         signed_amount(most_committed(channel)));
}

u128 channel_receivable(const struct channel *channel)
{
    u32 side = peer_side(channel);
    i128 funds =
        channel_carried(channel, side, channel->deposited[side], channel_theirs_reserved(channel));
    return at_least_zero(funds + signed_amount(channel->sent[0]->half.sent) -
                         signed_amount(channel->theirs.sent + channel->theirs.locked));
}

u128 channel_relied(const struct channel *channel)
{
    return channel->relied;
}

i128 channel_net(const struct channel *channel)
{
    const struct base *base = &channel->base;
    u128 sent_a = channel->side == 0 ? channel->next_sent : channel->theirs.sent;
    u128 sent_b = channel->side == 0 ? channel->theirs.sent : channel->next_sent;
    return signed_amount(base->deposited[0]) - signed_amount(base->withdrawn[0]) -
           signed_amount(base->balance[0]) + signed_amount(sent_a) - signed_amount(sent_b);
}

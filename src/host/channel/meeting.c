/* Two who meet again: where each of them is, and what the other has missed. */
#include "channel/internal.h"

const struct sent *find_sent(const struct channel *channel, u64 seq)
{
    u64 first = channel->sent[0]->half.seq;
    return seq >= first && seq - first < channel->sent_count ? channel->sent[seq - first] : NULL;
}

bool channel_sent_update(const struct channel *channel, u64 seq, struct wire_update *out)
{
    const struct sent *sent = find_sent(channel, seq);
    if (sent == NULL || seq == 0)
        return false;
    *out = update_of(channel, sent);
    return true;
}

bool channel_sent_hash(const struct channel *channel, u64 seq, hash32 *out)
{
    const struct sent *sent = find_sent(channel, seq);
    if (sent == NULL)
        return false;
    *out = sent->hash;
    return true;
}

struct channel_progress channel_progress(const struct channel *channel)
{
    return (struct channel_progress){
        .epoch = channel->base.epoch,
        .sent_seq = newest_sent(channel)->half.seq,
        .acked_seq = channel->sent[0]->half.seq,
        .received_seq = channel->theirs.seq,
        .received_hash = channel->their_hash,
    };
}

/* --- Greetings. A side that has signed the next base is in that epoch already, as far as it has
 * anything to say: it has sent nothing in it, and received nothing. */

struct wire_reestablish channel_hello(const struct channel *channel)
{
    struct channel_progress progress = channel_progress(channel);
    struct wire_reestablish hello = {.id = channel->name.id, .epoch = progress.epoch};
    if (channel_is_frozen(channel)) {
        hello.epoch = channel->rebase.next.epoch;
        return hello;
    }
    hello.sent_seq = progress.sent_seq;
    hello.received_seq = progress.received_seq;
    hello.received_hash = progress.received_hash;
    return hello;
}

/* What the peer says of the epoch that we are in. */
static enum status check_progress(const struct channel *channel,
                                  const struct wire_reestablish *said, struct err *err)
{
    struct channel_progress progress = channel_progress(channel);
    hash32 hash;
    if (said->received_seq > progress.sent_seq || said->sent_seq < progress.received_seq ||
        said->received_seq < progress.acked_seq)
        return fail(err, ST_MISSING, "one of the two has lost states");
    if (!channel_sent_hash(channel, said->received_seq, &hash) ||
        !hash32_equal(hash, said->received_hash))
        return fail(err, ST_INVALID, "the peer has another update %lu of ours than we",
                    said->received_seq);
    return ST_OK;
}

enum status channel_meet(struct channel *channel, const struct wire_reestablish *said,
                         struct channel_missed *out, struct err *err)
{
    u64 epoch = channel->base.epoch;
    bool frozen = channel_is_frozen(channel);
    channel->peer_lost = false;
    *out = (struct channel_missed){.seq = newest_sent(channel)->half.seq + 1};
    if (said->epoch == epoch) {
        TRY(check_progress(channel, said, err));
        /* Half 1 of an epoch also says that its base has come. */
        out->base_first = !frozen && epoch != 0 && channel->side != 0 && said->received_seq == 0;
        out->base_last = frozen;
        out->seq = said->received_seq + 1;
        return ST_OK;
    }
    if (said->epoch == epoch + 1 && (frozen || channel->side != 0)) {
        channel->rebase.quiet[0] = channel->rebase.quiet[1] = true; /* it has signed the base */
        return ST_OK;
    }
    return fail(err, ST_MISSING, "the peer is in epoch %lu, we in %lu", said->epoch, epoch);
}

static bool take_flag(bool *flag)
{
    bool was = *flag;
    *flag = false;
    return was;
}

bool channel_say_again(const struct channel *channel, struct channel_missed *missed,
                       struct wire_message *out)
{
    if (take_flag(&missed->base_first)) {
        out->type = WIRE_REBASE;
        return channel_sent_rebase(channel, &out->rebase);
    }
    if (channel_sent_update(channel, missed->seq, &out->update)) {
        out->type = WIRE_UPDATE;
        missed->seq++;
        return true;
    }
    if (take_flag(&missed->base_last)) {
        out->type = WIRE_REBASE;
        return channel_sent_rebase(channel, &out->rebase);
    }
    if (missed->withdrawal)
        return false;
    missed->withdrawal = true;
    out->type = WIRE_WITHDRAW;
    return channel_sent_withdraw(channel, channel->side, &out->withdraw) &&
           !channel->withdrawal[channel->side].is_signed[peer_side(channel)];
}

/* What was said on a connection that is gone; a signature holds. */
void channel_part(struct channel *channel)
{
    bool asked = channel->rebase.asked;
    channel->shown = channel->peer_lost = false;
    if (!channel_is_frozen(channel))
        channel->rebase = (struct rebase){.asked = asked};
}

/* What changes a channel while it is open: new bases (rebase.c), and money taken out (withdraw.c).
 * Their messages go the way of updates: into the journal, then out. */
#include "channel/daemon_chains.h"
#include "channel/daemon_locks.h"
#include "channel/daemon_records.h"

#include "channel/adjudicator.h"
#include "sys/log.h"

enum { EPOCH_AHEAD_S = 600 /* of clocks that differ */ };

static void refused(const struct err *err)
{
    log_error("channel", "the signer refuses", LOG_TEXT("why", err->text));
}

/* --- New bases. */

static void say_silence(struct entry *entry)
{
    struct wire_message message = {.type = WIRE_STFU};
    message.stfu = (struct wire_stfu){channel_name(entry->channel)->id, STFU_REBASE};
    channel_say_silence(entry->channel);
    daemon_say(entry->peer, &message);
}

static void say_rebase(struct entry *entry)
{
    struct wire_message message = {.type = WIRE_REBASE};
    struct err err;
    if (channel_make_rebase(entry->channel, &entry->daemon->signer, &message.rebase,
                            &entry->daemon->events, &err) != ST_OK) {
        refused(&err);
        return;
    }
    record_message(entry, RECORD_SENT, &message);
    daemon_say(entry->peer, &message);
    entry_touch(entry); /* what was held back goes out */
}

enum status splice_take_stfu(struct entry *entry, const struct wire_message *message,
                             struct err *err)
{
    if (message->stfu.why != STFU_REBASE)
        return ending_take_stfu(entry, message, err);
    if (!entry->there)
        return fail(err, ST_INVALID, "STFU before the peer has said where it is");
    channel_take_silence(entry->channel);
    entry_touch(entry);
    return ST_OK;
}

enum status splice_take_rebase(struct entry *entry, const struct wire_message *message,
                               struct err *err)
{
    bool was_lost = channel_is_lost(entry->channel);
    bool recovers = channel_peer_is_lost(entry->channel);
    if (recovers && message->rebase.epoch > entry->chain->time_s + EPOCH_AHEAD_S)
        return fail(err, ST_INVALID, "a recovery base of an epoch that is not now");
    enum status st =
        channel_take_rebase(entry->channel, &message->rebase, &entry->daemon->events, err);
    if (st == ST_AGAIN)
        return ST_OK;
    TRY(st);
    record_message(entry, RECORD_RECEIVED, message);
    if (recovers) {
        say_rebase(entry);
        entry->there = !channel_peer_is_lost(entry->channel);
        if (entry->there)
            rejoin_tell_again(entry);
    }
    if (was_lost)
        restoring_done(entry);
    entry_touch(entry);
    return ST_OK;
}

/* --- Money out. */

void splice_begin(struct entry *entry, u128 amount)
{
    entry->withdraws = amount;
    entry_touch(entry);
}

bool splice_is_done(const struct entry *entry)
{
    return entry->withdraws == 0 &&
           !channel_withdrawal_is_open(entry->channel, channel_side(entry->channel));
}

bool splice_is_over(const struct entry *entry, u64 final_s)
{
    for (u32 side = 0; side < 2; side++) {
        struct channel_withdraw withdraw;
        signature64 signature[2];
        (void)channel_withdrawal(entry->channel, side, &withdraw, signature);
        if (channel_withdrawal_is_open(entry->channel, side) && final_s > withdraw.until_s)
            return true;
    }
    return false;
}

/* Our own, once both have signed it. */
static void send_withdrawal(struct entry *entry)
{
    u8 room[4096];
    struct arena arena = arena_over(room, sizeof(room));
    u32 side = channel_side(entry->channel);
    struct channel_withdraw withdraw;
    signature64 signature[2];
    if (!channel_withdrawal(entry->channel, side, &withdraw, signature) ||
        !channel_withdrawal_is_open(entry->channel, side) ||
        entry->chain->time_s > withdraw.until_s || entry->stage == STAGE_CLOSED)
        return;
    errand_call(entry, ERRAND_WITHDRAW,
                adjudicator_withdraw(channel_terms(entry->channel), &withdraw, signature, &arena));
}

void splice_resume(struct entry *entry)
{
    send_withdrawal(entry);
}

static void say_wish(struct entry *entry)
{
    struct wire_message message = {.type = WIRE_WITHDRAW};
    struct err err;
    enum status st = channel_begin_withdraw(entry->channel, entry->withdraws,
                                            entry->chain->time_s + CHANNEL_WITHDRAW_LIFE_S,
                                            &entry->daemon->signer, &message.withdraw, &err);
    if (st == ST_AGAIN)
        return;
    entry->withdraws = 0;
    if (st == ST_OK) {
        entry->looked = false;
        record_message(entry, RECORD_SENT, &message);
        daemon_say(entry->peer, &message);
    } else {
        log_warn("channel", "a withdrawal cannot be signed", LOG_TEXT("why", err.text));
        methods_wake(entry->daemon, channel_name(entry->channel)->id);
    }
}

static void say_answer(struct entry *entry)
{
    struct wire_message message = {.type = WIRE_WITHDRAW};
    struct err err;
    if (channel_answer_withdraw(entry->channel, &entry->daemon->signer, &message.withdraw, &err) !=
        ST_OK) {
        refused(&err);
        return;
    }
    entry->looked = false;
    record_message(entry, RECORD_SENT, &message);
    daemon_say(entry->peer, &message);
}

/* One that was taken before comes again because the answer was lost. */
enum status splice_take_withdraw(struct entry *entry, const struct wire_message *message,
                                 struct err *err)
{
    const struct wire_withdraw *said = &message->withdraw;
    struct wire_message again = {.type = WIRE_WITHDRAW};
    u32 side = channel_side(entry->channel);
    if (!entry->there)
        return fail(err, ST_INVALID, "WITHDRAW before the peer has said where it is");
    enum status st = channel_take_withdraw(entry->channel, said, err);
    if (st == ST_OK) {
        record_message(entry, RECORD_RECEIVED, message);
        if (said->side == side)
            daemon_after(entry, send_withdrawal);
        entry_touch(entry);
    }
    if (st == ST_AGAIN && said->side != side &&
        channel_sent_withdraw(entry->channel, said->side, &again.withdraw))
        daemon_say(entry->peer, &again);
    return st == ST_AGAIN ? ST_OK : st;
}

/* --- Time. */

/* Epochs stay below the clock, from which a restored side takes one that was never used. */
static bool has_epoch(const struct entry *entry)
{
    return channel_progress(entry->channel).epoch + 1 < entry->chain->time_s;
}

void splice_step(struct entry *entry)
{
    if (entry->stage != STAGE_OPEN)
        return;
    if (channel_wants_silence(entry->channel) && has_epoch(entry))
        say_silence(entry);
    if (channel_wants_rebase(entry->channel))
        say_rebase(entry);
    if (channel_owes_withdraw(entry->channel, entry->chain->time_s))
        say_answer(entry);
    if (entry->withdraws != 0 && entry->chain->time_s != 0)
        say_wish(entry);
}

/* Whether a withdrawal is dead is known from a view, which comes without being asked for only where
 * something has happened. */
bool splice_look(struct entry *entry)
{
    struct chain_of *chain = entry->chain;
    if (entry->stage != STAGE_OPEN)
        return false;
    bool waits = entry->withdraws != 0 || channel_owes_withdraw(entry->channel, chain->time_s);
    if (waits)
        entry_touch(entry);
    if (!entry->looked && splice_is_over(entry, chain->time_s)) {
        entry->looked = true;
        onchain_look(chain->chain, channel_name(entry->channel)->id);
    }
    return waits || (!entry->looked && (channel_withdrawal_is_open(entry->channel, 0) ||
                                        channel_withdrawal_is_open(entry->channel, 1)));
}

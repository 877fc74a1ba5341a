/* Methods that change a channel while it is open. */
#include "channel/daemon_chains.h"
#include "channel/methods.h"

void method_rebase(struct daemon_call *call)
{
    struct entry *entry;
    if (!method_read_entry(call, &entry))
        return;
    channel_ask_rebase(entry->channel);
    entry_touch(entry);
    method_answer_channel(call, entry);
}

void method_withdraw(struct daemon_call *call)
{
    struct entry *entry;
    u128 amount, deposited[2], withdrawn[2];
    if (!method_read_entry(call, &entry) || !method_read_amount(call, "amount", &amount))
        return;
    if (entry->stage != STAGE_OPEN || entry->stopped[0] || entry->stopped[1]) {
        methods_refuse(call, "the channel is closing");
        return;
    }
    if (!splice_is_done(entry)) {
        methods_refuse(call, "another withdrawal is under way");
        return;
    }
    if (amount == 0 || amount > channel_spendable(entry->channel)) {
        method_bad(call, "amount", amount == 0 ? "nothing" : "the channel has not so much");
        return;
    }
    channel_seen(entry->channel, deposited, withdrawn);
    call->amount = withdrawn[channel_side(entry->channel)] + amount;
    method_park(call, WAITS_FOR_WITHDRAWAL, channel_name(entry->channel)->id);
    splice_begin(entry, amount);
}

void method_answer_withdrawal(struct daemon_call *call, const struct entry *entry)
{
    u128 deposited[2], withdrawn[2];
    channel_seen(entry->channel, deposited, withdrawn);
    if (withdrawn[channel_side(entry->channel)] >= call->amount) {
        method_answer_channel(call, entry);
        return;
    }
    if (entry->stage != STAGE_OPEN || splice_is_done(entry))
        methods_refuse(call, "the withdrawal was not executed, and is not any more");
}

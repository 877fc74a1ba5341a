/* The end of a channel.
 *
 *     By both:   STFU both ways, nothing under way any more, CLOSE both ways; who began sends the
 *                transaction. From its CLOSE on a side signs nothing until that has expired.
 *     By one:    forceClose with the newest states, and a bond on that; or the peer does it,
 *                perhaps with older ones, and gets the newest as the answer, and we its bond.
 *                When the time for answers is over, settle; then locks are unlocked (unlock.c). */
#include "channel/daemon_chains.h"
#include "channel/daemon_records.h"

#include "sys/log.h"

enum {
    CLOSE_LIFE_S = 3600, /* of a signed close, and of a forced one that is not yet on chain */
    LATE_CLOSE_S = CLOSE_LIFE_S / 2, /* before its end, the other side sends it too */
};

/* Scratch for one call, of the daemon. */
static struct arena call_arena(const struct entry *entry)
{
    return arena_over(entry->daemon->call_room, CALL_ROOM);
}

/* --- By both. */

void ending_stopped(struct entry *entry, u32 side)
{
    if (side == channel_side(entry->channel) && !entry->stopped[1 - side])
        entry->closes = true;
    entry->stopped[side] = true;
    entry->ends = true;
    channel_stop(entry->channel);
}

static void say_stfu(struct entry *entry, bool is_new)
{
    struct wire_message message = {.type = WIRE_STFU};
    message.stfu = (struct wire_stfu){channel_name(entry->channel)->id, STFU_CLOSE};
    if (is_new)
        record_message(entry, RECORD_SENT, &message);
    daemon_say(entry->peer, &message);
}

void ending_begin(struct entry *entry)
{
    entry->ends = true;
    channel_stop(entry->channel);
    entry_touch(entry);
}

/* Payments that are queued go first: whoever hears STFU counts on having all of them. */
static void stop(struct entry *entry)
{
    u32 side = channel_side(entry->channel);
    if (!entry->ends || entry->stopped[side] || channel_has_queue(entry->channel))
        return;
    ending_stopped(entry, side);
    say_stfu(entry, true);
}

enum status ending_take_stfu(struct entry *entry, const struct wire_message *message,
                             struct err *err)
{
    u32 side = channel_side(entry->channel);
    if (message->stfu.why != STFU_CLOSE)
        return fail(err, ST_INVALID, "STFU for a reason that is not understood");
    if (entry->stopped[1 - side])
        return ST_OK; /* said again after a reconnection */
    record_message(entry, RECORD_RECEIVED, message);
    ending_stopped(entry, 1 - side);
    entry_touch(entry);
    return ST_OK;
}

/* The opener's CLOSE names the time, the other signs the same. */
static void sign_close(struct entry *entry, u64 until_s)
{
    u32 side = channel_side(entry->channel);
    entry->close = (struct channel_close){channel_net(entry->channel), until_s};
    struct sign_request request = {
        .terms = channel_terms(entry->channel),
        .name = channel_name(entry->channel),
        .side = side,
        .key = entry->key,
        .kind = SIGN_CLOSE,
        .close = &entry->close,
    };
    struct channel_signer *signer = &entry->daemon->signer;
    struct err err;
    if (signer->sign(signer->self, &request, &entry->close_signature[side], &err) != ST_OK) {
        log_error("channel", "the signer refuses to close", LOG_TEXT("why", err.text));
        return;
    }
    entry->has_close[side] = true;
}

static void say_close(struct entry *entry, bool is_new)
{
    u32 side = channel_side(entry->channel);
    struct wire_message message = {.type = WIRE_CLOSE};
    message.close = (struct wire_close){
        .id = channel_name(entry->channel)->id,
        .net = entry->close.net,
        .until_s = entry->close.until_s,
        .signature = entry->close_signature[side],
    };
    if (is_new)
        record_message(entry, RECORD_SENT, &message);
    daemon_say(entry->peer, &message);
}

static void send_close(struct entry *entry)
{
    struct arena arena = call_arena(entry);
    if (!entry->has_close[0] || !entry->has_close[1] || entry->stage != STAGE_CLOSING)
        return;
    errand_call(entry, ERRAND_CLOSE,
                adjudicator_coop_close(channel_terms(entry->channel), &entry->close,
                                       entry->close_signature, &arena));
}

void ending_signed(struct entry *entry, u32 side, const struct wire_close *close)
{
    entry->close = (struct channel_close){close->net, close->until_s};
    entry->close_signature[side] = close->signature;
    entry->has_close[side] = true;
    entry->stage = STAGE_CLOSING;
}

enum status ending_take_close(struct entry *entry, const struct wire_message *message,
                              struct err *err)
{
    const struct wire_close *close = &message->close;
    const struct channel_name *name = channel_name(entry->channel);
    u32 side = channel_side(entry->channel), peer = 1 - side;
    struct channel_close said = {close->net, close->until_s};
    if (entry->has_close[peer])
        return ST_OK; /* said again */
    if (!entry->stopped[side] || !entry->stopped[peer] || !channel_is_quiet(entry->channel))
        return fail(err, ST_INVALID, "CLOSE while something is under way");
    if (close->net != channel_net(entry->channel))
        return fail(err, ST_INVALID, "CLOSE with another sum than ours");
    if (entry->has_close[side] ? close->until_s != entry->close.until_s
                               : close->until_s > entry->chain->time_s + 2 * CLOSE_LIFE_S)
        return fail(err, ST_INVALID, "CLOSE with a time that was not agreed on");
    hash32 digest = signed_digest(name->domain, close_hash(name->id, &said));
    if (!signature_is_of(&close->signature, digest, channel_terms(entry->channel)->owner[peer]))
        return fail(err, ST_INVALID, "CLOSE with a signature that is not the peer's");
    record_message(entry, RECORD_RECEIVED, message);
    ending_signed(entry, peer, close);
    if (entry->closes)
        daemon_after(entry, send_close);
    entry_touch(entry);
    return ST_OK;
}

/* Side 0 speaks first. Both then have all that the transaction takes; who wanted the close sends
 * it, and the other one later, if nothing has come of it. */
void ending_step(struct entry *entry)
{
    u32 side = channel_side(entry->channel);
    stop(entry);
    if (!entry->stopped[0] || !entry->stopped[1] || entry->has_close[side] ||
        !channel_is_quiet(entry->channel) || (side == 1 && !entry->has_close[0]) ||
        entry->chain->time_s == 0)
        return;
    sign_close(entry, side == 0 ? entry->chain->time_s + CLOSE_LIFE_S : entry->close.until_s);
    if (!entry->has_close[side])
        return;
    entry->stage = STAGE_CLOSING;
    say_close(entry, true);
    if (entry->closes)
        daemon_after(entry, send_close);
}

void ending_again(struct entry *entry)
{
    u32 side = channel_side(entry->channel);
    if (entry->stopped[side])
        say_stfu(entry, false);
    if (entry->has_close[side])
        say_close(entry, false);
}

/* --- By one. */

/* Whoever sends the transaction is not the channel's key, so the peer's newest half counts only
 * with the key's signature beside the peer's. */
static enum status endorse(const struct entry *entry, const struct half *half, signature64 *out)
{
    struct sign_request request = {
        .terms = channel_terms(entry->channel),
        .name = channel_name(entry->channel),
        .side = channel_side(entry->channel),
        .key = entry->key,
        .kind = SIGN_ENDORSEMENT,
        .half = half,
    };
    struct channel_signer *signer = &entry->daemon->signer;
    struct err err;
    enum status st = signer->sign(signer->self, &request, out, &err);
    if (st != ST_OK)
        log_error("channel", "the signer does not endorse", LOG_TEXT("why", err.text));
    return st;
}

enum status ending_states(const struct entry *entry, struct adjudicator_states *out)
{
    struct channel_proof proof = channel_proof(entry->channel);
    u32 peer = 1 - channel_side(entry->channel);
    *out = (struct adjudicator_states){.base = {.base = proof.base}};
    memcpy(out->base.signature, proof.base_signature, sizeof(out->base.signature));
    for (u32 side = 0; side < 2; side++)
        out->half[side] = (struct adjudicator_half){.half = proof.half[side],
                                                    .payer = proof.half_signature[side]};
    if (proof.half[peer].seq == 0)
        return ST_OK;
    return endorse(entry, &proof.half[peer], &out->half[peer].payee);
}

static void send_force(struct entry *entry)
{
    struct adjudicator_states states;
    struct arena arena = call_arena(entry);
    if (ending_states(entry, &states) != ST_OK)
        return;
    bytes call = adjudicator_force_close(channel_terms(entry->channel), entry->force_until_s,
                                         &states.base, states.half, &arena);
    /* Who knows that it is old claims nothing. */
    errand_force(entry, call, !entry->tower.is_ahead && !channel_is_lost(entry->channel));
}

/* R9: nothing is signed in the channel afterwards. The journal has the decision first: the stage is
 * recorded, and the transaction goes out afterwards. */
static void force(struct entry *entry)
{
    channel_stop(entry->channel);
    looks_add(entry);
    entry->stage = STAGE_FORCED;
    entry->force_until_s = entry->chain->time_s + CLOSE_LIFE_S;
    record_stage(entry);
    daemon_after(entry, send_force);
}

void ending_force(struct entry *entry)
{
    if (entry->stage < STAGE_FORCED)
        force(entry);
}

/* The channel is as good as closed, and the chain says that it is open: the transaction is on its
 * way, or came too late, or the peer's is gone with a reorg. */
static void force_again(struct entry *entry)
{
    u64 now_s = entry->chain->time_s;
    if (entry->force_until_s != 0 && now_s <= entry->force_until_s)
        send_force(entry);
    else if (entry->view.block != 0 && now_s != 0)
        force(entry);
}

static void answer(struct entry *entry)
{
    struct adjudicator_states states;
    struct arena arena = call_arena(entry);
    if (ending_states(entry, &states) != ST_OK)
        return;
    const struct channel_terms *terms = channel_terms(entry->channel);
    entry->answering.has_failed = entry->errands[ERRAND_ANSWER].failures != 0;
    bytes newer = answer_call(terms, &states, &entry->view, &entry->answering, &arena);
    if (newer.size != 0) {
        log_warn("channel", "a dispute with an old state is answered",
                 LOG_HEX("channel", channel_name(entry->channel)->id));
        struct sender_stake stake =
            answer_stake(terms, &states, &entry->view, channel_side(entry->channel));
        errand_urgent(entry, ERRAND_ANSWER, newer, &stake);
    }
    bytes proof = answer_to_lie(terms, &states, &entry->view, &arena);
    if (proof.size != 0) {
        struct sender_stake stake = answer_lie_stake(terms, &entry->view);
        errand_urgent(entry, ERRAND_ACCUSE, proof, &stake);
    }
}

static void settle(struct entry *entry)
{
    const struct onchain_view *view = &entry->view;
    bool is_empty = (view->deposited[0] | view->deposited[1]) == 0;
    if (is_empty && entry->force_until_s == 0)
        return; /* the peer has opened a dispute about nothing, for us to pay for the end of it */
    struct arena arena = call_arena(entry);
    errand_call(entry, ERRAND_SETTLE, answer_end(channel_terms(entry->channel), view, &arena));
}

/* A close by both in a dispute leaves it behind; after a settlement there is none. */
static bool has_bond(const struct entry *entry, const struct onchain_view *view)
{
    return view->bond.amount_wei != 0 && view->bond.side == channel_side(entry->channel);
}

static void take_bond_back(struct entry *entry)
{
    struct arena arena = call_arena(entry);
    errand_call(entry, ERRAND_BOND, adjudicator_return_bond(channel_terms(entry->channel), &arena));
}

/* R9, when the peer closes. */
static void note_dispute(struct entry *entry)
{
    if (entry->stage >= STAGE_FORCED)
        return;
    channel_stop(entry->channel);
    entry->stage = STAGE_FORCED;
    record_stage(entry);
}

static void act_on_view(struct entry *entry)
{
    switch (entry->view.phase) {
    case PHASE_OPEN:
        if (entry->stage == STAGE_FORCED)
            force_again(entry);
        break;
    case PHASE_DISPUTE:
        note_dispute(entry);
        if (entry->chain->time_s >= entry->view.phase_time_s)
            settle(entry);
        else
            answer(entry);
        break;
    case PHASE_UNLOCKING:
        note_dispute(entry);
        unlock_step(entry);
        break;
    case PHASE_CLOSED: /* when it is final: ending_final */
        if (has_bond(entry, &entry->view))
            take_bond_back(entry);
        break;
    }
}

void ending_resume(struct entry *entry)
{
    if (entry->closes)
        send_close(entry);
    if (entry->stage == STAGE_FORCED)
        act_on_view(entry);
}

void ending_final(struct entry *entry, const struct onchain_view *view)
{
    if (view->phase != PHASE_CLOSED || entry->stage == STAGE_CLOSED || has_bond(entry, view))
        return;
    entry->stage = STAGE_CLOSED;
    signer_end(entry->daemon->keys, entry->key);
    entry->peer->channels--;
    channel_stop(entry->channel);
    record_stage(entry);
    chronicle_channel(entry);
    entry_touch(entry);
    methods_wake(entry->daemon, channel_name(entry->channel)->id);
}

void ending_view(struct entry *entry, const struct onchain_view *view)
{
    entry->view = *view;
    act_on_view(entry);
}

/* Who begins a close, and leaves it to us to pay for it, pays for what we get of it at least. */
static bool gains_by_close(const struct entry *entry)
{
    return entry->closes || channel_funds(entry->channel, channel_side(entry->channel)) != 0;
}

/* Time passes: a dispute's end may have come, or a lock's; a close that both signed is sent. What
 * has failed is tried again when errands_tick says so. */
bool ending_look(struct entry *entry)
{
    bool both_stopped = entry->stopped[0] && entry->stopped[1];
    if (entry->stage == STAGE_FORCED && entry->retry_ms == 0)
        act_on_view(entry);
    if (both_stopped && entry->stage < STAGE_FORCED)
        entry_touch(entry); /* it may have waited for a first block */
    if (entry->stage == STAGE_CLOSING &&
        entry->close.until_s < entry->chain->time_s + LATE_CLOSE_S && gains_by_close(entry))
        send_close(entry);
    return entry->stage == STAGE_FORCED || entry->stage == STAGE_CLOSING ||
           (both_stopped && entry->stage == STAGE_OPEN);
}

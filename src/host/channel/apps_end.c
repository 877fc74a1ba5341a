/* The end of an app: what its payers pay, what its payees let go, what expires.
 *
 *     payer  pays its lock down to what goes back to it: PART, or PAID where that is nothing;
 *            drops it when the payee let it go, or when its time is over and no court decided
 *     payee  lets it go when it has been paid all that it is owed, and has signed nothing that
 *            could give it more
 *     hub    pays what it was paid above its fee, and lets its own go when it has that and its
 * payee knows that the other is gone
 *
 * A lock that the court has decided in time does not expire: who is not paid by then closes the
 * channel, and the adjudicator asks the court. */
#include "channel/apps.h"
#include "channel/daemon_chains.h"

#include "sys/log.h"

enum { CLOCKS_S = 60 /* by which the peer's may be behind */ };

/* --- What is owed. */

static u128 moved(const struct app_state *state, const struct leg *leg)
{
    return state->moves[leg->kind - LOCK_OF_FIRST];
}

static bool is_final(const struct session *session)
{
    return session->court.look.decided_s <= session->chain->final_time_s;
}

/* The first that it is paid is its fee. */
static bool hub_target(struct session *session, bool ours, u128 *out)
{
    u128 left = session->in_is_paid ? 0 : leg_lock(session, &session->in, false).amount;
    *out = left < session->out.stake ? left : session->out.stake;
    return ours && (session->in_is_paid || left != 0);
}

bool leg_target(struct session *session, const struct leg *leg, bool ours, u128 *out)
{
    const struct app_state *newest = &session->newest.state;
    if (session_is_decided(session)) {
        *out = session->court.look.kept[leg->kind - LOCK_OF_FIRST];
        return is_final(session);
    }
    if (session->role == APP_OVER)
        return hub_target(session, ours, out);
    *out = leg->stake - leg->fee - moved(newest, leg);
    return session->stage == SESSION_ENDING && newest->mover == APP_OVER;
}

bool session_is_owed(struct session *session)
{
    const struct app_state *newest = &session->newest.state;
    u128 left = leg_lock(session, &session->in, false).amount;
    return left != 0 && newest->mover == APP_OVER &&
           left > session->in.stake - moved(newest, &session->in);
}

/* --- Ours. */

static void say(struct leg *leg, const struct item *item)
{
    struct err err;
    enum status st = channel_queue(leg->entry->channel, item, NULL, &err);
    if (st == ST_OK)
        entry_touch(leg->entry);
    else if (st != ST_AGAIN) /* else the next step says it */
        log_warn("channel", "something about an app's lock cannot be said",
                 LOG_TEXT("why", err.text));
}

static void pay(struct leg *leg, u128 amount, bool whole)
{
    struct item item = {.kind = whole ? ITEM_PAID : ITEM_PART, .slot = leg->slot};
    item.lock.amount = whole ? 0 : amount;
    say(leg, &item);
}

static void drop(struct leg *leg)
{
    struct item item = {.kind = ITEM_DROP, .slot = leg->slot};
    say(leg, &item);
}

/* A lock that the payee has let go may be dropped at once; else what it is owed goes first. */
static void settle_out(struct session *session)
{
    struct leg *out = &session->out;
    u128 left = leg_lock(session, out, true).amount, target;
    u64 now_s = session_now_s(session), margin_s = session->daemon->options.margin_s;
    if (left == 0 || !leg_speaks(out))
        return;
    if (channel_lock_is_given_back(out->entry->channel, out->slot))
        drop(out);
    else if (leg_target(session, out, true, &target) && left > target)
        pay(out, left - target, target == 0);
    else if (!session->court_is_known || now_s <= session->expiry_s + CLOCKS_S)
        return;
    else if (!session_is_decided(session))
        drop(out);
    else if (is_final(session) && now_s > session->expiry_s + 4 * margin_s)
        ending_force(out->entry); /* it is paid, and does not let go */
}

/* R4: a lock that we dropped, or paid down and dropped, can be brought back by the peer until it
 * has acknowledged that; the court would decide it then. */
static bool out_lives(const struct session *session)
{
    const struct leg *out = &session->out;
    return out->entry != NULL && out->entry->stage != STAGE_CLOSED &&
           channel_stake_lives(out->entry->channel, session->id, out->kind);
}

/* --- The peer's. */

/* What we have signed alone may come to be the newest yet. */
static bool pending_gives_more(const struct session *session, u128 left)
{
    const struct signed_state *pending = &session->pending;
    return pending->is_there && (pending->state.mover != APP_OVER ||
                                 left > session->in.stake - moved(&pending->state, &session->in));
}

static bool may_let_go(struct session *session, u128 left)
{
    const struct app_state *newest = &session->newest.state;
    if (session_is_decided(session))
        return is_final(session) && left <= session->court.look.kept[session->in.kind - 1];
    if (session->role == APP_OVER)
        return !out_lives(session) &&
               (!session->is_joined || left <= session->in.stake - session->in.fee);
    return newest->mover == APP_OVER && session_base(session) == newest &&
           left <= session->in.stake - moved(newest, &session->in) &&
           !pending_gives_more(session, left);
}

static void settle_in(struct session *session)
{
    struct leg *in = &session->in;
    u128 left = leg_lock(session, in, false).amount;
    u64 now_s = session_now_s(session), margin_s = session->daemon->options.margin_s;
    if (left == 0)
        return;
    session_claim(session);
    if (session_is_decided(session) && left > session->court.look.kept[in->kind - LOCK_OF_FIRST] &&
        now_s > session->expiry_s + margin_s)
        ending_force(in->entry);
    if (leg_speaks(in) && channel_lock_stands(in->entry->channel, in->slot) &&
        may_let_go(session, left)) {
        struct item item = {.kind = ITEM_FAIL, .slot = in->slot};
        say(in, &item);
    }
}

/* The first may not have heard that the second has ended it. */
static void ask_for_fee(struct session *session)
{
    struct wire_message message = {.type = WIRE_APP_END, .app_end = {session->id}};
    u128 left = leg_lock(session, &session->in, false).amount;
    if (session->role != APP_OVER || !session->is_joined || session->asks || out_lives(session) ||
        left <= session->in.stake - session->in.fee)
        return;
    session->asks = true;
    daemon_say(session->in.entry->peer, &message);
}

/* The other owes us, and has had time to pay; or there will soon be none for the court. */
static void ask_for_it(struct session *session)
{
    u64 now_s = session_now_s(session);
    const struct app_state *newest = &session->newest.state;
    bool is_owed =
        session->role != APP_OVER && session_is_owed(session) && !session_is_decided(session);
    if (!is_owed)
        session->waits_since_s = 0;
    else if (session->waits_since_s == 0)
        session->waits_since_s = now_s;
    if (is_owed && (now_s > session->waits_since_s + session->app.time_s ||
                    now_s + session_need_s(session, newest) > session->expiry_s))
        session_sue(session);
}

void session_settle(struct session *session)
{
    settle_out(session);
    settle_in(session);
    ask_for_it(session);
    ask_for_fee(session);
    if (!out_lives(session) && leg_lock(session, &session->in, false).amount == 0)
        session_set_stage(session, SESSION_DONE);
}

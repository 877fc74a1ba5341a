/* Apps in court: what is shown there, moved there, and asked to be decided.
 *
 *     SHOWING   the newest state that both signed, if the court has an older one
 *     MOVING    our move, when it is our turn; the decision, when it is over or the other's time is
 *
 * Each call follows from what the court has, so that one that failed, or that a reorg took back, is
 * made again. Its name is what it says: the same one is not sent twice. */
#include "channel/apps.h"

#include "crypto/keccak.h"
#include "sys/log.h"

#include <assert.h>
#include <stdlib.h>

/* What a reorg takes back is not claimed any more: else the payer, who may drop it then, could not.
 */
void session_claim(struct session *session)
{
    struct leg *in = &session->in;
    u128 left = leg_lock(session, in, false).amount;
    if (left == 0)
        return;
    if (session_is_decided(session) && left > session->court.look.kept[in->kind - LOCK_OF_FIRST])
        channel_claim(in->entry->channel, in->slot);
    else if (!session_is_decided(session))
        channel_disclaim(in->entry->channel, in->slot);
}

/* A reorg took the decision back: what was stopped because of it is played on. */
static void go_back(struct session *session)
{
    if (session->role != APP_OVER && session->stage == SESSION_ENDING && session->game->has_rules &&
        session->newest.state.version != 0 && session->newest.state.mover != APP_OVER)
        session_set_stage(session, SESSION_LIVE);
}

void session_court_sees(struct session *session, const struct onchain_app *app)
{
    bool was_decided = session->court_is_known && session->court.look.decided_s != 0;
    u8 *data = malloc(app->state.data.size + 1);
    assert(data != NULL);
    bytes_copy(data, app->state.data);
    free((void *)(uintptr_t)session->court.state.data.data);
    session->court = *app;
    session->court.state.data = (bytes){data, app->state.data.size};
    session->court_is_known = true;
    session_claim(session); /* before a message comes: its payer may drop a lock that has expired */
    if (was_decided && app->look.decided_s == 0)
        go_back(session);
    session_touch(session);
}

/* What is lost if a call comes later than that. */
static struct sender_stake stake_of(const struct session *session, u64 until_s)
{
    u128 worth = session->app.stake[0] + session->app.stake[1];
    if (!address_is_zero(session->asset))
        return (struct sender_stake){.until_s = 0};
    return (struct sender_stake){
        {{(u64)worth, (u64)(worth >> 64), 0, 0}}, until_s - session->app.time_s, until_s};
}

static void submit(struct session *session, bytes call, u64 until_s)
{
    struct {
        hash32 id, what;
        u64 failures;
    } name = {session->id, keccak256(call), session->errand.failures};
    if (session->errand.retry_ms != 0)
        return;
    session->errand.key = keccak256(BYTES_OF(name));
    struct onchain_intent intent = {
        .key = session->errand.key,
        .to = ONCHAIN_COURT,
        .data = call,
        .stake = stake_of(session, until_s),
    };
    onchain_submit(session->chain->chain, &intent);
}

static void show(struct session *session)
{
    struct arena arena = session_arena(session);
    u64 show_until_s = session->court.look.show_until_s;
    u64 until_s = show_until_s != 0 ? show_until_s : session->expiry_s - session->app.time_s;
    submit(session,
           court_dispute(&session->app, &session->newest.state, session->newest.signature, &arena),
           until_s);
}

/* The time for showing is over. */
static void go_on(struct session *session)
{
    const struct onchain_app *court = &session->court;
    const struct app_state *shown = &court->state;
    const struct signed_state *next = session_signed(session, shown->version + 1);
    struct arena arena = session_arena(session);
    bool in_time = session_now_s(session) <= court->look.move_until_s;
    if (shown->mover == APP_OVER || (!in_time && shown->mover != session->role))
        submit(session, court_settle(&session->app, shown, &arena), session->expiry_s);
    else if (in_time && shown->mover == session->role && next != NULL)
        submit(
            session,
            court_move(&session->app, shown, &next->state, &next->signature[session->role], &arena),
            court->look.move_until_s);
}

void session_court(struct session *session)
{
    const struct court_look *look = &session->court.look;
    if (!session->court_is_known || session->stage < SESSION_LIVE ||
        session->stage == SESSION_DONE || look->decided_s != 0)
        return;
    if (look->show_until_s == 0) {
        if (session->sues)
            show(session);
    } else if (session_now_s(session) <= look->show_until_s) {
        if (session->newest.state.version > look->version)
            show(session);
    } else if (session->court.has_state) {
        go_on(session);
    }
}

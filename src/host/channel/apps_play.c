/* From the locks to the last state: what two players say to each other, once apps_offer.c has
 * brought them together.
 *
 *     first   APP_OFFER ──────────────────────────────> second
 *                <───────────────── APP_ANSWER, accepted
 *             its lock, then the second's               (or to and from a hub)
 *             APP_STATE 1, signed ────────────────────>
 *                <──────────── the same, signed as well
 *             APP_STATE n, by whoever moves, and the other's signature, until it is over
 *
 * A player signs one state of a version, after the journal has it, and none that the court could
 * not decide on before the locks expire. Its own newest signatures are said again to a player that
 * was away. */
#include "channel/apps.h"
#include "channel/daemon_locks.h"

#include "sys/log.h"

/* --- Locks. */

static void say_end(const struct session *session)
{
    struct wire_message message = {.type = WIRE_APP_END};
    message.app_end.app = session->id;
    daemon_say(session->peer, &message);
}

static void stop(struct session *session)
{
    session_set_stage(session, SESSION_ENDING);
    say_end(session);
}

bool session_in_is_right(struct session *session)
{
    struct lock lock = leg_lock(session, &session->in, false);
    return lock.amount == session->in.stake && lock.expiry_s == session->expiry_s &&
           channel_lock_stands(session->in.entry->channel, session->in.slot);
}

static void say_leg(const struct session *session)
{
    struct wire_message message = {.type = WIRE_APP_LEG};
    message.app_leg = (struct wire_app_leg){session->id, session->peer->node,
                                            session->out.stake - session->out.fee};
    if (session->hub != NULL)
        daemon_say(session->hub, &message);
}

static bool queue_stake(struct session *session)
{
    struct leg *out = &session->out;
    struct item item = {.kind = ITEM_STAKE,
                        .lock = {.amount = out->stake,
                                 .expiry_s = session->expiry_s,
                                 .key = session->id,
                                 .kind = out->kind}};
    struct err err;
    if (!leg_speaks(out) || out->entry->ends || !out->entry->counted)
        return false;
    enum status st = session_allow(session, &err); /* it has allowed it, but for a restart */
    if (st == ST_OK)
        st = channel_queue(out->entry->channel, &item, &out->slot, &err);
    if (st == ST_OK) {
        say_leg(session);
        entry_touch(out->entry);
        return true;
    }
    if (st != ST_AGAIN) {
        log_warn("channel", "an app's stake cannot be locked", LOG_HEX("app", session->id),
                 LOG_TEXT("why", err.text));
        stop(session);
    }
    return false;
}

/* The first locks first; while nobody has signed a move, nothing can be lost by it. */
void session_make_lock(struct session *session)
{
    const struct app_state begin = app_first_state(session->data, 1);
    bool waits = session->in.stake != 0 && session->role == APP_SECOND;
    if (session->peer_ends ||
        session_now_s(session) + session_need_s(session, &begin) > session->expiry_s) {
        stop(session);
        return;
    }
    if (waits && (session->in.entry == NULL || !session_in_is_right(session)))
        return;
    if (session->out.stake == 0 || queue_stake(session))
        session_set_stage(session, SESSION_LIVE);
}

/* --- States. */

static struct wire_message message_of(const struct session *session,
                                      const struct signed_state *from, u32 who)
{
    const struct app_state *state = &from->state;
    struct wire_message message = {.type = WIRE_APP_STATE};
    message.app_state = (struct wire_app_state){
        .app = session->id,
        .version = state->version,
        .mover = (u16)state->mover,
        .from_first = state->moves[0],
        .from_second = state->moves[1],
        .data = state->data,
        .signature = from->signature[who],
    };
    return message;
}

/* With our signature. */
static void say_state(struct session *session, const struct signed_state *from, bool is_new)
{
    struct wire_message message = message_of(session, from, session->role);
    if (is_new)
        record_app_state(session, true, &message);
    daemon_say(session->peer, &message);
}

void session_answer(struct session *session)
{
    if (session_guard_allows(session))
        say_state(session, &session->newest, false);
}

static bool sign(const struct session *session, struct signed_state *state)
{
    struct sign_app app = {session->id, &state->state};
    struct sign_request request = {.kind = SIGN_APP, .app = &app};
    struct err err;
    enum status st =
        signer_sign(session->daemon->keys, &request, &state->signature[session->role], &err);
    if (st != ST_OK)
        log_error("channel", "the signer refuses", LOG_TEXT("why", err.text),
                  LOG_HEX("app", session->id));
    state->is_signed[session->role] = st == ST_OK;
    return st == ST_OK;
}

/* Both have signed it. */
static void adopt(struct session *session, struct signed_state *state)
{
    state_clear(&session->newest);
    session->newest = *state;
    *state = (struct signed_state){.is_there = false};
    u64 version = session->newest.state.version;
    if (session->pending.is_there && session->pending.state.version <= version)
        state_clear(&session->pending);
    if (session->heard.is_there && session->heard.state.version <= version)
        state_clear(&session->heard);
    session_forget_moved(session, version);
    session->waits_since_s = 0;
    session_guard_agreed(session);
    signer_app_agree(session->daemon->keys, session->id, version);
}

/* Signs a state that is the next one, alone. */
static void propose(struct session *session, const struct app_state *state)
{
    session_keep_moved(session);
    state_set(&session->pending, state);
    if (!sign(session, &session->pending)) {
        state_clear(&session->pending);
        return;
    }
    say_state(session, &session->pending, true);
    session_touch(session);
}

/* Whether anything may be signed, outside the court. */
static bool may_sign(struct session *session, const struct app_state *state)
{
    bool is_asked =
        session->sues || (session->court_is_known && session->court.look.show_until_s != 0);
    return session->stage == SESSION_LIVE && !is_asked && !session->is_frozen &&
           !session->peer_ends && session_now_s(session) != 0 &&
           session_now_s(session) + session_need_s(session, state) <= session->expiry_s &&
           (session->in.stake == 0 || (session->in.entry != NULL && session_in_is_right(session)));
}

static bool same_state(const struct app_state *a, const struct app_state *b)
{
    return a->version == b->version && a->mover == b->mover && a->moves[0] == b->moves[0] &&
           a->moves[1] == b->moves[1] && bytes_equal(a->data, b->data);
}

/* Of two without rules: what is no worse for us, of a number that is the peer's. */
static bool is_no_worse(const struct session *session, const struct app_state *state)
{
    const struct app_state *newest = &session->newest.state;
    bool is_first = session->role == APP_FIRST;
    if (state->mover != APP_OVER || state->data.size != 0 || state->moves[1] != 0 ||
        state->version % 2 != (is_first ? 0 : 1))
        return false;
    return is_first ? state->moves[0] <= newest->moves[0]
                    : state->moves[0] >= newest->moves[0] && !session->pending.is_there;
}

/* What the peer has signed follows from the newest state by the rules. */
static bool follows(const struct session *session, const struct app_state *state)
{
    const struct app_state *newest = &session->newest.state;
    if (!session->game->has_rules)
        return is_no_worse(session, state);
    struct app_state begin = app_first_state(session->data, 1);
    if (newest->version == 0)
        return session->role == APP_SECOND && same_state(state, &begin);
    return newest->mover == (enum app_role)(1 - session->role) &&
           app_allows(&session->app, newest, state, session_arena(session));
}

static void countersign(struct session *session)
{
    struct signed_state *heard = &session->heard;
    if (!heard->is_there || !may_sign(session, &heard->state))
        return;
    if (!follows(session, &heard->state)) {
        if (session->game->has_rules) /* it was judged, and is none */
            state_clear(heard);
        return;
    }
    if (!sign(session, heard))
        return;
    struct wire_message theirs = message_of(session, heard, 1 - session->role);
    struct wire_message ours = message_of(session, heard, session->role);
    record_app_state(session, false, &theirs);
    record_app_state(session, true, &ours);
    adopt(session, heard);
    session_answer(session);
    session_touch(session);
}

/* The other's signature under what we have signed alone. */
static bool take_signature(struct session *session, const struct app_state *state,
                           const struct wire_app_state *said)
{
    if (!session->pending.is_there || !same_state(&session->pending.state, state))
        return false;
    session->pending.is_signed[1 - session->role] = true;
    session->pending.signature[1 - session->role] = said->signature;
    adopt(session, &session->pending);
    return true;
}

enum status apps_take_state(struct peer *peer, const struct wire_message *message, struct err *err)
{
    const struct wire_app_state *said = &message->app_state;
    struct session *session = session_find(peer->daemon, said->app);
    struct app_state state = {
        .version = said->version,
        .mover = said->mover < APP_OVER ? (enum app_role)said->mover : APP_OVER,
        .moves = {said->from_first, said->from_second},
        .data = said->data,
    };
    if (session == NULL || session->peer != peer || session->stage < SESSION_LOCKING ||
        session->stage == SESSION_DONE || state.version <= session->newest.state.version)
        return ST_OK; /* of no use (any more) */
    if (said->mover > APP_OVER || !app_state_fits(&session->app, &state))
        return fail(err, ST_INVALID, "a state of an app with more than is at stake");
    u32 other = 1 - session->role;
    if (!signature_is_of(&said->signature, app_digest(session->domain, session->id, &state),
                         session->app.player[other]))
        return fail(err, ST_INVALID, "a state of an app with a signature that is not the peer's");
    session_touch(session);
    if (take_signature(session, &state, said)) {
        record_app_state(session, false, message);
        return ST_OK;
    }
    if (session->heard.is_there && state.version < session->heard.state.version)
        return ST_OK;
    state_set(&session->heard, &state);
    session->heard.is_signed[other] = true;
    session->heard.signature[other] = said->signature; /* who was away, hears it again */
    return ST_OK;
}

void session_record_states(struct session *session)
{
    for (u32 who = 0; who < 2; who++) {
        struct wire_message message = message_of(session, &session->newest, who);
        if (session->newest.is_signed[who])
            record_app_state(session, who == session->role, &message);
    }
    for (usize i = 0; i < session->moved_count; i++) {
        struct wire_message message = message_of(session, &session->moved[i], session->role);
        record_app_state(session, true, &message);
    }
    struct wire_message message = message_of(session, &session->pending, session->role);
    if (session->pending.is_there)
        record_app_state(session, true, &message);
}

/* Whose signatures a state of the journal has, and so what it is. */
enum status session_replay_state(struct session *session, bool ours,
                                 const struct wire_app_state *said, struct err *err)
{
    struct app_state state = {
        .version = said->version,
        .mover = (enum app_role)said->mover,
        .moves = {said->from_first, said->from_second},
        .data = said->data,
    };
    u32 own = session->role, who = ours ? own : 1 - own;
    struct signed_state *to = ours ? &session->pending : &session->heard;
    struct signed_state *other = ours ? &session->heard : &session->pending;
    if (said->mover > APP_OVER || !app_state_fits(&session->app, &state))
        return fail(err, ST_CORRUPT, "the journal has a state of an app that does not fit");
    if (ours)
        signer_app_note(session->daemon->keys, session->id, state.version);
    if (other->is_there && same_state(&other->state, &state)) {
        other->is_signed[who] = true;
        other->signature[who] = said->signature;
        adopt(session, other);
        return ST_OK;
    }
    if (ours)
        session_keep_moved(session);
    state_set(to, &state);
    to->is_signed[who] = true;
    to->signature[who] = said->signature;
    return ST_OK;
}

/* --- Moves. */

enum status session_move(struct session *session, bytes words, struct err *err)
{
    const struct app_state *from = session_base(session);
    struct arena tmp = session_arena(session);
    struct app_state to;
    bool in_court = session->court_is_known && session->court.look.show_until_s != 0;
    if (session->role == APP_OVER || session->stage != SESSION_LIVE)
        return fail(err, ST_INVALID, "the app is not being played");
    if (session->game->has_rules && from->mover != session->role)
        return fail(err, ST_INVALID,
                    from->mover == APP_OVER ? "the app has not begun, or is over"
                                            : "it is the other's turn");
    if (session_waits(session))
        return fail(err, ST_AGAIN, "the other has not answered the move before");
    if (in_court ? !session->game->has_rules || session->is_frozen : !may_sign(session, from))
        return fail(err, ST_AGAIN,
                    "nothing is signed now: the stakes are not there, the court is "
                    "asked, or time is short");
    TRY(session->game->move(&session->app, from, session->role, words, &to, &tmp, err));
    if (session->game->has_rules && !app_allows(&session->app, from, &to, tmp))
        return fail(err, ST_INVALID, "the rules do not allow that");
    propose(session, &to);
    return session->pending.is_there ? ST_OK : fail(err, ST_IO, "the move could not be signed");
}

/* --- The end. */

enum status session_end(struct session *session, struct err *err)
{
    switch (session->stage) {
    case SESSION_OFFERED:
        session_drop(session, "withdrawn");
        return ST_OK;
    case SESSION_ASKED:
        session_refuse(session, "refused");
        return ST_OK;
    case SESSION_LOCKING:
    case SESSION_LIVE:
        break;
    case SESSION_ENDING:
    case SESSION_DONE:
        return ST_OK;
    }
    if (session->role == APP_OVER)
        return fail(err, ST_INVALID, "two others play that");
    if (session_base(session)->mover != APP_OVER ||
        (session_waits(session) && session->game->has_rules))
        return fail(err, ST_AGAIN, "it is not over");
    stop(session);
    return ST_OK;
}

/* Both have signed a state that is not the last: then nobody ends it by saying so. */
static bool is_unfinished(const struct session *session)
{
    const struct app_state *newest = &session->newest.state;
    return newest->version != 0 && newest->mover != APP_OVER;
}

enum status apps_take_end(struct peer *peer, const struct wire_message *message, struct err *err)
{
    struct session *session = session_find(peer->daemon, message->app_end.app);
    (void)err;
    if (session == NULL || (session->peer != peer && session->hub != peer) ||
        is_unfinished(session))
        return ST_OK;
    session->peer_ends = true; /* or the hub's lock is gone, which comes to the same */
    session_touch(session);
    return ST_OK;
}

void apps_met(struct peer *peer)
{
    for (struct session *at = peer->daemon->sessions; at != NULL; at = at->next) {
        if (at->hub == peer && at->stage < SESSION_ENDING && at->stage >= SESSION_LOCKING)
            say_leg(at);
        if (at->role == APP_OVER && at->stage != SESSION_DONE && at->in.entry->peer == peer) {
            at->asks = false;
            session_touch(at);
        }
        if (at->peer != peer || at->stage == SESSION_DONE)
            continue;
        if (at->stage == SESSION_OFFERED)
            session_say_offer(at);
        if (at->stage >= SESSION_LOCKING && at->role == APP_SECOND)
            session_say_accepted(at);
        if (at->newest.is_signed[at->role])
            session_answer(at);
        if (at->pending.is_there)
            say_state(at, &at->pending, false);
        if (at->stage == SESSION_ENDING)
            say_end(at);
    }
}

/* --- Steps of a session that is played. */

/* Whether the other is to do something, with or without a state of ours. */
static bool peer_is_due(struct session *session)
{
    const struct app_state *newest = &session->newest.state;
    if (!session->game->has_rules)
        return false;
    return session_waits(session) || newest->version == 0 ||
           newest->mover == (enum app_role)(1 - session->role);
}

/* The other lets its time go by. */
static bool is_kept_waiting(struct session *session)
{
    u64 now_s = session_now_s(session);
    if (!peer_is_due(session))
        session->waits_since_s = 0;
    else if (session->waits_since_s == 0)
        session->waits_since_s = now_s;
    return session->waits_since_s != 0 && now_s > session->waits_since_s + session->app.time_s;
}

static void begin(struct session *session)
{
    struct app_state state = app_first_state(session->data, 1);
    if (session->game->has_rules && session->role == APP_FIRST &&
        session->newest.state.version == 0 && !session->pending.is_there &&
        may_sign(session, &state))
        propose(session, &state);
}

/* A move that only ends it, while there is time for that. */
static void end_in_time(struct session *session)
{
    const struct app_state *state = session_base(session);
    const char *words = session->game->last_words;
    struct err err;
    bool in_court =
        session->sues || (session->court_is_known && session->court.look.show_until_s != 0);
    if (words == NULL || state->version == 0 || state->mover != session->role ||
        session_waits(session) ||
        (!in_court &&
         session_now_s(session) + session_need_s(session, state) + 2 * (u64)session->app.time_s <=
             session->expiry_s))
        return;
    if (session_move(session, (bytes){(const u8 *)words, strlen(words)}, &err) != ST_OK)
        log_warn("channel", "an app could not be ended in time", LOG_HEX("app", session->id),
                 LOG_TEXT("why", err.text));
}

static bool is_over(struct session *session)
{
    const struct app_state *newest = &session->newest.state;
    bool never = newest->version == 0 && !session->pending.is_there;
    bool given_back = session->out.entry != NULL &&
                      channel_lock_is_given_back(session->out.entry->channel, session->out.slot) &&
                      leg_lock(session, &session->out, true).amount != 0;
    if (session_now_s(session) > session->expiry_s ||
        (session->court_is_known && session->court.look.decided_s != 0))
        return true;
    if (session->game->has_rules && newest->version != 0)
        return newest->mover == APP_OVER;
    if (session->game->has_rules)
        return never && (session->peer_ends || given_back || is_kept_waiting(session));
    return session->peer_ends || given_back ||
           session_now_s(session) + session_need_s(session, newest) + 2 * (u64)session->app.time_s >
               session->expiry_s;
}

void session_play(struct session *session)
{
    const struct app_state *newest = &session->newest.state;
    begin(session);
    countersign(session);
    end_in_time(session);
    if (is_over(session)) {
        stop(session);
        return;
    }
    bool unfinished = is_unfinished(session);
    bool is_last_call =
        session_now_s(session) + session_need_s(session, newest) > session->expiry_s;
    bool waits = is_kept_waiting(session) && (newest->version != 0 || session->pending.is_there);
    if (waits || (is_last_call && (unfinished || session_is_owed(session))))
        session_sue(session);
}

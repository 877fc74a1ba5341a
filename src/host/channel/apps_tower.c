/* An app and the watchtower: after each state that both signed the tower gets what it needs to
 * answer with it in court (tower_app.h), in the place of what it had.
 *
 * One blob of an app is under way at a time, so they come as fast as the tower takes them, and what
 * was between is never given. A game does not wait for that: the tower has a move when its receipt
 * has come. Where there are no rules, and so nobody whose time runs, the peer does not learn that
 * we signed a state while it gives us more than --tower.risk above what the tower has.
 *
 * A blob's sequence says how much it proves, by itself. A tower with a later state that both signed
 * shows that the journal is an old copy, as in tower_client.c. */
#include "channel/apps.h"
#include "channel/daemon_chains.h"
#include "channel/daemon_locks.h"

#include "channel/tower_app.h"
#include "sys/log.h"

/* What of both stakes is ours if it ends like that. */
static u128 worth(const struct session *session, const struct app_state *state)
{
    u32 own = session->role, other = 1 - own;
    return session->app.stake[own] - state->moves[own] + state->moves[other];
}

/* What we have signed alone, if the court could take it after the newest. NULL: nothing. */
static const struct signed_state *next_move(const struct session *session)
{
    return session->game->has_rules ? session_signed(session, session->newest.state.version + 1)
                                    : NULL;
}

/* 0: nobody has signed anything. */
static u64 sequence_of(const struct session *session)
{
    return 2 * session->newest.state.version + (next_move(session) != NULL);
}

bool session_is_guarded(const struct session *session)
{
    return session->guard.has >= sequence_of(session);
}

void session_guard_begin(struct session *session)
{
    point33 node = keyring_node(session->daemon->ring);
    session->guard.hint = tower_app_hint(session->id, &node);
    session->guard.least = session->guard.least_since = worth(session, &session->newest.state);
}

void session_guard_agreed(struct session *session)
{
    struct app_guard *guard = &session->guard;
    u128 now = worth(session, &session->newest.state);
    guard->least = now < guard->least ? now : guard->least;
    guard->least_since = now < guard->least_since ? now : guard->least_since;
}

bool session_guard_allows(struct session *session)
{
    struct app_guard *guard = &session->guard;
    const struct leg *leg = session->in.entry != NULL ? &session->in : &session->out;
    u128 now = worth(session, &session->newest.state);
    guard->holds = session->daemon->tower != NULL && !session->game->has_rules &&
                   leg->entry != NULL && !session_is_guarded(session) && now > guard->least &&
                   now - guard->least > tower_allowed_risk(leg->entry);
    return !guard->holds;
}

/* --- To the tower. */

static void put(struct session *session, u64 sequence, bytes blob)
{
    struct app_guard *guard = &session->guard;
    struct wire_message message = {.type = WIRE_TOWER_PUT};
    message.tower_put = (struct wire_tower_put){guard->hint, sequence, blob};
    guard->put = sequence;
    guard->digest = tower_receipt_digest(guard->hint, sequence, blob);
    guard->is_underway = true;
    guard->least_since = worth(session, &session->newest.state);
    daemon_say(session->daemon->tower, &message);
}

static bytes seal(const struct session *session, u8 room[static TOWER_PUT_MOST])
{
    const struct signed_state *move = next_move(session);
    point33 node = keyring_node(session->daemon->ring);
    struct tower_app app = {
        .player = session->role,
        .asset = session->asset,
        .expiry_s = session->expiry_s,
        .app = session->app,
        .state = session->newest.state,
        .signature = {session->newest.signature[0], session->newest.signature[1]},
        .has_move = move != NULL,
    };
    if (move != NULL) {
        app.move = move->state;
        app.move_signature = move->signature[session->role];
    }
    return tower_app_seal(session->id, &node, &app, room);
}

void session_guard(struct session *session)
{
    struct app_guard *guard = &session->guard;
    struct peer *tower = session->daemon->tower;
    u8 room[TOWER_PUT_MOST];
    if (tower == NULL || !tower->greeted || guard->is_underway || session->role == APP_OVER)
        return;
    if (session->stage == SESSION_DONE) {
        if (guard->put != 0 && guard->put != UINT64_MAX)
            put(session, UINT64_MAX, BYTES_EMPTY);
        return;
    }
    u64 sequence = sequence_of(session);
    if (session->newest.state.version != 0 && sequence > guard->put)
        put(session, sequence, seal(session, room));
}

/* What the tower has of each is not known until it has said so. */
void apps_tower_met(struct daemon *daemon)
{
    for (struct session *at = daemon->sessions; at != NULL; at = at->next) {
        at->guard.is_underway = false;
        if (at->stage == SESSION_DONE && at->guard.put == 0)
            continue; /* over before this run */
        at->guard.put = at->guard.has = 0;
        session_touch(at);
    }
}

/* --- From the tower. */

/* The app that it is about has nothing under way any more. NULL: it had not. */
static struct session *answered(struct daemon *daemon, hint16 hint)
{
    struct session *at = daemon->sessions;
    while (at != NULL &&
           (!at->guard.is_underway || memcmp(at->guard.hint.b, hint.b, sizeof(hint)) != 0))
        at = at->next;
    if (at == NULL)
        return NULL;
    at->guard.is_underway = false;
    session_touch(at);
    return at;
}

enum status apps_take_receipt(struct daemon *daemon, const struct wire_tower_receipt *receipt,
                              struct err *err)
{
    struct session *session = answered(daemon, receipt->hint);
    if (session == NULL || session->guard.put != receipt->sequence ||
        !signature_is_of(&receipt->signature, session->guard.digest, daemon->tower_signer))
        return fail(err, ST_INVALID, "the receipt is not of what was given to the tower");
    session->guard.least = session->guard.least_since;
    session->guard.has = receipt->sequence;
    if (session->guard.holds)
        session_answer(session);
    return ST_OK;
}

enum status apps_take_tower_refusal(struct daemon *daemon, const struct wire_tower_refuse *refusal,
                                    struct err *err)
{
    struct session *session = answered(daemon, refusal->hint);
    if (session == NULL)
        return fail(err, ST_INVALID, "the refusal is not of what was given to the tower");
    bool is_old =
        refusal->sequence / 2 > session->newest.state.version && session->guard.put != UINT64_MAX;
    log_error("channel",
              is_old ? "the tower has a later state of an app: this is an old copy of the journal"
                     : "the tower refuses",
              LOG_HEX("app", session->id), LOG_BYTES("text", refusal->text));
    if (is_old)
        restoring_begin(daemon);
    return ST_OK;
}

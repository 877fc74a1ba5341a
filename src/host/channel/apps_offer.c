/* Offers of apps, and answers to them. */
#include "channel/apps.h"
#include "channel/daemon_locks.h"

#include "base/fmt.h"
#include "channel/tlv.h"
#include "client/abi.h"

#include <assert.h>
#include <stdlib.h>

enum {
    MOST_OPEN = 1000, /* sessions */
    MOST_ASKED = 16,  /* of one peer's, that wait for an answer */
    LEAST_TIME_S = 1,
    MOST_TIME_S = 7 * 86400,
};

struct wire_app_offer session_offer(const struct session *session)
{
    const struct app *app = &session->app;
    return (struct wire_app_offer){
        .app = session->id,
        .chain_id = session->chain->chain_id,
        .adjudicator = session->chain->adjudicator,
        .asset = session->asset,
        .channel = session->channel,
        .stake_first = app->stake[0],
        .stake_second = app->stake[1],
        .rules = app->rules,
        .time_s = app->time_s,
        .expiry_s = session->expiry_s,
        .salt = app->salt,
        .params = app->params,
        .data = session->data,
    };
}

static address address_of(const point33 *node)
{
    address who;
    enum status st = point_address(node, &who);
    assert(st == ST_OK); /* a peer's name is a point */
    return who;
}

static bytes kept(bytes from)
{
    u8 *out = malloc(from.size + 1);
    assert(out != NULL);
    bytes_copy(out, from);
    return (bytes){out, from.size};
}

/* As a game begins with these stakes: whoever offers chooses nothing else. */
static enum status check_game(const struct app_game *game, const struct app *app, bytes data,
                              struct arena tmp, struct err *err)
{
    struct app again = {.params = BYTES_EMPTY};
    bytes first = BYTES_EMPTY;
    struct app_wish wish = {.stake = {app->stake[0], app->stake[1]}, .salt = app->salt};
    struct abi_in in = abi_over(app->params);
    (void)abi_get_hash(&in);
    u256 price = abi_get_u256(&in);
    if (!in.failed && price.w[0] != 0) {
        wish.price = (u128)price.w[1] << 64 | price.w[0];
        wish.seats = (u64)(app->stake[1] / wish.price);
    }
    TRY(game->begin(&wish, &again, &first, &tmp, err));
    if (again.stake[0] != app->stake[0] || again.stake[1] != app->stake[1] ||
        !bytes_equal(again.params, app->params) || !bytes_equal(first, data))
        return fail(err, ST_INVALID, "a %s does not begin like that", game->name);
    return ST_OK;
}

static enum status check_offer(const struct wire_app_offer *offer, const struct app *app,
                               const struct app_game *game, struct arena tmp, struct err *err)
{
    if (game == NULL)
        return fail(err, ST_INVALID, "these rules are not known here");
    if (app->stake[0] >= CHANNEL_AMOUNT_LIMIT || app->stake[1] >= CHANNEL_AMOUNT_LIMIT ||
        offer->expiry_s >> 40 != 0)
        return fail(err, ST_INVALID, "more at stake than there is, or for longer");
    if (app->time_s < LEAST_TIME_S || app->time_s > MOST_TIME_S)
        return fail(err, ST_INVALID, "a time for moves that is not from %d to %d seconds",
                    LEAST_TIME_S, MOST_TIME_S);
    TRY(check_game(game, app, offer->data, tmp, err));
    return hash32_equal(app_id(app, tmp), offer->app)
               ? ST_OK
               : fail(err, ST_INVALID, "an app that has another id");
}

/* Its states may be signed: it is none that was played. */
static enum status check_new(const struct daemon *daemon, const struct wire_app_offer *offer,
                             struct err *err)
{
    const u8 *named = offer->salt.b + sizeof(hash32) - sizeof(offer->expiry_s);
    if (load_be64(named) != offer->expiry_s)
        return fail(err, ST_INVALID, "an app whose id does not say when it expires");
    if (signer_app_is_over(daemon->keys, offer->app, offer->expiry_s))
        return fail(err, ST_INVALID, "it is over, or expires before one that is");
    return ST_OK;
}

static void make_legs(struct session *session, struct entry *entry)
{
    const u128 *stake = session->app.stake;
    u32 own = session->role, other = 1 - own;
    bool has_hub = hash32_is_zero(session->channel);
    if (stake[own] != 0)
        session->out =
            (struct leg){.entry = entry, .kind = LOCK_OF_FIRST + own, .stake = stake[own]};
    if (stake[other] != 0)
        session->in = (struct leg){
            .entry = has_hub ? NULL : entry, .kind = LOCK_OF_FIRST + other, .stake = stake[other]};
    if (has_hub && session->role == APP_FIRST) {
        session->hub = entry->peer;
        session->hub->sessions++;
    }
}

static struct app app_of(const struct daemon *daemon, const struct wire_app_offer *offer, bool ours,
                         const struct peer *peer)
{
    struct arena tmp = pages_arena(&daemon->pages);
    point33 own = keyring_node(daemon->ring);
    struct app_state first = app_first_state(offer->data, 0);
    return (struct app){
        .player = {address_of(ours ? &own : &peer->node), address_of(ours ? &peer->node : &own)},
        .stake = {offer->stake_first, offer->stake_second},
        .rules = offer->rules,
        .time_s = offer->time_s,
        .start = app_state_hash(&first, tmp),
        .salt = offer->salt,
        .params = offer->params,
    };
}

void session_set_fee(struct session *session, u128 fee)
{
    session->out.fee = fee;
    session->out.stake += fee;
}

struct session *session_of_proposal(struct daemon *daemon, struct wire_app_offer *offer,
                                    struct peer *peer, struct entry *entry, u128 fee,
                                    struct err *err)
{
    struct app app = app_of(daemon, offer, true, peer);
    offer->app = app_id(&app, pages_arena(&daemon->pages));
    struct session *session = session_of_offer(daemon, offer, true, peer, entry, err);
    if (session != NULL)
        session_set_fee(session, fee);
    return session;
}

struct session *session_of_offer(struct daemon *daemon, const struct wire_app_offer *offer,
                                 bool ours, struct peer *peer, struct entry *entry, struct err *err)
{
    struct arena tmp = pages_arena(&daemon->pages);
    struct chain_of *chain = daemon_chain(daemon, offer->chain_id);
    struct app_state first = app_first_state(offer->data, 0);
    if (offer->data.size > APP_DATA_LIMIT || offer->params.size > APP_PARAMS_LIMIT)
        return (void)fail(err, ST_INVALID, "an app that is too large"), NULL;
    struct app app = app_of(daemon, offer, ours, peer);
    const struct app_game *game = app_game_of(&app);
    if (chain == NULL || !address_equal(chain->adjudicator, offer->adjudicator))
        return (void)fail(err, ST_INVALID, "its chain is not known here"), NULL;
    if (check_offer(offer, &app, game, tmp, err) != ST_OK)
        return NULL;
    if (!daemon->replaying && check_new(daemon, offer, err) != ST_OK)
        return NULL;
    if (hash32_is_zero(offer->channel) && app.stake[1] != 0)
        return (void)fail(err, ST_INVALID, "with a hub only the first has something at stake"),
               NULL;
    struct session *session = session_new(daemon, offer->app);
    session->stage = ours ? SESSION_OFFERED : SESSION_ASKED;
    session->role = ours ? APP_FIRST : APP_SECOND;
    session->app = app;
    session->app.params = kept(offer->params);
    session->data = kept(offer->data);
    session->game = game;
    if (chain->chain != NULL) /* else it is only remembered, and nothing is signed */
        session->domain = signed_domain("varve app", chain->chain_id, onchain_court(chain->chain));
    session->peer = peer;
    peer->sessions++;
    session->chain = chain;
    session->asset = offer->asset;
    session->channel = offer->channel;
    session->expiry_s = offer->expiry_s;
    state_set(&session->newest, &first);
    session_guard_begin(session);
    make_legs(session, entry);
    return session;
}

void session_say_offer(const struct session *session)
{
    struct wire_message message = {.type = WIRE_APP_OFFER};
    message.app_offer = session_offer(session);
    daemon_say(session->peer, &message);
}

static void say_answer(struct peer *peer, hash32 id, bool accepted, const char *why)
{
    struct wire_message message = {.type = WIRE_APP_ANSWER};
    message.app_answer = (struct wire_app_answer){id, accepted, {(const u8 *)why, strlen(why)}};
    daemon_say(peer, &message);
}

void session_say_accepted(const struct session *session)
{
    say_answer(session->peer, session->id, true, "");
}

static usize asked_by(const struct peer *peer)
{
    usize count = 0;
    for (const struct session *at = peer->daemon->sessions; at != NULL; at = at->next)
        count += at->stage == SESSION_ASKED && at->peer == peer;
    return count;
}

/* Of offers that wait for an answer, the oldest of those goes who have no money in a channel with
 * us: they cost nothing, and last for weeks. */
static bool make_room(struct daemon *daemon)
{
    struct session *oldest = NULL;
    if (daemon->sessions_open < MOST_OPEN)
        return true;
    for (struct session *at = daemon->sessions; at != NULL; at = at->next)
        if (at->stage == SESSION_ASKED && !peer_has_money(at->peer))
            oldest = at;
    if (oldest != NULL)
        session_refuse(oldest, "others wait as well");
    return oldest != NULL;
}

enum status apps_take_offer(struct peer *peer, const struct wire_message *message, struct err *err)
{
    const struct wire_app_offer *offer = &message->app_offer;
    struct session *known = session_find(peer->daemon, offer->app);
    struct entry *entry =
        hash32_is_zero(offer->channel) ? NULL : daemon_find(peer->daemon, offer->channel);
    struct err why;
    (void)err;
    if (known != NULL)
        return ST_OK; /* said again; apps_met says the answer again */
    if (asked_by(peer) >= MOST_ASKED || !make_room(peer->daemon)) {
        say_answer(peer, offer->app, false, "there are too many offers");
        return ST_OK;
    }
    if (!hash32_is_zero(offer->channel) &&
        (entry == NULL || entry->peer != peer || entry->stage != STAGE_OPEN ||
         !address_equal(channel_terms(entry->channel)->asset, offer->asset) ||
         channel_terms(entry->channel)->chain_id != offer->chain_id)) {
        say_answer(peer, offer->app, false, "there is no such channel");
        return ST_OK;
    }
    if (session_of_offer(peer->daemon, offer, false, peer, entry, &why) == NULL)
        say_answer(peer, offer->app, false, why.text);
    return ST_OK;
}

enum status session_accept(struct session *session, struct err *err)
{
    assert(session->stage == SESSION_ASKED);
    TRY(session_begin(session, err));
    record_app(session);
    session_say_accepted(session);
    return ST_OK;
}

void session_refuse(struct session *session, const char *why)
{
    say_answer(session->peer, session->id, false, why);
    session_drop(session, why);
}

static void take_refusal(struct session *session, bytes text)
{
    char why[80];
    fmt(why, sizeof(why), "%.*s", (int)min_u64(text.size, sizeof(why) - 1),
        tlv_text(text) ? (const char *)text.data : "");
    if (session->stage == SESSION_OFFERED)
        session_drop(session, why[0] == 0 ? "the other player refused" : why);
    else if (session->stage == SESSION_LOCKING && session->role == APP_SECOND)
        session_set_stage(session, SESSION_ENDING); /* its offer is forgotten, or over */
}

enum status apps_take_answer(struct peer *peer, const struct wire_message *message, struct err *err)
{
    const struct wire_app_answer *said = &message->app_answer;
    struct session *session = session_find(peer->daemon, said->app);
    struct err why;
    (void)err;
    if (session != NULL && session->peer != peer)
        return ST_OK;
    if (said->accepted == 0) {
        if (session != NULL)
            take_refusal(session, said->text);
        return ST_OK;
    }
    if (session == NULL || session->stage == SESSION_DONE) /* it may have missed the end */
        say_answer(peer, said->app, false, "there is no such offer");
    else if (session->stage == SESSION_OFFERED && session_begin(session, &why) == ST_OK)
        record_app(session);
    else if (session->stage == SESSION_OFFERED)
        session_refuse(session, why.text);
    return ST_OK;
}

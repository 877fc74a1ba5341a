/* Apps by JSON-RPC (apps.h). */
#include "channel/apps.h"
#include "channel/daemon_locks.h"
#include "channel/methods.h"
#include "channel/network.h"

#include "base/json_read.h"
#include "sys/entropy.h"

enum {
    USUAL_MOVE_S = 600,
    USUAL_LIFE_S = 86400,
    USUAL_SHARE = 100, /* of what is at stake: at most for a hub */
    HUB_CLOCK_S = 120, /* by which the hub's chain may be behind ours */
};

/* --- Answers. */

static const char *state_of(const struct session *session)
{
    bool in_court = session->court_is_known && session->court.look.show_until_s != 0;
    switch (session->stage) {
    case SESSION_OFFERED:
        return "offered";
    case SESSION_ASKED:
        return "asked";
    case SESSION_LOCKING:
        return "locking";
    case SESSION_LIVE:
        return session->sues || in_court ? "court" : "live";
    case SESSION_ENDING:
        return session->sues ? "court" : "ending";
    case SESSION_DONE:
        return session->why[0] == 0 ? "done" : "refused";
    }
    bug("unknown stage");
}

static const char *turn_of(const struct session *session)
{
    if (session->role == APP_OVER || session_base(session)->mover == APP_OVER)
        return "nobody's";
    return session_base(session)->mover == session->role && !session_waits(session) ? "ours"
                                                                                    : "theirs";
}

/* What goes over from a player, if it ends as it stands, or as the court decided. */
static u128 moved_from(const struct session *session, u32 player)
{
    if (session->role == APP_OVER)
        return 0;
    if (session_is_decided(session))
        return session->app.stake[player] - session->court.look.kept[player];
    return session_base(session)->moves[player];
}

static void put_app(struct json_out *out, const struct session *session)
{
    static const char *const roles[] = {"first", "second", "hub"};
    bool is_hub = session->role == APP_OVER;
    u32 own = is_hub ? 0 : session->role, other = 1 - own;
    const struct peer *peer = is_hub ? session->in.entry->peer : session->peer;
    json_open_object(out);
    method_put_hex(out, "app", BYTES_OF(session->id));
    method_put_text(out, "kind", is_hub ? "joined" : session->game->name);
    method_put_text(out, "state", state_of(session));
    method_put_text(out, "role", roles[session->role]);
    method_put_hex(out, "peer", BYTES_OF(peer->node));
    json_key(out, "chainId");
    json_put_quantity_u64(out, session->chain->chain_id);
    method_put_amount(out, "stake", is_hub ? session->out.stake : session->app.stake[own]);
    method_put_amount(out, "otherStake", is_hub ? session->out.stake : session->app.stake[other]);
    method_put_amount(out, "fee", is_hub ? session->in.fee : session->out.fee);
    method_put_amount(out, "pays", moved_from(session, own));
    method_put_amount(out, "gets", moved_from(session, other));
    json_key(out, "version");
    json_put_u64(out, session_base(session)->version);
    method_put_text(out, "turn", turn_of(session));
    method_put_hex(out, "data", session_base(session)->data);
    method_put_hex(out, "params", session->app.params);
    json_key(out, "expiry");
    json_put_u64(out, session->expiry_s);
    method_put_text(out, "why", session->why);
    if (session->daemon->tower != NULL && !is_hub) {
        json_key(out, "guarded");
        json_put_bool(out, session_is_guarded(session));
    }
    json_close_object(out);
}

static void answer(struct daemon_call *call, const struct session *session)
{
    json_key(call->out, "result");
    put_app(call->out, session);
    method_answer_after(call);
}

/* --- Arguments. */

static bool read_app(struct daemon_call *call, struct session **out)
{
    hash32 id;
    if (json_read_fixed(method_argument(call, "app"), id.b, sizeof(id.b)) != ST_OK)
        return method_bad(call, "app", "not an id of 32 bytes");
    *out = session_find(call->daemon, id);
    return *out != NULL || method_bad(call, "app", "there is none with this id");
}

static bool read_number(struct daemon_call *call, const char *name, u64 most, u64 *out)
{
    json value = method_argument(call, name);
    return json_is(value, JSON_ABSENT) ||
           (json_read_number_u64(value, out) == ST_OK && *out <= most) ||
           method_bad(call, name, "not such a number");
}

static bool read_amount(struct daemon_call *call, const char *name, u128 *out)
{
    return json_is(method_argument(call, name), JSON_ABSENT) || method_read_amount(call, name, out);
}

struct proposal {
    struct entry *entry;
    struct peer *with;
    const struct app_game *game;
    struct app_wish wish;
    u64 move_s, life_s;
    u128 fee_most; /* for the hub */
};

static bool read_proposal(struct daemon_call *call, struct proposal *out)
{
    json other = method_argument(call, "otherStake");
    *out = (struct proposal){.move_s = USUAL_MOVE_S, .life_s = USUAL_LIFE_S};
    if (!method_read_entry(call, &out->entry))
        return false;
    out->with = out->entry->peer;
    if (!json_is(method_argument(call, "with"), JSON_ABSENT) &&
        !method_read_peer(call, "with", &out->with))
        return false;
    out->game = app_game_named(json_text(method_argument(call, "app"), &call->arena));
    if (out->game == NULL)
        return method_bad(call, "app", "tictactoe, tickets or payments");
    if (!read_amount(call, "stake", &out->wish.stake[0]) ||
        !read_amount(call, "otherStake", &out->wish.stake[1]) ||
        !read_amount(call, "price", &out->wish.price) ||
        !read_number(call, "seats", UINT32_MAX, &out->wish.seats) ||
        !read_number(call, "moveSeconds", UINT32_MAX, &out->move_s) ||
        !read_number(call, "expirySeconds", LONGEST_LOCK_S, &out->life_s))
        return false;
    if (json_is(other, JSON_ABSENT) && out->game->has_rules)
        out->wish.stake[1] = out->wish.stake[0];
    out->fee_most = out->wish.stake[0] / USUAL_SHARE;
    return read_amount(call, "maxFee", &out->fee_most);
}

/* --- Methods. */

/* What the peer asks for joining our lock, as it has told us; as we ask, while it has not. */
static u128 fee_of_hub(const struct proposal *from, u128 amount)
{
    const struct daemon_options *options = &from->entry->daemon->options;
    const struct graph_channel *channel =
        graph_channel(network_graph(from->entry->daemon), channel_name(from->entry->channel)->id);
    u128 base = options->fee_base;
    u32 ppm = options->fee_ppm;
    u32 peer = 1 - channel_side(from->entry->channel);
    if (from->with == from->entry->peer)
        return 0;
    if (channel != NULL && channel->policy[peer].timestamp_s != 0) {
        base = channel->policy[peer].base_fee;
        ppm = channel->policy[peer].fee_ppm;
    }
    return app_join_fee(base, ppm, amount, from->life_s + HUB_CLOCK_S);
}

static struct session *propose(struct daemon_call *call, struct proposal *from, struct err *err)
{
    struct daemon *daemon = call->daemon;
    struct entry *entry = from->entry;
    const struct channel_terms *terms = channel_terms(entry->channel);
    struct app app = {.rules = app_game_rules(from->game), .time_s = (u32)from->move_s};
    bytes data;
    u64 expiry_s = entry->chain->time_s + from->life_s;
    random_fill(from->wish.salt.b, sizeof(from->wish.salt.b));
    store_be64(from->wish.salt.b + sizeof(hash32) - sizeof(expiry_s), expiry_s);
    if (from->game->begin(&from->wish, &app, &data, &call->arena, err) != ST_OK)
        return NULL;
    u128 fee = fee_of_hub(from, app.stake[0]);
    if (fee > from->fee_most || fee >= CHANNEL_AMOUNT_LIMIT)
        return (void)fail(err, ST_INVALID, "the hub asks for more than maxFee for that"), NULL;
    struct wire_app_offer offer = {
        .chain_id = terms->chain_id,
        .adjudicator = terms->adjudicator,
        .asset = terms->asset,
        .channel = from->with == entry->peer ? channel_name(entry->channel)->id : (hash32){{0}},
        .stake_first = app.stake[0],
        .stake_second = app.stake[1],
        .rules = app.rules,
        .time_s = app.time_s,
        .expiry_s = expiry_s,
        .salt = from->wish.salt,
        .params = app.params,
        .data = data,
    };
    return session_of_proposal(daemon, &offer, from->with, entry, fee, err);
}

void method_app_propose(struct daemon_call *call)
{
    struct proposal proposal;
    struct err err;
    if (!read_proposal(call, &proposal))
        return;
    if (proposal.entry->stage != STAGE_OPEN || proposal.entry->ends ||
        proposal.entry->chain->time_s == 0) {
        methods_refuse(call, "the channel is closing, or its chain not seen yet");
        return;
    }
    struct session *session = propose(call, &proposal, &err);
    if (session == NULL) {
        methods_refuse(call, err.text);
        return;
    }
    enum status st = session_allow(session, &err);
    if (st != ST_OK) {
        session_drop(session, err.text);
        method_refuse_payment(call, st, err.text);
        return;
    }
    session_say_offer(session);
    answer(call, session);
}

void method_app_accept(struct daemon_call *call)
{
    struct session *session;
    struct err err;
    if (!read_app(call, &session))
        return;
    if (session->stage != SESSION_ASKED) {
        methods_refuse(call, "it was not proposed to us, or is accepted already");
        return;
    }
    enum status st = session_allow(session, &err);
    if (st != ST_OK) { /* later the limits may let us */
        method_refuse_payment(call, st, err.text);
        return;
    }
    if (session_accept(session, &err) != ST_OK)
        methods_refuse(call, err.text);
    else
        answer(call, session);
}

void method_app_move(struct daemon_call *call)
{
    struct session *session;
    struct err err;
    bytes words = json_text(method_argument(call, "move"), &call->arena);
    if (!read_app(call, &session))
        return;
    if (session_move(session, words, &err) != ST_OK)
        methods_refuse(call, err.text);
    else
        answer(call, session);
}

void method_app_settle(struct daemon_call *call)
{
    struct session *session;
    bool force = false;
    struct err err;
    if (!read_app(call, &session))
        return;
    if (!json_is(method_argument(call, "force"), JSON_ABSENT) &&
        json_read_bool(method_argument(call, "force"), &force) != ST_OK) {
        method_bad(call, "force", "neither true nor false");
        return;
    }
    if (force && (session->stage < SESSION_LIVE || session->stage == SESSION_DONE ||
                  session->role == APP_OVER)) {
        methods_refuse(call, "there is nothing that the court could decide");
        return;
    }
    if (force)
        session_sue(session);
    else if (session_end(session, &err) != ST_OK) {
        methods_refuse(call, err.text);
        return;
    }
    answer(call, session);
}

void method_app_list(struct daemon_call *call)
{
    json_key(call->out, "result");
    json_open_array(call->out);
    for (const struct session *at = call->daemon->sessions; at != NULL; at = at->next)
        put_app(call->out, at);
    json_close_array(call->out);
    method_answer_after(call);
}

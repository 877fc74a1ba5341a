/* A watchtower in the court of apps: what it does for those of its clients that play.
 *
 *     SHOWING   the newest state that both signed, if the court has an older one
 *     MOVING    the move that the client has signed and the other has not answered; the decision,
 *               where that gives the client something
 *
 * An app that nobody has shown comes there too when a channel is disputed in which it has a lock,
 * and the newest state would give the client something: else the lock returns to its payer. What a
 * client has not signed, nobody can move for it. */
#include "channel/tower_internal.h"

#include "sys/log.h"

#include <assert.h>
#include <stdlib.h>

/* --- Blobs. */

/* False: it is nobody's who plays, whoever else knew the id; or of another chain. */
static bool open_blob(const struct court_case *of, const point33 *client, struct tower_app *out,
                      struct arena *arena)
{
    u8 sealed_room[TOWER_PUT_MOST], room[COURT_CALL_ROOM];
    const struct tower_chain *chain = of->chain;
    struct tower_store *store = chain->tower->store;
    hint16 hint = tower_app_hint(of->id, client);
    bytes sealed;
    u64 sequence;
    if (!tower_store_may_be(store, client, hint, of->id) ||
        tower_store_get(store, client, hint, &sequence, sealed_room, &sealed, NULL) != ST_OK)
        return false;
    bool is_owned = tower_app_open(of->id, client, sealed, out, arena, NULL) == ST_OK &&
                    tower_app_is_owned(client, out);
    tower_store_judge(store, client, hint, is_owned ? of->id : (hash32){{0}});
    hash32 domain = signed_domain("varve app", chain->chain_id, onchain_court(chain->chain));
    return is_owned && tower_app_is_signed(of->id, domain, out, arena_over(room, sizeof(room)));
}

/* A player's. False: it has none. */
static bool open_players(const struct court_case *of, u32 player, struct tower_app *out,
                         struct arena *arena)
{
    return of->clients.has[player] && open_blob(of, &of->clients.of[player], out, arena);
}

/* Takes the client for the player that it is. */
static void take_client(struct court_case *of, const point33 *client)
{
    u8 room[TOWER_APP_ROOM];
    struct arena arena = arena_over(room, sizeof(room));
    struct tower_app app;
    if (!open_blob(of, client, &app, &arena))
        return;
    of->clients.has[app.player] = true;
    of->clients.of[app.player] = *client;
    of->expiry_s = max_u64(of->expiry_s, app.expiry_s);
}

static void each_client(void *self, const point33 *client)
{
    take_client(self, client);
}

void tower_court_notice(struct tower *tower, const point33 *client, hint16 hint)
{
    for (struct court_case *at = tower->cases; at != NULL; at = at->next) {
        hint16 its = tower_app_hint(at->id, client);
        if (memcmp(its.b, hint.b, sizeof(its)) == 0)
            take_client(at, client);
    }
}

/* --- Calls. */

/* What is lost if a call comes later than that. */
static struct sender_stake stake_of(const struct tower_app *app, u64 until_s)
{
    u128 worth = app->app.stake[0] + app->app.stake[1];
    if (!address_is_zero(app->asset))
        return (struct sender_stake){.until_s = 0};
    return (struct sender_stake){{{(u64)worth, (u64)(worth >> 64), 0, 0}},
                                 until_s - min_u64(until_s, app->app.time_s),
                                 until_s};
}

static void submit(struct court_case *of, struct tower_calls *calls, bytes call,
                   const struct tower_app *app, u64 until_s)
{
    tower_call(of->chain, of->id, calls, ONCHAIN_COURT, call, stake_of(app, until_s));
}

/* Whether its player has something of the decision. */
static bool gains(const struct tower_app *app, const struct app_state *shown, bool in_time)
{
    u32 other = 1 - app->player;
    if (shown->mover == APP_OVER)
        return shown->moves[other] != 0;
    return !in_time && shown->mover == other && app->app.stake[other] != 0;
}

/* Whether to begin with it: its player has something of it as it stands, or once it has moved. */
static bool is_worth_showing(const struct court_case *of, const struct tower_app *app)
{
    return of->chain->time_s + app->app.time_s < app->expiry_s &&
           (app->has_move || gains(app, &app->state, false));
}

/* The newest of all clients'. */
static void show(struct court_case *of)
{
    u8 rooms[2][TOWER_APP_ROOM], call_room[COURT_CALL_ROOM];
    struct arena call = arena_over(call_room, sizeof(call_room));
    struct tower_app app[2], best = {.state.version = of->view.look.version};
    u64 until_s = of->view.look.show_until_s;
    bool has = false, is_worth = until_s != 0;
    for (u32 player = 0; player < 2; player++) {
        struct arena arena = arena_over(rooms[player], sizeof(rooms[player]));
        if (!open_players(of, player, &app[player], &arena))
            continue;
        is_worth |= is_worth_showing(of, &app[player]);
        if (app[player].state.version > best.state.version) {
            best = app[player];
            has = true;
        }
    }
    if (!has || !is_worth)
        return;
    log_warn("tower", until_s != 0 ? "an old state of an app is answered" : "an app is shown",
             LOG_HEX("app", of->id));
    submit(of, &of->calls, court_dispute(&best.app, &best.state, best.signature, &call), &best,
           until_s != 0 ? until_s : best.expiry_s - min_u64(best.expiry_s, best.app.time_s));
}

/* The time for showing is over. */
static void go_on(struct court_case *of)
{
    u8 room[TOWER_APP_ROOM], call_room[COURT_CALL_ROOM];
    struct arena call = arena_over(call_room, sizeof(call_room));
    const struct court_look *look = &of->view.look;
    const struct app_state *shown = &of->view.state;
    bool in_time = of->chain->time_s <= look->move_until_s;
    struct tower_app app;
    for (u32 player = 0; player < 2; player++) {
        struct arena arena = arena_over(room, sizeof(room));
        if (!open_players(of, player, &app, &arena))
            continue;
        if (in_time && app.has_move && shown->mover == app.player &&
            app.move.version == shown->version + 1) {
            submit(of, &of->moves,
                   court_move(&app.app, shown, &app.move, &app.move_signature, &call), &app,
                   look->move_until_s);
            return;
        }
        if (gains(&app, shown, in_time)) {
            submit(of, &of->calls, court_settle(&app.app, shown, &call), &app, app.expiry_s);
            return;
        }
    }
}

static bool is_decided(const struct court_case *of)
{
    const struct court_look *look = &of->view.look;
    return look->decided_s != 0 && look->decided_s <= of->chain->final_time_s;
}

/* Clients may make up any expiry; a case goes on for so long at most. One that a channel depends on
 * does so, for its locks. */
static bool is_over(const struct court_case *of)
{
    enum { MOST_S = 30 * 86400 };
    u64 now_s = of->chain->final_time_s;
    return (of->begun_s != 0 && now_s > of->begun_s + MOST_S) ||
           (!of->is_wanted && (now_s > of->expiry_s || is_decided(of)));
}

static void act(struct court_case *of)
{
    const struct court_look *look = &of->view.look;
    u64 now_s = of->chain->time_s; /* 0: no block was seen yet */
    if (!of->has_view || of->calls.is_underway || of->moves.is_underway || look->decided_s != 0 ||
        now_s == 0 || now_s > of->expiry_s)
        return;
    if (look->show_until_s == 0 ? of->is_wanted : now_s <= look->show_until_s)
        show(of);
    else if (look->show_until_s != 0 && of->view.has_state)
        go_on(of);
}

/* --- What the chain says. */

static struct court_case **find(const struct tower_chain *chain, hash32 id)
{
    struct court_case **at = &chain->tower->cases;
    while (*at != NULL && ((*at)->chain != chain || !hash32_equal((*at)->id, id)))
        at = &(*at)->next;
    return at;
}

/* NULL: there is no blob of it. */
static struct court_case *take(struct tower_chain *chain, hash32 id, u64 block)
{
    struct court_case **end = find(chain, id), found = {.chain = chain, .id = id, .block = block};
    if (*end != NULL) {
        (*end)->block = min_u64((*end)->block, block); /* after a reorg */
        return *end;
    }
    tower_store_clients(chain->tower->store, &found, each_client);
    if (found.expiry_s == 0)
        return NULL;
    struct court_case *made = malloc(sizeof(*made));
    assert(made != NULL);
    *made = found;
    *end = made;
    log_info("tower", "an app's case begins", LOG_HEX("app", id), LOG_U64("block", block));
    onchain_watch_app(chain->chain, id);
    return made;
}

void tower_court_shown(struct tower_chain *chain, hash32 id, u64 block)
{
    (void)take(chain, id, block);
}

bool tower_court_wanted(struct tower_chain *chain, hash32 id, u64 block)
{
    struct court_case *of = take(chain, id, block);
    if (of == NULL || of->is_wanted)
        return false;
    of->is_wanted = true;
    return true;
}

static void end_case(struct court_case **at)
{
    struct court_case *ended = *at;
    *at = ended->next;
    log_info("tower", "an app's case is over", LOG_HEX("app", ended->id));
    onchain_forget_app(ended->chain->chain, ended->id);
    free((void *)(uintptr_t)ended->view.state.data.data);
    free(ended);
}

void tower_court_view(struct tower_chain *chain, hash32 id, const struct onchain_app *view)
{
    struct court_case *of = *find(chain, id);
    if (of == NULL)
        return;
    u8 *data = malloc(view->state.data.size + 1);
    assert(data != NULL);
    bytes_copy(data, view->state.data);
    free((void *)(uintptr_t)of->view.state.data.data);
    of->view = *view;
    of->view.state.data = (bytes){data, view->state.data.size};
    of->has_view = true;
    act(of);
}

void tower_court_block(struct tower_chain *chain)
{
    for (struct court_case **at = &chain->tower->cases; *at != NULL;) {
        if ((*at)->chain != chain) {
            at = &(*at)->next;
            continue;
        }
        if ((*at)->begun_s == 0)
            (*at)->begun_s = chain->time_s;
        if (is_over(*at)) {
            end_case(at);
        } else {
            act(*at);
            at = &(*at)->next;
        }
    }
}

bool tower_court_decided(const struct tower_chain *chain, hash32 id, u64 by_s)
{
    const struct court_case *of = *find(chain, id);
    return of != NULL && of->view.look.decided_s != 0 && of->view.look.decided_s <= by_s;
}

void tower_court_outcome(struct tower_chain *chain, hash32 key, bool succeeded, const char *why)
{
    struct court_case *at = chain->tower->cases;
    while (at != NULL && !hash32_equal(at->calls.key, key) && !hash32_equal(at->moves.key, key))
        at = at->next;
    if (at != NULL)
        tower_called(hash32_equal(at->calls.key, key) ? &at->calls : &at->moves, at->id, succeeded,
                     why);
}

u64 tower_court_since(const struct tower_chain *chain, u64 first)
{
    for (const struct court_case *at = chain->tower->cases; at != NULL; at = at->next)
        if (at->chain == chain && !is_decided(at) && chain->final_time_s <= at->expiry_s)
            first = min_u64(first, at->block);
    return first;
}

void tower_court_close(struct tower *tower)
{
    while (tower->cases != NULL) {
        struct court_case *next = tower->cases->next;
        free((void *)(uintptr_t)tower->cases->view.state.data.data);
        free(tower->cases);
        tower->cases = next;
    }
}

/* What the court says of apps that locks of ours depend on.
 *
 * An app that is watched is looked at once, and then whenever it has logs, or had some on a branch
 * that the chain has left. */
#include "channel/onchain_internal.h"

#include <stdlib.h>

static struct watched_app *find(const struct onchain *chain, hash32 id)
{
    struct watched_app *at = chain->apps;
    while (at != NULL && !hash32_equal(at->id, id))
        at = at->next;
    return at;
}

void court_watch(struct onchain *chain, hash32 id)
{
    if (find(chain, id) != NULL)
        return;
    struct watched_app *app = calloc(1, sizeof(*app));
    assert(app != NULL);
    *app = (struct watched_app){.next = chain->apps, .id = id, .is_stale = true};
    chain->apps = app;
}

static void free_data(struct watched_app *app)
{
    free((void *)(uintptr_t)app->state.data.data);
    app->has_state = false;
    app->state.data = BYTES_EMPTY;
}

void court_forget(struct onchain *chain, hash32 id)
{
    struct watched_app **at = &chain->apps;
    while (*at != NULL && !hash32_equal((*at)->id, id))
        at = &(*at)->next;
    struct watched_app *app = *at;
    if (app == NULL)
        return;
    *at = app->next;
    free_data(app);
    free(app);
}

void court_forget_all(struct onchain *chain)
{
    while (chain->apps != NULL)
        court_forget(chain, chain->apps->id);
}

void court_leave_branch(struct onchain *chain)
{
    for (struct watched_app *app = chain->apps; app != NULL; app = app->next)
        if (app->has_logs) {
            free_data(app);
            app->is_stale = true;
        }
}

static void keep_state(struct watched_app *app, const struct app_state *state)
{
    u8 *data = malloc(state->data.size + 1);
    assert(data != NULL);
    bytes_copy(data, state->data);
    free_data(app);
    app->state = *state;
    app->state.data = (bytes){data, state->data.size};
    app->has_state = true;
}

bool court_matters(const struct onchain *chain)
{
    return chain->apps != NULL || chain->options.listener.shown != NULL;
}

static void tell_shown(struct onchain *chain, hash32 app, u64 block)
{
    if (chain->options.listener.shown == NULL || block <= chain->scanned)
        return;
    struct telling *telling = telling_new(0);
    telling->kind = TELL_SHOWN;
    telling->key = app;
    telling->number = block;
    tell(chain, telling);
}

void court_take_logs(struct onchain *chain, const struct eth_logs *logs)
{
    for (usize i = 0; i < logs->count; i++) {
        struct court_event event;
        struct err why;
        /* Any state that two sign may be shown in a court: what does not read is no app of ours. */
        if (court_read_event(&logs->list[i].log, &event, &why) != ST_OK)
            continue;
        if (event.kind == COURT_STATE_CHANGED)
            tell_shown(chain, event.app, logs->list[i].block_number);
        struct watched_app *app = find(chain, event.app);
        if (app == NULL)
            continue;
        app->is_stale = app->has_logs = true;
        if (event.kind == COURT_STATE_CHANGED)
            keep_state(app, &event.state);
    }
}

/* --- Telling. */

/* Backwards, in steps that grow, from the newest block: what was shown before we watched. */
static enum status find_state(struct onchain *chain, struct watched_app *app, u64 version,
                              struct arena tmp, struct err *err)
{
    enum { FIRST_STEP = 1000, GROWTH = 4 };
    struct eth_filter filter = {chain->court, &court_topics()[COURT_STATE_CHANGED], 1};
    u64 step = FIRST_STEP, last = chain->tip.number;
    for (;;) {
        struct arena part = tmp;
        struct eth_logs logs;
        u64 first = last < step ? 0 : last - step + 1;
        enum status st = eth_ask_logs(chain->eth, first, last, &filter, &logs, &part, err);
        if (st == ST_FULL && step > 1) {
            step /= 2;
            continue;
        }
        TRY(st);
        for (usize i = logs.count; i-- > 0;) {
            struct court_event event;
            if (court_read_event(&logs.list[i].log, &event, NULL) == ST_OK &&
                hash32_equal(event.app, app->id) && event.state.version == version) {
                keep_state(app, &event.state);
                return ST_OK;
            }
        }
        if (first == 0)
            return ST_OK; /* what the court has of it does not read */
        last = first - 1;
        step *= GROWTH;
    }
}

static enum status tell_app(struct onchain *chain, struct watched_app *app, struct err *err)
{
    struct court_look look;
    struct arena tmp = pages_arena(&chain->pages);
    TRY(court_ask(chain->eth, chain->court, app->id, eth_at_hash(chain->tip.hash), &look, tmp,
                  err));
    bool is_open = look.show_until_s != 0 && look.decided_s == 0;
    app->has_logs |= look.show_until_s != 0;
    if (is_open && (!app->has_state || app->state.version != look.version))
        TRY(find_state(chain, app, look.version, tmp, err));
    bool has_state = is_open && app->has_state && app->state.version == look.version;
    bytes data = has_state ? app->state.data : BYTES_EMPTY;
    struct telling *telling = telling_new((data.size + sizeof(hash32) - 1) / sizeof(hash32));
    telling->kind = TELL_APP;
    telling->key = app->id;
    telling->app = (struct onchain_app){.look = look, .has_state = has_state};
    if (has_state)
        telling->app.state = app->state;
    bytes_copy(telling->batch, data);
    telling->app.state.data = (bytes){(const u8 *)telling->batch, data.size};
    tell(chain, telling);
    return ST_OK;
}

enum status court_tell(struct onchain *chain, struct err *err)
{
    enum status worst = ST_OK;
    for (struct watched_app *app = chain->apps; app != NULL && !chain->stopping; app = app->next) {
        if (!app->is_stale)
            continue;
        enum status st = chain->options.listener.app == NULL ? ST_OK : tell_app(chain, app, err);
        app->is_stale = st != ST_OK;
        worst = st != ST_OK ? st : worst;
    }
    return worst;
}

#include "channel/signer_apps.h"

#include <assert.h>
#include <stdlib.h>

struct signed_app {
    struct signed_app *next;
    struct signer_app is;
    u64 newest; /* version of what was signed, and */
    u64 floor;  /* the one before it: of states between the two none is signed yet */
};

static struct signed_app *find(const struct signed_apps *all, hash32 id)
{
    struct signed_app *at = all->first;
    while (at != NULL && !hash32_equal(at->is.id, id))
        at = at->next;
    return at;
}

/* --- Those that are over. */

static bool is_listed(const struct apps_over *over, hash32 id)
{
    for (usize i = 0; i < over->count; i++)
        if (hash32_equal(over->list[i].id, id))
            return true;
    return false;
}

static struct app_over *first_to_expire(struct apps_over *over)
{
    struct app_over *first = &over->list[0];
    for (usize i = 1; i < over->count; i++)
        if (over->list[i].expiry_s < first->expiry_s)
            first = &over->list[i];
    return first;
}

static void add_over(struct apps_over *over, const struct app_over *app)
{
    if (app->expiry_s <= over->until_s || is_listed(over, app->id))
        return;
    if (over->count < APPS_OVER_MOST) {
        over->list[over->count++] = *app;
        return;
    }
    struct app_over *to = first_to_expire(over);
    if (app->expiry_s <= to->expiry_s) {
        over->until_s = app->expiry_s;
        return;
    }
    over->until_s = to->expiry_s;
    *to = *app;
}

bool signed_apps_is_over(const struct signed_apps *all, hash32 id, u64 expiry_s)
{
    return expiry_s <= all->over.until_s || is_listed(&all->over, id);
}

void signed_apps_add_over(struct signed_apps *all, const struct app_over *list, usize count,
                          u64 until_s)
{
    for (usize i = 0; i < count; i++)
        add_over(&all->over, &list[i]);
    if (until_s > all->over.until_s)
        all->over.until_s = until_s;
}

/* --- Those that are played. */

enum status signed_apps_begin(struct signed_apps *all, const struct signer_app *app,
                              struct err *err)
{
    if (find(all, app->id) != NULL)
        return ST_OK;
    if (signed_apps_is_over(all, app->id, app->expiry_s))
        return fail(err, ST_INVALID, "the app is over, or ends before one that is");
    struct signed_app *made = calloc(1, sizeof(*made));
    assert(made != NULL);
    made->is = *app;
    made->next = all->first;
    all->first = made;
    return ST_OK;
}

static void put(struct signed_app *app, u64 version)
{
    if (version > app->newest) {
        app->floor = app->newest;
        app->newest = version;
    } else if (version < app->newest && version > app->floor) {
        app->floor = version;
    }
}

void signed_apps_agree(struct signed_apps *all, hash32 id, u64 version)
{
    struct signed_app *app = find(all, id);
    if (app == NULL)
        return;
    app->newest = version > app->newest ? version : app->newest;
    app->floor = version > app->floor ? version : app->floor;
}

void signed_apps_note(struct signed_apps *all, hash32 id, u64 version)
{
    struct signed_app *app = find(all, id);
    if (app != NULL)
        put(app, version);
}

void signed_apps_end(struct signed_apps *all, hash32 id)
{
    struct signed_app **at = &all->first;
    while (*at != NULL && !hash32_equal((*at)->is.id, id))
        at = &(*at)->next;
    struct signed_app *app = *at;
    if (app == NULL)
        return;
    add_over(&all->over, &(struct app_over){id, app->is.expiry_s});
    *at = app->next;
    free(app);
}

/* By rules one moves after the other, and versions rise. Without, a state that the other proposed
 * may have a lower version than ours that waits for it, but than no other. */
static bool is_new(const struct signed_app *app, u64 version)
{
    return version > app->newest ||
           (!app->is.has_rules && version > app->floor && version < app->newest);
}

enum status signed_apps_judge(struct signed_apps *all, const struct sign_app *app, hash32 *digest,
                              struct err *err)
{
    struct signed_app *known = find(all, app->id);
    const struct app_state *state = app->state;
    if (known == NULL)
        return fail(err, ST_INVALID, "the signer knows no such app");
    const struct app limits = {.stake = {known->is.stake[0], known->is.stake[1]}};
    if (hash32_is_zero(known->is.domain))
        return fail(err, ST_INVALID, "the app's chain is not known");
    if (state->version == 0 || !is_new(known, state->version))
        return fail(err, ST_INVALID, "the signer has signed state %lu of the app, and signs no %lu",
                    known->newest, state->version);
    if (!app_state_fits(&limits, state))
        return fail(err, ST_INVALID, "a state of an app with more than is at stake");
    put(known, state->version);
    *digest = app_digest(known->is.domain, app->id, state);
    return ST_OK;
}

void signed_apps_free(struct signed_apps *all)
{
    while (all->first != NULL) {
        struct signed_app *next = all->first->next;
        free(all->first);
        all->first = next;
    }
}

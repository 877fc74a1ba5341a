#include "channel/signer_apps.h"

#include <assert.h>
#include <stdlib.h>

struct signed_app {
    struct signed_app *next;
    struct signer_app is;
    u64 newest; /* version of what was signed, and */
    u64 floor;  /* the one before it: of states between the two none is signed yet */
    bool is_over;
};

static struct signed_app *find(const struct signed_apps *all, hash32 id)
{
    struct signed_app *at = all->first;
    while (at != NULL && !hash32_equal(at->is.id, id))
        at = at->next;
    return at;
}

/* Those that are over are kept: nobody plays one again whose signatures are out. */
void signed_apps_begin(struct signed_apps *all, const struct signer_app *app)
{
    if (find(all, app->id) != NULL)
        return;
    struct signed_app *made = calloc(1, sizeof(*made));
    assert(made != NULL);
    made->is = *app;
    made->next = all->first;
    all->first = made;
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
    struct signed_app *app = find(all, id);
    if (app != NULL)
        app->is_over = true;
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
    if (known->is_over || hash32_is_zero(known->is.domain))
        return fail(err, ST_INVALID, "the app is over, or its chain is not known");
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

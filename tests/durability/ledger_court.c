/* The ledger's court of apps, which keeps to contracts/channel/Apps.sol. Rules are asked as the
 * daemon asks them (app_allows). */
#include "durability/ledger.h"

#include "channel/app_encoding.h"

#include <stdlib.h>

const address LEDGER_COURT = {{[0] = 0xc0, [19] = 0x27}};

/* --- What a call says. */

static struct abi_in get_tuple(struct abi_in *in)
{
    u64 offset = abi_get_u64(in);
    return abi_over(bytes_slice(in->all, offset, in->all.size));
}

static void get_app(struct abi_in *in, struct app *out)
{
    struct abi_in tuple = get_tuple(in);
    out->player[0] = abi_get_address(&tuple);
    out->player[1] = abi_get_address(&tuple);
    out->stake[0] = abi_get_u128(&tuple);
    out->stake[1] = abi_get_u128(&tuple);
    out->rules = abi_get_address(&tuple);
    out->time_s = (u32)abi_get_u64(&tuple);
    out->start = abi_get_hash(&tuple);
    out->salt = abi_get_hash(&tuple);
    out->params = abi_get_bytes(&tuple);
    in->failed |= tuple.failed;
}

static void get_state(struct abi_in *in, struct app_state *out)
{
    struct abi_in tuple = get_tuple(in);
    out->version = abi_get_u64(&tuple);
    u8 mover = abi_get_u8(&tuple);
    out->mover = mover < APP_OVER ? (enum app_role)mover : APP_OVER;
    out->moves[0] = abi_get_u128(&tuple);
    out->moves[1] = abi_get_u128(&tuple);
    out->data = abi_get_bytes(&tuple);
    in->failed |= tuple.failed;
}

static void get_signature(struct abi_in *in, signature64 *out)
{
    hash32 halves[2];
    halves[0] = abi_get_hash(in);
    halves[1] = abi_get_hash(in);
    memcpy(out->b, halves, sizeof(out->b));
}

struct asked {
    struct ledger *ledger;
    struct app app;
    hash32 id;
    struct app_state state; /* the first that it names */
    struct abi_in in;       /* what comes after it */
    struct arena tmp;
};

static bool is_signed(const struct asked *asked, u32 who, const struct app_state *state,
                      const signature64 *signature)
{
    hash32 domain = signed_domain("varve app", LEDGER_CHAIN, LEDGER_COURT);
    return signature_is_of(signature, app_digest(domain, asked->id, state), asked->app.player[who]);
}

/* --- What is kept. */

const struct ledger_app *ledger_app(const struct ledger *ledger, hash32 id)
{
    for (usize i = 0; i < ledger->app_count; i++)
        if (hash32_equal(ledger->apps[i].id, id))
            return &ledger->apps[i];
    return NULL;
}

static struct ledger_app *find(struct ledger *ledger, hash32 id)
{
    return (struct ledger_app *)(uintptr_t)ledger_app(ledger, id);
}

static const char *change(struct asked *asked, struct ledger_app *to, const struct app_state *state,
                          u64 move_until_s)
{
    if (!app_state_fits(&asked->app, state) || state->data.size > sizeof(to->data))
        return "more than is at stake";
    to->look.version = state->version;
    to->look.move_until_s = move_until_s;
    to->state = *state;
    bytes_copy(to->data, state->data);
    to->state.data.data = NULL; /* whoever reads it puts that right */
    to->block = asked->ledger->block;
    return NULL;
}

/* --- Calls. */

static const char *dispute(struct asked *asked)
{
    struct ledger *ledger = asked->ledger;
    struct ledger_app *app = find(ledger, asked->id);
    signature64 signature[2];
    u64 now_s = ledger_now_s(ledger);
    get_signature(&asked->in, &signature[0]);
    get_signature(&asked->in, &signature[1]);
    if (app != NULL && now_s > app->look.show_until_s)
        return "late";
    if (app != NULL && asked->state.version <= app->look.version)
        return "not newer";
    if (asked->state.version == 0
            ? !hash32_equal(app_state_hash(&asked->state, asked->tmp), asked->app.start)
            : !is_signed(asked, 0, &asked->state, &signature[0]) ||
                  !is_signed(asked, 1, &asked->state, &signature[1]))
        return "not signed by both";
    if (app == NULL) {
        assert(ledger->app_count < LEDGER_APPS);
        app = &ledger->apps[ledger->app_count++];
        *app = (struct ledger_app){.id = asked->id, .look.show_until_s = now_s + asked->app.time_s};
    }
    return change(asked, app, &asked->state, app->look.show_until_s + asked->app.time_s);
}

static const char *check_shown(const struct asked *asked, const struct ledger_app *app)
{
    if (app == NULL || ledger_now_s(asked->ledger) <= app->look.show_until_s)
        return "early";
    if (app->look.decided_s != 0)
        return "decided";
    struct app_state state = app->state;
    state.data.data = app->data;
    return hash32_equal(app_state_hash(&state, asked->tmp),
                        app_state_hash(&asked->state, asked->tmp))
               ? NULL
               : "another state";
}

static const char *move(struct asked *asked)
{
    struct ledger_app *app = find(asked->ledger, asked->id);
    u64 now_s = ledger_now_s(asked->ledger);
    struct app_state to;
    signature64 signature;
    get_state(&asked->in, &to);
    get_signature(&asked->in, &signature);
    const char *why = check_shown(asked, app);
    if (why != NULL)
        return why;
    if (now_s > app->look.move_until_s)
        return "late";
    if (asked->state.mover >= APP_OVER || !is_signed(asked, asked->state.mover, &to, &signature) ||
        !app_allows(&asked->app, &asked->state, &to, asked->tmp))
        return "no move";
    return change(asked, app, &to, now_s + asked->app.time_s);
}

static const char *settle(struct asked *asked)
{
    struct ledger_app *app = find(asked->ledger, asked->id);
    const char *why = check_shown(asked, app);
    if (why != NULL)
        return why;
    const struct app_state *state = &asked->state;
    if (state->mover != APP_OVER && ledger_now_s(asked->ledger) <= app->look.move_until_s)
        return "early";
    for (u32 who = 0; who < 2; who++)
        app->look.kept[who] = state->mover == APP_OVER ? asked->app.stake[who] - state->moves[who]
                              : state->mover == who    ? 0
                                                       : asked->app.stake[who];
    app->look.decided_s = ledger_now_s(asked->ledger);
    app->block = asked->ledger->block;
    return NULL;
}

static const struct {
    const char *of;
    const char *(*run)(struct asked *asked);
} calls[] = {
    {"appDispute(" APP_TYPE "," APP_STATE_TYPE ",(bytes32,bytes32),(bytes32,bytes32))", dispute},
    {"appMove(" APP_TYPE "," APP_STATE_TYPE "," APP_STATE_TYPE ",(bytes32,bytes32))", move},
    {"appSettle(" APP_TYPE "," APP_STATE_TYPE ")", settle},
};

const char *ledger_court_call(struct ledger *ledger, bytes call)
{
    const char *why = "a call that this court does not know";
    u32 selector = call.size < 4 ? 0 : load_be32(call.data);
    u8 *memory = malloc(app_room());
    assert(memory != NULL);
    struct asked asked = {.ledger = ledger,
                          .in = abi_over(bytes_slice(call, 4, call.size)),
                          .tmp = arena_over(memory, app_room())};
    get_app(&asked.in, &asked.app);
    get_state(&asked.in, &asked.state);
    asked.id = app_id(&asked.app, asked.tmp);
    for (usize i = 0; i < countof(calls) && !asked.in.failed; i++)
        if (abi_selector(calls[i].of) == selector)
            why = calls[i].run(&asked);
    free(memory);
    return why;
}

#include "channel/tower_app.h"

#include "channel/tower_plain.h"

enum {
    VERSION = 1,
    PLAIN_MOST = TOWER_PUT_MOST - XAEAD_OVERHEAD,
    MOST_OF_RUN = 255,
    ZEROS_THAT_END = 3,
};
static_assert(APP_PARAMS_LIMIT + APP_DATA_LIMIT + 1024 < PLAIN_MOST, "any state has room");

/* --- Packing. */

static usize zeros_at(bytes from, usize at)
{
    usize count = 0;
    while (at + count < from.size && from.data[at + count] == 0)
        count++;
    return count;
}

/* How many follow that are no long run of zeros. */
static usize others_at(bytes from, usize at)
{
    usize count = 0;
    while (at + count < from.size && count < MOST_OF_RUN &&
           zeros_at(from, at + count) < min_u64(ZEROS_THAT_END, from.size - at - count))
        count++;
    return count;
}

/* False: there is no room. */
static bool pack(bytes from, struct tower_cursor *cursor)
{
    for (usize at = 0; at < from.size;) {
        usize zeros = min_u64(zeros_at(from, at), MOST_OF_RUN);
        usize others = zeros == MOST_OF_RUN ? 0 : others_at(from, at + zeros);
        if ((usize)(cursor->end - cursor->at) < 2 + others)
            return false;
        *cursor->at++ = (u8)zeros;
        *cursor->at++ = (u8)others;
        memcpy(cursor->at, from.data + at + zeros, others);
        cursor->at += others;
        at += zeros + others;
    }
    return true;
}

/* `out` is cleared. False: it does not come to so much. */
static bool unpack(struct tower_cursor *cursor, u8 *out, usize size)
{
    for (usize at = 0; at < size;) {
        usize left = (usize)(cursor->end - cursor->at);
        usize zeros = left < 2 ? 0 : cursor->at[0], others = left < 2 ? 0 : cursor->at[1];
        if (zeros + others == 0 || others > left - 2 || zeros + others > size - at)
            return false;
        memcpy(out + at + zeros, cursor->at + 2, others);
        cursor->at += 2 + others;
        at += zeros + others;
    }
    return true;
}

/* --- The plain text. */

struct sizes {
    u16 params, data, move;
};

static void visit_app(struct tower_cursor *cursor, struct app *app)
{
    VISIT(cursor, app->player);
    for (u32 player = 0; player < 2; player++)
        VISIT_NUMBER(cursor, app->stake[player]);
    VISIT(cursor, app->rules);
    VISIT_NUMBER(cursor, app->time_s);
    VISIT(cursor, app->start);
    VISIT(cursor, app->salt);
}

static void visit_state(struct tower_cursor *cursor, struct app_state *state)
{
    u8 mover = (u8)state->mover;
    VISIT(cursor, mover);
    state->mover = (enum app_role)mover;
    for (u32 player = 0; player < 2; player++)
        VISIT_NUMBER(cursor, state->moves[player]);
}

static void visit_all(struct tower_cursor *cursor, struct tower_app *app, struct sizes *sizes)
{
    u8 player = (u8)app->player, has_move = app->has_move;
    VISIT(cursor, player);
    VISIT(cursor, app->asset);
    VISIT_NUMBER(cursor, app->expiry_s);
    visit_app(cursor, &app->app);
    VISIT_NUMBER(cursor, app->state.version);
    visit_state(cursor, &app->state);
    VISIT(cursor, app->signature);
    VISIT(cursor, has_move);
    visit_state(cursor, &app->move);
    VISIT(cursor, app->move_signature);
    VISIT_NUMBER(cursor, sizes->params);
    VISIT_NUMBER(cursor, sizes->data);
    VISIT_NUMBER(cursor, sizes->move);
    app->player = (enum app_role)player;
    app->has_move = has_move != 0; /* another one is not written again */
}

/* What the move has other than the state: the same, done twice, is the move again. */
static void mix(u8 *move, usize size, bytes with)
{
    for (usize i = 0; i < size && i < with.size; i++)
        move[i] ^= with.data[i];
}

/* The size of the blob that it goes into, but for XAEAD_OVERHEAD; 0: there is no room. */
static usize write_plain(const struct tower_app *from, u8 out[static PLAIN_MOST])
{
    u8 room[TOWER_APP_ROOM];
    struct tower_app app = *from;
    struct tower_cursor cursor = {out + 1, out + PLAIN_MOST, true};
    if (!app.has_move) {
        app.move = (struct app_state){.version = 0};
        memset(&app.move_signature, 0, sizeof(app.move_signature));
    }
    bytes params = app.app.params, data = app.state.data, move = app.move.data;
    assert(params.size <= APP_PARAMS_LIMIT && data.size <= APP_DATA_LIMIT &&
           move.size <= APP_DATA_LIMIT);
    struct sizes sizes = {(u16)params.size, (u16)data.size, (u16)move.size};
    memset(out, 0, PLAIN_MOST);
    out[0] = VERSION;
    visit_all(&cursor, &app, &sizes);
    bytes_copy(room, params);
    bytes_copy(room + params.size, data);
    bytes_copy(room + params.size + data.size, move);
    mix(room + params.size + data.size, move.size, data);
    if (!pack((bytes){room, params.size + data.size + move.size}, &cursor))
        return 0;
    return tower_put_size((usize)(cursor.at - out) + XAEAD_OVERHEAD) - XAEAD_OVERHEAD;
}

static bool read_plain(u8 *plain, usize size, struct tower_app *out, struct arena *arena)
{
    struct sizes sizes;
    struct tower_cursor cursor = {plain + 1, plain + size, false};
    *out = (struct tower_app){.player = APP_FIRST};
    visit_all(&cursor, out, &sizes);
    if (plain[0] != VERSION || out->player >= APP_OVER || out->state.mover > APP_OVER ||
        out->move.mover > APP_OVER || sizes.params > APP_PARAMS_LIMIT ||
        sizes.data > APP_DATA_LIMIT || sizes.move > APP_DATA_LIMIT || out->state.version == 0 ||
        out->state.version == UINT64_MAX)
        return false;
    usize all = (usize)sizes.params + sizes.data + sizes.move;
    u8 *text = arena_zeroed(arena, all, 1, 1);
    if (!unpack(&cursor, text, all))
        return false;
    out->app.params = (bytes){text, sizes.params};
    out->state.data = (bytes){text + sizes.params, sizes.data};
    mix(text + sizes.params + sizes.data, sizes.move, out->state.data);
    out->move.data = (bytes){text + sizes.params + sizes.data, sizes.move};
    out->move.version = out->has_move ? out->state.version + 1 : 0;
    return true;
}

/* --- Sealing. */

hint16 tower_app_hint(hash32 id, const point33 *client)
{
    return tower_hint_of(BYTES_LIT("app hint"), id, client);
}

static secret32 key_of(hash32 id)
{
    secret32 key;
    sha256_joined(BYTES_LIT("app key"), BYTES_OF(id), key.b);
    return key;
}

bytes tower_app_seal(hash32 id, const point33 *client, const struct tower_app *app,
                     u8 room[static TOWER_PUT_MOST])
{
    u8 plain[PLAIN_MOST];
    hint16 hint = tower_app_hint(id, client);
    secret32 key = key_of(id);
    struct tower_app less = *app;
    usize size = write_plain(app, plain);
    less.has_move = false;
    if (size == 0)
        size = write_plain(&less, plain);
    assert(size != 0); /* packing makes nothing longer by more than 2 of 255 bytes */
    xaead_seal(&key, BYTES_OF(hint), (bytes){plain, size}, room);
    secret_wipe(&key);
    secret_wipe(&plain);
    return (bytes){room, size + XAEAD_OVERHEAD};
}

enum status tower_app_open(hash32 id, const point33 *client, bytes blob, struct tower_app *out,
                           struct arena *arena, struct err *err)
{
    u8 plain[PLAIN_MOST], again[PLAIN_MOST];
    usize size = blob.size - XAEAD_OVERHEAD;
    hint16 hint = tower_app_hint(id, client);
    secret32 key = key_of(id);
    bool opened = blob.size != 0 && tower_put_size(blob.size) == blob.size &&
                  xaead_open(&key, BYTES_OF(hint), blob, plain);
    secret_wipe(&key);
    if (!opened)
        return fail(err, ST_INVALID, "the blob is not of this app");
    return read_plain(plain, size, out, arena) && write_plain(out, again) == size &&
                   memcmp(plain, again, size) == 0
               ? ST_OK
               : fail(err, ST_INVALID, "the blob of an app does not read");
}

bool tower_app_is_owned(const point33 *client, const struct tower_app *app)
{
    address who;
    return point_address(client, &who) == ST_OK && address_equal(who, app->app.player[app->player]);
}

bool tower_app_is_signed(hash32 id, hash32 domain, const struct tower_app *app, struct arena tmp)
{
    if (!hash32_equal(app_id(&app->app, tmp), id) || !app_state_fits(&app->app, &app->state) ||
        !app_state_fits(&app->app, &app->move))
        return false;
    hash32 digest = app_digest(domain, id, &app->state);
    for (u32 player = 0; player < 2; player++)
        if (!signature_is_of(&app->signature[player], digest, app->app.player[player]))
            return false;
    return !app->has_move ||
           signature_is_of(&app->move_signature, app_digest(domain, id, &app->move),
                           app->app.player[app->player]);
}

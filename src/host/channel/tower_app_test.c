/* Blobs of apps: what goes in comes out for who has the id, and for nobody else. */
#include "channel/app_games.h"
#include "channel/court.h"
#include "channel/tower_app.h"

#include "harness/test.h"

static const secret32 keys[2] = {{{[31] = 1}}, {{[31] = 2}}};
static const hash32 domain = {{0xd0}};
static const point33 client = {{3}}; /* any; who plays is another test's */

static u8 rooms[4][COURT_CALL_ROOM];

static struct arena room(usize which)
{
    return arena_over(rooms[which], sizeof(rooms[which]));
}

static signature64 sign(hash32 id, const struct app_state *state, u32 player)
{
    signature64 out;
    CHECK(secret_sign(&keys[player], app_digest(domain, id, state), &out) == ST_OK);
    return out;
}

/* After the second has signed `version`, and the first the one after it, with these data. */
static struct tower_app test_app(u64 version, bytes data, bytes next, hash32 *id)
{
    struct tower_app out = {
        .player = APP_SECOND,
        .expiry_s = 1700000000,
        .app = {.stake = {(u128)1 << 70, 5}, .rules = {{0xab}}, .time_s = 600, .salt = {{9}}},
        .state = {version, APP_SECOND, {1, 2}, data},
        .has_move = true,
        .move = {version + 1, APP_OVER, {3, 0}, next},
    };
    for (u32 player = 0; player < 2; player++)
        CHECK(secret_address(&keys[player], &out.app.player[player]) == ST_OK);
    *id = app_id(&out.app, room(0));
    for (u32 player = 0; player < 2; player++)
        out.signature[player] = sign(*id, &out.state, player);
    out.move_signature = sign(*id, &out.move, APP_SECOND);
    return out;
}

static bool same_state(const struct app_state *a, const struct app_state *b)
{
    return a->version == b->version && a->mover == b->mover && a->moves[0] == b->moves[0] &&
           a->moves[1] == b->moves[1] && bytes_equal(a->data, b->data);
}

static bool opens(hash32 id, bytes blob, struct tower_app *out)
{
    static u8 text[TOWER_APP_ROOM];
    struct arena arena = arena_over(text, sizeof(text));
    return tower_app_open(id, &client, blob, out, &arena, NULL) == ST_OK;
}

TEST(tower_app_opens_with_the_id_to_what_was_sealed)
{
    u8 text[TOWER_PUT_MOST], board[9] = {1, 2, [8] = 1}, later[9] = {1, 2, 2, [8] = 1};
    hash32 id;
    struct tower_app app = test_app(7, BYTES_OF(board), BYTES_OF(later), &id), got;
    bytes blob = tower_app_seal(id, &client, &app, text);
    CHECK(blob.size == TOWER_PUT_SIZE && opens(id, blob, &got));
    CHECK(hash32_equal(app_id(&got.app, room(0)), id) && got.expiry_s == app.expiry_s);
    CHECK(same_state(&got.state, &app.state) && got.has_move && same_state(&got.move, &app.move));
    CHECK(got.player == APP_SECOND && tower_app_is_signed(id, domain, &got, room(0)));
    app.has_move = false;
    blob = tower_app_seal(id, &client, &app, text);
    CHECK(blob.size == TOWER_PUT_SIZE && opens(id, blob, &got));
    CHECK(!got.has_move && tower_app_is_signed(id, domain, &got, room(0)));
}

TEST(tower_app_says_nothing_without_the_id)
{
    u8 blob[TOWER_PUT_MOST], again[TOWER_PUT_MOST], board[9] = {1};
    hash32 id, other = {{8}};
    struct tower_app app = test_app(7, BYTES_OF(board), BYTES_OF(board), &id), got;
    bytes sealed = tower_app_seal(id, &client, &app, blob);
    CHECK(tower_app_seal(id, &client, &app, again).size == sealed.size);
    CHECK(!opens(other, sealed, &got));
    usize same = 0, zeros = 0;
    for (usize i = 0; i < sealed.size; i++) {
        same += blob[i] == again[i];
        zeros += blob[i] == 0;
    }
    CHECK(same < 40 && zeros < 40); /* 9 each, on average */
    hint16 hint = tower_app_hint(id, &client), channel = tower_hint(id, &client);
    CHECK(memcmp(hint.b, channel.b, sizeof(hint)) != 0 && memcmp(hint.b, id.b, sizeof(hint)) != 0);
    for (usize i = 0; i < sealed.size; i += 7) {
        blob[i] ^= 0x10;
        CHECK_ROW(i, !opens(id, sealed, &got));
        blob[i] ^= 0x10;
        CHECK_ROW(i, !opens(id, bytes_slice(sealed, 0, i), &got));
    }
    CHECK(opens(id, sealed, &got));
}

TEST(tower_app_that_is_not_what_was_signed_is_seen)
{
    u8 board[9] = {1};
    hash32 id;
    struct tower_app app = test_app(7, BYTES_OF(board), BYTES_OF(board), &id), other;
    CHECK(tower_app_is_signed(id, domain, &app, room(0)));
    CHECK(!tower_app_is_signed((hash32){{1}}, domain, &app, room(0)));
    CHECK(!tower_app_is_signed(id, (hash32){{1}}, &app, room(0)));
    other = app;
    other.state.version++;
    CHECK(!tower_app_is_signed(id, domain, &other, room(0)));
    other = app;
    other.state.moves[0] = app.app.stake[0] + 1;
    CHECK(!tower_app_is_signed(id, domain, &other, room(0)));
    other = app;
    other.player = APP_FIRST; /* the move is not the first's */
    CHECK(!tower_app_is_signed(id, domain, &other, room(0)));
    other.has_move = false;
    CHECK(tower_app_is_signed(id, domain, &other, room(0)));
}

/* The other player, or a hub, knows the id: what it makes counts for itself, or for nobody. */
TEST(tower_app_counts_for_the_player_that_is_the_client)
{
    u8 board[9] = {1}, sealed[TOWER_PUT_MOST], text[TOWER_APP_ROOM];
    struct arena arena = arena_over(text, sizeof(text));
    hash32 id;
    struct tower_app app = test_app(7, BYTES_OF(board), BYTES_OF(board), &id), got;
    point33 node[2];
    for (u32 player = 0; player < 2; player++)
        CHECK(point_of_secret(&keys[player], &node[player]) == ST_OK);
    CHECK(tower_app_is_owned(&node[1], &app) && !tower_app_is_owned(&node[0], &app));
    CHECK(!tower_app_is_owned(&client, &app)); /* no point at all */
    bytes blob = tower_app_seal(id, &node[1], &app, sealed);
    CHECK(tower_app_open(id, &node[0], blob, &got, &arena, NULL) == ST_INVALID);
    CHECK(tower_app_open(id, &node[1], blob, &got, &arena, NULL) == ST_OK);
}

/* Tickets are the largest that there is. */
TEST(tower_app_has_room_for_a_show)
{
    const struct app_game *game = app_game_named(BYTES_LIT("tickets"));
    struct app_wish wish = {.salt = {{3}}, .price = 1000, .seats = 32};
    struct arena arena = room(1);
    bytes data;
    hash32 id;
    u8 text[TOWER_PUT_MOST];
    struct tower_app app = test_app(7, BYTES_EMPTY, BYTES_EMPTY, &id), got;
    CHECK(game->begin(&wish, &app.app, &data, &arena, NULL) == ST_OK);
    app.state.data = app.move.data = data;
    CHECK(opens(id, tower_app_seal(id, &client, &app, text), &got) && got.has_move);
    CHECK(bytes_equal(got.state.data, data) && bytes_equal(got.app.params, app.app.params));
}

/* Any state has room, of the least size that does; what has none beside it is the move. */
TEST(tower_app_grows_with_its_state)
{
    static u8 text[APP_DATA_LIMIT], other[APP_DATA_LIMIT], sealed[TOWER_PUT_MOST];
    static const struct {
        usize data, blob;
        bool has_move;
    } rows[] = {
        {0, TOWER_PUT_SIZE, true},      {1, TOWER_PUT_SIZE, true},
        {512, TOWER_PUT_SIZE, true},    {1024, TOWER_PUT_LARGER, true},
        {2048, TOWER_PUT_LARGER, true}, {4096, TOWER_PUT_MOST, true},
        {8192, TOWER_PUT_MOST, true},   {sizeof(text), TOWER_PUT_MOST, false},
    };
    hash32 id;
    struct tower_app got;
    for (usize i = 0; i < sizeof(text); i++) {
        text[i] = (u8)(1 + i % 250);
        other[i] = (u8)(7 + i % 190);
    }
    for (usize i = 0; i < countof(rows); i++) {
        struct tower_app app =
            test_app(7, (bytes){text, rows[i].data}, (bytes){other, rows[i].data}, &id);
        bytes blob = tower_app_seal(id, &client, &app, sealed);
        CHECK_ROW(i, blob.size == rows[i].blob);
        CHECK_ROW(i, opens(id, blob, &got) && same_state(&got.state, &app.state));
        CHECK_ROW(i, got.has_move == rows[i].has_move);
    }
    struct tower_app most = test_app(7, BYTES_OF(text), BYTES_EMPTY, &id);
    u8 params[APP_PARAMS_LIMIT];
    memset(params, 3, sizeof(params));
    most.app.params = BYTES_OF(params);
    CHECK(opens(id, tower_app_seal(id, &client, &most, sealed), &got));
    memset(text, 0, sizeof(text));
    struct tower_app app = test_app(7, BYTES_OF(text), BYTES_OF(text), &id);
    bytes blob = tower_app_seal(id, &client, &app, sealed);
    CHECK(blob.size == TOWER_PUT_SIZE && opens(id, blob, &got) && got.has_move);
    CHECK(bytes_equal(got.state.data, BYTES_OF(text)));
}

/* One that would have had room in a smaller one is another way to write the same. */
TEST(tower_app_in_a_larger_blob_than_it_takes_is_refused)
{
    static u8 sealed[TOWER_PUT_MOST], plain[TOWER_PUT_MOST - XAEAD_OVERHEAD];
    u8 board[9] = {1};
    hash32 id;
    struct tower_app app = test_app(7, BYTES_OF(board), BYTES_OF(board), &id), got;
    hint16 hint = tower_app_hint(id, &client);
    secret32 key;
    sha256_joined(BYTES_LIT("app key"), BYTES_OF(id), key.b);
    bytes blob = tower_app_seal(id, &client, &app, sealed);
    CHECK(xaead_open(&key, BYTES_OF(hint), blob, plain) && opens(id, blob, &got));
    static const usize sizes[] = {TOWER_PUT_LARGER, TOWER_PUT_MOST, TOWER_PUT_SIZE + 1};
    for (usize i = 0; i < countof(sizes); i++) {
        xaead_seal(&key, BYTES_OF(hint), (bytes){plain, sizes[i] - XAEAD_OVERHEAD}, sealed);
        CHECK_ROW(i, !opens(id, (bytes){sealed, sizes[i]}, &got));
    }
}

/* A run may be packed in more ways than one: the others are refused. */
TEST(tower_app_packed_otherwise_is_refused)
{
    u8 text[TOWER_PUT_MOST], plain[TOWER_PUT_SIZE - XAEAD_OVERHEAD];
    u8 data[4] = {5, 6, 0, 0};
    hash32 id;
    struct tower_app app = test_app(7, BYTES_OF(data), BYTES_EMPTY, &id), got;
    hint16 hint = tower_app_hint(id, &client);
    secret32 key;
    sha256_joined(BYTES_LIT("app key"), BYTES_OF(id), key.b);
    app.has_move = false;
    bytes blob = tower_app_seal(id, &client, &app, text);
    CHECK(blob.size == TOWER_PUT_SIZE && xaead_open(&key, BYTES_OF(hint), blob, plain));
    usize end = sizeof(plain);
    while (plain[end - 1] == 0)
        end--;
    /* 0 zeros, 2 others, 5, 6; 2 zeros, no others */
    CHECK(plain[end - 1] == 2 && plain[end - 2] == 6 && plain[end - 4] == 2);
    plain[end - 4] = 4; /* 5, 6, and two more bytes: zeros, of which one has to be */
    plain[end - 1] = 0;
    xaead_seal(&key, BYTES_OF(hint), BYTES_OF(plain), text);
    CHECK(!opens(id, blob, &got));
}

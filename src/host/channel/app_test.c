/* Ids, digests and calls against what viem gives for the contract's types; moves against the
 * contract's own code. */
#include "channel/app_games.h"
#include "channel/court.h"
#include "channel/deployed.h"
#include "channel/signed.h"

#include "crypto/keccak.h"
#include "harness/test.h"

#include <stdlib.h>

static hash32 hash_of(const char *digits)
{
    hash32 out;
    bytes_copy(out.b, hex(digits));
    return out;
}

static address player(u8 number)
{
    secret32 secret = {{[31] = number}};
    address who;
    CHECK(secret_address(&secret, &who) == ST_OK);
    return who;
}

static struct arena room(void)
{
    return arena_over(arena_take(test_arena(), app_room(), 1), app_room());
}

static struct app example(void)
{
    struct app_state start = app_first_state(hex("000000000000000000"), 0);
    return (struct app){
        .player = {player(1), player(2)},
        .stake = {1000, 500},
        .rules = {{[19] = 0xaa}},
        .time_s = 600,
        .start = app_state_hash(&start, room()),
        .salt = {{[31] = 9}},
        .params = hex("010203"),
    };
}

static struct app_state example_state(void)
{
    return (struct app_state){
        .version = 3, .mover = APP_SECOND, .moves = {7, 11}, .data = hex("010200000000000000")};
}

TEST(an_app_and_its_states_hash_as_the_contract_has_them)
{
    struct app app = example();
    struct app_state state = example_state();
    hash32 id = app_id(&app, room());
    address court = {{[18] = 0xc0, [19] = 0x27}};
    CHECK(hash32_equal(app.start, hash_of("db8d0e493dd9f531ec8b79aac673a6460f638d251099d961fb764d"
                                          "d9e2aad14a")));
    CHECK(hash32_equal(
        id, hash_of("7f646432a3bad34e0718fc925e62a0418d153dc0dedede177967ace105ff0edf")));
    CHECK(
        hash32_equal(app_digest(signed_domain("varve app", 900, court), id, &state),
                     hash_of("cd347bacce7661ff6d0a62783a6282cf370f28952b41541155051f9b7c1bed2c")));
}

TEST(calls_of_the_court_are_the_contracts)
{
    struct app app = example();
    struct app_state start = app_first_state(hex("000000000000000000"), 0), state = example_state();
    signature64 signature[2];
    memset(&signature[0], 0x44, sizeof(signature[0]));
    memset(&signature[1], 0x55, sizeof(signature[1]));
    CHECK(
        hash32_equal(keccak256(court_dispute(&app, &state, signature, test_arena())),
                     hash_of("4131ce6ded2d06b2b1621cfcaffa25fb93829906022242e1fcff45793fec5cf0")));
    CHECK(
        hash32_equal(keccak256(court_move(&app, &start, &state, &signature[0], test_arena())),
                     hash_of("c4575025672f9ba32e0804560c89b18b07d153a785e95f349761464a47bd4b9c")));
    CHECK(
        hash32_equal(keccak256(court_settle(&app, &state, test_arena())),
                     hash_of("6a74b0cf5c089e287c54d469842b371cab5bf93f20d911d146d4dd2e224250f8")));
}

#define WORD(last) "00000000000000000000000000000000000000000000000000000000000000" last

TEST(an_event_of_the_court_gives_the_state_that_was_shown)
{
    struct log log = {.topics = {court_topics()[COURT_STATE_CHANGED], {{8}}}, .topic_count = 2};
    struct court_event event;
    log.data =
        hex(WORD("05") WORD("06") WORD("60") WORD("03") WORD("01") WORD("07") WORD("0b") WORD("a0")
                WORD("09") "0102000000000000000000000000000000000000000000000000000000000000");
    CHECK(
        hash32_equal(log.topics[0],
                     hash_of("1f2c2ebb5c5ad99e8d16c65c97b104751f2cf34aa37b32bd060a7f65552fb23e")));
    CHECK(court_read_event(&log, &event, NULL) == ST_OK && event.app.b[0] == 8);
    struct app_state want = example_state();
    CHECK(hash32_equal(app_state_hash(&event.state, room()), app_state_hash(&want, room())));
    log.data = hex(WORD("05") WORD("06") WORD("60") WORD("03") WORD("03") WORD("07") WORD("0b")
                       WORD("a0") WORD("00"));
    CHECK(court_read_event(&log, &event, NULL) == ST_INVALID); /* a mover that is nobody */
}

/* --- Tic-tac-toe. */

static struct app game_of(const char *name, const struct app_wish *wish, bytes *data)
{
    const struct app_game *game = app_game_named((bytes){(const u8 *)name, strlen(name)});
    struct app app = {
        .player = {player(1), player(2)}, .rules = app_game_rules(game), .salt = wish->salt};
    CHECK(game->begin(wish, &app, data, test_arena(), NULL) == ST_OK);
    CHECK(app_game_of(&app) == game);
    return app;
}

static bool moves(const struct app *app, struct app_state *state, const char *words)
{
    struct app_state to;
    const struct app_game *game = app_game_of(app);
    enum app_role who = game->has_rules ? state->mover : APP_FIRST;
    if (game->move(app, state, who, (bytes){(const u8 *)words, strlen(words)}, &to, test_arena(),
                   NULL) != ST_OK)
        return false;
    if (game->has_rules)
        CHECK(app_allows(app, state, &to, room()));
    *state = to;
    return true;
}

static struct app_state played(const struct app *app, bytes data, const char *cells)
{
    struct app_state state = app_first_state(data, 1);
    for (; *cells != 0; cells++) {
        char word[2] = {*cells, 0};
        CHECK(moves(app, &state, word));
    }
    return state;
}

TEST(a_game_of_tic_tac_toe_goes_as_its_contract_allows)
{
    bytes data;
    struct app_wish wish = {.stake = {1000, 500}};
    struct app app = game_of("tictactoe", &wish, &data);
    struct app_state won = played(&app, data, "03142");
    CHECK(won.mover == APP_OVER && won.moves[0] == 0 && won.moves[1] == 500 && won.version == 6);
    struct app_state lost = played(&app, data, "031485");
    CHECK(lost.mover == APP_OVER && lost.moves[0] == 1000 && lost.moves[1] == 0);
    struct app_state drawn = played(&app, data, "408217356");
    CHECK(drawn.mover == APP_OVER && drawn.moves[0] == 0 && drawn.moves[1] == 0);
    struct app_state state = played(&app, data, "03");
    CHECK(!moves(&app, &state, "0") && !moves(&app, &state, "9") && !moves(&app, &state, "") &&
          !moves(&app, &state, "1 2") && !moves(&app, &state, "x"));
}

TEST(a_move_that_its_contract_does_not_allow_is_none)
{
    bytes data;
    struct app_wish wish = {.stake = {1000, 500}};
    struct app app = game_of("tictactoe", &wish, &data);
    struct app_state from = played(&app, data, "031"), good;
    CHECK(app_game_of(&app)->move(&app, &from, APP_SECOND, BYTES_LIT("4"), &good, test_arena(),
                                  NULL) == ST_OK);
    CHECK(app_allows(&app, &from, &good, room()));
    struct app_state bad[] = {good, good, good, good, good, good};
    bad[0].version++;
    bad[1].mover = APP_SECOND;
    bad[2].moves[0] = 1;
    bad[3].data = hex("010100020200000001"); /* two cells */
    bad[4].data = hex("0101");
    bad[5].data = hex("020100020000000000"); /* another's */
    for (usize i = 0; i < countof(bad); i++)
        CHECK_ROW(i, !app_allows(&app, &from, &bad[i], room()));
    app.rules.b[0] ^= 1;
    CHECK(!app_allows(&app, &from, &good, room())); /* rules that are not known */
}

/* --- Tickets. */

TEST(tickets_are_issued_resold_and_admitted_by_their_holders_signatures)
{
    static const char resell[] = "resell 1 0x1efF47bc3a10a45D4B230B5d10E37751FE6AA718 "
                                 "0x186f8caa99d9b5433c2b96a3213f8d22c32df229d922b272dd9aba240135d19"
                                 "418159dbf8de8c525d64cc8703692e7ddcb366b149541c50c3139b77d86d556b1"
                                 "1c";
    static const char admit[] = "admit 1 0x01b4af5d68585cf994c88a32902dd06cd308a5f7b23605f03cd10da"
                                "dcb2081d872e137575deb2f972ac3b56166783cc74d2a24ecc4f7d7680c7c6e09"
                                "651709e41c";
    bytes data;
    struct app_wish wish = {.salt = {{[31] = 9}}, .price = 70, .seats = 3};
    struct app app = game_of("tickets", &wish, &data);
    struct app_state state = app_first_state(data, 1), to;
    CHECK(app.stake[0] == 0 && app.stake[1] == 210);
    CHECK(moves(&app, &state, "issue 1 0x6813Eb9362372EEF6200f3b1dbC3f819671cBA69"));
    CHECK(moves(&app, &state, "issue 2 0x6813Eb9362372EEF6200f3b1dbC3f819671cBA69"));
    /* The same words about another seat read, and the contract refuses them. */
    CHECK(app_game_of(&app)->move(&app, &state, APP_FIRST,
                                  BYTES_LIT("issue 1 0x1efF47bc3a10a45D4B230B5d10E37751FE6AA718"),
                                  &to, test_arena(), NULL) == ST_OK);
    CHECK(!app_allows(&app, &state, &to, room()));
    CHECK(app_game_of(&app)->move(&app, &state, APP_FIRST,
                                  (bytes){(const u8 *)admit, sizeof(admit) - 1}, &to, test_arena(),
                                  NULL) == ST_OK);
    CHECK(!app_allows(&app, &state, &to, room())); /* the first holder has it still */
    CHECK(moves(&app, &state, resell));
    CHECK(moves(&app, &state, admit));
    CHECK(state.moves[1] == 70);
    CHECK(!moves(&app, &state, "issue 3 0x6813Eb9362372EEF6200f3b1dbC3f819671cBA69"));
    CHECK(!moves(&app, &state, "burn 1") && !moves(&app, &state, "end now"));
    CHECK(moves(&app, &state, "end") && state.mover == APP_OVER && state.version == 6);
}

/* The seller's daemon would sign it too, could make no move, and lose all at stake for that. */
TEST(the_organiser_of_tickets_does_not_leave_the_move_to_the_seller)
{
    bytes data;
    struct app_wish wish = {.salt = {{[31] = 9}}, .price = 70, .seats = 3};
    struct app app = game_of("tickets", &wish, &data);
    struct app_state from = app_first_state(data, 1), to;
    CHECK(app_game_of(&app)->move(&app, &from, APP_FIRST,
                                  BYTES_LIT("issue 1 0x6813Eb9362372EEF6200f3b1dbC3f819671cBA69"),
                                  &to, test_arena(), NULL) == ST_OK);
    CHECK(app_allows(&app, &from, &to, room()));
    to.mover = APP_SECOND;
    CHECK(!app_allows(&app, &from, &to, room()));
}

/* --- Payments. */

TEST(who_pays_signs_odd_versions_and_who_gives_back_even_ones)
{
    bytes data;
    struct app_wish wish = {.stake = {1000, 0}};
    struct app app = game_of("payments", &wish, &data);
    const struct app_game *game = app_game_of(&app);
    struct app_state state = app_first_state(data, 0), to;
    CHECK(moves(&app, &state, "300") && state.version == 1 && state.moves[0] == 300);
    CHECK(moves(&app, &state, "0xc8") && state.version == 3 && state.moves[0] == 500);
    CHECK(!moves(&app, &state, "501") && !moves(&app, &state, "0"));
    CHECK(game->move(&app, &state, APP_SECOND, BYTES_LIT("501"), &to, NULL, NULL) == ST_FULL);
    CHECK(game->move(&app, &state, APP_SECOND, BYTES_LIT("500"), &to, NULL, NULL) == ST_OK);
    CHECK(to.version == 4 && to.moves[0] == 0 && to.mover == APP_OVER);
    CHECK(moves(&app, &to, "1") && to.version == 5);
}

TEST(app_join_fee_is_a_payments_for_each_day)
{
    static const struct {
        u128 base;
        u32 ppm;
        u128 amount;
        u64 for_s;
        u128 fee;
    } cases[] = {
        {0, 0, 1000000, 86400, 0},
        {7, 0, 1000000, 86400, 7},
        {7, 1000, 1000000, 86400, 1007},
        {7, 1000, 1000000, 43200, 507},
        {7, 1000, 1000000, 14 * 86400, 14007},
        {0, 1, 1, 1, 1}, /* rounded up */
        {0, 1000, 1000000, 86, 1},
        {0, 1000, 1000000, 87, 2},
        {0, 1000000, (u128)1 << 119, 14 * 86400, 14 * ((u128)1 << 119)},
        {~(u128)0, 1, 1, 1, ~(u128)0}, /* more than there is */
        {0, UINT32_MAX, ~(u128)0, UINT64_MAX, ~(u128)0},
    };
    for (usize i = 0; i < countof(cases); i++)
        CHECK_ROW(i, app_join_fee(cases[i].base, cases[i].ppm, cases[i].amount, cases[i].for_s) ==
                         cases[i].fee);
}

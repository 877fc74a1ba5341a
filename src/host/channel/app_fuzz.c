/* Any bytes as an event of the court, as words of a move, and as the tickets that a peer signs:
 * whatever is made of them fits, and what the contract allows counts up by one. */
#include "channel/app_games.h"
#include "channel/court.h"

#include "harness/fuzz.h"

static void check_event(bytes in)
{
    struct court_event event;
    struct log log = {
        .topics = {court_topics()[COURT_STATE_CHANGED]}, .topic_count = 2, .data = in};
    if (court_read_event(&log, &event, NULL) == ST_OK)
        assert(event.state.mover <= APP_OVER && event.state.data.size <= APP_DATA_LIMIT);
}

static void check_words(const char *name, bytes data, bytes words, struct arena arena)
{
    const struct app_game *game = app_game_named((bytes){(const u8 *)name, strlen(name)});
    struct app_wish wish = {.stake = {9, game->has_rules ? 5 : 0}, .price = 3, .seats = 2};
    struct app app = {.rules = app_game_rules(game)};
    bytes first;
    enum status st = game->begin(&wish, &app, &first, &arena, NULL);
    assert(st == ST_OK);
    const bytes states[] = {first, data};
    for (u32 i = 0; i < 4; i++) {
        struct app_state from = app_first_state(states[i / 2], 1), to;
        if (game->move(&app, &from, (enum app_role)(i % 2), words, &to, &arena, NULL) != ST_OK)
            continue;
        assert(to.version > from.version && to.data.size <= APP_DATA_LIMIT);
        assert(i / 2 == 1 || app_state_fits(&app, &to));
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    bytes in = {data, size};
    u8 split = 0;
    fuzz_fill(&in, &split, sizeof(split));
    bytes words = bytes_slice(in, 0, split);
    check_event(in);
    static const char *const names[] = {"tictactoe", "tickets", "payments"};
    for (usize i = 0; i < countof(names); i++)
        check_words(names[i], bytes_slice(in, split, in.size), words, fuzz_arena());
    return 0;
}

#include "durability/games.h"

#include "base/fmt.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOVE_S = 600, LIFE_S = 80000 };

/* --- What is said of one. */

/* The object of that app, or nothing. */
static void find_app(const char *list, const char *id, char *out, usize size)
{
    const char *at = id[0] == 0 ? NULL : strstr(list, id);
    fmt(out, size, "%s%s", at == NULL ? "" : "{\"app\":\"", at == NULL ? "" : at);
    char *end = strchr(out, '}');
    if (end != NULL)
        end[1] = 0;
}

static bool is_in_state(const char *app, const char *state)
{
    char text[32];
    answer_text(app, "state", text, sizeof(text));
    return strcmp(text, state) == 0;
}

static bool is_under_way(const char *app)
{
    return is_in_state(app, "live") || is_in_state(app, "court");
}

static bool has_moved(const char *app)
{
    u64 pays = answer_number(app, "pays"), gets = answer_number(app, "gets");
    return (pays != 0 && pays != UINT64_MAX) || (gets != 0 && gets != UINT64_MAX);
}

/* --- What is done. */

static void propose(struct game *game, game_ask *ask, void *self)
{
    char params[600], out[PARTY_ANSWER], with[200] = "";
    if (game->with != NULL)
        fmt(with, sizeof(with), ",\"with\":\"%s\"", game->with);
    fmt(params, sizeof(params),
        "{\"channel\":\"%s\",\"app\":\"%s\",\"stake\":%lu,\"otherStake\":%lu,"
        "\"moveSeconds\":%d,\"expirySeconds\":%d%s}",
        game->channel, game->cells == NULL ? "payments" : "tictactoe", game->stake[0],
        game->stake[1], MOVE_S, LIFE_S, with);
    if (!ask(self, game->player[0], "channel_appPropose", params, out))
        return;
    answer_text(out, "app", game->id, sizeof(game->id));
    game->proposed++;
}

/* A refusal is for the next step to see: it may be too early, or done already. */
static void say(const struct game *game, game_ask *ask, void *self, u32 who, const char *method,
                const char *more)
{
    char params[200], out[PARTY_ANSWER];
    fmt(params, sizeof(params), "{\"app\":\"%s\"%s}", game->id, more);
    (void)ask(self, game->player[who], method, params, out);
}

static void move(const struct game *game, game_ask *ask, void *self, u32 who, u64 what)
{
    char more[60];
    fmt(more, sizeof(more), ",\"move\":\"%lu\"", what);
    say(game, ask, self, who, "channel_appMove", more);
}

static void play_cells(const struct game *game, game_ask *ask, void *self, u32 who, const char *app)
{
    char turn[16];
    u64 version = answer_number(app, "version");
    answer_text(app, "turn", turn, sizeof(turn));
    if (is_in_state(app, "live") && who == 1 && game->sues_at != 0 && version >= game->sues_at)
        say(game, ask, self, who, "channel_appSettle", ",\"force\":true");
    else if (is_under_way(app) && strcmp(turn, "ours") == 0 && version >= 1 &&
             version <= strlen(game->cells))
        move(game, ask, self, who, (u64)(game->cells[version - 1] - '0'));
}

static void pay(const struct game *game, game_ask *ask, void *self, char app[2][PARTY_ANSWER])
{
    u64 version[2] = {answer_number(app[0], "version"), answer_number(app[1], "version")};
    if (!is_in_state(app[0], "live") || !is_in_state(app[1], "live") || version[0] != version[1])
        return;
    if (version[0] == 0)
        move(game, ask, self, 0, game->amount);
    else
        say(game, ask, self, 1, "channel_appSettle", "");
}

enum game_end game_step(struct game *game, game_ask *ask, void *self)
{
    static char list[PARTY_ANSWER], app[2][PARTY_ANSWER];
    game->is_seen = false;
    if (game->id[0] == 0) {
        propose(game, ask, self);
        return GAME_GOES_ON;
    }
    for (u32 who = 0; who < 2; who++) {
        if (!ask(self, game->player[who], "channel_appList", "{}", list))
            return GAME_GOES_ON;
        find_app(list, game->id, app[who], sizeof(app[who]));
        game->version[who] = answer_number(app[who], "version");
    }
    game->is_seen = true;
    bool is_asked = is_in_state(app[1], "asked");
    bool is_gone = app[0][0] == 0 || is_in_state(app[0], "refused");
    if (is_in_state(app[0], "done") && (is_in_state(app[1], "done") || app[1][0] == 0))
        return has_moved(app[0]) ? GAME_IS_OVER : GAME_FAILED;
    /* Without a channel the second is not called, and hears of it when the next one is proposed. */
    bool is_unheard = game->with != NULL && is_in_state(app[1], "locking");
    if (is_gone && (app[1][0] == 0 || is_asked || is_unheard || is_in_state(app[1], "done")))
        return GAME_FAILED;
    if (is_asked)
        say(game, ask, self, 1, "channel_appAccept", "");
    else if (game->cells == NULL)
        pay(game, ask, self, app);
    else
        for (u32 who = 0; who < 2; who++)
            play_cells(game, ask, self, who, app[who]);
    return GAME_GOES_ON;
}

/* --- Two who play. */

static const char *next_app(const char *at)
{
    return strstr(at, "{\"app\":\"");
}

bool games_are_alike(const char *list, const char *other_list)
{
    static char app[PARTY_ANSWER], other[PARTY_ANSWER];
    for (const char *at = next_app(list); at != NULL; at = next_app(at + 1)) {
        char id[80], data[2][200];
        answer_text(at, "app", id, sizeof(id));
        find_app(list, id, app, sizeof(app));
        find_app(other_list, id, other, sizeof(other));
        if (!is_under_way(app) || !is_under_way(other))
            continue;
        answer_text(app, "data", data[0], sizeof(data[0]));
        answer_text(other, "data", data[1], sizeof(data[1]));
        if (answer_number(app, "version") != answer_number(other, "version") ||
            strcmp(data[0], data[1]) != 0 ||
            answer_number(app, "pays") != answer_number(other, "gets") ||
            answer_number(app, "gets") != answer_number(other, "pays"))
            return false;
    }
    return true;
}

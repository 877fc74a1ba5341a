/* The apps that a daemon plays, in one table: how they begin, what words are a move, and how much
 * time they still need. Whether a move is one, the contract's own code says (app_allows).
 *
 *     tictactoe   a cell, 0 to 8; who has three in a row takes the other's stake
 *     tickets     the first issues, passes on and admits, the second has the price at stake:
 *                 "issue SEAT HOLDER", "resell SEAT HOLDER SIGNATURE", "admit SEAT SIGNATURE",
 * "end" payments    no rules: an amount, which the first pays, or the second gives back
 *
 * A game's state of version 0 is over and moves nothing: until both stakes are there and both have
 * signed version 1, its first move's state, nobody can win or lose. */
#ifndef CHANNEL_APP_GAMES_H
#define CHANNEL_APP_GAMES_H

#include "base/status.h"
#include "channel/app.h"

/* What whoever proposes one may choose. */
struct app_wish {
    u128 stake[2];
    hash32 salt; /* also what a show is called */
    u128 price;  /* tickets */
    u64 seats;
};

struct app_game {
    const char *name;
    bool has_rules;
    /* Sets stakes, params, and the data of the first states, in `arena`. */
    enum status (*begin)(const struct app_wish *wish, struct app *app, bytes *data,
                         struct arena *arena, struct err *err);
    /* What the words make of a state, by `who`, who is to move. Its data is in `arena`. */
    enum status (*move)(const struct app *app, const struct app_state *from, enum app_role who,
                        bytes words, struct app_state *to, struct arena *arena, struct err *err);
    /* Moves until it is over, at most; of one who drags it on as long as we let it. */
    u64 (*moves_left)(const struct app_state *state);
    const char *last_words; /* the move that ends it when time is short; NULL: there is none */
};

/* NULL: none that is known. */
const struct app_game *app_game_named(bytes name);
const struct app_game *app_game_of(const struct app *app);
/* The contract that a game has on every chain; zero: it has none. */
address app_game_rules(const struct app_game *game);
/* The code of the rules; empty: they are not known. */
bytes app_game_code(address rules);

/* Version 0, and of a game with rules version 1. */
struct app_state app_first_state(bytes data, u64 version);

/* --- Words: what moves are written with. */

/* The next word off the front; empty: that was all. */
bytes app_word(bytes *words);
bool app_word_is(bytes word, const char *text);
/* Decimal, or 0x. */
enum status app_word_number(bytes word, u128 *out);

/* --- app_tickets.c */

enum status tickets_begin(const struct app_wish *wish, struct app *app, bytes *data,
                          struct arena *arena, struct err *err);
enum status tickets_move(const struct app *app, const struct app_state *from, enum app_role who,
                         bytes words, struct app_state *to, struct arena *arena, struct err *err);

#endif

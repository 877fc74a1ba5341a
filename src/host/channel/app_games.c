#include "channel/app_games.h"

#include "channel/deployed.h"

enum { CELLS = 9 };

/* --- Words. */

bytes app_word(bytes *words)
{
    usize from = 0;
    while (from < words->size && words->data[from] == ' ')
        from++;
    usize to = from;
    while (to < words->size && words->data[to] != ' ')
        to++;
    bytes word = bytes_slice(*words, from, to - from);
    *words = bytes_slice(*words, to, words->size);
    return word;
}

bool app_word_is(bytes word, const char *text)
{
    return bytes_equal(word, (bytes){(const u8 *)text, strlen(text)});
}

/* 16: it is none. */
static u32 digit_of(u8 c)
{
    if (c >= '0' && c <= '9')
        return (u32)(c - '0');
    return c >= 'a' && c <= 'f' ? (u32)(c - 'a') + 10 : 16;
}

enum status app_word_number(bytes word, u128 *out)
{
    bool is_hex = word.size > 2 && word.data[0] == '0' && word.data[1] == 'x';
    u32 base = is_hex ? 16 : 10;
    *out = 0;
    for (usize i = is_hex ? 2 : 0; i < word.size; i++) {
        u32 digit = digit_of(word.data[i]);
        if (digit >= base || *out >> 120 != 0)
            return ST_INVALID;
        *out = *out * base + digit;
    }
    return word.size == 0 || *out >> 120 != 0 ? ST_INVALID : ST_OK;
}

/* --- Tic-tac-toe: TicTacToe.sol. */

static enum status ttt_begin(const struct app_wish *wish, struct app *app, bytes *data,
                             struct arena *arena, struct err *err)
{
    if (wish->stake[0] == 0 || wish->stake[1] == 0)
        return fail(err, ST_INVALID, "both have something at stake");
    memcpy(app->stake, wish->stake, sizeof(app->stake));
    *data = (bytes){arena_zeroed(arena, CELLS, 1, 1), CELLS};
    return ST_OK;
}

static bool has_row(const u8 *board, u8 mark)
{
    static const u8 rows[8][3] = {{0, 1, 2}, {3, 4, 5}, {6, 7, 8}, {0, 3, 6},
                                  {1, 4, 7}, {2, 5, 8}, {0, 4, 8}, {2, 4, 6}};
    for (usize i = 0; i < countof(rows); i++)
        if (board[rows[i][0]] == mark && board[rows[i][1]] == mark && board[rows[i][2]] == mark)
            return true;
    return false;
}

static usize free_cells(const u8 *board)
{
    usize count = 0;
    for (usize i = 0; i < CELLS; i++)
        count += board[i] == 0;
    return count;
}

static enum status ttt_move(const struct app *app, const struct app_state *from, enum app_role who,
                            bytes words, struct app_state *to, struct arena *arena, struct err *err)
{
    u128 cell;
    if (app_word_number(app_word(&words), &cell) != ST_OK || cell >= CELLS ||
        app_word(&words).size != 0 || from->data.size != CELLS)
        return fail(err, ST_INVALID, "a move is a cell from 0 to 8");
    if (from->data.data[cell] != 0)
        return fail(err, ST_INVALID, "the cell is taken");
    u8 *board = ARENA_TAKE(arena, u8, CELLS), mark = who == APP_FIRST ? 1 : 2;
    bytes_copy(board, from->data);
    board[cell] = mark;
    *to = (struct app_state){.version = from->version + 1, .data = {board, CELLS}};
    to->mover = who == APP_FIRST ? APP_SECOND : APP_FIRST;
    if (has_row(board, mark))
        to->moves[to->mover] = app->stake[to->mover];
    if (has_row(board, mark) || free_cells(board) == 0)
        to->mover = APP_OVER;
    return ST_OK;
}

static u64 ttt_moves_left(const struct app_state *state)
{
    return state->data.size == CELLS ? free_cells(state->data.data) : CELLS;
}

/* --- Payments: the first has all at stake. A version of the first's is odd, one of the second's
 * even, so that two who propose at once sign no two states of one version. */

static enum status payments_begin(const struct app_wish *wish, struct app *app, bytes *data,
                                  struct arena *arena, struct err *err)
{
    (void)arena;
    if (wish->stake[0] == 0 || wish->stake[1] != 0)
        return fail(err, ST_INVALID, "the first has all at stake");
    memcpy(app->stake, wish->stake, sizeof(app->stake));
    *data = BYTES_EMPTY;
    return ST_OK;
}

static enum status payments_move(const struct app *app, const struct app_state *from,
                                 enum app_role who, bytes words, struct app_state *to,
                                 struct arena *arena, struct err *err)
{
    u128 amount, room = who == APP_FIRST ? app->stake[0] - from->moves[0] : from->moves[0];
    (void)arena;
    if (app_word_number(app_word(&words), &amount) != ST_OK || amount == 0 ||
        app_word(&words).size != 0)
        return fail(err, ST_INVALID, "a move is an amount");
    if (amount > room)
        return fail(err, ST_FULL, "there is not so much left");
    *to = *from;
    to->moves[0] += who == APP_FIRST ? amount : -amount;
    to->version += 1 + (from->version + 1 + (who == APP_FIRST)) % 2;
    return ST_OK;
}

static u64 no_moves_left(const struct app_state *state)
{
    (void)state;
    return 0;
}

/* The first always moves, and ends it with one. */
static u64 one_move_left(const struct app_state *state)
{
    return state->mover == APP_OVER ? 0 : 1;
}

/* --- The table. */

static const struct row {
    struct app_game game;
    enum deployed_contract rules; /* of one that has any */
} table[] = {
    {{"tictactoe", true, ttt_begin, ttt_move, ttt_moves_left, NULL}, DEPLOYED_TICTACTOE},
    {{"tickets", true, tickets_begin, tickets_move, one_move_left, "end"}, DEPLOYED_TICKETS},
    {{"payments", false, payments_begin, payments_move, no_moves_left, NULL}, DEPLOYED_CONTRACTS},
};

const struct app_game *app_game_named(bytes name)
{
    for (usize i = 0; i < countof(table); i++)
        if (app_word_is(name, table[i].game.name))
            return &table[i].game;
    return NULL;
}

address app_game_rules(const struct app_game *game)
{
    const struct row *row = (const struct row *)game; /* its first member */
    return game->has_rules ? deployed_address(row->rules) : (address){{0}};
}

const struct app_game *app_game_of(const struct app *app)
{
    for (usize i = 0; i < countof(table); i++)
        if (address_equal(app_game_rules(&table[i].game), app->rules))
            return &table[i].game;
    return NULL;
}

bytes app_game_code(address rules)
{
    for (usize i = 0; i < countof(table); i++)
        if (table[i].game.has_rules && address_equal(deployed_address(table[i].rules), rules))
            return deployed_runtime(table[i].rules);
    return BYTES_EMPTY;
}

struct app_state app_first_state(bytes data, u64 version)
{
    return (struct app_state){
        .version = version, .mover = version == 0 ? APP_OVER : APP_FIRST, .data = data};
}

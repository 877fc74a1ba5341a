/* Thousands of games between two daemons: a daemon's memory and its journal do not grow with those
 * that are over.
 *
 *   channel_games */
#include "base/fmt.h"
#include "durability/ledger.h"
#include "durability/party.h"
#include "durability/scratch.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    A,
    B,
    AT_ONCE = 16 /* a peer may ask */,
    GAMES = 3200,
    DEPOSIT = 1000000000,
    PATIENCE_MS = 60000
};
enum {
    SLACK = 1 << 20 /* a journal may be being written anew */,
    LIST_ROOM = 1 << 20,
    MOST_TOLD = 100 /* that are over */
};

static struct party *parties[2];
static char folders[2][128], channel[80];
static char list[LIST_ROOM];
static const char *fault;

static void start(u32 side)
{
    static const char *const addrs[2] = {"127.7.2.1", "127.7.2.2"};
    struct err err;
    struct party_options options = {
        .who = (u8)(1 + side),
        .folder = folders[side],
        .addr = addrs[side],
        .files = files_of_system(),
        .journal_limit = 1 << 18,
    };
    if (party_start(&options, &parties[side], &err) != ST_OK)
        bug(err.text);
}

static void ask(u32 side, const char *method, const char *params, char out[static PARTY_ANSWER])
{
    party_ask(parties[side], method, params, out);
    if (strstr(out, "\"result\"") == NULL && fault == NULL) {
        printf("%s\n", out);
        fault = "a call is refused";
    }
}

/* How many apps a side is told of that are so. */
static usize count(u32 side, const char *state)
{
    char text[40];
    usize number = 0;
    fmt(text, sizeof(text), "\"state\":\"%s\"", state);
    party_ask_long(parties[side], "channel_appList", "{}", list, sizeof(list));
    for (const char *at = strstr(list, text); at != NULL; at = strstr(at + 1, text))
        number++;
    return number;
}

static void wait_for(u32 side, const char *state, usize number)
{
    for (u64 until_ms = clock_now_ms() + PATIENCE_MS; fault == NULL; usleep(1000)) {
        if (count(side, state) == number)
            return;
        if (clock_now_ms() > until_ms)
            fault = "a game does not go on";
    }
}

/* Each of those that a side has and that are so. */
static void each(u32 side, const char *state, const char *method)
{
    static char was[LIST_ROOM];
    char out[PARTY_ANSWER], id[80], text[32], params[120];
    party_ask_long(parties[side], "channel_appList", "{}", was, sizeof(was));
    for (const char *at = strstr(was, "{\"app\":"); at != NULL; at = strstr(at + 1, "{\"app\":")) {
        answer_text(at, "app", id, sizeof(id));
        answer_text(at, "state", text, sizeof(text));
        fmt(params, sizeof(params), "{\"app\":\"%s\"}", id);
        if (strcmp(text, state) == 0)
            ask(side, method, params, out);
    }
}

static void play_some(void)
{
    char params[300], out[PARTY_ANSWER];
    fmt(params, sizeof(params),
        "{\"channel\":\"%s\",\"app\":\"payments\",\"stake\":3,\"expirySeconds\":80000}", channel);
    for (usize i = 0; i < AT_ONCE; i++)
        ask(A, "channel_appPropose", params, out);
    wait_for(B, "asked", AT_ONCE);
    each(B, "asked", "channel_appAccept");
    wait_for(A, "live", AT_ONCE);
    wait_for(B, "live", AT_ONCE);
    each(B, "live", "channel_appSettle");
    ledger_pass(1);
    for (u32 side = 0; side < 2; side++) {
        wait_for(side, "live", 0);
        wait_for(side, "ending", 0);
    }
}

static usize journal_size(u32 side)
{
    char path[160];
    struct stat info;
    fmt(path, sizeof(path), "%s/channels.log", folders[side]);
    return stat(path, &info) == 0 ? (usize)info.st_size : 0;
}

static void check(bool holds, const char *what)
{
    if (!holds && fault == NULL)
        fault = what;
}

static void play(void)
{
    char params[300], out[PARTY_ANSWER];
    usize before = 0, after = 0;
    fmt(params, sizeof(params), "{\"peer\":\"%s\",\"amount\":%u}", party_name(parties[B]),
        (unsigned)DEPOSIT);
    ask(A, "channel_open", params, out);
    answer_text(out, "channel", channel, sizeof(channel));
    for (usize i = 0; i < GAMES && fault == NULL; i += AT_ONCE) {
        play_some();
        if (i >= GAMES / 10 && before == 0)
            before = mallinfo2().uordblks;
    }
    after = mallinfo2().uordblks;
    printf("%d games, %zu bytes after a tenth of them, %zu after all; journals of %zu and %zu\n",
           GAMES, before, after, journal_size(A), journal_size(B));
    check(after < 2 * before + SLACK, "memory grows with the games");
    for (u32 side = 0; side < 2; side++) {
        check(count(side, "done") == MOST_TOLD, "not the last hundred are told of");
        check(journal_size(side) < 8 << 20, "the journal grows with the games");
        party_stop(parties[side]);
        start(side);
    }
    play_some();
}

int main(void)
{
    char top[64], command[100];
    log_setup((struct log_options){.level = LEVEL_ERROR, .fd = 2});
    scratch_folder("games", top, sizeof(top));
    (void)ledger_new();
    for (u32 side = 0; side < 2; side++) {
        fmt(folders[side], sizeof(folders[side]), "%s/%c", top, "ab"[side]);
        int code = mkdir(folders[side], 0700);
        assert(code == 0);
        start(side);
    }
    play();
    for (u32 side = 0; side < 2; side++)
        party_stop(parties[side]);
    if (fault != NULL)
        printf("FAIL games that are over take no memory: %s\n", fault);
    fmt(command, sizeof(command), "rm -r %s", top);
    int code = system(command);
    assert(code == 0);
    printf("%u passed, %u failed\n", fault == NULL, fault != NULL);
    return fault != NULL;
}

/* Cuts the power of two channel daemons at once, at every write, sync and rename that their
 * journals have seen, which are written anew meanwhile, in several ways each, and starts both on
 * what is left. They must open, meet, count the same, have all that callers were told, and go on;
 * what they play for stakes has the same state at both, and ends as it was played. The same where
 * there is no room for a record.
 *
 *   channel_cuts [how many of the cuts: 1 of every N, 1 unless given; half as many in the games] */
#include "base/fmt.h"
#include "durability/games.h"
#include "durability/ledger.h"
#include "durability/party.h"
#include "durability/payments.h"
#include "durability/scratch.h"
#include "durability/tape.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { A, B, DEPOSIT = 1000000000, MEET_MS = 10000, MOST_TOLD = 64, MOST_STATES = 64 };

/* What was told until then. */
struct told {
    usize position;
    struct payments payments;
    u64 deposits; /* of both, that come if they are not there */
};

static struct told told[MOST_TOLD];
static usize told_count;
static struct payments begun; /* all payments, those too that are not told yet */

/* What the chain was from then on. */
static struct {
    usize position;
    struct ledger ledger;
} states[MOST_STATES];
static usize state_count;

static struct ledger *ledger;
static char channel[80];
static u64 failures;

static void keep_state(const struct ledger *now)
{
    assert(state_count < MOST_STATES);
    states[state_count].position = tape_length();
    states[state_count++].ledger = *now;
}

static void tell(u64 deposits)
{
    assert(told_count < MOST_TOLD);
    told[told_count++] = (struct told){tape_length(), begun, deposits};
}

/* --- Two daemons. */

static struct party *parties[2];
static char folders[2][2][128]; /* the originals, the copies */

/* Room for so many writes more; SIZE_MAX: for all. */
static atomic_size_t room = SIZE_MAX;

/* 1: journals are written anew whenever they have grown. */
static u64 journal_limit = 1;

static enum status write_in_room(void *self, struct file *file, u64 offset, bytes from,
                                 struct err *err)
{
    if (room == 0)
        return fail(err, ST_FULL, "cannot write the journal: no space left");
    room -= room != SIZE_MAX;
    return files_of_system()->write(self, file, offset, from, err);
}

static enum status start(usize which, u32 side, struct err *err)
{
    static struct files files;
    files = which == 0 ? *party_slow_files() : *files_of_system();
    files.write = write_in_room;
    static const char *const addrs[2] = {"127.8.0.1", "127.8.0.2"};
    struct party_options options = {
        .who = (u8)(1 + side),
        .folder = folders[which][side],
        .addr = addrs[side],
        .files = &files,
        .journal_limit = journal_limit,
        .patience_us = side == 0 ? UINT64_MAX : 0,
    };
    return party_start(&options, &parties[side], err);
}

static void stop(void)
{
    for (u32 side = 0; side < 2; side++) {
        party_stop(parties[side]);
        parties[side] = NULL;
    }
}

static void must(const char *answer)
{
    if (strstr(answer, "\"result\"") != NULL)
        return;
    for (u32 side = 0; side < 2; side++)
        if (parties[side] != NULL && party_failure(parties[side]) != NULL)
            fprintf(stderr, "%c: %s\n", "ab"[side], party_failure(parties[side]));
    fprintf(stderr, "%s\n", answer);
    exit(1);
}

static void look(u32 side, char out[static PARTY_ANSWER])
{
    char all[PARTY_ANSWER];
    party_ask(parties[side], "channel_list", "{}", all);
    const char *at = strstr(all, channel);
    fmt(out, PARTY_ANSWER, "%s%s", at == NULL ? "" : "{\"channel\":\"", at == NULL ? "" : at);
    char *end = strchr(out, '}');
    if (end != NULL)
        end[1] = 0;
}

static bool is_in_state(const char *answer, const char *state)
{
    char text[32];
    answer_text(answer, "state", text, sizeof(text));
    return strcmp(text, state) == 0;
}

/* --- What is recorded. */

static void pay(u32 side)
{
    char params[200], out[PARTY_ANSWER];
    usize index = payments_add(&begun, side, PAYMENT_UNKNOWN);
    fmt(params, sizeof(params), "{\"channel\":\"%s\",\"amount\":%lu}", channel,
        payment_amount(index));
    party_ask(parties[side], "channel_keysend", params, out);
    must(out);
    begun.list[index].state = PAYMENT_PAID;
    tell(2 * (u64)DEPOSIT);
}

static ino_t journal_of(u32 side)
{
    char path[160];
    struct stat info;
    fmt(path, sizeof(path), "%s/channels.log", folders[0][side]);
    return stat(path, &info) == 0 ? info.st_ino : 0;
}

/* Until the journals of both are other files. Invoices change nothing between the two. */
static void bill_until_anew(void)
{
    ino_t was[2] = {journal_of(A), journal_of(B)};
    char out[PARTY_ANSWER];
    for (u32 side = 0; side < 2; side++)
        while (journal_of(side) == was[side]) {
            party_ask(parties[side], "channel_invoice", "{\"amount\":5}", out);
            must(out);
            usleep(20000);
        }
}

static bool ask(void *self, u32 side, const char *method, const char *params,
                char out[static PARTY_ANSWER])
{
    (void)self;
    party_ask(parties[side], method, params, out);
    return true;
}

static struct game games[] = {
    {.cells = "03142", .channel = channel, .player = {A, B}, .stake = {5}},
    {.channel = channel, .player = {A, B}},
};
static usize games_begin, games_end; /* on the tape */

/* The first takes what the second has at stake; then it pays. */
static void play_games(void)
{
    usize won = payments_add(&begun, B, PAYMENT_UNKNOWN);
    usize paid = payments_add(&begun, A, PAYMENT_UNKNOWN);
    games[0].stake[1] = payment_amount(won);
    games[1].amount = payment_amount(paid);
    games[1].stake[0] = 2 * games[1].amount - 1;
    games_begin = tape_length();
    for (usize i = 0; i < countof(games); i++) {
        for (enum game_end end; (end = game_step(&games[i], ask, NULL)) != GAME_IS_OVER;) {
            if (end == GAME_FAILED) {
                fprintf(stderr, "a game fails\n");
                exit(1);
            }
            usleep(1000);
        }
        begun.list[i == 0 ? won : paid].state = PAYMENT_PAID;
        tell(2 * (u64)DEPOSIT);
    }
    games_end = tape_length();
}

static void play(void)
{
    struct err err;
    char params[400], out[PARTY_ANSWER];
    if (start(0, B, &err) != ST_OK || start(0, A, &err) != ST_OK) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    fmt(params, sizeof(params), "{\"peer\":\"%s\",\"amount\":\"0x%x\"}", party_name(parties[B]),
        (unsigned)DEPOSIT);
    party_ask(parties[A], "channel_open", params, out);
    must(out);
    answer_text(out, "channel", channel, sizeof(channel));
    tell(DEPOSIT);
    fmt(params, sizeof(params), "{\"channel\":\"%s\",\"amount\":\"0x%x\"}", channel,
        (unsigned)DEPOSIT);
    party_ask(parties[B], "channel_topup", params, out);
    must(out);
    tell(2 * (u64)DEPOSIT);
    for (look(B, out); answer_number(out, "spendable") == 0; look(B, out))
        usleep(1000);
    for (usize i = 0; i < 12; i++) {
        if (i == 4)
            bill_until_anew();
        pay(i % 3 == 2 ? B : A);
    }
    play_games();
    fmt(params, sizeof(params), "{\"channel\":\"%s\"}", channel);
    party_ask(parties[B], "channel_close", params, out);
    must(out);
    stop();
}

/* --- The judge. */

static void complain(usize position, enum fate fate, const char *what)
{
    static const char *const fates[FATE_COUNT] = {"lost", "kept", "mixed", "torn"};
    char op[128];
    tape_describe(position, op, sizeof(op));
    printf("FAIL cut %zu (before %s), unsynced writes %s: %s\n", position, op, fates[fate], what);
    failures++;
}

static struct told told_at(usize position)
{
    struct told last = {.position = 0};
    for (usize i = 0; i < told_count && told[i].position <= position; i++)
        last = told[i];
    for (usize i = last.payments.count; i < begun.count; i++)
        payments_add(&last.payments, begun.list[i].side, PAYMENT_UNKNOWN);
    return last;
}

static void set_chain(usize position)
{
    usize last = 0;
    for (usize i = 0; i < state_count && states[i].position <= position; i++)
        last = i;
    ledger_copy(ledger, &states[last].ledger);
}

/* Both have it open, or have closed it; both count what they may. */
static bool agree(const char *a, const char *b, const struct told *was)
{
    if (is_in_state(a, "closed") && is_in_state(b, "closed"))
        return true;
    u64 of_a = answer_number(a, "balance"), of_b = answer_number(b, "balance");
    const struct ledger_channel *chain = &ledger->channels[0];
    u128 deposits = chain->deposited[A] + chain->deposited[B];
    return is_in_state(a, "open") && is_in_state(b, "open") && of_a + of_b == deposits &&
           deposits >= was->deposits &&
           payments_explain(&was->payments, (i128)chain->deposited[A] - (i128)of_a);
}

/* NULL: as it has to be. */
static const char *fault_of_meeting(const struct told *was, char a[static PARTY_ANSWER],
                                    char b[static PARTY_ANSWER])
{
    for (u64 until_ms = clock_now_ms() + MEET_MS; clock_now_ms() < until_ms; usleep(1000)) {
        look(A, a);
        look(B, b);
        bool is_there = a[0] != 0 && answer_number(a, "balance") != 0;
        if (agree(a, b, was) || (was->deposits == 0 && !is_there && !is_in_state(a, "closed")))
            return NULL;
    }
    return "they do not come to the same";
}

static bool are_alike(void)
{
    static char a[PARTY_ANSWER], b[PARTY_ANSWER];
    party_ask(parties[A], "channel_appList", "{}", a);
    party_ask(parties[B], "channel_appList", "{}", b);
    return games_are_alike(a, b);
}

/* What is played goes on from where it was, and ends. */
static const char *fault_of_games(void)
{
    u64 until_ms = clock_now_ms() + MEET_MS;
    for (; !are_alike(); usleep(1000))
        if (clock_now_ms() > until_ms)
            return "they have other states of what they play";
    for (usize i = 0; i < countof(games); i++)
        for (struct game game = games[i]; game_step(&game, ask, NULL) == GAME_GOES_ON; usleep(1000))
            if (clock_now_ms() > until_ms)
                return "a game does not end";
    return NULL;
}

static const char *fault_of_going_on(void)
{
    static char out[PARTY_ANSWER];
    char params[200];
    fmt(params, sizeof(params), "{\"channel\":\"%s\",\"amount\":1,\"count\":3}", channel);
    party_ask(parties[A], "channel_keysend", params, out);
    if (strstr(out, "\"result\"") == NULL)
        return out;
    fmt(params, sizeof(params), "{\"channel\":\"%s\"}", channel);
    party_ask(parties[A], "channel_close", params, out);
    return strstr(out, "\"result\"") == NULL ? out : NULL;
}

static void judge(usize position, enum fate fate)
{
    struct err err;
    char top[128], a[PARTY_ANSWER], b[PARTY_ANSWER], why[PARTY_ANSWER];
    fmt(top, sizeof(top), "%.*s", (int)strlen(folders[1][A]) - 2, folders[1][A]);
    tape_replay(position, fate, position, top);
    set_chain(position);
    struct told was = told_at(position);
    if (start(1, B, &err) != ST_OK || start(1, A, &err) != ST_OK) {
        complain(position, fate, err.text);
        stop();
        return;
    }
    const char *fault = fault_of_meeting(&was, a, b);
    if (fault == NULL && is_in_state(a, "open") && position >= games_begin) {
        fault = fault_of_games();
        fault = fault == NULL ? fault_of_meeting(&was, a, b) : fault;
    }
    if (fault != NULL) {
        fmt(why, sizeof(why), "%s: %s AND %s", fault, a, b);
        complain(position, fate, why);
    } else if (is_in_state(a, "open") && (position + fate) % 3 == 0) {
        fault = fault_of_going_on();
        if (fault != NULL)
            complain(position, fate, fault);
    }
    stop();
}

/* --- No room. */

/* The daemon ends, says so, and answers nothing that it has not written down. */
static const char *fault_of_ending(u32 side, usize writes, struct told *was)
{
    static char out[PARTY_ANSWER];
    char params[200];
    fmt(params, sizeof(params), "{\"channel\":\"%s\",\"amount\":7}", channel);
    party_ask(parties[side], "channel_topup", params, out);
    if (writes > 0 && strstr(out, "\"result\"") != NULL) {
        was->deposits += 7; /* its record was the first */
        return NULL;
    }
    if (strstr(out, "\"result\"") != NULL || strstr(out, "\"error\"") == NULL)
        return out;
    const char *why = party_failure(parties[side]);
    return why != NULL && strstr(why, "no space left") != NULL ? NULL : "it does not say why";
}

/* One of the two has room for `writes` more, in a channel that is open. */
static void judge_full(u32 side, usize writes, usize position)
{
    struct err err;
    char top[128], a[PARTY_ANSWER], b[PARTY_ANSWER];
    fmt(top, sizeof(top), "%.*s", (int)strlen(folders[1][A]) - 2, folders[1][A]);
    tape_replay(position, FATE_KEPT, 0, top);
    set_chain(position);
    struct told was = told_at(position);
    const char *fault = "it does not start";
    if (start(1, B, &err) == ST_OK && start(1, A, &err) == ST_OK)
        fault = fault_of_meeting(&was, a, b);
    room = writes;
    fault = fault == NULL ? fault_of_ending(side, writes, &was) : fault;
    room = SIZE_MAX;
    stop();
    if (fault == NULL && (start(1, B, &err) != ST_OK || start(1, A, &err) != ST_OK))
        fault = err.text;
    fault = fault == NULL ? fault_of_meeting(&was, a, b) : fault;
    fault = fault == NULL ? fault_of_going_on() : fault;
    stop();
    if (fault != NULL)
        complain(position, FATE_KEPT, fault);
}

static void make_folders(char top[static 64])
{
    static const char *const names[2] = {"was", "is"};
    scratch_folder("channel-cuts", top, 64);
    for (usize which = 0; which < 2; which++) {
        char folder[100];
        fmt(folder, sizeof(folder), "%s/%s", top, names[which]);
        assert(mkdir(folder, 0700) == 0);
        for (usize side = 0; side < 2; side++) {
            fmt(folders[which][side], sizeof(folders[0][0]), "%s/%c", folder, "ab"[side]);
            assert(mkdir(folders[which][side], 0700) == 0);
        }
    }
}

int main(int argc, char **argv)
{
    usize every = argc > 1 ? strtoul(argv[1], NULL, 10) : 1, cuts = 0;
    char top[64], original[100], command[100];
    log_setup((struct log_options){.level = LEVEL_ERROR, .fd = 2});
    make_folders(top);
    ledger = ledger_new();
    keep_state(ledger);
    ledger_changed = keep_state;
    fmt(original, sizeof(original), "%s/was", top);
    tape_start(original);
    play();
    tape_stop();
    ledger_changed = NULL;
    every = every > 0 ? every : 1;
    for (usize position = 0, step; position <= tape_length(); position += step) {
        step = position > games_begin && position < games_end ? 2 * every : every;
        for (enum fate fate = 0; fate < FATE_COUNT; fate++, cuts++)
            judge(position, fate);
    }
    usize last = told[told_count - 1].position; /* before the close */
    journal_limit = 0;
    for (u32 side = 0; side < 2; side++)
        for (usize writes = 0; writes < 3; writes++, cuts++)
            judge_full(side, writes, last);
    fmt(command, sizeof(command), "rm -r %s", top);
    assert(system(command) == 0);
    printf("%zu writes and syncs of two channel daemons, %zu cuts\n", tape_length(), cuts);
    printf("%zu passed, %lu failed\n", cuts - failures, failures);
    return failures != 0;
}

/* Two channel daemons, each a process, over TCP: they open a channel, top it up, pay both ways,
 * sign a new base and close it. One of them ends at its n-th write, sync, send or receive, for
 * every n, or both do, and are started again. They must meet; what a caller was told must hold;
 * both must count the same; and the chain must pay out just that. In every other run the journals
 * are written anew whenever they have grown.
 *
 * With apps there are three, the second of which is a hub: the first two play for stakes, then the
 * first pays the third in a virtual channel, then the first two play again until one asks the
 * court. Each must end as it was played, and nobody sign two states of one version.
 *
 *   channel_points [1 of how many n, 1 unless given] [a single run: side, n, how]
 *   channel_points apps [the same] */
#include "base/fmt.h"
#include "base/hex.h"
#include "durability/games.h"
#include "durability/journals.h"
#include "durability/ledger.h"
#include "durability/party.h"
#include "durability/payments.h"
#include "durability/points.h"
#include "durability/scratch.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { A, B, C, SIDES, DEPOSIT = 1000000000, MEET_MS = 60000, AT_ONCE = 8, RUN_S = 240 };

/* How a run ended. */
enum { RUN_GOOD, RUN_BAD, RUN_NOT_REACHED };

struct side {
    char folder[128], addr[32], name[DAEMON_NAME_SIZE];
    pid_t pid;
    int fd;     /* of a pair; packets, questions one way, answers the other */
    bool asked; /* in this life of its, and has not answered */
    bool ended; /* it has come to its point */
    bool anew;  /* its journal is written anew all the time, and its loop waits for the disk */
};

/* A channel, whose first side has opened it. */
struct between {
    u32 at[2];
    char channel[80];
    struct payments payments;
};

struct run {
    struct side sides[SIDES];
    u32 count; /* of them */
    struct ledger *ledger;
    struct between between[2], *on; /* what is looked at */
    char what[64], top[64];
};

/* --- A daemon's process. */

static void answer_questions(struct party *party, int fd)
{
    char question[1024], answer[PARTY_ANSWER];
    for (ssize_t got; (got = read(fd, question, sizeof(question) - 1)) > 0;) {
        question[got] = 0;
        char *params = strchr(question, ' ');
        *params++ = 0;
        party_ask(party, question, params, answer);
        if (write(fd, answer, strlen(answer)) < 0)
            return;
    }
}

static _Noreturn void be_daemon(const struct side *side, u8 who, int fd, unsigned point,
                                enum point_how how)
{
    struct party_options options = {
        .who = who,
        .folder = side->folder,
        .addr = side->addr,
        .files = party_slow_files(),
        .journal_limit = side->anew ? 1 : 0,
        .patience_us = side->anew ? UINT64_MAX : 0,
        .joins = who == 1 + B,
    };
    struct party *party;
    struct err err;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (point != 0)
        points_arm(point, how);
    if (party_start(&options, &party, &err) != ST_OK) {
        fprintf(stderr, "%s\n", err.text);
        _exit(1);
    }
    if (write(fd, party_name(party), strlen(party_name(party))) < 0)
        _exit(1);
    answer_questions(party, fd);
    party_stop(party);
    _exit(0);
}

/* --- The one who asks. */

static void remove_folders(const struct run *run)
{
    char command[100];
    fmt(command, sizeof(command), "rm -r %s", run->top);
    assert(system(command) == 0);
}

static _Noreturn void give_up(const struct run *run, const char *why)
{
    printf("FAIL %s: %s\n", run->what, why);
    fflush(stdout);
    for (usize i = 0; i < run->count; i++)
        if (run->sides[i].pid > 0)
            kill(run->sides[i].pid, SIGKILL);
    remove_folders(run);
    exit(RUN_BAD);
}

static void revive(struct run *run, struct side *side);

static void start(struct run *run, struct side *side, unsigned point, enum point_how how)
{
    int pair[2];
    assert(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    u8 who = (u8)(1 + (side - run->sides));
    fflush(stdout);
    side->pid = fork();
    assert(side->pid >= 0);
    if (side->pid == 0) {
        for (usize i = 0; i < run->count; i++)
            if (run->sides[i].fd > 0)
                close(run->sides[i].fd);
        close(pair[0]);
        be_daemon(side, who, pair[1], point, how);
    }
    close(pair[1]);
    side->fd = pair[0];
    char name[DAEMON_NAME_SIZE] = "";
    if (read(side->fd, name, sizeof(name) - 1) > 0)
        memcpy(side->name, name, sizeof(name));
    else
        revive(run, side);
}

/* It is gone: at its point, and once. */
static void revive(struct run *run, struct side *side)
{
    int status;
    waitpid(side->pid, &status, 0);
    close(side->fd);
    side->fd = 0;
    side->asked = false;
    if (side->ended || !WIFEXITED(status) || WEXITSTATUS(status) != POINT_STATUS)
        give_up(run, "a daemon ended by itself");
    side->ended = true;
    start(run, side, 0, POINT_BEFORE);
}

static void question(struct side *side, const char *method, const char *params)
{
    char text[1024];
    usize size = fmt(text, sizeof(text), "%s %s", method, params);
    side->asked = true;
    (void)send(side->fd, text, size, MSG_NOSIGNAL); /* not taken: it has ended */
}

/* Those but this one that have ended. */
static bool revive_others(struct run *run, const struct side *side, const struct pollfd *all)
{
    bool any = false;
    for (u32 i = 0; i < run->count; i++) {
        if (&run->sides[i] == side || (all[i].revents & POLLHUP) == 0)
            continue;
        revive(run, &run->sides[i]);
        any = true;
    }
    return any;
}

/* False: it has ended meanwhile, and was started again. The others may do so as well. */
static bool answer(struct run *run, struct side *side, char out[static PARTY_ANSWER])
{
    usize own = (usize)(side - run->sides);
    while (side->asked) {
        struct pollfd all[SIDES];
        for (u32 i = 0; i < run->count; i++)
            all[i] = (struct pollfd){run->sides[i].fd, i == own ? POLLIN : 0, 0};
        if (poll(all, run->count, 60000) == 0)
            give_up(run, "no answer for 60 seconds");
        if (revive_others(run, side, all) || all[own].revents == 0)
            continue;
        ssize_t got = read(side->fd, out, PARTY_ANSWER - 1);
        out[got > 0 ? got : 0] = 0;
        if (got <= 0)
            revive(run, side);
        side->asked &= got <= 0;
        if (got > 0)
            return true;
    }
    return false;
}

static bool ask(struct run *run, u32 side, const char *method, const char *params,
                char out[static PARTY_ANSWER])
{
    question(&run->sides[side], method, params);
    return answer(run, &run->sides[side], out);
}

/* What a side says of the channel: from its name on. Asks until it is answered. */
static void look(struct run *run, u32 side, char out[static PARTY_ANSWER])
{
    char all[PARTY_ANSWER];
    while (!ask(run, side, "channel_list", "{}", all))
        ;
    const char *at = run->on->channel[0] == 0 ? NULL : strstr(all, run->on->channel);
    fmt(out, PARTY_ANSWER, "%s%s", at == NULL ? "" : "{\"channel\":\"", at == NULL ? "" : at);
    char *end = strchr(out, '}');
    if (end != NULL)
        end[1] = 0;
}

static bool is_in_state(const char *channel, const char *state)
{
    char text[32];
    answer_text(channel, "state", text, sizeof(text));
    return strcmp(text, state) == 0;
}

static const struct ledger_channel *on_chain(const struct run *run)
{
    for (usize i = 0; i < run->ledger->channel_count; i++) {
        char id[80] = "0x";
        for (usize j = 0; j < 32; j++)
            fmt(id + 2 + 2 * j, 3, "%02x", run->ledger->channels[i].name.id.b[j]);
        if (strcmp(id, run->on->channel) == 0)
            return &run->ledger->channels[i];
    }
    return NULL;
}

/* Both are together again, count the same, and count what they may. */
static bool have_met(struct run *run)
{
    char a[PARTY_ANSWER], b[PARTY_ANSWER];
    look(run, run->on->at[0], a);
    look(run, run->on->at[1], b);
    const struct ledger_channel *chain = on_chain(run);
    if (chain == NULL || !is_in_state(a, "open") || !is_in_state(b, "open"))
        return false;
    u64 total = (u64)(chain->deposited[A] + chain->deposited[B]);
    u64 of_a = answer_number(a, "balance"), of_b = answer_number(b, "balance");
    return of_a + of_b == total &&
           payments_explain(&run->on->payments, (i128)chain->deposited[A] - (i128)of_a);
}

static void meet(struct run *run)
{
    u64 until_ms = clock_now_ms() + MEET_MS;
    while (!have_met(run)) {
        if (clock_now_ms() > until_ms) {
            char a[PARTY_ANSWER], b[PARTY_ANSWER], why[PARTY_ANSWER];
            look(run, run->on->at[0], a);
            look(run, run->on->at[1], b);
            fmt(why, sizeof(why), "they do not come to the same: %s AND %s", a, b);
            give_up(run, why);
        }
        usleep(5000);
    }
}

/* --- What is done. */

static bool is_other_channel(const struct run *run, const char *at)
{
    char id[80];
    const struct between *other = &run->between[run->on == &run->between[0]];
    answer_text(at, "channel", id, sizeof(id));
    return strcmp(other->channel, id) == 0;
}

/* A channel of its first side's that has money in it, or gets some: one that was begun when
 * somebody ended may have none, which nobody was promised. */
static bool find_channel(struct run *run)
{
    char all[PARTY_ANSWER];
    for (u64 until_ms = clock_now_ms() + 1000; clock_now_ms() < until_ms; usleep(5000)) {
        if (!ask(run, run->on->at[0], "channel_list", "{}", all))
            continue;
        for (const char *at = all; (at = strstr(at, "{\"channel\":")) != NULL; at++) {
            if (answer_number(at, "balance") == 0 || is_other_channel(run, at))
                continue;
            answer_text(at, "channel", run->on->channel, sizeof(run->on->channel));
            return true;
        }
    }
    return false;
}

static void open_channel(struct run *run)
{
    for (unsigned i = 0; i < 4; i++) {
        char params[400], out[PARTY_ANSWER];
        fmt(params, sizeof(params), "{\"peer\":\"%s\",\"amount\":\"0x%x\",\"timeoutMs\":6000}",
            run->sides[run->on->at[1]].name, (unsigned)DEPOSIT);
        bool told = ask(run, run->on->at[0], "channel_open", params, out);
        if (find_channel(run))
            return;
        if (told && strstr(out, "result") != NULL)
            give_up(run, "an opened channel is not there");
    }
    give_up(run, "no channel comes about");
}

static void top_up(struct run *run, u32 side)
{
    char params[200], out[PARTY_ANSWER];
    u128 before = on_chain(run)->deposited[side];
    fmt(params, sizeof(params), "{\"channel\":\"%s\",\"amount\":\"0x64\"}", run->on->channel);
    if (!ask(run, side, "channel_topup", params, out))
        return;
    if (strstr(out, "result") == NULL)
        give_up(run, out);
    for (u64 until_ms = clock_now_ms() + MEET_MS; on_chain(run)->deposited[side] < before + 100;) {
        look(run, side, out);
        if (clock_now_ms() > until_ms)
            give_up(run, "a top-up that was promised does not come");
        usleep(2000);
    }
}

static void pay_begin(struct run *run, u32 side)
{
    char params[300];
    usize index = payments_add(&run->on->payments, side, PAYMENT_UNKNOWN);
    fmt(params, sizeof(params), "{\"channel\":\"%s\",\"amount\":%lu,\"timeoutMs\":8000}",
        run->on->channel, payment_amount(index));
    question(&run->sides[side], "channel_keysend", params);
}

/* `index` is the payment's. */
static void pay_end(struct run *run, u32 side, usize index)
{
    char out[PARTY_ANSWER];
    if (!answer(run, &run->sides[side], out))
        return;
    if (strstr(out, "\"result\"") != NULL)
        run->on->payments.list[index].state = PAYMENT_PAID;
    else if (strstr(out, "not so much") != NULL)
        run->on->payments.list[index].state = PAYMENT_REFUSED;
    else if (strstr(out, "not acknowledged") == NULL)
        give_up(run, out);
}

static void pay_both_ways(struct run *run)
{
    usize first = run->on->payments.count;
    pay_begin(run, A);
    pay_begin(run, B);
    pay_end(run, A, first);
    pay_end(run, B, first + 1);
}

static bool has_base(const char *channel)
{
    return channel[0] != 0 && strstr(channel, "\"epoch\":0,") == NULL;
}

/* Asked for until it is there: who was asked may have ended before it came to it. */
static void rebase(struct run *run, u32 side)
{
    char params[200], a[PARTY_ANSWER], b[PARTY_ANSWER];
    fmt(params, sizeof(params), "{\"channel\":\"%s\"}", run->on->channel);
    for (u64 until_ms = clock_now_ms() + MEET_MS;;) {
        look(run, A, a);
        look(run, B, b);
        if (has_base(a) && has_base(b))
            return;
        if (clock_now_ms() > until_ms)
            give_up(run, "a new base does not come");
        if (!has_base(a) && !has_base(b))
            (void)ask(run, side, "channel_rebase", params, a);
        usleep(5000);
    }
}

static void close_channel(struct run *run, u32 side)
{
    char params[200], a[PARTY_ANSWER], b[PARTY_ANSWER];
    fmt(params, sizeof(params), "{\"channel\":\"%s\",\"timeoutMs\":6000}", run->on->channel);
    for (u64 until_ms = clock_now_ms() + MEET_MS;;) {
        (void)ask(run, side, "channel_close", params, a);
        look(run, A, a);
        look(run, B, b);
        if (is_in_state(a, "closed") && is_in_state(b, "closed"))
            return;
        if (clock_now_ms() > until_ms)
            give_up(run, "the close does not come");
        usleep(5000);
    }
}

static void check_payout(struct run *run)
{
    const struct ledger_channel *chain = on_chain(run);
    if (chain == NULL || !chain->closed)
        give_up(run, "the chain does not know of the close");
    if (chain->paid[A] + chain->paid[B] != chain->deposited[A] + chain->deposited[B])
        give_up(run, "money came or went");
    if (!payments_explain(&run->on->payments, (i128)chain->deposited[A] - (i128)chain->paid[A]))
        give_up(run, "the chain pays out something else");
}

static void finish(struct run *run)
{
    struct err err;
    const char *folders[SIDES];
    bool are_whole = true;
    for (usize i = 0; i < run->count; i++) {
        int status;
        folders[i] = run->sides[i].folder;
        are_whole &= !run->sides[i].anew;
        close(run->sides[i].fd);
        waitpid(run->sides[i].pid, &status, 0);
        if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != POINT_STATUS))
            give_up(run, "a daemon does not end well");
    }
    if (are_whole && journals_agree(folders, run->count, &err) != ST_OK)
        give_up(run, err.text);
}

/* Everything, with one that ends at its point, and in every third run the other too at some. */
static void play(struct run *run, u32 side, unsigned point, enum point_how how)
{
    unsigned other = point % 3 == 0 ? 1 + (point * 37 + how * 11) % 70 : 0;
    start(run, &run->sides[B], side == B ? point : other, how);
    start(run, &run->sides[A], side == A ? point : other, how);
    open_channel(run);
    meet(run);
    top_up(run, B);
    usize first = run->on->payments.count;
    pay_begin(run, A);
    pay_end(run, A, first);
    pay_both_ways(run);
    rebase(run, B);
    pay_both_ways(run);
    meet(run);
    top_up(run, A);
    pay_both_ways(run);
    meet(run);
    close_channel(run, point % 2 == 0 ? side : 1 - side);
    check_payout(run);
    finish(run);
}

/* --- With apps. */

static bool ask_for_game(void *self, u32 side, const char *method, const char *params,
                         char out[static PARTY_ANSWER])
{
    return ask(self, side, method, params, out);
}

/* In court nothing waits for anybody but the time in which states are shown: once the newest is. */
static void pass_time_in_court(struct run *run, const struct game *game)
{
    u8 digits[64];
    hash32 app;
    if (!game->is_seen || strlen(game->id) != 2 + sizeof(digits))
        return;
    memcpy(digits, game->id + 2, sizeof(digits));
    if (hex_read_fixed(BYTES_OF(digits), app.b, sizeof(app)) != ST_OK)
        return;
    const struct ledger_app *at = ledger_app(run->ledger, app);
    u64 now_s = ledger_now_s(run->ledger);
    if (at != NULL && at->look.decided_s == 0 && now_s <= at->look.show_until_s &&
        at->look.version >= game->version[0] && at->look.version >= game->version[1])
        ledger_pass(at->look.show_until_s + 1 - now_s);
}

/* Until its end. */
static void play_game(struct run *run, struct game *game)
{
    for (u64 until_ms = clock_now_ms() + MEET_MS;; usleep(3000)) {
        enum game_end end = game_step(game, ask_for_game, run);
        if (end == GAME_IS_OVER)
            return;
        if (end == GAME_FAILED) { /* a hub may have to find the second again before it joins */
            game->id[0] = 0;
            usleep(500000);
        }
        pass_time_in_court(run, game);
        if (clock_now_ms() > until_ms || game->proposed > 40) {
            char why[PARTY_ANSWER] = "", list[PARTY_ANSWER];
            for (u32 i = 0; i < run->count; i++)
                if (ask(run, i, "channel_appList", "{}", list))
                    fmt(why + strlen(why), sizeof(why) - strlen(why), "\n%c: %s", "abc"[i], list);
            give_up(run, why);
        }
    }
}

static void meet_on(struct run *run, usize which)
{
    run->on = &run->between[which];
    meet(run);
}

static void deposit_all(struct run *run, u32 side)
{
    while (on_chain(run) == NULL || on_chain(run)->deposited[side] < 100)
        top_up(run, side);
}

/* Of an amount that is known by its index. */
static u64 moved(struct run *run, usize which, u32 side)
{
    return payment_amount(payments_add(&run->between[which].payments, side, PAYMENT_PAID));
}

static void play_apps(struct run *run, u32 side, unsigned point, enum point_how how)
{
    run->count = SIDES;
    run->between[1].at[0] = B;
    run->between[1].at[1] = C;
    for (u32 i = SIDES; i-- > 0;)
        start(run, &run->sides[i], side == i ? point : 0, how);
    for (usize i = 0; i < 2; i++) {
        run->on = &run->between[i];
        open_channel(run);
        meet(run);
    }
    run->on = &run->between[0];
    deposit_all(run, B);
    struct game first = {.cells = "03142",
                         .channel = run->between[0].channel,
                         .player = {A, B},
                         .stake = {5, moved(run, 0, B)}};
    play_game(run, &first);
    struct game over_hub = {.channel = run->between[0].channel,
                            .with = run->sides[C].name,
                            .player = {A, C},
                            .amount = moved(run, 0, A)};
    over_hub.stake[0] = 2 * over_hub.amount - 1;
    payments_add(&run->between[1].payments, 0, PAYMENT_REFUSED);
    (void)moved(run, 1, 0);
    play_game(run, &over_hub);
    struct game in_court = {.cells = "031485",
                            .channel = run->between[0].channel,
                            .player = {A, B},
                            .stake = {moved(run, 0, A), 5},
                            .sues_at = 3};
    play_game(run, &in_court);
    meet_on(run, 1);
    meet_on(run, 0);
    finish(run);
}

static bool with_apps;

static int run_at(u32 side, unsigned point, enum point_how how, usize number)
{
    static const char *const hows[POINT_HOWS] = {"before", "halfway through", "after"};
    struct run run = {.ledger = ledger_new(), .count = 2, .between[0].at = {A, B}};
    run.on = &run.between[0];
    alarm(RUN_S);
    fmt(run.what, sizeof(run.what), "%c ends %s its moment %u", "abc"[side], hows[how], point);
    scratch_folder("points", run.top, sizeof(run.top));
    for (usize i = 0; i < SIDES; i++) {
        run.sides[i].anew = (point / 2) % 2 != 0;
        fmt(run.sides[i].folder, sizeof(run.sides[i].folder), "%s/%c", run.top, "abc"[i]);
        fmt(run.sides[i].addr, sizeof(run.sides[i].addr), "127.9.%zu.%zu",
            SIDES * (number / 250) + i, 1 + number % 250);
        assert(mkdir(run.sides[i].folder, 0700) == 0);
    }
    if (with_apps)
        play_apps(&run, side, point, how);
    else
        play(&run, side, point, how);
    remove_folders(&run);
    return run.sides[side].ended ? RUN_GOOD : RUN_NOT_REACHED;
}

/* --- All of them, several at once. */

struct way {
    u32 side;
    enum point_how how;
    unsigned next;
    bool over;
};

static struct {
    pid_t pid;
    struct way *way;
} slots[AT_ONCE];
static usize begun, results[3];

static void begin(usize slot, struct way *way, unsigned every)
{
    unsigned point = way->next;
    way->next += every;
    usize number = begun++;
    fflush(stdout);
    slots[slot].way = way;
    slots[slot].pid = fork();
    assert(slots[slot].pid >= 0);
    if (slots[slot].pid == 0)
        exit(run_at(way->side, point, way->how, number));
}

static void reap(void)
{
    int status;
    pid_t pid = wait(&status);
    for (usize i = 0; i < AT_ONCE; i++) {
        if (slots[i].pid != pid)
            continue;
        int result = WIFEXITED(status) ? WEXITSTATUS(status) : RUN_BAD;
        if (!WIFEXITED(status))
            printf("FAIL a run does not end\n");
        results[result <= RUN_NOT_REACHED ? result : RUN_BAD]++;
        slots[i].way->over |= result == RUN_NOT_REACHED;
        slots[i].pid = 0;
    }
}

int main(int argc, char **argv)
{
    with_apps = argc > 1 && strcmp(argv[1], "apps") == 0;
    argc -= with_apps;
    argv += with_apps;
    unsigned every = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1;
    struct way ways[SIDES * POINT_HOWS];
    u32 sides = with_apps ? SIDES : 2, way_count = sides * POINT_HOWS;
    log_setup((struct log_options){.level = LEVEL_ERROR, .fd = 2});
    if (argc > 4)
        return run_at((u32)atoi(argv[2]), (unsigned)atoi(argv[3]), (enum point_how)atoi(argv[4]),
                      0);
    for (u32 i = 0; i < way_count; i++)
        ways[i] = (struct way){i % sides, (enum point_how)(i / sides), 1 + i % every, false};
    usize busy = 0;
    for (usize turn = 0, idle = 0; idle < way_count || busy > 0; turn++) {
        struct way *way = &ways[turn % way_count];
        idle = way->over ? idle + 1 : 0;
        if (busy == AT_ONCE || (idle >= way_count && busy > 0)) {
            reap();
            busy--;
        }
        if (way->over)
            continue;
        usize slot = 0;
        while (slots[slot].pid != 0)
            slot++;
        begin(slot, way, every);
        busy++;
    }
    printf("%zu times a channel's life, %zu of them with a daemon that ended in it\n", begun,
           results[RUN_GOOD] + results[RUN_BAD]);
    printf("%zu passed, %zu failed\n", results[RUN_GOOD], results[RUN_BAD]);
    return results[RUN_BAD] != 0;
}

/* varve bridge: money to a layer 2 and back. */
#include "cli/bridge.h"

#include "base/fmt.h"
#include "cli/commands.h"
#include "client/amount.h"
#include "net/client.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* --- The two chains. */

static bool is_this_machine(const char *url)
{
    static const char *const prefixes[] = {"http://127.", "http://localhost:", "http://[::1]"};
    for (usize i = 0; i < countof(prefixes); i++)
        if (strncmp(url, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

enum status read_rollup_file(struct layer2_run *run, struct rollup *out, struct err *err)
{
    bytes text;
    struct arena tmp = run->arena;
    TRY(files_read_whole(run->files, run->settings->rollup, ROLLUP_SIZE, &text, &tmp, err));
    return rollup_read(text, out, err);
}

/* A node of the child knows; whether it tells the truth, only its owner knows. */
static enum status ask_rollup(const char *url, struct rollup *out, struct arena tmp,
                              struct err *err)
{
    enum { TIMEOUT_MS = 10000, ANSWER_LIMIT = 1 << 20 };
    struct net_client *client;
    struct net_client_error error;
    json result;
    struct net_client_options options = {
        .url = url, .timeout_ms = TIMEOUT_MS, .answer_limit = ANSWER_LIMIT};
    if (!is_this_machine(url))
        return fail(err, ST_INVALID,
                    "this needs --rollup FILE: a child elsewhere could name contracts of its own");
    TRY(net_client_new(&options, &client, err));
    enum status st =
        net_client_call(client, "varve_status", BYTES_LIT("[]"), &result, &error, &tmp, err);
    if (st == ST_OK)
        st = rollup_read(json_get(result, "rollup").text, out, err);
    else
        st = fail(err, st, "no layer 2 answers at %s: say --child URL, and --rollup FILE", url);
    net_client_free(client);
    return st;
}

static enum status open_both(struct bridge_run *run, bool needs_key, struct err *err)
{
    const struct layer2_settings *settings = run->run->settings;
    if (settings->rollup[0] != 0)
        TRY(read_rollup_file(run->run, &run->rollup, err));
    else
        TRY(ask_rollup(settings->child, &run->rollup, run->run->arena, err));
    if (needs_key)
        TRY(key_choose(settings->key, settings->from, run->run->files, &run->key, err));
    run->bridge.rollup = &run->rollup;
    TRY(layer2_reach(settings->parent, &run->bridge.parent, err));
    TRY(layer2_reach(settings->child, &run->bridge.child, err));
    TRY(bridge_check(&run->bridge, err));
    if (!needs_key)
        return ST_OK;
    TRY(errands_open(run->bridge.parent, &run->key.signer, &run->on_parent, err));
    return errands_open(run->bridge.child, &run->key.signer, &run->on_child, err);
}

enum status bridge_begin(struct layer2_run *run, bool needs_key, struct bridge_run *out,
                         struct err *err)
{
    *out = (struct bridge_run){.run = run};
    enum status st = open_both(out, needs_key, err);
    if (st != ST_OK)
        bridge_end(out);
    return st;
}

void bridge_end(struct bridge_run *run)
{
    errands_close(run->on_parent);
    errands_close(run->on_child);
    eth_free(run->bridge.parent);
    eth_free(run->bridge.child);
    key_choice_end(&run->key);
}

enum status bridge_recipient(const struct bridge_run *run, address *out, struct err *err)
{
    const char *to = run->run->settings->to;
    *out = run->key.signer.who;
    return to[0] == 0 ? ST_OK : layer2_address("--to", to, out, err);
}

/* --- Words. */

struct money_text money_write(u256 amount, u8 decimals, const char *symbol)
{
    struct money_text out;
    fmt(out.text, sizeof(out.text), "%s %s", amount_write(amount, decimals).text, symbol);
    return out;
}

struct money_text money_of(const struct bridge_run *run, const struct child_withdrawal *w)
{
    struct erc20 token;
    if (!w->is_token)
        return money_write(w->amount, ETHER_DECIMALS, "ETH");
    if (erc20_read(run->bridge.parent, w->token, &token, run->run->arena, NULL) != ST_OK)
        return money_write(w->amount, 0, address_write(w->token).text);
    return money_write(w->amount, token.decimals, token.symbol);
}

struct duration_text duration_write(u64 seconds)
{
    enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR };
    struct duration_text out;
    if (seconds >= DAY)
        fmt(out.text, sizeof(out.text), "%lu d %lu h", seconds / DAY, seconds % DAY / HOUR);
    else if (seconds >= HOUR)
        fmt(out.text, sizeof(out.text), "%lu h %lu min", seconds / HOUR, seconds % HOUR / MINUTE);
    else if (seconds >= MINUTE)
        fmt(out.text, sizeof(out.text), "%lu min %lu s", seconds / MINUTE, seconds % MINUTE);
    else
        fmt(out.text, sizeof(out.text), "%lu s", seconds);
    return out;
}

void say_waiting(const char *text)
{
    if (!isatty(STDOUT_FILENO))
        return;
    printf("\r\033[K%s", text);
    fflush(stdout);
}

/* --- The commands. */

static const struct layer2_words table[] = {
    {"bridge deposit", "AMOUNT --key KEY [FLAG VALUE]...",
     "Brings ETH, or a token, to the child, and waits until it is there.", DEPOSIT, 1, 1,
     bridge_deposit},
    {"bridge withdraw",
     "AMOUNT --key KEY [FLAG VALUE]...\n       varve bridge withdraw --resume "
     "HASH --key KEY [FLAG VALUE]...",
     "Brings ETH, or a token, back to the parent: begins on the child, then waits, proves, waits "
     "and is paid.\nStopped in between, --resume goes on.",
     WITHDRAW, 0, 1, bridge_withdraw},
    {"bridge status", "HASH [FLAG VALUE]...", "How far a withdrawal is, and what comes next.",
     STATUS, 1, 1, bridge_status},
    {"bridge list", "[--of ADDRESS] [FLAG VALUE]...",
     "An account's withdrawals, and their next steps.", LIST, 0, 0, bridge_list},
    {"bridge force", "--to ADDRESS --key KEY [FLAG VALUE]...",
     "Puts a transaction in the child's Inbox on the parent, past the sequencer, and waits for it.",
     FORCE, 0, 0, bridge_force},
};

static int bridge_help(FILE *to)
{
    fprintf(to, "usage: varve bridge COMMAND ... (--help after it lists its flags)\n\n");
    for (usize i = 0; i < countof(table); i++)
        fprintf(to, "  %-10s %.*s\n", table[i].name + strlen("bridge "),
                (int)strcspn(table[i].help, "\n"), table[i].help);
    return to == stdout ? 0 : 2;
}

int bridge_main(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return bridge_help(argc < 2 ? stderr : stdout);
    for (usize i = 0; i < countof(table); i++)
        if (strcmp(table[i].name + strlen("bridge "), argv[1]) == 0)
            return layer2_main(&table[i], argc - 1, argv + 1);
    fprintf(stderr, "varve: no command \"bridge %s\"; varve bridge --help lists them\n", argv[1]);
    return 2;
}

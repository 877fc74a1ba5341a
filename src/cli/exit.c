/* varve exit: home from a layer 2 with all that one has there, with nobody's help. */
#include "layer/exit.h"

#include "cli/bridge.h"
#include "cli/commands.h"
#include "node/follower.h"
#include "sys/log.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static atomic_bool stopped;

/* The first time, the step that runs is finished; the second time, nothing is. */
static void stop_asked(int number)
{
    stopped = true;
    signal(number, SIG_DFL);
}

/* What is waited for after each step is said once, and kept up to date on a terminal. */
static void show(void *self, const char *line, bool passing)
{
    bool *said_waiting = self;
    say_waiting(passing && *said_waiting ? line : "");
    if (!passing || !*said_waiting)
        say("  %s%s", line, passing ? " …" : "");
    *said_waiting = passing;
}

/* Addresses with commas in between. */
static enum status read_tokens(const char *list, const address **out, usize *count,
                               struct arena *arena, struct err *err)
{
    usize most = strlen(list) / 2 + 1;
    address *tokens = ARENA_TAKE(arena, address, most);
    *count = 0;
    while (*list != 0) {
        char one[64] = {0};
        usize size = strcspn(list, ",");
        bytes_copy(one, (bytes){(const u8 *)list, min_u64(size, sizeof(one) - 1)});
        TRY(layer2_address("--token", one, &tokens[(*count)++], err));
        list += size + (list[size] == ',');
    }
    *out = tokens;
    return ST_OK;
}

static enum status leave(struct layer2_run *run, struct bridge_run *bridge,
                         struct follower *follower, struct err *err)
{
    bool said_waiting = false;
    struct exit_options options = {.bridge = &bridge->bridge,
                                   .layer = follower_layer(follower),
                                   .on_parent = bridge->on_parent,
                                   .progress = show,
                                   .self = &said_waiting,
                                   .stop = &stopped};
    TRY(read_tokens(run->settings->tokens, &options.tokens, &options.token_count, &run->arena,
                    err));
    TRY(layer2_reach(follower_url(follower), &bridge->bridge.child, err));
    say("Leaving chain %lu with what %s has there", bridge->rollup.chain_id,
        address_write(bridge->key.signer.who).text);
    TRY(exit_run(&options, run->arena, err));
    say_waiting("");
    say("Done: nothing of it is left on the child.");
    return ST_OK;
}

static enum status begin(struct layer2_run *run, struct bridge_run *bridge, struct err *err)
{
    const struct layer2_settings *settings = run->settings;
    if (settings->rollup[0] == 0)
        return fail(err, ST_INVALID, "this needs --rollup FILE, the child's rollup.json");
    TRY(read_rollup_file(run, &bridge->rollup, err));
    bridge->bridge.rollup = &bridge->rollup;
    TRY(key_choose(settings->key, settings->from, run->files, &bridge->key, err));
    TRY(layer2_reach(settings->parent, &bridge->bridge.parent, err));
    TRY(bridge_check(&bridge->bridge, err));
    return errands_open(bridge->bridge.parent, &bridge->key.signer, &bridge->on_parent, err);
}

static enum status run_exit(struct layer2_run *run, struct err *err)
{
    struct bridge_run bridge = {.run = run};
    struct follower *follower = NULL;
    struct follower_options options = {.rollup_path = run->settings->rollup,
                                       .parent_url = run->settings->parent,
                                       .beacon_url = run->settings->beacon,
                                       .archive_url = run->settings->archive,
                                       .datadir = run->settings->datadir};
    log_setup((struct log_options){LEVEL_ERROR, false, STDERR_FILENO});
    signal(SIGINT, stop_asked);
    signal(SIGTERM, stop_asked);
    enum status st = begin(run, &bridge, err);
    if (st == ST_OK)
        st = follower_start(&options, &follower, err);
    if (st == ST_OK)
        st = leave(run, &bridge, follower, err);
    bridge_end(&bridge);
    follower_stop(follower);
    return st;
}

int exit_main(int argc, char **argv)
{
    static const struct layer2_words words = {
        .name = "exit",
        .usage = "--rollup FILE --key KEY [FLAG VALUE]...",
        .help = "Brings all ETH, and the tokens that are named, from a layer 2 to its parent, with "
                "its operator gone:\nforces the withdrawals through the parent, derives the "
                "child's blocks from there, claims, proves, is paid.\nStopped in between, the same "
                "line goes on.",
        .command = EXIT,
        .run = run_exit};
    return layer2_main(&words, argc, argv);
}

/* varve channel node: the daemon of channel/daemon.h with its server; varve channel tower: the
 * watchtower of channel/tower.h. Until a signal comes. */
#include "cli/channel.h"

#include "base/fmt.h"
#include "base/hex.h"
#include "channel/gossip.h"
#include "channel/onchain.h"
#include "channel/service.h"
#include "channel/tower.h"
#include "channel/tower_restore.h"
#include "channel/tower_store.h"
#include "client/amount.h"
#include "client/key_choice.h"
#include "sys/log.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    MOST_CHAINS = countof(((const struct channel_settings *)NULL)->chains.list),
    PATIENCE_US = 4000, /* for a batch; slower disks get a thread, and the loop works meanwhile */
};

struct program {
    const struct channel_settings *settings;
    char folder[4096];
    struct key_choice key;
    secret32 account;
    struct loop *loop;
    struct signals signals;
    struct service *service; /* or */
    struct tower *tower;
    struct daemon_kept *kept; /* NULL: nothing is restored */
    usize kept_count;
    bool has_failed;
    struct err failure;
};

/* --- Settings. */

static enum status choose_folder(struct program *program, const char *name, struct err *err)
{
    const char *named = program->settings->datadir, *data = getenv("XDG_DATA_HOME"),
               *home = getenv("HOME");
    usize size = 0, room = sizeof(program->folder);
    if (named[0] != 0)
        size = fmt(program->folder, room, "%s", named);
    else if (data != NULL && data[0] == '/')
        size = fmt(program->folder, room, "%s/varve/%s", data, name);
    else if (home != NULL && home[0] == '/')
        size = fmt(program->folder, room, "%s/.local/share/varve/%s", home, name);
    else
        return fail(err, ST_INVALID, "neither XDG_DATA_HOME nor HOME is set: say --datadir");
    if (size >= room)
        return fail(err, ST_INVALID, "--datadir is longer than a path may be");
    const struct files *files = files_of_system();
    return files->make_folder(files->self, program->folder, err);
}

static enum status choose_key(struct program *program, struct err *err)
{
    TRY(key_choose(program->settings->key, "", files_of_system(), &program->key, err));
    if (program->key.keys == NULL)
        return fail(err, ST_INVALID,
                    "--key has to be a key itself: those of channels are made from it");
    for (usize i = 0; i < keys_count(program->key.keys); i++)
        if (address_equal(keys_address(program->key.keys, i), program->key.signer.who))
            program->account = keys_secret(program->key.keys, i);
    return ST_OK;
}

static enum status check(const struct channel_settings *settings, struct err *err)
{
    if (settings->chains.count == 0)
        return fail(err, ST_INVALID, "which chain? say --chain URL");
    if (settings->port > 65535 || settings->http_port > 65535)
        return fail(err, ST_INVALID, "a port is at most 65535");
    if (settings->fee_ppm > 1000000 || settings->margin > 86400)
        return fail(err, ST_INVALID, "--fee.ppm is at most 1000000, --margin a day");
    if (!gossip_is_alias((bytes){(const u8 *)settings->alias, strlen(settings->alias)}))
        return fail(err, ST_INVALID, "--alias is at most 32 bytes of text");
    if (settings->challenge == 0 || settings->challenge > 30 * 86400)
        return fail(err, ST_INVALID, "--challenge is from 1 second to 30 days");
    if (!settings->unsafe && strcmp(settings->http_addr, "127.0.0.1") != 0 &&
        strcmp(settings->http_addr, "::1") != 0)
        return fail(err, ST_INVALID,
                    "--http.addr %s: whoever reaches it can spend; say --unsafe to allow that",
                    settings->http_addr);
    return ST_OK;
}

static enum status set_up_log(const struct channel_settings *settings, struct err *err)
{
    struct log_options options = {.json = strcmp(settings->log, "json") == 0, .fd = 2};
    if (!options.json && strcmp(settings->log, "text") != 0)
        return fail(err, ST_INVALID, "--log is text or json");
    if (!log_level_of(settings->log_level, &options.level))
        return fail(err, ST_INVALID, "--log.level is error, warn, info or debug");
    log_setup(options);
    return ST_OK;
}

/* --- Running. */

static void stop_asked(struct signals *signals, int number)
{
    struct program *program = (void *)((u8 *)signals - offsetof(struct program, signals));
    (void)number;
    loop_stop(program->loop);
}

static void has_failed(void *self, const char *why)
{
    struct program *program = self;
    program->has_failed = true;
    (void)fail(&program->failure, ST_IO, "%s", why);
    loop_stop(program->loop);
}

/* Those of the settings; returns how many. */
static usize list_chains(const struct channel_settings *settings,
                         struct daemon_chain out[static MOST_CHAINS])
{
    for (usize i = 0; i < settings->chains.count; i++)
        out[i] = (struct daemon_chain){
            .url = settings->chains.list[i],
            .confirmations = settings->depth,
            .poll_ms = settings->poll,
        };
    return settings->chains.count;
}

static enum status read_most(const char *flag, const char *text, u64 decimals, u128 *out,
                             struct err *err)
{
    u256 most;
    if (decimals > AMOUNT_MAX_DECIMALS || amount_read(text, (u8)decimals, &most, err) != ST_OK ||
        (most.w[2] | most.w[3]) != 0)
        return fail(err, ST_INVALID, "%s %s is no amount", flag, text);
    *out = (u128)most.w[1] << 64 | most.w[0];
    return ST_OK;
}

/* Its limits, made where there are none. */
static enum status limits_of_token(const char *flag, bytes name, struct signer_limits *limits,
                                   struct money_limits **out, struct err *err)
{
    address asset;
    if (name.size != 42 || memcmp(name.data, "0x", 2) != 0 ||
        hex_read_fixed(name, asset.b, sizeof(asset)) != ST_OK || address_is_zero(asset))
        return fail(err, ST_INVALID, "%s wants AMOUNT, or 0xTOKEN=UNITS", flag);
    usize i = 0;
    while (i < limits->token_count && !address_equal(limits->tokens[i].asset, asset))
        i++;
    if (i == countof(limits->tokens))
        return fail(err, ST_INVALID, "limits of more than %zu tokens", countof(limits->tokens));
    if (i == limits->token_count)
        limits->tokens[limits->token_count++].asset = asset;
    *out = &limits->tokens[i].most;
    return ST_OK;
}

/* One flag's: AMOUNT for the chain's own money, or TOKEN=UNITS; each as it was said last. `field`:
 * which of the limits. */
static enum status read_limits(const char *flag, const setting_LIST *said, u64 decimals,
                               usize field, struct signer_limits *out, struct err *err)
{
    for (usize i = 0; i < said->count; i++) {
        const char *text = said->list[i], *sign = strchr(text, '=');
        struct money_limits *most = &out->own;
        if (sign != NULL) {
            bytes name = {(const u8 *)text, (usize)(sign - text)};
            TRY(limits_of_token(flag, name, out, &most, err));
            text = sign + 1;
        }
        u128 *to = (u128 *)((u8 *)most + field);
        TRY(read_most(flag, text, sign == NULL ? decimals : 0, to, err));
    }
    return ST_OK;
}

static enum status choose_limits(const struct channel_settings *settings, struct signer_limits *out,
                                 struct err *err)
{
    enum { GWEI = 1000000000 };
    u64 decimals = settings->decimals;
    const struct {
        const char *flag;
        const setting_LIST *said;
        const char *usual;
        usize field;
    } rows[] = {
        {"--limit.payment", &settings->most_payment, "10", offsetof(struct money_limits, payment)},
        {"--limit.hour", &settings->most_hour, "20", offsetof(struct money_limits, hour)},
        {"--limit.day", &settings->most_day, "50", offsetof(struct money_limits, day)},
        {"--limit.channel", &settings->most_channel, "100", offsetof(struct money_limits, channel)},
    };
    if (settings->most_gas_price > 1000000)
        return fail(err, ST_INVALID, "--limit.gas-price is at most a million gwei");
    out->gas_price = settings->most_gas_price * GWEI;
    for (usize i = 0; i < countof(rows); i++) {
        const setting_LIST usual = {.list = {rows[i].usual}, .count = 1};
        TRY(read_limits(rows[i].flag, &usual, decimals, rows[i].field, out, err));
        TRY(read_limits(rows[i].flag, rows[i].said, decimals, rows[i].field, out, err));
    }
    return read_most("--limit.gas", settings->most_gas_day, ETHER_DECIMALS, &out->gas_day, err);
}

static enum status choose_tower(const struct channel_settings *settings,
                                struct daemon_options *options, struct err *err)
{
    u256 risk = {{0}};
    if (settings->tower[0] != 0)
        options->tower = settings->tower;
    options->has_tower_risk = settings->tower_risk[0] != 0;
    if (!options->has_tower_risk)
        return ST_OK;
    if (options->tower == NULL || settings->decimals > AMOUNT_MAX_DECIMALS)
        return fail(err, ST_INVALID, "--tower.risk without --tower, or with such --decimals");
    TRY(amount_read(settings->tower_risk, (u8)settings->decimals, &risk, err));
    if ((risk.w[2] | risk.w[3]) != 0)
        return fail(err, ST_INVALID, "--tower.risk is more than there is");
    options->tower_risk = (u128)risk.w[1] << 64 | risk.w[0];
    return ST_OK;
}

static enum status start_service(struct program *program, struct err *err)
{
    const struct channel_settings *settings = program->settings;
    struct daemon_chain chains[MOST_CHAINS];
    struct service_options options = {
        .daemon =
            {
                .files = files_of_system(),
                .folder = program->folder,
                .signer = program->key.signer,
                .account = &program->account,
                .addr = settings->addr,
                .port = (u16)settings->port,
                .chains = chains,
                .chain_count = list_chains(settings, chains),
                .challenge_s = (u32)settings->challenge,
                .least_challenge_s = (u32)(settings->challenge + 1) / 2,
                .margin_s = settings->margin,
                .fee_base = settings->fee_base,
                .fee_ppm = (u32)settings->fee_ppm,
                .swaps = settings->swaps,
                .journal_limit = settings->journal << 10,
                .patience_us = PATIENCE_US,
                .alias = settings->alias,
                .is_restored = settings->is_restored != 0,
                .joins = settings->joins != 0,
                .is_private = settings->is_private != 0,
            },
        .http_addr = settings->http_addr,
        .http_port = (u16)settings->http_port,
        .failed = has_failed,
        .self = program,
    };
    TRY(choose_tower(settings, &options.daemon, err));
    TRY(choose_limits(settings, &options.daemon.limits, err));
    options.daemon.kept = program->kept;
    options.daemon.kept_count = program->kept_count;
    return service_start(&options, &program->service, err);
}

/* Before the daemon makes one. ST_INVALID: there is a journal. */
static enum status check_no_journal(const struct program *program, struct err *err)
{
    char path[sizeof(program->folder) + 16];
    fmt(path, sizeof(path), "%s/channels.log", program->folder);
    FILE *journal = fopen(path, "rb");
    if (journal == NULL)
        return ST_OK;
    fclose(journal);
    return fail(err, ST_INVALID,
                "%s is there: a restore is for who has lost it. If it is an old copy, say "
                "varve channel node --restored",
                path);
}

/* The daemon begins with what the watchtower has. */
static enum status start_restored(struct program *program, struct err *err)
{
    const char *tower = program->settings->tower;
    if (tower[0] == 0)
        return fail(err, ST_INVALID, "from which watchtower? say --tower NODE@HOST:PORT");
    TRY(check_no_journal(program, err));
    TRY(tower_restore(&program->account, tower, &program->kept, &program->kept_count, err));
    if (program->kept_count == 0)
        return fail(err, ST_MISSING, "the watchtower keeps no channel of this key");
    TRY(start_service(program, err));
    printf("Channels    %zu from the watchtower: they go on when their peers have shown what they "
           "have,\n            and two hours have passed (varve channel list: restoring)\n",
           program->kept_count);
    return ST_OK;
}

/* Their names, with or without an address. */
static enum status list_clients(const setting_LIST *said, point33 *out, struct err *err)
{
    enum { DIGITS = 66 };
    for (usize i = 0; i < said->count; i++) {
        bytes text = {(const u8 *)said->list[i], strlen(said->list[i])};
        bool has_end = text.size == DIGITS || (text.size > DIGITS && text.data[DIGITS] == '@');
        if (!has_end || hex_read_fixed(bytes_slice(text, 0, DIGITS), out[i].b, 33) != ST_OK ||
            point_check(&out[i]) != ST_OK)
            return fail(err, ST_INVALID, "--client %s: that names no node", said->list[i]);
    }
    return ST_OK;
}

static enum status start_tower(struct program *program, struct err *err)
{
    point33 clients[countof(((const setting_LIST *)NULL)->list)];
    static_assert(countof(clients) <= TOWER_NAMED, "all that are said may be named");
    const struct channel_settings *settings = program->settings;
    struct daemon_chain chains[MOST_CHAINS];
    struct tower_options options = {
        .loop = program->loop,
        .files = files_of_system(),
        .folder = program->folder,
        .signer = program->key.signer,
        .account = &program->account,
        .addr = settings->addr,
        .port = (u16)settings->port,
        .chains = chains,
        .chain_count = list_chains(settings, chains),
        .clients = clients,
        .client_count = settings->clients.count,
    };
    TRY(list_clients(&settings->clients, clients, err));
    TRY(amount_read(settings->spend, ETHER_DECIMALS, &options.spend_wei, err));
    return tower_open(&options, &program->tower, err);
}

static void greet(const struct program *program)
{
    char name[DAEMON_NAME_SIZE];
    if (program->tower != NULL) {
        tower_name(program->tower, name);
        printf("Tower       %s\n", name);
    } else {
        service_name(program->service, name);
        printf("Node        %s\n", name);
        printf("JSON-RPC    http://%s:%u\n", program->settings->http_addr,
               service_http_port(program->service));
    }
    printf("Data        %s\n", program->folder);
    fflush(stdout);
}

static enum status serve(struct program *program,
                         enum status (*start)(struct program *program, struct err *err),
                         struct err *err)
{
    static const int stops[] = {SIGINT, SIGTERM, 0};
    TRY(loop_new(&program->loop, err));
    program->signals.came = stop_asked;
    TRY(loop_take_signals(program->loop, &program->signals, stops, err));
    TRY(start(program, err));
    greet(program);
    loop_run(program->loop);
    if (program->tower != NULL && tower_failure(program->tower) != NULL)
        has_failed(program, tower_failure(program->tower));
    return program->has_failed ? fail(err, ST_IO, "%s", program->failure.text) : ST_OK;
}

static enum status run(const struct channel_settings *settings, const char *folder,
                       enum status (*start)(struct program *program, struct err *err),
                       struct err *err)
{
    struct program program = {.settings = settings};
    TRY(check(settings, err));
    TRY(set_up_log(settings, err));
    TRY(choose_folder(&program, folder, err));
    enum status st = choose_key(&program, err);
    if (st == ST_OK)
        st = serve(&program, start, err);
    service_stop(program.service);
    tower_close(program.tower);
    loop_free(program.loop);
    free(program.kept);
    secret_wipe(&program.account);
    key_choice_end(&program.key);
    return st;
}

enum status channel_node(const struct channel_settings *settings, struct err *err)
{
    return run(settings, "channels", start_service, err);
}

enum status channel_restore(const struct channel_settings *settings, struct err *err)
{
    return run(settings, "channels", start_restored, err);
}

enum status channel_tower(const struct channel_settings *settings, struct err *err)
{
    return run(settings, "tower", start_tower, err);
}

enum status channel_contracts(const struct channel_settings *settings, struct err *err)
{
    struct key_choice key;
    TRY(check(settings, err));
    TRY(key_choose(settings->key, "", files_of_system(), &key, err));
    enum status st = ST_OK;
    for (usize i = 0; st == ST_OK && i < settings->chains.count; i++)
        st = onchain_deploy(settings->chains.list[i], &key.signer, err);
    key_choice_end(&key);
    if (st == ST_OK)
        printf("The channels' contracts are there.\n");
    return st;
}

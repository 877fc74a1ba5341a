/* varve channel: a daemon for payment channels, and the commands that ask it. */
#include "cli/channel.h"

#include "base/fmt.h"
#include "base/hex.h"
#include "base/json_read.h"
#include "cli/commands.h"
#include "client/amount.h"
#include "net/client.h"
#include "sys/pages.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { ANSWER_LIMIT = 64 << 20, ROOM = 256 << 20 };

static const struct setting table[] = {
#define SETTING(...) SETTING_ROW(struct channel_settings, __VA_ARGS__)
#include "cli/channel.def"
#undef SETTING
};

static const struct channel_settings presets = {
#define SETTING(field, flag, kind, preset, commands, value, help) .field = preset,
#include "cli/channel.def"
#undef SETTING
};

/* --- Asking the daemon. */

/* A call while its arguments are put together. */
struct question {
    const struct channel_settings *settings;
    struct json_out params;
    u8 text[4096];
};

static void question_begin(struct question *question, const struct channel_settings *settings)
{
    question->settings = settings;
    question->params = json_out_over(question->text, sizeof(question->text));
    json_open_array(&question->params);
    json_open_object(&question->params);
    json_key(&question->params, "timeoutMs");
    json_put_u64(&question->params, settings->timeout * 1000);
}

static void put_word(struct question *question, const char *key, const char *word)
{
    json_key(&question->params, key);
    json_put_cstr(&question->params, word);
}

/* 0: the daemon's choice. */
static void put_chain(struct question *question, const char *key, u64 chain_id)
{
    if (chain_id == 0)
        return;
    json_key(&question->params, key);
    json_put_quantity_u64(&question->params, chain_id);
}

static enum status put_amount(struct question *question, const char *key, const char *word,
                              struct err *err)
{
    u256 amount;
    if (question->settings->decimals > AMOUNT_MAX_DECIMALS)
        return fail(err, ST_INVALID, "--decimals is more than %d", AMOUNT_MAX_DECIMALS);
    TRY(amount_read(word, (u8)question->settings->decimals, &amount, err));
    json_key(&question->params, key);
    json_put_quantity(&question->params, amount);
    return ST_OK;
}

static enum status ask(struct question *question, const char *method, json *result,
                       struct arena *arena, struct err *err)
{
    enum { MARGIN_MS = 10000 };
    struct net_client_options options = {
        .url = question->settings->daemon,
        .timeout_ms = question->settings->timeout * 1000 + MARGIN_MS,
        .answer_limit = ANSWER_LIMIT,
    };
    struct net_client *client;
    struct net_client_error error;
    json_close_object(&question->params);
    json_close_array(&question->params);
    if (question->params.failed)
        return fail(err, ST_INVALID, "the arguments are too long");
    TRY(net_client_new(&options, &client, err));
    enum status st = net_client_call(client, method, (bytes){question->text, question->params.size},
                                     result, &error, arena, err);
    net_client_free(client);
    return st;
}

/* --- What is printed. */

static struct amount_text amount_of(json value, u8 decimals)
{
    u256 amount = {{0}};
    (void)json_read_number(value, &amount);
    return amount_write(amount, decimals);
}

static int size_of(bytes text)
{
    return (int)text.size;
}

static void print_member(json object, const char *key, const char *name, struct arena tmp)
{
    bytes text = json_text(json_get(object, key), &tmp);
    printf("%-11s %.*s\n", name, size_of(text), (const char *)text.data);
}

static void print_channel(json channel, const struct channel_settings *settings, struct arena tmp)
{
    u8 decimals = (u8)settings->decimals;
    print_member(channel, "channel", "Channel", tmp);
    print_member(channel, "peer", "Peer", tmp);
    print_member(channel, "state", "State", tmp);
    printf("%-11s %s\n", "Balance", amount_of(json_get(channel, "balance"), decimals).text);
    printf("%-11s %s\n", "Can pay", amount_of(json_get(channel, "spendable"), decimals).text);
    printf("%-11s %s\n", "Can receive", amount_of(json_get(channel, "receivable"), decimals).text);
}

/* --- Commands. */

static enum status watch(const struct channel_settings *settings, struct arena *arena,
                         struct err *err)
{
    fflush(stdout);
    return channel_watch(settings, arena, err);
}

static enum status list_channels(const struct channel_settings *settings, struct arena *arena,
                                 struct err *err)
{
    struct question question;
    json result, key, item;
    question_begin(&question, settings);
    TRY(ask(&question, "channel_list", &result, arena, err));
    if (settings->as_json) {
        printf("%.*s\n", size_of(result.text), (const char *)result.text.data);
        return settings->watch ? watch(settings, arena, err) : ST_OK;
    }
    usize count = 0;
    for (struct json_walk at = json_begin(result); json_next(&at, &key, &item); count++) {
        if (count != 0)
            printf("\n");
        print_channel(item, settings, *arena);
    }
    if (count == 0)
        printf("no channels\n");
    return settings->watch ? watch(settings, arena, err) : ST_OK;
}

static void print_entry(json entry, const struct channel_settings *settings, struct arena tmp)
{
    enum { SHOWN = 18 };
    char when[32] = "-";
    u64 begun = 0, count = 1;
    bool found = false;
    bytes kind = json_text(json_get(entry, "kind"), &tmp);
    bytes state = json_text(json_get(entry, "state"), &tmp);
    bytes payment = json_text(json_get(entry, "payment"), &tmp);
    bytes channel = json_text(json_get(entry, "channel"), &tmp);
    bytes name = payment.size != 0 ? payment : channel;
    struct amount_text amount = amount_of(json_get(entry, "amount"), (u8)settings->decimals);
    struct amount_text fee = amount_of(json_get(entry, "fee"), (u8)settings->decimals);
    (void)json_read_number_u64(json_get(entry, "count"), &count);
    (void)json_read_bool(json_get(entry, "found"), &found);
    if (json_read_number_u64(json_get(entry, "begun"), &begun) == ST_OK) {
        time_t seconds = (time_t)begun;
        struct tm calendar;
        strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &calendar));
    }
    printf("%-20s  %-9.*s  %-7.*s  %.*s  %s", when, size_of(kind), (const char *)kind.data,
           size_of(state), (const char *)state.data, (int)min_u64(name.size, SHOWN),
           (const char *)name.data, amount.text);
    if (count > 1)
        printf(" x %lu", count);
    if (strcmp(fee.text, "0") != 0)
        printf("  fee %s", fee.text);
    if (found)
        printf("  found after a restore");
    printf("\n");
}

static void put_if_said(struct question *question, const char *key, const char *word)
{
    if (word[0] != 0)
        put_word(question, key, word);
}

static enum status show_history(const struct channel_settings *settings, struct arena *arena,
                                struct err *err)
{
    struct question question;
    json result, key, item;
    question_begin(&question, settings);
    put_if_said(&question, "kind", settings->kind);
    put_if_said(&question, "state", settings->state);
    put_if_said(&question, "channel", settings->channel);
    put_if_said(&question, "older", settings->older);
    json_key(&question.params, "limit");
    json_put_u64(&question.params, settings->limit);
    TRY(ask(&question, "channel_history", &result, arena, err));
    if (settings->as_json) {
        printf("%.*s\n", size_of(result.text), (const char *)result.text.data);
        return ST_OK;
    }
    for (struct json_walk at = json_begin(json_get(result, "entries"));
         json_next(&at, &key, &item);)
        print_entry(item, settings, *arena);
    bytes older = json_text(json_get(result, "older"), arena);
    if (older.size != 0)
        printf("older ones: --older %.*s\n", size_of(older), (const char *)older.data);
    return ST_OK;
}

static enum status open_channel(const struct channel_settings *settings, struct arena *arena,
                                struct err *err)
{
    struct question question;
    json result;
    question_begin(&question, settings);
    put_word(&question, "peer", settings->words.list[0]);
    TRY(put_amount(&question, "amount", settings->words.list[1], err));
    if (settings->asset[0] != 0)
        put_word(&question, "asset", settings->asset);
    put_chain(&question, "chainId", settings->chain_id);
    TRY(ask(&question, "channel_open", &result, arena, err));
    print_channel(result, settings, *arena);
    return ST_OK;
}

/* A call that names a channel and an amount, and is answered by the channel. */
static enum status change_channel(const struct channel_settings *settings, const char *method,
                                  struct arena *arena, struct err *err)
{
    struct question question;
    json result;
    question_begin(&question, settings);
    put_word(&question, "channel", settings->words.list[0]);
    TRY(put_amount(&question, "amount", settings->words.list[1], err));
    TRY(ask(&question, method, &result, arena, err));
    print_channel(result, settings, *arena);
    return ST_OK;
}

static enum status top_up(const struct channel_settings *settings, struct arena *arena,
                          struct err *err)
{
    return change_channel(settings, "channel_topup", arena, err);
}

static enum status splice_out(const struct channel_settings *settings, struct arena *arena,
                              struct err *err)
{
    return change_channel(settings, "channel_withdraw", arena, err);
}

static enum status send_money(const struct channel_settings *settings, struct arena *arena,
                              struct err *err)
{
    struct question question;
    json result;
    question_begin(&question, settings);
    put_word(&question, "channel", settings->words.list[0]);
    TRY(put_amount(&question, "amount", settings->words.list[1], err));
    TRY(ask(&question, "channel_keysend", &result, arena, err));
    print_member(result, "payment", "Payment", *arena);
    print_member(result, "state", "State", *arena);
    return ST_OK;
}

static enum status describe_money(const struct channel_settings *settings, const char *method,
                                  json *result, struct arena *arena, struct err *err)
{
    struct question question;
    question_begin(&question, settings);
    if (settings->words.count > 0)
        TRY(put_amount(&question, "amount", settings->words.list[0], err));
    if (settings->description[0] != 0)
        put_word(&question, "description", settings->description);
    if (settings->expiry != 0) {
        json_key(&question.params, "expirySeconds");
        json_put_u64(&question.params, settings->expiry);
    }
    put_chain(&question, "chainId", settings->chain_id);
    return ask(&question, method, result, arena, err);
}

static enum status ask_for_money(const struct channel_settings *settings, struct arena *arena,
                                 struct err *err)
{
    json result;
    TRY(describe_money(settings, "channel_invoice", &result, arena, err));
    print_member(result, "invoice", "Invoice", *arena);
    print_member(result, "hash", "Payment", *arena);
    return ST_OK;
}

static enum status make_offer(const struct channel_settings *settings, struct arena *arena,
                              struct err *err)
{
    json result;
    TRY(describe_money(settings, "channel_offer", &result, arena, err));
    print_member(result, "offer", "Offer", *arena);
    print_member(result, "id", "Id", *arena);
    return ST_OK;
}

/* The hub's key; of a name "KEY@HOST:PORT" that alone. */
static enum status put_hub(struct question *question, const char *hub, struct err *err)
{
    enum { DIGITS = 66 };
    char key[DIGITS + 3] = "0x";
    const char *digits = strncmp(hub, "0x", 2) == 0 ? hub + 2 : hub;
    usize size = strcspn(digits, "@");
    if (hub[0] == 0)
        return ST_OK;
    if (size != DIGITS)
        return fail(err, ST_INVALID, "--via is not a node's key of %d digits", DIGITS);
    memcpy(key + 2, digits, DIGITS);
    json_key(&question->params, "via");
    json_open_array(&question->params);
    json_put_cstr(&question->params, key);
    json_close_array(&question->params);
    return ST_OK;
}

static void print_payment(json payment, const struct channel_settings *settings, struct arena tmp)
{
    u64 parts = 0;
    u8 decimals = (u8)settings->decimals;
    (void)json_read_number_u64(json_get(payment, "parts"), &parts);
    print_member(payment, "payment", "Payment", tmp);
    print_member(payment, "state", "State", tmp);
    printf("%-11s %s\n", "Amount", amount_of(json_get(payment, "amount"), decimals).text);
    printf("%-11s %s\n", "Fee", amount_of(json_get(payment, "fee"), decimals).text);
    printf("%-11s %lu\n", "Parts sent", parts);
    print_member(payment, "preimage", "Receipt", tmp);
}

/* `amount`, where the invoice or offer has none; NULL: it has. */
static enum status pay_invoice(const struct channel_settings *settings, const char *invoice,
                               const char *amount, struct arena *arena, struct err *err)
{
    struct question question;
    json result;
    question_begin(&question, settings);
    put_word(&question, "invoice", invoice);
    if (amount != NULL)
        TRY(put_amount(&question, "amount", amount, err));
    if (settings->fee_most[0] != 0)
        TRY(put_amount(&question, "maxFee", settings->fee_most, err));
    put_chain(&question, "fromChainId", settings->from);
    TRY(put_hub(&question, settings->via, err));
    TRY(ask(&question, "channel_pay", &result, arena, err));
    print_payment(result, settings, *arena);
    return ST_OK;
}

static enum status pay(const struct channel_settings *settings, struct arena *arena,
                       struct err *err)
{
    const char *amount = settings->words.count > 1 ? settings->words.list[1] : NULL;
    if (settings->via[0] != 0 && settings->from == 0)
        return fail(err, ST_INVALID, "--via is the hub to another chain: it needs --from");
    return pay_invoice(settings, settings->words.list[0], amount, arena, err);
}

/* An invoice of our own on the one chain, paid on the other. */
static enum status swap(const struct channel_settings *settings, struct arena *arena,
                        struct err *err)
{
    struct question question;
    json result;
    if (settings->from == 0 || settings->to == 0 || settings->from == settings->to)
        return fail(err, ST_INVALID, "--from and --to have to name two chains");
    question_begin(&question, settings);
    TRY(put_amount(&question, "amount", settings->words.list[0], err));
    put_chain(&question, "chainId", settings->to);
    TRY(ask(&question, "channel_invoice", &result, arena, err));
    bytes text = json_text(json_get(result, "invoice"), arena);
    char *invoice = ARENA_TAKE(arena, char, text.size + 1);
    bytes_copy(invoice, text);
    invoice[text.size] = 0;
    return pay_invoice(settings, invoice, NULL, arena, err);
}

/* --- The network. */

static bytes text_of(json object, const char *key, struct arena *arena)
{
    return json_text(json_get(object, key), arena);
}

static void print_node(json node, struct arena tmp)
{
    u64 channels = 0;
    bytes alias = text_of(node, "alias", &tmp);
    bytes where = json_text(json_at(json_get(node, "addresses"), 0), &tmp);
    bytes point = text_of(node, "node", &tmp);
    (void)json_read_number_u64(json_get(node, "channels"), &channels);
    printf("  %.*s%s%.*s  %lu channels  %.*s\n", size_of(point), (const char *)point.data,
           where.size != 0 ? "@" : "", size_of(where), (const char *)where.data, channels,
           size_of(alias), (const char *)alias.data);
}

static void print_edge(json channel, const struct channel_settings *settings, struct arena tmp)
{
    enum { SHOWN = 10 };
    bool own = false, is_public = false;
    bytes id = text_of(channel, "channel", &tmp);
    json nodes = json_get(channel, "nodes");
    bytes a = json_text(json_at(nodes, 0), &tmp), b = json_text(json_at(nodes, 1), &tmp);
    (void)json_read_bool(json_get(channel, "own"), &own);
    (void)json_read_bool(json_get(channel, "public"), &is_public);
    printf("  %.*s  %.*s - %.*s  %s%s%s\n", size_of(id), (const char *)id.data,
           (int)min_u64(a.size, SHOWN), (const char *)a.data, (int)min_u64(b.size, SHOWN),
           (const char *)b.data,
           amount_of(json_get(channel, "capacity"), (u8)settings->decimals).text,
           own ? "  own" : "", is_public ? "" : "  private");
}

static enum status show_graph(const struct channel_settings *settings, struct arena *arena,
                              struct err *err)
{
    struct question question;
    json result, key, item;
    question_begin(&question, settings);
    TRY(ask(&question, "channel_graph", &result, arena, err));
    json nodes = json_get(result, "nodes"), channels = json_get(result, "channels");
    printf("Nodes       %zu\n", json_count(nodes));
    for (struct json_walk at = json_begin(nodes); json_next(&at, &key, &item);)
        print_node(item, *arena);
    printf("Channels    %zu\n", json_count(channels));
    for (struct json_walk at = json_begin(channels); json_next(&at, &key, &item);)
        print_edge(item, settings, *arena);
    return ST_OK;
}

static enum status close_channel(const struct channel_settings *settings, struct arena *arena,
                                 struct err *err)
{
    struct question question;
    json result;
    question_begin(&question, settings);
    put_word(&question, "channel", settings->words.list[0]);
    json_key(&question.params, "force");
    json_put_bool(&question.params, settings->force);
    TRY(ask(&question, "channel_close", &result, arena, err));
    print_channel(result, settings, *arena);
    return ST_OK;
}

static enum status run_node(const struct channel_settings *settings, struct arena *arena,
                            struct err *err)
{
    (void)arena;
    return channel_node(settings, err);
}

static enum status run_restored(const struct channel_settings *settings, struct arena *arena,
                                struct err *err)
{
    (void)arena;
    return channel_restore(settings, err);
}

static enum status run_tower(const struct channel_settings *settings, struct arena *arena,
                             struct err *err)
{
    (void)arena;
    return channel_tower(settings, err);
}

static enum status put_contracts(const struct channel_settings *settings, struct arena *arena,
                                 struct err *err)
{
    (void)arena;
    return channel_contracts(settings, err);
}

/* --- Apps. */

static void print_app(json app, const struct channel_settings *settings, struct arena tmp)
{
    static const char *const amounts[][2] = {{"stake", "Stake"},
                                             {"otherStake", "The other's"},
                                             {"fee", "Hub's fee"},
                                             {"pays", "We pay"},
                                             {"gets", "We get"}};
    u64 version = 0;
    (void)json_read_number_u64(json_get(app, "version"), &version);
    print_member(app, "app", "App", tmp);
    print_member(app, "kind", "Kind", tmp);
    print_member(app, "state", "State", tmp);
    print_member(app, "peer", "Peer", tmp);
    print_member(app, "role", "We are", tmp);
    for (usize i = 0; i < countof(amounts); i++)
        printf("%-11s %s\n", amounts[i][1],
               amount_of(json_get(app, amounts[i][0]), (u8)settings->decimals).text);
    printf("%-11s %lu\n", "Version", version);
    print_member(app, "turn", "Turn", tmp);
    print_member(app, "data", "Data", tmp);
}

/* A call about an app that is answered by it. */
static enum status ask_app(struct question *question, const char *method,
                           const struct channel_settings *settings, struct arena *arena,
                           struct err *err)
{
    json result;
    TRY(ask(question, method, &result, arena, err));
    print_app(result, settings, *arena);
    return ST_OK;
}

static enum status list_apps(const struct channel_settings *settings, struct arena *arena,
                             struct err *err)
{
    struct question question;
    json result, key, item;
    question_begin(&question, settings);
    TRY(ask(&question, "channel_appList", &result, arena, err));
    usize count = 0;
    for (struct json_walk at = json_begin(result); json_next(&at, &key, &item); count++) {
        if (count != 0)
            printf("\n");
        print_app(item, settings, *arena);
    }
    if (count == 0)
        printf("no apps\n");
    return ST_OK;
}

static void put_number(struct question *question, const char *key, u64 number)
{
    if (number == 0)
        return;
    json_key(&question->params, key);
    json_put_u64(&question->params, number);
}

static enum status propose_app(const struct channel_settings *settings, struct arena *arena,
                               struct err *err)
{
    struct question question;
    question_begin(&question, settings);
    put_word(&question, "channel", settings->words.list[0]);
    put_word(&question, "app", settings->words.list[1]);
    if (settings->words.count > 2)
        TRY(put_amount(&question, "stake", settings->words.list[2], err));
    if (settings->other_stake[0] != 0)
        TRY(put_amount(&question, "otherStake", settings->other_stake, err));
    if (settings->price[0] != 0)
        TRY(put_amount(&question, "price", settings->price, err));
    if (settings->with[0] != 0)
        put_word(&question, "with", settings->with);
    if (settings->fee_most[0] != 0)
        TRY(put_amount(&question, "maxFee", settings->fee_most, err));
    put_number(&question, "seats", settings->seats);
    put_number(&question, "moveSeconds", settings->move_time);
    put_number(&question, "expirySeconds", settings->expiry);
    return ask_app(&question, "channel_appPropose", settings, arena, err);
}

static enum status accept_app(const struct channel_settings *settings, struct arena *arena,
                              struct err *err)
{
    struct question question;
    question_begin(&question, settings);
    put_word(&question, "app", settings->words.list[0]);
    return ask_app(&question, "channel_appAccept", settings, arena, err);
}

static enum status move_in_app(const struct channel_settings *settings, struct arena *arena,
                               struct err *err)
{
    struct question question;
    question_begin(&question, settings);
    put_word(&question, "app", settings->words.list[0]);
    put_word(&question, "move", settings->words.list[1]);
    return ask_app(&question, "channel_appMove", settings, arena, err);
}

static enum status settle_app(const struct channel_settings *settings, struct arena *arena,
                              struct err *err)
{
    struct question question;
    question_begin(&question, settings);
    put_word(&question, "app", settings->words.list[0]);
    if (settings->force) {
        json_key(&question.params, "force");
        json_put_bool(&question.params, true);
    }
    return ask_app(&question, "channel_appSettle", settings, arena, err);
}

enum { OR_ONE_MORE = 16 }; /* word may be said */

struct command {
    const char *name, *usage, *help;
    enum channel_command command;
    usize words;
    enum status (*run)(const struct channel_settings *settings, struct arena *arena,
                       struct err *err);
};

static const struct command commands[] = {
    {"node", "--chain URL --key KEY [FLAG VALUE]...", "Runs the daemon.", DAEMON, 0, run_node},
    {"restore", "--chain URL --key KEY --tower NODE@HOST:PORT [FLAG VALUE]...",
     "Runs the daemon with the channels that the watchtower knows, where the journal is lost.",
     DAEMON, 0, run_restored},
    {"tower", "--chain URL --key KEY [FLAG VALUE]...",
     "Runs a watchtower: answers for those who are away, at its own expense.", TOWER, 0, run_tower},
    {"deploy", "--chain URL --key KEY", "Puts the channels' contracts on a chain, once for all.",
     CONTRACTS, 0, put_contracts},
    {"list", "[FLAG VALUE]...", "Channels, and what is in them.", LIST, 0, list_channels},
    {"open", "NODE@HOST:PORT AMOUNT [FLAG VALUE]...",
     "Opens a channel, pays into it, and waits until it can be used.", OPEN, 2, open_channel},
    {"topup", "CHANNEL AMOUNT [FLAG VALUE]...", "Pays more into a channel, while it is used.",
     TOPUP, 2, top_up},
    {"splice-out", "CHANNEL AMOUNT [FLAG VALUE]...",
     "Takes money out of a channel, while it is used, and waits until that is final.", SPLICE, 2,
     splice_out},
    {"keysend", "CHANNEL AMOUNT [FLAG VALUE]...", "Pays the channel's other side, unasked.", SEND,
     2, send_money},
    {"invoice", "[AMOUNT] [FLAG VALUE]...", "Makes an invoice, for so much or for what one likes.",
     INVOICING, OR_ONE_MORE, ask_for_money},
    {"offer", "[AMOUNT] [FLAG VALUE]...",
     "Makes an offer: a text that can be paid to again and again, and does not name this node.",
     INVOICING, OR_ONE_MORE, make_offer},
    {"pay", "INVOICE [AMOUNT] [FLAG VALUE]...",
     "Pays an invoice, or to an offer, by whatever way is found, in several parts if need be.", PAY,
     1 | OR_ONE_MORE, pay},
    {"swap", "AMOUNT --from CHAIN --to CHAIN [FLAG VALUE]...",
     "Moves one's own money from one chain to another through a hub: both or neither.", SWAP, 1,
     swap},
    {"history", "[FLAG VALUE]...",
     "What was paid, received and forwarded, and channels: the newest first.", HISTORY, 0,
     show_history},
    {"graph", "[FLAG VALUE]...", "The network as the daemon knows it: nodes and channels.", GRAPH,
     0, show_graph},
    {"close", "CHANNEL [FLAG VALUE]...",
     "Closes a channel, with the peer or (--force) without, and waits until it is final.", CLOSE, 1,
     close_channel},
};

/* varve channel app … */
static const struct command app_commands[] = {
    {"list", "[FLAG VALUE]...", "Apps, and how they stand.", APPS, 0, list_apps},
    {"propose", "CHANNEL tictactoe|tickets|payments [STAKE] [FLAG VALUE]...",
     "Proposes an app to the channel's other side, or over a hub to somebody else.", PROPOSE,
     2 | OR_ONE_MORE, propose_app},
    {"accept", "APP [FLAG VALUE]...", "Accepts one that was proposed.", APPS, 1, accept_app},
    {"move", "APP MOVE [FLAG VALUE]...",
     "A cell from 0 to 8; units to pay; issue SEAT HOLDER, resell or admit, end.", APPS, 2,
     move_in_app},
    {"settle", "APP [FLAG VALUE]...",
     "Ends an app with what both have signed, or refuses it; --force asks the court.", SETTLE, 1,
     settle_app},
};

/* --- Which of them. */

static int print_commands(FILE *to)
{
    fprintf(to, "usage: varve channel COMMAND ... (--help after it lists its flags)\n\n");
    for (usize i = 0; i < countof(commands); i++)
        fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].help);
    for (usize i = 0; i < countof(app_commands); i++)
        fprintf(to, "  app %-7s %s\n", app_commands[i].name, app_commands[i].help);
    return to == stdout ? 0 : 2;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static bool has_words(const struct command *command, usize count)
{
    usize least = command->words & ~(usize)OR_ONE_MORE;
    return count == least || (count == least + 1 && least != command->words);
}

static int run(const struct command *command, int argc, char **argv)
{
    enum { FAILED = 1, MISUSED = 2 };
    struct channel_settings settings = presets;
    struct pages pages;
    struct err err;
    for (int i = 1; i < argc; i++)
        if (is_help(argv[i])) {
            printf("usage: varve channel %s %s\n\n%s\n\n", command->name, command->usage,
                   command->help);
            settings_print(table, countof(table), command->command);
            return 0;
        }
    enum status st = settings_read(table, countof(table), command->command, argc, argv, &settings,
                                   &settings.words, &err);
    if (st == ST_OK && !has_words(command, settings.words.count))
        st = fail(&err, ST_INVALID, "usage: varve channel %s %s", command->name, command->usage);
    if (st != ST_OK) {
        fprintf(stderr, "varve: %s\n", err.text);
        return MISUSED;
    }
    st = pages_reserve(ROOM, &pages, &err);
    if (st == ST_OK) {
        struct arena arena = pages_arena(&pages);
        st = command->run(&settings, &arena, &err);
        pages_release(&pages);
    }
    if (st != ST_OK)
        fprintf(stderr, "varve: %s\n", err.text);
    return st == ST_OK ? 0 : FAILED;
}

int channel_main(int argc, char **argv)
{
    if (argc < 2 || is_help(argv[1]))
        return print_commands(argc < 2 ? stderr : stdout);
    bool is_app = strcmp(argv[1], "app") == 0 && argc > 2;
    for (usize i = 0; i < countof(app_commands) && is_app; i++)
        if (strcmp(app_commands[i].name, argv[2]) == 0)
            return run(&app_commands[i], argc - 2, argv + 2);
    for (usize i = 0; i < countof(commands); i++)
        if (strcmp(commands[i].name, argv[1]) == 0)
            return run(&commands[i], argc - 1, argv + 1);
    fprintf(stderr, "varve: no command \"channel %s\"; varve channel --help lists them\n", argv[1]);
    return 2;
}

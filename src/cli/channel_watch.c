/* varve channel list --watch: what becomes of channels, a line for each change, until the daemon
 * ends. On top of channel_subscribe. */
#include "cli/channel.h"

#include "base/fmt.h"
#include "base/json_read.h"
#include "client/amount.h"
#include "net/ws_client.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static enum status subscribe(struct ws_client *client, const char *topic, struct err *err)
{
    char text[200];
    usize size = fmt(text, sizeof(text),
                     "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"channel_subscribe\",\"params\":"
                     "[{\"topic\":\"%s\"}]}",
                     topic);
    return ws_client_say(client, (bytes){(const u8 *)text, size}, err);
}

static void print_amount(json news, const char *key, const char *name, u8 decimals)
{
    u256 amount;
    if (json_read_number(json_get(news, key), &amount) == ST_OK)
        printf("  %s %s", name, amount_write(amount, decimals).text);
}

/* News of `channels` has all of a channel; of `balances`, its money alone. */
static void print_news(json news, const struct channel_settings *settings, struct arena tmp)
{
    enum { SHOWN = 18 };
    char when[16];
    struct tm calendar;
    time_t now = time(NULL);
    bytes channel = json_text(json_get(news, "channel"), &tmp);
    bytes state = json_text(json_get(news, "state"), &tmp);
    u8 decimals = (u8)settings->decimals;
    strftime(when, sizeof(when), "%H:%M:%S", localtime_r(&now, &calendar));
    printf("%s  %.*s", when, (int)min_u64(channel.size, SHOWN), (const char *)channel.data);
    if (state.size != 0)
        printf("  %.*s", (int)state.size, (const char *)state.data);
    print_amount(news, "balance", "balance", decimals);
    print_amount(news, "spendable", "can pay", decimals);
    print_amount(news, "receivable", "can receive", decimals);
    printf("\n");
}

/* An answer to channel_subscribe, or news. */
static enum status show(bytes text, const struct channel_settings *settings, struct arena tmp,
                        struct err *err)
{
    enum { DEPTH = 16 };
    json message;
    TRY(json_check(text, DEPTH, &message, err));
    json error = json_get(json_get(message, "error"), "message");
    json news = json_get(json_get(message, "params"), "result");
    if (!json_is(error, JSON_ABSENT)) {
        bytes why = json_text(error, &tmp);
        return fail(err, ST_INVALID, "%.*s", (int)min_u64(why.size, 200), (const char *)why.data);
    }
    if (json_is(news, JSON_ABSENT))
        return ST_OK;
    if (settings->as_json)
        printf("%.*s\n", (int)news.text.size, (const char *)news.text.data);
    else
        print_news(news, settings, tmp);
    fflush(stdout);
    return ST_OK;
}

enum status channel_watch(const struct channel_settings *settings, struct arena *arena,
                          struct err *err)
{
    struct ws_client *client;
    bytes text;
    TRY(ws_client_open(settings->daemon, &client, err));
    enum status st = subscribe(client, "channels", err);
    if (st == ST_OK)
        st = subscribe(client, "balances", err);
    while (st == ST_OK) {
        st = ws_client_hear(client, &text, err);
        if (st == ST_OK)
            st = show(text, settings, *arena, err);
    }
    ws_client_close(client);
    return st;
}

/* A peer that breaks the rules at a channel's end, where a daemon that played along would lose
 * money: it pays after the daemon has signed a close, or has begun a forced one, and hopes that the
 * daemon counts the payment although the chain will not.
 *
 *   channel_liar */
#include "base/fmt.h"
#include "channel/keyring.h"
#include "channel/link.h"
#include "channel/wire.h"
#include "durability/ledger.h"
#include "durability/party.h"
#include "durability/scratch.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { DEPOSIT = 1000, PAID = 9, BACK = 4, LOOK_MS = 5, PATIENCE_MS = 8000 };

enum trick { PAYS_AFTER_CLOSE, PAYS_AFTER_FORCED_CLOSE, TRICKS };

static struct {
    enum trick trick;
    struct loop *loop;
    struct links *links;
    struct link *link; /* the daemon's; NULL: it is gone */
    struct keyring *ring;
    struct channel_signer signer;
    struct channel *channel;
    struct timer look;
    u64 until_ms;
    bool has_stopped, has_lied;
    struct party *victim;
} liar;

/* --- What the liar says. */

static void say(const struct wire_message *message)
{
    static u8 room[WIRE_LIMIT];
    if (liar.link != NULL)
        (void)link_send(liar.link, (bytes){room, wire_encode(message, room)});
}

static void say_update(void)
{
    struct wire_message message = {.type = WIRE_UPDATE};
    struct channel_events events = {0};
    struct err err;
    if (channel_make_update(liar.channel, &liar.signer, &message.update, &events, &err) != ST_OK)
        bug(err.text);
    channel_events_free(&events);
    say(&message);
}

static void accept_channel(const struct wire_open *open)
{
    struct channel_terms terms = {
        .chain_id = open->chain_id,
        .adjudicator = open->adjudicator,
        .owner = {open->owner, keyring_owner(liar.ring, 0)},
        .asset = open->asset,
        .challenge_s = open->challenge_s,
        .payout = {open->payout, keyring_account(liar.ring)},
        .salt = open->salt,
    };
    const u128 deposited[2] = {DEPOSIT, 0}, withdrawn[2] = {0, 0};
    liar.channel = channel_new(&terms, 1, 0);
    channel_see(liar.channel, deposited, withdrawn);
    channel_peer_sees(liar.channel, deposited, withdrawn);
    struct wire_message yes = {.type = WIRE_ACCEPT};
    yes.accept = (struct wire_accept){open->request, terms.owner[1], terms.payout[1]};
    say(&yes);
    struct wire_message funded = {.type = WIRE_FUNDED};
    funded.funded =
        (struct wire_funded){.id = channel_name(liar.channel)->id, .deposited_a = DEPOSIT};
    say(&funded);
}

static void stop_the_channel(void)
{
    struct wire_message stfu = {.type = WIRE_STFU};
    stfu.stfu = (struct wire_stfu){channel_name(liar.channel)->id, 1};
    liar.has_stopped = true;
    say(&stfu);
}

static void pay_back(void)
{
    struct item item = {.kind = ITEM_PAY, .lock.amount = BACK, .reference = {{7}}};
    struct err err;
    if (channel_queue(liar.channel, &item, NULL, &err) != ST_OK)
        bug(err.text);
    liar.has_lied = true;
    say_update();
}

/* --- What it hears. */

static void take_update(const struct wire_update *update)
{
    struct channel_events events = {0};
    struct err err;
    if (channel_take_update(liar.channel, update, 0, &events, &err) != ST_OK)
        bug(err.text);
    channel_events_free(&events);
    if (channel_wants_update(liar.channel))
        say_update();
    if (liar.trick == PAYS_AFTER_CLOSE && !liar.has_stopped)
        stop_the_channel();
}

static void on_message(void *self, struct link *link, bytes content)
{
    struct wire_message message;
    struct err err;
    (void)self, (void)link;
    if (wire_decode(content, &message, &err) != ST_OK)
        return;
    if (message.type == WIRE_OPEN)
        accept_channel(&message.open);
    else if (message.type == WIRE_UPDATE)
        take_update(&message.update);
    else if (message.type == WIRE_CLOSE && !liar.has_lied)
        pay_back();
}

static void on_opened(void *self, struct link *link)
{
    struct wire_message hello = {.type = WIRE_INIT, .init = {1, BYTES_EMPTY}};
    (void)self;
    liar.link = link;
    say(&hello);
}

static void on_drained(void *self)
{
    (void)self;
}

static void on_gone(void *self, struct link *link, const char *why)
{
    (void)self, (void)why;
    if (liar.link == link)
        liar.link = NULL;
}

/* --- The victim, asked from threads of their own. */

static char channel_id[80];

static void *open_and_pay(void *self)
{
    static char params[400], out[PARTY_ANSWER];
    char digits[67] = "";
    point33 node = keyring_node(liar.ring);
    for (usize i = 0; i < sizeof(node.b); i++)
        fmt(digits + 2 * i, 3, "%02x", node.b[i]);
    fmt(params, sizeof(params), "{\"peer\":\"%s@127.7.0.2:9735\",\"amount\":%u}", digits,
        (unsigned)DEPOSIT);
    party_ask(liar.victim, "channel_open", params, out);
    answer_text(out, "channel", channel_id, sizeof(channel_id));
    fmt(params, sizeof(params), "{\"channel\":\"%s\",\"amount\":%u}", channel_id, (unsigned)PAID);
    party_ask(liar.victim, "channel_keysend", params, out);
    if (liar.trick == PAYS_AFTER_FORCED_CLOSE) {
        fmt(params, sizeof(params), "{\"channel\":\"%s\",\"force\":true,\"timeoutMs\":200}",
            channel_id);
        party_ask(liar.victim, "channel_close", params, out);
    }
    return self;
}

static void *look_at_victim(void *self)
{
    char *out = self;
    party_ask(liar.victim, "channel_list", "{}", out);
    return NULL;
}

static pthread_t asking;
static bool asks;

/* The forced close is known to the victim alone: the liar pays once it has been asked for. */
static void looked(struct timer *timer)
{
    u64 now_ms = clock_now_ms();
    if (asks && pthread_tryjoin_np(asking, NULL) == 0) {
        asks = false;
        liar.until_ms = now_ms + 500;
        if (liar.trick == PAYS_AFTER_FORCED_CLOSE)
            pay_back();
    }
    if (now_ms > liar.until_ms)
        loop_stop(liar.loop);
    else
        loop_set_timer(liar.loop, timer, now_ms + LOOK_MS);
}

/* --- One trick. */

static void begin(const char *folder)
{
    struct err err;
    secret32 account;
    memset(account.b, 2, sizeof(account.b));
    struct party_options options = {1, folder, "127.7.0.1", files_of_system()};
    liar.ring = keyring_new(&account);
    liar.signer = keyring_signer(liar.ring);
    if (loop_new(&liar.loop, &err) != ST_OK)
        bug(err.text);
    struct links_options links = links_defaults(liar.loop, keyring_node_secret(liar.ring));
    struct link_events events = {NULL, on_opened, on_message, on_drained, on_gone};
    links.addr = "127.7.0.2";
    if (links_new(&links, &events, &liar.links, &err) != ST_OK ||
        party_start(&options, &liar.victim, &err) != ST_OK)
        bug(err.text);
    liar.look.due = looked;
    liar.until_ms = clock_now_ms() + PATIENCE_MS;
    looked(&liar.look);
}

static void end(void)
{
    loop_drop_timer(&liar.look);
    links_free(liar.links);
    party_stop(liar.victim);
    loop_free(liar.loop);
    channel_free(liar.channel);
    keyring_free(liar.ring);
}

/* Whether the victim counts its own payment alone. */
static bool trick_fails(enum trick trick)
{
    char top[64], command[100], out[PARTY_ANSWER];
    pthread_t looking;
    scratch_folder("liar", top, sizeof(top));
    memset(&liar, 0, sizeof(liar));
    liar.trick = trick;
    ledger_new();
    begin(top);
    asks = pthread_create(&asking, NULL, open_and_pay, NULL) == 0;
    assert(asks);
    loop_run(liar.loop);
    assert(pthread_create(&looking, NULL, look_at_victim, out) == 0);
    pthread_join(looking, NULL);
    u64 received = answer_number(out, "received"), balance = answer_number(out, "balance");
    bool fails = liar.has_lied && received == 0 && balance == DEPOSIT - PAID;
    if (!fails)
        printf("    lied: %u; %s\n", (unsigned)liar.has_lied, out);
    end();
    fmt(command, sizeof(command), "rm -r %s", top);
    assert(system(command) == 0);
    return fails;
}

int main(void)
{
    static const char *const facts[TRICKS] = {
        "a payment after our signed close is not taken",
        "a payment after our forced close is not taken",
    };
    unsigned passed = 0;
    log_setup((struct log_options){.level = LEVEL_ERROR, .fd = 2});
    for (enum trick trick = 0; trick < TRICKS; trick++) {
        bool fails = trick_fails(trick);
        passed += fails;
        if (!fails)
            printf("FAIL %s\n", facts[trick]);
    }
    printf("%u passed, %u failed\n", passed, (unsigned)TRICKS - passed);
    return passed != TRICKS;
}

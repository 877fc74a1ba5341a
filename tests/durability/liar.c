#include "durability/liar.h"

#include "base/fmt.h"
#include "durability/ledger.h"

#include <stdlib.h>

struct liar liar;

/* --- What it says. */

static void say_on(struct link *link, const struct wire_message *message)
{
    static u8 room[WIRE_LIMIT];
    if (link != NULL)
        (void)link_send(link, (bytes){room, wire_encode(message, room)});
}

void liar_say(const struct wire_message *message)
{
    say_on(liar.link, message);
}

void liar_say_to_other(const struct wire_message *message)
{
    say_on(liar.other, message);
}

void liar_call(const point33 *node, const char *host)
{
    struct err err;
    if (links_connect(liar.links, node, host, 9735, &liar.other, &err) != ST_OK)
        bug(err.text);
}

void liar_say_update(void)
{
    struct wire_message message = {.type = WIRE_UPDATE};
    struct channel_events events = {0};
    struct err err;
    if (channel_make_update(liar.channel, &liar.signer, &message.update, &events, &err) != ST_OK)
        bug(err.text);
    channel_events_free(&events);
    liar_say(&message);
}

void liar_say_funded(void)
{
    const u128 deposited[2] = {LIAR_DEPOSIT, 0}, withdrawn[2] = {0, 0};
    struct wire_message funded = {.type = WIRE_FUNDED};
    channel_see(liar.channel, deposited, withdrawn);
    channel_peer_sees(liar.channel, deposited, withdrawn);
    funded.funded =
        (struct wire_funded){.id = channel_name(liar.channel)->id, .deposited_a = LIAR_DEPOSIT};
    liar_say(&funded);
}

void liar_pay(u128 amount)
{
    struct item item = {.kind = ITEM_PAY, .lock.amount = amount, .reference = {{7}}};
    struct sign_payment payment = {.is_direct = true, .amount = amount, .count = 1};
    struct sign_request request = {.kind = SIGN_PAYMENT, .payment = &payment};
    struct err err;
    if (signer_sign(liar.keys, &request, NULL, &err) != ST_OK)
        bug(err.text);
    if (channel_queue(liar.channel, &item, NULL, &err) != ST_OK)
        bug(err.text);
    liar_say_update();
}

static void accept_channel(const struct wire_open *open)
{
    struct channel_terms terms = {
        .chain_id = open->chain_id,
        .adjudicator = open->adjudicator,
        .owner = {open->owner, signer_owner(liar.keys, 0)},
        .asset = open->asset,
        .challenge_s = open->challenge_s,
        .payout = {open->payout, keyring_account(liar.ring)},
        .salt = open->salt,
    };
    struct err err;
    if (signer_know(liar.keys, 0, 1, &terms, &err) != ST_OK)
        bug(err.text);
    liar.channel = channel_new(&terms, 1, 0);
    struct wire_message yes = {.type = WIRE_ACCEPT};
    yes.accept = (struct wire_accept){open->request, terms.owner[1], terms.payout[1]};
    liar_say(&yes);
    liar_say_funded();
}

/* --- What it hears. */

void liar_take_update(const struct wire_update *update)
{
    struct channel_events events = {0};
    struct err err;
    enum status st = channel_take_update(liar.channel, update, 0, &events, &err);
    if (st == ST_INVALID)
        bug(err.text);
    struct half half = channel_newest(liar.channel).half[0];
    if (st == ST_OK)
        signer_hear(liar.keys, 0, &half, update->items);
    channel_events_free(&events);
    if (channel_wants_update(liar.channel))
        liar_say_update();
}

static void on_message(void *self, struct link *link, bytes content)
{
    struct wire_message message;
    struct err err;
    (void)self;
    if (link == liar.other || wire_decode(content, &message, &err) != ST_OK)
        return;
    if (message.type == WIRE_OPEN)
        accept_channel(&message.open);
    else if (liar.channel != NULL)
        liar.hear(&message);
}

static void on_opened(void *self, struct link *link)
{
    struct wire_message hello = {.type = WIRE_INIT, .init = {1, BYTES_EMPTY}};
    (void)self;
    if (link != liar.other)
        liar.link = link;
    say_on(link, &hello);
}

static void on_drained(void *self)
{
    (void)self;
}

static void on_gone(void *self, struct link *link, const char *why)
{
    (void)self, (void)why;
    if (liar.other == link)
        liar.other = NULL;
    if (liar.link != link)
        return;
    liar.link = NULL;
    if (liar.channel != NULL)
        channel_part(liar.channel);
    liar.partings++;
}

/* --- Life. */

void liar_begin(void (*hear)(const struct wire_message *message))
{
    struct err err;
    secret32 account;
    memset(&liar, 0, sizeof(liar));
    memset(account.b, 2, sizeof(account.b));
    liar.ledger = ledger_new();
    liar.hear = hear;
    liar.ring = keyring_new(&account);
    struct signer_options signer = {.ring = liar.ring};
    liar.keys = signer_new(&signer);
    liar.signer = signer_of_channels(liar.keys);
    if (loop_new(&liar.loop, &err) != ST_OK)
        bug(err.text);
    struct links_options links = links_defaults(liar.loop, keyring_node_secret(liar.ring));
    struct link_events events = {NULL, on_opened, on_message, on_drained, on_gone};
    links.addr = "127.7.0.2";
    links.port = 9735;
    if (links_new(&links, &events, &liar.links, &err) != ST_OK)
        bug(err.text);
}

void liar_start_victim(const char *folder)
{
    struct err err;
    struct party_options options = {
        .who = 1, .folder = folder, .addr = "127.7.0.1", .files = files_of_system(), .joins = true};
    if (party_start(&options, &liar.victim, &err) != ST_OK)
        bug(err.text);
}

void liar_end(void)
{
    links_free(liar.links);
    loop_free(liar.loop);
    channel_free(liar.channel);
    signer_free(liar.keys);
    keyring_free(liar.ring);
}

void liar_let_open(char id[static 80])
{
    char params[400], out[PARTY_ANSWER], digits[67] = "";
    point33 node = keyring_node(liar.ring);
    for (usize i = 0; i < sizeof(node.b); i++)
        fmt(digits + 2 * i, 3, "%02x", node.b[i]);
    fmt(params, sizeof(params), "{\"peer\":\"%s@127.7.0.2:9735\",\"amount\":%u}", digits,
        (unsigned)LIAR_DEPOSIT);
    party_ask(liar.victim, "channel_open", params, out);
    answer_text(out, "channel", id, 80);
}

void liar_meet(const struct wire_reestablish *said)
{
    struct wire_message hello = {.type = WIRE_REESTABLISH}, again;
    struct channel_missed missed;
    struct err err;
    hello.reestablish = channel_hello(liar.channel);
    liar_say(&hello);
    liar_say_funded();
    if (channel_meet(liar.channel, said, &missed, &err) != ST_OK)
        return;
    while (channel_say_again(liar.channel, &missed, &again))
        liar_say(&again);
}

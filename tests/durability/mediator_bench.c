/* What a mediator does when it is asked for all that it can: locks come to it in one channel and go
 * on in another, and both are those of one peer, which has made the onions before, knows the
 * secrets and keeps no journal; so it is the mediator that has no time left. The mediator is a
 * whole daemon, with its journal and history on a disk; its chain is the ledger.
 *
 *   bench_mediator FOLDER [LOCKS [AT_A_TIME…]] */
#include "base/fmt.h"
#include "channel/channel.h"
#include "channel/link.h"
#include "channel/payload.h"
#include "channel/signer.h"
#include "channel/wire.h"
#include "durability/ledger.h"
#include "durability/party.h"
#include "sys/clock.h"
#include "sys/files.h"
#include "sys/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DEPOSIT = 2000000000, AMOUNT = 1000, LIFE_S = 3600, LOOK_MS = 5, WARM = 1000 };
enum { IN, OUT, CHANNELS }; /* as the mediator sees them */

struct payment {
    hash32 preimage, hash;
    u8 onion[ONION_SIZE];
};

/* The peer: all of it belongs to the main thread. */
static struct loop *loop;
static struct link *mediator;
static struct keyring *ring;
static struct limited_signer *keys;
static struct channel_signer signer;
static struct channel *channels[CHANNELS];
static u32 opened;
static struct party *party;
static struct ledger *ledger;
static atomic_bool is_ready;
static struct timer look;

static struct payment *payments;
static u32 *places, place_mask; /* a payment's number + 1 by its hash */
static u64 expiry_s;            /* of all of them */
static usize next, until, ended, failed, width;
static u32 *paid, paid_count; /* slots whose locks are to become money, when there is room */

static void need(enum status st, const struct err *err)
{
    if (st != ST_OK)
        bug(err->text);
}

/* --- Payments, made before. */

static u32 *place_of(hash32 hash)
{
    u32 at = (u32)load_le64(hash.b) & place_mask;
    while (places[at] != 0 && !hash32_equal(payments[places[at] - 1].hash, hash))
        at = (at + 1) & place_mask;
    return &places[at];
}

static void make_payment(usize number, point33 by)
{
    struct payment *payment = &payments[number];
    u8 forward[PAYLOAD_LIMIT], final[PAYLOAD_LIMIT];
    struct payload step = {.kind = PAYLOAD_FORWARD,
                           .amount = AMOUNT,
                           .expiry_s = expiry_s,
                           .next = keyring_node(ring)};
    struct onion_hop hops[2] = {{by, {forward, payload_encode(&step, forward)}}};
    secret32 session = {{1}}, shared[2];
    struct err err;
    step.kind = PAYLOAD_FINAL;
    store_be64(payment->preimage.b, number + 1);
    step.preimage = payment->preimage;
    hops[1] = (struct onion_hop){keyring_node(ring), {final, payload_encode(&step, final)}};
    sha256_joined(BYTES_OF(payment->preimage), BYTES_EMPTY, payment->hash.b);
    store_be64(session.b + 24, number + 1);
    need(onion_build(&session, hops, 2, BYTES_OF(payment->hash), payment->onion, shared, &err),
         &err);
    *place_of(payment->hash) = (u32)number + 1;
}

static void make_payments(usize count)
{
    secret32 account;
    memset(account.b, 1, sizeof(account.b));
    struct keyring *its = keyring_new(&account);
    place_mask = 1;
    while (place_mask < 4 * count)
        place_mask *= 2;
    places = calloc(place_mask, sizeof(*places));
    payments = calloc(count, sizeof(*payments));
    paid = calloc(count, sizeof(*paid));
    assert(places != NULL && payments != NULL && paid != NULL);
    place_mask--;
    expiry_s = ledger_now_s(ledger) + LIFE_S;
    for (usize i = 0; i < count; i++)
        make_payment(i, keyring_node(its));
    keyring_free(its);
}

/* --- What the peer says. */

static void say(const struct wire_message *message)
{
    static u8 room[WIRE_LIMIT];
    struct err err = {.text = "the mediator is gone"};
    need(link_send(mediator, (bytes){room, wire_encode(message, room)}), &err);
}

static void say_funded(struct channel *channel)
{
    const u128 deposited[2] = {DEPOSIT, 0}, withdrawn[2] = {0, 0};
    struct wire_message funded = {.type = WIRE_FUNDED};
    channel_see(channel, deposited, withdrawn);
    channel_peer_sees(channel, deposited, withdrawn);
    funded.funded = (struct wire_funded){.id = channel_name(channel)->id, .deposited_a = DEPOSIT};
    say(&funded);
}

static void accept_channel(const struct wire_open *open)
{
    struct channel_terms terms = {
        .chain_id = open->chain_id,
        .adjudicator = open->adjudicator,
        .owner = {open->owner, signer_owner(keys, opened)},
        .asset = open->asset,
        .challenge_s = open->challenge_s,
        .payout = {open->payout, keyring_account(ring)},
        .salt = open->salt,
    };
    struct wire_message yes = {.type = WIRE_ACCEPT};
    struct err err;
    if (opened == CHANNELS)
        bug("a channel too many");
    need(signer_know(keys, opened, 1, &terms, &err), &err);
    channels[opened] = channel_new(&terms, 1, opened);
    yes.accept = (struct wire_accept){open->request, terms.owner[1], terms.payout[1]};
    say(&yes);
    say_funded(channels[opened++]);
}

static void queue(struct channel *channel, const struct item *item)
{
    struct err err;
    need(channel_queue(channel, item, NULL, &err), &err);
}

static void begin_payment(const struct payment *payment)
{
    struct item item = {.kind = ITEM_ADD, .text = BYTES_OF(payment->onion)};
    struct sign_payment allow = {
        .chain_id = LEDGER_CHAIN, .hash = payment->hash, .amount = AMOUNT, .count = 1};
    struct sign_request request = {.kind = SIGN_PAYMENT, .payment = &allow};
    struct err err;
    need(signer_sign(keys, &request, NULL, &err), &err);
    item.lock = (struct lock){.amount = AMOUNT, .expiry_s = expiry_s, .key = payment->hash};
    queue(channels[IN], &item);
}

static void take_events(struct channel *channel, struct channel_events *events)
{
    for (usize i = 0; i < events->count; i++) {
        const struct channel_event *event = &events->list[i];
        struct item item = {.kind = ITEM_SETTLE, .slot = event->slot};
        if (event->kind == EVENT_LOCK_IN) {
            struct lock lock = locks_get(channel_locks(channel, 0), event->slot);
            u32 place = *place_of(lock.key);
            assert(channel == channels[OUT] && place != 0);
            item.reference = payments[place - 1].preimage;
            queue(channel, &item);
        } else if (event->kind == EVENT_SETTLED) {
            paid[paid_count++] = event->slot;
            ended++;
        } else if (event->kind == EVENT_FAILED) {
            failed++;
            loop_stop(loop);
        }
    }
    channel_events_free(events);
}

/* All that there is to say, until the windows are full. */
static void speak(void)
{
    for (u32 i = 0; i < opened; i++) {
        for (bool more = true; more;) {
            while (i == IN && paid_count > 0 && channel_has_room(channels[i]))
                queue(channels[i], &(struct item){.kind = ITEM_PAID, .slot = paid[--paid_count]});
            while (i == IN && next < until && next - ended < width && channel_has_room(channels[i]))
                begin_payment(&payments[next++]);
            struct wire_message message = {.type = WIRE_UPDATE};
            struct channel_events events = {0};
            struct err err;
            more = channel_wants_update(channels[i]);
            if (!more)
                break;
            need(channel_make_update(channels[i], &signer, &message.update, &events, &err), &err);
            say(&message);
            take_events(channels[i], &events);
        }
    }
    if (until != 0 && ended == until)
        loop_stop(loop);
}

/* --- What it hears. */

static void take_update(const struct wire_update *update)
{
    struct channel_events events = {0};
    struct err err;
    u32 at = 0;
    while (at < opened && !hash32_equal(channel_name(channels[at])->id, update->id))
        at++;
    assert(at < opened);
    enum status st = channel_take_update(channels[at], update, 0, &events, &err);
    if (st == ST_INVALID)
        bug(err.text);
    struct half half = channel_newest(channels[at]).half[0];
    signer_hear(keys, at, &half, update->items);
    take_events(channels[at], &events);
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
}

static void on_opened(void *self, struct link *link)
{
    struct wire_message hello = {.type = WIRE_INIT, .init = {1, BYTES_EMPTY}};
    (void)self;
    mediator = link;
    say(&hello);
}

static void on_drained(void *self)
{
    (void)self;
    speak();
}

static void on_gone(void *self, struct link *link, const char *why)
{
    (void)self, (void)link;
    if (until != 0 && ended < until)
        bug(why);
}

/* --- The mediator, asked from a thread of its own. */

static void *open_channels(void *self)
{
    static char params[400], out[PARTY_ANSWER], id[80];
    char digits[67] = "";
    point33 node = keyring_node(ring);
    for (usize i = 0; i < sizeof(node.b); i++)
        fmt(digits + 2 * i, 3, "%02x", node.b[i]);
    for (u32 i = 0; i < CHANNELS; i++) {
        fmt(params, sizeof(params), "{\"peer\":\"%s@127.7.3.2:9735\",\"amount\":%u}", digits,
            (unsigned)DEPOSIT);
        party_ask(party, "channel_open", params, out);
        answer_text(out, "channel", id, sizeof(id));
        if (id[0] == 0)
            bug(out);
        if (i == IN) { /* what it is then paid with */
            fmt(params, sizeof(params), "{\"channel\":\"%s\",\"amount\":%u}", id,
                (unsigned)DEPOSIT / 2);
            party_ask(party, "channel_keysend", params, out);
        }
    }
    is_ready = true;
    return self;
}

static void looked(struct timer *timer)
{
    if (is_ready)
        loop_stop(loop);
    else
        loop_set_timer(loop, timer, clock_now_ms() + LOOK_MS);
}

static u64 process_ns(void)
{
    struct timespec at;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (u64)at.tv_sec * 1000000000 + (u64)at.tv_nsec;
}

static void run(usize count, usize at_a_time)
{
    width = at_a_time;
    until = next + count;
    u64 from_ns = clock_now_ns(), all_ns = process_ns(), own_ns = clock_thread_ns();
    speak();
    loop_run(loop);
    if (failed != 0)
        bug("the mediator gives a lock back");
    double took = (double)(clock_now_ns() - from_ns) / 1e9;
    double own = (double)(clock_thread_ns() - own_ns) / 1e9;
    double its = (double)(process_ns() - all_ns) / 1e9 - own;
    if (count != WARM)
        printf(
            "%5zu at a time: %6.0f locks a second; %6.0f per core-second of the mediator, %3.0f us "
            "each; it is busy for %2.0f %% of the time\n",
            at_a_time, (double)count / took, (double)count / its, its / (double)count * 1e6,
            its / took * 100);
}

int main(int argc, char **argv)
{
    static const char *const usual[] = {"30", "120", "480"};
    struct err err;
    pthread_t asking;
    secret32 account;
    if (argc < 2) {
        fprintf(stderr, "bench_mediator FOLDER [LOCKS [AT_A_TIME…]]\n");
        return 2;
    }
    usize count = argc > 2 ? strtoul(argv[2], NULL, 10) : 20000;
    usize rows = argc > 3 ? (usize)argc - 3 : countof(usual);
    log_setup((struct log_options){.level = LEVEL_ERROR, .fd = 2});
    memset(account.b, 2, sizeof(account.b));
    ledger = ledger_new();
    ring = keyring_new(&account);
    keys = signer_new(&(struct signer_options){.ring = ring});
    signer = signer_of_channels(keys);
    need(loop_new(&loop, &err), &err);
    struct links *links;
    struct links_options options = links_defaults(loop, keyring_node_secret(ring));
    struct link_events events = {NULL, on_opened, on_message, on_drained, on_gone};
    options.addr = "127.7.3.2";
    options.port = 9735;
    need(links_new(&options, &events, &links, &err), &err);
    make_payments(WARM + rows * count);
    struct party_options its = {.who = 1,
                                .folder = argv[1],
                                .addr = "127.7.3.1",
                                .files = files_of_system(),
                                .patience_us = 4000};
    need(party_start(&its, &party, &err), &err);
    look.due = looked;
    looked(&look);
    if (pthread_create(&asking, NULL, open_channels, NULL) != 0)
        bug("no thread");
    loop_run(loop);
    pthread_join(asking, NULL);
    run(WARM, 100);
    for (usize i = 0; i < rows; i++)
        run(count, strtoul(argc > 3 ? argv[3 + i] : usual[i], NULL, 10));
    party_stop(party);
    links_free(links);
    loop_free(loop);
    for (u32 i = 0; i < CHANNELS; i++)
        channel_free(channels[i]);
    signer_free(keys);
    keyring_free(ring);
    return 0;
}

/* Strangers who open channels and pay into none, under ever new names, with a daemon that has few
 * places: those that nobody has paid into give theirs back, and the one with money in it never. The
 * same after the daemon has started again, with its journal written anew meanwhile. So they do when
 * the strangers want a signature in each: of a close, which the daemon would pay for; of a base; or
 * under a half of nothing. And one that greets again and again, by which it would be asked and
 * answered more often than others are; and as many as a daemon has connections, who stay.
 *
 *   channel_strangers */
#include "base/fmt.h"
#include "base/hex.h"
#include "channel/app_games.h"
#include "channel/deployed.h"
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
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PLACES = 6, NAMES = 8, OF_NAME = 3, DEPOSIT = 1000, PATIENCE_MS = 20000, LOOK_MS = 5 };

/* What they do in a channel when they have it; and some open none. */
enum trick { DOES_NOTHING, CLOSES, FALLS_SILENT, UPDATES, TRICKS, OFFERS_APPS };

static struct {
    struct loop *loop;
    struct links *links;
    struct keyring *ring;
    struct timer look;
    u64 until_ms;
    point33 victim;
    usize asked, accepted, refused;
    struct channel_terms terms[OF_NAME];
    enum trick trick;
    usize ends;    /* that it hears: ERROR, CLOSE, REBASE */
    hash32 bad;    /* an app that is no good, and so is refused */
    u32 greetings; /* that it says */
    bool is_gone;
    char why[64];
} stranger;

static void say(struct link *link, const struct wire_message *message)
{
    static u8 room[WIRE_LIMIT];
    (void)link_send(link, (bytes){room, wire_encode(message, room)});
}

static address owner_of(u32 key)
{
    secret32 secret = keyring_channel_secret(stranger.ring, key);
    address who;
    if (secret_address(&secret, &who) != ST_OK)
        bug("a key without an address");
    return who;
}

/* --- Apps, of which nobody will have accepted any. */

enum { APPS = 16, STAKE = 5, OFTEN = 1100 / APPS };

static struct wire_app_offer offer_of(u8 number)
{
    struct app_state first = app_first_state(BYTES_EMPTY, 0);
    u8 room[2048];
    struct app app = {.stake = {STAKE, 0}, .time_s = 600, .params = BYTES_EMPTY};
    point33 own = keyring_node(stranger.ring);
    struct wire_app_offer offer = {.chain_id = LEDGER_CHAIN,
                                   .adjudicator = ADJUDICATOR_ADDRESS,
                                   .stake_first = STAKE,
                                   .time_s = 600,
                                   .expiry_s = LEDGER_BEGAN_S + 100000,
                                   .salt = {{number}}};
    store_be64(offer.salt.b + 24, offer.expiry_s);
    app.salt = offer.salt;
    app.start = app_state_hash(&first, arena_over(room, sizeof(room)));
    if (point_address(&own, &app.player[0]) != ST_OK ||
        point_address(&stranger.victim, &app.player[1]) != ST_OK)
        bug("a node is no point");
    offer.app = app_id(&app, arena_over(room, sizeof(room)));
    return offer;
}

static void offer_apps(struct link *link)
{
    struct wire_message message = {.type = WIRE_APP_OFFER};
    for (u8 i = 0; i < APPS; i++) {
        message.app_offer = offer_of(i);
        say(link, &message);
    }
    message.app_offer.app.b[0] ^= 1;
    stranger.bad = message.app_offer.app;
    say(link, &message);
}

static void on_opened(void *self, struct link *link)
{
    struct wire_message hello = {.type = WIRE_INIT, .init = {1, BYTES_EMPTY}};
    (void)self;
    for (u32 i = 0; i < stranger.greetings; i++)
        say(link, &hello);
    if (stranger.trick == OFFERS_APPS)
        offer_apps(link);
    for (u32 i = 0; i < OF_NAME && stranger.greetings == 1 && stranger.trick != OFFERS_APPS; i++) {
        struct wire_message offer = {.type = WIRE_OPEN};
        u32 key = (u32)stranger.asked++;
        offer.open = (struct wire_open){
            .request = {{(u8)(1 + i)}},
            .chain_id = LEDGER_CHAIN,
            .adjudicator = ADJUDICATOR_ADDRESS,
            .challenge_s = 60,
            .owner = owner_of(key),
            .payout = keyring_account(stranger.ring),
            .salt = keyring_salt(stranger.ring, key),
        };
        stranger.terms[i] = (struct channel_terms){
            .chain_id = LEDGER_CHAIN,
            .adjudicator = ADJUDICATOR_ADDRESS,
            .owner = {offer.open.owner},
            .challenge_s = offer.open.challenge_s,
            .payout = {offer.open.payout},
            .salt = offer.open.salt,
        };
        say(link, &offer);
    }
}

/* --- Tricks. */

static signature64 sign(u32 index, hash32 struct_hash)
{
    struct channel_name name = channel_name_of(&stranger.terms[index]);
    secret32 secret = keyring_channel_secret(stranger.ring, index);
    signature64 out;
    if (secret_sign(&secret, signed_digest(name.domain, struct_hash), &out) != ST_OK)
        bug("a key that does not sign");
    return out;
}

static void stop(struct link *link, hash32 id, u16 why)
{
    struct wire_message stfu = {.type = WIRE_STFU, .stfu = {id, why}};
    say(link, &stfu);
}

static void close_it(struct link *link, u32 index, hash32 id)
{
    struct channel_close close = {0, LEDGER_BEGAN_S + 3600};
    struct wire_message message = {.type = WIRE_CLOSE};
    message.close =
        (struct wire_close){id, close.net, close.until_s, sign(index, close_hash(id, &close))};
    say(link, &message);
}

static void fall_silent(struct link *link, u32 index, hash32 id)
{
    struct base base = {.epoch = 1};
    struct wire_message message = {.type = WIRE_REBASE};
    message.rebase =
        (struct wire_rebase){.id = id, .epoch = 1, .signature = sign(index, base_hash(id, &base))};
    say(link, &message);
}

static void update(struct link *link, u32 index, hash32 id)
{
    struct half half = {.seq = 1};
    struct wire_message message = {.type = WIRE_UPDATE};
    message.update =
        (struct wire_update){.id = id, .seq = 1, .signature = sign(index, half_hash(id, &half))};
    say(link, &message);
}

static void play_tricks(struct link *link)
{
    for (u32 i = 0; i < OF_NAME; i++) {
        hash32 id = channel_name_of(&stranger.terms[i]).id;
        if (stranger.trick == CLOSES || stranger.trick == FALLS_SILENT)
            stop(link, id, stranger.trick == CLOSES ? 1 : 2);
        if (stranger.trick == UPDATES)
            update(link, i, id);
    }
}

/* The daemon has said it too. */
static void go_on(struct link *link, hash32 id)
{
    for (u32 i = 0; i < OF_NAME; i++)
        if (hash32_equal(channel_name_of(&stranger.terms[i]).id, id))
            (stranger.trick == CLOSES ? close_it : fall_silent)(link, i, id);
}

static void take_answer(struct link *link, const struct wire_message *message)
{
    if (message->type == WIRE_ACCEPT) {
        struct channel_terms *terms = &stranger.terms[message->accept.request.b[0] - 1];
        terms->owner[1] = message->accept.owner;
        terms->payout[1] = message->accept.payout;
        stranger.accepted++;
    }
    stranger.refused += message->type == WIRE_REFUSE;
    if (stranger.accepted + stranger.refused == stranger.asked)
        play_tricks(link);
}

static void on_message(void *self, struct link *link, bytes content)
{
    struct wire_message message;
    struct err err;
    (void)self;
    if (wire_decode(content, &message, &err) != ST_OK)
        return;
    if (message.type == WIRE_ACCEPT || message.type == WIRE_REFUSE)
        take_answer(link, &message);
    stranger.refused += message.type == WIRE_APP_ANSWER;
    if (message.type == WIRE_APP_ANSWER && hash32_equal(message.app_answer.app, stranger.bad))
        loop_stop(stranger.loop);
    if (message.type == WIRE_STFU)
        go_on(link, message.stfu.id);
    stranger.ends +=
        message.type == WIRE_ERROR || message.type == WIRE_CLOSE || message.type == WIRE_REBASE;
    if (stranger.asked != 0 && stranger.accepted + stranger.refused == stranger.asked &&
        (stranger.trick == DOES_NOTHING || stranger.ends == stranger.asked))
        loop_stop(stranger.loop);
}

static void on_drained(void *self)
{
    (void)self;
}

static void on_gone(void *self, struct link *link, const char *why)
{
    (void)self, (void)link;
    fmt(stranger.why, sizeof(stranger.why), "%s", why);
    stranger.is_gone = true;
    if (stranger.greetings > 1 || stranger.trick != DOES_NOTHING)
        loop_stop(stranger.loop);
}

static void looked(struct timer *timer)
{
    if (clock_now_ms() > stranger.until_ms)
        loop_stop(stranger.loop);
    else
        loop_set_timer(stranger.loop, timer, clock_now_ms() + LOOK_MS);
}

/* --- One name after the other. */

static void meet_under(u8 name, u32 greetings, enum trick trick)
{
    struct err err;
    struct link *link;
    secret32 account;
    memset(account.b, 80 + name, sizeof(account.b));
    stranger.ring = keyring_new(&account);
    stranger.asked = stranger.accepted = stranger.refused = 0;
    stranger.ends = 0;
    stranger.greetings = greetings;
    stranger.trick = trick;
    stranger.is_gone = false;
    if (loop_new(&stranger.loop, &err) != ST_OK)
        bug(err.text);
    struct links_options links = links_defaults(stranger.loop, keyring_node_secret(stranger.ring));
    struct link_events events = {NULL, on_opened, on_message, on_drained, on_gone};
    links.listens = false;
    if (links_new(&links, &events, &stranger.links, &err) != ST_OK ||
        links_connect(stranger.links, &stranger.victim, "127.7.1.1", 9735, &link, &err) != ST_OK)
        bug(err.text);
    stranger.until_ms = clock_now_ms() + PATIENCE_MS;
    stranger.look.due = looked;
    looked(&stranger.look);
    loop_run(stranger.loop);
    loop_drop_timer(&stranger.look);
    bool was_closed = stranger.is_gone;
    links_free(stranger.links);
    stranger.is_gone = was_closed;
    loop_free(stranger.loop);
    keyring_free(stranger.ring);
}

static void ask_under(u8 name)
{
    meet_under(name, 1, DOES_NOTHING);
}

/* --- The daemon. */

static struct ledger *ledger;
static struct party *victim;
static char folder[64], channel[80];

static void begin(void)
{
    struct err err;
    struct party_options options = {.who = 1,
                                    .folder = folder,
                                    .addr = "127.7.1.1",
                                    .files = files_of_system(),
                                    .journal_limit = 1,
                                    .most_channels = PLACES};
    if (party_start(&options, &victim, &err) != ST_OK)
        bug(err.text);
    u8 digits[66];
    memcpy(digits, party_name(victim), sizeof(digits));
    enum status st = hex_read_fixed(BYTES_OF(digits), stranger.victim.b, sizeof(point33));
    assert(st == ST_OK);
}

static usize count_channels(const char *list)
{
    usize count = 0;
    for (const char *at = strstr(list, "\"channel\":"); at != NULL;
         at = strstr(at + 1, "\"channel\":"))
        count++;
    return count;
}

/* NULL: all is as it has to be. */
static const char *fault(void)
{
    static char out[PARTY_ANSWER];
    party_ask(victim, "channel_list", "{}", out);
    if (count_channels(out) != PLACES)
        return out;
    const char *at = strstr(out, channel);
    return at != NULL && answer_number(at, "balance") == DEPOSIT ? NULL : out;
}

static ino_t journal(void)
{
    char path[100];
    struct stat info;
    fmt(path, sizeof(path), "%s/channels.log", folder);
    return stat(path, &info) == 0 ? info.st_ino : 0;
}

/* Another daemon, which has room enough for ours; it is away afterwards. */
static void open_with_money(void)
{
    struct err err;
    struct party *friend;
    char params[300], out[PARTY_ANSWER], other[80];
    fmt(other, sizeof(other), "%s-friend", folder);
    int code = mkdir(other, 0700);
    assert(code == 0);
    struct party_options options = {
        .who = 2, .folder = other, .addr = "127.7.1.2", .files = files_of_system()};
    if (party_start(&options, &friend, &err) != ST_OK)
        bug(err.text);
    fmt(params, sizeof(params), "{\"peer\":\"%s\",\"amount\":%u}", party_name(friend),
        (unsigned)DEPOSIT);
    party_ask(victim, "channel_open", params, out);
    answer_text(out, "channel", channel, sizeof(channel));
    party_stop(friend);
}

/* --- A crowd. */

enum { CROWD = 1000 };

static struct {
    struct loop *loop;
    struct links *links[CROWD];
    struct timer look;
    u64 until_ms;
    usize opened;
} crowd;

static void one_opened(void *self, struct link *link)
{
    (void)self, (void)link;
    if (++crowd.opened == CROWD)
        loop_stop(crowd.loop);
}

static void one_heard(void *self, struct link *link, bytes content)
{
    (void)self, (void)link, (void)content;
}

static void crowd_looked(struct timer *timer)
{
    if (clock_now_ms() > crowd.until_ms)
        loop_stop(crowd.loop);
    else
        loop_set_timer(crowd.loop, timer, clock_now_ms() + LOOK_MS);
}

/* Each under a name of its own, and none says a word. */
static void crowd_in(void)
{
    struct err err;
    struct link *link;
    secret32 key = {{[0] = 77}};
    crowd.opened = 0;
    if (loop_new(&crowd.loop, &err) != ST_OK)
        bug(err.text);
    for (u32 i = 0; i < CROWD; i++) {
        store_be32(key.b + 28, i + 1);
        struct links_options links = links_defaults(crowd.loop, &key);
        struct link_events events = {NULL, one_opened, one_heard, on_drained, on_gone};
        links.listens = false;
        links.handshake_ms = PATIENCE_MS;
        if (links_new(&links, &events, &crowd.links[i], &err) != ST_OK ||
            links_connect(crowd.links[i], &stranger.victim, "127.7.1.1", 9735, &link, &err) !=
                ST_OK)
            bug(err.text);
    }
    crowd.until_ms = clock_now_ms() + 6 * (u64)PATIENCE_MS;
    crowd.look.due = crowd_looked;
    crowd_looked(&crowd.look);
    loop_run(crowd.loop);
    loop_drop_timer(&crowd.look);
}

static void crowd_out(void)
{
    for (u32 i = 0; i < CROWD; i++)
        links_free(crowd.links[i]);
    loop_free(crowd.loop);
}

/* NULL: somebody else is served beside them. */
static const char *push_through(void)
{
    crowd_in();
    usize came = crowd.opened;
    ask_under(NAMES + 40);
    crowd_out();
    if (came != CROWD)
        return "not the whole crowd comes in";
    return stranger.accepted == OF_NAME ? NULL : "a crowd keeps others out";
}

static const char *play(void)
{
    const char *why = NULL;
    begin();
    open_with_money();
    meet_under(NAMES + 2, 2, DOES_NOTHING);
    if (!stranger.is_gone)
        return "who greets twice is not sent away";
    for (u8 name = 0; why == NULL && name < NAMES; name++) {
        ask_under(name);
        if (stranger.accepted != OF_NAME)
            return "an offer is not accepted";
        why = name * OF_NAME + OF_NAME + 1 >= PLACES ? fault() : NULL;
    }
    for (u8 i = 0; why == NULL && i < 2 * TRICKS; i++) {
        meet_under(NAMES + 3 + i, 1, i / 2);
        ledger_pass(3000); /* a close that was left to us is sent */
        if (stranger.accepted != OF_NAME)
            return "an offer is not accepted after tricks";
        why = fault();
    }
    ino_t was = journal();
    for (u64 until_ms = clock_now_ms() + PATIENCE_MS; journal() == was;) {
        if (clock_now_ms() > until_ms)
            return "the journal is not written anew";
        char out[PARTY_ANSWER];
        party_ask(victim, "channel_invoice", "{}", out);
    }
    why = why == NULL ? fault() : why;
    for (u32 i = 0; why == NULL && i < 2; i++) {
        party_stop(victim);
        begin();
        why = fault();
        ask_under((u8)(NAMES + i));
        why = why == NULL ? fault() : why;
    }
    why = why == NULL ? push_through() : why;
    for (u8 i = 0; why == NULL && i < OFTEN; i++) {
        meet_under(NAMES + 41 + i, 1, OFFERS_APPS);
        if (stranger.refused != 1)
            why = "offers that nobody answers keep others from making some";
    }
    party_stop(victim);
    for (usize i = 0; i < ledger->channel_count; i++)
        if (why == NULL && ledger->channels[i].closed)
            return "an empty channel is closed at our expense";
    return why;
}

int main(void)
{
    char command[160];
    log_setup((struct log_options){.level = LEVEL_ERROR, .fd = 2});
    scratch_folder("strangers", folder, sizeof(folder));
    struct rlimit files; /* both ends of the crowd's connections */
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    ledger = ledger_new();
    const char *why = play();
    if (why != NULL)
        printf("FAIL channels that nobody pays into give their places back: %s\n", why);
    fmt(command, sizeof(command), "rm -r %s %s-friend", folder, folder);
    int code = system(command);
    assert(code == 0);
    printf("%u passed, %u failed\n", why == NULL, why != NULL);
    return why != NULL;
}

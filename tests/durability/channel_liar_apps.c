/* A peer that lies in what it plays for stakes: payments out of a stake of its own, of which the
 * daemon has what both signed last. It must sign nothing else, take no stake but the one that was
 * agreed on, and get what it is owed: from the peer, or by the court. As a hub it must pay on no
 * more than it was paid. */
#include "base/fmt.h"
#include "base/hex.h"
#include "channel/app_games.h"
#include "channel/deployed.h"
#include "durability/channel_liar.h"
#include "durability/ledger.h"
#include "durability/liar.h"
#include "durability/scratch.h"
#include "sys/clock.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    GIVEN = 500,
    STAKE = 100,
    STAKE_OF_VICTIM = 5,
    TIME_S = 600,
    LIFE_S = 40000,
    PATIENCE_MS = 20000,
    LOOK_MS = 3
};

/* --- The liar's side, on the loop. */

/* What it is to do; taken away once that is done. */
static _Atomic(void (*)(void)) order;
static atomic_bool is_over;

static struct app app;
static struct wire_app_offer offer;
static u32 slot, games;
static struct wire_app_state lie;
static u128 amount;
/* What the victim has said. */
static atomic_uint refusals, signed_version, signed_count;
static atomic_bool given_back;

static void make_offer(void)
{
    struct app_state first = app_first_state(BYTES_EMPTY, 0);
    u8 room[2048];
    point33 nodes[2] = {keyring_node(liar.ring), *link_remote(liar.link)};
    app = (struct app){.stake = {STAKE, 0}, .time_s = TIME_S, .params = BYTES_EMPTY};
    app.start = app_state_hash(&first, arena_over(room, sizeof(room)));
    for (u32 who = 0; who < 2; who++)
        if (point_address(&nodes[who], &app.player[who]) != ST_OK)
            bug("a node is no point");
    offer = (struct wire_app_offer){.chain_id = LEDGER_CHAIN,
                                    .adjudicator = ADJUDICATOR_ADDRESS,
                                    .channel = channel_name(liar.channel)->id,
                                    .stake_first = STAKE,
                                    .time_s = TIME_S,
                                    .expiry_s = LEDGER_BEGAN_S + LIFE_S,
                                    .salt = {{(u8)++games}}};
    store_be64(offer.salt.b + 24, offer.expiry_s);
    app.salt = offer.salt;
    offer.app = app_id(&app, arena_over(room, sizeof(room)));
}

static void say_offer(void)
{
    struct wire_message message = {.type = WIRE_APP_OFFER, .app_offer = offer};
    liar_say(&message);
}

static void offer_one(void)
{
    make_offer();
    say_offer();
}

static void offer_without_time(void)
{
    u8 room[2048];
    make_offer();
    offer.salt.b[31] ^= 1;
    app.salt = offer.salt;
    offer.app = app_id(&app, arena_over(room, sizeof(room)));
    say_offer();
}

/* As if over a hub, in a token. */
static void offer_in_token(void)
{
    u8 room[2048];
    make_offer();
    memset(&offer.channel, 0, sizeof(offer.channel));
    offer.asset = (address){{1}};
    offer.app = app_id(&app, arena_over(room, sizeof(room)));
    say_offer();
}

/* Tic-tac-toe, for something of the victim's as well. */
static u8 board[9];
static void offer_game(void)
{
    struct app_state first = app_first_state(BYTES_OF(board), 0);
    u8 room[2048];
    make_offer();
    app.stake[1] = offer.stake_second = STAKE_OF_VICTIM;
    app.rules = offer.rules = TICTACTOE_ADDRESS;
    app.start = app_state_hash(&first, arena_over(room, sizeof(room)));
    offer.data = BYTES_OF(board);
    offer.app = app_id(&app, arena_over(room, sizeof(room)));
    say_offer();
}

/* It is refused, and so all that was said before has been heard. */
static void say_bad_offer(void)
{
    struct wire_message message = {.type = WIRE_APP_OFFER, .app_offer = offer};
    message.app_offer.app.b[0] ^= 1;
    liar_say(&message);
}

static void say_item(struct item item)
{
    struct err err;
    if (channel_queue(liar.channel, &item, &slot, &err) != ST_OK)
        bug(err.text);
    liar_say_update();
}

static void stake_so_much(u128 stake, hash32 key)
{
    struct sign_payment payment = {
        .chain_id = LEDGER_CHAIN, .hash = key, .kind = LOCK_OF_FIRST, .amount = stake, .count = 1};
    struct sign_request request = {.kind = SIGN_PAYMENT, .payment = &payment};
    struct err err;
    if (signer_sign(liar.keys, &request, NULL, &err) != ST_OK)
        bug(err.text);
    say_item(
        (struct item){.kind = ITEM_STAKE, .lock = {stake, offer.expiry_s, key, LOCK_OF_FIRST}});
}

static void stake_all(void)
{
    stake_so_much(STAKE, offer.app);
}

static void stake_less(void)
{
    stake_so_much(STAKE - 1, offer.app);
}

static void stake_for_nothing(void)
{
    stake_so_much(STAKE, (hash32){{99}});
}

/* --- Over the victim, which is the hub, to a second daemon. */

static point33 second_node;

static void call_second(void)
{
    liar_call(&second_node, "127.7.0.3");
}

static void say_offer_to_second(void)
{
    struct wire_message message = {.type = WIRE_APP_OFFER, .app_offer = offer};
    liar_say_to_other(&message);
}

static void make_offer_to_second(void)
{
    u8 room[2048];
    make_offer();
    memset(&offer.channel, 0, sizeof(offer.channel));
    if (point_address(&second_node, &app.player[1]) != ST_OK)
        bug("a node is no point");
    offer.app = app_id(&app, arena_over(room, sizeof(room)));
}

static void stake_over_hub(void)
{
    struct wire_message message = {.type = WIRE_APP_LEG,
                                   .app_leg = {offer.app, second_node, STAKE}};
    liar_say(&message);
    stake_all();
}

static void stake_one_more(void)
{
    stake_so_much(1, offer.app);
}

static void pay_all(void)
{
    say_item((struct item){.kind = ITEM_PAID, .slot = slot});
}

static void pay_part(void)
{
    say_item((struct item){.kind = ITEM_PART, .slot = slot, .lock.amount = amount});
}

static void drop(void)
{
    say_item((struct item){.kind = ITEM_DROP, .slot = slot});
}

static void sign_with(const secret32 *secret)
{
    struct app_state state = {.version = lie.version,
                              .mover = (enum app_role)lie.mover,
                              .moves = {lie.from_first, lie.from_second},
                              .data = lie.data};
    struct wire_message message = {.type = WIRE_APP_STATE};
    hash32 domain = signed_domain("varve app", LEDGER_CHAIN, LEDGER_COURT);
    lie.app = offer.app;
    if (secret_sign(secret, app_digest(domain, offer.app, &state), &lie.signature) != ST_OK)
        bug("a state is not signed");
    message.app_state = lie;
    liar_say(&message);
}

static void say_state(void)
{
    sign_with(keyring_node_secret(liar.ring));
}

static void say_state_of_another(void)
{
    secret32 other = {{[31] = 77}};
    sign_with(&other);
}

static void look_at_lock(void)
{
    given_back = channel_lock_is_given_back(liar.channel, slot);
}

static void say_end(void)
{
    struct wire_message message = {.type = WIRE_APP_END, .app_end.app = offer.app};
    liar_say(&message);
}

static void hear(const struct wire_message *message)
{
    if (message->type == WIRE_UPDATE)
        liar_take_update(&message->update);
    else if (message->type == WIRE_REESTABLISH)
        liar_meet(&message->reestablish);
    else if (message->type == WIRE_APP_STATE) {
        signed_count++;
        signed_version = (unsigned)message->app_state.version;
    } else if (message->type == WIRE_APP_ANSWER)
        refusals += message->app_answer.accepted == 0;
}

static void looked(struct timer *timer)
{
    void (*now)(void) = order;
    if (now != NULL && liar.link != NULL)
        now();
    if (liar.link != NULL)
        order = NULL;
    if (is_over)
        loop_stop(liar.loop);
    else
        loop_set_timer(liar.loop, timer, clock_now_ms() + LOOK_MS);
}

/* --- The victim's side, on a thread that asks. */

static char channel_id[80], top[64];
static struct party *asked; /* NULL: the victim; else the second of an app that it is the hub of */
static unsigned *passed, *failed;

static void judge(bool holds, const char *what)
{
    char out[PARTY_ANSWER];
    *passed += holds;
    *failed += !holds;
    if (holds)
        return;
    printf("FAIL %s\n", what);
    party_ask(liar.victim, "channel_appList", "{}", out);
    printf("    %s\n", out);
}

static void let(void (*what)(void))
{
    order = what;
    while (order != NULL)
        usleep(1000);
}

/* Whether it comes to that, while time passes. */
static bool comes(bool (*so)(void), u64 seconds)
{
    for (u64 until_ms = clock_now_ms() + PATIENCE_MS; clock_now_ms() < until_ms; usleep(3000)) {
        if (so())
            return true;
        ledger_pass(seconds);
    }
    return false;
}

static u64 wanted_balance;
static unsigned wanted_version, partings;
static const char *wanted_state;

static bool has_balance(void)
{
    char out[PARTY_ANSWER];
    party_ask(liar.victim, "channel_list", "{}", out);
    return answer_number(out, "balance") == wanted_balance;
}

static bool is_in_state(void)
{
    char out[PARTY_ANSWER], id[67] = "", state[32];
    for (usize i = 0; i < sizeof(hash32); i++)
        fmt(id + 2 * i, 3, "%02x", offer.app.b[i]);
    party_ask(asked != NULL ? asked : liar.victim, "channel_appList", "{}", out);
    const char *at = strstr(out, id);
    answer_text(at == NULL ? "" : at, "state", state, sizeof(state));
    return strcmp(state, wanted_state) == 0 &&
           (wanted_version == 0 || answer_number(at, "version") == wanted_version);
}

static bool is_signed(void)
{
    return signed_version == wanted_version;
}

static bool is_given_back(void)
{
    let(look_at_lock);
    return given_back;
}

static bool is_parted(void)
{
    return liar.partings != partings;
}

static bool is_refused(void)
{
    return refusals != 0;
}

static bool is(const char *state, unsigned version)
{
    wanted_state = state;
    wanted_version = version;
    return comes(is_in_state, 0);
}

static bool victim_does(const char *method, const char *more)
{
    char id[67] = "", params[160], out[PARTY_ANSWER];
    for (usize i = 0; i < sizeof(hash32); i++)
        fmt(id + 2 * i, 3, "%02x", offer.app.b[i]);
    fmt(params, sizeof(params), "{\"app\":\"0x%s\"%s}", id, more);
    party_ask(asked != NULL ? asked : liar.victim, method, params, out);
    return strstr(out, "\"result\"") != NULL;
}

static void agree(void)
{
    (void)victim_does("channel_appAccept", "");
}

/* A state that both sign, which pays so much. */
static bool pays(u64 version, u128 sum)
{
    lie = (struct wire_app_state){.version = version, .mover = APP_OVER, .from_first = sum};
    let(say_state);
    wanted_version = (unsigned)version;
    return comes(is_signed, 0);
}

static bool begins(void)
{
    signed_version = 0;
    let(offer_one);
    if (!is("asked", 0))
        return false;
    agree();
    let(stake_all);
    return is("live", 0) && pays(1, 40);
}

static const struct {
    const char *what;
    struct wire_app_state state;
    bool is_anothers, parts;
} lies[] = {
    {"a second state of one version", {.version = 1, .mover = APP_OVER, .from_first = 10}, 0, 0},
    {"a state of before", {.version = 0, .mover = APP_OVER}, 0, 0},
    {"a state that takes back what was paid",
     {.version = 3, .mover = APP_OVER, .from_first = 10},
     0,
     0},
    {"a number that is ours to give", {.version = 2, .mover = APP_OVER, .from_first = 50}, 0, 0},
    {"a state that is not over", {.version = 3, .mover = APP_SECOND, .from_first = 50}, 0, 0},
    {"a state with something in it",
     {.version = 3, .mover = APP_OVER, .from_first = 50, .data = {(const u8 *)"x", 1}},
     0,
     0},
    {"a state that somebody else has signed",
     {.version = 3, .mover = APP_OVER, .from_first = 50},
     1,
     1},
    {"a state with more than is at stake",
     {.version = 3, .mover = APP_OVER, .from_first = STAKE + 1},
     0,
     1},
    {"a state with something of ours, who have nothing at stake",
     {.version = 3, .mover = APP_OVER, .from_first = 50, .from_second = 1},
     0,
     1},
    {"a state that nobody moves in", {.version = 3, .mover = 7, .from_first = 50}, 0, 1},
};

/* What follows every lie is an honest state, so that the lie has been heard by then. A new
 * connection begins with what was signed last. */
static void tell_lies(void)
{
    u64 newest = 1;
    for (usize i = 0; i < countof(lies); i++) {
        partings = liar.partings;
        signed_version = signed_count = 0;
        lie = lies[i].state;
        lie.version += newest - 1;
        let(lies[i].is_anothers ? say_state_of_another : say_state);
        if (lies[i].parts)
            judge(comes(is_parted, 0), lies[i].what);
        newest += 4;
        judge(pays(newest, 41 + i) && (lies[i].parts || signed_count == 1) &&
                  is("live", (unsigned)newest),
              lies[i].what);
    }
}

static bool is_in_court(void)
{
    return ledger_app(liar.ledger, offer.app) != NULL;
}

static bool is_decided(void)
{
    return ledger_app(liar.ledger, offer.app)->look.decided_s != 0;
}

/* The victim asks for what it is owed, and gets it. */
static bool is_decided_in_court(void)
{
    if (!is("ending", 1))
        return false;
    wanted_state = "court";
    if (!comes(is_in_state, 30) || !comes(is_in_court, 0))
        return false;
    u64 now_s = ledger_now_s(liar.ledger);
    ledger_pass(ledger_app(liar.ledger, offer.app)->look.show_until_s + 1 - now_s);
    return comes(is_decided, 0);
}

static bool ends_with(u128 part)
{
    let(say_end);
    amount = part;
    let(pay_part);
    return is("ending", 0);
}

/* In the midst of a game the liar says that it is over; the victim moves on. */
static void end_too_early(void)
{
    signed_version = 0;
    let(offer_game);
    bool good = is("asked", 0);
    agree();
    let(stake_all);
    good = good && is("live", 0);
    for (u16 version = 1; version <= 2; version++) {
        lie = (struct wire_app_state){
            .version = version, .mover = version - 1, .data = BYTES_OF(board)};
        board[0] = version == 2;
        let(say_state);
        wanted_version = version;
        good = good && comes(is_signed, 0);
    }
    refusals = 0;
    let(say_end);
    let(say_bad_offer);
    good = good && comes(is_refused, 0) && victim_does("channel_appMove", ",\"move\":\"3\"");
    wanted_version = 3;
    judge(good && comes(is_signed, 0), "the end of a game that is not over");
}

/* The last: its channel is not to be used afterwards. The court has decided, the lock has expired
 * and is dropped, when the victim is there and when it has just started. */
static void drop_what_it_owes(void)
{
    judge(begins() && ends_with(10), "a stake that is not paid");
    partings = liar.partings;
    let(drop);
    judge(comes(is_parted, 0), "a stake that is dropped before it is let go");
    judge(is_decided_in_court(), "what is owed is asked for");
    ledger_pass(offer.expiry_s + 5 - ledger_now_s(liar.ledger));
    for (u32 i = 0; i < 2; i++) {
        partings = liar.partings;
        judge(comes(is_parted, 0) && is("court", 1), "a stake that has expired, and was won");
        char path[100];
        fmt(path, sizeof(path), "%s/new", top);
        party_stop(liar.victim);
        liar_start_victim(path);
    }
}

static void *script(void *self)
{
    char params[200], out[PARTY_ANSWER];
    liar_let_open(channel_id);
    fmt(params, sizeof(params), "{\"channel\":\"%s\",\"amount\":%u}", channel_id, (unsigned)GIVEN);
    party_ask(liar.victim, "channel_keysend", params, out);
    u64 balance = LIAR_DEPOSIT - GIVEN;

    let(offer_without_time);
    judge(comes(is_refused, 0), "an app whose id does not say when it expires");
    let(stake_for_nothing);
    judge(comes(is_given_back, 0), "a stake without a proposal");
    let(drop);

    let(offer_in_token);
    judge(is("asked", 0), "an offer in another money");
    agree();
    let(stake_all);
    judge(comes(is_given_back, 0) && is("locking", 0), "a stake in another money");
    let(drop);

    let(offer_one);
    judge(is("asked", 0), "an honest offer");
    agree();
    let(stake_less);
    judge(comes(is_given_back, 0), "a stake of less than was agreed on");
    let(drop);
    let(stake_all);
    judge(is("live", 0) && pays(1, 40), "the right one, after a wrong one");
    tell_lies();
    judge(ends_with(60) && comes(is_given_back, 0), "more than is owed");
    let(drop);
    wanted_balance = balance += 60;
    judge(is("done", 0) && comes(has_balance, 0), "more than is owed, in the end");
    let(say_offer);
    judge(is("done", 0), "one that is over, offered again");

    judge(begins() && ends_with(10), "less than is owed");
    judge(is_decided_in_court(), "less than is owed, in court");
    amount = 30;
    let(pay_part);
    judge(comes(is_given_back, 0), "what the court gave, once it is paid");
    let(drop);
    wanted_balance = balance += 40;
    judge(is("done", 0) && comes(has_balance, 0), "what the court gave, in the end");

    end_too_early();
    drop_what_it_owes();
    party_stop(liar.victim);
    is_over = true;
    return self;
}

/* --- The same where the victim is the hub. */

enum { WITH_SECOND = 5000 };

static struct party *second;
static char second_id[80];

static u64 balance_in(const char *id)
{
    char out[PARTY_ANSWER];
    party_ask(liar.victim, "channel_list", "{}", out);
    const char *at = strstr(out, id);
    return answer_number(at == NULL ? "" : at, "balance");
}

static bool has_balance_with_liar(void)
{
    return balance_in(channel_id) == wanted_balance;
}

static void start_second(void)
{
    char path[100], command[120], params[300], out[PARTY_ANSWER];
    struct err err;
    fmt(path, sizeof(path), "%s/second", top);
    fmt(command, sizeof(command), "mkdir %s", path);
    int code = system(command);
    assert(code == 0);
    struct party_options options = {
        .who = 3, .folder = path, .addr = "127.7.0.3", .files = files_of_system()};
    if (party_start(&options, &second, &err) != ST_OK)
        bug(err.text);
    bytes digits = {(const u8 *)party_name(second), 2 * sizeof(second_node)};
    if (hex_read_fixed(digits, second_node.b, sizeof(second_node.b)) != ST_OK)
        bug("a node has a name");
    fmt(params, sizeof(params), "{\"peer\":\"%s\",\"amount\":%u}", party_name(second),
        (unsigned)WITH_SECOND);
    party_ask(liar.victim, "channel_open", params, out);
    answer_text(out, "channel", second_id, sizeof(second_id));
    let(call_second);
}

/* Said again, until the link is there. */
static bool is_asked(void)
{
    let(say_offer_to_second);
    return is_in_state();
}

/* The second waits for what it is paid, and the hub has locked it. */
static bool joins(void)
{
    let(make_offer_to_second);
    asked = second;
    wanted_state = "asked";
    wanted_version = 0;
    bool good = comes(is_asked, 0);
    agree();
    let(stake_over_hub);
    good = good && is("live", 0);
    asked = NULL;
    return good && is("ending", 0);
}

/* A small stake beside that which the hub has joined is paid, and that is not. */
static void *hub_script(void *self)
{
    char params[200], out[PARTY_ANSWER];
    liar_let_open(channel_id);
    fmt(params, sizeof(params), "{\"channel\":\"%s\",\"amount\":%u}", channel_id, (unsigned)GIVEN);
    party_ask(liar.victim, "channel_keysend", params, out);
    start_second();
    judge(joins(), "a stake that is joined");
    u32 joined = slot;
    let(stake_one_more);
    judge(comes(is_given_back, 0), "another stake of one app");
    wanted_balance = LIAR_DEPOSIT - GIVEN + 1;
    let(pay_all);
    judge(comes(has_balance_with_liar, 0) && is("ending", 0) &&
              balance_in(second_id) == WITH_SECOND,
          "another stake of one app, which is paid: the hub pays on what it was not paid");

    let(stake_one_more);
    judge(comes(is_given_back, 0), "another stake, again");
    u32 other = slot;
    party_stop(second);
    second = NULL;
    ledger_pass(offer.expiry_s + 5 - ledger_now_s(liar.ledger));
    slot = joined;
    let(drop);
    slot = other;
    wanted_balance++;
    let(pay_all);
    judge(comes(has_balance_with_liar, 0) && is("ending", 0) &&
              balance_in(second_id) == WITH_SECOND,
          "another stake, paid when the joined one is gone: the hub pays on what it was not paid");
    party_stop(liar.victim);
    is_over = true;
    return self;
}

static void play(void *(*with)(void *self), unsigned *good, unsigned *bad)
{
    char command[100], path[100];
    pthread_t asking;
    struct timer look = {.due = looked};
    is_over = false;
    passed = good;
    failed = bad;
    scratch_folder("liar", top, sizeof(top));
    fmt(command, sizeof(command), "mkdir %s/new", top);
    int code = system(command);
    assert(code == 0);
    fmt(path, sizeof(path), "%s/new", top);
    liar_begin(hear);
    liar_start_victim(path);
    looked(&look);
    code = pthread_create(&asking, NULL, with, NULL);
    assert(code == 0);
    loop_run(liar.loop);
    pthread_join(asking, NULL);
    loop_drop_timer(&look);
    liar_end();
    fmt(command, sizeof(command), "rm -r %s", top);
    code = system(command);
    assert(code == 0);
}

void liar_apps(unsigned *good, unsigned *bad)
{
    play(script, good, bad);
}

void liar_hub(unsigned *good, unsigned *bad)
{
    play(hub_script, good, bad);
}

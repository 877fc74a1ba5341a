/* A peer that plays with locks that a daemon is the payee of: it pays one before the daemon has
 * answered it, and puts another into its slot; or it lets the daemon's updates fill up, so that
 * secrets wait for room, until its locks are over, and then takes them back. And one that asks for
 * what it has missed as often as it likes; and one that does not pay for a secret that a daemon has
 * told whose journal is then put back from an old copy. */
#include "base/fmt.h"
#include "channel/internal.h"
#include "channel/invoice.h"
#include "channel/payload.h"
#include "crypto/keccak.h"
#include "durability/channel_liar.h"
#include "durability/ledger.h"
#include "durability/liar.h"
#include "durability/scratch.h"
#include "sys/clock.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { OWN = 6000, LOOK_MS = 2, PATIENCE_MS = 20000, LIFE_S = 900 };
/* So many secrets find no room in an update; an invoice has 64 parts at most. */
enum { INVOICES = 27, PARTS = 64 };

static unsigned *passed, *failed;
static char channel_id[80], top[64];

static void judge(bool holds, const char *what)
{
    *passed += holds;
    *failed += !holds;
    if (!holds)
        printf("FAIL %s\n", what);
}

/* --- The liar's side, on the loop. */

static struct invoice invoices[INVOICES];
static atomic_bool is_acknowledged, is_over;
static atomic_uint settled, refused;
static void (*_Atomic wanted)(void); /* by the asking thread */
static bool is_mute;                 /* it acknowledges nothing that comes after `heard` */
static struct half heard;
static hash32 heard_hash;
static hash32 told; /* the newest secret */

static void say_update(void)
{
    struct half newest = liar.channel->theirs;
    hash32 hash = liar.channel->their_hash;
    if (is_mute) {
        liar.channel->theirs.seq = heard.seq;
        liar.channel->their_hash = heard_hash;
    }
    liar_say_update();
    liar.channel->theirs = newest;
    liar.channel->their_hash = hash;
}

/* What it is told for locks, it does not pay. */
static void take_update(const struct wire_update *update)
{
    struct channel_events events = {0};
    struct err err;
    enum status st = channel_take_update(liar.channel, update, 0, &events, &err);
    refused += st == ST_INVALID;
    for (usize i = 0; i < events.count; i++)
        if (events.list[i].kind == EVENT_SETTLED) {
            settled++;
            told = events.list[i].reference;
        }
    struct half half = channel_newest(liar.channel).half[0];
    if (st == ST_OK)
        signer_hear(liar.keys, 0, &half, update->items);
    channel_events_free(&events);
    if (!is_mute && channel_wants_update(liar.channel))
        say_update();
}

static void show(void)
{
    static u8 room[CHANNEL_SHOWN_LIMIT];
    struct wire_message message = {.type = WIRE_RECOVER};
    channel_take_lost(liar.channel);
    message.recover = channel_show(liar.channel, room);
    liar_say(&message);
}

static void hear(const struct wire_message *message)
{
    if (message->type == WIRE_UPDATE)
        take_update(&message->update);
    else if (message->type == WIRE_REESTABLISH)
        liar_meet(&message->reestablish);
    else if (message->type == WIRE_LOST)
        show();
}

static void allow(const struct sign_payment *payment)
{
    struct sign_request request = {.kind = SIGN_PAYMENT, .payment = payment};
    struct err err;
    if (signer_sign(liar.keys, &request, NULL, &err) != ST_OK)
        bug(err.text);
}

static void queue(const struct item *item, u32 *slot)
{
    struct err err;
    if (!channel_has_room(liar.channel))
        say_update();
    if (channel_queue(liar.channel, item, slot, &err) != ST_OK)
        bug(err.text);
}

/* One unit of an invoice. */
static u32 lock_part(const struct invoice *of)
{
    u8 onion[ONION_SIZE], room[PAYLOAD_LIMIT];
    secret32 session = {{[31] = 9}}, shared[1];
    struct item item = {.kind = ITEM_ADD, .text = BYTES_OF(onion)};
    struct err err;
    u32 slot;
    item.lock =
        (struct lock){.amount = 1, .expiry_s = LEDGER_BEGAN_S + LIFE_S, .key = of->payment_hash};
    struct payload step = {.kind = PAYLOAD_FINAL,
                           .amount = 1,
                           .expiry_s = item.lock.expiry_s,
                           .payment_secret = of->payment_secret,
                           .total = of->amount};
    struct onion_hop hop = {of->node, {room, payload_encode(&step, room)}};
    allow(&(struct sign_payment){
        .chain_id = LEDGER_CHAIN, .hash = item.lock.key, .amount = 1, .count = 1});
    if (onion_build(&session, &hop, 1, BYTES_OF(item.lock.key), onion, shared, &err) != ST_OK)
        bug(err.text);
    queue(&item, &slot);
    return slot;
}

static void end_lock(enum item_kind how, u32 slot)
{
    struct item item = {.kind = how, .slot = slot};
    queue(&item, NULL);
    say_update();
}

static void looked(struct timer *timer)
{
    void (*act)(void) = wanted;
    if (act != NULL) {
        act();
        wanted = NULL;
    }
    if (liar.channel != NULL)
        is_acknowledged = channel_is_acknowledged(liar.channel);
    if (is_over)
        loop_stop(liar.loop);
    else
        loop_set_timer(liar.loop, timer, clock_now_ms() + LOOK_MS);
}

/* --- The asking thread. */

static bool becomes(bool (*holds)(void))
{
    for (u64 until_ms = clock_now_ms() + PATIENCE_MS; clock_now_ms() < until_ms; usleep(2000))
        if (holds())
            return true;
    return false;
}

static bool all_is_acknowledged(void)
{
    return is_acknowledged;
}

/* On the loop; until the victim has acknowledged what was said. */
static void act(void (*how)(void))
{
    is_acknowledged = false;
    wanted = how;
    while (wanted != NULL)
        usleep(500);
    is_acknowledged = false;
    (void)becomes(all_is_acknowledged);
}

static void in_folder(const char *command)
{
    char whole[200];
    fmt(whole, sizeof(whole), "cd %s && %s", top, command);
    assert(system(whole) == 0);
}

static void start_victim(void)
{
    char path[100];
    fmt(path, sizeof(path), "%s/victim", top);
    liar_start_victim(path);
}

static void make_invoice(struct invoice *out, unsigned amount)
{
    static u8 memory[INVOICES][INVOICE_ARENA];
    static usize count;
    char params[80], answer[PARTY_ANSWER], text[4096];
    struct arena arena = arena_over(memory[count % INVOICES], sizeof(memory[0]));
    struct err err;
    count++;
    fmt(params, sizeof(params), "{\"amount\":%u}", amount);
    party_ask(liar.victim, "channel_invoice", params, answer);
    answer_text(answer, "invoice", text, sizeof(text));
    if (invoice_decode((bytes){(const u8 *)text, strlen(text)}, out, &arena, &err) != ST_OK)
        bug(err.text);
}

static void open_channel(void)
{
    char params[200], out[PARTY_ANSWER];
    liar_let_open(channel_id);
    fmt(params, sizeof(params), "{\"channel\":\"%s\",\"amount\":%u}", channel_id, (unsigned)OWN);
    party_ask(liar.victim, "channel_keysend", params, out);
}

static bool victim_answers(void)
{
    char out[PARTY_ANSWER], state[32];
    party_ask(liar.victim, "channel_list", "{}", out);
    answer_text(out, "state", state, sizeof(state));
    u64 spendable = answer_number(out, "spendable");
    return strcmp(state, "open") == 0 && spendable != 0 && spendable != UINT64_MAX;
}

/* --- A lock is paid before it is answered, and its slot is taken by another. */

static u32 first_slot;

static void lock_first(void)
{
    first_slot = lock_part(&invoices[0]);
    say_update();
}

static void pay_first(void)
{
    end_lock(ITEM_PAID, first_slot);
}

static void lock_other_in_its_slot(void)
{
    if (lock_part(&invoices[1]) != first_slot)
        bug("the slot is not free");
    say_update();
}

static void lock_rest_of_first(void)
{
    (void)lock_part(&invoices[0]);
    say_update();
}

static bool has_settled(void)
{
    return settled != 0;
}

static void take_the_slot_of_a_held_part(void)
{
    open_channel();
    make_invoice(&invoices[0], 2);
    make_invoice(&invoices[1], 2);
    act(lock_first);
    act(pay_first);
    act(lock_other_in_its_slot);
    act(lock_rest_of_first);
    bool good = becomes(has_settled);
    judge(good && settled == 1 && refused == 0, "a part that was paid leaves its slot to others");
    act(pay_first); /* it is the other's now, which is given back after half of the margin */
    ledger_pass(40);
    usleep(100000);
    judge(victim_answers(), "a part that was paid is not given back");
}

/* --- Secrets that have no room in an update, until their locks are over. */

static u32 late_slot;

static void lock_all_but_last(void)
{
    for (usize i = 0; i < INVOICES; i++)
        for (usize part = 1; part < PARTS; part++)
            late_slot = lock_part(&invoices[i]);
    say_update();
}

static void fall_mute(void)
{
    is_mute = true;
    heard = liar.channel->theirs;
    heard_hash = liar.channel->their_hash;
}

static void pay_one(void)
{
    struct item item = {.kind = ITEM_PAY, .lock.amount = 1, .reference = {{7}}};
    allow(&(struct sign_payment){.is_direct = true, .amount = 1, .count = 1});
    queue(&item, NULL);
    say_update();
}

static void lock_last(void)
{
    for (usize i = 0; i < INVOICES; i++)
        (void)lock_part(&invoices[i]);
    say_update();
}

static void take_late_back(void)
{
    end_lock(ITEM_DROP, late_slot);
}

static bool is_parted(void)
{
    return liar.partings != 0;
}

static void let_secrets_wait(void)
{
    open_channel();
    for (usize i = 0; i < INVOICES; i++)
        make_invoice(&invoices[i], PARTS);
    act(lock_all_but_last);
    act(fall_mute);
    for (u32 i = 0; i < CHANNEL_WINDOW; i++)
        act(pay_one);
    act(lock_last); /* the last that can be acknowledged */
    ledger_pass(LEDGER_BEGAN_S + LIFE_S + 5 - ledger_now_s(liar.ledger));
    usleep(100000);
    judge(liar.partings == 0 && is_acknowledged, "all of that is allowed");
    is_acknowledged = false;
    wanted = take_late_back;
    judge(becomes(is_parted),
          "a lock whose secret waits for room is not taken back when it is over");
}

/* --- The victim's journal is put back from an old copy, when a secret is told and not paid for. */

static void lock_whole(void)
{
    (void)lock_part(&invoices[0]);
    say_update();
}

/* Whether the victim has sent it to the registry, of which this chain knows nothing. */
static bool is_shown(void)
{
    hash32 key = keccak256(BYTES_OF(told));
    bool found = false;
    pthread_mutex_lock(&liar.ledger->lock);
    for (usize i = 0; i < liar.ledger->done_count; i++)
        found |= hash32_equal(liar.ledger->done[i].key, key);
    pthread_mutex_unlock(&liar.ledger->lock);
    return found;
}

static bool is_restoring(void)
{
    char out[PARTY_ANSWER], state[32];
    party_ask(liar.victim, "channel_list", "{}", out);
    answer_text(out, "state", state, sizeof(state));
    return strcmp(state, "restoring") == 0;
}

static void go_back_with_a_secret(void)
{
    char params[200], out[PARTY_ANSWER];
    open_channel();
    make_invoice(&invoices[0], 1);
    act(lock_whole);
    bool good = becomes(has_settled);
    party_stop(liar.victim);
    in_folder("cp -r victim copy");
    start_victim();
    good = good && becomes(victim_answers);
    fmt(params, sizeof(params), "{\"channel\":\"%s\",\"amount\":1}", channel_id);
    party_ask(liar.victim, "channel_keysend", params, out);
    party_stop(liar.victim);
    in_folder("rm -r victim && mv copy victim");
    start_victim();
    judge(good && becomes(is_restoring) && !is_shown(), "the copy proves to be old");
    ledger_pass(LEDGER_BEGAN_S + LIFE_S - 30 - ledger_now_s(liar.ledger));
    judge(becomes(is_shown), "a channel that is lost shows the secret that it has told in time");
}

/* --- It asks again and again for what it has missed. */

static void meet_again(void)
{
    struct wire_message hello = {.type = WIRE_REESTABLISH};
    hello.reestablish = channel_hello(liar.channel);
    hello.reestablish.received_seq = 0;
    hello.reestablish.received_hash = (hash32){{0}};
    liar_say(&hello);
}

static void ask_again(void)
{
    liar_let_open(channel_id);
    act(meet_again);
    judge(becomes(is_parted), "what was missed is said once on a connection");
}

/* --- It keeps a lock of the victim's, whose secret it may have shown before there was a victim. */

static atomic_ullong kept_until_s;

static void look_at_kept(void)
{
    kept_until_s = locks_get(channel_locks(liar.channel, 0), 0).expiry_s;
}

static bool is_kept(void)
{
    act(look_at_kept);
    return kept_until_s != 0;
}

static bool has_asked(void)
{
    pthread_mutex_lock(&liar.ledger->lock);
    bool has = liar.ledger->asks != 0;
    pthread_mutex_unlock(&liar.ledger->lock);
    return has;
}

static void keep_a_lock(void)
{
    char params[300], out[PARTY_ANSWER], digits[67] = "";
    point33 node = keyring_node(liar.ring);
    open_channel();
    for (usize i = 0; i < sizeof(node.b); i++)
        fmt(digits + 2 * i, 3, "%02x", node.b[i]);
    fmt(params, sizeof(params), "{\"node\":\"%s\",\"amount\":5,\"timeoutMs\":100}", digits);
    party_ask(liar.victim, "channel_pay", params, out);
    bool good = becomes(is_kept) && !has_asked();
    ledger_pass(kept_until_s - 30 - ledger_now_s(liar.ledger));
    judge(good && becomes(has_asked),
          "the registry is asked for a lock's secret while the one that pays for it lasts");
}

/* --- All of them. */

static void *script(void *self)
{
    void (*const *trick)(void) = self;
    (*trick)();
    party_stop(liar.victim);
    is_over = true;
    return NULL;
}

static void play(void (*trick)(void))
{
    char command[100];
    pthread_t asking;
    struct timer look = {.due = looked};
    scratch_folder("liar", top, sizeof(top));
    settled = refused = 0;
    is_over = is_mute = false;
    wanted = NULL;
    liar_begin(hear);
    in_folder("mkdir victim");
    start_victim();
    looked(&look);
    assert(pthread_create(&asking, NULL, script, &trick) == 0);
    loop_run(liar.loop);
    pthread_join(asking, NULL);
    loop_drop_timer(&look);
    liar_end();
    fmt(command, sizeof(command), "rm -r %s", top);
    assert(system(command) == 0);
}

void liar_locks(unsigned *good, unsigned *bad)
{
    passed = good;
    failed = bad;
    play(let_secrets_wait);
    play(take_the_slot_of_a_held_part);
    play(ask_again);
    play(go_back_with_a_secret);
    play(keep_a_lock);
}

/* A peer that lies to a daemon whose journal was put back from an old copy. Each lie is told twice:
 * before the daemon has a proof that its copy is old, and when it has taken the newest states and
 * waits until it may sign. It must refuse the lie, and when it is started again its journal must
 * not have it: RECOVER is replayed without being judged. Then the peer tells the truth, and both
 * pay on.
 *
 *   victim: pays 1000  ── copy ──  pays 1000, is paid 4,      ── the copy is put back
 *                                  and gets more locks than a message has room for */
#include "base/fmt.h"
#include "durability/channel_liar.h"
#include "durability/ledger.h"
#include "durability/liar.h"
#include "durability/scratch.h"
#include "sys/clock.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PAID = 1000, BACK = 4, LOCKS = 1300, LOOK_MS = 5, PATIENCE_MS = 20000, RESTORE_S = 7300 };
enum { WAS = LIAR_DEPOSIT - PAID, IS = LIAR_DEPOSIT - 2 * PAID + BACK };
enum { LOCK_BYTES = 56, LOCKS_LIFE_S = 10 * 86400 };

/* --- Lies. */

/* RECOVER as it was at the copy and as it is, both true in their time. */
static struct wire_recover then, now;
static u8 then_locks[CHANNEL_SHOWN_LIMIT], now_locks[CHANNEL_SHOWN_LIMIT];
static u8 lie_locks[2 * CHANNEL_SHOWN_LIMIT];

/* How many bytes of locks come in the first message of the truth. */
static usize first_part(void)
{
    struct wire_recover left = now;
    struct wire_recover_locks part;
    assert(channel_show_part(&left, &part));
    return part.locks.size;
}

/* The truth's locks between two places, behind those that the lie has so far. */
static void add_locks(struct wire_recover *lie, usize from, usize to)
{
    usize size = lie->locks.data == lie_locks ? lie->locks.size : 0;
    memcpy(lie_locks + size, now_locks + from, to - from);
    lie->locks = (bytes){lie_locks, size + to - from};
}

static void show_the_copys_time(struct wire_recover *lie)
{
    *lie = then;
}

static void hide_what_it_paid(struct wire_recover *lie)
{
    lie->seq_b = then.seq_b;
    lie->sent_b = then.sent_b;
    lie->ack_seq_b = then.ack_seq_b;
    lie->ack_hash_b = then.ack_hash_b;
    lie->signature_b = then.signature_b;
    lie->locks = then.locks;
}

static void hide_that_it_paid_at_all(struct wire_recover *lie)
{
    lie->seq_b = 0;
    lie->sent_b = 0;
    lie->ack_seq_b = 0;
    lie->locks = then.locks;
}

static void show_more_paid_to_it(struct wire_recover *lie)
{
    lie->sent_a += 100;
}

static void show_a_half_that_comes_later(struct wire_recover *lie)
{
    lie->seq_a++;
}

static void show_an_epoch_that_nobody_signed(struct wire_recover *lie)
{
    lie->epoch++;
    lie->balance_b = LIAR_DEPOSIT;
    lie->deposited_a = LIAR_DEPOSIT;
}

static void show_another_beginning(struct wire_recover *lie)
{
    lie->balance_b = LIAR_DEPOSIT;
}

static void show_a_lock_that_is_not_there(struct wire_recover *lie)
{
    static const u8 lock[LOCK_BYTES] = {[18] = 200, [19] = 1, [24] = 7};
    memcpy(lie_locks, lock, sizeof(lock));
    lie->locks = (bytes){lie_locks, sizeof(lock)};
    add_locks(lie, 0, now.locks.size);
}

static void show_half_a_lock(struct wire_recover *lie)
{
    add_locks(lie, 0, now.locks.size - LOCK_BYTES / 2);
}

static void show_the_first_message_s_locks(struct wire_recover *lie)
{
    add_locks(lie, 0, first_part());
}

static void show_the_last_message_s_locks(struct wire_recover *lie)
{
    add_locks(lie, first_part(), now.locks.size);
}

static void show_the_first_message_s_locks_twice(struct wire_recover *lie)
{
    add_locks(lie, 0, first_part());
    add_locks(lie, 0, now.locks.size);
}

static void show_messages_in_another_order(struct wire_recover *lie)
{
    add_locks(lie, first_part(), now.locks.size);
    add_locks(lie, 0, first_part());
}

static void show_a_lock_of_the_first_message_smaller(struct wire_recover *lie)
{
    add_locks(lie, 0, now.locks.size);
    lie_locks[LOCK_BYTES + 18]++;
}

static void show_a_lock_of_the_last_message_later(struct wire_recover *lie)
{
    add_locks(lie, 0, now.locks.size);
    lie_locks[now.locks.size - 33] ^= 1;
}

static void show_more_locks_than_there_can_be(struct wire_recover *lie)
{
    while (lie->locks.size <= CHANNEL_SHOWN_LIMIT)
        add_locks(lie, 0, now.locks.size);
}

static void show_its_own_half_unsigned(struct wire_recover *lie)
{
    lie->signature_b.b[7] ^= 1;
}

static const struct {
    const char *what;
    void (*make)(struct wire_recover *lie);
} lies[] = {
    {"the states of the copy's time, as if they were the newest", show_the_copys_time},
    {"a half of its own from before it paid", hide_what_it_paid},
    {"no half of its own", hide_that_it_paid_at_all},
    {"more that it was paid than was signed", show_more_paid_to_it},
    {"a half with a later number", show_a_half_that_comes_later},
    {"a base of a later epoch, which nobody signed", show_an_epoch_that_nobody_signed},
    {"another beginning", show_another_beginning},
    {"a lock that is not there", show_a_lock_that_is_not_there},
    {"locks that do not read", show_half_a_lock},
    {"the locks of its first message alone", show_the_first_message_s_locks},
    {"the locks of its last message alone", show_the_last_message_s_locks},
    {"the first message of locks twice", show_the_first_message_s_locks_twice},
    {"messages of locks in another order", show_messages_in_another_order},
    {"a lock of the first message with another amount", show_a_lock_of_the_first_message_smaller},
    {"a lock of the last message with another time", show_a_lock_of_the_last_message_later},
    {"more locks than a channel can have", show_more_locks_than_there_can_be},
    {"a half of its own with another signature", show_its_own_half_unsigned},
};

/* --- The liar's side, on the loop. */

enum { NO_LIE = countof(lies), SILENCE };

/* What it says to a victim that has lost its states; and what the asking thread wants of it. */
static atomic_uint answer_with;
static atomic_bool wants_then, wants_now, wants_to_pay, wants_to_lock, is_over;

static void tell(unsigned lie)
{
    struct wire_message message = {.type = WIRE_RECOVER, .recover = now};
    struct wire_message part = {.type = WIRE_RECOVER_LOCKS};
    if (lie < NO_LIE)
        lies[lie].make(&message.recover);
    channel_take_lost(liar.channel);
    liar_say_funded();
    while (lie != SILENCE && channel_show_part(&message.recover, &part.recover_locks))
        liar_say(&part);
    if (lie != SILENCE)
        liar_say(&message);
}

/* An honest peer's part of the recovery. */
static void sign_base(const struct wire_rebase *said)
{
    struct wire_message message = {.type = WIRE_REBASE};
    struct channel_events events = {0};
    struct err err;
    if (channel_take_rebase(liar.channel, said, &events, &err) != ST_OK ||
        channel_make_rebase(liar.channel, &liar.signer, &message.rebase, &events, &err) != ST_OK)
        bug(err.text);
    channel_events_free(&events);
    liar_say(&message);
}

static void hear(const struct wire_message *message)
{
    if (message->type == WIRE_UPDATE)
        liar_take_update(&message->update);
    else if (message->type == WIRE_REESTABLISH)
        liar_meet(&message->reestablish);
    else if (message->type == WIRE_LOST)
        tell(answer_with);
    else if (message->type == WIRE_REBASE)
        sign_base(&message->rebase);
}

static void show(atomic_bool *wanted, struct wire_recover *to, u8 room[static CHANNEL_SHOWN_LIMIT])
{
    if (*wanted)
        *to = channel_show(liar.channel, room);
    *wanted = false;
}

/* The victim can peel none of their onions, and gives them back; they stay, as the liar does not
 * drop them. */
static void lock_all(void)
{
    static const u8 onion[ONION_SIZE];
    struct item item = {.kind = ITEM_ADD, .text = BYTES_OF(onion)};
    item.lock = (struct lock){
        .amount = 1, .expiry_s = ledger_now_s(liar.ledger) + LOCKS_LIFE_S, .key = {{7}}};
    struct sign_payment payment = {
        .chain_id = LEDGER_CHAIN, .hash = item.lock.key, .amount = 1, .count = LOCKS};
    struct sign_request request = {.kind = SIGN_PAYMENT, .payment = &payment};
    struct err err;
    if (signer_sign(liar.keys, &request, NULL, &err) != ST_OK)
        bug(err.text);
    for (u32 i = 0; i < LOCKS; i++) {
        if (!channel_has_room(liar.channel))
            liar_say_update();
        if (channel_queue(liar.channel, &item, NULL, &err) != ST_OK)
            bug(err.text);
    }
    liar_say_update();
}

static void looked(struct timer *timer)
{
    show(&wants_then, &then, then_locks);
    show(&wants_now, &now, now_locks);
    if (wants_to_lock)
        lock_all();
    wants_to_lock = false;
    if (wants_to_pay)
        liar_pay(BACK);
    wants_to_pay = false;
    if (is_over)
        loop_stop(liar.loop);
    else
        loop_set_timer(liar.loop, timer, clock_now_ms() + LOOK_MS);
}

/* --- The victim's side, on a thread that asks. */

static char channel_id[80], top[64];
static unsigned *passed, *failed;

static void judge(bool holds, const char *when, const char *what)
{
    *passed += holds;
    *failed += !holds;
    if (!holds)
        printf("FAIL %s, a peer shows %s\n", when, what);
}

static bool has(const char *state, u64 balance)
{
    char out[PARTY_ANSWER], text[32];
    party_ask(liar.victim, "channel_list", "{}", out);
    answer_text(out, "state", text, sizeof(text));
    return answer_number(out, "balance") == balance && (state == NULL || strcmp(text, state) == 0);
}

static bool comes_to(const char *state, u64 balance)
{
    for (u64 until_ms = clock_now_ms() + PATIENCE_MS; clock_now_ms() < until_ms; usleep(5000)) {
        if (has(state, balance))
            return true;
        ledger_pass(1);
    }
    return false;
}

static void wait_for(atomic_bool *wanted)
{
    *wanted = true;
    while (*wanted)
        usleep(1000);
}

static void victim_pays(void)
{
    char params[200], out[PARTY_ANSWER];
    fmt(params, sizeof(params), "{\"channel\":\"%s\",\"amount\":%u}", channel_id, (unsigned)PAID);
    party_ask(liar.victim, "channel_keysend", params, out);
}

static void copy_folder(const char *from, const char *to)
{
    char command[200];
    fmt(command, sizeof(command), "cp -r %s/%s %s/%s", top, from, top, to);
    assert(system(command) == 0);
}

static void start_in(const char *folder)
{
    char path[100];
    fmt(path, sizeof(path), "%s/%s", top, folder);
    liar_start_victim(path);
}

/* Until a copy is put back of the time in which the victim had paid once. */
static bool go_back(void)
{
    liar_let_open(channel_id);
    victim_pays();
    bool good = comes_to("open", WAS);
    wait_for(&wants_then);
    party_stop(liar.victim);
    copy_folder("new", "old");
    start_in("new");
    good = good && comes_to("open", WAS);
    victim_pays();
    wait_for(&wants_to_lock);
    wait_for(&wants_to_pay);
    good = good && comes_to("open", IS);
    party_stop(liar.victim);
    wait_for(&wants_now);
    answer_with = SILENCE;
    start_in("old");
    return good;
}

static void restart(unsigned say)
{
    party_stop(liar.victim);
    answer_with = say;
    start_in("old");
}

/* Each connection ends with the lie; then the victim has no more than before, nor after a restart.
 */
static void tell_all(const char *when, const char *state, u64 balance)
{
    for (unsigned lie = 0; lie < NO_LIE; lie++) {
        party_stop(liar.victim);
        unsigned partings = liar.partings;
        answer_with = lie;
        start_in("old");
        bool refused = false;
        for (u64 until_ms = clock_now_ms() + PATIENCE_MS; !refused && clock_now_ms() < until_ms;
             usleep(2000))
            refused = liar.partings != partings;
        refused = refused && has(state, balance);
        restart(SILENCE);
        judge(refused && has(state, balance), when, lies[lie].what);
    }
}

static void *script(void *self)
{
    bool good = go_back();
    judge(good, "before", "nothing but the truth");
    tell_all("before it has proved that the copy is old", NULL, WAS);
    restart(NO_LIE);
    judge(comes_to("restoring", IS), "when the copy is old", "the truth");
    tell_all("while the victim waits", "restoring", IS);
    ledger_pass(RESTORE_S);
    restart(NO_LIE);
    judge(comes_to("open", IS), "when the time has come", "the truth");
    victim_pays();
    judge(comes_to("open", IS - PAID), "afterwards", "nothing, and is paid");
    party_stop(liar.victim);
    is_over = true;
    return self;
}

void liar_recover(unsigned *good, unsigned *bad)
{
    char command[100];
    pthread_t asking;
    struct timer look = {.due = looked};
    passed = good;
    failed = bad;
    scratch_folder("liar", top, sizeof(top));
    fmt(command, sizeof(command), "mkdir %s/new", top);
    assert(system(command) == 0);
    liar_begin(hear);
    start_in("new");
    looked(&look);
    assert(pthread_create(&asking, NULL, script, NULL) == 0);
    loop_run(liar.loop);
    pthread_join(asking, NULL);
    loop_drop_timer(&look);
    liar_end();
    fmt(command, sizeof(command), "rm -r %s", top);
    assert(system(command) == 0);
}

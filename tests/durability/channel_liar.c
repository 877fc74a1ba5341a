/* A peer that breaks the rules at a channel's end, where a daemon that played along would lose
 * money: it pays after the daemon has signed a close, or has begun a forced one, and hopes that the
 * daemon counts the payment although the chain will not. Then the lies of channel_liar_recover.c,
 * channel_liar_apps.c and channel_liar_locks.c.
 *
 *   channel_liar */
#include "durability/channel_liar.h"
#include "base/fmt.h"
#include "durability/liar.h"
#include "durability/scratch.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { PAID = 9, BACK = 4, LOOK_MS = 5, PATIENCE_MS = 8000 };

enum trick { PAYS_AFTER_CLOSE, PAYS_AFTER_FORCED_CLOSE, TRICKS };

static enum trick trick;
static struct timer look;
static u64 until_ms;
static bool has_stopped, has_lied;

/* --- What the liar says. */

static void stop_the_channel(void)
{
    struct wire_message stfu = {.type = WIRE_STFU};
    stfu.stfu = (struct wire_stfu){channel_name(liar.channel)->id, 1};
    has_stopped = true;
    liar_say(&stfu);
}

static void pay_back(void)
{
    has_lied = true;
    liar_pay(BACK);
}

/* --- What it hears. */

static void hear(const struct wire_message *message)
{
    if (message->type == WIRE_UPDATE) {
        liar_take_update(&message->update);
        if (trick == PAYS_AFTER_CLOSE && !has_stopped)
            stop_the_channel();
    } else if (message->type == WIRE_CLOSE && !has_lied) {
        pay_back();
    }
}

/* --- The victim, asked from threads of their own. */

static char channel_id[80];

static void *open_and_pay(void *self)
{
    static char params[400], out[PARTY_ANSWER];
    liar_let_open(channel_id);
    fmt(params, sizeof(params), "{\"channel\":\"%s\",\"amount\":%u}", channel_id, (unsigned)PAID);
    party_ask(liar.victim, "channel_keysend", params, out);
    if (trick == PAYS_AFTER_FORCED_CLOSE) {
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
        until_ms = now_ms + 500;
        if (trick == PAYS_AFTER_FORCED_CLOSE)
            pay_back();
    }
    if (now_ms > until_ms)
        loop_stop(liar.loop);
    else
        loop_set_timer(liar.loop, timer, now_ms + LOOK_MS);
}

/* --- One trick. */

/* Whether the victim counts its own payment alone. */
static bool trick_fails(void)
{
    char top[64], command[100], out[PARTY_ANSWER];
    pthread_t looking;
    scratch_folder("liar", top, sizeof(top));
    has_stopped = has_lied = false;
    liar_begin(hear);
    liar_start_victim(top);
    look = (struct timer){.due = looked};
    until_ms = clock_now_ms() + PATIENCE_MS;
    looked(&look);
    asks = pthread_create(&asking, NULL, open_and_pay, NULL) == 0;
    assert(asks);
    loop_run(liar.loop);
    assert(pthread_create(&looking, NULL, look_at_victim, out) == 0);
    pthread_join(looking, NULL);
    u64 received = answer_number(out, "received"), balance = answer_number(out, "balance");
    bool fails = has_lied && received == 0 && balance == LIAR_DEPOSIT - PAID;
    if (!fails)
        printf("    lied: %u; %s\n", (unsigned)has_lied, out);
    loop_drop_timer(&look);
    party_stop(liar.victim);
    liar_end();
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
    unsigned passed = 0, failed = 0;
    log_setup((struct log_options){.level = LEVEL_ERROR, .fd = 2});
    for (trick = 0; trick < TRICKS; trick++) {
        bool fails = trick_fails();
        passed += fails;
        failed += !fails;
        if (!fails)
            printf("FAIL %s\n", facts[trick]);
    }
    liar_recover(&passed, &failed);
    liar_apps(&passed, &failed);
    liar_locks(&passed, &failed);
    liar_hub(&passed, &failed);
    printf("%u passed, %u failed\n", passed, failed);
    return failed != 0;
}

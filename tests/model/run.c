/* One run: a party that keeps the rules against everybody else, and the laws that must hold at its
 * end whatever happened. */
#include "world.h"

#include "base/bug.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { STEPS = 60, FIRST_TICK = 10, LAST_TICK = 900 };

u32 random_below(struct world *w, u32 below)
{
    w->random ^= w->random >> 12; /* xorshift64* */
    w->random ^= w->random << 25;
    w->random ^= w->random >> 27;
    return (u32)(((w->random * 0x2545f4914f6cdd1du) >> 32) * below >> 32);
}

void trace(struct world *w, const char *format, ...)
{
    if (!w->verbose)
        return;
    va_list args;
    printf("%4u  due %ld: ", w->now, w->party.book.due);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

/* --- The beginning. */

void world_clear(struct world *w, u64 seed, bool verbose)
{
    memset(w, 0, offsetof(struct world, half));
    w->random = seed * 0x9e3779b97f4a7c15u + 1;
    w->verbose = verbose;
    for (u32 i = 0; i < 4; i++) /* seeds that follow each other differ in few bits */
        random_below(w, 2);
}

static void open_channel(struct world *w, u32 index)
{
    struct channel *ch = &w->channel[index];
    *ch = (struct channel){.id = index, .owner = {index, index + 1}};
    ch->base.channel = index;
    ch->bond_to = ch->closer = NOBODY;
    if (w->party.id != index && w->party.id != index + 1) {
        ch->phase = CLOSED;
        return;
    }
    u32 me = w->party.id == index ? 0 : 1;
    struct view *v = &w->party.view[index];
    *v = (struct view){.used = true, .channel = index, .me = me, .base.channel = index};
    view_reset(v);
    for (u32 side = 0; side < 2; side++)
        if (!one_in(w, 6))
            channel_deposit(ch, side, random_below(w, 1000));
    w->party.book.due += ch->deposited[me];
}

/* Runs without a protection do more of what it protects. */
static void take_aim(struct world *w)
{
    static const enum focus focus[] = {
        [AIM_ANY] = FOCUS_NONE,      [AIM_LOCKS] = FOCUS_LOCKS,
        [AIM_BASES] = FOCUS_BASES,   [AIM_MEDIATOR] = FOCUS_LOCKS,
        [AIM_RESTORE] = FOCUS_BASES, [AIM_RESTORED_MEDIATOR] = FOCUS_LOCKS,
        [AIM_OUTRUN] = FOCUS_NONE,   [AIM_OUTRUN_LOCKS] = FOCUS_LOCKS,
    };
    bool restored = aim == AIM_RESTORE || aim == AIM_RESTORED_MEDIATOR;
    w->focus = focus[aim];
    w->greedy = true;
    w->restoring = restored;
    w->outrunning = aim == AIM_OUTRUN || aim == AIM_OUTRUN_LOCKS;
    w->steps = 2 * STEPS;
    if (aim == AIM_MEDIATOR || aim == AIM_RESTORED_MEDIATOR) {
        w->party.id = 1;
        w->withholding = one_in(w, 2);
    }
}

static void begin(struct world *w, u64 seed, bool verbose)
{
    world_clear(w, seed, verbose);
    w->now = FIRST_TICK;
    static const u32 who[] = {0, 2, 1, 1}; /* ends of a channel, and the one in the middle */
    w->party.id = who[random_below(w, countof(who))];
    w->focus = (enum focus)random_below(w, FOCUS_COUNT);
    w->restoring = one_in(w, 3);
    w->greedy = one_in(w, 2);
    w->outrunning = one_in(w, 3);
    w->steps = STEPS;
    w->withholding = one_in(w, 3);
    if (aim != AIM_ANY)
        take_aim(w);
    w->ring.keeper = w->party.id;
    for (u32 i = 0; i < CHANNELS; i++)
        open_channel(w, i);
    w->towered = !w->restoring && one_in(w, 3);
    for (u32 i = 0; i < CHANNELS; i++)
        if (w->party.view[i].used)
            party_upload(w, &w->party.view[i]);
    w->log = w->party;
    trace(w, "party %u, deposits %ld %ld, %ld %ld", w->party.id, w->channel[0].deposited[0],
          w->channel[0].deposited[1], w->channel[1].deposited[0], w->channel[1].deposited[1]);
}

/* --- What the party wants. */

static void deposit(struct world *w, const struct view *v)
{
    amount by = random_below(w, 200);
    if (!channel_deposit(&w->channel[v->channel], v->me, by))
        return;
    w->party.book.due += by;
    w->log.book.due += by; /* on chain: a crash does not forget it */
    if (w->has_backup)
        trace(w, "party deposits %ld", by);
}

static void pay_by_lock(struct world *w, struct view *v)
{
    if (w->key_count == MAX_KEYS)
        return;
    amount room = party_spendable(w, v);
    u32 key = w->key_count;
    if (room > 0 && party_add(w, v, key, 1 + random_amount(w, room - 1),
                              w->now + 2 * MARGIN + random_below(w, 50)))
        w->key_count++;
}

static bool forward_any(struct world *w)
{
    if (w->party.id != 1)
        return false;
    for (u32 key = w->key_count; key-- > 0;) {
        const struct note *note = &w->party.note[key];
        u32 later = without(WITHOUT_UNEQUAL_EXPIRY) ? random_below(w, 10) : 0;
        if (note->incoming && !note->outgoing && !w->invoice[key] &&
            party_forward(w, key, &w->party.view[1 - note->in_channel], note->in_expiry + later))
            return true;
    }
    return false;
}

static void use_any_key(struct world *w)
{
    if (w->key_count == 0)
        return;
    if (one_in(w, 3) && forward_any(w))
        return;
    u32 key = random_key(w);
    const struct note *note = &w->party.note[key];
    struct view *out = &w->party.view[note->out_channel];
    switch (random_below(w, 4)) {
    case 0:
        party_claim(w, key);
        break;
    case 1:
        party_fail(w, key);
        break;
    case 2: /* the peer may have asked for it */
        if (note->outgoing)
            party_drop(w, out, key, one_in(w, 2));
        break;
    case 3:
        if (note->outgoing)
            party_settle(w, out, key);
        break;
    }
}

static void party_act(struct world *w)
{
    u32 first = w->party.id == 2 ? 1 : 0;
    struct view *v = &w->party.view[w->party.id == 1 ? random_below(w, 2) : first];
    amount room = party_spendable(w, v);
    if (w->focus == FOCUS_LOCKS && one_in(w, 2)) {
        use_any_key(w);
        return;
    }
    switch (random_below(w, 11)) {
    case 0:
    case 1:
        if (room > 0)
            party_pay(w, v, random_amount(w, room));
        break;
    case 2:
    case 3:
        party_acknowledge(w, v);
        break;
    case 4:
        pay_by_lock(w, v);
        break;
    case 5:
        if (one_in(w, 2))
            deposit(w, v);
        break;
    default:
        use_any_key(w);
        break;
    }
}

static void accident(struct world *w)
{
    if (one_in(w, 40))
        party_crash(w);
    if (w->restoring && !w->restored && one_in(w, 8)) {
        w->backup = w->log;
        w->has_backup = true;
    }
    if (w->restoring && one_in(w, 30))
        party_restore(w);
    if (!one_in(w, 120))
        return;
    u32 channel = random_below(w, CHANNELS);
    if (w->party.view[channel].used && w->channel[channel].phase == OPEN) {
        if (one_in(w, 2))
            party_force_close(w, channel);
        else
            adversary_force_close(w, channel);
    }
}

/* --- The end. */

static void close_all(struct world *w)
{
    for (u32 i = 0; i < CHANNELS; i++) {
        if (w->channel[i].phase != OPEN)
            continue;
        if (one_in(w, 2))
            adversary_force_close(w, i);
        if (w->channel[i].phase == OPEN)
            party_force_close(w, i);
    }
}

static void play_out(struct world *w)
{
    for (u32 i = 0; i < w->steps; i++) {
        w->now += random_below(w, 3);
        party_tick(w);
        if (one_in(w, 2))
            party_act(w);
        else
            adversary_act(w);
        accident(w);
        adversary_dispute(w);
        chain_settle(w);
    }
    close_all(w);
    while (!chain_done(w) && w->now < LAST_TICK) {
        w->now += random_below(w, 3);
        party_tick(w);
        adversary_dispute(w);
        chain_settle(w);
    }
}

/* --- The laws. */

static bool conserves(const struct channel *ch)
{
    amount held = ch->deposited[0] + ch->deposited[1] - ch->withdrawn[0] - ch->withdrawn[1];
    return ch->paid[0] >= 0 && ch->paid[1] >= 0 && ch->pool[0] >= 0 && ch->pool[1] >= 0 &&
           ch->paid[0] + ch->paid[1] + ch->pool[0] + ch->pool[1] == held;
}

static bool same_states(const struct channel *a, const struct channel *b)
{
    return base_digest(&a->base) == base_digest(&b->base) &&
           half_digest(&a->half[0]) == half_digest(&b->half[0]) &&
           half_digest(&a->half[1]) == half_digest(&b->half[1]);
}

/* The transactions of a dispute once more, in another order, each naming the state that it meets.
 */
static bool order_is_irrelevant(struct world *w, u32 channel)
{
    struct channel again = w->before[channel];
    struct submission *subs = w->submission[channel];
    u32 count = w->submission_count[channel];
    for (u32 i = count; i > 1; i--) {
        u32 other = random_below(w, i);
        struct submission swap = subs[i - 1];
        subs[i - 1] = subs[other];
        subs[other] = swap;
    }
    u32 now = again.dispute_end - 1;
    for (u32 i = 0; i < count; i++) {
        if (subs[i].base.epoch == again.base.epoch) /* it may have nothing new in this order */
            channel_challenge(&again, &w->ring, &subs[i], channel_state(&again), now);
        else if (subs[i].base.epoch > again.base.epoch &&
                 !channel_challenge_base(&again, &w->ring, &subs[i], now))
            return false;
    }
    return same_states(&again, &w->channel[channel]);
}

static amount revealed_sum(const struct world *w, const struct locks *locks)
{
    amount sum = 0;
    for (u32 i = 0; i < locks->count; i++) {
        u32 at = chain_public_at(w, locks->list[i].key);
        if (at != 0 && at <= locks->list[i].expiry)
            sum += locks->list[i].amount;
    }
    return sum;
}

/* R3, written as it is stated: base + received - max over unacknowledged own halves. */
static amount bound(const struct world *w, const struct view *v)
{
    const struct channel *ch = &w->channel[v->channel];
    u32 me = v->me, first = without(WITHOUT_BOUND_NEWEST_ONLY) ? v->mine_count - 1 : 0;
    amount most = 0;
    for (u32 i = first; i < v->mine_count; i++) {
        amount cost = v->mine[i].sent + revealed_sum(w, &v->mine[i].locks);
        most = cost > most ? cost : most;
    }
    return v->base.balance[me] + ch->deposited[me] - v->base.deposited[me] -
           (ch->withdrawn[me] - v->base.withdrawn[me]) + v->theirs.sent +
           revealed_sum(w, &v->theirs.locks) - most;
}

static const char *judge_channel(struct world *w, u32 index)
{
    const struct channel *ch = &w->channel[index];
    const struct view *v = &w->party.view[index];
    if (!conserves(ch))
        return "payouts and locks are not deposits less withdrawals";
    if (ch->claims && ch->closer == v->me && ch->bond_to != v->me)
        return "the party lost its bond";
    if (w->bond_due[index] && ch->bond_to != v->me)
        return "a cheat kept the bond";
    if (ch->phase != SETTLED)
        return NULL;
    if (!order_is_irrelevant(w, index))
        return "the order of transactions matters";
    if (!w->restored && !w->towered && ch->paid[v->me] < bound(w, v))
        return "the party got less than its bound";
    return NULL;
}

static amount wealth(const struct world *w)
{
    amount sum = 0;
    for (u32 i = 0; i < CHANNELS; i++) {
        const struct view *v = &w->party.view[i];
        if (v->used)
            sum += w->channel[i].paid[v->me] + w->channel[i].withdrawn[v->me];
    }
    return sum;
}

static amount due(const struct world *w)
{
    amount sum = w->party.book.due;
    for (u32 key = 0; key < w->key_count; key++) {
        const struct note *note = &w->party.note[key];
        u32 at = chain_public_at(w, key);
        if (note->outgoing && !note->neutral && !note->out_settled && !note->out_gone && at != 0 &&
            at <= note->out_expiry)
            sum -= note->amount;
    }
    return sum;
}

static const char *judge(struct world *w)
{
    if (!chain_done(w))
        return "a channel does not come to its end";
    for (u32 i = 0; i < CHANNELS; i++) {
        const char *broken = w->party.view[i].used ? judge_channel(w, i) : NULL;
        if (broken != NULL)
            return broken;
    }
    trace(w, "party has %ld, due %ld", wealth(w), due(w));
    if (wealth(w) < due(w))
        return "the party ends with less than its due";
    return NULL;
}

const char *run_party(u64 seed, bool verbose)
{
    static struct world w;
    begin(&w, seed, verbose);
    play_out(&w);
    return judge(&w);
}

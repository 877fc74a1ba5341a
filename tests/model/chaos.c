/* Runs in which nobody keeps the rules: two owners sign anything and submit it in any order. No
 * party can be wronged, but the contract holds the money of other channels too: what it pays must
 * be what the channel has. */
#include "world.h"

static void random_locks(struct world *w, struct locks *locks)
{
    *locks = (struct locks){.total = (amount)random_below(w, 300) - 20};
    locks->count = random_below(w, MAX_LOCKS + 1);
    for (u32 i = 0; i < locks->count; i++)
        locks->list[i] = (struct lock){random_below(w, 200), w->now + random_below(w, 40),
                                       random_below(w, MAX_KEYS)};
}

static struct submission random_states(struct world *w)
{
    struct submission sub = {.from = random_below(w, 2), .claims = one_in(w, 2)};
    sub.base.epoch = random_below(w, 3);
    for (u32 side = 0; side < 2 && sub.base.epoch != 0; side++) {
        sub.base.balance[side] = (amount)random_below(w, 1500) - 300;
        sub.base.deposited[side] = random_below(w, 1000);
        sub.base.withdrawn[side] = random_below(w, 300);
        random_locks(w, &sub.base.locks[side]);
    }
    for (u32 side = 0; side < 2; side++) {
        sub.has_half[side] = sub.has_endorser[side] = one_in(w, 2);
        struct half *half = &sub.half[side];
        *half = (struct half){.side = side, .epoch = sub.base.epoch, .seq = 1 + random_below(w, 4)};
        half->sent = (amount)random_below(w, 1500) - 200;
        random_locks(w, &half->locks);
        sub.endorser[side] = (struct half){.side = 1 - side, .ack_hash = half_digest(half)};
    }
    return sub;
}

static void random_step(struct world *w, struct channel *ch)
{
    struct submission sub = random_states(w);
    struct withdrawal withdrawal = {0, random_below(w, 2), random_below(w, 600), w->now};
    u32 side = random_below(w, 2);
    switch (random_below(w, 8)) {
    case 0:
        channel_deposit(ch, side, random_below(w, 500));
        break;
    case 1:
        channel_withdraw(ch, &w->ring, &withdrawal, w->now);
        break;
    case 2:
        if (ch->phase == OPEN && one_in(w, 3))
            chain_submit_first(w, 0, &sub);
        break;
    case 3:
    case 4:
        if (ch->phase == DISPUTE && w->submission_count[0] < MAX_SUBMISSIONS)
            chain_submit(w, 0, &sub, one_in(w, 2) ? channel_state(ch) : ANY_STATE);
        break;
    case 5:
        chain_reveal(w, random_below(w, MAX_KEYS));
        chain_reveal_batch(w, random_below(w, MAX_KEYS));
        break;
    default:
        if (ch->phase != OPEN)
            w->now += random_below(w, 12);
        chain_settle(w);
        break;
    }
}

const char *run_chaos(u64 seed, bool verbose)
{
    static struct world w;
    world_clear(&w, seed, verbose);
    w.ring.keeper = NOBODY;
    w.now = 1;
    struct channel *ch = &w.channel[0];
    ch->owner[1] = 1;
    w.channel[1].phase = CLOSED;
    for (u32 i = 0; i < 50; i++)
        random_step(&w, ch);
    amount held = ch->deposited[0] + ch->deposited[1] - ch->withdrawn[0] - ch->withdrawn[1];
    amount out = ch->paid[0] + ch->paid[1] + ch->pool[0] + ch->pool[1];
    bool positive = ch->paid[0] >= 0 && ch->paid[1] >= 0 && ch->pool[0] >= 0 && ch->pool[1] >= 0;
    if (held < 0 || (ch->phase == SETTLED && (out != held || !positive)))
        return "a channel pays more or less than it has";
    return NULL;
}

/* channel_apps_model [RUNS [SEED]]: apps as conditions of locks, by random simulation.
 *
 * One party keeps the rules, the others collude. The first pays the second by states that both sign
 * (version, how much has gone over), either on a leg of their own or on two through a hub: each leg
 * is a lock of the stake in somebody's channel. The court (contracts/channel/Apps.sol) decides what
 * nobody agrees about; what a lock then pays is Adjudicator.sol's rule. Moves and forfeits are
 * not modelled: there the court knows all that a party does.
 *
 * Laws: the first loses no more than what it signed last gives, the second gets no less, and a hub
 * loses nothing. Each control leaves one rule out, and must break a law.
 *
 * A law that is broken prints the run's seed. The last line is "N passed, N failed". */
#include "base/int.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    STAKE = 5,
    EXPIRY = 40,
    SHOW = 4, /* how long newer states can be shown */
    END = EXPIRY + 8,
    LAST_ASK = EXPIRY - SHOW - 2, /* the court decides at the expiry or before */
    VERSIONS = 64,
};

#define RULES(ROW)                                                                                 \
    ROW(FIRST_SIGNS_NO_LESS_THAN_PAID, "the first signs no state below what it paid on its leg")   \
    ROW(FIRST_PAYS_WHAT_IS_SIGNED, "the first pays on its leg no more than the state gives")       \
    ROW(ENDS_SHOW_THE_NEWEST, "a dispute is answered by the newest state")                         \
    ROW(ENDS_SIGN_NOTHING_IN_DISPUTES, "no state is signed once the court is asked")               \
    ROW(ONE_STATE_A_VERSION, "nobody signs two states of one version")                             \
    ROW(SECOND_ASKS_IN_TIME, "the second asks the court while it can decide before the expiry")    \
    ROW(SECOND_SIGNS_NOTHING_LATE,                                                                 \
        "nor takes a state that it could not bring to the court in time")                          \
    ROW(SECOND_CONSENTS_WHEN_PAID, "the payee lets a lock go when it was paid what it is owed")    \
    ROW(SECOND_SIGNS_NOTHING_AFTER, "and then takes no more by the app")                           \
    ROW(SECOND_CHECKS_ITS_LOCK, "states count when the lock is there, of all the stake")           \
    ROW(PAYEE_REFUSES_DROPS, "a payer drops a lock when the payee let it go, or after expiry")     \
    ROW(HUB_PASSES_ON_WHAT_IT_GOT, "the hub pays on no more than it was paid")                     \
    ROW(HUB_CONSENTS_LAST, "the hub lets its lock go when its own is gone")                        \
    ROW(HUB_LOCKS_THE_SAME, "the hub locks what was locked for it, not more")                      \
    ROW(HUB_EXPIRES_TOGETHER, "both legs have one expiry")                                         \
    ROW(LOCKS_PAY_BEYOND_WHAT_WAS_PAID, "a lock pays what exceeds the part that was paid before")

enum rule {
#define AS_ENUM(name, text) name,
    RULES(AS_ENUM)
#undef AS_ENUM
        RULE_COUNT
};

static const struct {
    const char *name, *text;
} rules[] = {
#define AS_ROW(name, text) {#name, text},
    RULES(AS_ROW)
#undef AS_ROW
};

static enum rule removed = RULE_COUNT;

static bool keeps(enum rule rule)
{
    return rule != removed;
}

/* --- Randomness: xorshift64*, so that a run is its seed. */

static u64 state_of_chance;

static u32 chance(u32 below)
{
    state_of_chance ^= state_of_chance >> 12;
    state_of_chance ^= state_of_chance << 25;
    state_of_chance ^= state_of_chance >> 27;
    return (u32)((state_of_chance * 0x2545f4914f6cdd1d) >> 33) % below;
}

/* --- The world. */

enum who { FIRST, SECOND, HUB };

/* Two states of a version can be signed, if somebody signs both: `at[0]` and `at[1]`. */
struct state {
    bool is_signed[2]; /* by the first, by the second */
    int given;
};

struct leg {
    bool lives, let_go;
    int locked, paid, expiry;
};

struct world {
    enum who honest;
    bool has_hub;
    int now;
    struct state states[VERSIONS][2];
    int newest;         /* version that the honest end has with both signatures */
    int given;          /* by it */
    int pending;        /* a version that it alone signed; 0: none */
    struct leg legs[2]; /* first to hub (or to the second), hub to second */
    bool asked;
    int show_until, shown, shown_given, decided_at, kept;
    bool out;      /* the honest second let its lock go */
    int asks_from; /* when the others begin to ask the court */
    u32 never;     /* bit i: what the others do not do in this run */
};

static struct leg *leg_of_second(struct world *w)
{
    return &w->legs[w->has_hub ? 1 : 0];
}

/* --- The court. */

static bool both(const struct state *s)
{
    return s->is_signed[FIRST] && s->is_signed[SECOND];
}

static void show(struct world *w, int version, int which)
{
    const struct state *s = &w->states[version][which];
    if (!both(s) || w->decided_at != 0)
        return;
    if (!w->asked) {
        w->asked = true;
        w->show_until = w->now + SHOW;
        w->shown = -1;
    }
    if (w->now > w->show_until || version <= w->shown)
        return;
    w->shown = version;
    w->shown_given = s->given;
}

static void decide(struct world *w)
{
    if (!w->asked || w->now <= w->show_until || w->decided_at != 0)
        return;
    w->decided_at = w->now;
    w->kept = STAKE - w->shown_given;
}

/* What a lock that nobody agreed about pays to its payee. */
static int unlocked(const struct world *w, const struct leg *leg)
{
    if (!leg->lives || w->decided_at == 0 || w->decided_at > leg->expiry)
        return 0;
    int back = leg->locked < w->kept ? leg->locked : w->kept;
    if (keeps(LOCKS_PAY_BEYOND_WHAT_WAS_PAID))
        return leg->locked - back;
    int given = STAKE - w->kept;
    return given < leg->locked ? given : leg->locked;
}

/* --- Legs. */

static void pay(struct leg *leg, int amount)
{
    if (!leg->lives || amount <= 0 || amount > leg->locked)
        return;
    leg->locked -= amount;
    leg->paid += amount;
    leg->lives = leg->locked != 0;
}

/* `payee` keeps the rules or does not. */
static void drop(struct world *w, struct leg *leg, bool payee_is_honest)
{
    bool may = leg->let_go || (w->now > leg->expiry && unlocked(w, leg) == 0);
    if (!payee_is_honest || may || !keeps(PAYEE_REFUSES_DROPS))
        leg->lives = false;
}

static bool is_payee(const struct world *w, const struct leg *leg)
{
    enum who payee = leg == &w->legs[0] && w->has_hub ? HUB : SECOND;
    return payee == w->honest;
}

static bool is_payer(const struct world *w, const struct leg *leg)
{
    return (leg == &w->legs[0] ? FIRST : HUB) == w->honest;
}

/* --- An end that keeps the rules. */

/* The peer has signed a state of the next version; sign it too, if it is no worse. */
static void countersign(struct world *w, int version, int which)
{
    struct state *s = &w->states[version][which];
    enum who me = w->honest;
    if (version != w->newest + 1 || !s->is_signed[1 - me])
        return;
    if (w->pending == version && !s->is_signed[me] && keeps(ONE_STATE_A_VERSION))
        return;
    if (!s->is_signed[me]) {
        if (w->asked && keeps(ENDS_SIGN_NOTHING_IN_DISPUTES))
            return;
        if (me == FIRST && (s->given > w->given ||
                            (s->given < w->legs[0].paid && keeps(FIRST_SIGNS_NO_LESS_THAN_PAID))))
            return;
        if (me == SECOND && (s->given < w->given || (w->out && keeps(SECOND_SIGNS_NOTHING_AFTER)) ||
                             (w->now > LAST_ASK && keeps(SECOND_SIGNS_NOTHING_LATE))))
            return;
    }
    s->is_signed[me] = true;
    w->newest = version;
    w->given = s->given;
    w->pending = 0;
}

/* The first pays more, the second gives some back. */
static void propose(struct world *w)
{
    int version = w->newest + 1;
    if (version >= VERSIONS || w->pending != 0 || w->out ||
        (w->asked && keeps(ENDS_SIGN_NOTHING_IN_DISPUTES)))
        return;
    int room = w->honest == FIRST ? STAKE - w->given : w->given;
    int by = (int)chance((u32)room + 1);
    if (w->honest == SECOND && w->given - by < leg_of_second(w)->paid)
        return; /* it was paid that much, and an honest first would refuse */
    struct state *s = &w->states[version][0];
    if (s->is_signed[FIRST] || s->is_signed[SECOND])
        return;
    s->given = w->honest == FIRST ? w->given + by : w->given - by;
    s->is_signed[w->honest] = true;
    w->pending = version;
}

static void answer_in_court(struct world *w)
{
    if (w->asked && w->shown < w->newest && keeps(ENDS_SHOW_THE_NEWEST))
        for (int i = 0; i < 2; i++)
            if (w->states[w->newest][i].given == w->given)
                show(w, w->newest, i);
    decide(w);
}

static void first_acts(struct world *w)
{
    struct leg *leg = &w->legs[0];
    answer_in_court(w);
    if (chance(4) == 0)
        propose(w);
    int due = keeps(FIRST_PAYS_WHAT_IS_SIGNED) ? w->given : STAKE;
    if (chance(6) == 0 && due > leg->paid)
        pay(leg, 1 + (int)chance((u32)(due - leg->paid)));
    if (leg->let_go || w->now > leg->expiry + 1)
        drop(w, leg, true);
}

static void second_acts(struct world *w)
{
    struct leg *leg = leg_of_second(w);
    answer_in_court(w);
    if (chance(6) == 0)
        propose(w);
    int last = LAST_ASK + (keeps(SECOND_ASKS_IN_TIME) ? 0 : SHOW);
    if (!w->asked && w->now >= last && leg->lives && w->given > leg->paid)
        for (int i = 0; i < 2; i++)
            if (w->states[w->newest][i].given == w->given)
                show(w, w->newest, i);
    bool paid = leg->paid >= w->given || !keeps(SECOND_CONSENTS_WHEN_PAID);
    if (leg->lives && paid && w->newest > 0 && chance(8) == 0)
        leg->let_go = w->out = true;
}

static void hub_acts(struct world *w)
{
    struct leg *in = &w->legs[0], *out = &w->legs[1];
    int most = keeps(HUB_PASSES_ON_WHAT_IT_GOT) ? in->paid : STAKE;
    if (most > out->paid && chance(2) == 0)
        pay(out, most - out->paid);
    if (out->let_go || w->now > out->expiry + 1)
        drop(w, out, true);
    if (!keeps(HUB_CONSENTS_LAST) || !out->lives)
        in->let_go = in->let_go || chance(2) == 0;
}

/* --- Everybody else. */

static void sign_something(struct world *w)
{
    int version = 1 + (int)chance((u32)(w->newest + 2));
    int which = (int)chance(2);
    struct state *s = &w->states[version < VERSIONS ? version : VERSIONS - 1][which];
    if (!s->is_signed[FIRST] && !s->is_signed[SECOND])
        s->given = (int)chance(STAKE + 1);
    for (int i = 0; i < 2; i++)
        if ((int)w->honest != i && chance(2) == 0)
            s->is_signed[i] = true;
}

static void others_act(struct world *w)
{
    struct leg *leg = &w->legs[w->has_hub ? chance(2) : 0];
    int version = (int)chance((u32)w->newest + 4);
    version = version < VERSIONS ? version : VERSIONS - 1;
    u32 action = chance(6);
    if ((w->never >> action & 1) != 0)
        return;
    switch (action) {
    case 0:
        sign_something(w);
        break;
    case 1:
        if (!is_payer(w, leg) && leg->lives)
            pay(leg, 1 + (int)chance((u32)leg->locked));
        break;
    case 2:
        if (!is_payer(w, leg) && chance(3) == 0)
            drop(w, leg, is_payee(w, leg));
        break;
    case 3:
        if (!is_payee(w, leg))
            leg->let_go = true;
        break;
    case 4:
        if (w->asked || w->now >= w->asks_from)
            show(w, version, (int)chance(2));
        break;
    default:
        decide(w);
    }
    if (w->honest != HUB)
        for (int i = 0; i < 2; i++)
            if (w->newest + 1 < VERSIONS && chance(2) == 0)
                countersign(w, w->newest + 1, i);
}

/* --- A run. */

static struct world new_world(void)
{
    struct world w = {.honest = (enum who)chance(3), .never = chance(1 << 6)};
    w.asks_from = (int)chance(EXPIRY);
    w.has_hub = w.honest == HUB || chance(2) == 0;
    w.states[0][0] = (struct state){{true, true}, 0}; /* implied */
    for (int i = 0; i < 2; i++)
        w.legs[i] = (struct leg){.lives = i == 0 || w.has_hub, .locked = STAKE, .expiry = EXPIRY};
    if (w.honest == HUB) {
        int locked = 1 + (int)chance(STAKE); /* what they lock for it is theirs to choose */
        w.legs[0].locked = locked;
        w.legs[1].locked = keeps(HUB_LOCKS_THE_SAME) ? locked : STAKE;
        w.legs[1].expiry += keeps(HUB_EXPIRES_TOGETHER) ? 0 : 4;
    }
    if (w.honest == SECOND && !keeps(SECOND_CHECKS_ITS_LOCK))
        leg_of_second(&w)->locked = 1 + (int)chance(STAKE);
    return w;
}

/* What the run broke; NULL: nothing. */
static const char *judge(const struct world *w)
{
    int got[2];
    for (int i = 0; i < 2; i++)
        got[i] = w->legs[i].paid + unlocked(w, &w->legs[i]);
    int least = w->given, most = w->given; /* of what the other may choose between */
    if (w->pending != 0) {
        int given = w->states[w->pending][0].given;
        least = given < least ? given : least;
        most = given > most ? given : most;
    }
    switch (w->honest) {
    case FIRST:
        return got[0] > most ? "the first loses more than it signed" : NULL;
    case SECOND:
        return got[w->has_hub ? 1 : 0] < least ? "the second gets less than was signed" : NULL;
    case HUB:
        return got[1] > got[0] ? "the hub loses" : NULL;
    }
    return NULL;
}

static const char *run(u64 seed)
{
    state_of_chance = seed * 0x9e3779b97f4a7c15 + 1;
    chance(2);
    struct world w = new_world();
    for (w.now = 1; w.now < END; w.now++) {
        for (u32 i = chance(4); i > 0; i--)
            others_act(&w);
        if (w.honest == FIRST)
            first_acts(&w);
        else if (w.honest == SECOND)
            second_acts(&w);
        else
            hub_acts(&w);
        for (u32 i = chance(4); i > 0; i--)
            others_act(&w);
    }
    return judge(&w);
}

static bool test(const char *name, const char *text, u64 runs, u64 seed, bool whole)
{
    u64 broken = 0, at = 0;
    const char *law = NULL, *said;
    u64 i = 0;
    for (; i < runs && (whole || broken < 20); i++)
        if ((said = run(seed + i)) != NULL && broken++ == 0)
            at = seed + i, law = said;
    bool good = (broken == 0) == whole;
    printf("%s %-32s %6lu of %lu runs break a law (%s)\n", good ? "ok  " : "FAIL", name, broken, i,
           text);
    if (!good && law != NULL)
        printf("seed %lu: %s\n", at, law);
    return good;
}

int main(int count, char **args)
{
    u64 runs = count > 1 ? strtoull(args[1], NULL, 10) : 200000;
    u64 seed = count > 2 ? strtoull(args[2], NULL, 10) : 1;
    u32 results[2] = {0, 0}; /* failed, passed */
    results[test("all rules", "none is left out", runs, seed, true)]++;
    for (u32 i = 0; i < RULE_COUNT; i++) {
        removed = (enum rule)i;
        results[test(rules[i].name, rules[i].text, runs, seed, false)]++;
    }
    printf("%u passed, %u failed\n", results[true], results[false]);
    return results[false] != 0;
}

/* Negative controls: each names one protection that a run can be made without. A control that finds
 * no loss means that the protection is not needed, or that the adversary is too weak to show it:
 * either way the test fails. */
#ifndef MODEL_CONTROLS_H
#define MODEL_CONTROLS_H

#include "base/int.h"

enum aim {
    AIM_ANY,
    AIM_LOCKS,
    AIM_OUTRUN,
    AIM_OUTRUN_LOCKS,
    AIM_BASES,
    AIM_MEDIATOR,
    AIM_RESTORE,
    AIM_RESTORED_MEDIATOR,
};

/*    name, what the runs without it do more of, where it is removed: what happens instead */
#define CONTROLS(_)                                                                                \
    _(NO_RESPONSE, AIM_ANY, "party: a dispute is not answered")                                    \
    _(OWN_HALF_WITHHELD, AIM_ANY, "party: answers without its own endorsed half")                  \
    _(LOCKS_NOT_CARRIED, AIM_ANY, "base: a new epoch does not inherit the locks")                  \
    _(BOUND_NEWEST_ONLY, AIM_LOCKS, "R3: the bound looks at the newest own half only")             \
    _(FAIL_BEFORE_ACK, AIM_MEDIATOR, "R4: upstream is failed before the drop is acknowledged")     \
    _(NO_REVEAL, AIM_LOCKS, "R5: a preimage does not go to the registry by expiry - margin")       \
    _(LATE_PREIMAGE, AIM_MEDIATOR, "R6: a preimage told after expiry - margin is honoured")        \
    _(UNEQUAL_EXPIRY, AIM_MEDIATOR,                                                                \
      "forwarding: the outgoing lock may expire later than the incoming one")                      \
    _(SEND_BEFORE_SYNC, AIM_ANY, "R1: sends before the log is durable")                            \
    _(USE_WHILE_FROZEN, AIM_BASES, "R7: goes on in an epoch after signing the next base")          \
    _(TOTAL_NOT_CHECKED, AIM_ANY, "R8: a half's locked total is not checked against its list")     \
    _(SIGN_AFTER_CLOSE, AIM_ANY, "R9: signs halves after its own forced close is on its way")      \
    _(WITHDRAWAL_FORGOTTEN, AIM_BASES,                                                             \
      "R10: a co-signed withdrawal is not reserved before it is on chain")                         \
    _(CLOSE_NOT_FROZEN, AIM_BASES, "R11: goes on after signing a cooperative close")               \
    _(ACT_BEFORE_ACK, AIM_LOCKS, "R15: an incoming lock is acted on before it is acknowledged")    \
    _(TOWER_BEHIND, AIM_MEDIATOR,                                                                  \
      "R1: the tower does not have an acknowledgement that is relied on")                          \
    _(RESTORED_GOES_ON, AIM_RESTORE, "R12: a restored party goes on in the epoch of its backup")   \
    _(RESTORED_NEXT_EPOCH, AIM_RESTORE,                                                            \
      "R12: the recovery base takes the next epoch, not a fresh one")                              \
    _(RESTORED_FAILS, AIM_RESTORED_MEDIATOR,                                                       \
      "R13: a restored party fails incoming locks before they expire")                             \
    _(RESTORED_AT_ONCE, AIM_RESTORE,                                                               \
      "R14: a restored party does not wait until what it signed has expired")                      \
    _(RESTORED_CLAIMS, AIM_RESTORE, "bond: a restored closer cannot say that it makes no claim")   \
    _(NO_ENDORSEMENT, AIM_ANY, "dispute: a half counts by its payer's signature alone")            \
    _(LAST_WINS, AIM_ANY,                                                                          \
      "dispute: the half that comes last wins, not the highest sequence number")                   \
    _(BASE_GIVES_WAY, AIM_ANY, "dispute: a base of the same epoch replaces newer halves")          \
    _(NO_NOTE, AIM_OUTRUN,                                                                         \
      "party: answers only by what names the state, and a cheat always comes first")               \
    _(SPLIT_AT_OPENING, AIM_ANY,                                                                   \
      "split: what is paid in or taken out in a dispute is not its side's")                        \
    _(CLOSE_OVERDRAWN, AIM_BASES, "close: a side may be paid more than is held")                   \
    _(CLOSE_NAMES_PAYOUT, AIM_BASES,                                                               \
      "close: names a payout, so a later deposit is not its side's")                               \
    _(DOUBLE_CREDIT, AIM_ANY, "split: deposits inside the base are credited again")                \
    _(NO_CLAMP, AIM_ANY, "split: shares are not clamped")                                          \
    _(NO_IMPLIED_BASE, AIM_ANY, "close: epoch 0 needs a base that both signed")                    \
    _(EARLY_RETURN, AIM_ANY, "unlock: a lock returns before its expiry")                           \
    _(RETURN_AT_EXPIRY, AIM_LOCKS,                                                                 \
      "unlock: a lock returns at its expiry, with no time to show a batch")                        \
    _(BATCH_NOT_SHOWN, AIM_LOCKS, "R16: a preimage in a batch is not shown to the contract")       \
    _(NO_RECORD, AIM_OUTRUN_LOCKS,                                                                 \
      "R16: shows a batch only by what names the pots, and a cheat always comes first")            \
    _(BOND_ON_ANY_CHANGE, AIM_ANY, "bond: whoever improves the state takes it")                    \
    _(BOND_DECLARED_SEQ, AIM_ANY,                                                                  \
      "bond: a lie is a half above the sequence number that was declared")                         \
    _(BOND_TO_SENDER, AIM_ANY, "bond: paid to whoever proves the lie")

enum control {
#define CONTROL_NAME(name, aim, text) WITHOUT_##name,
    CONTROLS(CONTROL_NAME)
#undef CONTROL_NAME
        CONTROL_COUNT,
    NO_CONTROL = CONTROL_COUNT
};

/* The control in force; NO_CONTROL: the rules are whole. */
extern enum control removed;
extern enum aim aim;

static inline bool without(enum control control)
{
    return removed == control;
}

#endif

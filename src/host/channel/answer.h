/* What a dispute with an old state is answered with: by a channel's owner, and by a watchtower. */
#ifndef CHANNEL_ANSWER_H
#define CHANNEL_ANSWER_H

#include "channel/onchain.h"

/* How far a dispute is answered. */
struct answering {
    hash32 challenged; /* hash of the state that a challenge was made of; zero: none was */
    bool has_failed;   /* an answer has */
};

/* The call that brings the newer of these states into the dispute of the view, in `arena`; empty
 * where there are none. Each half has to be endorsed by itself or by the other one.
 *
 * A base of a later epoch replaces whatever there is. Halves of the dispute's go by `challenge`,
 * which costs less, but names the state and fails when somebody has changed that before: a cheat
 * with many old halves can see to that each time. So after the first one they go by `note`, which
 * names nothing. */
bytes answer_call(const struct channel_terms *terms, const struct adjudicator_states *states,
                  const struct onchain_view *view, struct answering *answering,
                  struct arena *arena);

/* What an answer with these states brings the side at most, until the dispute's end. Zeros where
 * that is nothing, and where the channel's asset is not ether: nobody says what it is worth. */
struct sender_stake answer_stake(const struct channel_terms *terms,
                                 const struct adjudicator_states *states,
                                 const struct onchain_view *view, u32 side);

/* The call that takes the closer's bond for its peer, from states that the peer has endorsed; empty
 * where they are not, where there is no bond, or where they do not show that the closer knew better
 * than it posted. */
bytes answer_to_lie(const struct channel_terms *terms, const struct adjudicator_states *states,
                    const struct onchain_view *view, struct arena *arena);
/* What that brings: the bond. */
struct sender_stake answer_lie_stake(const struct channel_terms *terms,
                                     const struct onchain_view *view);

/* What ends a dispute whose time is over: the merge of what was noted, one side after the other,
 * then the settlement. */
bytes answer_end(const struct channel_terms *terms, const struct onchain_view *view,
                 struct arena *arena);

/* Whether the contract takes the states from whoever sends them: all signatures are their owners',
 * each half is endorsed. */
bool answer_is_signed(const struct channel_terms *terms, const struct adjudicator_states *states);

#endif

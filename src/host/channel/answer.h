/* What a dispute with an old state is answered with: by a channel's owner, and by a watchtower. */
#ifndef CHANNEL_ANSWER_H
#define CHANNEL_ANSWER_H

#include "channel/onchain.h"

/* The call that brings the newer of these states into the dispute of the view, in `arena`; empty
 * where there are none. Each half has to be endorsed by itself or by the other one.
 *
 * It is challengeBase, which a cheat that comes first every time cannot hold up, unless one half
 * is older than what the dispute has. The contract takes such a pair by `challenge` alone: the
 * cheat has shown a half of ours that nobody has seen endorsed before, which harms only itself. */
bytes answer_call(const struct channel_terms *terms, const struct adjudicator_states *states,
                  const struct onchain_view *view, struct arena *arena);

/* Whether the contract takes the states from whoever sends them: all signatures are their owners',
 * each half is endorsed. */
bool answer_is_signed(const struct channel_terms *terms, const struct adjudicator_states *states);

#endif

/* What state_diff.c sees of the state beside its public face. */
#ifndef EVM_STATE_INTERNAL_H
#define EVM_STATE_INTERNAL_H

#include "evm/state.h"

/* Every account that was looked at, newest first. */
struct state_account *state_all_accounts(const struct state *state);

#endif

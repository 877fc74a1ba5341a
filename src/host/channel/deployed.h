/* Channels' contracts, which have the same address on every chain: the deterministic deployment
 * proxy puts them there, whoever asks it to. They change with their code (tools/artifacts).
 *
 * Source: EIP-1014 (CREATE2); https://github.com/Arachnid/deterministic-deployment-proxy. */
#ifndef CHANNEL_DEPLOYED_H
#define CHANNEL_DEPLOYED_H

#include "base/arena.h"

extern const address ADJUDICATOR_ADDRESS, APPS_ADDRESS, REGISTRY_ADDRESS, TICTACTOE_ADDRESS,
    TICKETS_ADDRESS, DEPLOYMENT_PROXY_ADDRESS;

enum deployed_contract {
    DEPLOYED_REGISTRY,
    DEPLOYED_APPS,
    DEPLOYED_ADJUDICATOR, /* needs both */
    DEPLOYED_TICTACTOE,   /* rules of apps */
    DEPLOYED_TICKETS,
    DEPLOYED_CONTRACTS, /* how many */
};

address deployed_address(enum deployed_contract which);

/* What the proxy is sent: salt zero, creation code and its arguments. */
bytes deployed_call(enum deployed_contract which, struct arena *arena);

/* The code of rules of apps. */
bytes deployed_runtime(enum deployed_contract which);

/* What is there afterwards, for a genesis that has it from the beginning. */
bytes deployed_code(enum deployed_contract which, u64 chain_id, struct arena *arena);

#endif

/* Filters that are polled and subscriptions that are pushed: both read the same two rings of what
 * happened, changes of the canonical chain and transactions that became pending. */
#ifndef RPC_FILTERS_H
#define RPC_FILTERS_H

#include "rpc/rpc.h"

struct filters;

/* Borrows the services. */
struct filters *filters_new(const struct rpc_services *services);
void filters_free(struct filters *filters);

#endif

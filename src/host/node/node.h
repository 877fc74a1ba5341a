/* A node: one chain with its pool, its orderer and its RPC, wired together and supervised. */
#ifndef NODE_NODE_H
#define NODE_NODE_H

#include "node/config.h"

#include <stdio.h>

/* Runs a node until SIGINT or SIGTERM, then shuts it down without loss. What a person wants to see
 * when it is up goes to `greeting` (NULL: nothing).
 * Statuses other than ST_OK: it could not start, or could not keep its data; the sentence says
 * why. */
enum status node_run(const struct config *config, FILE *greeting, struct err *err);

/* "0.1.0", and what web3_clientVersion answers. */
const char *node_version(void);
const char *node_client_version(void);

#endif

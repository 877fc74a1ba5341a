/* The networks that official tests name: "Prague", "HomesteadToDaoAt5",
 * "PragueToOsakaAtTime15k", "ArrowGlacierToParisAtDiffC0000". */
#ifndef CLI_NETWORKS_H
#define CLI_NETWORKS_H

#include "base/json.h"
#include "evm/fork.h"

/* `config`: the test's own object with chain id and blob parameters; may be absent.
 * ST_MISSING: a network that this program does not know.  ST_INVALID: a malformed config. */
enum status network_config(bytes name, json config, struct chain_config *out, struct err *err);

/* Rules of a single transaction in the fork `name`, for the state tests. */
enum status network_rules(bytes name, json config, u64 number, u64 timestamp, struct rules *out,
                          struct err *err);

#endif

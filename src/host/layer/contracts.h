/* The code of our contracts, compiled from contracts/ by tools/artifacts. */
#ifndef LAYER_CONTRACTS_H
#define LAYER_CONTRACTS_H

#include "base/bytes.h"

/* Creation code of a contract of contracts/l1 or contracts/bridge, which must exist; the
 * constructor's arguments follow it. */
bytes contract_code(const char *name);

/* What a child is born with: contracts/l2. */
struct child_contract {
    const char *name;
    address who;
    bytes code; /* runtime */
};
usize child_contract_count(void);
struct child_contract child_contract(usize index);

#endif

/* The transactions of a state test: fields that are lists, of which an entry picks one each. */
#ifndef CLI_STATETEST_TX_H
#define CLI_STATETEST_TX_H

#include "base/json.h"
#include "types/tx.h"

/* Builds the transaction that `indexes` picks, unsigned, its sender known.
 * ST_INVALID: the test is malformed, or no transaction can have such fields, with what. */
enum status statetest_tx(json transaction, json indexes, u64 chain_id, struct tx *out,
                         struct arena *arena, struct err *err);

#endif

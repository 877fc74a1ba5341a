/* What an item of the Inbox is on the child: a deposit transaction. */
#ifndef LAYER_ITEM_TX_H
#define LAYER_ITEM_TX_H

#include "base/arena.h"
#include "derive/inbox.h"

/* Hash of the transaction with this source hash (derive/inbox.h: source_hash_item; OP's clients
 * expect another one). */
hash32 item_tx_hash(const struct inbox_item *item, hash32 source_hash, struct arena tmp);

#endif

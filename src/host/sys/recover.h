/* Senders of transactions in bulk, with libsecp256k1: several times as fast as core's own recovery,
 * to which tests and a fuzzer hold it. */
#ifndef SYS_RECOVER_H
#define SYS_RECOVER_H

#include "sys/thread.h"
#include "types/tx.h"

/* Fills tx->from; from_known then says so. `homestead` as for tx_recover.
 * ST_INVALID: no valid signature. */
enum status recover_sender(struct tx *tx, bool homestead, struct arena tmp, struct err *err);

/* The same for many, on the pool and the calling thread (NULL: the latter alone); transactions
 * whose sender is known are left alone. One without a valid signature stays unknown: whoever
 * executes it refuses it. */
void recover_senders(struct pool *pool, struct tx *const *txs, usize count, bool homestead);

#endif

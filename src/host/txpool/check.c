/* What can be said of a transaction without any state: what stf refuses in every block, and what
 * this pool does not take besides. */
#include "stf/check.h"
#include "stf/child.h"
#include "txpool/txpool.h"

enum {
    MAX_TX_SIZE = 128 * 1024, /* geth's txMaxSize; blobs travel beside and are bounded by count */
};

enum status txpool_check(const struct txpool_head *head, const struct tx *tx, usize envelope_size,
                         struct err *err)
{
    if (tx->type == TX_DEPOSIT) /* a child's blocks have them, but not from users */
        return fail(err, ST_INVALID,
                    "transaction type not supported: a deposit comes from the parent chain alone");
    if (envelope_size > MAX_TX_SIZE)
        return fail(err, ST_INVALID, "oversized data: transaction size %lu, limit %u",
                    envelope_size, MAX_TX_SIZE);
    if (tx->gas_limit > head->gas_limit)
        return fail(err, ST_INVALID, "exceeds block gas limit");
    if (child_footprint(&head->rules, envelope_size) > head->gas_limit)
        return fail(err, ST_INVALID, "oversized data: transaction size %lu, a block takes %lu",
                    envelope_size, head->gas_limit / head->rules.child.footprint_gas);
    return check_tx(&head->rules, tx, err);
}

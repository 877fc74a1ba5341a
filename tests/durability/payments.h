/* Payments whose sum says which of them were made: the k-th is of 3^k, one of a's counts up, one of
 * b's down, so no two sets of them come to the same. */
#ifndef DURABILITY_PAYMENTS_H
#define DURABILITY_PAYMENTS_H

#include "base/bytes.h"

enum payment_state {
    PAYMENT_REFUSED, /* nobody may count it */
    PAYMENT_UNKNOWN, /* under way when something ended: both count it, or neither */
    PAYMENT_PAID,    /* its caller was told: it is there for ever */
};

enum { PAYMENTS_MOST = 20 };

struct payments {
    struct {
        u32 side;
        enum payment_state state;
    } list[PAYMENTS_MOST];
    usize count;
};

/* Its amount. */
u64 payment_amount(usize index);
/* As far as it is known now. Returns its index. */
usize payments_add(struct payments *payments, u32 side, enum payment_state state);
/* Whether a has paid `net` to b, less what b has paid to a, by what may have happened. */
bool payments_explain(const struct payments *payments, i128 net);

#endif

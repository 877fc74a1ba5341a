#include "durability/payments.h"

#include <assert.h>

u64 payment_amount(usize index)
{
    u64 amount = 1;
    while (index-- > 0)
        amount *= 3;
    return amount;
}

usize payments_add(struct payments *payments, u32 side, enum payment_state state)
{
    assert(payments->count < PAYMENTS_MOST);
    payments->list[payments->count].side = side;
    payments->list[payments->count].state = state;
    return payments->count++;
}

/* In balanced ternary each digit is a payment. */
bool payments_explain(const struct payments *payments, i128 net)
{
    for (usize i = 0; i < payments->count; i++) {
        int digit = (int)((net % 3 + 4) % 3) - 1; /* -1, 0 or 1, and net - digit divides by 3 */
        net = (net - digit) / 3;
        bool is_made = digit == (payments->list[i].side == 0 ? 1 : -1);
        enum payment_state state = payments->list[i].state;
        if ((digit != 0 && !is_made) || (is_made && state == PAYMENT_REFUSED) ||
            (!is_made && state == PAYMENT_PAID))
            return false;
    }
    return net == 0;
}

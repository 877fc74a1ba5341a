#include "client/amount.h"

#include "base/bug.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* *value = 10 * *value + digit. False: it does not fit. */
static bool push_digit(u256 *value, unsigned digit)
{
    u256 ten = u256_from_u64(10), before = *value;
    *value = u256_mul(before, ten);
    return u256_equal(u256_div(*value, ten), before) &&
           !u256_add_overflow(*value, u256_from_u64(digit), value);
}

enum status amount_read(const char *text, u8 decimals, u256 *out, struct err *err)
{
    const char *at = text;
    usize after_point = 0, digits = 0;
    bool point = false, fits = true;
    *out = U256_ZERO;
    for (; is_digit(*at) || (*at == '.' && !point); at++) {
        if (*at == '.') {
            point = true;
            continue;
        }
        digits++;
        after_point += point;
        fits = fits && push_digit(out, (unsigned)(*at - '0'));
    }
    if (*at != 0 || digits == 0)
        return fail(err, ST_INVALID, "\"%s\" is no amount (1.5, say)", text);
    if (after_point > decimals)
        return fail(err, ST_INVALID, "\"%s\" has more than %u digits after the point", text,
                    (unsigned)decimals);
    for (usize i = after_point; i < decimals; i++)
        fits = fits && push_digit(out, 0);
    return fits ? ST_OK : fail(err, ST_INVALID, "\"%s\" is more than there can be", text);
}

struct amount_text amount_write(u256 amount, u8 decimals)
{
    enum { ROOM = 82 };
    struct amount_text out;
    char digits[ROOM];
    usize count = 0, end = 0;
    assert(decimals <= AMOUNT_MAX_DECIMALS);
    for (; !u256_is_zero(amount) || count <= decimals; count++) { /* lowest first */
        u256 rest = u256_div(amount, u256_from_u64(10));
        u256 digit = u256_sub(amount, u256_mul(rest, u256_from_u64(10)));
        digits[count] = (char)('0' + digit.w[0]);
        amount = rest;
    }
    usize zeros = 0;
    while (zeros < decimals && digits[zeros] == '0')
        zeros++;
    for (usize i = count; i-- > zeros;) {
        out.text[end++] = digits[i];
        if (i == decimals && zeros < decimals)
            out.text[end++] = '.';
    }
    out.text[end] = 0;
    return out;
}

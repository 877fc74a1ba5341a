/* Amounts of money as people write them: "1.5" of something with 18 decimals. */
#ifndef CLIENT_AMOUNT_H
#define CLIENT_AMOUNT_H

#include "base/status.h"
#include "base/u256.h"

enum { ETHER_DECIMALS = 18, AMOUNT_MAX_DECIMALS = 77 };

/* ST_INVALID: no number, more digits after the point than there are decimals, or too large. */
enum status amount_read(const char *text, u8 decimals, u256 *out, struct err *err);

/* All digits that are not trailing zeros, with the final zero, in the caller's array. */
struct amount_text {
    char text[84];
};
struct amount_text amount_write(u256 amount, u8 decimals);

static inline struct amount_text amount_ether(u256 wei)
{
    return amount_write(wei, ETHER_DECIMALS);
}

#endif

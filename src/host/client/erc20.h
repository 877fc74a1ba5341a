/* ERC-20 tokens, as far as somebody who moves them looks at them. */
#ifndef CLIENT_ERC20_H
#define CLIENT_ERC20_H

#include "client/eth.h"

struct erc20 {
    address who;
    u8 decimals;
    char symbol[32], name[64]; /* what prints of them; "token" where there is none */
};

/* ST_INVALID: no token is there. */
enum status erc20_read(struct eth *eth, address who, struct erc20 *out, struct arena tmp,
                       struct err *err);
enum status erc20_balance(struct eth *eth, address token, address who, u256 *out, struct arena tmp,
                          struct err *err);
enum status erc20_allowance(struct eth *eth, address token, address owner, address spender,
                            u256 *out, struct arena tmp, struct err *err);
/* The call approve(spender, amount). */
bytes erc20_approve(address spender, u256 amount, struct arena *arena);

#endif

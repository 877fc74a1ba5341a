#include "client/erc20.h"

#include "base/fmt.h"
#include "base/hex.h"
#include "client/amount.h"
#include "client/contract.h"

/* Tokens of old give their texts as bytes32. */
static bytes text_of(bytes result)
{
    struct abi_in in = abi_over(result);
    if (result.size != ABI_WORD)
        return abi_get_bytes(&in);
    usize size = 0;
    while (size < ABI_WORD && result.data[size] != 0)
        size++;
    return bytes_slice(result, 0, size);
}

/* What a contract says goes to a terminal: letters, digits and marks of ASCII are kept. */
static void keep_printable(bytes text, char *to, usize size)
{
    usize count = 0;
    for (usize i = 0; i < text.size && count + 1 < size; i++)
        if (text.data[i] > ' ' - 1 && text.data[i] < 0x7f)
            to[count++] = (char)text.data[i];
    to[count] = 0;
    if (count == 0)
        fmt(to, size, "token");
}

static enum status read_text(struct eth *eth, address who, const char *signature, char *to,
                             usize size, struct arena tmp, struct err *err)
{
    struct abi_in in = {0};
    enum status st = contract_ask(eth, who, contract_call0(signature, &tmp), &in, &tmp, err);
    if (st != ST_OK && st != ST_INVALID) /* names are optional */
        return st;
    keep_printable(st == ST_OK ? text_of(in.all) : BYTES_EMPTY, to, size);
    return ST_OK;
}

enum status erc20_read(struct eth *eth, address who, struct erc20 *out, struct arena tmp,
                       struct err *err)
{
    struct err why;
    u64 decimals = 0;
    *out = (struct erc20){.who = who};
    enum status st = contract_ask_u64(eth, who, "decimals()", &decimals, tmp, &why);
    if (st == ST_AGAIN || st == ST_IO)
        return fail(err, st, "%s", why.text);
    if (st != ST_OK || decimals > AMOUNT_MAX_DECIMALS)
        return fail(err, ST_INVALID, "%s: there is no ERC-20 at %s", eth_name(eth),
                    hex_text(BYTES_OF(who), &tmp));
    out->decimals = (u8)decimals;
    TRY(read_text(eth, who, "symbol()", out->symbol, sizeof(out->symbol), tmp, err));
    return read_text(eth, who, "name()", out->name, sizeof(out->name), tmp, err);
}

enum status erc20_balance(struct eth *eth, address token, address who, u256 *out, struct arena tmp,
                          struct err *err)
{
    struct abi_in in;
    bytes call = contract_call_address("balanceOf(address)", who, &tmp);
    TRY(contract_ask(eth, token, call, &in, &tmp, err));
    *out = abi_get_u256(&in);
    return contract_check(eth, &in, "balanceOf", err);
}

enum status erc20_allowance(struct eth *eth, address token, address owner, address spender,
                            u256 *out, struct arena tmp, struct err *err)
{
    struct abi_in in;
    struct abi_out call = abi_begin_call(abi_selector("allowance(address,address)"), 2, &tmp);
    abi_put_address(&call, owner);
    abi_put_address(&call, spender);
    bytes data = abi_end(&call);
    TRY(contract_ask(eth, token, data, &in, &tmp, err));
    *out = abi_get_u256(&in);
    return contract_check(eth, &in, "allowance", err);
}

bytes erc20_approve(address spender, u256 amount, struct arena *arena)
{
    struct abi_out call = abi_begin_call(abi_selector("approve(address,uint256)"), 2, arena);
    abi_put_address(&call, spender);
    abi_put_u256(&call, amount);
    return abi_end(&call);
}

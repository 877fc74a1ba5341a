/* Which token goes with which on the other side. */
#include "client/contract.h"
#include "layer/bridge.h"

/* Whether it is the image, on this chain, of a token of the other. Most tokens have no such
 * function, and refuse. */
static enum status read_image(struct eth *eth, address token, address bridge, bool *is_image,
                              address *remote, struct arena tmp, struct err *err)
{
    address of;
    *is_image = false;
    enum status st = contract_ask_address(eth, token, "remoteToken()", remote, tmp, err);
    if (st == ST_OK)
        st = contract_ask_address(eth, token, "bridge()", &of, tmp, err);
    if (st == ST_INVALID || st == ST_CORRUPT)
        return ST_OK;
    TRY(st);
    *is_image = address_equal(of, bridge) && !address_is_zero(*remote);
    return ST_OK;
}

static enum status has_code(struct eth *eth, address who, bool *out, struct arena tmp,
                            struct err *err)
{
    bytes code;
    TRY(eth_ask_code(eth, who, eth_at_tag(ETH_LATEST), &code, &tmp, err));
    *out = code.size > 0;
    return ST_OK;
}

/* Anyone may have an image made, with whatever decimals: then the same number of units is another
 * amount to whoever looks at it. */
static enum status has_decimals(const struct bridge *bridge, address image, u8 want, bool *out,
                                struct arena tmp, struct err *err)
{
    u64 decimals;
    TRY(contract_ask_u64(bridge->child, image, "decimals()", &decimals, tmp, err));
    *out = decimals == want;
    return ST_OK;
}

/* The first fitting image that the child's factory has made of it. */
static enum status find_made(const struct bridge *bridge, struct token_pair *pair, struct arena tmp,
                             struct err *err)
{
    static const char made[] = "OptimismMintableERC20Created(address,address,address)";
    struct eth_header newest;
    struct eth_logs logs;
    hash32 topic = abi_topic(made);
    struct eth_filter filter = {.who = CHILD_TOKEN_FACTORY, .topics = &topic, .topic_count = 1};
    TRY(eth_ask_header(bridge->child, eth_at_tag(ETH_LATEST), &newest, &tmp, err));
    TRY(eth_ask_logs(bridge->child, 0, newest.header.number, &filter, &logs, &tmp, err));
    for (usize i = 0; i < logs.count && !pair->has_child; i++) {
        const struct log *log = &logs.list[i].log;
        if (log->topic_count != 3 ||
            !address_equal(u256_to_address(u256_from_hash(log->topics[2])), pair->parent))
            continue;
        pair->child = u256_to_address(u256_from_hash(log->topics[1]));
        TRY(has_decimals(bridge, pair->child, pair->token.decimals, &pair->has_child, tmp, err));
    }
    pair->child_is_image = true; /* or will be */
    return ST_OK;
}

static enum status pair_of_parent(const struct bridge *bridge, address token,
                                  struct token_pair *out, struct arena tmp, struct err *err)
{
    *out = (struct token_pair){.parent = token};
    TRY(erc20_read(bridge->parent, token, &out->token, tmp, err));
    TRY(read_image(bridge->parent, token, bridge->rollup->standard_bridge, &out->parent_is_image,
                   &out->child, tmp, err));
    out->has_child = out->parent_is_image;
    return out->has_child ? ST_OK : find_made(bridge, out, tmp, err);
}

enum status bridge_find_pair(const struct bridge *bridge, address either, struct token_pair *out,
                             struct arena tmp, struct err *err)
{
    bool on_child, on_parent;
    *out = (struct token_pair){.child = either, .has_child = true};
    TRY(has_code(bridge->child, either, &on_child, tmp, err));
    TRY(has_code(bridge->parent, either, &on_parent, tmp, err));
    if (on_child)
        TRY(read_image(bridge->child, either, CHILD_STANDARD_BRIDGE, &out->child_is_image,
                       &out->parent, tmp, err));
    if (out->child_is_image)
        return erc20_read(bridge->child, either, &out->token, tmp, err);
    if (on_parent)
        return pair_of_parent(bridge, either, out, tmp, err);
    if (on_child)
        return fail(err, ST_MISSING,
                    "the token is at home on the child: name its image on the parent");
    return fail(err, ST_MISSING, "no token is at that address, on either side");
}

bytes bridge_image_call(const struct token_pair *pair, struct arena *arena)
{
    const struct erc20 *token = &pair->token;
    struct abi_out call = abi_begin_call(
        abi_selector("createOptimismMintableERC20WithDecimals(address,string,string,uint8)"), 4,
        arena);
    abi_put_address(&call, pair->parent);
    abi_put_bytes(&call, (bytes){(const u8 *)token->name, strlen(token->name)});
    abi_put_bytes(&call, (bytes){(const u8 *)token->symbol, strlen(token->symbol)});
    abi_put_u64(&call, token->decimals);
    return abi_end(&call);
}

bytes bridge_token_call(address local, address remote, address to, u256 amount, struct arena *arena)
{
    enum { GAS = 200000 }; /* for the call on the other side */
    struct abi_out call = abi_begin_call(
        abi_selector("bridgeERC20To(address,address,address,uint256,uint32,bytes)"), 6, arena);
    abi_put_address(&call, local);
    abi_put_address(&call, remote);
    abi_put_address(&call, to);
    abi_put_u256(&call, amount);
    abi_put_u64(&call, GAS);
    abi_put_bytes(&call, BYTES_EMPTY);
    return abi_end(&call);
}

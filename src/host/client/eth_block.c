/* Headers, and the chain's name. */
#include "client/internal.h"

#include "base/fmt.h"

enum status eth_ask_chain_id(struct eth *eth, u64 *out, struct err *err)
{
    struct arena tmp = eth_scratch(eth);
    json result;
    TRY(eth_one_call(eth, "eth_chainId", BYTES_LIT("[]"), &result, &tmp, err));
    if (eth_json_u64(result, out) != ST_OK || *out == 0)
        return eth_nonsense(eth, "eth_chainId", "no chain id", err);
    return ST_OK;
}

enum status eth_ask_block_number(struct eth *eth, u64 *out, struct err *err)
{
    struct arena tmp = eth_scratch(eth);
    json result;
    TRY(eth_one_call(eth, "eth_blockNumber", BYTES_LIT("[]"), &result, &tmp, err));
    if (eth_json_u64(result, out) != ST_OK)
        return eth_nonsense(eth, "eth_blockNumber", "no number", err);
    return ST_OK;
}

enum status eth_ask_version(struct eth *eth, char *to, usize size, struct err *err)
{
    struct arena tmp = eth_scratch(eth);
    json result;
    TRY(eth_one_call(eth, "web3_clientVersion", BYTES_LIT("[]"), &result, &tmp, err));
    bytes text = json_text(result, &tmp);
    fmt(to, size, "%.*s", (int)min_u64(text.size, 200), (const char *)text.data);
    for (; *to != 0; to++)
        if ((u8)*to < ' ' || *to == 0x7f)
            *to = '?';
    return ST_OK;
}

/* --- Headers. */

static struct net_client_item header_item(struct eth_at at, struct arena *tmp)
{
    struct json_out params = eth_params(100, tmp);
    if (at.kind == ETH_AT_HASH)
        json_put_hex(&params, BYTES_OF(at.hash));
    else
        eth_put_at(&params, at);
    json_put_bool(&params, false); /* transactions as hashes */
    return (struct net_client_item){.method = at.kind == ETH_AT_HASH ? "eth_getBlockByHash"
                                                                     : "eth_getBlockByNumber",
                                    .params = eth_params_end(&params)};
}

/* What an item of header_item was answered with. ST_MISSING: no such block. */
static enum status read_header_item(struct eth *eth, const struct net_client_item *item,
                                    struct eth_at at, struct eth_header *out, struct arena *arena,
                                    struct err *err)
{
    struct err what;
    bool special = at.kind == ETH_AT_TAG && at.tag != ETH_LATEST;
    if (item->status != ST_OK && special) /* how geth says that nothing is final yet */
        return fail(err, ST_MISSING, "%s has no such block", eth_name(eth));
    if (item->status != ST_OK)
        return eth_refused(eth, item, err);
    if (json_is(item->result, JSON_NULL))
        return fail(err, ST_MISSING, "%s has no such block", eth_name(eth));
    if (eth_json_header(item->result, out, arena, &what) != ST_OK)
        return eth_nonsense(eth, item->method, what.text, err);
    if ((at.kind == ETH_AT_NUMBER && out->header.number != at.number) ||
        (at.kind == ETH_AT_HASH && !hash32_equal(out->hash, at.hash)))
        return eth_nonsense(eth, item->method, "another block than was asked for", err);
    return ST_OK;
}

enum status eth_ask_header(struct eth *eth, struct eth_at at, struct eth_header *out,
                           struct arena *arena, struct err *err)
{
    struct arena tmp = eth_scratch(eth);
    struct net_client_item item = header_item(at, &tmp);
    TRY(eth_calls(eth, &item, 1, &tmp, err));
    return read_header_item(eth, &item, at, out, arena, err);
}

enum status eth_ask_headers(struct eth *eth, u64 first, usize count, struct eth_header *out,
                            usize *got, struct arena *arena, struct err *err)
{
    struct arena tmp = eth_scratch(eth);
    struct net_client_item *items = ARENA_NEW(&tmp, struct net_client_item, count);
    for (usize i = 0; i < count; i++)
        items[i] = header_item(eth_at_number(first + i), &tmp);
    *got = 0;
    TRY(eth_calls(eth, items, count, &tmp, err));
    for (; *got < count; ++*got) {
        enum status st = read_header_item(eth, &items[*got], eth_at_number(first + *got),
                                          &out[*got], arena, err);
        if (st == ST_MISSING)
            break;
        TRY(st);
    }
    return ST_OK;
}

enum status eth_ask_heads(struct eth *eth, struct eth_heads *out, struct arena *arena,
                          struct err *err)
{
    static const enum eth_tag tags[] = {ETH_LATEST, ETH_SAFE, ETH_FINALIZED};
    struct eth_header *const headers[] = {&out->latest, &out->safe, &out->finalized};
    struct arena tmp = eth_scratch(eth);
    struct net_client_item items[countof(tags)];
    enum status st[countof(tags)];
    for (usize i = 0; i < countof(tags); i++)
        items[i] = header_item(eth_at_tag(tags[i]), &tmp);
    TRY(eth_calls(eth, items, countof(items), &tmp, err));
    for (usize i = 0; i < countof(tags); i++)
        st[i] = read_header_item(eth, &items[i], eth_at_tag(tags[i]), headers[i], arena,
                                 tags[i] == ETH_LATEST ? err : NULL);
    TRY(st[0]);
    /* What cannot be read is not final, or not yet: anvil's genesis before Cancun is such a block.
     */
    out->has_safe = st[1] == ST_OK;
    out->has_finalized = st[2] == ST_OK;
    return ST_OK;
}

#include "client/contract.h"

#include "client/internal.h"

/* --- Calls. */

enum status contract_ask(struct eth *eth, address who, bytes call, struct abi_in *out,
                         struct arena *arena, struct err *err)
{
    bytes result;
    struct eth_refusal refusal;
    struct eth_message message = {.to = who, .data = call};
    TRY(eth_ask_call(eth, &message, eth_at_tag(ETH_LATEST), &result, &refusal, arena, err));
    *out = abi_over(result);
    return ST_OK;
}

bytes contract_call0(const char *signature, struct arena *arena)
{
    struct abi_out out = abi_begin_call(abi_selector(signature), 0, arena);
    return abi_end(&out);
}

bytes contract_call_address(const char *signature, address argument, struct arena *arena)
{
    struct abi_out out = abi_begin_call(abi_selector(signature), 1, arena);
    abi_put_address(&out, argument);
    return abi_end(&out);
}

enum status contract_check(const struct eth *eth, const struct abi_in *in, const char *what,
                           struct err *err)
{
    if (!in->failed)
        return ST_OK;
    return fail(err, ST_CORRUPT,
                "%s: what the contract answers to %s makes no sense, or there is "
                "no contract",
                eth_name(eth), what);
}

enum status contract_ask_u256(struct eth *eth, address who, const char *signature, u256 *out,
                              struct arena tmp, struct err *err)
{
    struct abi_in in;
    TRY(contract_ask(eth, who, contract_call0(signature, &tmp), &in, &tmp, err));
    *out = abi_get_u256(&in);
    return contract_check(eth, &in, signature, err);
}

enum status contract_ask_u64(struct eth *eth, address who, const char *signature, u64 *out,
                             struct arena tmp, struct err *err)
{
    struct abi_in in;
    TRY(contract_ask(eth, who, contract_call0(signature, &tmp), &in, &tmp, err));
    *out = abi_get_u64(&in);
    return contract_check(eth, &in, signature, err);
}

enum status contract_ask_address(struct eth *eth, address who, const char *signature, address *out,
                                 struct arena tmp, struct err *err)
{
    struct abi_in in;
    TRY(contract_ask(eth, who, contract_call0(signature, &tmp), &in, &tmp, err));
    *out = abi_get_address(&in);
    return contract_check(eth, &in, signature, err);
}

/* --- Proofs. */

static enum status read_nodes(json list, struct slot_proof *out, struct arena *arena)
{
    enum { MOST_NODES = 65 };
    json key, node;
    usize count = json_count(list);
    if (!json_is(list, JSON_ARRAY) || count > MOST_NODES)
        return ST_INVALID;
    bytes *nodes = ARENA_TAKE(arena, bytes, count);
    out->nodes = nodes;
    out->node_count = count;
    for (struct json_walk at = json_begin(list); json_next(&at, &key, &node);)
        TRY(eth_json_bytes(node, nodes++, arena));
    return ST_OK;
}

enum status contract_prove(struct eth *eth, address who, hash32 slot, u64 block,
                           struct slot_proof *out, struct arena *arena, struct err *err)
{
    static const char method[] = "eth_getProof";
    struct arena tmp = eth_scratch(eth);
    json result;
    struct json_out params = eth_params(300, &tmp);
    json_put_hex(&params, BYTES_OF(who));
    json_open_array(&params);
    json_put_hex(&params, BYTES_OF(slot));
    json_close_array(&params);
    eth_put_at(&params, eth_at_number(block));
    TRY(eth_one_call(eth, method, eth_params_end(&params), &result, &tmp, err));
    json slots = json_get(result, "storageProof");
    json root = json_get(result, "storageHash");
    if (!json_is(slots, JSON_ARRAY) || json_count(slots) != 1 ||
        eth_json_fixed(root, out->storage_root.b, sizeof(hash32)) != ST_OK ||
        read_nodes(json_get(json_at(slots, 0), "proof"), out, arena) != ST_OK)
        return eth_nonsense(eth, method, "no proof", err);
    return ST_OK;
}

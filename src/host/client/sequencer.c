#include "client/sequencer.h"

#include "client/internal.h"

enum {
    MOST_TX = 8 << 20,
    LEAST_BLOCK = 160, /* bytes of its JSON: names and signature alone are as many */
};

enum status sequencer_new(const char *url, u64 timeout_ms, usize answer_limit,
                          const atomic_bool *cancel, struct eth **out, struct err *err)
{
    enum { TIMEOUT_MS = 20000 };
    timeout_ms = timeout_ms == 0 ? TIMEOUT_MS : timeout_ms;
    /* Patience that is shorter than any pause: nothing is asked a second time. */
    struct eth_options options = {.url = url,
                                  .timeout_ms = timeout_ms,
                                  .patience_ms = timeout_ms,
                                  .backoff_ms = 4 * timeout_ms,
                                  .answer_limit = answer_limit,
                                  .batch_limit = 1,
                                  .cancel = cancel};
    return eth_new(&options, out, err);
}

/* --- Blocks. */

static enum status read_block(json value, struct signed_block *out, struct arena *arena)
{
    TRY(eth_json_bytes(json_get(value, "block"), &out->rlp, arena));
    return eth_json_fixed(json_get(value, "signature"), out->signature.b, sizeof(out->signature));
}

enum status sequencer_read_blocks(json value, struct signed_block **out, usize *count,
                                  struct arena *arena)
{
    json key, item;
    *count = json_count(value);
    if (!json_is(value, JSON_ARRAY) || *count > UNSAFE_MOST_BLOCKS ||
        *count > value.text.size / LEAST_BLOCK)
        return ST_INVALID;
    struct signed_block *to = ARENA_TAKE(arena, struct signed_block, *count);
    *out = to;
    for (struct json_walk walk = json_begin(value); json_next(&walk, &key, &item); to++)
        TRY(read_block(item, to, arena));
    return ST_OK;
}

enum status sequencer_ask_blocks(struct eth *eth, u64 from, u64 wait_ms, struct signed_block **out,
                                 usize *count, struct arena *arena, struct err *err)
{
    static const char METHOD[] = "varve_unsafeBlocks";
    struct arena tmp = eth_scratch(eth);
    json result;
    struct json_out params = eth_params(100, &tmp);
    json_put_quantity_u64(&params, from);
    json_put_quantity_u64(&params, wait_ms);
    TRY(eth_one_call(eth, METHOD, eth_params_end(&params), &result, &tmp, err));
    if (sequencer_read_blocks(result, out, count, arena) != ST_OK)
        return eth_nonsense(eth, METHOD, "something else than signed blocks", err);
    return ST_OK;
}

/* --- Transactions. */

static void keep_refusal(const struct net_client_error *error, struct sequencer_refusal *out)
{
    usize size = min_u64(error->message.size, sizeof(out->text) - 1);
    *out = (struct sequencer_refusal){.said = true, .code = error->code};
    bytes_copy(out->text, bytes_slice(error->message, 0, size));
    for (usize i = 0; i < size; i++)
        if (out->text[i] == 0) /* the rest would not be seen */
            out->text[i] = '?';
}

enum status sequencer_send(struct eth *eth, bytes raw, hash32 hash,
                           struct sequencer_refusal *refusal, struct err *err)
{
    static const char METHOD[] = "eth_sendRawTransaction";
    struct arena tmp = eth_scratch(eth);
    struct net_client_error error = {0};
    struct err why;
    hash32 said;
    json result;
    *refusal = (struct sequencer_refusal){.said = false};
    if (raw.size > MOST_TX)
        return fail(err, ST_INVALID, "a transaction of %zu bytes is larger than any", raw.size);
    struct json_out params = eth_params(2 * raw.size + 20, &tmp);
    json_put_hex(&params, raw);
    net_client_set_timeout(eth->net, eth->timeout_ms);
    enum status st =
        net_client_call(eth->net, METHOD, eth_params_end(&params), &result, &error, &tmp, &why);
    if (st == ST_INVALID && (error.code != 0 || error.message.size > 0))
        keep_refusal(&error, refusal);
    if (st != ST_OK)
        return fail(err, st, "the sequencer at %s: %s", eth_name(eth), why.text);
    if (eth_json_fixed(result, said.b, sizeof(said.b)) != ST_OK || !hash32_equal(said, hash))
        return eth_nonsense(eth, METHOD, "another hash than the transaction's", err);
    return ST_OK;
}

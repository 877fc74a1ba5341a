/* Transactions: read, and sent. */
#include "client/internal.h"

#include "base/fmt.h"

#include <strings.h>

static struct net_client_item *hash_items(const char *method, const hash32 *hashes, usize count,
                                          struct arena *tmp)
{
    struct net_client_item *items = ARENA_NEW(tmp, struct net_client_item, count);
    for (usize i = 0; i < count; i++) {
        struct json_out params = eth_params(100, tmp);
        json_put_hex(&params, BYTES_OF(hashes[i]));
        items[i] = (struct net_client_item){.method = method, .params = eth_params_end(&params)};
    }
    return items;
}

enum status eth_ask_txs(struct eth *eth, const hash32 *hashes, usize count, struct eth_tx *out,
                        struct arena *arena, struct err *err)
{
    struct arena tmp = eth_scratch(eth);
    struct net_client_item *items = hash_items("eth_getTransactionByHash", hashes, count, &tmp);
    TRY(eth_calls(eth, items, count, &tmp, err));
    for (usize i = 0; i < count; i++) {
        struct err what;
        hash32 hash;
        out[i] = (struct eth_tx){0};
        if (items[i].status != ST_OK)
            return eth_refused(eth, &items[i], err);
        if (json_is(items[i].result, JSON_NULL))
            continue;
        if (eth_json_tx(items[i].result, &out[i], &hash, arena, &what) != ST_OK)
            return eth_nonsense(eth, items[i].method, what.text, err);
        if (!hash32_equal(hash, hashes[i]))
            return eth_nonsense(eth, items[i].method, "another transaction", err);
    }
    return ST_OK;
}

enum status eth_ask_receipts(struct eth *eth, const hash32 *hashes, usize count,
                             struct eth_receipt *out, struct arena *arena, struct err *err)
{
    struct arena tmp = eth_scratch(eth);
    struct net_client_item *items = hash_items("eth_getTransactionReceipt", hashes, count, &tmp);
    TRY(eth_calls(eth, items, count, &tmp, err));
    for (usize i = 0; i < count; i++) {
        struct err what;
        hash32 hash;
        out[i] = (struct eth_receipt){0};
        if (items[i].status != ST_OK)
            return eth_refused(eth, &items[i], err);
        if (json_is(items[i].result, JSON_NULL))
            continue;
        if (eth_json_receipt(items[i].result, &out[i], &hash, arena, &what) != ST_OK)
            return eth_nonsense(eth, items[i].method, what.text, err);
        if (!hash32_equal(hash, hashes[i]))
            return eth_nonsense(eth, items[i].method, "another transaction's receipt", err);
    }
    return ST_OK;
}

/* --- Sending. */

/* The words of geth, anvil, erigon, nethermind, besu and reth; the first row that fits counts. */
static enum eth_sent judge_words(bytes message)
{
    static const struct {
        const char *words;
        enum eth_sent sent;
    } rows[] = {
        {"already known", ETH_SENT_KNOWN},
        {"alreadyknown", ETH_SENT_KNOWN},
        {"already imported", ETH_SENT_KNOWN},
        {"known transaction", ETH_SENT_KNOWN},
        {"already exists", ETH_SENT_KNOWN},
        {"already in the pool", ETH_SENT_KNOWN},
        {"nonce too low", ETH_SENT_NONCE_LOW},
        {"nonce is too low", ETH_SENT_NONCE_LOW},
        {"oldnonce", ETH_SENT_NONCE_LOW},
        {"nonce below", ETH_SENT_NONCE_LOW},
        {"replacement", ETH_SENT_UNDERPRICED},
        {"could not replace", ETH_SENT_UNDERPRICED},
        {"underpriced", ETH_SENT_CHEAP},
        {"feetoolow", ETH_SENT_CHEAP},
        {"fee too low", ETH_SENT_CHEAP},
        {"less than block base fee", ETH_SENT_CHEAP},
        {"less than the block base fee", ETH_SENT_CHEAP},
        {"less than block blob", ETH_SENT_CHEAP},
        {"below the minimum", ETH_SENT_CHEAP},
        {"insufficient", ETH_SENT_POOR},
    };
    char text[256];
    usize size = min_u64(message.size, sizeof(text) - 1);
    bytes_copy(text, bytes_slice(message, 0, size));
    text[size] = 0;
    for (usize i = 0; i < countof(rows); i++)
        if (strcasestr(text, rows[i].words) != NULL)
            return rows[i].sent;
    return ETH_SENT_REFUSED;
}

/* net/client.h directly: what asks again is not for this. */
enum status eth_send_raw(struct eth *eth, bytes raw, hash32 hash, enum eth_sent *sent,
                         struct err *err)
{
    struct arena tmp = eth_scratch(eth);
    struct net_client_item item = {.method = "eth_sendRawTransaction"};
    struct err why;
    hash32 said;
    if (raw.size > (8 << 20))
        return fail(err, ST_INVALID, "a transaction of %zu bytes is larger than any", raw.size);
    struct json_out params = eth_params(2 * raw.size + 20, &tmp);
    json_put_hex(&params, raw);
    net_client_set_timeout(eth->net, eth->timeout_ms); /* also when the time for questions is over */
    *sent = ETH_SENT_NEW;
    enum status st = net_client_call(eth->net, item.method, eth_params_end(&params), &item.result,
                                     &item.error, &tmp, &why);
    if (st == ST_INVALID && (item.error.code != 0 || item.error.message.size > 0)) {
        *sent = judge_words(item.error.message);
        return *sent == ETH_SENT_KNOWN ? ST_OK : eth_refused(eth, &item, err);
    }
    if (st == ST_INVALID) {
        *sent = ETH_SENT_REFUSED;
        return fail(err, st, "%s: %s", item.method, why.text);
    }
    if (st != ST_OK)
        return fail(err, st, "%s: %s", item.method, why.text);
    if (eth_json_fixed(item.result, said.b, sizeof(said.b)) != ST_OK || !hash32_equal(said, hash))
        return eth_nonsense(eth, item.method, "another hash than the transaction's", err);
    return ST_OK;
}

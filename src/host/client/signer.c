#include "client/signer.h"

#include "client/internal.h"
#include "client/sidecar.h"
#include "sys/recover.h"

#include <stdlib.h>

/* --- Keys in memory. */

static enum status sign_with_keys(void *self, struct tx *tx, struct arena tmp, struct err *err)
{
    enum status st = keys_sign_tx(self, tx, tmp);
    if (st == ST_MISSING)
        return fail(err, st, "the key of %s is not here", hex_text(BYTES_OF(tx->from), &tmp));
    return st == ST_OK ? ST_OK : fail(err, st, "the library cannot sign");
}

static enum status sign_hash_with_keys(void *self, address who, hash32 hash, struct signature *out,
                                       struct err *err)
{
    enum status st = keys_sign_hash(self, who, hash, out);
    if (st == ST_MISSING)
        return fail(err, st, "the key is not here");
    return st == ST_OK ? ST_OK : fail(err, st, "the library cannot sign");
}

struct signer signer_of_keys(const struct keys *keys, address who)
{
    union {
        const struct keys *read;
        void *any;
    } self = {keys}; /* it is only read, but others of this shape are not */
    return (struct signer){self.any, who, sign_with_keys, sign_hash_with_keys};
}

/* --- Keys elsewhere. */

struct remote_signer {
    struct net_client *net;
    address who;
};

enum { ANSWER_LIMIT = 16 << 20 };

enum status remote_signer_new(const char *url, address who, u64 timeout_ms,
                              const atomic_bool *cancel, struct remote_signer **out,
                              struct err *err)
{
    struct remote_signer *remote = calloc(1, sizeof(*remote));
    if (remote == NULL)
        return fail(err, ST_FULL, "no memory for a signer");
    struct net_client_options options = {
        .url = url, .timeout_ms = timeout_ms, .answer_limit = ANSWER_LIMIT, .cancel = cancel};
    enum status st = net_client_new(&options, &remote->net, err);
    if (st != ST_OK) {
        free(remote);
        return st;
    }
    remote->who = who;
    *out = remote;
    return ST_OK;
}

void remote_signer_free(struct remote_signer *remote)
{
    if (remote == NULL)
        return;
    net_client_free(remote->net);
    free(remote);
}

static void put_quantity(struct json_out *out, const char *key, u256 value)
{
    json_key(out, key);
    json_put_quantity(out, value);
}

static void put_fees(struct json_out *out, const struct tx *tx)
{
    if (tx->type < TX_DYNAMIC_FEE) {
        put_quantity(out, "gasPrice", tx->max_fee_wei);
        return;
    }
    put_quantity(out, "maxFeePerGas", tx->max_fee_wei);
    put_quantity(out, "maxPriorityFeePerGas", tx->max_priority_wei);
    if (tx->type != TX_BLOB)
        return;
    put_quantity(out, "maxFeePerBlobGas", tx->max_blob_fee_wei);
    json_key(out, "blobVersionedHashes");
    json_open_array(out);
    for (usize i = 0; i < tx->blob_hash_count; i++)
        json_put_hex(out, BYTES_OF(tx->blob_hashes[i]));
    json_close_array(out);
}

static bytes tx_params(const struct tx *tx, struct arena *tmp)
{
    struct json_out out = eth_params(2000 + 2 * tx->data.size + 70 * tx->blob_hash_count, tmp);
    json_open_object(&out);
    put_quantity(&out, "type", u256_from_u64(tx->type));
    put_quantity(&out, "chainId", u256_from_u64(tx->chain_id));
    put_quantity(&out, "nonce", u256_from_u64(tx->nonce));
    put_quantity(&out, "gas", u256_from_u64(tx->gas_limit));
    put_quantity(&out, "value", tx->value_wei);
    put_fees(&out, tx);
    json_key(&out, "from");
    json_put_hex(&out, BYTES_OF(tx->from));
    if (!tx->creates) {
        json_key(&out, "to");
        json_put_hex(&out, BYTES_OF(tx->to));
    }
    json_key(&out, "data");
    json_put_hex(&out, tx->data);
    json_close_object(&out);
    return eth_params_end(&out);
}

/* Takes the signature out of a transaction that must be the one that was asked for. */
static enum status take_signature(const struct remote_signer *remote, bytes raw, struct tx *tx,
                                  struct arena tmp, struct err *err)
{
    struct tx made;
    struct tx asked = *tx;
    const char *name = net_client_name(remote->net);
    if (tx_decode(sidecar_strip(raw, &tmp), &made, &tmp, NULL) != ST_OK)
        return fail(err, ST_INVALID, "%s: the signer's answer is no transaction", name);
    asked.y_parity = made.y_parity;
    asked.r = made.r;
    asked.s = made.s;
    if (!bytes_equal(tx_encode(&asked, &tmp), tx_encode(&made, &tmp)))
        return fail(err, ST_INVALID, "%s: the signer has signed another transaction", name);
    if (recover_sender(&made, true, tmp, NULL) != ST_OK || !address_equal(made.from, remote->who))
        return fail(err, ST_INVALID, "%s: the signer has signed with another key than that of %s",
                    name, hex_text(BYTES_OF(remote->who), &tmp));
    asked.from_known = true;
    asked.hash = made.hash;
    *tx = asked;
    return ST_OK;
}

static enum status sign_elsewhere(void *self, struct tx *tx, struct arena tmp, struct err *err)
{
    struct remote_signer *remote = self;
    struct net_client_error error;
    struct err why;
    json result;
    bytes raw;
    enum status st = net_client_call(remote->net, "eth_signTransaction", tx_params(tx, &tmp),
                                     &result, &error, &tmp, &why);
    if (st != ST_OK)
        return fail(err, st, "eth_signTransaction: %s: %s", net_client_name(remote->net), why.text);
    if (json_is(result, JSON_OBJECT)) /* geth and clef: with the transaction in JSON beside it */
        result = json_get(result, "raw");
    if (eth_json_bytes(result, &raw, &tmp) != ST_OK)
        return fail(err, ST_INVALID, "%s: the signer's answer is no transaction",
                    net_client_name(remote->net));
    return take_signature(remote, raw, tx, tmp, err);
}

struct signer signer_of_remote(struct remote_signer *remote)
{
    return (struct signer){remote, remote->who, sign_elsewhere, NULL};
}

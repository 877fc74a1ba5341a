/* Transactions and their receipts, in blocks and in the pool. */
#include "rpc/internal.h"

/* A transaction in its block. */
struct found_tx {
    struct block_ref ref;
    usize index;
    struct stored_tx stored;
};

static enum status find_included(struct rpc_call *call, hash32 hash, struct found_tx *out)
{
    struct tx_location location;
    TRY(rpc_open(call));
    enum status st = snapshot_tx_location(&call->at, hash, &location);
    if (st == ST_MISSING && call->serve->layer != NULL &&
        layer_find_deposit(call->serve->layer, hash, &hash))
        st = snapshot_tx_location(&call->at, hash, &location);
    TRY(st);
    out->ref = location.block;
    out->index = location.index;
    return block_ref_tx(&call->at, &out->ref, out->index, &out->stored, &call->err);
}

static struct tx_place place_of(const struct found_tx *found)
{
    return (struct tx_place){&found->stored.header, found->ref.hash, found->index, NULL};
}

static enum status reply_found(struct rpc_call *call, const struct found_tx *found)
{
    struct tx_place place = place_of(found);
    put_tx(call->out, &found->stored.tx, &place);
    return ST_OK;
}

enum status eth_get_tx_by_hash(struct rpc_call *call)
{
    hash32 hash;
    struct found_tx found;
    struct tx pending;
    TRY(rpc_arg_hash(call, 0, &hash));
    enum status st = find_included(call, hash, &found);
    if (st == ST_OK)
        return reply_found(call, &found);
    if (st != ST_MISSING)
        return st;
    st = txpool_get(call->serve->pool, hash, &pending, NULL, NULL, &call->arena);
    if (st != ST_OK)
        return rpc_reply_null(call);
    put_tx(call->out, &pending, NULL);
    return ST_OK;
}

typedef enum status (*find_block)(struct rpc_call *call, usize index, struct block_ref *out);

/* ST_MISSING: no such block, or it has no transaction of that index. */
static enum status find_by_index(struct rpc_call *call, find_block find, struct found_tx *out)
{
    u64 index;
    TRY(rpc_arg_u64(call, 1, &index));
    TRY(find(call, 0, &out->ref));
    out->index = index;
    return block_ref_tx(&call->at, &out->ref, index, &out->stored, &call->err);
}

static enum status reply_by_index(struct rpc_call *call, find_block find)
{
    struct found_tx found;
    enum status st = find_by_index(call, find, &found);
    if (st == ST_MISSING)
        return rpc_reply_null(call);
    TRY(st);
    return reply_found(call, &found);
}

enum status eth_get_tx_by_number_and_index(struct rpc_call *call)
{
    return reply_by_index(call, rpc_arg_block_number);
}

enum status eth_get_tx_by_hash_and_index(struct rpc_call *call)
{
    return reply_by_index(call, rpc_arg_block_hash);
}

static enum status reply_raw_by_index(struct rpc_call *call, find_block find)
{
    struct found_tx found;
    enum status st = find_by_index(call, find, &found);
    if (st == ST_MISSING)
        return rpc_reply_null(call);
    TRY(st);
    return rpc_reply_bytes(call, found.stored.envelope);
}

enum status eth_get_raw_tx_by_number_and_index(struct rpc_call *call)
{
    return reply_raw_by_index(call, rpc_arg_block_number);
}

enum status eth_get_raw_tx_by_hash_and_index(struct rpc_call *call)
{
    return reply_raw_by_index(call, rpc_arg_block_hash);
}

enum status eth_get_raw_tx_by_hash(struct rpc_call *call)
{
    hash32 hash;
    struct found_tx found;
    struct tx pending;
    bytes envelope, network;
    TRY(rpc_arg_hash(call, 0, &hash));
    enum status st = find_included(call, hash, &found);
    if (st == ST_OK)
        return rpc_reply_bytes(call, found.stored.envelope);
    if (st != ST_MISSING)
        return st;
    st = txpool_get(call->serve->pool, hash, &pending, &envelope, &network, &call->arena);
    if (st != ST_OK)
        return rpc_reply_null(call);
    return rpc_reply_bytes(call, network.size > 0 ? network : envelope);
}

/* ST_MISSING: not in a block, or its receipt is not kept. */
enum status rpc_put_receipt_of(struct rpc_call *call, hash32 hash)
{
    struct found_tx found;
    TRY(find_included(call, hash, &found));
    if (!found.stored.has_receipt)
        return ST_MISSING;
    struct tx_place place = place_of(&found);
    struct child_attributes attributes;
    struct stored_tx first;
    if (chain_config(call->serve->chain)->child.on) {
        TRY(block_ref_tx(&call->at, &found.ref, 0, &first, &call->err));
        if (child_attributes_read(&first.tx, &attributes) == ST_OK)
            place.attributes = &attributes;
    }
    put_receipt(call->out, &found.stored.receipt, &found.stored.tx, &place,
                rpc_blob_fee(call, place.header), found.stored.first_log);
    return ST_OK;
}

enum status eth_get_tx_receipt(struct rpc_call *call)
{
    hash32 hash;
    TRY(rpc_arg_hash(call, 0, &hash));
    enum status st = rpc_put_receipt_of(call, hash);
    return st == ST_MISSING ? rpc_reply_null(call) : st;
}

/* --- In the pool. */

struct by_nonce {
    struct json_out *out;
    u64 nonce;
    bool found;
};

static bool put_if_nonce(void *self, const struct tx *tx, bool executable)
{
    struct by_nonce *search = self;
    (void)executable;
    search->found = tx->nonce == search->nonce;
    if (search->found)
        put_tx(search->out, tx, NULL);
    return !search->found;
}

/* The sender's nonce at each block bisects to the block that used this one. */
static enum status block_that_used(struct rpc_call *call, address who, u64 nonce, u64 *number)
{
    u64 low = 0, high = call->at.head->header.number;
    struct account account;
    while (low < high) {
        u64 middle = low + (high - low) / 2;
        TRY(snapshot_seek(&call->at, middle, &call->err));
        TRY(rpc_account(call, who, &account));
        if (account.nonce > nonce)
            high = middle;
        else
            low = middle + 1;
    }
    *number = low;
    return ST_OK;
}

enum status eth_get_tx_by_sender_and_nonce(struct rpc_call *call)
{
    address who;
    u64 nonce, number;
    struct account account;
    TRY(rpc_arg_address(call, 0, &who));
    TRY(rpc_arg_u64(call, 1, &nonce));
    TRY(rpc_open(call));
    TRY(rpc_account(call, who, &account));
    if (nonce >= account.nonce) {
        struct by_nonce search = {call->out, nonce, false};
        txpool_visit_sender(call->serve->pool, who, &search, put_if_nonce);
        return search.found ? ST_OK : rpc_reply_null(call);
    }
    struct block_ref ref;
    struct stored_block stored;
    TRY(block_that_used(call, who, nonce, &number));
    TRY(snapshot_ref_by_number(&call->at, number, &ref));
    TRY(block_ref_read(&call->at, &ref, &stored, &call->err));
    for (usize i = 0; i < stored.block.tx_count; i++) {
        const struct tx *tx = &stored.block.txs[i];
        struct tx_place place = {&stored.block.header, ref.hash, i, NULL};
        if (tx->nonce != nonce || !address_equal(tx->from, who))
            continue;
        put_tx(call->out, tx, &place);
        return ST_OK;
    }
    return rpc_reply_null(call); /* EIP-7702 authorizations use nonces as well */
}

struct own_pending {
    struct json_out *out;
    const struct keys *keys;
};

static bool put_if_own(void *self, const struct tx *tx, bool executable)
{
    struct own_pending *own = self;
    for (usize i = 0; executable && i < keys_count(own->keys); i++)
        if (address_equal(keys_address(own->keys, i), tx->from))
            put_tx(own->out, tx, NULL);
    return true;
}

/* Those of the accounts that the node holds keys of. */
enum status eth_pending_transactions(struct rpc_call *call)
{
    struct own_pending own = {call->out, call->serve->keys};
    json_open_array(call->out);
    if (own.keys != NULL)
        txpool_visit(call->serve->pool, &own, put_if_own);
    json_close_array(call->out);
    return ST_OK;
}

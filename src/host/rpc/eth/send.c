/* Transactions on their way in: raw, or made and signed here for unlocked accounts. */
#include "rpc/internal.h"

#include "base/rlp.h"
#include "blob/blob.h"
#include "crypto/sha256.h"
#include "sys/clock.h"
#include "sys/recover.h"

#include <time.h>

/* --- Raw transactions. */

/* EIP-4844, networking: 0x03 ‖ [transaction, blobs, commitments, proofs], and since EIP-7594
 * 0x03 ‖ [transaction, 1, blobs, commitments, cell proofs]. Wallets still send the first form after
 * Osaka, and geth takes it: so both are taken, and whichever proofs came are checked. */
struct sidecar {
    bytes payload; /* the transaction's list */
    struct blob *blobs;
    kzg_point *commitments, *proofs;
    usize blob_count, commitment_count, proof_count;
    bool has_cells;
};

/* Strings of one size, laid together. */
static enum status read_items(bytes *fields, usize size, void **items, usize *count,
                              struct arena *arena)
{
    bytes list, item;
    TRY(rlp_read_list(fields, &list));
    TRY(rlp_count(list, count));
    if (*count > list.size / size)
        return ST_INVALID;
    u8 *to = ARENA_TAKE(arena, u8, *count * size);
    *items = to;
    for (; list.size > 0; to += size) {
        TRY(rlp_read_bytes(&list, &item));
        if (item.size != size)
            return ST_INVALID;
        bytes_copy(to, item);
    }
    return ST_OK;
}

static enum status read_sidecar(bytes fields, struct sidecar *out, struct arena *arena)
{
    u64 version = 0;
    TRY(rlp_read_item(&fields, &out->payload));
    out->has_cells = !rlp_next_is_list(fields);
    if (out->has_cells)
        TRY(rlp_read_u64(&fields, &version));
    if (out->has_cells && version != 1)
        return ST_INVALID;
    void *blobs, *commitments, *proofs;
    TRY(read_items(&fields, sizeof(struct blob), &blobs, &out->blob_count, arena));
    TRY(read_items(&fields, sizeof(kzg_point), &commitments, &out->commitment_count, arena));
    TRY(read_items(&fields, sizeof(kzg_point), &proofs, &out->proof_count, arena));
    out->blobs = blobs;
    out->commitments = commitments;
    out->proofs = proofs;
    return rlp_read_end(fields);
}

/* Every cell of one blob against its 128 proofs. */
static enum status check_cells(const struct sidecar *sidecar, usize index, struct arena tmp,
                               bool *holds)
{
    struct blob_cell *cells = ARENA_TAKE(&tmp, struct blob_cell, BLOB_CELL_COUNT);
    kzg_point *commitments = ARENA_TAKE(&tmp, kzg_point, BLOB_CELL_COUNT);
    u64 indices[BLOB_CELL_COUNT];
    for (usize i = 0; i < BLOB_CELL_COUNT; i++) {
        indices[i] = i;
        commitments[i] = sidecar->commitments[index];
    }
    TRY(blob_cells(&sidecar->blobs[index], cells, NULL));
    return blob_check_cells(commitments, indices, cells, sidecar->proofs + index * BLOB_CELL_COUNT,
                            BLOB_CELL_COUNT, holds);
}

static enum status check_proofs(struct rpc_call *call, const struct sidecar *sidecar)
{
    bool holds = true;
    enum status st = ST_OK;
    if (!sidecar->has_cells)
        st = blob_check(sidecar->blobs, sidecar->commitments, sidecar->proofs, sidecar->blob_count,
                        &holds);
    for (usize i = 0; sidecar->has_cells && st == ST_OK && holds && i < sidecar->blob_count; i++)
        st = check_cells(sidecar, i, call->arena, &holds);
    if (st == ST_INVALID || (st == ST_OK && !holds))
        return rpc_refuse(call, RPC_SERVER,
                          "invalid blob proof: a blob is not what its commitment "
                          "says");
    return st;
}

/* That the sidecar is the one that the transaction's hashes name. */
static enum status check_sidecar(struct rpc_call *call, const struct tx *tx,
                                 const struct sidecar *sidecar)
{
    usize count = tx->blob_hash_count;
    usize proofs = sidecar->has_cells ? count * BLOB_CELL_COUNT : count;
    if (sidecar->blob_count != count || sidecar->commitment_count != count ||
        sidecar->proof_count != proofs)
        return rpc_refuse(call, RPC_SERVER,
                          "invalid number of blobs, commitments or proofs for %zu blob hashes",
                          count);
    for (usize i = 0; i < count; i++) {
        hash32 hash = sha256(BYTES_OF(sidecar->commitments[i]));
        hash.b[0] = 1; /* VERSIONED_HASH_VERSION_KZG */
        if (!hash32_equal(hash, tx->blob_hashes[i]))
            return rpc_refuse(call, RPC_SERVER, "blob %zu: versioned hash mismatch", i);
    }
    return check_proofs(call, sidecar);
}

/* The envelope as it goes into a block, out of either form. */
static enum status split_network_form(struct rpc_call *call, bytes raw, bytes *envelope,
                                      struct sidecar *sidecar, bool *has_sidecar)
{
    *envelope = raw;
    *has_sidecar = false;
    bytes at = bytes_slice(raw, 1, raw.size), fields;
    if (raw.size == 0 || raw.data[0] != TX_BLOB)
        return ST_OK;
    if (rlp_read_list(&at, &fields) != ST_OK || rlp_read_end(at) != ST_OK)
        return rpc_refuse(call, RPC_SERVER, "rlp: blob transaction is not one list");
    if (!rlp_next_is_list(fields))
        return ST_OK;
    if (read_sidecar(fields, sidecar, &call->arena) != ST_OK)
        return rpc_refuse(call, RPC_SERVER, "rlp: malformed blob sidecar");
    u8 *joined = ARENA_TAKE(&call->arena, u8, sidecar->payload.size + 1);
    joined[0] = TX_BLOB;
    bytes_copy(joined + 1, sidecar->payload);
    *envelope = (bytes){joined, sidecar->payload.size + 1};
    *has_sidecar = true;
    return ST_OK;
}

/* Its sender would be believed without a signature. The pool refuses it, too. */
static enum status refuse_deposit(struct rpc_call *call, const struct tx *tx)
{
    if (tx->type == TX_DEPOSIT)
        return rpc_refuse(call, RPC_SERVER,
                          "transaction type not supported: a deposit comes from "
                          "the parent chain alone");
    return ST_OK;
}

static enum status recover(struct rpc_call *call, struct tx *tx)
{
    u64 begun = clock_thread_ns();
    enum status st = recover_sender(tx, true, call->arena, &call->err);
    atomic_fetch_add_explicit(&call->rpc->recover_ns, clock_thread_ns() - begun,
                              memory_order_relaxed);
    return st;
}

static enum status refuse_as(struct rpc_call *call, const struct sequencer_refusal *refusal)
{
    bool fits = refusal->code >= INT32_MIN && refusal->code <= INT32_MAX && refusal->code != 0;
    return rpc_refuse(call, fits ? (int)refusal->code : RPC_SERVER, "%s", refusal->text);
}

/* To the sequencer, whose answer is the answer. Our own pool has it, too, for who asks here what is
 * pending; it may refuse it, being behind. */
static enum status forward(struct rpc_call *call, const struct tx *tx, bytes envelope,
                           bytes network)
{
    const struct rpc_services *serve = call->serve;
    struct sequencer_refusal refusal;
    struct err ignored;
    bytes raw = network.size > 0 ? network : envelope;
    enum status st = layer_forward(serve->layer, raw, tx->hash, &refusal, &call->err);
    if (st == ST_INVALID && refusal.said)
        return refuse_as(call, &refusal);
    if (st != ST_OK)
        return rpc_refuse(call, RPC_SERVER, "%s", call->err.text);
    (void)txpool_add(serve->pool, tx, envelope, network, serve->now_ms(), &ignored);
    return ST_OK;
}

/* A sequencer takes no more than it can keep its word for. */
static enum status add_to_pool(struct rpc_call *call, const struct tx *tx, bytes envelope,
                               bytes network)
{
    const struct rpc_services *serve = call->serve;
    char why[LAYER_WHY];
    enum layer_intake intake = serve->layer == NULL ? INTAKE_OWN : layer_intake(serve->layer);
    if (intake == INTAKE_NONE)
        return rpc_refuse(call, RPC_SERVER,
                          "this node follows the chain and is no sequencer, so it takes no "
                          "transactions: started with --sequencer URL it would pass them on");
    if (intake == INTAKE_FORWARD)
        return forward(call, tx, envelope, network);
    if (serve->layer != NULL && layer_is_behind(serve->layer, why))
        return rpc_refuse(call, RPC_SERVER, "no transactions are taken for now: %s", why);
    TRY(txpool_add(serve->pool, tx, envelope, network, serve->now_ms(), &call->err));
    serve->pool_grew(serve->node);
    return ST_OK;
}

/* Into the pool; *hash names it. */
static enum status accept_raw(struct rpc_call *call, bytes raw, hash32 *hash)
{
    struct tx tx;
    struct sidecar sidecar = {0};
    bool has_sidecar;
    bytes envelope;
    TRY(split_network_form(call, raw, &envelope, &sidecar, &has_sidecar));
    TRY(tx_decode(envelope, &tx, &call->arena, &call->err));
    TRY(refuse_deposit(call, &tx));
    if (tx.type == TX_BLOB) {
        if (!has_sidecar)
            return rpc_refuse(call, RPC_SERVER, "missing sidecar in blob transaction");
        TRY(check_sidecar(call, &tx, &sidecar));
    }
    TRY(recover(call, &tx));
    TRY(add_to_pool(call, &tx, envelope, has_sidecar ? raw : BYTES_EMPTY));
    *hash = tx.hash;
    return ST_OK;
}

enum status eth_send_raw_transaction(struct rpc_call *call)
{
    bytes raw;
    hash32 hash;
    TRY(rpc_arg_bytes(call, 0, &raw));
    TRY(accept_raw(call, raw, &hash));
    return rpc_reply_bytes(call, BYTES_OF(hash));
}

/* EIP-7966: answers with the receipt, once there is one. */
enum status eth_send_raw_transaction_sync(struct rpc_call *call)
{
    enum { DEFAULT_MS = 20000, MAX_MS = 60000, NOT_IN_TIME = 4 };
    bytes raw;
    hash32 hash;
    u64 timeout_ms = DEFAULT_MS;
    TRY(rpc_arg_bytes(call, 0, &raw));
    if (rpc_has_arg(call, 1))
        TRY(rpc_arg_u64(call, 1, &timeout_ms));
    timeout_ms = min_u64(timeout_ms, MAX_MS);
    TRY(accept_raw(call, raw, &hash));
    u64 start_ms = call->serve->now_ms();
    struct arena mark = call->arena;
    do {
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        enum status st = rpc_put_receipt_of(call, hash);
        if (st != ST_MISSING)
            return st;
        snapshot_close(&call->at); /* the next look is at a newer head */
        call->at_open = false;
        call->arena = mark;
    } while (call->serve->now_ms() - start_ms < timeout_ms);
    return rpc_refuse(call, NOT_IN_TIME,
                      "the transaction was added to the pool but wasn't "
                      "included in time");
}

/* --- Transactions made here. */

/* `next` is what the pool said before the state was opened; see eth_get_transaction_count. */
static enum status fill_nonce(struct rpc_call *call, struct message *message, u64 next)
{
    struct account account;
    if (message->has_nonce)
        return ST_OK;
    TRY(rpc_account(call, message->tx.from, &account));
    message->tx.nonce = max_u64(next, account.nonce);
    return ST_OK;
}

/* Twice the base fee, so that it outlasts six full blocks, as every wallet does. */
static enum status fill_fees(struct rpc_call *call, struct message *message)
{
    struct tx *tx = &message->tx;
    if (message->has_price)
        return ST_OK;
    u256 base_fee = rpc_next_base_fee(call, &call->at.head->header);
    if (!message->has_tip) {
        TRY(rpc_suggest_tip(call, &tx->max_priority_wei));
        if (message->has_max_fee)
            tx->max_priority_wei = u256_min(tx->max_priority_wei, tx->max_fee_wei);
    }
    if (!message->has_max_fee)
        tx->max_fee_wei = u256_add(u256_shl(base_fee, 1), tx->max_priority_wei);
    if (tx->type == TX_LEGACY || tx->type == TX_ACCESS_LIST) /* one price for both */
        tx->max_priority_wei = tx->max_fee_wei;
    return ST_OK;
}

/* Everything that the object left out. */
static enum status fill_message(struct rpc_call *call, struct message *message)
{
    if (!message->has_from)
        return rpc_refuse(call, RPC_BAD_PARAMS, "missing \"from\"");
    u64 next;
    if (txpool_next_nonce(call->serve->pool, message->tx.from, &next) != ST_OK)
        next = 0;
    TRY(rpc_open(call));
    TRY(fill_nonce(call, message, next));
    TRY(fill_fees(call, message));
    if (message->has_gas)
        return ST_OK;
    struct execution in = {.header = call->at.head->header, .view = snapshot_view(&call->at)};
    in.rules = rpc_rules(call, &in.header);
    struct message free = *message; /* judged by its gas alone; its fees by the pool */
    free.tx.max_fee_wei = U256_ZERO;
    free.tx.max_priority_wei = U256_ZERO;
    return rpc_estimate(call, &in, &free, &message->tx.gas_limit);
}

static enum status sign(struct rpc_call *call, struct tx *tx)
{
    const struct rpc_services *serve = call->serve;
    if (serve->impersonated != NULL && serve->impersonated(serve->node, tx->from)) {
        /* Nobody's signature: s is 0, which no key can make; r tells the sender, so that hashes
         * of different senders differ. */
        tx->r = u256_from_address(tx->from);
        tx->s = U256_ZERO;
        tx->y_parity = 0;
        tx_set_hash(tx, call->arena);
        return ST_OK;
    }
    enum status st = serve->keys == NULL ? ST_MISSING : keys_sign_tx(serve->keys, tx, call->arena);
    if (st == ST_MISSING)
        return rpc_refuse(call, RPC_SERVER, "unknown account %s",
                          hex_text(BYTES_OF(tx->from), &call->arena));
    return st;
}

enum status eth_send_transaction(struct rpc_call *call)
{
    struct message message;
    TRY(rpc_arg_message(call, 0, &message));
    if (message.tx.type == TX_BLOB)
        return rpc_refuse(call, RPC_SERVER, "blob transactions are sent raw, with their blobs");
    TRY(fill_message(call, &message));
    struct tx *tx = &message.tx;
    TRY(sign(call, tx));
    TRY(add_to_pool(call, tx, tx_encode(tx, &call->arena), BYTES_EMPTY));
    return rpc_reply_bytes(call, BYTES_OF(tx->hash));
}

static enum status reply_raw_and_tx(struct rpc_call *call, const struct tx *tx)
{
    json_open_object(call->out);
    put_member_bytes(call->out, "raw", tx_encode(tx, &call->arena));
    json_key(call->out, "tx");
    put_tx(call->out, tx, NULL);
    json_close_object(call->out);
    return ST_OK;
}

enum status eth_sign_transaction(struct rpc_call *call)
{
    struct message message;
    TRY(rpc_arg_message(call, 0, &message));
    TRY(fill_message(call, &message));
    TRY(sign(call, &message.tx));
    return reply_raw_and_tx(call, &message.tx);
}

enum status eth_fill_transaction(struct rpc_call *call)
{
    struct message message;
    TRY(rpc_arg_message(call, 0, &message));
    if (message.tx.type == TX_BLOB || !json_is(json_get(rpc_arg(call, 0), "blobs"), JSON_ABSENT))
        return rpc_refuse(call, RPC_SERVER, "blob transactions are not filled in here");
    TRY(fill_message(call, &message));
    tx_set_hash(&message.tx, call->arena);
    return reply_raw_and_tx(call, &message.tx);
}

/* --- Messages (EIP-191). */

static enum status reply_signature(struct rpc_call *call, address who, bytes message)
{
    struct signature made;
    const struct keys *keys = call->serve->keys;
    if (keys == NULL || keys_sign_hash(keys, who, keys_message_hash(message), &made) != ST_OK)
        return rpc_refuse(call, RPC_SERVER, "unknown account %s",
                          hex_text(BYTES_OF(who), &call->arena));
    u8 wire[65];
    u256_store_be(wire, made.r);
    u256_store_be(wire + 32, made.s);
    wire[64] = (u8)(27 + made.y_parity);
    return rpc_reply_bytes(call, BYTES_OF(wire));
}

enum status eth_sign(struct rpc_call *call)
{
    address who;
    bytes message;
    TRY(rpc_arg_address(call, 0, &who));
    TRY(rpc_arg_bytes(call, 1, &message));
    return reply_signature(call, who, message);
}

/* The same with its arguments the other way round. */
enum status personal_sign(struct rpc_call *call)
{
    address who;
    bytes message;
    TRY(rpc_arg_bytes(call, 0, &message));
    TRY(rpc_arg_address(call, 1, &who));
    return reply_signature(call, who, message);
}

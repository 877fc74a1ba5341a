/* Accounts, code, storage and proofs. */
#include "rpc/internal.h"

#include "crypto/keccak.h"

enum status eth_get_balance(struct rpc_call *call)
{
    address who;
    struct account account;
    TRY(rpc_arg_address(call, 0, &who));
    TRY(rpc_arg_state(call, 1));
    TRY(rpc_account(call, who, &account));
    return rpc_reply_u256(call, account.balance_wei);
}

/* The pool is asked before the state: a transaction that leaves it for a block is in the state by
 * then, so that none falls between the two. */
enum status eth_get_transaction_count(struct rpc_call *call)
{
    address who;
    struct account account;
    u64 next = 0;
    TRY(rpc_arg_address(call, 0, &who));
    if (rpc_arg_is_pending(call, 1) && txpool_next_nonce(call->serve->pool, who, &next) != ST_OK)
        next = 0;
    TRY(rpc_arg_state(call, 1));
    TRY(rpc_account(call, who, &account));
    return rpc_reply_u64(call, max_u64(next, account.nonce));
}

static enum status account_code(struct rpc_call *call, const struct account *account, bytes *out)
{
    *out = BYTES_EMPTY;
    if (hash32_equal(account->code_hash, EMPTY_CODE_HASH))
        return ST_OK;
    struct state_view view = snapshot_view(&call->at);
    return view.code(view.self, account->code_hash, out);
}

enum status eth_get_code(struct rpc_call *call)
{
    address who;
    struct account account;
    bytes code;
    TRY(rpc_arg_address(call, 0, &who));
    TRY(rpc_arg_state(call, 1));
    TRY(rpc_account(call, who, &account));
    TRY(account_code(call, &account, &code));
    return rpc_reply_bytes(call, code);
}

enum status eth_get_storage_at(struct rpc_call *call)
{
    address who;
    hash32 slot;
    u256 value;
    TRY(rpc_arg_address(call, 0, &who));
    TRY(rpc_read_slot(call, rpc_arg(call, 1), &slot));
    TRY(rpc_arg_state(call, 2));
    struct state_view view = snapshot_view(&call->at);
    TRY(view.storage(view.self, who, slot, &value));
    hash32 word = u256_to_hash(value);
    return rpc_reply_bytes(call, BYTES_OF(word));
}

/* {address: [slot, …], …} -> {address: [value, …], …} */
enum status eth_get_storage_values(struct rpc_call *call)
{
    enum { MAX_SLOTS = 1024 };
    json wanted = rpc_arg(call, 0), who_text, slots, ignored, slot_text;
    usize count = 0;
    for (struct json_walk at = json_begin(wanted); json_next(&at, &who_text, &slots);)
        count += json_count(slots);
    if (!json_is(wanted, JSON_OBJECT) || count == 0)
        return rpc_refuse(call, RPC_BAD_PARAMS, "empty request");
    if (count > MAX_SLOTS)
        return rpc_refuse(call, RPC_BAD_PARAMS, "too many slots (max %d)", MAX_SLOTS);
    TRY(rpc_arg_state(call, 1));
    struct state_view view = snapshot_view(&call->at);
    json_open_object(call->out);
    for (struct json_walk at = json_begin(wanted); json_next(&at, &who_text, &slots);) {
        address who;
        TRY(rpc_read_address(call, who_text, "address", &who));
        json_key(call->out, hex_text(BYTES_OF(who), &call->arena));
        json_open_array(call->out);
        for (struct json_walk in = json_begin(slots); json_next(&in, &ignored, &slot_text);) {
            hash32 slot;
            u256 value;
            TRY(rpc_read_slot(call, slot_text, &slot));
            TRY(view.storage(view.self, who, slot, &value));
            hash32 word = u256_to_hash(value);
            json_put_hex(call->out, BYTES_OF(word));
        }
        json_close_array(call->out);
    }
    json_close_object(call->out);
    return ST_OK;
}

/* As the trie has it; the storage root needs the account's leaf, which the flat state may lack. */
static enum status account_in_trie(struct rpc_call *call, address who, struct account *out,
                                   bytes **proof, usize *count)
{
    hash32 root;
    TRY(snapshot_state_root(&call->at, &root, &call->err));
    struct node_source nodes = snapshot_nodes(&call->at);
    hash32 key = keccak256(BYTES_OF(who));
    TRY(trie_prove(&nodes, (hash32){0}, root, key, proof, count, &call->arena, &call->err));
    bytes leaf;
    *out = account_new();
    if (trie_check_proof(root, key, *proof, *count, &leaf) != ST_OK)
        return fail(&call->err, ST_CORRUPT, "the state's own proof does not hold");
    return leaf.size == 0 ? ST_OK : account_decode(leaf, out);
}

static void put_proof(struct json_out *out, const char *key, const bytes *proof, usize count)
{
    json_key(out, key);
    json_open_array(out);
    for (usize i = 0; i < count; i++)
        json_put_hex(out, proof[i]);
    json_close_array(out);
}

static enum status put_slot_proof(struct rpc_call *call, address who, hash32 storage_root,
                                  json key_text)
{
    hash32 slot;
    u256 value;
    TRY(rpc_read_slot(call, key_text, &slot));
    struct node_source nodes = snapshot_nodes(&call->at);
    struct state_view view = snapshot_view(&call->at);
    TRY(view.storage(view.self, who, slot, &value));
    bytes *proof = NULL;
    usize count = 0;
    if (!hash32_equal(storage_root, EMPTY_TRIE_ROOT))
        TRY(trie_prove(&nodes, keccak256(BYTES_OF(who)), storage_root, keccak256(BYTES_OF(slot)),
                       &proof, &count, &call->arena, &call->err));
    json_open_object(call->out);
    json_key(call->out, "key");
    if (json_text(key_text, &call->arena).size == 2 + 64) /* as it was asked for, as geth does */
        json_put_hex(call->out, BYTES_OF(slot));
    else
        json_put_quantity(call->out, u256_from_hash(slot));
    put_member_u256(call->out, "value", value);
    put_proof(call->out, "proof", proof, count);
    json_close_object(call->out);
    return ST_OK;
}

enum status eth_get_proof(struct rpc_call *call)
{
    enum { MAX_KEYS = 1024 };
    address who;
    struct account account;
    bytes *proof;
    usize count;
    TRY(rpc_arg_address(call, 0, &who));
    json keys = rpc_arg(call, 1), ignored, key;
    if (json_count(keys) > MAX_KEYS)
        return rpc_refuse(call, RPC_BAD_PARAMS, "too many keys (max %d)", MAX_KEYS);
    TRY(rpc_arg_state(call, 2));
    enum status st = account_in_trie(call, who, &account, &proof, &count);
    if (st == ST_MISSING)
        return rpc_refuse(call, RPC_SERVER, "proofs of this block are beyond the window kept");
    TRY(st);
    json_open_object(call->out);
    put_member_address(call->out, "address", who);
    put_proof(call->out, "accountProof", proof, count);
    put_member_u256(call->out, "balance", account.balance_wei);
    put_member_hash(call->out, "codeHash", account.code_hash);
    put_member_u64(call->out, "nonce", account.nonce);
    put_member_hash(call->out, "storageHash", account.storage_root);
    json_key(call->out, "storageProof");
    json_open_array(call->out);
    for (struct json_walk at = json_begin(keys); json_next(&at, &ignored, &key);)
        TRY(put_slot_proof(call, who, account.storage_root, key));
    json_close_array(call->out);
    json_close_object(call->out);
    return ST_OK;
}

enum status eth_get_account(struct rpc_call *call)
{
    address who;
    struct account account;
    bytes *proof;
    usize count;
    TRY(rpc_arg_address(call, 0, &who));
    TRY(rpc_arg_state(call, 1));
    TRY(account_in_trie(call, who, &account, &proof, &count));
    json_open_object(call->out);
    put_member_hash(call->out, "codeHash", account.code_hash);
    put_member_hash(call->out, "storageRoot", account.storage_root);
    put_member_u256(call->out, "balance", account.balance_wei);
    put_member_u64(call->out, "nonce", account.nonce);
    json_close_object(call->out);
    return ST_OK;
}

enum status eth_get_account_info(struct rpc_call *call)
{
    address who;
    struct account account;
    bytes code;
    TRY(rpc_arg_address(call, 0, &who));
    TRY(rpc_arg_state(call, 1));
    TRY(rpc_account(call, who, &account));
    TRY(account_code(call, &account, &code));
    json_open_object(call->out);
    put_member_u256(call->out, "balance", account.balance_wei);
    put_member_u64(call->out, "nonce", account.nonce);
    put_member_bytes(call->out, "code", code);
    json_close_object(call->out);
    return ST_OK;
}

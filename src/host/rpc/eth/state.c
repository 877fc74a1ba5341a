/* Accounts, code, storage and proofs. */
#include "rpc/internal.h"

#include "base/rlp.h"
#include "crypto/keccak.h"
#include "layer/layer.h"
#include "layer/withdrawal.h"

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

/* An account as the state trie has it, with the proof. */
struct proven {
    struct account account;
    bytes *nodes;
    usize count;
};

/* As the trie has it; the storage root needs the account's leaf, which the flat state may lack. */
static enum status account_in_trie(struct rpc_call *call, address who, struct proven *out)
{
    hash32 root;
    TRY(snapshot_state_root(&call->at, &root, &call->err));
    struct node_source nodes = snapshot_nodes(&call->at);
    hash32 key = keccak256(BYTES_OF(who));
    TRY(trie_prove(&nodes, (hash32){0}, root, key, &out->nodes, &out->count, &call->arena,
                   &call->err));
    bytes leaf;
    out->account = account_new();
    if (trie_check_proof(root, key, out->nodes, out->count, &leaf) != ST_OK)
        return fail(&call->err, ST_CORRUPT, "the state's own proof does not hold");
    return leaf.size == 0 ? ST_OK : account_decode(leaf, &out->account);
}

/* On a child chain, blocks that claims are about can be proven for longer, as far as withdrawals
 * need it. */
static bool find_kept(struct rpc_call *call, const struct block_ref *ref, address who,
                      struct proven *out)
{
    struct kept_account kept;
    struct block_ref canonical;
    if (call->serve->layer == NULL || !address_equal(who, CHILD_MESSAGE_PASSER) ||
        snapshot_ref_by_number(&call->at, ref->number, &canonical) != ST_OK ||
        !hash32_equal(canonical.hash, ref->hash) ||
        layer_find_kept(call->serve->layer, ref->hash, &kept, &call->arena) != ST_OK)
        return false;
    *out = (struct proven){kept.account, kept.nodes, kept.count};
    return snapshot_seek_kept(&call->at, ref->number, &call->err) == ST_OK;
}

/* At the block that an argument names; the call's snapshot then has the nodes of its storage. */
static enum status prove_account(struct rpc_call *call, address who, usize index,
                                 struct proven *out)
{
    struct block_ref ref;
    TRY(rpc_arg_block(call, index, &ref));
    bool there = snapshot_seek(&call->at, ref.number, NULL) == ST_OK;
    if (!(there && snapshot_has_nodes(&call->at)) && find_kept(call, &ref, who, out))
        return ST_OK;
    TRY(rpc_seek_state(call, &ref));
    if (!snapshot_has_nodes(&call->at))
        return rpc_refuse(call, RPC_SERVER, "proofs of this block are beyond the window kept");
    return account_in_trie(call, who, out);
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
    u256 value = U256_ZERO;
    TRY(rpc_read_slot(call, key_text, &slot));
    struct node_source nodes = snapshot_nodes(&call->at);
    bytes *proof = NULL, leaf = BYTES_EMPTY;
    usize count = 0;
    hash32 key = keccak256(BYTES_OF(slot));
    if (!hash32_equal(storage_root, EMPTY_TRIE_ROOT)) {
        TRY(trie_prove(&nodes, keccak256(BYTES_OF(who)), storage_root, key, &proof, &count,
                       &call->arena, &call->err));
        TRY(trie_check_proof(storage_root, key, proof, count, &leaf));
    }
    if (leaf.size != 0)
        TRY(rlp_read_u256(&leaf, &value));
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
    struct proven proven;
    TRY(rpc_arg_address(call, 0, &who));
    json keys = rpc_arg(call, 1), ignored, key;
    if (json_count(keys) > MAX_KEYS)
        return rpc_refuse(call, RPC_BAD_PARAMS, "too many keys (max %d)", MAX_KEYS);
    TRY(prove_account(call, who, 2, &proven));
    const struct account *account = &proven.account;
    json_open_object(call->out);
    put_member_address(call->out, "address", who);
    put_proof(call->out, "accountProof", proven.nodes, proven.count);
    put_member_u256(call->out, "balance", account->balance_wei);
    put_member_hash(call->out, "codeHash", account->code_hash);
    put_member_u64(call->out, "nonce", account->nonce);
    put_member_hash(call->out, "storageHash", account->storage_root);
    json_key(call->out, "storageProof");
    json_open_array(call->out);
    for (struct json_walk at = json_begin(keys); json_next(&at, &ignored, &key);)
        TRY(put_slot_proof(call, who, account->storage_root, key));
    json_close_array(call->out);
    json_close_object(call->out);
    return ST_OK;
}

enum status eth_get_account(struct rpc_call *call)
{
    address who;
    struct proven proven;
    TRY(rpc_arg_address(call, 0, &who));
    TRY(prove_account(call, who, 1, &proven));
    const struct account *account = &proven.account;
    json_open_object(call->out);
    put_member_hash(call->out, "codeHash", account->code_hash);
    put_member_hash(call->out, "storageRoot", account->storage_root);
    put_member_u256(call->out, "balance", account->balance_wei);
    put_member_u64(call->out, "nonce", account->nonce);
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

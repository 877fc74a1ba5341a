#include "base/u256.h"
#include "evm/gas.h"
#include "stf/check.h"

struct tx_gas tx_gas(const struct rules *rules, const struct tx *tx)
{
    u64 zeros = 0;
    for (usize i = 0; i < tx->data.size; i++)
        zeros += tx->data.data[i] == 0;
    u64 others = tx->data.size - zeros;
    u64 per_other = rules->fork >= ISTANBUL ? GAS_TX_DATA_NONZERO : GAS_TX_DATA_NONZERO_FRONTIER;
    struct tx_gas gas = {.intrinsic = GAS_TX + zeros * GAS_TX_DATA_ZERO + others * per_other};
    if (tx->creates && rules->fork >= HOMESTEAD)
        gas.intrinsic += GAS_TX_CREATE;
    if (tx->creates && rules->fork >= SHANGHAI)
        gas.intrinsic += (tx->data.size + 31) / 32 * GAS_INITCODE_WORD;
    gas.intrinsic += tx->access_count * GAS_TX_ACCESS_ADDRESS;
    gas.intrinsic += tx_access_slot_count(tx) * GAS_TX_ACCESS_SLOT;
    gas.intrinsic += tx->authorization_count * GAS_TX_AUTHORIZATION;
    u64 per_token = rules->child.on ? GAS_TX_FLOOR_TOKEN_CHILD : GAS_TX_FLOOR_TOKEN;
    /* What a deposit carries is on the parent already, and paid for there: what the Inbox demands
     * as its least gas (minimumGasLimit) must be enough here. */
    if (rules->fork >= PRAGUE && tx->type != TX_DEPOSIT)
        gas.floor = GAS_TX + (zeros + others * TOKENS_PER_BYTE) * per_token;
    return gas;
}

static enum status check_type(const struct rules *rules, const struct tx *tx, struct err *err)
{
    static const enum fork since[] = {
        [TX_LEGACY] = FRONTIER, [TX_ACCESS_LIST] = BERLIN, [TX_DYNAMIC_FEE] = LONDON,
        [TX_BLOB] = CANCUN,     [TX_SET_CODE] = PRAGUE,
    };
    if (rules->fork < since[tx->type])
        return fail(err, ST_INVALID, "transaction type not supported: type %d begins with %s",
                    (int)tx->type, fork_name(since[tx->type]));
    if (tx->type == TX_BLOB && rules->child.on)
        return fail(err, ST_INVALID, "transaction type not supported: a child chain has no blobs");
    if (tx->type == TX_LEGACY && !tx->protected)
        return ST_OK;
    if (rules->fork < SPURIOUS)
        return fail(err, ST_INVALID, "signatures with a chain id begin with EIP-155");
    if (tx->chain_id != rules->chain_id)
        return fail(err, ST_INVALID, "invalid chain id: the transaction is for %lu, this is %lu",
                    tx->chain_id, rules->chain_id);
    return ST_OK;
}

static enum status check_blobs(const struct rules *rules, const struct tx *tx, struct err *err)
{
    if (tx->creates)
        return fail(err, ST_INVALID, "a blob transaction cannot create a contract");
    if (tx->blob_hash_count == 0)
        return fail(err, ST_INVALID, "a blob transaction needs at least one blob");
    if (tx->blob_hash_count > rules->blobs.max)
        return fail(err, ST_INVALID, "too many blobs: %lu, a block takes %lu", tx->blob_hash_count,
                    rules->blobs.max);
    if (rules->fork >= OSAKA && tx->blob_hash_count > MAX_TX_BLOBS)
        return fail(err, ST_INVALID, "too many blobs: %lu, a transaction takes %d",
                    tx->blob_hash_count, MAX_TX_BLOBS);
    for (usize i = 0; i < tx->blob_hash_count; i++)
        if (tx->blob_hashes[i].b[0] != 1)
            return fail(err, ST_INVALID, "blob hash %lu has version %d, not 1", i,
                        tx->blob_hashes[i].b[0]);
    return ST_OK;
}

static enum status check_gas(const struct rules *rules, const struct tx *tx, struct err *err)
{
    struct tx_gas gas = tx_gas(rules, tx);
    if (tx->gas_limit < gas.intrinsic)
        return fail(err, ST_INVALID, "intrinsic gas too low: have %lu, want %lu", tx->gas_limit,
                    gas.intrinsic);
    if (tx->gas_limit < gas.floor)
        return fail(err, ST_INVALID, "insufficient gas for floor data gas cost: have %lu, want %lu",
                    tx->gas_limit, gas.floor);
    if (rules->fork >= OSAKA && tx->gas_limit > MAX_TX_GAS)
        return fail(err, ST_INVALID, "transaction gas limit too high: %lu, at most %d",
                    tx->gas_limit, MAX_TX_GAS);
    u256 cost;
    if (u256_mul_overflow(u256_from_u64(tx->gas_limit), tx->max_fee_wei, &cost))
        return fail(err, ST_INVALID, "gas limit times price does not fit in 256 bits");
    return ST_OK;
}

enum status check_tx(const struct rules *rules, const struct tx *tx, struct err *err)
{
    if (tx->type == TX_DEPOSIT && !rules->child.on)
        return fail(err, ST_INVALID,
                    "transaction type not supported: only child chains have deposits");
    if (tx->type == TX_DEPOSIT) /* what else may be wrong with it lets it fail in its block */
        return ST_OK;
    TRY(check_type(rules, tx, err));
    if (tx->nonce == UINT64_MAX) /* EIP-2681: the next nonce must still fit in 64 bits */
        return fail(err, ST_INVALID, "nonce has max value");
    if (tx->creates && rules->fork >= SHANGHAI && tx->data.size > MAX_INITCODE_SIZE)
        return fail(err, ST_INVALID, "max initcode size exceeded: %lu bytes, at most %d",
                    tx->data.size, MAX_INITCODE_SIZE);
    if (u256_less(tx->max_fee_wei, tx->max_priority_wei))
        return fail(err, ST_INVALID, "max priority fee per gas higher than max fee per gas");
    if (tx->type == TX_BLOB)
        TRY(check_blobs(rules, tx, err));
    if (tx->type == TX_SET_CODE && tx->creates)
        return fail(err, ST_INVALID, "a set-code transaction cannot create a contract");
    if (tx->type == TX_SET_CODE && tx->authorization_count == 0)
        return fail(err, ST_INVALID, "a set-code transaction needs at least one authorization");
    return check_gas(rules, tx, err);
}

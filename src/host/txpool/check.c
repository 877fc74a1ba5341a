/* What can be said of a transaction without any state. Source: EIPs as cited; the words are those
 * of geth (core/error.go, core/txpool/errors.go), which tools match on. */
#include "txpool/txpool.h"

enum {
    MAX_TX_SIZE = 128 * 1024, /* geth's txMaxSize; blobs travel beside and are bounded by count */
    MAX_INITCODE_SIZE = 2 * 24576, /* EIP-3860 */
    MAX_TX_GAS_OSAKA = 1 << 24,    /* EIP-7825 */
    MAX_TX_BLOBS_OSAKA = 6,        /* EIP-7594 */
    VERSIONED_HASH_KZG = 1,
};

static const enum fork type_since[] = {
    [TX_LEGACY] = FRONTIER, [TX_ACCESS_LIST] = BERLIN, [TX_DYNAMIC_FEE] = LONDON,
    [TX_BLOB] = CANCUN,     [TX_SET_CODE] = PRAGUE,
};

static enum status check_type_and_chain(const struct rules *rules, const struct tx *tx,
                                        struct err *err)
{
    if (rules->fork < type_since[tx->type])
        return fail(err, ST_INVALID, "transaction type not supported");
    bool says_chain = tx->type != TX_LEGACY || tx->protected;
    if (says_chain && tx->chain_id != rules->chain_id)
        return fail(err, ST_INVALID, "invalid chain id for signer: have %lu want %lu", tx->chain_id,
                    rules->chain_id);
    return ST_OK;
}

static enum status check_blobs(const struct rules *rules, const struct tx *tx, struct err *err)
{
    if (tx->blob_hash_count == 0)
        return fail(err, ST_INVALID, "blob transaction missing blob hashes");
    u64 max = rules->blobs.max;
    if (rules->fork >= OSAKA)
        max = min_u64(max, MAX_TX_BLOBS_OSAKA);
    if (tx->blob_hash_count > max)
        return fail(err, ST_INVALID, "too many blobs in transaction: have %lu, permitted %lu",
                    tx->blob_hash_count, max);
    for (usize i = 0; i < tx->blob_hash_count; i++)
        if (tx->blob_hashes[i].b[0] != VERSIONED_HASH_KZG)
            return fail(err, ST_INVALID, "blob %lu has invalid hash version", i);
    return ST_OK;
}

static enum status check_kind(const struct txpool_head *head, const struct tx *tx, struct err *err)
{
    if (tx->type == TX_BLOB)
        return check_blobs(&head->rules, tx, err);
    if (tx->type == TX_SET_CODE && tx->authorization_count == 0)
        return fail(err, ST_INVALID, "EIP-7702 transaction with empty auth list");
    return ST_OK;
}

static u64 count_zeros(bytes data)
{
    u64 zeros = 0;
    for (usize i = 0; i < data.size; i++)
        zeros += data.data[i] == 0;
    return zeros;
}

/* Source: Yellow Paper, section 6.2; EIP-2, 2028, 2930, 3860, 7702. Bounded sizes cannot overflow.
 */
static u64 intrinsic_gas(const struct rules *rules, const struct tx *tx)
{
    u64 gas = 21000, zeros = count_zeros(tx->data), others = tx->data.size - zeros;
    gas += zeros * 4 + others * (rules->fork >= ISTANBUL ? 16 : 68);
    if (tx->creates && rules->fork >= HOMESTEAD)
        gas += 32000;
    if (tx->creates && rules->fork >= SHANGHAI)
        gas += (tx->data.size + 31) / 32 * 2;
    gas += tx->access_count * 2400 + tx_access_slot_count(tx) * 1900;
    return gas + tx->authorization_count * 25000;
}

/* EIP-7623: data pays at least this much. */
static u64 floor_gas(const struct rules *rules, const struct tx *tx)
{
    if (rules->fork < PRAGUE)
        return 0;
    u64 zeros = count_zeros(tx->data);
    return 21000 + 10 * (zeros + 4 * (tx->data.size - zeros));
}

static enum status check_gas(const struct txpool_head *head, const struct tx *tx, struct err *err)
{
    if (tx->gas_limit > head->gas_limit)
        return fail(err, ST_INVALID, "exceeds block gas limit");
    if (head->rules.fork >= OSAKA && tx->gas_limit > MAX_TX_GAS_OSAKA)
        return fail(err, ST_INVALID, "transaction gas limit too high (cap: %u, tx: %lu)",
                    MAX_TX_GAS_OSAKA, tx->gas_limit);
    u64 needed = intrinsic_gas(&head->rules, tx);
    if (tx->gas_limit < needed)
        return fail(err, ST_INVALID, "intrinsic gas too low: gas %lu, minimum needed %lu",
                    tx->gas_limit, needed);
    u64 floor = floor_gas(&head->rules, tx);
    if (tx->gas_limit < floor)
        return fail(err, ST_INVALID,
                    "insufficient gas for floor data gas cost: gas %lu, minimum needed %lu",
                    tx->gas_limit, floor);
    return ST_OK;
}

enum status txpool_check(const struct txpool_head *head, const struct tx *tx, usize envelope_size,
                         struct err *err)
{
    if (envelope_size > MAX_TX_SIZE)
        return fail(err, ST_INVALID, "oversized data: transaction size %lu, limit %u",
                    envelope_size, MAX_TX_SIZE);
    TRY(check_type_and_chain(&head->rules, tx, err));
    TRY(check_kind(head, tx, err));
    if (tx->nonce == UINT64_MAX) /* EIP-2681 */
        return fail(err, ST_INVALID, "nonce has max value");
    if (tx->creates && head->rules.fork >= SHANGHAI && tx->data.size > MAX_INITCODE_SIZE)
        return fail(err, ST_INVALID, "max initcode size exceeded: code size %lu limit %u",
                    tx->data.size, MAX_INITCODE_SIZE);
    if (u256_less(tx->max_fee_wei, tx->max_priority_wei))
        return fail(err, ST_INVALID, "max priority fee per gas higher than max fee per gas");
    return check_gas(head, tx, err);
}

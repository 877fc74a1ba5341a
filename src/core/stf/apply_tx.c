/* One transaction. Source: execution-specs, FORK/fork.py, check_transaction and
 * process_transaction. */
#include "stf/child.h"
#include "stf/internal.h"

void credit(struct stf *stf, address who, u256 wei)
{
    struct state_account *account = state_account(stf->state, who);
    if (stf->rules->fork >= SPURIOUS)
        state_touch(stf->state, account);
    else
        state_set_exists(stf->state, account);
    state_add_balance(stf->state, account, wei);
}

/* --- May it be here? */

static enum status check_fee_caps(const struct stf *stf, const struct tx *tx, struct err *err)
{
    if (u256_less(tx->max_fee_wei, stf->base_fee_wei))
        return fail(err, ST_INVALID, "max fee per gas less than block base fee");
    if (tx->type == TX_BLOB && u256_less(tx->max_blob_fee_wei, stf->blob_base_fee_wei))
        return fail(err, ST_INVALID, "max fee per blob gas less than block blob gas fee");
    return ST_OK;
}

bool worst_cost(const struct tx *tx, u256 *out)
{
    u256 gas, blobs, sum;
    return !u256_mul_overflow(u256_from_u64(tx->gas_limit), tx->max_fee_wei, &gas) &&
           !u256_mul_overflow(u256_from_u64(tx_blob_gas(tx)), tx->max_blob_fee_wei, &blobs) &&
           !u256_add_overflow(gas, blobs, &sum) && !u256_add_overflow(sum, tx->value_wei, out);
}

static enum status check_sender(struct stf *stf, const struct tx *tx, struct err *err)
{
    struct state_account *from = state_account(stf->state, tx->from);
    address delegate;
    if (tx->nonce < from->now.nonce)
        return fail(err, ST_INVALID, "nonce too low: next nonce %lu, tx nonce %lu", from->now.nonce,
                    tx->nonce);
    if (tx->nonce > from->now.nonce)
        return fail(err, ST_INVALID, "nonce too high: next nonce %lu, tx nonce %lu",
                    from->now.nonce, tx->nonce);
    if (!hash32_equal(from->now.code_hash, EMPTY_CODE_HASH) &&
        !state_delegation(stf->state, from, &delegate)) /* EIP-3607, EIP-7702 */
        return fail(err, ST_INVALID, "sender not an eoa");
    u256 cost;
    if (!worst_cost(tx, &cost) || u256_less(from->now.balance_wei, cost))
        return fail(err, ST_INVALID, "insufficient funds for gas * price + value");
    return ST_OK;
}

/* What it adds to the block's blob_gas_used: its blobs or, on a child chain, its bytes' weight. */
static u64 blob_gas_of(const struct stf *stf, const struct tx *tx)
{
    return stf->rules->child.on ? child_footprint(stf->rules, tx_encoded_size(tx))
                                : tx_blob_gas(tx);
}

static enum status check_room(const struct stf *stf, const struct tx *tx, struct err *err)
{
    if (tx->gas_limit > stf_gas_left(stf))
        return fail(err, ST_INVALID,
                    "gas limit reached: %lu is left in the block, the "
                    "transaction may take %lu",
                    stf_gas_left(stf), tx->gas_limit);
    if (tx->gas_limit > INT64_MAX) /* no header may have such a limit; the machine counts in i64 */
        return fail(err, ST_INVALID, "gas limit does not fit in 63 bits");
    if (blob_gas_of(stf, tx) > stf_blob_gas_left(stf))
        return fail(err, ST_INVALID, "no room for %lu %s in the block",
                    stf->rules->child.on ? tx_encoded_size(tx) : tx->blob_hash_count,
                    stf->rules->child.on ? "bytes" : "blobs");
    return ST_OK;
}

/* --- Running it. */

/* EIP-7702: sets the code of whoever signed for it. An authorization that does not hold is passed
 * over. */
static void apply_authorization(struct stf *stf, const struct authorization *auth)
{
    struct state *state = stf->state;
    address authority, delegate;
    if (!u256_is_zero(auth->chain_id) &&
        !u256_equal(auth->chain_id, u256_from_u64(stf->rules->chain_id)))
        return;
    if (auth->nonce == UINT64_MAX || authorization_recover(auth, &authority) != ST_OK)
        return;
    struct state_account *account = state_account(state, authority);
    state_warm_account(state, account);
    if (!hash32_equal(account->now.code_hash, EMPTY_CODE_HASH) &&
        !state_delegation(state, account, &delegate))
        return;
    if (account->now.nonce != auth->nonce)
        return;
    if (account->now.exists)
        state_add_refund(state, GAS_TX_AUTHORIZATION - GAS_TX_AUTHORIZATION_BASE);
    u8 designator[23] = {0xef, 0x01, 0x00};
    memcpy(designator + 3, auth->who.b, sizeof(auth->who.b));
    state_set_code(state, account, address_is_zero(auth->who) ? BYTES_EMPTY : BYTES_OF(designator));
    state_set_nonce(state, account, auth->nonce + 1);
}

/* EIP-2930, EIP-3651: what is warm before the first instruction. */
static void warm_up(struct stf *stf, const struct tx *tx, address to)
{
    struct state *state = stf->state;
    if (stf->rules->fork < BERLIN)
        return;
    state_warm_account(state, state_account(state, tx->from));
    state_warm_account(state, state_account(state, to));
    if (stf->rules->fork >= SHANGHAI)
        state_warm_account(state, state_account(state, stf->header->beneficiary));
    for (usize i = 0; i < tx->access_count; i++) {
        struct state_account *account = state_account(state, tx->access[i].who);
        state_warm_account(state, account);
        for (usize j = 0; j < tx->access[i].slot_count; j++)
            state_warm_slot(state,
                            state_slot(state, account, u256_from_hash(tx->access[i].slots[j])));
    }
}

struct tx_outcome run_tx(struct stf *stf, const struct tx *tx, u256 price_wei)
{
    struct tx_gas gas = tx_gas(stf->rules, tx);
    u64 nonce = state_account(stf->state, tx->from)->now.nonce; /* already taken */
    address to = tx->creates ? evm_create_address(tx->from, nonce - 1) : tx->to;
    struct evm_tx_env env = {tx->from, price_wei, tx->blob_hashes, tx->blob_hash_count};
    struct evm_message message = {
        .creates = tx->creates,
        .caller = tx->from,
        .to = to,
        .value_wei = tx->value_wei,
        .input = tx->data,
        .gas = (i64)(tx->gas_limit - gas.intrinsic),
    };
    warm_up(stf, tx, to);
    for (usize i = 0; i < tx->authorization_count; i++)
        apply_authorization(stf, &tx->authorizations[i]);
    evm_set_tx(stf->evm, &env);
    struct tx_outcome out = {.result = evm_run(stf->evm, &message)};
    u64 spent = tx->gas_limit - (u64)out.result.gas_left;
    u64 most = spent / (stf->rules->fork >= LONDON ? 5 : 2); /* EIP-3529 */
    i64 refund = state_refund(stf->state);
    u64 used = spent - min_u64(refund > 0 ? (u64)refund : 0, most);
    out.gas_used = max_u64(used, gas.floor);
    out.gas_spent_at_most = max_u64(spent, gas.floor);
    return out;
}

/* --- Its traces. */

void make_receipt(struct stf *stf, const struct tx *tx, const struct tx_outcome *outcome, u64 nonce,
                  struct receipt *receipt)
{
    usize count;
    const struct log *logs = state_logs(stf->state, &count);
    *receipt = (struct receipt){
        .type = tx->type,
        .succeeded = evm_succeeded(outcome->result.halt),
        .cumulative_gas = stf->gas_used,
        .gas_used = outcome->gas_used,
        .log_count = count,
        .created = tx->creates,
    };
    receipt->logs = ARENA_TAKE(stf->arena, struct log, count);
    if (count > 0)
        memcpy(receipt->logs, logs, count * sizeof(struct log));
    bloom_add_logs(&receipt->bloom, receipt->logs, count);
    if (tx->creates)
        receipt->contract = evm_create_address(tx->from, nonce);
    if (tx->type == TX_DEPOSIT)
        receipt->deposit_nonce = nonce;
}

/* The base fee is burnt; on a child chain, whose ether lies in escrow on the parent, it is kept. */
static void pay_fees(struct stf *stf, u64 gas_used, u256 price_wei)
{
    u256 gas = u256_from_u64(gas_used), tip = u256_sub(price_wei, stf->base_fee_wei);
    credit(stf, stf->header->beneficiary, u256_mul(gas, tip));
    if (stf->rules->child.on)
        credit(stf, CHILD_BASE_FEE_VAULT, u256_mul(gas, stf->base_fee_wei));
}

enum status stf_apply_tx(struct stf *stf, const struct tx *given, struct receipt *receipt,
                         struct err *err)
{
    struct state *state = stf->state;
    struct tx recovered = *given;
    const struct tx *tx = given;
    TRY(check_tx(stf->rules, tx, err));
    if (tx->type == TX_DEPOSIT)
        return apply_deposit(stf, tx, receipt, err);
    if (!tx->from_known) {
        TRY(tx_recover(&recovered, stf->rules->fork >= HOMESTEAD, *stf->arena, err));
        tx = &recovered;
    }
    TRY(check_room(stf, tx, err));
    TRY(check_fee_caps(stf, tx, err));
    TRY(check_sender(stf, tx, err));
    TRY(state_status(state));

    u256 price = tx_effective_price(tx, stf->base_fee_wei);
    u256 blob_fee = u256_mul(u256_from_u64(tx_blob_gas(tx)), stf->blob_base_fee_wei);
    struct state_account *from = state_account(state, tx->from);
    state_begin_tx(state);
    state_set_nonce(state, from, tx->nonce + 1);
    state_take_balance(state, from, u256_mul(u256_from_u64(tx->gas_limit), price));
    state_take_balance(state, from, blob_fee);
    struct tx_outcome outcome = run_tx(stf, tx, price);

    u64 unused = tx->gas_limit - outcome.gas_used;
    state_add_balance(state, from, u256_mul(u256_from_u64(unused), price));
    pay_fees(stf, outcome.gas_used, price);
    state_end_tx(state, stf->rules->fork >= SPURIOUS);
    stf->gas_used += outcome.gas_used;
    stf->blob_gas_used += blob_gas_of(stf, tx);
    make_receipt(stf, tx, &outcome, tx->nonce, receipt);
    return state_status(state);
}

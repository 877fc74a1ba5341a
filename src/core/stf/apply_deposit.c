/* Deposits: what the parent chain says has to happen here, paid for there. Whatever a deposit does,
 * it is in its block, its mint stays and its sender's nonce rises.
 * Source: OP specs, protocol/deposits.md, "Execution", as since Regolith and Canyon; where they say
 * "non-EVM state-transition error", op-geth, core/state_transition.go. */
#include "evm/gas.h"
#include "stf/child.h"
#include "stf/internal.h"

/* Otherwise it fails before its first instruction. Neither nonce, nor fees, nor code of the sender
 * (EIP-3607) is looked at. */
static bool may_run(const struct stf *stf, const struct tx *tx, const struct state_account *from)
{
    struct tx_gas gas = tx_gas(stf->rules, tx);
    return !tx->is_system && tx->gas_limit >= max_u64(gas.intrinsic, gas.floor) &&
           !u256_less(from->now.balance_wei, tx->value_wei) &&
           !(tx->creates && tx->data.size > MAX_INITCODE_SIZE);
}

enum status apply_deposit(struct stf *stf, const struct tx *tx, struct receipt *receipt,
                          struct err *err)
{
    struct state *state = stf->state;
    u64 most = child_deposit_gas(stf->rules, tx);
    if (most > stf_gas_left(stf))
        return fail(err, ST_INVALID,
                    "gas limit reached: %lu is left in the block, the deposit may take %lu",
                    stf_gas_left(stf), most);
    struct state_account *from = state_account(state, tx->from);
    TRY(state_status(state));
    u64 nonce = from->now.nonce;
    state_begin_tx(state);
    state_add_balance(state, from, tx->mint_wei);
    state_set_nonce(state, from, nonce + 1);
    struct tx_outcome outcome = {.result = {.halt = EVM_OUT_OF_GAS}, .gas_used = most};
    if (may_run(stf, tx, from))
        outcome = run_tx(stf, tx, U256_ZERO);
    state_end_tx(state, stf->rules->fork >= SPURIOUS);
    stf->gas_used += outcome.gas_used;
    make_receipt(stf, tx, &outcome, nonce, receipt);
    return state_status(state);
}

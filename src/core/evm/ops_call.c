/* Operations that make frames and end them. They judge and charge; call.c does the rest. */
#include "crypto/keccak.h"
#include "evm/internal.h"

enum {
    CREATE = 0xf0,
    CALL = 0xf1,
    CALLCODE = 0xf2,
    DELEGATECALL = 0xf4,
    CREATE2 = 0xf5,
    STATICCALL = 0xfa
};

/* EIP-150: a frame keeps a 64th of its gas. */
static i64 all_but_a_64th(const struct frame *f)
{
    return evm_has(f, TANGERINE) ? f->gas - f->gas / 64 : f->gas;
}

/* --- Calls. */

struct call_ranges {
    u256 in, in_size, out, out_size;
};

/* Price of reaching the account, and of the delegation that its code may be (EIP-7702). */
static bool charge_access(struct frame *f, struct pending_call *call)
{
    struct state *state = f->evm->state;
    i64 price = evm_has(f, TANGERINE) ? 700 : 40;
    if (evm_has(f, BERLIN))
        price = account_access_cost(f, call->code_from);
    if (!charge(f, price))
        return false;
    address delegate;
    if (!evm_has(f, PRAGUE) || !state_delegation(state, call->code_from, &delegate))
        return true;
    call->is_delegated = true;
    call->code_from = state_account(state, delegate);
    return charge(f, account_access_cost(f, call->code_from));
}

/* Price of moving value, and of the account that a CALL may bring into being. */
static bool charge_value(struct frame *f, const struct pending_call *call,
                         const struct state_account *to)
{
    bool has_value = !u256_is_zero(call->value_wei);
    if (call->opcode != DELEGATECALL && has_value && !charge(f, GAS_CALL_VALUE))
        return false;
    if (call->opcode != CALL)
        return true;
    bool is_new = evm_has(f, SPURIOUS) ? has_value && state_is_dead(to) : !to->now.exists;
    return !is_new || charge(f, GAS_NEW_ACCOUNT);
}

/* Splits off the callee's gas. */
static bool charge_call_gas(struct frame *f, u256 requested, struct pending_call *call)
{
    i64 most = all_but_a_64th(f);
    bool more = !u256_fits_u64(requested) || requested.w[0] > (u64)most;
    if (more && !evm_has(f, TANGERINE))
        return false;
    call->gas = more ? most : (i64)requested.w[0];
    f->gas -= call->gas;
    if (call->opcode != DELEGATECALL && !u256_is_zero(call->value_wei))
        call->gas += GAS_CALL_STIPEND;
    return true;
}

static enum evm_halt begin_call(struct frame *f, struct pending_call call, struct call_ranges at)
{
    struct state_account *to = call.code_from;
    f->gas = memory_range(f, at.in, at.in_size, f->gas);
    if (f->gas < 0)
        return EVM_OUT_OF_GAS;
    f->gas = memory_range(f, at.out, at.out_size, f->gas);
    if (f->gas < 0 || !charge_access(f, &call) || !charge_value(f, &call, to) ||
        !charge_call_gas(f, f->top[0], &call))
        return EVM_OUT_OF_GAS;
    call.input = memory_bytes(f, at.in, at.in_size);
    call.return_to = at.out.w[0];
    call.return_size = at.out_size.w[0];
    f->evm->call = call;
    return EVM_CALLING;
}

/* The account that the second operand names. */
static struct state_account *callee(struct frame *f)
{
    return state_account(f->evm->state, u256_to_address(f->top[-1]));
}

SLOW_BODY(CALL)
{
    const u256 *top = f->top;
    if (f->is_static && !u256_is_zero(top[-2]))
        return EVM_STATIC_WRITE;
    struct state_account *to = callee(f);
    struct pending_call call = {
        .opcode = CALL,
        .is_static = f->is_static,
        .moves_value = true,
        .self = to,
        .code_from = to,
        .precompile = to->who,
        .caller = f->self->who,
        .value_wei = top[-2],
    };
    return begin_call(f, call, (struct call_ranges){top[-3], top[-4], top[-5], top[-6]});
}

SLOW_BODY(CALLCODE)
{
    const u256 *top = f->top;
    struct state_account *to = callee(f);
    struct pending_call call = {
        .opcode = CALLCODE,
        .is_static = f->is_static,
        .moves_value = true, /* to itself: the balance must be there */
        .self = f->self,
        .code_from = to,
        .precompile = to->who,
        .caller = f->self->who,
        .value_wei = top[-2],
    };
    return begin_call(f, call, (struct call_ranges){top[-3], top[-4], top[-5], top[-6]});
}

SLOW_BODY(DELEGATECALL)
{
    const u256 *top = f->top;
    struct state_account *to = callee(f);
    struct pending_call call = {
        .opcode = DELEGATECALL,
        .is_static = f->is_static,
        .self = f->self,
        .code_from = to,
        .precompile = to->who,
        .caller = f->caller,
        .value_wei = f->value_wei,
    };
    return begin_call(f, call, (struct call_ranges){top[-2], top[-3], top[-4], top[-5]});
}

SLOW_BODY(STATICCALL)
{
    const u256 *top = f->top;
    struct state_account *to = callee(f);
    struct pending_call call = {
        .opcode = STATICCALL,
        .is_static = true,
        .self = to,
        .code_from = to,
        .precompile = to->who,
        .caller = f->self->who,
    };
    return begin_call(f, call, (struct call_ranges){top[-2], top[-3], top[-4], top[-5]});
}

/* --- Creations. */

static enum evm_halt begin_create(struct frame *f, u8 opcode, u256 value_wei, u256 offset,
                                  u256 size, const u256 *salt)
{
    if (f->is_static)
        return EVM_STATIC_WRITE;
    f->gas = memory_range(f, offset, size, f->gas);
    if (f->gas < 0)
        return EVM_OUT_OF_GAS;
    bytes init_code = memory_bytes(f, offset, size);
    i64 word_price = salt != NULL ? GAS_KECCAK_WORD : 0;
    if (evm_has(f, SHANGHAI)) { /* EIP-3860 */
        if (init_code.size > MAX_INITCODE_SIZE)
            return EVM_CODE_SIZE;
        word_price += GAS_INITCODE_WORD;
    }
    if (!charge(f, word_price * words(init_code.size)))
        return EVM_OUT_OF_GAS;
    address to = salt != NULL ? evm_create2_address(f->self->who, u256_to_hash(*salt), init_code)
                              : evm_create_address(f->self->who, f->self->now.nonce);
    struct state_account *created = state_account(f->evm->state, to);
    f->evm->call = (struct pending_call){
        .opcode = opcode,
        .creates = true,
        .moves_value = true,
        .self = created,
        .caller = f->self->who,
        .value_wei = value_wei,
        .input = init_code,
        .gas = all_but_a_64th(f),
    };
    f->gas -= f->evm->call.gas;
    return EVM_CALLING;
}

SLOW_BODY(CREATE)
{
    const u256 *top = f->top;
    return begin_create(f, CREATE, top[0], top[-1], top[-2], NULL);
}

SLOW_BODY(CREATE2)
{
    const u256 *top = f->top;
    return begin_create(f, CREATE2, top[0], top[-1], top[-2], &top[-3]);
}

/* --- Ends. */

static enum evm_halt end_with_output(struct frame *f, enum evm_halt halt)
{
    f->gas = memory_range(f, f->top[0], f->top[-1], f->gas);
    if (f->gas < 0)
        return EVM_OUT_OF_GAS;
    f->output = memory_bytes(f, f->top[0], f->top[-1]);
    return halt;
}

SLOW_BODY(RETURN)
{
    return end_with_output(f, EVM_RETURN);
}

SLOW_BODY(REVERT)
{
    return end_with_output(f, EVM_REVERT);
}

/* Price of sending the balance to `heir`, which may come into being by it. */
static i64 selfdestruct_price(struct frame *f, struct state_account *heir)
{
    i64 price = 0;
    if (evm_has(f, TANGERINE)) {
        bool is_new = !heir->now.exists;
        if (evm_has(f, SPURIOUS))
            is_new = state_is_dead(heir) && !u256_is_zero(f->self->now.balance_wei);
        price = GAS_SELFDESTRUCT + (is_new ? GAS_NEW_ACCOUNT : 0);
    }
    if (evm_has(f, BERLIN) && account_access_cost(f, heir) != GAS_WARM)
        price += GAS_COLD_ACCOUNT; /* a warm heir costs nothing more */
    return price;
}

SLOW_BODY(SELFDESTRUCT)
{
    struct state *state = f->evm->state;
    if (f->is_static)
        return EVM_STATIC_WRITE;
    struct state_account *heir = state_account(state, u256_to_address(f->top[0]));
    if (!charge(f, selfdestruct_price(f, heir)))
        return EVM_OUT_OF_GAS;
    u256 balance = f->self->now.balance_wei;
    bool deletes = !evm_has(f, CANCUN) || state_was_created(state, f->self); /* EIP-6780 */
    if (evm_has(f, SPURIOUS))
        state_touch(state, heir);
    else
        state_set_exists(state, heir);
    state_take_balance(state, f->self, balance);
    if (heir != f->self || !deletes) /* sent to itself by what is deleted, it is burnt */
        state_add_balance(state, heir, balance);
    if (deletes && state_destruct(state, f->self) && !evm_has(f, LONDON))
        state_add_refund(state, REFUND_SELFDESTRUCT);
    return EVM_STOP;
}

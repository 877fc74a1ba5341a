/* eth_call, eth_estimateGas, eth_createAccessList. */
#include "rpc/internal.h"

/* Gas that is not given, or too much, becomes the cap; fees stay zero, and nobody pays. */
static void cap_gas(struct message *message)
{
    if (!message->has_gas || message->tx.gas_limit > RPC_CALL_GAS)
        message->tx.gas_limit = RPC_CALL_GAS;
}

/* A tip alone is what is paid on top of nothing: geth takes the base fee along. */
static void complete_fees(const struct execution *in, struct message *message)
{
    if (message->has_tip && !message->has_max_fee)
        message->tx.max_fee_wei = u256_add(in->header.base_fee_wei, message->tx.max_priority_wei);
}

enum status eth_call(struct rpc_call *call)
{
    struct message message;
    struct execution in;
    struct stf_call_result result;
    TRY(rpc_arg_message(call, 0, &message));
    TRY(rpc_arg_execution(call, 1, &in));
    cap_gas(&message);
    complete_fees(&in, &message);
    rpc_fund_nobody(call, &message, &in);
    TRY(rpc_execute(call, &in, &message.tx, NULL, &result));
    if (!evm_succeeded(result.halt))
        return rpc_refuse_halt(call, &result);
    return rpc_reply_bytes(call, result.output);
}

/* A transaction that is estimated on the newest block will be in the next one at the earliest:
 * contracts that look at the number (a price that falls from block to block) need gas for that. */
static void look_ahead(const struct rpc_call *call, struct execution *in)
{
    if (in->header.number == call->at.head->header.number) {
        in->header.number++;
        in->header.timestamp += !in->rules.child.on;
    }
}

enum status eth_estimate_gas(struct rpc_call *call)
{
    struct message message;
    struct execution in;
    u64 gas;
    TRY(rpc_arg_message(call, 0, &message));
    TRY(rpc_arg_execution(call, 1, &in));
    complete_fees(&in, &message);
    rpc_fund_nobody(call, &message, &in);
    look_ahead(call, &in);
    TRY(rpc_estimate(call, &in, &message, &gas));
    return rpc_reply_u64(call, gas);
}

/* --- eth_createAccessList: run, note what is touched, declare it, run again until it is the same
 * list. Source: geth, eth/tracers/logger/access_list_tracer.go. */

enum { MAX_TOUCHED = 4096, MAX_ROUNDS = 16 };

struct touched {
    address who;
    bool has_slot;
    hash32 slot;
};

struct access_tracer {
    const struct rules *rules;
    address from, to;
    struct touched *list;
    usize count;
    bool overflowed;
};

static void touch(struct access_tracer *tracer, struct touched what)
{
    bool known = evm_is_precompile(tracer->rules, what.who);
    if (!what.has_slot)
        known =
            known || address_equal(what.who, tracer->from) || address_equal(what.who, tracer->to);
    for (usize i = 0; !known && i < tracer->count; i++) {
        const struct touched *each = &tracer->list[i];
        known = each->has_slot == what.has_slot && address_equal(each->who, what.who) &&
                (!what.has_slot || hash32_equal(each->slot, what.slot));
    }
    if (known)
        return;
    if (tracer->count == MAX_TOUCHED)
        tracer->overflowed = true;
    else
        tracer->list[tracer->count++] = what;
}

static void access_step(void *self, const struct evm_step *step)
{
    enum { BALANCE = 0x31, EXTCODESIZE = 0x3b, EXTCODECOPY = 0x3c, EXTCODEHASH = 0x3f };
    enum { SLOAD = 0x54, SSTORE = 0x55, CALL = 0xf1, CALLCODE = 0xf2, DELEGATECALL = 0xf4 };
    enum { STATICCALL = 0xfa, SELFDESTRUCT = 0xff };
    struct access_tracer *tracer = self;
    switch (step->opcode) {
    case SLOAD:
    case SSTORE:
        if (step->stack_count >= 1)
            touch(tracer, (struct touched){step->self, true, u256_to_hash(step->top[0])});
        break;
    case BALANCE:
    case EXTCODESIZE:
    case EXTCODECOPY:
    case EXTCODEHASH:
    case SELFDESTRUCT:
        if (step->stack_count >= 1)
            touch(tracer, (struct touched){u256_to_address(step->top[0]), false, {{0}}});
        break;
    case CALL:
    case CALLCODE:
    case DELEGATECALL:
    case STATICCALL:
        if (step->stack_count >= 2)
            touch(tracer, (struct touched){u256_to_address(step->top[-1]), false, {{0}}});
        break;
    default:
        break;
    }
}

/* Groups what was touched by address, in order of the first touch. */
static void list_touched(const struct access_tracer *tracer, struct tx *tx, struct arena *arena)
{
    struct access_entry *entries = ARENA_NEW(arena, struct access_entry, tracer->count);
    usize count = 0;
    for (usize i = 0; i < tracer->count; i++) {
        bool listed = false;
        for (usize k = 0; k < count; k++)
            listed = listed || address_equal(entries[k].who, tracer->list[i].who);
        if (listed)
            continue;
        struct access_entry *entry = &entries[count++];
        hash32 *slots = ARENA_TAKE(arena, hash32, tracer->count - i);
        entry->who = tracer->list[i].who;
        entry->slots = slots;
        for (usize k = i; k < tracer->count; k++)
            if (tracer->list[k].has_slot && address_equal(tracer->list[k].who, entry->who))
                slots[entry->slot_count++] = tracer->list[k].slot;
    }
    tx->access = entries;
    tx->access_count = count;
}

/* What the transaction already declares counts as touched. */
static void touch_declared(struct access_tracer *tracer, const struct tx *tx)
{
    for (usize i = 0; i < tx->access_count; i++) {
        touch(tracer, (struct touched){tx->access[i].who, false, {{0}}});
        for (usize k = 0; k < tx->access[i].slot_count; k++)
            touch(tracer, (struct touched){tx->access[i].who, true, tx->access[i].slots[k]});
    }
}

static enum status run_until_stable(struct rpc_call *call, const struct execution *in,
                                    struct tx *tx, struct stf_call_result *result)
{
    struct access_tracer tracer = {.rules = &in->rules, .from = tx->from, .to = tx->to};
    if (tx->creates) {
        struct account from;
        enum status st = in->view.account(in->view.self, tx->from, &from);
        tracer.to = evm_create_address(tx->from, st == ST_OK ? from.nonce : 0);
    }
    tracer.list = ARENA_TAKE(&call->arena, struct touched, MAX_TOUCHED);
    touch_declared(&tracer, tx);
    struct evm_tracer hooks = {.self = &tracer, .step = access_step};
    struct arena mark = call->arena;
    usize before, rounds = 0;
    do {
        before = tracer.count;
        call->arena = mark; /* of the last round only its list is wanted, and that grew */
        list_touched(&tracer, tx, &call->arena);
        TRY(rpc_execute(call, in, tx, &hooks, result));
        if (tracer.overflowed)
            return rpc_refuse(call, RPC_SERVER, "more than %d accounts and slots are touched",
                              MAX_TOUCHED);
    } while (tracer.count > before && ++rounds < MAX_ROUNDS); /* code may touch more each time */
    return ST_OK;
}

enum status eth_create_access_list(struct rpc_call *call)
{
    struct message message;
    struct execution in;
    struct stf_call_result result;
    TRY(rpc_arg_message(call, 0, &message));
    TRY(rpc_arg_execution(call, 1, &in));
    cap_gas(&message);
    complete_fees(&in, &message);
    TRY(run_until_stable(call, &in, &message.tx, &result));
    json_open_object(call->out);
    json_key(call->out, "accessList");
    put_access_list(call->out, message.tx.access, message.tx.access_count);
    if (!evm_succeeded(result.halt)) {
        json_key(call->out, "error");
        json_put_cstr(call->out, evm_halt_name(result.halt));
    }
    put_member_u64(call->out, "gasUsed", result.gas_used);
    json_close_object(call->out);
    return ST_OK;
}

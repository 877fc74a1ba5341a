/* Test methods that write into the state: balances, nonces, code, slots. */
#include "rpc/internal.h"

#include "crypto/keccak.h"

/* One account as it will be, starting from what it is. */
struct patch {
    struct account_change change;
    struct code_entry code;
    struct slot_change slot;
};

static enum status begin(struct rpc_call *call, struct patch *out)
{
    *out = (struct patch){0};
    TRY(rpc_arg_address(call, 0, &out->change.who));
    TRY(rpc_open(call));
    struct state_view view = snapshot_view(&call->at);
    enum status st = view.account(view.self, out->change.who, &out->change.before);
    if (st != ST_OK && st != ST_MISSING)
        return st;
    out->change.existed = st == ST_OK;
    if (!out->change.existed)
        out->change.before = account_new();
    out->change.after = out->change.before;
    out->change.exists = true;
    return ST_OK;
}

static enum status apply(struct rpc_call *call, struct patch *patch)
{
    struct diff diff = {.accounts = &patch->change, .account_count = 1};
    diff.codes = &patch->code;
    diff.code_count = patch->code.code.size > 0;
    struct dev_order order = {.kind = DEV_PATCH, .diff = &diff};
    snapshot_close(&call->at); /* not held while the chain writes */
    call->at_open = false;
    return call->serve->dev(call->serve->node, &order, &call->err);
}

enum status anvil_set_balance(struct rpc_call *call)
{
    struct patch patch;
    TRY(begin(call, &patch));
    TRY(rpc_arg_u256(call, 1, &patch.change.after.balance_wei));
    TRY(apply(call, &patch));
    return rpc_reply_null(call);
}

enum status anvil_set_nonce(struct rpc_call *call)
{
    struct patch patch;
    TRY(begin(call, &patch));
    TRY(rpc_arg_u64(call, 1, &patch.change.after.nonce));
    TRY(apply(call, &patch));
    return rpc_reply_null(call);
}

enum status anvil_set_code(struct rpc_call *call)
{
    struct patch patch;
    TRY(begin(call, &patch));
    TRY(rpc_arg_bytes(call, 1, &patch.code.code));
    patch.code.hash = keccak256(patch.code.code);
    patch.change.after.code_hash = patch.code.hash;
    TRY(apply(call, &patch));
    return rpc_reply_null(call);
}

enum status anvil_set_storage_at(struct rpc_call *call)
{
    struct patch patch;
    hash32 value;
    TRY(begin(call, &patch));
    TRY(rpc_read_slot(call, rpc_arg(call, 1), &patch.slot.slot));
    TRY(rpc_read_slot(call, rpc_arg(call, 2), &value));
    struct state_view view = snapshot_view(&call->at);
    TRY(view.storage(view.self, patch.change.who, patch.slot.slot, &patch.slot.before));
    patch.slot.after = u256_from_hash(value);
    patch.change.slots = &patch.slot;
    patch.change.slot_count = 1;
    TRY(apply(call, &patch));
    return rpc_reply_bool(call, true);
}

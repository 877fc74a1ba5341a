/* Running messages outside blocks: overrides, one run, and the search for the least gas. */
#include "rpc/internal.h"

#include "crypto/keccak.h"

#include <stdlib.h>

/* --- State overrides: a view over call->at's. Both lists are sorted, and searched by halves. */

enum { MAX_OVERRIDES = 1024, MAX_OVERRIDE_SLOTS = 65536 };

struct override {
    address who;
    bool has_balance, has_nonce, has_code;
    bool whole_storage; /* `state`: slots that are not listed are zero */
    u256 balance_wei;
    u64 nonce;
    hash32 code_hash;
    bytes code;
    struct override_slot {
        hash32 slot;
        u256 value;
    } * slots;
    usize slot_count;
};

struct overlay {
    struct state_view below;
    struct override *list;
    usize count;
};

static int compare_overrides(const void *a, const void *b)
{
    return memcmp(((const struct override *)a)->who.b, ((const struct override *)b)->who.b,
                  sizeof(address));
}

static int compare_slots(const void *a, const void *b)
{
    return memcmp(((const struct override_slot *)a)->slot.b,
                  ((const struct override_slot *)b)->slot.b, sizeof(hash32));
}

static const struct override *find_override(const struct overlay *overlay, address who)
{
    struct override wanted = {.who = who};
    return bsearch(&wanted, overlay->list, overlay->count, sizeof(wanted), compare_overrides);
}

static const struct override_slot *find_slot(const struct override *over, hash32 slot)
{
    struct override_slot wanted = {.slot = slot};
    if (over == NULL || over->slot_count == 0)
        return NULL;
    return bsearch(&wanted, over->slots, over->slot_count, sizeof(wanted), compare_slots);
}

static enum status overlay_account(void *self, address who, struct account *out)
{
    const struct overlay *overlay = self;
    const struct override *over = find_override(overlay, who);
    enum status st = overlay->below.account(overlay->below.self, who, out);
    if (over == NULL || (st != ST_OK && st != ST_MISSING))
        return st;
    if (st == ST_MISSING)
        *out = account_new();
    if (over->has_balance)
        out->balance_wei = over->balance_wei;
    if (over->has_nonce)
        out->nonce = over->nonce;
    if (over->has_code)
        out->code_hash = over->code_hash;
    return ST_OK;
}

static enum status overlay_storage(void *self, address who, hash32 slot, u256 *out)
{
    const struct overlay *overlay = self;
    const struct override *over = find_override(overlay, who);
    const struct override_slot *found = find_slot(over, slot);
    *out = found == NULL ? U256_ZERO : found->value;
    if (found != NULL)
        return ST_OK;
    if (over != NULL && over->whole_storage)
        return ST_OK;
    return overlay->below.storage(overlay->below.self, who, slot, out);
}

static enum status overlay_code(void *self, hash32 code_hash, bytes *out)
{
    const struct overlay *overlay = self;
    for (usize i = 0; i < overlay->count; i++) {
        const struct override *over = &overlay->list[i];
        if (over->has_code && hash32_equal(over->code_hash, code_hash)) {
            *out = over->code;
            return ST_OK;
        }
    }
    return overlay->below.code(overlay->below.self, code_hash, out);
}

static enum status overlay_block_hash(void *self, u64 number, hash32 *out)
{
    const struct overlay *overlay = self;
    return overlay->below.block_hash(overlay->below.self, number, out);
}

static enum status read_override_slots(struct rpc_call *call, json slots, struct override *out)
{
    out->slot_count = json_count(slots);
    if (out->slot_count > MAX_OVERRIDE_SLOTS)
        return rpc_refuse(call, RPC_BAD_PARAMS, "more than %d slots of an account are overridden",
                          MAX_OVERRIDE_SLOTS);
    out->slots = ARENA_TAKE(&call->arena, struct override_slot, out->slot_count);
    json key, value;
    usize i = 0;
    for (struct json_walk at = json_begin(slots); json_next(&at, &key, &value); i++) {
        hash32 word;
        TRY(rpc_read_slot(call, key, &out->slots[i].slot));
        TRY(rpc_read_slot(call, value, &word));
        out->slots[i].value = u256_from_hash(word);
    }
    if (i > 0)
        qsort(out->slots, i, sizeof(out->slots[0]), compare_slots);
    return ST_OK;
}

static enum status read_override(struct rpc_call *call, json who, json from, struct override *out)
{
    json balance = json_get(from, "balance"), nonce = json_get(from, "nonce");
    json code = json_get(from, "code"), whole = json_get(from, "state");
    json some = json_get(from, "stateDiff");
    *out = (struct override){.has_balance = !json_is(balance, JSON_ABSENT),
                             .has_nonce = !json_is(nonce, JSON_ABSENT),
                             .has_code = !json_is(code, JSON_ABSENT),
                             .whole_storage = json_is(whole, JSON_OBJECT)};
    TRY(rpc_read_address(call, who, "override address", &out->who));
    if (!json_is(json_get(from, "movePrecompileToAddress"), JSON_ABSENT))
        return rpc_refuse(call, RPC_BAD_PARAMS, "movePrecompileToAddress is not supported");
    if (out->has_balance)
        TRY(rpc_read_u256(call, balance, "override balance", &out->balance_wei));
    if (out->has_nonce)
        TRY(rpc_read_u64(call, nonce, "override nonce", &out->nonce));
    if (out->has_code) {
        TRY(rpc_read_bytes(call, code, "override code", &out->code));
        out->code_hash = keccak256(out->code);
    }
    if (out->whole_storage && json_is(some, JSON_OBJECT))
        return rpc_refuse(call, RPC_BAD_PARAMS, "an account has both 'state' and 'stateDiff'");
    return read_override_slots(call, out->whole_storage ? whole : some, out);
}

static enum status read_overrides(struct rpc_call *call, json from, struct state_view *view)
{
    usize count = json_count(from);
    if (!json_is(from, JSON_OBJECT) || count == 0)
        return ST_OK;
    if (count > MAX_OVERRIDES)
        return rpc_refuse(call, RPC_BAD_PARAMS, "more than %d accounts are overridden",
                          MAX_OVERRIDES);
    struct overlay *overlay = ARENA_NEW(&call->arena, struct overlay, 1);
    overlay->below = *view;
    overlay->list = ARENA_NEW(&call->arena, struct override, count);
    json who, item;
    for (struct json_walk at = json_begin(from); json_next(&at, &who, &item);)
        TRY(read_override(call, who, item, &overlay->list[overlay->count++]));
    qsort(overlay->list, count, sizeof(overlay->list[0]), compare_overrides);
    *view = (struct state_view){overlay, overlay_account, overlay_storage, overlay_code,
                                overlay_block_hash};
    return ST_OK;
}

static enum status read_block_overrides(struct rpc_call *call, json from, struct header *header)
{
    json number = json_get(from, "number"), time = json_get(from, "time");
    json gas_limit = json_get(from, "gasLimit"), base_fee = json_get(from, "baseFeePerGas");
    json fee_to = json_get(from, "feeRecipient"), randao = json_get(from, "prevRandao");
    if (!json_is(number, JSON_ABSENT))
        TRY(rpc_read_u64(call, number, "override number", &header->number));
    if (!json_is(time, JSON_ABSENT))
        TRY(rpc_read_u64(call, time, "override time", &header->timestamp));
    if (!json_is(gas_limit, JSON_ABSENT))
        TRY(rpc_read_u64(call, gas_limit, "override gasLimit", &header->gas_limit));
    if (!json_is(base_fee, JSON_ABSENT))
        TRY(rpc_read_u256(call, base_fee, "override baseFeePerGas", &header->base_fee_wei));
    if (!json_is(fee_to, JSON_ABSENT))
        TRY(rpc_read_address(call, fee_to, "override feeRecipient", &header->beneficiary));
    if (!json_is(randao, JSON_ABSENT))
        TRY(rpc_read_hash(call, randao, "override prevRandao", &header->mix_hash));
    return ST_OK;
}

enum status rpc_arg_execution(struct rpc_call *call, usize block_index, struct execution *out)
{
    struct block_ref ref;
    TRY(rpc_arg_block(call, block_index, &ref));
    TRY(rpc_seek_state(call, &ref));
    TRY(block_ref_header(&call->at, &ref, &out->header, &call->err));
    out->rules = rpc_rules(call, &out->header);
    out->view = snapshot_view(&call->at);
    TRY(read_overrides(call, rpc_arg(call, block_index + 1), &out->view));
    return read_block_overrides(call, rpc_arg(call, block_index + 2), &out->header);
}

void rpc_fund_nobody(struct rpc_call *call, const struct message *message, struct execution *in)
{
    if (message->has_from || u256_is_zero(message->tx.value_wei))
        return;
    struct account nobody = account_new();
    (void)in->view.account(in->view.self, message->tx.from, &nobody);
    struct overlay *overlay = ARENA_NEW(&call->arena, struct overlay, 1);
    overlay->below = in->view;
    overlay->list = ARENA_NEW(&call->arena, struct override, 1);
    overlay->count = 1;
    overlay->list[0] = (struct override){
        .who = message->tx.from,
        .has_balance = true,
        .balance_wei = u256_add(nobody.balance_wei, message->tx.value_wei)};
    in->view = (struct state_view){overlay, overlay_account, overlay_storage, overlay_code,
                                   overlay_block_hash};
}

/* --- One run. */

/* The base fee that the message sees. Who pays nothing sees no price either, as in geth; who could
 * pay the next block's, though not this one's, sees that. */
static enum status choose_base_fee(struct rpc_call *call, const struct tx *tx,
                                   struct header *header)
{
    if (u256_is_zero(tx->max_fee_wei)) {
        header->base_fee_wei = U256_ZERO;
    } else if (u256_less(tx->max_fee_wei, header->base_fee_wei)) {
        u256 next = rpc_next_base_fee(call, header);
        if (u256_less(tx->max_fee_wei, next))
            return rpc_refuse(call, RPC_SERVER, "max fee per gas less than block base fee");
        header->base_fee_wei = next;
    }
    return ST_OK;
}

enum status rpc_execute(struct rpc_call *call, const struct execution *in, const struct tx *tx,
                        const struct evm_tracer *tracer, struct stf_call_result *out)
{
    struct header header = in->header;
    TRY(choose_base_fee(call, tx, &header));
    if (u256_less(tx->max_fee_wei, tx->max_priority_wei))
        return rpc_refuse(call, RPC_SERVER, "max priority fee per gas higher than max fee per gas");
    return stf_call(&in->rules, &header, &in->view, tx, tracer, out, &call->arena, &call->err);
}

/* Solidity's Panic(uint256). Source: its documentation, "Panic via assert and Error via require".
 */
static const struct {
    u8 code;
    const char *text;
} panics[] = {
    {0x00, "generic panic"},
    {0x01, "assert(false)"},
    {0x11, "arithmetic underflow or overflow"},
    {0x12, "division or modulo by zero"},
    {0x21, "enum overflow"},
    {0x22, "invalid encoded storage byte array accessed"},
    {0x31, "out-of-bounds array access; popping on an empty array"},
    {0x32, "out-of-bounds access of an array or bytesN"},
    {0x41, "out of memory"},
    {0x51, "uninitialized function"},
};

/* What the revert data says in Solidity's encoding; empty: nothing that is understood. */
static bytes revert_reason(bytes data)
{
    static const u8 error_string[4] = {0x08, 0xc3, 0x79, 0xa0}, panic[4] = {0x4e, 0x48, 0x7b, 0x71};
    bytes selector = bytes_slice(data, 0, 4), rest = bytes_slice(data, 4, data.size);
    if (bytes_equal(selector, BYTES_OF(panic)) && rest.size == 32) {
        u256 code = u256_load_be(rest.data);
        for (usize i = 0; i < countof(panics); i++)
            if (u256_equal(code, u256_from_u64(panics[i].code)))
                return (bytes){(const u8 *)panics[i].text, strlen(panics[i].text)};
    }
    if (bytes_equal(selector, BYTES_OF(error_string)) && rest.size >= 64) {
        u64 offset = u256_to_u64_sat(u256_load_be(rest.data));
        bytes string = bytes_slice(rest, offset, rest.size);
        if (string.size < 32)
            return BYTES_EMPTY;
        u64 size = u256_to_u64_sat(u256_load_be(string.data));
        if (size <= string.size - 32)
            return bytes_slice(string, 32, size);
    }
    return BYTES_EMPTY;
}

enum status rpc_refuse_halt(struct rpc_call *call, const struct stf_call_result *result)
{
    if (result->halt != EVM_REVERT)
        return rpc_refuse(call, RPC_SERVER, "%s", evm_halt_name(result->halt));
    bytes reason = revert_reason(result->output);
    call->data = result->output;
    call->has_data = true;
    if (reason.size == 0)
        return rpc_refuse(call, RPC_REVERTED, "execution reverted");
    return rpc_refuse(call, RPC_REVERTED, "execution reverted: %.*s",
                      (int)min_u64(reason.size, 200), (const char *)reason.data);
}

/* --- The least gas. Source: geth, eth/gasestimator, whose results tools have come to expect. */

struct search {
    struct rpc_call *call;
    const struct execution *in;
    struct tx tx;
    struct stf_call_result last;
};

/* Whether it succeeds with this much gas. Below its intrinsic gas counts as failing; *wrong says
 * of any other refusal that no gas would help. */
static bool succeeds_with(struct search *search, u64 gas, enum status *wrong)
{
    struct arena mark = search->call->arena;
    search->tx.gas_limit = gas;
    *wrong = rpc_execute(search->call, search->in, &search->tx, NULL, &search->last);
    if (*wrong == ST_OK && !evm_succeeded(search->last.halt))
        return false; /* its output is still wanted */
    search->call->arena = mark;
    return *wrong == ST_OK;
}

/* The most that may be tried: what was asked for, what a block and a transaction take, what the
 * sender can pay. */
static enum status highest_gas(struct search *search, const struct message *message, u64 *out)
{
    const struct execution *in = search->in;
    u64 high = in->header.gas_limit;
    if (message->has_gas && message->tx.gas_limit >= GAS_TX)
        high = message->tx.gas_limit;
    if (in->rules.fork >= OSAKA)
        high = min_u64(high, MAX_TX_GAS);
    high = min_u64(high, RPC_CALL_GAS);
    if (!u256_is_zero(message->tx.max_fee_wei)) {
        struct account account = account_new();
        enum status st = in->view.account(in->view.self, message->tx.from, &account);
        if (st != ST_OK && st != ST_MISSING)
            return st;
        u256 left;
        if (u256_sub_overflow(account.balance_wei, message->tx.value_wei, &left))
            return rpc_refuse(search->call, RPC_SERVER, "insufficient funds for transfer");
        high = min_u64(high, u256_to_u64_sat(u256_div(left, message->tx.max_fee_wei)));
    }
    *out = high;
    return ST_OK;
}

static bool is_plain_transfer(const struct search *search)
{
    struct account account;
    const struct state_view *view = &search->in->view;
    if (search->tx.creates || search->tx.data.size > 0)
        return false;
    return view->account(view->self, search->tx.to, &account) != ST_OK ||
           hash32_equal(account.code_hash, EMPTY_CODE_HASH);
}

/* Between a gas that fails and one that succeeds, until they are within 1.5 %. */
static u64 bisect_gas(struct search *search, u64 low, u64 high)
{
    while (low + 1 < high) {
        if ((double)(high - low) / (double)high < 0.015)
            break;
        u64 middle = low + (high - low) / 2;
        if (middle > low * 2) /* most need little more than they use */
            middle = low * 2;
        struct arena mark = search->call->arena;
        enum status wrong;
        if (succeeds_with(search, middle, &wrong))
            high = middle;
        else
            low = middle;
        search->call->arena = mark;
    }
    return high;
}

enum status rpc_estimate(struct rpc_call *call, const struct execution *in,
                         const struct message *message, u64 *gas)
{
    struct search search = {.call = call, .in = in, .tx = message->tx};
    enum status wrong;
    u64 high = 0;
    TRY(highest_gas(&search, message, &high));
    if (is_plain_transfer(&search) && succeeds_with(&search, GAS_TX, &wrong)) {
        *gas = GAS_TX;
        return ST_OK;
    }
    if (!succeeds_with(&search, high, &wrong)) {
        if (wrong != ST_OK)
            return wrong;
        if (search.last.halt == EVM_OUT_OF_GAS)
            return rpc_refuse(call, RPC_SERVER, "gas required exceeds allowance (%lu)", high);
        return rpc_refuse_halt(call, &search.last);
    }
    enum { CALL_STIPEND = 2300 };
    u64 low = search.last.gas_used - 1;
    u64 likely = (search.last.gas_spent_at_most + CALL_STIPEND) * 64 / 63; /* EIP-150 */
    if (likely < high) {
        struct arena mark = call->arena;
        if (succeeds_with(&search, likely, &wrong))
            high = likely;
        else
            low = likely;
        call->arena = mark;
    }
    *gas = bisect_gas(&search, low, high);
    call->err.text[0] = 0; /* of tries that failed */
    call->code = 0;
    return ST_OK;
}

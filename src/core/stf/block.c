/* Blocks: from their environment to their outcome. */
#include "base/hex.h"
#include "stf/internal.h"
#include "stf/roots.h"

/* Address space for what one unit of gas can make the state hold. The worst is the load of another
 * account's code for 20 gas before EIP-150; since EIP-2929 it is 24 KiB for 2,600. */
enum { STATE_BYTES_PER_GAS_OLD = 1400, STATE_BYTES_PER_GAS = 128 };

usize stf_arena_bound(u64 gas_limit)
{
    u64 gas = min_u64(gas_limit, STF_MAX_GAS_LIMIT);
    /* Limits of the time when it cost so little were at most a few million. */
    u64 old = min_u64(gas, 16000000) * STATE_BYTES_PER_GAS_OLD;
    return evm_arena_bound((i64)max_u64(gas, SYSTEM_GAS)) + max_u64(old, gas * STATE_BYTES_PER_GAS) + ((usize)256 << 20);
}

static struct evm_block_env environment(const struct stf *stf)
{
    const struct header *header = stf->header;
    return (struct evm_block_env){
        .number = header->number,
        .timestamp = header->timestamp,
        .gas_limit = header->gas_limit,
        .beneficiary = header->beneficiary,
        .base_fee_wei = stf->base_fee_wei,
        .blob_base_fee_wei = stf->blob_base_fee_wei,
        .prev_randao =
            stf->rules->fork >= PARIS ? u256_from_hash(header->mix_hash) : header->difficulty,
    };
}

/* Everything of a block but what the protocol does at its beginning; no message will have more
 * than `max_gas`. */
static struct stf *new_stf(const struct rules *rules, const struct header *header,
                           const struct state_view *view, struct stf_options options,
                           u64 max_gas, struct arena *arena)
{
    struct stf *stf = ARENA_NEW(arena, struct stf, 1);
    stf->rules = rules;
    stf->header = header;
    stf->options = options;
    stf->arena = arena;
    if (rules->fork >= LONDON)
        stf->base_fee_wei = header->base_fee_wei;
    if (rules->fork >= CANCUN)
        stf->blob_base_fee_wei = blob_base_fee(rules, header->excess_blob_gas);
    stf->state = state_new(view, load_be64(header->parent_hash.b), arena);
    struct evm_block_env env = environment(stf);
    i64 most = (i64)min_u64(max_gas, STF_MAX_GAS_LIMIT);
    stf->evm = evm_new(rules, &env, stf->state, most, arena);
    evm_set_tracer(stf->evm, options.tracer);
    return stf;
}

struct stf *stf_begin(const struct rules *rules, const struct header *header,
                      const struct state_view *view, struct stf_options options,
                      struct arena *arena)
{
    u64 most = max_u64(header->gas_limit, SYSTEM_GAS);
    struct stf *stf = new_stf(rules, header, view, options, most, arena);
    if (!options.transactions_only)
        begin_block(stf);
    return stf;
}

u64 stf_gas_left(const struct stf *stf)
{
    return stf->header->gas_limit - stf->gas_used;
}

u64 stf_blob_gas_left(const struct stf *stf)
{
    if (stf->rules->child.on)
        return stf->header->gas_limit - stf->blob_gas_used;
    return stf->rules->blobs.max * GAS_BLOB - stf->blob_gas_used;
}

void stf_diff(struct stf *stf, struct diff *out, struct arena *arena)
{
    state_diff(stf->state, out, arena);
}

/* Yellow Paper, section 11.3; EIP-649, EIP-1234. */
static void pay_rewards(struct stf *stf, const struct block *block)
{
    enum fork fork = stf->rules->fork;
    if (fork >= PARIS)
        return;
    u64 ether = fork >= CONSTANTINOPLE ? 2 : fork >= BYZANTIUM ? 3 : 5;
    u256 reward = u256_mul(u256_from_u64(ether), u256_from_u64(1000000000000000000));
    u256 to_miner = reward;
    for (usize i = 0; i < block->ommer_count; i++) {
        u64 age = stf->header->number - block->ommers[i].number;
        u256 to_ommer = u256_div(u256_mul(reward, u256_from_u64(8 - age)), u256_from_u64(8));
        credit(stf, block->ommers[i].beneficiary, to_ommer);
        to_miner = u256_add(to_miner, u256_div(reward, u256_from_u64(32)));
    }
    credit(stf, stf->header->beneficiary, to_miner);
}

static void pay_withdrawals(struct stf *stf, const struct block *block)
{
    for (usize i = 0; i < block->withdrawal_count; i++) {
        const struct withdrawal *withdrawal = &block->withdrawals[i];
        credit(stf, withdrawal->who,
               u256_mul(u256_from_u64(withdrawal->amount_gwei), u256_from_u64(1000000000)));
    }
}

enum status stf_end(struct stf *stf, const struct block *block, struct receipt *receipts,
                    usize receipt_count, struct stf_result *out, struct err *err)
{
    bool delete_empty = stf->rules->fork >= SPURIOUS;
    *out = (struct stf_result){.receipts = receipts, .receipt_count = receipt_count};
    state_begin_tx(stf->state);
    if (stf->options.transactions_only) {
        credit(stf, stf->header->beneficiary, U256_ZERO); /* as the official runners do */
    } else {
        pay_withdrawals(stf, block);
        pay_rewards(stf, block);
    }
    state_end_tx(stf->state, delete_empty);
    if (!stf->options.transactions_only && stf->rules->fork >= PRAGUE)
        TRY(collect_requests(stf, receipts, receipt_count, out, err));
    for (usize i = 0; i < receipt_count; i++)
        bloom_merge(&out->logs_bloom, &receipts[i].bloom);
    out->gas_used = stf->gas_used;
    out->blob_gas_used = stf->blob_gas_used;
    TRY(state_status(stf->state));
    state_diff(stf->state, &out->diff, stf->arena);
    return ST_OK;
}

/* --- Whole blocks. */

/* Called after each transaction; before Byzantium it puts the root into the receipt. */
struct root_maker {
    const struct node_source *nodes; /* NULL: nobody asks for roots */
    hash32 parent_root;
};

static enum status put_root(struct stf *stf, const struct root_maker *maker,
                            struct receipt *receipt, struct arena tmp, struct err *err)
{
    if (maker->nodes == NULL || stf->rules->fork >= BYZANTIUM)
        return ST_OK;
    struct diff diff;
    struct trie_changes ignored;
    stf_diff(stf, &diff, &tmp);
    receipt->has_root = true;
    return trie_apply(maker->nodes, maker->parent_root, &diff, &receipt->post_root, &ignored, &tmp,
                      err);
}

static enum status execute(const struct rules *rules, const struct block *block,
                           const struct state_view *view, const struct root_maker *maker,
                           struct stf_result *out, struct arena *arena, struct err *err)
{
    struct stf *stf = stf_begin(rules, &block->header, view, (struct stf_options){0}, arena);
    struct receipt *receipts = ARENA_NEW(arena, struct receipt, block->tx_count);
    for (usize i = 0; i < block->tx_count; i++) {
        TRY(stf_apply_tx(stf, &block->txs[i], &receipts[i], err));
        TRY(put_root(stf, maker, &receipts[i], *arena, err));
    }
    return stf_end(stf, block, receipts, block->tx_count, out, err);
}

enum status stf_execute(const struct rules *rules, const struct block *block,
                        const struct state_view *view, struct stf_result *out, struct arena *arena,
                        struct err *err)
{
    return execute(rules, block, view, &(struct root_maker){0}, out, arena, err);
}

enum status stf_state_root(const struct node_source *nodes, hash32 parent_root,
                           struct stf_result *result, struct arena *arena, struct err *err)
{
    return trie_apply(nodes, parent_root, &result->diff, &result->state_root, &result->changes,
                      arena, err);
}

static enum status check_commitments(const struct rules *rules, const struct header *header,
                                     const struct stf_result *result, struct arena tmp,
                                     struct err *err)
{
    if (result->gas_used != header->gas_used)
        return fail(err, ST_INVALID, "the block used %lu gas, its header says %lu",
                    result->gas_used, header->gas_used);
    if (rules->fork >= CANCUN && result->blob_gas_used != header->blob_gas_used)
        return fail(err, ST_INVALID, "the block used %lu blob gas, its header says %lu",
                    result->blob_gas_used, header->blob_gas_used);
    if (memcmp(&result->logs_bloom, &header->logs_bloom, sizeof(bloom256)) != 0)
        return fail(err, ST_INVALID, "wrong logs bloom");
    if (!hash32_equal(receipts_root(result->receipts, result->receipt_count, tmp),
                      header->receipts_root))
        return fail(err, ST_INVALID, "wrong receipts root");
    if (rules->fork >= PRAGUE && !hash32_equal(result->requests_hash, header->requests_hash))
        return fail(err, ST_INVALID, "wrong requests hash");
    if (!hash32_equal(result->state_root, header->state_root))
        return fail(err, ST_INVALID, "wrong state root: computed %s",
                    hex_text(BYTES_OF(result->state_root), &tmp));
    return ST_OK;
}

enum status stf_block(const struct rules *rules, const struct header *parent,
                      const struct block *block, const struct state_view *view,
                      const struct node_source *nodes, struct stf_result *out, struct arena *arena,
                      struct err *err)
{
    struct root_maker maker = {nodes, parent->state_root};
    TRY(execute(rules, block, view, &maker, out, arena, err));
    TRY(stf_state_root(nodes, parent->state_root, out, arena, err));
    return check_commitments(rules, &block->header, out, *arena, err);
}

/* --- A message outside any block. */

enum status stf_call(const struct rules *rules, const struct header *header,
                     const struct state_view *view, const struct tx *tx,
                     const struct evm_tracer *tracer, struct stf_call_result *out,
                     struct arena *arena, struct err *err)
{
    struct stf_options options = {.tracer = tracer};
    struct stf *stf = new_stf(rules, header, view, options, tx->gas_limit, arena);
    struct tx_gas gas = tx_gas(rules, tx);
    if (tx->gas_limit < max_u64(gas.intrinsic, gas.floor))
        return fail(err, ST_INVALID, "intrinsic gas too low: have %lu, want %lu", tx->gas_limit,
                    max_u64(gas.intrinsic, gas.floor));
    if (tx->gas_limit > INT64_MAX)
        return fail(err, ST_INVALID, "gas limit does not fit in 63 bits");
    struct state *state = stf->state;
    struct state_account *from = state_account(state, tx->from);
    u256 cost;
    if (!worst_cost(tx, &cost) || u256_less(from->now.balance_wei, cost))
        return fail(err, ST_INVALID, "insufficient funds for gas * price + value: address %s",
                    hex_text(BYTES_OF(tx->from), arena));
    bool free = u256_is_zero(tx->max_fee_wei);
    u256 price = free ? U256_ZERO : tx_effective_price(tx, stf->base_fee_wei);
    state_begin_tx(state);
    state_set_nonce(state, from, from->now.nonce + 1);
    state_take_balance(state, from, u256_mul(u256_from_u64(tx->gas_limit), price));
    struct tx_outcome outcome = run_tx(stf, tx, price);
    *out = (struct stf_call_result){
        .halt = outcome.result.halt,
        .gas_used = outcome.gas_used,
        .gas_spent_at_most = outcome.gas_spent_at_most,
        .output = arena_copy(arena, outcome.result.output),
        .created = tx->creates ? evm_create_address(tx->from, from->now.nonce - 1) : (address){{0}},
    };
    if (tx->creates && evm_succeeded(out->halt)) /* what the init code gave back */
        out->output = state_code_bytes(state, state_account(state, out->created));
    out->logs = state_logs(state, &out->log_count);
    return state_status(state);
}

/* Making blocks: what an orderer asks for, filled from a source of transactions. */
#include "chain/internal.h"
#include "stf/check.h"
#include "stf/child.h"
#include "stf/roots.h"
#include "sys/clock.h"

/* Room that header, lists' headers and withdrawals take of EIP-7934's limit at most. */
enum { BLOCK_OVERHEAD = 1024, WITHDRAWAL_SIZE = 64, TX_OVERHEAD = 4 };

/* With two words of signature no transaction is shorter. */
enum { USER_TX_LEAST_SIZE = 80 };

struct builder {
    struct chain *chain;
    const struct build_params *params;
    struct point *parent;
    struct rules rules;
    struct arena *arena;
    struct stf *stf;
    struct built_block *out;
    usize room; /* transactions and receipts */
    usize size; /* bytes of the block so far */
};

static enum status check_params(const struct chain *chain, const struct build_params *params,
                                const struct point *parent, struct err *err)
{
    const struct header *before = &parent->body->header;
    if (!chain_is_merged(&chain->config, before, parent->body->total_difficulty))
        return fail(err, ST_INVALID, "this chain is under proof of work: it cannot be built on");
    if (params->timestamp < before->timestamp ||
        (params->timestamp == before->timestamp && !chain->config.child.on))
        return fail(err, ST_INVALID, "timestamp %lu is not after the parent's %lu",
                    params->timestamp, before->timestamp);
    if (params->extra_data.size > MAX_EXTRA_DATA)
        return fail(err, ST_INVALID, "extra data has %lu bytes, at most %d",
                    params->extra_data.size, MAX_EXTRA_DATA);
    if (params->gas_limit < MIN_GAS_LIMIT || params->gas_limit > STF_MAX_GAS_LIMIT)
        return fail(err, ST_INVALID, "gas limit %lu is out of range", params->gas_limit);
    if (chain->config.child.on &&
        (params->has_base_fee || params->withdrawal_count > 0 || params->extra_data.size > 0))
        return fail(err, ST_INVALID,
                    "a child chain's block has no base fee, withdrawals or extra data to choose");
    if (!chain->config.child.on && params->deposit_count > 0)
        return fail(err, ST_INVALID, "only child chains have deposits");
    return ST_OK;
}

/* The header's environment; commitments follow when the block is complete. */
static struct header draft_header(const struct builder *b)
{
    const struct build_params *params = b->params;
    const struct header *before = &b->parent->body->header;
    struct header header = {
        .parent_hash = b->parent->body->hash,
        .ommers_hash = EMPTY_OMMERS_HASH,
        .beneficiary = b->rules.child.on ? CHILD_FEE_VAULT : params->beneficiary,
        .number = before->number + 1,
        .gas_limit = params->gas_limit,
        .timestamp = params->timestamp,
        .extra_data = arena_copy(b->arena, params->extra_data),
        .mix_hash = params->prev_randao,
        .fields = header_fields_of(b->rules.fork),
    };
    if (b->rules.fork >= LONDON)
        header.base_fee_wei =
            params->has_base_fee ? params->base_fee_wei
                                 : next_base_fee(&b->rules, before, before->fields < HEADER_LONDON);
    if (b->rules.fork >= CANCUN) {
        header.excess_blob_gas = next_excess_blob_gas(&b->rules, before);
        header.parent_beacon_root = params->parent_beacon_root;
    }
    return header;
}

/* A transaction with all that it points to. */
static void copy_tx(struct tx *to, const struct tx *from, struct arena *arena)
{
    *to = *from;
    to->data = arena_copy(arena, from->data);
    struct access_entry *access = ARENA_TAKE(arena, struct access_entry, from->access_count);
    for (usize i = 0; i < from->access_count; i++) {
        access[i] = from->access[i];
        access[i].slots =
            (const void *)arena_copy(arena, (bytes){(const void *)access[i].slots,
                                                    access[i].slot_count * sizeof(hash32)})
                .data;
    }
    to->access = access;
    hash32 *hashes = ARENA_TAKE(arena, hash32, from->blob_hash_count);
    bytes_copy(hashes, (bytes){(const void *)from->blob_hashes, from->blob_hash_count * 32});
    to->blob_hashes = hashes;
    struct authorization *list = ARENA_TAKE(arena, struct authorization, from->authorization_count);
    for (usize i = 0; i < from->authorization_count; i++)
        list[i] = from->authorizations[i];
    to->authorizations = list;
}

/* Bytes of a child's block weigh instead of being counted. */
static enum status check_bytes(const struct builder *b, bytes envelope, struct err *err)
{
    if (child_footprint(&b->rules, envelope.size) > stf_blob_gas_left(b->stf))
        return fail(err, ST_FULL, "the block has room for %lu bytes",
                    stf_blob_gas_left(b->stf) / max_u64(b->rules.child.footprint_gas, 1));
    if (!b->rules.child.on && b->rules.fork >= OSAKA &&
        b->size + envelope.size + TX_OVERHEAD > MAX_BLOCK_SIZE)
        return fail(err, ST_FULL, "the block has reached its size limit (EIP-7934)");
    return ST_OK;
}

/* Whether what is left of the block has room for the transaction. */
static enum status check_room(const struct builder *b, const struct tx *tx, bytes envelope,
                              struct err *err)
{
    if (tx->gas_limit > stf_gas_left(b->stf))
        return fail(err, ST_FULL, "the block has %lu gas left", stf_gas_left(b->stf));
    if (tx->blob_hash_count != 0 && tx_blob_gas(tx) > stf_blob_gas_left(b->stf))
        return fail(err, ST_FULL, "the block has %lu blob gas left", stf_blob_gas_left(b->stf));
    TRY(check_bytes(b, envelope, err));
    if (b->out->block.tx_count == b->room)
        return fail(err, ST_FULL, "the block has as many transactions as fit");
    return ST_OK;
}

/* Executes it and puts it into the block. */
static enum status include(struct builder *b, const struct tx *tx, bytes envelope, struct err *err)
{
    struct block *block = &b->out->block;
    usize index = block->tx_count;
    TRY(stf_apply_tx(b->stf, tx, &b->out->receipts[index], err));
    copy_tx(&block->txs[index], tx, b->arena);
    block->tx_envelopes[index] = arena_copy(b->arena, envelope);
    block->tx_count++;
    b->size += envelope.size + TX_OVERHEAD;
    return ST_OK;
}

static enum status try_tx(struct builder *b, const struct tx *tx, bytes envelope, struct err *err)
{
    u256 base_fee = b->out->block.header.base_fee_wei;
    if (tx->type == TX_DEPOSIT)
        return fail(err, ST_INVALID, "a deposit comes from the parent chain alone");
    if (envelope.size == 0)
        envelope = tx_encode(tx, b->arena);
    TRY(check_room(b, tx, envelope, err));
    TRY(include(b, tx, envelope, err));
    u256 tip = u256_sub(tx_effective_price(tx, base_fee), base_fee);
    u64 gas = b->out->receipts[b->out->block.tx_count - 1].gas_used;
    b->out->fees_wei = u256_add(b->out->fees_wei, u256_mul(tip, u256_from_u64(gas)));
    return ST_OK;
}

/* What the parent asks for cannot be left out: each must fit. */
static enum status take_deposits(struct builder *b, struct err *err)
{
    for (usize i = 0; i < b->params->deposit_count; i++) {
        const struct tx *tx = &b->params->deposits[i];
        struct err why = {""};
        enum status st = tx->type != TX_DEPOSIT ? fail(&why, ST_INVALID, "no deposit")
                                                : include(b, tx, tx_encode(tx, b->arena), &why);
        if (st != ST_OK)
            return fail(err, st, "deposit %zu: %s", i, why.text);
    }
    return b->rules.child.on ? child_check_body(&b->out->block, err) : ST_OK;
}

/* Whether any user's transaction can still fit. */
static bool has_room(const struct builder *b)
{
    return stf_gas_left(b->stf) >= GAS_TX &&
           stf_blob_gas_left(b->stf) >= child_footprint(&b->rules, USER_TX_LEAST_SIZE);
}

/* Only ST_OK, ST_INVALID and ST_FULL concern one transaction; others end the block. */
static enum status take_txs(struct builder *b, struct err *err)
{
    const struct tx_source *source = b->params->txs;
    while (source != NULL && (b->params->all_txs || has_room(b))) {
        bytes envelope = BYTES_EMPTY;
        const struct tx *tx =
            source->next(source->self, stf_gas_left(b->stf), stf_blob_gas_left(b->stf), &envelope);
        if (tx == NULL)
            break;
        struct err why = {""};
        enum status st = try_tx(b, tx, envelope, &why);
        if (st != ST_OK && st != ST_INVALID && st != ST_FULL)
            return fail(err, st, "%s", why.text);
        if (st != ST_OK && b->params->all_txs)
            return fail(err, ST_INVALID, "transaction %zu: %s", b->out->block.tx_count, why.text);
        if (source->done != NULL)
            source->done(source->self, tx, st, &why);
    }
    return ST_OK;
}

static void seal(struct block *block, const struct stf_result *result, struct arena tmp)
{
    struct header *header = &block->header;
    header->state_root = result->state_root;
    header->transactions_root = block_transactions_root(block, tmp);
    header->receipts_root = receipts_root(result->receipts, result->receipt_count, tmp);
    header->logs_bloom = result->logs_bloom;
    header->gas_used = result->gas_used;
    header->blob_gas_used = result->blob_gas_used;
    header->requests_hash = result->requests_hash;
    if (block->has_withdrawals)
        header->withdrawals_root = block_withdrawals_root(block, tmp);
    block->hash = header_hash(header, tmp);
}

/* Executes on the state that `at` shows. */
static enum status run(struct builder *b, struct snapshot *at, struct stf_result *result, u64 *ns,
                       struct err *err)
{
    struct block *block = &b->out->block;
    struct state_view view = snapshot_view(at);
    struct node_source nodes = snapshot_nodes(at);
    u64 begun = clock_now_ns();
    b->stf =
        stf_begin(&b->rules, &block->header, &view, (struct stf_options){.tracer = NULL}, b->arena);
    TRY(take_deposits(b, err));
    TRY(take_txs(b, err));
    TRY(stf_end(b->stf, block, b->out->receipts, block->tx_count, result, err));
    u64 executed = clock_now_ns();
    TRY(stf_state_root(&nodes, b->parent->state_root, result, b->arena, err));
    seal(block, result, *b->arena);
    u64 sealed = clock_now_ns();
    *ns = sealed - begun;
    chain_count(b->chain, &b->chain->stats.execute_ns, executed - begun);
    chain_count(b->chain, &b->chain->stats.trie_ns, sealed - executed);
    return ST_OK;
}

static void make_room(struct builder *b)
{
    struct block *block = &b->out->block;
    const struct build_params *params = b->params;
    block->txs = ARENA_TAKE(b->arena, struct tx, b->room);
    block->tx_envelopes = ARENA_TAKE(b->arena, bytes, b->room);
    b->out->receipts = ARENA_TAKE(b->arena, struct receipt, b->room);
    block->has_withdrawals = b->rules.fork >= SHANGHAI;
    block->withdrawal_count = block->has_withdrawals ? params->withdrawal_count : 0;
    block->withdrawals = ARENA_TAKE(b->arena, struct withdrawal, block->withdrawal_count);
    for (usize i = 0; i < block->withdrawal_count; i++)
        block->withdrawals[i] = params->withdrawals[i];
    b->size = BLOCK_OVERHEAD + block->withdrawal_count * WITHDRAWAL_SIZE;
}

static enum status build(struct chain *chain, const struct build_params *params,
                         struct built_block *out, struct arena *arena, struct stf_result *result,
                         u64 *ns, struct err *err)
{
    struct point *parent = owner_head(chain)->tip;
    struct builder b = {.chain = chain, .params = params, .parent = parent, .out = out};
    *out = (struct built_block){.fees_wei = U256_ZERO};
    TRY(check_params(chain, params, parent, err));
    b.room = params->gas_limit / GAS_TX + 1;
    usize bytes_each = sizeof(struct tx) + sizeof(struct receipt) + sizeof(bytes);
    /* Envelopes and copies of what is in them are paid for by gas: four for a byte at least. */
    TRY(chain_block_arena(chain, params->gas_limit, params->gas_limit, arena, err));
    assert(arena_left(arena) > b.room * bytes_each);
    b.arena = arena;
    b.rules = chain_rules(&chain->config, point_number(parent) + 1, params->timestamp, true);
    TRY(child_rules_read(&b.rules, params->deposit_count > 0 ? params->deposits : NULL, err));
    out->block.header = draft_header(&b);
    make_room(&b);
    struct snapshot at;
    TRY(state_open_owner(chain, parent, arena, &at, err));
    enum status st = run(&b, &at, result, ns, err);
    snapshot_close(&at);
    out->requests = result->requests;
    out->request_count = result->request_count;
    return st;
}

enum status chain_build_preview(struct chain *chain, const struct build_params *params,
                                struct built_block *out, struct err *err)
{
    struct arena arena;
    struct stf_result result = {.receipts = NULL};
    u64 ns;
    return build(chain, params, out, &arena, &result, &ns, err);
}

enum status chain_build(struct chain *chain, const struct build_params *params,
                        struct built_block *out, struct err *err)
{
    struct arena arena;
    struct stf_result result = {.receipts = NULL};
    u64 ns, position;
    struct point *parent = owner_head(chain)->tip;
    TRY(chain_check_usable(chain, err));
    TRY(build(chain, params, out, &arena, &result, &ns, err));
    const struct block *block = &out->block;
    bytes rlp = block_encode(block, &arena), senders = block_senders(block, &arena);
    struct record_head record = {
        .parent_position = parent->position,
        .number = block->header.number,
        .hash = block->hash,
        .total_difficulty = parent->body->total_difficulty,
        .becomes_head = 1,
        .tx_count = (u32)block->tx_count,
        .size = rlp.size,
    };
    u64 begun = clock_now_ns();
    TRY(record_append_block(chain->log, &record, rlp, senders, &position, err));
    chain_count(chain, &chain->stats.commit_ns, clock_now_ns() - begun);
    struct point *point =
        chain_make_point(chain, parent, block, rlp, senders, &result, position, ns);
    tree_put(chain, point);
    chain_set_best(chain, point);
    point_release(point);
    return chain_commit(chain, err);
}

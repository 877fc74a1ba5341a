/* The proposer: claims what the child's blocks on the parent come to. */
#include "client/abi.h"
#include "layer/agents.h"
#include "sys/clock.h"
#include "sys/log.h"

/* The newest claim, as latestClaim() has it. */
struct latest {
    u64 id, number;
    hash32 hash;
    u64 created_s;
};

static enum status call(struct eth *parent, address to, bytes data, struct abi_in *out,
                        struct arena *arena, struct err *err)
{
    bytes result;
    struct eth_refusal refusal;
    struct eth_message message = {.to = to, .data = data};
    TRY(eth_ask_call(parent, &message, eth_at_tag(ETH_LATEST), &result, &refusal, arena, err));
    *out = abi_over(result);
    return ST_OK;
}

static bytes bare_call(const char *signature, struct arena *arena)
{
    struct abi_out out = abi_begin_call(abi_selector(signature), 0, arena);
    return abi_end(&out);
}

static enum status ask_latest(struct layer *layer, struct eth *parent, struct latest *out,
                              struct arena *arena, struct err *err)
{
    enum { CLAIM_WORDS = 10, NUMBER = 3 };
    struct abi_in in;
    TRY(call(parent, layer->options.rollup->settlement, bare_call("latestClaim()", arena), &in,
             arena, err));
    out->id = abi_get_u64(&in);
    for (int i = 0; i < CLAIM_WORDS; i++) {
        hash32 word = abi_get_hash(&in);
        if (i == NUMBER)
            out->number = load_be64(word.b + 24);
    }
    out->hash = abi_get_hash(&in);
    out->created_s = abi_get_u64(&in);
    return in.failed ? fail(err, ST_CORRUPT, "latestClaim() of the settlement makes no sense")
                     : ST_OK;
}

static enum status ask_bond(struct layer *layer, struct eth *parent, u256 *out, struct arena *arena,
                            struct err *err)
{
    struct abi_in in;
    TRY(call(parent, layer->options.rollup->settlement, bare_call("bond()", arena), &in, arena,
             err));
    *out = abi_get_u256(&in);
    return in.failed ? fail(err, ST_CORRUPT, "bond() of the settlement makes no sense") : ST_OK;
}

/* The output after the block that the state names. */
static enum status read_output(struct layer *layer, const struct derive_state *safe, hash32 *out,
                               struct arena *arena, struct err *err)
{
    static const address passer = {{0x42, [19] = 0x16}};
    struct snapshot at;
    struct block_ref ref;
    struct header header;
    struct account account;
    TRY(snapshot_open(layer->options.chain, arena, &at, err));
    enum status st = snapshot_ref_by_number(&at, safe->head.number, &ref);
    if (st == ST_OK && !hash32_equal(ref.hash, safe->head.hash))
        st = fail(err, ST_AGAIN, "the chain has gone another way");
    if (st == ST_OK)
        st = block_ref_header(&at, &ref, &header, err);
    if (st == ST_OK)
        st = snapshot_seek(&at, safe->head.number, err);
    struct state_view view = snapshot_view(&at);
    if (st == ST_OK)
        st = view.account(view.self, passer, &account);
    if (st == ST_OK)
        *out = output_root(header.state_root, account.storage_root, ref.hash);
    snapshot_close(&at);
    return st;
}

static bytes propose_call(const struct claim *claim, struct arena *arena)
{
    enum { CLAIM_WORDS = 10 };
    struct abi_out out = abi_begin_call(
        abi_selector("propose((uint256,bytes32,bytes32,uint64,uint64,bytes32,uint64,bytes32,"
                     "bytes32,uint64),bytes)"),
        CLAIM_WORDS + 1, arena);
    abi_put_u64(&out, claim->chain_id);
    abi_put_hash(&out, claim->parent_claim);
    abi_put_hash(&out, claim->output);
    abi_put_u64(&out, claim->number);
    abi_put_u64(&out, claim->batch_count);
    abi_put_hash(&out, claim->batch_acc);
    abi_put_u64(&out, claim->inbox_pos);
    abi_put_hash(&out, claim->inbox_acc);
    abi_put_hash(&out, claim->program_hash);
    abi_put_u64(&out, claim->version);
    abi_put_bytes(&out, BYTES_EMPTY); /* evidence: an optimistic claim has none */
    return abi_end(&out);
}

static enum status make_claim(struct layer *layer, struct eth *parent,
                              const struct derive_state *safe, const struct latest *latest,
                              struct agent_call *out, struct arena *arena, struct err *err)
{
    const struct rollup *rollup = layer->options.rollup;
    struct claim claim = {.chain_id = rollup->chain_id,
                          .parent_claim = latest->hash,
                          .number = safe->head.number,
                          .batch_count = safe->batch_count,
                          .batch_acc = safe->batch_acc,
                          .inbox_pos = safe->inbox_pos,
                          .inbox_acc = safe->inbox_acc,
                          .program_hash = rollup->program_hash,
                          .version = safe->params.version};
    *out = (struct agent_call){.to = rollup->settlement};
    TRY(read_output(layer, safe, &claim.output, arena, err));
    TRY(ask_bond(layer, parent, &out->value_wei, arena, err));
    out->data = propose_call(&claim, arena);
    return ST_OK;
}

bool proposer_look(struct layer *layer, struct eth *parent, struct agent_memory *memory,
                   struct agent_call *out, struct arena *arena)
{
    enum { LOOK_AGAIN_MS = 500 };
    struct derive_state safe;
    struct latest latest = {0};
    struct err err;
    u64 now_ms = clock_now_ms();
    if (!layer_safe_state(layer, &safe) || safe.head.number == 0)
        return false;
    memory->not_before_ms = now_ms + LOOK_AGAIN_MS;
    enum status st = ask_latest(layer, parent, &latest, arena, &err);
    if (st != ST_OK || latest.number >= safe.head.number) {
        memory->waiting_since_ms = 0;
        return false;
    }
    if (memory->waiting_since_ms == 0)
        memory->waiting_since_ms = now_ms;
    if (latest.id > 0 && now_ms - memory->waiting_since_ms < layer->options.claim_ms)
        return false;
    st = make_claim(layer, parent, &safe, &latest, out, arena, &err);
    if (st != ST_OK) {
        log_warn("proposer", "no claim can be made now", LOG_TEXT("why", err.text));
        return false;
    }
    memory->waiting_since_ms = 0;
    return true;
}

#include "layer/claims.h"

#include "client/contract.h"
#include "layer/withdrawal.h"

enum { CLAIM_WORDS = 10 };

/* --- What is there. */

/* The claim's ten words, its hash, when it was made and how it stands. */
static enum status read_record(struct eth *parent, struct abi_in *in, const char *what,
                               struct claim_record *out, struct err *err)
{
    enum { OUTPUT = 2, NUMBER = 3, CHALLENGER_WINS = 1 };
    for (int i = 0; i < CLAIM_WORDS; i++) {
        hash32 word = abi_get_hash(in);
        if (i == OUTPUT)
            out->output = word;
        if (i == NUMBER)
            out->number = load_be64(word.b + 24);
    }
    out->hash = abi_get_hash(in);
    out->created_s = abi_get_u64(in);
    out->lost = abi_get_u8(in) == CHALLENGER_WINS;
    return contract_check(parent, in, what, err);
}

enum status claims_latest(struct eth *parent, address settlement, struct claim_record *out,
                          struct arena tmp, struct err *err)
{
    static const char what[] = "latestClaim()";
    struct abi_in in;
    TRY(contract_ask(parent, settlement, contract_call0(what, &tmp), &in, &tmp, err));
    *out = (struct claim_record){.id = abi_get_u64(&in)};
    return read_record(parent, &in, what, out, err);
}

enum status claims_at(struct eth *parent, address settlement, u64 id, struct claim_record *out,
                      struct arena tmp, struct err *err)
{
    struct abi_in in;
    struct abi_out call = abi_begin_call(abi_selector("claimAt(uint256)"), 1, &tmp);
    abi_put_u64(&call, id);
    bytes data = abi_end(&call);
    TRY(contract_ask(parent, settlement, data, &in, &tmp, err));
    *out = (struct claim_record){.id = id};
    return read_record(parent, &in, "claimAt", out, err);
}

/* Claims about this block or later ones, newest first. Claims that continue one another grow in
 * number; others, which somebody has begun anew from further below, are passed over, up to so many
 * in a row. */
static enum status list_from(struct eth *parent, address settlement, u64 number,
                             struct claim_record **out, usize *count, struct arena *arena,
                             struct err *err)
{
    enum { PATIENCE = 16 };
    struct claim_record at;
    TRY(claims_latest(parent, settlement, &at, *arena, err));
    *count = 0;
    *out = ARENA_TAKE(arena, struct claim_record, at.id + 1);
    for (int older = 0; older < PATIENCE;) {
        older = at.number < number ? older + 1 : 0;
        if (older == 0 && !at.lost)
            (*out)[(*count)++] = at;
        if (at.id == 0)
            break;
        TRY(claims_at(parent, settlement, at.id - 1, &at, *arena, err));
    }
    return ST_OK;
}

enum status claims_find(struct eth *parent, address settlement, u64 number,
                        const struct claim_judge *judge, struct claim_record *out, struct arena tmp,
                        struct err *err)
{
    struct claim_record *list;
    usize count;
    TRY(list_from(parent, settlement, number, &list, &count, &tmp, err));
    while (count-- > 0) {
        bool right;
        *out = list[count];
        TRY(judge->is_right(judge->self, out, &right, err));
        if (right)
            return ST_OK;
    }
    return fail(err, ST_MISSING, "no claim is about block %lu yet", number);
}

/* --- What to propose. */

/* The output after the block that the state names. */
static enum status read_output(struct chain *chain, const struct derive_state *safe, hash32 *out,
                               struct arena tmp, struct err *err)
{
    struct snapshot at;
    struct block_ref ref;
    struct header header;
    struct account account;
    TRY(snapshot_open(chain, &tmp, &at, err));
    enum status st = snapshot_ref_by_number(&at, safe->head.number, &ref);
    if (st == ST_OK && !hash32_equal(ref.hash, safe->head.hash))
        st = fail(err, ST_AGAIN, "the chain has gone another way");
    if (st == ST_OK)
        st = block_ref_header(&at, &ref, &header, err);
    if (st == ST_OK)
        st = snapshot_seek(&at, safe->head.number, err);
    struct state_view view = snapshot_view(&at);
    if (st == ST_OK)
        st = view.account(view.self, CHILD_MESSAGE_PASSER, &account);
    if (st == ST_OK)
        *out = output_root(header.state_root, account.storage_root, ref.hash);
    snapshot_close(&at);
    return st;
}

enum status claim_make(const struct layer_options *options, const struct derive_state *safe,
                       hash32 parent_claim, struct claim *out, struct arena tmp, struct err *err)
{
    *out = (struct claim){.chain_id = options->rollup->chain_id,
                          .parent_claim = parent_claim,
                          .number = safe->head.number,
                          .batch_count = safe->batch_count,
                          .batch_acc = safe->batch_acc,
                          .inbox_pos = safe->inbox_pos,
                          .inbox_acc = safe->inbox_acc,
                          .program_hash = options->rollup->program_hash,
                          .version = safe->params.version};
    return read_output(options->chain, safe, &out->output, tmp, err);
}

bytes claim_propose_call(const struct claim *claim, struct arena *arena)
{
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

#include "base/rlp.h"
#include "guest.h"
#include "stf/check.h"
#include "stf/child.h"
#include "stf/stf.h"
#include "stf/witness_view.h"

struct input {
    struct chain_config config;
    struct block block;
    struct witness witness;
};

bytes guest_input_encode(const struct chain_config *config, bytes block,
                         const struct witness *witness, struct arena *arena)
{
    bytes config_item = config_encode(config, arena);
    bytes witness_item = witness_encode(witness, arena);
    usize payload = rlp_size_u64(GUEST_VERSION) + config_item.size + block.size + witness_item.size;
    usize size = rlp_size_list(payload);
    u8 *start = ARENA_TAKE(arena, u8, size);
    u8 *to = rlp_put_u64(rlp_put_list(start, payload), GUEST_VERSION);
    const bytes items[] = {config_item, block, witness_item};
    for (usize i = 0; i < countof(items); i++) {
        bytes_copy(to, items[i]);
        to += items[i].size;
    }
    return (bytes){start, size};
}

static enum status read_input(bytes in, struct input *out, struct arena *arena, struct err *err)
{
    bytes fields, config, block, witness;
    u64 version;
    if (in.size > GUEST_MAX_INPUT)
        return fail(err, ST_FULL, "an input of %zu bytes is too large", in.size);
    if (rlp_read_list(&in, &fields) != ST_OK || rlp_read_end(in) != ST_OK ||
        rlp_read_u64(&fields, &version) != ST_OK || rlp_read_item(&fields, &config) != ST_OK ||
        rlp_read_item(&fields, &block) != ST_OK || rlp_read_item(&fields, &witness) != ST_OK ||
        rlp_read_end(fields) != ST_OK)
        return fail(err, ST_INVALID, "not an input of the guest");
    if (version != GUEST_VERSION)
        return fail(err, ST_INVALID, "input of version %lu, the guest is version %d", version,
                    GUEST_VERSION);
    if (config_decode(config, &out->config) != ST_OK)
        return fail(err, ST_INVALID, "not a chain's configuration");
    TRY(block_decode(block, &out->block, arena, err));
    return witness_decode(witness, &out->witness, arena, err);
}

/* The merge is where the config says, or where difficulty ends. */
static struct rules rules_of(const struct chain_config *config, const struct header *header)
{
    bool merged = config->merge_block != FORK_NEVER ? header->number >= config->merge_block
                                                    : u256_is_zero(header->difficulty);
    return chain_rules(config, header->number, header->timestamp, merged);
}

static enum status judge(const struct input *input, const struct witness_view *view,
                         struct guest_output *out, struct arena *arena)
{
    const struct header *header = &input->block.header;
    struct rules rules = rules_of(&input->config, header);
    struct rules before = rules_of(&input->config, &view->parent);
    struct stf_result result;
    if (stf_arena_bound(header->gas_limit) > arena_left(arena))
        return fail(&out->err, ST_FULL, "a gas limit of %lu may take more memory than there is",
                    header->gas_limit);
    TRY(child_rules_read(&rules, input->block.tx_count > 0 ? input->block.txs : NULL, &out->err));
    TRY(check_header(&input->config, &rules, header, &view->parent, before.fork, &out->err));
    TRY(check_body(&rules, &input->block, *arena, &out->err));
    TRY(stf_block(&rules, &view->parent, &input->block, &view->view, &view->nodes, &result, arena,
                  &out->err));
    out->state_root = result.state_root;
    return ST_OK;
}

void guest_run(bytes in, struct guest_output *out, struct arena *witness_arena,
               struct arena *block_arena)
{
    *out = (struct guest_output){.status = ST_INVALID};
    struct input *input = ARENA_NEW(witness_arena, struct input, 1);
    struct witness_view *view = ARENA_NEW(witness_arena, struct witness_view, 1);
    enum status st = read_input(in, input, witness_arena, &out->err);
    if (st == ST_OK) {
        out->parent_hash = input->block.header.parent_hash;
        out->block_hash = input->block.hash;
        st = witness_view_init(view, &input->witness, out->parent_hash, witness_arena, &out->err);
    }
    if (st == ST_OK)
        st = judge(input, view, out, block_arena);
    out->status = st;
    if (st == ST_OK)
        memset(&out->err, 0, sizeof(out->err));
    else if (out->err.text[0] == '\0') /* a view's failure comes without a sentence */
        (void)fail(&out->err, st, "%s", status_name(st));
}

#include "cli/stateless.h"
#include "stf/witness_view.h"
#include "sys/pages.h"

/* What the recorded witness says, as it would arrive somewhere else. */
static bytes finish(struct witness_recorder *recorder,
                    bytes (*ancestor)(const void *self, usize back, struct arena *arena),
                    const void *self, struct arena *arena)
{
    struct witness witness;
    witness_recorder_finish(recorder, &witness);
    witness.header_count = witness_recorder_header_count(recorder);
    witness.headers = ARENA_TAKE(arena, bytes, witness.header_count);
    for (usize i = 0; i < witness.header_count; i++)
        witness.headers[i] = ancestor(self, i, arena);
    return witness_encode(&witness, arena);
}

static enum status run_again(const struct rules *rules, const struct block *block, bytes encoded,
                             hash32 root, struct arena *witness_arena, struct arena *block_arena,
                             struct err *err)
{
    struct witness witness;
    struct witness_view view;
    struct stf_result result;
    TRY(witness_decode(encoded, &witness, witness_arena, err));
    TRY(witness_view_init(&view, &witness, block->header.parent_hash, witness_arena, err));
    TRY(stf_block(rules, &view.parent, block, &view.view, &view.nodes, &result, block_arena, err));
    return hash32_equal(result.state_root, root) ? ST_OK
                                                 : fail(err, ST_CORRUPT, "another state root");
}

enum status stateless_block(const struct rules *rules, const struct header *parent,
                            const struct block *block, const struct state_view *view,
                            const struct node_source *nodes,
                            bytes (*ancestor)(const void *self, usize back, struct arena *arena),
                            const void *self, struct stf_result *out, struct arena *arena,
                            struct err *err)
{
    struct pages witness_pages, block_pages;
    struct err why = {{0}};
    TRY(pages_reserve((usize)1 << 36, &witness_pages, err));
    enum status st = pages_reserve(stf_arena_bound(STF_MAX_GAS_LIMIT), &block_pages, err);
    if (st != ST_OK) {
        pages_release(&witness_pages);
        return st;
    }
    struct arena witness_arena = pages_arena(&witness_pages);
    struct arena block_arena = pages_arena(&block_pages);
    struct witness_recorder *recorder = witness_recorder_new(*nodes, *view, parent, &witness_arena);
    struct state_view recording = witness_recorder_view(recorder);
    struct node_source recorded = witness_recorder_nodes(recorder);
    st = stf_block(rules, parent, block, &recording, &recorded, out, arena, err);
    if (st == ST_OK) {
        bytes encoded = finish(recorder, ancestor, self, &witness_arena);
        st = run_again(rules, block, encoded, out->state_root, &witness_arena, &block_arena, &why);
        if (st != ST_OK)
            st = fail(err, ST_CORRUPT, "from its witness: %s: %s", status_name(st), why.text);
    }
    pages_release(&witness_pages);
    pages_release(&block_pages);
    return st;
}

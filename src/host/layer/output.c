#include "layer/output.h"

#include "crypto/keccak.h"
#include "derive/inbox.h"
#include "layer/kept.h"
#include "layer/withdrawal.h"

static void finish(struct child_output *out)
{
    out->root = output_root(out->state_root, out->proof.storage_root, out->block_hash);
}

enum status output_ask(struct eth *child, u64 number, hash32 slot, struct child_output *out,
                       struct arena *arena, struct err *err)
{
    struct eth_header block;
    TRY(eth_ask_header(child, eth_at_number(number), &block, arena, err));
    TRY(contract_prove(child, CHILD_MESSAGE_PASSER, slot, number, &out->proof, arena, err));
    out->state_root = block.header.state_root;
    out->block_hash = block.hash;
    finish(out);
    return ST_OK;
}

/* --- From the chain. */

/* Chooses the block's nodes, and says with which root the message passer's begin. */
static enum status seek(struct snapshot *at, struct hash_index *kept, u64 number,
                        struct child_output *out, struct err *err)
{
    struct block_ref ref;
    struct header header;
    struct account account;
    struct kept_account found;
    if (snapshot_ref_by_number(at, number, &ref) != ST_OK)
        return fail(err, ST_MISSING, "block %lu is not there yet", number);
    TRY(block_ref_header(at, &ref, &header, err));
    out->state_root = header.state_root;
    out->block_hash = ref.hash;
    if (snapshot_seek(at, number, err) == ST_OK && snapshot_has_nodes(at)) {
        struct state_view view = snapshot_view(at);
        TRY(view.account(view.self, CHILD_MESSAGE_PASSER, &account));
        out->proof.storage_root = account.storage_root;
        return ST_OK;
    }
    if (kept == NULL || kept_find(kept, ref.hash, &found, at->arena) != ST_OK)
        return fail(err, ST_INVALID, "proofs of block %lu are beyond the window kept", number);
    out->proof.storage_root = found.account.storage_root;
    return snapshot_seek_kept(at, number, err);
}

static enum status prove(struct snapshot *at, hash32 slot, struct slot_proof *out,
                         struct arena *arena, struct err *err)
{
    struct node_source nodes = snapshot_nodes(at);
    bytes *list = NULL;
    out->node_count = 0;
    if (!hash32_equal(out->storage_root, EMPTY_TRIE_ROOT))
        TRY(trie_prove(&nodes, kept_owner(), out->storage_root, keccak256(BYTES_OF(slot)), &list,
                       &out->node_count, arena, err));
    out->nodes = list;
    return ST_OK;
}

enum status output_read(struct chain *child, struct hash_index *kept, u64 number, hash32 slot,
                        struct child_output *out, struct arena *arena, struct err *err)
{
    struct snapshot at;
    TRY(snapshot_open(child, arena, &at, err));
    enum status st = seek(&at, kept, number, out, err);
    if (st == ST_OK)
        st = prove(&at, slot, &out->proof, arena, err);
    snapshot_close(&at);
    if (st == ST_OK)
        finish(out);
    return st;
}

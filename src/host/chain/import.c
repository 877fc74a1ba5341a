/* Taking in blocks that others made, and choosing between branches. */
#include "base/rlp.h"
#include "chain/internal.h"
#include "crypto/keccak.h"
#include "sys/clock.h"
#include "sys/recover.h"

/* Parent, gas limit and hash of a block, without decoding the rest of it. */
static enum status peek(bytes rlp, struct header *header, hash32 *hash, struct err *err)
{
    bytes list, item;
    if (rlp_read_list(&rlp, &list) != ST_OK || rlp_read_item(&list, &item) != ST_OK)
        return fail(err, ST_INVALID, "this is no block");
    TRY(header_decode(item, header, err));
    *hash = keccak256(item);
    return ST_OK;
}

/* Whether the new block is to be the head. Before the merge: the greatest total difficulty, the
 * first one seen where equal. After it only a child of the head, and only where asked for. */
static bool becomes_head(const struct chain *chain, const struct point *parent,
                         const struct header *header, u256 total, bool follow)
{
    if (u256_is_zero(header->difficulty))
        return follow && parent == chain->best;
    return u256_less(chain->best->body->total_difficulty, total);
}

static enum status append(struct chain *chain, const struct point *parent,
                          const struct block *block, bytes rlp, bytes senders, bool head,
                          u64 *position, struct err *err)
{
    struct record_head record = {
        .parent_position = parent->position,
        .number = block->header.number,
        .hash = block->hash,
        .total_difficulty = u256_add(parent->body->total_difficulty, block->header.difficulty),
        .becomes_head = head,
        .tx_count = (u32)block->tx_count,
        .size = rlp.size,
    };
    u64 begun = clock_now_ns();
    enum status st = record_append_block(chain->log, &record, rlp, senders, position, err);
    chain_count(chain, &chain->stats.commit_ns, clock_now_ns() - begun);
    return st;
}

static void recover(struct chain *chain, struct block *blocks, usize count, struct arena tmp)
{
    u64 begun = clock_now_ns();
    usize total = 0;
    for (usize i = 0; i < count; i++)
        total += blocks[i].tx_count;
    struct tx **txs = ARENA_TAKE(&tmp, struct tx *, total);
    usize at = 0;
    for (usize i = 0; i < count; i++)
        for (usize j = 0; j < blocks[i].tx_count; j++)
            txs[at++] = &blocks[i].txs[j];
    /* EIP-2 came with Homestead; the few blocks before it are left to execution. */
    recover_senders(chain->pool, txs, total, true);
    chain_count(chain, &chain->stats.recover_ns, clock_now_ns() - begun);
}

/* Executes the block on `parent`, appends it and chooses the best; nothing is synced yet. */
static enum status take_in(struct chain *chain, struct point *parent, const struct block *block,
                           bytes rlp, bool follow, struct arena *arena, bool *head, struct err *err)
{
    struct stf_result result;
    u64 position, ns;
    if (!tree_has_room(chain))
        return fail(err, ST_FULL, "too many branches are open at once");
    TRY(chain_execute(chain, parent, block, false, arena, &result, &ns, err));
    u256 total = u256_add(parent->body->total_difficulty, block->header.difficulty);
    *head = becomes_head(chain, parent, &block->header, total, follow);
    bytes senders = block_senders(block, arena);
    TRY(append(chain, parent, block, rlp, senders, *head, &position, err));
    struct point *point =
        chain_make_point(chain, parent, block, rlp, senders, &result, position, ns);
    tree_put(chain, point);
    if (*head)
        chain_set_best(chain, point);
    else
        layer_put_block(chain->index, block->hash, block->header.number, position);
    point_release(point);
    return ST_OK;
}

/* What a block needs before it is decoded: that it is new, and its parent. */
struct place {
    struct header header;
    hash32 hash;
    struct point *parent; /* held */
};

/* IMPORT_HEAD in *outcome: go on. */
static enum status find_place(struct chain *chain, bytes rlp, struct place *out,
                              enum import_outcome *outcome, struct err *err)
{
    u64 position, number;
    TRY(peek(rlp, &out->header, &out->hash, err));
    *outcome = IMPORT_KNOWN;
    if (chain_find_block(chain, out->hash, &position, &number) == ST_OK)
        return ST_OK;
    enum status st = chain_load_block(chain, out->header.parent_hash, &out->parent, err);
    *outcome = st == ST_MISSING ? IMPORT_ORPHAN : IMPORT_HEAD;
    return st == ST_MISSING ? ST_OK : st;
}

static enum status import_at(struct chain *chain, const struct place *place, bytes rlp, bool follow,
                             enum import_outcome *outcome, struct err *err)
{
    struct arena arena;
    struct block block;
    bool head = false;
    TRY(chain_block_arena(chain, place->header.gas_limit, rlp.size, &arena, err));
    TRY(block_decode(rlp, &block, &arena, err));
    recover(chain, &block, 1, arena);
    TRY(take_in(chain, place->parent, &block, rlp, follow, &arena, &head, err));
    *outcome = head ? IMPORT_HEAD : IMPORT_SIDE;
    return chain_commit(chain, err);
}

enum status chain_import(struct chain *chain, bytes block_rlp, bool follow,
                         enum import_outcome *outcome, struct err *err)
{
    struct place place;
    TRY(chain_check_usable(chain, err));
    TRY(find_place(chain, block_rlp, &place, outcome, err));
    if (*outcome != IMPORT_HEAD)
        return ST_OK;
    enum status st = import_at(chain, &place, block_rlp, follow, outcome, err);
    point_release(place.parent);
    return st;
}

/* --- Many blocks: senders of a batch are recovered together, and one sync covers it. */

enum { BATCH_BLOCKS = 128, BATCH_BYTES = 8 << 20 };

struct import_batch {
    bytes rlp[BATCH_BLOCKS];
    struct block blocks[BATCH_BLOCKS];
    usize count;
    usize size;
};

static enum status fill_batch(bytes *in, struct import_batch *batch, struct err *err)
{
    batch->count = batch->size = 0;
    while (in->size != 0 && batch->count < BATCH_BLOCKS && batch->size < BATCH_BYTES) {
        bytes item;
        if (rlp_read_item(in, &item) != ST_OK)
            return fail(err, ST_INVALID, "the file of blocks ends within one, or holds none");
        batch->size += item.size;
        batch->rlp[batch->count++] = item;
    }
    return ST_OK;
}

static enum status import_decoded(struct chain *chain, const struct block *block, bytes rlp,
                                  struct err *err)
{
    u64 position, number;
    if (chain_find_block(chain, block->hash, &position, &number) == ST_OK)
        return ST_OK;
    struct point *parent;
    struct arena arena;
    bool head;
    if (chain_load_block(chain, block->header.parent_hash, &parent, err) != ST_OK)
        return fail(err, ST_INVALID, "its parent is unknown");
    enum status st = chain_block_arena(chain, block->header.gas_limit, rlp.size, &arena, err);
    if (st == ST_OK)
        st = take_in(chain, parent, block, rlp, true, &arena, &head, err);
    point_release(parent);
    return st;
}

static enum status import_batch(struct chain *chain, struct import_batch *batch, usize *imported,
                                struct arena arena, struct err *err)
{
    struct err why;
    enum status st = ST_OK;
    usize good = 0;
    while (st == ST_OK && good < batch->count) {
        st = block_decode(batch->rlp[good], &batch->blocks[good], &arena, &why);
        good += st == ST_OK;
    }
    recover(chain, batch->blocks, good, arena);
    enum status outcome = ST_OK;
    usize done = 0;
    for (; outcome == ST_OK && done < good; done += outcome == ST_OK)
        outcome = import_decoded(chain, &batch->blocks[done], batch->rlp[done], &why);
    *imported += done;
    TRY(chain_commit(chain, err)); /* what came before the bad one stays */
    if (outcome != ST_OK)
        return fail(err, outcome, "block %lu: %s", batch->blocks[done].header.number, why.text);
    return st == ST_OK ? ST_OK : fail(err, st, "block %lu of the file: %s", *imported, why.text);
}

enum status chain_import_all(struct chain *chain, bytes blocks_rlp, usize *imported,
                             struct err *err)
{
    enum { DECODED_PER_BYTE = 64 };
    static const usize MEMORY = (usize)1 << 36; /* of address space, for the largest block */
    struct pages pages;
    *imported = 0;
    TRY(chain_check_usable(chain, err));
    TRY(pages_reserve(MEMORY, &pages, err));
    enum status st = ST_OK;
    while (st == ST_OK && blocks_rlp.size != 0) {
        struct arena arena = pages_arena(&pages);
        struct import_batch *batch = ARENA_TAKE(&arena, struct import_batch, 1);
        st = fill_batch(&blocks_rlp, batch, err);
        if (batch->size > MEMORY / DECODED_PER_BYTE)
            st = fail(err, ST_INVALID, "a block of %lu bytes is too large", batch->size);
        enum status before = st;
        if (batch->count != 0 && batch->size <= MEMORY / DECODED_PER_BYTE) {
            struct err why;
            st = import_batch(chain, batch, imported, arena, &why);
            st = st != ST_OK ? fail(err, st, "%s", why.text) : before;
        }
        pages_trim(&pages, (usize)64 << 20);
    }
    pages_release(&pages);
    return st;
}

/* Any data decode or are refused within the stated memory. What they decode to are transactions
 * that have an envelope, and encoding it again gives the same batch; the body only where it was
 * written as the encoder would, of which nothing depends. */
#include "derive/batch.h"
#include "harness/fuzz.h"

#include <sys/mman.h>

enum { CHAIN = 901 };

/* Address space for the worst that 8 MiB of body can become. */
static struct arena data_arena(void)
{
    static u8 *memory;
    if (memory == NULL) {
        void *got = mmap(NULL, BATCH_DATA_BOUND, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        assert(got != MAP_FAILED);
        memory = got;
    }
    return arena_over(memory, BATCH_DATA_BOUND);
}

static void check_tx(const struct tx *tx, struct arena arena)
{
    struct tx again;
    bytes envelope = tx_encode(tx, &arena);
    enum status st = tx_decode(envelope, &again, &arena, NULL);
    assert(st == ST_OK && again.type == tx->type && again.creates == tx->creates);
    assert(bytes_equal(envelope, tx_encode(&again, &arena)));
}

static bool same(const struct batch *a, const struct batch *b, struct arena arena)
{
    if (a->first_number != b->first_number || a->block_count != b->block_count ||
        memcmp(a->parent_prefix, b->parent_prefix, sizeof(a->parent_prefix)) != 0)
        return false;
    for (usize i = 0; i < a->block_count; i++) {
        const struct batch_block *left = &a->blocks[i], *right = &b->blocks[i];
        if (left->timestamp != right->timestamp || left->origin_number != right->origin_number ||
            left->item_count != right->item_count || left->tx_count != right->tx_count)
            return false;
        for (usize j = 0; j < left->tx_count; j++) {
            struct arena tmp = arena;
            if (!bytes_equal(tx_encode(&left->txs[j], &tmp), tx_encode(&right->txs[j], &tmp)))
                return false;
        }
    }
    return true;
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    struct arena arena = data_arena(), rest = fuzz_arena();
    struct batch batch, again;
    if (size >= 2 && data[1] == BATCH_RAW)
        arena.end = arena.at + batch_decode_bound(size - 2);
    if (batch_data_decode((bytes){data, size}, CHAIN, &batch, &arena, NULL) != ST_OK)
        return 0;
    usize tx_count = 0;
    for (usize i = 0; i < batch.block_count; i++)
        for (usize j = 0; j < batch.blocks[i].tx_count; j++, tx_count++)
            check_tx(&batch.blocks[i].txs[j], rest);
    assert(tx_count <= BATCH_MAX_BODY / 72);

    struct batch_body body;
    usize bound = batch_encode_bound(&batch);
    if (bound > arena_left(&rest) / 4)
        return 0; /* of a few bytes inflated to megabytes */
    struct arena exact = arena_over(arena_take(&rest, bound, 16), bound);
    enum status st = batch_body_encode(&batch, CHAIN, &body, &exact, NULL);
    assert(st == ST_OK);
    usize decode_bound = batch_decode_bound(body.all.size);
    if (decode_bound > arena_left(&rest) / 2)
        return 0;
    exact = arena_over(arena_take(&rest, decode_bound, 16), decode_bound);
    st = batch_body_decode(body.all, CHAIN, &again, &exact, NULL);
    assert(st == ST_OK && same(&batch, &again, rest));
    return 0;
}
